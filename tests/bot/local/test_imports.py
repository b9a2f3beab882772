"""Posts taken over into the channel: each once, whatever restarts in between."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.local.imports import post_key
from bot.local.server import LocalServer
from bot.local.state import CHANNEL_ID, OWNER_ID
from tests.user.client import LocalUser

from .conftest import TOKEN, make_photo

DATE = 1_600_000_000


async def import_post(
    server: LocalServer, photo: bytes, caption: str = "", **more: Any
) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData()
    form.add_field("payload", json.dumps({"user_id": OWNER_ID, "caption": caption, **more}))
    form.add_field("photo-0", photo, filename="a.jpg", content_type="image/jpeg")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/local/import", data=form) as response,
    ):
        answer = await response.json()
        return response.status, answer.get("result", answer)


async def status(server: LocalServer, *keys: str) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/local/imported", json={"keys": keys}) as response,
    ):
        return (await response.json())["result"]


def posts(server: LocalServer) -> list[dict[str, Any]]:
    return list(server.context.world.chats[CHANNEL_ID].messages.values())


async def updates(server: LocalServer, offset: int = 0) -> list[dict[str, Any]]:
    return await server.context.updates.poll(offset, 100, 0)


async def test_a_post_has_its_caption_and_date(server: LocalServer) -> None:
    assert await import_post(server, make_photo(1), "By the sea #sea", date=DATE) == (
        200,
        {"seq": 0, "new": True},
    )
    (post,) = posts(server)
    assert (post["caption"], post["date"]) == ("By the sea #sea", DATE)
    assert post["photo"]
    assert post["caption_entities"][0]["type"] == "hashtag"
    (update,) = await updates(server)
    assert update["channel_post"] == post


async def test_the_same_post_comes_once(server: LocalServer) -> None:
    photo = make_photo(1)
    assert (await import_post(server, photo, "a"))[1]["new"]
    assert not (await import_post(server, photo, "a"))[1]["new"]
    assert (await import_post(server, photo, "another caption"))[1]["new"]
    again = await asyncio.gather(*(import_post(server, make_photo(2), "b") for _ in range(4)))
    assert sum(answer["new"] for _, answer in again) == 1
    assert len(posts(server)) == 3
    key = post_key(photo, "a")
    assert (await status(server, key, "f" * 64))["known"] == [key]


async def test_posts_survive_a_restart_and_come_once(tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    async with LocalServer(TOKEN, data_dir=folder) as server:
        for seed in (1, 2, 3):
            await import_post(server, make_photo(seed), "a")
        first, second, _ = await updates(server)
        await updates(server, offset=first["update_id"] + 1)
        before = posts(server)
    async with LocalServer(TOKEN, data_dir=folder) as server:
        assert posts(server) == before
        assert [u["channel_post"] for u in await updates(server)] == before[1:]
        for seed in (1, 2, 3):
            assert not (await import_post(server, make_photo(seed), "a"))[1]["new"]
        await updates(server, offset=second["update_id"] + 1)
        assert (await status(server, post_key(make_photo(2), "a")))["known"]
        # What no bot has confirmed, and none will, comes again under its old number.
        server.context.updates.clear()
        assert (await import_post(server, make_photo(3), "a"))[1]["new"]
        assert [post["message_id"] for post in posts(server)] == [1, 2, 3]
        # Any other post gets a number that was never given, and so does its update.
        await import_post(server, make_photo(4), "a")
        assert posts(server)[-1]["message_id"] == 4
        assert min(u["update_id"] for u in await updates(server)) > second["update_id"] + 1


async def test_the_photo_that_the_bot_fetches_is_read(server: LocalServer) -> None:
    await import_post(server, make_photo(1), "a")
    await import_post(server, make_photo(2), "b")
    assert {k: v for k, v in (await status(server)).items() if k in ("sent", "read")} == {
        "sent": 2,
        "read": 0,
    }
    largest = posts(server)[0]["photo"][-1]["file_id"]
    async with aiohttp.ClientSession() as session:
        async with session.get(
            f"{server.url}/bot{TOKEN}/getFile", params={"file_id": largest}
        ) as response:
            path = (await response.json())["result"]["file_path"]
        async with session.get(f"{server.url}/file/bot{TOKEN}/{path}") as response:
            assert response.status == 200
    assert (await status(server))["read"] == 1


@pytest.mark.parametrize(
    ("photo", "more", "code"),
    [
        (b"no photo", {}, 400),
        (b"", {}, 400),
        (make_photo(1, (4000, 100)), {}, 400),
        (make_photo(1), {"caption": "x" * 1025}, 400),
        (make_photo(1), {"date": 0}, 400),
        (make_photo(1), {"date": 99_999_999_999}, 400),
        (make_photo(1), {"date": "soon"}, 400),
        (make_photo(1), {"user_id": OWNER_ID + 1}, 403),
    ],
)
async def test_what_is_no_post_is_refused(
    server: LocalServer, photo: bytes, more: dict[str, Any], code: int
) -> None:
    server.context.world.introduce(OWNER_ID + 1, {})
    assert (await import_post(server, photo, **more))[0] == code
    assert posts(server) == []
    assert (await status(server))["sent"] == 0


async def test_without_the_bot_or_without_room_nothing_is_taken(
    server: LocalServer, anna: LocalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.context.world.chats[CHANNEL_ID].bot_member = False
    code, answer = await import_post(server, make_photo(1))
    assert (code, answer["description"]) == (403, "the bot is not in the channel")
    server.context.world.chats[CHANNEL_ID].bot_member = True
    monkeypatch.setattr("bot.local.imports.MIN_FREE_BYTES", 2**80)
    assert (await import_post(server, make_photo(1)))[0] == 507
    assert posts(server) == []


async def test_photos_of_the_channel_are_kept(server: LocalServer, anna: LocalUser) -> None:
    files = server.context.files
    asked = await anna.send_photo(make_photo(1))
    assert not files.find(asked.photo[-1]["file_id"])[0].kept
    posted = await anna.send_photo(make_photo(2), chat_id=anna.channel_id)
    edited = await anna.edit_channel_post(posted, photo=make_photo(3))
    forwarded = await anna.forward(asked, chat_id=anna.channel_id)
    for message in (posted, edited, forwarded):
        assert files.find(message.photo[-1]["file_id"])[0].kept


async def test_updates_that_are_dropped_are_not_taken(server: LocalServer) -> None:
    await import_post(server, make_photo(1), "a")
    server.context.updates.clear()
    assert (await status(server, post_key(make_photo(1), "a")))["known"] == []
    assert (await import_post(server, make_photo(1), "a"))[1]["new"]
