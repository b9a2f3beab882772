"""The store off the event loop: each method of `engine.store.Store`, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeVar

from engine.store import Store as SyncStore

P = ParamSpec("P")
T = TypeVar("T")

#: One reads or writes while others wait for the disk or the network.
THREADS: Final = 4


def _awaited(
    method: Callable[Concatenate[SyncStore, P], T],
) -> Callable[Concatenate[Store, P], Awaitable[T]]:
    name = method.__name__

    async def call(self: Store, /, *args: P.args, **kwargs: P.kwargs) -> T:
        bound = getattr(self.sync, name)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(bound, *args, **kwargs))

    call.__doc__ = method.__doc__
    return call


class Store:
    """The library, the votes and the history.

    Parameters
    ----------
    sync
        What it calls, on threads of its own; the engine's threads call it directly.
    """

    def __init__(self, sync: SyncStore) -> None:
        self.sync = sync
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="store")

    async def close(self) -> None:
        """Let go of the database after what is being written is written."""
        await asyncio.to_thread(self._threads.shutdown)
        self.sync.close()

    # posts
    posts = _awaited(SyncStore.posts)
    by_id = _awaited(SyncStore.by_id)
    recent = _awaited(SyncStore.recent)
    since = _awaited(SyncStore.since)
    filtered = _awaited(SyncStore.filtered)
    version = _awaited(SyncStore.version)
    counts = _awaited(SyncStore.counts)
    set_files = _awaited(SyncStore.set_files)
    drop_file = _awaited(SyncStore.drop_file)
    without_file = _awaited(SyncStore.without_file)
    remove = _awaited(SyncStore.remove)
    remove_forever = _awaited(SyncStore.remove_forever)
    is_removed = _awaited(SyncStore.is_removed)
    undescribed = _awaited(SyncStore.undescribed)
    set_vectors = _awaited(SyncStore.set_vectors)
    changes = _awaited(SyncStore.changes)
    gone = _awaited(SyncStore.gone)
    described = _awaited(SyncStore.described)
    set_picture_words = _awaited(SyncStore.set_picture_words)
    without_picture_words = _awaited(SyncStore.without_picture_words)
    index_some = _awaited(SyncStore.index_some)
    without_fingerprint = _awaited(SyncStore.without_fingerprint)
    fingerprints_of = _awaited(SyncStore.fingerprints_of)
    set_fingerprints = _awaited(SyncStore.set_fingerprints)

    # questions, votes, people
    remember = _awaited(SyncStore.remember)
    asked = _awaited(SyncStore.asked)
    history = _awaited(SyncStore.history)
    show = _awaited(SyncStore.show)
    shown = _awaited(SyncStore.shown)
    shown_in = _awaited(SyncStore.shown_in)
    vote = _awaited(SyncStore.vote)
    votes = _awaited(SyncStore.votes)
    all_votes = _awaited(SyncStore.all_votes)
    votes_version = _awaited(SyncStore.votes_version)
    voted_since = _awaited(SyncStore.voted_since)
    language = _awaited(SyncStore.language)
    set_language = _awaited(SyncStore.set_language)
    forget = _awaited(SyncStore.forget)
    prune = _awaited(SyncStore.prune)

    # the live library
    groups = _awaited(SyncStore.groups)
    add_group = _awaited(SyncStore.add_group)
    drop_group = _awaited(SyncStore.drop_group)
    move_chat = _awaited(SyncStore.move_chat)
    accept = _awaited(SyncStore.accept)
    pending_updates = _awaited(SyncStore.pending_updates)
    begin_work = _awaited(SyncStore.begin_work)
    reserve = _awaited(SyncStore.reserve)
    lead = _awaited(SyncStore.lead)
    claim = _awaited(SyncStore.claim)
    unclaim = _awaited(SyncStore.unclaim)
    working_on = _awaited(SyncStore.working_on)
    release = _awaited(SyncStore.release)
    postpone = _awaited(SyncStore.postpone)
    finish = _awaited(SyncStore.finish)
    siblings = _awaited(SyncStore.siblings)
    post_of = _awaited(SyncStore.post_of)
    as_it_came = _awaited(SyncStore.as_it_came)
    leave_out = _awaited(SyncStore.leave_out)
    left_out = _awaited(SyncStore.left_out)
    left_out_counts = _awaited(SyncStore.left_out_counts)
    texts_left_out = _awaited(SyncStore.texts_left_out)
    left_out_album = _awaited(SyncStore.left_out_album)
    put_back = _awaited(SyncStore.put_back)
    is_kept = _awaited(SyncStore.is_kept)

    # questions on their way
    take = _awaited(SyncStore.take)
    begun = _awaited(SyncStore.begun)
    answered = _awaited(SyncStore.answered)
    claim_album = _awaited(SyncStore.claim_album)
    open_questions = _awaited(SyncStore.open_questions)
    release_questions = _awaited(SyncStore.release_questions)
