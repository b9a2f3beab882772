"""``@bot words`` in any chat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from telegram import (
    InlineQueryResult,
    InlineQueryResultArticle,
    InlineQueryResultCachedPhoto,
    InlineQueryResultPhoto,
    InlineQueryResultsButton,
    InputTextMessageContent,
    Update,
)
from telegram.ext import BaseHandler, ChosenInlineResultHandler, InlineQueryHandler

from bot.chat import answers
from bot.chat.context import Context, Services
from bot.chat.texts import Texts
from engine.errors import EmptyQueryError, UnknownWordsError
from engine.results import Page
from engine.store import Post

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
        try:
            posts, more = await _find(services, asked.query, offset)
        except (UnknownWordsError, EmptyQueryError):
            button = InlineQueryResultsButton(texts("inline_unknown"), start_parameter="inline")
            await asked.answer([], cache_time=CACHE_SECONDS, is_personal=True, button=button)
            return
        await asked.answer(
            [_result(services, texts, post) for post in posts],
            cache_time=CACHE_SECONDS,
            is_personal=personal,
            # None: python-telegram-bot's Defaults make an empty text an empty list.
            next_offset=str(offset + PAGE) if more and offset + PAGE <= OFFSET_MAX else None,
        )


def _offset(value: str) -> int | None:
    """Read the offset that an earlier answer gave; None where it is another."""
    if value == "":
        return 0
    if not _OFFSET.fullmatch(value) or int(value) > OFFSET_MAX:
        return None
    return int(value)


async def _find(services: Services, words: str, offset: int) -> tuple[Sequence[Post], bool]:
    if not words.strip():
        recent = await services.store.recent(limit=PAGE + 1, offset=offset)
        return recent[:PAGE], len(recent) > PAGE

    def look() -> Page:
        return services.engine.search(services.engine.query(text=words), limit=PAGE, offset=offset)

    page = await services.work.run(look)
    posts = await services.store.posts([hit.key for hit in page.hits])
    return [posts[hit.key] for hit in page.hits if hit.key in posts], page.more


def _result(services: Services, texts: Texts, post: Post) -> InlineQueryResult:
    """Show a photo by file_id where Telegram has it, else by public address, else an article."""
    key = str(post.key)
    caption = answers.post_caption(texts, post)
    if post.file:
        return InlineQueryResultCachedPhoto(key, post.file, caption=caption)
    if services.settings.photos_url and post.photo:
        address = f"{services.settings.photos_url}/{quote(post.photo)}"
        return InlineQueryResultPhoto(key, address, address, caption=caption)
    text = " ".join(post.text.split())
    title = answers.cut(text, TITLE_MAX) or f"# {key}"
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
