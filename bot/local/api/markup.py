"""The Bot API's HTML: core.telegram.org/bots/api#html-style."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bot.local.errors import BadRequestError

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(
    r"&(?:#(?P<dec>\d{1,8})|#[xX](?P<hex>[0-9a-fA-F]{1,7})|(?P<name>lt|gt|amp|quot));?"
)
_ATTRIBUTE = re.compile(
    r"""\s+(?P<name>[A-Za-z][\w-]*)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|"""
    r"""(?P<bare>[^\s"'>]+)))?"""
)
_NAME = re.compile(r"[^\s<>/]*")


@dataclass(slots=True)
class Span:
    """An entity in code points: ``text[start:end]`` is of a kind.

    Attributes
    ----------
    extra
        The entity's other fields (``url``, ``language``, ...).
    """

    kind: str
    start: int
    end: int
    extra: dict[str, Any] = field(default_factory=dict)


def cannot_parse(reason: str) -> BadRequestError:
    """Return Telegram's error about broken markup."""
    return BadRequestError(f"can't parse entities: {reason}")


def byte_offset(markup: str, position: int) -> int:
    """Return how many UTF-8 bytes come before a position, as Telegram counts in its errors."""
    return len(markup[:position].encode())


def link_entity(url: str) -> tuple[str, dict[str, Any]] | None:
    """Return the entity's kind and fields for a link; None where the address is no link."""
    url = url.strip()
    user = re.fullmatch(r"tg://user\?id=(\d{1,15})", url)
    if user:
        return "text_mention", {
            "user": {"id": int(user[1]), "is_bot": False, "first_name": f"User {user[1]}"}
        }
    if re.fullmatch(r"(?:https?|tg|mailto|tel|ton)://?\S+|mailto:\S+|tel:\S+", url, re.IGNORECASE):
        return "text_link", {"url": url}
    if re.fullmatch(r"[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,16}(?:[/?#:]\S*)?", url):
        return "text_link", {"url": f"http://{url}"}
    return None


@dataclass(slots=True)
class _Open:
    tag: str
    start: int
    attributes: dict[str, str]


def parse_html(markup: str) -> tuple[str, list[Span]]:
    """Parse Telegram's HTML.

    Parameters
    ----------
    markup
        Text with tags; ``<``, ``>`` and ``&`` that are no markup are written as references.

    Returns
    -------
    text : str
        Without tags and references.
    spans : list of Span
        In the order in which their tags close.

    Raises
    ------
    BadRequestError
        "can't parse entities: ..." for an unknown, unclosed or wrongly nested tag.
    """
    text: list[str] = []
    spans: list[Span] = []
    stack: list[_Open] = []
    i = 0
    while i < len(markup):
        char = markup[i]
        if char == "&":
            decoded, i = _reference(markup, i)
            text.append(decoded)
        elif char != "<":
            text.append(char)
            i += 1
        elif markup.startswith("</", i):
            i = _end_tag(markup, i, len(text), stack, spans)
        else:
            tag, attributes, after = _start_tag(markup, i)
            stack.append(_Open(tag, len(text), attributes))
            i = after
    if stack:
        raise cannot_parse(f'Can\'t find end tag corresponding to start tag "{stack[-1].tag}"')
    return "".join(text), spans


def _reference(markup: str, i: int) -> tuple[str, int]:
    match = _REFERENCE.match(markup, i)
    if match is None:
        return "&", i + 1
    if match["name"]:
        return _NAMED[match["name"]], match.end()
    code = int(match["dec"]) if match["dec"] else int(match["hex"], 16)
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "&", i + 1
    return chr(code), match.end()


def _decode(value: str) -> str:
    return _REFERENCE.sub(lambda match: _reference(match[0], 0)[0], value)


def _start_tag(markup: str, i: int) -> tuple[str, dict[str, str], int]:
    offset = byte_offset(markup, i)
    name = _NAME.match(markup, i + 1)
    tag = name[0].lower() if name else ""
    if tag not in _KINDS:
        raise cannot_parse(f'Unsupported start tag "{tag}" at byte offset {offset}')
    attributes: dict[str, str] = {}
    position = i + 1 + len(tag)
    while match := _ATTRIBUTE.match(markup, position):
        value = next(
            (match[group] for group in ("double", "single", "bare") if match[group] is not None), ""
        )
        attributes[match["name"].lower()] = _decode(value)
        position = match.end()
    close = re.compile(r"\s*>").match(markup, position)
    if close is None:
        raise cannot_parse(f"Unclosed start tag at byte offset {offset}")
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {offset}')
    return tag, attributes, close.end()


def _end_tag(markup: str, i: int, length: int, stack: list[_Open], spans: list[Span]) -> int:
    offset = byte_offset(markup, i)
    match = re.compile(r"</([^\s<>]*)\s*>").match(markup, i)
    if match is None:
        raise cannot_parse(f"Unclosed end tag at byte offset {offset}")
    if not stack:
        raise cannot_parse(f"Unexpected end tag at byte offset {offset}")
    opened = stack.pop()
    if match[1].lower() not in ("", opened.tag):
        raise cannot_parse(
            f'Unmatched end tag at byte offset {offset}, expected "</{opened.tag}>", '
            f'found "</{match[1].lower()}>"'
        )
    span = _span(opened, length, stack, spans)
    if span is not None:
        spans.append(span)
    return match.end()


def _span(opened: _Open, end: int, stack: list[_Open], spans: list[Span]) -> Span | None:
    kind, attributes = _KINDS[opened.tag], opened.attributes
    extra: dict[str, Any] = {}
    if kind == "text_link":
        link = link_entity(attributes.get("href", ""))
        if link is None:
            return None
        kind, extra = link
    elif kind == "blockquote" and "expandable" in attributes:
        kind = "expandable_blockquote"
    elif kind == "code" and stack and stack[-1].tag == "pre":
        language = attributes.get("class", "").removeprefix("language-")
        if language and language != attributes.get("class"):
            # `<pre><code class="language-x">` is one entity: the inner tag names the language.
            stack[-1].attributes.setdefault("language", language)
            return None
    elif kind == "pre" and attributes.get("language"):
        extra = {"language": attributes["language"]}
        spans[:] = [span for span in spans if span.kind != "code" or span.start < opened.start]
    return Span(kind, opened.start, end, extra)
