from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.model import FORMAT, Model, load_model, read_manifest, save_model, write_manifest

WAY_OUT = r"build it again|build the model again|image2pic build|copy the whole folder"


@pytest.fixture
def folder(small_model: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    target = tmp_path / "model"
    target.mkdir()
    for name in ("manifest.json", "vocabulary.json", "arrays.npz", "encoder.tflite"):
        shutil.copy(small_model / name, target / name)
    return target


def digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest, as a careless tool would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    write_manifest(folder, manifest)


def vouch(folder: Path, name: str) -> None:
    """Make the manifest agree with a file, as a careless tool would."""
    edit(folder, lambda manifest: manifest["sha256"].update({name: digest(folder / name)}))


def rewrite(folder: Path, **arrays: Any) -> None:
    """Other arrays, with a manifest that vouches for them; None drops one."""
    path = folder / "arrays.npz"
    with np.load(path) as old:
        kept = {name: old[name] for name in old.files}
    kept |= arrays
    np.savez(path, **{name: array for name, array in kept.items() if array is not None})
    vouch(folder, "arrays.npz")


def refused(folder: Path) -> str:
    with pytest.raises(ModelError, match=WAY_OUT) as caught:
        load_model(folder)
    assert str(folder) in str(caught.value)
    assert caught.value.path == folder
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_same(a: Any, b: Any, tolerance: float = 0) -> None:
    for name in a.__dataclass_fields__:
        one, other = getattr(a, name), getattr(b, name)
        if isinstance(one, np.ndarray):
            np.testing.assert_allclose(one, other, atol=tolerance, err_msg=name)


class TestRoundTrip:
    def test_it_comes_back_as_it_was(self, folder: Path, tmp_path: Path) -> None:
        model = load_model(folder)
        again_folder = tmp_path / "again"
        identity = save_model(model, again_folder, folder / "encoder.tflite", {"note": "тест"})
        again = load_model(again_folder)
        assert again.info == replace(model.info, id=identity)
        assert again.shape == model.shape
        assert again.settings == model.settings
        assert (again.words, again.tags) == (model.words, model.tags)
        assert_same(again, model)
        assert_same(again.codebook, model.codebook)
        assert_same(again.bank, model.bank)
        assert (again.codebook.softness, again.codebook.per_cell) == (
            model.codebook.softness,
            model.codebook.per_cell,
        )
        assert_same(again.projection, model.projection)
        assert again.projection.sharpness == model.projection.sharpness
        for name, matrix in model.phi.items():
            np.testing.assert_array_equal(again.phi[name], matrix)
        assert read_manifest(again_folder)["training"] == {"note": "тест"}
        assert again.folder == again_folder

    def test_the_same_arrays_give_the_same_id(self, folder: Path, tmp_path: Path) -> None:
        model = load_model(folder)
        first = save_model(model, tmp_path / "a", folder / "encoder.tflite", {})
        second = save_model(model, tmp_path / "b", folder / "encoder.tflite", {"other": 1})
        assert first == second == model.info.id
        other = replace(model, prior=model.prior * np.float32(1.0001))
        assert save_model(other, tmp_path / "c", folder / "encoder.tflite", {}) != first

    def test_only_plain_files(self, folder: Path) -> None:
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)
        manifest = read_manifest(folder)
        assert manifest["format"] == FORMAT
        assert set(manifest["sha256"]) == {"encoder.tflite", "vocabulary.json", "arrays.npz"}

    def test_phi_is_a_distribution_over_words(self, folder: Path) -> None:
        for matrix in load_model(folder).phi.values():
            total = matrix.sum(0)
            assert ((np.abs(total - 1) < 1e-3) | (total == 0)).all()


class TestRefused:
    @pytest.mark.parametrize("name", ["vocabulary.json", "arrays.npz", "encoder.tflite"])
    def test_a_file_that_is_missing_or_damaged(self, folder: Path, name: str) -> None:
        whole = (folder / name).read_bytes()
        middle = len(whole) // 2
        for data in (
            b"",
            whole[:-1],
            whole[:middle],
            whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
        ):
            (folder / name).write_bytes(data)
            assert name in refused(folder)
        (folder / name).unlink()
        assert f"{name} is missing" in refused(folder)

    def test_no_manifest_no_folder_or_a_file_in_its_place(
        self, folder: Path, tmp_path: Path
    ) -> None:
        (folder / "manifest.json").unlink()
        assert "no manifest.json" in refused(folder)
        assert "no manifest.json" in refused(tmp_path / "nowhere")
        (tmp_path / "file").write_text("x")
        refused(tmp_path / "file")

    @pytest.mark.parametrize(
        "text", ["", "{", '{"format": 1, "sha', "[]", "null", "7", "{}", '{"format": 1}', "\udcff"]
    )
    def test_a_manifest_that_is_none(self, folder: Path, text: str) -> None:
        (folder / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        refused(folder)

    def test_another_format_version(self, folder: Path) -> None:
        edit(folder, lambda manifest: manifest.update(format=FORMAT + 1))
        assert f"format version {FORMAT + 1}" in refused(folder)

    @pytest.mark.parametrize(
        "change",
        [
            {"topics": "16"},
            {"topics": 15},
            {"background": 99},
            {"background": -1},
            {"shape": {}},
            {"shape": {"size": 64, "rows": 8, "columns": 8, "channels": 9}},
            {"settings": []},
            {"settings": {"calibration": []}},
            {"settings": {"calibration": {"text": {"slope": 1}}}},
            {"languages": 3},
            {"sha256": []},
            {"quality": 1},
        ],
        ids=lambda change: json.dumps(change)[:40],
    )
    def test_a_manifest_with_something_else(self, folder: Path, change: dict[str, Any]) -> None:
        edit(folder, lambda manifest: manifest.update(change))
        refused(folder)

    def test_a_value_of_the_manifest_that_is_damaged(self, folder: Path) -> None:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        for change in (
            {"settings": {**manifest["settings"], "hub_weight": [0.5, 0.76]}},
            {"name": manifest["name"] + "x"},
            {"measured": {"corpus": "another"}},
            {"checksum": ""},
        ):
            path.write_text(json.dumps(manifest | change))
            assert "damaged, or of an older image2pic" in refused(folder)
        path.write_text(json.dumps(manifest, indent=4))
        load_model(folder)

    @pytest.mark.parametrize("name", ["id", "topics", "shape", "settings", "sha256", "quality"])
    def test_a_manifest_without_a_field(self, folder: Path, name: str) -> None:
        edit(folder, lambda manifest: manifest.pop(name))
        refused(folder)

    @pytest.mark.parametrize("text", ["", "[", "[]", '{"text": {}}', '{"text": 1, "tag": 2}'])
    def test_a_vocabulary_that_is_none(self, folder: Path, text: str) -> None:
        (folder / "vocabulary.json").write_text(text)
        vouch(folder, "vocabulary.json")
        refused(folder)

    @pytest.mark.parametrize(
        "name",
        [
            "phi_text",
            "phi_tag",
            "phi_visual",
            "codebook_mean",
            "codebook_components",
            "codebook_centroids",
            "codebook_other",
            "prior",
            "coherence",
            "photo_weights",
            "photo_bias",
            "text_weights",
            "text_bias",
            "sentence_weights",
            "sentence_bias",
            "idf",
            "projection_other",
            "readout",
            "presence",
            "text_bank",
            "photo_bank",
            "bank_z",
            "bank_starts",
            "bank_columns",
            "tag_floors",
        ],
    )
    def test_an_array_that_is_missing_or_of_another_shape(self, folder: Path, name: str) -> None:
        with np.load(folder / "arrays.npz") as arrays:
            array = arrays[name]
        # A row too few could be a bank of another size, so there it is a column.
        cut = array[..., :-1] if "_bank" in name or array.ndim == 1 else array[:-1]
        for wrong in (cut, array[None], None):
            rewrite(folder, **{name: wrong})
            refused(folder)
        rewrite(folder, **{name: array})
        load_model(folder)

    def test_numbers_that_are_none(self, folder: Path) -> None:
        with np.load(folder / "arrays.npz") as arrays:
            weights = arrays["photo_weights"].copy()
        weights[0, 0] = np.nan
        rewrite(folder, photo_weights=weights)
        refused(folder)
        rewrite(folder, photo_weights=weights.astype(str))
        refused(folder)

    def test_a_pickle_is_not_opened(self, folder: Path, tmp_path: Path) -> None:
        target = tmp_path / "opened"

        class Bomb:
            def __reduce__(self) -> tuple[Any, ...]:
                return (target.touch, ())

        rewrite(folder, prior=np.array([Bomb()], dtype=object))
        refused(folder)
        (folder / "arrays.npz").write_bytes(pickle.dumps(Bomb()))
        vouch(folder, "arrays.npz")
        refused(folder)
        assert not target.exists()

    def test_arrays_that_are_no_archive(self, folder: Path) -> None:
        for data in (b"", b"PK\x03\x04nothing", b"PK\x05\x06" + bytes(18)):
            (folder / "arrays.npz").write_bytes(data)
            vouch(folder, "arrays.npz")
            refused(folder)

    def test_a_file_of_another_model(self, folder: Path, tmp_path: Path) -> None:
        model: Model = load_model(folder)
        other = replace(model, prior=model.prior[::-1].copy())
        save_model(other, tmp_path / "other", folder / "encoder.tflite", {})
        shutil.copy(tmp_path / "other" / "arrays.npz", folder / "arrays.npz")
        assert "of another model" in refused(folder)
