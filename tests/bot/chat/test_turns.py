"""Fair turns."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.chat.turns import Turns
from bot.work import BusyError


async def asked(turns: Turns, order: list[str], name: str, chat: int, person: int) -> None:
    async with turns.turn(chat, person):
        order.append(name)
        await asyncio.sleep(0.001)


async def test_who_asks_a_lot_waits_behind_the_others() -> None:
    turns, order = Turns(slots=1, patience=60), list[str]()
    flood = [asyncio.create_task(asked(turns, order, f"flood {n}", 1, 1)) for n in range(50)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(asked(turns, order, f"other {n}", n, n)) for n in range(2, 12)]
    await asyncio.gather(*flood, *others)
    assert max(order.index(f"other {n}") for n in range(2, 12)) < 15
    assert [name for name in order if name.startswith("flood")] == [f"flood {n}" for n in range(50)]
    assert turns.waiting == 0


async def test_people_of_a_group_take_turns_and_the_group_has_one_at_a_time() -> None:
    turns, order = Turns(slots=8, patience=60), list[str]()
    flood = [asyncio.create_task(asked(turns, order, f"flood {n}", -5, 1)) for n in range(20)]
    other = asyncio.create_task(asked(turns, order, "other", -5, 2))
    await asyncio.gather(*flood, other)
    assert order.index("other") <= 2
    at_once = asyncio.create_task(asked(turns, order, "elsewhere", 7, 7))
    await at_once
    assert order[-1] == "elsewhere"


async def test_the_queue_is_bounded_by_time_not_by_count() -> None:
    turns, order = Turns(slots=2, patience=3.0), list[str]()
    gate = asyncio.Event()

    async def held(chat: int) -> None:
        async with turns.turn(chat, chat):
            await gate.wait()

    tasks = [asyncio.create_task(held(chat)) for chat in range(2)]
    await asyncio.sleep(0)
    count = 0
    while turns.expected_wait(999) <= 3.0:
        tasks.append(asyncio.create_task(asked(turns, order, "", 100 + count, 1)))
        await asyncio.sleep(0)
        count += 1
    assert 5 < count < 200
    with pytest.raises(BusyError):
        async with turns.turn(999, 1):
            pass
    gate.set()
    await asyncio.gather(*tasks)
    assert len(order) == count
    assert turns.expected_wait(999) == 0


async def test_a_flood_of_one_is_refused_while_others_are_answered() -> None:
    turns, order = Turns(slots=4, patience=3.0), list[str]()
    tasks, refused = [], 0
    for _ in range(100):
        if turns.expected_wait(1) > 3.0:
            refused += 1
            continue
        tasks.append(asyncio.create_task(asked(turns, order, "flood", 1, 1)))
        await asyncio.sleep(0)
    assert refused > 50
    assert turns.expected_wait(2) < 1
    await asyncio.gather(*tasks)


async def test_a_chat_that_telegram_holds_back_is_not_waited_for() -> None:
    turns = Turns(slots=4, patience=3.0, delay=lambda chat: 60.0 if chat == -5 else 0.0)
    with pytest.raises(BusyError):
        async with turns.turn(-5, 1):
            pass
    async with turns.turn(1, 1):
        pass


async def test_one_that_gives_up_leaves_its_place() -> None:
    turns, order = Turns(slots=1, patience=60), list[str]()
    first = asyncio.create_task(asked(turns, order, "first", 1, 1))
    await asyncio.sleep(0)
    second = asyncio.create_task(asked(turns, order, "second", 2, 2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    await asked(turns, order, "third", 3, 3)
    assert order == ["first", "third"]
    assert turns.waiting == 0


async def test_a_malformed_update_without_a_chat_stops_nobody() -> None:
    turns, order = Turns(slots=2, patience=60), list[str]()
    nowhere: Any = None
    names = [(nowhere, "malformed"), (1, "first"), (2, "second")]
    await asyncio.wait_for(
        asyncio.gather(*(asked(turns, order, name, chat, 1) for chat, name in names)), 5
    )
    assert order == ["malformed", "first", "second"]
