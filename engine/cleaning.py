"""What is kept of posts: the same rules for a corpus that is learnt from and for live posts.

A post is judged alone here (too short, an advert, a photo too small) and, by `Seen`, against the
posts before it (the same photo, nearly the same photo, the same text).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple

from PIL import Image

from engine.adverts import AdvertFilter
from engine.duplicates import NEAR, SeenHashes, photo_hash, text_key
from engine.privacy import redact
from engine.text import TextBag, TextPipeline

__all__ = ["RULES", "Cleaner", "Verdict", "redact"]

RULES: Final = (
    "unreadable",
    "replaced",
    "broken photo",
    "tiny photo",
    "too short",
    "advert",
    "same photo",
    "near-duplicate photo",
    "same text",
)
"""In the order in which they are applied; a post is counted under the first that it breaks."""

MIN_SIDE: Final = 64
"""Pixels of the shorter side of a photo."""

THRESHOLD: Final = 0.6
"""Probability from which a text is taken for an advert."""


class Verdict(NamedTuple):
    """Why a post is not kept.

    Attributes
    ----------
    rule
        One of `RULES`.
    why
        What exactly was found, for the owner.
    """

    rule: str
    why: str


@dataclass(frozen=True)
class Limits:
    """Where the rules draw their lines; the owner's to choose.

    Attributes
    ----------
    min_tokens
        Meaningful tokens (words that are no stop words, and hashtags) that a text must have.
    min_side
        Pixels of a photo's shorter side.
    threshold
        Probability from which a text is an advert; above 1 turns the rule off.
    distance
        Bits in which the perceptual hashes of near duplicates may differ; below 0 turns it off.
    """

    min_tokens: int = 2
    min_side: int = MIN_SIDE
    threshold: float = THRESHOLD
    distance: int = NEAR


class Cleaner:
    """Judges posts as they come, and remembers those that were kept.

    Parameters
    ----------
    adverts
        The advert filter; None keeps adverts.
    limits
        Where the lines are drawn.
    pipeline
        Turns texts into tokens.
    """

    def __init__(
        self,
        adverts: AdvertFilter | None = None,
        limits: Limits | None = None,
        pipeline: TextPipeline | None = None,
    ) -> None:
        self.adverts, self.limits = adverts, limits or Limits()
        self._pipeline = pipeline or TextPipeline()
        self._hashes = SeenHashes(max(0, self.limits.distance))
        self._photos: dict[bytes, str] = {}
        self._texts: dict[bytes, str] = {}

    def judge(
        self,
        key: str,
        text: str,
        *,
        photo: Image.Image | None = None,
        data: bytes | None = None,
        album: str | None = None,
    ) -> Verdict | None:
        """Judge a post, and remember it if it is kept.

        Parameters
        ----------
        key
            The post's key; asked again about a post that was kept, it is kept again.
        text
            The post's text; its hashtags count.
        photo
            The decoded photo, or None.
        data
            The photo's file, by which exact copies are known.
        album
            Photos of one album share its text: that is no repost.

        Returns
        -------
        Verdict or None
            None: keep it.
        """
        bag = self._pipeline(text)
        verdict = judge_photo(photo.size if photo else None, self.limits)
        verdict = verdict or judge_text(text, bag, self.limits, self.adverts)
        if verdict:
            return verdict
        digest = hashlib.sha256(data).digest() if data else None
        shape = photo_hash(photo) if photo is not None and self.limits.distance >= 0 else None
        words = text_key(bag)
        owner = f"album {album}" if album else key
        if digest and self._photos.get(digest, key) != key:
            return Verdict("same photo", f"as in {self._photos[digest]}")
        near = None if shape is None else self._hashes.nearest(shape)
        if near is not None and near != key:
            return Verdict("near-duplicate photo", f"looks like {near}")
        if words and self._texts.get(words, owner) != owner:
            return Verdict("same text", f"as in {self._texts[words]}")
        if digest:
            self._photos[digest] = key
        if shape is not None and near is None:
            self._hashes.add(shape, key)
        if words:
            self._texts[words] = owner
        return None


def judge_photo(size: tuple[int, int] | None, limits: Limits) -> Verdict | None:
    """Judge a photo by its size in pixels (None: the post has none)."""
    if size is not None and min(size) < limits.min_side:
        return Verdict("tiny photo", f"{size[0]} x {size[1]} pixels")
    return None


def judge_text(
    text: str, bag: TextBag, limits: Limits, adverts: AdvertFilter | None
) -> Verdict | None:
    """Judge a text by its tokens and by the advert filter.

    Parameters
    ----------
    text
        As posted.
    bag
        Its tokens.
    limits
        Where the lines are drawn.
    adverts
        The filter; None: adverts are kept.
    """
    tokens = meaningful(bag)
    if tokens < limits.min_tokens:
        return Verdict("too short", f"{tokens} meaningful tokens")
    if adverts is not None and limits.threshold <= 1:
        probability = adverts.probability(text)
        if probability >= limits.threshold:
            words = ", ".join(piece.text for piece in adverts.why(text, 4))
            return Verdict("advert", f"{probability:.2f}" + (f": {words}" if words else ""))
    return None


def meaningful(bag: TextBag) -> int:
    """Count tokens that carry meaning: words without stop words, and hashtags not of them."""
    words = {token.key for token in bag.lemmas}
    return len(bag.lemmas) + sum(token.key not in words for token in bag.tags)
