"""What a source puts under its posts ("Subscribe: @channel") is no part of what they say."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from engine.cleaning.privacy import redact
from engine.text.clean import fold

LEAST: Final = 5
"""Posts, with other words around it, in which a part must stand to be a signature."""

SHARE: Final = 0.1
"""Share of a source's posts in which a line must stand, or a part that names an address."""

SHARE_WITHIN: Final = 0.3
"""The same of a part of a line, which has to have `WORDS_WITHIN` words."""

WORDS_WITHIN: Final = 3

STANDING: Final = 0.5
"""Share of a source's posts that say nothing but its standing caption."""

MOST_PARTS: Final = 1_000_000
"""Parts that are counted at a time; beyond that those that were met once are forgotten."""

_EDGE: Final = 6  # a signature is among the first or the last parts
_WORD: Final = re.compile(r"(?<![\w#])[^\W\d_](?:[\w'-]|@)*|@\w+")
_HASHTAG: Final = re.compile(r"#\w+")
_LONGEST: Final = 300
_NAMING: Final = re.compile(r"[@\d|/]")  # without any of these nothing is hidden
_EMOJI: Final = "[\u2190-\u21ff\u2300-\u23ff\u2500-\u27bf\u2900-\u2bff\U0001f000-\U0001faff]"
_ADDRESS: Final = r"@\w|https?://|www\.|(?:t|telegram)\.me/|vk\.(?:com|ru)/"
_NAMES_ADDRESS: Final = re.compile(_ADDRESS)
# A sentence, what stands between dashes and bars, behind an emoji, from an address on.
_BORDER: Final = re.compile(
    r"(?<=[.!?…:;|•·—–]\s)|(?<=\s-\s)"
    rf"|(?<!\s)(?<!{_EMOJI})(?={_EMOJI})|(?<=\s)(?={_EMOJI})(?<!{_EMOJI}\s)|(?<=\s)(?={_ADDRESS})"
)


class _Part(NamedTuple):
    """A part of a text; `key` has its words alone, whatever its addresses."""

    text: str
    key: str


def _parts(line: str) -> list[_Part]:
    return [_Part(part, _key(part)) for part in _BORDER.split(line)]


def _key(part: str) -> str:
    plain = fold(part[:_LONGEST])
    return " ".join(_WORD.findall((redact(plain) if _NAMING.search(plain) else plain).lower()))


def _keys(text: str) -> tuple[str, ...]:
    return tuple(part.key for line in text.splitlines() for part in _parts(line) if part.key)


def _is_often(count: int, posts: int, share: float) -> bool:
    return count >= max(LEAST, share * posts)


def _begins(count: int, posts: int, share: float) -> bool:
    """Whether what stands in the newest post, too, is often from this post on."""
    return _is_often(count, posts, share) and not _is_often(count - 1, posts - 1, share)


class SignatureLines:
    """Counts the lines of posts and their parts by source, and leaves out those that recur.

    What is all that a post says is no signature, however often it is said, nor is what stands in
    posts that say the same around it.
    """

    def __init__(self) -> None:
        self._posts: Counter[str] = Counter()
        # Source and part -> posts with other words around it than the one before, and those words.
        self._counts: dict[int, tuple[int, int]] = {}
        self._texts: Counter[int] = Counter()

    def add(self, source: str, text: str) -> bool:
        """Count the parts of one more post; whether one of them, or all, recurs from now on."""
        self._posts[source] += 1
        posts, keys = self._posts[source], _keys(text)
        self._texts[hash((source, keys))] += 1
        said = self._texts[hash((source, keys))]
        begins = _begins(said, posts, STANDING)
        if len(keys) > 1:
            for key in {*keys[:_EDGE], *keys[-_EDGE:]}:
                around = hash(tuple(other for other in keys if other != key))
                count, before = self._counts.get(hash((source, key)), (0, 0))
                if around not in (before, hash(())):
                    self._counts[hash((source, key))] = (count + 1, around)
                    begins |= any(_begins(count + 1, posts, one) for one in (SHARE, SHARE_WITHIN))
        if len(self._counts) > MOST_PARTS:
            self._counts = {key: one for key, one in self._counts.items() if one[0] > 1}
        if len(self._texts) > MOST_PARTS:
            self._texts = Counter({key: count for key, count in self._texts.items() if count > 1})
        return begins

    def recurs(self, source: str, text: str) -> bool:
        """Whether a source says mostly this: the standing caption of its photos."""
        return _is_often(self._texts[hash((source, _keys(text)))], self._posts[source], STANDING)

    def without(self, source: str, text: str) -> str:
        """Text without its source's recurring lines, sentences and addresses; hashtags stay."""
        lines, changed = [], False
        for line in text.splitlines():
            kept = []
            parts = _parts(line)
            for recurs, run in itertools.groupby(parts, lambda part: self._recurs(source, part)):
                some = list(run)
                together = "".join(part.text for part in some)
                if recurs and self._is_signature(source, some, whole=len(some) == len(parts)):
                    changed = True
                    together = "".join(f"{tag} " for tag in _HASHTAG.findall(together))
                kept.append(together)
            lines.append("".join(kept).strip(" |•·—–-") if changed else line)
        return "\n".join(lines).strip() if changed else text

    def _recurs(self, source: str, part: _Part, share: float = SHARE) -> bool:
        """Whether a part recurs; one without words does where its neighbours do."""
        count, _ = self._counts.get(hash((source, part.key)), (0, 0))
        return not part.key or _is_often(count, self._posts[source], share)

    def _is_signature(self, source: str, run: Sequence[_Part], *, whole: bool) -> bool:
        keys = [part.key for part in run if part.key]
        if whole or any(_NAMES_ADDRESS.search(part.text) for part in run):
            return bool(keys)
        many = len(" ".join(keys).split()) >= WORDS_WITHIN
        return many and all(self._recurs(source, part, SHARE_WITHIN) for part in run)
