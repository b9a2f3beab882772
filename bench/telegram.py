"""A simulated Telegram with its real limits: what an answer costs, and what people wait then.

The local server refuses, as Telegram does, what goes over 30 messages a second to all chats, about
one a second to a private chat and 20 a minute to a group; an album counts as often as it has
photos. The bot keeps to its own limits, so it should hardly ever be refused.

The former design (what is seen, an album of six, a list with buttons: eight messages an answer,
sent through python-telegram-bot's AIORateLimiter) is simulated beside it, under the same limits.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from aiohttp import web
from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter

from bot.local.errors import ApiError
from bot.local.params import PARAMS, read_params
from bot.telegram.limits import Bucket

ALL_RATE: Final = 30.0
CHAT_RATE: Final = 1.0
#: A private chat takes a short burst, such as one album.
CHAT_BURST: Final = 8.0
GROUP_RATE: Final = 20 / 60
GROUP_BURST: Final = 20.0
#: Messages of one answer of the former design: what is seen, an album, a list with buttons.
FORMER: Final = (("sendMessage", 1), ("sendMediaGroup", 6), ("sendMessage", 1))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class TelegramLimits:
    """What Telegram takes, and how often it refused.

    Attributes
    ----------
    messages
        By method, as Telegram counts them.
    """

    messages: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    _all: Bucket = field(default_factory=lambda: Bucket(ALL_RATE, ALL_RATE))
    _chats: dict[str, Bucket] = field(default_factory=dict)

    def take(self, method: str, chat: str, count: int) -> float:
        """Count messages; seconds to wait where they are refused, else 0."""
        if chat not in self._chats:
            group = chat.startswith(("-", "@"))
            rates = (GROUP_RATE, GROUP_BURST) if group else (CHAT_RATE, CHAT_BURST)
            self._chats[chat] = Bucket(*rates)
        wait = max(self._all.delay(count), self._chats[chat].delay(count))
        # Clocks of two processes differ by as much.
        if wait > 0.05:
            self.refused += 1
            return wait
        self._all.take(count)
        self._chats[chat].take(count)
        self.messages[method] += count
        return 0.0

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what goes over the limits, for `bot.local.server.LocalServer`."""
        method = request.match_info.get("method") or ""
        if method.startswith(("send", "edit")):
            request[PARAMS] = params = await read_params(request)
            values = params.values
            count = 1
            if method == "sendMediaGroup":
                media = values.get("media")
                count = len(json.loads(media) if isinstance(media, str) else media or [])
            if wait := self.take(method, str(values.get("chat_id")), count):
                seconds = max(1, round(wait + 0.5))
                text = f"Too Many Requests: retry after {seconds}"
                raise ApiError(429, text, {"retry_after": seconds})
        return await handler(request)


@dataclass
class Outcome:
    """How people fared at the limits."""

    answers: int
    seconds: float
    waits: list[float]
    messages: int
    refused: int
    lost: int = 0

    def row(self, name: str) -> str:
        """A row of the table."""
        waits = sorted(self.waits) or [0.0]
        at = [waits[min(len(waits) - 1, int(share * len(waits)))] for share in (0.5, 0.95)]
        return (
            f"| {name} | {self.answers / self.seconds:.1f} | {at[0]:.1f} | {at[1]:.1f} "
            f"| {self.messages / max(1, self.answers):.2f} | {self.refused} | {self.lost} |"
        )


HEAD: Final = [
    "| at Telegram's limits | answers a second | wait p50 s | p95 s | messages an answer "
    "| refused (429) | lost |",
    "| --- | --- | --- | --- | --- | --- | --- |",
]


async def former_design(limiter: BaseRateLimiter[Any], people: int, seconds: float) -> Outcome:
    """Answer as the bot did before, by eight messages each; nothing but the limits costs time."""
    limits, waits, lost = TelegramLimits(), list[float](), 0
    until = time.monotonic() + seconds

    async def person(number: int) -> None:
        nonlocal lost
        rng = random.Random(number)
        await asyncio.sleep(rng.uniform(0, 1))
        while (start := time.monotonic()) < until:
            try:
                for method, count in FORMER:
                    await limiter.process_request(
                        _call(limits, method, str(number + 1), count),
                        (),
                        {},
                        method,
                        {"chat_id": number + 1},
                        None,
                    )
            except RetryAfter:
                lost += 1
                continue
            waits.append(time.monotonic() - start)

    await asyncio.gather(*(person(number) for number in range(people)))
    spent = time.monotonic() - until + seconds
    return Outcome(len(waits), spent, waits, limits.messages.total(), limits.refused, lost)


def _call(
    limits: TelegramLimits, method: str, chat: str, count: int
) -> Callable[..., Coroutine[Any, Any, bool]]:
    async def call() -> bool:
        if wait := limits.take(method, chat, count):
            raise RetryAfter(timedelta(seconds=max(1, round(wait + 0.5))))
        return True

    return call
