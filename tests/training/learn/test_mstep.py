from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from training.learn.mstep import refit_phi


def draw(
    seed: int, count: int = 300, topics: int = 5
) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Counts, the theta they came from, and the Phi."""
    rng = np.random.default_rng(seed)
    phi = rng.dirichlet(np.full(40, 0.15), topics).T
    theta = rng.dirichlet(np.full(topics, 0.3), count)
    counts = sparse.csr_matrix(rng.poisson(25 * theta @ phi.T).astype(np.float32))
    return counts, theta.astype(np.float32), phi.astype(np.float32)


def likelihood(counts: sparse.csr_matrix, theta: np.ndarray, phi: np.ndarray) -> float:
    dense = counts.toarray()
    return float((dense * np.log(theta @ phi.T + 1e-12)).sum() / dense.sum())


class TestRefit:
    @given(st.integers(0, 100), st.integers(0, 8))
    @settings(max_examples=40, deadline=None)
    def test_columns_are_distributions(self, seed: int, passes: int) -> None:
        counts, theta, _ = draw(seed, 40)
        start = np.random.default_rng(seed).random((40, 5)).astype(np.float32)
        phi = refit_phi(counts, theta, start, passes=passes)
        assert phi.shape == start.shape
        assert phi.dtype == np.float32
        assert (phi >= 0).all()
        np.testing.assert_allclose(phi.sum(0), 1, atol=1e-4)

    def test_it_recovers_the_phi_that_the_counts_came_from(self) -> None:
        counts, theta, planted = draw(1)
        flat = np.full((40, 5), 1 / 40, np.float32)
        found = refit_phi(counts, theta, flat, passes=40)
        for topic in range(5):
            assert np.corrcoef(found[:, topic], planted[:, topic])[0, 1] > 0.97

    def test_every_pass_raises_the_likelihood(self) -> None:
        counts, theta, _ = draw(2)
        start = np.random.default_rng(0).dirichlet(np.ones(40), 5).T.astype(np.float32)
        values = [
            likelihood(counts, theta, refit_phi(counts, theta, start, passes=n))
            for n in (0, 1, 2, 5, 15)
        ]
        assert values == sorted(values)
        assert values[-1] > values[0] + 0.1

    def test_one_pass_is_the_m_step(self) -> None:
        counts, theta, _ = draw(3, 50)
        start = np.random.default_rng(0).dirichlet(np.ones(40), 5).T.astype(np.float32)
        smooth = (start + 1e-6) / (start + 1e-6).sum(0)
        p_dw = theta @ smooth.T
        n_wt = smooth * ((counts.toarray() / p_dw).T @ theta)
        found = refit_phi(counts, theta, start, passes=1)
        np.testing.assert_allclose(found, n_wt / n_wt.sum(0), atol=1e-4)

    def test_a_topic_without_counts_stays_as_it_was(self) -> None:
        counts, theta, planted = draw(6)
        theta[:, 0] = 0
        phi = refit_phi(counts, theta, planted, passes=6)
        np.testing.assert_allclose(phi[:, 0], planted[:, 0], atol=1e-4)

    def test_what_it_was_given_is_not_changed(self) -> None:
        counts, theta, planted = draw(7, 30)
        before = counts.copy(), theta.copy(), planted.copy()
        refit_phi(counts, theta, planted, passes=3)
        assert (counts != before[0]).nnz == 0
        np.testing.assert_array_equal(theta, before[1])
        np.testing.assert_array_equal(planted, before[2])

    @pytest.mark.parametrize("passes", [0, 3])
    def test_no_counts(self, passes: int) -> None:
        empty = sparse.csr_matrix((4, 40), dtype=np.float32)
        _, theta, planted = draw(8, 4)
        phi = refit_phi(empty, theta, planted, passes=passes)
        np.testing.assert_allclose(phi, planted, atol=1e-4)
