from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import scoring
from engine.model import Model, load_model
from engine.projection import centre


def unit(count: int, topics: int = 16, seed: int = 0) -> np.ndarray:
    return centre(np.random.default_rng(seed).normal(size=(count, topics)).astype(np.float32))


@pytest.fixture(scope="module")
def model(small_model: Path) -> Model:
    return load_model(small_model)


NO_SENTENCE = np.zeros(512, np.float32)


class TestHubness:
    @given(st.integers(0, 100), st.integers(1, 30), st.integers(0, 40), st.integers(1, 25))
    @settings(max_examples=30, deadline=None)
    def test_it_is_the_mean_of_the_nearest(
        self, seed: int, count: int, bank: int, neighbours: int
    ) -> None:
        z, others = unit(count, seed=seed), unit(bank, seed=seed + 1)
        close = np.sort(z @ others.T, axis=1)[:, ::-1][:, :neighbours]
        wanted = close.mean(1) if bank else np.zeros(count)
        np.testing.assert_allclose(scoring.hubness(z, others, neighbours), wanted, atol=1e-5)

    def test_blocks_make_no_difference(self) -> None:
        z, bank = unit(scoring.BLOCK + 37), unit(50, seed=1)
        whole = scoring.hubness(z, bank, 5)
        np.testing.assert_allclose(whole[-40:], scoring.hubness(z[-40:], bank, 5), atol=1e-6)

    def test_a_hub_has_more_of_it_than_an_outsider(self) -> None:
        bank = unit(200, seed=2) + unit(1, seed=3)
        towards, away = centre(bank.mean(0)[None]), -centre(bank.mean(0)[None])
        assert scoring.hubness(towards, bank, 10) > scoring.hubness(away, bank, 10)


class TestScores:
    def test_biases_are_taken_off_by_the_share_of_the_photo(self, model: Model) -> None:
        query, posts = unit(3), unit(7, seed=1)
        biases = np.random.default_rng(2).random((7, 2)).astype(np.float32)
        for share in (0.0, 0.3, 1.0):
            wanted = query @ posts.T - (1 - share) * biases[:, 0] - share * biases[:, 1]
            found = scoring.scores(query, posts, biases, photo=share)
            np.testing.assert_allclose(found, wanted, atol=1e-6)
            # The index gives the same by one inner product.
            rows = np.concatenate([posts, biases], axis=1)
            for row, z in zip(wanted, query, strict=True):
                np.testing.assert_allclose(rows @ scoring.search_vector(z, share), row, atol=1e-6)

    def test_only_the_other_modality_is_corrected(self, model: Model) -> None:
        chosen = replace(model, settings=replace(model.settings, hub_weight=(0.5, 0.75)))
        z = unit(5)
        text, photo, both = (scoring.biases(chosen, z, kind) for kind in ("text", "photo", "both"))
        assert not text[:, 0].any()
        assert not photo[:, 1].any()
        np.testing.assert_array_equal(both[:, 0], photo[:, 0])
        np.testing.assert_array_equal(both[:, 1], text[:, 1])
        wanted = 0.5 * scoring.hubness(z, model.text_bank, model.settings.hub_neighbours[0])
        np.testing.assert_allclose(photo[:, 0], wanted, atol=1e-6)


class TestSearchVector:
    def test_hubs_lose_less_where_one_word_asks(self) -> None:
        z = unit(1)[0]
        taken = [scoring.search_vector(z, 0.0, words)[-2] for words in (1, 2, 3, 9, 0)]
        np.testing.assert_allclose(taken, [0, -2 / 3, -1, -1, -1], atol=1e-6)
        np.testing.assert_allclose(scoring.search_vector(z, 1.0, 0)[-2:], [0, -1])


class TestWordShares:
    def test_they_are_shares(self, model: Model) -> None:
        theta = model.projection.theta(unit(20, model.info.topics), photo=1.0)
        share = scoring.word_shares(model, theta)
        assert share.shape == (20, len(model.words) + len(model.tags))
        assert ((share >= 1e-5) & (share <= 1.001)).all()

    def test_usual_is_the_share_that_was_counted(self, model: Model) -> None:
        tag = len(model.words) + model.tags.index["sea"]
        # One scene in six has the hashtag.
        assert abs(model.usual[tag] - 1 / 6) < 0.05

    def test_a_text_speaks_for_its_own_words(self, model: Model) -> None:
        for word in ("snow", "sea", "ночь"):
            column = model.words.surfaces.index(word)
            z = model.projection.text(np.array([column]), np.ones(1, np.float32), NO_SENTENCE)
            scores = scoring.lifted(
                model, scoring.word_shares(model, model.projection.theta(z, photo=0.0))
            )
            assert scores.shape == (1, len(model.words) + len(model.tags))
            assert scores[0, column] > 3 * np.median(scores)

    def test_what_is_written_on_a_photo_is_said_of_it(self, model: Model) -> None:
        model = replace(model, settings=replace(model.settings, written_share=0.4))
        theta = model.projection.theta(unit(2, model.info.topics), photo=1.0)
        plain, found = (
            scoring.word_shares(model, theta),
            scoring.word_shares(model, theta, [[3], ()]),
        )
        np.testing.assert_allclose(found[0, 3], 0.6 * plain[0, 3] + 0.4, rtol=1e-5)
        found[0, 3] = plain[0, 3]
        np.testing.assert_array_equal(found, plain)

    def test_a_higher_power_favours_rarer_words(self, model: Model) -> None:
        theta = model.projection.theta(unit(1, model.info.topics), photo=1.0)
        shares = scoring.word_shares(model, theta)
        for power in (0.0, 0.5):
            chosen = replace(model, settings=replace(model.settings, annotation_power=power))
            wanted = shares / np.maximum(model.usual, 1e-6) ** power
            np.testing.assert_allclose(scoring.lifted(chosen, shares), wanted, rtol=1e-4)

    def test_posts_near_by_have_their_part(self, model: Model) -> None:
        z = model.bank.z[:3]
        read = np.full((3, len(model.words) + len(model.tags)), 0.2, np.float32)
        chosen = replace(
            model.settings, neighbours=1, neighbour_share=0.5, neighbour_sharpness=10.0
        )
        mixed = scoring.mixed_shares(z, read, model.bank, chosen)
        for row in range(3):
            near = int((z[row] @ model.bank.z.T).argmax())
            words = model.bank.columns[model.bank.starts[near] : model.bank.starts[near + 1]]
            np.testing.assert_allclose(mixed[row, words], 0.6, rtol=1e-5)
            others = np.delete(mixed[row], words)
            np.testing.assert_allclose(others, 0.1, rtol=1e-5)
        alone = scoring.mixed_shares(z, read, model.bank, replace(chosen, neighbour_share=0.0))
        np.testing.assert_allclose(alone, read)

    def test_the_nearest_have_the_most_say(self, model: Model) -> None:
        chosen = replace(model.settings, neighbours=5, neighbour_sharpness=10.0)
        z = unit(4, model.info.topics)
        near, say = scoring.neighbours_of(z, model.bank, chosen)
        close = np.take_along_axis(z @ model.bank.z.T, near, 1)
        np.testing.assert_allclose(say.sum(1), 1, rtol=1e-5)
        assert (say.argmax(1) == close.argmax(1)).all()
