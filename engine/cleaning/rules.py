"""What is kept of posts: the same rules for a corpus that is learnt from and for live posts.

A post is judged alone (too short, an advert, a photo too small) and against the posts before it
(the same photo, nearly the same photo, the same text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import NEAR, Fingerprint, SeenPosts, fingerprint
from engine.errors import PhotoError
from engine.photo import decode, size_of
from engine.text import TextBag, TextPipeline

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


_SIZE_HINT: Final = 64


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

    Not safe to use from several threads at a time.

    Parameters
    ----------
    adverts
        The advert filter; None keeps adverts.
    limits
        Where the lines are drawn.
    pipeline
        Turns texts into tokens.

    Attributes
    ----------
    seen
        Fingerprints of the posts that were kept, by key.
    """

    def __init__(
        self,
        adverts: AdvertFilter | None = None,
        limits: Limits | None = None,
        pipeline: TextPipeline | None = None,
    ) -> None:
        self.adverts, self.limits = adverts, limits or Limits()
        self._pipeline = pipeline or TextPipeline()
        self.seen = SeenPosts(max(0, self.limits.distance))

    def judge(
        self, key: str, text: str, data: bytes | None = None, *, album: str | None = None
    ) -> Verdict | None:
        """Judge a post, and remember it if it is kept; else forget what it was before.

        Parameters
        ----------
        key
            The post's key. A post that was kept before is judged anew, as what it has become, but
            never called a copy of itself.
        text
            The post's text; its hashtags count.
        data
            The photo's file, or None.
        album
            Photos of one album share its text: that is no repost.

        Returns
        -------
        Verdict or None
            None: keep it.
        """
        bag = self._pipeline(text)
        try:
            size = size_of(data) if data is not None else None
            found = self._fingerprint(bag, data)
        except PhotoError as error:
            self.seen.discard(key)
            return Verdict("broken photo", str(error))
        verdict = (
            judge_photo(size, self.limits)
            or judge_text(text, bag, self.limits, self.adverts)
            or self._copy(key, found, album)
        )
        if verdict is None:
            self.seen.add(key, found, album)
        else:
            self.seen.discard(key)
        return verdict

    def fingerprint(self, text: str, data: bytes | None = None) -> Fingerprint:
        """Fingerprint of a post that is kept without being judged; PhotoError as in `decode`."""
        return self._fingerprint(self._pipeline(text), data)

    def _fingerprint(self, bag: TextBag, data: bytes | None) -> Fingerprint:
        image = decode(data, size_hint=_SIZE_HINT) if data is not None else None
        return fingerprint(bag, data, image)

    def _copy(self, key: str, found: Fingerprint, album: str | None) -> Verdict | None:
        if other := self.seen.same_photo(key, found):
            return Verdict("same photo", f"as in {other}")
        if self.limits.distance >= 0 and (other := self.seen.near(key, found)):
            return Verdict("near-duplicate photo", f"looks like {other}")
        if other := self.seen.same_words(key, found, album):
            return Verdict("same text", f"as in {other}")
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
    words = {token.key for token in bag.typed}
    return len(bag.typed) + sum(token.key not in words for token in bag.tags)
