"""From marked-up text to plain text and entities, as the Bot API does it.

Rules: core.telegram.org/bots/api#formatting-options. Parsers work on code points; entities
leave here with offsets and lengths in UTF-16 code units, sorted, inside the trimmed text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.local.api.markup import Span, parse_html
from bot.local.errors import BadRequestError
from bot.local.limits import MAX_ENTITIES

Entity = dict[str, Any]

_OPAQUE = frozenset({"code", "pre"})

_DETECTORS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"\bhttps?://[^\s<>\"]*[^\s<>\".,:;!?()\[\]'»]", re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,16}\b")),
    (
        "url",
        re.compile(
            r"(?<![\w@.#/-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|ru|me|dev|app|info)"
            r"(?:/[^\s<>\"]*[^\s<>\".,:;!?()\[\]'»])?(?![\w.@-]*[\w@])",
            re.IGNORECASE,
        ),
    ),
    (
        "bot_command",
        re.compile(r"(?<![\w/@#.])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    ),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z][A-Za-z0-9_]{2,31}(?!\w)")),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,255}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?!\w)")),
)


@dataclass(slots=True)
class FormattedText:
    """Plain text with its entities.

    Attributes
    ----------
    text
        Without markup, trimmed.
    entities
        ``MessageEntity`` objects; offsets and lengths in UTF-16 code units.
    """

    text: str = ""
    entities: list[Entity] = field(default_factory=list)


def format_text(text: str, parse_mode: str | None = None) -> FormattedText:
    """Turn what a bot (or a user) sent into plain text and entities.

    Parameters
    ----------
    text
        With the markup of `parse_mode`.
    parse_mode
        ``"HTML"`` in any case (this server knows no Markdown); None or empty for plain text.

    Raises
    ------
    BadRequestError
        "can't parse entities: ..." with Telegram's reason.
    """
    mode = (parse_mode or "").lower()
    if mode == "html":
        plain, spans = parse_html(text)
    elif mode in ("", "none"):
        plain, spans = text, []
    else:
        raise BadRequestError("unsupported parse_mode: the local server knows HTML")
    plain, spans = _clean(plain, spans)
    spans = _without_overlaps(spans)
    spans = sorted([*spans, *_detected(plain, spans)], key=_order)
    units = _utf16_offsets(plain)
    return FormattedText(
        plain,
        [
            {
                "type": span.kind,
                "offset": units[span.start],
                "length": units[span.end] - units[span.start],
                **span.extra,
            }
            for span in spans[:MAX_ENTITIES]
        ],
    )


def _utf16_offsets(text: str) -> list[int]:
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + (2 if ord(char) > 0xFFFF else 1))
    return offsets


def _clean(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Drop carriage returns, turn other controls into spaces, trim; move the spans along."""
    kept = [
        "" if char == "\r" else " " if ord(char) < 32 and char != "\n" else char for char in text
    ]
    joined = "".join(kept)
    left = len(joined) - len(joined.lstrip())
    clean = joined.strip()
    places = [0]
    for char in kept:
        places.append(places[-1] + len(char))
    moved = []
    for span in spans:
        start = min(max(places[span.start] - left, 0), len(clean))
        end = min(max(places[span.end] - left, 0), len(clean))
        if span.kind not in ("pre", "code", "blockquote", "expandable_blockquote"):
            # Telegram shows no formatting on the blanks at an entity's end.
            while end > start and clean[end - 1].isspace():
                end -= 1
        if end > start:
            moved.append(Span(span.kind, start, end, span.extra))
    return clean, moved


def _order(span: Span) -> tuple[int, int, int]:
    # Of those that cover the same: quotations outside, then code, which holds nothing else.
    rank = 0 if "quote" in span.kind else 1 if span.kind in _OPAQUE else 2
    return span.start, -span.end, rank


def _without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Sort the spans; drop what is inside code, doubled, or overlaps another by a part."""
    kept: list[Span] = []
    for span in sorted(spans, key=_order):
        around = [other for other in kept if other.end > span.start]
        if all(_may_hold(other, span) for other in around):
            kept.append(span)
    return kept


def _may_hold(outer: Span, inner: Span) -> bool:
    if outer.kind in _OPAQUE or inner.end > outer.end:
        return False
    both_quotes = "quote" in outer.kind and "quote" in inner.kind
    if outer.kind == inner.kind or both_quotes:
        return False
    return inner.kind not in _OPAQUE or "quote" in outer.kind


def _detected(text: str, spans: Sequence[Span]) -> list[Span]:
    taken = [
        (span.start, span.end)
        for span in spans
        if span.kind in _OPAQUE or span.kind in ("text_link", "text_mention")
    ]
    found: list[Span] = []
    for kind, pattern in _DETECTORS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if all(end <= other_start or start >= other_end for other_start, other_end in taken):
                taken.append((start, end))
                found.append(Span(kind, start, end, {}))
    return found
