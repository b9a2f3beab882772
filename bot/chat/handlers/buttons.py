"""A button was pressed. Each press is answered, whatever it says."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from telegram import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    Update,
    User,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError
from telegram.ext import BaseHandler, CallbackQueryHandler

from bot.chat import answers, asking
from bot.chat.asking import Place
from bot.chat.buttons import Press, decode
from bot.chat.context import Context, Services, services
from bot.chat.failures import UserError
from bot.chat.texts import LANGUAGES, Texts
from engine.store import Asked

#: Pages further down are nobody's honest press.
OFFSET_MAX = 10_000


async def on_press(update: Update, context: Context) -> None:
    """Do what a button says."""
    pressed = update.callback_query
    if pressed is None:
        return
    bag = services(context)
    press = decode(pressed.data)
    if press is None:
        raise UserError("forged")
    texts = await bag.texts(pressed.from_user)
    # The language can be changed by those who may not ask, so that they can read why.
    if press.action != "language" and not bag.may_ask(pressed.from_user):
        raise UserError("not_allowed")
    toast = await _do(bag, context, texts, pressed, press)
    with suppress(BadRequest):
        # "query is too old": it took long, but it was done.
        await pressed.answer(toast)


async def _do(
    bag: Services, context: Context, texts: Texts, pressed: CallbackQuery, press: Press
) -> str | None:
    bot, place = context.bot, _place(pressed)
    match press.action, press.numbers:
        case "more", (query, offset):
            asked = await _asked(bag, query, pressed.from_user)
            if offset > OFFSET_MAX:
                raise UserError("no_more")
            await asking.more(bag, bot, texts, place, asked, offset)
            await _take_out(pressed, "more")
        case "explain", (query,):
            asked = await _asked(bag, query, pressed.from_user)
            await asking.explain(bag, bot, texts, place, asked)
        case "like", (query, key):
            await _asked(bag, query, pressed.from_user)
            if key not in await bag.store.posts([key]):
                raise UserError("gone")
            await asking.like(bag, bot, texts, place, key)
        case (("up" | "down"), (query, key)):
            return await _vote(bag, texts, pressed, query, key, press.action)
        case "example", (index,):
            if index >= len(texts.examples):
                raise UserError("forged")
            await asking.ask(bag, bot, texts, place, text=texts.examples[index])
        case "topics", (first,):
            topics = await bag.work.run(bag.engine.topics, language=texts.language)
            words, keyboard = answers.topics_page(texts, topics, first)
            await _edit(pressed, words, keyboard)
        case "topic", (number, offset):
            if offset > OFFSET_MAX:
                raise UserError("no_more")
            await asking.topic(bag, bot, texts, place, number, offset)
        case "language", (index,):
            if index >= len(LANGUAGES):
                raise UserError("forged")
            language = list(LANGUAGES)[index]
            await bag.choose_language(pressed.from_user, language)
            await _edit(pressed, Texts(language)("language_set"), None)
        case "keep", (number,):
            if not bag.is_owner(pressed.from_user):
                raise UserError("owner_only")
            if not (count := await bag.library.put_back(number)):
                raise UserError("left_out_gone")
            await _take_out(pressed, "keep", number)
            return texts("put_back", n=count)
        case _:
            raise UserError("forged")
    return None


def _place(pressed: CallbackQuery) -> Place:
    message = pressed.message
    if message is None:
        # A button under an inline result: the bot makes none.
        raise UserError("forged")
    return Place(message.chat.id, pressed.from_user.id, message.message_id)


async def _asked(bag: Services, query: int, user: User) -> Asked:
    asked = await bag.store.asked(query)
    if asked is None:
        raise UserError("stale")
    if asked.user != user.id:
        raise UserError("not_yours")
    return asked


async def _vote(
    bag: Services, texts: Texts, pressed: CallbackQuery, query: int, key: int, action: str
) -> str:
    await _asked(bag, query, pressed.from_user)
    if key not in await bag.store.shown(query):
        raise UserError("forged")
    if key not in await bag.store.posts([key]):
        raise UserError("gone")
    value = 1 if action == "up" else -1
    await bag.store.vote(user=pressed.from_user.id, query=query, key=key, value=value)
    bag.metrics.votes.labels(action).inc()
    await _mark(pressed, query, await bag.store.votes(query, pressed.from_user.id))
    return texts(f"voted_{action}")


async def _mark(pressed: CallbackQuery, query: int, votes: dict[int, int]) -> None:
    """Mark the votes on the buttons."""

    def marked(button: InlineKeyboardButton) -> InlineKeyboardButton:
        match decode(button.callback_data):
            case Press("up" | "down" as action, (asked, key)) if asked == query:
                chosen = votes.get(key) == (1 if action == "up" else -1)
                return answers.vote_button(action, query, key, chosen=chosen)
        return button

    await _rewrite(pressed, lambda row: [marked(button) for button in row])


async def _take_out(pressed: CallbackQuery, action: str, *numbers: int) -> None:
    """Take a button away that has done its work."""

    def done(button: InlineKeyboardButton) -> bool:
        press = decode(button.callback_data)
        return (
            press is not None
            and press.action == action
            and press.numbers[: len(numbers)] == numbers
        )

    def kept(row: list[InlineKeyboardButton]) -> list[InlineKeyboardButton]:
        return [button for button in row if not done(button)]

    await _rewrite(pressed, kept)


async def _rewrite(pressed: CallbackQuery, change: Any) -> None:
    message = pressed.message
    # Messages older than two days are not given with the press.
    if not isinstance(message, Message) or message.reply_markup is None:
        return
    rows = [list(row) for row in message.reply_markup.inline_keyboard]
    changed = [row for row in map(change, rows) if row]
    if changed != rows:
        # Of no importance where it fails: two presses at a time, or the message is gone.
        with suppress(TelegramError):
            await message.edit_reply_markup(InlineKeyboardMarkup(changed))


async def _edit(pressed: CallbackQuery, words: str, keyboard: InlineKeyboardMarkup | None) -> None:
    try:
        await pressed.edit_message_text(words, parse_mode=ParseMode.HTML, reply_markup=keyboard)
    except BadRequest as error:
        # The same page again.
        if "not modified" not in error.message.lower():
            raise


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [CallbackQueryHandler(on_press)]
