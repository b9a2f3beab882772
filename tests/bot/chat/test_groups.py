"""Groups: who may press, who is answered, where the answer goes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from bot.app import Runner
from bot.chat.texts import Texts
from bot.local.state import GROUP_ID
from engine.results import Page
from tests.bot.conftest import SUNSET, fill, jpeg, make_settings, running, until
from tests.user.client import LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer

EN = Texts("en")
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
GROUP = {"id": GROUP_ID, "type": "supergroup", "title": "Photo friends"}


def message(text: str, **more: Any) -> dict[str, Any]:
    return {"message": {"message_id": 900, "date": int(time.time()), "text": text,
                        "from": ANONYMOUS, "chat": GROUP, **more}}  # fmt: skip


def sent(server: FaultyServer, method: str = "sendPhoto") -> list[dict[str, Any]]:
    return [call.values for call in server.calls(method)]


async def test_an_anonymous_administrator_has_buttons(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner)
    server.inject_update(message("/find sunset", sender_chat=GROUP,
                         entities=[{"type": "bot_command", "offset": 0, "length": 5}]))  # fmt: skip
    answer = await anna.wait_reply(chat_id=GROUP_ID)
    # Anna administers the group, Boris does not.
    await anna.press(answer, "▶")
    assert "7" in (await anna.wait_edit(answer)).text
    async with LocalUser(server.url, user_id=1002) as boris:
        assert (await boris.press(answer, "1")).text == EN("not_yours")


async def test_the_channels_own_posts_in_its_group_are_not_answered(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner, 3)
    runner.services.library.groups.add(GROUP_ID)
    before = len(runner.services.engine)
    photo = (await anna.send_photo(jpeg(SUNSET, 77), chat_id=anna.channel_id)).raw["photo"]
    await until(lambda: len(runner.services.engine) == before + 1)
    update = message("x", is_automatic_forward=True)
    del update["message"]["text"]
    update["message"] |= {"photo": photo, "caption": f"@{anna.bot['username']} sunset"}
    server.inject_update(update)
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7, chat_id=GROUP_ID)
    assert len(runner.services.engine) == before + 1


async def test_an_answer_stays_in_its_topic(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner)
    server.inject_update(message(f"@{anna.bot['username']} sunset", is_topic_message=True,
                                 message_thread_id=55, sender_chat=GROUP))  # fmt: skip
    await until(lambda: sent(server))
    assert str(sent(server)[-1]["message_thread_id"]) == "55"
    # What is replied to may be gone by then.
    assert json.loads(sent(server)[-1]["reply_parameters"])["allow_sending_without_reply"]


async def test_an_action_stays_in_its_topic_and_none_is_shown_while_others_wait(
    anna: LocalUser, runner: Runner, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(anna, runner)
    search = runner.services.engine.search

    def slowly(*args: Any, **more: Any) -> Page:
        time.sleep(1.2)
        return search(*args, **more)

    monkeypatch.setattr(runner.services.engine, "search", slowly)
    words = f"@{anna.bot['username']} sunset"
    topic = {"is_topic_message": True, "message_thread_id": 55, "sender_chat": GROUP}
    server.context.world.chats[GROUP_ID].threads.add(55)
    server.inject_update(message(words, **topic))
    await until(lambda: sent(server))
    (action,) = sent(server, "sendChatAction")
    assert str(action["message_thread_id"]) == "55"
    # An action counts as a message: an answer costs one, however slow the machine is.
    server.inject_update(message(words, **topic))
    await anna.send_text("sunset")
    await anna.wait_reply()
    await until(lambda: len(sent(server)) == 3)
    assert len(sent(server, "sendChatAction")) == 1


async def test_a_greeting_when_added(anna: LocalUser, runner: Runner, server: FaultyServer) -> None:
    me = {"id": anna.bot["id"], "is_bot": True, "first_name": "image2pic"}
    server.inject_update(
        {"my_chat_member": {
            "chat": GROUP, "from": {"id": 1001, "is_bot": False, "first_name": "Anna"},
            "date": int(time.time()),
            "old_chat_member": {"status": "left", "user": me},
            "new_chat_member": {"status": "member", "user": me},
        }}
    )  # fmt: skip
    hello = await anna.wait_reply(chat_id=GROUP_ID)
    assert hello.text == EN("greeting", bot=anna.bot["username"])


async def test_a_group_that_becomes_a_supergroup_keeps_its_library(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await anna.send_text("/library", chat_id=GROUP_ID)
    await anna.wait_reply(chat_id=GROUP_ID)
    new = server.migrate_group()
    await until(lambda: runner.services.library.groups == {new})
    assert await runner.services.store.groups() == {new}


async def test_an_answer_follows_its_group_into_the_supergroup(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner)
    await anna.send_text("/library", chat_id=GROUP_ID)
    await anna.wait_reply(chat_id=GROUP_ID)
    # It becomes one between the question and the answer; nothing else tells so.
    world = server.context.world
    new = world.add_chat({**world.chats[GROUP_ID].raw, "id": GROUP_ID - 77})
    world.chats[GROUP_ID].migrated_to = new.id
    server.inject_update(message("/find sunset", sender_chat=GROUP,
                         entities=[{"type": "bot_command", "offset": 0, "length": 5}]))  # fmt: skip
    await until(lambda: len(sent(server)) == 2)
    assert [(int(c.values["chat_id"]), c.code) for c in server.calls("sendPhoto")] == [
        (GROUP_ID, 400),
        (new.id, 200),
    ]
    assert runner.services.library.groups == await runner.services.store.groups() == {new.id}


async def test_a_group_without_photos_is_told_once(
    anna: LocalUser, runner: Runner, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(anna, runner)
    from telegram.error import BadRequest

    async def refuse(*_: object, **__: object) -> None:
        raise BadRequest("Not enough rights to send photos to the chat")

    monkeypatch.setattr(type(runner.application.bot), "send_photo", refuse)
    texts = []
    for _ in range(2):
        await anna.send_text("/find sunset", chat_id=GROUP_ID)
        texts.append((await anna.wait_reply(chat_id=GROUP_ID)).text)
    assert EN("no_photos") in texts[0]
    assert EN("no_photos") not in texts[1]
    assert all(text.count("Sunset") == 6 for text in texts)


async def test_strangers_get_nothing(tmp_path: Path, server: FaultyServer) -> None:
    settings = make_settings(server, tmp_path, allowed_ids={1003})
    async with running(settings), LocalUser(server.url, user_id=1002) as boris:
        for text in ("/topics", "/stats", "/help", "/history", "sunset"):
            await boris.send_text(text)
            assert (await boris.wait_reply()).text == EN("not_allowed"), text
        assert (await boris.inline("")).results == []
        for text in ("/find sunset", "/topics", f"@{boris.bot['username']} sunset"):
            await boris.send_text(text, chat_id=GROUP_ID)
        with pytest.raises(LocalTimeoutError):
            await boris.wait_reply(0.7, chat_id=GROUP_ID)


async def test_old_questions_get_one_friendly_line(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner)
    await anna.send_text("/privacy")
    await anna.wait_reply()
    for number in range(5):
        server.inject_update(
            {"message": {"message_id": 800 + number, "date": int(time.time()) - 3600,
                         "text": "sunset", "from": {"id": 1001, "is_bot": False,
                                                    "first_name": "Anna"},
                         "chat": {"id": 1001, "type": "private", "first_name": "Anna"}}}
        )  # fmt: skip
    assert [m.text for m in await anna.wait_replies(quiet=0.7)] == [EN("away")]
    await asyncio.sleep(0)
    await anna.send_text("sunset")
    assert (await anna.wait_reply()).text.count("Sunset") == 6
