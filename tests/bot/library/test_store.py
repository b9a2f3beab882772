from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.library.store import Store
from engine.cleaning.rules import reasons
from engine.errors import StoreError, StoreFullError
from engine.results import Query
from engine.store import Entry, LeftOut, Post, SqliteStore
from engine.store import Store as SyncStore


@pytest.fixture
async def store(open_store: Callable[..., SyncStore]) -> AsyncIterator[Store]:
    opened = Store(open_store(bot=1))
    yield opened
    await opened.close()


def entry(message: int, *, text: str = "text", album: str | None = None, own: str = "") -> Entry:
    post = Post(
        0,
        f"telegram/-1/{message}",
        text=text,
        tags=("tag",),
        date=f"2026-01-01T00:00:{message:02}+00:00",
        source="Channel",
        file=f"file{message}",
        vector=bytes([message]),
        model="m1",
    )
    return Entry(post, -1, message, album, own)


async def ask(store: Store, user: int = 5) -> int:
    return await store.remember(
        user=user, chat=user, kind="text", query=b"q", photo=None, model="m1"
    )


async def test_posts_come_and_change(store: Store) -> None:
    (key,) = await store.finish([], [entry(1)])
    assert list(store.sync.vectors("m1")) == [(key, b"\x01")]
    (again,) = await store.finish([], [entry(1, text="new")])
    assert again == key
    post = (await store.posts([key, 999, 2**70]))[key]
    assert (post.text, post.tags, post.file) == ("new", ("tag",), "file1")
    assert (await store.counts()).posts == 1


async def test_file_ids_are_of_one_bot(store: Store, open_store: Callable[..., SyncStore]) -> None:
    (key,) = await store.finish([], [entry(1)])
    other = Store(open_store(bot=2))
    try:
        assert (await other.posts([key]))[key].file is None
        await other.set_files({key: "other", 999: "nobody's"})
        assert (await other.posts([key]))[key].file == "other"
    finally:
        await other.close()
    assert (await store.posts([key]))[key].file == "file1"


async def test_a_replaced_file_id_is_not_dropped(store: Store) -> None:
    (key,) = await store.finish([], [entry(1)])
    await store.drop_file(key, "an older one")
    assert (await store.posts([key]))[key].file == "file1"
    await store.drop_file(key, "file1")
    assert (await store.posts([key]))[key].file is None


async def test_recent_pages(store: Store) -> None:
    await store.finish([], [entry(n) for n in range(1, 8)])
    first = await store.recent(limit=3, offset=0)
    second = await store.recent(limit=3, offset=3)
    assert [p.id[-1] for p in first + second] == list("765432")


async def test_an_update_is_accepted_once(store: Store) -> None:
    assert await store.accept(10, "p1", "digest", "payload")
    assert not await store.accept(10, "p1", "digest", "payload")
    (pending,) = await store.pending_updates(now=time.time(), limit=10)
    await store.finish([pending])
    assert not await store.accept(10, "p1", "digest", "payload")
    assert await store.pending_updates(now=time.time(), limit=10) == []


async def test_a_number_that_starts_anew_is_another_update(store: Store) -> None:
    await store.accept(10, "p1", "digest", "payload")
    await store.finish(await store.pending_updates(now=time.time(), limit=10))
    await store.accept(11, "p2", "other", "first")
    assert await store.accept(10, "p9", "new digest", "new payload")
    pending_updates = await store.pending_updates(now=time.time(), limit=10)
    assert [pending.payload for pending in pending_updates] == [
        "first",
        "new payload",
    ]


async def test_what_was_put_off_does_not_undo_a_later_edit(store: Store) -> None:
    await store.accept(1, "p1", "a", "old")
    await store.accept(2, "p1", "b", "new")
    old, new = await store.pending_updates(now=time.time(), limit=10)
    await store.postpone(old.number, due=time.time() + 100)
    await store.finish([new])
    assert await store.pending_updates(now=time.time() + 1000, limit=10) == []


async def test_postponed_is_due_later(store: Store) -> None:
    await store.accept(1, "p1", "a", "x")
    (pending,) = await store.pending_updates(now=time.time(), limit=10)
    await store.postpone(pending.number, due=time.time() + 100)
    assert await store.pending_updates(now=time.time(), limit=10) == []
    (later,) = await store.pending_updates(now=time.time() + 101, limit=10)
    assert later.tries == 1


async def test_removed_stays_removed(store: Store) -> None:
    (key,) = await store.finish([], [entry(1)])
    post = await store.remove(key)
    assert post is not None
    assert await store.remove(key) is None
    assert await store.finish([], [entry(1, text="edited")]) == []
    assert await store.posts([key]) == {}
    assert await store.is_removed(post.id)


async def test_buried_before_it_came(store: Store) -> None:
    assert await store.remove_forever("telegram/-1/3") is None
    assert await store.finish([], [entry(3)]) == []


async def test_version_grows_with_vectors(store: Store) -> None:
    versions = [await store.version()]
    (key,) = await store.finish([], [entry(1)])
    versions.append(await store.version())
    await store.set_vectors([(key, b"x")], "m2")
    versions.append(await store.version())
    await store.remove(key)
    versions.append(await store.version())
    assert versions == sorted(set(versions))


async def test_votes_are_one_each_and_changeable(store: Store) -> None:
    query = await ask(store)
    await store.vote(user=5, query=query, key=7, value=1)
    await store.vote(user=5, query=query, key=7, value=-1)
    await store.vote(user=6, query=query, key=7, value=1)
    assert await store.votes(query, 5) == {7: -1}
    assert (await store.counts()).votes == 2


async def test_forget_leaves_nothing_of_a_person(store: Store) -> None:
    query = await ask(store)
    other = await ask(store, user=6)
    await store.show(query, 5, {1: 10})
    await store.vote(user=5, query=query, key=1, value=1)
    await store.set_language(5, "ru")
    assert await store.forget(5) == (1, 1)
    assert await store.asked(query) is None
    assert await store.language(5) is None
    assert await store.shown(query) == {}
    assert await store.asked(other) is not None
    assert await ask(store) > other
    assert await store.forget(999) == (0, 0)


async def test_prune_keeps_what_was_voted_on(store: Store) -> None:
    voted, plain = await ask(store), await ask(store)
    await store.vote(user=5, query=voted, key=1, value=1)
    store.sync._write("UPDATE queries SET asked = '2020-01-01T00:00:00+00:00'")
    fresh = await ask(store)
    assert await store.prune(days=30) == 1
    assert await store.asked(voted) is not None
    assert await store.asked(plain) is None
    assert await store.asked(fresh) is not None


async def test_shown_posts_are_found_by_message(store: Store) -> None:
    query = await ask(store)
    await store.show(query, 5, {1: 10, 2: 11})
    assert await store.shown_in(5, 11) == [2]
    assert await store.shown(query) == {1: 10, 2: 11}
    await store.show(12345, 5, {1: 10})
    assert await store.shown(12345) == {}


async def test_numbers_out_of_range_are_no_error(store: Store) -> None:
    assert await store.asked(2**64) is None
    assert await store.shown(2**64) == {}
    assert await store.posts([2**64]) == {}


async def test_groups(store: Store) -> None:
    await store.add_group(-5, "a")
    await store.add_group(-5, "b")
    assert await store.groups() == {-5}
    assert await store.drop_group(-5)
    assert not await store.drop_group(-5)


async def test_album(store: Store) -> None:
    await store.finish([], [entry(1, album="a", own="caption"), entry(2, album="a")])
    assert [s.own_text for s in await store.siblings(-1, "a")] == ["caption", ""]
    assert await store.post_of(-1, 2) is not None
    assert await store.post_of(-1, 3) is None


async def test_undescribed(store: Store) -> None:
    written = await store.finish([], [entry(n) for n in (1, 2, 3)])
    assert await store.undescribed("m1", after=0, limit=10) == []
    found = await store.undescribed("m2", after=written[0], limit=10)
    assert [post.key for post in found] == written[1:]


async def test_writers_do_not_mix_their_transactions(store: Store) -> None:
    async def one(number: int) -> None:
        await store.finish([], [entry(number)])
        await ask(store, user=number)

    await asyncio.gather(*(one(number) for number in range(1, 40)))
    assert (await store.counts()).posts == 39
    assert (await store.counts()).queries == 39


async def test_a_full_disk_is_told_and_reading_goes_on(tmp_path: Path) -> None:
    sync = SqliteStore(tmp_path / "library.sqlite", bot=1)
    store = Store(sync)
    try:
        (key,) = await store.finish([], [entry(1)])
        # SQLite's own limit gives the very error that a full disk gives.
        writer = sync._connection
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count = {pages}")

        async def ask_for_ever() -> None:
            while True:
                await store.remember(
                    user=1, chat=1, kind="text", query=b"x" * 3000, photo=None, model="m"
                )

        with pytest.raises(StoreFullError):
            await asyncio.wait_for(ask_for_ever(), 20)
        with pytest.raises(StoreFullError):
            await store.finish([], [entry(n, text="x" * 5000) for n in range(2, 20)])
        assert (await store.posts([key]))[key].text == "text"
        writer.execute("PRAGMA max_page_count = 100000")
        assert await store.finish([], [entry(2)])
    finally:
        await store.close()


async def test_no_library(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError):
        SqliteStore(path, bot=1)


def left_out(message: int, *, album: str | None = None, rule: str = "advert") -> LeftOut:
    return LeftOut(
        f"telegram/-1/{message}", -1, album, rule, "0.9", "Buy!", None, f"update{message}"
    )


async def test_what_is_left_out_can_be_put_back(store: Store) -> None:
    (key,) = await store.finish([], [entry(1)])
    assert await store.accept(7, "telegram/-1/1", "d1", "edit")
    pending_updates = await store.pending_updates(now=time.time(), limit=9)
    assert await store.leave_out(pending_updates, [left_out(1), left_out(2, rule="same text")]) == [
        key
    ]
    assert await store.posts([key]) == {}
    assert await store.pending_updates(now=time.time(), limit=9) == []
    assert await store.left_out_counts() == {"advert": 1, "same text": 1}
    newest, older = await store.left_out(limit=9)
    assert (newest.id, older.id) == ("telegram/-1/2", "telegram/-1/1")
    assert not await store.is_kept("telegram/-1/1")
    assert older.number is not None
    assert await store.put_back(older.number) == 1
    assert await store.put_back(older.number) == 0
    assert await store.put_back(2**80) == 0
    assert await store.is_kept("telegram/-1/1")
    (again,) = await store.pending_updates(now=time.time(), limit=9)
    assert (again.subject, again.payload) == ("telegram/-1/1", "update1")
    # It comes in: nothing of it is left behind.
    await store.finish([again], [entry(1)])
    await store.finish([], [entry(2)])
    assert await store.left_out_counts() == {}


async def test_a_post_as_it_came_and_what_its_copies_said(store: Store) -> None:
    came = replace(entry(1), album="a", own_text="own")
    await store.finish([], [came])
    found = await store.as_it_came("telegram/-1/1")
    assert found is not None
    assert (found.chat, found.message, found.album, found.own_text) == (-1, 1, "a", "own")
    assert (found.post.id, found.post.file) == (came.post.id, came.post.file)
    assert await store.as_it_came("telegram/-1/2") is None
    whys = ("as in telegram/-1/1", "looks like telegram/-1/1 (3 bits)", "as in telegram/-1/11")
    copies = [replace(left_out(n), why=why, text=f"text {n}") for n, why in enumerate(whys, 5)]
    await store.leave_out([], copies)
    assert await store.texts_left_out(*reasons("telegram/-1/1")) == ["text 5", "text 6"]


async def test_an_album_is_put_back_as_a_whole(store: Store) -> None:
    await store.leave_out([], [left_out(n, album="a") for n in (1, 2)] + [left_out(3, album="b")])
    assert await store.left_out_album(-1, "a") == ("advert", "0.9")
    assert await store.left_out_album(-2, "a") is None
    (last, *_) = await store.left_out(limit=9)
    assert last.number is not None
    assert await store.put_back(last.number) == 1
    (last, *_) = await store.left_out(limit=9)
    assert last.number is not None
    assert await store.put_back(last.number) == 2


async def test_a_removed_post_is_not_shown_as_left_out(store: Store) -> None:
    await store.leave_out([], [left_out(1)])
    await store.remove_forever("telegram/-1/1")
    await store.leave_out([], [left_out(1)])
    assert await store.left_out(limit=9) == []


async def test_fingerprints(store: Store) -> None:
    (first, second) = await store.finish([], [entry(1), entry(2)])
    await store.finish([], [replace(entry(3), fingerprint=bytes(24))])
    assert [post.key for post in await store.without_fingerprint(after=0, limit=9)] == [
        first,
        second,
    ]
    assert await store.without_fingerprint(after=0, limit=9, except_source="Channel") == []
    await store.set_fingerprints({first: bytes(24), 999: bytes(24)})
    assert [post.id for post in await store.without_fingerprint(after=0, limit=9)] == [
        "telegram/-1/2"
    ]
    assert await store.without_fingerprint(after=second, limit=9) == []


async def test_words_do_not_outlive_their_time(store: Store) -> None:
    """A question with a vote stays as a judgment, without what was typed."""
    asked = Query("text", np.array([0.25, 0.75], np.float32), words=("secret",))
    query = await store.remember(
        user=5, chat=5, kind="text", query=asked.to_bytes(), photo="file", model="m1"
    )
    await store.vote(user=5, query=query, key=1, value=1)
    await store.prune(days=30)
    kept = await store.asked(query)
    assert kept is not None
    assert b"secret" in kept.query
    store.sync._write("UPDATE queries SET asked = '2020-01-01T00:00:00+00:00'")
    await store.prune(days=30)
    kept = await store.asked(query)
    assert kept is not None
    assert b"secret" not in kept.query
    assert kept.photo is None
    assert Query.from_bytes(kept.query).theta.tolist() == [0.25, 0.75]


async def test_nothing_of_a_person_is_left_in_the_files(tmp_path: Path) -> None:
    store = Store(SqliteStore(tmp_path / "library.sqlite", bot=1))
    for number in range(50):
        await store.remember(
            user=5, chat=5, kind="text", query=b"my secret %d" % number, photo=None, model="m1"
        )
    assert any(b"my secret" in path.read_bytes() for path in tmp_path.iterdir())
    assert await store.forget(5) == (0, 50)
    assert not any(b"my secret" in path.read_bytes() for path in tmp_path.iterdir())
    await store.close()


async def test_a_vote_can_be_taken_back(store: Store) -> None:
    query = await ask(store)
    await store.vote(user=5, query=query, key=7, value=1)
    assert [(u, k, v, q) for u, _, k, v, q in await store.all_votes("m1")] == [(5, 7, 1, b"q")]
    await store.vote(user=5, query=query, key=7, value=0)
    assert await store.votes(query, 5) == {}


async def test_a_vote_is_done_with_its_press(store: Store) -> None:
    query = await ask(store)
    await store.take([(1, "press", "")])
    await store.vote(user=5, query=query, key=7, value=1, update=1)
    assert store.sync._read("SELECT payload FROM questions") == [(None,)]


async def test_history(store: Store) -> None:
    numbers = [await ask(store) for _ in range(3)]
    await ask(store, user=6)
    assert [one.id for one in await store.history(5, 2)] == numbers[:0:-1]


async def test_questions_are_taken_once_and_left_until_answered(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    await store.begin_work()
    assert await store.take([(1, "a", ""), (2, "b", "")]) == {1, 2}
    assert await store.take([(2, "b", ""), (3, "c", ""), (4, "d", "")]) == {3, 4}
    await store.begun(1)
    await store.answered([2])
    # What this process has in hand is its own, until it ends.
    assert await store.open_questions() == []
    await store.close()
    for ended in (1, 2):
        again = Store(open_store(bot=1))
        await again.begin_work()
        # The process ended while the first was answered, and again.
        assert await again.open_questions() == [
            (1, "a", "", ended),
            (3, "c", "", 0),
            (4, "d", "", 0),
        ]
        assert await again.open_questions() == []
        await again.begun(1)
        await again.close()
    again = Store(open_store(bot=1))
    await again.begin_work()
    await again.open_questions()
    await again.begun(3)
    # In order: none of them is what ended it.
    await again.release_questions()
    await again.close()
    again = Store(open_store(bot=1))
    try:
        await again.begin_work()
        assert [one.ended for one in await again.open_questions()] == [3, 0, 0]
        assert await again.take([(1, "a", ""), (3, "c", "")]) == set()
        # Telegram may start its numbers anew after a quiet week.
        assert await again.take([(1, "another", "")]) == {1}
        await again.answered([1, 3, 4])
    finally:
        await again.close()
    last = Store(open_store(bot=1))
    assert await last.open_questions() == []
    await last.close()


async def test_an_album_is_answered_by_one(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    other = Store(open_store(bot=1))
    try:
        await store.take([(1, "a", "5 album"), (2, "b", "")])
        await other.take([(3, "c", "5 album")])
        claims = await asyncio.gather(*(one.claim_album("5 album") for one in (store, other)))
        assert sorted(map(sorted, claims)) == [[], [(1, "a"), (3, "c")]]
        assert await store.claim_album("5 album") == []
    finally:
        await other.close()


async def test_a_group_that_became_a_supergroup(store: Store) -> None:
    await store.add_group(-5, "a")
    await store.finish([], [entry(1)])
    await store.move_chat(-1, -100)
    await store.move_chat(-5, -500)
    assert await store.groups() == {-500}
    assert await store.post_of(-100, 1) is not None


async def test_the_update_that_ended_the_process_is_known(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    await store.begin_work()
    for number in (1, 2):
        await store.accept(number, f"p/{number}", str(number), "x")
    first, second = await store.pending_updates(now=time.time(), limit=9)
    await store.working_on(first.number)
    # The process ends here; the next one sees which update it was, and leaves it for last.
    await store.close()
    again = Store(open_store(bot=1))
    try:
        await again.begin_work()
        waiting = await again.pending_updates(now=time.time(), limit=9)
        assert [(one.number, one.ended) for one in waiting] == [
            (second.number, 0),
            (first.number, 1),
        ]
        await again.working_on(second.number)
        await again.finish([waiting[0]])
        await again.working_on(first.number)
        await again.working_on(None)
        await again.begin_work()
        assert [one.ended for one in await again.pending_updates(now=time.time(), limit=9)] == [1]
    finally:
        await again.close()


async def test_a_clock_that_was_set_back_keeps_nothing_waiting(store: Store) -> None:
    await store.accept(1, "p1", "a", "x")
    (pending,) = await store.pending_updates(now=time.time(), limit=9)
    await store.postpone(pending.number, due=time.time() + 86_400)
    assert len(await store.pending_updates(now=time.time(), limit=9)) == 1


async def test_limits_are_kept_by_all_together(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    other = Store(open_store(bot=1))
    try:
        waits = [
            await one.reserve("all", rate=2, burst=4) for one in (store, other) for _ in range(3)
        ]
        assert await store.reserve("group -5", rate=2, burst=4) == 0
    finally:
        await other.close()
    if store.sync.shared:
        assert waits[:4] == [0, 0, 0, 0]
        assert 0.3 < waits[4] < waits[5] < 1.01
    else:
        assert waits == [0.0] * 6


async def test_one_of_all_leads_and_another_goes_on(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    assert await store.lead()
    assert await store.lead()
    other = Store(open_store(bot=1))
    try:
        assert await other.lead() is not store.sync.shared
        await store.close()
        async with asyncio.timeout(5):
            while not await other.lead():
                await asyncio.sleep(0.05)
    finally:
        await other.close()


async def test_one_process_at_a_time_does_what_a_button_says(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    await store.begin_work()
    assert await store.claim("press 1 2 up")
    assert not await store.claim("press 1 2 up")
    assert await store.claim("press 1 2 down")
    if store.sync.shared:
        other = Store(open_store(bot=1))
        await other.begin_work()
        assert not await other.claim("press 1 2 up")
        await store.close()
        async with asyncio.timeout(5):
            while not await other.claim("press 1 2 up"):
                await asyncio.sleep(0.05)
        await other.close()
    else:
        await store.unclaim("press 1 2 up")
        assert await store.claim("press 1 2 up")


async def test_votes_that_another_process_took(store: Store) -> None:
    query = await ask(store)
    for key in (7, 8):
        await store.vote(user=5, query=query, key=key, value=1)
    version = await store.votes_version()
    await store.vote(user=5, query=query, key=8, value=-1)
    newer = await store.votes_version()
    assert [vote.value for vote in await store.all_votes("m1", [8])] == [-1]
    await store.forget(5)
    changed = [await store.voted_since(one) for one in (version, newer)]
    if store.sync.shared:
        assert version < newer < await store.votes_version()
        assert [set(keys) for keys in changed] == [{7, 8}] * 2
    else:
        assert changed == [[], []]


async def test_what_one_works_on_is_left_to_it(
    store: Store, open_store: Callable[..., SyncStore]
) -> None:
    other = Store(open_store(bot=1))
    if not store.sync.shared:
        await other.close()
        pytest.skip("a file is one process's own")
    try:
        await store.begin_work()
        await other.begin_work()
        await store.accept(1, "p/1", "1", "x", "album")
        await store.accept(2, "q/2", "2", "x")
        assert len(await store.pending_updates(now=time.time(), limit=9)) == 2
        await store.accept(3, "p/3", "3", "x", "album")
        # Another photo of the album waits for the one that is being worked in.
        assert await other.pending_updates(now=time.time(), limit=9) == []
        await store.close()
        async with asyncio.timeout(5):
            while len(await other.pending_updates(now=time.time(), limit=9)) != 3:
                await asyncio.sleep(0.05)
    finally:
        await other.close()
