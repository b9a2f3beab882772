"""The engine's answers: plain dataclasses. Whoever shows them decides how they look."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.intp]
QueryKind = Literal["photo", "text", "both", "post"]

_MAGIC: Final = b"i2v1"
_HEADER: Final = struct.Struct("<4sHff")


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
        How strongly the topic vector suggests it; larger is better, comparable within one answer.
    column
        Its place in the vocabulary.
    """

    text: str
    language: str
    score: float
    column: int = -1


@dataclass(frozen=True, slots=True)
class TopicShare:
    """One topic of a query: its number, its share p(t | d), and what of it is in the query."""

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


def _none() -> Floats:
    return np.zeros(0, np.float32)


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
    share
        Share of the photo in it, 0 to 1.
    minus_z
        Unit vector of the excluded words, shape (K,), or empty.
    post
        Key of the post that it was made of (kind ``"post"``).
    filters
        What found posts have to pass, as it was typed; whoever shows answers knows how to read it.
    text
        As it was typed.
    suggestions
        Unknown word -> known words that it may be a misspelling of; not kept by `to_bytes`.
    written
        Words that were read on the photo.
    """

    kind: QueryKind
    theta: Floats
    words: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    share: float = 1.0
    minus_z: Floats = field(default_factory=_none, repr=False)
    post: int | None = None
    filters: tuple[str, ...] = ()
    text: str = ""
    suggestions: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    written: str = ""

    def to_bytes(self) -> bytes:
        """Serialise (an ``.npz`` archive), so that a button pressed later can go on from here."""
        facts = {
            "kind": self.kind,
            "words": self.words,
            "minus": self.minus,
            "unknown": self.unknown,
            "share": self.share,
            "post": self.post,
            "filters": self.filters,
            "text": self.text,
            "read": self.written,
        }
        text = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez(
            buffer,
            allow_pickle=False,
            facts=text,
            theta=self.theta,
            minus_z=self.minus_z,
        )
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Query:
        """Read what `to_bytes` wrote; ValueError for anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                facts = json.loads(arrays["facts"].tobytes())
                theta, minus_z = (_vector(arrays[name]) for name in ("theta", "minus_z"))
            share = float(facts["share"])
            if facts["kind"] not in get_args(QueryKind) or not theta.size or not 0 <= share <= 1:
                raise ValueError("unknown kind, no topics, or a share outside 0 to 1")
            if minus_z.size not in (0, theta.size):
                raise ValueError("arrays of different lengths")
            return Query(
                facts["kind"],
                theta,
                tuple(map(str, facts["words"])),
                tuple(map(str, facts["minus"])),
                tuple(map(str, facts["unknown"])),
                share,
                minus_z,
                None if facts["post"] is None else int(facts["post"]),
                tuple(map(str, facts.get("filters", ()))),
                str(facts["text"]),
                written=str(facts.get("read", "")),
            )
        except Exception as error:
            # On damaged archives zipfile and numpy raise a dozen kinds of error, MemoryError too.
            raise ValueError(f"not a stored query ({error})") from error


def _vector(array: Any) -> Floats:
    if array.dtype != np.float32 or array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a vector of float32 numbers")
    vector: Floats = array
    return vector


@dataclass(frozen=True, slots=True)
class Hit:
    """One found post.

    Attributes
    ----------
    key
        The post's integer key in the store.
    closeness
        0 to 1, calibrated: the share of less close posts that a random query finds at all;
        shown to readers as a percentage. It never grows along an answer.
    close
        Whether it is as close as what answers a question usually is; else it is shown as less
        close.
    """

    key: int
    closeness: float
    close: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Hits of one page, best first. No hits at offset 0 means that there is no post at all."""

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
        Where the photo shows the topics' words: shape (len(topics), rows, columns), 0 to 1, or
        None for a query without a photo.
    words
        The annotation's main words.
    word_heat
        Where the photo shows those, shape (len(words), rows, columns), or None.
    """

    topics: tuple[TopicShare, ...]
    heat: Floats | None
    words: tuple[Term, ...] = ()
    word_heat: Floats | None = None


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


def vector_to_bytes(theta: Floats, bias: tuple[float, float]) -> bytes:
    """A post's topic vector (K,) and its two hubness biases, little-endian float32."""
    return _HEADER.pack(_MAGIC, theta.size, *bias) + theta.astype("<f4").tobytes()


def is_vector(blob: bytes, topics: int) -> bool:
    """Whether this is a post's vector in so many topics, undamaged."""
    if len(blob) != _HEADER.size + 4 * topics or blob[:4] != _MAGIC:
        return False
    return bool(np.isfinite(np.frombuffer(blob, "<f4", offset=6)).all())


def vectors_to_rows(blobs: list[bytes], topics: int) -> tuple[Floats, Floats]:
    """Many post vectors at once: theta (n, topics) and biases (n, 2).

    Raises
    ------
    ValueError
        A blob is not a vector of so many topics.
    """
    size = _HEADER.size + 4 * topics
    if any(len(blob) != size or blob[:4] != _MAGIC for blob in blobs):
        raise ValueError(f"not the vector of a post in {topics} topics")
    raw = np.frombuffer(b"".join(blobs), np.uint8).reshape(len(blobs), size)
    biases = np.ascontiguousarray(raw[:, 6:14]).view("<f4").astype(np.float32)
    theta = np.ascontiguousarray(raw[:, _HEADER.size :]).view("<f4").astype(np.float32)
    return theta, biases
