from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.projection import unit_rows
from training.learn.cca import CcaSettings, moments
from training.learn.choose import (
    banks,
    good_counts,
    photo_vectors,
    retrieval_value,
    search_cca,
    split,
    topic_counts,
    with_base,
)
from training.learn.refine import inverse_document_frequency, weigh


def test_a_split_holds_out_a_share_and_no_post_is_on_both_sides(planted: Any) -> None:
    learn, held = split(planted.train, share=0.3, seed=3)
    assert len(held) == 120
    assert not set(learn.ids) & set(held.ids)
    assert set(learn.ids) | set(held.ids) == set(planted.train.ids)
    again = split(planted.train, share=0.3, seed=3)[1]
    assert again.ids == held.ids


def test_small_corpora_hold_out_more(planted: Any) -> None:
    assert len(split(planted.train, share=0.01, seed=1)[1]) == 80


def test_numbers_of_topics_follow_the_posts() -> None:
    assert topic_counts(50) == (16,)
    assert max(topic_counts(300)) == 32
    # What other posts say needs more directions than so few posts do.
    assert max(topic_counts(300, known=True)) == 128
    assert max(topic_counts(100_000)) == 256


def test_of_numbers_of_topics_that_do_as_well_some_are_compared() -> None:
    values = {16: 10.0, 32: 99.0, 64: 100.0, 96: 99.5, 128: 99.9, 192: 98.5, 256: 90.0}
    assert good_counts(values, posts=100_000) == [64, 128]
    # Of few posts, what it is better by may be chance.
    assert good_counts(values, posts=300) == [128, 256]
    assert good_counts({16: 1.0}, posts=300) == [16]


def test_retrieval_value_of_what_is_always_found() -> None:
    vectors = unit_rows(np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32))
    assert retrieval_value(vectors, vectors, np.arange(30)) == pytest.approx(600)


def test_what_is_chosen_is_the_best_that_was_tried(planted: Any) -> None:
    lines: list[str] = []
    found = search_cca(planted.train, {}, share=0.2, seed=1, topics=(16, 24), progress=lines.append)
    assert set(found.values) == {16, 24}
    assert found.settings.base == 0
    # Each last choice is the best of its row, or as good as that but for chance.
    for setting, values in {row["setting"]: row["values"] for row in found.tried}.items():
        chosen = values[f"{getattr(found.settings, setting):g}"]
        assert chosen >= (1 - 0.5 / np.sqrt(len(planted.train))) * max(values.values()) - 0.1
    assert len(lines) == len(found.tried)
    again = search_cca(planted.train, {}, share=0.2, seed=1, topics=(16, 24), progress=lines.append)
    assert again == found


def test_statistics_of_other_posts_are_added_only_if_wanted(planted: Any) -> None:
    data = planted.train
    words = weigh(data.texts, inverse_document_frequency(data.texts))
    mine = moments(np.sqrt(data.features), words, data.sentences, data.owner)
    base = {0.5: mine}
    assert with_base(mine, base, CcaSettings(power=0.5)) is mine
    assert with_base(mine, base, CcaSettings(power=0.75, base=100)) is mine
    assert with_base(mine, base, CcaSettings(power=0.5, base=100)).pairs == mine.pairs + 100


def test_banks_hold_the_words_of_their_posts(planted: Any, planted_model: Any) -> None:
    bank = banks(planted.train, planted_model.projection, 0.0, 1)
    pooled = planted.train.pooled()
    assert len(bank.posts.z) == len(planted.train)
    for post in (0, 7, 399):
        words = bank.posts.columns[bank.posts.starts[post] : bank.posts.starts[post + 1]]
        np.testing.assert_array_equal(np.sort(words), np.sort(pooled[post].indices))


def test_photos_without_writing_are_what_is_seen(planted: Any, planted_model: Any) -> None:
    projection = planted_model.projection
    np.testing.assert_array_equal(
        photo_vectors(planted.held, projection, 1.0), projection.photos(planted.held.features, None)
    )
