"""What only a file has: damage, kill -9, a full disk, other programs."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Image2PicError, StoreError, StoreFullError
from engine.store import Post, SqliteStore, Store, sqlite
from tests.engine.store.test_posts import FULL, posts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(path) as opened:
        yield opened


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
