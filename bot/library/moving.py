"""A library as a whole: into another database and back, into a file and back."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from engine.errors import StoreError
from engine.files import whole_file
from engine.store import SqliteStore, Store
from engine.store.schema import MIGRATIONS

BATCH: Final = 1000

#: Each table with its columns; the first `keys` of them tell a row from others.
TABLES: Final[dict[str, tuple[int, str]]] = {
    "posts": (
        1,
        "key, id, photo, text, tags, date, source, url, thread, media, picture_words, vector,"
        " model",
    ),
    "changes": (1, "key, version"),
    "users": (1, "id, language"),
    "queries": (1, 'id, "user", chat, kind, query, photo, model, asked'),
    "shown": (2, "query, key, chat, message"),
    "votes": (3, 'query, key, "user", value, voted'),
    "files": (2, "bot, key, file"),
    "messages": (2, "chat, message, key, album, caption"),
    "removed": (1, "id"),
    "kept": (1, "id"),
    "groups": (1, "chat, title"),
    "inbox": (1, "number, update_id, subject, digest, payload, tries, due, taken, together, ended"),
    "questions": (1, "update_id, payload, begun, taken, digest, together, ended"),
    "fingerprints": (1, "key, fingerprint"),
    "left_out": (1, "number, id, chat, album, rule, why, text, url, payload, at"),
    "meta": (1, "name, value"),
}

#: Note in the target while it is not complete.
NOTE: Final = "incomplete copy"

Say = Callable[[str], object]


def copy(source: Store, target: Store, say: Say) -> int:
    """Copy a library; how many posts. Stopped and called again it goes on where it was.

    Raises
    ------
    StoreError
        The target holds another library, or a table is not the same after all.
    """
    if target.count() and target.meta(NOTE) is None:
        raise StoreError("the target holds a library already: use an empty database")
    target.set_meta(NOTE, "yes")
    for table in TABLES:
        _copy_table(source, target, table)
        rows, _ = expected = _checksum(source, table)
        if _checksum(target, table) != expected:
            # It was changed since an earlier, unfinished run.
            target._write(f"DELETE FROM {table}")  # noqa: S608
            _copy_table(source, target, table)
        if _checksum(target, table) != expected:
            raise StoreError(f"table {table} is not the same after copying; try again")
        say(f"{table}: {rows:,} rows, checksum right")
    target.finish_copy()
    target._write("DELETE FROM meta WHERE name = ?", (NOTE,))
    return target.count()


def _copy_table(source: Store, target: Store, table: str) -> None:
    keys, columns = TABLES[table]
    names = columns.split(", ")
    first = ", ".join(names[:keys])
    after = ""
    values: tuple[int, ...] = ()
    if keys == 1 and table not in ("meta", "removed", "kept"):
        ((last,),) = target._read(f"SELECT max({first}) FROM {table}")  # noqa: S608
        if last is not None:
            after, values = f" WHERE {first} > ?", (last,)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[keys:])
    action = f"UPDATE SET {changed}" if changed else "NOTHING"
    insert = (
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        f" ON CONFLICT ({first}) DO {action}"
    )
    rows = source._stream(f"SELECT {columns} FROM {table}{after} ORDER BY {first}", values)  # noqa: S608
    while batch := list(islice(rows, BATCH)):
        with target._transaction() as db:
            db.executemany(insert, batch)
            if table == "posts":
                target._embed(db, [(row[0], row[-2], row[-1]) for row in batch])


def _checksum(store: Store, table: str) -> tuple[int, int]:
    """Rows, and the sum of their hashes: databases sort texts in their own ways."""
    _, columns = TABLES[table]
    where = f" WHERE name != '{NOTE}'" if table == "meta" else ""
    count = total = 0
    for row in store._stream(f"SELECT {columns} FROM {table}{where}"):  # noqa: S608
        digest = hashlib.blake2b(repr(tuple(row)).encode(), digest_size=8).digest()
        total = (total + int.from_bytes(digest, "big")) % 2**64
        count += 1
    return count, total


def backup(library: Path, file: Path) -> None:
    """Write the library into one file, while the bot runs or not.

    Raises
    ------
    StoreError
        There is no library, or the file cannot be written.
    """
    if not library.exists():
        raise StoreError("there is no library yet: start the bot once")
    _write_copy(library, file)


def restore(file: Path, library: Path) -> int:
    """Put a backup in the library's place; how many posts. The bot must not run.

    What was there before is kept beside it, with ``.before`` behind its name.

    Raises
    ------
    StoreError
        The file is no library, damaged, or of a newer image2pic; nothing was changed then.
    """
    _check(file)
    part = library.with_name(library.name + ".restored")
    _write_copy(file, part)
    if library.exists():
        # In one file, its log included.
        _write_copy(library, library.with_name(library.name + ".before"))
    # Of the library that goes: its log, and the saved index, which is a cache of it.
    index = "index.faiss"
    for name in (library.name + "-wal", library.name + "-shm", index, index + ".json"):
        library.with_name(name).unlink(missing_ok=True)
    part.replace(library)
    with SqliteStore(library) as store:
        return store.count()


def _check(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no file {file.name}")
    try:
        with closing(sqlite3.connect(file.resolve().as_uri() + "?mode=ro", uri=True)) as found:
            (state,) = found.execute("PRAGMA integrity_check").fetchone()
            (version,) = found.execute("PRAGMA user_version").fetchone()
            found.execute("SELECT count(*) FROM posts").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{file.name} is no backup of a library: {error}") from error
    if state != "ok":
        raise StoreError(f"{file.name} is damaged: {state}")
    if version > len(MIGRATIONS):
        raise StoreError(f"{file.name} is of a newer image2pic: upgrade first")


def _write_copy(source: Path, target: Path) -> None:
    try:
        with whole_file(target) as file:
            part = Path(file.name)
            part.chmod(0o600)
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
                old.backup(new, pages=1000)
                new.execute("PRAGMA journal_mode = DELETE")
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{target.name} cannot be written: {error}") from error
