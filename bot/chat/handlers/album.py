"""Several photos in one album: collected, then answered one after the other."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Final, cast

from telegram import Bot, Message, Update
from telegram.error import TelegramError
from telegram.ext import BaseHandler, MessageHandler, filters

from bot.chat import asking
from bot.chat.addressing import file_of, is_for_me, place_of, question
from bot.chat.context import Context, Services, services
from bot.chat.failures import UserError, words_for
from bot.chat.handlers.errors import reply
from bot.chat.handlers.photo import IS_PHOTO, on_photo

_LOGGER = logging.getLogger(__name__)

#: Seconds without another photo after which an album is taken as whole.
QUIET: Final = 0.6


class _InAlbum(filters.MessageFilter):
    def filter(self, message: Message) -> bool:
        return message.media_group_id is not None


async def on_album_photo(update: Update, context: Context) -> None:
    """Collect a photo of an album."""
    message = update.message
    if message is None or message.media_group_id is None:
        return
    bag = services(context)
    first = bag.albums.add(message)
    if first is None or context.job_queue is None:
        await on_photo(update, context)
    elif first:
        _later(context, message.chat_id, message.media_group_id, 1)


def _later(context: Context, chat: int, album: str, size: int) -> None:
    assert context.job_queue is not None
    context.job_queue.run_once(_look, QUIET, data=(chat, album, size), name=f"album {album}")


async def _look(context: Context) -> None:
    assert context.job is not None
    chat, album, size = cast(tuple[int, str, int], context.job.data)
    bag = services(context)
    now = bag.albums.size(chat, album)
    if now > size:
        # More came meanwhile.
        _later(context, chat, album, now)
        return
    await answer_album(bag, context.bot, chat, album)


async def answer_album(bag: Services, bot: Bot, chat: int, album: str) -> None:
    """Answer each photo of an album in order; its caption goes for all of them."""
    messages = bag.albums.take(chat, album)
    if not any(is_for_me(message, bot) for message in messages):
        return
    text = next((words for m in messages if (words := question(m, bot))), "")
    for message in messages:
        texts = await bag.texts(message.from_user)
        try:
            if not bag.may_ask(message.from_user):
                raise UserError("not_allowed")
            place = place_of(message, message.from_user)
            await asking.ask(bag, bot, texts, place, text=text, file=file_of(message))
        except Exception as error:
            told = words_for(texts, error)
            if told is None:
                bag.metrics.errors.labels(type(error).__name__).inc()
                _LOGGER.exception("a photo of an album failed")
                told = texts("error")
            with suppress(TelegramError):
                await reply(message, told)
            if isinstance(error, UserError):
                return


async def answer_open_albums(bag: Services, bot: Bot) -> None:
    """Answer at once what is still being collected: the bot is about to end."""
    for chat, album in bag.albums.open():
        try:
            await answer_album(bag, bot, chat, album)
        except Exception:
            _LOGGER.exception("an album was not answered")


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [MessageHandler(filters.UpdateType.MESSAGE & IS_PHOTO & _InAlbum(), on_album_photo)]
