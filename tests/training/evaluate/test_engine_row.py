from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine import scoring
from training.evaluate.engine_row import EngineMethod


def test_one_text_is_the_same_alone(planted_model: Any, planted: Any) -> None:
    found = EngineMethod(planted_model)
    together = found.texts(planted.held)
    alone = np.concatenate(
        [found.texts(planted.held.with_texts(np.array([row]))) for row in range(10)]
    )
    assert alone == pytest.approx(together[:10], abs=1e-5)


def test_scores_are_the_engines(planted_model: Any, planted: Any) -> None:
    found = EngineMethod(planted_model)
    photos, texts = found.photos(planted.held), found.texts(planted.held)
    by_text = scoring.scores(
        texts, photos, scoring.biases(planted_model, photos, "photo"), photo=0.0
    )
    assert found.score(texts, photos, found.photo_bias(photos)) == pytest.approx(by_text, abs=1e-6)
    by_photo = scoring.scores(
        photos, texts, scoring.biases(planted_model, texts, "text"), photo=1.0
    )
    assert found.score(photos, texts, found.text_bias(texts)) == pytest.approx(by_photo, abs=1e-6)


def test_words_shown_with_topics_are_columns_of_the_vocabulary(
    planted_model: Any, planted: Any
) -> None:
    shown = EngineMethod(planted_model).explained(planted.held, "en")
    assert len(shown) == len(planted.held)
    for row in shown:
        assert len(row) == len(set(row)) > 0
        assert {planted.words.languages[column] for column in row} == {"en"}


def test_topics_that_are_shown(planted_model: Any) -> None:
    assert EngineMethod(planted_model).phi().shape == (96, 8)
    assert EngineMethod(planted_model).size() > 0
