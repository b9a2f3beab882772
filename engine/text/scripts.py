"""Which script a word is written in, and how a word of many scripts falls apart."""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from typing import Literal

Script = Literal["latin", "cyrillic", "unspaced", "katakana", "hiragana", "other"]

#: Letters of modern Russian, lower case.
RUSSIAN = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюя")

# Letters that look alike in both alphabets (some as capitals only), which the evaders of
# filters and people with two keyboard layouts mix within a word.
_LATIN, _CYRILLIC = "aceopxykmthb", "асеорхукмтнв"
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)

# Han, Thai, Lao, Burmese, Khmer, Tai: written without spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u3007\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U00020000-\U0003ffff]"
)


@functools.lru_cache(maxsize=4096)
def script_of(char: str) -> Script | None:
    """Script of a character; None for digits, marks and whatever goes with its neighbours."""
    code = ord(char)
    if code < 0x250:
        return "latin" if char.isalpha() else None
    if 0x400 <= code < 0x530 or 0x1C80 <= code < 0x1C90 or 0x2DE0 <= code < 0x2E00:
        return "cyrillic" if char.isalpha() else None
    if _UNSPACED.match(char):
        return "unspaced"
    if not char.isalpha() or char == "ー":
        return None
    if 0x3040 <= code < 0x30A0:
        return "hiragana"
    if 0x30A0 <= code < 0x3100 or 0x31F0 <= code < 0x3200:
        return "katakana"
    if 0x1E00 <= code < 0x1F00 or 0x2C60 <= code < 0x2C80 or 0xA720 <= code < 0xA800:
        return "latin"
    return "other"


@functools.cache
def mark_class() -> str:
    """List the combining marks as the inside of a regular expression's character class.

    The class for "word character" leaves them out, and without them words of Thai, Hindi or
    Arabic would break into letters. Made at the first text that needs it (some 20 ms).
    """
    ranges: list[list[int]] = []
    for code in [*range(0x300, 0xFFFF), *range(0x10000, min(0x1F000, sys.maxunicode))]:
        if unicodedata.category(chr(code))[0] == "M":
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def look_alike(word: str) -> str | None:
    """A lower-cased word in the letters of the other alphabet, Latin or Cyrillic, that look so.

    None if one of its letters has no such double.
    """
    if set(word) <= set(_LATIN):
        return word.translate(_TO_CYRILLIC)
    return word.translate(_TO_LATIN) if set(word) <= set(_CYRILLIC) else None


def one_alphabet(word: str) -> str:
    """A lower-cased word of Latin and Cyrillic letters in the one that most of it is in.

    It stays as it is where the fewer are not all look-alikes of the others' letters.
    """
    latin = [char for char in word if "a" <= char <= "z"]
    cyrillic = [char for char in word if "а" <= char <= "ё"]
    if latin and cyrillic:
        if len(latin) <= len(cyrillic) and set(latin) <= set(_LATIN):
            return word.translate(_TO_CYRILLIC)
        if len(latin) > len(cyrillic) and set(cyrillic) <= set(_CYRILLIC):
            return word.translate(_TO_LATIN)
    return word


def split_scripts(word: str) -> list[tuple[str, Script]]:
    """Cut a lower-cased word where its script changes.

    In a word of Latin and Cyrillic letters the fewer are taken for the others' look-alikes if
    they all can be. Characters without a script of their own (digits, marks) go with what precedes
    them.

    Parameters
    ----------
    word
        Lower-cased, without spaces.

    Returns
    -------
    list of (piece, script)
        In order; pieces without any letter are left out.
    """
    if not word.isascii():
        word = one_alphabet(word)
    pieces: list[tuple[str, Script]] = []
    start, current = 0, None
    for position, char in enumerate(word):
        script = script_of(char)
        if script is None or script == current:
            continue
        if current is not None:
            pieces.append((word[start:position], current))
            start = position
        current = script
    if current is not None:
        pieces.append((word[start:], current))
    return pieces


def bigrams(run: str) -> list[str]:
    """Overlapping pairs of characters, each with the marks that belong to it.

    Scripts without spaces would give one token a phrase, which no query repeats; pairs of
    characters are what search engines index there when they have no dictionary.
    """
    clusters: list[str] = []
    for char in run:
        if clusters and unicodedata.category(char)[0] == "M":
            clusters[-1] += char
        else:
            clusters.append(char)
    if len(clusters) < 2:
        return clusters
    return [first + second for first, second in itertools.pairwise(clusters)]
