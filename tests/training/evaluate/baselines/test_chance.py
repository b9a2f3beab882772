from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy import sparse

from training.evaluate.baselines.chance import (
    annotation_chance,
    other_texts_chance,
    photo_to_text_chance,
    similar_posts_chance,
    text_to_photo_chance,
)
from training.evaluate.metrics import (
    annotation,
    other_text_ranks,
    photo_to_text_ranks,
    similar_posts,
    summarise,
    tf_idf,
)


def test_text_to_photo() -> None:
    assert asdict(text_to_photo_chance(50, 40)) == {
        "r1": 2.5,
        "r5": 12.5,
        "r10": 25,
        "median_rank": 20.5,
    }
    assert text_to_photo_chance(5, 4).r10 == 100
    assert np.isnan(text_to_photo_chance(0, 4).r1)


def test_photo_to_text_is_what_random_orders_give() -> None:
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(30), np.arange(30) % 4)
    ranks, others = [], []
    for _ in range(300):
        scores = rng.random((len(owner), len(owner)))
        ranks.append(photo_to_text_ranks(lambda rows, s=scores: s[rows], owner, 30))
        others.append(other_text_ranks(lambda rows, s=scores: s[rows], owner))
    for many, computed in (
        (ranks, photo_to_text_chance(owner)),
        (others, other_texts_chance(owner)),
    ):
        drawn = summarise(np.concatenate(many))
        assert computed.r1 == pytest.approx(drawn.r1, abs=1)
        assert computed.r10 == pytest.approx(drawn.r10, abs=2)
        assert computed.median_rank == pytest.approx(drawn.median_rank, abs=1)
    assert np.isnan(photo_to_text_chance(np.zeros(0, np.int64)).r1)


def test_annotation_is_what_random_scores_give() -> None:
    rng = np.random.default_rng(1)
    truth = sparse.csr_matrix(rng.random((200, 40)) < 0.2)
    allowed = np.arange(40) < 30
    drawn = []
    for _ in range(30):
        scores = rng.random((200, 40))
        drawn.append(annotation(lambda rows, s=scores: s[rows], truth, allowed))
    computed = annotation_chance(truth, allowed)
    assert computed.p5 == pytest.approx(np.mean([one.p5 for one in drawn]), abs=1)
    assert computed.r10 == pytest.approx(np.mean([one.r10 for one in drawn]), abs=1)


def test_similar_posts_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(2)
    unit = tf_idf(sparse.csr_matrix(rng.poisson(0.5, (30, 12)).astype(np.float32)), np.ones(12))
    every = similar_posts(lambda rows: np.zeros((30, 30))[rows], unit, top=29)
    assert similar_posts_chance(unit) == pytest.approx(every, abs=1e-6)
