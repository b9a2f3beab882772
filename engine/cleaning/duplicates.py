"""Photos that look the same and texts that say the same.

A photo's perceptual hash is that of C. Zauner, "Implementation and benchmarking of perceptual image
hash functions" (2010): 64 low frequencies of a 32 x 32 grey copy, each above the median or not.
Near hashes are found by bands: cut into d + 2 bands, two hashes that differ in at most d bits agree
in at least two bands, so only hashes that share two bands are compared (the pigeonhole principle;
M. Norouzi, A. Punjani, D. Fleet, "Fast search in Hamming space with multi-index hashing", 2012).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import struct
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.text import TextBag
from engine.text.clean import clean

BITS: Final = 64
MAX_DISTANCE: Final = 8
NEAR: Final = 6
"""Bits of 64 in which a copy (scaled, recompressed, toned) usually differs at most."""

REPOST_TOKENS: Final = 5
"""Shorter texts ("good morning") recur by chance."""

LIKE: Final = 8
"""Bits of 64 in which the photos of a post and of its repost (cropped, written on) may differ."""

_NUMBER: Final = re.compile(r"\d+")
_SIDE: Final = 32
_LOW: Final = 8
_FLAT: Final = 4.0  # standard deviation of grey levels
_PAIRS: Final = 1 << 21  # compared at once
_FINGERPRINT: Final = struct.Struct(">4Q")
_WITHOUT_WORTH: Final = struct.Struct(">3Q")  # as it was written before
_PHOTO, _LOOK, _WORDS = range(3)

BEST: Final = (1 << 64) - 1
"""Worth of a post that no copy takes the place of."""
_WORDED: Final = 1 << 63


@functools.cache
def _cosines() -> npt.NDArray[np.float64]:
    """Rows 1 to 8 of the DCT-II matrix, shape (8, 32); the mean's row is left out."""
    frequency = np.arange(1, _LOW + 1)[:, None]
    return np.cos(np.pi * frequency * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE))


def photo_hash(image: Image.Image) -> int | None:
    """Perceptual hash of a photo, 64 bits; None where there is almost no detail.

    Parameters
    ----------
    image
        Any size and mode.
    """
    grey = np.asarray(
        image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float64
    )
    if grey.std() < _FLAT:
        return None
    low = (_cosines() @ grey @ _cosines().T).ravel()
    bits = np.packbits(low > np.median(low))
    return int.from_bytes(bits.tobytes(), "big")


def text_key(text: str, bag: TextBag) -> bytes | None:
    """Key that reposts of a text share, whatever their links, handles and emoji.

    Texts that differ in a number ("photo 1 of 30") have different keys.

    Parameters
    ----------
    text
        As posted.
    bag
        Its tokens.

    Returns
    -------
    bytes or None
        16 bytes; None for a text of fewer than `REPOST_TOKENS` words.
    """
    if len(bag.typed) < REPOST_TOKENS:
        return None
    numbers = _NUMBER.findall(clean(text)) if _NUMBER.search(text) else []
    words = "\n".join((*(token.key for token in bag.typed), *numbers))
    return hashlib.blake2b(words.encode(), digest_size=16).digest()


def _bands(hashes: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """Deal the 64 bits to bands so that each tells as many hashes apart as the others.

    Bits of real photos are neither even nor independent (skies are bright, neighbours alike).

    Returns
    -------
    numpy.ndarray
        Masks, shape (count,), uint64; each bit is in one of them.
    """
    bits = np.uint64(1) << np.arange(BITS, dtype=np.uint64)
    ones = np.array([np.count_nonzero(hashes & bit) for bit in bits]) / max(1, len(hashes))
    masks = np.zeros(count, np.uint64)
    for place, bit in enumerate(np.argsort(np.abs(ones - 0.5), kind="stable")):
        turn = place % (2 * count)
        masks[turn if turn < count else 2 * count - 1 - turn] |= bits[bit]
    return masks


def _check(distance: int) -> None:
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"distance must be 0 to {MAX_DISTANCE}, got {distance}")


def near_pairs(
    hashes: npt.NDArray[np.uint64], distance: int = NEAR
) -> Iterator[npt.NDArray[np.int64]]:
    """All pairs of different hashes that differ in at most `distance` bits.

    Parameters
    ----------
    hashes
        Shape (n,), uint64, no two the same.
    distance
        0 to `MAX_DISTANCE` bits.

    Yields
    ------
    numpy.ndarray
        Shape (m, 2): positions, the lower first; each pair comes once.

    Raises
    ------
    ValueError
        `distance` is out of range.
    """
    _check(distance)
    masks = _bands(hashes, distance + 2)
    for one, other in itertools.combinations(range(len(masks)), 2):
        order = np.argsort(hashes & (masks[one] | masks[other]))
        here = hashes[order]
        keys = here & (masks[one] | masks[other])
        ends = np.searchsorted(keys, keys, side="right")
        # Those after each within its run of equal keys, a slice of places at a time.
        counts = ends - np.arange(len(order)) - 1
        totals = np.cumsum(counts)
        # A pair that agrees in an earlier band, too, was found there.
        earlier = [masks[band] for band in range(other) if band != one]
        start = 0
        while start < len(order):
            before = int(totals[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(totals, before + _PAIRS, side="right")))
            left, right = _run_pairs(counts, start, stop)
            apart = here[left] ^ here[right]
            near = np.flatnonzero(np.bitwise_count(apart) <= distance)
            for mask in earlier:
                near = near[(apart[near] & mask) != 0]
            if len(near):
                pairs = np.stack([order[left[near]], order[right[near]]], axis=1)
                yield np.sort(pairs, axis=1)
            start = stop


def _run_pairs(
    counts: npt.NDArray[np.int64], start: int, stop: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places from `start` to `stop`, each with the `counts` places that follow it."""
    many = counts[start:stop]
    left = np.repeat(np.arange(start, stop), many)
    within = np.arange(len(left)) - np.repeat(np.cumsum(many) - many, many)
    return left, left + 1 + within


class Fingerprint(NamedTuple):
    """What copies of a post are known by: 64 bits each, 0 where there is nothing to go by.

    Attributes
    ----------
    photo
        Start of the sha256 of its photo's file.
    look
        The photo's perceptual hash.
    words
        Start of its text's `text_key`.
    worth
        Of copies the one with the highest stays: with words before without, then more pixels.
    """

    photo: int = 0
    look: int = 0
    words: int = 0
    worth: int = 0

    def to_bytes(self) -> bytes:
        """Write it in 32 bytes."""
        return _FINGERPRINT.pack(*self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Fingerprint:
        """Read what `to_bytes` wrote, also an older one; ValueError if it is something else."""
        if len(data) == _WITHOUT_WORTH.size:
            photo, look, words = _WITHOUT_WORTH.unpack(data)
            return cls(photo, look, words, BEST)
        if len(data) != _FINGERPRINT.size:
            raise ValueError(f"a fingerprint has {_FINGERPRINT.size} bytes, not {len(data)}")
        return cls(*_FINGERPRINT.unpack(data))


def fingerprint(
    words: bytes | None,
    sha256: bytes | None = None,
    look: int | None = None,
    *,
    worded: bool = False,
    pixels: int = 0,
) -> Fingerprint:
    """Fingerprint of a post.

    Parameters
    ----------
    words
        The `text_key` of its text.
    sha256
        Of its photo's file.
    look
        The photo's `photo_hash`.
    worded
        Whether its text has words that carry meaning.
    pixels
        Of its photo.
    """
    return Fingerprint(
        int.from_bytes(sha256[:8], "big") if sha256 else 0,
        look or 0,
        int.from_bytes(words[:8], "big") if words else 0,
        _WORDED * worded + pixels,
    )


class Copy(NamedTuple):
    """A post of which another one is a copy.

    Attributes
    ----------
    rule
        ``"same photo"``, ``"near-duplicate photo"`` or ``"same text"``.
    key
        The post's.
    bits
        In which the looks of the two photos differ.
    """

    rule: str
    key: str
    bits: int = 0


class SeenPosts:
    """Fingerprints of the posts so far, and which of them a post is a copy of.

    Each is compared with all that are there: a million takes some milliseconds, and no table has
    to be kept beside the 32 bytes of a post.

    Parameters
    ----------
    distance
        Bits in which the looks of near duplicates may differ, 0 to `MAX_DISTANCE`; below 0 no
        photo is one.
    shared
        Parts of fingerprints that more than one post has, where all posts are known: others are
        not looked for.

    Raises
    ------
    ValueError
        `distance` is out of range.
    """

    def __init__(self, distance: int = NEAR, shared: Collection[int] | None = None) -> None:
        _check(max(0, distance))
        self._distance, self._shared = distance, shared
        self._columns = np.zeros((len(Fingerprint._fields), 64), np.uint64)
        self._keys: list[str] = []
        self._albums: list[str | None] = []
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, key: str) -> Fingerprint:
        return Fingerprint(*self._columns[:, self._rows[key]].tolist())

    def add(self, key: str, found: Fingerprint, album: str | None = None) -> None:
        """Remember a post, or what it has become."""
        row = self._rows.setdefault(key, len(self._keys))
        if row == len(self._keys):
            if row == self._columns.shape[1]:
                self._columns = np.concatenate(
                    [self._columns, np.zeros_like(self._columns)], axis=1
                )
            self._keys.append(key)
            self._albums.append(album)
        self._columns[:, row] = found
        self._albums[row] = album

    def discard(self, key: str) -> None:
        """Forget a post; one that is not there is passed over."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        # The last one takes its place.
        last, album = self._keys.pop(), self._albums.pop()
        if last != key:
            self._keys[row], self._albums[row], self._rows[last] = last, album, row
            self._columns[:, row] = self._columns[:, len(self._keys)]

    def copy_of(
        self,
        key: str,
        found: Fingerprint,
        album: str | None = None,
        near: Collection[int] | None = None,
    ) -> Copy | None:
        """Find a post of which this one is a copy; itself is none.

        The very same photo, or one that looks the same; or the same words with a photo alike, or
        with no photo on both. Photos of one album share their words.

        Parameters
        ----------
        key, found, album
            The post's.
        near
            The looks within the distance, where they are known (`near_pairs`): nothing else is
            compared then.
        """
        if rows := self._equal(_PHOTO, found.photo, key):
            return Copy("same photo", self._keys[rows[0]])
        if self._distance >= 0 and (like := self._near(key, found, near)):
            return like
        for row in self._equal(_WORDS, found.words, key):
            photo, look = self._columns[:_WORDS, row].tolist()
            if album is not None and self._albums[row] == album:
                continue
            apart = (look ^ found.look).bit_count()
            if (look and found.look and apart <= LIKE) or not (photo or found.photo):
                return Copy("same text", self._keys[row], apart)
        return None

    def _near(self, key: str, found: Fingerprint, near: Collection[int] | None) -> Copy | None:
        if not found.look or not self._keys:
            return None
        if near is not None:
            for look in (found.look, *near):
                if rows := self._equal(_LOOK, look, key):
                    bits = (look ^ found.look).bit_count()
                    return Copy("near-duplicate photo", self._keys[rows[0]], bits)
            return None
        looks = self._columns[_LOOK, : len(self._keys)]
        apart = np.where(looks == 0, BITS, np.bitwise_count(looks ^ np.uint64(found.look)))
        if (own := self._rows.get(key)) is not None:
            apart[own] = BITS
        best = int(apart.argmin())
        if apart[best] > self._distance:
            return None
        return Copy("near-duplicate photo", self._keys[best], int(apart[best]))

    def _equal(self, column: int, value: int, key: str) -> list[int]:
        """Rows of other posts with this value, 0 being none."""
        if not value or (self._shared is not None and value not in self._shared):
            return []
        rows = np.flatnonzero(self._columns[column, : len(self._keys)] == np.uint64(value))
        own = self._rows.get(key)
        return [row for row in rows.tolist() if row != own]
