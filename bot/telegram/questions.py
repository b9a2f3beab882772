"""Questions are written down before they are acknowledged, and answered once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from telegram import Bot, Update

from bot.library.store import Store
from engine.errors import StoreError

_LOGGER = logging.getLogger(__name__)


class Questions:
    """What was asked and is not answered yet.

    A question is noted as answered as soon as its answer is sent: one that a kill cut off before
    is answered after the next start, however often that happens. One that Telegram delivers again
    is known.

    Parameters
    ----------
    is_question
        Whether an update will be answered.
    """

    def __init__(self, store: Store, is_question: Callable[[Update], bool]) -> None:
        self._store, self._is_question = store, is_question
        #: Numbers of updates, each with its album.
        self._open: dict[int, str] = {}
        self._known: set[int] = set()
        self._held: set[int] = set()
        self._done: list[int] = []
        self._waits: dict[int, asyncio.Event] = {}

    async def stop(self) -> None:
        """Note what is answered; what is not waits for the next start."""
        await self._note()
        with suppress(StoreError):
            await self._store.release_questions()

    async def take(self, updates: Sequence[Update]) -> None:
        """Write down those of the updates that are questions, in one transaction."""
        asked = {
            update.update_id: update
            for update in updates
            if update.update_id not in self._open and self._asks(update)
        }
        if not asked:
            return
        try:
            new = await self._store.take(
                [(number, update.to_json(), _album(update)) for number, update in asked.items()]
            )
        except StoreError as error:
            # They are answered all the same, if the bot lives.
            _LOGGER.error("questions are not written down: %s", error)
            return
        self._open |= {number: _album(asked[number]) for number in new}
        self._known = asked.keys() - new

    def _asks(self, update: Update) -> bool:
        # Fields of types that Telegram never sends may raise anything.
        with suppress(Exception):
            return self._is_question(update)
        return False

    def is_known(self, update_id: int) -> bool:
        """Whether an update was delivered before, perhaps to an earlier process."""
        return update_id in self._known

    async def left_over(self, bot: Bot) -> list[tuple[list[Update], int]]:
        """Questions that earlier processes did not answer.

        Returns
        -------
        list of (list of Update, int)
            Photos of an album together; how many processes ended while they answered it.
        """
        found: dict[str, tuple[list[Update], int]] = {}
        for number, payload, album, ended in await self._store.open_questions():
            if number in self._open:
                continue
            self._open[number] = album
            try:
                update = Update.de_json(json.loads(payload), bot)
            except Exception:
                _LOGGER.exception("question %d cannot be read", number)
                await self.answered(number)
                continue
            updates, before = found.get(album or str(number), ([], 0))
            found[album or str(number)] = ([*updates, update], max(ended, before))
        return list(found.values())

    async def album(self, photos: Sequence[Update], bot: Bot) -> list[Update]:
        """All photos of an album, also those that other bots took; none where one has answered.

        Parameters
        ----------
        photos
            Those that came here.
        """
        if not photos or not self._store.sync.shared:
            return list(photos)
        album = _album(photos[0])
        claimed = await self._store.claim_album(album)
        if not claimed:
            for update in photos:
                self._close(update.update_id)
        self._open |= {number: album for number, _ in claimed}
        updates = [Update.de_json(json.loads(payload), bot) for _, payload in claimed]
        return sorted(updates, key=lambda one: one.message.message_id if one.message else 0)

    async def begin(self, update_id: int) -> None:
        """Write down that a question is being answered."""
        if update_id in self._open:
            try:
                await self._store.begun(update_id)
            except StoreError as error:
                _LOGGER.error("it is not written down what is being answered: %s", error)

    def hold(self, update_id: int) -> None:
        """Say that a question is answered later than it is handled (an album)."""
        self._held.add(update_id)

    async def handled(self, update_id: int) -> None:
        """Say that an update was handled; it is answered then, unless it is held."""
        if update_id not in self._held:
            await self.answered(update_id)

    async def answered(self, update_id: int) -> None:
        """Note that a question is answered, and with it the other photos of its album."""
        self._held.discard(update_id)
        album = self._open.get(update_id)
        if album is None:
            return
        numbers = [number for number, other in self._open.items() if album and other == album]
        for number in numbers or [update_id]:
            self._close(number)
            self._done.append(number)
        await self._note()

    async def closed(self, update_id: int) -> None:
        """Wait until a question is no longer open."""
        if update_id in self._open:
            await self._waits.setdefault(update_id, asyncio.Event()).wait()

    def _close(self, update_id: int) -> None:
        self._open.pop(update_id, None)
        if wait := self._waits.pop(update_id, None):
            wait.set()

    async def _note(self) -> None:
        done, self._done = self._done, []
        if done:
            try:
                await self._store.answered(done)
            except StoreError as error:
                # With the next one, or at the end.
                _LOGGER.error("questions are not marked as answered: %s", error)
                self._done += done


def _album(update: Update) -> str:
    """What is the same for all photos of an album; nothing for other messages."""
    message = update.message
    if message is None or message.media_group_id is None:
        return ""
    return f"{message.chat_id} {message.media_group_id}"
