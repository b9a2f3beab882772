"""python-telegram-bot, a standard client, against the local server: nothing of it is replaced."""

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
from telegram import error as tg
from telegram.constants import ChatAction, ParseMode
from telegram.ext import (
    AIORateLimiter,
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    ChosenInlineResultHandler,
    CommandHandler,
    ContextTypes,
    InlineQueryHandler,
    MessageHandler,
    filters,
)

from bot.local.server import LocalServer
from tests.user.client import ChatMessage, LocalChatError, LocalTimeoutError, LocalUser
from tests.user.faults import FaultyServer

from .conftest import TOKEN, make_photo

Ctx = ContextTypes.DEFAULT_TYPE
KEYBOARD = InlineKeyboardMarkup(
    [
        [
            InlineKeyboardButton("Edit", callback_data="edit"),
            InlineKeyboardButton("Toast", callback_data="toast"),
        ],
        [InlineKeyboardButton("Site", url="https://example.org/")],
    ]
)


async def start(update: Update, context: Ctx) -> None:
    assert update.message is not None
    await update.message.reply_text(
        f"<b>Hello</b>, {update.message.from_user.first_name}!",
        parse_mode=ParseMode.HTML,
        reply_markup=KEYBOARD,
    )


async def echo_photo(update: Update, context: Ctx) -> None:
    assert update.message is not None
    await context.bot.send_chat_action(update.message.chat_id, ChatAction.UPLOAD_PHOTO)
    file = await update.message.photo[-1].get_file()
    content = bytes(await file.download_as_bytearray())
    await update.message.reply_photo(
        content, caption=f"<b>{len(content)}</b> bytes", parse_mode="HTML", do_quote=True
    )
    await update.message.reply_photo(update.message.photo[-1].file_id)


async def echo_document(update: Update, context: Ctx) -> None:
    assert update.message is not None
    file = await update.message.document.get_file()
    content = bytes(await file.download_as_bytearray())
    await update.message.reply_text(content[::-1].decode())


async def pressed(update: Update, context: Ctx) -> None:
    query = update.callback_query
    assert query is not None
    if query.data == "toast":
        await query.answer("a toast", show_alert=True)
    elif query.data == "edit":
        await query.edit_message_text("edited", reply_markup=KEYBOARD)
        await query.answer()


async def inline(update: Update, context: Ctx) -> None:
    query = update.inline_query
    assert query is not None
    begin = int(query.offset or 0)
    articles = [
        InlineQueryResultArticle(
            str(i), f"{query.query} {i}", InputTextMessageContent(f"chosen {i}")
        )
        for i in range(begin, min(begin + 50, 70))
    ]
    await query.answer(
        articles, next_offset=str(begin + 50) if begin + 50 < 70 else "", cache_time=60
    )


async def chosen(update: Update, context: Ctx) -> None:
    context.bot_data.setdefault("chosen", []).append(update.chosen_inline_result.result_id)


async def posted(update: Update, context: Ctx) -> None:
    post = update.effective_message
    context.bot_data.setdefault("posts", []).append(
        (bool(update.edited_channel_post), post.caption)
    )


def build(server: LocalServer) -> Application:
    app = (
        ApplicationBuilder()
        .token(TOKEN)
        .base_url(f"{server.url}/bot")
        .base_file_url(f"{server.url}/file/bot")
        .rate_limiter(AIORateLimiter(max_retries=3))
        .build()
    )
    app.add_handler(CommandHandler("start", start))
    app.add_handler(MessageHandler(filters.ChatType.CHANNEL, posted))
    app.add_handler(MessageHandler(filters.PHOTO, echo_photo))
    app.add_handler(MessageHandler(filters.Document.ALL, echo_document))
    app.add_handler(CallbackQueryHandler(pressed))
    app.add_handler(InlineQueryHandler(inline))
    app.add_handler(ChosenInlineResultHandler(chosen))
    return app


@pytest.fixture
async def app(server: LocalServer) -> AsyncIterator[Application]:
    app = build(server)
    async with app:
        await app.start()
        await app.updater.start_polling(timeout=5, allowed_updates=Update.ALL_TYPES)
        yield app
        await app.updater.stop()
        await app.stop()


@pytest.fixture
async def bot(server: LocalServer) -> AsyncIterator[Bot]:
    bot = Bot(TOKEN, base_url=f"{server.url}/bot", base_file_url=f"{server.url}/file/bot")
    async with bot:
        yield bot


@pytest.fixture
async def chat(server: LocalServer, anna: LocalUser) -> int:
    await anna.send_text("/start")
    return anna.chat_id


async def test_a_conversation_by_polling(app: Application, anna: LocalUser) -> None:
    await anna.send_text("/start")
    hello = await anna.wait_reply()
    assert hello.text == "Hello, Anna!"
    assert hello.entities == [{"type": "bold", "offset": 0, "length": 5}]
    assert [b.text for b in hello.buttons] == ["Edit", "Toast", "Site"]

    answer = await anna.press(hello, "Toast")
    assert (answer.text, answer.show_alert) == ("a toast", True)
    await anna.press(hello, "Edit")
    assert (await anna.wait_edit(hello)).text == "edited"
    with pytest.raises(LocalTimeoutError):
        await anna.press_data(hello, "nobody answers this", timeout=0.3)
    with pytest.raises(LocalChatError, match="no callback data"):
        await anna.press(hello, "Site")


async def test_photos_and_albums(app: Application, anna: LocalUser) -> None:
    sent = await anna.send_photo(make_photo(1), "look")
    assert await anna.wait_action() == "upload_photo"
    uploaded, again = await anna.wait_reply(), await anna.wait_reply()
    assert uploaded.text.endswith("bytes")
    assert uploaded.entities[0]["type"] == "bold"
    assert uploaded.reply_to is not None
    assert uploaded.reply_to.message_id == sent.message_id
    assert again.photo == sent.photo
    assert [max(size["width"], size["height"]) for size in sent.photo] == [90, 320, 640]
    assert await anna.download(sent) == make_photo(1)

    mine = await anna.send_album([make_photo(i) for i in (2, 3)], "two")
    assert [m.text for m in mine] == ["two", ""]
    replies = [await anna.wait_reply() for _ in range(4)]
    quoted = {reply.reply_to.message_id for reply in replies if reply.reply_to}
    assert quoted == {message.message_id for message in mine}


async def test_documents(app: Application, anna: LocalUser) -> None:
    sent = await anna.send_document(b"abc" * 1000, "text.bin", "a file")
    assert sent.raw["document"]["file_name"] == "text.bin"
    assert (await anna.wait_reply()).text == "cba" * 1000


async def test_inline_pages_and_choice(
    app: Application, anna: LocalUser, server: LocalServer
) -> None:
    page = await anna.inline("cats")
    assert (len(page.results), page.next_offset) == (50, "50")
    rest = await anna.inline("cats", page.next_offset)
    assert (len(rest.results), rest.next_offset) == (20, "")
    message = await anna.choose(rest, 3)
    assert message.text == "chosen 53"
    assert message.raw["via_bot"]["id"] == anna.bot["id"]
    async with asyncio.timeout(5):
        while app.bot_data.get("chosen") != ["53"]:
            await asyncio.sleep(0.01)
    asked = len(server.calls("answerInlineQuery"))
    again = await anna.inline("cats", cached=True)
    assert again.results == page.results
    assert len(server.calls("answerInlineQuery")) == asked


async def test_channel_posts_and_edits(app: Application, anna: LocalUser) -> None:
    (post,) = await anna.channel_post("first #tag", [make_photo(5)])
    await anna.edit_channel_post(post, "second #tag")
    changed = await anna.edit_channel_post(post, photo=make_photo(6))
    assert changed.photo[-1]["file_unique_id"] != post.photo[-1]["file_unique_id"]
    async with asyncio.timeout(5):
        while len(app.bot_data.get("posts", [])) < 3:
            await asyncio.sleep(0.01)
    assert app.bot_data["posts"] == [
        (False, "first #tag"),
        (True, "second #tag"),
        (True, "second #tag"),
    ]


async def test_webhook_with_secret(
    server: FaultyServer, anna: LocalUser, unused_tcp_port: int
) -> None:
    app = build(server)
    async with app:
        await app.start()
        await app.updater.start_webhook(
            listen="127.0.0.1",
            port=unused_tcp_port,
            url_path="hook",
            webhook_url=f"http://127.0.0.1:{unused_tcp_port}/hook",
            secret_token="the-secret_1",
        )
        info = await app.bot.get_webhook_info()
        assert info.url.endswith("/hook")
        await anna.send_text("/start")
        hello = await anna.wait_reply()
        assert (await anna.press(hello, "Toast")).text == "a toast"
        # Someone who does not know the secret is turned away by the bot's own server.
        import aiohttp

        async with (
            aiohttp.ClientSession() as session,
            session.post(info.url, json={"update_id": 1}) as response,
        ):
            assert response.status == 403
        with pytest.raises(tg.Conflict):
            await app.bot.get_updates()
        await app.updater.stop()
        await app.bot.delete_webhook()
        assert (await app.bot.get_webhook_info()).url == ""
        await app.stop()


async def test_errors_are_the_librarys_own(
    bot: Bot, server: LocalServer, anna: LocalUser, chat: int
) -> None:
    with pytest.raises(tg.BadRequest, match="Chat not found"):
        await bot.send_message(999, "x")
    with pytest.raises(tg.BadRequest, match="Can't parse entities: unsupported start tag"):
        await bot.send_message(chat, "<x>", parse_mode="HTML")
    with pytest.raises(tg.BadRequest, match="Message is too long"):
        await bot.send_message(chat, "x" * 4097)
    await bot.send_message(chat, "<b>" + "x" * 4096 + "</b>", parse_mode="HTML")
    with pytest.raises(tg.BadRequest, match="Message text is empty"):
        await bot.send_message(chat, "  \n ")
    with pytest.raises(tg.BadRequest, match="Message caption is too long"):
        await bot.send_photo(chat, make_photo(), caption="y" * 1025)
    with pytest.raises(tg.BadRequest, match="Button_data_invalid"):
        await bot.send_message(
            chat,
            "x",
            reply_markup=InlineKeyboardMarkup(
                [[InlineKeyboardButton("t", callback_data="я" * 33)]]
            ),
        )
    message = await bot.send_message(chat, "x")
    with pytest.raises(tg.BadRequest, match="not modified"):
        await message.edit_text("x")
    with pytest.raises(tg.BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("y", chat, 777)
    assert await message.delete()
    with pytest.raises(tg.BadRequest, match="Message to delete not found"):
        await message.delete()
    with pytest.raises(tg.BadRequest, match="to be replied not found"):
        await bot.send_message(chat, "x", reply_to_message_id=message.message_id)
    with pytest.raises(tg.BadRequest, match="Query is too old"):
        await bot.answer_callback_query("1")
    with pytest.raises(tg.BadRequest, match="Image_process_failed"):
        await bot.send_photo(chat, b"no photo at all")
    with pytest.raises(tg.BadRequest, match="Wrong file"):
        await bot.send_photo(chat, "AgACAgIAAx" + "x" * 40)
    with pytest.raises(tg.BadRequest):
        await bot.get_file("nonsense")
    with pytest.raises(tg.InvalidToken):
        async with Bot("4242:wrong-token-here", base_url=f"{server.url}/bot"):
            pass

    await anna.block_bot()
    with pytest.raises(tg.Forbidden, match="blocked by the user"):
        await bot.send_message(chat, "x")
    await anna.block_bot(False)
    await bot.send_message(chat, "x")
    await anna.set_membership(anna.channel_id, False)
    with pytest.raises(tg.Forbidden, match="not a member"):
        await bot.send_message(anna.channel_id, "x")
    async with LocalUser(server.url, user_id=2002):
        with pytest.raises(tg.Forbidden, match="initiate"):
            await bot.send_message(2002, "x")


async def test_downloads_are_limited(bot: Bot, anna: LocalUser) -> None:
    big = await anna.send_document(bytes(20 * 1024 * 1024 + 1), "big.bin")
    with pytest.raises(tg.BadRequest, match="File is too big"):
        await bot.get_file(big.raw["document"]["file_id"])


async def test_faults_on_order(bot: Bot, server: LocalServer, chat: int) -> None:
    server.plan_fault("too_many_requests", "sendMessage", retry_after=7)
    with pytest.raises(tg.RetryAfter) as caught:
        await bot.send_message(chat, "x")
    assert caught.value._retry_after.total_seconds() == 7
    server.plan_fault("server_error", "sendMessage")
    with pytest.raises(tg.NetworkError):
        await bot.send_message(chat, "x")
    server.plan_fault("reset", "sendPhoto")
    with pytest.raises(tg.NetworkError):
        await bot.send_photo(chat, make_photo())
    server.plan_fault("delay", "sendMessage", seconds=2)
    with pytest.raises(tg.TimedOut):
        await bot.send_message(chat, "late", read_timeout=0.2)
    before = [call.code for call in server.calls("sendMessage")]
    assert before[:2] == [429, 500]
    server.plan_fault("reset", "sendMessage", after=True)
    with pytest.raises(tg.NetworkError):
        await bot.send_message(chat, "the answer is lost, the message is not")
    texts = [m.get("text") for m in server.context.world.chats[chat].messages.values()]
    assert texts.count("the answer is lost, the message is not") == 1
    assert (await bot.send_message(chat, "fine again")).text == "fine again"


async def test_the_rate_limiter_waits_and_sends_once(
    app: Application, server: LocalServer, anna: LocalUser
) -> None:
    server.plan_fault("too_many_requests", "sendMessage", retry_after=1)
    await anna.send_text("/start")
    assert len(await anna.wait_replies(quiet=0.3)) == 1


async def test_two_pollers_conflict(bot: Bot, server: LocalServer) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.2)
    async with Bot(TOKEN, base_url=f"{server.url}/bot") as other:
        await other.get_updates(timeout=0)
    with pytest.raises(tg.Conflict, match="terminated by other getUpdates"):
        await first


async def test_offsets_confirm(bot: Bot, anna: LocalUser) -> None:
    for i in range(5):
        await anna.send_text(f"m{i}")
    updates = await bot.get_updates(limit=2)
    assert [u.message.text for u in updates] == ["m0", "m1"]
    again = await bot.get_updates(limit=2)
    assert [u.update_id for u in again] == [u.update_id for u in updates]
    rest = await bot.get_updates(offset=updates[-1].update_id + 1)
    assert [u.message.text for u in rest] == ["m2", "m3", "m4"]
    last = await bot.get_updates(offset=-1)
    assert [u.message.text for u in last] == ["m4"]
    assert await bot.get_updates(offset=last[0].update_id + 1) == ()
    waiting = asyncio.create_task(bot.get_updates(offset=last[0].update_id + 1, timeout=5))
    await asyncio.sleep(0.1)
    await anna.send_text("late")
    assert [u.message.text for u in await waiting] == ["late"]


async def test_allowed_updates(bot: Bot, anna: LocalUser) -> None:
    await bot.get_updates(allowed_updates=["channel_post"])
    await anna.send_text("not wanted")
    await anna.channel_post("wanted")
    updates = await bot.get_updates()
    assert [u.channel_post.text for u in updates] == ["wanted"]


async def test_edits_of_media(bot: Bot, anna: LocalUser, chat: int) -> None:
    message = await bot.send_photo(chat, make_photo(1), caption="one", reply_markup=KEYBOARD)
    same_file = await bot.send_photo(chat, message.photo[0].file_id)
    assert same_file.photo == message.photo
    edited = await message.edit_media(InputMediaPhoto(make_photo(2), caption="two"))
    assert edited.caption == "two"
    assert edited.reply_markup is None
    assert edited.photo[-1].file_unique_id != message.photo[-1].file_unique_id
    assert (await message.edit_caption("three")).caption == "three"
    assert (await message.edit_reply_markup(KEYBOARD)).reply_markup == KEYBOARD
    with pytest.raises(tg.BadRequest, match="o text in the message"):
        await message.edit_text("x")
    document = await anna.send_document(b"zzz", "a.txt")
    with pytest.raises(tg.BadRequest, match="an't use file"):
        await bot.send_photo(chat, document.raw["document"]["file_id"])


async def test_inline_limits(bot: Bot, anna: LocalUser, chat: int) -> None:
    sent = await bot.send_photo(chat, make_photo())

    async def ask() -> tuple[asyncio.Task, str]:
        task = asyncio.create_task(anna.inline("q"))
        while True:
            for update in await bot.get_updates(offset=ask.offset, timeout=5):
                ask.offset = update.update_id + 1
                if update.inline_query:
                    return task, update.inline_query.id

    ask.offset = 0
    task, query = await ask()
    article = InlineQueryResultArticle("1", "t", InputTextMessageContent("x"))
    for results, match in (
        (
            [
                InlineQueryResultArticle(str(i), "t", InputTextMessageContent("x"))
                for i in range(51)
            ],
            "Results_too_much",
        ),
        ([article, article], "Result_id_duplicate"),
        (
            [InlineQueryResultArticle("i" * 65, "t", InputTextMessageContent("x"))],
            "Result_id_invalid",
        ),
        ([InlineQueryResultCachedPhoto("1", "nonsense")], "rong"),
        (
            [InlineQueryResultArticle("1", "t", InputTextMessageContent("<i>", parse_mode="HTML"))],
            "parse entities",
        ),
    ):
        with pytest.raises(tg.BadRequest, match=match):
            await bot._post("answerInlineQuery", {"inline_query_id": query, "results": results})
    with pytest.raises(tg.BadRequest, match="Next_offset_invalid"):
        await bot.answer_inline_query(query, [article], next_offset="x" * 65)
    cached = InlineQueryResultCachedPhoto(
        "1", sent.photo[-1].file_id, caption="hi", reply_markup=KEYBOARD
    )
    await bot.answer_inline_query(query, [cached])
    page = await task
    message = await anna.choose(page, "1")
    assert message.photo == sent.to_dict()["photo"]
    press = asyncio.create_task(anna.press(message, "Edit"))
    while True:
        updates = await bot.get_updates(offset=ask.offset, timeout=5)
        ask.offset = updates[-1].update_id + 1
        found = [u.callback_query for u in updates if u.callback_query]
        if found:
            break
    assert found[0].message is None
    assert await bot.edit_message_caption(
        inline_message_id=found[0].inline_message_id, caption="new"
    )
    await found[0].answer("ok")
    assert (await press).text == "ok"
    assert (await anna.refresh(message)).text == "new"
    with pytest.raises(tg.BadRequest, match="too old"):
        await found[0].answer("again")
    with pytest.raises(LocalChatError, match="256"):
        await anna.inline("x" * 257)


async def test_commands_by_language(bot: Bot, anna: LocalUser) -> None:
    await bot.set_my_commands([BotCommand("help", "Help")])
    await bot.set_my_commands([BotCommand("help", "Помощь")], language_code="ru")
    assert await anna.commands() == {"help": "Help"}
    await anna.set_language("ru-RU")
    assert await anna.commands() == {"help": "Помощь"}
    await bot.set_my_commands([], language_code="ru")
    assert await anna.commands(chat_id=anna.group_id) == {"help": "Help"}
    with pytest.raises(tg.BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([("UPPER", "x")])


async def test_chats_and_other_methods(bot: Bot, anna: LocalUser, chat: int) -> None:
    info = await bot.get_chat(anna.group_id)
    assert info.title == "Photo friends"
    assert (await bot.get_chat("@photo_channel")).id == anna.channel_id
    assert (await bot.get_chat_member(anna.channel_id, 1001)).status == "creator"
    assert (await bot.get_chat_member(anna.channel_id, bot.id)).status == "administrator"
    assert await bot.get_chat_member_count(anna.group_id) == 2


async def test_a_user_forwards_replies_and_edits(bot: Bot, anna: LocalUser) -> None:
    (post,) = await anna.channel_post("from the channel", [make_photo(3)])
    await anna.forward(post)
    mine = await anna.send_text("hello", chat_id=anna.group_id)
    await anna.edit(mine, "hello again")
    await anna.send_text("a reply", reply_to=mine, chat_id=anna.group_id)
    updates = await bot.get_updates(offset=0)
    kinds = [next(iter(set(u.to_dict()) - {"update_id"})) for u in updates]
    assert kinds == ["channel_post", "message", "message", "edited_message", "message"]
    assert updates[1].message.forward_origin.chat.id == anna.channel_id
    assert updates[4].message.reply_to_message.text == "hello again"
    with contextlib.suppress(LocalChatError):
        await anna.edit(mine, "hello again")
        pytest.fail("an edit that changes nothing was taken")


async def test_a_webhook_is_tried_again(bot: Bot, anna: LocalUser, unused_tcp_port: int) -> None:
    from aiohttp import web

    taken, order = [], []

    async def hook(request: web.Request) -> web.Response:
        update = await request.json()
        order.append(update["update_id"])
        if len(order) < 3:
            return web.Response(status=503)
        taken.append(update)
        # A method call in the answer is carried out too.
        return web.json_response(
            {
                "method": "sendMessage",
                "chat_id": anna.chat_id,
                "text": f"got {update['message']['text']}",
            }
        )

    app = web.Application()
    app.router.add_post("/", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await bot.set_webhook(f"http://127.0.0.1:{unused_tcp_port}/")
    await anna.send_text("one")
    await anna.send_text("two")
    await asyncio.sleep(0.3)
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    assert [(await anna.wait_reply()).text for _ in range(2)] == ["got one", "got two"]
    info = await bot.get_webhook_info()
    assert info.pending_update_count == 0
    assert "503" in info.last_error_message
    assert [u["message"]["text"] for u in taken] == ["one", "two"]
    for url in ("ftp://127.0.0.1/", "http://example.org/", "no url", "http://[::1"):
        with pytest.raises(tg.BadRequest):
            await bot.set_webhook(url)
    with pytest.raises(tg.BadRequest, match="ecret token"):
        await bot.set_webhook(f"http://127.0.0.1:{unused_tcp_port}/", secret_token="a b")
    await bot.delete_webhook()
    await runner.cleanup()


def test_messages_find_their_buttons() -> None:
    message = ChatMessage(
        {
            "message_id": 1,
            "chat": {"id": 1},
            "reply_markup": {
                "inline_keyboard": [
                    [
                        {"text": "👍 1", "callback_data": "a"},
                        {"text": "👍 11", "callback_data": "b"},
                    ]
                ]
            },
        }
    )
    assert message.button("👍 1").data == "a"
    assert message.button("11").data == "b"
    with pytest.raises(LocalChatError, match="2 buttons fit"):
        message.button("👍")


async def test_old_queries_cannot_be_answered() -> None:
    async with (
        LocalServer(TOKEN, query_ttl=0.2) as server,
        LocalUser(server.url) as anna,
        Bot(TOKEN, base_url=f"{server.url}/bot") as bot,
    ):
        await anna.send_text("hi")
        message = await bot.send_message(1001, "x", reply_markup=KEYBOARD)
        seen = ChatMessage(message.to_dict())
        press = asyncio.create_task(anna.press(seen, "Edit", timeout=0.5))
        updates = await bot.get_updates(timeout=5)
        while not updates or updates[-1].callback_query is None:
            updates = await bot.get_updates(timeout=5)
        await asyncio.sleep(0.3)
        with pytest.raises(tg.BadRequest, match="Query is too old"):
            await updates[-1].callback_query.answer("late")
        with pytest.raises(LocalTimeoutError):
            await press
