"""Words, also in reply to a photo; and whatever else comes."""

from __future__ import annotations

from typing import Any

from telegram import Message, Update
from telegram.ext import BaseHandler, CommandHandler, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import is_for_me, is_own, is_private, message_of, question
from bot.chat.context import Context
from bot.chat.failures import UserError
from bot.telegram.pictures import File, file_of


async def _ask(update: Update, context: Context, nothing: str) -> None:
    message = message_of(update)
    words, file = question(message, context.bot), await _pictured(message, context)
    if not words and file is None:
        raise UserError(nothing)
    await asking.ask(await context.conversation(update), text=words, files=[file] if file else [])


async def _pictured(message: Message, context: Context) -> File | None:
    """The picture that a message replies to, in this chat or in another one."""
    replied = message.reply_to_message
    if replied is not None and is_own(replied, context.bot):
        # Of the bot's own pictures one that shows a post, but not a page of an answer.
        store = context.services.store
        shown = set(await store.shown_in(replied.chat_id, replied.message_id)) - {asking.ANSWER}
        return file_of(replied) if len(shown) == 1 else None
    return file_of(replied) or file_of(message.external_reply)


async def on_text(update: Update, context: Context) -> None:
    """Answer words."""
    if is_for_me(message_of(update), context.bot):
        await _ask(update, context, "empty")


async def on_find(update: Update, context: Context) -> None:
    """/find words, or /find in reply to a photo."""
    await _ask(update, context, "empty_find")


async def on_anything(update: Update, context: Context) -> None:
    """Say what is understood, where something else was sent to the bot alone."""
    message = message_of(update)
    if not is_private(message) or message.via_bot:
        return
    if message.text:
        raise UserError("empty")
    if message.effective_attachment:
        raise UserError("unsupported")


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    message = filters.UpdateType.MESSAGE
    return [
        CommandHandler("find", on_find, filters=message),
        MessageHandler(message & filters.TEXT & ~filters.COMMAND, on_text),
        MessageHandler(message, on_anything),
    ]
