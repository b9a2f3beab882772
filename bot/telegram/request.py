"""HTTP to the Bot API by python-telegram-bot's own client, repeated where that is safe."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from telegram import Update
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from engine.errors import Image2PicError

_LOGGER = logging.getLogger(__name__)

#: Doing these twice is the same as doing them once, so an unknown outcome is tried again.
REPEATABLE: Final = frozenset(
    (
        *("getMe", "getFile", "getChat", "getChatMember", "sendChatAction"),
        *("answerCallbackQuery", "answerInlineQuery", "setMyCommands", "getMyCommands"),
        *("editMessageText", "editMessageCaption", "editMessageMedia", "editMessageReplyMarkup"),
        *("setWebhook", "deleteWebhook", "getWebhookInfo"),
    )
)
#: getUpdates has a loop of its own that tries for ever.
NOT_HERE: Final = frozenset({"getUpdates"})
TRIES: Final = 4
FIRST_PAUSE: Final = 0.25
HTTP_SERVER_ERROR: Final = 500
#: httpx looks at each of them for each request, which takes longer than the rest of it.
IDLE_CONNECTIONS: Final = 8
#: Telegram gives bots files up to 20 MB; nothing larger is read into memory.
ANSWER_BYTES: Final = 21_000_000
#: The connection never stood, so nothing was sent.
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class AnswerTooLargeError(NetworkError):
    """The server's answer (a file) is larger than the bot wants in memory."""


class _Limited(httpx.AsyncByteStream):
    """A body of which no more than `ANSWER_BYTES` are read."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > ANSWER_BYTES:
                raise AnswerTooLargeError("the file is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Request(HTTPXRequest):
    """See `telegram.request.HTTPXRequest`; a failed request is sent again where that is safe.

    That is where it surely was not carried out (no connection, or the server said 5xx), or where
    carrying it out twice does no harm. A message that may have been sent (the connection broke
    afterwards) is not sent again: nobody gets it twice.

    Parameters
    ----------
    connections
        How many at a time.
    proxy
        Address of a proxy; None: as HTTPS_PROXY and ALL_PROXY of the environment say.

    Raises
    ------
    Image2PicError
        The proxy is none.
    """

    def __init__(self, *, connections: int = 64, proxy: str | None = None) -> None:
        try:
            super().__init__(
                connection_pool_size=connections,
                read_timeout=20,
                write_timeout=20,
                connect_timeout=5,
                pool_timeout=30,
                media_write_timeout=40,
                proxy=proxy,
                httpx_kwargs={
                    "event_hooks": {"response": [self._look]},
                    "limits": httpx.Limits(
                        max_connections=connections, max_keepalive_connections=IDLE_CONNECTIONS
                    ),
                },
            )
        except (RuntimeError, ValueError, httpx.InvalidURL) as error:
            # Nothing else of it is not ours. The address may hold a password.
            raise Image2PicError(
                "the proxy (PROXY, HTTPS_PROXY or ALL_PROXY) cannot be used: give one of the form "
                "http://host:port; a SOCKS proxy needs `pip install 'httpx[socks]'`"
            ) from error
        #: Telegram's clock against this machine's, in seconds, which may be set wrong.
        self.clock_ahead = 0.0

    async def _look(self, response: httpx.Response) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Limited(response.stream)
        with suppress(ValueError, KeyError, TypeError):
            server_time = parsedate_to_datetime(response.headers["Date"]).timestamp()
            self.clock_ahead = server_time - time.time()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *args: Any,
        **more: Any,
    ) -> tuple[int, bytes]:
        """Send one request, again where that is safe; see the class."""
        name = url.partition("?")[0].rsplit("/", 1)[-1]
        repeatable = method == "GET" or name in REPEATABLE
        tries = 1 if name in NOT_HERE else TRIES
        for number in range(1, tries + 1):
            last = number == tries
            try:
                code, payload = await super().do_request(url, method, request_data, *args, **more)
            except AnswerTooLargeError:
                raise
            except NetworkError as error:
                if last or not (repeatable or isinstance(error.__cause__, NOT_SENT)):
                    raise _plain(error) from error
            else:
                if code < HTTP_SERVER_ERROR or last:
                    return code, payload
            _LOGGER.info("%s: try %d of %d failed", name, number, tries)
            await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1))
        raise AssertionError("unreachable")


class PollRequest(Request):
    """Fetches updates; one that cannot be read becomes an empty one, and does not stop the rest."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Parse an answer, and try each update in it."""
        answer = BaseRequest.parse_json_payload(payload)
        updates = answer.get("result") if isinstance(answer, dict) else None
        if isinstance(updates, list):
            answer["result"] = [readable(item) for item in updates if _number(item) is not None]
        return answer


def _number(item: object) -> int | None:
    number = item.get("update_id") if isinstance(item, dict) else None
    return number if isinstance(number, int) else None


def readable(item: dict[str, Any]) -> dict[str, Any]:
    """The update as it is, or an empty one with its number where it cannot be read."""
    try:
        Update.de_json(item)
    except Exception:
        _LOGGER.exception("update %s cannot be read: it is passed over", item.get("update_id"))
        return {"update_id": item["update_id"]}
    return item


def _plain(error: NetworkError) -> NetworkError:
    """The same without the address, which holds the token."""
    cause = type(error.__cause__).__name__
    if isinstance(error, TimedOut):
        return TimedOut(f"the Bot API did not answer in time ({cause})")
    return NetworkError(f"no connection to the Bot API, or it broke ({cause})")
