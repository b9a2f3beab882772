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
from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.text import TextBag

BITS: Final = 64
MAX_DISTANCE: Final = 8
NEAR: Final = 6
"""Bits of 64 in which a copy (scaled, recompressed, toned) usually differs at most."""

REPOST_TOKENS: Final = 5
"""Shorter texts ("good morning") are said again by chance."""

_SIDE: Final = 32
_LOW: Final = 8
_FLAT: Final = 4.0  # standard deviation of grey levels
_PAIRS: Final = 1 << 21  # compared at once


@functools.cache
def _cosines() -> npt.NDArray[np.float64]:
    """Rows 1 to 8 of the DCT-II matrix, shape (8, 32); the mean's row is left out."""
    frequency = np.arange(1, _LOW + 1)[:, None]
    return np.cos(np.pi * frequency * (2 * np.arange(_SIDE) + 1) / (2 * _SIDE))


def photo_hash(image: Image.Image) -> int | None:
    """Perceptual hash of a photo, 64 bits; None where there is next to nothing to see.

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


def text_key(bag: TextBag) -> bytes | None:
    """Key that reposts of a text share, whatever their links, handles and emoji.

    Returns
    -------
    bytes or None
        16 bytes; None for a text of fewer than `REPOST_TOKENS` words.
    """
    if len(bag.lemmas) < REPOST_TOKENS:
        return None
    words = "\n".join(token.key for token in bag.lemmas)
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


class SeenHashes:
    """Hashes seen so far, among which near ones are found: for posts that come one by one.

    Parameters
    ----------
    distance
        Bits in which two hashes may differ, 0 to `MAX_DISTANCE`.

    Raises
    ------
    ValueError
        `distance` is out of range.
    """

    def __init__(self, distance: int = NEAR) -> None:
        _check(distance)
        self._distance = distance
        # One band shared is enough here with one band fewer: tables are few, runs are short.
        count = distance + 1
        edges = [BITS * band // count for band in range(count + 1)]
        self._cuts = [(first, (1 << last - first) - 1) for first, last in itertools.pairwise(edges)]
        self._tables: list[dict[int, list[int]]] = [defaultdict(list) for _ in self._cuts]
        self._keys: dict[int, list[Hashable]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def add(self, value: int, key: Hashable) -> None:
        """Remember a post's hash."""
        if value not in self._keys:
            for (first, mask), table in zip(self._cuts, self._tables, strict=True):
                table[value >> first & mask].append(value)
        self._keys.setdefault(value, []).append(key)

    def remove(self, value: int, key: Hashable) -> None:
        """Forget it again; one that is not there is passed over."""
        keys = self._keys.get(value, [])
        if key not in keys:
            return
        keys.remove(key)
        if not keys:
            del self._keys[value]
            for (first, mask), table in zip(self._cuts, self._tables, strict=True):
                table[value >> first & mask].remove(value)

    def nearest(self, value: int) -> Hashable | None:
        """Key of the nearest hash within the distance, the first added of equally near; or None."""
        best: int | None = None
        nearest = self._distance + 1
        for (first, mask), table in zip(self._cuts, self._tables, strict=True):
            for other in table.get(value >> first & mask, ()):
                apart = (value ^ other).bit_count()
                if apart < nearest:
                    best, nearest = other, apart
        return None if best is None else self._keys[best][0]
