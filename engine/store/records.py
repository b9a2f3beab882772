"""What the store takes and gives: plain rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Post:
    """A post of the library.

    Attributes
    ----------
    key
        The library's own number of it, never used again after a removal; 0 before it is stored.
    id
        The post's id in its source.
    photo
        Path below the photos' folder, or None (a post of a channel has only `file`).
    text
        Its text as a reader sees it.
    tags
        Hashtags without ``#``.
    date
        ISO 8601.
    source, url
        Where it came from, and a link that a reader can open.
    thread
        Name of the forum's topic that it was posted in.
    media
        What the photo was taken from: ``"photo"``, ``"video"``, ``"animation"``, ``"sticker"``.
    file
        Telegram's file_id for this bot, where it is known.
    picture_words
        The words that stand on the picture; None where nobody has read it yet.
    vector
        `engine.results.PostVector.blob`. It is only written: `Store.vectors` reads it.
    model
        Identity of the model that `vector` belongs to.
    """

    key: int
    id: str
    photo: str | None = None
    text: str = ""
    tags: tuple[str, ...] = ()
    date: str | None = None
    source: str | None = None
    url: str | None = None
    thread: str | None = None
    media: str | None = None
    file: str | None = None
    picture_words: str | None = None
    vector: bytes | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A post to write as it came from a chat.

    Attributes
    ----------
    own_text
        Its own caption; the post's text may have come from another photo of its album.
    fingerprint
        What copies of it are known by (`engine.cleaning.duplicates.Fingerprint`); None where
        posts are not cleaned.
    """

    post: Post
    chat: int
    message: int
    album: str | None
    own_text: str
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another photo of an album."""

    post: Post
    chat: int
    message: int
    own_text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A post that was written or removed.

    Attributes
    ----------
    vector
        Of the model that was asked for; None where the post is gone or not described by it.
    """

    version: int
    key: int
    vector: bytes | None


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
    asked
        When, ISO 8601.
    """

    id: int
    user: int
    chat: int
    kind: str
    query: bytes
    photo: str | None
    model: str
    asked: str


class Vote(NamedTuple):
    """A vote.

    Attributes
    ----------
    user, query
        Who voted, on the answer to which question.
    key
        The post.
    value
        1 or -1.
    asked
        `Asked.query` of the question.
    """

    user: int
    query: int
    key: int
    value: int
    asked: bytes


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """An update about the library that is stored but not yet processed.

    Attributes
    ----------
    number
        Grows in the order of arrival.
    subject
        Id of the post that it is about.
    tries
        How often it was put off.
    ended
        How often the process ended while it was worked on.
    """

    number: int
    subject: str
    payload: str
    tries: int
    ended: int = 0


class OpenQuestion(NamedTuple):
    """A question that is written down and not answered.

    Attributes
    ----------
    album
        The same for all photos of one album, else nothing.
    ended
        How many processes ended while they answered it.
    """

    update_id: int
    payload: str
    album: str
    ended: int


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
class Counts:
    """How much there is of everything, for /stats."""

    posts: int
    votes: int
    users: int
    queries: int
    waiting: int
