"""Words on pictures: of the library's posts in the background, of a question while it is asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from telegram.error import TelegramError

from bot.library.photos import Fetch, Photos
from bot.library.store import Store
from engine.errors import Image2PicError, StoreError
from engine.ocr import SECONDS, Tesseract
from engine.photo import decode
from engine.store import Post

_LOGGER = logging.getLogger(__name__)

ASKED_SECONDS: Final = 2.0
"""Longest time for the picture of a question; half of them take .4 s, on two cores."""

ASKED_AT_ONCE: Final = 2
"""Questions whose pictures are read at the same time."""

BATCH: Final = 16
_DETAIL: Final = 1000

Changed = Callable[[Post, str], Awaitable[object]]


class PictureWords:
    """Reads what stands on pictures, one at a time, on threads of its own.

    Parameters
    ----------
    tesseract
        None, where it is not installed or not wanted: nothing is read.
    photos, fetch
        The posts' photos on disk, and what downloads those at Telegram by their file_id.
    """

    def __init__(
        self, tesseract: Tesseract | None, store: Store, photos: Photos, fetch: Fetch
    ) -> None:
        self._tesseract, self._store = tesseract, store
        self._photos, self._fetch = photos, fetch
        self._more = asyncio.Event()
        self._slots = asyncio.Semaphore(ASKED_AT_ONCE)
        #: Whether all that can be read has been.
        self.idle = False
        # Pictures that could not be downloaded or read: tried again with the next start.
        self._failed: set[int] = set()

    def wake(self) -> None:
        """Say that there are new posts."""
        self._more.set()

    async def asked(self, photo: bytes) -> str:
        """Words on the picture of a question; none where there is no time to read them."""
        if self._tesseract is None:
            return ""
        until = time.monotonic() + ASKED_SECONDS
        try:
            async with asyncio.timeout(ASKED_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            return ""
        try:
            left = max(0.1, until - time.monotonic())
            return await asyncio.to_thread(_read, self._tesseract, photo, left)
        except Image2PicError as error:
            _LOGGER.info("the words on a question's picture are not read: %s", error)
            return ""
        finally:
            self._slots.release()

    async def run(self, changed: Changed) -> None:
        """Read the pictures that nobody has read, and those of new posts, until cancelled.

        Parameters
        ----------
        changed
            Called with a post and the words on its picture, where there are any, once they are
            kept.
        """
        while self._tesseract is not None:
            self._more.clear()
            self.idle = False
            try:
                await self._read_all(changed)
            except StoreError as error:
                _LOGGER.error("words on pictures are not kept: %s", error)
            self.idle = True
            await self._more.wait()

    async def _read_all(self, changed: Changed) -> None:
        after = 0
        while posts := await self._store.without_picture_words(after=after, limit=BATCH):
            after = posts[-1].key
            for post in posts:
                if post.key not in self._failed:
                    await self._read_post(post, changed)

    async def _read_post(self, post: Post, changed: Changed) -> None:
        assert self._tesseract is not None
        words = ""
        if post.photo or post.file:
            try:
                photo = await asyncio.to_thread(self._photos.read, post.photo)
                if photo is None and post.file:
                    photo = await self._fetch(post.file)
                if photo is None:
                    self._failed.add(post.key)
                    return
                words = await asyncio.to_thread(_read, self._tesseract, photo, gently=True)
            except (TelegramError, Image2PicError) as error:
                _LOGGER.warning("the words on the picture of %s are not read: %s", post.id, error)
                self._failed.add(post.key)
                return
        await self._store.set_picture_words(post.key, words)
        if words:
            await changed(post, words)


def _read(
    tesseract: Tesseract, photo: bytes, seconds: float = SECONDS, gently: bool = False
) -> str:
    image = decode(photo, size_hint=_DETAIL)
    return tesseract.read_words(image, seconds=seconds, gently=gently)
