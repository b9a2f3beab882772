"""1, 2 and 4 bots behind one address, on one PostgreSQL: answers a second, and what they cost."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from bench.load import ANSWER_SECONDS, FIRST_USER, TOKEN, Plan, Tally, process, run, words_of
from bench.report import Table
from bench.scale import server
from engine.engine import Engine
from tests.user.balancer import Balancer, free_port
from tests.user.client import ChatMessage, LocalUser

COUNTS: Final = (1, 2, 4)
SECRET: Final = "a-secret-of-the-webhook"  # noqa: S105 - of a server that lives for a minute


@asynccontextmanager
async def bots(
    count: int, model: Path, folder: Path, database: str
) -> AsyncIterator[tuple[str, dict[str, int]]]:
    """Start them; the address of the local server, and their process ids."""
    ports = [free_port() for _ in range(count)]
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Balancer(ports))
        _, local = await stack.enter_async_context(
            process(
                "bot.local", "--port", "0", wait_for=r"chat page:\s+(http://[\d.:]+)",
                stream="stdout", LOCAL_BOT_TOKEN=TOKEN,
            )
        )  # fmt: skip
        pids = {}
        for number, port in enumerate(ports):
            pid, _ = await stack.enter_async_context(
                process(
                    "bot", wait_for="ready after", stream="stderr",
                    TELEGRAM_BOT_TOKEN=TOKEN,
                    TELEGRAM_BASE_URL=local[1],
                    TELEGRAM_RATE="0",
                    MODEL=str(model),
                    DATA_DIR=str(folder / f"{count}-{number}"),
                    DATABASE_URL=database,
                    WEBHOOK_URL=f"http://127.0.0.1:{balancer.port}",
                    WEBHOOK_SECRET=SECRET,
                    WEBHOOK_PORT=str(port),
                )
            )  # fmt: skip
            pids[f"bot {number + 1}"] = pid
        yield local[1], pids


async def _asked(
    url: str, pids: dict[str, int], questions: Sequence[str], users: int, seconds: float
) -> Tally:
    async def text(user: LocalUser, rng: random.Random) -> ChatMessage:
        return await user.send_text(rng.choice(questions))

    async with AsyncExitStack() as stack:
        people = [LocalUser(url, user_id=FIRST_USER + number) for number in range(users)]
        for user in people:
            await stack.enter_async_context(user)
            await user.send_text("/privacy")
            await user.wait_reply(ANSWER_SECONDS)
        await run(people[:10], Plan(seconds / 2), text, pids)
        return await run(people, Plan(seconds), text, pids)


async def _measured(model: Path, users: int, seconds: float) -> dict[int, Tally]:
    engine = await asyncio.to_thread(Engine.open, model, threads=1)
    questions = words_of(model, engine)
    del engine
    found = {}
    with tempfile.TemporaryDirectory() as folder, server() as database:
        for count in COUNTS:
            async with bots(count, model, Path(folder), database) as (url, pids):
                found[count] = await _asked(url, pids, questions, users, seconds)
    return found


def measure(model: Path, *, users: int, seconds: float) -> Table:
    """Text questions of so many people at once, for so long."""
    found = asyncio.run(_measured(model.resolve(), users, seconds))
    return Table(
        f"Bots on one PostgreSQL, {users} people who ask texts at once",
        ["bots", "answers a second", "p50, ms", "p95, ms", "lost", "processor ms an answer"],
        [
            [
                str(count),
                len(tally.times) / tally.wall,
                1000 * tally.quantile(0.5),
                1000 * tally.quantile(0.95),
                tally.lost,
                1000 * sum(tally.processor.values()) / max(1, len(tally.times)),
            ]
            for count, tally in found.items()
        ],
        notes=[
            f"{os.cpu_count()} cores for bots, PostgreSQL, the local Bot API server, the balancer "
            "and the people together; processor time is that of the bots.",
        ],
    )
