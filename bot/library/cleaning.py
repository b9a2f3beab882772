"""Which posts of chats come into the library: the rules by which a corpus is cleaned, live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from bot.library.photos import Photos
from bot.library.store import Store
from bot.settings import Settings
from bot.work import Work
from engine.cleaning.adverts import SHIPPED, AdvertFilter
from engine.cleaning.duplicates import Copy, Fingerprint
from engine.cleaning.rules import THRESHOLD, Cleaner, Limits, Verdict
from engine.errors import ModelError, PhotoError, StoreError
from engine.files import STARTER
from engine.store import LeftOut, Post

_LOGGER = logging.getLogger(__name__)

#: Posts whose photos are looked at in one go, between which new posts are processed.
BATCH: Final = 16

#: Posts whose lines are counted at the start, so that those that recur in a chat are known.
RECENT: Final = 2000


def _chat(post: str) -> str:
    """Where the post of an id came from: ``telegram/-100123`` of ``telegram/-100123/45``."""
    return post.rpartition("/")[0]


class Judgement(NamedTuple):
    """What became of a post.

    Attributes
    ----------
    verdict
        Why it is left out, or None.
    fingerprint
        What copies of it are known by, if it is kept.
    copy
        See `engine.cleaning.rules.Judged`.
    """

    verdict: Verdict | None
    fingerprint: bytes | None = None
    copy: Copy | None = None


def open_cleaner(settings: Settings) -> Cleaner | None:
    """Make what judges posts; None where they are not cleaned.

    Raises
    ------
    ModelError
        The owner's advert filter is missing or damaged.
    """
    if not settings.clean:
        return None
    try:
        adverts = AdvertFilter.load(settings.advert_filter or SHIPPED)
    except ModelError:
        if settings.advert_filter is not None:
            raise
        _LOGGER.warning("the advert filter that ships is not here: adverts are not left out")
        adverts = None
    limits = Limits(
        min_tokens=settings.clean_min_tokens, threshold=settings.clean_threshold or THRESHOLD
    )
    return Cleaner(adverts, limits)


class Gate:
    """Judges posts on the library's thread.

    Parameters
    ----------
    cleaner
        None lets everything in.
    """

    def __init__(self, cleaner: Cleaner | None, store: Store, work: Work, photos: Photos) -> None:
        self._cleaner, self._store, self._work, self._photos = cleaner, store, work, photos

    async def judge(
        self, post: str, text: str, photo: bytes, *, chat: int, album: str | None
    ) -> Judgement:
        """Judge a post, once more where it was edited.

        Raises
        ------
        PhotoError
            The owner wants it, but its photo cannot be read.
        """
        if self._cleaner is None or await self._store.is_removed(post):
            # Of what the owner removed copies are none.
            return Judgement(None)
        if await self._store.is_kept(post):
            return await self._work.run_for_library(self._keep, post, text, photo)
        if album and not text and (other := await self._store.left_out_album(chat, album)):
            # The caption that speaks for the whole album came with another of its photos.
            return Judgement(Verdict(*other))
        together = f"{chat} {album}" if album else None
        return await self._work.run_for_library(self._judge, post, text, photo, together)

    def said(self, post: str, text: str) -> str:
        """Return what a post says: its text without the lines that recur in its chat."""
        if self._cleaner is None:
            return text
        return self._cleaner.signatures.without(_chat(post), text)

    async def forget(self, post: str) -> None:
        """Forget a post that is not in the library: the next copy of it is none."""
        if self._cleaner is not None:
            await self._work.run_for_library(self._cleaner.seen.discard, post)

    async def learn(self, keys: Sequence[int]) -> None:
        """Know copies of posts that another process took in."""
        if self._cleaner is None:
            return
        for post, album, found in await self._store.fingerprints_of(keys):
            fingerprint = Fingerprint.from_bytes(found)
            await self._work.run_for_library(self._cleaner.seen.add, post, fingerprint, album)

    async def count_lines(self) -> None:
        """Count the lines of the newest posts, so that those that recur in a chat are known."""
        if self._cleaner is None:
            return
        try:
            posts = await self._store.recent(limit=RECENT, offset=0)
            left_out = await self._store.left_out(limit=RECENT)
        except StoreError as error:
            _LOGGER.error("lines that recur are counted from new posts alone: %s", error)
            return
        texts = [(post.id, post.text) for post in posts] + [
            (item.id, item.text) for item in left_out
        ]
        await self._work.run_for_library(self._count_lines, texts)

    async def wrongly_left_out(self) -> list[int]:
        """Numbers of posts that were left out before a line was found to recur in their chat."""
        if self._cleaner is None or not self._cleaner.begun:
            return []
        chats = await self._work.run_for_library(self._begun)
        items = [
            item
            for item in await self._store.left_out(limit=RECENT, rule="advert")
            if item.text and _chat(item.id) in chats
        ]
        return await self._work.run_for_library(self._passing, items)

    async def fill_fingerprints(self) -> None:
        """Look at the posts that are in the library already, so that copies of them are known.

        Those that ship are examples and not the owner's: whoever posts one of them in a channel to
        try things out should find it.
        """
        if self._cleaner is None:
            return
        after = 0
        try:
            while posts := await self._store.without_fingerprint(
                after=after, limit=BATCH, except_source=STARTER
            ):
                after = posts[-1].key
                found = await self._work.run_for_library(self._look_at, posts)
                await self._store.set_fingerprints({k: f.to_bytes() for k, f in found.items()})
                await asyncio.sleep(0)
        except StoreError as error:
            _LOGGER.error("older posts are looked at with the next start: %s", error)

    # On the library's thread, which alone touches the cleaner.

    def _count_lines(self, texts: Sequence[tuple[str, str]]) -> None:
        assert self._cleaner is not None
        for post, text in texts:
            self._cleaner.count_lines(post, text, _chat(post))

    def _begun(self) -> set[str]:
        assert self._cleaner is not None
        chats, self._cleaner.begun = self._cleaner.begun, set()
        return chats

    def _passing(self, items: Sequence[LeftOut]) -> list[int]:
        assert self._cleaner is not None
        return [
            item.number or 0 for item in items if self._cleaner.passes(item.text, _chat(item.id))
        ]

    def _judge(self, post: str, text: str, photo: bytes, album: str | None) -> Judgement:
        assert self._cleaner is not None
        verdict, copy = self._cleaner.judge(post, text, photo, album=album, source=_chat(post))
        found = None if verdict else self._cleaner.seen[post].to_bytes()
        return Judgement(verdict, found, copy)

    def _keep(self, post: str, text: str, photo: bytes) -> Judgement:
        assert self._cleaner is not None
        found = self._cleaner.fingerprint(text, photo, source=_chat(post))
        self._cleaner.seen.add(post, found)
        return Judgement(None, found.to_bytes())

    def _look_at(self, posts: list[Post]) -> dict[int, Fingerprint]:
        assert self._cleaner is not None
        found = {}
        for post in posts:
            try:
                photo = self._photos.read(post.photo)
                one = self._cleaner.fingerprint(post.text, photo, source=_chat(post.id))
            except PhotoError:
                one = self._cleaner.fingerprint(post.text, source=_chat(post.id))
            found[post.key] = one
            self._cleaner.seen.add(post.id, one)
        return found
