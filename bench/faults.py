"""Faults: a bot that is killed again and again, damaged files, and a long run of questions.

The real process against the local Bot API server, as in ``tests/e2e``. ``python -m bench.faults``
prints the table (``python -m bench faults`` keeps it with the others).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from bench.report import Goal, Table
from bot.app import open_engine, open_gate, open_library
from bot.library import seed
from bot.settings import Settings
from engine.errors import Image2PicError
from engine.files import model_folder
from tests.e2e.conftest import TOKEN, bot_process, environment
from tests.e2e.test_faults import small_photo
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

POSTS = 5
"""Posts that come while the bot of one round lives."""

QUESTION = "sunset over the sea"
SETTLE = 180.0
PATIENCE = 20.0
WARM = 50


async def killed(model: Path, rounds: int, seed_: int = 0) -> tuple[Counter[str], int]:
    """Posts in the library by their text, and answers in the chat, after so many kill -9."""
    rng = random.Random(seed_)
    with tempfile.TemporaryDirectory() as name:
        server = FaultyServer(TOKEN)
        async with server, LocalUser(server.url, timeout=60) as anna:
            variables = environment(server, model, Path(name))
            library = Path(variables["DATA_DIR"]) / "library.sqlite"
            for number in range(rounds):
                async with bot_process((), None, **variables) as bot:
                    # A question that ended two processes is not tried a third time: so the one of
                    # the last round is answered before this process is killed, too.
                    await _until_answered(anna, number, PATIENCE)
                    for post in range(number * POSTS, (number + 1) * POSTS):
                        text = f"sunset over the sea number{post}"
                        await anna.send_photo(small_photo(post), text, chat_id=anna.channel_id)
                    await anna.send_text(QUESTION)
                    await asyncio.sleep(rng.uniform(0.0, 1.0))
                    await bot.end(signal.SIGKILL)
            async with bot_process((), None, **variables) as bot:
                await _until_answered(anna, rounds, PATIENCE)
                end = time.monotonic() + SETTLE
                while len(_posts(library)) < rounds * POSTS and time.monotonic() < end:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
                await asyncio.sleep(2)
                return _posts(library), await _answers(anna)


async def _until_answered(anna: LocalUser, answers: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    # It is another process that is waited for.
    while await _answers(anna) < answers and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


def _posts(library: Path) -> Counter[str]:
    with closing(sqlite3.connect(library)) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE id LIKE 'telegram/%'").fetchall()
    return Counter(text for (text,) in rows)


async def _answers(anna: LocalUser) -> int:
    """Answers with a photo; each question has one."""
    messages = await anna.history(limit=1000)
    return sum(bool(message.photo) and message.raw["from"]["is_bot"] for message in messages)


def damaged(model: Path, seed_: int = 0) -> Counter[str]:
    """Each file of a data folder and of a model cut, emptied and filled with noise: what came."""
    rng = random.Random(seed_)
    results: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        shutil.copytree(model, whole / "model", ignore=shutil.ignore_patterns("work"))
        _start(whole)
        files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
        for file in files:
            for how in ("gone", "empty", "cut", "noise"):
                again = Path(name) / "again"
                shutil.copytree(whole, again)
                data = (again / file).read_bytes()
                if how == "gone":
                    (again / file).unlink()
                else:
                    cut, noise = data[: len(data) // 2], rng.randbytes(max(len(data), 1))
                    (again / file).write_bytes({"empty": b"", "cut": cut, "noise": noise}[how])
                try:
                    _start(again)
                    results["started"] += 1
                except Image2PicError:
                    results["one message"] += 1
                except Exception as error:
                    results[f"{file} {how}: {type(error).__name__}"] += 1
                shutil.rmtree(again)
    return results


def _start(folder: Path) -> None:
    settings = Settings(_env_file=None, model=folder / "model", data_dir=folder / "var")  # type: ignore[call-arg]
    with seed.open_store(settings.library) as store:
        engine, version, _ = open_library(settings, store, open_engine)
        open_gate(settings, store)
        seed.photo_roots(store, settings.model, None)
        engine.save(settings.index, version=version)


async def soaked(model: Path, questions: int) -> tuple[int, int, float]:
    """Memory of the bot (bytes) after `WARM` questions and after all, and the seconds it took."""
    with tempfile.TemporaryDirectory() as name:
        server = FaultyServer(TOKEN)
        async with (
            server,
            LocalUser(server.url, timeout=60) as anna,
            bot_process((), None, **environment(server, model, Path(name))) as bot,
        ):
            before, start = 0, time.monotonic()
            for number in range(questions):
                await anna.send_text(f"{QUESTION} {number}")
                while not (await anna.wait_reply()).photo:
                    pass
                if number == WARM:
                    before = bot.memory()
            return before, bot.memory(), time.monotonic() - start


def measure(model: Path, *, rounds: int, questions: int) -> Table:
    """All of it, in one table."""
    posts, answers = asyncio.run(killed(model, rounds))
    kinds = damaged(model)
    before, after, seconds = asyncio.run(soaked(model, questions))
    broken = kinds.total() - kinds["started"] - kinds["one message"]
    lost, twice = rounds * POSTS - len(posts), posts.total() - len(posts)
    unanswered, doubled = max(rounds - answers, 0), max(answers - rounds, 0)
    growth = 100 * (after - before) / before
    return Table(
        "Faults",
        ["", "tried", "lost or broken", "twice"],
        [
            (f"kill -9 of the bot, {rounds} times: posts", rounds * POSTS, lost, twice),
            ("the same: questions", rounds, unanswered, doubled),
            ("files of DATA_DIR and model damaged or gone", kinds.total(), broken, None),
            (f"questions in a row ({seconds:.0f} s)", questions, None, None),
        ],
        [
            Goal("posts lost or twice", lost + twice, 0),
            Goal("questions lost or answered twice", unanswered + doubled, 0),
            Goal("starts that end in a traceback", broken, 0),
            Goal("growth of memory over the questions", growth, 5, unit="%"),
        ],
        [
            f"Of the damaged starts {kinds['started']} worked, {kinds['one message']} ended with "
            f"one message. Memory {before / 2**20:.0f} -> {after / 2**20:.0f} MiB."
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=model_folder, default=model_folder("starter"))
    parser.add_argument("--rounds", type=int, default=30, help="of kill -9")
    parser.add_argument("--questions", type=int, default=5_000, help="of the soak")
    given = parser.parse_args()
    print(measure(given.model, rounds=given.rounds, questions=given.questions).markdown())
