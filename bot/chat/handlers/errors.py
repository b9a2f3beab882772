"""Whatever a handler raises ends here: the person is told, the log gets the context."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from contextlib import suppress

from telegram import CallbackQuery, InlineQuery, Message, Update
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from bot.chat.answers import CALLBACK_TEXT_MAX, cut
from bot.chat.context import Context, Conversation, Services
from bot.chat.failures import words_for
from bot.chat.texts import Texts, known, plain

_LOGGER = logging.getLogger(__name__)


async def on_error(update: object, context: Context) -> None:
    """Handle what a handler raised."""
    try:
        await _handle(update, context)
    except Exception:
        # An update whose fields are of types that Telegram never sends.
        _LOGGER.exception("an error could not be told")


async def _handle(update: object, context: Context) -> None:
    error = context.error
    assert error is not None
    services = context.services
    texts = await _texts(services, update)
    words = words_and_log(services, texts, error, f"update {_name(update)}")
    if isinstance(update, Update):
        if words is None and update.callback_query:
            words = ""
        if words is not None:
            with suppress(TelegramError):
                await tell(update, words)


def words_and_log(services: Services, texts: Texts, error: BaseException, what: str) -> str | None:
    """Say what a person is told about an error (None: nothing), and log what is unexpected."""
    words = words_for(texts, error)
    if words is not None:
        return words
    if isinstance(error, Forbidden):
        # Blocked, or thrown out: there is nobody to tell.
        _LOGGER.info("%s: %s", what, error.message)
        return None
    services.metrics.errors.labels(type(error).__name__).inc()
    if isinstance(error, TelegramError) and not isinstance(error, BadRequest):
        _LOGGER.warning("%s: %s", what, error)
    else:
        _LOGGER.error("%s failed", what, exc_info=error)
    # Telegram asked to wait, or may have the answer already.
    return None if isinstance(error, RetryAfter | TimedOut) else texts("error")


async def finish(conversation: Conversation, work: Awaitable[None], what: str) -> None:
    """Do what takes longer; of an error the person is told by a message."""
    try:
        await work
    except Exception as error:
        words = words_and_log(conversation.services, conversation.texts, error, what)
        if words:
            with suppress(TelegramError):
                await conversation.say(words)


async def _texts(services: Services, update: object) -> Texts:
    user = update.effective_user if isinstance(update, Update) else None
    try:
        return await services.texts(user)
    except Exception:
        # The store is what failed, perhaps.
        return Texts(known(None))


async def tell(update: Update, words: str) -> None:
    """Tell the person something, in the way that fits the update."""
    if isinstance(update.callback_query, CallbackQuery):
        with suppress(BadRequest, NetworkError):
            await update.callback_query.answer(
                cut(plain(words), CALLBACK_TEXT_MAX) or None, show_alert=bool(words)
            )
    elif isinstance(update.inline_query, InlineQuery):
        await update.inline_query.answer([], cache_time=0, is_personal=True)
    elif isinstance(update.effective_message, Message) and words:
        await reply(update.effective_message, words)


async def reply(message: Message, words: str) -> None:
    """Reply in HTML, also where the message was deleted meanwhile."""
    await message.reply_text(words, do_quote=True)


def _name(update: object) -> str:
    if not isinstance(update, Update):
        return "none"
    chat = update.effective_chat
    kind = next((name for name in update.ALL_TYPES if getattr(update, name, None)), "unknown")
    return f"{update.update_id} ({kind}, chat {chat.id if chat else None})"
