"""The library's SQLite schema: one file, a version, stepwise migrations.

A migration, once released, is never edited: append a new one.
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
    # 2: what the bot keeps beside the posts
    """
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        language TEXT NOT NULL
    ) STRICT;
    CREATE TABLE queries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user INTEGER NOT NULL,
        chat INTEGER NOT NULL,
        kind TEXT NOT NULL,
        query BLOB NOT NULL,
        photo TEXT,
        model TEXT NOT NULL,
        asked TEXT NOT NULL
    ) STRICT;
    CREATE INDEX queries_user ON queries (user);
    CREATE INDEX queries_asked ON queries (asked);
    CREATE TABLE shown (
        query INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
        key INTEGER NOT NULL,
        chat INTEGER NOT NULL,
        message INTEGER NOT NULL,
        PRIMARY KEY (query, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX shown_message ON shown (chat, message);
    CREATE TABLE votes (
        query INTEGER NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
        key INTEGER NOT NULL,
        user INTEGER NOT NULL,
        value INTEGER NOT NULL CHECK (value IN (-1, 1)),
        voted TEXT NOT NULL,
        PRIMARY KEY (query, key, user)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX votes_user ON votes (user);
    CREATE TABLE files (
        bot INTEGER NOT NULL,
        key INTEGER NOT NULL REFERENCES posts (key) ON DELETE CASCADE,
        file TEXT NOT NULL,
        PRIMARY KEY (bot, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        chat INTEGER NOT NULL,
        message INTEGER NOT NULL,
        key INTEGER NOT NULL REFERENCES posts (key) ON DELETE CASCADE,
        album TEXT,
        caption TEXT NOT NULL,
        PRIMARY KEY (chat, message)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX messages_album ON messages (chat, album) WHERE album IS NOT NULL;
    CREATE TABLE removed (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE groups (
        chat INTEGER PRIMARY KEY,
        title TEXT NOT NULL
    ) STRICT;
    CREATE TABLE inbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        update_id INTEGER NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        digest TEXT NOT NULL,
        payload TEXT,
        tries INTEGER NOT NULL DEFAULT 0,
        due REAL NOT NULL DEFAULT 0,
        taken REAL NOT NULL
    ) STRICT;
    CREATE INDEX inbox_due ON inbox (due) WHERE payload IS NOT NULL;
    CREATE INDEX inbox_subject ON inbox (subject) WHERE payload IS NOT NULL;
    """,
    # 3: cleaning of live posts: what copies are known by, and what was left out
    """
    CREATE TABLE fingerprints (
        key INTEGER PRIMARY KEY REFERENCES posts (key) ON DELETE CASCADE,
        fingerprint BLOB NOT NULL
    ) STRICT;
    CREATE TABLE left_out (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        chat INTEGER NOT NULL,
        album TEXT,
        rule TEXT NOT NULL,
        why TEXT NOT NULL,
        text TEXT NOT NULL,
        url TEXT,
        payload TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX left_out_album ON left_out (chat, album) WHERE album IS NOT NULL;
    CREATE TABLE kept (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    """,
    # 4: exact words, words on pictures, what changed since a version, questions on their way
    """
    INSERT OR IGNORE INTO meta (name, value) VALUES ('version', '0');
    ALTER TABLE posts ADD COLUMN thread TEXT;
    ALTER TABLE posts ADD COLUMN media TEXT;
    ALTER TABLE posts ADD COLUMN picture_words TEXT;
    CREATE TABLE words (
        key INTEGER PRIMARY KEY REFERENCES posts (key) ON DELETE CASCADE,
        edition INTEGER NOT NULL,
        text TEXT NOT NULL,
        picture TEXT NOT NULL
    ) STRICT;
    CREATE INDEX words_edition ON words (edition);
    CREATE VIRTUAL TABLE words_index USING fts5 (
        text, picture, content = 'words', content_rowid = 'key', tokenize = "ascii tokenchars '#_-'"
    );
    CREATE TRIGGER words_added AFTER INSERT ON words BEGIN
        INSERT INTO words_index (rowid, text, picture) VALUES (new.key, new.text, new.picture);
    END;
    CREATE TRIGGER words_removed AFTER DELETE ON words BEGIN
        INSERT INTO words_index (words_index, rowid, text, picture)
        VALUES ('delete', old.key, old.text, old.picture);
    END;
    CREATE TRIGGER words_changed AFTER UPDATE ON words BEGIN
        INSERT INTO words_index (words_index, rowid, text, picture)
        VALUES ('delete', old.key, old.text, old.picture);
        INSERT INTO words_index (rowid, text, picture) VALUES (new.key, new.text, new.picture);
    END;
    CREATE TABLE changes (
        key INTEGER PRIMARY KEY,
        version INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX changes_version ON changes (version);
    ALTER TABLE inbox ADD COLUMN together TEXT NOT NULL DEFAULT '';
    ALTER TABLE inbox ADD COLUMN worker INTEGER;
    ALTER TABLE inbox ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE in_work (
        worker INTEGER PRIMARY KEY,
        number INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE questions (
        update_id INTEGER PRIMARY KEY,
        payload TEXT,
        begun INTEGER NOT NULL DEFAULT 0,
        taken REAL NOT NULL
    ) STRICT;
    """,
    # 5: numbers of updates may start anew; the same number with another content is another update
    """
    ALTER TABLE questions ADD COLUMN digest TEXT NOT NULL DEFAULT '';
    """,
    # 6: photos of an album that was asked with; who has a question in hand
    """
    ALTER TABLE questions ADD COLUMN together TEXT NOT NULL DEFAULT '';
    ALTER TABLE questions ADD COLUMN worker INTEGER;
    """,
    # 7: how many processes ended while they answered a question; 2 was "perhaps it was sent"
    """
    ALTER TABLE questions ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
    UPDATE questions SET payload = NULL WHERE begun = 2;
    UPDATE questions SET begun = 0;
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
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
        )
