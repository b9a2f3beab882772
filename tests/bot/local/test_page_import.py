"""Folders dropped on the chat page: posts taken over into the channel, in a real Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.local.server import LocalServer
from bot.local.state import CHANNEL_ID
from engine.corpus.posts import MAX_PHOTO_BYTES
from tests.browser import CHROMIUM, DESKTOP, PHONE, Shown, open_page

from .conftest import TOKEN, make_photo

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH (Debian: apt install chromium)"
)
DATE = 1_600_000_000
DONE = "Searchable posts of yours:"


@pytest.fixture
async def reader(server: LocalServer) -> AsyncIterator[None]:
    """A bot that does what every library does: it takes channel posts and fetches their photos."""
    root = f"{server.url}/bot{TOKEN}"

    async def run() -> None:
        offset = 0
        async with aiohttp.ClientSession() as session:
            while True:
                asked = {"offset": offset, "timeout": 20}
                async with session.get(f"{root}/getUpdates", params=asked) as response:
                    updates = (await response.json())["result"]
                for update in updates:
                    offset = update["update_id"] + 1
                    if photo := update.get("channel_post", {}).get("photo"):
                        asked = {"file_id": photo[-1]["file_id"]}
                        async with session.get(f"{root}/getFile", params=asked) as response:
                            path = (await response.json())["result"]["file_path"]
                        async with session.get(f"{server.url}/file/bot{TOKEN}/{path}") as response:
                            assert await response.read()

    task = asyncio.create_task(run())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def posts(server: LocalServer) -> list[dict[str, Any]]:
    return list(server.context.world.chats[CHANNEL_ID].messages.values())


def captions(server: LocalServer) -> list[str]:
    return sorted(post.get("caption", "") for post in posts(server))


async def ended(shown: Shown, text: str) -> None:
    await shown.page.wait_for_selector(f"#takeover-title >> text={text}", timeout=60_000)


async def counts(shown: Shown) -> str:
    return await shown.page.locator("#takeover-counts").inner_text()


def write_export(folder: Path, messages: list[dict[str, Any]], photos: dict[str, bytes]) -> Path:
    (folder / "photos").mkdir(parents=True)
    for name, content in photos.items():
        (folder / name).write_bytes(content)
    export = {"name": "My channel", "type": "public_channel", "id": 77, "messages": messages}
    (folder / "result.json").write_text(json.dumps(export))
    return folder


def message(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "type": "message", "date_unixtime": str(DATE + 60 * number), **fields}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export with an album, a photo as a file, and much that is no post."""
    together = {"date_unixtime": str(DATE), "from_id": "channel77"}
    messages = [
        {"id": 1, "type": "service", "action": "create_channel"},
        message(2, text="words alone"),
        message(3, photo="photos/a.jpg", text=["Two dogs ", {"type": "hashtag", "text": "#dogs"}]),
        {**message(4, photo="photos/b.jpg", text=""), **together},
        {**message(5, photo="photos/c.jpg", text="An evening by the lake"), **together},
        message(6, file="photos/d.jpg", mime_type="image/jpeg", text=""),
        message(7, file="photos/s.webp", mime_type="image/webp", media_type="sticker", text=""),
        message(8, photo="(File not included. Change data exporting settings to download.)"),
        message(9, photo="../secret.jpg", text="outside"),
        message(10, photo="/etc/passwd.jpg", text="outside"),
        message(11, photo="photos/gone.jpg", text="gone"),
        message(12, photo="photos/broken.jpg", text="broken"),
        message(13, photo=["photos/a.jpg"], text={"a": 1}),
        message(14, photo="photos/large.jpg", text="large"),
        message(15, photo="photos/thin.png", text="thin"),
        "no message",
        None,
    ]
    (tmp_path / "secret.jpg").write_bytes(make_photo(99))
    return write_export(
        tmp_path / "ChatExport_2024-05-01",
        messages,
        {
            **{f"photos/{name}.jpg": make_photo(place) for place, name in enumerate("abcd")},
            "photos/broken.jpg": b"\xff\xd8 no picture",
            "photos/large.jpg": make_photo(5) + bytes(MAX_PHOTO_BYTES),
            "photos/thin.png": make_photo(6, (3000, 100), "PNG"),
        },
    )


@pytest.mark.parametrize(
    ("name", "size", "theme"), [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")]
)
async def test_an_export_chosen_by_the_button(
    server, reader, browser, export, name, size, theme
) -> None:
    shown = await open_page(browser, server.url, size, color_scheme=theme)
    page = shown.page
    page.on("filechooser", lambda chooser: None)
    await shown.shot(f"{name}-{theme}-import-1-before")
    # By keyboard alone: the button opens the browser's own dialogue.
    await page.focus("#add-posts")
    async with page.expect_file_chooser() as chooser:
        await page.keyboard.press("Enter")
    await (await chooser.value).set_files(export)
    await ended(shown, f"{DONE} 4")
    lake = "An evening by the lake"
    assert captions(server) == ["", lake, lake, "Two dogs #dogs"]
    dates = {post.get("caption", ""): post["date"] for post in posts(server)}
    assert dates["Two dogs #dogs"] == DATE + 180
    assert await counts(shown) == "New 4 · there already 0"
    await page.click("#takeover-left")
    reasons = await page.locator("#takeover-reasons").inner_text()
    for reason in (
        "outside of the folder: 2",
        "not in the folder: 1",
        "export does not include: 1",
        "cannot be read: 1",
        "too large: 1",
        "long and thin: 1",
    ):
        assert reason in reasons, reasons
    await shown.shot(f"{name}-{theme}-import-2-done")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # The example asks the bot in the private chat.
    await page.click(".chat >> nth=2")
    await page.wait_for_selector("#messages .photo")
    await shown.shot(f"{name}-{theme}-import-3-channel")
    words = (await page.locator("#takeover-try").inner_text()).removeprefix("Try: ")
    assert words in ("Two dogs", lake)
    await page.click("#takeover-try")
    await page.wait_for_selector(f".own .text >> text={words}")
    assert await page.locator("#takeover").is_hidden()
    assert shown.problems == []


async def test_the_same_folder_again_makes_no_copies(server, reader, browser, export) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    await shown.drop_paths(export)
    await ended(shown, f"{DONE} 4")
    await shown.page.reload()
    await shown.page.wait_for_selector("#messages > *")
    assert await shown.page.locator("#takeover").is_hidden()
    await shown.drop_paths(export)
    await ended(shown, f"{DONE} 4")
    assert await counts(shown) == "New 0 · there already 4"
    assert len(posts(server)) == 4


async def test_photos_with_captions(server, reader, browser, tmp_path: Path) -> None:
    folder = tmp_path / "Отпуск"
    (folder / "sub").mkdir(parents=True)
    for place, name in enumerate(["a.jpg", "b.JPG", "sub/d.jpeg", ".hidden.jpg"]):
        (folder / name).write_bytes(make_photo(place, (120, 90)))
    table = 'photo;text\na.jpg;"Море; ""тихое""\nи ветер"\nsub/d.jpeg;Лес\n'
    (folder / "captions.csv").write_bytes(table.encode("cp1251"))
    (folder / "b.txt").write_text("beside")
    (folder / "film.mp4").write_bytes(b"not uploaded")
    shown = await open_page(browser, server.url, PHONE)
    asked: list[str] = []
    shown.page.on("request", lambda request: asked.append(request.url))
    # Also on the side, where a browser would otherwise show the folder in place of the page.
    await shown.drop_paths(folder, on=".side")
    await ended(shown, DONE)
    assert {"Лес", 'Море; "тихое"\nи ветер'} <= set(captions(server))
    assert not any("mp4" in url for url in asked)
    await shown.page.click("#languages >> text=RU")
    await shown.page.wait_for_selector("text=Доступно для поиска: ")
    await shown.shot("phone-import-4-ru")
    assert shown.problems == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"notes.txt": b"words"}, "folder is no corpus"),
        ({"messages.html": b"<html>"}, "JSON"),
        ({"result.json": b"{"}, "Left out|breaks off|no Telegram export"),
    ],
)
async def test_a_folder_that_is_none(
    server, reader, browser, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    shown = await open_page(browser, server.url, DESKTOP)
    await shown.drop_paths(folder)
    await playwright.expect(shown.page.locator("#takeover")).to_contain_text(re.compile(said))
    assert posts(server) == []
    await shown.shot("desktop-light-import-5-refused")
    await shown.page.click("#takeover-close")
    assert await shown.page.locator("#takeover").is_hidden()
    assert shown.problems == []


async def test_a_part_of_a_folder_is_told_apart_from_a_question(server, browser) -> None:
    shown = await open_page(browser, server.url, PHONE)
    page = shown.page
    for name in ("export.tar", "result.json", "posts.jsonl"):
        await shown.drop([(name, b"x")])
        await page.wait_for_selector(f"#alert[open] >> text={name}")
        assert "drop the whole folder" in await page.locator("#alert-text").inner_text()
        await page.click("#alert-ok")
        assert await page.locator("#tray").is_hidden()
    await page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["x"], "x"));
            const options = { dataTransfer: data, bubbles: true, cancelable: true };
            document.querySelector("#room").dispatchEvent(new DragEvent("dragenter", options));
        }"""
    )
    await shown.shot("phone-import-7-drop")
    assert "a folder of your own posts" in await page.locator("#drop").inner_text()
    await shown.drop([make_photo(1)], on=".side")
    await page.wait_for_selector("#tray li")
    assert shown.problems == []


async def test_stopped_reloaded_and_gone_on(server, reader, browser, tmp_path: Path) -> None:
    total = 60
    folder = write_export(
        tmp_path / "many",
        [message(n, photo=f"photos/{n}.jpg", text=f"photo number {n}") for n in range(total)],
        {f"photos/{n}.jpg": make_photo(n, (64, 48)) for n in range(total)},
    )
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    now, most, sent = 0, 0, 0

    async def slowly(route: playwright.Route) -> None:
        nonlocal now, most, sent
        now += 1
        most = max(most, now)
        sent += 1
        await asyncio.sleep(0.05)
        with contextlib.suppress(playwright.Error):
            await route.continue_()
        now -= 1

    await page.route("**/local/import/file*", slowly)
    await shown.drop_paths(folder)
    while sent < 7:
        await asyncio.sleep(0.05)
    await shown.shot("desktop-light-import-6-sending")
    await shown.drop_paths(folder)
    await page.wait_for_selector(".toast >> text=Stop it first")
    await page.click("#takeover-stop")
    await ended(shown, "many is not finished")
    stopped = sent
    assert 7 <= stopped < total
    assert 1 < most <= 3
    await page.reload()
    await ended(shown, "many is not finished")
    await shown.drop_paths(folder)
    await ended(shown, f"{DONE} {total}")
    # What was uploaded before is not uploaded again; the page is not needed once all is there.
    assert sent <= total + 4
    assert len(posts(server)) == total


async def test_the_page_may_be_closed_once_all_is_uploaded(
    server, browser, export, monkeypatch
) -> None:
    monkeypatch.setattr("bot.local.imports._PATIENCE", 3.0)
    shown = await open_page(browser, server.url, DESKTOP)
    await shown.drop_paths(export)
    await shown.page.wait_for_selector("#takeover-title >> text=The bot is reading")
    await shown.page.reload()
    await shown.page.wait_for_selector("#takeover-title >> text=The bot is reading")
    await ended(shown, f"{DONE} 0")
    assert len(posts(server)) == 4


async def test_without_the_bot_nothing_is_sent(server, browser, export) -> None:
    server.context.world.chats[CHANNEL_ID].bot_member = False
    shown = await open_page(browser, server.url, DESKTOP)
    await shown.drop_paths(export)
    await shown.page.wait_for_selector("#takeover-counts >> text=The bot is not in the channel")
    await shown.page.click("#languages >> text=RU")
    await shown.page.wait_for_selector("#takeover-counts >> text=Бота нет в канале")
    assert posts(server) == []


async def test_a_full_disk_is_said(server, browser, export, monkeypatch) -> None:
    monkeypatch.setattr("bot.local.imports.MIN_FREE_BYTES", 2**80)
    shown = await open_page(browser, server.url, DESKTOP)
    await shown.drop_paths(export)
    await shown.page.wait_for_selector("#takeover-counts >> text=The disk is nearly full")
    assert posts(server) == []


async def test_a_server_that_is_away_is_waited_for(server, reader, browser, export) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    left = 0

    async def away(route: playwright.Route) -> None:
        nonlocal left
        left -= 1
        await (route.abort() if left >= 0 else route.continue_())

    await shown.page.route("**/local/import/file*", away)
    left = 10**6
    await shown.drop_paths(export)
    await shown.page.wait_for_selector("#takeover-counts >> text=files")
    await shown.page.click("#takeover-stop")
    await ended(shown, "is not finished")
    left = 4
    await shown.drop_paths(export)
    await ended(shown, f"{DONE} 4")
    assert len(posts(server)) == 4


async def test_thousands_do_not_freeze_the_page(server, reader, browser, tmp_path: Path) -> None:
    folder = tmp_path / "thousands"
    folder.mkdir()
    photo = make_photo(1, (64, 48))
    for number in range(1500):
        # Bytes after the picture's end: each file is another one.
        (folder / f"{number}.jpg").write_bytes(photo + str(number).encode())
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    await page.click(".chat >> nth=2")
    await page.evaluate(
        """() => {
            // Called once for all that one task of the page drew.
            window.most = 0;
            new MutationObserver((changes) => {
                const added = changes.flatMap((change) => [...change.addedNodes]);
                const drawn = added.filter((node) => node.matches?.(".message")).length;
                most = Math.max(most, drawn);
            }).observe(document.querySelector("#scroll"), { childList: true, subtree: true });
        }"""
    )
    await shown.drop_paths(folder)
    await playwright.expect(page.locator("#takeover-bar")).to_have_attribute("max", "1500")
    while len(posts(server)) < 350:
        await asyncio.sleep(0.2)
    # What a task draws is bounded; how long that takes depends on the machine.
    assert 0 < await page.evaluate("most") <= 200
    assert await page.locator(".message").count() <= 400
    await page.click("#takeover-stop")
    await ended(shown, "is not finished")
    # Those that were dropped from the list come back to whoever scrolls up.
    before = await page.locator(".message").count()
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 0)")
    await playwright.expect(page.locator(".message").nth(before)).to_be_attached()
    assert shown.problems == []
