"""Questions outlive the process that took them, and are answered once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from telegram import Update

from bot.app import Runner
from bot.chat.buttons import decode
from bot.settings import Settings
from bot.telegram import intake
from bot.telegram.intake import IN_HAND_MAX
from engine.store import SqliteStore
from tests.bot.conftest import fill, make_settings, running, until
from tests.user.client import ChatMessage, LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer


def asked(number: int, user: LocalUser, text: str = "sunset") -> str:
    person = {"id": user.user_id, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    message = {"message_id": 1, "date": int(time.time()), "text": text, "from": person,
               "chat": {"id": user.user_id, "type": "private", "first_name": "Anna"}}  # fmt: skip
    return json.dumps({"update_id": number, "message": message})


async def run_before(settings: Settings, anna: LocalUser) -> None:
    """Fill the library in a process that answers one question and ends in order."""
    async with running(settings) as runner:
        await fill(anna, runner)
        await anna.send_text("/privacy")
        await anna.wait_reply()


def kill_while_asked(library: Path, number: int, *, times: int = 1) -> None:
    """What the library is like after that many processes were killed answering a question."""
    for _ in range(times):
        with SqliteStore(library, bot=4242) as store:
            store.open_questions()
            store.begun(number)


async def test_what_kills_cut_off_is_answered_after_the_start_once(
    tmp_path: Path, server: FaultyServer
) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        await run_before(settings, anna)
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(900_000_001, asked(900_000_001, anna), "")])
        # However many processes ended before they came to it, and one while it was answered.
        kill_while_asked(settings.library, 0, times=3)
        kill_while_asked(settings.library, 900_000_001)
        async with running(settings):
            answer = await anna.wait_reply()
            assert answer.text.count("Sunset") == 6
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)
        async with running(settings):
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)


async def test_what_ends_the_process_twice_is_set_aside_and_said_and_keeps_nothing_back(
    tmp_path: Path, server: FaultyServer
) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        await run_before(settings, anna)
        texts = {900_000_001: "sunset", 900_000_002: "snowy forest", 900_000_003: "night city"}
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(number, asked(number, anna, texts[number]), "") for number in texts])
        kill_while_asked(settings.library, 900_000_001, times=2)
        kill_while_asked(settings.library, 900_000_002)
        async with running(settings):
            replies = await anna.wait_replies(quiet=1.0)
        assert len(replies) == 3
        assert sum("I broke down" in reply.text for reply in replies) == 1
        assert any("snowy forest" in reply.text for reply in replies)
        with SqliteStore(settings.library, bot=4242) as store:
            assert store.open_questions() == []


async def test_suspects_are_answered_one_by_one(tmp_path: Path, server: FaultyServer) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        await run_before(settings, anna)
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(900 + n, asked(900 + n, anna, "sunset"), "") for n in range(4)])
            for number in range(4):
                store.begun(900 + number)
        server.plan_fault("delay", "sendPhoto", seconds=0.3, times=4)
        async with running(settings) as runner:
            seen = []
            while len(server.calls("sendPhoto")) < 4:
                rows = runner.services.store.sync._read("SELECT begun FROM questions")
                seen.append(sum(begun for (begun,) in rows))
                await asyncio.sleep(0.02)
        assert max(seen) == 1


async def test_an_update_delivered_twice_is_answered_once(
    tmp_path: Path, server: FaultyServer
) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await fill(anna, runner)
            await anna.send_text("/privacy")
            await anna.wait_reply()
            update = json.loads(asked(900_000_003, anna))
            for _ in range(2):
                await runner.application.update_queue.put(_update(update, runner))
            assert len(await anna.wait_replies(quiet=1.0)) == 1
        # By the next process, too.
        async with running(settings) as runner:
            await runner.application.update_queue.put(_update(update, runner))
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)
        with SqliteStore(settings.library, bot=4242) as store:
            assert store.open_questions() == []


async def test_a_press_is_written_down_too_and_done_once(
    tmp_path: Path, server: FaultyServer
) -> None:
    settings = make_settings(server, tmp_path)

    def pressed(number: int, under: ChatMessage, button: str) -> str:
        person = {"id": under.chat_id, "is_bot": False, "first_name": "Anna"}
        press = {"id": str(number), "from": person, "message": under.raw, "chat_instance": "1",
                 "data": under.button(button).data}  # fmt: skip
        return json.dumps({"update_id": number, "callback_query": press})

    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await fill(anna, runner)
            await anna.send_text("sunset")
            answer = await anna.wait_reply()
            await anna.press(answer, "1")
            post = await anna.wait_reply()
            # Delivered twice, a vote is not taken back.
            update = json.loads(pressed(900_000_001, post, "👍"))
            for _ in range(2):
                await runner.application.update_queue.put(_update(update, runner))
            await anna.wait_edit(post)
            assert (await runner.services.store.counts()).votes == 1
        # One was cut off before it was done; a vote is given and noted in one transaction.
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(900_000_002, pressed(900_000_002, answer, "2"), "")])
            store.take([(900_000_003, pressed(900_000_003, post, "👍"), "")])
            press = decode(post.button("👍").data)
            assert press is not None
            query, key = press.numbers
            store.vote(user=anna.user_id, query=query, key=key, value=1, update=900_000_003)
        async with running(settings) as runner:
            opened = await anna.wait_reply()
            assert opened.text.startswith("Sunset")
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)
            assert (await runner.services.store.counts()).votes == 1


async def test_polling_pauses_while_there_is_too_much_in_hand(
    tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "IN_HAND_MAX", 3)
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner)
        server.plan_fault("delay", "sendPhoto", seconds=1.5, times=1)
        for _ in range(4):
            await anna.send_text("sunset")
        await until(lambda: runner.services.turns.waiting == 2)
        for _ in range(4):
            await anna.send_text("sunset")
        polls = len(server.calls("getUpdates"))
        await asyncio.sleep(0.3)
        # One more may have been on its way; the rest waits at Telegram.
        assert runner.services.turns.waiting == 2
        assert len(server.calls("getUpdates")) <= polls + 1
        # None is lost.
        assert len(await anna.wait_replies(quiet=2)) == 8


def _update(raw: dict[str, Any], runner: Runner) -> Update:
    return Update.de_json(raw, runner.application.bot)


async def test_the_end_comes_within_five_seconds_with_any_backlog(
    tmp_path: Path, server: FaultyServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(server, tmp_path, busy_seconds=10_000)
    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await fill(anna, runner)
            server.plan_fault("delay", "sendPhoto", seconds=7, times=100)
            for _ in range(40):
                await anna.send_text("sunset")
            await until(lambda: runner.services.turns.waiting > 20)
            start = time.monotonic()
        assert time.monotonic() - start < 5
        assert "Traceback" not in caplog.text
        server.faults.clear()
        # They are answered after the start, also the one that was being sent.
        async with running(settings) as runner:
            await until(lambda: len(server.calls("sendPhoto")) >= 40, 20)
            await asyncio.sleep(0.5)
            assert runner.services.turns.waiting == 0
    assert IN_HAND_MAX > 40
