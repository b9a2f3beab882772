"""The library's SQLite schema: one file, a version, stepwise migrations.

The same file is written by `training build` (synchronously) and by the bot
(through aiosqlite), so the tables are defined once, here. A migration, once
released, is never edited: append a new one.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from engine.errors import Image2PicError

MIGRATIONS: Final[tuple[str, ...]] = (
    # 1: posts and what is known about the library as a whole
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE posts (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        photo TEXT,
        text TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        date TEXT,
        source TEXT,
        url TEXT,
        vector BLOB,
        model TEXT
    ) STRICT;
    CREATE INDEX posts_date ON posts (date);
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the open database to the newest version, one migration a transaction.

    Raises
    ------
    Image2PicError
        The file was written by a newer image2pic.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise Image2PicError(
            f"the library has schema version {version}, this image2pic knows up to "
            f"{len(MIGRATIONS)}: upgrade image2pic, or restore an older library"
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
