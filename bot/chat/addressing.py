"""Who is spoken to: in a group only what is meant for the bot is a question."""

from __future__ import annotations

import re

from telegram import Bot, Document, ExternalReplyInfo, Message
from telegram.constants import ChatType

from bot.chat.asking import File

_FIND = re.compile(r"\s*/find(?:@(\w+))?(?!\w)", re.ASCII | re.IGNORECASE)
#: Types that say nothing of what a file is.
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream", "application/x-unknown")
_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
    ".heic", ".heif", ".avif",
)  # fmt: skip


def is_private(message: Message) -> bool:
    """Whether it is a chat with one person."""
    return message.chat.type == ChatType.PRIVATE


def words_of(message: Message) -> str:
    """Text or caption."""
    return message.text or message.caption or ""


def _mention(bot: Bot) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)@{re.escape(bot.username)}(?!\w)", re.IGNORECASE)


def is_for_me(message: Message, bot: Bot) -> bool:
    """Whether a message is a question to the bot: private, mentioned, or replied to."""
    if message.via_bot and message.via_bot.id == bot.id:
        # A picture that somebody sent by inline mode.
        return False
    if is_private(message):
        return True
    if _mention(bot).search(words_of(message)):
        return True
    return is_own(message.reply_to_message, bot)


def question(message: Message, bot: Bot) -> str:
    """Words of a message, without the mention and the command."""
    words = _FIND.sub("", words_of(message), count=1)
    return " ".join(_mention(bot).sub(" ", words).split())


def is_find(message: Message, bot: Bot) -> bool:
    """Whether a message is /find, as a text or as a caption; /find@other is for another bot."""
    found = _FIND.match(words_of(message))
    return found is not None and (found[1] or bot.username).lower() == bot.username.lower()


def file_of(message: Message | ExternalReplyInfo | None) -> File | None:
    """Return the picture of a message: its photo, a file that may be one, or a still of a video."""
    if message is None:
        return None
    if message.photo:
        largest = message.photo[-1]
        return File(largest.file_id, largest.file_size)
    sticker = message.sticker
    if sticker is not None and not (sticker.is_animated or sticker.is_video):
        return File(sticker.file_id, sticker.file_size)
    document = message.document
    if document is not None and message.animation is None and may_be_picture(document):
        return File(document.file_id, document.file_size)
    for moving in (message.animation, message.video, message.video_note, sticker, document):
        # Telegram makes a still of what moves; it has the size of a small photo.
        if moving is not None and moving.thumbnail is not None:
            return File(moving.thumbnail.file_id, moving.thumbnail.file_size)
    return None


def may_be_picture(document: Document) -> bool:
    """Whether a file may be a picture, by its type or, where that says nothing, by its name."""
    kind = document.mime_type or ""
    if kind.startswith("image/"):
        return True
    return kind in _UNTYPED and (document.file_name or "").lower().endswith(_SUFFIXES)


def is_own(message: Message | None, bot: Bot) -> bool:
    """Whether the bot sent a message."""
    return bool(message and message.from_user and message.from_user.id == bot.id)
