"""The driver itself: what it waits for, in which order, and what it says when nothing comes."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from bot.local.server import LocalServer
from tests.user.client import LocalChatError, LocalTimeoutError, LocalUser

from .conftest import TOKEN, make_photo


async def call(server: LocalServer, method: str, **values: Any) -> Any:
    """Act as the bot, without any library."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/bot{TOKEN}/{method}", json=values) as response,
    ):
        answer = await response.json()
    assert answer["ok"], answer
    return answer["result"]


async def test_replies_come_once_and_in_order(server: LocalServer, anna: LocalUser) -> None:
    await anna.send_text("hi")
    for text in ("one", "two", "three"):
        await call(server, "sendMessage", chat_id=1001, text=text)
    assert (await anna.wait_reply()).text == "one"
    assert [m.text for m in await anna.wait_replies(quiet=0.1)] == ["two", "three"]
    with pytest.raises(LocalTimeoutError, match="no message from the bot within"):
        await anna.wait_reply(0.1)
    await call(server, "sendMessage", chat_id=1001, text="a leftover")
    sent = await anna.send_text("again")
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.1)
    await call(server, "sendMessage", chat_id=anna.group_id, text="elsewhere")
    assert (await anna.wait_reply(chat_id=anna.group_id)).text == "elsewhere"
    late = asyncio.create_task(anna.wait_reply(5))
    await asyncio.sleep(0.1)
    await call(server, "sendMessage", chat_id=1001, text="late")
    assert (await late).text == "late"
    assert [m.text for m in await anna.messages_since(sent)] == ["late"]
    assert [m.text for m in await anna.history(limit=2)] == ["again", "late"]


async def test_edits_deletions_and_actions(server: LocalServer, anna: LocalUser) -> None:
    await anna.send_text("hi")
    await call(server, "sendMessage", chat_id=1001, text="x")
    reply = await anna.wait_reply()
    await call(server, "sendChatAction", chat_id=1001, action="upload_photo")
    await call(server, "sendChatAction", chat_id=1001, action="typing")
    assert await anna.wait_action("typing") == "typing"
    await call(server, "editMessageText", chat_id=1001, message_id=reply.message_id, text="y")
    assert (await anna.wait_edit(reply)).text == "y"
    await call(server, "deleteMessage", chat_id=1001, message_id=reply.message_id)
    await anna.wait_deleted(reply)
    assert await anna.refresh(reply) is None
    for wait in (anna.wait_edit(reply, 0.05), anna.wait_deleted(reply, 0.05)):
        with pytest.raises(LocalTimeoutError):
            await wait


async def test_what_the_bot_is_told(server: LocalServer, anna: LocalUser) -> None:
    await anna.send_text("/start now")
    await anna.send_fields({"sticker": {"emoji": "x"}, "chat": {"id": 5}, "message_id": 99})
    await anna.block_bot()
    await anna.send_text("not seen by the bot")
    await anna.block_bot(False)
    await anna.set_membership(anna.channel_id, False)
    await anna.channel_post("not seen either")
    await anna.set_membership(anna.channel_id, True)
    with pytest.raises(LocalTimeoutError):
        await anna.press_data((await anna.history())[0], "forged", timeout=0)
    updates = await call(server, "getUpdates")
    kinds = [next(key for key in update if key != "update_id") for update in updates]
    assert kinds == ["message", "message", *["my_chat_member"] * 4, "callback_query"]
    first, second = updates[0]["message"], updates[1]["message"]
    assert first["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert first["from"] == {
        "id": 1001,
        "is_bot": False,
        "first_name": "Anna",
        "language_code": "en",
    }
    assert (second["chat"]["id"], second["message_id"]) == (1001, 2)
    assert second["sticker"] == {"emoji": "x"}
    statuses = [update["my_chat_member"]["new_chat_member"]["status"] for update in updates[2:6]]
    assert statuses == ["kicked", "member", "left", "administrator"]
    assert updates[6]["callback_query"]["data"] == "forged"


async def test_a_message_that_is_gone_can_still_be_pressed(
    server: LocalServer, anna: LocalUser
) -> None:
    sent = await anna.send_text("hi")
    await anna.delete(sent)
    with pytest.raises(LocalTimeoutError):
        await anna.press_data(sent, "stale", timeout=0)
    query = (await call(server, "getUpdates", offset=-1))[0]["callback_query"]
    assert query["message"] == {"chat": sent.raw["chat"], "message_id": 1, "date": 0}


async def test_stickers_and_moving_pictures(server: LocalServer, anna: LocalUser) -> None:
    frame = make_photo(1, (320, 240))
    for kind, name in (
        ("sticker", "s.webp"),
        ("animation", "a.mp4"),
        ("video", "v.mp4"),
        ("video_note", "n.mp4"),
    ):
        sent = await anna.send_media(kind, b"moving " + name.encode(), name, frame)
        file = sent.raw[kind]
        assert (file["thumbnail"]["width"], file["thumbnail"]["height"]) == (320, 240)
        assert ("document" in sent.raw) == (kind == "animation")
        found = await call(server, "getFile", file_id=file["thumbnail"]["file_id"])
        assert found["file_path"].startswith("thumbnails/")


async def test_a_reply_to_another_chat(server: LocalServer, anna: LocalUser) -> None:
    (post,) = await anna.channel_post("the sea", [make_photo(1)])
    await anna.send_text("find such", reply_to=post)
    told = (await call(server, "getUpdates"))[-1]["message"]
    assert "reply_to_message" not in told
    assert told["external_reply"]["photo"] == post.photo
    assert told["external_reply"]["origin"]["type"] == "channel"
    assert told["external_reply"]["chat"]["id"] == anna.channel_id
    assert told["quote"]["text"] == "the sea"


async def test_profiles(server: LocalServer) -> None:
    options = {"user_id": 77, "first_name": "Zoë", "username": "zoe", "language_code": "ru"}
    async with LocalUser(server.url, **options) as zoe:
        await zoe.send_text("hi")
    async with LocalUser(server.url, user_id=77) as again:
        await again.set_language("en")
        await again.send_text("hi")
    users = [update["message"]["from"] for update in await call(server, "getUpdates")]
    assert [user["language_code"] for user in users] == ["ru", "en"]
    assert {(user["first_name"], user["username"]) for user in users} == {("Zoë", "zoe")}
    for wrong in (0, -5, 4242):
        with pytest.raises(LocalChatError, match="user_id"):
            await LocalUser(server.url, user_id=wrong).start()


async def test_what_a_client_would_refuse_is_refused(anna: LocalUser) -> None:
    for content, code in ((b"no photo", 400), (b"", 400), (bytes(10 * 1024 * 1024 + 1), 400)):
        with pytest.raises(LocalChatError) as caught:
            await anna.send_photo(content)
        assert caught.value.code == code
    with pytest.raises(LocalChatError, match="at most 10"):
        await anna.send_album([make_photo()] * 11)
    with pytest.raises(LocalChatError, match="caption is too long"):
        await anna.send_photo(make_photo(), "x" * 1025)
    with pytest.raises(LocalChatError, match="text is empty"):
        await anna.send_text("   ")
    assert await anna.history() == []
