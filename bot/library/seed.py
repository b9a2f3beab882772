"""The library before the bot serves: seeded from the model's posts, brought to a new model."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Final

from engine.errors import StoreError
from engine.results import Query
from engine.schema import migrate

_LOGGER = logging.getLogger(__name__)

POSTS_FILE: Final = "posts.sqlite"
INDEX_FILE: Final = "index.faiss"


def _connect(path: Path) -> sqlite3.Connection:
    # By uri: `_merge` attaches a model's file by one.
    return sqlite3.connect(path.resolve().as_uri(), timeout=10, isolation_level=None, uri=True)


def _address(posts: Path) -> str:
    """Address of a model's posts file, which is only read: its folder may be read-only.

    SQLite refuses a file that was last written with a write-ahead log where it may write nothing
    beside it, unless it is told that nobody changes the file. A log that is still there (the build
    was killed) holds posts, so then the file is opened as any other.
    """
    address = posts.resolve().as_uri()
    left = posts.with_name(posts.name + "-wal")
    return address if left.exists() else address + "?immutable=1"


def _connect_posts(posts: Path) -> sqlite3.Connection:
    return sqlite3.connect(_address(posts), timeout=10, isolation_level=None, uri=True)


def prepare(library: Path, model: Path, model_id: str) -> None:
    """Make the library, and take over what the model's own posts file has.

    The first time the file is copied. Later, when another model was put in
    place, its posts are merged: new ones added, known ones given their new
    vectors; posts that an owner removed stay removed.

    Raises
    ------
    StoreError
        The library cannot be made or read.
    """
    source = model / POSTS_FILE
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        fresh = not library.exists() and source.exists()
        if fresh:
            _copy(source, library)
            _copy_index(model, library.parent)
        with closing(_connect(library)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            migrate(connection)
            taken = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()
            if taken != (model_id,):
                if source.exists() and not fresh:
                    _merge(connection, source, model_id)
                connection.execute(
                    "INSERT OR REPLACE INTO meta (name, value) VALUES ('model', ?)", (model_id,)
                )
    except sqlite3.Error as error:
        raise StoreError(f"the library {library.name} cannot be prepared: {error}") from error
    except OSError as error:
        raise StoreError(f"the library {library.name} cannot be made: {error.strerror}") from error


def _copy(source: Path, library: Path) -> None:
    # Under another name first: a copy that is cut off is never taken for the library.
    half = library.with_name(library.name + ".part")
    half.unlink(missing_ok=True)
    with closing(_connect_posts(source)) as old, closing(_connect(half)) as new:
        old.backup(new)
        # In one file, without a log beside it that the new name would leave behind.
        new.execute("PRAGMA journal_mode = DELETE")
    with half.open("rb+") as file:
        os.fsync(file.fileno())
    half.rename(library)


def _copy_index(model: Path, folder: Path) -> None:
    """The index that was built with the model saves building it; the engine checks that it fits."""
    for name in (INDEX_FILE, INDEX_FILE + ".json"):
        if (model / name).exists():
            shutil.copyfile(model / name, folder / name)


def _merge(connection: sqlite3.Connection, source: Path, model_id: str) -> None:
    connection.execute("ATTACH ? AS new", (_address(source),))
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO posts (id, photo, text, tags, date, source, url, vector, model)"
            " SELECT id, photo, text, tags, date, source, url, vector, model FROM new.posts"
            " WHERE model IS ? AND id NOT IN (SELECT id FROM removed)"
            " ON CONFLICT (id) DO UPDATE SET photo = excluded.photo, text = excluded.text,"
            " tags = excluded.tags, date = excluded.date, source = excluded.source,"
            " url = excluded.url, vector = excluded.vector, model = excluded.model",
            (model_id,),
        )
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('version', '1')"
            " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("DETACH new")


def photo_roots(library: Path, model: Path, extra: Path | None) -> list[Path]:
    """Folders in which posts' photos may lie: the given one, and those of each model so far."""
    roots = [extra] if extra else []
    with closing(_connect(library)) as connection:
        known = connection.execute("SELECT value FROM meta WHERE name = 'photo_roots'").fetchone()
        earlier: list[str] = json.loads(known[0]) if known else []
        here = model / (_photo_root(model / POSTS_FILE) or ".")
        # Absolute: the next start may be from another folder.
        all_roots = list(dict.fromkeys([str(here.resolve()), *earlier]))
        if all_roots != earlier:
            connection.execute(
                "INSERT OR REPLACE INTO meta (name, value) VALUES ('photo_roots', ?)",
                (json.dumps(all_roots),),
            )
    return roots + [Path(root) for root in all_roots]


def _photo_root(posts: Path) -> str | None:
    if not posts.exists():
        return None
    with closing(_connect_posts(posts)) as connection:
        return _meta(connection, "photo_root")


def _meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def vectors(library: Path, model_id: str) -> Iterator[tuple[int, bytes]]:
    """Key and vector of each post that the model described."""
    with closing(_connect(library)) as connection:
        yield from connection.execute(
            "SELECT key, vector FROM posts WHERE model = ? AND vector IS NOT NULL ORDER BY key",
            (model_id,),
        )


def fingerprints(library: Path) -> Iterator[tuple[str, str | None, bytes]]:
    """Id, album and fingerprint of each post whose fingerprint is known."""
    with closing(_connect(library)) as connection:
        yield from connection.execute(
            "SELECT p.id, m.chat || ' ' || m.album, f.fingerprint FROM fingerprints f"
            " JOIN posts p ON p.key = f.key LEFT JOIN messages m ON m.key = f.key"
        )


def export_votes(library: Path, out: IO[str]) -> int:
    """Write the votes as judgments, one JSON object a line; how many.

    Each has ``query`` (a number), ``kind``, ``model``, ``theta`` (p(t | query),
    shape (K,)), ``post`` (its id), ``vote`` (1 or -1) and ``voted`` (UTC). Who
    voted is not in it.

    Raises
    ------
    StoreError
        There is no library.
    """
    if not library.exists():
        raise StoreError("there is no library yet: start the bot once")
    count = 0
    with closing(_connect(library)) as connection:
        rows = connection.execute(
            "SELECT q.id, q.kind, q.model, q.query, p.id, v.value, v.voted FROM votes v"
            " JOIN queries q ON q.id = v.query JOIN posts p ON p.key = v.key ORDER BY v.voted"
        )
        for number, kind, model, query, post, vote, voted in rows:
            theta = Query.from_bytes(query).theta
            judgment = {
                "query": number,
                "kind": kind,
                "model": model,
                "theta": [float(f"{share:.9g}") for share in theta.tolist()],
                "post": post,
                "vote": vote,
                "voted": voted,
            }
            out.write(json.dumps(judgment, ensure_ascii=False) + "\n")
            count += 1
    return count


def version(library: Path) -> int:
    """Version of the library's vectors."""
    with closing(_connect(library)) as connection:
        return int(_meta(connection, "version") or 0)
