"""Telegram's limits on sending, kept before they are hit; one chat that waits holds up no other.

Telegram takes about 30 messages a second from a bot, one a second in a chat, and 20 a minute in a
group (https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this). Whatever
names a chat counts: messages, edits, chat actions; an album as often as it has photos.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from telegram.error import ChatMigrated, RetryAfter
from telegram.ext import BaseRateLimiter

_LOGGER = logging.getLogger(__name__)

Call = Callable[[], Coroutine[Any, Any, Any]]

CHAT_RATE: Final = 1.0
"""Messages a second in one chat."""

GROUP_BURST: Final = 8
"""Messages that a group that was quiet takes at one a second."""

GROUP_RATE: Final = (20 - GROUP_BURST) / 60
"""Messages a second in one group in the long run: with the burst never over 20 in a minute."""

RETRIES: Final = 5
CHATS_MAX: Final = 10_000
ACTION: Final = "sendChatAction"
#: These name a chat, but show nothing in it.
FREE: Final = frozenset({"getChat", "getChatMember", "getChatAdministrators", "getChatMemberCount"})


class Bucket:
    """A token bucket: so many at once, and so many a second in the long run."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = burst, time.monotonic()

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + self.rate * (now - self._at))
        self._at = now

    def delay(self, count: float = 1.0) -> float:
        """Seconds until so many may be sent (more than fit at once: until it is full)."""
        self._fill()
        return max(0.0, min(count, self.burst) - self._tokens) / self.rate

    def take(self, count: float = 1.0) -> None:
        """Count what is sent now; what was not waited for is paid back later."""
        self._fill()
        self._tokens -= count

    @property
    def full(self) -> bool:
        """Whether nothing was sent lately."""
        return self.delay(self.burst) == 0.0


class _Chat:
    """What one chat may be sent, in the order in which it was asked for."""

    def __init__(self, name: str, group: bool, scale: float) -> None:
        self.name = name
        self.turn = asyncio.Lock()
        self.buckets = [Bucket(CHAT_RATE * scale, 1)]
        if group:
            self.buckets.append(Bucket(GROUP_RATE * scale, GROUP_BURST))
        self.silent_until = 0.0

    def delay(self, count: float = 1.0) -> float:
        silent = self.silent_until - time.monotonic()
        return max(silent, *(bucket.delay(count) for bucket in self.buckets))

    @property
    def idle(self) -> bool:
        return not self.turn.locked() and self.delay(1) == 0 and self.buckets[-1].full


class SendingLimits(BaseRateLimiter[int]):
    """Holds every call back until Telegram will take it; see `telegram.ext.BaseRateLimiter`.

    Parameters
    ----------
    rate
        Messages a second to all chats together; 0: no limits at all (a server of one's own).
        Limits of chats are scaled with it, so that tests need not wait.
    scale
        Factor on the limits of single chats.
    reserve
        `engine.store.Store.reserve`, where several bots keep the limits together.
    moved
        Called where Telegram says that a group is a supergroup now: with its old and new number.
    refused
        Called each time Telegram asks to wait (429) all the same.
    """

    def __init__(
        self,
        rate: float,
        *,
        scale: float = 1.0,
        reserve: Callable[..., Awaitable[float]] | None = None,
        moved: Callable[[int, int], Awaitable[None]] | None = None,
        refused: Callable[[], object] = lambda: None,
    ) -> None:
        self._reserve, self._moved, self._refused = reserve, moved, refused
        self._all = Bucket(rate, max(1.0, rate / 10)) if rate else None
        self._scale = scale
        self._chats: dict[str, _Chat] = {}
        self._turn = asyncio.Lock()

    async def initialize(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    def delay(self, chat: int) -> float:
        """Seconds until one message more could be sent to a chat, as far as is known now."""
        found = self._chats.get(str(chat))
        return max(0.0, found.delay()) if found else 0.0

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Any:
        """Call when it is due; again after a 429, for which the chat alone is silent.

        What was meant for a group that became a supergroup goes there.
        """
        call = partial(callback, *args, **kwargs)
        try:
            return await self._when_due(call, endpoint, data)
        except ChatMigrated as error:
            if self._moved is None:
                raise
            await self._moved(int(data["chat_id"]), error.new_chat_id)
            # The same object that `call` holds.
            data["chat_id"] = error.new_chat_id
            return await self._when_due(call, endpoint, data)

    async def _when_due(self, call: Call, endpoint: str, data: dict[str, Any]) -> Any:
        target = data.get("chat_id")
        if target is None or endpoint in FREE:
            return await self._retried(call, None)
        chat = self._chat(str(target))
        count = _count(endpoint, data)
        if endpoint == ACTION and (chat.turn.locked() or chat.delay() > 0 or self._busy):
            # It would come late, or hold back what it announces.
            return True
        async with chat.turn:
            await self._wait(chat, count)
            return await self._retried(call, chat)

    @property
    def _busy(self) -> bool:
        return self._all is not None and (self._turn.locked() or self._all.delay() > 0)

    async def _wait(self, chat: _Chat, count: float) -> None:
        if self._all is None:
            if (silent := chat.silent_until - time.monotonic()) > 0:
                await asyncio.sleep(silent)
            return
        # Nobody else sends to the chat meanwhile, nor takes from all after that.
        await asyncio.sleep(chat.delay(count))
        async with self._turn:
            await asyncio.sleep(self._all.delay(count))
            self._all.take(count)
        for bucket in chat.buckets:
            bucket.take(count)
        if self._reserve is not None:
            await self._wait_for_others(chat, count)

    async def _wait_for_others(self, chat: _Chat, count: float) -> None:
        """What this bot may send now, others may have sent already."""
        assert self._reserve is not None
        assert self._all is not None
        buckets = [("all", self._all)]
        buckets += [(f"{chat.name} {bucket.burst:g}", bucket) for bucket in chat.buckets]
        waits = [
            await self._reserve(name, rate=bucket.rate, burst=max(1, int(bucket.burst)))
            for name, bucket in buckets
            for _ in range(int(count))
        ]
        await asyncio.sleep(max(waits))

    async def _retried(self, call: Call, chat: _Chat | None) -> Any:
        for number in range(RETRIES + 1):
            try:
                return await call()
            except RetryAfter as error:
                self._refused()
                if number == RETRIES:
                    raise
                pause = _seconds(error)
                _LOGGER.info("Telegram asks for silence of %.1f s", pause)
                if chat is not None:
                    chat.silent_until = time.monotonic() + pause
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    def _chat(self, name: str) -> _Chat:
        if name not in self._chats:
            if len(self._chats) >= CHATS_MAX:
                self._chats = {key: chat for key, chat in self._chats.items() if not chat.idle}
            # Groups and channels have negative numbers, or a name.
            self._chats[name] = _Chat(name, not name.isdecimal(), self._scale)
        return self._chats[name]


def _count(endpoint: str, data: dict[str, Any]) -> float:
    """Messages by Telegram's count."""
    if endpoint != "sendMediaGroup":
        return 1.0
    media = data.get("media")
    with suppress(ValueError):
        media = json.loads(media) if isinstance(media, str) else media
    return float(len(media)) if isinstance(media, list | tuple) else 1.0


def _seconds(error: RetryAfter) -> float:
    value = error.retry_after
    return (value.total_seconds() if isinstance(value, timedelta) else float(value)) + 0.1
