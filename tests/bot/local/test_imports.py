"""Folders of posts, uploaded and taken over into the channel: each post once, whatever ends."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.local import imports
from bot.local.errors import ApiError
from bot.local.imports import cut, post_key
from bot.local.params import Params
from bot.local.server import LocalServer
from bot.local.state import CHANNEL_ID
from engine.corpus.posts import MAX_PHOTO_BYTES, REASONS
from tests.user.client import LocalUser

from .conftest import TOKEN, make_photo

DATE = "2020-09-13T12:26:40Z"
SECONDS = 1_600_000_000


class Page:
    """What the chat page does with a folder, without a browser."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server

    async def ask(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        async with (
            aiohttp.ClientSession(self.server.url) as session,
            session.request(method, f"/local/{path}", **body) as response,
        ):
            answer = await response.json()
            assert response.status == status, answer
            return answer.get("result", answer.get("description"))

    async def begin(self, name: str = "folder", status: int = 200) -> Any:
        return await self.ask("POST", "import/begin", status, json={"name": name})

    async def upload(self, path: str, content: bytes, status: int = 200, **more: Any) -> Any:
        query = {"path": path, "size": len(content), "time": 1000, **more}
        return await self.ask("PUT", "import/file", status, params=query, data=content)

    async def end(self) -> Any:
        return await self.ask("POST", "import/end", json={})

    async def state(self) -> Any:
        return await self.ask("GET", "import")

    async def take(self, files: dict[str, bytes], name: str = "folder") -> Any:
        """Upload what is wanted, and wait until nothing more comes of it."""
        await self.begin(name)
        named = [[path, len(content), 1000] for path, content in files.items()]
        asked = await self.ask("POST", "import/wanted", json={"files": named})
        for place in asked["wanted"]:
            path = named[place][0]
            await self.upload(path, files[path])
        await self.end()
        return await self.over("done", "failed", "waiting")

    async def over(self, *phases: str) -> Any:
        async with asyncio.timeout(20):
            while (state := await self.state())["phase"] not in phases:
                await asyncio.sleep(0.02)
        return state


@pytest.fixture
async def page(server: LocalServer) -> Page:
    return Page(server)


def corpus(*posts: dict[str, Any]) -> dict[str, bytes]:
    photos = {f"photos/{place}.jpg": make_photo(place, (64, 48)) for place in range(4)}
    lines = "\n".join(
        json.dumps({"id": str(place), "photo": f"photos/{place}.jpg", **post})
        for place, post in enumerate(posts)
    )
    return {"posts.jsonl": lines.encode(), **photos}


def posts(server: LocalServer) -> list[dict[str, Any]]:
    return list(server.context.world.chats[CHANNEL_ID].messages.values())


async def updates(server: LocalServer, offset: int = 0) -> list[dict[str, Any]]:
    return await server.context.updates.poll(offset, 100, 0)


async def test_posts_have_their_text_date_source_and_link(server: LocalServer, page: Page) -> None:
    state = await page.take(
        corpus(
            {"text": "By the sea #sea", "date": DATE, "url": "https://t.me/anna/7", "source": "A"},
            {"text": "слово и дело", "url": "https://vk.com/wall-1_2", "source": "VK group"},
            {"text": "x" * 5000},
            {"photo": None, "text": "words alone"},
        )
    )
    assert (state["sent"], state.get("there", 0)) == (3, 0)
    assert {item["reason"]: item["count"] for item in state["left"]} == {"noPhoto": 1}
    first, second, third = posts(server)
    assert (first["caption"], first["date"]) == ("By the sea #sea", SECONDS)
    assert first["caption_entities"][0]["type"] == "hashtag"
    origin = first["forward_origin"]
    assert (origin["type"], origin["message_id"]) == ("channel", 7)
    assert (origin["chat"]["username"], origin["chat"]["title"]) == ("anna", "A")
    assert second["forward_origin"]["sender_user_name"] == "VK group"
    assert second["caption_entities"][0] == {
        "type": "text_link", "url": "https://vk.com/wall-1_2", "offset": 0, "length": 5,
    }  # fmt: skip
    assert len(third["caption"]) == 4096
    assert [update["channel_post"] for update in await updates(server)] == posts(server)
    assert state["example"] == "By the sea"


async def test_a_link_to_a_post_that_was_taken_over(server: LocalServer, page: Page) -> None:
    await page.take(corpus({"text": "a", "url": "https://t.me/c/55/7"}))
    (taken,) = posts(server)
    for chat, number, known, found in (
        ("-10055", 7, True, taken),
        ("@photo_channel", 1, True, taken),
        ("@photo_channel", 99, True, None),
        ("-10055", 8, False, None),
        ("@elsewhere", 7, False, None),
    ):
        asked = {"user_id": 1001, "chat": chat, "message_id": number}
        answer = await page.ask("GET", "post", params=asked)
        assert answer == {"known": known, "post": found}


async def test_the_same_post_comes_once(server: LocalServer, page: Page) -> None:
    files = corpus({"text": "a"}, {"text": "b"}, {"text": "a", "photo": "photos/0.jpg"})
    assert (await page.take(files))["sent"] == 2
    await page.ask("POST", "import/stop", json={})
    state = await page.take(files)
    assert (state.get("sent", 0), state["there"]) == (0, 3)
    assert len(posts(server)) == 2


async def test_posts_survive_a_restart_and_come_once(tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    files = corpus({"text": "a"}, {"text": "b"}, {"text": "c"})
    async with LocalServer(TOKEN, data_dir=folder) as server:
        await Page(server).take(files)
        first, second, _ = await updates(server)
        await updates(server, offset=first["update_id"] + 1)
        before = posts(server)
    async with LocalServer(TOKEN, data_dir=folder) as server:
        # It was not over, so it goes on by itself.
        state = await Page(server).over("waiting")
        assert (state.get("sent", 0), state["there"]) == (0, 3)
        assert posts(server) == before
        assert [u["channel_post"] for u in await updates(server)] == before[1:]
        await updates(server, offset=second["update_id"] + 1)
        # What no bot has confirmed, and none will, comes again under its old number.
        server.context.updates.clear()
        await Page(server).ask("POST", "import/stop", json={})
        assert (await Page(server).take(files))["sent"] == 1
        assert [post["message_id"] for post in posts(server)] == [1, 2, 3]
        # Any other post gets a number that was never given, and so does its update.
        await Page(server).ask("POST", "import/stop", json={})
        await Page(server).take(corpus({"text": "d"}), "other")
        assert posts(server)[-1]["message_id"] == 4
        assert min(u["update_id"] for u in await updates(server)) > second["update_id"] + 1


async def test_a_stopped_upload_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    files = corpus({"text": "a"}, {"text": "b"})
    named = [[path, len(content), 1000] for path, content in files.items()]
    async with LocalServer(TOKEN, data_dir=folder) as server:
        page = Page(server)
        await page.begin()
        await page.upload("posts.jsonl", files["posts.jsonl"])
        await page.upload("photos/1.jpg", files["photos/1.jpg"][:-1], 400, size=5000)
        await page.ask("POST", "import/stop", json={})
        assert await page.upload("photos/2.jpg", b"x", 409)
    async with LocalServer(TOKEN, data_dir=folder) as server:
        page = Page(server)
        state = await page.state()
        assert (state["phase"], state["name"]) == ("stopped", "folder")
        await page.begin()
        asked = await page.ask("POST", "import/wanted", json={"files": named})
        assert asked == {"seq": asked["seq"], "wanted": [1, 2, 3, 4]}
        # Another folder takes its place.
        await page.begin("other")
        asked = await page.ask("POST", "import/wanted", json={"files": named})
        assert asked["wanted"] == [0, 1, 2, 3, 4]
        await page.ask("POST", "import/stop", json={})
        await page.ask("POST", "import/dismiss", json={})
        assert await page.state() == {"phase": "none"}
        assert not (folder / "import").exists()


async def test_the_photo_that_the_bot_fetches_is_read(server: LocalServer, page: Page) -> None:
    state = await page.take(corpus({"text": "a"}))
    assert (state["phase"], state["bot"]) == ("waiting", {"sent": 1, "read": 0})
    file_id = posts(server)[0]["photo"][-1]["file_id"]
    root = f"{server.url}/bot{TOKEN}"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{root}/getFile", params={"file_id": file_id}) as response:
            path = (await response.json())["result"]["file_path"]
        async with session.get(f"{server.url}/file/bot{TOKEN}/{path}") as response:
            assert response.status == 200
    state = await page.over("done")
    assert state["bot"] == {"sent": 1, "read": 1}
    assert not (server.context.files.folder / "import").exists()


@pytest.mark.parametrize(
    "path",
    [
        *("../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "", ".", "a\x00b.jpg", "a\nb.jpg"),
        *("..\\x.jpg", "x" * 300 + ".jpg", "a/" * 600 + "x.jpg", "/"),
    ],
)
async def test_no_path_leaves_the_folder(server: LocalServer, page: Page, path: str) -> None:
    await page.begin()
    before = set(server.context.files.folder.parent.rglob("*"))
    await page.upload(path, b"content", 400)
    asked = await page.ask("POST", "import/wanted", json={"files": [[path, 7, 0]]})
    assert asked["wanted"] == []
    assert set(server.context.files.folder.parent.rglob("*")) == before


async def test_paths_that_cannot_be_are_refused(server: LocalServer, page: Page) -> None:
    await page.begin()
    await page.upload("a.jpg", b"content")
    await page.upload("a.jpg/b.jpg", b"content", 400)
    await page.upload("c/d.jpg", b"content")
    await page.upload("c", b"content", 400)
    await page.upload("e.jpg", b"content", 400, size="many")
    for files in ([["a.jpg", 1]], [["a.jpg", -1, 0]], [["a.jpg", "x", 0]], ["a.jpg"]):
        await page.ask("POST", "import/wanted", 400, json={"files": files})
    assert list(server.context.files.folder.rglob("*.part")) == []


async def test_only_what_a_reader_looks_at_is_wanted(server: LocalServer, page: Page) -> None:
    await page.begin()
    names = ["a.JPG", "b.mp4", "result.json", "c.exe", "d.txt", "e.heic", "noend", "big.jpg"]
    sizes = [[name, MAX_PHOTO_BYTES + 1 if name == "big.jpg" else 5, 0] for name in names]
    asked = await page.ask("POST", "import/wanted", json={"files": sizes})
    assert [names[place] for place in asked["wanted"]] == [
        "a.JPG",
        "result.json",
        "d.txt",
        "e.heic",
        "noend",
    ]
    # A photo that is too large takes no room, and is told by its name.
    path = server.context.files.folder / "import/files/big.jpg"
    assert (path.stat().st_size, path.stat().st_blocks) == (MAX_PHOTO_BYTES + 1, 0)


def test_the_page_has_words_for_whatever_is_left_out() -> None:
    words = (Path(imports.__file__).parent / "page" / "i18n.js").read_text()
    assert [key for key in REASONS if words.count(f"skip_{key}:") != 2] == []


async def test_a_hostile_site_uploads_nothing(server: LocalServer, page: Page) -> None:
    other = {"Origin": "http://evil.example"}
    await page.begin()
    async with aiohttp.ClientSession(server.url, headers=other) as session:
        query = {"path": "a.jpg", "size": 1}
        async with session.put("/local/import/file", params=query, data=b"x") as response:
            assert response.status == 403
        async with session.post("/local/import/end", json={}) as response:
            assert response.status == 403
    assert (await page.state())["phase"] == "uploading"


async def test_an_archive_alone_is_read(server: LocalServer, page: Page) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in corpus({"text": "from a zip"}).items():
            archive.writestr(f"my corpus/{path}", content)
    await page.take({"my corpus.zip": packed.getvalue()}, "my corpus.zip")
    assert [post["caption"] for post in posts(server)] == ["from a zip"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"notes.txt": b"words"},
        {"result.json": b"{"},
        {"result.json": b"[" * 300_000},
        {"posts.jsonl": b"\xff\xfe"},
        {"x.zip": b"PK no zip"},
    ],
)
async def test_a_folder_that_is_none(
    server: LocalServer, page: Page, files: dict[str, bytes]
) -> None:
    state = await page.take(files)
    # Either it is said why, or what was left out is counted.
    assert state["phase"] == "failed" or state["left"] or state["broken"], state
    assert str(server.context.files.folder) not in json.dumps(state)
    assert posts(server) == []


async def test_hostile_photos_are_left_out(server: LocalServer, page: Page) -> None:
    files = corpus({"text": "a"}, {"text": "b"}, {"text": "c"}, {"text": "d"})
    files["photos/0.jpg"] = b"\xff\xd8 no picture"
    files["photos/1.jpg"] = make_photo(1, (3000, 100))
    files["photos/2.jpg"] = b""
    state = await page.take(files)
    assert [post["caption"] for post in posts(server)] == ["d"]
    assert sum(item["count"] for item in state["left"]) == 3


async def test_without_the_bot_or_without_room_nothing_is_taken(
    server: LocalServer, page: Page, anna: LocalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anna.set_membership(anna.channel_id, False)
    assert await page.begin(status=403) == "the bot is not in the channel"
    await anna.set_membership(anna.channel_id, True)
    await page.begin()
    monkeypatch.setattr("bot.local.imports.MIN_FREE_BYTES", 2**80)
    await page.upload("a.jpg", b"x", 507)
    await page.ask("POST", "import/stop", json={})
    assert await page.begin(status=507) == "the disk is nearly full"
    monkeypatch.undo()
    # What was uploaded before the disk was full is there when it has room again.
    files = corpus({"text": "a"})
    monkeypatch.setattr("bot.local.imports.Imports._check_disk", _full_while_reading)
    state = await page.take(files)
    assert (state["phase"], state["code"]) == ("failed", 507)
    monkeypatch.undo()
    await page.begin()
    named = [[path, len(content), 1000] for path, content in files.items()]
    assert (await page.ask("POST", "import/wanted", json={"files": named}))["wanted"] == []


def _full_while_reading(self: Any, more: int = 0) -> None:
    if self.state["phase"] == "reading":
        raise ApiError(507, "the disk is nearly full")


async def test_two_folders_at_once_are_one_too_many(server: LocalServer, page: Page) -> None:
    await page.take(corpus({"text": "a"}))
    assert "already" in await page.begin("other", status=409)


async def test_photos_of_the_channel_are_kept(server: LocalServer, anna: LocalUser) -> None:
    files = server.context.files
    asked = await anna.send_photo(make_photo(1))
    assert not files.find(asked.photo[-1]["file_id"])[0].kept
    posted = await anna.send_photo(make_photo(2), chat_id=anna.channel_id)
    edited = await anna.edit_channel_post(posted, photo=make_photo(3))
    forwarded = await anna.forward(asked, chat_id=anna.channel_id)
    for message in (posted, edited, forwarded):
        assert files.find(message.photo[-1]["file_id"])[0].kept


def test_long_captions_are_cut_at_a_word() -> None:
    assert cut(" short ") == "short"
    long = cut("long " * 2000)
    assert 4085 < len(long) <= 4096
    assert long.endswith(" long…")
    assert post_key(b"x", "a") != post_key(b"x", "b")
    assert os.sep == "/"
    assert Params({"a": 1}).integer("a") == 1
