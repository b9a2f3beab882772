"""Load: many people at once against the real bot process and the local Bot API server.

``python -m bench.load --model data/model`` prints a table of the time to the answer, which is one
picture with its buttons:

- text, paced: each person asks at times of their own, together so many a second, whether or not
  the last answer has come; time is counted from when the question was due
- text, at once: each asks again as soon as the answer is there, which gives the highest rate
- photo, at once: all answered, or told at once that the bot is busy; p95 is set against the bare
  time of the engine for one photo

Then many people ask at Telegram's own limits, simulated, beside the former design: answers a
second, waits, and messages an answer as Telegram counts them.

Server, bot and the people share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from telegram.ext import AIORateLimiter

from bench.telegram import HEAD, Outcome, TelegramLimits, former_design
from bot import loop
from bot.chat.texts import Texts
from bot.local.server import LocalServer
from engine.engine import Engine
from engine.errors import Image2PicError
from tests.user.client import ChatMessage, LocalTimeoutError, LocalUser
from training.commands.common import count, positive, within

TOKEN: Final = "4242:benchmark-benchmark-benchmark"  # noqa: S105 - of a server of our own
FIRST_USER: Final = 20_000
START_SECONDS: Final = 60
ANSWER_SECONDS: Final = 60
TEXT_GOAL_PER_SECOND: Final = 100
TEXT_GOAL_P95: Final = 0.150
BUSY: Final = Texts("en")("busy")


@dataclass
class Tally:
    """What happened to the questions of one run; times in seconds."""

    asked: int = 0
    times: list[float] = field(default_factory=list)
    busy: int = 0
    other: int = 0
    lost: int = 0
    wall: float = 0.0
    processor: dict[str, float] = field(default_factory=dict)

    def quantile(self, share: float) -> float:
        """Time within which that share of the answers came."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def words_of(model: Path, engine: Engine) -> list[str]:
    """Questions: the first words of the library's posts, those that find something."""
    with closing(sqlite3.connect(model / "posts.sqlite")) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE text != '' LIMIT 2000").fetchall()
        engine.load(connection.execute("SELECT key, vector FROM posts"), version=-1)
    texts = [" ".join(re.sub(r"#\w+", " ", text).split()[:5]) for (text,) in rows]

    def finds(text: str) -> bool:
        try:
            return bool(engine.search(engine.query(text=text)).hits)
        except Image2PicError:
            return False

    return [text for text in texts if finds(text)]


def photos_of(model: Path, count: int) -> list[bytes]:
    """Photos of the library's posts."""
    with closing(sqlite3.connect(model / "posts.sqlite")) as connection:
        root = dict(connection.execute("SELECT name, value FROM meta")).get("photo_root", ".")
        rows = connection.execute(
            "SELECT photo FROM posts WHERE photo IS NOT NULL LIMIT ?", (count,)
        ).fetchall()
    return [(model / root / photo).read_bytes() for (photo,) in rows]


@asynccontextmanager
async def process(
    *arguments: str, wait_for: str, stream: str, **environment: str
) -> AsyncIterator[tuple[int, re.Match[str]]]:
    """Run a Python module until the block ends; gives its pid and what its output matched."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE if stream == "stdout" else None,
        stderr=asyncio.subprocess.PIPE if stream == "stderr" else None,
    )
    pipe = child.stdout or child.stderr
    assert pipe is not None
    output = ""
    drain: asyncio.Task[None] | None = None

    async def read_on() -> None:
        while await pipe.read(65_536):
            pass

    try:
        async with asyncio.timeout(START_SECONDS):
            while not (found := re.search(wait_for, output)):
                line = await pipe.readline()
                if not line:
                    raise SystemExit(f"{arguments[0]} did not start:\n{output}")
                output += line.decode(errors="replace")
        drain = asyncio.create_task(read_on())
        yield child.pid, found
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        await child.wait()
        if drain is not None:
            await drain


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used (0 where there is no /proc)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


Ask = Callable[[LocalUser, random.Random], Awaitable[ChatMessage]]


async def answer_to(user: LocalUser, asked: ChatMessage) -> ChatMessage:
    """Return the answer, which is one message: with buttons, or a text that says why not."""
    return await user.wait_reply(ANSWER_SECONDS)


@dataclass(frozen=True)
class Plan:
    """How people ask.

    Attributes
    ----------
    seconds
        For so long.
    limit
        So many questions each, at most.
    pause
        Mean seconds from one question of a person to the next; 0: as soon as it is answered.
    """

    seconds: float
    limit: int = 1_000_000
    pause: float = 0.0


async def person(
    number: int, user: LocalUser, until: float, plan: Plan, ask: Ask, tally: Tally
) -> None:
    """Ask, wait for the whole answer, ask again."""
    rng = random.Random(number)
    due = time.perf_counter() + rng.uniform(0, plan.pause)
    for _ in range(plan.limit):
        if plan.pause:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        else:
            due = time.perf_counter()
        if time.perf_counter() > until:
            return
        tally.asked += 1
        start = due
        due += rng.uniform(0.5, 1.5) * plan.pause
        try:
            answer = await answer_to(user, await ask(user, rng))
        except LocalTimeoutError:
            tally.lost += 1
            continue
        if answer.buttons:
            tally.times.append(time.perf_counter() - start)
        elif answer.text == BUSY:
            tally.busy += 1
        else:
            tally.other += 1


async def run(users: Sequence[LocalUser], plan: Plan, ask: Ask, pids: Mapping[str, int]) -> Tally:
    """All people at once; `pids` are the processes whose processor time is counted."""
    tally = Tally()
    before = {name: processor_time(pid) for name, pid in pids.items()}
    start = time.perf_counter()
    await asyncio.gather(
        *(
            person(number, user, start + plan.seconds, plan, ask, tally)
            for number, user in enumerate(users)
        )
    )
    tally.wall = time.perf_counter() - start
    tally.processor = {name: processor_time(pid) - before[name] for name, pid in pids.items()}
    return tally


def bare_time(engine: Engine, photos: Sequence[bytes]) -> float:
    """Median time of the engine alone for one photo."""
    times = []
    for photo in [photos[0], *photos[:20]]:
        start = time.perf_counter()
        engine.query(photo=photo)
        times.append(time.perf_counter() - start)
    return median(times[1:])


async def main(options: argparse.Namespace) -> int:
    """Measure, print the table; 1 where an answer was lost."""
    engine = await asyncio.to_thread(Engine.open, options.model, threads=1)
    questions = words_of(options.model, engine)
    photos = photos_of(options.model, 200)
    bare = bare_time(engine, photos)
    del engine

    async def text(user: LocalUser, rng: random.Random) -> ChatMessage:
        return await user.send_text(rng.choice(questions))

    async def photo(user: LocalUser, rng: random.Random) -> ChatMessage:
        return await user.send_photo(rng.choice(photos))

    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_RATE": "0",
            "MODEL": str(options.model.resolve()),
            "DATA_DIR": str(Path(folder) / "var"),
        }
        async with (
            process(
                "bot.local", "--port", "0", wait_for=r"chat page:\s+(http://[\d.:]+)",
                stream="stdout", LOCAL_BOT_TOKEN=TOKEN,
            ) as (server, local),
            process(
                "bot", wait_for="ready after", stream="stderr",
                TELEGRAM_BASE_URL=local[1], **environment,
            ) as (bot, _),
        ):  # fmt: skip
            url = local[1]
            pids = {"bot": bot, "server": server, "people": os.getpid()}
            users = [LocalUser(url, user_id=FIRST_USER + n) for n in range(options.users)]
            async with AsyncExitStack() as stack:
                for user in users:
                    await stack.enter_async_context(user)
                    await user.send_text("/privacy")
                    await user.wait_reply(ANSWER_SECONDS)
                # First everything is uploaded once, so that sending is by file_id as it soon is.
                await run(users[:10], Plan(options.seconds / 2), text, pids)
                pause = options.users / TEXT_GOAL_PER_SECOND
                rows = {
                    "text, paced": await run(users, Plan(options.seconds, pause=pause), text, pids),
                    "text, at once": await run(users, Plan(options.seconds), text, pids),
                    "photo, at once": await run(
                        users, Plan(600, limit=options.photos), photo, pids
                    ),
                }
    print(table(options.users, rows, bare))
    print()
    print(await at_the_limits(options, questions))
    return 1 if any(tally.lost for tally in rows.values()) else 0


async def at_the_limits(options: argparse.Namespace, questions: Sequence[str]) -> str:
    """Let many people ask a bot that Telegram's limits hold back; beside it the former design."""
    limits = TelegramLimits()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            LocalServer(TOKEN, middlewares=[limits.middleware]) as server,
            process(
                "bot",
                wait_for="ready after",
                stream="stderr",
                TELEGRAM_BOT_TOKEN=TOKEN,
                TELEGRAM_BASE_URL=server.url,
                MODEL=str(options.model.resolve()),
                DATA_DIR=str(Path(folder) / "var"),
            ) as (bot, _),
            AsyncExitStack() as stack,
        ):
            users = [LocalUser(server.url, user_id=FIRST_USER + n) for n in range(options.crowd)]
            for user in users:
                await stack.enter_async_context(user)

            async def text(user: LocalUser, rng: random.Random) -> ChatMessage:
                return await user.send_text(rng.choice(questions))

            plan = Plan(options.crowd_seconds)
            tally = await run(users, plan, text, {"bot": bot})
    here = Outcome(
        len(tally.times), tally.wall, tally.times, limits.messages.total(), limits.refused,
        tally.lost,
    )  # fmt: skip
    former = await former_design(
        AIORateLimiter(overall_max_rate=30, max_retries=5), options.crowd, options.crowd_seconds
    )
    return "\n".join(
        [
            f"{options.crowd} people, each asking again as soon as answered; told busy: "
            f"{tally.busy}; by method: {dict(limits.messages)}",
            "",
            *HEAD,
            here.row("one picture"),
            former.row("eight messages (simulated)"),
        ]
    )


def table(users: int, rows: Mapping[str, Tally], bare: float) -> str:
    """Lay out the result in Markdown."""
    lines = [
        f"{users} people; {os.cpu_count()} cores for server, bot and people together, load of the "
        f"machine {os.getloadavg()[0]:.1f}",
        "",
        "| questions | asked | answered | busy | other | lost | a second | p50 ms | p95 ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, tally in rows.items():
        lines.append(
            f"| {name} | {tally.asked} | {len(tally.times)} | {tally.busy} | {tally.other} "
            f"| {tally.lost} | {len(tally.times) / tally.wall:.1f} "
            f"| {1000 * tally.quantile(0.5):.0f} | {1000 * tally.quantile(0.95):.0f} |"
        )
    paced, fast, photo = rows.values()
    spent = ", ".join(
        f"{name} {1000 * seconds / max(1, len(fast.times)):.1f}"
        for name, seconds in fast.processor.items()
    )
    met = paced.quantile(0.95) < TEXT_GOAL_P95 and len(paced.times) == paced.asked
    lines += [
        "",
        f"Goal of {TEXT_GOAL_PER_SECOND} text answers a second with p95 under "
        f"{1000 * TEXT_GOAL_P95:.0f} ms: {'met' if met else 'not met'}.",
        f"Processor time for one text answer, in ms: {spent}.",
        f"One photo in the engine alone: {1000 * bare:.0f} ms; p95 of a photo question is "
        f"{photo.quantile(0.95) / bare:.1f} times that, with everybody asking at once.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("data/model"))
    parser.add_argument("--users", type=positive, default=50)
    parser.add_argument("--seconds", type=within(float, 0), default=20, help="of text questions")
    parser.add_argument("--crowd", type=count, default=200, help="people at Telegram's limits")
    parser.add_argument(
        "--crowd-seconds", type=within(float, 0), default=60, help="of their questions"
    )
    parser.add_argument("--photos", type=count, default=5, help="photo questions of each person")
    sys.exit(loop.run(main(parser.parse_args())))
