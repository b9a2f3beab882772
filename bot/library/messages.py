"""What a message says as a post: its text, its hashtags, where it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Final

from telegram import Message, MessageOriginChannel, MessageOriginHiddenUser

from bot.telegram.pictures import file_of
from engine.cleaning.privacy import redact
from engine.cleaning.rules import Verdict
from engine.store import Entry, LeftOut

#: A hashtag: a letter or digit of any script, not a number alone.
_HASHTAG: Final = re.compile(r"(?<![\w&])#(\w*[^\W\d]\w*)")
_BLANKS: Final = re.compile(r"[ \t\u00a0]+")
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Text of a post without control signs and needless blanks; at most two line breaks.

    What names a person in it is hidden, as in a corpus that is collected.
    """
    lines = [_BLANKS.sub(" ", _CONTROLS.sub("", line)).strip() for line in text.splitlines()]
    return redact(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())


def hashtags(text: str) -> tuple[str, ...]:
    """Hashtags of a text without ``#``, each once, in order."""
    return tuple(dict.fromkeys(_HASHTAG.findall(text)))


def post_id(chat: int, message: int) -> str:
    """Id of the post that came as a message."""
    return f"telegram/{chat}/{message}"


def shows_something(message: Message) -> bool:
    """Whether a message has a picture of its own: not the first page of a document."""
    file = file_of(message)
    return file is not None and file.media != "document"


def link(message: Message | MessageOriginChannel) -> str | None:
    """Address of a channel's message that a reader can open."""
    if message.chat.username:
        return f"https://t.me/{message.chat.username}/{message.message_id}"
    if str(message.chat.id).startswith("-100"):
        return f"https://t.me/c/{str(message.chat.id)[4:]}/{message.message_id}"
    return None


def origin(message: Message) -> tuple[str, str | None]:
    """Name and address of where a post comes from: of a forwarded one, where it stood first.

    One that stood outside of Telegram names its address as the link of its first word.
    """
    first, place = message.forward_origin, link(message)
    if isinstance(first, MessageOriginChannel):
        return first.chat.title or first.chat.username or "", link(first) or place
    if isinstance(first, MessageOriginHiddenUser):
        links = (one.url for one in message.caption_entities if one.offset == 0 and one.url)
        return first.sender_user_name, next(links, place)
    return message.chat.title or message.chat.username or "", place


def as_left_out(entry: Entry, verdict: Verdict, groups: Collection[int]) -> LeftOut:
    """A post of which a better copy came, as a message that can be put back."""
    post, kind = entry.post, "message" if entry.chat in groups else "channel_post"
    chat = {"id": entry.chat, "type": "supergroup" if entry.chat in groups else "channel"}
    public = re.match(r"https://t\.me/(\w+)/\d+", post.url or "")
    message = {
        "message_id": entry.message,
        "date": int(datetime.fromisoformat(post.date or "1970-01-01T00:00:00Z").timestamp()),
        "chat": chat
        | {"title": post.source or ""}
        | ({"username": public[1]} if public and public[1] != "c" else {}),
        "photo": [{"file_id": post.file, "file_unique_id": post.id, "width": 1, "height": 1}],
        "caption": entry.own_text,
    } | ({"media_group_id": entry.album} if entry.album else {})
    payload = json.dumps({"update_id": 0, kind: message})
    return LeftOut(post.id, entry.chat, entry.album, *verdict, post.text, post.url, payload)
