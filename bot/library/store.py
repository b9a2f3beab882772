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
class PendingUpdate:
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
    fingerprint
        What copies of it are known by (`engine.cleaning.duplicates.Fingerprint`); None where
        posts are not cleaned.
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
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A post that cleaning left out of the library.

    Attributes
    ----------
    rule, why
        Of `engine.cleaning.rules.Verdict`.
    payload
        The update it came in, by which it can be put back.
    number
        By which its button names it; None before it is written.
    """

    id: str
    chat: int
    album: str | None
    rule: str
    why: str
    text: str
    url: str | None
    payload: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Unfingerprinted:
    """A post whose fingerprint is not known yet."""

    key: int
    id: str
    photo: str | None
    text: str
    tags: tuple[str, ...]


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

    async def close(self) -> None:
        """Let go of the database after what is being written is written."""

    # posts
    async def posts(self, keys: Sequence[int]) -> dict[int, Post]:
        """Return those of the posts that exist, by key."""

    async def recent(self, *, limit: int, offset: int) -> list[Post]:
        """Return the newest posts first."""

    async def version(self) -> int:
        """Return a number that grows with every change of a vector."""

    async def counts(self) -> Counts:
        """Count everything."""

    async def set_files(self, files: Mapping[int, str]) -> None:
        """Keep the file_ids under which Telegram has the posts' photos (key to file_id)."""

    async def drop_file(self, key: int, file: str) -> None:
        """Forget a file_id that Telegram no longer takes, unless it was replaced meanwhile."""

    # questions, votes, people
    async def remember(
        self, *, user: int, chat: int, kind: str, query: bytes, photo: str | None, model: str
    ) -> int:
        """Keep a question; return its number, which is never used again."""

    async def asked(self, query: int) -> Asked | None:
        """Look up the question of that number."""

    async def show(self, query: int, chat: int, messages: Mapping[int, int]) -> None:
        """Keep which message (value) shows which post (key) for a question."""

    async def shown(self, query: int) -> dict[int, int]:
        """Return the posts shown for a question so far: key to message."""

    async def shown_in(self, chat: int, message: int) -> list[int]:
        """Return the keys of the posts that a message of the bot shows."""

    async def vote(self, *, user: int, query: int, key: int, value: int) -> None:
        """Keep a vote, +1 or -1; a second one by the same person replaces it."""

    async def votes(self, query: int, user: int) -> dict[int, int]:
        """Return a person's votes on one answer: key to +1 or -1."""

    async def language(self, user: int) -> str | None:
        """Return the language that the person chose, if any."""

    async def set_language(self, user: int, language: str) -> None:
        """Keep the person's choice of a language."""

    async def forget(self, user: int) -> tuple[int, int]:
        """Delete a person's votes, questions and settings; how many votes and questions."""

    async def prune(self, *, days: int) -> int:
        """Delete what is older than that; how many questions (those with a vote stay)."""

    # the live library
    async def groups(self) -> set[int]:
        """Return the groups whose photos become posts."""

    async def add_group(self, chat: int, title: str) -> None:
        """From now on the group's photos become posts."""

    async def drop_group(self, chat: int) -> bool:
        """No longer; False where they did not."""

    async def accept(self, update_id: int, subject: str, digest: str, payload: str) -> bool:
        """Store an update about a post; False where the very same one is known."""

    async def pending_updates(self, *, now: float, limit: int) -> list[PendingUpdate]:
        """Return stored updates that are due (seconds since 1970), in the order they came."""

    async def postpone(self, number: int, *, due: float) -> None:
        """Try an update again at that time (seconds since 1970)."""

    async def finish(
        self, pending: Iterable[PendingUpdate], entries: Sequence[Entry] = ()
    ) -> list[tuple[int, bytes]]:
        """Write posts and mark the updates they came in as done, in one transaction.

        Earlier updates about the same posts are done with them. Returns key and
        vector of each post written, for the index.
        """

    async def leave_out(
        self, pending: Iterable[PendingUpdate], items: Sequence[LeftOut]
    ) -> list[int]:
        """Keep posts out of the library and mark their updates as done, in one transaction.

        Returns the keys of those that were in it, as what they were before an edit.
        """

    async def left_out(self, *, limit: int) -> list[LeftOut]:
        """Return the posts that were left out, the newest first."""

    async def left_out_counts(self) -> dict[str, int]:
        """Count what was left out, by rule."""

    async def left_out_album(self, chat: int, album: str) -> tuple[str, str] | None:
        """Return rule and reason by which a photo of that album was left out for its text."""

    async def put_back(self, number: int) -> int:
        """Take a post that was left out (and its album) in after all; how many updates it is.

        They come by `pending_updates` once more, and `is_kept` tells that the owner wants them.
        """

    async def is_kept(self, post: str) -> bool:
        """Tell whether the owner put the post of that id back: it is not judged any more."""

    async def without_fingerprint(
        self, *, after: int, limit: int, except_source: str = ""
    ) -> list[Unfingerprinted]:
        """Return posts without a fingerprint, by key, but those of one source."""

    async def set_fingerprints(self, fingerprints: Mapping[int, bytes]) -> None:
        """Keep what copies of posts are known by (key to fingerprint)."""

    async def is_removed(self, post: str) -> bool:
        """Tell whether the owner removed the post of that id."""

    async def siblings(self, chat: int, album: str) -> list[Sibling]:
        """Return the posts that came in the same album."""

    async def post_of(self, chat: int, message: int) -> int | None:
        """Return the key of the post that came as that message."""

    async def remove_forever(self, post: str) -> int | None:
        """Delete the post of that id, present or still to come; its key if it was present."""

    async def remove(self, key: int) -> Post | None:
        """Delete a post for good: it does not come back by an edit or a new model."""

    async def undescribed(self, model: str, *, after: int, limit: int) -> list[Undescribed]:
        """Return posts whose vector is missing or of another model, by key."""

    async def set_vector(self, key: int, vector: bytes, model: str) -> None:
        """Give a post its vector under the present model."""
