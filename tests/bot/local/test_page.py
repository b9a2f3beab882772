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
from bot.local.state import GROUP_ID
from tests.browser import CHROMIUM, DESKTOP, LAPTOP, PHONE, SMALL, TABLET, Shown, open_page
from tests.user.client import LocalUser

from .conftest import TOKEN, make_photo

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on the PATH (Debian: apt install chromium)"
)

SLOW = 0.8
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
CAPTION = (
    "<b>What I see:</b> <i>a beach at sunset</i>, <u>two dogs</u> and a <s>cat</s>\n"
    "#beach #sunset #dogs — more at <a href='https://example.org/'>the source</a>\n"
    "<blockquote>Closeness is between 0 and 1.</blockquote>"
    "Try <code>sea -people</code> or <tg-spoiler>a secret</tg-spoiler>, /help\n"
    + "\n".join(
        f"{n}. <a href='https://example.org/{n}'>{text}</a> · 0.9{9 - n}"
        for n, text in enumerate(
            [
                "A sunset over the sea, painted in orange and violet",
                "Two dogs running along the beach in the morning",
                "A lighthouse on a rocky shore",
                "Waves and gulls near the pier",
                "Закат над морем, вид с причала",
                "A boat in the harbour, seen from the hill above the town",
            ],
            1,
        )
    )
)


def keyboard(page: int = 1) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(str(n), callback_data=f"open{n}") for n in range(1, 7)],
            [
                InlineKeyboardButton("◀", callback_data=f"page{page - 1}"),
                InlineKeyboardButton("▶", callback_data=f"page{page + 1}"),
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
        elif update.callback_query.data.startswith("open"):
            await update.callback_query.message.reply_photo(
                make_photo(200, (900, 900)), "The whole post. " * 30, reply_markup=keyboard()
            )
            await update.callback_query.answer()
        elif update.callback_query.data.startswith("page"):
            page = int(update.callback_query.data[4:])
            await update.callback_query.edit_message_media(
                InputMediaPhoto(
                    make_photo(100 + page, (1200, 900)),
                    f"Page {page}\n" + "A long line of words. " * 12,
                ),
                reply_markup=keyboard(page),
            )
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
    if message.media_group_id:
        return
    if message.chat.type != "private" and "bot" not in (message.text or ""):
        return
    if message.photo:
        await message.reply_chat_action("upload_photo")
        await asyncio.sleep(context.bot_data.get("delay", 0))
        await message.reply_photo(
            make_photo(100, (1200, 900)),
            CAPTION,
            parse_mode="HTML",
            reply_markup=keyboard(),
            do_quote=True,
        )
    elif message.text == "/start":
        await message.reply_text("<b>Hello!</b> Send me a photo or a few words.", parse_mode="HTML")
    elif message.text == "slow":
        await message.reply_chat_action("typing")
    elif message.text:
        await message.reply_text(message.text)


async def send_album(server: LocalServer) -> None:
    """Five photos from the person of the page, by another client of theirs."""
    async with LocalUser(server.url) as anna:
        await anna.send_album([make_photo(100 + i, (800, 600)) for i in range(5)], "album")


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


async def in_view(shown: Shown, selector: str) -> bool:
    """Whether all of an element is seen in the list of messages."""
    return await shown.page.evaluate(
        """(selector) => {
            const all = [...document.querySelectorAll(selector)];
            const box = all[all.length - 1].getBoundingClientRect();
            const view = document.querySelector("#scroll").getBoundingClientRect();
            return box.height > 60 && box.top >= view.top && box.bottom <= view.bottom;
        }""",
        selector,
    )


@pytest.mark.parametrize(
    ("name", "size", "theme"),
    [
        ("desktop-light", DESKTOP, "light"),
        ("laptop-dark", LAPTOP, "dark"),
        ("phone-light", SMALL, "light"),
        ("tablet-dark", TABLET, "dark"),
    ],
)
async def test_a_conversation(app, server, browser, name, size, theme) -> None:
    shown = await open_page(browser, server.url, size, color_scheme=theme, has_touch=size is SMALL)
    page = shown.page
    await shown.shot(f"{name}-1-empty")
    await converse(shown)
    await shown.shot(f"{name}-2-answer")
    # What was asked for is seen, without any scrolling; on a large screen with all its buttons.
    assert await in_view(shown, ".message:not(.own) .photo img")
    if size in (DESKTOP, LAPTOP):
        assert await in_view(shown, ".message:not(.own) .keyboard")
    assert await page.locator(".own .photo").count() == 1
    assert await page.locator(".text strong").first.inner_text() == "Hello!"
    assert await page.locator(".text blockquote").count() == 1
    # Nothing is wider than the screen.
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # The same message turns its page; who pressed by the keyboard stays at the button.
    await page.focus(".key[aria-label='▶']")
    before = await page.locator(".message:not(.own) .photo img").last.get_attribute("src")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#messages >> text=Page 2")
    after = page.locator(".message:not(.own) .photo img").last
    assert await after.get_attribute("src") != before
    assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == "▶"
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 1e6)")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#messages >> text=Page 3")
    await page.wait_for_timeout(700)
    assert await page.locator(".message:not(.own) .photo").count() == 1
    assert await in_view(shown, ".message:not(.own) .photo img")

    # A post that was opened is a message of its own, which is then in view.
    await page.locator(".key[aria-label='3']").last.click()
    await page.wait_for_selector("#messages >> text=The whole post")
    await page.wait_for_timeout(900)
    assert await in_view(shown, ".message:not(.own) .photo img")

    await page.click(".key[aria-label='👍'] >> nth=0")
    await page.wait_for_selector(".toast >> text=Thank you")
    await page.click(".key >> text=Explain >> nth=0")
    await page.wait_for_selector("#alert[open] >> text=Because of the waves.")
    await shown.shot(f"{name}-3-alert")
    await page.click("#alert-ok")

    await send_album(server)
    await page.locator(".album .photo").nth(1).click()
    await page.wait_for_selector("#viewer[open]")
    await page.keyboard.press("ArrowLeft")
    assert "album" in await page.locator("#viewer-caption").inner_text()
    await shown.shot(f"{name}-4-viewer")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#viewer:not([open])", state="attached")
    # A tap opens a photo, another shows it pixel for pixel.
    await page.evaluate("document.querySelector('#scroll').scrollTo(0, 0)")
    await page.locator(".message:not(.own) .photo").first.click()
    await page.click("#viewer-image")
    assert await page.evaluate("document.querySelector('#viewer-image').offsetWidth") >= 1200
    await shown.shot(f"{name}-4-viewer-large")
    await page.click("#viewer-zoom")
    assert await page.evaluate("document.querySelector('#viewer-image').offsetWidth") < 1200
    await page.keyboard.press("Escape")

    await page.click("#open-inline")
    await page.wait_for_selector(".tile")
    assert await page.locator(".tile").count() == 50
    await shown.shot(f"{name}-5-inline")
    assert await page.evaluate(GAPS) == []
    await page.evaluate("document.querySelector('#inline-results').scrollTo(0, 1e6)")
    await playwright.expect(page.locator(".tile")).to_have_count(80)
    await page.locator(".tile").nth(60).click()
    await page.wait_for_selector("text=via @image2pic_local_bot")
    assert shown.problems == []


#: Neighbours in a row of the grid that do not stand side by side, and rows that are not filled.
GAPS = """() => {
    const boxes = [...document.querySelectorAll(".tile-box")].map((n) => n.getBoundingClientRect());
    const rows = Map.groupBy(boxes, (box) => Math.round(box.top));
    const all = [...rows.values()];
    const most = Math.max(...all.map((row) => row.length));
    return all.filter((row, place) =>
        (place < all.length - 1 && row.length !== most) ||
        row.some((box, at) => at && box.left - row[at - 1].right > 4) ||
        row.some((box) => Math.abs(box.width - box.height) > 2)
    ).map((row) => row.length);
}"""


async def test_the_menu_of_commands_closes(app, server, browser) -> None:
    shown = await open_page(browser, server.url, SMALL)
    page = shown.page
    menu = page.locator("#commands")
    for close in ("Escape", "outside", "button", "send", "choose"):
        # By keyboard: the first command is under the fingers.
        await page.focus("#open-commands")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#commands button")
        await page.keyboard.press("ArrowDown")
        assert (
            await page.evaluate("document.activeElement.textContent")
            == "/topicsWhat the model knows"
        )
        if close == "Escape":
            await shown.shot("small-commands")
            await page.keyboard.press("Escape")
            assert await page.evaluate("document.activeElement.id") == "text"
        elif close == "outside":
            await page.mouse.click(180, 160)
        elif close == "button":
            await page.click("#open-commands")
        elif close == "send":
            await page.fill("#text", "words")
            await page.press("#text", "Enter")
        else:
            await page.keyboard.press("Enter")
            await page.wait_for_selector(".own >> text=/topics")
        await playwright.expect(menu).to_be_hidden()
    # Sent before the commands came.
    await page.fill("#text", "/")
    await page.press("#text", "Enter")
    await page.wait_for_timeout(400)
    assert await menu.is_hidden()
    assert shown.problems == []


async def test_a_first_visit_shows_what_to_try(app, server, browser) -> None:
    shown = await open_page(browser, server.url, SMALL)
    page = shown.page
    assert await page.locator(".try-photos img").count() == 3
    assert await in_view(shown, ".empty")
    await page.click(".try-words >> text=snowy forest")
    await page.wait_for_selector(".message:not(.own) >> text=snowy forest")
    await page.select_option("#person", "1002")
    await page.locator(".try-photos button").nth(1).click()
    await page.wait_for_selector(".own .photo")
    await page.wait_for_selector(".key")
    assert shown.problems == []


async def test_a_restart_loses_nothing(tmp_path, browser, unused_tcp_port) -> None:
    folder = tmp_path / "chat"
    async with LocalServer(TOKEN, unused_tcp_port, folder) as server:
        shown = await open_page(browser, server.url, DESKTOP)
        page = shown.page
        await page.fill("#text", "before the restart")
        await page.press("#text", "Enter")
        await page.wait_for_selector(".own >> text=before")
    await page.wait_for_selector("#offline:not([hidden])")
    async with LocalServer(TOKEN, unused_tcp_port, folder):
        await page.wait_for_selector("#offline", state="hidden", timeout=15_000)
        await page.fill("#text", "after it")
        await page.press("#text", "Enter")
        await page.wait_for_selector(".own >> text=after it")
        assert await page.locator(".own >> text=before the restart").count() == 1
        await page.reload()
        await page.wait_for_selector(".own >> text=after it")
        assert await page.locator(".own >> text=before the restart").count() == 1


@pytest.mark.parametrize("size", [DESKTOP, SMALL], ids=["desktop", "phone"])
async def test_russian_titles_have_their_room(app, server, browser, size) -> None:
    shown = await open_page(browser, server.url, size)
    page = shown.page
    await page.click("#languages >> text=RU")
    await converse(shown)
    overlaps = await page.evaluate(
        """() => {
            const of = (selector) => document.querySelector(selector).getBoundingClientRect();
            const pairs = [["#brand", "#theme"], [".room-names h2", "#room-menu"],
                ["#room-status", "#room-menu"], ["#chats", ".side-foot"]];
            return pairs.filter(([one, other]) => {
                const [a, b] = [of(one), of(other)];
                return a.right > b.left && a.left < b.right && a.bottom > b.top && a.top < b.bottom;
            });
        }"""
    )
    assert overlaps == []
    clipped = await page.evaluate(
        """() => [...document.querySelectorAll("h1 span, h2, .chat-kind, .key, .primary, .chat b")]
            .filter((node) => node.clientWidth > 2 && node.scrollWidth > node.clientWidth + 1)
            .map((node) => node.textContent)"""
    )
    assert clipped == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, SMALL], ids=["desktop", "phone"])
async def test_no_serious_fault_of_accessibility(app, server, browser, size, theme) -> None:
    from axe_playwright_python.async_playwright import Axe

    shown = await open_page(browser, server.url, size, color_scheme=theme)
    page = shown.page
    found: list[str] = []

    async def look(state: str) -> None:
        # Entrances have to end: half transparent text has no contrast.
        await page.wait_for_timeout(500)
        for fault in (await Axe().run(page)).response["violations"]:
            if fault["impact"] in ("serious", "critical"):
                nodes = [(node["html"][:150], node["failureSummary"]) for node in fault["nodes"]]
                found.append(f"{state}: {fault['id']}: {nodes[:3]}")

    await look("empty")
    await converse(shown)
    await look("answer")
    await page.click("#open-commands")
    await page.wait_for_selector("#commands button")
    await look("commands")
    await page.keyboard.press("Escape")
    await page.click("#open-inline")
    await page.wait_for_selector(".tile")
    await look("inline")
    await page.click("#inline-close")
    await page.locator(".message .tools .icon-button").last.focus()
    await page.keyboard.press("Enter")
    await look("menu")
    await page.keyboard.press("Escape")
    await page.locator(".photo").last.click()
    await look("viewer")
    await page.keyboard.press("Escape")
    await page.click(".chat >> nth=1")
    await look("group")
    assert found == []


async def test_the_keyboard_alone_suffices(app, server, browser) -> None:
    shown = await open_page(browser, server.url, DESKTOP)
    page = shown.page

    async def tab_to(selector: str, most: int = 60) -> None:
        for _ in range(most):
            await page.keyboard.press("Tab")
            if await page.evaluate("(one) => document.activeElement.matches(one)", selector):
                return
        raise AssertionError(f"no way to {selector}")

    await tab_to("#text")
    await page.keyboard.type("hello")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".message:not(.own) >> text=hello")
    await send_album(server)
    await page.wait_for_selector(".album .n5")
    await tab_to(".try-photos button, .album .photo")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#viewer[open]")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Escape")
    await tab_to("#open-inline")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".tile")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=via @image2pic_local_bot")
    # The inline panel gave the focus back to the text.
    await page.keyboard.type("/")
    await page.wait_for_selector("#commands button")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".own >> text=/language")
    await tab_to(".chat")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Mention @")
    assert shown.problems == []


async def slow_photos(shown: Shown) -> None:
    async def late(route: playwright.Route) -> None:
        await asyncio.sleep(SLOW)
        with contextlib.suppress(playwright.Error):
            await route.continue_()

    await shown.page.route("**/local/file?*", late)


async def at_end(shown: Shown) -> None:
    """Wait until the slow photos have loaded, and expect the last message to be in view.

    Of an answer that is taller than the view, its picture is.
    """
    await shown.page.wait_for_timeout(SLOW * 1000 + 900)
    gap = await shown.page.evaluate(
        "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)"
        "(document.querySelector('#scroll'))"
    )
    assert abs(gap) < 2 or await in_view(shown, ".message:not(.own) .photo img")
    assert await shown.page.locator("#to-end").is_hidden()


async def test_what_the_bot_stores_is_not_unread(app, server, browser) -> None:
    """Photos for inline mode are handed to Telegram in another chat, and deleted there."""
    shown = await open_page(browser, server.url, DESKTOP)
    news = await app.bot.send_message(GROUP_ID, "news")
    badge, last = shown.page.locator(".badge"), shown.page.locator(".chat-last")
    await playwright.expect(badge).to_have_text("1")
    for mark in range(3):
        stored = await app.bot.send_photo(GROUP_ID, make_photo(mark))
        await stored.delete()
    await asyncio.sleep(0.5)
    await playwright.expect(badge).to_have_text("1")
    await playwright.expect(last.filter(has_text="news")).to_have_count(1)
    await news.delete()
    await playwright.expect(badge).to_have_count(0)
    assert shown.problems == []


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
    await page.wait_for_selector("text=Попробуйте одно из этих фото")
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
