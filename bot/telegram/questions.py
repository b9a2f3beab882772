"""Questions are written down before they are acknowledged, and answered once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from telegram import Bot, Update

from bot.library.store import Store
from engine.errors import StoreError

_LOGGER = logging.getLogger(__name__)

#: Seconds after which answered questions are marked so, together.
FLUSH_EVERY: Final = 0.5


class Questions:
    """What was asked and is not answered yet.

    A question that was cut off before its answer was begun is answered after the next start. One
    whose answer was begun is not: perhaps it was sent. One that Telegram delivers again is known.

    Parameters
    ----------
    is_question
        Whether an update will be answered.
    """

    def __init__(self, store: Store, is_question: Callable[[Update], bool]) -> None:
        self._store, self._is_question = store, is_question
        self._open: set[int] = set()
        self._known: set[int] = set()
        self._held: set[int] = set()
        self._done: list[int] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to mark what was answered."""
        self._task = asyncio.create_task(self._flush_often(), name="questions")

    async def stop(self) -> None:
        """Mark the last ones."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    async def take(self, updates: Sequence[Update]) -> None:
        """Write down those of the updates that are questions, in one transaction."""
        asked = [
            update
            for update in updates
            if update.update_id not in self._open and self._asks(update)
        ]
        if not asked:
            return
        try:
            new = await self._store.take(
                [(update.update_id, update.to_json(), _album(update)) for update in asked]
            )
        except StoreError as error:
            # They are answered all the same, if the bot lives.
            _LOGGER.error("questions are not written down: %s", error)
            return
        self._open |= new
        self._known = {update.update_id for update in asked} - new

    def _asks(self, update: Update) -> bool:
        # Fields of types that Telegram never sends may raise anything.
        with suppress(Exception):
            return self._is_question(update)
        return False

    def is_known(self, update_id: int) -> bool:
        """Whether an update was delivered before, perhaps to an earlier process."""
        return update_id in self._known

    async def left_over(self, bot: Bot) -> list[Update]:
        """Questions that an earlier process did not begin to answer."""
        updates = []
        for number, payload in await self._store.open_questions():
            try:
                update = Update.de_json(json.loads(payload), bot)
            except Exception:
                _LOGGER.exception("question %d cannot be read", number)
                self._done.append(number)
                continue
            self._open.add(number)
            updates.append(update)
        return updates

    async def album(self, mine: Sequence[Update], bot: Bot) -> list[Update]:
        """All photos of an album, also those that other bots took; none where one has answered.

        Parameters
        ----------
        mine
            Those that came here.
        """
        if not mine or not self._store.sync.shared:
            return list(mine)
        payloads = await self._store.claim_album(_album(mine[0]))
        updates = [Update.de_json(json.loads(payload), bot) for payload in payloads]
        return sorted(updates, key=lambda one: one.message.message_id if one.message else 0)

    async def begin(self, update_id: int) -> None:
        """Say that an answer is about to be sent."""
        if update_id in self._open:
            try:
                await self._store.begun(update_id)
            except StoreError as error:
                _LOGGER.error("question %d may be answered twice: %s", update_id, error)

    def hold(self, update_id: int) -> None:
        """Say that a question is answered later than it is handled (an album)."""
        self._held.add(update_id)

    def handled(self, update_id: int) -> None:
        """Say that an update was handled; it is answered then, unless it is held."""
        if update_id not in self._held:
            self.answered(update_id)

    def answered(self, update_id: int) -> None:
        """Say that a question is answered."""
        self._held.discard(update_id)
        if update_id in self._open:
            self._open.discard(update_id)
            self._done.append(update_id)

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            await self._flush()

    async def _flush(self) -> None:
        done, self._done = self._done, []
        if done:
            try:
                await self._store.answered(done)
            except StoreError as error:
                _LOGGER.error("questions are not marked as answered: %s", error)
                self._done += done


def _album(update: Update) -> str:
    """What is the same for all photos of an album; nothing for other messages."""
    message = update.message
    if message is None or message.media_group_id is None:
        return ""
    return f"{message.chat_id} {message.media_group_id}"
