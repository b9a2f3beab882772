"""Sending posts: by file_id where Telegram has the photo, else from disk, at most once each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from telegram import Bot, InputMediaPhoto, Message, ReplyParameters
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError

from bot.chat.answers import ALBUM_MAX
from bot.chat.context import Services
from engine.errors import StoreError
from engine.store import Post

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """A post to send, with its caption in HTML."""

    post: Post
    caption: str


@dataclass(frozen=True, slots=True)
class _Picture:
    item: Item
    media: str | bytes


async def send_posts(
    services: Services, bot: Bot, *, chat: int, reply_to: int | None, items: Sequence[Item]
) -> dict[int, int]:
    """Send posts that have a photo as one album (or one photo).

    Returns
    -------
    dict of int to int
        Key of each post that was sent, to its message. A post whose photo
        cannot be had any more is left out.
    """
    pictures = await _pictures(services, items[:ALBUM_MAX])
    try:
        messages = await _send(bot, chat, reply_to, pictures)
    except BadRequest as error:
        # Telegram does not say which one it did not like; find out, and send what is left.
        _LOGGER.info("an album was refused: %s", error.message)
        pictures = await _sound(services, bot, pictures)
        try:
            messages = await _send(bot, chat, reply_to, pictures)
        except BadRequest:
            _LOGGER.warning("an album was refused again", exc_info=True)
            return {}
    await _keep_files(services, pictures, messages)
    return {
        picture.item.post.key: message.message_id
        for picture, message in zip(pictures, messages, strict=False)
    }


async def _pictures(services: Services, items: Sequence[Item]) -> list[_Picture]:
    pictures = []
    for item in items:
        media = item.post.file or await _from_disk(services, item.post)
        if media:
            pictures.append(_Picture(item, media))
    return pictures


async def _from_disk(services: Services, post: Post) -> bytes | None:
    if not post.photo:
        return None
    return await asyncio.to_thread(services.photos.read, post.photo)


async def _sound(services: Services, bot: Bot, pictures: Sequence[_Picture]) -> list[_Picture]:
    """Those that Telegram should take: file_ids checked, replaced by uploads where it has not."""
    sound = []
    for picture in pictures:
        post, media = picture.item.post, picture.media
        if isinstance(media, str):
            try:
                await bot.get_file(media)
            except TelegramError:
                await services.store.drop_file(post.key, media)
                read = await _from_disk(services, post)
                if read is None:
                    continue
                media = read
        sound.append(replace(picture, media=media))
    return sound


async def _send(
    bot: Bot, chat: int, reply_to: int | None, pictures: Sequence[_Picture]
) -> Sequence[Message]:
    if not pictures:
        return ()
    reply = (
        ReplyParameters(reply_to, allow_sending_without_reply=True)
        if reply_to is not None
        else None
    )
    if len(pictures) == 1:
        return [
            await bot.send_photo(
                chat,
                pictures[0].media,
                caption=pictures[0].item.caption,
                parse_mode=ParseMode.HTML,
                reply_parameters=reply,
            )
        ]
    media = [
        InputMediaPhoto(picture.media, caption=picture.item.caption, parse_mode=ParseMode.HTML)
        for picture in pictures
    ]
    return await bot.send_media_group(chat, media, reply_parameters=reply)


async def _keep_files(
    services: Services, pictures: Sequence[_Picture], messages: Sequence[Message]
) -> None:
    files = {
        picture.item.post.key: message.photo[-1].file_id
        for picture, message in zip(pictures, messages, strict=False)
        if isinstance(picture.media, bytes) and message.photo
    }
    if files:
        try:
            await services.store.set_files(files)
        except StoreError as error:
            _LOGGER.warning("file ids were not kept: %s", error)
