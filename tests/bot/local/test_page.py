"""The chat page in a real Chromium, with a real bot behind it; screenshots to be looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InputMediaPhoto,
    InputTextMessageContent,
    Update,
)
from telegram.ext import Application, ApplicationBuilder, ContextTypes, TypeHandler

from bot.local.server import LocalServer
from tests.browser import CHROMIUM, DESKTOP, PHONE, Shown, open_page
from tests.user.client import LocalUser

from .conftest import TOKEN, make_photo

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH (Debian: apt install chromium)"
)

SLOW = 0.8
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
RICH = (
    "<b>What I see:</b> <i>a beach at sunset</i>, <u>two dogs</u> and a <s>cat</s>\n"
    "#beach #sunset #dogs — more at <a href='https://example.org/'>the source</a>\n"
    "<blockquote>Closeness is between 0 and 1.</blockquote>"
    "Try <code>sea -people</code> or <tg-spoiler>a secret</tg-spoiler>, /help"
)
CAPTIONS = [
    "A sunset over the sea, painted in orange and violet · 0.93",
    "Two dogs running along the beach in the morning · 0.91",
    "A lighthouse on a rocky shore · 0.88",
    "Waves and gulls near the pier · 0.84",
    "Закат над морем, вид с причала · 0.83",
]


def keyboard() -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(f"More like {i}", callback_data=f"like{i}") for i in range(1, 4)],
            [
                InlineKeyboardButton("More", callback_data="more"),
                InlineKeyboardButton("Explain", callback_data="explain"),
            ],
            [
                InlineKeyboardButton("👍", callback_data="up"),
                InlineKeyboardButton("👎", callback_data="down"),
            ],
        ]
    )


async def answer(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    if update.callback_query:
        if update.callback_query.data == "explain":
            await update.callback_query.answer("Because of the waves.", show_alert=True)
        elif update.callback_query.data == "more":
            await update.callback_query.edit_message_text("Here is more.", reply_markup=keyboard())
            await update.callback_query.answer()
        else:
            await update.callback_query.answer("Thank you for the vote!")
        return
    if update.inline_query:
        ids = context.bot_data["ids"]
        begin = int(update.inline_query.offset or 0)
        results = [
            InlineQueryResultCachedPhoto(
                str(i), ids[i % len(ids)], title=f"Photo {i}", caption=f"Photo {i}"
            )
            for i in range(begin, min(begin + 50, 80))
        ]
        if update.inline_query.query == "article":
            results = [
                InlineQueryResultArticle(
                    "a", "An article", InputTextMessageContent("text"), description="in words"
                )
            ]
        if update.inline_query.query == "nothing":
            results = []
        following = str(begin + 50) if results and begin + 50 < 80 and len(results) > 1 else ""
        await update.inline_query.answer(results, next_offset=following, cache_time=0)
        return
    message = update.effective_message
    if (
        message is None
        or message.via_bot
        or update.channel_post
        or update.edited_message
        or update.edited_channel_post
    ):
        return
    if message.chat.type != "private" and "bot" not in (message.text or ""):
        return
    if message.photo:
        await message.reply_chat_action("upload_photo")
        await asyncio.sleep(context.bot_data.get("delay", 0))
        await message.reply_text(RICH, parse_mode="HTML", do_quote=True)
        await message.reply_media_group(
            [
                InputMediaPhoto(make_photo(100 + i, (800, 600)), caption=CAPTIONS[i])
                for i in range(5)
            ]
        )
        await message.reply_text("What next?", reply_markup=keyboard())
    elif message.text == "/start":
        await message.reply_text("<b>Hello!</b> Send me a photo or a few words.", parse_mode="HTML")
    elif message.text == "slow":
        await message.reply_chat_action("typing")
    elif message.text:
        await message.reply_text(message.text)


@pytest.fixture
async def app(server: LocalServer) -> AsyncIterator[Application]:
    app = (
        ApplicationBuilder()
        .token(TOKEN)
        .base_url(f"{server.url}/bot")
        .base_file_url(f"{server.url}/file/bot")
        .concurrent_updates(True)
        .build()
    )
    app.add_handler(TypeHandler(Update, answer))
    async with LocalUser(server.url, user_id=900) as helper:
        await helper.send_text("hi")
        app.bot_data["ids"] = await _upload(app.bot, 900)
    async with app:
        await app.bot.get_updates(offset=-1)
        await app.bot.set_my_commands(
            [
                BotCommand("start", "Begin"),
                BotCommand("topics", "What the model knows"),
                BotCommand("language", "Choose the language"),
            ]
        )
        await app.bot.set_my_commands(
            [BotCommand("start", "Начать"), BotCommand("topics", "Что знает модель")],
            language_code="ru",
        )
        await app.start()
        await app.updater.start_polling(
            timeout=5, allowed_updates=Update.ALL_TYPES, drop_pending_updates=True
        )
        yield app
        await app.updater.stop()
        await app.stop()


async def _upload(bot: Bot, chat: int) -> list[str]:
    async with bot:
        sent = [await bot.send_photo(chat, make_photo(i, (300, 300))) for i in range(12)]
    return [message.photo[-1].file_id for message in sent]


async def converse(shown: Shown) -> None:
    page = shown.page
    await page.click(".empty .primary")
    await page.wait_for_selector("#messages >> text=Send me a photo")
    await shown.drop([make_photo(1, (900, 600))])
    await page.fill("#text", "what is this?")
    await page.press("#text", "Enter")
    await page.wait_for_selector(".key")


@pytest.mark.parametrize(
    ("name", "size", "theme"),
    [
        ("desktop-light", DESKTOP, "light"),
        ("phone-dark", PHONE, "dark"),
    ],
)
async def test_a_conversation(app, server, browser, name, size, theme) -> None:
    shown = await open_page(browser, server.url, size, color_scheme=theme, has_touch=size is PHONE)
    page = shown.page
    await shown.shot(f"{name}-1-empty")
    await converse(shown)
    await shown.shot(f"{name}-2-answer")
    assert await page.locator(".album .photo").count() == 5
    assert await page.locator(".own .photo").count() == 1
    assert await page.locator(".text strong").first.inner_text() == "Hello!"
    assert await page.locator(".text blockquote").count() == 1
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 0)")
    await shown.shot(f"{name}-2-answer-top")
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 1e6)")
    # Nothing is wider than the screen.
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    await page.click(".key[aria-label='👍']")
    await page.wait_for_selector(".toast >> text=Thank you")
    await page.click(".key >> text=Explain")
    await page.wait_for_selector("#alert[open] >> text=Because of the waves.")
    await shown.shot(f"{name}-3-alert")
    await page.click("#alert-ok")
    await page.click(".key >> text='More'")
    await page.wait_for_selector("#messages >> text=Here is more.")

    await page.locator(".album .photo").nth(1).click()
    await page.wait_for_selector("#viewer[open]")
    assert "Two dogs" in await page.locator("#viewer-caption").inner_text()
    await page.keyboard.press("ArrowRight")
    assert "lighthouse" in await page.locator("#viewer-caption").inner_text()
    await shown.shot(f"{name}-4-viewer")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#viewer:not([open])", state="attached")

    await page.click("#open-inline")
    await page.wait_for_selector(".tile")
    assert await page.locator(".tile").count() == 50
    await shown.shot(f"{name}-5-inline")
    await page.evaluate("document.querySelector('#inline-results').scrollTo(0, 1e6)")
    await playwright.expect(page.locator(".tile")).to_have_count(80)
    await page.locator(".tile").nth(60).click()
    await page.wait_for_selector("text=via @image2pic_local_bot")

    await page.click("#open-commands")
    await page.wait_for_selector("#commands button")
    await shown.shot(f"{name}-6-commands")
    await page.keyboard.press("Escape")
    assert shown.problems == []


async def slow_photos(shown: Shown) -> None:
    async def late(route: playwright.Route) -> None:
        await asyncio.sleep(SLOW)
        with contextlib.suppress(playwright.Error):
            await route.continue_()

    await shown.page.route("**/local/file?*", late)


async def at_end(shown: Shown) -> None:
    """Wait until the slow photos have loaded, and expect the last message to be in view."""
    await shown.page.wait_for_timeout(SLOW * 1000 + 900)
    gap = await shown.page.evaluate(
        "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)"
        "(document.querySelector('#scroll'))"
    )
    assert abs(gap) < 2
    assert await shown.page.locator("#to-end").is_hidden()


async def test_the_last_message_stays_in_view(app, server, browser) -> None:
    shown = await open_page(browser, server.url, PHONE)
    page = shown.page
    await slow_photos(shown)
    await converse(shown)
    await at_end(shown)
    # An own photo, tall, without an answer that would scroll again.
    await page.click(".chat >> nth=1")
    await page.wait_for_selector("text=Mention @")
    for seed in range(3):
        await shown.drop([make_photo(seed, (300, 800))])
        await page.press("#text", "Enter")
    await page.wait_for_selector(".own .photo >> nth=2")
    await at_end(shown)
    # Whoever reads above is left there.
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 0)")
    await page.wait_for_selector("#to-end:not([hidden])")
    async with LocalUser(server.url, user_id=1002) as other:
        await other.send_text("news", chat_id=other.group_id)
    await page.wait_for_selector("#messages >> text=news")
    await page.wait_for_timeout(300)
    assert await page.evaluate("document.querySelector('#scroll').scrollTop") < 50
    await page.click("#to-end")
    await at_end(shown)
    assert shown.problems == []


async def test_an_album_by_drop_and_a_photo_by_paste(app, server, browser) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    await shown.drop([make_photo(i) for i in range(3)])
    await page.wait_for_selector("#tray li >> nth=2")
    await page.click("#tray li:nth-child(2) button")
    await shown.drop([make_photo(9)], "paste")
    await page.fill("#text", "three of them")
    await shown.shot("desktop-7-tray")
    await page.click("#send")
    await page.wait_for_selector(".own .n3")
    sent = [
        m
        for m in server.context.world.chats[1001].messages.values()
        if m.get("media_group_id") and not m["from"]["is_bot"]
    ]
    assert len({m["media_group_id"] for m in sent}) == 1
    assert [m.get("caption") for m in sent] == ["three of them", None, None]
    assert await page.locator("#tray").is_hidden()

    async with page.expect_file_chooser() as chooser:
        await page.click("#attach")
    await (await chooser.value).set_files(
        [{"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}]
    )
    await page.click("#send")
    await page.wait_for_selector(".own .document >> text=a.txt")
    assert shown.problems == []


async def test_nothing_that_is_written_becomes_markup(
    app, server, browser, anna: LocalUser
) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    await anna.send_text(EVIL)
    await anna.send_document(b"x", EVIL.replace("/", "") + ".html", EVIL)
    # The server lets no such link in; the page must not rely on that.
    world = server.context.world
    world.add_message(
        world.chats[1001],
        world.bot,
        {
            "text": "click me",
            "entities": [
                {
                    "type": "text_link",
                    "offset": 0,
                    "length": 8,
                    "url": "javascript:document.title='owned'",
                }
            ],
            "reply_markup": {
                "inline_keyboard": [
                    [{"text": EVIL, "callback_data": "x"}],
                    [{"text": "link", "url": "javascript:document.title='owned'"}],
                ]
            },
        },
    )
    await anna.set_language(EVIL[:30])
    await page.wait_for_selector("#messages >> text=click me")
    await page.click("#messages >> text=click me")
    await page.click(".key >> text=link")
    await page.wait_for_timeout(300)
    assert await page.title() != "owned"
    assert await page.locator("#messages script, #messages img[src=x]").count() == 0
    assert await page.locator("#messages a[href^=javascript]").count() == 0
    assert shown.problems == []


async def test_reload_language_theme_people_and_chats(
    app, server, browser, anna: LocalUser
) -> None:
    shown = await open_page(browser, server.url, PHONE)
    page = shown.page
    await page.fill("#text", "hello")
    await page.click("#send")
    await page.wait_for_selector(".message:not(.own) >> text=hello")
    await page.fill("#text", "a draft")
    await page.click("#languages >> text=RU")
    await page.wait_for_selector("#text[placeholder='Сообщение']")
    assert server.context.world.users[1001]["language_code"] == "ru"
    await page.click("#theme")
    await page.reload()
    await page.wait_for_selector(".message:not(.own) >> text=hello")
    assert await page.input_value("#text") == "a draft"
    assert await page.get_attribute("html", "lang") == "ru"
    assert await page.get_attribute("html", "data-theme") == "dark"
    await page.click("#open-commands")
    await page.wait_for_selector("#commands >> text=Что знает модель")
    await page.keyboard.press("Escape")

    await page.click(".chat >> nth=2")
    await page.wait_for_selector("text=бот видит каждую запись")
    await shown.drop([make_photo(4)])
    await page.fill("#text", "запись #канал")
    await page.click("#send")
    await page.wait_for_selector(".message >> text=#канал")
    await shown.shot("phone-8-channel-ru")
    await page.click(".chat >> nth=1")
    await page.fill("#text", "a word to the bot")
    await page.click("#send")
    await page.wait_for_selector(".message:not(.own) >> text=a word to the bot")
    await shown.shot("phone-9-group-ru")

    await page.select_option("#person", "1002")
    await page.wait_for_selector("text=Нажмите «Начать»")
    assert await page.locator("text=hello").count() == 0
    await page.click(".chat >> nth=1")
    await page.wait_for_selector(".message:not(.own) .author >> text=Anna")
    assert shown.problems == []


async def test_reply_edit_forward_delete_by_keyboard(app, server, browser, anna: LocalUser) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    await page.fill("#text", "first words")
    await page.press("#text", "Enter")
    own = page.locator(".message.own").first
    await own.wait_for()
    await page.wait_for_selector(".message:not(.own)")

    async def choose(label: str) -> None:
        await own.locator(".tools .icon-button").nth(1).focus()
        await page.keyboard.press("Enter")
        items = await page.locator("#menu button").all_inner_texts()
        for _ in range(items.index(label)):
            await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")

    await choose("Edit")
    assert await page.input_value("#text") == "first words"
    await page.fill("#text", "better words")
    await page.press("#text", "Enter")
    await page.wait_for_selector(".own >> text=better words")
    await page.wait_for_selector(".own time >> text=edited")
    await choose("Reply")
    await page.fill("#text", "a reply")
    await page.press("#text", "Enter")
    await page.wait_for_selector(".own .quote >> text=better words")
    await choose("Forward to: Photo friends")
    await page.click(".chat >> nth=1")
    await page.wait_for_selector("text=Forwarded from Anna")
    await page.click(".chat >> nth=0")
    await page.wait_for_selector(".own >> text=better words")
    await choose("Delete")
    await playwright.expect(page.locator(".own > .column .text >> text=better")).to_have_count(0)
    assert shown.problems == []


async def test_typing_older_history_and_inline_by_writing(
    app, server, browser, anna: LocalUser
) -> None:
    for i in range(90):
        await anna.send_text(f"line {i}", chat_id=anna.group_id)
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page
    await page.fill("#text", "slow")
    await page.press("#text", "Enter")
    await page.wait_for_selector("#room-status >> text=typing")
    await page.wait_for_selector("#typing:not([hidden])")
    await shown.shot("desktop-8-typing")

    await page.click(".chat >> nth=1")
    await page.wait_for_selector("text=line 89")
    assert await page.locator("text=line 5").count() < 11
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 0)")
    await page.wait_for_selector("text='line 0'")
    await page.wait_for_selector("#to-end:not([hidden])")

    await page.fill("#text", "@image2pic_local_bot article")
    await page.wait_for_selector(".row >> text=An article")
    await shown.shot("desktop-9-inline-article")
    await page.click(".row")
    await page.wait_for_selector(".message >> text=via @image2pic_local_bot")
    assert await page.input_value("#text") == ""
    await page.click("#open-inline")
    await page.fill("#inline-query", "nothing")
    await page.wait_for_selector("#inline-note >> text=Nothing found")
    assert shown.problems == []


async def test_controls_have_names(app, server, browser) -> None:
    shown = await open_page(browser, server.url, PHONE)
    await converse(shown)
    nameless = await shown.page.evaluate(
        """() => [...document.querySelectorAll(
                "button, input:not([type=file]), textarea, select, [role=log]")]
            .filter((node) => !node.getAttribute("aria-label"))
            .filter((node) => !node.textContent.trim() && !node.labels?.length)
            .map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    assert await shown.page.evaluate(
        "[...document.images].every((image) => image.hasAttribute('alt'))"
    )
