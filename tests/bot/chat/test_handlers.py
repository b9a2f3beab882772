"""Handlers over HTTP: bot and server in this process, the engine is the double."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from bot.app import Runner
from bot.chat.texts import Texts
from bot.local.server import LocalServer
from tests.bot.conftest import (
    LAKE,
    NIGHT,
    SNOW,
    SUNSET,
    fill,
    jpeg,
    make_settings,
    running,
    until,
)
from tests.user.client import LocalTimeoutError, LocalUser

EN, RU = Texts("en"), Texts("ru")


async def test_start_offers_examples_that_work(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("/start")
    hello = await anna.wait_reply()
    assert [button.text for button in hello.buttons] == list(EN.examples)
    await anna.press(hello, EN.examples[0])
    album = await anna.wait_album()
    assert len(album) == 6
    assert all("Sunset" in message.text for message in album)


async def test_photo_is_described_and_similar_posts_follow(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    asked = await anna.send_photo(jpeg((228, 122, 42)))
    assert await anna.wait_action() == "upload_photo"
    seen = await anna.wait_reply()
    assert "sunset" in seen.text
    assert seen.reply_to is not None
    assert seen.reply_to.message_id == asked.message_id
    album = await anna.wait_album()
    assert album[0].text.startswith("1 · ")
    assert "source" in album[0].text
    answer = await anna.wait_reply()
    assert [b.text for b in answer.keyboard[0]] == ["1 ≈", "👍", "👎"]
    assert [b.text for b in answer.keyboard[-1]] == [EN("button_more"), EN("button_explain")]


async def test_photo_as_a_file(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_document(jpeg(SNOW), "snow.jpg", mime_type="image/jpeg")
    assert "snow" in (await anna.wait_reply()).text


async def test_both_by_caption_and_by_reply(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_photo(jpeg(NIGHT), "sea xyzzy")
    replies = await anna.wait_replies()
    assert EN("unknown_some", words="xyzzy") in replies[-1].text
    photo = await anna.send_photo(jpeg(NIGHT))
    await anna.wait_replies()
    await anna.send_text("sea", reply_to=photo)
    await anna.wait_replies()
    kinds = runner.services.metrics.text().decode()
    assert 'image2pic_queries_total{kind="both",outcome="answered"} 2.0' in kinds


async def test_more_until_there_is_no_more(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner, 8)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    await anna.press(answer, EN("button_more"))
    more = (await anna.wait_replies())[-1]
    assert more.buttons[0].text == "7 ≈"
    assert EN("button_more") not in [button.text for button in more.buttons]
    now = await anna.refresh(answer)
    assert now is not None
    assert EN("button_more") not in [button.text for button in now.buttons]


async def test_like_this(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    await anna.press(answer, "2 ≈")
    replies = await anna.wait_replies()
    assert replies[-1].text.startswith(EN("found_like", n=6))


async def test_explain_is_a_picture(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    for question in ("photo", "text"):
        if question == "photo":
            await anna.send_photo(jpeg(SUNSET, 3))
        else:
            await anna.send_text("snowy forest")
        answer = (await anna.wait_replies())[-1]
        await anna.press(answer, EN("button_explain"))
        picture = await anna.wait_reply()
        assert picture.photo
        assert "%" in picture.text


async def test_votes_are_kept_marked_and_changeable(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    up, down = answer.keyboard[0][1:]
    assert (await anna.press(answer, up)).text == EN("voted_up")
    marked = await anna.refresh(answer)
    assert marked is not None
    assert marked.keyboard[0][1].text == "👍✓"
    assert (await anna.press(answer, down)).text == EN("voted_down")
    marked = await anna.refresh(answer)
    assert marked is not None
    assert [b.text for b in marked.keyboard[0]] == ["1 ≈", "👍", "👎✓"]
    assert (await runner.services.store.counts()).votes == 1


async def test_buttons_of_others_stale_and_forged(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    data = answer.buttons[1].data
    assert data is not None
    async with LocalUser(server.url, user_id=1002) as boris:
        await boris.send_text("snow")
        his = (await boris.wait_replies())[-1]
        for forged, text in (
            (data, "not_yours"),
            ("e:999999", "stale"),
            ("l:999999:1", "stale"),
            ("nonsense", "forged"),
            ("x:99", "forged"),
            ("g:99", "forged"),
            ("o:99:0", "topic_bad"),
        ):
            said = await boris.press_data(his, forged)
            assert (said.text, said.show_alert) == (EN(text), True), forged
        # A vote for a post that this answer never showed.
        query = (his.buttons[0].data or "").split(":")[1]
        shown = {(b.data or "").split(":")[2] for row in his.keyboard[:-1] for b in row}
        other = next(str(k) for k in range(1, 20) if str(k) not in shown)
        assert (await boris.press_data(his, f"u:{query}:{other}")).text == EN("forged")
    assert (await runner.services.store.counts()).votes == 0


async def test_a_post_that_was_removed_meanwhile(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    replies = await anna.wait_replies()
    first, answer = replies[0], replies[-1]
    await anna.send_text("/remove", reply_to=first)
    assert (await anna.wait_reply()).text == EN("removed", n=1)
    assert (await anna.press(answer, answer.keyboard[0][0])).text == EN("gone")
    assert (await anna.press(answer, answer.keyboard[0][1])).text == EN("gone")
    await anna.send_text("sunset")
    again = await anna.wait_replies()
    assert first.text.partition("source")[2] not in [m.text.partition("source")[2] for m in again]


async def test_only_the_owner_removes(anna: LocalUser, runner: Runner, server: LocalServer) -> None:
    await fill(anna, runner)
    async with LocalUser(server.url, user_id=1002) as boris:
        await boris.send_text("sunset")
        picture = (await boris.wait_replies())[0]
        await boris.send_text("/remove", reply_to=picture)
        assert (await boris.wait_reply()).text == EN("owner_only")
    await anna.send_text("/remove")
    assert (await anna.wait_reply()).text == EN("remove_reply")


async def test_unknown_words_and_nothing_close(anna: LocalUser, runner: Runner) -> None:
    await anna.send_text("xyzzy")
    reply = await anna.wait_reply()
    assert EN("unknown", words="xyzzy") in reply.text
    assert "sunset" in reply.text
    await anna.send_text("sunset")
    assert (await anna.wait_reply()).text == EN("nothing")
    await anna.send_text("-sunset")
    assert (await anna.wait_reply()).text == EN("only_minus")


async def test_what_cannot_be_used_has_its_own_answer(anna: LocalUser, runner: Runner) -> None:
    await anna.send_document(b"no photo at all", "x.jpg", mime_type="image/jpeg")
    assert (await anna.wait_reply()).text == EN("not_a_photo")
    await anna.send_document(b"%PDF", "x.pdf", mime_type="application/pdf")
    assert (await anna.wait_reply()).text == EN("unsupported")
    await anna.send_fields(
        {"sticker": {"file_id": "x", "file_unique_id": "y", "type": "regular", "width": 9,
                     "height": 9, "is_animated": False, "is_video": False}}
    )  # fmt: skip
    assert (await anna.wait_reply()).text == EN("unsupported")
    await anna.send_text("/nosuchcommand")
    assert (await anna.wait_reply()).text == EN("empty")


async def test_too_large_a_file_is_not_downloaded(tmp_path: Path, server: LocalServer) -> None:
    async with (
        running(make_settings(server, tmp_path, photo_bytes=5_000_000)),
        LocalUser(server.url) as anna,
    ):
        await anna.send_document(bytes(5_000_001), "x.jpg", mime_type="image/jpeg")
        assert (await anna.wait_reply()).text == EN("too_many_bytes", limit=5)
        assert server.calls("getFile") == []


async def test_a_full_queue_says_so_at_once(tmp_path: Path, server: LocalServer) -> None:
    settings = make_settings(server, tmp_path, workers=1, queue_limit=1)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        gate = threading.Event()
        blocked = [asyncio.create_task(runner.services.work.run(gate.wait)) for _ in range(2)]
        await anna.send_text("sunset")
        assert (await anna.wait_reply(2)).text == EN("busy")
        assert (await anna.inline("sunset")).results == []
        gate.set()
        await asyncio.gather(*blocked)
        await anna.send_text("sunset")
        assert (await anna.wait_reply()).text == EN("nothing")


async def test_inline_pages(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner, 60)
    first = await anna.inline("sunset sea")
    assert len(first.results) == 50
    assert all("photo_file_id" in result for result in first.results)
    second = await anna.inline("sunset sea", first.next_offset)
    assert second.next_offset == ""
    ids = {result["id"] for result in first.results + second.results}
    assert len(ids) == len(first.results) + len(second.results) == 60
    recent = await anna.inline("")
    assert len(recent.results) == 50
    assert recent.next_offset == "50"
    assert (await anna.inline("xyzzy")).results == []
    for offset in ("x", "-1", "999999", "5e3", "50;"):
        assert (await anna.inline("sunset", offset)).results == []


async def test_a_chosen_result_is_counted_and_is_no_question(
    anna: LocalUser, runner: Runner
) -> None:
    await fill(anna, runner)
    answer = await anna.inline("sunset")
    sent = await anna.choose(answer, 0)
    assert sent.photo
    await until(lambda: b"inline_chosen_total 1.0" in runner.services.metrics.text())
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)


async def test_topics_and_their_posts(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("/topics")
    page = await anna.wait_reply()
    assert "sunset" in page.text
    await anna.press(page, "1")
    album = await anna.wait_album()
    assert all("Sunset" in message.text for message in album)
    answer = await anna.wait_reply()
    assert answer.text.startswith("Topic 1: sunset")
    await anna.press(answer, EN("button_more"))
    assert (await anna.wait_replies())[-1].text.startswith("Topic 1")


async def test_language_by_client_and_by_choice(anna: LocalUser, runner: Runner) -> None:
    await anna.set_language("ru")
    await anna.send_text("xyzzy")
    assert (await anna.wait_reply()).text.startswith(RU("unknown", words="xyzzy"))
    await anna.send_text("/language")
    offer = await anna.wait_reply()
    await anna.press(offer, "English")
    edited = await anna.wait_edit(offer)
    assert edited.text == EN("language_set")
    await anna.send_text("/privacy")
    assert (await anna.wait_reply()).text.startswith("What I keep")
    await anna.send_text("/language ru")
    assert (await anna.wait_reply()).text == RU("language_set")


async def test_commands_are_published_in_each_language(anna: LocalUser, runner: Runner) -> None:
    for _ in range(50):
        if await anna.commands():
            break
        await asyncio.sleep(0.05)
    assert (await anna.commands())["topics"] == EN.commands["topics"]
    await anna.set_language("ru")
    assert (await anna.commands())["topics"] == RU.commands["topics"]


async def test_forget_and_stats(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    await anna.press(answer, answer.keyboard[0][1])
    await anna.send_text("/stats")
    stats = await anna.wait_reply()
    assert "11 posts" in stats.text
    assert "1 vote" in stats.text
    assert "the right photo among the first ten for a text: 69 %" in stats.text
    assert "other" not in stats.text.partition("quality")[2].replace("another", "")
    await anna.send_text("/forget")
    assert "1 question and 1 vote" in (await anna.wait_reply()).text
    assert (await anna.press(answer, answer.keyboard[0][1])).text == EN("stale")


async def test_in_a_group_only_when_spoken_to(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    anna.chat_id = anna.group_id
    await anna.send_text("sunset")
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)
    await anna.send_text(f"@{anna.bot['username']} sunset")
    answer = (await anna.wait_replies())[-1]
    assert answer.text.startswith(EN("found", n=6))
    await anna.send_text("/find sunset")
    assert (await anna.wait_replies())[-1].text.startswith(EN("found", n=6))
    await anna.send_text("snowy forest", reply_to=answer)
    assert (await anna.wait_replies())[-1].text.startswith(EN("found", n=1))
    await anna.send_text("/find")
    assert (await anna.wait_reply()).text == EN("empty_find").replace("<code>", "").replace(
        "</code>", ""
    )
    photo = await anna.send_photo(jpeg(SNOW))
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)
    await anna.send_text("/find", reply_to=photo)
    assert "snow" in (await anna.wait_reply()).text


async def test_album_of_questions(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_album([jpeg(SUNSET, 9), jpeg(SNOW, 9), jpeg(NIGHT, 9)])
    texts = [message.text for message in await anna.wait_replies(quiet=1.2)]
    seen = [text for text in texts if text.startswith("I see")]
    assert ["sunset" in seen[0], "snow" in seen[1], "city" in seen[2]] == [True, True, True]


async def test_allow_list(tmp_path: Path, server: LocalServer) -> None:
    async with (
        running(make_settings(server, tmp_path, allowed_ids={1003})),
        LocalUser(server.url, user_id=1002) as boris,
        LocalUser(server.url, user_id=1003) as clara,
        LocalUser(server.url) as owner,
    ):
        await boris.send_text("sunset")
        assert (await boris.wait_reply()).text == EN("not_allowed")
        assert (await boris.inline("sunset")).results == []
        await boris.send_photo(jpeg(LAKE))
        assert (await boris.wait_reply()).text == EN("not_allowed")
        for user in (clara, owner):
            await user.send_text("sunset")
            assert (await user.wait_reply()).text == EN("nothing")


async def test_who_blocked_the_bot_harms_nothing(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner)
    async with LocalUser(server.url, user_id=1002) as boris:
        await boris.send_text("sunset")
        await boris.block_bot()
        await asyncio.sleep(0.3)
    await anna.send_text("sunset")
    assert len(await anna.wait_album()) == 6


async def test_what_is_sent_once_is_not_uploaded_again(tmp_path: Path, server: LocalServer) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    settings = make_settings(server, tmp_path, photos_dir=photos)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner, 1)
        (photos / "a.jpg").write_bytes(jpeg(SUNSET, 5))
        store = runner.services.store
        # As a post of a corpus is: a file on disk, no file_id.
        store.sync._write("UPDATE posts SET photo = 'a.jpg' WHERE text LIKE 'Sunset%'")
        store.sync._write("DELETE FROM files")
        for uploads in (1, 1):
            await anna.send_text("sunset")
            await anna.wait_replies()
            calls = server.calls("sendPhoto")
            assert sum("<file>" in map(str, call.values.values()) for call in calls) == uploads
        # Telegram no longer knows the file_id: found out, and uploaded again.
        store.sync._write("UPDATE files SET file = 'AgAC-not-a-file'")
        await anna.send_text("sunset")
        assert (await anna.wait_replies())[0].photo
        # Neither file_id nor file: the text is still shown.
        store.sync._write("DELETE FROM files")
        (photos / "a.jpg").unlink()
        await anna.send_text("sunset")
        replies = await anna.wait_replies()
        assert "Sunset over the sea" in replies[-1].text


async def test_a_picture_of_another_model_is_stale(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_text("sunset")
    answer = (await anna.wait_replies())[-1]
    runner.services.engine.info.id = "double-2"
    assert (await anna.press(answer, EN("button_more"))).text == EN("stale")
