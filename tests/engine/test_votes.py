"""What votes and filters change in the real engine's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.engine import Engine
from engine.model import load_model
from engine.store import SqliteStore
from tests.bot.conftest import jpeg


@pytest.fixture
def engine(small_model: Path) -> Engine:
    made = Engine.open(small_model, threads=1)
    with SqliteStore(small_model / "posts.sqlite") as store:
        made.load(store.vectors(load_model(small_model).info.id), version=-1)
    return made


def keys(engine: Engine, query: object, **more: object) -> list[int]:
    return [hit.key for hit in engine.search(query, limit=30, **more).hits]  # type: ignore[arg-type]


def test_a_vote_changes_the_order(engine: Engine) -> None:
    query = engine.query(text="sea")
    before = keys(engine, query)
    after = keys(engine, engine.with_votes(query, [before[20]], [before[2]]))
    assert after.index(before[20]) < 8
    assert before[2] not in after or after.index(before[2]) >= 2
    assert keys(engine, engine.with_votes(query, [], [])) == before
    # Posts that were removed meanwhile do not count.
    assert keys(engine, engine.with_votes(query, [10**9], [])) == before


def test_votes_of_many_raise_a_post_for_like_questions(engine: Engine) -> None:
    query = engine.query(text="sea")
    before = keys(engine, query)
    for user in range(20):
        engine.feedback.set(before[6], user=user, query=user, theta=query.theta, value=1)
    assert keys(engine, query).index(before[6]) < 6
    night = engine.query(text="night")
    lifted = keys(engine, night)
    for user in range(20):
        engine.feedback.forget(user)
    assert keys(engine, query) == before
    assert keys(engine, night) == lifted


def test_only_posts_that_pass_a_filter(engine: Engine) -> None:
    query = engine.query(text="sea")
    before = keys(engine, query)
    assert keys(engine, query, among=before[3:5]) == before[3:5]
    assert keys(engine, query, among=[]) == []


def test_an_album_is_one_question(engine: Engine) -> None:
    photos = [engine.query(photo=jpeg(colour)) for colour in ((230, 120, 40), (20, 20, 60))]
    one = engine.together(photos)
    assert abs(float(one.theta.sum()) - 1) < 1e-5
    assert engine.together(photos[:1]) is photos[0]
    assert engine.search(one, limit=5) == engine.search(engine.together(photos[::-1]), limit=5)
