"""Handlers over HTTP: bot and server in this process, the engine is the double."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from telegram import File

from bot.app import Runner
from bot.chat.texts import Texts, plain
from bot.library.store import Store
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
from tests.user.client import ChatMessage, LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer

EN, RU = Texts("en"), Texts("ru")


def numbers(answer: ChatMessage) -> list[str]:
    """The numbers on an answer's buttons."""
    return [button.text for button in answer.buttons if button.text.isdecimal()]


async def answer_to(user: LocalUser, words: str) -> ChatMessage:
    """Ask; the whole answer is one message."""
    await user.send_text(words)
    return await user.wait_reply()


async def opened(user: LocalUser, answer: ChatMessage, number: str) -> ChatMessage:
    """Press a number; the post comes as a message of its own."""
    await user.press(answer, next(b for b in answer.buttons if b.text == number))
    return await user.wait_reply()


async def test_start_offers_examples_that_work(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    hello = await answer_to(anna, "/start")
    assert [button.text for button in hello.buttons] == list(EN.examples)
    await anna.press(hello, EN.examples[0])
    answer = await anna.wait_reply()
    assert answer.photo
    assert answer.text.count("Sunset") == 6


async def test_an_answer_is_one_picture(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    asked = await anna.send_photo(jpeg((228, 122, 42)))
    replies = await anna.wait_replies()
    assert len(replies) == 1
    answer = replies[0]
    assert answer.photo
    assert answer.reply_to is not None
    assert answer.reply_to.message_id == asked.message_id
    lines = answer.text.splitlines()
    assert lines[0].startswith("I see: sunset")
    assert lines[1].startswith("#sunset")
    assert [line.split()[0] for line in lines if "over the sea" in line] == list("123456")
    assert len(answer.text) <= 1024
    assert numbers(answer) == list("123456")
    assert [b.text for b in answer.keyboard[-1]] == [EN("button_explain"), "▶"]


async def test_posts_that_are_less_close_are_named(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner, 3)
    answer = await answer_to(anna, "sunset sea snow")
    above, below = answer.text.split(plain(EN("less_close")))
    assert above.count("Sunset") == 3
    assert "snowy forest" in below
    assert numbers(answer) == list("1234")
    assert plain(EN("less_close")) not in (await answer_to(anna, "sunset")).text


async def test_one_post_found_is_shown_as_itself(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "snowy forest")
    assert answer.photo
    assert answer.text.startswith("snowy forest")
    assert [b.text for b in answer.buttons] == [
        EN("button_like"), "👍", "👎", EN("button_explain"),
    ]  # fmt: skip
    assert (await anna.press(answer, "👍")).text == EN("voted_up")
    marked = await anna.wait_edit(answer)
    assert [b.text for b in marked.buttons][1:] == ["👍 ✓", "👎", EN("button_explain")]
    await anna.press(marked, EN("button_explain"))
    why = await anna.wait_edit(answer)
    await anna.press(why, EN("button_back"))
    assert (await anna.wait_edit(answer)).text.startswith("snowy forest")


async def test_photo_as_a_file(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_document(jpeg(SNOW), "snow.jpg", mime_type="image/jpeg")
    assert "snow" in (await anna.wait_reply()).text
    for name, kind in (
        ("SNOW.JPG", "application/octet-stream"),
        ("snow.jpeg", "text/plain"),
        ("snow", "application/octet-stream"),
    ):
        await anna.send_document(jpeg(SNOW), name, mime_type=kind)
        assert "snow" in (await anna.wait_reply()).text, name


async def test_stickers_and_what_moves_are_questions(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner)
    photo = await anna.send_photo(jpeg(SNOW), chat_id=anna.group_id)
    file = {**photo.raw["photo"][-1], "type": "regular", "is_animated": False, "is_video": False}
    still = {"file_id": "v", "file_unique_id": "v", "width": 9, "height": 9, "duration": 1,
             "length": 9, "thumbnail": photo.raw["photo"][-1]}  # fmt: skip
    for fields in (
        {"sticker": file},
        {"sticker": {**still, "type": "regular", "is_animated": True, "is_video": False}},
        {"video": still},
        {"animation": still, "document": still},
        {"video_note": still},
    ):
        await anna.send_fields(fields)
        assert (await anna.wait_reply()).text.startswith("I see: snow"), fields
    # A reply to a photo of another chat.
    external = {"origin": {"type": "hidden_user", "sender_user_name": "x", "date": 1},
                "photo": photo.raw["photo"]}  # fmt: skip
    await anna.send_fields({"text": "forest", "external_reply": external})
    assert (await anna.wait_reply()).text.startswith("I see: snow")


async def test_both_by_caption_and_by_reply(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    await anna.send_photo(jpeg(NIGHT), "sea xyzzy")
    assert EN("unknown_some", words="xyzzy") in (await anna.wait_reply()).text
    photo = await anna.send_photo(jpeg(NIGHT))
    await anna.wait_reply()
    await anna.send_text("sea", reply_to=photo)
    await anna.wait_reply()
    counted = b'image2pic_queries_total{kind="both",outcome="answered"} 2.0'
    await until(lambda: counted in runner.services.metrics.text())


async def test_pages_are_turned_in_place(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner, 8)
    answer = await answer_to(anna, "sunset")
    await anna.press(answer, "▶")
    second = await anna.wait_edit(answer)
    assert numbers(second) == ["7", "8"]
    assert [b.text for b in second.keyboard[-1]] == ["◀", EN("button_explain")]
    assert second.photo != answer.photo
    uploads = server.calls("editMessageMedia")
    await anna.press(second, "◀")
    first = await anna.wait_edit(answer)
    assert first.text == answer.text
    # What Telegram has already is not uploaded again.
    assert len(server.calls("editMessageMedia")) == len(uploads) + 1
    assert "<file>" not in str(server.calls("editMessageMedia")[-1].values)
    assert len(await anna.history()) == 2


async def test_an_edited_photo_is_shown_at_once(anna: LocalUser, runner: Runner) -> None:
    (post,) = await anna.channel_post("sunset", [jpeg(SUNSET, 1)])
    await anna.channel_post("sunset sea", [jpeg(SUNSET, 2)])
    await until(lambda: len(runner.services.engine) == 2)
    before = await answer_to(anna, "sunset")
    assert (await answer_to(anna, "sunset")).photo == before.photo
    await anna.edit_channel_post(post, photo=jpeg(SUNSET, 9))
    async with asyncio.timeout(8):
        while (await answer_to(anna, "sunset")).photo == before.photo:
            await asyncio.sleep(0.1)


async def test_a_number_opens_a_post(anna: LocalUser, runner: Runner, server: FaultyServer) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    post = await opened(anna, answer, "2")
    assert post.photo
    # Telegram has the photo: it is not uploaded.
    assert "<file>" not in server.calls("sendPhoto")[-1].values.values()
    line = next(line for line in answer.text.splitlines() if line.startswith("2 "))
    assert post.text.startswith(line.removeprefix("2 "))
    assert [b.text for b in post.buttons] == [EN("button_like"), "👍", "👎"]
    await anna.press(post, EN("button_like"))
    alike = await anna.wait_reply()
    assert alike.text.startswith(EN("found_like"))
    assert "Sunset" in alike.text


async def test_why_and_back(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    for question in ("photo", "text"):
        if question == "photo":
            await anna.send_photo(jpeg(SUNSET, 3))
            answer = await anna.wait_reply()
        else:
            answer = await answer_to(anna, "sunset")
        await anna.press(answer, EN("button_explain"))
        why = await anna.wait_edit(answer)
        assert why.photo != answer.photo
        assert "%" in why.text
        await anna.press(why, EN("button_back"))
        back = await anna.wait_edit(answer)
        assert back.text == answer.text
        assert numbers(back) == numbers(answer)


async def test_an_edit_that_changes_nothing_is_no_error(
    anna: LocalUser, runner: Runner, server: FaultyServer
) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    query = (answer.buttons[0].data or "").split(":")[1]
    assert (await anna.press_data(answer, f"m:{query}:0")).text == ""
    await until(lambda: server.calls("editMessageMedia"))
    assert server.calls("editMessageMedia")[-1].code == 400
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)


async def test_votes_change_the_order_at_once_and_are_undone(
    anna: LocalUser, runner: Runner
) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    post = await opened(anna, answer, "3")
    assert (await anna.press(post, "👍")).text == EN("voted_up")
    marked = await anna.wait_edit(post)
    assert marked.keyboard[0][1].text == "👍 ✓"
    changed = await anna.wait_edit(answer)
    assert "In the order of your votes." in changed.text
    assert (await runner.services.store.counts()).votes == 1
    assert len(runner.services.engine.feedback) == 1
    assert (await anna.press(marked, "👎")).text == EN("voted_down")
    marked = await anna.wait_edit(post)
    assert [b.text for b in marked.keyboard[0][1:]] == ["👍", "👎 ✓"]
    assert (await runner.services.store.counts()).votes == 1
    await until(lambda: not runner.services.store.sync._claims)
    # Pressed again, it is taken back.
    assert (await anna.press(marked, "👎 ✓")).text == EN("voted_undone")
    marked = await anna.wait_edit(post)
    assert [b.text for b in marked.keyboard[0][1:]] == ["👍", "👎"]
    assert len(runner.services.engine.feedback) == 0
    back = await anna.wait_edit(answer)
    assert back.text == answer.text


async def test_a_press_while_it_works_does_nothing(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    button = next(b for b in answer.buttons if b.text == "2")
    server.plan_fault("delay", "sendPhoto", seconds=1.0)
    # All are answered at once, and one post is opened.
    started = time.monotonic()
    for _ in range(3):
        await anna.press(answer, button)
    assert time.monotonic() - started < 1.0
    assert len(await anna.wait_replies(3, quiet=1.2)) == 1


async def test_buttons_of_others_stale_and_forged(
    anna: LocalUser, runner: Runner, server: LocalServer
) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    data = answer.buttons[1].data
    assert data is not None
    async with LocalUser(server.url, user_id=1002) as boris:
        his = await answer_to(boris, "sunset")
        query = (his.buttons[0].data or "").split(":")[1]
        for forged, text in (
            (data, "not_yours"),
            ("e:999999:0", "stale"),
            ("l:999999:1", "stale"),
            ("nonsense", "forged"),
            ("x:99", "forged"),
            ("g:99", "forged"),
            (f"u:{query}:0", "forged"),
            (f"m:{query}:99999", "no_more"),
        ):
            said = await boris.press_data(his, forged)
            assert (said.text, said.show_alert) == (EN(text), True), forged
        await boris.press_data(his, "o:99:0")
        assert (await boris.wait_reply()).text == EN("topic_bad")
        # A vote for a post that this answer never showed.
        shown = {(b.data or "").split(":")[2] for b in his.buttons if b.text.isdecimal()}
        other = next(str(k) for k in range(1, 20) if str(k) not in shown)
        assert (await boris.press_data(his, f"u:{query}:{other}")).text == EN("forged")
    assert (await runner.services.store.counts()).votes == 0


async def test_a_post_that_was_removed_meanwhile(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    post = await opened(anna, answer, "1")
    await anna.send_text("/remove", reply_to=answer)
    assert (await anna.wait_reply()).text == EN("remove_unknown")
    await anna.send_text("/remove", reply_to=post)
    assert (await anna.wait_reply()).text == EN("removed", n=1)
    assert (await anna.press(post, EN("button_like"))).text == EN("gone")
    assert (await anna.press(post, "👍")).text == EN("gone")
    assert (await opened(anna, answer, "1")).text == EN("gone")
    assert post.text.splitlines()[0] not in (await answer_to(anna, "sunset")).text


async def test_only_the_owner_removes(anna: LocalUser, runner: Runner, server: LocalServer) -> None:
    await fill(anna, runner)
    async with LocalUser(server.url, user_id=1002) as boris:
        answer = await answer_to(boris, "sunset")
        await boris.send_text("/remove", reply_to=answer)
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


async def test_a_word_that_may_be_misspelt(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    meant = EN("suggest", words="sunset")
    await anna.send_photo(jpeg(SUNSET, 3), "sunzet sea")
    for answer in (await anna.wait_reply(), await answer_to(anna, "sunzet sea")):
        lines = answer.text.splitlines()
        assert lines[lines.index(EN("unknown_some", words="sunzet")) + 1] == meant
        assert answer.photo
    assert meant not in (await answer_to(anna, "plugh sea")).text
    found = await anna.inline("sunzet sea")
    assert found.raw["button"]["text"] == meant
    assert found.results


async def test_what_cannot_be_used_has_its_own_answer(anna: LocalUser, runner: Runner) -> None:
    await anna.send_document(b"no photo at all", "x.jpg", mime_type="image/jpeg")
    assert (await anna.wait_reply()).text == EN("not_a_photo")
    await anna.send_document(b"%PDF", "x.pdf", mime_type="application/pdf")
    assert (await anna.wait_reply()).text == EN("unsupported")
    await anna.send_fields({"contact": {"phone_number": "1", "first_name": "x"}})
    assert (await anna.wait_reply()).text == EN("unsupported")
    await anna.send_text("/nosuchcommand")
    assert (await anna.wait_reply()).text == EN("empty")
    # Telegram no longer has it.
    gone = {"file_id": "AgACAgIAAxgone-long-ago", "file_unique_id": "g", "width": 9, "height": 9}
    await anna.send_fields({"photo": [gone]})
    assert (await anna.wait_reply()).text == EN("photo_gone")


async def test_too_large_a_file_is_not_downloaded(tmp_path: Path, server: LocalServer) -> None:
    async with (
        running(make_settings(server, tmp_path, photo_bytes=5_000_000)),
        LocalUser(server.url) as anna,
    ):
        await anna.send_document(bytes(5_000_001), "x.jpg", mime_type="image/jpeg")
        assert (await anna.wait_reply()).text == EN("too_many_bytes", limit=5)
        assert server.calls("getFile") == []


async def test_who_would_wait_too_long_is_told_so_at_once(
    tmp_path: Path, server: LocalServer
) -> None:
    settings = make_settings(server, tmp_path, busy_seconds=0.5)
    async with running(settings) as runner, LocalUser(server.url) as anna:
        await fill(anna, runner)
        server.plan_fault("delay", "sendPhoto", seconds=2)
        texts = []
        for _ in range(5):
            await anna.send_text("sunset")
        texts = [message.text for message in await anna.wait_replies(5, quiet=2.5)]
        assert EN("busy") in texts
        assert sum("Sunset" in text for text in texts) >= 2


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
    instead = await anna.inline("xyzzy")
    assert len(instead.results) == 50
    assert instead.raw["button"]["text"] == "Shown instead: sunset"
    assert (await anna.inline("zzz-nothing since:1999")).raw["button"]
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
    page = await answer_to(anna, "/topics")
    assert page.photo
    assert "1 sunset" in page.text
    assert numbers(page) == list("1234")
    await anna.press(page, "1")
    topic = await anna.wait_edit(page)
    assert topic.text.count("Sunset") == 6
    await anna.press(topic, "▶")
    assert numbers(await anna.wait_edit(page)) == ["7", "8"]
    post = await opened(anna, topic, "2")
    # Nobody asked for it, so nobody votes on it.
    assert [b.text for b in post.buttons] == [EN("button_like")]
    await anna.press(topic, EN("button_topics"))
    assert (await anna.wait_edit(page)).text == page.text


async def test_help_tells_the_filters(anna: LocalUser, runner: Runner) -> None:
    for language in ("en", "ru"):
        await anna.set_language(language)
        told = (await answer_to(anna, "/help")).text
        for part in ("since:2025-01", "until:2025", "from:@", " -", '"', "/trends"):
            assert part in told, (language, part)


async def test_a_library_without_posts_has_no_topics(anna: LocalUser, runner: Runner) -> None:
    assert (await answer_to(anna, "/topics")).text == EN("topics_empty")


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
    answer = await answer_to(anna, "sunset")
    post = await opened(anna, answer, "1")
    await anna.press(post, "👍")
    stats = await answer_to(anna, "/stats")
    assert "11 posts" in stats.text
    assert "1 vote" in stats.text
    assert "the right photo among the first ten for a text: 69 %" in stats.text
    assert "other" not in stats.text.partition("quality")[2].replace("another", "")
    assert "1 question and 1 vote" in (await answer_to(anna, "/forget")).text
    assert len(runner.services.engine.feedback) == 0
    assert (await anna.press(post, "👍")).text == EN("stale")


async def test_in_a_group_only_when_spoken_to(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    anna.chat_id = anna.group_id
    await anna.send_text("sunset")
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)
    answer = await answer_to(anna, f"@{anna.bot['username']} sunset")
    assert numbers(answer) == list("123456")
    assert numbers(await answer_to(anna, "/find sunset")) == list("123456")
    await anna.send_text("snowy forest", reply_to=answer)
    assert (await anna.wait_reply()).text.startswith("snowy forest")
    assert (await answer_to(anna, "/find")).text == EN("empty_find").replace("<code>", "").replace(
        "</code>", ""
    )
    photo = await anna.send_photo(jpeg(SNOW))
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)
    await anna.send_text("/find", reply_to=photo)
    assert "snow" in (await anna.wait_reply()).text
    # As a caption, too; and what is for another bot is for another bot.
    await anna.send_photo(jpeg(SNOW), "/find forest")
    assert (await anna.wait_reply()).text.startswith("I see: snow")
    await anna.send_photo(jpeg(SNOW), "/find@another_bot forest")
    with pytest.raises(LocalTimeoutError):
        await anna.wait_reply(0.7)


async def test_an_album_has_one_answer_and_a_button_for_each(
    anna: LocalUser, runner: Runner
) -> None:
    await fill(anna, runner)
    await anna.send_album([jpeg(SUNSET, 9), jpeg(SUNSET, 10), jpeg(NIGHT, 9)])
    replies = await anna.wait_replies(quiet=1.2)
    assert len(replies) == 1
    answer = replies[0]
    assert [b.text for b in answer.keyboard[-1]] == ["Photo 1", "Photo 2", "Photo 3"]
    await anna.press(answer, "Photo 3")
    assert (await anna.wait_reply()).text.startswith("I see: city")


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
    assert (await answer_to(anna, "sunset")).photo


async def file_kept(store: Store, key: int) -> None:
    """Wait until the file_id of an upload is kept."""
    async with asyncio.timeout(5):
        while (await store.posts([key]))[key].file in (None, "AgAC-not-a-file"):
            await asyncio.sleep(0.02)


async def test_a_post_is_uploaded_once_and_no_photo_is_lost(
    tmp_path: Path, server: LocalServer
) -> None:
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
            assert (await answer_to(anna, "sunset")).photo
            (key,) = [k for k, p in (await store.posts(range(20))).items() if p.photo]
            await file_kept(store, key)
            calls = server.calls("sendPhoto")
            assert sum("<file>" in map(str, call.values.values()) for call in calls) == uploads
        # A bad minute of Telegram's is no reason to forget a file_id.
        server.plan_fault("too_many_requests", "sendPhoto")
        assert (await answer_to(anna, "sunset")).photo
        assert (await store.posts([key]))[key].file
        server.plan_fault("server_error", "sendPhoto", times=4)
        assert (await answer_to(anna, "sunset")).text == EN("error")
        assert (await store.posts([key]))[key].file
        # Telegram no longer knows the file_id: it is uploaded again.
        store.sync._write("UPDATE files SET file = 'AgAC-not-a-file'")  # type: ignore[attr-defined]
        assert (await answer_to(anna, "sunset")).photo
        await file_kept(store, key)
        # The only copy is kept, though it cannot be shown now: the text is.
        store.sync._write("UPDATE files SET file = 'AgAC-not-a-file'")  # type: ignore[attr-defined]
        (photos / "a.jpg").unlink()
        answer = await answer_to(anna, "sunset")
        assert "Sunset over the sea" in answer.text
        assert EN("photo_missing") in answer.text
        assert (await store.posts([key]))[key].file == "AgAC-not-a-file"


async def test_a_picture_of_another_model_is_stale(anna: LocalUser, runner: Runner) -> None:
    await fill(anna, runner)
    answer = await answer_to(anna, "sunset")
    runner.services.engine.info.id = "double-2"
    await anna.press(answer, "▶")
    assert (await anna.wait_reply()).text == EN("stale")


async def test_a_file_on_the_servers_own_disk_is_told_with_the_way_out(
    anna: LocalUser, runner: Runner, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{server.url}/file/bot{server.token}//var/lib/telegram-bot-api/photos/1.jpg"

    async def get_file(*_: object, **__: object) -> File:
        file = File("a", "b", 10, path)
        file.set_bot(runner.application.bot)
        return file

    monkeypatch.setattr(type(runner.application.bot), "get_file", get_file)
    await anna.send_photo(jpeg(SUNSET))
    assert (await anna.wait_reply()).text == EN("photo_on_server")
