"""What every database has to do with posts and vectors; the same tests on each."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.errors import StoreError
from engine.store import Post, SqliteStore, Store, database


def posts(count: int, **fields: object) -> list[Post]:
    return [Post(0, f"p{n}", **fields) for n in range(count)]  # type: ignore[arg-type]


def undescribed(store: Store, model: str) -> list[int]:
    return [post.key for post in store.undescribed(model, after=0, limit=10**6)]


FULL = Post(
    key=0,
    id="кот/1",
    photo="photos/кот.jpg",
    text="Кот на окне 🐈\n",
    tags=("кот", "cat"),
    date="2024-05-01T10:00:00+00:00",
    source="@cats",
    url="https://t.me/cats/1",
    thread="Окна",
    media="video",
    picture_words="кыш",
    vector=b"\x00\xff\x01",
    model="m1",
)


class TestPosts:
    def test_a_post_comes_back_as_it_was(self, store: Store) -> None:
        (key,) = store.upsert([FULL])
        read = replace(FULL, key=key, vector=None, model=None)
        assert store.posts([key]) == {key: read}
        assert store.by_id("кот/1") == read
        assert list(store.vectors("m1")) == [(key, b"\x00\xff\x01")]

    def test_a_bare_post(self, store: Store) -> None:
        (key,) = store.upsert([Post(0, "x")])
        assert store.by_id("x") == Post(key, "x")

    def test_keys_come_in_the_order_of_the_posts(self, store: Store) -> None:
        keys = store.upsert(posts(2500))
        assert len(set(keys)) == 2500
        found = store.posts(keys)
        assert [found[key].id for key in keys] == [f"p{n}" for n in range(2500)]
        assert store.count() == 2500

    def test_the_second_with_the_same_id_replaces_the_first(self, store: Store) -> None:
        first, other = store.upsert([FULL, Post(0, "other")])
        second, third = store.upsert([Post(0, FULL.id, text="a"), Post(0, FULL.id, text="b")])
        assert first == second == third != other
        assert store.by_id(FULL.id) == Post(first, FULL.id, text="b")
        assert store.count() == 2

    def test_posts_that_there_are_not(self, store: Store) -> None:
        a, b = store.upsert(posts(2))
        found = store.posts([b, 999, a, b, -1, 2**70])
        assert {key: post.id for key, post in found.items()} == {a: "p0", b: "p1"}
        assert store.posts([]) == {}

    def test_get_more_than_sqlite_takes_variables(self, store: Store) -> None:
        keys = store.upsert(posts(1200))
        assert store.posts(keys).keys() == set(keys)

    def test_delete(self, store: Store) -> None:
        keys = store.upsert(posts(3))
        assert store.delete(["p1", "nobody", "p1"]) == 1
        assert {post.id for post in store.posts(keys).values()} == {"p0", "p2"}
        assert store.by_id("p1") is None

    def test_a_key_is_never_used_again(self, store: Store) -> None:
        keys = store.upsert(posts(3))
        store.delete(["p2"])
        assert store.upsert([Post(0, "p2")])[0] not in keys

    def test_recent(self, store: Store) -> None:
        dates = ["2024-01-02", None, "2024-01-03", "2024-01-01", "2024-01-03"]
        store.upsert(Post(0, f"p{n}", date=date) for n, date in enumerate(dates))
        assert [p.id for p in store.recent(10)] == ["p4", "p2", "p0", "p3", "p1"]
        assert [p.id for p in store.recent(2, 1)] == ["p2", "p0"]
        assert store.recent(2, 5) == []

    def test_batches_before_a_failing_source_stay(self, store: Store) -> None:
        def source() -> Iterator[Post]:
            yield from posts(database.BATCH + 10)
            raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError, match="the source broke"):
            store.upsert(source())
        assert store.count() == database.BATCH

    def test_half_of_a_surrogate_pair_writes_nothing(self, store: Store) -> None:
        with pytest.raises(StoreError, match="surrogate"):
            store.upsert([Post(0, "a"), Post(0, "b", text="\ud83d")])
        assert store.count() == 0
        store.upsert([Post(0, "a")])
        assert store.count() == 1

    def test_a_new_photo_forgets_telegrams_copy_of_the_old(self, store: Store) -> None:
        kept, changed = store.upsert(posts(2, photo="1.jpg"))
        store.set_files({kept: "id", changed: "id"})
        store.upsert([Post(0, "p0", photo="1.jpg", text="new"), Post(0, "p1", photo="2.jpg")])
        found = store.posts([kept, changed])
        assert (found[kept].file, found[changed].file) == ("id", None)


class TestVectors:
    def test_only_of_the_model_and_by_key(self, store: Store) -> None:
        keys = store.upsert(
            [
                Post(0, "a", vector=b"1", model="m1"),
                Post(0, "b", vector=b"2", model="m2"),
                Post(0, "c"),
                Post(0, "d", vector=b"4", model="m1"),
            ]
        )
        assert list(store.vectors("m1")) == [(keys[0], b"1"), (keys[3], b"4")]
        assert undescribed(store, "m1") == [keys[1], keys[2]]
        assert undescribed(store, "m3") == keys
        assert store.described("m1") == 2

    def test_set_vectors(self, store: Store) -> None:
        keys = store.upsert(posts(2100))
        given_vectors = ((key, str(key).encode()) for key in [*keys, 10**6])
        assert store.set_vectors(given_vectors, "m1") == 2100
        assert list(store.vectors("m1")) == [(key, str(key).encode()) for key in keys]
        assert undescribed(store, "m1") == []

    def test_a_replaced_post_has_to_be_described_again(self, store: Store) -> None:
        (key,) = store.upsert([FULL])
        store.upsert([replace(FULL, text="new", vector=None, model=None)])
        assert undescribed(store, "m1") == [key]

    def test_one_state_is_read_while_another_is_written(self, store: Store) -> None:
        keys = store.upsert(posts(3000, vector=b"old", model="m1"))
        stream = store.vectors("m1")
        assert next(stream) == (keys[0], b"old")
        store.set_vectors(((key, b"new") for key in keys), "m1")
        store.delete(["p2999"])
        assert set(stream) == {(key, b"old") for key in keys[1:]}
        assert list(store.vectors("m1")) == [(key, b"new") for key in keys[:-1]]

    def test_an_abandoned_stream_blocks_nobody(self, store: Store) -> None:
        store.upsert(posts(100, vector=b"v", model="m1"))
        stream = store.vectors("m1")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert store.delete(f"p{n}" for n in range(100)) == 100


class TestVersionAndMeta:
    def test_version_grows_with_each_change_and_only_then(self, store: Store) -> None:
        seen = [store.version()]
        changes = [
            lambda: store.upsert([FULL]),
            lambda: store.upsert([FULL]),
            lambda: store.set_vectors([(1, b"v")], "m1"),
            lambda: store.delete([FULL.id]),
        ]
        for change in changes:
            change()
            seen.append(store.version())
        assert seen == sorted(set(seen))

        store.delete(["nobody"])
        store.set_vectors([(999, b"v")], "m1")
        store.upsert([])
        store.set_meta("note", "x")
        store.photo_root = Path("photos")
        assert store.version() == seen[-1]

    def test_version_survives_reopening(
        self, store: Store, open_store: Callable[[], Store]
    ) -> None:
        store.upsert([FULL])
        version = store.version()
        store.close()
        with open_store() as again:
            assert again.version() == version

    def test_meta(self, store: Store) -> None:
        assert store.meta("note") is None
        store.set_meta("note", "первая")
        store.set_meta("note", "вторая")
        assert store.meta("note") == "вторая"

    def test_photo_root(self, store: Store) -> None:
        assert store.photo_root is None
        store.photo_root = Path("/photos/x")
        assert store.photo_root == Path("/photos/x")

    def test_removed_for_good(self, store: Store) -> None:
        assert store.removed_ids() == set()
        store.remove_forever("gone")
        assert store.removed_ids() == {"gone"}


def test_several_threads(store: Store) -> None:
    def write(name: str) -> None:
        for n in range(50):
            store.upsert([Post(0, f"{name}{n}")])
            assert store.by_id(f"{name}{n}") is not None

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 200
    assert store.version() == 200


def test_two_openings(store: Store, open_store: Callable[[], Store]) -> None:
    with open_store() as other:
        other.upsert([Post(0, "from the other")])
        store.upsert([Post(0, "from this")])
        assert store.count() == other.count() == 2


def test_what_changed_since_a_version(store: Store) -> None:
    first, second = store.upsert(posts(2, vector=b"v", model="m1"))
    before = store.version()
    store.set_vectors([(second, b"w")], "m1")
    store.set_vectors([(first, b"x")], "m2")
    store.delete(["p1"])
    assert [(one.key, one.vector) for one in store.changes("m1", after=before)] == [
        (first, None),
        (second, None),
    ]
    assert store.changes("m2", after=before)[0].vector == b"x"
    assert store.changes("m1", after=store.version()) == []


class Model(RuleBasedStateMachine):
    """Any series of writes agrees with a dictionary."""

    ids = st.sampled_from("abcde")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "library.db"
        self.store = SqliteStore(self.path)
        self.expected: dict[str, Post] = {}
        self.vectors: dict[int, tuple[bytes, str]] = {}

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(
        batch=st.lists(
            st.tuples(
                ids,
                st.text(st.characters(codec="utf-8"), max_size=5),
                st.lists(st.text(st.characters(codec="utf-8"), max_size=3), max_size=2),
            ),
            max_size=4,
        )
    )
    def upsert(self, batch: list[tuple[str, str, list[str]]]) -> None:
        written = [Post(0, i, text=text, tags=tuple(tags)) for i, text, tags in batch]
        for post, key in zip(written, self.store.upsert(written), strict=True):
            known = self.expected.get(post.id)
            assert known is None or known.key == key
            self.expected[post.id] = replace(post, key=key)
            self.vectors.pop(key, None)

    @rule(which=st.sets(ids))
    def remove(self, which: set[str]) -> None:
        assert self.store.delete(which) == len(which & self.expected.keys())
        for i in which & self.expected.keys():
            self.vectors.pop(self.expected.pop(i).key, None)

    @rule(which=ids, vector=st.binary(max_size=4), model=st.sampled_from(["m1", "m2"]))
    def describe(self, which: str, vector: bytes, model: str) -> None:
        post = self.expected.get(which)
        key = post.key if post else 10**9
        assert self.store.set_vectors([(key, vector)], model) == (post is not None)
        if post:
            self.vectors[key] = vector, model

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = SqliteStore(self.path)

    @invariant()
    def agrees(self) -> None:
        assert self.store.count() == len(self.expected)
        assert {i: self.store.by_id(i) for i in "abcde"} == {
            i: self.expected.get(i) for i in "abcde"
        }
        for model in ("m1", "m2"):
            described = {key: v for key, (v, of) in self.vectors.items() if of == model}
            assert dict(self.store.vectors(model)) == described
            assert set(undescribed(self.store, model)) == {
                p.key for p in self.expected.values() if p.key not in described
            }


Model.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
test_any_series_of_writes = Model.TestCase
