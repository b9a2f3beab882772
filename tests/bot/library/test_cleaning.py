"""Adverts, copies and tiny photos in channels: left out, shown to the owner, put back."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.app import Runner
from bot.chat.texts import Texts
from bot.library.cleaning import Gate, open_cleaner
from bot.library.photos import Photos
from bot.library.store import Store
from bot.local.server import LocalServer
from bot.work import Work
from engine.cleaning.rules import RULES, THRESHOLD, Cleaner, Limits
from engine.errors import ModelError
from engine.store import Entry, Post
from tests.bot.conftest import make_settings, running, until
from tests.user.client import ChatMessage, LocalUser

EN = Texts("en")
PLACES = ("sea", "lake", "pier", "dune", "cape")
ADVERT = "Selling my iPhone, $200, free shipping, DM me to order now! #sale"


def photo(seed: int, side: int = 200, quality: int = 90, cut: int = 0) -> bytes:
    """A photo with something to see, another for each seed."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    large = Image.fromarray(cells).resize((200, 200), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    large.crop((cut, cut, 200, 200)).resize((side, side)).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.fixture
async def runner(server: LocalServer, tmp_path: Path) -> AsyncIterator[Runner]:
    async with running(make_settings(server, tmp_path, clean=True)) as bot:
        yield bot


async def post(anna: LocalUser, data: bytes, text: str = "") -> ChatMessage:
    return await anna.send_photo(data, text, chat_id=anna.channel_id)


async def finished(runner: Runner) -> None:
    """Until what was sent has been taken, and nothing waits in the inbox."""
    async with asyncio.timeout(10):
        while (await runner.application.bot.get_webhook_info()).pending_update_count or (
            await runner.services.store.counts()
        ).waiting:
            await asyncio.sleep(0.02)


async def library(runner: Runner) -> list[str]:
    """Texts of the library's posts, in the order they came."""
    await finished(runner)
    posts = await runner.services.store.recent(limit=100, offset=0)
    await until(lambda: len(posts) == len(runner.services.engine))
    return [one.text for one in sorted(posts, key=lambda one: one.key)]


async def counts(runner: Runner) -> dict[str, int]:
    await finished(runner)
    return await runner.services.store.left_out_counts()


async def test_each_rule(anna: LocalUser, runner: Runner) -> None:
    await post(anna, photo(1), "sunset over the calm evening sea and cliffs")
    await post(anna, photo(2))
    await post(anna, photo(3), ADVERT)
    await finished(runner)
    await post(anna, photo(1), "the very same file")
    await post(anna, photo(2, side=120, quality=40), "nearly the same")
    await post(anna, photo(1, cut=4), "RT @anna: SUNSET over the calm, evening sea and cliffs!!!")
    await post(anna, photo(4), "sunset over the calm evening sea and cliffs")
    await post(anna, photo(5, side=40), "tiny")
    sunset = "sunset over the calm evening sea and cliffs"
    assert await library(runner) == [sunset, "nearly the same", sunset]
    assert await counts(runner) == {
        "advert": 1,
        "same photo": 1,
        "near-duplicate photo": 1,
        "same text": 1,
        "tiny photo": 1,
    }


async def test_of_copies_the_best_stays(anna: LocalUser, runner: Runner) -> None:
    await post(anna, photo(1, side=100))
    await finished(runner)
    large = await post(anna, photo(1), "a lighthouse")
    assert await library(runner) == ["a lighthouse"]
    # What stays takes over the words of what goes.
    store, engine = runner.services.store, runner.services.engine
    (key,) = (one.key for one in await store.recent(limit=9, offset=0))
    before = dict(store.sync.vectors(engine.info.id))[key]
    await post(anna, photo(1, side=120), "foggy sea and dogs on snow")
    await finished(runner)
    await until(lambda: dict(store.sync.vectors(engine.info.id))[key] != before)
    assert await library(runner) == ["a lighthouse"]
    items = await store.left_out(limit=9)
    assert {(one.rule, one.text) for one in items} == {
        ("near-duplicate photo", ""),
        ("near-duplicate photo", "foggy sea and dogs on snow"),
    }
    assert all(f"/{large.message_id}" in one.why for one in items)
    # The owner wants the small one, too.
    bare = next(one for one in items if not one.text)
    assert await runner.services.library.put_back(bare.number or 0) == 1
    await until(lambda: len(engine) == 2)
    assert await library(runner) == ["a lighthouse", ""]


async def test_a_line_that_recurs_in_a_channel_makes_no_adverts(
    server: LocalServer, tmp_path: Path
) -> None:
    settings = make_settings(server, tmp_path, clean=True)
    texts = [f"evening at the {place}\n\n{ADVERT}" for place in PLACES]
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await anna.send_album([photo(n) for n in (7, 8)], texts[0], chat_id=anna.channel_id)
        for number, text in enumerate(texts[1:-1]):
            await post(anna, photo(number), text)
        await post(anna, photo(9), "Loans without a check! Casino bonus: 500%, register now")
        await finished(runner)
        assert await library(runner) == []
    # What waits is counted after a restart, too.
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await post(anna, photo(4), texts[-1])
        await post(anna, photo(10), f"morning in the forest\n\n{ADVERT}")
        # Those of before are judged again, with their albums.
        async with asyncio.timeout(8):
            while len(await library(runner)) < 7:
                await asyncio.sleep(0.05)
        assert sorted(await library(runner)) == sorted(
            [texts[0], *texts, f"morning in the forest\n\n{ADVERT}"]
        )
        assert await counts(runner) == {"advert": 1}


async def test_an_edit_counts_no_line_again(anna: LocalUser, runner: Runner) -> None:
    sent = await post(anna, photo(1), f"evening\n\n{ADVERT}")
    for place in PLACES:
        await anna.edit(sent, f"evening at the {place}\n\n{ADVERT}")
        await finished(runner)
    assert await library(runner) == []
    assert await counts(runner) == {"advert": 1}


async def test_names_and_numbers_are_hidden(anna: LocalUser, runner: Runner) -> None:
    await post(anna, photo(1), "sunset by @anna_photo, +7 912 345-67-89")
    assert await library(runner) == ["sunset by @user, @phone"]


async def test_the_owner_sees_why_and_puts_back(anna: LocalUser, runner: Runner) -> None:
    await post(anna, photo(1), "sunset")
    sent = await post(anna, photo(2), ADVERT)
    await post(anna, photo(1), "snow")
    await finished(runner)
    await anna.send_text("/stats")
    stats = (await anna.wait_reply()).text
    assert "Left out (/leftout): " in stats
    assert "1 copy of a photo" in stats
    assert "1 advert" in stats
    await anna.send_text("/leftout")
    page = await anna.wait_reply()
    assert "1 advert" in page.text
    assert "$200" in page.text
    assert "as in telegram/" in page.text
    keep = next(button for button in page.buttons if button.text == EN("button_keep", n=2))
    assert (await anna.press(page, keep)).text == EN("put_back", n=1)
    await until(lambda: len(runner.services.engine) == 2)
    assert await library(runner) == ["sunset", ADVERT]
    assert await counts(runner) == {"same photo": 1}
    edited = await anna.wait_edit(page)
    assert [button.text for button in edited.buttons] == [EN("button_keep", n=1)]
    # A second press, from a phone that has not seen the change.
    assert (await anna.press(page, keep)).text == EN("left_out_gone")
    # It stays, also when it is edited.
    await anna.edit(sent, ADVERT + " Today only")
    async with asyncio.timeout(8):
        while (await library(runner))[-1] != ADVERT + " Today only":
            await asyncio.sleep(0.05)


async def test_others_neither_see_nor_put_back(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await post(anna, photo(2), ADVERT)
    await finished(runner)
    await anna.send_text("/leftout")
    page = await anna.wait_reply()
    async with LocalUser(server.url, user_id=2002) as boris:
        await boris.send_text("/leftout")
        assert (await boris.wait_reply()).text == EN("owner_only")
        await boris.send_text("/stats")
        stats = await boris.wait_reply()
        assert "Left out" not in stats.text
        forged = await boris.press_data(stats, page.buttons[0].data or "")
        assert forged.text == EN("owner_only")
    assert await library(runner) == []


async def test_edits_are_judged_anew(anna: LocalUser, runner: Runner) -> None:
    sent = await post(anna, photo(1), "sunset")
    assert await library(runner) == ["sunset"]
    await anna.edit(sent, ADVERT)
    async with asyncio.timeout(8):
        while await counts(runner) != {"advert": 1}:
            await asyncio.sleep(0.02)
    assert await library(runner) == []
    # Its place is free: a copy of the photo is none now.
    await post(anna, photo(1), "snow")
    assert await library(runner) == ["snow"]
    other = await post(anna, photo(3), ADVERT)
    await finished(runner)
    await anna.edit(other, "night city")
    async with asyncio.timeout(8):
        while await library(runner) != ["snow", "night city"]:
            await asyncio.sleep(0.02)


async def test_an_album_goes_as_a_whole(anna: LocalUser, runner: Runner) -> None:
    await anna.send_album([photo(n) for n in range(3)], ADVERT, chat_id=anna.channel_id)
    assert await library(runner) == []
    assert await counts(runner) == {"advert": 3}
    await anna.send_text("/leftout")
    page = await anna.wait_reply()
    said = await anna.press(page, page.buttons[0])
    assert said.text == EN("put_back", n=3)
    assert await library(runner) == [ADVERT] * 3
    trip = "three views of the mountain lake at dawn"
    await anna.send_album([photo(n) for n in (7, 8, 9)], trip, chat_id=anna.channel_id)
    assert await library(runner) == [ADVERT] * 3 + [trip] * 3


async def test_copies_are_known_after_a_restart(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path, clean=True)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await post(anna, photo(1), "sunset")
        sent = await post(anna, photo(2), "snow")
        assert len(await library(runner)) == 2
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await post(anna, photo(1), "again")
        await post(anna, photo(2, 120, 50), "near")
        assert await library(runner) == ["sunset", "snow"]
        await anna.send_text("/remove", chat_id=anna.channel_id, reply_to=sent)
        await until(lambda: len(runner.services.engine) == 1)
        # An edit of what is gone does not make it known again.
        await anna.edit(sent, "snow, edited")
        await finished(runner)
        await post(anna, photo(2, 120, 50), "near again")
        assert await library(runner) == ["sunset", "near again"]


async def test_posts_from_before_are_looked_at(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path, clean=True, photos_dir=tmp_path / "photos")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(photo(1))
    (tmp_path / "photos" / "2.jpg").write_bytes(b"no photo")
    (tmp_path / "photos" / "3.jpg").write_bytes(photo(3))
    async with running(settings):
        pass
    with sqlite3.connect(settings.library) as connection:
        connection.executemany(
            "INSERT INTO posts (id, photo, text, source) VALUES (?, ?, ?, ?)",
            [
                ("old/1", "1.jpg", "", None),
                ("old/2", "2.jpg", "a fisherman in a boat on the misty mountain lake", "x"),
                ("old/3", "gone.jpg", "", "x"),
                ("example", "3.jpg", "", "starter"),
            ],
        )
    connection.close()
    async with running(settings) as runner, LocalUser(server.url) as anna:
        async with asyncio.timeout(8):
            while await runner.services.store.without_fingerprint(
                after=0, limit=1, except_source="starter"
            ):
                await asyncio.sleep(0.02)
        await post(anna, photo(1, 150, 60), "a copy")
        await finished(runner)
        # What was collected stays, and takes over the words.
        store, engine = runner.services.store, runner.services.engine
        assert (await store.by_id("old/1")) is not None
        await until(lambda: 1 in dict(store.sync.vectors(engine.info.id)))
        why = {item.rule: item.why for item in await runner.services.store.left_out(limit=9)}
        assert list(why) == ["near-duplicate photo"]
        assert why["near-duplicate photo"].startswith("looks like old/1 ")
        # Examples that ship are not the owner's posts.
        await post(anna, photo(3), "an example")
        await finished(runner)
        recent = await runner.services.store.recent(limit=9, offset=0)
        assert "an example" in {one.text for one in recent}


async def test_it_can_be_turned_off_and_set(tmp_path: Path, server: LocalServer) -> None:
    async with (
        running(make_settings(server, tmp_path, clean=False)) as runner,
        LocalUser(server.url) as anna,
    ):
        await post(anna, photo(1), ADVERT)
        await post(anna, photo(1), ADVERT)
        assert await library(runner) == [ADVERT, ADVERT]
    strict = make_settings(server, tmp_path / "b", clean=True, clean_min_tokens=3)
    async with running(strict) as runner, LocalUser(server.url) as anna:
        await post(anna, photo(1), "sunset")
        await post(anna, photo(2), "sunset over the evening sea")
        assert await library(runner) == ["sunset over the evening sea"]


def test_the_filter_is_the_owners(tmp_path: Path, server: LocalServer) -> None:
    with pytest.raises(ModelError, match=r"mine\.npz"):
        open_cleaner(make_settings(server, tmp_path, clean=True, advert_filter="mine.npz"))
    cleaner = open_cleaner(make_settings(server, tmp_path, clean=True, clean_threshold=0.9))
    assert cleaner is not None
    assert cleaner.limits.threshold == 0.9
    cleaner = open_cleaner(make_settings(server, tmp_path, clean=True))
    assert cleaner is not None
    assert cleaner.limits.threshold == THRESHOLD


@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_rule_has_its_words(language: str) -> None:
    live = set(RULES) - {"unreadable", "replaced"}
    assert all(Texts(language)(f"rule_{rule}", n=2) for rule in live)


async def test_a_copy_of_what_another_bot_removed_is_none(postgres_url: str) -> None:
    from engine.store.postgres import PostgresStore

    store, work = Store(PostgresStore(postgres_url, bot=1)), Work(workers=1)
    first, second = (Gate(Cleaner(None, Limits()), store, work, Photos([])) for _ in "12")
    try:
        text = "sunset over the calm evening sea and cliffs"
        taken = await first.judge("telegram/-1/1", text, photo(1), chat=-1, album=None)
        entry = Entry(
            Post(0, "telegram/-1/1", text=text, file="f"), -1, 1, None, text, taken.fingerprint
        )
        keys = await store.finish([], [entry])
        await second.learn(keys)
        copy = await second.judge("telegram/-1/2", text, photo(1), chat=-1, album=None)
        assert taken.verdict is None
        assert copy.verdict is not None
        await store.remove_forever("telegram/-1/1")
        assert await store.gone(keys) == ["telegram/-1/1"]
        await second.forget("telegram/-1/1")
        again = await second.judge("telegram/-1/3", text, photo(1), chat=-1, album=None)
        assert again.verdict is None
    finally:
        work.close()
        await store.close()
