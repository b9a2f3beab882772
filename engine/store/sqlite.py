"""The library in one SQLite file."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.errors import StoreError, StoreFullError
from engine.store.database import Connection, Row, Values
from engine.store.inbox import Inbox
from engine.store.schema import MIGRATIONS, migrate

BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for another process that is writing."""


class SqliteStore(Inbox):
    """The store in one file, with a write-ahead log, so that reading never waits for a writer.

    ``synchronous=NORMAL``: what was written survives the end of the process at any moment; after
    a power failure the last moments may be missing, but the file is whole.

    Parameters
    ----------
    path
        The file; it is created, for its owner alone, if its folder exists.
    bot
        See `Database.bot`.

    Raises
    ------
    StoreError
        It cannot be opened, is damaged, belongs to another program, or was written by a newer
        image2pic.
    """

    def __init__(self, path: Path, *, bot: int = 0) -> None:
        self._path, self.bot = path, bot
        # What is written down with another number is of a process that ended.
        self._worker = secrets.randbelow(2**31)
        self._address = path.resolve().as_uri()
        self._lock = threading.RLock()
        self._readers = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._claims: set[str] = set()
        self._closed = False
        with self._translated():
            with suppress(OSError):
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables:
            raise StoreError(f"library {self._path.name}: it is a database of another program")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA secure_delete = ON")
        migrate(self._connection)

    def close(self) -> None:
        """Close the library; a second call does nothing."""
        self._closed = True
        with self._lock, self._translated():
            for connection in (*self._open, self._connection):
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"library {self._path.name}: it is closed")
        return sqlite3.connect(
            self._address,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )

    def _reader(self) -> sqlite3.Connection:
        """The connection of this thread."""
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            with self._lock:
                self._open.append(connection)
        return connection

    def _read(self, sql: str, values: Values = ()) -> list[Row]:
        with self._translated():
            return self._reader().execute(_dialect(sql), values).fetchall()

    def _stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        # A connection of its own: one state is read, and writers need not wait for the end.
        with self._translated(), closing(self._connect()) as connection:
            yield from connection.execute(_dialect(sql), values)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Transaction(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself, as when the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _expunge(self) -> None:
        # The pages are overwritten (secure_delete), but their old state is still in the log.
        with self._lock, self._translated():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def claim(self, name: str) -> bool:
        """See `Inbox.claim`: the library is one process's own."""
        with self._lock:
            free = name not in self._claims
            self._claims.add(name)
        return free

    def unclaim(self, name: str) -> None:
        """See `Inbox.unclaim`."""
        self._claims.discard(name)

    def _having(
        self, phrase: Sequence[str], *, limit: int, among: Sequence[int] | None = None
    ) -> list[int]:
        words = " ".join(phrase).replace('"', '""')
        # A plus keeps SQLite from searching once for each of the keys.
        part = "" if among is None else " AND +rowid IN (SELECT value FROM json_each(?))"
        rows = self._read(
            "SELECT rowid FROM words_index WHERE words_index MATCH ?"
            f"{part} ORDER BY rowid DESC LIMIT ?",
            (f'"{words}"', *([] if among is None else [json.dumps(list(among))]), limit),
        )
        return [key for (key,) in rows]

    def _lengths(self, keys: Sequence[int]) -> dict[int, int]:
        rows = self._read(
            "SELECT key, text || ' ' || picture FROM words"
            " WHERE key IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        return {key: len(set(words.split())) for key, words in rows}

    def _index_words(self, db: Connection, rows: Iterable[Values]) -> None:
        db.executemany(
            "INSERT INTO words (key, edition, text, picture) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET edition = excluded.edition, text = excluded.text,"
            " picture = excluded.picture",
            rows,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._store_error(error) from error
        except UnicodeEncodeError as error:
            raise StoreError("a post holds half of a surrogate pair: no text") from error
        except UnicodeDecodeError as error:
            raise self._damaged() from error

    def _damaged(self) -> StoreError:
        return StoreError(
            f"library {self._path.name}: damaged, or not a library at all; "
            "restore a copy or build it anew"
        )

    def _store_error(self, error: sqlite3.Error) -> StoreError:
        # Extended codes hold the primary one in their low byte.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        library = f"library {self._path.name}"
        match code:
            case sqlite3.SQLITE_FULL:
                return StoreFullError(f"{library}: the disk is full, nothing was written")
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                return self._damaged()
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return StoreError(f"{library}: it is read-only; make its file and folder writable")
            case sqlite3.SQLITE_CANTOPEN:
                return StoreError(
                    f"{library}: cannot be opened; its folder must exist and be writable"
                )
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return StoreError(
                    f"{library}: another process kept it locked for {BUSY_TIMEOUT:g} s; try again"
                )
            case _:
                return StoreError(f"{library}: {error}")


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, values: Values = (), /) -> sqlite3.Cursor:
        return self._connection.execute(_dialect(sql), values)

    def executemany(self, sql: str, values: Iterable[Values], /) -> sqlite3.Cursor:
        return self._connection.executemany(_dialect(sql), values)


@lru_cache(maxsize=256)
def _dialect(sql: str) -> str:
    # Standard SQL that SQLite only knows since 3.39.
    return sql.replace("IS NOT DISTINCT FROM", "IS").replace("IS DISTINCT FROM", "IS NOT")


class ModelPosts(SqliteStore):
    """A model's own posts file, which is only read: its folder may be read-only.

    SQLite refuses a file that was last written with a write-ahead log where it may write nothing
    beside it, unless it is told that nobody changes the file. A log that is still there (the build
    was killed) holds posts, so then, and where an older image2pic wrote the file, a copy is read.
    """

    def _prepare(self) -> None:
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        log = self._path.with_name(self._path.name + "-wal")
        if not log.exists():
            self._address += "?immutable=1"
        with closing(self._connect()) as own:
            (version,) = own.execute("PRAGMA user_version").fetchone()
            if version == len(MIGRATIONS) and not log.exists():
                self._connection.close()
                self._connection = self._connect()
                return
            self._copy = tempfile.TemporaryDirectory()
            copy = Path(self._copy.name) / self._path.name
            self._address = copy.as_uri()
            self._connection.close()
            self._connection = self._connect()
            own.backup(self._connection)
        super()._prepare()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        super().close()
        if self._copy is not None:
            self._copy.cleanup()
