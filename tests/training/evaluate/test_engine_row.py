from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import scoring
from engine.engine import DEPTH
from training.evaluate.engine_row import Ours


def with_rerank(model: Any, weight: float) -> Any:
    return replace(model, settings=replace(model.settings, rerank_weight=weight))


def test_one_text_is_the_same_alone(planted_model: Any, planted: Any) -> None:
    ours, texts = Ours(planted_model), planted.held.texts
    together = ours.texts(texts)
    alone = np.concatenate([ours.texts(texts[row]) for row in range(10)])
    assert alone == pytest.approx(together[:10], abs=1e-5)


def test_scores_are_the_engines(planted_model: Any, planted: Any) -> None:
    ours = Ours(planted_model)
    photos, texts = ours.photos(planted.held), ours.texts(planted.held.texts)
    by_text = scoring.scores(
        texts, photos, scoring.biases(planted_model, photos, "photo"), photo=0.0
    )
    assert ours.score(texts, photos, ours.photo_bias(photos)) == pytest.approx(by_text, abs=1e-6)
    by_photo = scoring.scores(
        photos, texts, scoring.biases(planted_model, texts, "text"), photo=1.0
    )
    assert ours.score(photos, texts, ours.text_bias(texts)) == pytest.approx(by_photo, abs=1e-6)


def test_no_reranking_changes_nothing(planted_model: Any, planted: Any) -> None:
    scores = np.random.default_rng(0).random((3, 80)).astype(np.float32)
    ours = Ours(with_rerank(planted_model, 0.0))
    assert ours.rerank(scores, planted.held.texts[:3], np.zeros((80, 9))) is scores


def test_reranking_adds_the_lift_to_the_best(planted_model: Any, planted: Any) -> None:
    model = with_rerank(planted_model, 0.2)
    ours = Ours(model)
    photos = np.tile(ours.photos(planted.held), (8, 1))  # more than are looked at
    counts = planted.held.texts[:2]
    scores = ours.score(ours.texts(counts), photos, ours.photo_bias(photos))
    scores += np.random.default_rng(0).random(scores.shape).astype(np.float32) / 1000
    found = ours.rerank(scores, counts, photos)
    for row in range(2):
        near = np.argsort(-scores[row])[:DEPTH]
        columns = counts[row].indices.astype(np.intp)
        weights = np.sqrt(counts[row].data) * model.projection.idf[columns]
        lift = scoring.word_lift(model, photos[near], columns, weights)
        assert found[row, near] == pytest.approx(scores[row, near] + 0.2 * lift, abs=1e-5)
        rest = np.setdiff1d(np.arange(len(photos)), near)
        assert rest.size
        assert found[row, rest].max() <= found[row, near].min()
        assert np.ptp(found[row, rest] - scores[row, rest]) < 1e-5  # their order stays


def test_a_text_without_known_words_is_not_reranked(planted_model: Any, planted: Any) -> None:
    ours = Ours(with_rerank(planted_model, 0.2))
    scores = np.random.default_rng(0).random((1, 80)).astype(np.float32)
    found = ours.rerank(scores, planted.held.texts[:1] * 0, ours.photos(planted.held))
    assert np.array_equal(found, scores)


def test_topics_that_are_shown(planted_model: Any) -> None:
    assert Ours(planted_model).phi().shape == (96, 8)
    assert Ours(planted_model).size() > 0
