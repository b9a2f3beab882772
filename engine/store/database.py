"""What the store needs of a database: reading, transactions, and what each does its own way."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from engine.errors import StoreError
from engine.store.records import Post

BATCH: Final = 1000
"""Posts or vectors written in one transaction."""

INTEGER_MAX: Final = 2**63 - 1
"""Integers are kept in 64 bits; callback data may name any number."""

Values = Sequence[Any]
Embedded = tuple[int, bytes | None, str | None]
Row = Any  # a tuple; what is in it is known where the statement is

POST: Final = (
    "SELECT p.key, p.id, p.photo, p.text, p.tags, p.date, p.source, p.url, p.thread, p.media,"
    " f.file, p.picture_words FROM posts p LEFT JOIN files f ON f.key = p.key AND f.bot = ?"
)


class Cursor(Protocol):
    """What a statement returned."""

    @property
    def rowcount(self) -> int:
        """Rows that it changed."""

    def fetchall(self) -> list[Any]:
        """Rows that it returned."""


class Connection(Protocol):
    """A transaction that is open. Parameters are written as ``?``."""

    def execute(self, sql: str, values: Values = (), /) -> Cursor:
        """Run a statement."""

    def executemany(self, sql: str, values: Iterable[Values], /) -> Cursor:
        """Run a statement for each row of values."""


class Database(ABC):
    """A database with the library's tables. It may be used from several threads.

    Every method raises `StoreFullError` when the disk is full, and `StoreError` when the
    database fails otherwise. What a method wrote is durable when it returns.

    Attributes
    ----------
    bot
        The bot's Telegram id: file_ids are valid for one bot only.
    shared
        Whether other processes write, too: what changed has to be asked for.
    """

    bot: int
    shared = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Let go of the database; a second call does nothing."""

    @abstractmethod
    def _read(self, sql: str, values: Values = ()) -> list[Row]:
        """Rows of one statement."""

    @abstractmethod
    def _stream(self, sql: str, values: Values = ()) -> Iterator[Row]:
        """Rows of one statement, of one state, however many; nobody waits for the last."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Connection]:
        """All of it or nothing."""

    @abstractmethod
    def _having(
        self, phrase: Sequence[str], *, limit: int, among: Sequence[int] | None = None
    ) -> list[int]:
        """Keys of the newest posts (of all, or of those) that hold these words in a row."""

    @abstractmethod
    def _lengths(self, keys: Sequence[int]) -> dict[int, int]:
        """How many different words each of the posts holds, those on its picture included."""

    @abstractmethod
    def _index_words(self, db: Connection, rows: Iterable[Values]) -> None:
        """Write rows of key, edition, keys of the text, keys of the picture's words."""

    # Empty for the database that needs nothing done (hence B027):

    def _embed(self, db: Connection, rows: Iterable[Embedded]) -> None:  # noqa: B027
        """Keep vectors where the database itself searches them: key, vector, model."""

    def _gone(self, db: Connection, posts: Iterable[tuple[int, str]]) -> None:  # noqa: B027
        """Tell other processes the ids of posts that went, by key: copies are known by id."""

    def _voted(self, db: Connection, keys: Iterable[int]) -> None:  # noqa: B027
        """Tell other processes which posts' votes have changed."""

    def alone(self) -> AbstractContextManager[None]:
        """While it lasts no other process prepares the library."""
        return nullcontext()

    def finish_copy(self) -> None:  # noqa: B027
        """After rows were written with their numbers: go on counting from there."""

    def _write(self, sql: str, values: Values = ()) -> int:
        """Run one statement; how many rows it changed."""
        with self._transaction() as db:
            return db.execute(sql, values).rowcount

    # What every part of the store shares

    def version(self) -> int:
        """Return a number that grows with each change of a post or a vector.

        An index that was built from another version is stale.
        """
        return int(self.meta("version") or 0)

    def meta(self, name: str) -> str | None:
        """Return the note of that name about the library as a whole."""
        rows = self._read("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, name: str, value: str) -> None:
        """Write such a note."""
        self._write(
            "INSERT INTO meta (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    @property
    def photo_root(self) -> Path | None:
        """The folder that `Post.photo` is relative to."""
        value = self.meta("photo_root")
        return None if value is None else Path(value)

    @photo_root.setter
    def photo_root(self, folder: Path) -> None:
        self.set_meta("photo_root", str(folder))

    def _changed(self, db: Connection, keys: Sequence[int]) -> None:
        """Count the version up, and note which posts it was for."""
        if not keys:
            return
        ((version,),) = db.execute(
            "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT)"
            " WHERE name = 'version' RETURNING CAST(value AS BIGINT)"
        ).fetchall()
        db.executemany(
            "INSERT INTO changes (key, version) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET version = excluded.version",
            [(key, version) for key in keys],
        )

    def _posts(self, clause: str, values: Values = ()) -> list[Post]:
        return [as_post(row) for row in self._read(f"{POST} {clause}", (self.bot, *values))]


def as_post(row: Sequence[Any]) -> Post:
    """A post from the columns of `POST`."""
    key, id_, photo, text, tags, *rest = row
    try:
        return Post(key, id_, photo, text, tuple(str(tag) for tag in json.loads(tags)), *rest)
    except ValueError as error:
        raise StoreError(
            f"the hashtags of post {key} are damaged; restore a copy or build it anew"
        ) from error


def now() -> str:
    """The time as the tables keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def fits(*numbers: int) -> bool:
    """Whether the database can hold such numbers."""
    return all(-INTEGER_MAX <= number <= INTEGER_MAX for number in numbers)


def marks(values: Sequence[object]) -> str:
    """As many question marks."""
    return ",".join("?" * len(values))
