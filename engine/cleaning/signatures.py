"""Lines that a source puts under its posts ("Subscribe: @channel") are no part of what they say."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from engine.cleaning.privacy import redact
from engine.text.clean import fold

LEAST: Final = 5
"""Posts, with other words around it, in which a line must stand to be a signature."""

SHARE: Final = 0.1
"""Share of a source's posts in which it must stand."""

STANDING: Final = 0.5
"""Share of a source's posts that say nothing but its standing caption."""

_EDGE: Final = 3  # a signature is among the first or the last lines
_WORD: Final = re.compile(r"#?[^\W\d_](?:[\w'-]|@)*|@\w+")
_MAX_LINE: Final = 300


def _line_key(line: str) -> str:
    """Words of a line, whatever its emoji, numbers and addresses; "" for one of hashtags alone."""
    words = _WORD.findall(redact(fold(line[:_MAX_LINE])).lower())
    return " ".join(words) if any(word[0] != "#" for word in words) else ""


def _line_keys(text: str) -> tuple[str, ...]:
    return tuple(key for line in text.splitlines() if (key := _line_key(line)))


class SignatureLines:
    """Counts the lines of posts by source, and leaves out those that recur.

    A line that is all that a post says is no signature, however often it is said, nor is one whose
    posts say the same around it.
    """

    def __init__(self) -> None:
        self._posts: Counter[str] = Counter()
        # (source, line) -> posts with other words around it than the one before, and those words.
        self._lines: dict[tuple[str, str], tuple[int, int]] = {}
        self._texts: Counter[tuple[str, int]] = Counter()

    def add(self, source: str, text: str) -> None:
        """Count the lines of one more post."""
        self._posts[source] += 1
        keys = _line_keys(text)
        self._texts[source, hash(keys)] += 1
        if len(keys) < 2:
            return
        for key in {*keys[:_EDGE], *keys[-_EDGE:]}:
            around = hash(tuple(other for other in keys if other != key))
            count, before = self._lines.get((source, key), (0, 0))
            if around not in (before, hash(())):
                self._lines[source, key] = (count + 1, around)

    def recurs(self, source: str, text: str) -> bool:
        """Whether a source says mostly this: the standing caption of its photos."""
        least = max(LEAST, STANDING * self._posts[source])
        return self._texts[source, hash(_line_keys(text))] >= least

    def _least(self, source: str) -> float:
        return max(LEAST, SHARE * self._posts[source])

    def without(self, source: str, text: str) -> str:
        """Text without its source's recurring lines."""
        if "\n" not in text:
            return text
        least = self._least(source)
        kept = []
        for line in text.splitlines():
            key = _line_key(line)
            if not key or self._lines.get((source, key), (0, 0))[0] < least:
                kept.append(line)
        return "\n".join(kept).strip()
