"""Distillation, with real networks throughout; the teacher of most tests is a thin one."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("tensorflow", reason="training's extra is not installed")

from ai_edge_litert.interpreter import Interpreter
from keras import ops

from engine.errors import CorpusError
from tools.encoder import distill, student

SHARED = Path(__file__).parents[3] / "shared"
WEIGHTS = SHARED / "weights" / "inception_v3_2015_to_mixed8.npz"
SHIPPED = Path(__file__).parents[2] / "data" / "encoder-small"
THIN = 8  # channels of each layer of the thin teacher

Weights = dict[str, np.ndarray]


def thin_teacher(seed: int = 0) -> Weights:
    """The full topology with a few channels a layer, its responses of about unit size."""
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    sizes = _kernel_sizes()

    def convolve(layer: str, x: Any, stride: int, padding: str) -> Any:
        shape = (*sizes[layer], int(x.shape[-1]), THIN)
        kernel = rng.normal(size=shape).astype(np.float32)
        y = ops.conv(x, kernel, stride, padding)
        scale = 1 / (float(ops.std(y)) + 1e-6)
        weights[f"{layer}/kernel"] = kernel * np.float32(scale)
        bias = np.asarray(-scale * ops.mean(y, (0, 1, 2)) + 0.2, np.float32)
        weights[f"{layer}/bias"] = bias
        return y * scale + bias

    student.run(student.normalise(noise_photos(4, 160)), convolve, dense=True)
    return weights


def _kernel_sizes() -> dict[str, tuple[int, int]]:
    tall, wide = {"tower_conv_2", "tower_1_conv_1", "tower_1_conv_3"}, {
        "tower_conv_1", "tower_1_conv_2", "tower_1_conv_4",
    }  # fmt: skip
    sizes = {}
    for layer in student.layers():
        block, _, rest = layer.partition("_") if layer.startswith("mixed") else ("", "", layer)
        number, _, tail = rest.partition("_")
        size = (3, 3)
        if block and number in {"4", "5", "6", "7"}:
            size = (7, 1) if tail in tall else (1, 7) if tail in wide else (1, 1)
        sizes[layer] = size
    return sizes


def noise_photos(count: int, size: int, seed: int = 1) -> np.ndarray:
    """Photos of blurred noise: neighbouring pixels are alike, as in photos."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 24, 24, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(x).resize((size, size))) for x in small])


@pytest.fixture(scope="module")
def teacher() -> Weights:
    return thin_teacher()


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, teacher: Weights) -> tuple[Path, Path]:
    """A weight file, and a folder of photos."""
    root = tmp_path_factory.mktemp("distill")
    np.savez(root / "teacher.npz", **teacher)
    (root / "photos").mkdir()
    for i, photo in enumerate(noise_photos(24, 200)):
        Image.fromarray(photo).save(root / "photos" / f"{i:02}.png")
    return root / "teacher.npz", root / "photos"


SMALL = distill.DistillSettings(
    widths=(1.0, 1.0), epochs=3, batch=8, components=(12, 12), held_out=4, fitted=12
)


def test_both_inputs_give_eight_by_eight_cells(teacher: Weights) -> None:
    small = student.forward(teacher, noise_photos(1, 160), dense=True)
    full = student.forward(teacher, noise_photos(1, 299), dense=False)
    assert small.shape[1:3] == full.shape[1:3] == (8, 8)
    assert float(ops.min(small)) >= 0


def test_the_layers_that_are_fitted_at_full_width_respond_as_the_teacher(teacher: Weights) -> None:
    photos = noise_photos(40, 160, seed=3)
    shares: dict[str, float] = {}
    fitted = student.fit_layers(
        teacher,
        photos,
        widths=(1.0, 1.0),
        fitting=student.Fitting(samples=6000, ridge=1e-7),
        on_layer=shares.__setitem__,
    )
    assert list(shares) == list(student.layers())
    assert min(shares.values()) > 0.98
    unseen = noise_photos(4, 160, seed=4)
    expected = np.asarray(student.forward(teacher, unseen, dense=True))
    seen = np.asarray(student.forward(fitted, unseen, dense=True))
    assert np.corrcoef(expected.ravel(), seen.ravel())[0, 1] > 0.97


def test_narrow_layers_are_narrow() -> None:
    assert student.narrow("conv_4", 192, (0.85, 0.5)) == 160
    assert student.narrow("mixed_2_conv", 64, (0.85, 0.5)) == 56
    assert student.narrow("mixed_3_conv", 384, (0.85, 0.5)) == 192
    assert student.narrow("mixed_8_tower_conv", 8, (0.1, 0.1)) == 8


def test_chosen_channels_rebuild_the_others() -> None:
    rng = np.random.default_rng(0)
    own = rng.random((500, 3)).astype(np.float32)
    copies = np.concatenate([own, 0.5 * own, own[:, :1] + own[:, 1:2]], 1).astype(np.float32)
    chosen = student.choose_channels(copies, 3)
    assert len(set(chosen.tolist())) == 3
    assert np.linalg.matrix_rank(copies[:, chosen]) == 3


def test_projection_spreads_variance() -> None:
    rng = np.random.default_rng(0)
    roots = (rng.normal(size=(2000, 6)) * [5, 2, 1, 1, 0.1, 0.1]).astype(np.float32)
    projection = distill.Projection.fit(roots, 4)
    projected = projection.apply(roots)
    assert projected.shape == (2000, 4)
    assert projected.var(0).sum() == pytest.approx(projection.total, rel=0.01)
    assert projected.var(0)[0] / projected.var(0)[3] < 25 < roots.var(0)[0] / roots.var(0)[3] + 1


@pytest.mark.parametrize("size", [160, 299])
def test_a_whole_frame_is_scaled_as_pillow_scales_it(size: int) -> None:
    photos = noise_photos(2, 224)
    frame = (np.zeros(2, np.float32), np.full(2, 224, np.float32))
    seen = np.asarray(distill.resample(photos.astype(np.float32), frame, frame, size))
    expected = [np.asarray(Image.fromarray(photo).resize((size, size), 2)) for photo in photos]
    np.testing.assert_allclose(seen, np.stack(expected), atol=1.5)


def test_both_networks_see_the_same_part_of_a_photo() -> None:
    views = distill.Views(noise_photos(6, 224), 160, seed=3)
    whole = views(np.arange(6), training=False)
    large, small = views(np.arange(6), training=True)
    assert (large.shape, small.shape) == ((6, 299, 299, 3), (6, 160, 160, 3))
    for seen, same in zip(np.asarray(large), np.asarray(small), strict=True):
        pixels = Image.fromarray(np.uint8(np.clip(seen * 128 + 128, 0, 255)))
        scaled = np.asarray(pixels.resize((160, 160)), np.float32)
        assert np.corrcoef(scaled.ravel(), same.ravel())[0, 1] > 0.98
    unlike = np.abs(np.asarray(small) - np.asarray(whole[1])).mean((1, 2, 3))
    assert (unlike > 0.05).any()


@pytest.fixture(scope="module")
def first(teacher: Weights) -> Weights:
    return teacher | distill.measure_responses(teacher, noise_photos(4, 160))


def test_batch_norm_changes_nothing_at_first(teacher: Weights, first: Weights) -> None:
    photos = noise_photos(2, 160)
    network = student.student_network(first, 160, "float32")
    seen = network(student.normalise(photos), training=False)
    expected = np.asarray(student.forward(teacher, photos, dense=True))
    np.testing.assert_allclose(seen, expected, rtol=2e-3, atol=2e-3)


def test_find_photos(tmp_path: Path, material: tuple[Path, Path]) -> None:
    _, folder = material
    assert len(distill.find_photos([folder])) == 24
    assert distill.find_photos([f"{folder}:3"]) == sorted(folder.glob("*.png"))[:3]
    lines = [
        {"id": str(i), "photo": f"{i:02}.png", "text": "x", "split": split}
        for i, split in enumerate(["train", "dev", None])
    ]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for i in range(3):
        (corpus / f"{i:02}.png").write_bytes((folder / f"{i:02}.png").read_bytes())
    text = "\n".join(json.dumps({k: v for k, v in line.items() if v}) for line in lines)
    (corpus / "posts.jsonl").write_text(text)
    assert [path.name for path in distill.find_photos([corpus])] == ["00.png", "02.png"]
    with pytest.raises(CorpusError, match="no folder"):
        distill.find_photos([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no photos"):
        distill.find_photos([tmp_path / "empty"])


def test_a_damaged_photo_is_white_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 not a photo")
    assert (distill.read_pixels([tmp_path / "bad.jpg"], 16) == 255).all()


@pytest.mark.slow
def test_training_that_is_stopped_and_resumed_ends_where_it_would_have_ended(
    tmp_path: Path, teacher: Weights, first: Weights
) -> None:
    def trainer() -> distill.Trainer:
        return distill.Trainer(noise_photos(12, 224), teacher, first, np.arange(8), SMALL)

    steady = trainer()
    before = steady.explained(np.arange(8, 12))
    steady.train()
    steady.save(tmp_path / "checkpoint.npz", "these")
    left = steady.train()
    assert np.isfinite(before).all()
    resumed = trainer()
    with pytest.raises(CorpusError, match="other photos or settings"):
        resumed.load(tmp_path / "checkpoint.npz", "others")
    resumed.load(tmp_path / "checkpoint.npz", "these")
    assert resumed.progress == pytest.approx(1 / 3)
    np.testing.assert_allclose(resumed.train(), left, rtol=1e-3)
    folded = resumed.weights()
    for name, value in steady.weights().items():
        np.testing.assert_allclose(folded[name], value, rtol=1e-2, atol=1e-3)
    assert any((folded[name] != teacher[name]).any() for name in folded)
    photos = noise_photos(2, 160)
    seen = resumed.student(student.normalise(photos), training=False)
    expected = np.asarray(student.forward(folded, photos, dense=True))
    np.testing.assert_allclose(seen, expected, rtol=5e-3, atol=5e-3)


@pytest.mark.slow
def test_the_command_line_writes_an_encoder_and_resumes(
    tmp_path: Path, material: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    weights, folder = material
    out = tmp_path / "encoder"
    arguments = ["--weights", str(weights), "--photos", f"{folder}:12", "--out", str(out)]
    arguments += ["--batch", "6", "--widths", "1", "1", "--cache", str(tmp_path / "cache")]
    assert distill.main([*arguments, "--epochs", "0"]) == 0
    assert json.loads((out / "encoder.json").read_text())["training"]["epochs"] == 0
    assert distill.main([*arguments, "--epochs", "1", "--resume"]) == 0
    about = json.loads((out / "encoder.json").read_text())
    data = (out / "encoder.tflite").read_bytes()
    assert about["training"]["epochs"] == 1
    assert about["sha256"] == hashlib.sha256(data).hexdigest()
    assert about["bytes"] == len(data)
    features = run_encoder(out / "encoder.tflite", noise_photos(1, 160))
    assert features.shape[1:3] == (8, 8)
    assert features.shape[3] == about["output"]["channels"]
    assert features.min() >= 0
    assert "encoder.tflite" in capsys.readouterr().out

    assert distill.main([*arguments, "--epochs", "1", "--resume"]) == 0
    assert json.loads((out / "encoder.json").read_text())["training"]["epochs"] == 1
    assert distill.main([*arguments, "--resume", "--seed", "99"]) == 1
    assert "other photos or settings" in capsys.readouterr().err


def run_encoder(path: Path, photos: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(entry["index"], photos.astype(np.float32))
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(result["index"]))


def test_what_is_converted_gives_the_same_features(tmp_path: Path, teacher: Weights) -> None:
    photos = noise_photos(1, 160)
    assert student.convert(teacher, tmp_path / "x.tflite")[:2] == (8, 8)
    expected = np.asarray(student.forward(teacher, photos, dense=True))
    seen = run_encoder(tmp_path / "x.tflite", photos)
    assert np.corrcoef(expected.ravel(), seen.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_damaged_weights_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(student.WeightsError, match="weights"):
        student.load_weights(path)


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path, teacher: Weights) -> None:
    part = {name: value for name, value in teacher.items() if "mixed_5" not in name}
    np.savez(tmp_path / "weights.npz", **part)
    with pytest.raises(student.WeightsError, match="mixed_5"):
        student.load_weights(tmp_path / "weights.npz")


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, material: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere")
    arguments = ["--weights", nowhere, "--out", str(tmp_path / "x")]
    arguments += ["--cache", str(tmp_path / "cache"), "--photos"]
    assert distill.main([*arguments, nowhere]) == 1
    assert "no folder" in capsys.readouterr().err
    assert distill.main([*arguments, str(material[1])]) == 1
    assert "cannot read the weights" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**31))
def test_jitter_stays_in_range(seed: int) -> None:
    draw = np.random.default_rng(seed).uniform(-1, 1, (3, 2, 1, 1, 1)).astype(np.float32)
    photos = np.asarray(distill.jitter(noise_photos(2, 32).astype(np.float32), draw))
    assert photos.min() >= 0
    assert photos.max() <= 255


@pytest.mark.skipif(not WEIGHTS.exists(), reason="needs ../shared/weights")
def test_the_topology_is_that_of_the_reference_loader() -> None:
    spec = importlib.util.spec_from_file_location("reference", SHARED / "weights/load_inception.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    photos = noise_photos(1, 299)
    expected = reference.build(str(WEIGHTS), upto="mixed_8")(reference.preprocess(photos))
    seen = np.asarray(student.forward(student.load_weights(WEIGHTS), photos, dense=False))
    np.testing.assert_allclose(seen, expected, atol=1e-3, rtol=1e-3)


def test_what_ships_is_whole_and_small() -> None:
    about = json.loads((SHIPPED / "encoder.json").read_text())
    path = SHIPPED / about["file"]
    data = path.read_bytes()
    assert hashlib.sha256(data).hexdigest() == about["sha256"]
    assert len(data) <= 8_000_000
    size, output = about["input"]["size"], about["output"]
    features = run_encoder(path, noise_photos(1, size))
    assert features.shape == (1, output["rows"], output["columns"], output["channels"])
    assert features.min() >= 0
    assert features.max() > 0
