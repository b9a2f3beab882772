from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cross_decomposition import CCA

from training.learn.cca import Cca, CcaSettings, Roots, fit_cca, moments


def views(seed: int, count: int = 300) -> tuple[np.ndarray, sparse.csr_matrix, np.ndarray]:
    """Two views of a few hidden numbers; most rows of the first own several of the second."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(count, 3))
    a = (hidden @ rng.normal(size=(3, 10)) + 0.5 * rng.normal(size=(count, 10)) + 2).astype(
        np.float32
    )
    owner = rng.integers(0, count, 2 * count)
    dense = hidden[owner] @ rng.normal(size=(3, 7)) + 0.5 * rng.normal(size=(2 * count, 7))
    return a, sparse.csr_matrix(np.maximum(dense, 0).astype(np.float32)), owner


def fit(
    a: np.ndarray,
    b: sparse.csr_matrix,
    owner: np.ndarray,
    ridge: float,
    dimensions: int,
    sentences: np.ndarray | None = None,
    missing: float = 0.0,
) -> Cca:
    if sentences is None:
        sentences = np.zeros((b.shape[0], 0), np.float32)
    settings = CcaSettings(0.5, ridge, ridge, ridge, missing)
    return fit_cca(moments(a, b, sentences, owner), settings, dimensions)


def none(b: sparse.csr_matrix) -> np.ndarray:
    return np.zeros((b.shape[0], 0), np.float32)


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1])


class TestFit:
    @given(st.integers(0, 200))
    @settings(max_examples=15, deadline=None)
    def test_projections_correlate_as_it_says(self, seed: int) -> None:
        a, b, owner = views(seed)
        found = fit(a, b, owner, 0.0, 3)
        x, y = found.photos(a[owner]), found.texts(b, none(b))
        for i in range(3):
            assert abs(correlation(x[:, i], y[:, i]) - found.correlations[i]) < 2e-2
            # Each row is scaled by its correlation.
            assert abs(x[:, i].std() - found.correlations[i]) < 2e-2
        assert (np.diff(found.correlations) <= 1e-5).all()
        assert ((found.correlations >= 0) & (found.correlations <= 1.001)).all()

    def test_the_correlations_are_those_of_scikit_learn(self) -> None:
        a, b, owner = views(1)
        found = fit(a, b, owner, 0.0, 3)
        theirs = CCA(3, max_iter=3000, tol=1e-8).fit(a[owner], b.toarray())
        x, y = theirs.transform(a[owner], b.toarray())
        wanted = [correlation(x[:, i], y[:, i]) for i in range(3)]
        np.testing.assert_allclose(found.correlations, wanted, atol=5e-3)

    def test_words_beside_sentence_vectors_are_one_view(self) -> None:
        a, b, owner = views(1)
        dense = b.toarray()
        whole = fit(a, b, owner, 0.0, 3)
        parted = fit(a, b[:, :4], owner, 0.0, 3, dense[:, 4:])
        np.testing.assert_allclose(parted.correlations, whole.correlations, atol=1e-3)
        x, y = whole.texts(b, none(b)), parted.texts(b[:, :4], dense[:, 4:])
        for i in range(3):
            assert abs(correlation(x[:, i], y[:, i])) > 0.999

    def test_with_views_that_may_be_missing_each_alone_says_more(self) -> None:
        a, b, owner = views(6, 1200)
        told = b.toarray() + np.random.default_rng(0).normal(size=b.shape).astype(np.float32)
        rows = owner < 900
        empty = sparse.csr_matrix(b[~rows].shape, dtype=np.float32)

        def alone(missing: float) -> float:
            found = fit(a, b[rows], owner[rows], 0.1, 2, told[rows], missing)
            x, y = found.photos(a[owner[~rows]]), found.texts(empty, told[~rows])
            return sum(correlation(x[:, i], y[:, i]) for i in range(2))

        assert alone(0.8) > alone(0.0)

    def test_a_ridge_lowers_the_correlations(self) -> None:
        a, b, owner = views(2)
        assert (fit(a, b, owner, 1.0, 3).correlations < fit(a, b, owner, 0.0, 3).correlations).all()

    def test_a_ridge_copes_with_columns_that_say_nothing(self) -> None:
        a, b, owner = views(3)
        a[:, 0] = 0
        b = sparse.hstack([b, sparse.csr_matrix((b.shape[0], 2), dtype=np.float32)]).tocsr()
        found = fit(a, b, owner, 0.1, 3)
        assert np.isfinite(found.photo).all()
        assert np.isfinite(found.word).all()

    def test_dimensions_are_lowered_where_the_views_have_fewer(self) -> None:
        a, b, owner = views(4)
        found = fit(a, b, owner, 0.1, 99)
        assert found.photo.shape == (10, 7)
        assert found.word.shape == (7, 7)
        assert found.correlations.shape == (7,)

    def test_seen_from_held_out_pairs_it_still_correlates(self) -> None:
        a, b, owner = views(5, 1200)
        rows = owner < 900
        found = fit(a, b[rows], owner[rows], 0.01, 2)
        x, y = found.photos(a[owner[~rows]]), found.texts(b[~rows], none(b[~rows]))
        for i in range(2):
            assert correlation(x[:, i], y[:, i]) == pytest.approx(found.correlations[i], abs=0.12)


class TestMoments:
    def test_statistics_of_other_posts_count_as_so_many_pairs(self) -> None:
        a, b, owner = views(7)
        told = b.toarray()
        other = moments(views(8)[0], b, told, owner)
        mine = moments(a, b, told, owner)
        both = mine.plus(other, len(owner))
        np.testing.assert_allclose(both.photo, (mine.photo + other.photo) / 2, rtol=1e-4)
        np.testing.assert_allclose(both.word, mine.word / 2, rtol=1e-4)
        np.testing.assert_array_equal(both.photo_mean, mine.photo_mean)

    def test_of_photos_with_visual_words_they_know_the_features_alone(self) -> None:
        a, b, owner = views(9)
        told = np.random.default_rng(1).normal(size=(b.shape[0], 4)).astype(np.float32)
        other = moments(views(8)[0][:, :6], b, told, owner)
        mine = moments(a, b, told, owner)
        both = mine.plus(other, len(owner))
        np.testing.assert_allclose(both.photo[:6, :6], (mine.photo[:6, :6] + other.photo) / 2, 1e-4)
        np.testing.assert_allclose(both.photo[6:], mine.photo[6:] / 2, rtol=1e-4)
        np.testing.assert_allclose(both.sentence_photo[:, 6:], mine.sentence_photo[:, 6:] / 2, 1e-4)


def test_factors_of_covariances_that_are_gone_are_not_taken_for_others() -> None:
    roots, chosen = Roots(), CcaSettings(0.5, 1.0, 1.0, 1.0)
    for seed in range(20):
        a, b, owner = views(seed)
        found = moments(a, b, none(b), owner)
        wanted = fit_cca(found, chosen, 3).correlations
        np.testing.assert_array_equal(roots.solve(found, chosen, 3).correlations, wanted)
        del found
