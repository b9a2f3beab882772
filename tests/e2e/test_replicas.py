"""Two bots behind one webhook address, one PostgreSQL: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.bot.test_webhook import SECRET
from tests.e2e.conftest import BotProcess, answer_of, bot_process
from tests.e2e.test_faults import small_photo
from tests.user.balancer import Balancer, free_port
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

POSTS = 500


@asynccontextmanager
async def two_bots(
    server: FaultyServer, url: str, folder: Path
) -> AsyncIterator[tuple[Balancer, list[BotProcess], list[int]]]:
    ports, health = [free_port(), free_port()], [free_port(), free_port()]
    async with Balancer(ports) as balancer:
        variables = [
            {
                "TELEGRAM_BOT_TOKEN": server.token,
                "TELEGRAM_BASE_URL": server.url,
                "TELEGRAM_RATE": "0",
                "OWNER_IDS": "1001",
                "CLEAN": "false",
                "DATABASE_URL": url,
                "DATA_DIR": str(folder / f"var{number}"),
                "WEBHOOK_URL": f"http://127.0.0.1:{balancer.port}",
                "WEBHOOK_SECRET": SECRET,
                "WEBHOOK_PORT": str(ports[number]),
                "METRICS_PORT": str(health[number]),
            }
            for number in range(2)
        ]
        async with bot_process(**variables[0]) as first, bot_process(**variables[1]) as second:
            yield balancer, [first, second], health


async def posts_of(port: int) -> int:
    """How many posts a bot can find."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/health") as response,
    ):
        return int((await response.json(content_type=None))["posts"])


def ids(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE id LIKE 'telegram/%'").fetchall()
    return [text for (text,) in rows]


@pytest.mark.timeout(400)
async def test_one_is_killed_in_the_middle(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, (first, second), health),
        LocalUser(server.url, timeout=60) as anna,
    ):
        before = await posts_of(health[0])
        assert before == await posts_of(health[1]) > 0

        # A post that one took in is found by the other within a second.
        await anna.send_photo(small_photo(9000), "the first of all", chat_id=anna.channel_id)
        counts: dict[int, float] = {}
        async with asyncio.timeout(60):
            while len(counts) < 2:
                for port in health:
                    if port not in counts and await posts_of(port) == before + 1:
                        counts[port] = time.monotonic()
                await asyncio.sleep(0.02)
        assert abs(counts[health[0]] - counts[health[1]]) < 1

        async def post() -> None:
            for number in range(POSTS):
                text = f"number{number}"
                await anna.send_photo(small_photo(number), text, chat_id=anna.channel_id)

        sending = asyncio.create_task(post())
        async with asyncio.timeout(200):
            while len(ids(postgres_url)) < POSTS // 3:
                await asyncio.sleep(0.05)
        await first.end(signal.SIGKILL)
        await sending
        async with asyncio.timeout(200):
            while len(ids(postgres_url)) < POSTS + 1:
                await asyncio.sleep(0.3)
        texts = ids(postgres_url)
        assert len(set(texts)) == len(texts) == POSTS + 1
        async with asyncio.timeout(10):
            while await posts_of(health[1]) != before + POSTS + 1:
                await asyncio.sleep(0.1)
        assert all(balancer.handled.values())
        # The one that is left answers.
        await anna.send_text("sunset over the sea")
        assert (await answer_of(anna)).buttons
        assert await second.end() == 0


@pytest.mark.timeout(300)
async def test_albums_and_edits_come_together(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, health),
        LocalUser(server.url, timeout=60) as anna,
    ):
        before = await posts_of(health[0])
        for number in range(8):
            photos = [small_photo(100 * number + photo) for photo in range(4)]
            await anna.send_album(photos, f"album{number}", chat_id=anna.channel_id)
        async with asyncio.timeout(100):
            while sorted(ids(postgres_url)) != sorted(
                f"album{n}" for n in range(8) for _ in "abcd"
            ):
                await asyncio.sleep(0.2)
        async with asyncio.timeout(10):
            while {await posts_of(port) for port in health} != {before + 32}:
                await asyncio.sleep(0.1)
        assert all(balancer.handled.values())


@pytest.mark.timeout(300)
async def test_an_update_that_is_delivered_to_both_is_answered_once(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, _),
        LocalUser(server.url, timeout=60) as anna,
    ):
        (hook, *_) = server.calls("setWebhook")
        sent = await anna.send_text("/language")
        offer = await anna.wait_reply()
        press = {"id": "1", "from": sent.raw["from"], "message": offer.raw, "chat_instance": "1",
                 "data": offer.button("English").data}  # fmt: skip
        updates = [
            json.dumps({"update_id": 990_000, "message": sent.raw}),
            json.dumps({"update_id": 990_001, "callback_query": press}),
        ]
        path = str(hook.values["url"]).rpartition("/")[2]
        headers = {
            "X-Telegram-Bot-Api-Secret-Token": SECRET,
            "Content-Type": "application/json",
        }
        # A call is noted when it has been answered, which may be after its message was seen.
        while not (before := len(server.calls("sendMessage"))):
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as session:
            for port, update in product(balancer.ports * 2, updates):
                url = f"http://127.0.0.1:{port}/{path}"
                async with session.post(url, data=update, headers=headers) as response:
                    assert response.status == 200
        await asyncio.sleep(2)
        assert len(server.calls("sendMessage")) == before + 1
        assert len(server.calls("editMessageText")) == 1


@pytest.mark.timeout(300)
async def test_an_album_of_questions_is_answered_once(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, _),
        LocalUser(server.url, timeout=60) as anna,
    ):
        await anna.send_album([small_photo(number) for number in range(4)])
        await answer_of(anna)
        await asyncio.sleep(2)
        # What is uploaded for later answers none.
        answers = [call for call in server.calls("sendPhoto") if "reply_parameters" in call.values]
        assert len(answers) == 1
        assert all(balancer.handled.values())
