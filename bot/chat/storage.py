"""Photos that Telegram does not have yet are handed to it, so that inline mode shows them.

Inline mode shows a photo only by a file_id or a public address. Posts of a corpus have neither, so
their photos are sent to a storage chat, at a polite rate and without a sound, and deleted there:
the file_id stays valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.library.photos import Photos
from bot.library.store import Store
from bot.telegram.pictures import sendable
from engine.errors import StoreError
from engine.store import Post

_LOGGER = logging.getLogger(__name__)

#: Seconds between photos, so that answers to the owner are not held up.
PAUSE: Final = 3.0
#: Seconds after which it is looked again for posts without a file_id.
LOOK_EVERY: Final = 600.0
WANTED_MAX: Final = 500
BATCH: Final = 50


class Storage:
    """Uploads photos one by one; those that people looked for come first.

    Parameters
    ----------
    chat
        Where to; None: nothing is uploaded.
    pause
        Seconds between photos.
    """

    def __init__(
        self, *, bot: ExtBot[Any], store: Store, photos: Photos, chat: int | None, pause: float
    ) -> None:
        self._bot, self._store, self._photos = bot, store, photos
        self._chat, self._pause = chat, pause
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        if self._chat is not None:
            self._task = asyncio.create_task(self._run(), name="storage")

    async def stop(self) -> None:
        """End; the rest is uploaded after the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def want(self, posts: Iterable[Post]) -> None:
        """Upload these first, those that Telegram has no photo of."""
        for post in posts:
            if not sendable(post.file) and len(self._wanted) < WANTED_MAX:
                self._wanted[post.key] = None
        if self._wanted:
            self._wake.set()

    async def _run(self) -> None:
        after = 0
        while True:
            try:
                self._wake.clear()
                if self._wanted:
                    key, _ = self._wanted.popitem(last=False)
                    posts = list((await self._store.posts([key])).values())
                else:
                    posts = await self._store.without_file(after=after, limit=BATCH)
                    after = posts[-1].key if posts else 0
                for post in posts:
                    await self._upload(post)
                    if self._wanted:
                        break
                if posts:
                    continue
            except (StoreError, TelegramError) as error:
                # No chat with the owner yet, most often: it is tried again later.
                _LOGGER.info("photos are not stored at Telegram now: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()

    async def _upload(self, post: Post) -> None:
        if sendable(post.file) or (photo := await self._photos.to_send(post)) is None:
            return
        assert self._chat is not None
        message = await self._bot.send_photo(self._chat, photo, disable_notification=True)
        await self._store.set_files({post.key: message.photo[-1].file_id})
        with suppress(TelegramError):
            await message.delete()
        await asyncio.sleep(self._pause)
