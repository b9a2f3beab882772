from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from corpora import SCENES
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codebook import LIMIT
from engine.corpus.reader import CorpusPost, Report, read_corpus
from engine.text import TextPipeline
from engine.vocabulary import Vocabulary
from training.learn.bags import (
    assemble,
    counts_matrix,
    learn_vocabularies,
    text_columns,
    tokenise,
    visual_counts,
)
from training.learn.features import Chunk

PIPELINE = TextPipeline()


def post(
    name: str, texts: dict[str, tuple[str, ...]], tags: tuple[str, ...] | None = None
) -> CorpusPost:
    return CorpusPost(name, Path(f"{name}.jpg"), texts, tags, None, None, None, "train", 1)


def chunk(ids: tuple[str, ...], seed: int = 0, words: int = 20) -> Chunk:
    rng = np.random.default_rng(seed)
    shape = (len(ids), 9, 3)
    weights = rng.random(shape)
    return Chunk(
        ids,
        rng.random((len(ids), 6)).astype(np.float16),
        rng.integers(0, words, shape).astype(np.uint16),
        (weights / weights.sum(2, keepdims=True)).astype(np.float16),
    )


class TestTokenise:
    def test_each_text_of_a_post_in_its_language(self) -> None:
        posts = [
            post("a", {"en": ("Dogs run", "A dog"), "ru": ("Собака бежит",)}),
            post("b", {"": ("Кошка спит на окне",)}),
            post("c", {"": ("a cat sleeps",)}),
        ]
        texts = tokenise(posts, PIPELINE)
        assert [(text.post, text.language) for text in texts] == [
            ("a", "en"),
            ("a", "en"),
            ("a", "ru"),
            ("b", "ru"),
            ("c", "en"),
        ]

    def test_hashtags_belong_to_every_text_or_make_one(self) -> None:
        both = tokenise([post("a", {"en": ("dogs", "cats")}, ("sea",))], PIPELINE)
        assert [[t.key for t in text.bag.tags] for text in both] == [["sea"], ["sea"]]
        (alone,) = tokenise([post("a", {}, ("sunset",))], PIPELINE)
        assert [token.key for token in alone.bag.tags] == ["sunset"]

    def test_lines_that_recur_under_the_posts_are_not_learnt(self) -> None:
        animals = ("dog", "cat", "fox", "owl", "bear", "wolf")
        posts = [post(a, {"": (f"a {a} sleeps\n\nFollow for more!",)}) for a in animals]
        keys = [[t.key for t in text.bag.lemmas] for text in tokenise(posts, PIPELINE)]
        assert keys == [[animal, "sleep"] for animal in animals]

    def test_a_post_that_says_nothing_gives_no_text(self) -> None:
        silent = [post("a", {}), post("b", {"en": ("",)}), post("c", {"en": ("😀 !!",)}, ())]
        assert tokenise(silent, PIPELINE) == []


class TestVocabularies:
    def vocabularies(self, min_df: int = 2, max_df: float = 0.6, largest: int = 100) -> tuple:
        posts = [
            post("a", {"en": ("the red dogs run", "a dog")}, ("sea",)),
            post("b", {"en": ("red red red dog",)}, ("sea", "rare")),
            post("c", {"en": ("a red cat, running dogs",), "ru": ("красные собаки",)}, ("sea",)),
            post("d", {"ru": ("собака и кот",)}),
        ]
        texts = tokenise(posts, PIPELINE)
        return (*learn_vocabularies(texts, min_df=min_df, max_df=max_df, largest=largest), texts)

    def test_words_of_enough_texts_and_of_not_too_many(self) -> None:
        words, tags, texts = self.vocabularies()
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update({token.key for token in text.bag.lemmas})
        wanted = {key for key, n in counts.items() if 2 <= n <= max(0.6 * len(texts), 2)}
        assert set(words.keys) == wanted
        assert "red" in words.surfaces
        assert "cat" not in words.surfaces
        assert list(words.keys) == sorted(words.keys)
        # "sea" is on nearly every post, but no hashtag is too frequent.
        assert tags.keys == ("sea",)

    def test_a_word_said_often_in_one_text_counts_once(self) -> None:
        words, _, _ = self.vocabularies(min_df=4)
        assert "red" not in words.surfaces

    def test_they_are_shown_as_people_write_them_and_have_a_language(self) -> None:
        words, tags, _ = self.vocabularies()
        shown = dict(zip(words.surfaces, words.languages, strict=True))
        assert shown["red"] == "en"
        assert {surface for surface, language in shown.items() if language == "ru"} == {"собака"}
        assert "run" in shown
        assert tags.languages == ("en",)

    def test_the_most_frequent_are_kept(self) -> None:
        words, _, _ = self.vocabularies(min_df=1, max_df=1.0, largest=2)
        assert len(words) == 2

    def test_no_texts(self) -> None:
        words, tags = learn_vocabularies([], min_df=2, max_df=0.5)
        assert (len(words), len(tags)) == (0, 0)


class TestColumns:
    def test_words_first_then_hashtags(self) -> None:
        words, tags, _ = TestVocabularies().vocabularies()
        columns = text_columns(words, tags, PIPELINE("red red dogs", ["sea", "unknown"]))
        named = {**{i: key for key, i in words.index.items()}}
        said = {named[column]: n for column, n in columns.items() if column < len(words)}
        assert said[PIPELINE("red").lemmas[0].key] == 2
        assert columns[len(words) + tags.index["sea"]] == 1
        assert max(columns) == len(words)

    @given(st.lists(st.dictionaries(st.integers(0, 9), st.integers(1, 5), max_size=6), max_size=8))
    @settings(max_examples=60, deadline=None)
    def test_a_matrix_of_counters(self, rows: list[dict[int, int]]) -> None:
        matrix = counts_matrix([Counter(row) for row in rows], 10)
        wanted = np.zeros((len(rows), 10), np.float32)
        for i, row in enumerate(rows):
            for column, n in row.items():
                wanted[i, column] = n
        assert matrix.shape == (len(rows), 10)
        assert matrix.dtype == np.float32
        assert matrix.has_sorted_indices
        np.testing.assert_array_equal(matrix.toarray(), wanted)


class TestVisual:
    def test_cells_are_counted_up_to_the_limit(self) -> None:
        some = chunk(("a", "b", "c"))
        matrix = visual_counts(some, 20)
        wanted = np.zeros((3, 20), np.float32)
        for row in range(3):
            np.add.at(wanted[row], some.words[row], some.weights[row].astype(np.float32))
        wanted = np.minimum(wanted, LIMIT)
        wanted[wanted < 0.05] = 0
        np.testing.assert_allclose(matrix.toarray(), wanted, atol=1e-4)
        plain = Chunk(
            ("a",),
            np.zeros((1, 6), np.float16),
            np.full((1, 64, 1), 3, np.uint16),
            np.ones((1, 64, 1), np.float16),
        )
        assert visual_counts(plain, 20).toarray().max() == LIMIT

    def test_no_photos(self) -> None:
        assert visual_counts(chunk(()), 20).shape == (0, 20)


class TestAssemble:
    def test_texts_go_to_the_posts_whose_photo_could_be_read(self) -> None:
        posts = [
            post("a", {"en": ("a sea", "the waves")}),
            post("broken", {"en": ("a sea",)}),
            post("b", {"ru": ("волны",)}),
        ]
        texts = tokenise(posts, PIPELINE)
        words, tags = learn_vocabularies(texts, min_df=1, max_df=1.0)
        data = assemble([chunk(("b",)), chunk(("a",), 1)], texts, words, tags, 20)
        assert data.ids == ("b", "a")
        assert data.owner.tolist() == [1, 1, 0]
        assert data.language.tolist() == ["en", "en", "ru"]
        assert data.features.shape == (2, 6)
        assert data.features.dtype == np.float32
        assert data.visual.shape == (2, 20)
        sea = words.index[PIPELINE("sea").lemmas[0].key]
        assert data.texts[:, sea].toarray().ravel().tolist() == [1, 0, 0]

    def test_no_posts(self) -> None:
        nothing = Vocabulary((), (), ())
        data = assemble([], [], nothing, nothing, 20)
        assert len(data) == 0
        assert data.visual.shape == (0, 20)
        assert data.texts.shape == (0, 0)

    def test_the_small_corpus(self, small_corpus: Path) -> None:
        posts = list(read_corpus(small_corpus, splits=["train"], report=Report()))
        texts = tokenise(posts, PIPELINE)
        assert len(texts) == 3 * len(posts) == 3 * 108
        words, tags = learn_vocabularies(texts, min_df=2, max_df=0.5)
        assert {"sea", "море"} <= set(words.surfaces)
        assert set(tags.keys) == {tag for *_, tag in SCENES.values()}
