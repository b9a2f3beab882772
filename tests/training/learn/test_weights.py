from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from corpora import draw

from engine.encoder import EncoderShape, LiteRtEncoder
from training.learn.weights import SIZE, WeightsError, convert

tensorflow = pytest.importorskip("tensorflow", reason="needs pip install '.[training]'")

SHARED = Path(__file__).parents[4] / "shared" / "weights"
FOLDED = SHARED / "inception_v3_2015_to_mixed8.npz"


def reference() -> ModuleType:
    """The loader that lies beside the weights."""
    spec = importlib.util.spec_from_file_location("load_inception", SHARED / "load_inception.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not FOLDED.exists(), reason=f"needs ../shared/weights/{FOLDED.name}")
def test_folded_weights_give_what_the_reference_loader_gives(tmp_path: Path) -> None:
    target = tmp_path / "encoder.tflite"
    convert(str(FOLDED), target, layer="mixed8", precision="float16")
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_size < 30_000_000
    encoder = LiteRtEncoder(target, threads=2)
    assert encoder.shape == EncoderShape(SIZE, 8, 8, 1280)
    photo = np.asarray(draw("forest", 3, SIZE).convert("RGB"))
    grid = encoder(photo)
    assert grid.shape == (64, 1280)
    loader = reference()
    network = loader.build(str(FOLDED), "mixed_8")
    wanted = network(loader.preprocess(photo)[None], training=False).numpy().reshape(64, 1280)
    assert wanted.max() > 1
    assert np.abs(grid - wanted).max() < 0.01 * wanted.max()
    assert np.linalg.norm(grid - wanted) < 0.01 * np.linalg.norm(wanted)


class TestRefused:
    def refused(self, weights: str, tmp_path: Path, layer: str = "mixed0") -> str:
        target = tmp_path / "out.tflite"
        with pytest.raises(WeightsError) as caught:
            convert(weights, target, layer=layer, precision="float32")
        assert not target.exists()
        return str(caught.value)

    def test_no_such_file(self, tmp_path: Path) -> None:
        name = str(tmp_path / "none.npz")
        assert name in self.refused(name, tmp_path)

    def test_a_layer_that_the_network_has_not(self, tmp_path: Path) -> None:
        path = tmp_path / "weights.npz"
        path.write_bytes(b"")
        text = self.refused(str(path), tmp_path, layer="mixed99")
        assert "mixed99" in text
        assert "mixed8" in text

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("weights.npz", b""),
            ("weights.npz", b"PK\x03\x04 cut off"),
            ("weights.h5", b"no HDF5"),
            ("model.weights.h5", b""),
            ("weights.txt", b"no archive"),
        ],
    )
    def test_a_file_of_something_else(self, tmp_path: Path, name: str, data: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(data)
        assert "does not hold Inception-v3's weights" in self.refused(str(path), tmp_path)

    def test_arrays_of_another_network(self, tmp_path: Path) -> None:
        path = tmp_path / "weights.npz"
        np.savez(path, **{"conv/kernel": np.zeros((3, 3, 3, 8)), "conv/bias": np.zeros(8)})
        assert "convolutions" in self.refused(str(path), tmp_path)
        arrays = {f"c{n:02d}/kernel": np.zeros((3, 3, 3, 8), np.float32) for n in range(30)}
        np.savez(path, **arrays)
        # The first convolution has no bias.
        assert "c00/bias" in self.refused(str(path), tmp_path)
        np.savez(path, **arrays, **{f"c{n:02d}/bias": np.zeros(8, np.float32) for n in range(30)})
        assert "(3, 3, 3, 8), not (3, 3, 3, 32)" in self.refused(str(path), tmp_path)
