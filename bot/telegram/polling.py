"""Updates on their way in: what is about the library is written down before it is acknowledged."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError, TimedOut
from telegram.request import BaseRequest

from bot.library.library import Library
from bot.metrics import Metrics
from engine.errors import StoreError

_LOGGER = logging.getLogger(__name__)

# python-telegram-bot warns at each use of a number of seconds; this is its way to opt out.
os.environ.setdefault("PTB_TIMEDELTA", "true")

ALLOWED_UPDATES: Final = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "inline_query",
    "chosen_inline_result",
)
#: Seconds that getUpdates waits at the server, and that the connection waits beyond it.
LONG_POLL: Final = 25
POLL_SLACK: Final = 10
#: Updates that Telegram gives at once.
POLL_LIMIT: Final = 100
#: How far behind the offset may stay for updates that could not be written.
UNACKNOWLEDGED_MAX: Final = 90
PAUSE_FIRST: Final = 0.5
PAUSE_MAX: Final = 30.0
PAUSE_FULL: Final = 1.0


class Intake(asyncio.Queue[object]):
    """The application's queue of updates; `put` returns when an update may be acknowledged.

    Posts of the library are written to the store and worked in from there;
    they do not come out of the queue.
    """

    def __init__(self, library: Library, metrics: Metrics) -> None:
        super().__init__()
        self._library, self._metrics = library, metrics

    async def put(self, item: object) -> None:
        """Take an update.

        Raises
        ------
        StoreError
            It has to be kept but could not be: do not acknowledge it.
        """
        if isinstance(item, Update):
            self._metrics.updates.labels(_kind(item)).inc()
            if self._library.takes(item):
                await self._library.accept(item)
                if item.message is None:
                    return
            elif item.edited_message or item.edited_channel_post:
                return
        await super().put(item)


def _kind(update: Update) -> str:
    return next((kind for kind in ALLOWED_UPDATES if getattr(update, kind)), "other")


class Poller:
    """Long polling in which an offset is only moved past what is safe.

    The library's own loop is not used because it moves the offset by batches,
    and stands still for ever at an update that it cannot read.
    """

    def __init__(self, *, bot: Bot, request: BaseRequest, intake: Intake, library: Library) -> None:
        self._bot, self._request = bot, request
        self._intake, self._library = intake, library
        self._offset = 0
        # While updates wait for a full disk they are delivered again and again.
        self._kept: list[int] = []
        self._seen: set[int] = set()
        self._task: asyncio.Task[None] | None = None
        self._waiting = False
        self._stopping = False
        self.last_answer = time.monotonic()
        self.failed: BaseException | None = None
        self.stopped = asyncio.Event()

    def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._run(), name="poller")

    async def stop(self) -> None:
        """End the poll that waits, or finish the batch in hand; then acknowledge it."""
        self._stopping = True
        if self._task is not None:
            if self._waiting:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._offset and self.failed is None:
            try:
                await self._get(wait=0, limit=1)
            except TelegramError as error:
                _LOGGER.warning("the last updates were not acknowledged: %s", error)

    async def _run(self) -> None:
        pause = PAUSE_FIRST
        try:
            while not self._stopping:
                try:
                    self._waiting = True
                    raw = await self._get(wait=LONG_POLL, limit=POLL_LIMIT)
                    self._waiting = False
                    self.last_answer = time.monotonic()
                    pause = PAUSE_FIRST
                    await self._take(raw)
                except InvalidToken as error:
                    self.failed = error
                    return
                except RetryAfter as error:
                    await asyncio.sleep(_seconds(error))
                except TimedOut:
                    continue
                except TelegramError as error:
                    hint = (
                        " (is another bot process running?)" if isinstance(error, Conflict) else ""
                    )
                    _LOGGER.warning("polling failed, again in %.1f s: %s%s", pause, error, hint)
                    await asyncio.sleep(pause)
                    pause = min(PAUSE_MAX, 2 * pause)
                except Exception:
                    # Whatever it is: a bot that no longer polls is worse.
                    _LOGGER.exception("polling failed, again in %.1f s", pause)
                    await asyncio.sleep(pause)
                    pause = min(PAUSE_MAX, 2 * pause)
        finally:
            self.stopped.set()

    async def _get(self, *, wait: int, limit: int) -> Sequence[Any]:
        parameters = urlencode(
            {
                "offset": self._offset,
                "timeout": wait,
                "limit": limit,
                "allowed_updates": json.dumps(ALLOWED_UPDATES),
            }
        )
        result = await self._request.post(
            f"{self._bot.base_url}/getUpdates?{parameters}", read_timeout=wait + POLL_SLACK
        )
        return result if isinstance(result, list) else []

    async def _take(self, raw: Sequence[Any]) -> None:
        fresh = 0
        for item in raw:
            number = item.get("update_id") if isinstance(item, dict) else None
            if not isinstance(number, int):
                _LOGGER.error("an update without a number was passed over")
                continue
            if number not in self._seen:
                fresh += 1
                await self._take_one(number, item)
            if not self._kept:
                self._offset = number + 1
        if self._kept:
            await self._wait_for_room(raw, fresh)

    async def _take_one(self, number: int, item: dict[str, Any]) -> None:
        try:
            update = Update.de_json(item, self._bot)
        except Exception:
            # Passed over: it would be delivered for ever.
            _LOGGER.exception("update %d cannot be read", number)
            return
        try:
            await self._intake.put(update)
        except StoreError as error:
            _LOGGER.error("update %d cannot be written, it is kept in memory: %s", number, error)
            await self._library.keep(update)
            self._kept.append(number)
        except Exception:
            # Its fields are of types that Telegram never sends.
            _LOGGER.exception("update %d cannot be taken", number)
        if self._kept:
            self._seen.add(number)

    async def _wait_for_room(self, raw: Sequence[Any], fresh: int) -> None:
        """Stay behind with the offset while updates are only in memory."""
        if not self._library.backlog:
            self._offset = max(self._seen) + 1
            self._kept.clear()
            self._seen.clear()
            return
        last = max(self._seen)
        if last - self._kept[0] >= UNACKNOWLEDGED_MAX:
            # Else nobody would be answered any more. They are in memory still.
            self._offset = last + 1
            self._kept.clear()
            self._seen.clear()
            return
        self._offset = self._kept[0]
        if not fresh:
            # The same ones come back at once.
            await asyncio.sleep(PAUSE_FULL)


def _seconds(error: RetryAfter) -> float:
    value = error.retry_after
    return (value.total_seconds() if isinstance(value, timedelta) else float(value)) + 0.1
