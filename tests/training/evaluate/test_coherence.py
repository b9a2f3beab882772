from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from training.evaluate.coherence import cooccurrence, npmi, pmi, same_top_words, top_words


def documents(*rows: list[int]) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array(rows, np.float32))


def test_counts_documents_and_not_words() -> None:
    counted = cooccurrence(documents([3, 1, 0], [1, 0, 0], [0, 2, 2]))
    assert counted.documents == 3
    assert counted.together.tolist() == [[2, 1, 0], [1, 2, 1], [0, 1, 1]]


def test_only_some_words() -> None:
    counted = cooccurrence(documents([1, 1, 1], [0, 1, 1]), np.array([2, 0, 2]))
    assert counted.words.tolist() == [0, 2]
    assert counted.together.tolist() == [[1, 1], [1, 2]]


def test_formula_by_hand() -> None:
    pooled = documents([1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1])
    phi = np.array([[0.6, 0.5], [0.4, 0.0], [0.0, 0.5], [0.0, 0.0]], np.float32)
    # n = 4; words 0 and 1 are together in 2 posts, alone in 3 and 2; 0 and 2 in 1, alone in 3 and 1
    expected = [
        math.log((2 / 4) / (3 / 4 * 2 / 4)) / -math.log(2 / 4),
        math.log((1 / 4) / (3 / 4 * 1 / 4)) / -math.log(1 / 4),
    ]
    assert npmi(phi, pooled, top=2) == pytest.approx(expected, abs=1e-6)
    assert pmi(phi, pooled, top=2) == pytest.approx(
        [math.log(4 * 3 / (3 * 2)), math.log(4 * 2 / (3 * 1))], abs=1e-6
    )


def test_extremes() -> None:
    never = documents([1, 0], [0, 1])
    always = documents([1, 1], [1, 1])
    inseparable = documents([1, 1], [0, 0])
    nowhere = documents([1, 0], [1, 0])
    phi = np.array([[0.5], [0.5]], np.float32)
    found = [float(npmi(phi, pooled)[0]) for pooled in (never, always, inseparable, nowhere)]
    assert found == pytest.approx([-1, 1, 1, -1])
    assert pmi(phi, nowhere)[0] == 0


def test_a_planted_topic_is_more_coherent_than_a_mixed_one() -> None:
    rng = np.random.default_rng(0)
    about = rng.integers(2, size=400)
    p = np.where(np.arange(20)[None] // 10 == about[:, None], 0.5, 0.05)
    pooled = sparse.csr_matrix((rng.random((400, 20)) < p).astype(np.float32))
    phi = np.zeros((20, 2), np.float32)
    phi[:10, 0] = 0.1
    phi[::2, 1] = 0.1
    planted, mixed = npmi(phi, pooled)
    assert planted > 0.1 > mixed


def test_columns_of_hashtags_are_left_out() -> None:
    pooled = documents([1, 1, 7], [1, 0, 7], [0, 0, 7])
    phi = np.array([[0.5], [0.5]], np.float32)
    assert npmi(phi, pooled) == pytest.approx(npmi(phi, pooled[:, :2]))


def test_one_word() -> None:
    assert npmi(np.ones((1, 3), np.float32), documents([1], [0])).tolist() == [0, 0, 0]


def test_top_words_in_order() -> None:
    phi = np.array([[0.1, 0.3], [0.5, 0.3], [0.4, 0.4]], np.float32)
    assert top_words(phi, 2).tolist() == [[1, 2], [2, 0]]
    assert top_words(phi, 10).shape == (2, 3)


def test_same_top_words() -> None:
    phi = np.array([[0.5, 0.4, 0.1, 0.5], [0.4, 0.5, 0.1, 0.5], [0.1, 0.1, 0.8, 0.0]], np.float32)
    assert same_top_words(phi, 2) == 2
    assert same_top_words(phi, 3) == 3
    assert same_top_words(phi[:, 1:3], 1) == 0


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float32, (7, 5), elements=st.sampled_from([0, 1, 3])))
def test_bounds_and_symmetry(counts: np.ndarray) -> None:
    counted = cooccurrence(sparse.csr_matrix(counts))
    values = counted.npmi()
    assert np.isfinite(values).all()
    assert (np.abs(values) <= 1 + 1e-9).all()
    assert np.allclose(values, values.T)
    assert np.isfinite(counted.pmi()).all()
