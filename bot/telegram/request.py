"""HTTP to the Bot API over aiohttp, which repeats only what is safe to repeat."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import aiohttp
from telegram._utils.defaultvalue import DEFAULT_NONE, DefaultValue
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

_LOGGER = logging.getLogger(__name__)

#: Doing these twice is the same as doing them once, so an unknown outcome is tried again.
REPEATABLE: Final = frozenset(
    {
        "getMe",
        "getFile",
        "getChat",
        "getChatMember",
        "sendChatAction",
        "answerCallbackQuery",
        "answerInlineQuery",
        "editMessageText",
        "editMessageCaption",
        "editMessageMedia",
        "editMessageReplyMarkup",
        "setMyCommands",
        "getMyCommands",
        "setWebhook",
        "deleteWebhook",
        "getWebhookInfo",
    }
)
#: getUpdates has a loop of its own that tries for ever.
NOT_HERE: Final = frozenset({"getUpdates"})
TRIES: Final = 4
FIRST_PAUSE: Final = 0.25
HTTP_SERVER_ERROR: Final = 500
HTTP_MULTIPLE: Final = 300
#: Telegram gives bots files up to 20 MB; nothing larger is read into memory.
ANSWER_BYTES: Final = 21_000_000


class AnswerTooLargeError(NetworkError):
    """The server's answer (a file) is larger than the bot wants in memory."""


def _essence(item: Any) -> Any:
    if not isinstance(item, dict) or "message_id" not in item or "chat" not in item:
        return item
    message = {name: item[name] for name in ("message_id", "date") if name in item}
    chat = item["chat"]
    if isinstance(chat, dict):
        chat = {name: chat[name] for name in ("id", "type") if name in chat}
    message["chat"] = chat
    if item.get("photo"):
        message["photo"] = item["photo"][-1:]
    return message


def _seconds(value: ODVInput[float], default: float | None) -> float | None:
    return default if isinstance(value, DefaultValue) else value


class AiohttpRequest(BaseRequest):
    """See `telegram.request.BaseRequest`; faster than the default over httpx.

    A request is sent again when it surely was not carried out (no connection,
    or the server said 5xx), or when carrying it out twice does no harm. A
    message whose fate is unknown (the connection broke after it was sent) is
    not sent again: nobody gets it twice.

    Parameters
    ----------
    connections
        How many at a time.
    read_timeout, write_timeout, connect_timeout
        Seconds.
    """

    def __init__(
        self,
        *,
        connections: int = 64,
        read_timeout: float = 20,
        write_timeout: float = 40,
        connect_timeout: float = 5,
    ) -> None:
        self._connections = connections
        self._read, self._write, self._connect = read_timeout, write_timeout, connect_timeout
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float | None:
        """Seconds to wait for an answer, unless told otherwise."""
        return self._read

    async def initialize(self) -> None:
        """Open the session."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                headers={"User-Agent": self.USER_AGENT},
            )

    async def shutdown(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Parse an answer; of messages that the bot sent, only what it looks at is kept.

        Building the library's objects of an album with all that hangs on it takes longer than
        finding the posts.
        """
        answer = BaseRequest.parse_json_payload(payload)
        result = answer.get("result") if isinstance(answer, dict) else None
        if isinstance(result, list):
            answer["result"] = [_essence(item) for item in result]
        elif isinstance(result, dict):
            answer["result"] = _essence(result)
        return answer

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = DEFAULT_NONE,
        write_timeout: ODVInput[float] = DEFAULT_NONE,
        connect_timeout: ODVInput[float] = DEFAULT_NONE,
        pool_timeout: ODVInput[float] = DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request, again where that is safe; see the class."""
        name = url.partition("?")[0].rsplit("/", 1)[-1]
        repeatable = method == "GET" or name in REPEATABLE
        limits = aiohttp.ClientTimeout(
            total=None,
            sock_connect=_seconds(connect_timeout, self._connect),
            sock_read=_seconds(read_timeout, self._read),
            connect=_seconds(pool_timeout, None),
        )
        tries = 1 if name in NOT_HERE else TRIES
        for number in range(1, tries + 1):
            last = number == tries
            try:
                code, payload = await self._once(url, method, request_data, limits)
            except AnswerTooLargeError:
                raise
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                # The connection never stood, so nothing was sent.
                if last:
                    raise NetworkError("no connection to the Bot API") from error
            except TimeoutError as error:
                if last or not repeatable:
                    raise TimedOut("the Bot API did not answer in time") from error
            except (aiohttp.ClientError, OSError) as error:
                if last or not repeatable:
                    raise NetworkError(f"the connection broke: {type(error).__name__}") from error
            else:
                if code < HTTP_SERVER_ERROR or last:
                    return code, payload
            _LOGGER.info("%s: try %d of %d failed", name, number, tries)
            await asyncio.sleep(FIRST_PAUSE * 2 ** (number - 1))
        raise AssertionError("unreachable")

    async def _once(
        self, url: str, method: str, data: RequestData | None, limits: aiohttp.ClientTimeout
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise RuntimeError("this request object is not initialised")
        body: aiohttp.FormData | bytes | None = None
        headers = None
        if data is not None and data.contains_files:
            body = aiohttp.FormData()
            for name, text in data.json_parameters.items():
                body.add_field(name, text)
            for name, (filename, content, kind) in (data.multipart_data or {}).items():
                body.add_field(name, content, filename=filename, content_type=kind)
        elif data is not None:
            # Written and read several times as fast as a form.
            body, headers = data.json_payload, {"Content-Type": "application/json"}
        async with self._session.request(
            method, url, data=body, headers=headers, timeout=limits
        ) as response:
            if (response.content_length or 0) > ANSWER_BYTES:
                raise AnswerTooLargeError("the file is too large")
            payload = bytearray()
            async for chunk in response.content.iter_any():
                payload += chunk
                if len(payload) > ANSWER_BYTES:
                    raise AnswerTooLargeError("the file is too large")
            return response.status, bytes(payload)
