"""A bad day: the Bot API and the disk fail; nothing is lost, nothing is said twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from bot.app import Runner
from bot.chat.texts import Texts
from tests.bot.conftest import SUNSET, fill, jpeg, make_settings, running, until
from tests.user.client import LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer

EN = Texts("en")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.telegram.request.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("bot.library.library.FIRST_PAUSE", 0.1)
    monkeypatch.setattr("bot.library.library.LOOK_EVERY", 0.5)


async def answers(anna: LocalUser) -> list[str]:
    return [message.text for message in await anna.wait_replies(12, quiet=1.4)]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "too_many_requests", "retry_after": 1},
        {"kind": "server_error"},
        {"kind": "server_error", "times": 3},
    ],
)
@pytest.mark.parametrize("method", ["sendPhoto", "*"])
async def test_said_once_though_the_server_failed(
    anna: LocalUser, runner: Runner, server: FaultyServer, fault: dict[str, object], method: str
) -> None:
    await fill(anna, runner, 4)
    server.plan_fault(method=method, **fault)  # type: ignore[arg-type]
    await anna.send_text("sunset")
    texts = await answers(anna)
    assert len(texts) == 1
    assert texts[0].count("Sunset") == 4


async def test_a_message_of_unknown_fate_is_not_sent_twice(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner, 4)
    # It was sent, but the answer was lost.
    server.plan_fault("reset", "sendPhoto", after=True)
    await anna.send_text("sunset")
    texts = await answers(anna)
    assert sum("Sunset" in text for text in texts) == 1
    assert len(server.calls("sendPhoto")) == 1


async def test_what_can_be_repeated_is(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner, 4)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    server.plan_fault("reset", "answerCallbackQuery")
    await anna.press(answer, "2")
    assert (await anna.wait_reply()).photo
    server.plan_fault("reset", "answerInlineQuery", times=2)
    assert (await anna.inline("sunset")).results


async def test_the_person_is_told_when_all_tries_failed(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner, 4)
    server.plan_fault("server_error", "sendPhoto", times=4)
    await anna.send_text("sunset")
    assert EN("error") in await answers(anna)


@pytest.mark.parametrize("kind", ["reset", "server_error", "too_many_requests"])
@pytest.mark.parametrize("method", ["getFile", "file", "getUpdates"])
async def test_no_post_is_lost(
    anna: LocalUser, runner: Runner, server: FaultyServer, kind: str, method: str
) -> None:
    server.plan_fault(kind, method, times=3)
    for number in range(10):
        await anna.send_photo(jpeg(SUNSET, number), f"post {number}", chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == 10, 20)
    assert (await runner.services.store.counts()).posts == 10


async def test_a_full_disk(tmp_path: Path, server: FaultyServer) -> None:
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 4)
        store, library = runner.services.store, runner.services.library
        writer = store.sync._connection  # type: ignore[attr-defined]
        # SQLite's own limit gives the very error that a full disk gives.
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(150):
            await anna.send_photo(jpeg(SUNSET, 100 + number), "x" * 900, chat_id=anna.channel_id)
            if library.disk_full:
                break
        await until(lambda: library.disk_full, 15)
        before = len(runner.services.engine)
        assert not runner.report()["ok"]
        # It goes on answering; buttons need the store, so there may be none, and that is said.
        await anna.send_text("sunset")
        replies = await anna.wait_replies(15)
        assert replies[0].photo
        assert replies[-1].buttons or EN("not_kept") in replies[-1].text
        await anna.send_text("/language ru")
        assert (await anna.wait_reply()).text in (EN("disk_full"), Texts("ru")("language_set"))
        sent = await anna.send_photo(jpeg(SUNSET, 999), "the last one", chat_id=anna.channel_id)
        await asyncio.sleep(0.5)
        writer.execute("PRAGMA max_page_count = 1000000")
        await until(lambda: not library.disk_full, 20)
        async with asyncio.timeout(20):
            while not await store.post_of(sent.chat_id, sent.message_id):
                await asyncio.sleep(0.05)
        assert len(runner.services.engine) > before
        assert runner.report()["ok"]
        assert library.backlog == 0


async def test_the_end_waits_for_answers(tmp_path: Path, server: FaultyServer) -> None:
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 4)
        server.plan_fault("delay", "sendPhoto", seconds=1.0)
        await anna.send_text("sunset")
        await until(lambda: runner.services.turns.answering)
        start = time.monotonic()
        runner.stop.set()
        texts = await answers(anna)
        assert any(text.count("Sunset") == 4 for text in texts)
    assert time.monotonic() - start < 5


async def test_the_end_comes_though_the_server_hangs(tmp_path: Path, server: FaultyServer) -> None:
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 4)
        server.plan_fault("delay", "sendPhoto", seconds=30)
        await anna.send_text("sunset")
        with pytest.raises(LocalTimeoutError):
            await anna.wait_reply(0.5)
        start = time.monotonic()
    assert time.monotonic() - start < 5


async def test_an_update_that_fails_does_not_stop_the_rest(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    server.inject_update({"message": {"chat": "nonsense"}})
    server.inject_update({"channel_post": {"photo": 5}})
    server.inject_update({"something_new": {}})
    await anna.send_text("/start")
    assert (await anna.wait_reply()).buttons
