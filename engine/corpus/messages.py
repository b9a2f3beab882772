r"""Messages of Telegram Desktop's ``result.json``, as a stream that damage does not end.

Telegram Desktop writes what is no JSON: control characters as ``\x0B``, the file of a custom emoji
without quotes, in old versions quotation marks as they are. A download breaks off, an editor
changes the encoding. So the text is cut where messages begin, each piece is repaired before the
parser gets it, and where the parser still fails it begins anew with the next message. Memory holds
one message.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import ijson

from engine.corpus.posts import SourceReport
from engine.errors import CorpusError

BLOCK: Final = 1 << 18
_SLICE: Final = 1 << 12
_LONGEST_PREFIX: Final = 2_000  # characters of the names that a value stands in
MOST_CHARACTERS: Final = 1 << 20
"""Text without the beginning of a message in it is passed on in pieces of this length."""

_CHATS: Final = ("", "chats.list.item.", "left_chats.list.item.")
_MESSAGES: Final = {f"{chat}messages.item": chat for chat in _CHATS}
_FIELDS: Final = {f"{chat}{name}": name for chat in _CHATS for name in ("name", "type", "id")}
_ENDS: Final = frozenset(chat.rstrip(".") for chat in _CHATS)
_HEADS: Final = {
    "": b'{"messages":[',
    "chats.list.item.": b'{"chats":{"list":[{"messages":[',
    "left_chats.list.item.": b'{"left_chats":{"list":[{"messages":[',
}

_GROUPS: Final = frozenset(
    ("private_supergroup", "public_supergroup", "private_channel", "public_channel")
)
_PUBLIC: Final = _GROUPS | {"private_group"}

# A quotation mark in a text is escaped, so no text can look like the beginning of a message.
_BEGIN: Final = re.compile(
    r'\{\s*(?:"id"\s*:\s*(-?\d+)(?:\.0+)?\s*,\s*"type"\s*:\s*"(?:message|service|unsupported)"'
    r'|"type"\s*:\s*"(?:message|service|unsupported)"\s*,\s*"id"\s*:\s*(-?\d+)(?:\.0+)?)'
)
_LONGEST_BEGIN: Final = 400
_KIND: Final = re.compile(
    r"((?:public|private)_(?:channel|supergroup)|private_group|personal_chat|bot_chat"
    r'|saved_messages)"'
)
_NEXT_CHAT: Final = re.compile(r'"messages"\s*:\s*\[\s*$')
_END_OF_FILE: Final = re.compile(r"\]\s*\}[\s\]}]*\Z")
# Half of a character outside of the basic plane: a text that was cut in an emoji.
_HALF: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_HOLE: Final = re.compile(r"\0{512}[\0\s]*[^\0\s]")  # sectors that a disk lost, and what follows
_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f]")
_BAD_ESCAPE: Final = re.compile(r'\\(?:[^"\\/bfnrtu]|u(?![0-9A-Fa-f]{4})|$)')
_ESCAPE: Final = re.compile(
    r'\\(?:(["\\/bfnrt]|u[0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.?))', re.DOTALL
)
# Up to the end of the line, or of the object: the words for a missing file have a comma in them.
_BARE: Final = (
    r'\s*:\s*)(?!\s|["\[{]|(?:true|false|null|-?\d[\d.eE+-]*)\s*(?:[,}\]]|$))'
    r'([^\n\r}]*?)(?=\s*(?:,?\s*(?:[\n\r]|$)|\}|,\s*"))'
)
_BARE_EMOJI: Final = re.compile(r'("document_id"' + _BARE)
_BARE_ANY: Final = re.compile(r'("\w+"' + _BARE)
_LINE: Final = re.compile(r'^(\s*(?:"\w+"\s*:\s*)?")(.*)("\s*,?\s*)$', re.MULTILINE)
_QUOTE: Final = re.compile(r'(?<!\\)"')


class Chat(NamedTuple):
    """A chat of an export.

    Attributes
    ----------
    id
        As the Bot API has it: -100... for channels and supergroups, negative for groups.
    name
        Its title, or the other person's name.
    type
        As exported, such as ``public_channel``.
    listed
        Whether it is one of an account's chats, rather than exported by itself.
    """

    id: int
    name: str
    type: str
    listed: bool

    @property
    def private(self) -> bool:
        """Whether it is a talk with a person or a bot rather than a channel or a group."""
        return self.type not in _PUBLIC

    @property
    def linked(self) -> bool:
        """Whether its messages have links of their own."""
        return self.type in _GROUPS


class Item(NamedTuple):
    """A message, and the chat that it stands in."""

    chat: Chat
    message: dict[str, Any]


def read_messages(path: Path, report: SourceReport) -> Iterator[Item | Chat]:
    """Chats with messages, each before its messages.

    Parameters
    ----------
    path
        ``result.json``.
    report
        `place` and `size` are kept in bytes; damaged messages are counted under ``damaged``;
        `broken` says so where the file ends before its end.

    Raises
    ------
    CorpusError
        It cannot be opened.
    """
    try:
        yield from _Reading(path, report, None).items()
    except _LateHeaderError:
        # Another program wrote the file anew and put the messages before the chat's name.
        headers: list[Chat] = []
        for _ in _Reading(path, SourceReport(), headers).items():
            pass
        if not headers:
            raise CorpusError(
                f"{path} does not tell which chat its messages are of (name, type and id stand "
                "before them in an export): export once more"
            ) from None
        yield from _Reading(path, report, headers, known=True).items()


class _LateHeaderError(CorpusError):
    pass


class _Piece(NamedTuple):
    """Text up to the next message; `number` is that of the message that it begins with."""

    text: str
    number: int | None


class _Reading:
    """One way through a file.

    Parameters
    ----------
    path, report
        See `read_messages`.
    headers
        None: chats are told by what stands before their messages. A list: it is filled with the
        chats of the file, or, where it is `known`, these are the chats.
    """

    def __init__(
        self, path: Path, report: SourceReport, headers: list[Chat] | None, *, known: bool = False
    ) -> None:
        self._path, self._report = path, report
        self._headers, self._known_headers = headers, known
        self._chat: Chat | None = None
        self._last: Chat | None = None
        self._base = ""
        self._fields: dict[str, Any] = {}
        self._count = 0
        self._builder: Any = None
        self._number: int | None = None
        self._within = False
        self._error = ""
        self._start(b"")

    def items(self) -> Iterator[Item | Chat]:
        lost = False
        piece = before = _Piece("", None)
        try:
            file = self._path.open("rb")
        except OSError as error:
            raise CorpusError(f"{self._path} cannot be read: {error}") from error
        with file:
            self._report.size = self._path.stat().st_size
            for piece in _pieces(file, self._report):
                if piece.number is not None:
                    # Brackets that damage took or brought end a message late, or a chat early.
                    early = self._count and not self._within and not _NEXT_CHAT.search(before.text)
                    if early:
                        self._chat, self._within = self._last, True
                    if self._builder is not None or early:
                        self._damaged(self._number)
                        self._start(_HEADS[self._base])
                    self._number, self._given = piece.number, False
                    lost = False
                before = piece
                if _HOLE.search(piece.text):
                    self._damaged(piece.number)
                if lost:
                    continue
                try:
                    yield from self._feed(repair(piece.text).encode("utf-8", "replace"))
                except ijson.JSONError as error:
                    self._error = str(error).partition("\n")[0]
                    yield from self._recover(piece)
                    lost = True
        if lost:
            # Without the beginning of a message in it, nothing says how much was lost.
            if piece.number is None or not _END_OF_FILE.search(piece.text):
                self._report.broken = f"the file breaks off ({self._error})"
            return
        try:
            self._parser.close()
        except ijson.JSONError as error:
            self._report.broken = f"the file breaks off ({str(error).partition(chr(10))[0]})"

    def _start(self, head: bytes) -> None:
        self._events: Any = ijson.sendable_list()
        self._parser: Any = ijson.parse_coro(self._events, use_float=True)
        self._builder = None
        self._number, self._given = None, False
        if head:
            self._parser.send(head)
            self._events.clear()

    def _feed(self, data: bytes) -> Iterator[Item | Chat]:
        # In slices: each event holds the names of all that it stands in.
        for start in range(0, len(data), _SLICE):
            failed: ijson.JSONError | None = None
            try:
                self._parser.send(data[start : start + _SLICE])
            except ijson.JSONError as error:
                failed = error
            except UnicodeDecodeError as error:
                failed = ijson.JSONError(str(error))
            if self._events and len(self._events[-1][0]) > _LONGEST_PREFIX:
                self._events.clear()
                failed = ijson.JSONError("nested too deeply")
            yield from self._handle()
            if failed is not None:
                raise failed

    def _handle(self) -> Iterator[Item | Chat]:
        for prefix, event, value in self._events:
            builder = self._builder
            if builder is not None:
                builder.event(event, value)
                if event == "end_map" and prefix in _MESSAGES:
                    self._builder, self._given = None, True
                    if self._chat is not None:
                        yield _item(self._chat, builder.value)
                    elif self._headers is None:
                        # Of a chat whose name and number are damaged.
                        self._damaged(self._number)
            elif event == "start_map" and prefix in _MESSAGES:
                if not self._within:
                    self._within, self._base = True, _MESSAGES[prefix]
                    yield from self._begin_chat()
                self._builder = ijson.ObjectBuilder()
                self._builder.event(event, value)
            elif prefix in _FIELDS:
                self._fields[_FIELDS[prefix]] = value
            elif event == "end_map" and prefix in _ENDS:
                self._end_chat(bool(prefix))
        self._events.clear()

    def _begin_chat(self) -> Iterator[Chat]:
        if self._headers is None:
            self._chat = _chat(self._fields, bool(self._base))
            if self._chat is None:
                raise _LateHeaderError("messages stand before the id of their chat")
        elif self._known_headers and self._count < len(self._headers):
            self._chat = self._headers[self._count]
        self._count += 1
        if self._chat is not None:
            yield self._chat

    def _end_chat(self, listed: bool) -> None:
        chat = _chat(self._fields, listed) if self._within else None
        if chat is not None and self._headers is not None and not self._known_headers:
            self._headers.append(chat)
        self._last, self._chat = self._chat, None
        self._fields, self._within = {}, False

    def _damaged(self, number: int | None) -> None:
        self._report.skip("damaged", "between messages" if number is None else f"message {number}")

    def _recover(self, piece: _Piece) -> Iterator[Item | Chat]:
        """Save what can be saved of a piece that is no JSON, and get ready for the next one."""
        rest = piece.text
        if piece.number is not None:
            message, rest = _look_again(piece.text)
        if piece.number is not None and not self._given:
            if message is None:
                self._damaged(piece.number)
            elif self._chat is not None:
                yield _item(self._chat, message)
        elif self._builder is not None or re.search(r"\w", rest):
            self._damaged(self._number if self._builder is not None else None)
        if _NEXT_CHAT.search(rest) or _KIND.search(rest):
            # Another chat begins: what is told of it, as well as it can be read.
            listed = self._count > 0 or '"list"' in rest
            self._base = "chats.list.item." if listed else ""
            self._chat, self._within = None, True
            self._count += 1
            if self._headers is None:
                self._chat = _chat(_header_in(rest), listed)
            elif self._known_headers and self._count <= len(self._headers):
                self._chat = self._headers[self._count - 1]
            if self._chat is not None:
                yield self._chat
        self._start(_HEADS[self._base])


def _item(chat: Chat, message: dict[str, Any]) -> Item:
    numbers = ("id", "reply_to_message_id")
    return Item(chat, message | {n: _whole(message[n]) for n in numbers if n in message})


def _whole(number: object) -> object:
    """A number as other programs write it (16.0, "16") as the export has it."""
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if isinstance(number, str) and number.lstrip("-").isdecimal():
        return int(number)
    return number


def _chat(known: dict[str, Any], listed: bool) -> Chat | None:
    number, kind = _whole(known.get("id")), known.get("type")
    if not isinstance(number, int) or not isinstance(kind, str):
        return None
    if kind in _GROUPS and number > 0:
        number = int(f"-100{number}")
    elif kind == "private_group":
        number = -abs(number)
    return Chat(number, str(known.get("name") or ""), kind, listed)


def _header_in(text: str) -> dict[str, Any]:
    """Name, type and id of a chat, by what is left of what is written before its messages."""
    text = text[max(text.rfind('"name"'), 0) :]
    found: dict[str, Any] = {"name": ""}
    if name := re.match(r'"name"\s*:\s*("(?:[^"\\\n]|\\.)*")', text):
        with contextlib.suppress(ValueError):
            found["name"] = json.loads(repair(name[1]))
    if kind := _KIND.search(text):
        found["type"] = kind[1]
    if number := re.search(r'"id"\s*:\s*(-?\d+)', text):
        found["id"] = int(number[1])
    return found


def _text(file: BinaryIO) -> Iterator[str]:
    """Blocks of text; what is no text in the file's encoding becomes U+FFFD."""
    block = file.read(BLOCK)
    decoder = codecs.getincrementaldecoder(_encoding(block))("replace")
    while block:
        yield decoder.decode(block)
        block = file.read(BLOCK)
    yield decoder.decode(b"", final=True)


def _encoding(start: bytes) -> str:
    """The encoding of a file that an editor may have saved anew, by its first block."""
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if start[:1] == b"{" and start[1:2] == b"\0":
        return "utf-16-le"
    if start[:2] == b"\0{":
        return "utf-16-be"
    letters = [char for char in start.decode("utf-8", "replace") if char > "\x7f"]
    return "cp1251" if letters.count("\ufffd") * 2 > len(letters) else "utf-8-sig"


def _pieces(file: BinaryIO, report: SourceReport) -> Iterator[_Piece]:
    """The text of a file, cut where messages begin."""
    rest, number = "", None
    for block in _text(file):
        report.place = file.tell()
        rest += block
        start = 0
        # The first mark is where the rest begins, unless nothing has been found yet.
        for found in _BEGIN.finditer(rest, 1 if number is not None else 0):
            if found.start() > start:
                yield _Piece(rest[start : found.start()], number)
            start, number = found.start(), int(found[1] or found[2])
        rest = rest[start:]
        if len(rest) > MOST_CHARACTERS:
            # A mark may be cut in two.
            cut = rest.rfind(",", 1, len(rest) - _LONGEST_BEGIN)
            cut = cut if cut > 0 else len(rest) - _LONGEST_BEGIN
            yield _Piece(rest[:cut], number)
            rest, number = rest[cut:], None
    if rest:
        yield _Piece(rest, number)


def repair(text: str) -> str:
    """Make JSON of what Telegram Desktop writes: its escapes, its unquoted names of files."""
    text = _CONTROL.sub(" ", text)
    if "\\" in text and _BAD_ESCAPE.search(text):
        text = _ESCAPE.sub(_escape, text)
    if "\\ud" in text.lower():
        text = _HALF.sub(r"\\ufffd", text)
    if '"document_id"' in text:
        text = _BARE_EMOJI.sub(_quoted, text)
    return text


def _escape(match: re.Match[str]) -> str:
    good, code, other = match.groups()
    if good:
        return match.group()
    return f"\\u00{code}" if code else json.dumps(other)[1:-1]


def _quoted(match: re.Match[str]) -> str:
    return match[1] + json.dumps(match[2], ensure_ascii=False)


def _look_again(text: str) -> tuple[dict[str, Any] | None, str]:
    """Read a damaged message with all that is known of damage.

    Returns
    -------
    message, rest
        None where nothing helps; and the text behind the message.
    """
    text = _BARE_ANY.sub(_quoted, repair(text))
    decoder = json.JSONDecoder(strict=False)
    for written in (text, _LINE.sub(_escape_quotes, text), _COMMA.sub("", text)):
        try:
            found, end = decoder.raw_decode(written)
        except (ValueError, RecursionError):
            continue
        rest = written[end:].lstrip()
        if isinstance(found, dict) and rest[:1] in ("", ",", "]"):
            return found, rest
    return None, text


def _escape_quotes(match: re.Match[str]) -> str:
    return match[1] + _QUOTE.sub(r'\\"', match[2]) + match[3]
