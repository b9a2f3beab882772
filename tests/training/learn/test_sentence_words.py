from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from engine.projection import unit_rows
from training.learn.sentence_words import MASS, sentence_bags


def test_near_texts_have_the_same_words(planted: Any) -> None:
    data = planted.train
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 10, len(data))
    means = rng.normal(size=(10, 32))
    told = means[kinds[data.owner]] + 0.2 * rng.normal(size=(len(data.owner), 32))
    bags = sentence_bags(
        replace(data, sentences=unit_rows(told.astype(np.float32))), words=20, seed=1
    )
    assert bags.shape == (len(data), 20)
    texts = np.bincount(data.owner, minlength=len(data))
    np.testing.assert_allclose(np.asarray(bags.sum(1)).ravel(), MASS * texts, rtol=1e-4)
    best = np.asarray(bags.argmax(1)).ravel()
    for kind in range(10):
        counts = np.bincount(best[kinds == kind], minlength=20)
        # A kind may be in two or three words, and those are no other kind's.
        used = counts > 0.1 * counts.sum()
        assert not (np.bincount(best[kinds != kind], minlength=20)[used] > 5).any()


def test_without_sentence_vectors_there_are_none(planted: Any) -> None:
    bags = sentence_bags(planted.train, words=20, seed=1)
    assert bags.shape[0] == len(planted.train)
    assert not bags.nnz
