"""A bot in this process against the local server, on the double engine."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from bot.app import Runner
from bot.settings import Settings
from tests.bot.double import DoubleEngine
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
SUNSET, SNOW, NIGHT, LAKE = (230, 120, 40), (235, 240, 250), (20, 20, 60), (60, 140, 90)


def jpeg(
    colour: tuple[int, int, int], mark: int = 0, *, size: tuple[int, int] = (240, 180)
) -> bytes:
    """A photo of one colour, different for each mark."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    for bit in range(16):
        if mark >> bit & 1:
            draw.rectangle((bit * 10, 0, bit * 10 + 9, 9), "black")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def make_settings(server: FaultyServer, folder: Path, **more: Any) -> Settings:
    values = {
        "telegram_bot_token": server.token,
        "telegram_base_url": server.url,
        "telegram_rate": 0,
        "model": folder / "model",
        "data_dir": folder / "var",
        "owner_ids": {1001},
        "storage_chat": 0,
        # Coloured squares look alike; what is left out is tested in test_cleaning.py.
        "clean": False,
        # Read in test_picture_words.py alone.
        "ocr": False,
        **more,
    }
    return Settings(_env_file=None, **values)


@asynccontextmanager
async def running(
    settings: Settings, engine: Callable[..., Any] = DoubleEngine.open
) -> AsyncIterator[Runner]:
    """A bot that is ready; it is ended in order."""
    runner = Runner(settings, engine=engine)
    task = asyncio.create_task(runner.run())
    ready = asyncio.create_task(runner.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        ready.cancel()
        await task
    try:
        yield runner
    finally:
        runner.stop.set()
        await asyncio.wait_for(task, 15)


@pytest.fixture
async def server() -> AsyncIterator[FaultyServer]:
    async with FaultyServer(TOKEN) as local:
        yield local


@pytest.fixture
async def runner(server: FaultyServer, tmp_path: Path) -> AsyncIterator[Runner]:
    async with running(make_settings(server, tmp_path)) as bot:
        yield bot


@pytest.fixture
async def anna(server: FaultyServer, runner: Runner) -> AsyncIterator[LocalUser]:
    async with LocalUser(server.url, timeout=8) as user:
        yield user


async def until(condition: Callable[[], Any], seconds: float = 8) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def fill(anna: LocalUser, runner: Runner, count: int = 8) -> None:
    """Sunsets in the channel, then one each of snow, night and lake."""
    before = len(runner.services.engine)
    for number in range(count):
        await anna.send_photo(
            jpeg(SUNSET, number), f"Sunset over the sea {number} #sunset", chat_id=anna.channel_id
        )
    for colour, text in ((SNOW, "snowy forest"), (NIGHT, "night city"), (LAKE, "mountain lake")):
        await anna.send_photo(jpeg(colour), text, chat_id=anna.channel_id)
    await until(lambda: len(runner.services.engine) == before + count + 3)
