"""Faults: a bot killed again and again, hostile photos, a long run, damaged files.

The real process against the local Bot API server, as in ``tests/e2e``. ``python -m bench.faults``
prints the table (``python -m bench faults`` keeps it with the others). Each result is written down
as it comes, in a file beside the tables: a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import random
import shutil
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from bench.report import Goal, Table, heading
from bot.app import open_engine, open_gate, open_library
from bot.check import check
from bot.library import seed
from bot.library.library import ENDED
from bot.settings import Settings
from engine.errors import Image2PicError
from engine.files import model_folder
from tests.bot.test_webhook import SECRET
from tests.e2e.conftest import TOKEN, bot_process, environment
from tests.e2e.test_faults import small_photo
from tests.engine import hostile
from tests.user.balancer import free_port
from tests.user.client import ChatMessage, LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer

RESULTS: Final = Path("out/bench/faults.jsonl")
SERIES: Final = 5
"""Kills of one library; then another one, by turns with polling and with a webhook."""

POSTS, QUESTIONS, IMPORTED = 5, 2, 4
"""That come while the bot of one round lives; and one vote."""

LONGEST: Final = 1.5
"""Seconds after the first of them when the bot is killed at the latest."""

SETTLE: Final = 240.0
QUIET: Final = 3.0
WARM: Final = 200
"""Questions after which memory is taken as what the bot needs."""


class Results:
    """Results by part and name, in a file of JSON lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text().splitlines() if file.exists() else []
        self._known: dict[tuple[str, str], dict[str, Any]] = {
            (one["part"], one["name"]): one["found"] for one in map(json.loads, lines)
        }

    def get(
        self, part: str, name: str, make: Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    ) -> dict[str, Any]:
        """What is known under that name, or is found now and written down."""
        if (part, name) not in self._known:
            found = self._known[part, name] = asyncio.run(make())
            with self._file.open("a") as lines:
                lines.write(json.dumps({"part": part, "name": name, "found": found}) + "\n")
        return self._known[part, name]


async def killed(model: Path, rounds: int, *, webhook: bool, seed_: int = 0) -> dict[str, Any]:
    """What came of all that people sent while the bot was killed so many times."""
    rng = random.Random(seed_)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = FaultyServer(TOKEN)
        async with server, LocalUser(server.url, timeout=60) as anna:
            variables = _environment(server, model, folder)
            if webhook:
                port = str(free_port())
                variables |= {
                    "WEBHOOK_URL": f"http://127.0.0.1:{port}",
                    "WEBHOOK_PORT": port,
                    "WEBHOOK_SECRET": SECRET,
                }
            asked: list[int] = []
            posts = 0
            async with bot_process((), None, **variables) as bot:
                votes = await _opened(anna, rounds)
                await bot.end()
            pressing = []

            async def send(number: int) -> None:
                pressing.append(asyncio.create_task(_vote(anna, votes[number])))
                for _ in range(QUESTIONS):
                    asked.append((await _ask(anna, rng)).message_id)
                for post in range(number * POSTS, (number + 1) * POSTS):
                    text = f"sunset over the sea number{post}"
                    await anna.send_photo(small_photo(post), text, chat_id=anna.channel_id)

            for number in range(rounds):
                async with bot_process((), None, **variables) as bot:
                    sending = asyncio.gather(send(number), _take_over(server, number))
                    await asyncio.sleep(rng.uniform(0.1, LONGEST))
                    await bot.end(signal.SIGKILL)
                    posts += POSTS + (await sending)[1]
            library = folder / "var" / "library.sqlite"

            def rest() -> tuple[int, int]:
                return posts - len(_posts(library)), rounds - _count(library, "votes")

            async with bot_process((), None, **variables) as bot:
                end = time.monotonic() + SETTLE
                # It is another process that is waited for.
                while time.monotonic() < end and (  # noqa: ASYNC110
                    any(rest()) or len(await _answers(anna, asked)) < len(asked)
                ):
                    await asyncio.sleep(0.5)
                await asyncio.sleep(QUIET)
                found, answers = _posts(library), await _answers(anna, asked)
                await bot.end()
            acknowledged = sum(await asyncio.gather(*pressing))
            return {
                "posts": posts,
                "posts lost": rest()[0],
                "posts twice": found.total() - len(found),
                "questions": len(asked),
                "questions lost": len(asked) - len(answers),
                "questions twice": sum(count > 1 for count in answers.values()),
                "votes": rounds,
                "votes acknowledged": acknowledged,
                "votes lost": rest()[1],
                "set aside": _count(library, f"left_out WHERE rule = '{ENDED}'"),
            }


def _environment(server: FaultyServer, model: Path, folder: Path) -> dict[str, str]:
    # Photos that are handed to Telegram for later would look like answers.
    return environment(server, model, folder, STORAGE_CHAT="0", OCR="true")


async def _opened(anna: LocalUser, count: int) -> list[ChatMessage]:
    """Messages with a post each, and buttons to vote for it."""
    opened = []
    for number in range(count):
        await anna.send_text("sunset over the sea")
        answer = await anna.wait_reply()
        buttons = [button for row in answer.keyboard for button in row if button.text.isdigit()]
        await anna.press(answer, buttons[number % len(buttons)])
        opened.append(await anna.wait_reply())
    return opened


async def _vote(anna: LocalUser, message: ChatMessage) -> bool:
    try:
        await anna.press(message, "👍")
    except LocalTimeoutError:
        return False
    return True


async def _ask(anna: LocalUser, rng: random.Random) -> ChatMessage:
    if rng.random() < 0.5:
        return await anna.send_text("sunset over the sea")
    return await anna.send_photo(small_photo(rng.randrange(10**6)))


async def _take_over(server: FaultyServer, number: int) -> int:
    """Drop a folder of posts on the chat page, once the one before is read; how many posts."""
    names = [f"import{number}x{place}" for place in range(IMPORTED)]
    posts = [{"id": name, "photo": f"{name}.jpg", "text": f"sea {name}"} for name in names]
    files = {"posts.jsonl": "\n".join(map(json.dumps, posts)).encode()}
    files |= {f"{name}.jpg": small_photo(10**6 + number * IMPORTED + place)
              for place, name in enumerate(names)}  # fmt: skip
    async with aiohttp.ClientSession(server.url) as page:
        for _ in range(10):
            async with page.post("/local/import/begin", json={"name": f"folder{number}"}) as begun:
                if begun.ok:
                    break
            await asyncio.sleep(LONGEST / 10)
        else:
            return 0
        named = [[path, len(content), 1000] for path, content in files.items()]
        await page.post("/local/import/wanted", json={"files": named})
        for path, content in files.items():
            query: dict[str, str | int] = {"path": path, "size": len(content), "time": 1000}
            await page.put("/local/import/file", params=query, data=content)
        await page.post("/local/import/end", json={})
        for _ in range(600):
            async with page.get("/local/import") as response:
                if (await response.json())["result"]["phase"] in ("done", "waiting"):
                    return IMPORTED
            await asyncio.sleep(0.1)
    raise Image2PicError("the import does not end")


def _posts(library: Path) -> Counter[str]:
    with closing(sqlite3.connect(library)) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE id LIKE 'telegram/%'").fetchall()
    return Counter(text for (text,) in rows)


def _count(library: Path, what: str) -> int:
    with closing(sqlite3.connect(library)) as connection:
        # `what` is a table of ours.
        (count,) = connection.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608
    return int(count)


async def _answers(anna: LocalUser, asked: list[int]) -> Counter[int]:
    """Replies of the bot to each of those messages."""
    messages = await anna.history(limit=10_000)
    replied = [(m.raw.get("reply_to_message") or {}).get("message_id") for m in messages]
    return Counter(number for number in replied if number in asked)


async def stormed(model: Path) -> dict[str, Any]:
    """Hostile photos, each asked with and posted, and the memory that the bot took at most."""
    photos = list(hostile.photos())
    with tempfile.TemporaryDirectory() as name:
        server = FaultyServer(TOKEN)
        async with (
            server,
            LocalUser(server.url, timeout=60) as anna,
            bot_process((), None, **_environment(server, model, Path(name))) as bot,
        ):
            answered, slowest = 0, 0.0
            for file, data in photos:
                start = time.monotonic()
                await anna.send_document(data, file, mime_type="image/jpeg")
                with contextlib.suppress(LocalTimeoutError):
                    await anna.wait_reply()
                    answered += 1
                slowest = max(slowest, time.monotonic() - start)
                await anna.send_document(
                    data, file, mime_type="image/jpeg", chat_id=anna.channel_id
                )
            await anna.send_text("sunset over the sea")
            alive = bool((await anna.wait_reply()).photo) and bot.running
            return {
                "photos": len(photos),
                "not answered": len(photos) - answered + (not alive),
                "tracebacks": bot.output.count("Traceback"),
                "peak": bot.memory("VmHWM"),
                "slowest": slowest,
            }


async def soaked(model: Path, questions: int) -> dict[str, Any]:
    """Memory of the bot (bytes) after `WARM` questions and after all, and the seconds it took."""
    with tempfile.TemporaryDirectory() as name:
        server = FaultyServer(TOKEN)
        async with (
            server,
            LocalUser(server.url, timeout=60) as anna,
            bot_process((), None, **_environment(server, model, Path(name))) as bot,
        ):
            warm, start = min(WARM, questions // 2), time.monotonic()
            before = 0
            for number in range(questions):
                if number % 10:
                    await anna.send_text(f"sunset over the sea {number}")
                else:
                    await anna.send_photo(small_photo(number))
                while not (await anna.wait_reply()).photo:
                    pass
                if number == warm:
                    before = bot.memory()
            seconds = time.monotonic() - start
            return {"before": before, "after": bot.memory(), "seconds": seconds}


def damages(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files below a folder, and what can happen to each."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for how in ("gone", "empty", "cut", "noise", "one bit"):
                yield path.relative_to(folder), how


async def damaged(whole: Path, file: Path, how: str) -> dict[str, Any]:
    """What a start, and `--check`, make of a data folder and a model with one file damaged."""
    found = {}
    for name, what in (("check", _check), ("start", _start)):
        with tempfile.TemporaryDirectory() as folder:
            again = Path(folder) / "again"
            shutil.copytree(whole, again)
            damage(again / file, how)
            try:
                await what(_settings(again))
                found[name] = "started"
            except Image2PicError:
                found[name] = "message"
            except Exception as error:
                found[name] = repr(error)
    return found


def damage(path: Path, how: str) -> None:
    """Do that to a file."""
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
        return
    rng = random.Random(str(path.name))
    flipped = bytearray(data)
    if data:
        flipped[rng.randrange(len(data))] ^= 1
    changed = {
        "empty": b"",
        "cut": data[: len(data) // 2],
        "noise": rng.randbytes(max(len(data), 1)),
        "one bit": bytes(flipped),
    }
    path.write_bytes(changed[how])


def _settings(folder: Path) -> Settings:
    return Settings(_env_file=None, model=folder / "model", data_dir=folder / "var")  # type: ignore[call-arg]


async def _start(settings: Settings) -> None:
    with seed.open_store(settings.library) as store:
        engine, version, _ = open_library(settings, store, open_engine)
        open_gate(settings, store)
        seed.photo_roots(store, settings.model, None)
        engine.save(settings.index, version=version)


async def _check(settings: Settings) -> None:
    with redirect_stdout(io.StringIO()) as said:
        if await check(settings):
            raise Image2PicError(said.getvalue())


def measure(model: Path, results: Results, *, rounds: int, questions: int) -> Table:
    """All of it, in one table."""
    kills: Counter[str] = Counter()
    for first in range(0, rounds, SERIES):
        count, webhook = min(SERIES, rounds - first), first // SERIES % 2 == 1
        series = partial(killed, model, count, webhook=webhook, seed_=first)
        kills.update(results.get("killed", f"{first}-{first + count}", series))
    storm = results.get("hostile", "photos", partial(stormed, model))
    soak = results.get("soak", str(questions), partial(soaked, model, questions))
    kinds: Counter[str] = Counter()
    unsaid = 0
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "whole"
        shutil.copytree(model, whole / "model", ignore=shutil.ignore_patterns("work"))
        asyncio.run(_start(_settings(whole)))
        for file, how in damages(whole):
            found = results.get("damaged", f"{file} {how}", partial(damaged, whole, file, how))
            kinds[found["start"]] += 1
            unsaid += found["start"] != found["check"]
    broken = kinds.total() - kinds["started"] - kinds["message"]
    growth = 100 * (soak["after"] - soak["before"]) / soak["before"]
    rows = [
        (f"{rounds} kill -9 of the bot: {what}", kills[what], kills[f"{what} lost"], twice)
        for what, twice in (
            ("posts", kills["posts twice"]),
            ("questions", kills["questions twice"]),
            ("votes", None),
        )
    ]
    return Table(
        "Faults",
        ["", "tried", "lost or broken", "twice"],
        [
            *rows,
            ("hostile photos, asked with and posted", storm["photos"], storm["not answered"], None),
            ("files of DATA_DIR and model damaged or gone", kinds.total(), broken, None),
            ("the same: told by a start, not by --check", kinds.total(), unsaid, None),
            (f"questions in a row ({soak['seconds']:.0f} s)", questions, None, None),
        ],
        [
            Goal("posts lost or twice", kills["posts lost"] + kills["posts twice"], 0),
            Goal("questions lost", kills["questions lost"], 0),
            Goal("questions answered twice", kills["questions twice"], 0),
            Goal("votes lost", kills["votes lost"], 0),
            Goal("hostile photos without an answer", storm["not answered"], 0),
            Goal("memory of the bot under them", storm["peak"] / 2**20, 1024, unit="MiB"),
            Goal("starts that end in a traceback", broken, 0),
            Goal("growth of memory over the questions", growth, 5, unit="%"),
        ],
        [
            f"Kills: half of them with a webhook; posts by a channel and by an import of the page; "
            f"{kills['votes acknowledged']} of the votes were acknowledged to whoever pressed, "
            f"{kills['set aside']} posts set aside. "
            f"Hostile photos: {storm['slowest']:.1f} s for the slowest, "
            f"{storm['tracebacks']} tracebacks. "
            f"Of the damaged starts {kinds['started']} worked, {kinds['message']} ended with one "
            f"message. Memory over the questions {soak['before'] / 2**20:.0f} -> "
            f"{soak['after'] / 2**20:.0f} MiB. {heading()}"
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=model_folder, default=model_folder("starter"))
    parser.add_argument("--rounds", type=int, default=30, help="of kill -9")
    parser.add_argument("--questions", type=int, default=5_000, help="of the soak")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where they are written down")
    given = parser.parse_args()
    found = Results(given.results)
    table = measure(given.model, found, rounds=given.rounds, questions=given.questions)
    print(table.markdown())
    # The next run starts anew.
    given.results.replace(given.results.with_suffix(".done.jsonl"))
