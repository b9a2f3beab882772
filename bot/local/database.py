"""What the local chat keeps between runs, in one SQLite file."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from bot.local import Json

#: States of a post that is taken over: sent to the channel, confirmed by the bot, photo fetched.
_SENT, _TAKEN, _READ = range(3)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS posts (
    key TEXT PRIMARY KEY,
    message INTEGER NOT NULL,
    file TEXT NOT NULL,
    state INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_file ON posts (file);
-- A message that was deleted keeps its row, so that its number is never given again.
CREATE TABLE IF NOT EXISTS messages (
    chat INTEGER NOT NULL,
    number INTEGER NOT NULL,
    by_bot INTEGER NOT NULL,
    body TEXT,
    PRIMARY KEY (chat, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS updates (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_log = logging.getLogger(__name__)


class ChatDatabase:
    """Messages, pending updates, users, and the posts that were taken over.

    Numbers of messages and updates go on where the last run stopped: a bot keeps them, and would
    take a new post for an old one.

    A commit survives the end of the process at any moment, without waiting for the disk. Where
    the disk is full the chat goes on without being kept, but no post is taken over.

    Parameters
    ----------
    folder
        Where ``posts.sqlite`` lies. A damaged file is put aside.

    Attributes
    ----------
    first
        The lowest number that a message (or an update, above its base) may get.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "posts.sqlite"
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise OSError(f"{path.name} cannot be opened: {error}") from error
            _log.warning("%s is damaged and was put aside", path.name)
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                if part.exists():
                    part.replace(part.with_name(f"{part.name}.damaged"))
            self._db = _open(path)
        # Runs before version 0.2 kept their numbers in files of their own.
        self.first = max(_number(folder / f"{name}.number") for name in ("messages", "updates"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(self, sql: str, values: Sequence[Any]) -> None:
        try:
            self._db.execute(sql, values)
        except sqlite3.Error as error:
            # The chat should work all the same.
            _log.warning("the chat is not kept: %s", error)

    # Chats ---------------------------------------------------------------------------------

    def keep(self, name: str, value: Json) -> None:
        """Keep an object under a name."""
        self._write("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, json.dumps(value)))

    def kept(self, prefix: str) -> dict[str, Json]:
        """Return what is kept under the names that begin so, by the rest of the name."""
        rows = self._db.execute("SELECT name, value FROM kept WHERE name GLOB ?", (f"{prefix}*",))
        return {
            name[len(prefix) :]: found
            for name, value in rows
            if (found := _object(value)) is not None
        }

    def put_message(self, chat: int, number: int, by_bot: bool, body: str) -> None:
        """Keep a message, new or edited."""
        sql = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)"
        self._write(sql, (chat, number, by_bot, body))

    def drop_message(self, chat: int, number: int) -> None:
        """Forget what a message said."""
        sql = "UPDATE messages SET body = NULL WHERE chat = ? AND number = ?"
        self._write(sql, (chat, number))

    def messages(self, chat: int, limit: int) -> list[tuple[int, bool, Json]]:
        """Return the newest messages of a chat, oldest first; what is older is forgotten."""
        sql = (
            "SELECT number, by_bot, body FROM messages WHERE chat = ? AND body IS NOT NULL"
            " ORDER BY number DESC LIMIT ?"
        )
        rows = self._db.execute(sql, (chat, limit)).fetchall()
        if len(rows) == limit:
            sql = "DELETE FROM messages WHERE chat = ? AND number < ?"
            self._write(sql, (chat, rows[-1][0]))
        return [
            (number, bool(by_bot), message)
            for number, by_bot, body in rows[::-1]
            if (message := _object(body)) is not None
        ]

    def next_message(self, chat: int) -> int:
        """Return the lowest number that no message of a chat has had."""
        sql = "SELECT max(number) FROM messages WHERE chat = ?"
        (last,) = self._db.execute(sql, (chat,)).fetchone()
        return max(self.first, (last or 0) + 1)

    # Updates -------------------------------------------------------------------------------

    def put_update(self, number: int, body: str) -> None:
        """Keep an update until it is confirmed."""
        self._write("INSERT INTO updates VALUES (?, ?)", (number, body))

    def drop_updates(self, first: int, last: int) -> None:
        """Forget updates from one to another."""
        self._write("DELETE FROM updates WHERE number BETWEEN ? AND ?", (first, last))

    def updates(self) -> list[tuple[int, Json]]:
        """Return the updates that no bot has confirmed, oldest first."""
        rows = self._db.execute("SELECT number, body FROM updates ORDER BY number")
        return [(number, update) for number, body in rows if (update := _object(body)) is not None]

    def next_update(self, base: int) -> int:
        """Return the lowest number above a base that no update has had."""
        sql = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'updates'"
        (last,) = self._db.execute(sql).fetchone()
        return max(base + self.first, (last or 0) + 1)

    # Posts taken over ----------------------------------------------------------------------

    def message_of(self, key: str) -> int | None:
        """Return the number of the message that a post was sent as."""
        row = self._db.execute("SELECT message FROM posts WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def sent_posts(self) -> dict[int, str]:
        """Return the keys of the posts that no bot has confirmed, by their messages' numbers."""
        rows = self._db.execute("SELECT message, key FROM posts WHERE state = ?", (_SENT,))
        return dict(rows.fetchall())

    def taken(self, key: str) -> bool:
        """Whether the bot has a post."""
        row = self._db.execute("SELECT state FROM posts WHERE key = ?", (key,)).fetchone()
        return row is not None and row[0] >= _TAKEN

    def add_post(self, key: str, message: int, file: str) -> None:
        """Note a post that is about to be sent, with the ``file_unique_id`` of its photo.

        Raises
        ------
        sqlite3.Error
            It cannot be written.
        """
        self._db.execute(
            "INSERT OR REPLACE INTO posts VALUES (?, ?, ?, ?)", (key, message, file, _SENT)
        )

    def take_post(self, key: str) -> None:
        """Note that the bot has a post."""
        # Not noted, it is sent again under the same number: the bot will not have it twice.
        sql = "UPDATE posts SET state = ? WHERE key = ? AND state < ?"
        self._write(sql, (_TAKEN, key, _TAKEN))

    def read_file(self, file: str) -> None:
        """Note that the bot has fetched a photo."""
        sql = "UPDATE posts SET state = ? WHERE file = ? AND state < ?"
        self._write(sql, (_READ, file, _READ))

    def post_counts(self) -> tuple[int, int]:
        """Return how many posts were sent in all, and how many of them the bot has fetched."""
        sql = "SELECT count(*), coalesce(sum(state = ?), 0) FROM posts"
        sent, read = self._db.execute(sql, (_READ,)).fetchone()
        return sent, read


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
        with closing(db.execute("PRAGMA quick_check(1)")) as check:
            if check.fetchone() != ("ok",):
                error = sqlite3.DatabaseError("quick_check failed")
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
    except BaseException:
        db.close()
        raise
    return db


def _object(text: str) -> Json | None:
    """Parse what was kept; None where it was damaged."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _number(path: Path) -> int:
    try:
        return max(int(path.read_text()[:20]), 1)
    except (OSError, ValueError):
        return 1
