"""The live library: posts, edits, albums, removals, and updates that come twice."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from telegram import Message

from bot.app import Runner
from bot.library.messages import clean, hashtags, origin
from bot.local.server import LocalServer
from engine.store import Post, SqliteStore
from tests.bot.conftest import NIGHT, SNOW, SUNSET, fill, jpeg, make_settings, running, until
from tests.bot.double import TOPICS, DoubleEngine
from tests.user.client import LocalUser


async def texts(runner: Runner) -> set[str]:
    return {post.text for post in await runner.services.store.recent(limit=1000, offset=0)}


async def finished(runner: Runner) -> None:
    """Until nothing waits in the inbox."""
    async with asyncio.timeout(10):
        while (await runner.services.store.counts()).waiting:
            await asyncio.sleep(0.02)


async def test_a_post_is_found_right_after(anna: LocalUser, runner: Runner) -> None:
    sent = await anna.send_photo(
        jpeg(SUNSET), "  Sunset \u200b over\tthe sea\n\n\n\n#Evening", chat_id=anna.channel_id
    )
    await until(lambda: len(runner.services.engine) == 1)
    (post,) = await runner.services.store.recent(limit=5, offset=0)
    assert post.text == "Sunset over the sea\n\n#Evening"
    assert post.tags == ("Evening",)
    assert post.url == f"https://t.me/photo_channel/{sent.message_id}"
    assert post.source == "Photo channel"
    await anna.send_text("sunset")
    assert (await anna.wait_reply()).photo


async def test_an_edit_changes_the_post(anna: LocalUser, runner: Runner) -> None:
    sent = await anna.send_photo(jpeg(SUNSET), "sunset", chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == 1)
    await anna.edit(sent, "snow snowy snow")
    async with asyncio.timeout(8):
        while await texts(runner) != {"snow snowy snow"}:
            await asyncio.sleep(0.02)
    await finished(runner)
    await anna.send_text("snow")
    assert "snow snowy snow" in (await anna.wait_reply()).text
    assert len(runner.services.engine) == 1


async def test_removal_in_the_channel(anna: LocalUser, runner: Runner) -> None:
    sent = await anna.send_photo(jpeg(SUNSET), "sunset", chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == 1)
    command = await anna.send_text("/remove", chat_id=anna.channel_id, reply_to=sent)
    await until(lambda: len(runner.services.engine) == 0)
    await anna.edit(sent, "sunset again")
    await asyncio.sleep(0.2)
    await finished(runner)
    assert len(runner.services.engine) == 0
    assert await texts(runner) == set()
    assert await anna.refresh(command) is None


async def test_an_album_shares_its_caption(anna: LocalUser, runner: Runner) -> None:
    sent = await anna.send_album(
        [jpeg(SUNSET, 1), jpeg(NIGHT, 2), jpeg(SNOW, 3)], "night city", chat_id=anna.channel_id
    )
    await until(lambda: len(runner.services.engine) == 3)
    assert await texts(runner) == {"night city"}
    await anna.edit(sent[0], "sunset")
    async with asyncio.timeout(8):
        while await texts(runner) != {"sunset"}:
            await asyncio.sleep(0.02)
    # Taken away, it is taken away from all of them.
    await anna.edit(sent[0], "")
    async with asyncio.timeout(8):
        while await texts(runner) != {""}:
            await asyncio.sleep(0.02)
    assert len(runner.services.engine) == 3


async def test_posts_without_a_photo_are_none(anna: LocalUser, runner: Runner) -> None:
    await anna.send_text("sunset over the sea", chat_id=anna.channel_id)
    await anna.send_document(b"%PDF", "a.pdf", chat_id=anna.channel_id)
    await anna.send_document(b"no photo", "a.jpg", mime_type="image/jpeg", chat_id=anna.channel_id)
    await anna.send_photo(jpeg(SUNSET), "good", chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == 1)
    await finished(runner)
    assert await texts(runner) == {"good"}


async def test_a_file_is_a_photo_by_its_content(anna: LocalUser, runner: Runner) -> None:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (320, 240), SUNSET)).save(out)
    octets, channel = "application/octet-stream", anna.channel_id
    await anna.send_document(out.getvalue(), "IMG_1.HEIC", mime_type=octets, chat_id=channel)
    await anna.send_document(jpeg(SNOW), "a.jfif", mime_type=octets, chat_id=channel)
    await anna.send_document(jpeg(NIGHT), "a.heic", mime_type="image/heic", chat_id=channel)
    await anna.send_document(b"no photo", "b.jpg", mime_type=octets, chat_id=channel)
    await anna.send_document(b"PK", "c.zip", mime_type=octets, chat_id=channel)
    await until(lambda: len(runner.services.engine) == 3)
    await finished(runner)
    assert len(runner.services.engine) == 3


async def test_groups_only_when_the_owner_says(anna: LocalUser, runner: Runner) -> None:
    anna.chat_id = anna.group_id
    await anna.send_photo(jpeg(SUNSET, 1), "one")
    await anna.send_text("/library")
    assert "posts of the library" in (await anna.wait_reply()).text
    await anna.send_photo(jpeg(SUNSET, 2), "two")
    await until(lambda: len(runner.services.engine) == 1)
    await anna.send_text("/library off")
    await anna.wait_reply()
    await anna.send_photo(jpeg(SUNSET, 3), "three")
    await asyncio.sleep(0.3)
    await finished(runner)
    assert await texts(runner) == {"two"}


async def test_channels_can_be_limited(tmp_path: Path, server: LocalServer) -> None:
    async with (
        running(make_settings(server, tmp_path, channel_ids={-42})) as runner,
        LocalUser(server.url) as anna,
    ):
        await anna.send_photo(jpeg(SUNSET), "sunset", chat_id=anna.channel_id)
        await anna.send_text("/stats")
        await anna.wait_reply()
        assert len(runner.services.engine) == 0


async def test_an_update_that_comes_twice_is_one_post(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    sent = await anna.send_photo(jpeg(SUNSET), "sunset", chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == 1)
    for _ in range(3):
        server.inject_update({"channel_post": sent.raw})
    await anna.send_text("/stats")
    await anna.wait_reply()
    await finished(runner)
    assert (await runner.services.store.counts()).posts == 1


async def test_all_is_there_after_a_restart(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 3)
        await anna.send_text("sunset")
        answer = (await anna.wait_replies())[-1]
    async with running(settings) as runner, LocalUser(server.url) as anna:
        assert len(runner.services.engine) == 6
        await anna.press(answer, "2")
        post = await anna.wait_reply()
        assert (await anna.press(post, "👍")).text.startswith("Thank you")
        await anna.press(post, "More like this")
        assert (await anna.wait_reply()).photo


async def test_what_came_while_the_bot_was_away(tmp_path: Path, server: LocalServer) -> None:
    async with LocalUser(server.url) as anna:
        for number in range(30):
            await anna.send_photo(jpeg(SUNSET, number), f"post {number}", chat_id=anna.channel_id)
        async with running(make_settings(server, tmp_path)) as runner:
            await until(lambda: len(runner.services.engine) == 30)


async def test_a_new_model_describes_anew(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 5)
    async with running(settings, lambda *_, **__: DoubleEngine("double-2")) as runner:
        await until(lambda: len(runner.services.engine) == 8)
        async with asyncio.timeout(5):
            while await runner.services.store.undescribed("double-2", after=0, limit=1):
                await asyncio.sleep(0.05)
    with sqlite3.connect(settings.library) as connection:
        assert connection.execute("SELECT DISTINCT model FROM posts").fetchall() == [("double-2",)]
    connection.close()


async def test_the_index_is_saved_at_the_end(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 1)
        version = await runner.services.store.version()
    assert settings.index.read_text() == str(version)


async def test_a_post_that_ended_the_bot_twice_is_set_aside(
    tmp_path: Path, server: LocalServer
) -> None:
    settings = make_settings(server, tmp_path)
    async with LocalUser(server.url) as anna:
        async with running(settings) as runner:
            await anna.send_text("/stats")
            await anna.wait_reply()
            sent = await anna.send_photo(jpeg(SUNSET), "sunset", chat_id=anna.channel_id)
            await until(lambda: len(runner.services.engine) == 1)
        update = {"update_id": 900_001, "channel_post": {**sent.raw, "message_id": 4444}}
        with SqliteStore(settings.library, bot=4242) as store:
            store.accept(900_001, f"telegram/{sent.chat_id}/4444", "d", json.dumps(update))
            (pending,) = store.pending_updates(now=time.time(), limit=9)
            for _ in range(2):
                store.working_on(pending.number)
                store.begin_work()
        async with running(settings) as runner:
            told = await anna.wait_reply()
            assert "ended the bot twice" in told.text
            assert len(runner.services.engine) == 1
            # It is tried again when the owner says so.
            await anna.press(told, told.buttons[0])
            await until(lambda: len(runner.services.engine) == 2)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Sea and #sun_set, #2026 x#no #Море!", ("Sea", "sun_set", "Море")),
        ("a&#39;b #a#b #", ("a",)),
        ("#one #one", ("one",)),
    ],
)
def test_hashtags(text: str, tags: tuple[str, ...]) -> None:
    assert hashtags(text) == tags


@given(st.text(max_size=300))
def test_clean_is_stable(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert once == once.strip()
    once.encode()


CHANNEL = {"id": -1001234, "type": "channel", "title": "Ours", "username": "ours"}
OTHER = {"id": -1005678, "type": "channel", "title": "Theirs"}
WORD = {"type": "text_link", "offset": 0, "length": 3, "url": "https://vk.com/wall-1_2"}


@pytest.mark.parametrize(
    ("fields", "source", "url"),
    [
        ({}, "Ours", "https://t.me/ours/7"),
        (
            {"forward_origin": {"type": "channel", "chat": OTHER, "message_id": 9}},
            "Theirs",
            "https://t.me/c/5678/9",
        ),
        (
            {"forward_origin": {"type": "hidden_user", "sender_user_name": "A group"}},
            "A group",
            "https://vk.com/wall-1_2",
        ),
    ],
)
def test_a_post_comes_from_where_it_stood_first(
    fields: dict[str, Any], source: str, url: str
) -> None:
    if fields:
        fields["forward_origin"]["date"] = 1
    raw = {
        "message_id": 7,
        "date": 2,
        "chat": CHANNEL,
        "caption": "sea",
        "caption_entities": [WORD],
    }
    assert origin(Message.de_json({**raw, **fields}, None)) == (source, url)


async def test_of_what_moves_the_still_is_the_photo(anna: LocalUser, runner: Runner) -> None:
    channel = anna.channel_id
    await anna.send_media("video", b"film", "a.mp4", jpeg(SUNSET), "sunset", chat_id=channel)
    await anna.send_media("sticker", jpeg(SNOW), "b.webp", None, chat_id=channel)
    await until(lambda: len(runner.services.engine) == 2)
    posts = (await runner.services.store.posts([1, 2])).values()
    assert sorted(post.media or "" for post in posts) == ["sticker", "video"]


async def test_posts_of_the_model_get_their_thumbnails_at_the_start(
    tmp_path: Path, server: LocalServer
) -> None:
    photos = tmp_path / "model" / "photos"
    photos.mkdir(parents=True)
    for number in range(3):
        (photos / f"{number}.jpg").write_bytes(jpeg(SUNSET, number))
    with SqliteStore(tmp_path / "model" / "posts.sqlite") as store:
        store.photo_root = Path("photos")
        vector = np.full(TOPICS, 1 / TOPICS, np.float32).tobytes()
        store.upsert(
            [Post(0, f"p{n}", f"{n}.jpg", vector=vector, model="double-1") for n in range(3)]
        )
    async with running(make_settings(server, tmp_path)) as runner:
        await until(lambda: all(runner.services.thumbnails.has(f"p{n}") for n in range(3)))
