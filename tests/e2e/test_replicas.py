"""Two bots behind one webhook address, one PostgreSQL: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psycopg
import pytest

from tests.bot.test_webhook import SECRET
from tests.e2e.conftest import BotProcess, answer_of, bot_process
from tests.e2e.test_faults import small_photo
from tests.user.balancer import Balancer, free_port
from tests.user.client import ChatMessage, LocalUser
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


def rows(url: str, statement: str) -> list[tuple[int, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type]


async def voted(user: LocalUser, number: str = "1", vote: str = "👍") -> ChatMessage:
    """Ask, open a post of the answer and vote on it; the post's message."""
    await user.send_text("sunset over the sea")
    answer = await answer_of(user)
    await user.press(answer, next(one for one in answer.buttons if one.text == number))
    post = await answer_of(user)
    await user.press(post, vote)
    return await user.wait_edit(post)


@pytest.mark.timeout(400)
async def test_a_rolling_restart_loses_nothing(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    people = [LocalUser(server.url, user_id=2000 + number, timeout=60) for number in range(5)]
    async with (
        two_bots(server, postgres_url, tmp_path) as (_, bots, health),
        LocalUser(server.url, timeout=60) as anna,
        AsyncExitStack() as stack,
    ):
        for user in people:
            await stack.enter_async_context(user)
        before = await posts_of(health[0])
        over = asyncio.Event()
        texts: list[str] = []
        questions = [0] * len(people)
        votes = 0

        async def post() -> None:
            while not over.is_set():
                number = len(texts)
                if number % 5:
                    texts.append(f"number{number}")
                    await anna.send_photo(small_photo(number), texts[-1], chat_id=anna.channel_id)
                else:
                    texts.extend([f"album{number}"] * 3)
                    photos = [small_photo(1000 * number + photo) for photo in range(3)]
                    await anna.send_album(photos, texts[-1], chat_id=anna.channel_id)
                await asyncio.sleep(0.1)

        async def ask(place: int) -> None:
            while not over.is_set():
                questions[place] += 1
                await people[place].send_text("sunset over the sea")
                await answer_of(people[place])
                await asyncio.sleep(0.1)

        async def vote(user: LocalUser) -> None:
            nonlocal votes
            while not over.is_set():
                await voted(user)
                votes += 1

        work = [
            asyncio.create_task(one)
            for one in (post(), vote(people[-1]), *map(ask, range(len(people) - 1)))
        ]
        for bot in bots:
            await asyncio.sleep(3)
            assert await bot.end() == 0
            await asyncio.sleep(2)
            await bot.start()
        await asyncio.sleep(3)
        over.set()
        async with asyncio.timeout(100):
            await asyncio.gather(*work)
            while len(ids(postgres_url)) < len(texts):
                await asyncio.sleep(0.2)
        assert sorted(ids(postgres_url)) == sorted(texts)
        async with asyncio.timeout(10):
            while {await posts_of(port) for port in health} != {before + len(texts)}:
                await asyncio.sleep(0.1)
        assert rows(postgres_url, "SELECT count(*) FROM votes") == [(votes,)]
        assert votes > 5
        # Each question was answered, and answered once.
        for user, asked in zip(people[:-1], questions, strict=False):
            history = await user.history(limit=1000)
            assert len([one for one in history if one.buttons]) == asked > 5
        assert rows(postgres_url, "SELECT count(*) FROM questions WHERE payload IS NOT NULL") == [
            (0,)
        ]


@pytest.mark.timeout(300)
async def test_votes_at_one_bot_are_felt_at_the_other(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    people = [LocalUser(server.url, user_id=2000 + number, timeout=60) for number in range(8)]
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, _),
        LocalUser(server.url, timeout=60) as anna,
        AsyncExitStack() as stack,
    ):
        for user in people:
            await stack.enter_async_context(user)
        first, second = balancer.ports

        async def order(port: int) -> list[str]:
            balancer.ports = [port]
            await anna.send_text("sunset over the sea")
            return (await answer_of(anna)).text.splitlines()

        before = await order(second)
        assert await order(first) == before
        posts = [await voted(user, "6") for user in people]
        await asyncio.sleep(1)
        after = await order(second)
        assert after != before
        assert await order(first) == after
        # And taken back, at the other bot.
        balancer.ports = [second]
        for user, post in zip(people, posts, strict=True):
            await user.press(post, "👍 ✓")
        await asyncio.sleep(1)
        assert await order(first) == before


@pytest.mark.timeout(300)
async def test_a_button_that_both_are_told_of_is_pressed_once(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, _),
        LocalUser(server.url, timeout=60) as anna,
    ):
        post = await voted(anna)
        update = {
            "update_id": 990_000,
            "callback_query": {
                "id": "7",
                "from": {"id": anna.user_id, "is_bot": False, "first_name": "Anna"},
                "chat_instance": "1",
                "message": post.raw,
                "data": post.button("👎").data,
            },
        }
        await delivered_to_both(server, balancer, update)
        assert rows(postgres_url, "SELECT value FROM votes") == [(-1,)]


async def delivered_to_both(
    server: FaultyServer, balancer: Balancer, update: dict[str, object]
) -> None:
    """Send an update to each of the bots twice, and wait until they had time for it."""
    (hook, *_) = server.calls("setWebhook")
    path = str(hook.values["url"]).rpartition("/")[2]
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    async with aiohttp.ClientSession(headers=headers) as session:
        for port in balancer.ports * 2:
            url = f"http://127.0.0.1:{port}/{path}"
            async with session.post(url, json=update) as response:
                assert response.status == 200
    await asyncio.sleep(2)


@pytest.mark.timeout(300)
async def test_an_update_that_is_delivered_to_both_is_answered_once(
    server: FaultyServer, postgres_url: str, tmp_path: Path
) -> None:
    async with (
        two_bots(server, postgres_url, tmp_path) as (balancer, _, _),
        LocalUser(server.url, timeout=60) as anna,
    ):
        sent = await anna.send_text("/language")
        offer = await answer_of(anna)
        press = {"id": "1", "from": sent.raw["from"], "message": offer.raw, "chat_instance": "1",
                 "data": offer.button("English").data}  # fmt: skip
        # A call is noted when it has been answered, which may be after its message was seen.
        while not (before := len(server.calls("sendMessage"))):
            await asyncio.sleep(0.05)
        await delivered_to_both(server, balancer, {"update_id": 990_000, "message": sent.raw})
        await delivered_to_both(server, balancer, {"update_id": 990_001, "callback_query": press})
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


@pytest.mark.timeout(300)
async def test_a_bot_whose_database_is_gone_is_not_ready_until_it_is_back(
    server: FaultyServer, postgres_server: str, postgres_url: str, tmp_path: Path
) -> None:
    name = urlsplit(postgres_url).path.removeprefix("/")

    async def status(port: int, path: str) -> int:
        url = f"http://127.0.0.1:{port}/health/{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status

    def allow(connections: bool) -> None:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}")  # type: ignore[arg-type]
            if not connections:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (name,),
                )

    async with (
        two_bots(server, postgres_url, tmp_path) as (_, _, health),
        LocalUser(server.url, timeout=60) as anna,
    ):
        for connections, ready in ((False, 503), (True, 200)):
            allow(connections)
            async with asyncio.timeout(60):
                while {await status(port, "ready") for port in health} != {ready}:
                    await asyncio.sleep(0.2)
            assert {await status(port, "live") for port in health} == {200}
        # Each is known to live once more.
        locks = "SELECT count(*) FROM pg_locks WHERE classid = 4665 AND objid < 2147483648"
        assert rows(postgres_url, locks) == [(2,)]
        await anna.send_text("sunset over the sea")
        await answer_of(anna)
        await anna.send_photo(small_photo(1), "after", chat_id=anna.channel_id)
        async with asyncio.timeout(30):
            while ids(postgres_url) != ["after"]:
                await asyncio.sleep(0.2)
