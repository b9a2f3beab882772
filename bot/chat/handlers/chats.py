"""Groups and channels: a greeting, a group that became a supergroup, /remove in a channel."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from telegram import Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError
from telegram.ext import BaseHandler, ChatMemberHandler, MessageHandler, filters

from bot.chat.context import Context
from bot.chat.texts import Texts

_REMOVE: Final = re.compile(r"/remove(@\w+)?\s*", re.ASCII)
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
    return [
        MessageHandler(filters.UpdateType.CHANNEL_POSTS, on_channel_post),
        ChatMemberHandler(on_added, ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.StatusUpdate.MIGRATE, on_migration),
    ]
