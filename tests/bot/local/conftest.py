"""A running local server, users, and photos made on the spot."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

TOKEN = "4242:test-secret_part"


def make_photo(seed: int = 0, size: tuple[int, int] = (640, 480), kind: str = "JPEG") -> bytes:
    """A picture of coloured shapes; another seed gives another picture."""
    rng = random.Random(seed)
    colour = lambda: tuple(rng.randrange(256) for _ in range(3))  # noqa: E731
    image = Image.new("RGB", size, colour())
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        radius = rng.randrange(10, max(11, min(size) // 3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour())
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def photo() -> Callable[..., bytes]:
    return make_photo


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FaultyServer]:
    async with FaultyServer(TOKEN, data_dir=tmp_path / "files") as running:
        yield running


@pytest.fixture
async def anna(server: FaultyServer) -> AsyncIterator[LocalUser]:
    async with LocalUser(server.url, timeout=10) as user:
        yield user
