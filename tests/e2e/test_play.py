"""The whole play, as ``make run`` gives it: the real process with its local chat, by HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from PIL import Image, ImageOps

from bot.chat.texts import Texts
from tests.e2e.conftest import Example, answer_of, bot_process
from tests.user.client import LocalUser

EN, RU = Texts("en"), Texts("ru")
MEMORY_LIMIT = 500 * 2**20


def words(text: str) -> str:
    """A few words of a post, without hashtags: a question that finds something."""
    plain = re.sub(r"#\w+", " ", text.splitlines()[0])
    return " ".join(plain.split()[:8])


def mirrored(photo: bytes) -> bytes:
    out = io.BytesIO()
    ImageOps.mirror(Image.open(io.BytesIO(photo))).save(out, "JPEG")
    return out.getvalue()


async def test_the_play(small_model: Path, examples: list[Example], tmp_path: Path) -> None:
    variables = {
        "MODEL": str(small_model),
        "DATA_DIR": str(tmp_path / "var"),
        "LOCAL_PORT": "0",
    }
    first, second = examples[0], examples[len(examples) // 2]
    async with bot_process(**variables) as bot, LocalUser(bot.address, timeout=30) as anna:
        # start, and an example
        await anna.send_text("/start")
        hello = await anna.wait_reply()
        assert [button.text for button in hello.buttons] == list(EN.examples)

        # a photo
        await anna.send_photo(first.photo)
        answer = await anna.wait_reply()
        assert answer.photo
        assert answer.text.startswith("I see:")
        assert [button.text for button in answer.keyboard[0]] == list("123456")

        # more, like this, explain
        await anna.press(answer, "▶")
        assert (await anna.wait_edit(answer)).buttons[0].text == "7"
        await anna.press(answer, "2")
        post = await anna.wait_reply()
        await anna.press(post, EN("button_like"))
        alike = await anna.wait_reply()
        assert "like that one" in alike.text
        second_key = (answer.keyboard[0][1].data or "").split(":")[2]
        assert second_key not in {(b.data or "").split(":")[2] for b in alike.keyboard[0]}
        await anna.press(answer, EN("button_explain"))
        why = await anna.wait_edit(answer)
        assert why.photo
        assert "%" in why.text

        # a vote, changed
        assert (await anna.press(post, "👍")).text == EN("voted_up")
        await anna.wait_edit(answer)
        assert (await anna.press(post, "👎")).text == EN("voted_down")
        # The order has changed: what was voted down is not where it was.
        changed = await anna.wait_edit(answer)
        assert (changed.keyboard[0][1].data or "").split(":")[2] != second_key

        # a text
        await anna.send_text(words(second.text))
        await answer_of(anna)

        # both
        await anna.send_photo(first.photo, words(second.text))
        await answer_of(anna)

        # inline, two pages, in two ways
        recent = await anna.inline("")
        assert len(recent.results) == 50
        assert recent.next_offset == "50"
        older = await anna.inline("", recent.next_offset)
        assert older.results
        assert not {r["id"] for r in recent.results} & {r["id"] for r in older.results}
        found = await anna.inline(words(second.text))
        assert found.results
        await anna.choose(found, 0)

        # topics
        await anna.send_text("/topics")
        topics = await anna.wait_reply()
        await anna.press(topics, next(b for b in topics.buttons if b.text.isdigit()))
        assert EN("button_topics") in [b.text for b in (await anna.wait_edit(topics)).buttons]

        # language
        await anna.send_text("/language")
        offer = await anna.wait_reply()
        await anna.press(offer, "Русский")
        assert (await anna.wait_edit(offer)).text == RU("language_set")
        await anna.send_text("/stats")
        assert (await anna.wait_reply()).text.startswith("Библиотека")
        await anna.send_text("/language en")
        await anna.wait_reply()

        # a channel post, found right after; an edit; a removal
        fresh = f"{words(first.text)} fresh"
        # Mirrored: a copy of a photo that is there would be left out.
        post = await anna.send_photo(mirrored(second.photo), fresh, chat_id=anna.channel_id)
        assert await newest(anna) == fresh
        edited = f"{words(second.text)} edited"
        await anna.edit(post, edited)
        assert await newest(anna, edited) == edited
        found = await anna.inline(edited)
        assert any(edited in result.get("caption", "") for result in found.results)
        await anna.send_text("/remove", chat_id=anna.channel_id, reply_to=post)
        async with asyncio.timeout(10):
            while (await captions(anna))[0] == edited:
                await asyncio.sleep(0.1)
        found = await anna.inline(edited)
        assert found.results
        assert not any(edited in result.get("caption", "") for result in found.results)

        # votes as judgments, while the bot runs
        out = tmp_path / "votes.jsonl"
        export = subprocess.run(
            [sys.executable, "-m", "bot", "export-votes", str(out)],
            env=bot._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert export.stdout == "1 votes\n"
        assert json.loads(out.read_text())["vote"] == -1

        # forget
        await anna.send_text("/forget")
        assert "1 vote" in (await anna.wait_reply()).text

        assert bot.memory() < MEMORY_LIMIT
        assert await bot.end() == 0
    library = tmp_path / "var" / "library.sqlite"
    with closing(sqlite3.connect(library)) as connection:
        for table in ("votes", "queries", "users", "shown"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    # Photos that were asked with are nowhere on the bot's disk.
    kept = [p for p in (tmp_path / "var").rglob("*") if p.is_file() and "chat" not in p.parts]
    assert all(first.photo[:200] not in path.read_bytes() for path in kept)
    for secret in (str(tmp_path), "4242:"):
        assert secret not in bot.output


async def captions(anna: LocalUser) -> list[str]:
    """Texts of the newest posts, as inline mode shows them."""
    results = (await anna.inline("")).results
    return [result.get("caption", "").partition("\n\n")[0] for result in results]


async def newest(anna: LocalUser, wanted: str | None = None) -> str:
    """Text of the newest post, once it has changed to what is wanted."""
    async with asyncio.timeout(10):
        while True:
            now = (await captions(anna))[0]
            if now.endswith(("fresh", "edited")) and wanted in (None, now):
                return now
            await asyncio.sleep(0.1)
