"""What is kept of posts: the same rules for a corpus that is learnt from and for live posts.

A post is judged alone (too short, an advert, a photo too small) and against the posts that are kept
(the same photo, nearly the same photo, the same text).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import (
    BEST,
    BITS,
    NEAR,
    Copy,
    Fingerprint,
    SeenPosts,
    fingerprint,
    photo_hash,
    text_key,
)
from engine.cleaning.signatures import SignatureLines
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


class Judged(NamedTuple):
    """What became of a live post.

    Attributes
    ----------
    verdict
        Why it is not kept, or None.
    copy
        The post that it is a copy of; where it is kept itself, the worse one that has to go.
    """

    verdict: Verdict | None
    copy: Copy | None = None


class Facts(NamedTuple):
    """What the rules need to know of a post.

    Attributes
    ----------
    tokens
        Meaningful tokens of its text.
    found
        What copies of it are known by.
    size
        Pixels of its photo, width and height; None: it has no photo, or one that is broken.
    broken
        Why its photo cannot be read; "" where it can.
    advert
        Probability that its text is an advert.
    why
        What suggests an advert.
    """

    tokens: int
    found: Fingerprint = Fingerprint()
    size: tuple[int, int] | None = None
    broken: str = ""
    advert: float = 0.0
    why: str = ""


def judge_alone(facts: Facts, limits: Limits) -> Verdict | None:
    """Judge a post by itself; None: nothing speaks against it."""
    if facts.broken:
        return Verdict("broken photo", facts.broken)
    if facts.size is not None and min(facts.size) < limits.min_side:
        return Verdict("tiny photo", f"{facts.size[0]} x {facts.size[1]} pixels")
    if facts.tokens < limits.min_tokens:
        return Verdict(
            "too short", f"{facts.tokens} meaningful tokens, fewer than {limits.min_tokens}"
        )
    if facts.advert >= limits.threshold:
        return Verdict("advert", facts.why)
    return None


def judge_copy(copy: Copy) -> Verdict:
    """Judge a post that is a copy of another."""
    same, like = reasons(copy.key)
    if copy.rule == "near-duplicate photo":
        return Verdict(copy.rule, f"{like}{copy.bits} bits of {BITS} differ)")
    return Verdict(copy.rule, same)


def reasons(key: str) -> tuple[str, str]:
    """Why a copy of the post of this key goes: the whole reason, or how it begins."""
    return f"as in {key}", f"looks like {key} ("


def advert_facts(
    texts: Sequence[str], limits: Limits, adverts: AdvertFilter | None
) -> list[tuple[float, str]]:
    """Probability of each text to be an advert, and for adverts the words that spoke for it."""
    if adverts is None or limits.threshold > 1:
        return [(0.0, "")] * len(texts)
    facts = []
    for text, probability in zip(texts, adverts.probabilities(texts).tolist(), strict=True):
        words = adverts.why(text, 4) if probability >= limits.threshold else ()
        spoke = ", ".join(piece.text for piece in words)
        facts.append((probability, f"{probability:.2f}" + (f": {spoke}" if spoke else "")))
    return facts


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
    signatures
        Lines that recur in a source's posts.
    begun
        Sources in which a line has begun to recur, so that posts of before are judged otherwise.
    """

    def __init__(
        self,
        adverts: AdvertFilter | None = None,
        limits: Limits | None = None,
        pipeline: TextPipeline | None = None,
    ) -> None:
        self.adverts, self.limits = adverts, limits or Limits()
        self._pipeline = pipeline or TextPipeline()
        self.seen = SeenPosts(self.limits.distance)
        self.signatures = SignatureLines()
        self.begun: set[str] = set()
        self._counted: set[int] = set()

    def count_lines(self, key: str, text: str, source: str) -> None:
        """Count the lines of a post, once however often it is judged."""
        if hash(key) not in self._counted:
            self._counted.add(hash(key))
            if self.signatures.add(source, text):
                self.begun.add(source)

    def passes(self, text: str, source: str) -> bool:
        """Whether what recurs in its source is all that made a text an advert."""
        if self.signatures.recurs(source, text):
            return True
        said = self.signatures.without(source, text)
        ((advert, _),) = advert_facts([said], self.limits, self.adverts)
        return said != text and advert < self.limits.threshold

    def judge(
        self,
        key: str,
        text: str,
        data: bytes | None = None,
        *,
        album: str | None = None,
        source: str = "",
    ) -> Judged:
        """Judge a post, and remember it if it is kept; else forget what it was before.

        Of copies the best stays, as in a corpus: one that is better than the post that it is a
        copy of is kept, and that one is named.

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
        source
            The chat that it came from: lines that recur in it are left out.

        """
        self.count_lines(key, text, source)
        standing = self.signatures.recurs(source, text)
        text = self.signatures.without(source, text)
        facts = self._facts(text, data)
        verdict = judge_alone(facts, self.limits)
        if verdict is None and not standing:
            ((advert, why),) = advert_facts([text], self.limits, self.adverts)
            verdict = judge_alone(facts._replace(advert=advert, why=why), self.limits)
        copy = None if verdict else self.seen.copy_of(key, facts.found, album)
        if copy is not None and self.seen[copy.key].worth >= facts.found.worth:
            verdict = judge_copy(copy)
        if verdict is None:
            self.seen.add(key, facts.found, album)
        else:
            self.seen.discard(key)
        return Judged(verdict, copy)

    def fingerprint(self, text: str, data: bytes | None = None, *, source: str = "") -> Fingerprint:
        """Fingerprint of a post that is kept without being judged, and whatever comes after it.

        Raises
        ------
        PhotoError
            Its photo cannot be read.
        """
        facts = self._facts(self.signatures.without(source, text), data)
        if facts.broken:
            raise PhotoError(facts.broken)
        return facts.found._replace(worth=BEST)

    def _facts(self, text: str, data: bytes | None) -> Facts:
        bag = self._pipeline(text)
        words, tokens = text_key(text, bag), meaningful(bag)
        if data is None:
            return Facts(tokens, fingerprint(words, worded=tokens > 0))
        try:
            size = size_of(data)
            look = photo_hash(decode(data, size_hint=_SIZE_HINT))
        except PhotoError as error:
            return Facts(tokens, broken=str(error))
        digest, pixels = sha256(data).digest(), size[0] * size[1]
        found = fingerprint(words, digest, look, worded=tokens > 0, pixels=pixels)
        return Facts(tokens, found, size)


def meaningful(bag: TextBag) -> int:
    """Count tokens that carry meaning: words without stop words, and hashtags not of them."""
    words = {token.key for token in bag.typed}
    return len(bag.typed) + sum(token.key not in words for token in bag.tags)
