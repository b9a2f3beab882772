"""What only an owner can do."""

from __future__ import annotations

from typing import Any, Final

from telegram import Message, MessageOriginChannel, Update, User
from telegram.ext import BaseHandler, CommandHandler, filters

from bot.chat import answers
from bot.chat.addressing import is_private, message_of
from bot.chat.asking import ANSWER
from bot.chat.context import Context, Services
from bot.chat.failures import UserError
from bot.chat.handlers.errors import reply

LEFT_OUT_SHOWN: Final = 12


def _owners(context: Context, user: User | None) -> Services:
    """The services, for an owner; UserError to anyone else."""
    if not context.services.is_owner(user):
        raise UserError("owner_only")
    return context.services


async def on_remove(update: Update, context: Context) -> None:
    """/remove in reply to a post, forwarded or shown by the bot."""
    message, user = message_of(update), update.effective_user
    services = _owners(context, user)
    replied = message.reply_to_message
    if replied is None:
        raise UserError("remove_reply")
    keys = await _keys(services, replied)
    removed = sum([await services.library.remove(key) for key in keys])
    if not removed:
        raise UserError("remove_unknown")
    texts = await services.texts(user)
    await reply(message, texts("removed", n=removed))


async def _keys(services: Services, replied: Message) -> list[int]:
    origin = replied.forward_origin
    if isinstance(origin, MessageOriginChannel):
        key = await services.store.post_of(origin.chat.id, origin.message_id)
        return [] if key is None else [key]
    key = await services.store.post_of(replied.chat_id, replied.message_id)
    if key is not None:
        return [key]
    # A message of the bot that shows one post; an answer with several removes none.
    shown = await services.store.shown_in(replied.chat_id, replied.message_id)
    keys = [key for key in shown if key != ANSWER]
    return keys if len(keys) == 1 else []


async def on_library(update: Update, context: Context) -> None:
    """/library and /library off in a group."""
    message, user = message_of(update), update.effective_user
    services = _owners(context, user)
    if is_private(message):
        raise UserError("library_group_only")
    texts = await services.texts(user)
    if context.args and context.args[0].lower() == "off":
        await services.store.drop_group(message.chat_id)
        services.library.groups.discard(message.chat_id)
        await reply(message, texts("library_off"))
    else:
        await services.store.add_group(message.chat_id, message.chat.title or "")
        services.library.groups.add(message.chat_id)
        await reply(message, texts("library_on"))


async def on_left_out(update: Update, context: Context) -> None:
    """/leftout: what cleaning left out of the library, and why; a button takes each in."""
    message, user = message_of(update), update.effective_user
    services = _owners(context, user)
    items = await services.store.left_out(limit=LEFT_OUT_SHOWN)
    words, keyboard = answers.left_out_page(
        await services.texts(user), items, await services.store.left_out_counts()
    )
    await message.reply_text(words, reply_markup=keyboard)


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [
        CommandHandler("remove", on_remove, filters=filters.UpdateType.MESSAGE),
        CommandHandler("library", on_library, filters=filters.UpdateType.MESSAGE),
        CommandHandler("leftout", on_left_out, filters=filters.UpdateType.MESSAGE),
    ]
