"""A button was pressed: answered at once, and while it works it does nothing if pressed again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, TelegramError
from telegram.ext import BaseHandler, CallbackQueryHandler

from bot.chat import answers, asking, topics
from bot.chat.buttons import Press, decode
from bot.chat.context import Context, Conversation
from bot.chat.failures import UserError
from bot.chat.handlers.errors import finish
from bot.chat.texts import LANGUAGES, Texts
from engine.errors import StoreError
from engine.store import Asked

_LOGGER = logging.getLogger(__name__)

#: Pages further down cannot be reached by buttons.
OFFSET_MAX = 10_000
_ADMINISTRATORS = (ChatMemberStatus.OWNER, ChatMemberStatus.ADMINISTRATOR)


async def on_press(update: Update, context: Context) -> None:
    """Do what a button says."""
    pressed = update.callback_query
    if pressed is None:
        return
    press = decode(pressed.data)
    if press is None or pressed.message is None:
        # A button under an inline result: the bot makes none.
        raise UserError("forged")
    conversation = await context.conversation(update)
    store = conversation.services.store
    working = f"press {pressed.message.chat.id} {pressed.message.message_id} {pressed.data}"
    if not await store.claim(working):
        await _answer(pressed)
        return
    try:
        toast, work = await _begin(context, conversation, pressed, press)
        await _answer(pressed, toast)
        if work is not None:
            # The press is answered already, so an error is a message.
            await finish(conversation, work, "a button")
    finally:
        with suppress(StoreError):
            await store.unclaim(working)


async def _answer(pressed: CallbackQuery, toast: str | None = None) -> None:
    with suppress(BadRequest):
        # "query is too old": the bot was away, but it is done all the same.
        await pressed.answer(toast)


async def _begin(
    context: Context, conversation: Conversation, pressed: CallbackQuery, press: Press
) -> tuple[str | None, Awaitable[None] | None]:
    """What is answered to a press at once, and what remains to be done."""
    services, texts = conversation.services, conversation.texts
    assert pressed.message is not None
    message = pressed.message.message_id
    match press.action, press.numbers:
        case ("page" | "explain" as action, (query, offset)):
            asked, conversation = await _asked(conversation, query)
            if offset > OFFSET_MAX:
                raise UserError("no_more")
            if action == "page":
                return None, asking.turn_page(conversation, asked, offset, message)
            return None, asking.explain(conversation, asked, offset, message)
        case "post", (query, key):
            if query:
                _, conversation = await _asked(conversation, query)
            return None, asking.open_post(conversation, query, key)
        case "like", (query, key):
            if query:
                _, conversation = await _asked(conversation, query)
            if key not in await services.store.posts([key]):
                raise UserError("gone")
            return None, asking.like(conversation, key)
        case ("up" | "down" as action, (query, key)):
            asked, conversation = await _asked(conversation, query)
            return await _vote(conversation, pressed, asked, key, 1 if action == "up" else -1)
        case "again", (query,):
            asked, conversation = await _asked(conversation, query)
            return None, asking.again(conversation, asked)
        case "example", (index,):
            if index >= len(texts.examples):
                raise UserError("forged")
            return None, asking.ask(conversation, text=texts.examples[index])
        case "topics", (first,):
            return None, topics.turn_page(conversation, first, message)
        case "topic", (number, offset):
            if offset > OFFSET_MAX:
                raise UserError("no_more")
            return None, topics.open_topic(conversation, number, offset, message)
        case "language", (index,):
            if index >= len(LANGUAGES):
                raise UserError("forged")
            language = list(LANGUAGES)[index]
            await services.choose_language(pressed.from_user, language)
            await _edit(pressed, Texts(language)("language_set"))
            return None, None
        case "keep", (number,):
            if not services.is_owner(pressed.from_user):
                raise UserError("owner_only")
            if not (count := await services.library.put_back(number)):
                raise UserError("left_out_gone")
            await _take_out(pressed, press)
            return texts("put_back", n=count), None
        case _:
            raise UserError("forged")


async def _asked(conversation: Conversation, query: int) -> tuple[Asked, Conversation]:
    """The question of a button, and the conversation with whoever asked it."""
    asked = await conversation.services.store.asked(query)
    if asked is None:
        raise UserError("stale")
    if asked.user == conversation.user:
        return asked, conversation
    if asked.user == asked.chat == conversation.chat and await _is_administrator(conversation):
        # Asked by an administrator in the group's name.
        return asked, replace(conversation, user=asked.user)
    raise UserError("not_yours")


async def _is_administrator(conversation: Conversation) -> bool:
    try:
        member = await conversation.bot.get_chat_member(conversation.chat, conversation.user)
    except BadRequest:
        return False
    return member.status in _ADMINISTRATORS


async def _vote(
    conversation: Conversation, pressed: CallbackQuery, asked: Asked, key: int, value: int
) -> tuple[str, Awaitable[None]]:
    store, texts = conversation.services.store, conversation.texts
    shown = await store.shown(asked.id)
    if key == asking.ANSWER or key not in shown:
        raise UserError("forged")
    if key not in await store.posts([key]):
        raise UserError("gone")
    before = (await store.votes(asked.id, asked.user)).get(key, 0)
    value = 0 if before == value else value
    await store.vote(
        user=asked.user, query=asked.id, key=key, value=value, update=conversation.update
    )
    query = asking.stored_query(conversation, asked)
    conversation.services.engine.feedback.set(
        key, user=asked.user, query=asked.id, theta=query.theta, value=value
    )
    name = {1: "up", -1: "down", 0: "undone"}[value]
    conversation.services.metrics.votes.labels(name).inc()

    async def show() -> None:
        await _mark(conversation, pressed, asked.id, key, value)
        here = pressed.message
        message = shown.get(asking.ANSWER, 0)
        if message and here is not None and message != here.message_id:
            await asking.turn_page(conversation, asked, 0, message)

    return texts(f"voted_{name}"), show()


async def _mark(
    conversation: Conversation, pressed: CallbackQuery, query: int, key: int, value: int
) -> None:
    """Mark the vote on the buttons."""
    message = pressed.message
    # Of messages older than two days the buttons are not given with the press.
    rows = message.reply_markup if isinstance(message, Message) else None
    explain = rows is None or any(
        (press := decode(button.callback_data)) and press.action == "explain"
        for row in rows.inline_keyboard
        for button in row
    )
    keyboard = answers.post_keyboard(
        conversation.texts, query, key, vote=value, explain=explain and rows is not None
    )
    # It may fail without harm: two clicks at a time, or the message is gone.
    with suppress(TelegramError):
        await pressed.edit_message_reply_markup(keyboard)


async def _take_out(pressed: CallbackQuery, done: Press) -> None:
    """Take a button away that has done its work."""
    message = pressed.message
    if not isinstance(message, Message) or message.reply_markup is None:
        return
    rows = [
        [button for button in row if decode(button.callback_data) != done]
        for row in message.reply_markup.inline_keyboard
    ]
    with suppress(TelegramError):
        await message.edit_reply_markup(InlineKeyboardMarkup([row for row in rows if row]))


async def _edit(pressed: CallbackQuery, words: str) -> None:
    try:
        await pressed.edit_message_text(words)
    except BadRequest as error:
        # The same page again.
        if "not modified" not in error.message.lower():
            raise


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [CallbackQueryHandler(on_press)]
