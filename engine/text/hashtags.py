"""Hashtags: one key for all ways to write a tag, and the words within it."""

from __future__ import annotations

import re
import unicodedata

#: Longest key of a hashtag; a longer one is cut.
MAX_TAG = 64

# `iPhone6`, `eBay`: one word, though its case changes once.
_SMALL_PREFIX = re.compile(r"[a-z][A-Z][a-z]+\d*")


def _kind(char: str) -> str:
    if char.isdigit():
        return "digit"
    if char.isupper() or char.istitle():
        return "upper"
    return "lower"


def split_tag(tag: str) -> list[str]:
    """Words of a hashtag, as its underscores and its letter case show them.

    Parameters
    ----------
    tag
        Without ``#``.

    Returns
    -------
    list of str
        In order, case kept: ``SunsetOverSea`` gives three, ``NYCMarathon`` two,
        ``sunsetoversea`` one. Digits are cut off from letters.
    """
    words: list[str] = []
    for part in tag.split("_"):
        if _SMALL_PREFIX.fullmatch(part):
            words.append(part)
            continue
        start = 0
        for position in range(1, len(part)):
            before, here = _kind(part[position - 1]), _kind(part[position])
            after = _kind(part[position + 1]) if position + 1 < len(part) else here
            starts_word = here == "upper" and before == "lower"
            # The last capital of a run belongs to the word after it: NYC|Marathon.
            ends_acronym = here == before == "upper" and after == "lower"
            if starts_word or ends_acronym or (here == "digit") != (before == "digit"):
                words.append(part[start:position])
                start = position
        words.append(part[start:])
    return [word for word in words if word]


def tag_key(tag: str) -> str:
    """Key of a hashtag: lower case, no ``#``, no underscores or spaces, ``е`` for ``ё``.

    Parameters
    ----------
    tag
        As typed, with or without ``#``.

    Returns
    -------
    str
        At most `MAX_TAG` characters; empty if there is no letter or digit in it.
    """
    text = unicodedata.normalize("NFKC", tag).lower().replace("ё", "е")
    key = "".join(char for char in text if char.isalnum() or unicodedata.category(char)[0] == "M")
    key = unicodedata.normalize("NFC", key)[:MAX_TAG]
    return key if any(char.isalnum() for char in key) else ""
