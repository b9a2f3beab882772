from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.library import seed
from engine.errors import StoreError
from engine.results import Query
from engine.store import ModelPosts, Post, SqliteStore, Store
from engine.store.schema import MIGRATIONS


def model(folder: Path, model_id: str, names: Iterable[str], photo_root: str = "photos") -> Path:
    folder.mkdir()
    with SqliteStore(folder / "posts.sqlite") as store:
        store.photo_root = Path(photo_root)
        store.upsert(
            Post(
                0,
                name,
                f"{name}.jpg",
                f"text {name}",
                vector=b"v" + model_id.encode(),
                model=model_id,
            )
            for name in names
        )
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with seed.open_store(tmp_path / "var" / "library.sqlite") as opened:
        yield opened


def test_seeded_once(tmp_path: Path, store: Store) -> None:
    source = model(tmp_path / "m1", "m1", "abc")
    seed.prepare(store, source, "m1")
    assert store.described("m1") == 3
    store.delete(["a"])
    seed.prepare(store, source, "m1")
    assert store.described("m1") == 2


def test_no_posts_file(tmp_path: Path, store: Store) -> None:
    (tmp_path / "m").mkdir()
    seed.prepare(store, tmp_path / "m", "m1")
    assert store.count() == store.version() == 0


def test_a_new_model_is_merged(tmp_path: Path, store: Store) -> None:
    seed.prepare(store, model(tmp_path / "m1", "m1", "abc"), "m1")
    store.remove_forever("b")
    store.upsert([Post(0, "telegram/1/1", text="t", vector=b"1", model="m1")])
    before = store.version()
    seed.prepare(store, model(tmp_path / "m2", "m2", "bcd"), "m2")
    assert store.version() > before
    found = {
        name: [post.id for post in store.undescribed(name, after=0, limit=9)]
        for name in ("m1", "m2")
    }
    assert found == {"m1": ["c", "d"], "m2": ["a", "telegram/1/1"]}


def test_photo_roots_of_all_models(tmp_path: Path, store: Store) -> None:
    for name in ("m1", "m2"):
        source = model(tmp_path / name, name, "a")
        seed.prepare(store, source, name)
        roots = seed.photo_roots(store, source, None)
    assert roots == [tmp_path / "m2" / "photos", tmp_path / "m1" / "photos"]
    extra = tmp_path / "extra"
    assert seed.photo_roots(store, source, extra)[0] == extra


def test_a_model_from_elsewhere_names_no_folder_of_ours(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    private, corpus = tmp_path / "private", tmp_path / "corpus"
    private.mkdir()
    corpus.mkdir()
    (corpus / "posts.jsonl").touch()
    for number, root in enumerate((str(private), "../private", "/", str(Path.home()))):
        source = model(tmp_path / f"m{number}", f"m{number}", "a", photo_root=root)
        assert seed.photo_roots(store, source, None) == []
        assert "PHOTOS_DIR" in caplog.text
        assert seed.photo_roots(store, source, private) == [private]
    own = model(tmp_path / "own", "own", "a", photo_root="../corpus")
    assert seed.photo_roots(store, own, None) == [corpus]


def test_a_library_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        seed.open_store(tmp_path / "file" / "library.sqlite")


def test_only_the_owner_may_read_it(tmp_path: Path, store: Store) -> None:
    store.upsert([Post(0, "a")])
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "var").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path.name


def test_votes_are_exported_as_judgments(tmp_path: Path, store: Store) -> None:
    seed.prepare(store, model(tmp_path / "m1", "m1", "abc"), "m1")
    theta = np.array([0.25, 0.75], np.float32)
    query = store.remember(
        user=77, chat=77, kind="text", query=Query("text", theta).to_bytes(), photo=None, model="m1"
    )
    store.vote(user=77, query=query, key=2, value=-1)
    out = io.StringIO()
    assert seed.export_votes(store, out) == 1
    judgment = json.loads(out.getvalue())
    assert judgment["theta"] == [0.25, 0.75]
    assert (judgment["post"], judgment["vote"], judgment["model"]) == ("b", -1, "m1")
    assert "77" not in json.dumps({k: v for k, v in judgment.items() if k != "voted"})


def test_nothing_is_written_beside_the_models_posts(tmp_path: Path) -> None:
    """Its folder may be read-only, where SQLite refuses a file that has a write-ahead log."""
    source = model(tmp_path / "m1", "m1", "abc")
    with ModelPosts(source / "posts.sqlite") as posts:
        assert posts.count() == 3
        assert [path.name for path in source.iterdir()] == ["posts.sqlite"]


def test_posts_that_are_still_in_the_log_are_taken_over(tmp_path: Path, store: Store) -> None:
    """The build was killed before its last posts went from the log into the file."""
    written = model(tmp_path / "m1", "m1", "abc")
    source = tmp_path / "a b?"
    with SqliteStore(written / "posts.sqlite") as posts:
        posts.upsert([Post(0, "d", vector=b"0", model="m1")])
        source.mkdir()
        for path in list(written.iterdir()):
            (source / path.name).write_bytes(path.read_bytes())
    assert (source / "posts.sqlite-wal").stat().st_size
    seed.prepare(store, source, "m1")
    assert store.described("m1") == 4


def test_the_posts_of_an_older_image2pic_are_taken_over(tmp_path: Path, store: Store) -> None:
    """What it wrote has fewer columns; its file is left as it is."""
    source = tmp_path / "old"
    source.mkdir()
    with sqlite3.connect(source / "posts.sqlite") as connection:
        for number, script in enumerate(MIGRATIONS[:3], start=1):
            connection.executescript(f"{script}; PRAGMA user_version = {number}")
        connection.execute("INSERT INTO posts (id, vector, model) VALUES ('a', x'00', 'm1')")
    connection.close()
    before = (source / "posts.sqlite").read_bytes()
    seed.prepare(store, source, "m1")
    assert store.described("m1") == 1
    assert (source / "posts.sqlite").read_bytes() == before
