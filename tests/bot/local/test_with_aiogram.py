"""aiogram 3, another standard client, against the local server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.filters import Command
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    CallbackQuery,
    ChosenInlineResult,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InputMediaPhoto,
    InputTextMessageContent,
    Message,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import ClientSession, web

from bot.local.server import LocalServer
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

from .conftest import TOKEN, make_photo

KEYBOARD = InlineKeyboardMarkup(
    inline_keyboard=[
        [
            InlineKeyboardButton(text="edit", callback_data="edit"),
            InlineKeyboardButton(text="swap", callback_data="swap"),
        ]
    ]
)


def make_bot(server: LocalServer, token: str = TOKEN) -> Bot:
    session = AiohttpSession(api=TelegramAPIServer.from_base(server.url))
    return Bot(token, session=session, default=DefaultBotProperties(parse_mode="HTML"))


def make_dispatcher() -> Dispatcher:
    dispatcher = Dispatcher()
    dispatcher["seen"] = []

    @dispatcher.message(Command("start"))
    async def start(message: Message) -> None:
        await message.answer("<b>Hello</b>, <i>you</i>", reply_markup=KEYBOARD)

    @dispatcher.message(F.photo)
    async def photo(message: Message, bot: Bot) -> None:
        content = await bot.download(message.photo[-1])
        assert content is not None
        await bot.send_chat_action(message.chat.id, "upload_photo")
        await message.answer_photo(BufferedInputFile(content.read(), "a.jpg"), caption="back")
        await message.answer_photo(message.photo[0].file_id)

    @dispatcher.message(F.document)
    async def document(message: Message, bot: Bot) -> None:
        content = await bot.download(message.document)
        assert content is not None
        await message.reply(content.read().decode() * 2)

    @dispatcher.callback_query(F.data == "edit")
    async def edit(query: CallbackQuery) -> None:
        await query.message.edit_text("edited", reply_markup=KEYBOARD)
        await query.answer("done", show_alert=True)

    @dispatcher.callback_query(F.data == "swap")
    async def swap(query: CallbackQuery) -> None:
        photo = BufferedInputFile(make_photo(9), "b.jpg")
        await query.message.edit_media(InputMediaPhoto(media=photo, caption="swapped"))
        await query.answer()

    @dispatcher.inline_query()
    async def inline(query: InlineQuery) -> None:
        results = [
            InlineQueryResultArticle(
                id=str(i),
                title=query.query,
                input_message_content=InputTextMessageContent(message_text=f"chose {i}"),
            )
            for i in range(3)
        ]
        await query.answer(results, next_offset="3" if not query.offset else "", is_personal=True)

    @dispatcher.chosen_inline_result()
    async def chosen(result: ChosenInlineResult, seen: list[str]) -> None:
        seen.append(f"chosen {result.result_id}")

    @dispatcher.channel_post()
    @dispatcher.edited_channel_post()
    async def post(message: Message, seen: list[str]) -> None:
        seen.append(f"post {message.caption or message.text}")

    return dispatcher


@pytest.fixture
async def bot(server: LocalServer) -> AsyncIterator[Bot]:
    bot = make_bot(server)
    yield bot
    await bot.session.close()


@pytest.fixture
async def polling(bot: Bot) -> AsyncIterator[Dispatcher]:
    dispatcher = make_dispatcher()
    task = asyncio.create_task(
        dispatcher.start_polling(
            bot, polling_timeout=1, handle_signals=False, close_bot_session=False
        )
    )
    yield dispatcher
    await dispatcher.stop_polling()
    await task


async def _eventually(seen: list[str], wanted: list[str]) -> None:
    async with asyncio.timeout(5):
        while seen != wanted:
            await asyncio.sleep(0.01)


async def test_a_conversation_by_polling(polling: Dispatcher, anna: LocalUser) -> None:
    await anna.send_text("/start")
    hello = await anna.wait_reply()
    assert hello.text == "Hello, you"
    assert [e["type"] for e in hello.entities] == ["bold", "italic"]
    answer = await anna.press(hello, "edit")
    assert (answer.text, answer.show_alert) == ("done", True)
    edited = await anna.refresh(hello)
    assert edited is not None
    assert edited.text == "edited"
    await anna.press(edited, "swap")
    swapped = await anna.refresh(hello)
    assert swapped is not None
    assert (swapped.text, bool(swapped.photo), swapped.buttons) == ("swapped", True, [])

    sent = await anna.send_photo(make_photo(1))
    back = [await anna.wait_reply(), await anna.wait_reply()]
    assert [message.text for message in back] == ["back", ""]
    assert back[0].photo == back[1].photo == sent.photo
    await anna.send_document(b"ab", "once.txt")
    assert (await anna.wait_reply()).text == "abab"


async def test_inline_and_channel(polling: Dispatcher, anna: LocalUser) -> None:
    page = await anna.inline("words")
    assert [item["title"] for item in page.results] == ["words"] * 3
    assert (await anna.inline("words", page.next_offset)).next_offset == ""
    assert (await anna.choose(page, 1)).text == "chose 1"
    (post,) = await anna.channel_post("one", [make_photo(2)])
    await anna.edit_channel_post(post, "two")
    await _eventually(polling["seen"], ["chosen 1", "post one", "post two"])


@pytest.mark.parametrize("in_background", [True, False])
async def test_webhook_with_secret(
    bot: Bot, server: LocalServer, anna: LocalUser, unused_tcp_port: int, in_background: bool
) -> None:
    dispatcher = make_dispatcher()
    app = web.Application()
    SimpleRequestHandler(
        dispatcher, bot, handle_in_background=in_background, secret_token="s-e_cret"
    ).register(app, path="/hook")
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    url = f"http://127.0.0.1:{unused_tcp_port}/hook"
    await bot.set_webhook(url, secret_token="s-e_cret", max_connections=5)
    assert (await bot.get_webhook_info()).max_connections == 5
    await anna.send_text("/start")
    hello = await anna.wait_reply()
    assert (await anna.press(hello, "edit")).text == "done"
    async with ClientSession() as session, session.post(url, json={"update_id": 1}) as response:
        assert response.status == 401
    with pytest.raises(TelegramConflictError):
        await bot.get_updates()
    await bot.delete_webhook(drop_pending_updates=True)
    await runner.cleanup()


async def test_errors_are_the_librarys_own(bot: Bot, server: FaultyServer, anna: LocalUser) -> None:
    chat = anna.chat_id
    with pytest.raises(TelegramForbiddenError, match="initiate"):
        await bot.send_message(chat, "x")
    await anna.send_text("hi")
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(5, "x")
    with pytest.raises(TelegramBadRequest, match="Unsupported start tag"):
        await bot.send_message(chat, "<x>")
    with pytest.raises(TelegramBadRequest, match="too big for a photo"):
        await bot.send_photo(chat, BufferedInputFile(bytes(10 * 1024 * 1024 + 1), "x"))
    server.plan_fault("too_many_requests", "sendMessage", retry_after=3)
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(chat, "x")
    assert caught.value.retry_after == 3
    server.plan_fault("server_error", "sendMessage")
    with pytest.raises(TelegramServerError):
        await bot.send_message(chat, "x")
    server.plan_fault("reset", "sendMessage")
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(chat, "x")
    server.plan_fault("delay", "sendMessage", seconds=2)
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(chat, "x", request_timeout=1)
    server.plan_fault("server_error", "file")
    sent = await bot.send_photo(chat, BufferedInputFile(make_photo(), "x.jpg"))
    with pytest.raises(Exception, match="500"):
        await bot.download(sent.photo[-1])
    assert (await bot.download(sent.photo[-1])).read() == make_photo()
    for token, error in (
        ("4242:wrong-one-here", TelegramUnauthorizedError),
        ("1:x", TelegramNotFound),
    ):
        other = Bot.__new__(Bot)
        other.__init__(token, session=bot.session)
        with pytest.raises(error):
            await other.get_me()


async def test_two_pollers_conflict(bot: Bot, server: LocalServer) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=5))
    await asyncio.sleep(0.2)
    other = make_bot(server)
    await other.get_updates(timeout=0)
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates"):
        await first
    await other.session.close()


async def test_other_methods(bot: Bot, anna: LocalUser) -> None:
    await anna.send_text("hi")
    me = await bot.get_me()
    assert me.supports_inline_queries
    assert (await bot.get_chat(anna.channel_id)).title == "Photo channel"
    assert (await bot.get_chat_member(anna.group_id, me.id)).status == "administrator"
    await bot.set_my_commands([BotCommand(command="x", description="y")], language_code="en")
    assert await anna.commands() == {"x": "y"}
    first = await bot.send_message(anna.chat_id, "one")
    assert await bot.delete_message(anna.chat_id, first.message_id)
    assert (await anna.history())[-1].text == "hi"
    photo = await bot.send_photo(anna.chat_id, BufferedInputFile(make_photo(), "x.jpg"))
    query = asyncio.create_task(anna.inline("cached"))
    update = (await bot.get_updates(timeout=5))[-1]
    while update.inline_query is None:
        update = (await bot.get_updates(offset=update.update_id + 1, timeout=5))[-1]
    cached = InlineQueryResultCachedPhoto(id="1", photo_file_id=photo.photo[-1].file_id)
    await bot.answer_inline_query(update.inline_query.id, [cached])
    assert (await anna.choose(await query)).photo == [s.model_dump() for s in photo.photo]
