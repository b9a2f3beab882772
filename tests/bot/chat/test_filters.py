"""Filters: what is typed, and what passes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import Runner
from bot.chat.failures import UserError
from bot.chat.filters import only_filters, split
from bot.chat.texts import Texts
from tests.bot.conftest import NIGHT, SNOW, fill, jpeg
from tests.user.client import LocalUser

EN = Texts("en")


@pytest.mark.parametrize(
    ("text", "words", "filters"),
    [
        ("sea since:2025-01 -people", "sea -people", ("since:2025-01",)),
        ("from:@photo_channel", "", ("from:@photo_channel",)),
        ('закат от:"Мой канал" до:2024', "закат", ('от:"Мой канал"', "до:2024")),
        ('"over the sea" boats', '"over the sea" boats', ('"over the sea"',)),
        ("«над морем»", "«над морем»", ("«над морем»",)),
        ("sea #sunset", "sea #sunset", ("#sunset",)),
        ("nothing: special, 5 o'clock", "nothing: special, 5 o'clock", ()),
        ('sea -"two words"', 'sea -"two words"', ()),
    ],
)
def test_what_is_typed(text: str, words: str, filters: tuple[str, ...]) -> None:
    typed = split(text)
    assert (typed.words, typed.filters) == (words, filters)


@pytest.mark.parametrize("date", ["yesterday", "2025-13", "25", "2025-1", "２０２５"])
def test_a_date_that_is_none(date: str) -> None:
    with pytest.raises(UserError):
        split(f"sea since:{date}")


@given(st.text(max_size=60))
def test_anything_can_be_typed(text: str) -> None:
    try:
        typed = split(text)
    except UserError:
        return
    only_filters(typed)


async def test_filters_narrow_an_answer(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    keys = sorted(await runner.services.store.filtered())
    # As posts of an archive: from earlier months, and from elsewhere.
    for key in keys[:3]:
        runner.services.store.sync._write(  # type: ignore[attr-defined]
            "UPDATE posts SET date = '2024-05-01T10:00:00+00:00', source = 'Old' WHERE key = ?",
            (key,),
        )

    async def ask(text: str) -> str:
        await anna.send_text(text)
        return (await anna.wait_reply()).text

    assert (await ask("sunset until:2024")).count("Sunset") == 3
    assert (await ask("sunset since:2024-06")).count("Sunset") == 5
    assert (await ask("sunset from:old")).count("Sunset") == 3
    said = await ask("sunset from:@photo_channel")
    assert said.count("Sunset") == 5
    assert "Only: from:@photo_channel." in said
    # Without words to be close to, the newest come first.
    assert [line[0] for line in (await ask("until:2024-05")).splitlines() if "Sunset" in line] == [
        "1", "2", "3",
    ]  # fmt: skip
    assert (await ask("#sunset")).count("Sunset over") == 6
    assert (await ask('sunset "the sea 4"')).count("Sunset over the sea 4") == 1
    assert EN("nothing") in await ask("sunset from:nowhere")
    assert await ask("sunset since:soon") == EN("bad_date", date="soon")
    # A page further down keeps to the filter.
    await anna.send_text("#sunset")
    answer = await anna.wait_reply()
    await anna.press(answer, "▶")
    assert (await anna.wait_edit(answer)).text.count("Sunset over") == 2


async def test_history_asks_again(anna: LocalUser, runner: Runner) -> None:
    await anna.send_text("/history")
    assert (await anna.wait_reply()).text == EN("history_none")
    await fill(anna, runner)
    for text in ("sunset since:2024", "snowy forest", "snowy forest"):
        await anna.send_text(text)
        await anna.wait_reply()
    await anna.send_text("/history")
    history = await anna.wait_reply()
    assert [b.text for b in history.buttons] == ["snowy forest", "since:2024 sunset"]
    # Photos by what they show; words that are not known as they were typed.
    await anna.send_photo(jpeg(SNOW), "sea xyzzy")
    await anna.wait_reply()
    await anna.send_photo(jpeg(NIGHT))
    await anna.wait_reply()
    await anna.send_text("#sunset plugh")
    await anna.wait_reply()
    await anna.send_text("/history")
    history = await anna.wait_reply()
    tag, night, both = (b.text for b in history.buttons[:3])
    assert tag == "#sunset plugh"
    assert re.fullmatch(r"📷 city, night · \d\d:\d\d", night)
    assert re.fullmatch(r"📷 .+ · sea xyzzy · \d\d:\d\d", both)
    await anna.press(history, night)
    assert (await anna.wait_reply()).text.startswith("I see: city")
    await anna.press(history, "since:2024 sunset")
    assert (await anna.wait_reply()).text.count("Sunset") == 6
    await anna.send_text("/forget")
    await anna.wait_reply()
    await anna.send_text("/history")
    assert (await anna.wait_reply()).text == EN("history_none")


async def test_trends_show_what_grew(anna: LocalUser, runner: Runner) -> None:
    await anna.send_text("/trends")
    assert (await anna.wait_reply()).text == EN("trends_none")
    await fill(anna, runner, 20)
    store = runner.services.store
    keys = sorted(await store.filtered())
    # Snow, night and lake of long ago with some sunsets; sunsets grew.
    old = [*keys[-3:], *keys[:3]]
    for key in old:
        store.sync._write(  # type: ignore[attr-defined]
            "UPDATE posts SET date = datetime('now', '-50 days') WHERE key = ?", (key,)
        )
    await anna.send_text("/trends")
    picture = await anna.wait_reply()
    assert picture.photo
    assert "sunset" in picture.text
    await anna.press(picture, "1")
    assert (await anna.wait_edit(picture)).text.count("Sunset") == 6
