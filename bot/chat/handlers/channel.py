"""Posts of a channel that are not photos: /remove by those who may post there."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from telegram import Update
from telegram.error import TelegramError
from telegram.ext import BaseHandler, MessageHandler, filters

from bot.chat.context import Context

_REMOVE = re.compile(r"/remove(@\w+)?\s*", re.ASCII)


async def on_channel_post(update: Update, context: Context) -> None:
    """Take out the post that /remove replies to, and /remove itself with it."""
    message = update.channel_post
    if message is None or not _REMOVE.fullmatch(message.text or ""):
        return
    replied = message.reply_to_message
    if replied is None:
        return
    # Only a channel's administrators write in it, and only about its own posts.
    await context.services.library.remove_message(message.chat_id, replied.message_id)
    with suppress(TelegramError):
        await message.delete()


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [MessageHandler(filters.UpdateType.CHANNEL_POSTS, on_channel_post)]
