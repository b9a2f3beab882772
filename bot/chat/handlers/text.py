"""Words, also in reply to a photo; and whatever else comes."""

from __future__ import annotations

from typing import Any

from telegram import Message, Update
from telegram.ext import BaseHandler, CommandHandler, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import file_of, is_for_me, is_private, place_of, question
from bot.chat.context import Context, services
from bot.chat.failures import UserError


async def _ask(message: Message, context: Context, words: str, nothing: str) -> None:
    bag = services(context)
    if not bag.may_ask(message.from_user):
        raise UserError("not_allowed")
    file = file_of(message.reply_to_message)
    if not words and file is None:
        raise UserError(nothing)
    await asking.ask(
        bag,
        context.bot,
        await bag.texts(message.from_user),
        place_of(message, message.from_user),
        text=words,
        file=file,
    )


async def on_text(update: Update, context: Context) -> None:
    """Answer words."""
    message = update.message
    if message is not None and is_for_me(message, context.bot):
        await _ask(message, context, question(message, context.bot), "empty")


async def on_find(update: Update, context: Context) -> None:
    """/find words, or /find in reply to a photo."""
    message = update.message
    if message is not None:
        words = question(message, context.bot).partition(" ")[2]
        await _ask(message, context, words, "empty_find")


async def on_anything(update: Update, context: Context) -> None:
    """Say what is understood, where something else was sent to the bot alone."""
    message = update.message
    if message is None or not is_private(message) or message.via_bot:
        return
    if message.text:
        raise UserError("empty")
    if any(getattr(message, name) for name in _MEDIA):
        raise UserError("unsupported")


_MEDIA = (
    "animation",
    "audio",
    "contact",
    "dice",
    "document",
    "game",
    "location",
    "paid_media",
    "poll",
    "sticker",
    "story",
    "venue",
    "video",
    "video_note",
    "voice",
)


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    message = filters.UpdateType.MESSAGE
    return [
        CommandHandler("find", on_find, filters=message),
        MessageHandler(message & filters.TEXT & ~filters.COMMAND, on_text),
        MessageHandler(message, on_anything),
    ]
