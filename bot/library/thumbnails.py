"""Small copies of the posts' photos, so that a picture of many posts costs no download.

They lie in ``DATA_DIR/thumbnails``, a few kB each: a cache, made when a post comes in and anew
wherever one is missing or damaged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image
from telegram.error import TelegramError

from bot.library.photos import Fetch, Photos
from engine.errors import Image2PicError
from engine.photo import decode
from engine.store import Post

SIDE: Final = 320
"""About the smaller side in pixels."""

_PIXELS: Final = SIDE * SIDE * 4 // 3
_DETAIL: Final = 640  # of a long photo both sides are decoded at no less
# WebP would save a third of the bytes, and takes 40 times as long to write, 4 times to read.
_FORMAT, _QUALITY = "JPEG", 70

_LOGGER = logging.getLogger(__name__)


class Thumbnails:
    """Thumbnails of posts, by their ids.

    Parameters
    ----------
    folder
        Where they lie; made when the first is written.
    photos
        The posts' photos on disk.
    fetch
        Downloads a file by its file_id.
    """

    def __init__(self, folder: Path, photos: Photos, fetch: Fetch) -> None:
        self._folder, self._photos, self._fetch = folder, photos, fetch

    async def get(self, posts: Sequence[Post]) -> list[Image.Image | None]:
        """Thumbnails of posts; those that are missing are made from photos on disk or at Telegram.

        Returns
        -------
        list of PIL.Image.Image or None
            RGB, of the photo's aspect ratio and about 137,000 pixels (427 x 320); smaller photos
            as they are. None where there is no photo.
        """
        there = await asyncio.to_thread(lambda: [self.from_disk(post) for post in posts])
        missing = [post for post, image in zip(posts, there, strict=True) if image is None]
        made = iter(await asyncio.gather(*map(self._fetched, missing)))
        return [image or next(made) for image in there]

    async def _fetched(self, post: Post) -> Image.Image | None:
        try:
            if post.file:
                return await asyncio.to_thread(self.make, post.id, await self._fetch(post.file))
        except (TelegramError, Image2PicError) as error:
            _LOGGER.warning("no thumbnail of %s: %s", post.id, error)
        return None

    def make(self, post: str, photo: bytes | Path) -> Image.Image:
        """Make and keep the thumbnail of a post, in place of an earlier one.

        Raises
        ------
        PhotoError
            The photo cannot be read. (A thumbnail that cannot be written is only logged.)
        """
        image = decode(photo, size_hint=_DETAIL)
        scale = math.sqrt(_PIXELS / (image.width * image.height))
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.LANCZOS)
        path = self._path(post)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(part, _FORMAT, quality=_QUALITY)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            _LOGGER.warning("the thumbnail of %s is not kept: %s", post, error.strerror or error)
        return image

    def has(self, post: str) -> bool:
        """Whether a post's thumbnail is there."""
        return self._path(post).exists()

    def discard(self, post: str) -> None:
        """Delete the thumbnail of a post that is removed."""
        try:
            self._path(post).unlink(missing_ok=True)
        except OSError as error:
            _LOGGER.warning("the thumbnail of %s is not deleted: %s", post, error.strerror)

    def from_disk(self, post: Post) -> Image.Image | None:
        """A post's thumbnail, if it or the post's photo is on the disk; as `get` otherwise."""
        try:
            with Image.open(self._path(post.id), formats=[_FORMAT]) as image:
                return image.convert("RGB")
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, SyntaxError):
            _LOGGER.warning("the thumbnail of %s is damaged and made anew", post.id)
        path = self._photos.find(post.photo)
        if path is None:
            return None
        try:
            return self.make(post.id, path)
        except Image2PicError as error:
            _LOGGER.warning("no thumbnail of %s: %s", post.id, error)
            return None

    def _path(self, post: str) -> Path:
        name = hashlib.blake2b(post.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}.jpg"
