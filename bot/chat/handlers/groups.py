"""The bot in groups: a greeting when it is added, and a group that became a supergroup."""

from __future__ import annotations

from typing import Any, Final

from telegram import Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.ext import BaseHandler, ChatMemberHandler, MessageHandler, filters

from bot.chat.context import Context
from bot.chat.texts import Texts

_OUT: Final = (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED)


async def on_added(update: Update, context: Context) -> None:
    """Greet a group that the bot was added to."""
    changed = update.my_chat_member
    if changed is None or changed.chat.type not in (ChatType.GROUP, ChatType.SUPERGROUP):
        return
    # Its rights may have changed, too.
    context.services.no_photos.discard(changed.chat.id)
    before, after = changed.old_chat_member.status, changed.new_chat_member.status
    if before in _OUT and after not in _OUT:
        texts: Texts = await context.services.texts(changed.from_user)
        await context.bot.send_message(changed.chat.id, texts("greeting", bot=context.bot.username))


async def on_migration(update: Update, context: Context) -> None:
    """A group became a supergroup: what was kept for it moves to its new number."""
    message = update.message
    if message is None:
        return
    new = message.migrate_to_chat_id or message.chat_id
    old = message.chat_id if message.migrate_to_chat_id else message.migrate_from_chat_id
    if old is None or old == new:
        return
    await context.services.move_chat(old, new)


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [
        ChatMemberHandler(on_added, ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.StatusUpdate.MIGRATE, on_migration),
    ]
