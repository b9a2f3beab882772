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


def _bands(distance: int) -> list[tuple[int, int]]:
    """First bit and width of each of `distance` + 2 bands."""
    count = distance + 2
    edges = [BITS * band // count for band in range(count + 1)]
    return [(first, last - first) for first, last in itertools.pairwise(edges)]


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
        Shape (m, 2): positions, the lower first. A pair may come more than once.

    Raises
    ------
    ValueError
        `distance` is out of range.
    """
    _check(distance)
    for (a, wide_a), (b, wide_b) in itertools.combinations(_bands(distance), 2):
        keys = (_cut(hashes, a, wide_a) << np.uint64(wide_b)) | _cut(hashes, b, wide_b)
        order = np.argsort(keys, kind="stable")
        ordered, here = keys[order], hashes[order]
        ends = np.searchsorted(ordered, ordered, side="right")
        # Those after each within its run of equal keys, a slice of places at a time.
        counts = ends - np.arange(len(order)) - 1
        totals = np.cumsum(counts)
        start = 0
        while start < len(order):
            before = int(totals[start - 1]) if start else 0
            stop = max(start + 1, int(np.searchsorted(totals, before + _PAIRS, side="right")))
            yield from _compare(order, here, counts, start, stop, distance)
            start = stop


def _compare(
    order: npt.NDArray[np.int64],
    here: npt.NDArray[np.uint64],
    counts: npt.NDArray[np.int64],
    start: int,
    stop: int,
    distance: int,
) -> Iterator[npt.NDArray[np.int64]]:
    many = counts[start:stop]
    left = np.repeat(np.arange(start, stop), many)
    if not len(left):
        return
    within = np.arange(len(left)) - np.repeat(np.cumsum(many) - many, many)
    right = left + 1 + within
    near = np.bitwise_count(here[left] ^ here[right]) <= distance
    if near.any():
        pairs = np.stack([order[left[near]], order[right[near]]], axis=1)
        yield np.sort(pairs, axis=1)


def _cut(hashes: npt.NDArray[np.uint64], first: int, width: int) -> npt.NDArray[np.uint64]:
    return (hashes >> np.uint64(first)) & np.uint64((1 << width) - 1)


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
