from __future__ import annotations

import asyncio
import threading
import time

import pytest

from bot.work import Work


async def test_the_loop_goes_on_meanwhile() -> None:
    work = Work(workers=2)
    try:
        task = asyncio.create_task(work.run(time.sleep, 0.3))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        assert ticks > 10
    finally:
        work.close()


async def test_who_gives_up_is_counted_until_the_thread_is_done() -> None:
    work = Work(workers=1)
    gate = threading.Event()
    try:
        task = asyncio.create_task(work.run(gate.wait))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert work.pending == 1
        gate.set()
        await asyncio.sleep(0.1)
        assert work.pending == 0
    finally:
        gate.set()
        work.close()


async def test_errors_come_through() -> None:
    work = Work(workers=1)

    def fail() -> None:
        raise ValueError("no")

    try:
        with pytest.raises(ValueError, match="no"):
            await work.run(fail)
        await asyncio.sleep(0.01)
        assert work.pending == 0
    finally:
        work.close()


async def test_the_library_does_not_wait_for_questions() -> None:
    work = Work(workers=1)
    gate = threading.Event()
    try:
        task = asyncio.create_task(work.run(gate.wait))
        assert await asyncio.wait_for(work.run_for_library(lambda: 1), 1) == 1
        gate.set()
        await task
    finally:
        gate.set()
        work.close()
