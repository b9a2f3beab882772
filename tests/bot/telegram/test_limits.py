"""Telegram's limits: kept by the bot itself, and one chat's silence is its own."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from telegram.error import RetryAfter

from bench.telegram import TelegramLimits, former_design
from bot.library.store import Store
from bot.telegram.limits import ACTION, RETRIES, SendingLimits
from engine.store.postgres import PostgresStore

SCALE = 10.0
"""Limits of chats are ten times as high here, so that the tests need not wait."""


def noted(times: list[float]) -> Callable[..., Coroutine[Any, Any, bool]]:
    async def call() -> bool:
        times.append(time.monotonic())
        return True

    return call


async def send(
    limits: SendingLimits, chat: int, times: list[float], method: str = "sendPhoto", **more: Any
) -> Any:
    data = {"chat_id": chat, **more}
    return await limits.process_request(noted(times), (), {}, method, data, None)


async def test_a_private_chat_gets_one_a_second() -> None:
    limits, times = SendingLimits(1000, scale=SCALE), list[float]()
    await asyncio.gather(*(send(limits, 1, times) for _ in range(6)))
    assert min(after - before for before, after in itertools.pairwise(times)) > 0.9 / SCALE


async def test_a_group_gets_twenty_a_minute() -> None:
    limits, times = SendingLimits(1000, scale=SCALE), list[float]()
    await asyncio.gather(*(send(limits, -1, times) for _ in range(23)))
    # Some at one a second, then slower: never more than twenty in a minute.
    assert times[7] - times[0] < 10 / SCALE
    assert times[20] - times[0] > 55 / SCALE
    assert limits.delay(-1) > 0
    assert limits.delay(-2) == 0


async def test_all_chats_together_get_thirty_a_second() -> None:
    limits, times = SendingLimits(30), list[float]()
    await asyncio.gather(*(send(limits, chat, times) for chat in range(1, 46)))
    assert 1.2 < times[-1] - times[0] < 2.5


async def test_an_album_counts_as_many_as_it_has_photos() -> None:
    limits, times = SendingLimits(30), list[float]()
    media = ["a"] * 10
    for chat in (1, 2, 3):
        await send(limits, chat, times, "sendMediaGroup", media=media)
    assert times[2] - times[0] > 0.4


async def test_actions_count_and_never_hold_back_an_answer() -> None:
    limits, times = SendingLimits(1000, scale=SCALE), list[float]()
    await send(limits, 1, times, ACTION)
    await send(limits, 1, times, ACTION)
    # The second would have come late: it was left out.
    assert len(times) == 1
    await send(limits, 1, times)
    assert times[1] - times[0] > 0.9 / SCALE


async def test_one_chats_429_stops_that_chat_alone() -> None:
    limits, times = SendingLimits(1000, scale=SCALE), list[float]()
    refused = 0

    async def refusing() -> bool:
        nonlocal refused
        refused += 1
        if refused == 1:
            raise RetryAfter(timedelta(seconds=1))
        return True

    start = time.monotonic()
    task = asyncio.create_task(
        limits.process_request(refusing, (), {}, "sendPhoto", {"chat_id": 1}, None)
    )
    await asyncio.sleep(0.05)
    for chat in range(2, 12):
        await send(limits, chat, times)
    assert time.monotonic() - start < 0.7
    assert limits.delay(1) > 0.3
    assert await task
    assert time.monotonic() - start >= 1


async def test_a_chat_that_is_always_refused_is_given_up() -> None:
    counted = itertools.count()
    limits = SendingLimits(1000, scale=SCALE, refused=lambda: next(counted))

    async def refusing() -> bool:
        raise RetryAfter(timedelta(seconds=0))

    with pytest.raises(RetryAfter):
        await limits.process_request(refusing, (), {}, "sendPhoto", {"chat_id": 1}, None)
    assert next(counted) == RETRIES + 1


async def test_answers_to_presses_are_not_held_back() -> None:
    limits, times = SendingLimits(30), list[float]()
    start = time.monotonic()
    for _ in range(100):
        await limits.process_request(noted(times), (), {}, "answerCallbackQuery", {}, None)
    assert time.monotonic() - start < 0.5


async def test_a_simulated_telegram_refuses_nothing_that_keeps_to_the_limits() -> None:
    telegram, times = TelegramLimits(), list[float]()
    limits = SendingLimits(30)

    async def person(chat: int) -> None:
        for _ in range(3):

            async def call() -> bool:
                assert telegram.take("sendPhoto", str(chat), 1) == 0
                times.append(time.monotonic())
                return True

            await limits.process_request(call, (), {}, "sendPhoto", {"chat_id": chat}, None)

    await asyncio.gather(*(person(chat) for chat in range(1, 21)))
    assert telegram.refused == 0
    assert len(times) == 60


@pytest.mark.parametrize("together", [True, False])
async def test_bots_that_share_a_database_keep_to_the_limits_together(
    postgres_url: str, together: bool
) -> None:
    store = Store(PostgresStore(postgres_url, bot=1))
    telegram = TelegramLimits()
    # What one bot may send alone, three do.
    bots = [SendingLimits(30, reserve=store.reserve if together else None) for _ in "123"]

    async def send_to(limits: SendingLimits, chat: int) -> None:
        async def call() -> bool:
            telegram.take("sendPhoto", str(chat), 1)
            return True

        await limits.process_request(call, (), {}, "sendPhoto", {"chat_id": chat}, None)

    sent = [send_to(limits, 100 * n + m) for n, limits in enumerate(bots) for m in range(1, 31)]
    await asyncio.gather(*sent)
    await store.close()
    assert (telegram.refused == 0) is together


async def test_the_former_design_costs_eight_messages() -> None:
    outcome = await former_design(SendingLimits(0), 3, 0.5)
    assert outcome.answers == 0 or outcome.messages / outcome.answers >= 8
