"""What comes before all other handlers: who may ask, and what is no question (any more)."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, Final

from telegram import Update
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop, BaseHandler, TypeHandler

from bot.chat.addressing import is_find, is_for_me, is_private
from bot.chat.context import Context, asker
from bot.chat.handlers.errors import tell

#: Seconds after which a question is no longer answered: the bot was away, and the person is, too.
TOO_OLD: Final = 300


async def on_update(update: Update, context: Context) -> None:
    """Let through what is to be handled."""
    await _only_guests(update, context)
    message = update.message
    if message is None:
        return
    if message.is_automatic_forward:
        # A post of the channel, copied into its discussion group: it is in the library already.
        raise ApplicationHandlerStop
    services = context.services
    age = time.time() + services.clock_ahead() - message.date.timestamp()
    if age > TOO_OLD and (is_private(message) or _addressed(update, context)):
        if message.chat.id in services.told_away:
            raise ApplicationHandlerStop
        services.told_away.add(message.chat.id)
        await _refuse(update, context, "away")
    services.told_away.discard(message.chat.id)


def _addressed(update: Update, context: Context) -> bool:
    message = update.message
    assert message is not None
    return is_for_me(message, context.bot) or is_find(message, context.bot)


async def _refuse(update: Update, context: Context, why: str) -> None:
    """Say why an update is not handled, and do not handle it."""
    texts = await context.services.texts(update.effective_user)
    with suppress(TelegramError):
        await tell(update, texts(why))
    raise ApplicationHandlerStop


async def _only_guests(update: Update, context: Context) -> None:
    """Where there is a list of guests, others get nothing; in private they are told so."""
    services = context.services
    if update.channel_post is not None or not services.settings.allowed_ids:
        return
    user = update.effective_user
    message = update.message
    if services.may_ask(user.id if user else None, asker(message) if message else None):
        return
    if update.callback_query or update.inline_query or (message and is_private(message)):
        await _refuse(update, context, "not_allowed")
    raise ApplicationHandlerStop


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [TypeHandler(Update, on_update)]
