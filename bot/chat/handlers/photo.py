"""A picture of any kind, with or without a caption."""

from __future__ import annotations

from typing import Any

from telegram import Message, Update
from telegram.ext import BaseHandler, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import is_find, is_for_me, question
from bot.chat.context import Context
from bot.telegram.pictures import file_of


class _Pictured(filters.MessageFilter):
    def filter(self, message: Message) -> bool:
        return file_of(message) is not None


IS_PICTURE = _Pictured()


async def on_picture(update: Update, context: Context) -> None:
    """Answer a photo, a sticker, a GIF, a video, or a file that is a picture."""
    message = update.message
    if message is None or not (is_for_me(message, context.bot) or is_find(message, context.bot)):
        return
    file = file_of(message)
    assert file is not None
    await asking.ask(
        await context.conversation(update), text=question(message, context.bot), files=[file]
    )


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [MessageHandler(filters.UpdateType.MESSAGE & IS_PICTURE, on_picture)]
