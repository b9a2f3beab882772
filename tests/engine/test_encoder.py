from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from engine.encoder import EncoderShape, LiteRtEncoder
from engine.errors import ModelError


def photos(count: int, size: int = 64) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (count, size, size, 3), np.uint8))


class TestEncode:
    def test_a_photo_becomes_a_grid(self, tiny_encoder: Path) -> None:
        encoder = LiteRtEncoder(tiny_encoder, threads=1)
        assert encoder.shape == EncoderShape(64, 8, 8, 48)
        grid = encoder(photos(1)[0])
        assert grid.shape == (64, 48)
        assert grid.dtype == np.float32
        assert (grid >= 0).all()
        assert grid.max() > 0

    def test_what_was_returned_stays(self, tiny_encoder: Path) -> None:
        encoder = LiteRtEncoder(tiny_encoder, threads=1)
        first, second = photos(2)
        grid = encoder(first)
        kept = grid.copy()
        assert not np.array_equal(encoder(second), kept)
        np.testing.assert_array_equal(grid, kept)

    def test_cells_lie_row_by_row(self, tiny_encoder: Path) -> None:
        encoder = LiteRtEncoder(tiny_encoder, threads=1)
        photo = np.full((64, 64, 3), 128, np.uint8)
        plain = encoder(photo)
        photo[:8, -8:] = 255  # the upper right corner
        changed = np.abs(encoder(photo) - plain).sum(1).reshape(8, 8)
        assert changed[0, 7] > 0
        assert changed[4:].sum() == 0
        assert changed[:, :4].sum() == 0

    def test_many_are_what_each_is(self, tiny_encoder: Path) -> None:
        some = photos(9)
        alone = LiteRtEncoder(tiny_encoder, threads=1)
        for workers in (1, 3):
            together = LiteRtEncoder(tiny_encoder, threads=1, workers=workers).many(some)
            for photo, grid in zip(some, together, strict=True):
                np.testing.assert_allclose(grid, alone(photo), atol=1e-5)

    def test_threads_share_one_interpreter(self, tiny_encoder: Path) -> None:
        encoder, some = LiteRtEncoder(tiny_encoder, threads=1), photos(40)
        wanted = [encoder(photo) for photo in some]
        wrong: list[int] = []

        def work(start: int) -> None:
            for number in range(start, 40, 4):
                if not np.allclose(encoder(some[number]), wanted[number], atol=1e-5):
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_a_photo_of_another_size_is_refused_and_the_next_one_works(
        self, tiny_encoder: Path
    ) -> None:
        encoder = LiteRtEncoder(tiny_encoder, threads=1)
        with pytest.raises(ValueError, match=r"(?i)dimension|shape"):
            encoder(np.zeros((32, 32, 3), np.uint8))
        assert encoder(photos(1)[0]).shape == (64, 48)


class TestFile:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"none\.tflite"):
            LiteRtEncoder(tmp_path / "none.tflite")

    def test_something_else(self, tmp_path: Path, tiny_encoder: Path) -> None:
        whole = tiny_encoder.read_bytes()
        for data in (b"", b"not a network", whole[: len(whole) // 2]):
            path = tmp_path / "broken.tflite"
            path.write_bytes(data)
            with pytest.raises(ModelError, match="not an encoder"):
                LiteRtEncoder(path)

    def test_a_network_that_gives_no_grid(self, tmp_path: Path, tiny_encoder: Path) -> None:
        # TensorFlow is there: `tiny_encoder` has needed it.
        import tensorflow as tf

        layers = tf.keras.layers
        flat = tf.keras.Sequential(
            [layers.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layers.Dense(4)]
        )
        function = tf.function(flat).get_concrete_function(tf.TensorSpec([1, 8, 8, 3]))
        path = tmp_path / "flat.tflite"
        path.write_bytes(
            tf.lite.TFLiteConverter.from_concrete_functions([function], flat).convert()
        )
        with pytest.raises(ModelError, match="to a grid"):
            LiteRtEncoder(path)
