"""Which posts were taken over, and how far: one small SQLite file."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

_SENT: Final = 0
_TAKEN: Final = 1
_READ: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS posts (
    key TEXT PRIMARY KEY,
    message INTEGER NOT NULL,
    file TEXT NOT NULL,
    state INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posts_file ON posts (file);
"""

_log = logging.getLogger(__name__)


class Ledger:
    """What is known of the posts that were taken over.

    A post is first sent, then taken (the bot has confirmed its update), then read (the bot has
    fetched its photo).

    Parameters
    ----------
    path
        The file. A damaged one is put aside, and posts may then come a second time.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError:
            _log.warning("%s is damaged and was put aside", path.name)
            path.replace(path.with_name(f"{path.name}.damaged"))
            self._db = _open(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def message(self, key: str) -> int | None:
        """Return the number of the message that a post was sent as."""
        row = self._db.execute("SELECT message FROM posts WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def taken(self, key: str) -> bool:
        """Whether the bot has a post."""
        row = self._db.execute("SELECT state FROM posts WHERE key = ?", (key,)).fetchone()
        return row is not None and row[0] >= _TAKEN

    def add(self, key: str, message: int, file: str) -> None:
        """Note a post that is about to be sent, with the ``file_unique_id`` of its photo."""
        self._db.execute(
            "INSERT INTO posts (key, message, file, state) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET file = excluded.file",
            (key, message, file, _SENT),
        )

    def take(self, key: str) -> None:
        """Note that the bot has a post."""
        self._db.execute(
            "UPDATE posts SET state = ? WHERE key = ? AND state < ?", (_TAKEN, key, _TAKEN)
        )

    def read(self, file: str) -> None:
        """Note that the bot has fetched a photo."""
        self._db.execute(
            "UPDATE posts SET state = ? WHERE file = ? AND state < ?", (_READ, file, _READ)
        )

    def counts(self) -> dict[str, int]:
        """Return how many posts were ``sent`` in all, and how many of them are ``read``."""
        sent, read = self._db.execute(
            "SELECT count(*), coalesce(sum(state = ?), 0) FROM posts", (_READ,)
        ).fetchone()
        return {"sent": sent, "read": read}


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # A commit survives the end of the process at any moment, without waiting for the disk.
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
