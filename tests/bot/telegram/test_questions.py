"""Questions outlive the process that took them, and are answered once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from bot.local.server import LocalServer
from bot.telegram.intake import IN_HAND_MAX
from engine.store import SqliteStore
from tests.bot.conftest import fill, make_settings, running, until
from tests.user.client import LocalTimeoutError, LocalUser


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
