"""From a question to its answer: download, look, remember, send."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from telegram import Bot, InlineKeyboardMarkup, ReplyParameters
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, TelegramError

from bot.chat import answers
from bot.chat.context import Services
from bot.chat.failures import UserError
from bot.chat.sending import Item, send_posts
from bot.chat.texts import Html, Texts
from engine.errors import EmptyQueryError, PhotoTooLargeError, StoreError
from engine.results import Annotation, Explanation, Hit, Page, Query
from engine.store import Asked, Post

_LOGGER = logging.getLogger(__name__)

#: Telegram shows an action for five seconds.
ACTION_EVERY: Final = 4.5
#: A text is mostly answered before anyone would see "typing".
ACTION_AFTER: Final = 0.4
TOPICS_EXPLAINED: Final = 4
MINUS_WORD: Final = re.compile(r"(?<!\S)-\w")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes.

    Attributes
    ----------
    reply_to
        The message that is answered, or None in a private chat without one.
    """

    chat: int
    user: int
    reply_to: int | None


@dataclass(frozen=True, slots=True)
class File:
    """A photo at Telegram: file_id, and its size in bytes where Telegram tells it."""

    id: str
    size: int | None


@asynccontextmanager
async def acting(bot: Bot, chat: int, action: str, *, after: float = 0.0) -> AsyncIterator[None]:
    """Show "typing" or "sending photo" while the body runs, if it takes longer than `after`."""

    async def show() -> None:
        await asyncio.sleep(after)
        while True:
            with suppress(TelegramError):
                await bot.send_chat_action(chat, action)
            await asyncio.sleep(ACTION_EVERY)

    task = asyncio.create_task(show())
    # Let it begin: what follows may keep the connection busy.
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()


async def download(services: Services, bot: Bot, file: File) -> bytes:
    """Bytes of a photo, in memory only.

    Raises
    ------
    PhotoTooLargeError
        It is over the limit; it was not downloaded.
    UserError
        Telegram no longer has it.
    """
    limit = services.settings.photo_bytes
    if (file.size or 0) > limit:
        raise PhotoTooLargeError(file.size or 0, limit, "bytes")
    try:
        found = await bot.get_file(file.id)
        if (found.file_size or 0) > limit:
            raise PhotoTooLargeError(found.file_size or 0, limit, "bytes")
        return bytes(await found.download_as_bytearray())
    except BadRequest as error:
        if "too big" in error.message.lower():
            raise PhotoTooLargeError(limit, limit, "bytes") from error
        raise UserError("photo_gone") from error


def _look(
    services: Services, photo: bytes | None, text: str, language: str
) -> tuple[Query, Annotation | None, Page]:
    engine = services.engine
    try:
        query = engine.query(photo=photo, text=text, photo_weight=services.settings.photo_weight)
    except EmptyQueryError:
        if MINUS_WORD.search(text):
            raise UserError("only_minus") from None
        raise
    seen = engine.annotate(query, language=language) if photo is not None else None
    return query, seen, engine.search(query, limit=services.settings.posts_per_answer)


async def ask(
    services: Services,
    bot: Bot,
    texts: Texts,
    place: Place,
    *,
    text: str = "",
    file: File | None = None,
) -> None:
    """Answer a photo, a text or both."""
    kind = "text" if file is None else "both" if text else "photo"
    after = ACTION_AFTER if file is None else 0.0
    action = ChatAction.TYPING if file is None else ChatAction.UPLOAD_PHOTO
    with services.metrics.timed(kind):
        async with acting(bot, place.chat, action, after=after):
            photo = await download(services, bot, file) if file is not None else None
            query, seen, page = await services.work.run(
                _look, services, photo, text, texts.language
            )
            del photo
            number = await _remember(services, place, query, file)
            if seen is not None:
                await _say(bot, place, answers.annotation(texts, seen))
            notes = []
            if query.unknown:
                notes.append(texts("unknown_some", words=answers.words(query.unknown)))
            if query.minus:
                notes.append(texts("without", words=answers.words(query.minus)))
            await show(services, bot, texts, place, number, page, found="found", notes=notes)


async def more(
    services: Services, bot: Bot, texts: Texts, place: Place, asked: Asked, offset: int
) -> None:
    """Answer with the next page."""
    with services.metrics.timed("more"):
        query = stored_query(services, asked)
        page = await services.work.run(
            services.engine.search,
            query,
            limit=services.settings.posts_per_answer,
            offset=offset,
        )
        await show(services, bot, texts, place, asked.id, page, found="found_more", offset=offset)


async def like(services: Services, bot: Bot, texts: Texts, place: Place, key: int) -> None:
    """Answer with posts like that one."""
    with services.metrics.timed("like"):

        def look() -> tuple[Query, Page]:
            query = services.engine.like(key)
            return query, services.engine.search(query, limit=services.settings.posts_per_answer)

        query, page = await services.work.run(look)
        number = await _remember(services, place, query, None)
        await show(services, bot, texts, place, number, page, found="found_like")


async def explain(services: Services, bot: Bot, texts: Texts, place: Place, asked: Asked) -> None:
    """Answer with a picture that shows why."""
    with services.metrics.timed("explain"):
        async with acting(bot, place.chat, ChatAction.UPLOAD_PHOTO):
            query = stored_query(services, asked)
            photo = await download(services, bot, File(asked.photo, None)) if asked.photo else None
            heading = texts("explain_heading" if photo else "explain_heading_text")

            def look() -> tuple[Explanation, bytes | None]:
                why = services.engine.explain(
                    query, photo=photo, language=texts.language, topics=TOPICS_EXPLAINED
                )
                if not why.topics:
                    return why, None
                picture = services.engine.explain_picture(why, photo=photo, heading=heading)
                return why, picture

            why, picture = await services.work.run(look)
            if picture is None:
                raise UserError("explain_none")
            await bot.send_photo(
                place.chat,
                picture,
                caption=answers.explanation(texts, why),
                parse_mode=ParseMode.HTML,
                reply_parameters=_reply(place),
            )


async def topic(
    services: Services, bot: Bot, texts: Texts, place: Place, number: int, offset: int
) -> None:
    """Answer with the best posts of a topic."""
    with services.metrics.timed("topic"):
        size = services.settings.posts_per_answer

        def look() -> tuple[str | None, Page]:
            found = next(
                (t for t in services.engine.topics(language=texts.language) if t.topic == number),
                None,
            )
            if found is None:
                return None, Page((), False)
            lines = [texts("topic", number=number + 1, words=answers.terms(found.words))]
            if found.tags:
                lines.append(texts("topic_tags", tags=answers.terms(found.tags, mark="#")))
            page = services.engine.topic_posts(number, limit=size, offset=offset)
            return "\n".join(lines), page

        text, page = await services.work.run(look)
        if text is None:
            raise UserError("topic_bad")
        posts = await services.store.posts([hit.key for hit in page.hits])
        await _topic_answer(services, bot, texts, place, number, offset, text, page, posts)


async def _topic_answer(
    services: Services,
    bot: Bot,
    texts: Texts,
    place: Place,
    number: int,
    offset: int,
    text: str,
    page: Page,
    posts: dict[int, Post],
) -> None:
    hits = [hit for hit in page.hits if hit.key in posts]
    items = [
        Item(posts[hit.key], answers.post_caption(texts, posts[hit.key], number=offset + i))
        for i, hit in enumerate(hits, start=1)
    ]
    await send_posts(services, bot, chat=place.chat, reply_to=place.reply_to, items=items)
    if not hits:
        text += "\n\n" + texts("topic_none" if offset == 0 else "no_more")
    lines = [
        answers.post_line(texts, posts[hit.key], offset + i, None)
        for i, hit in enumerate(hits, start=1)
    ]
    following = offset + services.settings.posts_per_answer if page.more else None
    await _say(
        bot,
        place,
        "\n".join([text, *lines]),
        keyboard=answers.topic_keyboard(texts, number, following),
    )


async def show(
    services: Services,
    bot: Bot,
    texts: Texts,
    place: Place,
    number: int | None,
    page: Page,
    *,
    found: str,
    offset: int = 0,
    notes: list[str] | None = None,
) -> None:
    """Send a page of hits: the album, then the list with the buttons.

    Parameters
    ----------
    number
        The question's number in the store; None where it could not be kept.
    found
        Name of the text above the list.
    """
    posts = await services.store.posts([hit.key for hit in page.hits])
    # A post may have been removed since the index was asked.
    hits: list[Hit] = [hit for hit in page.hits if hit.key in posts]
    notes = notes or []
    if not hits:
        await _say(bot, place, "\n".join([texts("no_more" if offset else "nothing"), *notes]))
        return
    numbered = dict(enumerate(hits, start=offset + 1))
    items = [
        Item(
            posts[hit.key],
            answers.post_caption(texts, posts[hit.key], number=i, closeness=hit.closeness),
        )
        for i, hit in numbered.items()
    ]
    sent = await send_posts(services, bot, chat=place.chat, reply_to=place.reply_to, items=items)
    lines = [texts(found, n=len(hits)), *notes]
    lines += [
        answers.post_line(texts, posts[hit.key], i, hit.closeness) for i, hit in numbered.items()
    ]
    keyboard = None
    if number is None:
        lines.append(texts("not_kept"))
    else:
        keyboard = answers.answer_keyboard(
            texts,
            number,
            {i: hit.key for i, hit in numbered.items()},
            more=offset + services.settings.posts_per_answer if page.more else None,
        )
        # Before the buttons are there, so that no press comes too early.
        await _note_shown(services, number, place.chat, {hit.key: 0 for hit in hits} | sent)
    await _say(bot, place, "\n".join(lines), keyboard=keyboard)


def stored_query(services: Services, asked: Asked) -> Query:
    """Read the question of a button.

    Raises
    ------
    UserError
        It was asked of another model, or cannot be read.
    """
    if asked.model != services.engine.info.id:
        raise UserError("stale")
    try:
        return Query.from_bytes(asked.query)
    except ValueError:
        raise UserError("stale") from None


async def _remember(
    services: Services, place: Place, query: Query, file: File | None
) -> int | None:
    try:
        return await services.store.remember(
            user=place.user,
            chat=place.chat,
            kind=query.kind,
            query=query.to_bytes(),
            photo=file.id if file else None,
            model=services.engine.info.id,
        )
    except StoreError as error:
        # An answer without buttons is better than none.
        _LOGGER.error("a question was not kept: %s", error)
        return None


async def _note_shown(services: Services, number: int, chat: int, messages: dict[int, int]) -> None:
    try:
        await services.store.show(number, chat, messages)
    except StoreError as error:
        _LOGGER.error("what was shown was not kept: %s", error)


def _reply(place: Place) -> ReplyParameters | None:
    if place.reply_to is None:
        return None
    return ReplyParameters(place.reply_to, allow_sending_without_reply=True)


async def _say(
    bot: Bot, place: Place, text: str, *, keyboard: InlineKeyboardMarkup | None = None
) -> None:
    await bot.send_message(
        place.chat,
        Html(text),
        parse_mode=ParseMode.HTML,
        reply_markup=keyboard,
        reply_parameters=_reply(place),
        disable_web_page_preview=True,
    )
