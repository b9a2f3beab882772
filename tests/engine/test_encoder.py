from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.encoder import (
    ENCODERS,
    EncoderShape,
    LiteRtEncoder,
    Pixels,
    encoder_file,
    open_encoder,
)
from engine.engine import Engine
from engine.errors import ModelError
from engine.model import load_model, save_model


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
            encoder = LiteRtEncoder(tiny_encoder, threads=1, workers=workers)
            with ThreadPoolExecutor(workers) as pool:
                together = list(pool.map(encoder, some))
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

    def test_nothing_is_said_but_what_others_say_meanwhile(
        self, tiny_encoder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        stop = threading.Event()
        said = 0

        def talk() -> None:
            nonlocal said
            while not stop.is_set():
                os.write(2, f"line {said}\n".encode())
                said += 1

        thread = threading.Thread(target=talk)
        thread.start()
        openers = [threading.Thread(target=LiteRtEncoder, args=(tiny_encoder,)) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        stop.set()
        thread.join()
        lines = capfd.readouterr().err.splitlines()
        assert sorted(lines, key=lambda line: int(line.split()[1])) == [
            f"line {number}" for number in range(said)
        ]

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


class Colours:
    """A second encoder, without a file: mean colours of 8 x 8 cells."""

    shape = EncoderShape(64, 8, 8, 48)
    workers = 1

    def __init__(self, folder: Path, *, threads: int, workers: int) -> None:
        self.folder = folder

    def __call__(self, photo: Pixels) -> np.ndarray:
        cells = photo.reshape(8, 8, 8, 8, 3).mean((1, 3)).reshape(64, 3)
        return np.tile(cells, 16).astype(np.float32)


class TestByName:
    def test_the_file_in_the_folder_goes_before_one_that_ships(self, tmp_path: Path) -> None:
        there = encoder_file(tmp_path, "small")
        assert there.is_file()
        assert there.parent.name == "encoder-small"
        (tmp_path / "encoder.tflite").write_bytes(b"own")
        assert encoder_file(tmp_path, "small") == tmp_path / "encoder.tflite"

    @pytest.mark.parametrize("name", ["", ".", "..", "../encoder-small", "none", "/etc/passwd"])
    def test_a_name_leads_nowhere_else(self, tmp_path: Path, name: str) -> None:
        file = encoder_file(tmp_path, name)
        assert file == tmp_path / "encoder.tflite" or file.parent.name == "encoder-small"
        if not file.is_file():
            with pytest.raises(ModelError, match="not an encoder"):
                open_encoder(tmp_path, name)

    def test_a_second_one_plugs_in(
        self, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = load_model(small_model)
        monkeypatch.setitem(ENCODERS, "colours", Colours)
        model = replace(known, info=replace(known.info, encoder="colours"), shape=Colours.shape)
        save_model(model, tmp_path / "model", None, {})
        assert not (tmp_path / "model" / "encoder.tflite").exists()
        engine = Engine.open(tmp_path / "model")
        picture = io.BytesIO()
        Image.new("RGB", (80, 80), "orange").save(picture, "PNG")
        query = engine.query(photo=picture.getvalue())
        assert query.theta.sum() == pytest.approx(1, abs=1e-5)
        assert engine.explain(query, photo=picture.getvalue()).heat.shape[1:] == (8, 8)  # type: ignore[union-attr]

    def test_a_model_whose_encoder_is_not_there(
        self, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = load_model(small_model)
        model = replace(known, info=replace(known.info, encoder="colours"))
        save_model(model, tmp_path / "model", None, {})
        with pytest.raises(ModelError, match="not an encoder"):
            Engine.open(tmp_path / "model")
        monkeypatch.setitem(ENCODERS, "colours", Colours)
        monkeypatch.setattr(Colours, "shape", EncoderShape(64, 8, 8, 3))
        with pytest.raises(ModelError, match="the model wants"):
            Engine.open(tmp_path / "model")
