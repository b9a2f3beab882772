from __future__ import annotations

import io
import random
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image
from telegram.error import NetworkError

from bot.library.photos import Photos
from bot.library.thumbnails import Thumbnails
from engine.errors import PhotoError
from engine.store import Post


def post_named(name: str, photo: str | None = None, file: str | None = None) -> Post:
    return Post(0, name, photo=photo, file=file)


def photo(width: int = 1600, height: int = 1200, seed: int = 1) -> bytes:
    dice = random.Random(seed)
    small = Image.frombytes("RGB", (16, 12), dice.randbytes(16 * 12 * 3))
    out = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def fetching(**files: bytes) -> tuple[Callable[[str], Awaitable[bytes]], list[str]]:
    asked: list[str] = []

    async def fetch(file: str) -> bytes:
        asked.append(file)
        if file not in files:
            raise NetworkError("no network")
        return files[file]

    return fetch, asked


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_one_from_disk_is_made_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(photo())
    thumbnails = Thumbnails(tmp_path / "t", Photos([tmp_path / "photos"]), fetching()[0])
    row = post_named("a/1", photo="a.jpg")
    assert not thumbnails.has("a/1")
    (made,) = await thumbnails.get([row])
    assert made is not None
    assert made.size == (427, 320)
    assert thumbnails.has("a/1")
    (tmp_path / "photos" / "a.jpg").unlink()
    (kept,) = await thumbnails.get([row])
    assert kept is not None
    assert (kept.mode, kept.size) == ("RGB", (427, 320))
    (one,) = files(tmp_path / "t")
    assert one.stat().st_size < 16_000


async def test_one_from_telegram_is_downloaded_once(tmp_path: Path) -> None:
    fetch, asked = fetching(f1=photo())
    thumbnails = Thumbnails(tmp_path / "t", Photos([]), fetch)
    for _ in range(3):
        assert await thumbnails.get([post_named("telegram/-1/2", file="f1")]) != [None]
    assert asked == ["f1"]


async def test_where_there_is_no_photo_there_is_no_thumbnail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetch, _ = fetching(broken=b"no photo")
    thumbnails = Thumbnails(tmp_path / "t", Photos([tmp_path]), fetch)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    for row in (
        post_named("1"),
        post_named("2", file="gone"),
        post_named("3", file="broken"),
        post_named("4", "broken.jpg"),
    ):
        assert await thumbnails.get([row]) == [None]
    assert "no network" in caplog.text
    assert files(tmp_path / "t") == []


async def test_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    fetch, asked = fetching(f1=photo())
    thumbnails = Thumbnails(tmp_path / "t", Photos([]), fetch)
    await thumbnails.get([post_named("1", file="f1")])
    (path,) = files(tmp_path / "t")
    for damage in (b"", path.read_bytes()[:100], b"RIFF" + bytes(50)):
        path.write_bytes(damage)
        assert await thumbnails.get([post_named("1", file="f1")]) != [None]
        assert path.stat().st_size > 1000
    assert len(asked) == 4


async def test_an_edited_post_gets_another(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t", Photos([]), fetching()[0])
    thumbnails.make("1", photo())
    thumbnails.make("1", photo(1200, 1600, seed=2))
    (found,) = await thumbnails.get([post_named("1")])
    assert found is not None
    assert found.size == (320, 427)
    thumbnails.discard("1")
    thumbnails.discard("1")
    assert await thumbnails.get([post_named("1")]) == [None]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((50, 40), (50, 40)), ((400, 3000), (135, 1012)), ((3000, 3000), (370, 370))],
)
def test_sizes(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    made = Thumbnails(tmp_path, Photos([]), fetching()[0]).make("1", photo(*size))
    assert made.size == expected


def test_what_is_no_photo_says_so(tmp_path: Path) -> None:
    with pytest.raises(PhotoError):
        Thumbnails(tmp_path, Photos([]), fetching()[0]).make("1", b"no photo")


def test_a_full_disk_costs_nothing_but_the_copy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "t").write_text("a file where the folder would be")
    made = Thumbnails(tmp_path / "t", Photos([]), fetching()[0]).make("1", photo())
    assert made.size == (427, 320)
    assert "not kept" in caplog.text


def test_ids_name_no_files(tmp_path: Path) -> None:
    thumbnails = Thumbnails(tmp_path / "t", Photos([]), fetching()[0])
    for post in ("../../x", "/etc/passwd", "a\0b", "\udcff", "x" * 10_000):
        thumbnails.make(post, photo(64, 64))
        assert thumbnails.has(post)
    assert len(files(tmp_path / "t")) == 5
    assert all(stat.S_ISREG(path.stat().st_mode) for path in files(tmp_path / "t"))
