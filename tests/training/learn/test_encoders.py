"""Encoders of one's own, of photos and of sentences: from `build` to answers and their measures."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from corpora import draw, write_corpus

from engine import encoder as photos
from engine.encoder import EncoderShape, Pixels
from engine.engine import Engine
from engine.errors import ModelError
from engine.model import load_model, read_manifest
from engine.text import sentences
from training.evaluate.evaluate import evaluate
from training.learn.build import build
from training.learn.refine import RefineSettings
from training.learn.settings import BuildSettings

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("artm") is None,
    reason="needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)",
)


class Colours:
    """Mean colours of 8 x 8 cells, from dark to light."""

    shape = EncoderShape(64, 8, 8, 48)
    workers = 1

    def __init__(self, folder: Path, *, threads: int, workers: int) -> None:
        self.folder = folder

    def __call__(self, photo: Pixels) -> np.ndarray:
        cells = photo.reshape(8, 8, 8, 8, 3).mean((1, 3)).reshape(64, 3, 1) / 16
        return np.maximum(0, 1 - np.abs(cells - np.arange(16))).reshape(64, 48).astype(np.float32)


class Letters:
    """What groups of three letters a text has."""

    name, version, dimensions, digest = "letters", "1", 64, "0" * 64

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.full((len(texts), self.dimensions), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for start in range(len(text) - 2):
                row[crc32(text[start : start + 3].lower().encode()) % self.dimensions] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def reads(self, word: str) -> bool:
        return word.isalpha()


class Others(Letters):
    """Other weights under the same name."""

    version, digest = "2", "1" * 64


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(photos.ENCODERS, "colours", Colours)
    monkeypatch.setitem(sentences.ENCODERS, "letters", Letters)
    sentences.sentence_encoder.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoders")


@pytest.fixture
def model(folder: Path) -> Path:
    """Built once, with both encoders."""
    out = folder / "model"
    if not out.exists():
        corpus = write_corpus(folder / "corpus", per_scene=12)
        settings = BuildSettings(
            encoder="colours",
            sentences="letters",
            topics=16,
            words=48,
            refine=RefineSettings(epochs=2),
        )
        build(corpus, out, settings)
    return out


def test_the_manifest_names_them(model: Path) -> None:
    manifest = read_manifest(model)
    assert manifest["encoder"] == "colours"
    assert not (model / "encoder.tflite").exists()
    assert manifest["sentences"] == {
        "name": "letters", "version": "1", "dimensions": 64, "sha256": "0" * 64,
    }  # fmt: skip


def test_photos_and_words_that_no_post_had_are_answered(model: Path, tmp_path: Path) -> None:
    engine = Engine.open(model)
    assert load_model(model).projection.sentence_weights.shape[0] == 64
    photo = tmp_path / "sea.jpg"
    draw("sea", 1).save(photo)
    assert engine.query(photo=photo.read_bytes()).kind == "photo"
    assert engine.query(text="seaweeds").unknown == ("seaweeds",)


def test_it_is_measured(model: Path, folder: Path) -> None:
    rows = evaluate(model, folder / "corpus", split=None, baselines=["cca_sentences"])["rows"]
    chance = rows.pop("chance")["text_to_photo"]["r5"]
    assert all(row["text_to_photo"]["r5"] > 1.5 * chance for row in rows.values())


def test_without_the_encoder_that_it_learnt_with(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sentences.ENCODERS, "letters", Others)
    with pytest.raises(ModelError, match="sentence vectors of letters 1, here is 2 with other wei"):
        Engine.open(model)
    sentences.sentence_encoder.cache_clear()
    monkeypatch.delitem(sentences.ENCODERS, "letters")
    with pytest.raises(ModelError, match="no sentence encoder 'letters'; there are: use-"):
        Engine.open(model)
