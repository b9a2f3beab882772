from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codebook import LEAST, LIMIT, Codebook

CHANNELS, DIMENSIONS, WORDS = 12, 5, 17


def codebook(seed: int = 0, per_cell: int = 4, softness: float = 0.3) -> Codebook:
    rng = np.random.default_rng(seed)
    components, _ = np.linalg.qr(rng.normal(size=(CHANNELS, DIMENSIONS)))
    return Codebook(
        rng.uniform(0, 0.3, CHANNELS).astype(np.float32),
        components.astype(np.float32),
        rng.normal(0, 0.4, (WORDS, DIMENSIONS)).astype(np.float32),
        softness,
        per_cell,
    )


def grid(seed: int, cells: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, 2, (cells, CHANNELS)).astype(np.float32)


class TestWords:
    @given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, WORDS))
    @settings(max_examples=40, deadline=None)
    def test_they_are_the_nearest_centroids_best_first(
        self, seed: int, cells: int, per_cell: int
    ) -> None:
        book = codebook(seed, per_cell)
        cut = grid(seed, cells)
        words, weights = book.words(cut)
        assert words.shape == weights.shape == (cells, per_cell)
        assert (words.dtype, weights.dtype) == (np.int32, np.float32)
        distance = ((book.project(cut)[:, None] - book.centroids[None]) ** 2).sum(-1)
        nearest = np.sort(distance, axis=1)[:, :per_cell]
        np.testing.assert_allclose(
            np.take_along_axis(distance, words, 1), nearest, rtol=1e-3, atol=1e-5
        )
        assert all(len(set(row)) == per_cell for row in words.tolist())
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
        assert (np.diff(weights, axis=1) <= 1e-6).all()

    def test_weights_are_a_gaussian_kernel_of_the_distance(self) -> None:
        book = codebook()
        words, weights = book.words(grid(1))
        distance = ((book.project(grid(1))[:, None] - book.centroids[words]) ** 2).sum(-1)
        kernel = np.exp(-distance / book.softness)
        np.testing.assert_allclose(weights, kernel / kernel.sum(1, keepdims=True), atol=1e-4)

    def test_a_harder_assignment_says_one_word(self) -> None:
        _, weights = codebook(softness=1e-5).words(grid(2))
        assert weights[:, 0].mean() > 0.99

    def test_the_strength_of_a_cell_does_not_matter_only_its_pattern(self) -> None:
        book = codebook()
        words, weights = book.words(grid(3))
        louder, same = book.words(grid(3) * 50)
        np.testing.assert_array_equal(words, louder)
        np.testing.assert_allclose(weights, same, atol=1e-3)

    def test_a_black_photo_and_negative_noise_have_words_too(self) -> None:
        for cells in (np.zeros((4, CHANNELS)), np.full((4, CHANNELS), -1e-3)):
            words, weights = codebook().words(cells.astype(np.float32))
            assert ((words >= 0) & (words < WORDS)).all()
            assert np.isfinite(weights).all()

    def test_grids_together_give_what_each_gives(self) -> None:
        book = codebook()
        words, weights = book.words(np.concatenate([grid(4), grid(5)]))
        for part, seed in ((slice(0, 20), 4), (slice(20, 40), 5)):
            alone, its = book.words(grid(seed))
            np.testing.assert_array_equal(words[part], alone)
            np.testing.assert_allclose(weights[part], its, atol=1e-4)


class TestBag:
    def test_it_counts_the_words_of_all_cells(self) -> None:
        book = codebook()
        words, weights = book.words(grid(6))
        counts = np.zeros(WORDS)
        np.add.at(counts, words, weights)
        bag = book.bag(grid(6))
        assert bag.shape == (len(book),)
        assert bag.dtype == np.float32
        np.testing.assert_allclose(
            bag, np.where(counts < LEAST, 0, np.minimum(counts, LIMIT)), atol=1e-4
        )

    def test_a_plain_sky_counts_only_so_often(self) -> None:
        plain = np.repeat(grid(7, 1), 64, axis=0)
        assert codebook().bag(plain).max() == LIMIT
