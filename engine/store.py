"""The library of posts: one small interface, and SQLite behind it.

The bot keeps its own view of the same file (asynchronously, with votes and Telegram's ids); the
tables of both are in `engine.schema`. Another database has to pass the same tests.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from engine.errors import StoreError, StoreFullError
from engine.schema import migrate

BATCH: Final = 1000
"""Posts or vectors written in one transaction."""

BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for another process that is writing."""

_COLUMNS: Final = "key, id, photo, text, tags, date, source, url, vector, model"
_VARIABLES: Final = 500  # in one statement; SQLite's own limit was 999 for long
_INTEGER_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Post:
    """A post as the library keeps it.

    Attributes
    ----------
    key
        The library's own number of it, never used again after a removal; None before it is
        stored.
    id
        The post's id in its source.
    photo
        Path below the photos' folder, or None.
    text
        Its text as a reader sees it.
    tags
        Hashtags without ``#``.
    date
        ISO 8601.
    source, url
        Where it came from, and a link that a reader can open.
    vector
        `engine.results.PostVector.blob`, or None if it is not yet described.
    model
        Identity of the model that `vector` belongs to.
    """

    key: int | None
    id: str
    photo: str | None = None
    text: str = ""
    tags: tuple[str, ...] = ()
    date: str | None = None
    source: str | None = None
    url: str | None = None
    vector: bytes | None = None
    model: str | None = None


class PostStore(Protocol):
    """Where posts and their vectors live. What a method wrote is durable when it returns.

    Every method raises `StoreFullError` when the disk is full, and `StoreError` when the library
    cannot be read or written for another reason.
    """

    photo_root: Path | None
    """The folder that `Post.photo` is relative to."""

    def upsert(self, posts: Iterable[Post]) -> list[int]:
        """Write posts; one whose id is known replaces that post entirely, under its old key.

        The posts are taken and written in batches. If `posts` raises, the batches before stay.

        Returns
        -------
        list of int
            Their keys, in order. `Post.key` of what is passed is not looked at.
        """

    def get(self, keys: Sequence[int]) -> list[Post | None]:
        """Return posts in the order of `keys`; None for one that does not exist."""

    def by_id(self, id: str) -> Post | None:  # noqa: A002
        """Look up the post of that id."""

    def remove(self, ids: Iterable[str]) -> int:
        """Delete posts, and tell how many there were."""

    def vectors(self, model: str) -> Iterator[tuple[int, bytes]]:
        """Stream key and vector of each post described by that model, by ascending key.

        It is one state of the library, whatever is written meanwhile.
        """

    def keys_without_vector(self, model: str) -> list[int]:
        """Keys of the posts that have no vector of that model, ascending."""

    def set_vectors(self, vectors: Iterable[tuple[int, bytes]], model: str) -> int:
        """Give posts their vectors; how many there were (a post removed meanwhile is left out)."""

    def count(self) -> int:
        """Return the number of posts."""

    def recent(self, limit: int, offset: int = 0) -> list[Post]:
        """Newest posts first; those without a date last."""

    def removed_ids(self) -> set[str]:
        """Ids that the owner removed for good: do not bring them back."""

    def content_version(self) -> int:
        """Return a number that grows with each change of a post or a vector.

        An index that was built from another version is stale.
        """

    def meta(self, name: str) -> str | None:
        """Return the note of that name about the library as a whole."""

    def set_meta(self, name: str, value: str) -> None:
        """Write such a note."""

    def close(self) -> None:
        """Close the library; a second call does nothing."""


class SqlitePostStore:
    """`PostStore` in one SQLite file. It may be used from several threads.

    A write-ahead log lets others read while this writes. ``synchronous=FULL`` syncs the log at
    each commit: what was acknowledged survives not only a kill -9 but a power failure, and since
    posts come in batches the sync costs little.

    Parameters
    ----------
    path
        The file; it is created if its folder exists.

    Raises
    ------
    StoreError
        It cannot be opened, is damaged, belongs to another program, or was written by a newer
        image2pic.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._translated():
            self._connection = self._connect()
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
                (version,) = self._connection.execute("PRAGMA user_version").fetchone()
                (tables,) = self._connection.execute(
                    "SELECT count(*) FROM sqlite_master"
                ).fetchone()
                if version == 0 and tables:
                    raise StoreError(f"library {path.name}: it is a database of another program")
                migrate(self._connection)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the library; a second call does nothing."""
        with self._lock, self._translated():
            self._connection.close()

    @property
    def photo_root(self) -> Path | None:
        """The folder that `Post.photo` is relative to."""
        value = self.meta("photo_root")
        return None if value is None else Path(value)

    @photo_root.setter
    def photo_root(self, folder: Path | None) -> None:
        if folder is None:
            with self._transaction():
                self._connection.execute("DELETE FROM meta WHERE name = 'photo_root'")
        else:
            self.set_meta("photo_root", str(folder))

    def upsert(self, posts: Iterable[Post]) -> list[int]:
        """Write posts; see `PostStore.upsert`."""
        keys: list[int] = []
        remaining = iter(posts)
        # The batch is taken before the transaction begins: `posts` may be slow to produce them.
        while batch := list(islice(remaining, BATCH)):
            with self._transaction():
                keys += [self._upsert(post) for post in batch]
                self._grow()
        return keys

    def _upsert(self, post: Post) -> int:
        # Telegram's copy of a photo is no longer this post's photo if the post has another.
        self._connection.execute(
            "DELETE FROM files WHERE key IN (SELECT key FROM posts WHERE id = ? AND photo != ?)",
            (post.id, post.photo),
        )
        ((key,),) = self._connection.execute(
            "INSERT INTO posts (id, photo, text, tags, date, source, url, vector, model)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " photo = excluded.photo, text = excluded.text, tags = excluded.tags,"
            " date = excluded.date, source = excluded.source, url = excluded.url,"
            " vector = excluded.vector, model = excluded.model RETURNING key",
            (
                post.id,
                post.photo,
                post.text,
                json.dumps(post.tags, ensure_ascii=False),
                post.date,
                post.source,
                post.url,
                post.vector,
                post.model,
            ),
        ).fetchall()
        return int(key)

    def get(self, keys: Sequence[int]) -> list[Post | None]:
        """Return posts in the order of `keys`; None for one that does not exist."""
        wanted = [int(key) for key in keys]
        usable = [key for key in wanted if abs(key) <= _INTEGER_MAX]
        found: dict[int, Post] = {}
        for start in range(0, len(usable), _VARIABLES):
            part = usable[start : start + _VARIABLES]
            marks = ",".join("?" * len(part))
            for post in self._posts(f"WHERE key IN ({marks})", part):
                assert post.key is not None
                found[post.key] = post
        return [found.get(key) for key in wanted]

    def by_id(self, id: str) -> Post | None:  # noqa: A002
        """Look up the post of that id."""
        posts = self._posts("WHERE id = ?", (id,))
        return posts[0] if posts else None

    def remove(self, ids: Iterable[str]) -> int:
        """Delete posts, and tell how many there were."""
        return self._change_many("DELETE FROM posts WHERE id = ?", ((id_,) for id_ in ids))

    def vectors(self, model: str) -> Iterator[tuple[int, bytes]]:
        """Stream key and vector of each post described by that model; see `PostStore`."""
        with self._translated():
            # A connection of its own: one state is read, and writers need not wait for the end.
            connection = self._connect()
            try:
                yield from connection.execute(
                    "SELECT key, vector FROM posts WHERE model = ? AND vector IS NOT NULL"
                    " ORDER BY key",
                    (model,),
                )
            finally:
                connection.close()

    def keys_without_vector(self, model: str) -> list[int]:
        """Keys of the posts that have no vector of that model, ascending."""
        rows = self._read(
            "SELECT key FROM posts WHERE vector IS NULL OR model IS NOT ? ORDER BY key", (model,)
        )
        return [key for (key,) in rows]

    def set_vectors(self, vectors: Iterable[tuple[int, bytes]], model: str) -> int:
        """Give posts their vectors; see `PostStore`."""
        return self._change_many(
            "UPDATE posts SET vector = ?, model = ? WHERE key = ?",
            ((vector, model, int(key)) for key, vector in vectors),
        )

    def count(self) -> int:
        """Return the number of posts."""
        return int(self._read("SELECT count(*) FROM posts")[0][0])

    def recent(self, limit: int, offset: int = 0) -> list[Post]:
        """Newest posts first; those without a date last."""
        return self._posts("ORDER BY date DESC, key DESC LIMIT ? OFFSET ?", (limit, offset))

    def removed_ids(self) -> set[str]:
        """Ids that the owner removed for good: do not bring them back."""
        return {id_ for (id_,) in self._read("SELECT id FROM removed")}

    def content_version(self) -> int:
        """Return a number that grows with each change; see `PostStore`."""
        return int(self.meta("version") or 0)

    def meta(self, name: str) -> str | None:
        """Return the note of that name about the library as a whole."""
        rows = self._read("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, name: str, value: str) -> None:
        """Write such a note."""
        with self._transaction():
            self._connection.execute(
                "INSERT INTO meta (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._translated():
            return self._connection.execute(sql, values).fetchall()

    def _posts(self, clause: str, values: Sequence[Any]) -> list[Post]:
        rows = self._read(f"SELECT {_COLUMNS} FROM posts {clause}", values)  # noqa: S608
        with self._translated():
            return [
                Post(key, id_, photo, text, tuple(map(str, json.loads(tags))), *rest)
                for key, id_, photo, text, tags, *rest in rows
            ]

    def _change_many(self, sql: str, values: Iterable[tuple[Any, ...]]) -> int:
        changed, remaining = 0, iter(values)
        while batch := list(islice(remaining, BATCH)):
            with self._transaction():
                count = self._connection.executemany(sql, batch).rowcount
                if count:
                    self._grow()
                changed += count
        return changed

    def _grow(self) -> None:
        self._connection.execute(
            "INSERT INTO meta (name, value) VALUES ('version', '1')"
            " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite may have rolled back by itself, as when the disk is full.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._store_error(error) from error
        except UnicodeEncodeError as error:
            raise StoreError("a post holds half of a surrogate pair: no text") from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
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
