"""Questions outlive the process that took them, and are answered once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from bot.local.server import LocalServer
from bot.telegram import intake
from bot.telegram.intake import IN_HAND_MAX
from engine.store import SqliteStore
from tests.bot.conftest import fill, make_settings, running, until
from tests.user.client import ChatMessage, LocalTimeoutError, LocalUser


def asked(number: int, user: LocalUser, text: str = "sunset") -> str:
    person = {"id": user.user_id, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    message = {"message_id": 1, "date": int(time.time()), "text": text, "from": person,
               "chat": {"id": user.user_id, "type": "private", "first_name": "Anna"}}  # fmt: skip
    return json.dumps({"update_id": number, "message": message})


async def test_what_a_kill_cut_off_is_answered_after_the_start_once(
    tmp_path: Path, server: LocalServer
) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await fill(anna, runner)
            await anna.send_text("/privacy")
            await anna.wait_reply()
        # Taken by a process that was killed before it began to answer; another one after it did.
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(900_000_001, asked(900_000_001, anna), "")])
            store.take([(900_000_002, asked(900_000_002, anna, "snowy forest"), "")])
            store.begun(900_000_002)
        async with running(settings):
            answer = await anna.wait_reply()
            assert answer.text.count("Sunset") == 6
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)
        async with running(settings):
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)


async def test_an_update_delivered_twice_is_answered_once(
    tmp_path: Path, server: LocalServer
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
    tmp_path: Path, server: LocalServer
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
        # Cut off before it was begun; a vote that was given, but not marked as done.
        with SqliteStore(settings.library, bot=4242) as store:
            store.take([(900_000_002, pressed(900_000_002, answer, "2"), "")])
            store.take([(900_000_003, pressed(900_000_003, post, "👍"), "")])
            store.begun(900_000_003)
        async with running(settings) as runner:
            opened = await anna.wait_reply()
            assert opened.text.startswith("Sunset")
            with pytest.raises(LocalTimeoutError):
                await anna.wait_reply(0.7)
            assert (await runner.services.store.counts()).votes == 1


async def test_polling_pauses_while_there_is_too_much_in_hand(
    tmp_path: Path, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "IN_HAND_MAX", 3)
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner)
        server.plan_fault("delay", "sendPhoto", seconds=0.6, times=8)  # type: ignore[attr-defined]
        for _ in range(4):
            await anna.send_text("sunset")
        await until(lambda: runner.services.turns.waiting == 2)
        for _ in range(4):
            await anna.send_text("sunset")
        polls = len(server.calls("getUpdates"))  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)
        # One more may have been on its way; the rest waits at Telegram.
        assert runner.services.turns.waiting == 2
        assert len(server.calls("getUpdates")) <= polls + 1  # type: ignore[attr-defined]
        # None is lost.
        assert len(await anna.wait_replies(quiet=2)) == 8


def _update(raw, runner):  # type: ignore[no-untyped-def]
    from telegram import Update

    return Update.de_json(raw, runner.application.bot)


async def test_the_end_comes_within_five_seconds_with_any_backlog(
    tmp_path: Path, server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(server, tmp_path, busy_seconds=10_000)
    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await fill(anna, runner)
            server.plan_fault("delay", "sendPhoto", seconds=20, times=100)  # type: ignore[attr-defined]
            for _ in range(40):
                await anna.send_text("sunset")
            await until(lambda: runner.services.turns.waiting > 20)
            start = time.monotonic()
        assert time.monotonic() - start < 5
        assert "Traceback" not in caplog.text
        server.faults.clear()  # type: ignore[attr-defined]
        # Those that waited are answered after the start; the one that was begun perhaps was sent.
        async with running(settings) as runner:
            await until(lambda: len(server.calls("sendPhoto")) >= 40, 20)  # type: ignore[attr-defined]
            await asyncio.sleep(0.5)
            assert runner.services.turns.waiting == 0
    assert IN_HAND_MAX > 40
