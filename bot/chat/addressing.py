"""Who is spoken to: in a group only what is meant for the bot is a question."""

from __future__ import annotations

import re

from telegram import Bot, Message, Update
from telegram.constants import ChatType

_FIND = re.compile(r"\s*/find(?:@(\w+))?(?!\w)", re.ASCII | re.IGNORECASE)


def message_of(update: Update) -> Message:
    """The message of an update that `filters.UpdateType.MESSAGE` let through."""
    assert update.message is not None
    return update.message


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


def is_own(message: Message | None, bot: Bot) -> bool:
    """Whether the bot sent a message."""
    return bool(message and message.from_user and message.from_user.id == bot.id)
