from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from telegram.error import NetworkError

from bot.library.photos import Photos
from bot.library.picture_words import PictureWords
from bot.library.store import Store
from engine.ocr import Tesseract
from engine.store import Post, SqliteStore
from tests.bot.conftest import SNOW, SUNSET, jpeg, make_settings, running, until
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

TABLE = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext\n"
ROW = "5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t96.0\t{}\n"


def fake(folder: Path, word: str = "giraffe", before: str = "") -> Tesseract:
    """A program that finds one word on every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table").write_text(TABLE + (ROW.format(word) if word else ""))
    path = folder / "tesseract"
    path.write_text(
        f'#!/bin/sh\ncase "$1" in\n--version) echo tesseract 5.3.0;;\n'
        f"--list-langs) echo List:; echo eng; echo rus;;\n"
        f"*) cat > /dev/null; echo call >> {folder}/calls\n{before}\ncat {folder}/table;;\nesac\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tesseract(str(path), "eng", "5.3.0")


def calls(folder: Path) -> int:
    path = folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


class Library:
    """A store of a few posts, and what was called."""

    def __init__(self, folder: Path, *posts: dict[str, Any]) -> None:
        self.folder = folder
        self.store = Store(SqliteStore(folder / "library.sqlite"))
        self.store.sync.upsert([Post(0, **post) for post in posts])
        self.changed: list[tuple[str, str]] = []
        self.fetched: list[str] = []

    async def fetch(self, file: str) -> bytes:
        self.fetched.append(file)
        raise NetworkError("no network")

    async def note(self, post: Post, words: str) -> None:
        self.changed.append((post.id, words))

    async def read(self, tesseract: Tesseract | None, seconds: float = 20) -> None:
        """Read until nothing is left that can be."""
        words = PictureWords(tesseract, self.store, Photos([self.folder]), self.fetch)
        task = asyncio.create_task(words.run(self.note))
        async with asyncio.timeout(seconds):
            while not words.idle:
                await asyncio.sleep(0.01)
        task.cancel()

    def words(self) -> dict[str, str | None]:
        posts = self.store.sync.posts(range(1, 10)).values()
        return {post.id: post.picture_words for post in posts}


async def test_pictures_that_nobody_has_read_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(SUNSET))
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    library = Library(
        tmp_path,
        {"id": "a", "photo": "a.jpg", "text": ""},
        {"id": "known", "photo": "a.jpg", "text": "", "picture_words": "zebra"},
        {"id": "no photo", "photo": None, "text": "x"},
        {"id": "broken", "photo": "broken.jpg", "text": "x"},
        {"id": "gone", "photo": "gone.jpg", "text": "x"},
    )
    tesseract = fake(tmp_path / "bin")
    for _ in range(2):
        await library.read(tesseract)
        assert library.words() == {
            "a": "giraffe",
            "known": "zebra",
            "no photo": "",
            "broken": None,
            "gone": None,
        }
    assert library.changed == [("a", "giraffe")]


async def test_a_picture_without_words_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(SUNSET))
    library = Library(tmp_path, {"id": "a", "photo": "a.jpg", "text": ""})
    await library.read(fake(tmp_path / "bin", word=""))
    assert library.words() == {"a": ""}
    assert library.changed == []


async def test_what_fails_does_not_keep_others_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(SUNSET))
    library = Library(tmp_path, {"id": "a", "photo": "a.jpg", "text": ""})
    await library.read(fake(tmp_path / "bin", before="echo out of paper >&2; exit 1"))
    assert library.words() == {"a": None}
    assert "out of paper" in caplog.text


async def test_without_tesseract_nothing_is_read(tmp_path: Path) -> None:
    library = Library(tmp_path, {"id": "a", "photo": "a.jpg", "text": ""})
    words = PictureWords(None, library.store, Photos([]), library.fetch)
    await asyncio.wait_for(words.run(library.note), 5)
    assert await words.asked(jpeg(SUNSET)) == ""
    assert library.words() == {"a": None}


async def test_a_question_is_read_within_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path)
    quick = PictureWords(fake(tmp_path / "q"), library.store, Photos([]), library.fetch)
    assert await quick.asked(jpeg(SUNSET)) == "giraffe"
    assert await quick.asked(b"no photo") == ""
    monkeypatch.setattr("bot.library.picture_words.ASKED_SECONDS", 0.3)
    slow = fake(tmp_path / "s", before="exec sleep 30")
    words = PictureWords(slow, library.store, Photos([]), library.fetch)
    assert await asyncio.wait_for(words.asked(jpeg(SUNSET)), 10) == ""


async def test_a_live_post_is_there_at_once_and_its_words_follow(
    tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.ocr import find_tesseract

    find_tesseract.cache_clear()
    fake(tmp_path / "bin", "sunset", before=f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    settings = make_settings(server, tmp_path, ocr=True)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await anna.send_photo(jpeg(SNOW), "snow", chat_id=anna.channel_id)
        await until(lambda: len(runner.services.engine) == 1)
        (post,) = (await runner.services.store.posts([1])).values()
        assert post.picture_words is None
        (tmp_path / "go").touch()
        async with asyncio.timeout(20):
            while post.picture_words is None:
                await asyncio.sleep(0.05)
                (post,) = (await runner.services.store.posts([1])).values()
        assert post.picture_words == "sunset"
        assert len(runner.services.store.sync.matching(["sunset"])) == 1
        # The word is heard in the answer to a photo that bears it, and the post's vector has it.
        with_word = runner.services.engine.describe(photo=jpeg(SNOW), text="snow", written="sunset")
        async with asyncio.timeout(20):
            while dict(runner.services.store.sync.vectors("double-1")) != {1: with_word.blob}:
                await asyncio.sleep(0.05)
        await anna.send_photo(jpeg(SNOW))
        await anna.wait_reply()
    find_tesseract.cache_clear()
