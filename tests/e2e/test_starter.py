"""What ships: the real process without a token, on the default model, used in a real browser."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from tests.browser import CHROMIUM, DESKTOP, PHONE, Shown, open_page
from tests.e2e.conftest import BotProcess, bot_process

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH (Debian: apt install chromium)"
)

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "data" / "starter"
MEMORY_LIMIT = 500 * 2**20
DONE = "#takeover-title >> text=Searchable posts of yours: 4"
#: Kinds of scene that are a fair answer to a question.
SEA = {"sunset-sea", "tropical-beach", "harbour", "lighthouse-storm"}
SNOW = {"snowy-forest", "snowy-peaks", "winter-village"}


def kinds() -> dict[str, str]:
    """The kind of scene of each starter post, by its text."""
    lines = (STARTER / "posts.jsonl").read_text(encoding="utf-8").splitlines()
    posts = [json.loads(line) for line in lines]
    return {plain(post["text"]): post["id"].rpartition("-")[0] for post in posts}


def plain(text: str) -> str:
    """Letters and digits alone: a caption on the page has its links and breaks elsewhere."""
    return re.sub(r"\W+", "", text).lower()


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotProcess]:
    async with bot_process(DATA_DIR=str(tmp_path / "var"), LOCAL_PORT="0") as process:
        yield process


async def answered(shown: Shown, before: int) -> list[str]:
    """The kinds of scene that the next answer shows."""
    page = shown.page
    # The buttons come last.
    await playwright.expect(page.locator(".keyboard").nth(before)).to_be_visible(timeout=30_000)
    answer = page.locator(".message.pictured:not(.own)").last
    lines = (await answer.locator(".text").inner_text()).splitlines()
    starts = [plain(line.partition(" ")[2]) for line in lines if re.match(r"\d+ ", line)]
    by_text = kinds()
    found = [next((k for t, k in by_text.items() if t.startswith(s)), "") for s in starts]
    assert len(found) >= 4
    return found


async def keyboards(shown: Shown) -> int:
    return await shown.page.locator(".keyboard").count()


async def say(shown: Shown, words: str) -> list[str]:
    before = await keyboards(shown)
    await shown.page.fill("#text", words)
    await shown.page.press("#text", "Enter")
    return await answered(shown, before)


def share(found: list[str], fitting: set[str]) -> float:
    return sum(kind in fitting for kind in found) / len(found)


@pytest.mark.parametrize(
    ("name", "size", "theme"),
    [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")],
)
async def test_the_first_minutes(bot, browser, name, size, theme) -> None:
    shown = await open_page(browser, bot.address, size, color_scheme=theme)
    page = shown.page
    await page.click(".empty .primary")
    await page.wait_for_selector(".message:not(.own) .text")
    await page.wait_for_selector(".key")
    await shown.shot(f"starter-{name}-{theme}-1-start")

    before = await keyboards(shown)
    await shown.drop([(STARTER / "photos" / "sunset-sea-03.jpg").read_bytes()])
    await page.click("#send")
    found = await answered(shown, before)
    await shown.shot(f"starter-{name}-{theme}-2-photo")
    assert share(found, SEA) >= 0.8, found
    seen = await page.locator(".message:not(.own) .text", has_text="I see").last.inner_text()
    assert re.search(r"\b(sea|sunset|ocean|sun|evening|beach|waves?)\b", seen), seen

    found = await say(shown, "sunset over the sea")
    await shown.shot(f"starter-{name}-{theme}-3-words")
    assert share(found, SEA) >= 0.8, found
    found = await say(shown, "снежный лес")
    await shown.shot(f"starter-{name}-{theme}-4-russian")
    assert share(found, SNOW) >= 0.8, found

    assert bot.memory() < MEMORY_LIMIT
    assert shown.problems == []


def own_posts(folder: Path) -> Path:
    """A Telegram export of photos that no starter post is like, with texts of their own."""
    (folder / "photos").mkdir(parents=True)
    messages = []
    for number, (colour, text) in enumerate(
        [
            ("#c03028", "A red bicycle leans on the wall of the bakery"),
            ("#3060c0", "Blue umbrellas over the market street"),
            ("#e0b030", "Grandmother's yellow kitchen with a samovar"),
            ("#308040", "The green tram leaves for the depot"),
        ],
        1,
    ):
        photo = Image.effect_noise((320, 240), 60 + 10 * number).convert("RGB")
        photo = Image.blend(photo, Image.new("RGB", photo.size, colour), 0.6)
        photo.filter(ImageFilter.GaussianBlur(number)).save(folder / f"photos/{number}.jpg")
        messages.append(
            {
                "id": number,
                "type": "message",
                "date_unixtime": str(1_500_000_000 + number),
                "photo": f"photos/{number}.jpg",
                "text": [text, {"type": "hashtag", "text": " #mine"}],
            }
        )
    export = {"name": "Mine", "type": "private_channel", "id": 5, "messages": messages}
    (folder / "result.json").write_text(json.dumps(export), encoding="utf-8")
    return folder


def stored(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "var" / "library.sqlite")) as connection:
        rows = connection.execute("SELECT text, date FROM posts WHERE id LIKE 'telegram/%'")
        return dict(rows.fetchall())


async def test_own_posts_are_found(bot, browser, tmp_path: Path) -> None:
    folder = own_posts(tmp_path / "export")
    shown = await open_page(browser, bot.address, DESKTOP, color_scheme="dark")
    page = shown.page
    await shown.drop_paths(folder)
    await page.wait_for_selector(DONE, timeout=30_000)
    await shown.shot("starter-desktop-dark-5-taken-over")
    example = (await page.locator("#takeover-try").inner_text()).removeprefix("Try: ")
    before = await keyboards(shown)
    await page.click("#takeover-try")
    await playwright.expect(page.locator(".keyboard").nth(before)).to_be_visible(timeout=30_000)
    await shown.shot("starter-desktop-dark-6-own-found")
    album = page.locator(".message.pictured:not(.own)").last
    assert example in await album.inner_text()
    # Their photos are shown, too.
    await playwright.expect(album.locator("img.broken")).to_have_count(0)
    # Its source is shown here, where it was taken over to.
    await album.locator("a").click()
    await page.wait_for_selector(f"#viewer[open] #viewer-caption >> text={example}")
    await page.keyboard.press("Escape")

    await shown.drop_paths(folder)
    await page.wait_for_selector("#takeover-counts >> text=there already 4", timeout=30_000)
    assert len(stored(tmp_path)) == 4
    assert all(date.startswith("2017-07-14") for date in stored(tmp_path).values())
    assert shown.problems == []


async def test_own_posts_outlive_a_restart(browser, tmp_path: Path) -> None:
    folder = own_posts(tmp_path / "export")
    variables = {"DATA_DIR": str(tmp_path / "var"), "LOCAL_PORT": "0"}
    async with bot_process(**variables) as bot:
        shown = await open_page(browser, bot.address, DESKTOP)
        await shown.drop_paths(folder)
        await shown.page.wait_for_selector(DONE, timeout=30_000)
        assert await bot.end() == 0
    async with bot_process(**variables) as bot:
        shown = await open_page(browser, bot.address, PHONE)
        page = shown.page
        # A new post of the channel does not take the place of an old one.
        await page.click(".chat >> nth=2")
        await shown.drop([(STARTER / "photos" / "canyon-01.jpg").read_bytes()])
        await page.fill("#text", "A canyon, posted after the restart")
        await page.press("#text", "Enter")
        await shown.drop_paths(folder)
        await page.wait_for_selector("#takeover-counts >> text=there already 4", timeout=30_000)
        await page.click(".chat >> nth=0")
        await page.fill("#text", "red bicycle on the wall")
        await page.press("#text", "Enter")
        await page.wait_for_selector(".pictured:not(.own) >> text=red bicycle", timeout=30_000)
        await shown.shot("starter-phone-light-7-after-restart")
        async with asyncio.timeout(20):
            while len(stored(tmp_path)) < 5:
                await asyncio.sleep(0.1)
        await page.locator(".pictured:not(.own)").last.locator("a").first.click()
        # The channel is as it was before the restart.
        await page.wait_for_selector("#viewer[open] #viewer-caption >> text=red bicycle")
        assert await bot.end() == 0
    assert len(stored(tmp_path)) == 5


async def test_killed_while_posts_are_taken_over(browser, tmp_path: Path) -> None:
    total = 60
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(total):
        photo = Image.effect_noise((96, 96), 40 + number)
        photo.save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"grey noise, sheet number {number}")
    variables = {"DATA_DIR": str(tmp_path / "var"), "LOCAL_PORT": "0"}
    async with bot_process(**variables) as bot:
        shown = await open_page(browser, bot.address, DESKTOP)
        await shown.drop_paths(folder)
        while len(stored(tmp_path)) < 10:
            await asyncio.sleep(0.02)
        await bot.end(signal.SIGKILL)
        await shown.page.close()
    assert len(stored(tmp_path)) < total
    async with bot_process(**variables) as bot:
        shown = await open_page(browser, bot.address, DESKTOP)
        await shown.drop_paths(folder)
        await shown.page.wait_for_selector(DONE.replace("4", str(total)), timeout=60_000)
        async with asyncio.timeout(20):
            while len(stored(tmp_path)) < total:
                await asyncio.sleep(0.1)
        assert await bot.end() == 0
    with closing(sqlite3.connect(tmp_path / "var" / "library.sqlite")) as connection:
        rows = connection.execute("SELECT text FROM posts WHERE id LIKE 'telegram/%'").fetchall()
    assert sorted(rows) == sorted((f"grey noise, sheet number {n}",) for n in range(total))
