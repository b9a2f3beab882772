"""What a bot sends as a photo: an upload, a file_id or an HTTP address."""

from __future__ import annotations

import aiohttp

from bot.local.errors import BadRequestError
from bot.local.files import FileStore, Media
from bot.local.limits import MAX_URL_PHOTO
from bot.local.params import Params

_FETCH_TIMEOUT = 10.0


class MediaReader:
    """Turns the ways of giving a photo into `Media`.

    Parameters
    ----------
    files
        Where the media is kept.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections for files given by address."""
        if self._session is not None:
            await self._session.close()

    async def read(self, params: Params, value: str, field: str) -> Media:
        """Return the photo that a parameter stands for.

        Parameters
        ----------
        value
            ``attach://NAME``, a file_id or an address; empty when the upload bears the
            parameter's own name.
        field
            The parameter's name.

        Raises
        ------
        BadRequestError
            No such upload or file, or it is no photo.
        """
        name = value.removeprefix("attach://") if value.startswith("attach://") else field
        if value.startswith("attach://") or (not value and field in params.uploads):
            upload = params.uploads.get(name)
            if upload is None:
                raise BadRequestError(f"file attached under the name {name!r} is not specified")
            return await self._files.add_photo(upload.content)
        if not value:
            raise BadRequestError(f"there is no {field} in the request")
        if value.startswith(("http://", "https://")):
            return await self.fetch(value)
        return self._files.media(value, "photo")

    async def fetch(self, address: str) -> Media:
        """Fetch a photo from an HTTP address, as Telegram does for a bot.

        Raises
        ------
        BadRequestError
            It cannot be fetched, is too large, or is no photo.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_FETCH_TIMEOUT)
            )
        try:
            async with self._session.get(address, max_redirects=3) as response:
                if response.status != 200:
                    raise BadRequestError("failed to get HTTP URL content")
                if not response.content_type.startswith("image/"):
                    raise BadRequestError("wrong type of the web page content")
                content = bytearray()
                async for piece in response.content.iter_chunked(64 * 1024):
                    content += piece
                    if len(content) > MAX_URL_PHOTO:
                        raise BadRequestError("failed to get HTTP URL content")
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise BadRequestError("failed to get HTTP URL content") from None
        return await self._files.add_photo(bytes(content))
