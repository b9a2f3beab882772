"""The library: posts, people's questions and votes, and updates that are not processed yet.

`Store` is the interface, written once in the SQL that SQLite and PostgreSQL share; `SqliteStore`
is the library in one file. Another database has to pass the same tests.
"""

from engine.store.inbox import Inbox as Store
from engine.store.records import (
    Asked,
    Change,
    Counts,
    Entry,
    LeftOut,
    OpenQuestion,
    PendingUpdate,
    Post,
    Sibling,
    Vote,
)
from engine.store.sqlite import ModelPosts, SqliteStore

__all__ = [
    "Asked",
    "Change",
    "Counts",
    "Entry",
    "LeftOut",
    "ModelPosts",
    "OpenQuestion",
    "PendingUpdate",
    "Post",
    "Sibling",
    "SqliteStore",
    "Store",
    "Vote",
]
