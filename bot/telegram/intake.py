"""Updates on their way in: what is about the library is written down before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from telegram import Bot, Update
from telegram.error import InvalidToken
from telegram.ext import BaseUpdateProcessor, ExtBot

from bot.library.library import ENDED_MAX, Library
from bot.metrics import Metrics
from bot.telegram.questions import Questions
from engine.errors import StoreError

_LOGGER = logging.getLogger(__name__)

# python-telegram-bot warns at each use of a number of seconds; this is its way to opt out.
os.environ.setdefault("PTB_TIMEDELTA", "true")

ALLOWED_UPDATES: Final = (
    *("message", "edited_message", "channel_post", "edited_channel_post"),
    *("callback_query", "inline_query", "chosen_inline_result", "my_chat_member"),
)
#: Seconds that getUpdates waits at the server.
LONG_POLL: Final = 25
#: Updates in hand beyond which none are taken: Telegram keeps them meanwhile.
IN_HAND_MAX: Final = 1000
#: Numbers of updates that are remembered, so that one delivered again is known.
REMEMBERED: Final = 10_000
#: How far behind the offset may stay for updates that could not be written.
UNACKNOWLEDGED_MAX: Final = 90
PAUSE_FULL: Final = 1.0


class Processor(BaseUpdateProcessor):
    """Handles updates at once, however many: it is the answers that take turns."""

    def __init__(self, questions: Questions) -> None:
        super().__init__(100 * IN_HAND_MAX)
        self._questions = questions
        self._in_hand = 0
        self._room = asyncio.Event()
        self._room.set()

    async def initialize(self) -> None:
        """Nothing to do."""

    async def shutdown(self) -> None:
        """Nothing to do."""

    def taken(self) -> None:
        """Count an update that will be handled."""
        self._in_hand += 1
        if self._in_hand >= IN_HAND_MAX:
            self._room.clear()

    async def room(self) -> None:
        """Wait until there are not too many in hand."""
        await self._room.wait()

    async def do_process_update(self, update: object, coroutine: Any) -> None:
        """Handle an update."""
        try:
            await coroutine
            # Not where it was cancelled: then it is answered after the next start.
            if isinstance(update, Update):
                await self._questions.handled(update.update_id)
        finally:
            self._in_hand -= 1
            if self._in_hand < IN_HAND_MAX:
                self._room.set()


class Intake(asyncio.Queue[object]):
    """The application's queue of updates; `put` returns when an update may be acknowledged.

    Posts of the library are written to the store and processed from there; they do not come out of
    the queue. An update that is delivered twice comes out once.
    """

    def __init__(
        self, library: Library, metrics: Metrics, processor: Processor, questions: Questions
    ) -> None:
        super().__init__()
        self._library, self._metrics, self._processor = library, metrics, processor
        self._questions = questions
        self._seen: OrderedDict[int, None] = OrderedDict()
        #: Updates that are only in memory, for the disk is full.
        self.kept: list[int] = []
        #: Awaited for a question that is set aside, for it ended the bot.
        self.on_set_aside: Callable[[Update], Awaitable[None]] | None = None
        self._suspects: asyncio.Queue[list[Update]] = asyncio.Queue()

    async def put(self, item: object) -> None:
        """Take an update; one of the library is in the store, or in `kept`, when this returns."""
        if isinstance(item, Update):
            try:
                if not await self._is_to_handle(item):
                    return
            except Exception:
                # Its fields are of types that Telegram never sends. An error would end the polling.
                _LOGGER.exception("update %d cannot be taken", item.update_id)
                return
            finally:
                self._remember(item.update_id)
            await self._processor.room()
        self._processor.taken()
        await super().put(item)

    async def _is_to_handle(self, update: Update) -> bool:
        """Write down what is of the library; whether there is more to do with the update."""
        if update.update_id in self._seen:
            return False
        await self._questions.take([update])
        if self._questions.is_known(update.update_id):
            return False
        self._metrics.updates.labels(_kind(update)).inc()
        if self._library.takes(update):
            await self._write(update)
            return update.message is not None
        return not (update.edited_message or update.edited_channel_post)

    def _remember(self, number: int) -> None:
        self._seen[number] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def _write(self, update: Update) -> None:
        try:
            await self._library.accept(update)
        except StoreError as error:
            number = update.update_id
            _LOGGER.error("update %d cannot be written, it is kept in memory: %s", number, error)
            await self._library.keep(update)
            self.kept.append(number)

    async def take(self, updates: Sequence[Update]) -> None:
        """Write down the questions among updates that come together."""
        await self._questions.take([one for one in updates if one.update_id not in self._seen])

    async def resume(self, bot: Bot) -> None:
        """Hand on the questions that earlier processes left, but for those that ended them."""
        for updates, ended in await self._questions.left_over(bot):
            first = updates[0]
            if ended >= ENDED_MAX:
                _LOGGER.error("question %d ended the bot: it is set aside", first.update_id)
                if self.on_set_aside is not None:
                    await self.on_set_aside(first)
                await self._questions.answered(first.update_id)
            elif ended:
                self._suspects.put_nowait(updates)
            else:
                await self._hand_on(updates)

    async def hand_on_suspects(self) -> None:
        """Hand on one by one what was being answered when a process ended: one of it ended it."""
        while True:
            updates = await self._suspects.get()
            await self._hand_on(updates)
            await self._questions.closed(updates[0].update_id)

    async def _hand_on(self, updates: Sequence[Update]) -> None:
        for update in updates:
            self._remember(update.update_id)
            self._processor.taken()
            await super().put(update)

    def acknowledged(self, offset: int) -> int:
        """The offset up to which updates may be acknowledged, at most the one given."""
        if not self.kept:
            return offset
        if not self._library.backlog or offset - self.kept[0] >= UNACKNOWLEDGED_MAX:
            # Further behind, nobody would be answered any more. They are in memory still.
            self.kept.clear()
            return offset
        return self.kept[0]

    def fresh(self, updates: Sequence[Update]) -> bool:
        """Whether any of the updates is new."""
        return any(update.update_id not in self._seen for update in updates)


def _kind(update: Update) -> str:
    return next((kind for kind in ALLOWED_UPDATES if getattr(update, kind)), "other")


class PollingBot(ExtBot[None]):
    """A bot whose polling stays behind with the offset while updates are only in memory."""

    def __init__(self, *args: Any, refused: Callable[[], None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._refused = refused
        self._intake: Intake | None = None
        self._last_answer = time.monotonic()

    def attach(self, intake: Intake) -> None:
        """Say where the updates go."""
        self._intake = intake

    @property
    def last_answer(self) -> float:
        """When getUpdates was last answered, by `time.monotonic`."""
        return self._last_answer

    async def get_updates(self, offset: int | None = None, *args: Any, **more: Any) -> Any:
        """See `telegram.Bot.get_updates`."""
        assert self._intake is not None
        behind = bool(self._intake.kept)
        if offset is not None and behind:
            offset = self._intake.acknowledged(offset)
        try:
            updates = await super().get_updates(offset, *args, **more)
        except InvalidToken:
            self._refused()
            raise
        self._last_answer = time.monotonic()
        await self._intake.take(updates)
        if behind and not self._intake.fresh(updates):
            # The same ones come back at once.
            await asyncio.sleep(PAUSE_FULL)
        return updates
