"""Exact words: what is found by them, and that the index stays right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from engine.store import Post, Store
from engine.text.exact import EDITION, parse

POSTS = [
    Post(0, "a", text="A brown dog on Baker Street 221", tags=("walk",)),
    Post(0, "b", text="Собаки и кошки, 7 лет вместе #МояСобака"),
    Post(0, "c", text="The street of the baker: dogs", tags=("SunSet",)),
    Post(0, "d", text="Nothing but sea", picture_words="SALE 50% zyzzyva"),
]


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Iterator[Store]:
    with open_store() as opened:
        opened.upsert(POSTS)
        yield opened


def found(store: Store, text: str) -> list[str]:
    query = parse(text)
    hits = store.matching(query.words, query.phrases, query.minus)
    posts = store.posts([key for key, _ in hits])
    return [posts[key].id for key, _ in hits]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("dog", ["c", "a"]),
        ("собака", ["b"]),
        ("кошками", ["b"]),
        ("221", ["a"]),
        ("7", ["b"]),
        ("zyzzyva", ["d"]),
        ("sun", ["c"]),
        ("#SunSet", ["c"]),
        ("#sea", []),
        ("the", []),
        ("dog 221", ["a", "c"]),
        ('"baker street"', ["a"]),
        ('"street of the baker"', ["c"]),
        ('"the dogs of the street"', []),
        ("street -brown", ["c"]),
        ('street -"of the"', ["a"]),
        ("dog -#walk", ["c"]),
        ("sea -zyzzyva", []),
        ('dog " ( * NEAR OR', ["c", "a"]),
    ],
)
def test_words_phrases_and_minus(store: Store, text: str, ids: list[str]) -> None:
    assert found(store, text) == ids


def test_rare_words_weigh_more(store: Store) -> None:
    (_, both), (_, one) = store.matching(["221", "dog"])
    rare, common = 1, (math.log1p(4 / 2) / math.log1p(4)) ** 2
    assert both == pytest.approx((1 + (rare + common) / 10) / 2)
    assert one == pytest.approx((common / (rare + common) + common / 9) / 2)


def test_of_posts_with_all_the_words_the_one_that_says_least_else_is_first(store: Store) -> None:
    store.upsert(
        [Post(0, "long", text="221 dogs, a duck, two cows, six cats, one goat, hens, owls")]
    )
    assert found(store, "dog 221") == ["a", "long", "c"]


def test_the_index_follows_each_change(store: Store) -> None:
    (key,) = store.upsert([replace(POSTS[0], text="a cat")])
    assert (found(store, "cat"), found(store, "221")) == (["a"], [])
    store.set_picture_words(key, "hello wombat")
    assert found(store, "wombat") == ["a"]
    # What is written on the picture stays known as long as the picture is the same.
    store.upsert([replace(POSTS[0], text="a bird")])
    assert found(store, "wombat bird") == ["a"]
    store.upsert([replace(POSTS[0], photo="other.jpg")])
    assert found(store, "wombat") == []
    store.delete(["a"])
    store.remove_forever("c")
    assert found(store, "dog") == []


def test_containing(store: Store) -> None:
    keys = [post.key for post in store.recent(10)]
    assert store.containing(keys, [("dog",), ("of", "the")]) == {
        post.key for post in store.recent(10) if post.id in "ac"
    }
    assert store.containing([], [("dog",)]) == store.containing(keys, []) == set()


def test_pictures_that_nobody_has_read(store: Store) -> None:
    first, *_ = posts = store.without_picture_words(after=0, limit=10)
    assert [post.id for post in posts] == ["a", "b", "c"]
    store.set_picture_words(first.key, "")
    assert [post.id for post in store.without_picture_words(after=0, limit=10)] == ["b", "c"]


def test_an_older_library_is_indexed_step_by_step(store: Store) -> None:
    store._write("DELETE FROM words WHERE key != 2")
    store._write("UPDATE words SET edition = ?", (EDITION - 1,))
    assert found(store, "dog") == []
    assert store.index_some(3) == 3
    assert store.index_some(3) == 1
    assert store.index_some(3) == 0
    assert found(store, "dog") == ["c", "a"]


def test_filters(store: Store) -> None:
    store.upsert(
        [
            Post(0, "x", text="one sea", date="2026-01-02", source="@Sea", thread="Т", tags=("b",)),
            Post(0, "y", text="two seas", date="2026-02-02", source="@sea", media="video"),
        ]
    )

    def ids(**filters: object) -> str:
        posts = store.posts(keys := store.filtered(**filters))  # type: ignore[arg-type]
        return "".join(posts[key].id for key in keys)

    assert ids(since="2026-01-01") == "yx"
    assert ids(since="2026-01-01", until="2026-02-01") == "x"
    assert ids(source="@SEA") == "yx"
    assert ids(thread="т") in {"", "x"}  # SQLite lower-cases ASCII alone
    assert ids(media="video") == "y"
    assert ids(tags=["#B"]) == "x"
    assert ids(phrases=[("two", "sea")]) == "y"
    assert ids() == "yxdcba"
