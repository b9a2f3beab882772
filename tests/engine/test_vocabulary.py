from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import TextPipeline, Token
from engine.vocabulary import Vocabulary

words = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=20)


def vocabulary() -> Vocabulary:
    return Vocabulary(("dog", "море", "run"), ("dogs", "моря", "running"), ("en", "ru", "en"))


class TestCounts:
    def test_each_known_token_counts_in_its_column(self) -> None:
        tokens = [Token("run", "runs", "en"), Token("cat", "cat", "en"), Token("run", "ran", "en")]
        counts = vocabulary().counts(tokens)
        assert counts.tolist() == [0, 0, 2]
        assert counts.dtype == np.float32

    def test_of_real_texts(self) -> None:
        keys = [token.key for token in TextPipeline()("dogs run by the море").lemmas]
        book = Vocabulary(tuple(keys), tuple(keys), ("en",) * len(keys))
        bag = TextPipeline()("A dog is running! Собака у моря, собака.")
        assert {t.key for t in book.known(bag.lemmas)} == set(keys)
        assert book.counts(bag.lemmas).tolist() == [1] * len(keys)

    def test_nothing_known(self) -> None:
        assert vocabulary().known([Token("cat", "cat", "en")]) == []
        assert not vocabulary().counts([]).any()

    def test_an_empty_vocabulary(self) -> None:
        empty = Vocabulary((), (), ())
        assert len(empty) == 0
        assert empty.counts([Token("cat", "cat", "en")]).shape == (0,)


class TestDict:
    @given(words)
    def test_it_survives_json(self, keys: list[str]) -> None:
        book = Vocabulary(tuple(keys), tuple(key.upper() for key in keys), ("",) * len(keys))
        again = Vocabulary.from_dict(json.loads(json.dumps(book.to_dict())))
        assert again == book
        assert again.index == book.index

    @pytest.mark.parametrize(
        "row",
        [
            {},
            {"keys": ["a"], "surfaces": ["a"]},
            {"keys": ["a", "b"], "surfaces": ["a"], "languages": ["en"]},
            {"keys": ["a", "a"], "surfaces": ["a", "b"], "languages": ["en", "en"]},
            {"keys": 1, "surfaces": [], "languages": []},
        ],
    )
    def test_anything_else_is_refused(self, row: dict) -> None:
        with pytest.raises((ValueError, KeyError, TypeError)):
            Vocabulary.from_dict(row)
