"""Photos of posts, on disk and at Telegram."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from telegram.error import TelegramError

from engine.errors import Image2PicError
from engine.photo import decode, format_of, size_of
from engine.pictures import to_photo
from engine.store import Post

_LOGGER = logging.getLogger(__name__)

Fetch = Callable[[str], Awaitable[bytes]]

#: Telegram takes photos of 10 MB, both sides together 10,000 pixels, one at most 20 times the
#: other; it makes them no larger than 1,280 (https://core.telegram.org/bots/api#sendphoto).
_BYTES, _SIDES, _RATIO, _SIDE = 10_000_000, 10_000, 20, 1280
_QUALITY: Final = 90


class Photos:
    """Where the posts' photos lie.

    Parameters
    ----------
    roots
        Folders to look in, in this order.
    fetch
        Downloads a file by its file_id; None: only those on disk are read.
    """

    def __init__(self, roots: Sequence[Path], fetch: Fetch | None = None) -> None:
        self._roots = [root.resolve() for root in roots]
        self._fetch = fetch

    def find(self, name: str | None) -> Path | None:
        """Path of a post's photo, or None where it is missing or outside the folders."""
        if not name or "\0" in name:
            return None
        for root in self._roots:
            try:
                path = (root / name).resolve()
                if path.is_relative_to(root) and path.is_file():
                    return path
            except (OSError, RuntimeError):
                # A name too long for the file system, or a loop of links.
                continue
        return None

    def read(self, name: str | None) -> bytes | None:
        """Bytes of a post's photo, or None where there is none."""
        path = self.find(name)
        try:
            return path.read_bytes() if path else None
        except OSError:
            return None

    async def to_send(self, post: Post) -> bytes | None:
        """A post's photo as Telegram takes one, from disk or from Telegram; None: there is none.

        By the file_id of a file or of a video's still no photo can be sent: it is uploaded as one.
        """
        try:
            photo = await asyncio.to_thread(self.read, post.photo)
            if photo is None and post.file and self._fetch:
                photo = await self._fetch(post.file)
            return await asyncio.to_thread(_as_photo, photo) if photo else None
        except (TelegramError, Image2PicError) as error:
            _LOGGER.warning("the photo of %s cannot be read: %s", post.id, error)
            return None


def _as_photo(photo: bytes) -> bytes:
    """The photo as it is, or what Telegram takes of it."""
    width, height = size_of(photo)
    long, short = max(width, height), min(width, height)
    usual = format_of(photo[:64]) in ("JPEG", "PNG") and len(photo) <= _BYTES
    if usual and width + height <= _SIDES and long <= _RATIO * short:
        return photo
    image = decode(photo, size_hint=_SIDE)
    image.thumbnail((_SIDE, _SIDE))
    return to_photo(image, _QUALITY)
