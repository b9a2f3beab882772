"""The file store: what Telegram would refuse is refused, what is kept stays within bounds."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.local.errors import BadRequestError, TooLargeError
from bot.local.files import FileStore

from .conftest import make_photo


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path, owner=1)


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: each costs a pass over all pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


async def test_sizes_are_those_of_telegram(store: FileStore) -> None:
    for size, longest in (
        ((60, 40), [60]),
        ((300, 200), [90, 300]),
        ((3000, 2000), [90, 320, 800, 1280]),
    ):
        media = await store.add_photo(make_photo(1, size))
        assert [max(f.width, f.height) for f in media.files] == longest
        for file in media.files:
            with Image.open(store.location(file)) as image:
                assert image.size == (file.width, file.height)
                assert image.format == "JPEG"
            assert store.location(file).stat().st_size == file.size
            assert store.find(file.file_id) == (media, file)
            assert store.by_path(file.file_path) == file


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "CMYK", "I;16", "1", "F"])
async def test_any_mode_becomes_a_jpeg(store: FileStore, mode: str) -> None:
    image = Image.radial_gradient("L").convert("F" if mode in ("I;16", "F") else "RGB")
    if mode == "I;16":
        image = Image.fromarray(__import__("numpy").arange(65536, dtype="uint16").reshape(256, 256))
    else:
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF")
    media = await store.add_photo(buffer.getvalue())
    with Image.open(store.location(media.main)) as shown:
        assert shown.mode == "RGB"
        low, high = shown.convert("L").getextrema()
        assert high - low > 200


async def test_orientation_is_applied_and_exif_dropped(store: FileStore) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "where I live"
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100)).save(buffer, "JPEG", exif=exif)
    media = await store.add_photo(buffer.getvalue())
    assert (media.main.width, media.main.height) == (100, 200)
    assert b"where I live" not in store.location(media.main).read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "file must be non-empty"),
        (b"no photo", "IMAGE_PROCESS_FAILED"),
        (make_photo()[:2000], "IMAGE_PROCESS_FAILED"),
        (png_claiming(30_000, 30_000), "PHOTO_INVALID_DIMENSIONS"),
        (png_claiming(3000, 100), "PHOTO_INVALID_DIMENSIONS"),
        (png_claiming(1, 50_000_000), "PHOTO_INVALID_DIMENSIONS"),
        # Pillow could open these; they are no formats of photos.
        (make_photo(1, (64, 64), "PPM"), "IMAGE_PROCESS_FAILED"),
        (make_photo(1, (64, 64), "PCX"), "IMAGE_PROCESS_FAILED"),
        (many_scans(300), "IMAGE_PROCESS_FAILED"),
        (bytes(10 * 1024 * 1024 + 1), "too big for a photo"),
    ],
)
async def test_what_is_no_photo_is_refused(store: FileStore, content: bytes, said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        await store.add_photo(content)
    assert list(store.folder.iterdir()) == []


async def test_documents_keep_their_bytes(store: FileStore) -> None:
    bomb = png_claiming(30_000, 30_000)
    for content, name, thumbs in (
        (b"abc", "a.txt", 0),
        (make_photo(), "a.jpg", 1),
        (bomb, "b.png", 0),
    ):
        media = await store.add_document(content, name)
        assert store.location(media.main).read_bytes() == content
        assert len(media.files) - 1 == thumbs
        assert media.fields()["document"]["file_name"] == name
    with pytest.raises(TooLargeError):
        await store.add_document(bytes(50 * 1024 * 1024 + 1))
    with pytest.raises(BadRequestError):
        await store.add_document(b"")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\x", "a\x00b.txt", "", ".", "x" * 999, "a.b/c"],
)
async def test_names_never_leave_the_folder(store: FileStore, name: str) -> None:
    media = await store.add_document(b"content", name)
    assert store.location(media.main).resolve().parent == store.folder.resolve()
    assert "/" not in media.name
    assert "\x00" not in media.name
    assert 0 < len(media.name) <= 255
    assert ".." not in media.main.file_path


async def test_ids_are_stable_and_belong_to_a_bot(tmp_path: Path, store: FileStore) -> None:
    first = await store.add_photo(make_photo(1))
    again = await store.add_photo(make_photo(1))
    assert again is first
    other = await FileStore(tmp_path / "other", owner=2).add_photo(make_photo(1))
    assert other.main.file_unique_id == first.main.file_unique_id
    assert other.main.file_id != first.main.file_id
    # After a restart on the same folder, ids that a bot has stored are still good.
    restarted = FileStore(tmp_path, owner=1)
    assert restarted.media(first.main.file_id, "photo").fields() == first.fields()
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.json").write_text('{"kind": "photo", "name": "", "files": [{"x": 1}]}')
    assert FileStore(tmp_path, owner=1).find(first.main.file_id)


@pytest.mark.parametrize(
    "change",
    [
        {"files": "x"}, {"files": [5]}, {"name": 5}, {"kind": []}, {"size": "x"}, {"width": None},
        {"role": "other"}, {"file_unique_id": "../../x"}, {"file_id": 7},
    ],
)  # fmt: skip
async def test_a_damaged_note_is_as_good_as_none(tmp_path: Path, change: dict[str, Any]) -> None:
    first = await FileStore(tmp_path, owner=1).add_photo(make_photo(1))
    (path,) = tmp_path.glob("*.json")
    note = json.loads(path.read_text())
    for name, value in change.items():
        (note if name in note else note["files"][-1])[name] = value
    path.write_text(json.dumps(note))
    store = FileStore(tmp_path, owner=1)
    with pytest.raises(BadRequestError):
        store.find(first.main.file_id)
    assert (await store.add_photo(make_photo(1))).fields() == first.fields()


async def test_a_file_that_was_cut_off_is_not_served(tmp_path: Path) -> None:
    store = FileStore(tmp_path, owner=1)
    first = await store.add_photo(make_photo(1))
    store.location(first.main).write_bytes(b"short")
    with pytest.raises(BadRequestError):
        FileStore(tmp_path, owner=1).find(first.main.file_id)


async def test_the_least_used_go_first(tmp_path: Path) -> None:
    store = FileStore(tmp_path, owner=1, max_bytes=3000)
    one, two, three = [(await store.add_document(bytes([i]) * 1000, f"{i}")).main for i in range(3)]
    store.find(one.file_id)
    await store.add_document(b"\x09" * 1000, "9")
    with pytest.raises(BadRequestError, match="temporarily unavailable"):
        store.find(two.file_id)
    assert not store.location(two).exists()
    for kept in (one, three):
        assert store.location(store.find(kept.file_id)[1]).exists()
    assert sum(p.stat().st_size for p in tmp_path.iterdir() if p.suffix != ".json") <= 3000


async def test_a_file_shared_by_two_stays_with_the_other(tmp_path: Path) -> None:
    store = FileStore(tmp_path, owner=1, max_bytes=200_000)
    first = await store.add_photo(make_photo(1, (2000, 1500)))
    # What a bot downloads and sends back: the same bytes as the first one's largest size.
    second = await store.add_photo(store.location(first.main).read_bytes())
    assert second.main.file_id == first.main.file_id
    assert first is not second
    await store.add_document(bytes(200_000 - sum(f.size for f in second.files)), "filler")
    assert store.find(second.main.file_id)[0] is second
    assert store.location(second.main).exists()


async def test_what_is_kept_never_goes_for_others(tmp_path: Path) -> None:
    store = FileStore(tmp_path, owner=1, max_bytes=3000)
    kept = await store.add_photo(make_photo(0))
    await store.keep(kept)
    await store.keep(kept)
    passing = [await store.add_photo(make_photo(seed)) for seed in range(1, 4)]
    assert store.find(kept.main.file_id)[0] is kept
    with pytest.raises(BadRequestError):
        store.find(passing[0].main.file_id)
    restarted = FileStore(tmp_path, owner=1, max_bytes=3000)
    for seed in range(4, 8):
        await restarted.add_photo(make_photo(seed))
    assert restarted.find(kept.main.file_id)[0] == kept


async def test_the_same_photo_twice_at_once_is_one(store: FileStore) -> None:
    photo = make_photo(1)
    first, second = await asyncio.gather(store.add_photo(photo), store.add_photo(photo))
    assert first is second
    await store.keep(first)
    assert store.find(first.main.file_id)[0] is first
