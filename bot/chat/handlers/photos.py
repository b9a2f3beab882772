"""A picture of any kind, with or without a caption; several in an album are answered together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, cast

from telegram import Message, Update
from telegram.ext import BaseHandler, CallbackContext, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import is_find, is_for_me, message_of, question
from bot.chat.context import Context
from bot.chat.handlers.errors import finish
from bot.telegram.pictures import file_of

_LOGGER = logging.getLogger(__name__)

#: Seconds without another photo after which an album is taken as whole.
QUIET: Final = 0.6


class _Pictured(filters.MessageFilter):
    def filter(self, message: Message) -> bool:
        return file_of(message) is not None


async def on_picture(update: Update, context: Context) -> None:
    """Answer a photo, a sticker, a GIF, a video, or a file that is a picture."""
    message = message_of(update)
    if not (is_for_me(message, context.bot) or is_find(message, context.bot)):
        return
    file = file_of(message)
    assert file is not None
    await asking.ask(
        await context.conversation(update), text=question(message, context.bot), files=[file]
    )


class _InAlbum(filters.MessageFilter):
    def filter(self, message: Message) -> bool:
        return message.media_group_id is not None


async def on_album_photo(update: Update, context: Context) -> None:
    """Collect a photo of an album."""
    message = message_of(update)
    assert message.media_group_id is not None
    first = context.services.albums.add(update)
    if first is not None:
        context.services.questions.hold(update.update_id)
    if first is None or context.job_queue is None:
        await on_picture(update, context)
    elif first:
        _later(context, message.chat_id, message.media_group_id, 1)


def _later(context: Context, chat: int, album: str, size: int) -> None:
    assert context.job_queue is not None
    context.job_queue.run_once(_look, QUIET, data=(chat, album, size), name=f"album {album}")


async def _look(context: CallbackContext[Any, Any, Any, Any]) -> None:
    # Made by the application's own type of context.
    assert isinstance(context, Context)
    assert context.job is not None
    chat, album, size = cast(tuple[int, str, int], context.job.data)
    now = context.services.albums.size(chat, album)
    if now > size:
        # More came meanwhile.
        _later(context, chat, album, now)
        return
    await answer_album(context, chat, album)


async def answer_album(context: Context, chat: int, album: str) -> None:
    """Give one answer for all photos of an album, with its caption."""
    updates = context.services.albums.take(chat, album)
    try:
        if photos := await context.services.questions.album(updates, context.bot):
            await _answer(context, photos)
    finally:
        for update in updates:
            await context.services.questions.answered(update.update_id)


async def _answer(context: Context, updates: Sequence[Update]) -> None:
    messages = [update.message for update in updates if update.message]
    bot = context.bot
    if not any(is_for_me(message, bot) or is_find(message, bot) for message in messages):
        return
    text = next((asked for message in messages if (asked := question(message, bot))), "")
    files = [file for message in messages if (file := file_of(message))]
    conversation = await context.conversation(updates[0])
    await finish(conversation, asking.ask(conversation, text=text, files=files), "an album")


async def answer_open_albums(context: Context) -> None:
    """Answer at once what is still being collected: the bot is about to end."""
    for chat, album in context.services.albums.open():
        try:
            await answer_album(context, chat, album)
        except Exception:
            _LOGGER.exception("an album was not answered")


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    pictured = filters.UpdateType.MESSAGE & _Pictured()
    return [
        MessageHandler(pictured & _InAlbum(), on_album_photo),
        MessageHandler(pictured, on_picture),
    ]
