"""Inline mode where Telegram has not all photos yet."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.chat.storage import PAUSE
from bot.chat.texts import Texts
from bot.local.state import GROUP_ID
from tests.bot.conftest import SUNSET, fill, jpeg, make_settings, running, until
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

EN = Texts("en")


async def test_photos_on_disk_are_shown_within_the_first_minute(
    tmp_path: Path, server: FaultyServer
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    settings = make_settings(server, tmp_path, photos_dir=photos, storage_chat=GROUP_ID)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 3)
        store = runner.services.store
        # As posts of a corpus are: files on disk, no file_id.
        for key in await store.filtered():
            (photos / f"{key}.jpg").write_bytes(jpeg(SUNSET, key))
        store.sync._write("UPDATE posts SET photo = CAST(key AS TEXT) || '.jpg'")  # type: ignore[attr-defined]
        store.sync._write("DELETE FROM files")  # type: ignore[attr-defined]
        first = await anna.inline("sunset")
        assert all("photo_file_id" not in result for result in first.results)
        async with asyncio.timeout(10):
            while not all("photo_file_id" in r for r in (await anna.inline("sunset")).results):
                await asyncio.sleep(0.1)
        # Nothing of it is left to see in the storage chat.
        await asyncio.sleep(0.3)
        assert [m for m in await anna.history(chat_id=GROUP_ID) if m.photo] == []


async def test_photos_are_stored_one_by_one(tmp_path: Path, server: FaultyServer) -> None:
    """Answers in the same chat are not held up by what is stored there."""
    photos = tmp_path / "photos"
    photos.mkdir()
    settings = make_settings(server, tmp_path, photos_dir=photos)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 3)
        store = runner.services.store.sync
        for key in range(1, 7):
            (photos / f"{key}.jpg").write_bytes(jpeg(SUNSET, key))
        store._write("UPDATE posts SET photo = CAST(key AS TEXT) || '.jpg'")  # type: ignore[attr-defined]
        store._write("DELETE FROM files")  # type: ignore[attr-defined]
    settings = make_settings(
        server, tmp_path, photos_dir=photos, storage_chat=GROUP_ID, telegram_rate=30
    )
    async with running(settings), LocalUser(server.url) as anna:
        await until(lambda: server.calls("sendPhoto"))
        await asyncio.sleep(PAUSE / 2)
        (stored,) = server.calls("sendPhoto")
        assert stored.values["disable_notification"] == "true"
        assert len(server.calls("deleteMessage")) == 1


async def test_files_and_stills_of_videos_are_opened_and_shown_inline(
    tmp_path: Path, server: FaultyServer
) -> None:
    settings = make_settings(server, tmp_path, storage_chat=GROUP_ID)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        channel = anna.channel_id
        await anna.send_media("video", b"film", "a.mp4", jpeg(SUNSET), "sunset", chat_id=channel)
        large = jpeg(SUNSET, 5, size=(6400, 4800))
        await anna.send_document(large, "b.jpg", "sunset sea", mime_type="image/jpeg",
                                 chat_id=channel)  # fmt: skip
        await until(lambda: len(runner.services.engine) == 2)
        await anna.send_text("sunset")
        answer = await anna.wait_reply()
        # By their file_ids no photo can be sent: they are uploaded, once.
        for number in ("1", "2"):
            for upload in (True, False):
                # Pressed again while it is still being done, a button does nothing.
                await until(lambda: not runner.services.store.sync._claims)
                await anna.press(answer, number)
                assert (await anna.wait_reply()).photo
                assert ("<file>" in server.calls("sendPhoto")[-1].values.values()) is upload
        runner.services.store.sync._write("DELETE FROM files")  # type: ignore[attr-defined]
        await anna.send_media("animation", b"gif", "c.gif", jpeg(SUNSET, 7), "sunset",
                              chat_id=channel)  # fmt: skip
        await until(lambda: len(runner.services.engine) == 3)
        async with asyncio.timeout(10):
            while not any("photo_file_id" in r for r in (await anna.inline("sunset")).results):
                await asyncio.sleep(0.1)


async def test_a_post_without_words_has_no_number_for_a_title(
    tmp_path: Path, server: FaultyServer
) -> None:
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 1)
        runner.services.store.sync._write("UPDATE posts SET text = ''")  # type: ignore[attr-defined]
        runner.services.store.sync._write("DELETE FROM files")  # type: ignore[attr-defined]
        results = (await anna.inline("sunset")).results
        assert {result["title"] for result in results} == {EN("untitled")}


async def test_one_bad_id_empties_no_answer(tmp_path: Path, server: FaultyServer) -> None:
    async with running(make_settings(server, tmp_path)) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 6)
        store = runner.services.store
        key = min(await store.filtered())
        store.sync._write("UPDATE files SET file = 'AgAC-wrong' WHERE key = ?", (key,))  # type: ignore[attr-defined]
        results = (await anna.inline("sunset")).results
        assert len(results) == 6
        assert sum("photo_file_id" in result for result in results) == 5
        # It was the only copy: it is kept, perhaps Telegram has it again.
        assert (await store.posts([key]))[key].file == "AgAC-wrong"


async def test_hints_are_inline_too(tmp_path: Path, server: FaultyServer) -> None:
    async with running(make_settings(server, tmp_path)), LocalUser(server.url) as anna:
        for query, key in (("sunset", "inline_nothing"), ("", "inline_help"), ("-", "inline_help")):
            answer = await anna.inline(query)
            assert answer.raw["button"]["text"] == EN(key), query
