from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.projection import Projection, centre, log_ratio, softmax

CHANNELS, WORDS, SENTENCE = 10, 14, 6


def projection(topics: int, seed: int = 0, sharpness: float = 1.5) -> Projection:
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return Projection(
        normal(CHANNELS, topics),
        normal(topics),
        normal(WORDS, topics),
        normal(topics),
        normal(SENTENCE, topics),
        normal(topics),
        rng.uniform(0.5, 4, WORDS).astype(np.float32),
        (sharpness, 2 * sharpness),
    )


sizes = st.integers(2, 64)
seeds = st.integers(0, 5000)


class TestCentre:
    @given(seeds, sizes, st.integers(1, 9), st.floats(1e-3, 1e4))
    @settings(max_examples=50, deadline=None)
    def test_rows_have_no_mean_and_unit_length(
        self, seed: int, topics: int, rows: int, scale: float
    ) -> None:
        z = np.random.default_rng(seed).normal(size=(rows, topics)).astype(np.float32)
        unit = centre(z * np.float32(scale))
        assert unit.dtype == np.float32
        np.testing.assert_allclose(unit.mean(1), 0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(centre(unit + 3), unit, atol=1e-4)

    def test_a_row_that_says_nothing_stays_zero(self) -> None:
        assert not centre(np.zeros((2, 5), np.float32)).any()
        assert not centre(np.full((2, 4), 7.0, np.float32)).any()


class TestTheta:
    @given(seeds, sizes, st.floats(0, 1), st.floats(0.3, 3))
    @settings(max_examples=60, deadline=None)
    def test_log_ratio_is_its_inverse(
        self, seed: int, topics: int, share: float, sharpness: float
    ) -> None:
        model = projection(topics, seed, sharpness)
        z = centre(np.random.default_rng(seed).normal(size=(6, topics)).astype(np.float32))
        theta = model.theta(z, photo=share)
        assert theta.dtype == np.float32
        assert (theta > 0).all()
        np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(log_ratio(theta), z, atol=1e-3)

    def test_the_sharper_the_more_peaked(self) -> None:
        z = centre(np.random.default_rng(1).normal(size=(1, 16)).astype(np.float32))
        model = projection(16)
        tops = [model.theta(z, photo=share).max() for share in (1.0, 0.5, 0.0)]
        assert tops == sorted(tops)
        assert tops[0] < tops[-1]

    def test_softmax_of_large_numbers(self) -> None:
        rows = softmax(np.array([[1e4, 0, -1e4], [5, 5, 5]], np.float32))
        np.testing.assert_allclose(rows, [[1, 0, 0], [1 / 3] * 3], atol=1e-6)

    def test_a_topic_with_no_share_at_all(self) -> None:
        z = log_ratio(np.array([[1, 0, 0]], np.float32))
        assert np.isfinite(z).all()
        assert z[0].argmax() == 0


class TestMaps:
    @given(seeds, st.integers(0, WORDS))
    @settings(max_examples=40, deadline=None)
    def test_one_text_gives_what_it_gives_among_many(self, seed: int, known: int) -> None:
        rng = np.random.default_rng(seed)
        model = projection(9, seed)
        columns = rng.permutation(WORDS)[:known]
        counts = rng.integers(1, 4, known).astype(np.float32)
        dense = np.zeros((1, WORDS), np.float32)
        dense[0, columns] = counts
        sentence = rng.normal(size=SENTENCE).astype(np.float32)
        np.testing.assert_allclose(
            model.text(columns, counts, sentence), model.texts(dense, sentence[None]), atol=1e-4
        )

    def test_a_text_without_known_words_is_what_its_sentence_says(self) -> None:
        model = projection(9)
        sentence = np.random.default_rng(1).normal(size=SENTENCE).astype(np.float32)
        found = model.text(np.zeros(0, np.intp), np.zeros(0, np.float32), sentence)
        wanted = centre(sentence[None] @ model.sentence_weights + model.sentence_bias)
        np.testing.assert_allclose(found, wanted, atol=1e-5)

    def test_a_text_without_a_sentence_vector_is_what_its_words_say(self) -> None:
        model = projection(9)
        columns, counts = np.array([3, 5]), np.ones(2, np.float32)
        found = model.text(columns, counts, np.zeros(SENTENCE, np.float32))
        row = model.idf[columns] @ model.text_weights[columns] + model.text_bias
        np.testing.assert_allclose(found, centre(row[None]), atol=1e-5)

    def test_of_a_single_known_word_the_sentence_says_less(self) -> None:
        model = projection(9)
        share = model.sentence_share(np.array([0, 1, 2, 9], np.float32))
        assert share[0] == 1
        assert share[1] == model.single_word < share[2] < share[3] < 1

        def text(*, unknown: bool) -> np.ndarray:
            sentence = np.ones(SENTENCE, np.float32)
            return model.text(np.array([3]), np.ones(1, np.float32), sentence, unknown=unknown)

        # Beside a word that no post had, the sentence counts in full.
        assert not np.allclose(text(unknown=True), text(unknown=False))
        counts = np.eye(1, WORDS, 3, dtype=np.float32).repeat(2, 0)
        many = model.texts(counts, np.ones((2, SENTENCE), np.float32), np.array([True, False]))
        wanted = np.concatenate([text(unknown=True), text(unknown=False)])
        np.testing.assert_allclose(many, wanted, atol=1e-5)

    @given(st.sampled_from([0.5, 0.75, 1.0]))
    def test_photos_by_a_power_of_their_features(self, power: float) -> None:
        model = replace(projection(9), power=power)
        features = np.random.default_rng(0).random((3, CHANNELS)).astype(np.float32)
        wanted = centre(features**power @ model.photo_weights + model.photo_bias)
        np.testing.assert_allclose(model.photos(features, None), wanted, atol=1e-5)

    def test_photos_are_rooted_and_negative_features_are_nothing(self) -> None:
        model = projection(7)
        features = np.random.default_rng(2).normal(size=(5, CHANNELS)).astype(np.float32)
        wanted = np.sqrt(features.clip(0)) @ model.photo_weights + model.photo_bias
        np.testing.assert_allclose(model.photos(features, None), centre(wanted), atol=1e-5)
        assert model.topics == 7
