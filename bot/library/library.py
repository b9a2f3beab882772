"""The live library: posts from channels and groups, from the update to the index.

An update about the library is written to the store before it is acknowledged
(to Telegram: by a later offset, or by the webhook's answer). From there it is
processed, as often as it takes; post, vector and the mark "done" are committed
together. So a post is neither lost nor there twice, wherever the process ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Final, NamedTuple

from telegram import Bot, Message, Update
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError

from bot.library.cleaning import Gate
from bot.library.messages import (
    as_left_out,
    clean,
    hashtags,
    link,
    origin,
    post_id,
    shows_something,
)
from bot.library.photos import Fetch, Photos
from bot.library.picture_words import PictureWords
from bot.library.seed import take_votes
from bot.library.store import Store
from bot.library.thumbnails import Thumbnails
from bot.metrics import Metrics
from bot.telegram.pictures import file_of
from bot.work import Work
from engine.cleaning.duplicates import Copy
from engine.cleaning.rules import Verdict, judge_copy, reasons
from engine.engine import Engine
from engine.errors import Image2PicError, StoreError
from engine.results import PostVector
from engine.store import Change, Entry, LeftOut, PendingUpdate, Post
from engine.store.posts import VERSIONS

_LOGGER = logging.getLogger(__name__)

BATCH: Final = 16
#: Updates kept in memory while the disk is full.
BACKLOG_MAX: Final = 1000
#: Seconds before a failed download is tried again; doubled each time, up to the maximum.
FIRST_PAUSE: Final = 1.0
PAUSE_MAX: Final = 300.0
#: Tries before an update is given up (with PAUSE_MAX between them: a day and a half).
TRIES_MAX: Final = 440
#: The same for an unexpected error.
TRIES_UNEXPECTED: Final = 3
#: Ends of the process after which the update that it worked on is set aside, and that rule.
ENDED_MAX: Final = 2
ENDED: Final = "ended the bot"
#: Seconds to wait when the store fails.
STORE_PAUSE: Final = 2.0
#: Seconds between looks at the inbox for updates whose time has come.
LOOK_EVERY: Final = 5.0
#: Seconds between looks at what other processes wrote, and for who does the background work.
FOLLOW_EVERY: Final = 0.4
LEAD_EVERY: Final = 5.0
#: Seconds between saves of the index while the library grows.
SAVE_EVERY: Final = 300.0


class _Result(NamedTuple):
    """What a message became, and the post that it is a copy of, or that it takes the place of."""

    item: Entry | LeftOut
    copy: Copy | None = None


class Library:
    """Takes updates, works them in, keeps index and store together.

    Parameters
    ----------
    fetch
        Downloads a file by its file_id.
    gate
        Judges posts.
    channels
        Channels whose posts are taken; empty: every one that the bot is in.
    index
        Where the index is saved.
    """

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        work: Work,
        photos: Photos,
        thumbnails: Thumbnails,
        picture_words: PictureWords,
        fetch: Fetch,
        gate: Gate,
        metrics: Metrics,
        channels: frozenset[int],
        index: Path,
        photo_bytes: int,
        groups: set[int],
    ) -> None:
        self._store, self._engine, self._work = store, engine, work
        self._photos, self._fetch, self._metrics = photos, fetch, metrics
        self._thumbnails, self._picture_words, self._gate = thumbnails, picture_words, gate
        self._channels, self._index, self._photo_bytes = channels, index, photo_bytes
        #: Set once the application is built; only updates that are read back need it.
        self.bot: Bot | None = None
        #: Awaited when a post was set aside because it ended the bot.
        self.on_set_aside: Callable[[], Awaitable[None]] | None = None
        self.groups = groups
        self.waiting = 0
        self.disk_full = False
        #: Whether the database that several bots share answers.
        self.reachable = True
        # Whoever changes store and index together holds it, so that they never differ for others.
        self._change = asyncio.Lock()
        self._wake = asyncio.Event()
        # One post at a time is decoded, so that it is known which one ended the process.
        self._one = asyncio.Lock()
        self._backlog: dict[int, Update] = {}
        #: The store's version that the index is of, and the one that was saved.
        self._version = self._saved_version = -1
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    async def start(self, *, version: int, saved: bool) -> None:
        """Begin to process what is stored, and to describe what the model does not know.

        Parameters
        ----------
        version
            The store's version that the engine's index is of.
        saved
            Whether that is the index on disk.
        """
        self._version, self._saved_version = version, version if saved else -1
        await self._store.begin_work()
        self._tasks = [
            asyncio.create_task(self._run(), name="library"),
            asyncio.create_task(self._background(), name="background"),
            asyncio.create_task(self._count_lines(), name="lines"),
            asyncio.create_task(self._save_often(), name="save index"),
            asyncio.create_task(self._fill_thumbnails(), name="thumbnails"),
        ]
        if self._store.sync.shared:
            self._tasks.append(asyncio.create_task(self._follow(), name="follow"))

    async def stop(self) -> None:
        """Stop; what is not processed waits in the store. Saves the index."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(StoreError):
            await self._store.release()
        await self._save()

    # Taking

    def takes(self, update: Update) -> bool:
        """Whether an update is about a post of the library."""
        message = update.channel_post or update.edited_channel_post
        if message is not None:
            allowed = not self._channels or message.chat_id in self._channels
            return allowed and shows_something(message)
        message = update.message or update.edited_message
        return (
            message is not None
            and message.chat_id in self.groups
            # Of a channel's post that is copied into its discussion group there is the original.
            and not message.is_automatic_forward
            and file_of(message) is not None
        )

    async def accept(self, update: Update) -> None:
        """Write an update down; it may be acknowledged when this returns.

        Raises
        ------
        StoreError
            It could not be written: do not acknowledge it.
        """
        payload = update.to_json()
        digest = hashlib.sha256(payload.encode()).hexdigest()[:32]
        message = update.effective_message
        assert message is not None
        subject = post_id(message.chat_id, message.message_id)
        new = await self._store.accept(
            update.update_id, subject, digest, payload, message.media_group_id
        )
        self._metrics.ingested.labels("accepted" if new else "known").inc()
        self._wake.set()

    async def keep(self, update: Update) -> None:
        """Keep an update in memory until the store takes it again (the disk is full)."""
        self.disk_full = True
        self._backlog[update.update_id] = update
        while len(self._backlog) > BACKLOG_MAX:
            lost = self._backlog.pop(next(iter(self._backlog)))
            _LOGGER.error("update %d is lost: the disk has been full too long", lost.update_id)

    async def _empty_backlog(self) -> None:
        for number, update in list(self._backlog.items()):
            await self.accept(update)
            self._backlog.pop(number, None)
        if self.disk_full:
            _LOGGER.warning("the disk has room again")
        self.disk_full = False

    @property
    def backlog(self) -> int:
        """Updates that are only in memory."""
        return len(self._backlog)

    # Processing

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                if self.disk_full:
                    await self._empty_backlog()
                while await self.process_batch():
                    pass
            except StoreError as error:
                _LOGGER.error("the library cannot be written: %s", error)
                await self._give_back()
                continue
            except Exception:
                _LOGGER.exception("processing posts failed")
                await self._give_back()
                continue
            # Not `wait_for`: where both come at once it loses that the task is cancelled.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()

    async def _give_back(self) -> None:
        """It was not an update that failed, but the database."""
        await asyncio.sleep(STORE_PAUSE)
        with suppress(StoreError):
            await self._store.release()

    async def process_batch(self) -> int:
        """Process one batch of the stored updates that are due; returns how many there were."""
        pending_updates = await self._store.pending_updates(now=time.time(), limit=BATCH)
        if not pending_updates:
            return 0
        try:
            await self._process(pending_updates)
        except StoreError:
            raise
        except Exception:
            # One of them fails: process each alone, so that it does not keep back the others.
            for pending in pending_updates:
                await self._process_alone(pending)
        self._metrics.posts.set(len(self._engine))
        self.waiting = (await self._store.counts()).waiting
        return len(pending_updates)

    async def _process_alone(self, pending: PendingUpdate) -> None:
        try:
            await self._process([pending])
        except StoreError:
            raise
        except Exception:
            _LOGGER.exception("an update about %s cannot be processed", pending.subject[:100])
            self._metrics.ingested.labels("refused").inc()
            await self._store.finish([pending])

    async def _process(self, pending: Sequence[PendingUpdate]) -> None:
        messages: dict[str, tuple[list[PendingUpdate], Message]] = {}
        done: list[PendingUpdate] = []
        for one in pending:
            message = self._read(one)
            if message is None:
                done.append(one)
                continue
            # A later edit of the same message takes the place of the earlier state.
            before = messages.pop(one.subject, ([], message))[0]
            messages[one.subject] = ([*before, one], message)
        captions = {
            (m.chat_id, m.media_group_id): clean(m.caption)
            for _, m in messages.values()
            if m.media_group_id and m.caption
        }
        results = await asyncio.gather(
            *(
                self._entry(message, captions, sources[-1])
                for sources, message in messages.values()
            ),
            return_exceptions=True,
        )
        entries: list[Entry] = []
        left_out: list[LeftOut] = []
        set_aside: list[PendingUpdate] = []
        # Posts whose copies were left out, and those whose place a better copy takes.
        originals: list[str] = []
        worse: dict[str, Verdict] = {}
        for (sources, message), result in zip(messages.values(), results, strict=True):
            if isinstance(result, BaseException):
                done += sources if await self._give_up(sources, message, result) else []
            elif isinstance(result.item, Entry):
                entries.append(result.item)
                done += sources
                if (copy := result.copy) is not None:
                    worse[copy.key] = judge_copy(copy._replace(key=result.item.post.id))
                    originals.append(result.item.post.id)
            else:
                left_out.append(result.item)
                set_aside += sources
                if result.copy is not None and result.item.text:
                    originals.append(result.copy.key)
        entries += await self._rewritten_siblings(entries)
        if left_out:
            await self._leave_out(set_aside, left_out)
        async with self._change:
            written = await self._store.finish(done, entries)
            await self._catch_up()
        for other, verdict in worse.items():
            if (entry := await self._store.as_it_came(other)) is not None:
                await self._leave_out([], [as_left_out(entry, verdict, self.groups)])
                await self._gate.forget(other)
        # What stays takes over the words of what goes.
        for original in dict.fromkeys(originals):
            if (post := await self._store.by_id(original)) is not None:
                await self._redescribe_one(post, self._engine.info.id)
        self._metrics.ingested.labels("stored").inc(len(written))
        if written:
            self._picture_words.wake()
        await self._judge_again()

    async def _count_lines(self) -> None:
        await self._gate.count_lines()
        try:
            await self._judge_again()
        except StoreError as error:
            _LOGGER.error("posts that were left out are judged again later: %s", error)

    async def _judge_again(self) -> None:
        """Judge posts once more that were left out for a line that was found to recur since."""
        for number in await self._gate.wrongly_left_out():
            await self._store.put_back(number, wanted=False)
            self._wake.set()

    async def _leave_out(self, pending: Sequence[PendingUpdate], items: Sequence[LeftOut]) -> None:
        async with self._change:
            await self._store.leave_out(pending, items)
            await self._catch_up()
        for item in items:
            _LOGGER.info("%s is left out: %s", item.id, item.rule)
            self._metrics.ingested.labels("left out: " + item.rule).inc()
        if self.on_set_aside is not None and any(item.rule == ENDED for item in items):
            await self.on_set_aside()

    async def _catch_up(self) -> None:
        """Bring the index to the store's state; `_change` is held."""
        newest = await self._store.version()
        while self._version < newest:
            changes = await self._store.changes(self._engine.info.id, after=self._version)
            await self._work.run_for_library(self._apply, changes)
            if self._store.sync.shared:
                keys = [change.key for change in changes]
                for post in await self._store.gone(keys):
                    await self._gate.forget(post)
                    self._thumbnails.discard(post)
                await self._gate.learn(keys)
            self._version = min(newest, self._version + VERSIONS)

    async def _follow(self) -> None:
        """Take in what other processes wrote: posts, their copies, votes and groups."""
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            try:
                async with self._change:
                    await self._catch_up()
                await self._follow_votes()
                groups = await self._store.groups()
                if not self.reachable:
                    await self._store.begin_work()
            except StoreError as error:
                self.reachable = False
                _LOGGER.error("the database cannot be read: %s", error)
                await asyncio.sleep(STORE_PAUSE)
                continue
            self.reachable = True
            self.groups.intersection_update(groups)
            self.groups.update(groups)
            self._metrics.posts.set(len(self._engine))

    async def _follow_votes(self) -> None:
        feedback = self._engine.feedback
        version = await self._store.votes_version()
        if version != feedback.version:
            keys = await self._store.voted_since(feedback.version)
            await self._work.run_for_library(take_votes, self._engine, self._store.sync, keys)
            feedback.version = version

    async def _background(self) -> None:
        """What one process does for all that share the library; another goes on when it ends."""
        while not await self._store.lead():  # noqa: ASYNC110 (another process's end is no event)
            await asyncio.sleep(LEAD_EVERY)
        await asyncio.gather(
            self._redescribe(),
            self._gate.fill_fingerprints(),
            self._index_words(),
            self._picture_words.run(self._redescribe_written),
        )

    def _apply(self, changes: Sequence[Change]) -> None:
        self._engine.add([(c.key, c.vector) for c in changes if c.vector is not None])
        self._engine.remove([c.key for c in changes if c.vector is None])

    async def put_back(self, number: int) -> int:
        """Take in after all what was left out under that number; how many posts it will be."""
        count = await self._store.put_back(number)
        self._wake.set()
        return count

    def _read(self, pending: PendingUpdate) -> Message | None:
        try:
            update = Update.de_json(json.loads(pending.payload), self.bot)
        except Exception:
            _LOGGER.exception("update %d cannot be read", pending.number)
            return None
        return update.effective_message

    async def _entry(
        self, message: Message, captions: dict[tuple[int, str], str], pending: PendingUpdate
    ) -> _Result:
        file = file_of(message)
        assert file is not None
        if (file.size or 0) > self._photo_bytes:
            raise BadRequest("the photo is too large")
        own = clean(message.caption or "")
        album = message.media_group_id
        text = own
        if album and not own:
            text = captions.get((message.chat_id, album), "")
            if not text:
                siblings = await self._store.siblings(message.chat_id, album)
                # Its own caption of before was taken away.
                others = [s for s in siblings if s.message != message.message_id]
                text = next((s.own_text for s in others if s.own_text), "")
        id_ = post_id(message.chat_id, message.message_id)

        def left_out(verdict: tuple[str, str], copy: Copy | None = None) -> _Result:
            payload, url = pending.payload, link(message)
            item = LeftOut(id_, message.chat_id, album, *verdict, text, url, payload)
            return _Result(item, copy)

        if pending.ended >= ENDED_MAX:
            return left_out((ENDED, ""))
        photo = await self._fetch(file.id)
        source, url = origin(message)
        post = Post(
            0,
            id_,
            text=text,
            tags=hashtags(text),
            date=message.date.astimezone(UTC).isoformat(),
            source=source,
            url=url,
            media=file.media,
            file=file.id,
        )
        async with self._one:
            await self._store.working_on(pending.number)
            verdict, fingerprint, copy = await self._gate.judge(
                id_, text, photo, chat=message.chat_id, album=album
            )
            if verdict is None:
                post = await self._described(post, photo)
            # Should the process end now, it was not by this one.
            await self._store.working_on(None)
        if verdict is not None:
            return left_out(verdict, copy)
        entry = Entry(post, message.chat_id, message.message_id, album, own, fingerprint)
        return _Result(entry, copy)

    async def _said(self, post: Post) -> str:
        """What a post says, with what copies of it said that were left out."""
        texts: dict[str, str] = {}
        for text in (post.text, *await self._store.texts_left_out(*reasons(post.id))):
            said = self._gate.said(post.id, text)
            texts.setdefault(" ".join(said.split()).casefold(), said)
        return "\n".join(texts.values())

    async def _vector(self, post: Post, photo: bytes | None, said: str) -> PostVector:
        words = post.picture_words or ""
        return await self._work.run_for_library(
            self._engine.describe, photo=photo, text=said, tags=post.tags, written=words
        )

    async def _described(self, post: Post, photo: bytes) -> Post:
        vector = await self._vector(post, photo, await self._said(post))
        await self._work.run_for_library(self._thumbnails.make, post.id, photo)
        return replace(post, vector=vector.blob, model=self._engine.info.id)

    async def _give_up(
        self, sources: Sequence[PendingUpdate], message: Message, error: BaseException
    ) -> bool:
        """Whether to give an update up; where not, it is put off."""
        tries = max(pending.tries for pending in sources)
        permanent = isinstance(error, Image2PicError | BadRequest | Forbidden | InvalidToken)
        limit = TRIES_MAX if isinstance(error, TelegramError) else TRIES_UNEXPECTED
        if isinstance(error, StoreError):
            raise error
        if permanent or tries >= limit:
            _LOGGER.warning(
                "message %d of chat %d is no post: %s", message.message_id, message.chat_id, error
            )
            self._metrics.ingested.labels("refused").inc()
            await self._gate.forget(post_id(message.chat_id, message.message_id))
            return True
        if not isinstance(error, TelegramError):
            _LOGGER.error("describing message %d failed", message.message_id, exc_info=error)
        due = time.time() + min(PAUSE_MAX, FIRST_PAUSE * 2**tries)
        for pending in sources:
            await self._store.postpone(pending.number, due=due)
        return False

    async def _rewritten_siblings(self, entries: Sequence[Entry]) -> list[Entry]:
        """Photos of an album that carry the caption of another one: when that has changed."""
        here = {entry.post.id for entry in entries}
        rewritten = []
        for entry in entries:
            if not entry.album:
                continue
            siblings = await self._store.siblings(entry.chat, entry.album)
            before = next((s.own_text for s in siblings if s.post.id == entry.post.id), "")
            if not (entry.own_text or before):
                continue
            for sibling in siblings:
                post = sibling.post
                changed = not sibling.own_text and post.text != entry.post.text
                if post.id in here or not changed or not post.file:
                    continue
                post = replace(post, text=entry.post.text, tags=entry.post.tags)
                try:
                    post = await self._described(post, await self._fetch(post.file or ""))
                except (TelegramError, Image2PicError) as error:
                    _LOGGER.warning("a photo of an album keeps its old caption: %s", error)
                    continue
                rewritten.append(Entry(post, sibling.chat, sibling.message, entry.album, ""))
        return rewritten

    # Removing

    async def remove(self, key: int) -> bool:
        """Take a post out, for good."""
        async with self._change:
            post = await self._store.remove(key)
            if post is None:
                return False
            await self._gate.forget(post.id)
            self._thumbnails.discard(post.id)
            await self._catch_up()
        self._metrics.posts.set(len(self._engine))
        return True

    async def remove_message(self, chat: int, message: int) -> bool:
        """Take out the post that came as a message, also when it is not processed yet."""
        async with self._change:
            await self._gate.forget(post_id(chat, message))
            self._thumbnails.discard(post_id(chat, message))
            key = await self._store.remove_forever(post_id(chat, message))
            await self._catch_up()
            if key is None:
                return False
        self._metrics.posts.set(len(self._engine))
        return True

    # A new model, and the index on disk

    async def _redescribe(self) -> None:
        """Describe posts whose vector is of another model, from photos that can be fetched."""
        model, after, count = self._engine.info.id, 0, 0
        try:
            while posts := await self._store.undescribed(model, after=after, limit=BATCH):
                for post in posts:
                    after = post.key
                    count += await self._redescribe_one(post, model)
        except StoreError as error:
            _LOGGER.error("posts are left undescribed until the next start: %s", error)
        if count:
            _LOGGER.info("described %d posts anew for the model", count)

    async def _redescribe_one(self, post: Post, model: str) -> bool:
        try:
            photo = await self._work.run_for_library(self._photos.read, post.photo)
            if photo is None and post.file:
                photo = await self._fetch(post.file)
            said = await self._said(post)
            if photo is None and not said:
                return False
            vector = await self._vector(post, photo, said)
        except StoreError:
            raise
        except (Image2PicError, TelegramError) as error:
            _LOGGER.warning("post %d cannot be described: %s", post.key, error)
            return False
        async with self._change:
            await self._store.set_vectors([(post.key, vector.blob)], model)
            await self._catch_up()
        return True

    async def _redescribe_written(self, post: Post, words: str) -> None:
        """Describe a post once more, on whose picture words were found."""
        await self._redescribe_one(replace(post, picture_words=words), self._engine.info.id)

    async def _index_words(self) -> None:
        """Index the words of posts that an older image2pic wrote."""
        try:
            while await self._store.index_some(BATCH):
                pass
        except StoreError as error:
            _LOGGER.error("words are left unindexed until the next start: %s", error)

    async def _fill_thumbnails(self) -> None:
        """Make the thumbnails that are missing, of the newest posts, from photos on disk."""
        try:
            keys = await self._store.filtered()
            for start in range(0, len(keys), BATCH):
                for post in (await self._store.posts(keys[start : start + BATCH])).values():
                    if post.photo and not self._thumbnails.has(post.id):
                        await asyncio.to_thread(self._thumbnails.from_disk, post)
        except StoreError as error:
            _LOGGER.error("thumbnails are made as they are needed: %s", error)

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY)
            await self._save()

    async def _save(self) -> None:
        try:
            async with self._change:
                if self._version != self._saved_version:
                    await self._work.run_for_library(
                        self._engine.save, self._index, version=self._version
                    )
                    self._saved_version = self._version
        except (OSError, Image2PicError) as error:
            # It is a cache: the next start builds it anew.
            _LOGGER.warning("the index was not saved: %s", error)
