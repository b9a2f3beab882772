"""From posts to what a message shows, and on to Telegram: drawn once, uploaded once."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image
from telegram import InlineKeyboardMarkup, Message
from telegram.error import BadRequest

from bot.chat import answers
from bot.chat.context import Conversation, Screen, no_right
from bot.telegram.pictures import sendable
from engine.errors import StoreError
from engine.mosaic import Tile, mosaic
from engine.pictures import to_photo
from engine.store import Post

_LOGGER = logging.getLogger(__name__)

#: What Telegram says of a file_id that is wrong; "temporarily unavailable" is not among it.
_WRONG_FILE = (
    "wrong file identifier",
    "wrong remote file",
    "wrong file_id specified",
    "file_id_invalid",
    "file_reference",
    "file reference",
)


def wrong_file(error: BadRequest) -> bool:
    """Whether Telegram clearly says that a file_id is wrong."""
    said = error.message.lower()
    return "temporarily" not in said and any(phrase in said for phrase in _WRONG_FILE)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A screen, and how to have its picture anew where Telegram does not take its file_id.

    Attributes
    ----------
    what
        What the picture shows: the key by which its file_id is remembered; None: it is a post's.
    tiles
        Posts of the picture; of one post by itself that post alone.
    far
        The first number that is less close.
    """

    screen: Screen
    what: Hashable | None
    posts: Sequence[Post]
    first: int = 1
    far: int | None = None


async def sheet(
    conversation: Conversation,
    caption: str,
    keyboard: InlineKeyboardMarkup | None,
    numbered: Mapping[int, Post],
    far: int | None = None,
) -> Drawn:
    """Draw posts as one numbered picture, or take it from Telegram if it was sent before."""
    # Of a post whose photo is edited the file_id changes; that of one on disk does not matter.
    shown = ((number, post.key, post.photo or post.file) for number, post in numbered.items())
    what = (tuple(shown), far)
    drawn = Drawn(
        Screen(conversation.services.pictures.get(what), caption, keyboard),
        what,
        list(numbered.values()),
        next(iter(numbered)),
        far,
    )
    return drawn if drawn.screen.photo else await _redrawn(conversation, drawn)


async def single(
    conversation: Conversation, caption: str, keyboard: InlineKeyboardMarkup | None, post: Post
) -> Drawn:
    """A post by itself: its photo at Telegram, else from disk."""
    drawn = Drawn(Screen(sendable(post.file), caption, keyboard), None, [post])
    return drawn if drawn.screen.photo else await _redrawn(conversation, drawn)


async def _redrawn(conversation: Conversation, drawn: Drawn) -> Drawn:
    services = conversation.services
    screen = drawn.screen
    if drawn.what is None:
        (post,) = drawn.posts
        photo = await services.photos.to_send(post)
        caption = screen.caption
        if photo is None and (post.photo or post.file):
            note = conversation.texts("photo_missing")
            caption = answers.fitted([f"<i>{note}</i>", caption]) or note
        return replace(drawn, screen=replace(screen, photo=photo, caption=caption))
    images = await services.thumbnails.get(drawn.posts)
    photo = await services.work.run(_draw, images, drawn)
    return replace(drawn, screen=replace(screen, photo=photo))


def _draw(images: Sequence[Image.Image | None], drawn: Drawn) -> bytes:
    tiles = []
    pairs = zip(drawn.posts, images, strict=True)
    for number, (post, image) in enumerate(pairs, start=drawn.first):
        far = drawn.far is not None and number >= drawn.far
        text = "" if image else " ".join(post.text.split())
        tiles.append(Tile(image, text, str(number), far))
    return to_photo(mosaic(tiles))


async def deliver(
    conversation: Conversation, drawn: Drawn, *, message: int | None = None
) -> Message | None:
    """Send what was drawn, or put it in the place of what a message shows.

    Returns
    -------
    Message or None
        The message; None where nothing changed.
    """
    try:
        sent = await _put(conversation, drawn.screen, message)
    except BadRequest as error:
        if not isinstance(drawn.screen.photo, str) or no_right(error) or not _of_file(error):
            raise
        # Telegram may have lost it; there is perhaps another copy.
        _LOGGER.info("a file_id was refused: %s", error.message)
        stale, drawn = drawn.screen.photo, await _redrawn(conversation, drawn)
        if wrong_file(error):
            await _drop(conversation, drawn, stale)
        sent = await _put(conversation, drawn.screen, message)
    if sent is not None and isinstance(drawn.screen.photo, bytes) and sent.photo:
        await _keep(conversation, drawn, sent.photo[-1].file_id)
    return sent


def _of_file(error: BadRequest) -> bool:
    said = error.message.lower()
    return wrong_file(error) or any(word in said for word in ("file", "photo", "media", "image"))


async def _put(conversation: Conversation, screen: Screen, message: int | None) -> Message | None:
    if message is None:
        return await conversation.show(screen)
    return await conversation.replace(message, screen)


async def _drop(conversation: Conversation, drawn: Drawn, file: str) -> None:
    if drawn.what is not None:
        conversation.services.pictures.drop(drawn.what)
    elif isinstance(drawn.screen.photo, bytes):
        # Never the only copy of a photo.
        await conversation.services.store.drop_file(drawn.posts[0].key, file)


async def _keep(conversation: Conversation, drawn: Drawn, file: str) -> None:
    if drawn.what is not None:
        conversation.services.pictures.keep(drawn.what, file)
        return
    try:
        await conversation.services.store.set_files({drawn.posts[0].key: file})
    except StoreError as error:
        _LOGGER.warning("a file_id was not kept: %s", error)
