from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cross_decomposition import CCA

from training.learn.cca import Cca, fit_cca


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


def projected(found: Cca, a: np.ndarray, b: sparse.csr_matrix, owner: np.ndarray) -> tuple:
    return (
        (a[owner] - found.mean_a) @ found.weights_a,
        (b.toarray() - found.mean_b) @ found.weights_b,
    )


class TestFit:
    @given(st.integers(0, 200))
    @settings(max_examples=15, deadline=None)
    def test_projections_correlate_as_it_says_and_are_white(self, seed: int) -> None:
        a, b, owner = views(seed)
        found = fit_cca(a, b, owner, ridge=(0.0, 0.0), dimensions=3)
        x, y = projected(found, a, b, owner)
        for rows in (x, y):
            np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(3), atol=2e-2)
        np.testing.assert_allclose(x.T @ y / len(x), np.diag(found.correlations), atol=2e-2)
        assert (np.diff(found.correlations) <= 1e-5).all()
        assert ((found.correlations >= 0) & (found.correlations <= 1.001)).all()

    def test_the_correlations_are_those_of_scikit_learn(self) -> None:
        a, b, owner = views(1)
        found = fit_cca(a, b, owner, ridge=(0.0, 0.0), dimensions=3)
        theirs = CCA(3, max_iter=3000, tol=1e-8).fit(a[owner], b.toarray())
        x, y = theirs.transform(a[owner], b.toarray())
        wanted = [np.corrcoef(x[:, i], y[:, i])[0, 1] for i in range(3)]
        np.testing.assert_allclose(found.correlations, wanted, atol=5e-3)

    def test_a_ridge_lowers_the_correlations(self) -> None:
        a, b, owner = views(2)
        free = fit_cca(a, b, owner, ridge=(0.0, 0.0), dimensions=3).correlations
        held = fit_cca(a, b, owner, ridge=(1.0, 1.0), dimensions=3).correlations
        assert (held < free).all()

    def test_a_ridge_copes_with_columns_that_say_nothing(self) -> None:
        a, b, owner = views(3)
        a[:, 0] = 0
        b = sparse.hstack([b, sparse.csr_matrix((b.shape[0], 2), dtype=np.float32)]).tocsr()
        found = fit_cca(a, b, owner, ridge=(0.1, 0.1), dimensions=3)
        assert np.isfinite(found.weights_a).all()
        assert np.isfinite(found.weights_b).all()

    def test_dimensions_are_lowered_where_the_views_have_fewer(self) -> None:
        a, b, owner = views(4)
        found = fit_cca(a, b, owner, ridge=(0.1, 0.1), dimensions=99)
        assert found.weights_a.shape == (10, 6)
        assert found.weights_b.shape == (7, 6)
        assert found.correlations.shape == (6,)

    def test_seen_from_held_out_pairs_it_still_correlates(self) -> None:
        a, b, owner = views(5, 1200)
        rows = owner < 900
        found = fit_cca(a, b[rows], owner[rows], ridge=(0.01, 0.01), dimensions=2)
        x, y = projected(found, a, b[~rows], owner[~rows])
        for i in range(2):
            assert np.corrcoef(x[:, i], y[:, i])[0, 1] == pytest.approx(
                found.correlations[i], abs=0.12
            )
