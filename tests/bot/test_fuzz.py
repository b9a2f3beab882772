"""Malformed updates, photos, presses and offsets: no crash, no silence, no growth without bound.

One bot runs through all of it, over HTTP.
"""

from __future__ import annotations

import asyncio
import copy
import io
import random
import resource
import struct
import threading
import time
import zlib
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.app import Runner
from bot.chat.buttons import decode
from bot.chat.texts import Texts
from tests.bot.conftest import SUNSET, TOKEN, fill, jpeg, make_settings, running
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

T = TypeVar("T")
EN = Texts("en")
#: Batches of updates; 110 x 20 are over 2,000.
BATCHES, BATCH = 110, 20
MEMORY_GROWTH = 150 * 1024  # KiB


class Stage:
    """A loop in a thread, with server, bot and a person."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.end = asyncio.Event()
        self.up: Future[None] = Future()
        self.unexpected_before: list[str] = []
        self.server: FaultyServer
        self.runner: Runner
        self.anna: LocalUser
        self.task = asyncio.run_coroutine_threadsafe(self._live(folder), self.loop)
        self.up.result(30)

    async def _live(self, folder: Path) -> None:
        async with (
            FaultyServer(TOKEN) as self.server,
            running(make_settings(self.server, folder)) as self.runner,
            LocalUser(self.server.url, timeout=20) as self.anna,
        ):
            await fill(self.anna, self.runner)
            self.up.set_result(None)
            await self.end.wait()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.end.set)
        self.task.result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("fuzz"))
    yield stage
    stage.close()


async def said_of_photo(stage: Stage, content: bytes, name: str) -> str:
    """What the bot says about a photo, past what is left of earlier answers."""
    asked = await stage.anna.send_document(content, name, mime_type="image/jpeg")
    while True:
        reply = await stage.anna.wait_reply()
        if reply.reply_to is not None and reply.reply_to.message_id == asked.message_id:
            return reply.text


async def is_well(stage: Stage) -> None:
    """The bot answers a plain question in time."""
    await stage.anna.send_text("sunset")
    async with asyncio.timeout(20):
        while (await stage.anna.wait_reply()).text.count("Sunset over the sea") < 6:
            pass


# Updates

USER = {"id": 1001, "is_bot": False, "first_name": "Anna", "language_code": "en"}
CHAT = {"id": 1001, "type": "private", "first_name": "Anna"}
CHANNEL = {"id": -1001000000002, "type": "channel", "title": "Photo channel"}
SIZE = {"file_id": "AgAC", "file_unique_id": "x", "width": 90, "height": 90, "file_size": 1000}
MESSAGE = {"message_id": 1, "date": int(time.time()), "chat": CHAT, "from": USER}
TEMPLATES: list[dict[str, Any]] = [
    {"message": {**MESSAGE, "text": "sunset"}},
    {"message": {**MESSAGE, "photo": [SIZE], "caption": "sea", "media_group_id": "7"}},
    {"message": {**MESSAGE, "document": {"file_id": "a", "file_unique_id": "b",
                                         "mime_type": "image/png", "file_size": 10}}},
    {"message": {**MESSAGE, "text": "/find x", "entities":
                 [{"type": "bot_command", "offset": 0, "length": 5}]}},
    {"message": {**MESSAGE, "text": "words", "reply_to_message": {**MESSAGE, "photo": [SIZE]}}},
    {"edited_message": {**MESSAGE, "text": "sunset", "edit_date": 1_700_000_001}},
    {"channel_post": {**MESSAGE, "chat": CHANNEL, "photo": [SIZE], "caption": "#sea"}},
    {"edited_channel_post": {**MESSAGE, "chat": CHANNEL, "photo": [SIZE], "caption": "x"}},
    {"channel_post": {**MESSAGE, "chat": CHANNEL, "text": "/remove", "reply_to_message":
                      {**MESSAGE, "chat": CHANNEL}}},
    {"callback_query": {"id": "1", "from": USER, "chat_instance": "1", "data": "m:1:6",
                        "message": {**MESSAGE, "text": "x"}}},
    {"callback_query": {"id": "2", "from": USER, "chat_instance": "1", "data": "u:1:1",
                        "inline_message_id": "5"}},
    {"inline_query": {"id": "3", "from": USER, "query": "sea", "offset": "50"}},
    {"chosen_inline_result": {"result_id": "1", "from": USER, "query": "sea"}},
    {"my_chat_member": {"chat": CHAT, "from": USER}},
]  # fmt: skip

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=60),
    st.sampled_from(
        ["", "\0", "\u202e", "🌅" * 700, "<b>", "/remove", "@image2pic_local_bot", "-" * 99]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=3),
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all parts of a JSON value."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, part in pairs:
        yield (*path, name)
        yield from spots(part, (*path, name))


@st.composite
def malformed(draw: st.DrawFn) -> dict[str, Any]:
    update = copy.deepcopy(draw(st.sampled_from(TEMPLATES)))
    for _ in range(draw(st.integers(1, 3))):
        paths = list(spots(update))
        path = draw(st.sampled_from(paths)) if paths else ()
        if not path:
            break
        part: Any = update
        for step in path[:-1]:
            part = part[step]
        if draw(st.booleans()) and isinstance(part, dict):
            del part[path[-1]]
        else:
            part[path[-1]] = draw(junk)
    return update


quick = settings(
    max_examples=BATCHES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
    derandomize=True,
)


@quick
@given(st.lists(malformed(), min_size=BATCH, max_size=BATCH))
def test_malformed_updates(stage: Stage, updates: list[dict[str, Any]]) -> None:
    async def play() -> None:
        for update in updates:
            stage.server.inject_update(update)
        await is_well(stage)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stage.do(play())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_GROWTH


def test_count_errors_so_far(stage: Stage) -> None:
    stage.do(is_well(stage))
    stage.unexpected_before = unexpected(stage)


# Presses

numbers = st.integers(0, 30).map(str) | st.integers(-(2**70), 2**70).map(str)
forged = st.one_of(
    st.text(min_size=1, max_size=16),
    st.builds(
        lambda letter, parts: ":".join([letter, *parts]),
        st.sampled_from(list("meludxtogkz")),
        st.lists(numbers, max_size=3),
    ),
).filter(lambda data: 1 <= len(data.encode("utf-8", "surrogatepass")) <= 64 and data.isprintable())


@settings(quick, max_examples=250)
@given(forged)
def test_every_press_is_answered(stage: Stage, data: str) -> None:
    async def play() -> None:
        history = await stage.anna.history(limit=1)
        answer = await stage.anna.press_data(history[-1], data)
        if decode(data) is None:
            assert answer.text == EN("forged")

    stage.do(play())


def test_well_after_the_presses(stage: Stage) -> None:
    stage.do(is_well(stage))


# Inline


@settings(quick, max_examples=200)
@given(st.text(max_size=200), st.text(max_size=30) | numbers)
def test_every_inline_query_is_answered(stage: Stage, words: str, offset: str) -> None:
    words = words.encode("utf-8", "ignore").decode()
    offset = offset.encode("utf-8", "ignore").decode()[:16]

    async def play() -> None:
        answer = await stage.anna.inline(words, offset)
        assert len(answer.results) <= 50
        assert len(answer.next_offset.encode()) <= 64

    stage.do(play())


# Texts


@settings(quick, max_examples=100)
@given(st.text(min_size=1, max_size=300).filter(lambda text: text.strip() and text.isprintable()))
def test_every_text_is_answered(stage: Stage, text: str) -> None:
    async def play() -> None:
        sent = await stage.anna.send_text(text)
        if sent.text:
            await stage.anna.wait_reply()

    stage.do(play())


# Photos


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge (and compresses to nothing)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


RED = Image.new("RGB", (64, 64), SUNSET)
GOOD = {
    "cmyk.jpg": saved(RED.convert("CMYK"), "JPEG"),
    "grey.jpg": saved(RED.convert("L"), "JPEG"),
    "palette.png": saved(RED.convert("P"), "PNG"),
    "rgba.png": saved(RED.convert("RGBA"), "PNG"),
    "16bit.png": saved(Image.new("I;16", (64, 64), 30_000), "PNG"),
    "animated.gif": saved(
        RED, "GIF", save_all=True, append_images=[Image.new("RGB", (64, 64))] * 3
    ),
    "animated.webp": saved(RED, "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 64))]),
    "tiny.png": saved(Image.new("RGB", (1, 1), SUNSET), "PNG"),
    "long.png": saved(Image.new("RGB", (9000, 2), SUNSET), "PNG"),
    "bmp.bmp": saved(RED, "BMP"),
    "tiff.tif": saved(RED, "TIFF"),
}
BAD = {
    "empty.jpg": b"",
    "zeroes.jpg": bytes(1000),
    "wrong.jpg": b"%PDF-1.7 not a photo",
    "html.png": b"<html><body>hello</body></html>",
    "bomb.png": png_bomb(30_000, 30_000),
    "bomb2.png": png_bomb(2**31 - 1, 2**31 - 1),
    "head.jpg": jpeg(SUNSET)[:20],
    "svg.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
}


@pytest.mark.parametrize("name", [*GOOD, *(name for name in BAD if BAD[name])])
def test_photos_good_and_bad(stage: Stage, name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = stage.do(said_of_photo(stage, {**GOOD, **BAD}[name], name))
    if name in GOOD:
        assert said.startswith("I see")
    else:
        assert said in (EN("not_a_photo"), EN("too_many_pixels"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_GROWTH


@settings(quick, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 30), st.sampled_from(sorted(GOOD)))
def test_damaged_photos(stage: Stage, seed: int, flips: int, name: str) -> None:
    rng = random.Random(seed)
    data = bytearray(GOOD[name])
    if rng.random() < 0.5:
        data = data[: rng.randrange(1, len(data))]
    for _ in range(flips):
        data[rng.randrange(len(data))] = rng.randrange(256)

    said = stage.do(said_of_photo(stage, bytes(data), name))
    assert said.startswith("I see") or said in (EN("not_a_photo"), EN("too_many_pixels"))


def unexpected(stage: Stage) -> list[str]:
    """Counters of errors, but for those with which the server refuses what is made up."""
    allowed = ("BadRequest", "Forbidden", "TimedOut", "NetworkError")
    return [
        line
        for line in stage.runner.services.metrics.text().decode().splitlines()
        if line.startswith("image2pic_errors_total{") and not any(name in line for name in allowed)
    ]


def test_well_at_the_end_and_nothing_unexpected(stage: Stage) -> None:
    stage.do(is_well(stage))
    # Updates of impossible types may raise in a handler; what a person can send may not.
    assert unexpected(stage) == stage.unexpected_before
