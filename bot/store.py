"""What the bot asks of a database: posts, votes, history, and updates not yet worked in.

One small interface, so that another database (PostgreSQL with pgvector) can
take SQLite's place; the same tests have to pass on each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it is shown.

    Attributes
    ----------
    photo
        Path below the photos' folder, or None (a post of a channel has only `file`).
    file
        Telegram file_id for this bot, where it is known.
    """

    key: int
    id: str
    photo: str | None
    text: str
    tags: tuple[str, ...]
    date: str | None = None
    source: str | None = None
    url: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered: what its buttons refer to.

    Attributes
    ----------
    query
        What `engine.results.Query.to_bytes` wrote.
    photo
        Telegram file_id of the photo asked with; the photo itself is not kept.
    model
        Identity of the model that `query` belongs to.
    """

    id: int
    user: int
    chat: int
    kind: str
    query: bytes
    photo: str | None
    model: str


@dataclass(frozen=True, slots=True)
class Letter:
    """An update about the library that is stored but not yet worked in.

    Attributes
    ----------
    number
        Grows in the order of arrival.
    subject
        Id of the post that it is about.
    """

    number: int
    subject: str
    payload: str
    tries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A post to write, as it came from a chat, with its vector.

    Attributes
    ----------
    own_text
        Its own caption; `text` may have come from another photo of its album.
    """

    id: str
    chat: int
    message: int
    album: str | None
    own_text: str
    text: str
    tags: tuple[str, ...]
    date: str
    source: str
    url: str | None
    file: str
    vector: bytes
    model: str


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another photo of an album."""

    key: int
    chat: int
    message: int
    own_text: str
    text: str
    file: str | None


@dataclass(frozen=True, slots=True)
class Undescribed:
    """A post whose vector is missing or of another model."""

    key: int
    photo: str | None
    text: str
    tags: tuple[str, ...]
    file: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of everything, for /stats."""

    posts: int
    votes: int
    users: int
    queries: int
    waiting: int


class Store(Protocol):
    """The library, the votes and the history. Every write is committed when it returns.

    Methods raise `StoreFullError` when the disk is full and `StoreError` when
    the database fails otherwise.
    """

    async def close(self) -> None: ...

    # posts
    async def posts(self, keys: Sequence[int]) -> dict[int, Post]: ...
    async def recent(self, *, limit: int, offset: int) -> list[Post]: ...
    async def version(self) -> int: ...
    async def counts(self) -> Counts: ...
    async def set_files(self, files: Mapping[int, str]) -> None: ...
    async def drop_file(self, key: int, file: str) -> None: ...

    # questions, votes, people
    async def remember(
        self, *, user: int, chat: int, kind: str, query: bytes, photo: str | None, model: str
    ) -> int: ...
    async def asked(self, query: int) -> Asked | None: ...
    async def show(self, query: int, chat: int, messages: Mapping[int, int]) -> None: ...
    async def shown(self, query: int) -> dict[int, int]: ...
    async def shown_in(self, chat: int, message: int) -> list[int]: ...
    async def vote(self, *, user: int, query: int, key: int, value: int) -> None: ...
    async def votes(self, query: int, user: int) -> dict[int, int]: ...
    async def language(self, user: int) -> str | None: ...
    async def set_language(self, user: int, language: str) -> None: ...
    async def forget(self, user: int) -> tuple[int, int]: ...
    async def prune(self, *, days: int) -> int: ...

    # the live library
    async def groups(self) -> set[int]: ...
    async def add_group(self, chat: int, title: str) -> None: ...
    async def drop_group(self, chat: int) -> bool: ...
    async def accept(self, update_id: int, subject: str, digest: str, payload: str) -> bool: ...
    async def letters(self, *, now: float, limit: int) -> list[Letter]: ...
    async def postpone(self, number: int, *, due: float) -> None: ...
    async def settle(
        self, letters: Iterable[Letter], entries: Sequence[Entry] = ()
    ) -> list[tuple[int, bytes]]: ...
    async def is_removed(self, id: str) -> bool: ...
    async def siblings(self, chat: int, album: str) -> list[Sibling]: ...
    async def post_of(self, chat: int, message: int) -> int | None: ...
    async def bury(self, id: str) -> int | None: ...
    async def remove(self, key: int) -> Post | None: ...
    async def undescribed(self, model: str, *, after: int, limit: int) -> list[Undescribed]: ...
    async def set_vector(self, key: int, vector: bytes, model: str) -> None: ...
