"""The store in one SQLite file, through aiosqlite in WAL mode."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiosqlite

from bot.library.store import (
    Asked,
    Counts,
    Entry,
    LeftOut,
    PendingUpdate,
    Post,
    Sibling,
    Undescribed,
    Unfingerprinted,
)
from engine.errors import StoreError, StoreFullError
from engine.schema import migrate

#: How long finished updates are remembered, so that one delivered again is known, in seconds.
REMEMBER_UPDATES: Final = 3 * 86_400
BUSY_TIMEOUT: Final = 5.0
#: SQLite keeps integers in 64 bits; callback data may name any number.
INTEGER_MAX: Final = 2**63 - 1

_POST: Final = (
    "SELECT p.key, p.id, p.photo, p.text, p.tags, p.date, p.source, p.url, f.file"
    " FROM posts p LEFT JOIN files f ON f.key = p.key AND f.bot = ?"
)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _tags(value: str) -> tuple[str, ...]:
    return tuple(str(tag) for tag in json.loads(value))


def _post(row: Sequence[Any]) -> Post:
    key, id_, photo, text, tags, date, source, url, file = row
    return Post(key, id_, photo, text, _tags(tags), date, source, url, file)


def _fits(*numbers: int) -> bool:
    return all(-INTEGER_MAX <= number <= INTEGER_MAX for number in numbers)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn SQLite's errors into the store's."""
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes hold the primary one in their low byte.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise StoreFullError("the disk is full: nothing was written") from error
        raise StoreError(f"the database failed: {error}") from error


class SQLiteStore:
    """See `bot.library.store.Store`. Open it with `SQLiteStore.open`.

    One connection writes, another reads: a reader never waits for a writer in
    WAL mode, and never sees half of a transaction.
    """

    def __init__(
        self, writer: aiosqlite.Connection, reader: aiosqlite.Connection, bot: int
    ) -> None:
        self._writer, self._reader, self._bot = writer, reader, bot
        self._lock = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, *, bot: int) -> SQLiteStore:
        """Open (or create) the file and bring it to the newest schema.

        Parameters
        ----------
        bot
            The bot's Telegram id: file_ids are valid for one bot only.

        Raises
        ------
        StoreError
            It cannot be opened or is no library.
        """
        with _translated():
            connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection)
            finally:
                connection.close()
            writer, reader = [
                await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT)
                for _ in range(2)
            ]
            for connected in (writer, reader):
                # NORMAL: a commit survives the end of the process at any moment; after a power
                # failure the last moments may be missing, but the file is whole.
                await connected.execute("PRAGMA synchronous = NORMAL")
                await connected.execute("PRAGMA foreign_keys = ON")
            await reader.execute("PRAGMA query_only = ON")
        return cls(writer, reader, bot)

    async def close(self) -> None:
        """Close both connections after what is being written is written."""
        async with self._lock:
            await self._reader.close()
            await self._writer.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._lock:
            with _translated():
                await self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    await self._writer.execute("COMMIT")
                except BaseException:
                    # A full disk may have rolled back already.
                    if self._writer.in_transaction:
                        await self._writer.execute("ROLLBACK")
                    raise

    async def _read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with _translated():
            return [tuple(row) for row in await self._reader.execute_fetchall(sql, values)]

    async def _write(self, sql: str, values: Sequence[Any] = ()) -> aiosqlite.Cursor:
        # A single statement is a transaction of its own.
        async with self._lock:
            with _translated():
                return await self._writer.execute(sql, values)

    # posts

    async def posts(self, keys: Sequence[int]) -> dict[int, Post]:
        """Those of the posts that exist, by key."""
        wanted = [key for key in keys if _fits(key)]
        marks = ",".join("?" * len(wanted))
        rows = await self._read(f"{_POST} WHERE p.key IN ({marks})", (self._bot, *wanted))
        return {row[0]: _post(row) for row in rows}

    async def recent(self, *, limit: int, offset: int) -> list[Post]:
        """Newest posts first."""
        rows = await self._read(
            f"{_POST} ORDER BY p.date DESC, p.key DESC LIMIT ? OFFSET ?",
            (self._bot, limit, offset),
        )
        return [_post(row) for row in rows]

    async def version(self) -> int:
        """Return a number that grows with every change of a vector: what the saved index is of."""
        rows = await self._read("SELECT value FROM meta WHERE name = 'version'")
        return int(rows[0][0]) if rows else 0

    async def counts(self) -> Counts:
        """Sizes of the tables."""
        rows = await self._read(
            "SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM votes),"
            " (SELECT count(DISTINCT user) FROM queries), (SELECT count(*) FROM queries),"
            " (SELECT count(*) FROM inbox WHERE payload IS NOT NULL)"
        )
        return Counts(*rows[0])

    async def set_files(self, files: Mapping[int, str]) -> None:
        """Keep the file_ids under which Telegram now has the posts' photos."""
        async with self._transaction() as db:
            await db.executemany(
                "INSERT INTO files (bot, key, file) SELECT ?, key, ? FROM posts WHERE key = ?"
                " ON CONFLICT DO UPDATE SET file = excluded.file",
                [(self._bot, file, key) for key, file in files.items()],
            )

    async def drop_file(self, key: int, file: str) -> None:
        """Forget a file_id that Telegram no longer takes (unless it was replaced meanwhile)."""
        await self._write(
            "DELETE FROM files WHERE bot = ? AND key = ? AND file = ?", (self._bot, key, file)
        )

    # questions, votes, people

    async def remember(
        self, *, user: int, chat: int, kind: str, query: bytes, photo: str | None, model: str
    ) -> int:
        """Keep a question; its number is never used again."""
        cursor = await self._write(
            "INSERT INTO queries (user, chat, kind, query, photo, model, asked)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (user, chat, kind, query, photo, model, _now()),
        )
        number = cursor.lastrowid
        assert number is not None
        return number

    async def asked(self, query: int) -> Asked | None:
        """Look up the question of that number."""
        if not _fits(query):
            return None
        rows = await self._read(
            "SELECT id, user, chat, kind, query, photo, model FROM queries WHERE id = ?", (query,)
        )
        return Asked(*rows[0]) if rows else None

    async def show(self, query: int, chat: int, messages: Mapping[int, int]) -> None:
        """Keep which message (value) shows which post (key) for a question."""
        # In one statement: each is a trip to the connection's thread and back.
        pairs = json.dumps(list(messages.items()))
        await self._write(
            "INSERT OR REPLACE INTO shown (query, key, chat, message)"
            " SELECT queries.id, json_extract(pair.value, '$[0]'), ?,"
            " json_extract(pair.value, '$[1]') FROM queries, json_each(?) AS pair"
            " WHERE queries.id = ?",
            (chat, pairs, query),
        )

    async def shown(self, query: int) -> dict[int, int]:
        """Return the posts shown for a question so far: key to message."""
        if not _fits(query):
            return {}
        return dict(await self._read("SELECT key, message FROM shown WHERE query = ?", (query,)))

    async def shown_in(self, chat: int, message: int) -> list[int]:
        """Keys of the posts that a message of the bot shows."""
        rows = await self._read(
            "SELECT DISTINCT key FROM shown WHERE chat = ? AND message = ?", (chat, message)
        )
        return [row[0] for row in rows]

    async def vote(self, *, user: int, query: int, key: int, value: int) -> None:
        """Keep a vote; a second one by the same person replaces it."""
        await self._write(
            "INSERT INTO votes (query, key, user, value, voted) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value, voted = excluded.voted",
            (query, key, user, value, _now()),
        )

    async def votes(self, query: int, user: int) -> dict[int, int]:
        """Votes of a person on one answer: key to +1 or -1."""
        return dict(
            await self._read(
                "SELECT key, value FROM votes WHERE query = ? AND user = ?", (query, user)
            )
        )

    async def language(self, user: int) -> str | None:
        """Return the language that the person chose, if any."""
        rows = await self._read("SELECT language FROM users WHERE id = ?", (user,))
        return rows[0][0] if rows else None

    async def set_language(self, user: int, language: str) -> None:
        """Keep the person's choice."""
        await self._write(
            "INSERT INTO users (id, language) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET language = excluded.language",
            (user, language),
        )

    async def forget(self, user: int) -> tuple[int, int]:
        """Delete a person's votes, questions and settings; how many votes and questions."""
        async with self._transaction() as db:
            votes = await db.execute("DELETE FROM votes WHERE user = ?", (user,))
            queries = await db.execute("DELETE FROM queries WHERE user = ?", (user,))
            await db.execute("DELETE FROM users WHERE id = ?", (user,))
            return votes.rowcount, queries.rowcount

    async def prune(self, *, days: int) -> int:
        """Delete what is older than that: questions without a vote, finished updates, left out."""
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        async with self._transaction() as db:
            cursor = await db.execute(
                "DELETE FROM queries WHERE asked < ? AND id NOT IN (SELECT query FROM votes)",
                (before,),
            )
            await db.execute(
                "DELETE FROM inbox WHERE payload IS NULL AND taken < ?",
                (time.time() - REMEMBER_UPDATES,),
            )
            await db.execute("DELETE FROM left_out WHERE at < ?", (before,))
            return cursor.rowcount

    # the live library

    async def groups(self) -> set[int]:
        """Return the groups whose photos become posts."""
        return {row[0] for row in await self._read("SELECT chat FROM groups")}

    async def add_group(self, chat: int, title: str) -> None:
        """From now on the group's photos become posts."""
        await self._write(
            "INSERT INTO groups (chat, title) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET title = excluded.title",
            (chat, title),
        )

    async def drop_group(self, chat: int) -> bool:
        """No longer; False where it was none."""
        cursor = await self._write("DELETE FROM groups WHERE chat = ?", (chat,))
        return cursor.rowcount > 0

    async def accept(self, update_id: int, subject: str, digest: str, payload: str) -> bool:
        """Store an update about a post; False where the very same one is known.

        Telegram may start its numbers anew after a quiet week, so a known
        number with another content is another update.
        """
        cursor = await self._write(
            "INSERT INTO inbox (update_id, subject, digest, payload, taken) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (update_id) DO UPDATE SET subject = excluded.subject,"
            " digest = excluded.digest, payload = excluded.payload, tries = 0, due = 0,"
            " taken = excluded.taken, number = (SELECT max(number) + 1 FROM inbox)"
            " WHERE digest != excluded.digest",
            (update_id, subject, digest, payload, time.time()),
        )
        return cursor.rowcount > 0

    async def pending_updates(self, *, now: float, limit: int) -> list[PendingUpdate]:
        """Return stored updates that wait to be worked in and are due, in the order they came."""
        rows = await self._read(
            "SELECT number, subject, payload, tries FROM inbox"
            " WHERE payload IS NOT NULL AND due <= ? ORDER BY number LIMIT ?",
            (now, limit),
        )
        return [PendingUpdate(*row) for row in rows]

    async def postpone(self, number: int, *, due: float) -> None:
        """Try an update again at that time (seconds since 1970)."""
        await self._write(
            "UPDATE inbox SET tries = tries + 1, due = ? WHERE number = ?", (due, number)
        )

    async def finish(
        self, pending: Iterable[PendingUpdate], entries: Sequence[Entry] = ()
    ) -> list[tuple[int, bytes]]:
        """Write posts and mark the updates they came in as done, in one transaction.

        Earlier updates about the same post are done with them: one that was
        put off must not bring an old state back.

        Returns
        -------
        list of (int, bytes)
            Key and vector of each post written, for the index.
        """
        written: list[tuple[int, bytes]] = []
        async with self._transaction() as db:
            for entry in entries:
                gone = await db.execute_fetchall("SELECT 1 FROM removed WHERE id = ?", (entry.id,))
                if list(gone):
                    continue
                await db.execute(
                    "INSERT INTO posts (id, photo, text, tags, date, source, url, vector, model)"
                    " VALUES (?, NULL, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET text = excluded.text, tags = excluded.tags,"
                    " url = excluded.url, vector = excluded.vector, model = excluded.model",
                    (
                        entry.id,
                        entry.text,
                        json.dumps(entry.tags, ensure_ascii=False),
                        entry.date,
                        entry.source,
                        entry.url,
                        entry.vector,
                        entry.model,
                    ),
                )
                ((key,),) = await db.execute_fetchall(
                    "SELECT key FROM posts WHERE id = ?", (entry.id,)
                )
                await db.execute(
                    "INSERT OR REPLACE INTO files (bot, key, file) VALUES (?, ?, ?)",
                    (self._bot, key, entry.file),
                )
                await db.execute(
                    "INSERT OR REPLACE INTO messages (chat, message, key, album, caption)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (entry.chat, entry.message, key, entry.album, entry.own_text),
                )
                if entry.fingerprint is not None:
                    await db.execute(
                        "INSERT OR REPLACE INTO fingerprints (key, fingerprint) VALUES (?, ?)",
                        (key, entry.fingerprint),
                    )
                await db.execute("DELETE FROM left_out WHERE id = ?", (entry.id,))
                written.append((key, entry.vector))
            await _finish(db, pending)
            if written:
                await _grow(db)
        return written

    async def leave_out(
        self, pending: Iterable[PendingUpdate], items: Sequence[LeftOut]
    ) -> list[int]:
        """Keep posts out of the library and mark their updates as done, in one transaction."""
        gone: list[int] = []
        async with self._transaction() as db:
            for item in items:
                await db.execute(
                    "INSERT OR REPLACE INTO left_out"
                    " (id, chat, album, rule, why, text, url, payload, at)"
                    " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"
                    " WHERE ? NOT IN (SELECT id FROM removed)",
                    (
                        item.id,
                        item.chat,
                        item.album,
                        item.rule,
                        item.why,
                        item.text,
                        item.url,
                        item.payload,
                        _now(),
                        item.id,
                    ),
                )
                rows = await db.execute_fetchall("SELECT key FROM posts WHERE id = ?", (item.id,))
                gone += [row[0] for row in rows]
                await db.execute("DELETE FROM posts WHERE id = ?", (item.id,))
            await _finish(db, pending)
            if gone:
                await _grow(db)
        return gone

    async def left_out(self, *, limit: int) -> list[LeftOut]:
        """Posts that were left out, the newest first."""
        rows = await self._read(
            "SELECT id, chat, album, rule, why, text, url, payload, number FROM left_out"
            " ORDER BY number DESC LIMIT ?",
            (limit,),
        )
        return [LeftOut(*row) for row in rows]

    async def left_out_counts(self) -> dict[str, int]:
        """Count what was left out, by rule."""
        return dict(await self._read("SELECT rule, count(*) FROM left_out GROUP BY rule"))

    async def left_out_album(self, chat: int, album: str) -> tuple[str, str] | None:
        """Rule and reason by which a photo of that album was left out for its text."""
        rows = await self._read(
            "SELECT rule, why FROM left_out WHERE chat = ? AND album = ? AND text != ''"
            " ORDER BY number LIMIT 1",
            (chat, album),
        )
        return (rows[0][0], rows[0][1]) if rows else None

    async def put_back(self, number: int) -> int:
        """Take a post that was left out, and its album, in after all; how many updates it is."""
        if not _fits(number):
            return 0
        async with self._transaction() as db:
            rows = list(
                await db.execute_fetchall(
                    "SELECT o.number, o.id, o.payload FROM left_out o JOIN left_out n"
                    " ON n.number = ? AND (o.number = n.number"
                    " OR (o.chat = n.chat AND o.album = n.album)) ORDER BY o.number",
                    (number,),
                )
            )
            for own, post, payload in rows:
                await db.execute("INSERT OR IGNORE INTO kept (id) VALUES (?)", (post,))
                await db.execute("DELETE FROM left_out WHERE number = ?", (own,))
                # Telegram's numbers are above zero, so these are never taken for one of them.
                await db.execute(
                    "INSERT OR REPLACE INTO inbox (update_id, subject, digest, payload, taken)"
                    " VALUES (?, ?, 'kept', ?, ?)",
                    (-own, post, payload, time.time()),
                )
            return len(rows)

    async def is_kept(self, post: str) -> bool:
        """Tell whether the owner put the post of that id back."""
        return bool(await self._read("SELECT 1 FROM kept WHERE id = ?", (post,)))

    async def without_fingerprint(
        self, *, after: int, limit: int, except_source: str = ""
    ) -> list[Unfingerprinted]:
        """Return posts without a fingerprint, by key, but those of one source."""
        rows = await self._read(
            "SELECT p.key, p.id, p.photo, p.text, p.tags FROM posts p"
            " LEFT JOIN fingerprints f ON f.key = p.key"
            " WHERE f.key IS NULL AND p.key > ? AND p.source IS NOT ? ORDER BY p.key LIMIT ?",
            (after, except_source, limit),
        )
        return [
            Unfingerprinted(key, id_, photo, text, _tags(tags))
            for key, id_, photo, text, tags in rows
        ]

    async def set_fingerprints(self, fingerprints: Mapping[int, bytes]) -> None:
        """Keep what copies of posts are known by."""
        async with self._transaction() as db:
            await db.executemany(
                "INSERT OR REPLACE INTO fingerprints (key, fingerprint)"
                " SELECT key, ? FROM posts WHERE key = ?",
                [(value, key) for key, value in fingerprints.items()],
            )

    async def is_removed(self, post: str) -> bool:
        """Tell whether the owner removed the post of that id."""
        return bool(await self._read("SELECT 1 FROM removed WHERE id = ?", (post,)))

    async def siblings(self, chat: int, album: str) -> list[Sibling]:
        """Return the posts that came in the same album."""
        rows = await self._read(
            "SELECT m.key, m.chat, m.message, m.caption, p.text, f.file FROM messages m"
            " JOIN posts p ON p.key = m.key"
            " LEFT JOIN files f ON f.key = m.key AND f.bot = ? WHERE m.chat = ? AND m.album = ?"
            " ORDER BY m.message",
            (self._bot, chat, album),
        )
        return [Sibling(*row) for row in rows]

    async def post_of(self, chat: int, message: int) -> int | None:
        """Key of the post that came as that message."""
        rows = await self._read(
            "SELECT key FROM messages WHERE chat = ? AND message = ?", (chat, message)
        )
        return rows[0][0] if rows else None

    async def remove_forever(self, post: str) -> int | None:
        """Delete the post of that id, present or still to come; its key if it was present."""
        async with self._transaction() as db:
            await db.execute("INSERT OR IGNORE INTO removed (id) VALUES (?)", (post,))
            await db.execute("DELETE FROM left_out WHERE id = ?", (post,))
            rows = list(await db.execute_fetchall("SELECT key FROM posts WHERE id = ?", (post,)))
            if not rows:
                return None
            await db.execute("DELETE FROM posts WHERE id = ?", (post,))
            await _grow(db)
            return int(rows[0][0])

    async def remove(self, key: int) -> Post | None:
        """Delete a post for good: it does not come back by an edit or a new model."""
        async with self._transaction() as db:
            rows = list(await db.execute_fetchall(f"{_POST} WHERE p.key = ?", (self._bot, key)))
            if not rows:
                return None
            post = _post(tuple(rows[0]))
            await db.execute("INSERT OR IGNORE INTO removed (id) VALUES (?)", (post.id,))
            await db.execute("DELETE FROM posts WHERE key = ?", (key,))
            await _grow(db)
            return post

    async def undescribed(self, model: str, *, after: int, limit: int) -> list[Undescribed]:
        """Return posts whose vector is missing or of another model, by key."""
        rows = await self._read(
            "SELECT p.key, p.photo, p.text, p.tags, f.file FROM posts p"
            " LEFT JOIN files f ON f.key = p.key AND f.bot = ?"
            " WHERE (p.vector IS NULL OR p.model IS NOT ?) AND p.key > ? ORDER BY p.key LIMIT ?",
            (self._bot, model, after, limit),
        )
        return [
            Undescribed(key, photo, text, _tags(tags), file)
            for key, photo, text, tags, file in rows
        ]

    async def set_vector(self, key: int, vector: bytes, model: str) -> None:
        """Give a post its vector under the present model."""
        async with self._transaction() as db:
            await db.execute(
                "UPDATE posts SET vector = ?, model = ? WHERE key = ?", (vector, model, key)
            )
            await _grow(db)


async def _finish(db: aiosqlite.Connection, pending: Iterable[PendingUpdate]) -> None:
    await db.executemany(
        "UPDATE inbox SET payload = NULL WHERE payload IS NOT NULL AND subject = ? AND number <= ?",
        [(one.subject, one.number) for one in pending],
    )


async def _grow(db: aiosqlite.Connection) -> None:
    await db.execute(
        "INSERT INTO meta (name, value) VALUES ('version', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
