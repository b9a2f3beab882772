from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpora import SCENES, draw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.engine import DEPTH, Engine
from engine.errors import (
    EmptyQueryError,
    Image2PicError,
    ModelError,
    PhotoError,
    UnknownPostError,
    UnknownWordsError,
)
from engine.model import Calibration, load_model
from engine.projection import log_ratio
from engine.results import Explanation, Page, Query, vectors_to_rows
from engine.store import Post, SqliteStore

ROOT = Path(__file__).parent.parent.parent
PER_SCENE = 18
"""Posts of each scene that the small model learnt from."""


@pytest.fixture(scope="module")
def store(small_model: Path) -> Iterator[SqliteStore]:
    with SqliteStore(small_model / "posts.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def posts(store: SqliteStore) -> dict[int, Post]:
    return {post.key: post for post in store.recent(store.count()) if post.key is not None}


@pytest.fixture(scope="module")
def vectors(store: SqliteStore, small_model: Path) -> list[tuple[int, bytes]]:
    return list(store.vectors(load_model(small_model).info.id))


@pytest.fixture(scope="module")
def engine(small_model: Path, vectors: list[tuple[int, bytes]]) -> Engine:
    """Shared by tests that only ask."""
    opened = Engine.open(small_model, threads=1)
    opened.load(vectors, version=1)
    return opened


@pytest.fixture
def own(small_model: Path, vectors: list[tuple[int, bytes]]) -> Engine:
    """For tests that change it."""
    opened = Engine(load_model(small_model), threads=1)
    opened.load(vectors, version=1)
    return opened


def jpeg(scene: str, seed: int = 77) -> bytes:
    """A photo that nobody has seen yet."""
    buffer = io.BytesIO()
    draw(scene, seed).save(buffer, "JPEG")
    return buffer.getvalue()


def scenes(page: Page, posts: dict[int, Post]) -> Counter[str]:
    return Counter(posts[hit.key].id.split("-")[0] for hit in page.hits)


class TestQuery:
    @pytest.mark.parametrize("scene", SCENES)
    def test_words_find_their_scene_in_both_languages(
        self, engine: Engine, posts: dict[int, Post], scene: str
    ) -> None:
        _, _, english, russian, tag = SCENES[scene]
        for text in (english, russian, english.split()[0], russian.split()[0], f"#{tag}"):
            query = engine.query(text=text)
            assert query.kind == "text"
            assert query.unknown == query.minus == ()
            page = engine.search(query)
            assert scenes(page, posts)[scene] >= 9, text

    @pytest.mark.parametrize("scene", SCENES)
    def test_a_photo_finds_its_scene(
        self, engine: Engine, posts: dict[int, Post], scene: str
    ) -> None:
        query = engine.query(photo=jpeg(scene))
        assert (query.kind, query.words) == ("photo", ())
        assert scenes(engine.search(query), posts)[scene] >= 9

    def test_theta_is_a_distribution(self, engine: Engine) -> None:
        for query in (
            engine.query(text="sea"),
            engine.query(photo=jpeg("sea")),
            engine.query(photo=jpeg("sea"), text="night -snow"),
        ):
            assert query.theta.shape == (engine.info.topics,)
            assert query.theta.dtype == np.float32
            assert (query.theta >= 0).all()
            assert query.theta.sum() == pytest.approx(1, abs=1e-5)

    def test_photo_and_text_together_by_the_weight_of_the_photo(
        self, engine: Engine, posts: dict[int, Post]
    ) -> None:

        def sea_and_night(weight: float) -> tuple[int, int]:
            query = engine.query(photo=jpeg("sea"), text="night", photo_weight=weight)
            assert query.kind == "both"
            found = scenes(engine.search(query, limit=PER_SCENE), posts)
            return found["sea"], found["night"]

        assert sea_and_night(0.9)[0] >= PER_SCENE - 2
        assert sea_and_night(0.1)[1] >= PER_SCENE - 2
        alone = engine.query(photo=jpeg("sea"))
        whole = engine.query(photo=jpeg("sea"), text="night", photo_weight=1.0)
        np.testing.assert_allclose(whole.theta, alone.theta, atol=1e-5)
        words = engine.query(photo=jpeg("sea"), text="night", photo_weight=0.0)
        np.testing.assert_allclose(words.theta, engine.query(text="night").theta, atol=1e-5)

    @pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
    def test_a_weight_that_is_no_share(self, engine: Engine, weight: float) -> None:
        with pytest.raises(ValueError, match="photo_weight"):
            engine.query(text="sea", photo_weight=weight)

    def test_minus_words_leave_a_scene_out(self, engine: Engine, posts: dict[int, Post]) -> None:
        both = engine.search(engine.query(text="sea sunset beach evening"), limit=2 * PER_SCENE)
        before = scenes(both, posts)
        assert min(before["sea"], before["sunset"]) >= 5
        query = engine.query(text="sea sunset beach evening -sunset -вечер")
        assert query.minus == ("sunset", "вечер")
        after = scenes(engine.search(query, limit=PER_SCENE), posts)
        assert after["sunset"] == 0
        assert after["sea"] >= 15

    def test_minus_words_beside_a_photo(self, engine: Engine, posts: dict[int, Post]) -> None:
        photo = jpeg("sea")
        query = engine.query(photo=photo, text="night -night")
        assert (query.kind, query.words, query.minus) == ("photo", (), ("night",))
        mixed = engine.query(photo=photo, text="night")
        count = {
            name: scenes(engine.search(asked, limit=2 * PER_SCENE), posts)["night"]
            for name, asked in (("with", mixed), ("without", query))
        }
        assert count["without"] < count["with"]

    def test_minus_words_that_are_far_away_take_nothing_from_the_answer(
        self, engine: Engine, posts: dict[int, Post]
    ) -> None:
        found = scenes(engine.search(engine.query(text="sea -sunset -forest"), limit=18), posts)
        assert found["sea"] >= 10
        assert set(found) == {"sea"}

    def test_a_word_that_is_wanted_and_excluded_is_excluded(
        self, engine: Engine, posts: dict[int, Post]
    ) -> None:
        query = engine.query(text="sea sunset -sea")
        assert (query.words, query.minus) == (("sunset",), ("sea",))
        assert set(scenes(engine.search(query), posts)) == {"sunset"}

    def test_unknown_words_beside_known_ones_are_reported(self, engine: Engine) -> None:
        query = engine.query(text="boat qwertyuiop -asdfghjkl море")
        assert query.words == ("boat", "море")
        assert query.unknown == ("qwertyuiop", "asdfghjkl")

    def test_a_misspelt_word_beside_known_ones_has_suggestions(self, engine: Engine) -> None:
        query = engine.query(text="sea forrest")
        assert (query.words, query.unknown) == (("sea",), ("forrest",))
        assert query.suggestions == {"forrest": ("forest",)}
        assert engine.query(text="sea forest").suggestions == {}

    @pytest.mark.parametrize(
        ("text", "scene"),
        [
            ("woods", "forest"),  # a word that no post had
            ("foresta", "forest"),  # Italian
            ("Schnee", "snow"),  # German
            ("oceano", "sea"),  # Portuguese
            ("снежинка", "snow"),
        ],
    )
    def test_words_that_no_post_had_are_understood(
        self, engine: Engine, posts: dict[int, Post], text: str, scene: str
    ) -> None:
        query = engine.query(text=text)
        assert (query.kind, query.words, query.unknown) == ("text", (), (text.lower(),))
        assert scenes(engine.search(query), posts)[scene] >= 5

    def test_unknown_words_beside_a_photo_are_reported(self, engine: Engine) -> None:
        query = engine.query(photo=jpeg("sea"), text="qwertyuiop")
        assert (query.kind, query.unknown) == ("photo", ("qwertyuiop",))
        np.testing.assert_array_equal(query.theta, engine.query(photo=jpeg("sea")).theta)

    def test_only_unknown_words_with_the_nearest_known_ones(self, engine: Engine) -> None:
        with pytest.raises(UnknownWordsError, match="none of these words") as caught:
            engine.query(text="snwo снгег zzzzzz")
        assert caught.value.words == ("snwo", "снгег", "zzzzzz")
        assert caught.value.suggestions["snwo"] == ("snow",)
        assert "снег" in caught.value.suggestions["снгег"]
        assert "zzzzzz" not in caught.value.suggestions

    @pytest.mark.parametrize("text", ["", "   \n", "the and of", "😀", "-", "!?", "12345", "\0"])
    def test_nothing_to_search_by(self, engine: Engine, text: str) -> None:
        with pytest.raises(EmptyQueryError, match="a photo, some words"):
            engine.query(text=text)

    @pytest.mark.parametrize("text", ["-sea", "-море -night", "night -night"])
    def test_only_words_to_leave_out(self, engine: Engine, text: str) -> None:
        with pytest.raises(EmptyQueryError, match="leave out"):
            engine.query(text=text)

    @pytest.mark.parametrize("data", [b"", b"no photo", b"\xff\xd8\xff\xe0 cut off", bytes(5000)])
    def test_a_broken_photo(self, engine: Engine, data: bytes) -> None:
        with pytest.raises(PhotoError):
            engine.query(photo=data, text="sea")
        with pytest.raises(PhotoError):
            engine.describe(photo=data)
        # It still works.
        assert engine.search(engine.query(text="sea")).hits

    def test_photos_of_any_mode_and_size(self, engine: Engine, posts: dict[int, Post]) -> None:
        for mode, size, kind in (("RGBA", 40, "PNG"), ("CMYK", 500, "JPEG"), ("P", 64, "GIF")):
            buffer = io.BytesIO()
            draw("sea", 5, size).convert(mode).save(buffer, kind)
            found = scenes(engine.search(engine.query(photo=buffer.getvalue())), posts)
            assert found["sea"] >= 5, mode

    def test_an_enormous_text(self, engine: Engine, posts: dict[int, Post]) -> None:
        rng = random.Random(0)
        strange = ("".join(rng.choices("bcdfghjklmnp", k=9)) for _ in iter(int, 1))
        unknown = " ".join(word for word, _ in zip(strange, range(100_000), strict=False))
        assert len(unknown) > 900_000
        started = time.monotonic()
        with pytest.raises(UnknownWordsError) as caught:
            engine.query(text=unknown)
        assert len(str(caught.value)) < 10_000
        query = engine.query(text="sea " + unknown)
        assert query.words == ("sea",)
        assert len(query.to_bytes()) < 20_000
        query = engine.query(text="sea beach " * 100_000)
        assert scenes(engine.search(query), posts) == {"sea": 10}
        assert time.monotonic() - started < 5

    @given(st.text(max_size=200))
    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_any_text_is_answered_or_refused(self, engine: Engine, text: str) -> None:
        try:
            query = engine.query(text=text)
        except (EmptyQueryError, UnknownWordsError):
            return
        assert np.isfinite(query.theta).all()
        engine.search(query)

    def test_like_a_post_finds_its_scene_but_not_itself(
        self, engine: Engine, posts: dict[int, Post]
    ) -> None:
        for key in list(posts)[::17]:
            query = engine.like(key)
            assert query.kind == "post"
            page = engine.search(query, limit=20)
            assert key not in {hit.key for hit in page.hits}
            scene = posts[key].id.split("-")[0]
            assert scenes(page, posts)[scene] >= 15

    def test_like_a_post_that_is_gone(self, engine: Engine) -> None:
        with pytest.raises(UnknownPostError):
            engine.like(10**9)

    def test_like_a_post_with_a_large_key(self, own: Engine) -> None:
        vector = own.describe(photo=jpeg("sea"))
        for key in (2**24 + 1, 2**31 + 7, 2**40 + 3):
            own.add([(key, vector.blob)])
            assert key not in {hit.key for hit in own.search(own.like(key), limit=DEPTH).hits}


class TestSearch:
    def test_nothing_is_left_out_for_being_less_close(self, engine: Engine) -> None:
        """A word of each of five scenes: what no post shows; and words that all posts know."""
        rng = random.Random(1)
        columns = [english.split() for _, _, english, _, _ in SCENES.values()]
        nonsense, close = 0, 0
        for _ in range(20):
            words = [rng.choice(words) for words in rng.sample(columns, 5)]
            page = engine.search(engine.query(text=" ".join(words)), limit=DEPTH)
            assert len(page.hits) == len(engine)
            nonsense += sum(hit.close for hit in page.hits[:5])
            scene = rng.choice(columns)
            page = engine.search(engine.query(text=" ".join(rng.sample(scene, 3))), limit=5)
            close += sum(hit.close for hit in page.hits)
        assert close > 60
        assert nonsense < close / 2, (nonsense, close)

    def test_closeness_is_a_share_that_never_grows_and_close_is_above_the_cut(
        self, engine: Engine
    ) -> None:
        for query in (engine.query(text="sea wave boat"), engine.query(photo=jpeg("snow"))):
            cut = engine.model.settings.calibration[query.kind].cutoff
            hits = engine.search(query, limit=DEPTH).hits
            closeness = [hit.closeness for hit in hits]
            assert closeness == sorted(closeness, reverse=True)
            assert all(0 <= hit.closeness <= 1 for hit in hits)
            assert [hit.close for hit in hits] == [near >= cut for near in closeness]

    def test_posts_with_the_words_literally_come_first(
        self, own: Engine, store: SqliteStore, posts: dict[int, Post]
    ) -> None:
        heavy = replace(own.model.settings, exact_weight=9.0)
        own.model = replace(own.model, settings=heavy)
        query = own.query(text="sea -sunset")
        plain = own.search(query, limit=DEPTH)
        own.exact_words = store
        found = own.search(query, limit=DEPTH)
        has = ["sea" in posts[hit.key].text or "sea" in posts[hit.key].tags for hit in found.hits]
        assert has == sorted(has, reverse=True)
        assert any(has)
        # What is excluded is left out by the word, not only by what it means.
        assert len(found.hits) < len(plain.hits)
        assert not any("sunset" in posts[hit.key].text.split() for hit in found.hits)
        # A post that is far from the question is found by its words all the same.
        far = {hit.key for hit in plain.hits[5:]}
        assert own.search(query, among=far).hits

    def test_words_on_a_photo_are_looked_up_literally(
        self, own: Engine, store: SqliteStore, posts: dict[int, Post]
    ) -> None:
        heavy = replace(own.model.settings, exact_weight=9.0)
        own.model, own.exact_words = replace(own.model, settings=heavy), store
        found = own.search(own.query(photo=jpeg("snow"), written='"sea" -sunset'), limit=5)
        assert all("sea" in posts[hit.key].text + posts[hit.key].id for hit in found.hits)

    def test_a_quoted_phrase_has_to_be_there(
        self, own: Engine, store: SqliteStore, posts: dict[int, Post]
    ) -> None:
        own.exact_words = store
        text = next(post.text for post in posts.values() if post.id.startswith("sea"))
        phrase = " ".join(text.split()[:2])
        found = own.search(own.query(text=f'"{phrase}"'), limit=DEPTH)
        assert found.hits
        assert all(phrase in posts[hit.key].text for hit in found.hits)
        assert own.search(own.query(text='sea "wave night snow"')) == Page((), False)

    def test_a_steep_calibration_does_not_overflow(self, engine: Engine) -> None:
        steep = {"text": Calibration(1e4, -5e3, 0.0)}
        chosen = replace(engine.model.settings, calibration=steep)
        other = Engine(replace(engine.model, settings=chosen))
        other._index = engine._index
        page = other.search(other.query(text="sea"), limit=DEPTH)
        assert len(page.hits) == len(engine)
        assert {round(hit.closeness, 6) for hit in page.hits} == {0.0, 1.0}

    @pytest.mark.parametrize("limit", [1, 3, 7, 50])
    def test_pages_follow_each_other(self, engine: Engine, limit: int) -> None:
        for query in (engine.query(text="sea wave boat"), engine.query(photo=jpeg("night"))):
            whole = engine.search(query, limit=DEPTH)
            assert not whole.more
            assert len(whole.hits) > 10
            hits = []
            for offset in range(0, DEPTH + limit, limit):
                page = engine.search(query, limit=limit, offset=offset)
                hits += page.hits
                assert page.more == (len(whole.hits) > offset + limit)
            assert tuple(hits) == whole.hits
            assert len({hit.key for hit in hits}) == len(hits)

    def test_beyond_the_depth(self, own: Engine) -> None:
        blob = own.describe(photo=jpeg("sea")).blob
        own.add([(key, blob) for key in range(1000, 2000)])
        query = own.query(photo=jpeg("sea"))
        whole = own.search(query, limit=5 * DEPTH)
        assert (len(whole.hits), whole.more) == (DEPTH, False)
        last = own.search(query, limit=10, offset=DEPTH - 10)
        assert (len(last.hits), last.more) == (10, False)
        for offset in (DEPTH, DEPTH + 1, 10**9):
            assert own.search(query, offset=offset) == Page((), False)

    @pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (5, -1)])
    def test_a_page_that_is_none(self, engine: Engine, limit: int, offset: int) -> None:
        query = engine.query(text="sea")
        with pytest.raises(ValueError, match="positive"):
            engine.search(query, limit=limit, offset=offset)
        with pytest.raises(ValueError, match="positive"):
            engine.topic_posts(0, limit=limit, offset=offset)

    def test_an_empty_library(self, small_model: Path) -> None:
        empty = Engine(load_model(small_model))
        assert len(empty) == 0
        assert empty.search(empty.query(text="sea")) == Page((), False)
        assert empty.topic_posts(0) == Page((), False)
        empty.load([], version=1)
        assert empty.search(empty.query(text="sea")) == Page((), False)

    def test_a_query_of_another_model(self, engine: Engine) -> None:
        other = Query("text", np.full(9, 1 / 9, np.float32))
        with pytest.raises(ValueError, match="another model"):
            engine.search(other)

    def test_a_stored_query_finds_the_same(self, engine: Engine) -> None:
        key = engine.search(engine.query(text="sea")).hits[0].key
        for query in (
            engine.query(text="sea beach -sunset qwertyuiop"),
            engine.query(photo=jpeg("sea"), text="night"),
            engine.query(photo=jpeg("sea")),
            engine.like(key),
        ):
            again = Query.from_bytes(query.to_bytes())
            assert engine.search(again, limit=50) == engine.search(query, limit=50)
            assert (again.words, again.minus, again.unknown) == (
                query.words,
                query.minus,
                query.unknown,
            )


class TestDescribe:
    def test_a_vector_of_a_photo_a_text_or_both(self, engine: Engine) -> None:
        photo = engine.describe(photo=jpeg("sea"))
        np.testing.assert_allclose(photo.theta, engine.query(photo=jpeg("sea")).theta, atol=1e-5)
        text = engine.describe(photo=None, text="sea beach")
        both = engine.describe(photo=jpeg("sea"), text="night sky moon", tags=["night"])
        for vector in (photo, text, both):
            assert vector.theta.sum() == pytest.approx(1, abs=1e-5)
            theta, biases = vectors_to_rows([vector.blob], vector.theta.size)
            np.testing.assert_array_equal(theta[0], vector.theta)
            assert np.isfinite(biases).all()
        assert not np.allclose(both.theta, photo.theta, atol=0.01)

    def test_nothing_to_describe(self, engine: Engine) -> None:
        for text in ("", "qwertyuiop"):
            with pytest.raises(EmptyQueryError):
                engine.describe(photo=None, text=text)
        unknown = engine.describe(photo=jpeg("sea"), text="qwertyuiop")
        np.testing.assert_array_equal(unknown.theta, engine.describe(photo=jpeg("sea")).theta)

    def test_it_is_what_the_library_holds(
        self, engine: Engine, store: SqliteStore, vectors: list[tuple[int, bytes]]
    ) -> None:
        """A post that the bot adds and the same post that was built are found alike."""
        held = dict(vectors)
        post = store.by_id("sea-002")
        assert post is not None
        assert post.key is not None
        assert post.photo is not None
        assert store.photo_root is not None
        line = next(
            line
            for line in (store.photo_root / "posts.jsonl").read_text().splitlines()
            if '"sea-002"' in line
        )
        texts = json.loads(line)["texts"]
        vector = engine.describe(
            photo=(store.photo_root / post.photo).read_bytes(),
            text="\n".join([*texts["en"], *texts["ru"]]),
            tags=["sea"],
        )
        built, _ = vectors_to_rows([held[post.key]], vector.theta.size)
        # The bot reads the texts as one, and the build has a sentence vector of each.
        assert (log_ratio(vector.theta[None]) * log_ratio(built)).sum() > 0.97


class TestAnnotate:
    @pytest.mark.parametrize("scene", ["sea", "night", "snow", "field"])
    def test_words_of_the_scene_in_the_language_asked_for(self, engine: Engine, scene: str) -> None:
        _, _, english, russian, tag = SCENES[scene]
        query = engine.query(photo=jpeg(scene))
        for language, known in (("en", english), ("ru", russian)):
            found = engine.annotate(query, language=language, words=4, tags=2)
            assert len({*known.split()} & {term.text for term in found.words}) >= 3
            assert {term.language for term in found.words} == {language}
            assert found.tags[0].text == tag
            assert all(term.score > 0 for term in (*found.words, *found.tags))

    def test_a_text_is_annotated_too(self, engine: Engine) -> None:
        found = engine.annotate(engine.query(text="ночь"), language="en", words=5)
        assert "star" in {term.text for term in found.words}


class TestExplain:
    def test_a_photo_has_topics_and_their_heat(self, engine: Engine) -> None:
        photo = jpeg("snow")
        why = engine.explain(engine.query(photo=photo), photo=photo, topics=3)
        assert 1 <= len(why.topics) <= 3
        shares = [share.share for share in why.topics]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1.001
        subject = engine.info.topics - engine.info.background
        assert all(share.topic < subject for share in why.topics)
        assert {"snow", "winter", "ski", "frost", "mountain"} & {
            term.text for term in why.topics[0].words
        }
        assert why.heat is not None
        assert why.heat.shape == (len(why.topics), 8, 8)
        assert ((why.heat >= 0) & (why.heat <= 1)).all()
        assert len(why.words) == 2
        assert why.word_heat is not None
        assert why.word_heat.shape == (2, 8, 8)
        assert min(engine.explain_picture(why, photo=photo, heading="What I see").size) > 200

    def test_the_picture_shows_the_main_words_by_themselves(self, engine: Engine) -> None:
        photo = jpeg("snow")
        why = engine.explain(engine.query(photo=photo), photo=photo, topics=1)
        assert len(why.topics[0].words) > 1

        def height(shown: Explanation) -> int:
            return engine.explain_picture(shown, photo=photo, heading="x").height

        without = height(replace(why, words=(), word_heat=None))
        assert height(why) > 1.5 * without
        # A topic of one word is shown once.
        same = replace(why.topics[0], words=why.words[:1])
        assert why.word_heat is not None
        one = replace(why, topics=(same,), words=why.words[:1], word_heat=why.word_heat[:1])
        assert height(one) == height(replace(one, words=(), word_heat=None))

    def test_a_text_has_no_heat(self, engine: Engine) -> None:
        why = engine.explain(engine.query(text="снег"), language="ru")
        assert why.heat is None
        assert {term.language for share in why.topics for term in share.words} == {"ru"}
        assert min(engine.explain_picture(why, photo=None, heading="снег").size) > 100

    def test_no_topics(self, engine: Engine) -> None:
        photo = jpeg("sea")
        why = engine.explain(engine.query(photo=photo), photo=photo, topics=0)
        assert why.topics == ()
        assert why.heat is not None
        assert why.heat.shape == (0, 8, 8)


class TestTopics:
    def test_they_are_named_in_either_language(self, engine: Engine) -> None:
        for language in ("en", "ru"):
            found = engine.topics(language=language)
            numbers = [topic.topic for topic in found]
            assert len(set(numbers)) == len(numbers) > 5
            assert {t.language for topic in found for t in topic.words} == {language}

    def test_their_posts_show_them(self, engine: Engine, posts: dict[int, Post]) -> None:
        named = {
            name: scene
            for scene, (*_, english, _, tag) in SCENES.items()
            for name in (*english.split(), tag)
        }
        for topic in engine.topics():
            scene = named[topic.words[0].text]
            page = engine.topic_posts(topic.topic, limit=5)
            assert scenes(page, posts)[scene] >= 4
            assert page.more

    def test_pages_follow_each_other(self, engine: Engine) -> None:
        whole = engine.topic_posts(0, limit=DEPTH)
        assert len(whole.hits) == len(engine)
        assert not whole.more
        shares = [hit.closeness for hit in whole.hits]
        assert shares == sorted(shares, reverse=True)
        pages = [engine.topic_posts(0, limit=20, offset=offset) for offset in range(0, 120, 20)]
        assert tuple(hit for page in pages for hit in page.hits) == whole.hits
        assert [page.more for page in pages] == [True] * 5 + [False]

    @pytest.mark.parametrize("topic", [-1, 16, 10**6])
    def test_a_topic_that_is_none(self, engine: Engine, topic: int) -> None:
        with pytest.raises(ValueError, match="16"):
            engine.topic_posts(topic)


class TestLibrary:
    def test_added_is_found_and_removed_is_not(self, own: Engine, posts: dict[int, Post]) -> None:
        query = own.query(photo=jpeg("sea"))
        vector = own.describe(photo=jpeg("sea"))
        own.add([(9000, vector.blob)])
        assert 9000 in own
        assert len(own) == len(posts) + 1
        assert own.search(query).hits[0].key == 9000
        # The same key again, with another photo: replaced.
        own.add([(9000, own.describe(photo=jpeg("night")).blob)])
        assert len(own) == len(posts) + 1
        assert 9000 not in {hit.key for hit in own.search(query).hits}
        assert 9000 in {hit.key for hit in own.search(own.query(photo=jpeg("night"))).hits}
        own.remove([9000, 9001])
        assert 9000 not in own
        assert len(own) == len(posts)
        own.add([])

    def test_a_post_of_text_alone_is_found_by_photo(self, own: Engine) -> None:
        own.add([(9000, own.describe(photo=None, text="sea wave boat beach").blob)])
        found = own.search(own.query(photo=jpeg("sea")), limit=30)
        assert 9000 in {hit.key for hit in found.hits}

    def test_vectors_of_another_model_or_none_are_refused(
        self, own: Engine, vectors: list[tuple[int, bytes]]
    ) -> None:
        for blob in (b"", b"garbage", vectors[0][1][:-4]):
            with pytest.raises(ValueError, match="topics"):
                own.add([(9000, blob)])
        assert 9000 not in own
        assert len(own) == len(vectors)

    def test_the_saved_index_is_used_while_it_is_fresh(
        self, own: Engine, small_model: Path, vectors: list[tuple[int, bytes]], tmp_path: Path
    ) -> None:
        cache = tmp_path / "index.faiss"
        query = own.query(text="sea")

        def open_again(version: int) -> bool:
            again = Engine(own.model)
            rebuilt = again.load(iter(vectors), version=version, cache=cache)
            assert again.search(query) == own.search(query)
            assert len(again) == len(vectors)
            return rebuilt

        assert open_again(7)  # there is none yet
        own.save(cache, version=7)
        assert not open_again(7)
        assert open_again(8)  # stale
        whole = cache.read_bytes()
        cache.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        assert open_again(7)  # damaged
        cache.write_bytes(whole[: len(whole) // 2])
        assert open_again(7)
        other = replace(own.model, info=replace(own.model.info, id="other"))
        own_again = Engine(other)
        cache.write_bytes(whole)
        assert own_again.load(iter(vectors), version=7, cache=cache)

    def test_the_index_that_came_with_the_model_is_fresh(
        self, small_model: Path, store: SqliteStore
    ) -> None:
        opened = Engine(load_model(small_model))
        version = store.version()
        assert not opened.load([], version=version, cache=small_model / "index.faiss")
        assert len(opened) == store.count()

    def test_threads_ask_while_others_add(self, own: Engine, posts: dict[int, Post]) -> None:
        errors: list[BaseException] = []
        blob = own.describe(photo=jpeg("sea")).blob
        wanted = own.query(photo=jpeg("night")).theta
        stop = threading.Event()

        def ask(scene: str) -> None:
            try:
                while not stop.is_set():
                    page = own.search(own.query(text=scene, photo=jpeg(scene)))
                    found = {hit.key for hit in page.hits if hit.key in posts}
                    assert all(posts[key].id.startswith(scene) for key in found)
                    np.testing.assert_allclose(
                        own.query(photo=jpeg("night")).theta, wanted, atol=1e-5
                    )
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=ask, args=(scene,)) for scene in ("sea", "night")]
        for thread in threads:
            thread.start()
        for number in range(150):
            own.add([(10_000 + number, blob)])
            if number % 3 == 0:
                own.remove([10_000 + number])
        stop.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(own) == len(posts) + 100


class TestOpen:
    def test_a_folder_that_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="image2pic build"):
            Engine.open(tmp_path)
        with pytest.raises(Image2PicError):
            Engine.open(tmp_path / "none")

    def test_a_query_imports_nothing_of_the_training(self, small_model: Path) -> None:
        """The bot runs where neither TensorFlow nor BigARTM can be installed."""
        script = f"""
import sys
from pathlib import Path
from engine.engine import Engine
from engine.store import SqliteStore

folder = Path({str(small_model)!r})
engine = Engine.open(folder)
with SqliteStore(folder / "posts.sqlite") as store:
    engine.load(store.vectors(engine.info.id), version=1)
    post = store.by_id("sea-001")
    photo = (store.photo_root / post.photo).read_bytes()
query = engine.query(photo=photo, text="sea море forrest")
assert engine.search(query).hits
engine.annotate(query)
engine.explain_picture(engine.explain(query, photo=photo), photo=photo, heading="x")
engine.topics()
heavy = {{"tensorflow", "keras", "artm", "sklearn", "matplotlib", "scipy", "pandas", "torch"}}
ours = {{"training", "bot"}}
print(sorted((heavy | ours) & {{name.split(".")[0] for name in sys.modules}}))
"""
        run = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == "[]"
