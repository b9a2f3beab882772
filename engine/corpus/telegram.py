"""Telegram Desktop's export in JSON, of one chat or of the whole account, read as a stream.

Photos of an album are separate messages there, of which one has the text; nothing says that they
belong together but their sender, second and neighbouring numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import ijson

from engine.cleaning.privacy import redact
from engine.corpus.posts import MAX_PHOTO_BYTES, SourcePost, SourceReport, photo_name
from engine.errors import CorpusError

ALBUM_MAX: Final = 10

_CHATS: Final = ("", "chats.list.item.", "left_chats.list.item.")
_MESSAGES: Final = {f"{chat}messages.item": chat for chat in _CHATS}
_FIELDS: Final = {f"{chat}{name}": name for chat in _CHATS for name in ("name", "type", "id")}
_ENDS: Final = frozenset(chat.rstrip(".") for chat in _CHATS)

_GROUPS: Final = frozenset(
    ("private_supergroup", "public_supergroup", "private_channel", "public_channel")
)
_PUBLIC: Final = _GROUPS | {"private_group"}

# What an entity names that is nobody else's business.
_HIDDEN: Final = {
    "mention": "@user",
    "mention_name": "@user",
    "phone": "@phone",
    "email": "@mail",
    "bank_card": "@card",
}

_log = logging.getLogger(__name__)


RESULT_FILE: Final = "result.json"


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


class Item(NamedTuple):
    """A message, and the chat that it stands in."""

    chat: Chat
    message: dict[str, Any]


@dataclass
class TelegramOptions:
    """What to take of an export.

    Attributes
    ----------
    private
        Of an account's export, private talks too.
    authors
        Keep the names of those who wrote or were forwarded.
    username
        The public name of the (single) chat: links then work for everyone.
    only
        Names or ids of the chats to take; empty: all.
    """

    private: bool = False
    authors: bool = False
    username: str | None = None
    only: Collection[str] = ()


def read_export(path: Path, options: TelegramOptions, report: SourceReport) -> Iterator[SourcePost]:
    """Posts of an export; `report.broken` says so if the file breaks off.

    Parameters
    ----------
    path
        ``result.json``, or the folder that holds it.
    options
        What to take.
    report
        Filled while the posts are read.

    Raises
    ------
    CorpusError
        There is no such file, or it is no export.
    """
    file = _find(path)
    for album in _albums(_messages(file, options, report)):
        yield from _posts(album, file.parent, options, report)
    if not report.read and not report.skipped:
        if report.broken:
            raise CorpusError(f"{file} is not a Telegram export in JSON: {report.broken}")
        raise CorpusError(
            f"{file} holds no messages: in Telegram Desktop choose Export chat history (or "
            "Settings > Advanced > Export Telegram data) and the format JSON"
        )


def _find(path: Path) -> Path:
    file = path / RESULT_FILE if path.is_dir() else path
    if not file.is_file():
        html = path.is_dir() and any(path.glob("messages*.html"))
        raise CorpusError(
            f"{file} is missing"
            + (
                ": this export is HTML; export once more with the format 'Machine-readable JSON'"
                if html
                else ": give the folder that Telegram Desktop exported to, or its result.json"
            )
        )
    return file


# Reading


def parse_export(file: BinaryIO, *, headers: list[Chat] | None = None) -> Iterator[Item | Chat]:
    """Stream an export: each chat where its messages begin, then these.

    Parameters
    ----------
    file
        The JSON, opened in binary mode.
    headers
        The chats in order, for a file whose messages stand before what they belong to.

    Raises
    ------
    CorpusError
        A chat's id, name and type follow its messages and `headers` is None.
    ijson.JSONError
        The JSON is damaged or breaks off.
    """
    known: dict[str, Any] = {}
    chat: Chat | None = None
    count = 0
    builder: Any = None
    for prefix, event, value in ijson.parse(file, use_float=True):
        if builder is not None:
            builder.event(event, value)
            if event == "end_map" and prefix in _MESSAGES:
                assert chat is not None
                yield Item(chat, builder.value)
                builder = None
        elif event == "start_map" and prefix in _MESSAGES:
            if chat is None:
                chat = headers[count] if headers else _chat(known, _MESSAGES[prefix])
                count += 1
                yield chat
            builder = ijson.ObjectBuilder()
            builder.event(event, value)
        elif prefix in _FIELDS:
            known[_FIELDS[prefix]] = value
        elif event == "end_map" and prefix in _ENDS:
            known, chat = {}, None


class _LateHeaderError(CorpusError):
    pass


def _chat(known: dict[str, Any], prefix: str) -> Chat:
    if not isinstance(known.get("id"), int):
        raise _LateHeaderError("messages stand before the id of their chat")
    number, kind = known["id"], str(known.get("type") or "")
    if kind in _GROUPS and number > 0:
        number = int(f"-100{number}")
    elif kind == "private_group":
        number = -abs(number)
    return Chat(number, str(known.get("name") or ""), kind, bool(prefix))


def _headers(file: BinaryIO) -> list[Chat]:
    """Read the chats of a file in which something precedes them."""
    found: list[Chat] = []
    known: dict[str, Any] = {}
    messages = False
    for prefix, event, value in ijson.parse(file, use_float=True):
        if prefix in _FIELDS:
            known[_FIELDS[prefix]] = value
        elif prefix in _MESSAGES:
            messages = True
        elif event == "end_map" and prefix in _ENDS:
            if messages:
                found.append(_chat(known, prefix))
            known, messages = {}, False
    return found


def _messages(path: Path, options: TelegramOptions, report: SourceReport) -> Iterator[Item]:
    headers: list[Chat] | None = None
    report.size = path.stat().st_size
    while True:
        with path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":
                file.seek(0)
            try:
                yield from _wanted(parse_export(file, headers=headers), options, report, file)
                return
            except _LateHeaderError:
                if headers is not None:
                    raise
                file.seek(0)
                try:
                    headers = _headers(file)
                except ijson.JSONError as error:
                    report.broken = str(error)
                    return
            except (ijson.JSONError, UnicodeDecodeError) as error:
                # What was read stays read: a download may have been interrupted.
                report.broken = f"the file is damaged or breaks off ({error})".replace("\n", " ")
                return


def _wanted(
    items: Iterable[Item | Chat],
    options: TelegramOptions,
    report: SourceReport,
    file: BinaryIO,
) -> Iterator[Item]:
    only = {name.lower().lstrip("@") for name in options.only}
    take = True
    for item in items:
        if isinstance(item, Chat):
            take = True
            if only:
                take = bool({item.name.lower(), str(item.id)} & only)
            elif item.listed and item.private and not options.private:
                take = False
            if not take:
                report.skip("other" if only else "private", item.name)
            else:
                report.read["chats"] += 1
        elif take:
            report.read["messages"] += 1
            report.place = file.tell()
            yield item


# Albums and topics


class _Topics:
    """Which topic (thread) of a forum a message stands in: by what it answers to."""

    def __init__(self) -> None:
        self._titles: dict[int, str] = {}
        self._topic: dict[int, int] = {}

    def see(self, message: dict[str, Any]) -> str | None:
        number, answered = message.get("id"), message.get("reply_to_message_id")
        if message.get("action") in ("topic_created", "topic_edit"):
            title = message.get("new_title") or message.get("title")
            key = number if message["action"] == "topic_created" else answered
            if isinstance(key, int) and isinstance(title, str) and title:
                self._titles[key] = title
        if not self._titles or not isinstance(number, int) or not isinstance(answered, int):
            return None
        topic = answered if answered in self._titles else self._topic.get(answered)
        if topic is None:
            return None
        self._topic[number] = topic
        return self._titles[topic]


class _Post(NamedTuple):
    chat: Chat
    message: dict[str, Any]
    text: str
    photo: str | None
    topic: str | None


def _albums(items: Iterable[Item]) -> Iterator[list[_Post]]:
    """Group the photos of each album; any other message is a group of its own."""
    group: list[_Post] = []
    topics, chat = _Topics(), None
    for item in items:
        if item.chat != chat:
            topics, chat = _Topics(), item.chat
        topic = topics.see(item.message)
        if item.message.get("type", "message") != "message":
            continue
        post = _Post(
            item.chat,
            item.message,
            message_text(item.message),
            _photo_field(item.message),
            topic,
        )
        if group and not _together(group, post):
            yield group
            group = []
        group.append(post)
    if group:
        yield group


def _together(group: list[_Post], post: _Post) -> bool:
    first, last = group[0].message, group[-1].message
    if len(group) >= ALBUM_MAX or post.chat != group[0].chat or not (post.photo and group[0].photo):
        return False
    if (named := post.message.get("media_group_id")) or first.get("media_group_id"):
        return bool(named == first.get("media_group_id"))
    if post.text and any(other.text for other in group):
        return False
    same = ("date", "date_unixtime", "from_id", "forwarded_from", "reply_to_message_id")
    here, before = post.message.get("id"), last.get("id")
    return (
        all(post.message.get(name) == first.get(name) for name in same)
        and isinstance(here, int)
        and isinstance(before, int)
        and here == before + 1
    )


# Messages


def message_text(message: dict[str, Any]) -> str:
    """Text or caption of a message, its entities joined; handles and numbers hidden."""
    parts = message.get("text_entities") or message.get("text") or ""
    if isinstance(parts, str):
        return redact(parts).strip()
    if not isinstance(parts, list):
        return ""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            hidden = _HIDDEN.get(str(part.get("type")))
            text += hidden if hidden else part["text"]
    return redact(text).strip()


def _photo_field(message: dict[str, Any]) -> str | None:
    """Path of a message's photo, or "(...)" in its place, or None if it has none."""
    photo = message.get("photo")
    if isinstance(photo, str) and photo:
        return photo
    file = message.get("file")
    if (
        isinstance(file, str)
        and str(message.get("mime_type", "")).startswith("image/")
        and message.get("media_type") is None
    ):
        return file
    return None


def _when(message: dict[str, Any], name: str) -> str | None:
    stamp = message.get(f"{name}_unixtime")
    try:
        if stamp is not None:
            return datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return datetime.fromisoformat(message[name]).isoformat()
    except (KeyError, ValueError, TypeError, OverflowError, OSError):
        return None


def _link(chat: Chat, number: int, username: str | None) -> str | None:
    if username:
        return f"https://t.me/{username.lstrip('@')}/{number}"
    if chat.type in _GROUPS:
        return f"https://t.me/c/{str(chat.id).removeprefix('-100')}/{number}"
    return None


def _forwarded(message: dict[str, Any], authors: bool) -> str | None:
    source = message.get("forwarded_from")
    if not isinstance(source, str) or not source:
        return None
    channel = str(message.get("forwarded_from_id", "")).startswith("channel")
    return source if channel or authors else None


def _posts(
    album: list[_Post], folder: Path, options: TelegramOptions, report: SourceReport
) -> Iterator[SourcePost]:
    text = next((post.text for post in album if post.text), "")
    for post in album:
        number = post.message.get("id")
        if not isinstance(number, int):
            report.skip("number", post.message.get("id"))
            continue
        source = _photo_file(post, folder, report)
        if source is None and not text:
            if not post.photo:
                report.skip("empty", post.message.get("id"))
            continue
        if source is None and post.photo and not post.text and len(album) > 1:
            continue  # its text stands with the other photos
        chat = post.chat
        photo = photo_name("telegram", chat.id, number, suffix=source.suffix) if source else None
        message = post.message
        record: dict[str, Any] = {
            "id": f"telegram/{chat.id}/{number}",
            "photo": photo,
            "text": text,
            "date": _when(message, "date"),
            "edited": _when(message, "edited"),
            "source": "telegram" if chat.private and not options.authors else chat.name or None,
            "url": _link(chat, number, options.username),
            "topic": post.topic,
            "reply_to": _reply(chat, message),
            "album": f"{chat.id}/{album[0].message.get('id')}" if len(album) > 1 else None,
            "forwarded_from": _forwarded(message, options.authors),
            "photo_bytes": source.stat().st_size if source else None,
        }
        if options.authors:
            record["author"] = message.get("author") or message.get("from")
        yield SourcePost(record, source)


def _reply(chat: Chat, message: dict[str, Any]) -> str | None:
    answered = message.get("reply_to_message_id")
    if not isinstance(answered, int) or message.get("reply_to_peer_id") is not None:
        return None
    return f"telegram/{chat.id}/{answered}"


def _photo_file(post: _Post, folder: Path, report: SourceReport) -> Path | None:
    """Find the exported photo; None, counted, where the export has it not."""
    if not post.photo:
        return None
    if post.photo.startswith("("):
        report.skip("excluded", post.message.get("id"))
        return None
    try:
        path = (folder / post.photo).resolve()
        if not path.is_relative_to(folder.resolve()):
            report.skip("outside", post.photo)
            return None
        size = path.stat().st_size if path.is_file() else 0
    except (OSError, ValueError):
        size = 0
    if not size:
        report.skip("missing", post.photo)
        return None
    if size > MAX_PHOTO_BYTES:
        report.skip("large", post.photo)
        return None
    return path
