from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from training.evaluate.coherence import npmi
from training.learn.mstep import VECTORS, Association, association_of, refit_phi


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
    @given(st.integers(0, 100), st.integers(0, 8), st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_columns_are_distributions(self, seed: int, passes: int, coherent: bool) -> None:
        counts, theta, _ = draw(seed, 40)
        start = np.random.default_rng(seed).random((40, 5)).astype(np.float32)
        association = association_of(counts, start) if coherent else None
        phi = refit_phi(counts, theta, start, passes=passes, association=association)
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

    def test_words_of_a_topic_are_made_to_belong_together(self) -> None:
        rng = np.random.default_rng(4)
        # Four kinds of posts, and topic vectors that hardly tell them apart.
        kinds = rng.integers(0, 4, 400)
        words = rng.random((400, 40)) < np.where(kinds[:, None] == np.arange(40) % 4, 0.2, 0.08)
        counts = sparse.csr_matrix(words.astype(np.float32))
        theta = rng.dirichlet(np.ones(5), 400) + 0.2 * (kinds[:, None] == np.arange(5))
        theta = (theta / theta.sum(1, keepdims=True)).astype(np.float32)
        start = rng.dirichlet(np.ones(40), 5).T.astype(np.float32)
        together = association_of(counts, np.eye(4, dtype=np.float32)[np.arange(40) % 4])

        def coherence(association: Association | None) -> float:
            phi = refit_phi(counts, theta, start, passes=20, association=association)
            return float(npmi(phi, counts).mean())

        assert coherence(together) > coherence(None) + 0.01

    def test_what_it_was_given_is_not_changed(self) -> None:
        counts, theta, planted = draw(7, 30)
        before = counts.copy(), theta.copy(), planted.copy()
        refit_phi(counts, theta, planted, passes=3, association=association_of(counts, planted))
        assert (counts != before[0]).nnz == 0
        np.testing.assert_array_equal(theta, before[1])
        np.testing.assert_array_equal(planted, before[2])

    @pytest.mark.parametrize("passes", [0, 3])
    def test_no_counts(self, passes: int) -> None:
        empty = sparse.csr_matrix((4, 40), dtype=np.float32)
        _, theta, planted = draw(8, 4)
        phi = refit_phi(empty, theta, planted, passes=passes)
        np.testing.assert_allclose(phi, planted, atol=1e-4)


class TestAssociation:
    def test_words_that_share_posts_or_meaning_belong_together(self) -> None:
        posts = np.zeros((60, 5), np.float32)
        posts[:20, [0, 1]] = 1
        posts[20:40, [2, 3]] = 1
        posts[0, 2] = 1  # once may be by chance
        posts[40:, 4] = 1
        vectors = np.eye(5, dtype=np.float32)
        vectors[4] = vectors[3]
        words, values = association_of(sparse.csr_matrix(posts), vectors)
        assert words.tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(values, values.T, atol=1e-6)
        assert values[0, 1] > 0.5
        assert values[0, 2] == values[0, 4] == values[0, 0] == 0
        assert values[3, 4] == pytest.approx(VECTORS)
