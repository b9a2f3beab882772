from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.text.sentences import sentence_encoder
from training.learn.kept_sentences import KeptSentences


class Counting:
    """The encoder, and what it was asked for."""

    version = "1"

    def __init__(self, name: str = "counted") -> None:
        self._encoder, self.name, self.texts = sentence_encoder(), name, list[str]()
        self.dimensions, self.digest = self._encoder.dimensions, ""

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return self._encoder(texts)

    def reads(self, word: str) -> bool:
        return self._encoder.reads(word)


def test_new_texts_alone_are_encoded(tmp_path: Path) -> None:
    texts = ["a dog runs", "собака бежит", "a dog runs", "the sea"]
    first = Counting()
    vectors = KeptSentences(first, tmp_path)(texts)
    assert sorted(first.texts) == sorted(set(texts))
    again = Counting()
    kept = KeptSentences(again, tmp_path)
    more = kept(["the moon", *texts])
    assert again.texts == ["the moon"]
    assert np.array_equal(more[1:], vectors)
    exact = sentence_encoder()(texts)
    np.testing.assert_allclose(vectors, exact, atol=2e-3)
    assert kept([]).shape == (0, exact.shape[1])


def test_a_stopped_run_and_another_encoder(tmp_path: Path) -> None:
    KeptSentences(Counting(), tmp_path)(["one", "two"])
    (path,) = tmp_path.iterdir()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    encoder = Counting()
    KeptSentences(encoder, tmp_path)(["one", "two"])
    assert encoder.texts == ["two"]
    other = Counting("other")
    KeptSentences(other, tmp_path)(["one"])
    assert other.texts == ["one"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_no_longer_asked_for_goes(tmp_path: Path) -> None:
    KeptSentences(Counting(), tmp_path)([f"text {n}" for n in range(5)])
    encoder = Counting()
    kept = KeptSentences(encoder, tmp_path)
    before = kept(["text 1", "text 3"])
    kept.forget_others()
    assert np.array_equal(kept(["text 1", "text 3"]), before)
    assert encoder.texts == []
    KeptSentences(encoder, tmp_path)(["text 0", "text 3"])
    assert encoder.texts == ["text 0"]
