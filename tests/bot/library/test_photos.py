from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from bot.library.photos import Photos
from engine.store import Post


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.jpg").write_bytes(name.encode())
    (tmp_path / "two" / "sub").mkdir()
    (tmp_path / "two" / "sub" / "deep.jpg").write_bytes(b"deep")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "one" / "link.jpg").symlink_to(tmp_path / "secret.txt")
    return Photos([tmp_path / "one", tmp_path / "two"])


def test_the_first_folder_wins(photos: Photos) -> None:
    assert photos.read("same.jpg") == b"one"
    assert photos.read("sub/deep.jpg") == b"deep"


@pytest.mark.parametrize(
    "name",
    [None, "", "none.jpg", "../secret.txt", "link.jpg", "/etc/passwd", "a\0b", "x" * 5000, "sub"],
)
def test_anything_else_is_none(photos: Photos, name: str | None) -> None:
    assert photos.read(name) is None


async def test_what_telegram_takes(tmp_path: Path) -> None:
    """Formats and sizes that Telegram refuses become a JPEG; a file at Telegram is downloaded."""
    asked = []

    async def fetch(file_id: str) -> bytes:
        asked.append(file_id)
        return _encoded((900, 600), "WEBP")

    photos = Photos([tmp_path], fetch)
    for name, data in {
        "good.jpg": _encoded((900, 600), "JPEG"),
        "large.jpg": _encoded((6000, 4500), "JPEG"),
        "other.webp": _encoded((900, 600), "WEBP"),
        "broken.jpg": b"no photo",
    }.items():
        (tmp_path / name).write_bytes(data)
    assert await photos.to_send(Post(1, "a", "good.jpg")) == (tmp_path / "good.jpg").read_bytes()
    for name, size in (("large.jpg", (1280, 960)), ("other.webp", (900, 600))):
        sent = await photos.to_send(Post(1, "a", name))
        assert sent is not None
        with Image.open(io.BytesIO(sent)) as image:
            assert (image.format, image.size) == ("JPEG", size)
    assert await photos.to_send(Post(1, "a", "broken.jpg")) is None
    assert await photos.to_send(Post(1, "a")) is None
    assert (await photos.to_send(Post(1, "a", file="BQAC"))) is not None
    assert asked == ["BQAC"]


def _encoded(size: tuple[int, int], kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()
