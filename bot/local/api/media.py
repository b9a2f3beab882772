"""What a bot sends as a file: an upload, a file_id or an HTTP address, made into media."""

from __future__ import annotations

import aiohttp

from bot.local.errors import BadRequestError
from bot.local.files import FileStore, Kind, Media
from bot.local.limits import MAX_URL_DOCUMENT, MAX_URL_PHOTO
from bot.local.params import Params

_FETCH_TIMEOUT = 10.0


class MediaReader:
    """Turns the ways of giving a file into `Media`.

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

    async def read(self, params: Params, value: str, kind: Kind, field: str) -> Media:
        """Return the media that a parameter stands for.

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
            No such upload or file, or it is not of this kind.
        """
        name = value.removeprefix("attach://") if value.startswith("attach://") else field
        if value.startswith("attach://") or (not value and field in params.uploads):
            upload = params.uploads.get(name)
            if upload is None:
                raise BadRequestError(f"file attached under the name {name!r} is not specified")
            if kind == "photo":
                return await self._files.add_photo(upload.content)
            return await self._files.add_document(upload.content, upload.name, upload.mime_type)
        if not value:
            raise BadRequestError(f"there is no {kind} in the request")
        if value.startswith(("http://", "https://")):
            return await self.fetch(value, kind)
        return self._files.media(value, kind)

    async def fetch(self, address: str, kind: Kind) -> Media:
        """Fetch a file from an HTTP address, as Telegram does for a bot.

        Raises
        ------
        BadRequestError
            It cannot be had, is too large, or is not of this kind.
        """
        limit = MAX_URL_PHOTO if kind == "photo" else MAX_URL_DOCUMENT
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_FETCH_TIMEOUT)
            )
        try:
            async with self._session.get(address, max_redirects=3) as response:
                if response.status != 200:
                    raise BadRequestError("failed to get HTTP URL content")
                content = bytearray()
                async for piece in response.content.iter_chunked(64 * 1024):
                    content += piece
                    if len(content) > limit:
                        raise BadRequestError("failed to get HTTP URL content")
                kind_there = response.content_type
                name = response.url.name or "file"
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise BadRequestError("failed to get HTTP URL content") from None
        if kind == "photo":
            if not kind_there.startswith("image/"):
                raise BadRequestError("wrong type of the web page content")
            return await self._files.add_photo(bytes(content))
        return await self._files.add_document(bytes(content), name, kind_there)
