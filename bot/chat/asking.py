"""From a question to its answer: download, look, remember, send."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from telegram.error import BadRequest, InvalidToken

from bot.chat import answers, filters, screens
from bot.chat.context import Conversation, Screen
from bot.chat.failures import UserError
from bot.chat.screens import Drawn
from bot.telegram.pictures import File
from engine.errors import EmptyQueryError, PhotoTooLargeError, StoreError
from engine.pictures import to_photo
from engine.results import Explanation, Hit, Page, Query
from engine.store import Asked, Post

_LOGGER = logging.getLogger(__name__)

#: With the photo itself and the two main words they fill three rows of two.
TOPICS_EXPLAINED: Final = 3
MINUS_WORD: Final = re.compile(r"(?<!\S)-\w")
#: Key under which the message of the answer itself is kept, among those of its posts.
ANSWER: Final = 0


async def download(conversation: Conversation, file: File) -> bytes:
    """Bytes of a photo, in memory only.

    Raises
    ------
    PhotoTooLargeError
        It is over the limit; it was not downloaded.
    UserError
        Telegram no longer has it.
    """
    limit = conversation.services.settings.photo_bytes
    if (file.size or 0) > limit:
        raise PhotoTooLargeError(file.size or 0, limit, "bytes")
    try:
        found = await conversation.bot.get_file(file.id)
        if (found.file_size or 0) > limit:
            raise PhotoTooLargeError(found.file_size or 0, limit, "bytes")
        return bytes(await found.download_as_bytearray())
    except InvalidToken as error:
        # What "404 Not Found" is taken for. A Bot API server that was started with --local names
        # files on its own disk, which is not this machine's.
        there = "//" in (found.file_path or "").partition("/file/bot")[2]
        raise UserError("photo_on_server" if there else "photo_gone") from error
    except BadRequest as error:
        if "too big" in error.message.lower():
            raise PhotoTooLargeError(limit, limit, "bytes") from error
        raise UserError("photo_gone") from error


def _understand(
    conversation: Conversation, photos: Sequence[bytes], written: Sequence[str], text: str
) -> list[Query]:
    """The question as a whole; of several photos then each by itself.

    Parameters
    ----------
    written
        The words on each photo.
    """
    engine = conversation.services.engine
    weight = conversation.services.settings.photo_weight
    typed = filters.split(text)
    if not photos and filters.only_filters(typed):
        # Nothing to be close to: the newest posts that pass.
        even = np.full(engine.info.topics, 1 / engine.info.topics, np.float32)
        return [Query("text", even, filters=typed.filters)]
    try:
        understood = [
            engine.query(photo=photo, text=typed.words, photo_weight=weight, written=words)
            for photo, words in zip(photos or (None,), written or ("",), strict=True)
        ]
    except EmptyQueryError:
        if MINUS_WORD.search(text):
            raise UserError("only_minus") from None
        raise
    queries = [replace(query, filters=typed.filters) for query in understood]
    return queries if len(queries) == 1 else [engine.together(queries), *queries]


async def ask(conversation: Conversation, *, text: str = "", files: Sequence[File] = ()) -> None:
    """Answer photos, a text or both, with one message."""
    services = conversation.services
    kind = "text" if not files else "both" if text else "photo"
    async with conversation.turn(kind):
        photos = [await download(conversation, file) for file in files]
        written = await asyncio.gather(*map(services.picture_words.asked, photos))
        queries = await services.work.run(_understand, conversation, photos, written, text)
        del photos
        whole = files[0].id if len(files) == 1 else None
        numbers = [
            await _remember(conversation, query, file)
            for query, file in zip(queries, [whole, *(file.id for file in files)], strict=False)
        ]
        each = [number for number in numbers[1:] if number]
        await answer(conversation, queries[0], numbers[0], photos=each)


async def again(conversation: Conversation, asked: Asked) -> None:
    """Answer a stored question once more, as a message of its own."""
    async with conversation.turn("again"):
        await answer(conversation, stored_query(conversation, asked), asked.id)


async def like(conversation: Conversation, key: int) -> None:
    """Answer with posts like that one."""
    async with conversation.turn("like"):
        query = await conversation.services.work.run(conversation.services.engine.like, key)
        await answer(conversation, query, await _remember(conversation, query, None))


async def answer(
    conversation: Conversation, query: Query, number: int | None, *, photos: Sequence[int] = ()
) -> None:
    """Send the first page of an answer.

    Parameters
    ----------
    number
        The question's number in the store; None where it could not be kept.
    photos
        Questions about the single photos of an album.
    """
    drawn = await _page(conversation, query, number, 0, {}, photos)
    if drawn is None:
        lead = await _lead(conversation, query)
        await conversation.say("\n".join([*lead, conversation.texts("nothing")]))
        return
    message = await screens.deliver(conversation, drawn)
    if number is not None and message is not None:
        keys = [ANSWER, *(post.key for post in drawn.posts)]
        await _note_shown(conversation, number, dict.fromkeys(keys, message.message_id))


async def turn_page(conversation: Conversation, asked: Asked, offset: int, message: int) -> None:
    """Show another page of an answer in the place of this one, in the order of the votes."""
    async with conversation.turn("page"):
        query = stored_query(conversation, asked)
        votes = await conversation.services.store.votes(asked.id, asked.user)
        drawn = await _page(conversation, query, asked.id, offset, votes)
        if drawn is None:
            raise UserError("no_more")
        shown = await conversation.services.store.shown(asked.id)
        keys = [key for key in (ANSWER, *(p.key for p in drawn.posts)) if key not in shown]
        await _note_shown(conversation, asked.id, dict.fromkeys(keys, message))
        await screens.deliver(conversation, drawn, message=message)


async def _page(
    conversation: Conversation,
    query: Query,
    number: int | None,
    offset: int,
    votes: Mapping[int, int],
    photos: Sequence[int] = (),
) -> Drawn | None:
    """Draw a page of an answer; None where nothing is close enough."""
    services, texts = conversation.services, conversation.texts
    size = services.settings.posts_per_answer
    among = None
    if query.filters:
        among = await filters.passing(services.store, conversation.bot, query.filters)

    def look() -> tuple[Page, Mapping[int, Post]]:
        if among is not None and query.kind == "text" and not query.words:
            newest = tuple(Hit(key, 1.0) for key in among[offset : offset + size])
            page = Page(newest, len(among) > offset + size)
        else:
            moved = services.engine.with_votes(
                query,
                [key for key, value in votes.items() if value > 0],
                [key for key, value in votes.items() if value < 0],
            )
            page = services.engine.search(moved, limit=size, offset=offset, among=among)
        return page, services.store.sync.posts([hit.key for hit in page.hits])

    page, posts = await services.work.run(look)
    # A post may have been removed since the index was asked.
    hits = [hit for hit in page.hits if hit.key in posts]
    if not hits:
        return None
    lead = await _lead(conversation, query)
    if number is None:
        lead.append(texts("not_kept"))
    if len(hits) == 1 and not offset and not page.more:
        return await _alone(conversation, posts[hits[0].key], number, lead)
    if votes:
        lead.append(texts("reordered"))
    numbered = {place: posts[hit.key] for place, hit in enumerate(hits, start=offset + 1)}
    far = _less_close(hits, offset)
    keyboard = None
    if number is not None:
        keyboard = answers.page_keyboard(
            texts,
            number,
            {place: post.key for place, post in numbered.items()},
            offset=offset,
            size=size,
            more=page.more,
            photos=photos,
        )
    caption = answers.page_caption(texts, lead, numbered, far)
    return await screens.sheet(conversation, caption, keyboard, numbered, far)


async def _alone(
    conversation: Conversation, post: Post, number: int | None, lead: Sequence[str]
) -> Drawn:
    keyboard = None
    if number is not None:
        votes = await conversation.services.store.votes(number, conversation.user)
        keyboard = answers.post_keyboard(
            conversation.texts, number, post.key, vote=votes.get(post.key, 0), explain=True
        )
    caption = answers.post_caption(conversation.texts, post, lead)
    return await screens.single(conversation, caption, keyboard, post)


def _less_close(hits: Sequence[Hit], offset: int) -> int | None:
    """The number from which on posts are less close than answers usually are; None: none is."""
    return next((place for place, hit in enumerate(hits, offset + 1) if not hit.close), None)


async def _lead(conversation: Conversation, query: Query) -> list[str]:
    """What stands above the posts: what is seen in the photo, what was not understood."""
    texts, services = conversation.texts, conversation.services
    lines = []
    if query.kind in ("photo", "both"):
        seen = await services.work.run(services.engine.annotate, query, language=texts.language)
        lines = answers.annotation(texts, seen)
    elif query.kind == "post":
        lines = [texts("found_like")]
    return lines + answers.notes(texts, query)


async def open_post(conversation: Conversation, query: int, key: int) -> None:
    """Show a post as a message of its own."""
    services, texts = conversation.services, conversation.texts
    post = (await services.store.posts([key])).get(key)
    if post is None:
        raise UserError("gone")
    async with conversation.turn("post"):
        vote = 0
        if query:
            vote = (await services.store.votes(query, conversation.user)).get(key, 0)
        keyboard = answers.post_keyboard(texts, query, key, vote=vote)
        caption = answers.post_caption(texts, post)
        drawn = await screens.single(conversation, caption, keyboard, post)
        message = await screens.deliver(conversation, drawn)
        if query and message is not None:
            await _note_shown(conversation, query, {key: message.message_id})


async def explain(conversation: Conversation, asked: Asked, offset: int, message: int) -> None:
    """Show why in the place of the posts, with a way back."""
    services, texts = conversation.services, conversation.texts
    async with conversation.turn("explain"):
        query = stored_query(conversation, asked)
        photo = await download(conversation, File(asked.photo, None)) if asked.photo else None
        heading = texts("explain_heading" if photo else "explain_heading_text")

        def look() -> tuple[Explanation, bytes | None]:
            why = services.engine.explain(
                query, photo=photo, language=texts.language, topics=TOPICS_EXPLAINED
            )
            if not why.topics:
                return why, None
            picture = services.engine.explain_picture(
                why,
                photo=photo,
                heading=heading,
                legend=(texts("explain_less"), texts("explain_more")),
            )
            return why, to_photo(picture)

        why, picture = await services.work.run(look)
        if picture is None:
            raise UserError("explain_none")
        keyboard = answers.back_keyboard(texts, asked.id, offset)
        screen = Screen(picture, answers.explanation(texts, why), keyboard)
        await conversation.replace(message, screen)


def stored_query(conversation: Conversation, asked: Asked) -> Query:
    """Read the question of a button.

    Raises
    ------
    UserError
        It was asked of another model, or cannot be read.
    """
    if asked.model != conversation.services.engine.info.id:
        raise UserError("stale")
    try:
        return Query.from_bytes(asked.query)
    except ValueError:
        raise UserError("stale") from None


async def _remember(conversation: Conversation, query: Query, photo: str | None) -> int | None:
    try:
        return await conversation.services.store.remember(
            user=conversation.user,
            chat=conversation.chat,
            kind=query.kind,
            query=query.to_bytes(),
            photo=photo,
            model=conversation.services.engine.info.id,
        )
    except StoreError as error:
        # An answer without buttons is better than none.
        _LOGGER.error("a question was not kept: %s", error)
        return None


async def _note_shown(conversation: Conversation, number: int, messages: Mapping[int, int]) -> None:
    try:
        await conversation.services.store.show(number, conversation.chat, messages)
    except StoreError as error:
        _LOGGER.error("what was shown was not kept: %s", error)
