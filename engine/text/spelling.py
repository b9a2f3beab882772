"""Nearest known words by spelling."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

#: Longest word that is looked up: no vocabulary holds longer ones.
MAX_WORD = 64


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
        stems); 50,000 take some milliseconds.
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
    if not word or len(word) > MAX_WORD or n < 1:
        return []
    found = process.extract(
        word, known, scorer=OSA.distance, score_cutoff=_most_edits(len(word)), limit=None
    )
    # A short word is reached from anywhere by few edits: at least half of it has to stay.
    near = {text: edits for text, edits, _ in found if 2 * edits < len(text) or edits == 0}
    return sorted(near, key=lambda text: (near[text], -JaroWinkler.similarity(word, text), text))[
        :n
    ]
