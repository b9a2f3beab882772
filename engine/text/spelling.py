"""Nearest known words by spelling."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA, JaroWinkler

#: Longest word that is looked up or found: nobody types a longer one.
MAX_WORD = 64


class _Words(NamedTuple):
    """Known words, with what tells cheaply that one is too far from another.

    `letters` has a bit for each letter (its code modulo 32, which keeps the letters of one
    alphabet apart), shape (n,), uint32; `lengths` has shape (n,), int64.
    """

    texts: tuple[str, ...]
    letters: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.int64]


def _letters(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    padded = np.array(texts, dtype=np.str_)
    codes: npt.NDArray[np.uint32] = padded.view(np.uint32).reshape(len(texts), -1)
    bits = np.left_shift(np.uint32(1), codes & np.uint32(31))
    bits[codes == 0] = 0  # padding
    return np.asarray(np.bitwise_or.reduce(bits, axis=1), dtype=np.uint32)


@functools.lru_cache(maxsize=4)
def _prepared(known: tuple[str, ...]) -> _Words:
    texts = tuple(text for text in known if 0 < len(text) <= MAX_WORD and "\0" not in text)
    if not texts:
        return _Words((), np.zeros(0, np.uint32), np.zeros(0, np.int64))
    return _Words(texts, _letters(texts), np.fromiter(map(len, texts), np.int64, len(texts)))


def _most_edits(length: int) -> int:
    return 1 if length <= 4 else 2 if length <= 7 else 3


def nearest(word: str, known: Sequence[str], n: int = 3) -> list[str]:
    """Known words that a mistyped word may have meant.

    Parameters
    ----------
    word
        As typed.
    known
        Words to choose from, lower-cased and as a reader may see them (surface forms, not
        stems). The first look-up in 50,000 takes some tens of ms, the next ones 1 to 4: the last
        few vocabularies are remembered.
    n
        How many at most.

    Returns
    -------
    list of str
        Fewest edits first (insert, delete, replace a letter, swap two neighbours: optimal
        string alignment); among equals the one with the likest beginning (Jaro-Winkler). Up to
        four letters one edit is allowed, up to seven two, above three.
    """
    word = word.lower().replace("ё", "е").strip()
    if not word or len(word) > MAX_WORD or n < 1 or "\0" in word:
        return []
    words = _prepared(tuple(known))
    if not words.texts:
        return []
    most = _most_edits(len(word))
    # An edit changes the length by one and the set of letters by two at most.
    near_enough = (np.abs(words.lengths - len(word)) <= most) & (
        np.bitwise_count(words.letters ^ _letters([word])[0]) <= 2 * most
    )
    near: dict[str, int] = {}
    for position in np.flatnonzero(near_enough):
        text = words.texts[position]
        edits = OSA.distance(word, text, score_cutoff=most)
        # A short word is reached from anywhere by few edits: half of it has to stay.
        if edits <= most and (2 * edits < len(text) or edits == 0):
            near[text] = edits
    return sorted(near, key=lambda text: (near[text], -JaroWinkler.similarity(word, text), text))[
        :n
    ]
