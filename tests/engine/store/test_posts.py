from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.errors import Image2PicError, StoreError, StoreFullError
from engine.store import Post, SqliteStore, Store, database, sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with SqliteStore(path) as opened:
        yield opened


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

    def test_a_new_photo_forgets_telegrams_copy_of_the_old(self, path: Path, store: Store) -> None:
        kept, changed = store.upsert(posts(2, photo="1.jpg"))
        with sqlite3.connect(path) as other:
            other.executemany(
                "INSERT INTO files (bot, key, file) VALUES (1, ?, 'id')", [(kept,), (changed,)]
            )
        store.upsert([Post(0, "p0", photo="1.jpg", text="new"), Post(0, "p1", photo="2.jpg")])
        assert other.execute("SELECT key FROM files").fetchall() == [(kept,)]
        other.close()


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

    def test_version_survives_reopening(self, path: Path, store: Store) -> None:
        store.upsert([FULL])
        version = store.version()
        store.close()
        with SqliteStore(path) as again:
            assert again.version() == version

    def test_meta(self, store: Store) -> None:
        assert store.meta("note") is None
        store.set_meta("note", "первая")
        store.set_meta("note", "вторая")
        assert store.meta("note") == "вторая"

    def test_photo_root(self, path: Path, store: Store) -> None:
        assert store.photo_root is None
        store.photo_root = Path("/photos/x")
        assert store.photo_root == Path("/photos/x")

    def test_removed_for_good(self, path: Path, store: Store) -> None:
        assert store.removed_ids() == set()
        with sqlite3.connect(path) as other:
            other.execute("INSERT INTO removed (id) VALUES ('gone')")
        other.close()
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


def test_two_openings_of_one_file(path: Path, store: Store) -> None:
    with SqliteStore(path) as other:
        other.upsert([Post(0, "from the other")])
        store.upsert([Post(0, "from this")])
        assert store.count() == other.count() == 2


class TestBadFiles:
    def refused(self, path: Path) -> str:
        with pytest.raises(StoreError) as caught:
            SqliteStore(path)
        text = str(caught.value)
        assert str(path.parent) not in text  # the text may be shown to a stranger
        return text

    def test_not_a_database(self, path: Path) -> None:
        path.write_bytes(os.urandom(10_000))
        before = path.read_bytes()
        assert "damaged, or not a library" in self.refused(path)
        assert path.read_bytes() == before

    def test_a_database_of_another_program(self, path: Path) -> None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE bookmarks (url TEXT)")
        other.close()
        assert "another program" in self.refused(path)

    def test_written_by_a_newer_version(self, path: Path) -> None:
        with sqlite3.connect(path) as other:
            other.execute("PRAGMA user_version = 999")
        other.close()
        with pytest.raises(Image2PicError, match="schema version 999"):
            SqliteStore(path)

    def test_no_folder(self, path: Path) -> None:
        assert "its folder must exist" in self.refused(path.parent / "nowhere" / path.name)

    def test_a_folder_in_its_place(self, path: Path) -> None:
        path.mkdir()
        assert "cannot be opened" in self.refused(path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_read_only(self, path: Path) -> None:
        SqliteStore(path).close()
        path.chmod(0o400)
        assert "read-only" in self.refused(path)

    def test_read_only_while_open(self, store: SqliteStore) -> None:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="read-only"):
            store.upsert([FULL])
        assert store.count() == 0

    def test_damaged_in_the_middle(self, path: Path) -> None:
        with SqliteStore(path) as store:
            store.upsert(posts(500, text="x" * 400))
        data = bytearray(path.read_bytes())
        data[len(data) // 3 : -4096] = os.urandom(len(data) - 4096 - len(data) // 3)
        path.write_bytes(data)
        with pytest.raises(StoreError, match="damaged"), SqliteStore(path) as store:
            store.posts(range(1, 501))

    @settings(max_examples=60, deadline=None)
    @given(cuts=st.integers(0, 60_000), noise=st.binary(max_size=2000))
    def test_any_damage_is_one_of_our_errors(
        self, tmp_path_factory: pytest.TempPathFactory, cuts: int, noise: bytes
    ) -> None:
        path = tmp_path_factory.mktemp("damage") / "library.db"
        with SqliteStore(path) as store:
            store.upsert(posts(100, text="x" * 300))
        data = path.read_bytes()
        path.write_bytes(data[:cuts] + noise + data[cuts + len(noise) :])
        try:
            with SqliteStore(path) as store:
                store.recent(100)
                store.upsert([FULL])
        except Image2PicError:
            pass

    def test_damaged_tags(self, path: Path, store: Store) -> None:
        (key,) = store.upsert([FULL])
        with sqlite3.connect(path) as other:
            other.execute("UPDATE posts SET tags = '['")
        other.close()
        with pytest.raises(StoreError, match="damaged"):
            store.posts([key])

    def test_locked_by_another(
        self, path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.1)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with SqliteStore(path) as late, pytest.raises(StoreError, match=r"locked for 0\.1 s"):
            late.upsert([FULL])
        other.execute("ROLLBACK")
        other.close()

    def test_closed(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.count()

    def test_full_disk(self, path: Path, store: SqliteStore) -> None:
        """SQLite's own page limit gives the very error of a full disk."""
        keys = store.upsert(posts(10))
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(StoreFullError, match="disk is full"):
            store.upsert([Post(0, f"big{n}", text="x" * 10_000) for n in range(50)])
        assert store.count() == 10
        assert len(store.posts(keys)) == 10
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.upsert([FULL])
        assert store.count() == 11


WRITER = """
import sys
from pathlib import Path
from engine.store import Post, SqliteStore

store = SqliteStore(Path(sys.argv[1]))
for n in range(100_000):
    names = [f"{n}-{i}" for i in range(7)]
    keys = store.upsert(Post(0, name, text="x" * 500, tags=("a",)) for name in names)
    store.set_vectors([(key, name.encode()) for key, name in zip(keys, names)], "m")
    print(n, store.version(), flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    """Kill a writer at several moments; each post it acknowledged is there, once and whole."""
    root = Path(__file__).parents[3]
    for acknowledgements in (1, 20, 45):
        path.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=root
        ) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(acknowledgements)]
            writer.send_signal(signal.SIGKILL)
            # What it had said before the signal arrived was acknowledged too.
            lines += [line for line in writer.stdout.read().splitlines(True) if line.endswith("\n")]
        assert writer.returncode == -signal.SIGKILL
        last, version = (int(number) for number in lines[-1].split())
        with SqliteStore(path) as store:
            vectors = dict(store.vectors("m"))
            for n in range(last + 1):
                for i in range(7):
                    post = store.by_id(f"{n}-{i}")
                    assert post is not None
                    assert vectors[post.key] == post.id.encode()
            # Batches are whole: all seven posts of one, or none.
            assert store.count() % 7 == 0
            assert store.version() >= version
            assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            store.upsert([FULL])


def test_path_is_in_no_error(path: Path) -> None:
    with SqliteStore(path) as store:
        store._connection.execute("DROP TABLE posts")
        with pytest.raises(StoreError) as caught:
            store.count()
    assert re.search(r"no such table", str(caught.value))
    assert str(path.parent) not in str(caught.value)


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
