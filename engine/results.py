"""The engine's answers: plain dataclasses. Whoever shows them decides how they look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
QueryKind = Literal["photo", "text", "both", "post"]


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a hashtag as it is shown, with its score.

    Attributes
    ----------
    text
        The form a reader sees ("beautiful", never "beauti"); a hashtag comes without ``#``.
    language
        ``"en"``, ``"ru"`` or ``""`` where the script tells neither.
    score
        How much the topic vector speaks for it; larger is better, comparable within one answer.
    """

    text: str
    language: str
    score: float


@dataclass(frozen=True, slots=True)
class TopicShare:
    """One topic of a query: its number, its share p(t | d), and the words that name it."""

    topic: int
    share: float
    words: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the /topics page shows it.

    Attributes
    ----------
    size
        Its share of the library, p(t).
    coherence
        Mean NPMI of its top words over the training posts, -1 to 1.
    """

    topic: int
    words: tuple[Term, ...]
    tags: tuple[Term, ...]
    size: float
    coherence: float


@dataclass(frozen=True)
class Query:
    """A photo, a text or both, as the engine understood it. Keep it for `more` and votes.

    Attributes
    ----------
    kind
        What it was made of.
    theta
        Topic vector p(t | query), shape (K,), sums to 1.
    words, minus, unknown
        Known words, excluded words, and words the model does not know, as typed.
    """

    kind: QueryKind
    theta: Floats
    words: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    extra: dict[str, Floats] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        """Serialise (no pickle), so that a button pressed later can go on from here."""
        from engine.wire import query_to_bytes

        return query_to_bytes(self)

    @staticmethod
    def from_bytes(data: bytes) -> Query:
        """Read what `to_bytes` wrote; ValueError for anything else."""
        from engine.wire import query_from_bytes

        return query_from_bytes(data)


@dataclass(frozen=True, slots=True)
class Hit:
    """One found post.

    Attributes
    ----------
    key
        The post's integer key in the store.
    closeness
        0 to 1, calibrated: the share of less close posts that a random query finds at all;
        shown to readers as a percentage.
    """

    key: int
    closeness: float


@dataclass(frozen=True, slots=True)
class Page:
    """Hits of one page, best first. No hits at offset 0 means: nothing is close enough."""

    hits: tuple[Hit, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Annotation:
    """Words and hashtags for a photo (or any query), best first."""

    words: tuple[Term, ...]
    tags: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why: the main topics of a query and, for a photo, where each is seen.

    Attributes
    ----------
    topics
        Largest share first.
    heat
        Shape (len(topics), rows, columns), 0 to 1, or None for a query without a photo.
    """

    topics: tuple[TopicShare, ...]
    heat: Floats | None


@dataclass(frozen=True, slots=True)
class PostVector:
    """What the library keeps of a post's content: enough to find and to re-rank it.

    Attributes
    ----------
    theta
        Topic vector, shape (K,), float32.
    blob
        Everything the index needs, as bytes (theta included); store it as it is.
    """

    theta: Floats
    blob: bytes
