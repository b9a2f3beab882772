from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import terms
from engine.model import Model, load_model
from engine.scoring import word_shares
from engine.terms import best_terms
from engine.vocabulary import Vocabulary

BOOK = Vocabulary(
    ("dog", "собак", "run", "runn", "5", "пёс"),
    ("dogs", "собака", "running", "running", "5", "пёс"),
    ("en", "ru", "en", "en", "", "ru"),
)
NO_SENTENCE = np.zeros(512, np.float32)
SCORES = np.array([0.1, 0.5, 0.3, 0.4, 0.2, 0.0], np.float32)


@pytest.fixture(scope="module")
def model(small_model: Path) -> Model:
    return load_model(small_model)


def theta_of(model: Model, word: str) -> np.ndarray:
    column = model.words.surfaces.index(word)
    z = model.projection.text(np.array([column]), np.ones(1, np.float32), NO_SENTENCE)
    return model.projection.theta(z, photo=0.0)[0]


class TestBestTerms:
    def test_best_first_and_no_surface_twice(self) -> None:
        found = best_terms(BOOK, SCORES, 10, None)
        assert [term.text for term in found] == ["собака", "running", "5", "dogs"]
        np.testing.assert_allclose([term.score for term in found], [0.5, 0.4, 0.2, 0.1])

    def test_one_language_and_what_belongs_to_none(self) -> None:
        assert [t.text for t in best_terms(BOOK, SCORES, 10, "en")] == ["running", "5", "dogs"]
        assert [t.text for t in best_terms(BOOK, SCORES, 10, "ru")] == ["собака", "5"]

    @given(st.integers(-2, 9))
    def test_at_most_so_many(self, count: int) -> None:
        assert len(best_terms(BOOK, SCORES, count, None)) == max(0, min(count, 4))

    def test_nothing_to_choose_from(self) -> None:
        assert best_terms(Vocabulary((), (), ()), np.zeros(0, np.float32), 5, None) == ()
        assert best_terms(BOOK, np.zeros(6, np.float32), 5, None) == ()


class TestAnnotate:
    def test_in_the_language_asked_for(self, model: Model) -> None:
        theta = theta_of(model, "snow")
        for language, wanted in (("en", "winter"), ("ru", "зима")):
            found = terms.annotate(model, theta, language=language, words=5, tags=3)
            assert len(found.words) == 5
            assert {term.language for term in found.words} == {language}
            assert wanted in {term.text for term in found.words}
            assert [term.text for term in found.tags][:1] == ["winter"]
            scores = [term.score for term in found.words]
            assert scores == sorted(scores, reverse=True)

    def test_a_language_without_words_gets_those_of_any(self, model: Model) -> None:
        found = terms.annotate(model, theta_of(model, "snow"), language="fr", words=5, tags=0)
        assert len(found.words) == 5
        assert found.tags == ()

    def test_a_query_about_nothing_gets_no_hashtag(self, model: Model) -> None:
        topics = model.info.topics
        flat = np.full(topics, 1 / topics, np.float32)
        assert terms.annotate(model, flat, language="en", words=3, tags=5).tags == ()


class TestTagFloors:
    def test_as_many_photos_have_a_hashtag_as_it_is_used(self) -> None:
        rng = np.random.default_rng(0)
        shares, usual = rng.random((200, 7)).astype(np.float32), np.linspace(0.01, 0.5, 7)
        floors = terms.tag_floors(shares, usual.astype(np.float32))
        reached = (shares >= floors).sum(0)
        np.testing.assert_allclose(reached, np.minimum(np.ceil(terms.GENEROUS * usual * 200), 200))

    def test_below_its_floor_a_hashtag_is_not_shown(self, model: Model) -> None:
        theta = theta_of(model, "snow")
        shown = terms.annotate(model, theta, language="en", words=1, tags=9).tags
        assert "winter" in {term.text for term in shown}
        floored = replace(model, tag_floors=np.full(len(model.tags), 2, np.float32))
        none = terms.annotate(floored, theta, language="en", words=1, tags=9)
        assert none.tags == ()
        assert len(none.words) == 1

    def test_without_photos_there_are_none(self) -> None:
        assert not terms.tag_floors(np.zeros((0, 3), np.float32), np.ones(3, np.float32)).any()


class TestTopicShares:
    def test_words_are_in_the_topic_and_likely_here(self, model: Model) -> None:
        theta = theta_of(model, "snow")
        likely = word_shares(model, theta[None])[0]
        general = model.phi["text"] @ model.prior
        shown = terms.topic_shares(model, theta, language="en", topics=4, words=3)
        assert shown
        shares = [share.share for share in shown]
        assert shares == sorted(shares, reverse=True)
        columns = [term.column for share in shown for term in share.words]
        assert len(columns) == len(set(columns))
        for share in shown:
            for term in share.words:
                assert model.phi["text"][term.column, share.topic] > general[term.column]
                assert likely[term.column] >= model.settings.explained

    def test_where_nothing_is_likely_the_likeliest_words_stand(self, model: Model) -> None:
        strict = replace(model, settings=replace(model.settings, explained=2.0))
        shown = terms.topic_shares(
            strict, theta_of(model, "snow"), language="en", topics=4, words=3
        )
        assert len(shown) == 1
        assert len(shown[0].words) == 3


class TestTopics:
    @pytest.mark.parametrize("language", ["en", "ru"])
    def test_subject_topics_largest_first(self, model: Model, language: str) -> None:
        found = terms.topics(model, language=language)
        numbers = [topic.topic for topic in found]
        assert len(numbers) == len(set(numbers)) > 5
        assert max(numbers) < model.info.topics - model.info.background
        sizes = [topic.size for topic in found]
        assert sizes == sorted(sizes, reverse=True)
        assert sum(sizes) <= 1.001
        for topic in found:
            names = [term.text for term in topic.words]
            assert len(names) == len(set(names)) > 0
            assert {term.language for term in topic.words} <= {language}
            assert -1 <= topic.coherence <= 1

    def test_every_scene_has_its_topic_in_both_languages(self, model: Model) -> None:
        english = {t.topic: {w.text for w in t.words} for t in terms.topics(model, language="en")}
        russian = {t.topic: {w.text for w in t.words} for t in terms.topics(model, language="ru")}
        pairs = (("sea", "море"), ("night", "ночь"), ("field", "поле"), ("sunset", "закат"))
        for here, there in pairs:
            assert any(here in words and there in russian[t] for t, words in english.items())

    def test_words_of_one_topic_are_its_likeliest(self, model: Model) -> None:
        phi = model.phi["text"][:, 0]
        best = terms.topic_words(model, 0, 1, "en")[0]
        english = [i for i, code in enumerate(model.words.languages) if code == "en"]
        assert best.score == pytest.approx(phi[english].max())
