"""A photo, with or without a caption."""

from __future__ import annotations

from typing import Any

from telegram import Update
from telegram.ext import BaseHandler, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import file_of, is_for_me, place_of, question
from bot.chat.context import Context, services
from bot.chat.failures import UserError

IS_PHOTO = filters.PHOTO | filters.Document.IMAGE


async def on_photo(update: Update, context: Context) -> None:
    """Answer a photo."""
    message = update.message
    if message is None or not is_for_me(message, context.bot):
        return
    bag = services(context)
    if not bag.may_ask(message.from_user):
        raise UserError("not_allowed")
    await asking.ask(
        bag,
        context.bot,
        await bag.texts(message.from_user),
        place_of(message, message.from_user),
        text=question(message, context.bot),
        file=file_of(message),
    )


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [MessageHandler(filters.UpdateType.MESSAGE & IS_PHOTO, on_photo)]
