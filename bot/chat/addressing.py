"""Who is spoken to: in a group only what is meant for the bot is a question."""

from __future__ import annotations

import re

from telegram import Bot, Message, User
from telegram.constants import ChatType

from bot.chat.asking import File, Place
from bot.library.library import photo_file


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
    replied = message.reply_to_message
    return bool(replied and replied.from_user and replied.from_user.id == bot.id)


def question(message: Message, bot: Bot) -> str:
    """Words of a message, without the mention."""
    return " ".join(_mention(bot).sub(" ", words_of(message)).split())


def place_of(message: Message, user: User | None) -> Place:
    """Where the answer to a message goes."""
    return Place(message.chat_id, user.id if user else 0, message.message_id)


def file_of(message: Message | None) -> File | None:
    """Return the photo of a message, if it has one."""
    found = photo_file(message) if message else None
    return File(*found) if found else None
