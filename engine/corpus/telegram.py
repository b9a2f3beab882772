"""Posts of Telegram Desktop's export in JSON, of one chat or of the whole account.

The parts of an album are separate messages there, of which one has the text; nothing says that they
belong together but their sender, moment and neighbouring numbers.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from engine.cleaning.privacy import redact
from engine.corpus.folder import photo_format
from engine.corpus.messages import Chat, Item, read_messages
from engine.corpus.posts import MAX_PHOTO_BYTES, SourcePost, SourceReport, is_photo_name, photo_name
from engine.corpus.videos import first_frame
from engine.errors import CorpusError
from engine.files import quick_hash

ALBUM_MAX: Final = 10
ALBUM_SECONDS: Final = 3
"""The parts of an album are sent one after another."""

RESULT_FILE: Final = "result.json"
NAMED_CHATS: Final = 20

# What an entity names and that is private.
_HIDDEN: Final = {
    "mention": "@user",
    "mention_name": "@user",
    "phone": "@phone",
    "email": "@mail",
    "bank_card": "@card",
}
MEDIA: Final = {
    "video_file": "video",
    "animation": "animation",
    "video_message": "round video",
    "sticker": "sticker",
}
"""What a post is whose photo is only the thumbnail of something else."""

# What stands in place of a file's path.
_PLACEHOLDERS: Final = {"(File exceeds": "oversize", "(File unavailable": "unavailable"}
_HOSTS: Final = r"(?:https?://)?(?:www\.)?(?:t|telegram)\.(?:me|dog)/"
_USERNAME: Final = re.compile(
    rf"(?:{_HOSTS}(?:s/)?|tg://resolve\?domain=|@)?(?P<name>[a-z]\w{{3,31}})"
    r"(?:\.t\.me)?(?:[/?&#].*)?",
    re.IGNORECASE | re.ASCII,
)
_PRIVATE_LINK: Final = re.compile(
    rf"(?:{_HOSTS}c/|tg://privatepost\?channel=)(\d+)\b.*", re.IGNORECASE
)


@dataclass(frozen=True)
class TelegramOptions:
    """What to take of an export.

    Attributes
    ----------
    private
        Of an account's export, private talks too.
    authors
        Keep the names of those who wrote or were forwarded.
    username
        The public name of the (single) chat, or a link to it: links then work for everyone.
    only
        Names, ids or links of the chats to take; empty: all.
    """

    private: bool = False
    authors: bool = False
    username: str | None = None
    only: Collection[str] = ()


def public_name(text: str) -> str:
    """The public name of a chat, from a name, ``@name`` or any kind of link to it.

    Raises
    ------
    CorpusError
        It is none.
    """
    found = _USERNAME.fullmatch(text.strip())
    if found is None:
        raise CorpusError(
            f"{text!r} is no public name of a chat: give it as name, @name or https://t.me/name "
            "(5 to 32 Latin letters, digits and underscores)"
        )
    return found["name"]


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
        There is no such file, it is no export, or it does not have the chats that are asked for.
    """
    file = path / RESULT_FILE if path.is_dir() else path
    if not file.is_file():
        raise CorpusError(
            f"{file} is missing: give the folder that Telegram Desktop exported to, or its "
            f"{RESULT_FILE}"
        )
    if not file.stat().st_size:
        raise CorpusError(f"{file} is empty: export once more")
    export = _Export(file.parent, options, report)
    try:
        for album in _albums(export.wanted(read_messages(file, report))):
            yield from export.posts(album)
    finally:
        export.close()
    export.finish()
    if not export.chats:
        if report.skipped["damaged"]:
            raise CorpusError(
                f"{file} is damaged where it tells which chat it is of: export once more"
            )
        if report.broken:
            raise CorpusError(f"{file} is not a Telegram export in JSON: {report.broken}")
        raise CorpusError(
            f"{file} holds no messages: in Telegram Desktop choose Export chat history (or "
            "Settings > Advanced > Export Telegram data) and the format JSON"
        )


def chat_of(file: Path) -> Chat | None:
    """The chat of an export of one chat; None for an account's export, and for no export."""
    first = next(read_messages(file, SourceReport()), None) if file.is_file() else None
    return first if isinstance(first, Chat) and not first.listed else None


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
    topic: str | None


def _albums(items: Iterable[Item]) -> Iterator[list[_Post]]:
    """Group the parts of each album; any other message is a group of its own.

    In a group other people's messages may stand between the parts, so a few groups stay open.
    """
    groups: list[list[_Post]] = []
    topics, chat = _Topics(), None
    first = before = 0  # of the numbers that follow one another up to here
    for item in items:
        if item.chat != chat:
            topics, chat = _Topics(), item.chat
        topic = topics.see(item.message)
        number = item.message.get("id")
        if isinstance(number, int):
            first, before = (first if number == before + 1 else number), number
        if item.message.get("type", "message") != "message":
            continue
        post = _Post(item.chat, item.message, message_text(item.message), topic)
        while groups and (len(groups) > ALBUM_MAX or _is_over(groups[0], post)):
            yield groups.pop(0)
        # Whatever else its sender sent in between ends an album.
        sender = post.message.get("from_id")
        last = next((g for g in reversed(groups) if g[0].message.get("from_id") == sender), None)
        if last is not None and _together(last, post, first):
            last.append(post)
        else:
            groups.append([post])
    yield from groups


def _is_over(group: list[_Post], post: _Post) -> bool:
    """Whether a message comes too late for its album to be this one."""
    began, sent = _seconds(group[0].message), _seconds(post.message)
    timely = began is not None and sent is not None and abs(sent - began) <= ALBUM_SECONDS
    return post.chat != group[0].chat or not (timely or _group_id(group[0].message))


def _group_id(message: dict[str, Any]) -> object:
    return message.get("media_group_id") or message.get("grouped_id")


def _together(group: list[_Post], post: _Post, least: int) -> bool:
    first, last, here = group[0].message, group[-1].message, post.message
    media = (message.get("photo") or message.get("file") for message in (first, here))
    if not all(isinstance(path, str) for path in media):
        return False
    if _group_id(here) or _group_id(first):
        return _group_id(here) == _group_id(first)
    if len(group) >= ALBUM_MAX or (post.text and any(other.text for other in group)):
        return False
    if any(here.get(name) != first.get(name) for name in ("forwarded_from", "reply_to_message_id")):
        return False
    number, following = last.get("id"), here.get("id")
    if not isinstance(number, int) or not isinstance(following, int):
        return False
    return least <= number < following and not _is_over(group, post)


def _seconds(message: dict[str, Any]) -> int | None:
    """When a message was sent, in seconds that compare with those of its neighbours."""
    try:
        return int(message.get("date_unixtime", ""))
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        return int(datetime.fromisoformat(message["date"]).replace(tzinfo=UTC).timestamp())
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


# Messages


def message_text(message: dict[str, Any]) -> str:
    """Text or caption of a message, its entities joined; handles and numbers hidden."""
    parts = message.get("text_entities") or message.get("text") or ""
    if not parts and "rich_message" in message:
        parts = "\n".join(_leaves(message["rich_message"]))
    if isinstance(parts, str):
        return redact(parts).strip().replace("\0", "")
    if not isinstance(parts, list):
        return ""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            kind, words = part.get("type"), part["text"]
            if kind in ("hashtag", "cashtag", "bot_command"):
                # #tag@channel, /command@bot: the name behind it is a handle.
                words = words.partition("@")[0]
            text += _HIDDEN.get(str(kind)) or words
    return redact(text).strip().replace("\0", "")


def _leaves(value: Any) -> Iterator[str]:
    """Texts within a message of blocks, in order."""
    if isinstance(value, list):
        for part in value:
            yield from [part] if isinstance(part, str) else _leaves(part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str) and name in ("text", "title", "caption"):
                yield part
            elif isinstance(part, (list, dict)):
                yield from _leaves(part)


def _when(message: dict[str, Any], name: str) -> str | None:
    stamp = message.get(f"{name}_unixtime")
    try:
        if stamp is not None:
            return datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(message[name]).isoformat()
    except (KeyError, ValueError, TypeError):
        return None


def _link(chat: Chat, number: int, username: str | None) -> str | None:
    if number < 0:
        # From before the group became a supergroup: Telegram has no address for it.
        return None
    if username:
        return f"https://t.me/{username}/{number}"
    if chat.linked:
        return f"https://t.me/c/{str(chat.id).removeprefix('-100')}/{number}"
    return None


def _forwarded(message: dict[str, Any], authors: bool) -> str | None:
    source = message.get("forwarded_from")
    if not isinstance(source, str) or not source:
        return None
    channel = str(message.get("forwarded_from_id", "")).startswith("channel")
    return source if channel or authors else None


def _reply(chat: Chat, message: dict[str, Any]) -> str | None:
    answered = message.get("reply_to_message_id")
    if not isinstance(answered, int) or message.get("reply_to_peer_id") is not None:
        return None
    return f"telegram/{chat.id}/{answered}"


class _Picture(NamedTuple):
    """The picture of a message: its path as exported, or the words in place of it."""

    path: str
    media: str | None
    video: str | None


def _picture(message: dict[str, Any]) -> _Picture | None:
    """What stands for a message's picture; None if it has none."""
    photo, file, thumbnail = (message.get(name) for name in ("photo", "file", "thumbnail"))
    if isinstance(photo, str) and photo:
        return _Picture(photo, None, None)
    if not isinstance(file, str) or not file:
        return None
    kind, mime = message.get("media_type"), str(message.get("mime_type", ""))
    media = MEDIA.get(str(kind)) if kind is not None else None
    if kind is None and mime.startswith("video/"):
        media = "video"
    if media:
        video = file if media != "sticker" or file.endswith(".webm") else None
        return _Picture(thumbnail if isinstance(thumbnail, str) else "", media, video)
    if kind is None and (mime.startswith("image/") or is_photo_name(file)):
        return _Picture(file, None, None)
    return None


# An export


class _Export:
    """Makes posts of messages, and tells what was lost."""

    def __init__(self, folder: Path, options: TelegramOptions, report: SourceReport) -> None:
        self._folder, self._root = folder, folder.resolve()
        self._options, self._report = options, report
        self._username = public_name(options.username) if options.username else None
        self.chats: list[Chat] = []
        self._taken: list[Chat] = []
        self._asked: set[str] = set()
        self._listed: tuple[Path | None, dict[str, str]] = (None, {})
        self._covered: dict[str, tuple[int, int]] = {}
        self._photos = self._found = 0
        self._frames: tempfile.TemporaryDirectory[str] | None = None

    def wanted(self, items: Iterable[Item | Chat]) -> Iterator[Item]:
        """The messages of the chats that are asked for."""
        report, take = self._report, True
        for item in items:
            if isinstance(item, Chat):
                self.chats.append(item)
                take = self._wants(item)
                if take:
                    self._take(item)
                else:
                    report.skip("other" if self._options.only else "private", item.name)
            elif take:
                report.read["messages"] += 1
                yield item

    def _wants(self, chat: Chat) -> bool:
        if self._options.only:
            asked = [text for text in self._options.only if _names(text, chat)]
            self._asked.update(asked)
            return bool(asked)
        return not (chat.listed and chat.private and not self._options.private)

    def _take(self, chat: Chat) -> None:
        if chat not in self._taken:
            self._taken.append(chat)
            self._report.read["chats"] += 1
        if self._username and len(self._taken) > 1:
            raise CorpusError(
                f"--username names one chat, but the export has {self._taken[0].name!r} and "
                f"{chat.name!r}: choose one with --chat"
            )

    def posts(self, album: list[_Post]) -> Iterator[SourcePost]:
        """The posts of one album, or of one message."""
        report, options = self._report, self._options
        self._cover(album)
        text = next((post.text for post in album if post.text), "")
        pictures = [_picture(post.message) or self._document(post.message) for post in album]
        files = [self._file(post, picture) for post, picture in zip(album, pictures, strict=True)]
        for post, picture, file in zip(album, pictures, files, strict=True):
            number, chat, message = post.message.get("id"), post.chat, post.message
            if not isinstance(number, int):
                report.skip("number", number)
                continue
            if file is None and not picture and not text:
                report.skip("empty", number)
                continue
            # Without its own picture a part of an album is none: its text stands with another.
            alone = file is not None or (not any(files) and (len(album) == 1 or bool(post.text)))
            photo = photo_name("telegram", chat.id, number, suffix=file.suffix) if file else None
            record: dict[str, Any] = {
                "id": f"telegram/{chat.id}/{number}",
                "photo": photo,
                "text": post.text or text,
                "date": _when(message, "date"),
                "edited": _when(message, "edited"),
                "source": "telegram" if chat.private and not options.authors else chat.name or None,
                "url": _link(chat, number, self._username),
                "topic": post.topic,
                "reply_to": _reply(chat, message),
                "album": f"{chat.id}/{album[0].message.get('id')}" if len(album) > 1 else None,
                "media": picture.media if picture and file else None,
                "forwarded_from": _forwarded(message, options.authors),
                "photo_hash": quick_hash(file) if file else None,
            }
            if options.authors:
                record["author"] = message.get("author") or message.get("from")
            lost = picture is not None and file is None
            if alone or lost:
                yield SourcePost(record, file, without_file=lost, alone=alone)

    def _document(self, message: dict[str, Any]) -> _Picture | None:
        """A photo that was sent as a file of another kind."""
        name = message.get("file")
        if message.get("media_type") is not None or not isinstance(name, str) or name[:1] == "(":
            return None
        file = self._inside(name, count=False)
        return _Picture(name, None, None) if file is not None and photo_format(file) else None

    def _cover(self, album: list[_Post]) -> None:
        prefix = f"telegram/{album[0].chat.id}/"
        numbers = [n for post in album if isinstance(n := post.message.get("id"), int)]
        if numbers:
            low, high = self._covered.get(prefix, (numbers[0], numbers[0]))
            self._covered[prefix] = (min(low, *numbers), max(high, *numbers))

    def _file(self, post: _Post, picture: _Picture | None) -> Path | None:
        """Find the exported picture; None, counted, where the export has it not."""
        if picture is None:
            return None
        self._photos += not picture.media
        if picture.path.startswith("("):
            reasons = (
                key for words, key in _PLACEHOLDERS.items() if picture.path.startswith(words)
            )
            if picture.media:
                return self._frame(picture)
            self._report.skip(next(reasons, "excluded"), post.message.get("id"))
            return None
        file = self._inside(picture.path) if picture.path else None
        if file is None:
            return self._frame(picture)
        if file.stat().st_size > MAX_PHOTO_BYTES:
            self._report.skip("large", picture.path)
            return None
        self._found += not picture.media
        return file

    def _inside(self, name: str, *, count: bool = True) -> Path | None:
        try:
            path = self._stored(name).resolve()
            if not path.is_relative_to(self._root):
                self._report.skip("outside", name)
                return None
            if path.is_file() and path.stat().st_size:
                return path
        except (OSError, ValueError):
            pass
        if count:
            self._report.skip("missing", name)
        return None

    def _stored(self, name: str) -> Path:
        """Where a file is; also where a copy from Windows or a Mac writes its name otherwise."""
        path = self._folder / name
        if path.exists():
            return path
        path = self._folder / name.replace("\\", "/")
        if path.exists() or path.name.isascii() or not path.parent.is_dir():
            return path
        if self._listed[0] != path.parent:
            names = {
                unicodedata.normalize("NFC", one.name): one.name for one in path.parent.iterdir()
            }
            self._listed = (path.parent, names)
        return path.with_name(
            self._listed[1].get(unicodedata.normalize("NFC", path.name), path.name)
        )

    def _frame(self, picture: _Picture) -> Path | None:
        """The first frame of a video whose thumbnail is not there, where ffmpeg is."""
        if not picture.media:
            return None
        video = picture.video and not picture.video.startswith("(") and self._inside(picture.video)
        if not video:
            self._report.skip("thumbnail", picture.path or picture.video or "")
            return None
        self._frames = self._frames or tempfile.TemporaryDirectory()
        frame = Path(self._frames.name, f"{self._report.read['messages']}.jpg")
        if not first_frame(video, frame):
            self._report.skip("thumbnail", picture.path or picture.video or "")
            return None
        return frame

    def close(self) -> None:
        """Remove the frames that were taken from videos."""
        if self._frames is not None:
            self._frames.cleanup()

    def finish(self) -> None:
        """Say what a person should know.

        Raises
        ------
        CorpusError
            None of the chats that were asked for is there.
        """
        report, skipped = self._report, self._report.skipped
        if not skipped["damaged"] and not skipped["number"]:
            report.covered |= self._covered
        if unknown := [text for text in self._options.only if text not in self._asked]:
            chats = "; ".join(
                f"{chat.name or '(no name)'} ({chat.id})" for chat in self.chats[:NAMED_CHATS]
            )
            more = ", ..." if len(self.chats) > NAMED_CHATS else ""
            words = f"the export has no chat {', '.join(map(repr, unknown))}; it has {chats}{more}"
            if len(unknown) == len(self._options.only):
                raise CorpusError(words)
            report.notes.append(words)
        gone = (
            skipped["excluded"] + skipped["oversize"] + skipped["unavailable"] + skipped["missing"]
        )
        if skipped["excluded"]:
            report.notes.insert(
                0,
                f"{'None' if not self._found else f'{gone:,}'} of the {self._photos:,} photos "
                f"{'is' if not self._found else 'are not'} in the export: 'Photos' was not ticked. "
                "Export once more in Telegram Desktop (Export chat history) with Photos ticked",
            )
        if skipped["oversize"]:
            report.notes.append(
                f"{skipped['oversize']:,} photos were over the export's size limit: export once "
                "more with a higher one"
            )
        if skipped["unavailable"] + skipped["missing"]:
            report.notes.append(
                f"{skipped['unavailable'] + skipped['missing']:,} photos are named in the export, "
                "but their files are not there: export once more, or copy the whole folder"
            )
        if skipped["damaged"]:
            named = report.examples["damaged"]
            more = ", ..." if skipped["damaged"] > len(named) else ""
            report.notes.append(
                f"{RESULT_FILE} is damaged: {skipped['damaged']:,} "
                f"{'message was' if skipped['damaged'] == 1 else 'messages were'} passed over "
                f"({', '.join(named)}{more}). Export once more to have them"
            )
        members = [chat for chat in self._taken if chat.type.startswith("public_")]
        if members and not self._username:
            report.hints.append(
                f"links to posts of {members[0].name!r} open for its members only, for an export "
                "does not tell a chat's public name: give it with --username"
            )


def _names(text: str, chat: Chat) -> bool:
    """Whether what was asked for is this chat: by its id, its name or a link."""
    asked = text.strip()
    if asked.casefold() in (chat.name.casefold(), str(chat.id)):
        return True
    exported = str(chat.id).removeprefix("-100" if chat.linked else "-")
    if link := _PRIVATE_LINK.fullmatch(asked):
        return link[1] == exported
    if asked.lstrip("-") == exported or asked in (f"channel{exported}", f"user{exported}"):
        return True
    # The export does not tell public names; many chats are called after them.
    public = _USERNAME.fullmatch(asked)
    plain = "".join(filter(str.isalnum, chat.name)).casefold()
    return public is not None and public["name"].replace("_", "").casefold() == plain
