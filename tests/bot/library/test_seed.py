from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from bot.library import seed
from bot.library.sqlite import SQLiteStore
from engine.errors import StoreError
from engine.results import Query
from engine.store import Post, SqlitePostStore


def model(folder: Path, model_id: str, names: Iterable[str], photo_root: str = "photos") -> Path:
    folder.mkdir()
    with SqlitePostStore(folder / "posts.sqlite") as store:
        store.photo_root = Path(photo_root)
        store.upsert(
            Post(
                None,
                name,
                f"{name}.jpg",
                f"text {name}",
                vector=b"v" + model_id.encode(),
                model=model_id,
            )
            for name in names
        )
    return folder


def ids(library: Path, model_id: str) -> dict[int, bytes]:
    return dict(seed.vectors(library, model_id))


def test_seeded_once(tmp_path: Path) -> None:
    source = model(tmp_path / "m1", "m1", "abc")
    library = tmp_path / "var" / "library.sqlite"
    seed.prepare(library, source, "m1")
    assert len(ids(library, "m1")) == 3
    # Unchanged, so that the index that came with the model fits it.
    assert seed.version(library) == seed.version(source / "posts.sqlite")
    with sqlite3.connect(library) as connection:
        connection.execute("DELETE FROM posts WHERE id = 'a'")
    connection.close()
    seed.prepare(library, source, "m1")
    assert len(ids(library, "m1")) == 2


def test_no_posts_file(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    library = tmp_path / "library.sqlite"
    seed.prepare(library, tmp_path / "m", "m1")
    assert ids(library, "m1") == {}
    assert seed.version(library) == 0


def test_a_new_model_is_merged(tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    seed.prepare(library, model(tmp_path / "m1", "m1", "abc"), "m1")
    with sqlite3.connect(library) as connection:
        connection.execute("INSERT INTO removed VALUES ('b')")
        connection.execute("DELETE FROM posts WHERE id = 'b'")
        connection.execute(
            "INSERT INTO posts (id, text, vector, model) VALUES ('telegram/1/1', 't', x'01', 'm1')"
        )
    connection.close()
    before = seed.version(library)
    seed.prepare(library, model(tmp_path / "m2", "m2", "bcd"), "m2")
    assert seed.version(library) > before
    with sqlite3.connect(library) as connection:
        found = dict(connection.execute("SELECT id, model FROM posts"))
    connection.close()
    assert found == {"a": "m1", "c": "m2", "d": "m2", "telegram/1/1": "m1"}


def test_photo_roots_of_all_models(tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    for name in ("m1", "m2"):
        source = model(tmp_path / name, name, "a")
        seed.prepare(library, source, name)
        roots = seed.photo_roots(library, source, None)
    assert roots == [tmp_path / "m2" / "photos", tmp_path / "m1" / "photos"]
    extra = tmp_path / "extra"
    assert seed.photo_roots(library, source, extra)[0] == extra


def test_a_library_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        seed.prepare(tmp_path / "file" / "library.sqlite", tmp_path, "m")


async def test_votes_are_exported_as_judgments(tmp_path: Path) -> None:
    library = tmp_path / "library.sqlite"
    seed.prepare(library, model(tmp_path / "m1", "m1", "abc"), "m1")
    theta = np.array([0.25, 0.75], np.float32)
    store = await SQLiteStore.open(library, bot=1)
    query = await store.remember(
        user=77, chat=77, kind="text", query=Query("text", theta).to_bytes(), photo=None, model="m1"
    )
    await store.vote(user=77, query=query, key=2, value=-1)
    await store.close()
    out = io.StringIO()
    assert seed.export_votes(library, out) == 1
    judgment = json.loads(out.getvalue())
    assert judgment["theta"] == [0.25, 0.75]
    assert (judgment["post"], judgment["vote"], judgment["model"]) == ("b", -1, "m1")
    assert "77" not in json.dumps({k: v for k, v in judgment.items() if k != "voted"})
    with pytest.raises(StoreError):
        seed.export_votes(tmp_path / "none.sqlite", out)


def test_nothing_is_written_beside_the_models_posts(tmp_path: Path) -> None:
    """Its folder may be read-only, where SQLite refuses a file that has a write-ahead log."""
    source = model(tmp_path / "m1", "m1", "abc")
    with sqlite3.connect(source / "posts.sqlite") as connection:
        assert connection.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    connection.close()
    assert seed._address(source / "posts.sqlite").endswith("posts.sqlite?immutable=1")
    with seed._connect_posts(source / "posts.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM posts").fetchone() == (3,)
        assert [path.name for path in source.iterdir()] == ["posts.sqlite"]
    connection.close()


def test_posts_that_are_still_in_the_log_are_taken_over(tmp_path: Path) -> None:
    """The build was killed before its last posts went from the log into the file."""
    written = model(tmp_path / "m1", "m1", "abc")
    source = tmp_path / "a b?"
    with sqlite3.connect(written / "posts.sqlite") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO posts (id, vector, model) VALUES ('d', x'00', 'm1')")
        connection.commit()
        source.mkdir()
        for path in list(written.iterdir()):
            (source / path.name).write_bytes(path.read_bytes())
    connection.close()
    assert (source / "posts.sqlite-wal").stat().st_size
    library = tmp_path / "library.sqlite"
    seed.prepare(library, source, "m1")
    assert len(ids(library, "m1")) == 4
