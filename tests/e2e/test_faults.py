"""The real process killed, ended, and given damaged files."""

from __future__ import annotations

import asyncio
import io
import random
import re
import resource
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from PIL import Image

from tests.e2e.conftest import Example, answer_of, bot_process, environment
from tests.e2e.test_play import words
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

POSTS = 1000


def small_photo(number: int) -> bytes:
    """A small photo, another for each number."""
    rng = random.Random(number)
    image = Image.new("RGB", (8, 8))
    image.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(64)])
    out = io.BytesIO()
    image.resize((96, 96)).save(out, "JPEG")
    return out.getvalue()


def stored(library: Path) -> list[str]:
    if not library.exists():
        return []
    with closing(sqlite3.connect(library)) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE id LIKE 'telegram/%'").fetchall()
    return [text for (text,) in rows]


async def test_killed_while_a_thousand_posts_come(
    server: FaultyServer, small_model: Path, examples: list[Example], tmp_path: Path
) -> None:
    variables = environment(server, small_model, tmp_path)
    library = tmp_path / "var" / "library.sqlite"
    known = words(examples[0].text)
    async with LocalUser(server.url, timeout=30) as anna:

        async def post() -> None:
            for number in range(POSTS):
                text = f"{known} number{number}"
                await anna.send_photo(small_photo(number), text, chat_id=anna.channel_id)

        sending = asyncio.create_task(post())
        rng = random.Random(1)
        for _ in range(4):
            async with bot_process(**variables) as bot:
                await asyncio.sleep(rng.uniform(0.5, 2.5))
                await bot.end(signal.SIGKILL)
        await sending
        async with bot_process(**variables) as bot:
            async with asyncio.timeout(150):
                while len(stored(library)) < POSTS:
                    await asyncio.sleep(0.3)
            await asyncio.sleep(1)
            texts = stored(library)
            assert len(texts) == POSTS
            assert len(set(texts)) == POSTS
            # Each is found: by what is newest, page by page.
            seen: set[str] = set()
            offset = ""
            while True:
                page = await anna.inline("", offset)
                seen |= {m for r in page.results for m in re.findall(r"number\d+", r["caption"])}
                offset = page.next_offset
                if not offset or len(seen) == POSTS:
                    break
            assert len(seen) == POSTS
            await anna.send_text("/stats")
            assert f"{POSTS + len_of(small_model)} posts" in (await anna.wait_reply()).text
            # And by what it shows: the same photo again has it among the closest.
            await anna.send_photo(small_photo(POSTS - 1))
            assert (await answer_of(anna)).buttons
            assert await bot.end() == 0


def len_of(model: Path) -> int:
    with closing(sqlite3.connect(model / "posts.sqlite")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM posts").fetchone()
    return int(count)


async def test_a_damaged_index_is_built_anew(
    server: FaultyServer, small_model: Path, examples: list[Example], tmp_path: Path
) -> None:
    variables = environment(server, small_model, tmp_path)
    index = tmp_path / "var" / "index.faiss"
    async with LocalUser(server.url, timeout=30) as anna:
        for damage in ("none", "cut", "noise", "gone"):
            if damage != "none":
                content = index.read_bytes()
                if damage == "cut":
                    index.write_bytes(content[: len(content) // 2])
                elif damage == "noise":
                    index.write_bytes(bytes(255 - byte for byte in content))
                else:
                    index.unlink()
            async with bot_process(**variables) as bot:
                await anna.send_photo(examples[0].photo)
                assert (await answer_of(anna)).buttons
                if damage != "none":
                    assert "the index was built from the library" in bot.output
                # Something new, so that the index is saved at the end.
                await anna.send_photo(small_photo(len(damage)), damage, chat_id=anna.channel_id)
                await asyncio.sleep(1.5)
                assert await bot.end() == 0


async def test_sigterm_sends_the_answers_first(
    server: FaultyServer, small_model: Path, examples: list[Example], tmp_path: Path
) -> None:
    async with LocalUser(server.url, timeout=30) as anna:
        async with bot_process(**environment(server, small_model, tmp_path)) as bot:
            await anna.send_photo(examples[0].photo)
            await answer_of(anna)
            server.plan_fault("delay", "sendPhoto", seconds=1.0)
            await anna.send_text(words(examples[0].text))
            async with asyncio.timeout(10):
                while len(server.faults):
                    await asyncio.sleep(0.01)
            start = time.monotonic()
            assert await bot.end(signal.SIGTERM) == 0
            assert time.monotonic() - start < 5
        assert (await answer_of(anna)).buttons


async def test_a_full_disk_is_said_and_answers_go_on(
    server: FaultyServer, small_model: Path, examples: list[Example], tmp_path: Path
) -> None:
    """The process may not write files beyond a size: SQLite sees a full disk."""
    variables = environment(server, small_model, tmp_path, METRICS_PORT="0")
    async with bot_process(**variables) as bot, LocalUser(server.url, timeout=30) as anna:
        await anna.send_photo(examples[0].photo)
        answer = await answer_of(anna)
        limits = (resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        resource.prlimit(bot.pid, *limits)
        await anna.send_photo(small_photo(5), "x" * 900, chat_id=anna.channel_id)
        await anna.send_photo(examples[1].photo)
        replies = await anna.wait_replies(quiet=1.5)
        assert any(message.photo for message in replies)
        await anna.press(answer, answer.keyboard[0][1])
        assert bot.running
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        async with asyncio.timeout(30):
            while not stored(tmp_path / "var" / "library.sqlite"):
                await asyncio.sleep(0.2)
        assert await bot.end() == 0


async def test_no_token_and_no_path_in_any_output(
    server: FaultyServer, small_model: Path, examples: list[Example], tmp_path: Path
) -> None:
    variables = environment(server, small_model, tmp_path, LOG_LEVEL="DEBUG", OCR="true")
    async with bot_process(**variables) as bot, LocalUser(server.url, timeout=30) as anna:
        for kind in ("server_error", "reset"):
            server.plan_fault(kind, "sendMessage", times=5)
            await anna.send_text("/start")
            await asyncio.sleep(3)
            server.faults.clear()
        await anna.send_document(b"no photo", "x.jpg", mime_type="image/jpeg")
        said = " ".join(message.text for message in await anna.wait_replies(quiet=1))
        await bot.end()
    for secret in (server.token, server.token.partition(":")[2], str(tmp_path), str(small_model)):
        assert secret not in bot.output
        assert secret not in said
