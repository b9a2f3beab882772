"""Fair turns: whoever asks a lot waits behind the others, and nobody waits for long."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from bot.work import BusyError

#: Weight of the newest answer in the mean of how long answers take.
SMOOTHING: Final = 0.1
#: Seconds that an answer is taken to last before any was given.
FIRST_GUESS: Final = 0.3


class Turns:
    """A queue in which chats take turns, and the people of a chat among themselves.

    A chat has one answer in the making at a time: a group that Telegram lets hear twenty messages a
    minute holds up itself alone.

    Parameters
    ----------
    slots
        Answers in the making at a time.
    patience
        Seconds; who would wait longer is told that the bot is busy.
    delay
        Seconds until Telegram takes one message more for a chat.
    """

    def __init__(
        self, *, slots: int, patience: float, delay: Callable[[int], float] = lambda _: 0.0
    ) -> None:
        self._slots, self._patience, self._delay = slots, patience, delay
        self._chats: OrderedDict[int, OrderedDict[int, deque[asyncio.Future[None]]]] = OrderedDict()
        self._waiting_in: dict[int, int] = {}
        self._answering: set[int] = set()
        self._lasts = FIRST_GUESS

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(self._waiting_in.values())

    @property
    def answering(self) -> int:
        """How many answers are in the making."""
        return len(self._answering)

    def expected_wait(self, chat: int) -> float:
        """Seconds that a new question in a chat would wait, as far as is known now."""
        rounds = self._waiting_in.get(chat, 0) + (chat in self._answering)
        others = sum(
            min(count, rounds + 1) for name, count in self._waiting_in.items() if name != chat
        )
        free = max(0, self._slots - len(self._answering))
        ahead = max(0, others - free)
        own = max(rounds * self._lasts, self._delay(chat))
        return own + ahead * self._lasts / self._slots

    @asynccontextmanager
    async def turn(self, chat: int, person: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it while the body runs.

        Raises
        ------
        BusyError
            At once, where it would take too long.
        """
        if self.expected_wait(chat) > self._patience:
            raise BusyError("there are too many questions")
        await self._enter(chat, person)
        start = time.monotonic()
        try:
            yield
        finally:
            self._lasts += SMOOTHING * (time.monotonic() - start - self._lasts)
            self._answering.discard(chat)
            self._next()

    def close(self) -> None:
        """Send away those who wait: the bot is about to end."""
        for people in self._chats.values():
            for line in people.values():
                for waiter in line:
                    waiter.cancel()

    async def _enter(self, chat: int, person: int) -> None:
        waiter = asyncio.get_running_loop().create_future()
        people = self._chats.setdefault(chat, OrderedDict())
        people.setdefault(person, deque()).append(waiter)
        self._waiting_in[chat] = self._waiting_in.get(chat, 0) + 1
        self._next()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # Its turn had come.
                self._answering.discard(chat)
                self._next()
            raise

    def _next(self) -> None:
        while len(self._answering) < self._slots:
            free = (
                (chat, self._chats[chat]) for chat in self._chats if chat not in self._answering
            )
            found = next(free, None)
            if found is None:
                return
            chat, people = found
            person, line = next(iter(people.items()))
            waiter = line.popleft()
            if line:
                people.move_to_end(person)
            else:
                del people[person]
            self._waiting_in[chat] -= 1
            if people:
                self._chats.move_to_end(chat)
            else:
                del self._chats[chat], self._waiting_in[chat]
            if not waiter.done():
                self._answering.add(chat)
                waiter.set_result(None)
