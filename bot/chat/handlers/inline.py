"""``@bot words`` in any chat."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from telegram import (
    Bot,
    InlineQueryResult,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InlineQueryResultPhoto,
    InlineQueryResultsButton,
    InputTextMessageContent,
    Update,
)
from telegram.error import BadRequest, TelegramError
from telegram.ext import BaseHandler, ChosenInlineResultHandler, InlineQueryHandler

from bot.chat import answers, filters
from bot.chat.context import Context, Services
from bot.chat.failures import UserError
from bot.chat.screens import wrong_file
from bot.chat.texts import Texts, plain
from bot.telegram.pictures import sendable
from engine.errors import EmptyQueryError, UnknownWordsError
from engine.results import Page, Query
from engine.store import Post

_LOGGER = logging.getLogger(__name__)

#: Results of one page (Telegram's limit).
PAGE: Final = 50
#: How far one can scroll.
OFFSET_MAX: Final = 5_000
#: Seconds that Telegram may answer the same words itself.
CACHE_SECONDS: Final = 30
TITLE_MAX: Final = 64
DESCRIPTION_MAX: Final = 120
_OFFSET: Final = re.compile(r"[0-9]{1,5}", re.ASCII)


async def on_inline(update: Update, context: Context) -> None:
    """Answer with a grid of photos."""
    asked = update.inline_query
    if asked is None:
        return
    services = context.services
    texts = await services.texts(asked.from_user)
    personal = bool(services.settings.allowed_ids)
    offset = _offset(asked.offset)
    if offset is None or not services.may_ask(asked.from_user.id):
        await asked.answer([], cache_time=0, is_personal=True)
        return
    with services.metrics.timed("inline"):
        hint = texts("inline_help") if not asked.query.strip() else ""
        try:
            posts, more, near = await _find(services, context.bot, asked.query, offset)
            if near:
                hint = texts("suggest", words=answers.words(near))
        except UnknownWordsError as error:
            # The nearest known words instead, and that is said.
            instead = " ".join(options[0] for options in error.suggestions.values() if options)
            if instead:
                posts, more, _ = await _find(services, context.bot, instead, offset)
                hint = texts("inline_instead", words=instead)
            else:
                posts, more, hint = [], False, texts("inline_unknown")
        except (EmptyQueryError, UserError):
            posts, more, hint = [], False, texts("inline_help")
        if not posts and not offset and not hint:
            hint = texts("inline_nothing")
        services.storage.want(posts)
        answer = partial(
            asked.answer,
            cache_time=CACHE_SECONDS,
            is_personal=personal,
            # None: python-telegram-bot's Defaults make an empty text an empty list.
            next_offset=str(offset + PAGE) if more and offset + PAGE <= OFFSET_MAX else None,
            button=_button(hint) if hint else None,
        )
        try:
            await answer([_result(services, texts, post) for post in posts])
        except BadRequest as error:
            if "query is too old" in error.message.lower():
                return
            # One bad file_id empties no answer: it is taken out.
            _LOGGER.info("an inline answer was refused: %s", error.message)
            sound = await _sound(services, context.bot, posts)
            await answer([_result(services, texts, post) for post in sound])


def _button(hint: str) -> InlineQueryResultsButton:
    return InlineQueryResultsButton(answers.cut(plain(hint), TITLE_MAX), start_parameter="inline")


async def _sound(services: Services, bot: Bot, posts: Sequence[Post]) -> list[Post]:
    """The posts, those without their file_id whose file_id Telegram says is wrong."""

    async def check(post: Post) -> Post:
        if not post.file:
            return post
        try:
            await bot.get_file(post.file)
        except BadRequest as error:
            if wrong_file(error) and post.photo:
                # Never the only copy of a photo.
                await services.store.drop_file(post.key, post.file)
            return replace(post, file=None)
        except TelegramError:
            return replace(post, file=None)
        return post

    return list(await asyncio.gather(*(check(post) for post in posts)))


def _offset(value: str) -> int | None:
    """Read the offset that an earlier answer gave; None where it is another."""
    if value == "":
        return 0
    if not _OFFSET.fullmatch(value) or int(value) > OFFSET_MAX:
        return None
    return int(value)


async def _find(
    services: Services, bot: Bot, words: str, offset: int
) -> tuple[Sequence[Post], bool, Sequence[str]]:
    """Posts of a page, whether there are more, and what misspelt words may mean."""
    typed = filters.split(words)
    among = await filters.passing(services.store, bot, typed.filters) if typed.filters else None
    if among is not None and filters.only_filters(typed):
        newest = among[offset : offset + PAGE]
        found = await services.store.posts(newest)
        return [found[key] for key in newest if key in found], len(among) > offset + PAGE, []
    if not typed.words:
        recent = await services.store.recent(limit=PAGE + 1, offset=offset)
        return recent[:PAGE], len(recent) > PAGE, []

    def look() -> tuple[Query, Page]:
        query = services.engine.query(text=typed.words)
        return query, services.engine.search(query, limit=PAGE, offset=offset, among=among)

    query, page = await services.work.run(look)
    posts = await services.store.posts([hit.key for hit in page.hits])
    shown = [posts[hit.key] for hit in page.hits if hit.key in posts]
    return shown, page.more, answers.nearest(query.suggestions)


def _result(services: Services, texts: Texts, post: Post) -> InlineQueryResult:
    """Show a photo by file_id where Telegram has it, else by public address, else an article."""
    key = str(post.key)
    caption = answers.post_caption(texts, post)
    if file := sendable(post.file):
        return InlineQueryResultCachedPhoto(key, file, caption=caption)
    if services.settings.photos_url and post.photo:
        address = f"{services.settings.photos_url}/{quote(post.photo)}"
        return InlineQueryResultPhoto(key, address, address, caption=caption)
    text = " ".join(post.text.split())
    title = answers.cut(text, TITLE_MAX) or texts("untitled")
    return InlineQueryResultArticle(
        key,
        title,
        InputTextMessageContent(caption or title),
        description=answers.cut(text, DESCRIPTION_MAX) or None,
    )


async def on_chosen(update: Update, context: Context) -> None:
    """Count a result that was sent."""
    if update.chosen_inline_result is not None:
        context.services.metrics.chosen.inc()


def handlers() -> list[BaseHandler[Any, Any, Any]]:
    """Handlers of this module."""
    return [InlineQueryHandler(on_inline), ChosenInlineResultHandler(on_chosen)]
