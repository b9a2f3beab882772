"""VK's API by its documentation: version pinned, three calls a second, errors by their kind."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp

from engine.errors import CorpusError, PhotoError
from engine.photo import decode

API_URLS: Final = ("https://api.vk.ru", "https://api.vk.com")
"""The same API; where one cannot be reached, the other often can."""
API_VERSION: Final = "5.199"
CALLS_A_SECOND: Final = 3
TRIES: Final = 6
DAMAGED_TRIES: Final = 3
TIMEOUT_S: Final = 60.0

# https://dev.vk.com/reference/errors
_TRANSIENT: Final = frozenset((1, 6, 10, 36))  # unknown, too many a second, internal, timeout
_FLOOD: Final = 9
_CAPTCHA: Final = 14
_DAILY: Final = 29
_TOKEN: Final[Mapping[int, str]] = {
    4: "is not valid",
    5: "is not valid",
    17: "needs a confirmation in the browser",
    27: "is a community's, which may not read walls",
    28: "is not valid",
    1114: "has expired",
    1116: "is not valid",
    1117: "has expired",
    1118: "belongs to another address",
    3609: "has to be renewed",
    3610: "belongs to a profile that is switched off",
}
_DENIED: Final[Mapping[int, str]] = {
    7: "the token lacks the right to it",
    15: "access is denied",
    18: "the page is deleted or blocked",
    19: "the content is unavailable",
    20: "the token's application may not read it",
    21: "the token's application may not read it",
    23: "VK has switched it off",
    30: "the profile is private",
    37: "the page is banned",
    39: "there is no such user",
    40: "there is no such community",
    43: "the section is unavailable for now",
    104: "it is not there",
    113: "there is no such user",
    114: "there is no such album",
    125: "there is no such community",
    200: "access to the album is denied",
    203: "access to the community is denied",
    204: "access to the video is denied",
    210: "access to the post is denied",
    1051: "this kind of token may not read it: use the service token of an application, or the "
    "token of a user",
}
_LATER: Final = frozenset((408, 425, 429))  # the server is busy

_log = logging.getLogger(__name__)

Ask = Callable[[str], str]


class VkError(CorpusError):
    """VK refuses for good; the text says what to do."""


class VkDeniedError(VkError):
    """One wall or album may not be read; others may."""


class VkPhotoGoneError(VkError):
    """A photo is no longer there, is too large, or is no photo."""


class VkClient:
    """Calls methods and downloads photos; use it in an ``async with`` statement.

    Parameters
    ----------
    token
        A service or user token; it is sent in the request's body and never logged.
    urls
        Where the API answers; the next one is tried where one cannot be reached.
    ask
        Shown the address of a captcha's picture, returns what it says; None: a captcha stops the
        run with an explanation.
    pause
        Seconds of the first wait after a fault; it doubles with each try.
    max_bytes
        Of the largest photo.
    """

    def __init__(
        self,
        token: str,
        *,
        urls: Sequence[str] = API_URLS,
        ask: Ask | None = None,
        pause: float = 1.0,
        max_bytes: int = 20 * 1024 * 1024,
    ) -> None:
        self._token, self._ask = token, ask
        self._urls = deque(url.rstrip("/") for url in urls)
        self._pause, self._max_bytes = pause, max_bytes
        self._next_call = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> VkClient:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, **params: object) -> Any:
        """Call a method, waiting and trying again as its faults ask for.

        Returns
        -------
        Any
            What stands under ``response``.

        Raises
        ------
        VkDeniedError
            This wall or album may not be read.
        VkError
            The token, a captcha, the day's limit, or a fault that does not pass.
        """
        captcha: dict[str, str] = {}
        fault = ""
        for attempt in range(TRIES):
            if attempt >= len(self._urls) and not captcha:
                await asyncio.sleep(self._pause * 2 ** (attempt - len(self._urls)))
            await self._take_turn()
            try:
                answer = await self._post(method, {**params, **captcha})
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                fault = f"{type(error).__name__}: {error}".replace(self._token, "<token>")
                _log.warning("VK %s: %s; trying again", method, fault)
                self._urls.rotate(-1)
                continue
            refused = answer.get("error")
            if refused is None:
                return answer.get("response")
            if not isinstance(refused, dict):
                # As those who give tokens say it.
                refused = {
                    "error_msg": f"{refused} {answer.get('error_description') or ''}".strip()
                }
            told, said = str(refused.get("error_code")), str(refused.get("error_msg", ""))
            code = int(told) if told.isdecimal() else 0
            fault = f"error {code}: {said}".replace(self._token, "<token>")
            captcha = {}
            if code == _CAPTCHA:
                captcha = await self._captcha(refused)
            elif code == _FLOOD:
                # The same action too often: VK wants a longer pause than for error 6.
                await asyncio.sleep(self._pause * 10)
            elif code not in _TRANSIENT:
                raise _refusal(method, code, fault)
        raise VkError(
            f"VK {method} failed {TRIES} times, at last with {fault}; what was collected is kept: "
            "run the same command later"
        )

    async def download(self, url: str) -> bytes:
        """Download a photo, whole and readable.

        Raises
        ------
        VkPhotoGoneError
            It is not there, too large, or no photo.
        VkError
            The server fails again and again.
        """
        assert self._session is not None
        fault: Exception | None = None
        damaged = 0
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._pause * 2 ** (attempt - 1))
            try:
                async with self._session.get(url) as answer:
                    if 400 <= answer.status < 500 and answer.status not in _LATER:
                        raise VkPhotoGoneError(f"HTTP {answer.status}")
                    answer.raise_for_status()
                    data = bytearray()
                    async for part in answer.content.iter_chunked(1 << 16):
                        data += part
                        if len(data) > self._max_bytes:
                            raise VkPhotoGoneError(f"over {self._max_bytes:,} bytes")
                await asyncio.to_thread(decode, bytes(data), size_hint=32)
                return bytes(data)
            except aiohttp.InvalidURL as error:
                raise VkPhotoGoneError("its address is none") from error
            except (aiohttp.ClientError, TimeoutError) as error:
                fault = error
            except PhotoError as error:
                # Cut off on the way, perhaps; if it stays so, the photo itself is damaged.
                damaged += 1
                if damaged == DAMAGED_TRIES:
                    raise VkPhotoGoneError(str(error)) from error
                fault = error
        raise VkError(f"a photo cannot be downloaded: {type(fault).__name__}: {fault}")

    async def _take_turn(self) -> None:
        now = time.monotonic()
        start = max(now, self._next_call)
        self._next_call = start + 1 / CALLS_A_SECOND
        await asyncio.sleep(start - now)

    async def _post(self, method: str, params: Mapping[str, object]) -> dict[str, Any]:
        assert self._session is not None
        form = {name: str(value) for name, value in params.items()}
        form |= {"access_token": self._token, "v": API_VERSION, "lang": "ru"}
        async with self._session.post(f"{self._urls[0]}/method/{method}", data=form) as answer:
            answer.raise_for_status()
            found = json.loads(await answer.read())
        if not isinstance(found, dict) or not ("response" in found or "error" in found):
            raise ValueError("the answer is not VK's")
        return found

    async def _captcha(self, error: Mapping[str, Any]) -> dict[str, str]:
        picture = str(error.get("captcha_img") or "")
        if self._ask is None or not picture:
            answered = "Run the command in a terminal to answer it, or wait" if picture else "Wait"
            raise VkError(
                "VK asks for a captcha (error 14): it takes us for a robot. "
                f"{answered} an hour; what was collected is kept"
            )
        key = await asyncio.to_thread(self._ask, picture)
        return {"captcha_sid": str(error.get("captcha_sid", "")), "captcha_key": key}


def _refusal(method: str, code: int, fault: str) -> VkError:
    if code in _DENIED:
        return VkDeniedError(f"{_DENIED[code]} (VK {method}, {fault})")
    if code in _TOKEN:
        return VkError(
            f"VK does not accept the token: it {_TOKEN[code]} ({fault}). Make an application at "
            "https://id.vk.com/about/business/go and put its service token into VK_TOKEN; closed "
            "pages need the token of a user who may see them"
        )
    if code == _DAILY:
        return VkError(
            f"the day's limit of {method} is used up ({fault}); what was collected is kept: "
            "run the same command tomorrow"
        )
    return VkError(f"VK {method}: {fault}")
