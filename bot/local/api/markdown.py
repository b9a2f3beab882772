"""The Bot API's MarkdownV2 and its older Markdown: core.telegram.org/bots/api#markdownv2-style."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bot.local.api.markup import Span, byte_offset, cannot_parse, link_entity

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "PreCode",
    "link": "TextUrl",
    "emoji": "CustomEmoji",
    "blockquote": "BlockQuote",
}
_ENDS = {
    "bold": "*",
    "italic": "_",
    "underline": "__",
    "strikethrough": "~",
    "spoiler": "||",
    "code": "`",
    "pre": "```",
    "link": "]",
    "emoji": "]",
}
# The longer mark is tried first: `__` is always underline, never two italics.
_STARTS = (
    ("```", "pre"),
    ("`", "code"),
    ("__", "underline"),
    ("_", "italic"),
    ("||", "spoiler"),
    ("*", "bold"),
    ("~", "strikethrough"),
    ("![", "emoji"),
    ("[", "link"),
)
_LANGUAGE = re.compile(r"([^\s`]+)(?=\s)")


@dataclass(slots=True)
class _Open:
    kind: str
    start: int
    at: int
    language: str = ""


class _MarkdownV2:
    def __init__(self, markup: str) -> None:
        self.markup = markup
        self.text: list[str] = []
        self.spans: list[Span] = []
        self.stack: list[_Open] = []

    def parse(self) -> tuple[str, list[Span]]:
        i = 0
        while i < len(self.markup):
            i = self._step(i)
        self._end_quote()
        if self.stack:
            raise self._no_end(self.stack[-1])
        return "".join(self.text), self.spans

    def _step(self, i: int) -> int:
        markup, char = self.markup, self.markup[i]
        top = self.stack[-1].kind if self.stack else ""
        if char == "\\" and i + 1 < len(markup) and 1 <= ord(markup[i + 1]) <= 126:
            self.text.append(markup[i + 1])
            return i + 2
        if top in ("code", "pre"):
            if char != "`":
                self.text.append(char)
                return i + 1
            if not markup.startswith(_ENDS[top], i):
                raise self._reserved(i)
            return self._end(i)
        if char == "\n":
            return self._newline(i)
        if char not in _RESERVED:
            self.text.append(char)
            return i + 1
        if top in _ENDS and self._is_end(top, i):
            return self._end(i)
        if char == ">" and self._line_start() and not self.stack:
            self.stack.append(_Open("blockquote", len(self.text), i))
            return i + 1
        return self._start(i)

    def _is_end(self, kind: str, i: int) -> bool:
        if kind == "italic" and self.markup.startswith("__", i):
            return False
        return self.markup.startswith(_ENDS[kind], i)

    def _line_start(self) -> bool:
        return not self.text or self.text[-1] == "\n"

    def _start(self, i: int) -> int:
        for mark, kind in _STARTS:
            if self.markup.startswith(mark, i):
                opened = _Open(kind, len(self.text), i)
                self.stack.append(opened)
                i += len(mark)
                if kind == "pre":
                    i = self._pre_language(opened, i)
                return i
        raise self._reserved(i)

    def _pre_language(self, opened: _Open, i: int) -> int:
        language = _LANGUAGE.match(self.markup, i)
        if language:
            opened.language = language[1]
            i = language.end()
        newline = re.compile(r"\r?\n").match(self.markup, i)
        return newline.end() if newline else i

    def _newline(self, i: int) -> int:
        quoted = bool(self.stack) and self.stack[0].kind == "blockquote"
        if quoted and self.markup.startswith(">", i + 1):
            self.text.append("\n")
            return i + 2
        if quoted:
            self._end_quote()
        self.text.append("\n")
        return i + 1

    def _end_quote(self) -> None:
        if not self.stack or self.stack[0].kind != "blockquote":
            return
        kind = "blockquote"
        last = self.stack[-1]
        if last.kind == "spoiler" and last.start == len(self.text):
            # A quotation that ends with `||` is shown folded.
            self.stack.pop()
            kind = "expandable_blockquote"
        if len(self.stack) > 1:
            raise self._no_end(self.stack[-1])
        quote = self.stack.pop()
        self.spans.append(Span(kind, quote.start, len(self.text)))

    def _end(self, i: int) -> int:
        opened = self.stack.pop()
        i += len(_ENDS[opened.kind])
        kind, extra = opened.kind, dict[str, Any]()
        if kind in ("link", "emoji"):
            address, i = self._address(opened, i)
            if kind == "emoji":
                emoji = re.fullmatch(r"tg://emoji\?id=(\d{1,20})", address)
                if emoji is None:
                    raise cannot_parse("Custom emoji entity must contain a tg://emoji URL")
                kind, extra = "custom_emoji", {"custom_emoji_id": emoji[1]}
            else:
                link = link_entity(address)
                if link is None:
                    return i
                kind, extra = link
        elif opened.language:
            extra = {"language": opened.language}
        self.spans.append(Span(kind, opened.start, len(self.text), extra))
        return i

    def _address(self, opened: _Open, i: int) -> tuple[str, int]:
        if not self.markup.startswith("(", i):
            return "".join(self.text[opened.start :]), i
        address: list[str] = []
        begin = i
        i += 1
        while i < len(self.markup) and self.markup[i] != ")":
            if self.markup[i] == "\\" and i + 1 < len(self.markup):
                i += 1
            address.append(self.markup[i])
            i += 1
        if i >= len(self.markup):
            raise cannot_parse(
                f"Can't find end of a URL at byte offset {byte_offset(self.markup, begin)}"
            )
        return "".join(address), i + 1

    def _no_end(self, opened: _Open) -> Exception:
        return cannot_parse(
            f"Can't find end of {_NAMES[opened.kind]} entity at byte offset "
            f"{byte_offset(self.markup, opened.at)}"
        )

    def _reserved(self, i: int) -> Exception:
        return cannot_parse(
            f"Character '{self.markup[i]}' is reserved and must be escaped with the preceding '\\'"
        )


def parse_markdown_v2(markup: str) -> tuple[str, list[Span]]:
    r"""Parse MarkdownV2.

    Parameters
    ----------
    markup
        Text in which ``_*[]()~`>#+-=|{}.!`` are markup or preceded by a backslash.

    Returns
    -------
    text : str
        Without markup.
    spans : list of Span
        In the order in which they end.

    Raises
    ------
    BadRequestError
        "can't parse entities: ..." for an entity without end or an unescaped character.
    """
    return _MarkdownV2(markup).parse()


def parse_markdown(markup: str) -> tuple[str, list[Span]]:
    """Parse the older Markdown: no nesting, an escape only outside of entities.

    Returns
    -------
    text : str
        Without markup.
    spans : list of Span
        In order.

    Raises
    ------
    BadRequestError
        "can't parse entities: Can't find end of the entity starting at byte offset N".
    """
    text: list[str] = []
    spans: list[Span] = []
    i = 0
    while i < len(markup):
        char = markup[i]
        if char == "\\" and i + 1 < len(markup) and markup[i + 1] in "_*`[":
            text.append(markup[i + 1])
            i += 2
        elif char not in "_*`[":
            text.append(char)
            i += 1
        else:
            i = _old_entity(markup, i, text, spans)
    return "".join(text), spans


def _old_entity(markup: str, i: int, text: list[str], spans: list[Span]) -> int:
    begin, start = i, len(text)
    char = markup[i]
    mark = "```" if markup.startswith("```", i) else char
    end_mark = "]" if char == "[" else mark
    i += len(mark)
    extra: dict[str, Any] = {}
    if mark == "```":
        language = _LANGUAGE.match(markup, i)
        if language:
            extra = {"language": language[1]}
            i = language.end()
        newline = re.compile(r"\r?\n").match(markup, i)
        i = newline.end() if newline else i
    end = markup.find(end_mark, i)
    if end < 0:
        raise cannot_parse(
            f"Can't find end of the entity starting at byte offset {byte_offset(markup, begin)}"
        )
    text.extend(markup[i:end])
    i = end + len(end_mark)
    kind = {"*": "bold", "_": "italic", "`": "code", "```": "pre"}.get(mark, "")
    if char == "[":
        address = "".join(text[start:])
        if markup.startswith("(", i):
            close = markup.find(")", i)
            if close < 0:
                raise cannot_parse(
                    "Can't find end of the entity starting at byte offset "
                    f"{byte_offset(markup, begin)}"
                )
            address, i = markup[i + 1 : close], close + 1
        link = link_entity(address)
        if link is None:
            return i
        kind, extra = link
    spans.append(Span(kind, start, len(text), extra))
    return i
