from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.baselines import Task
from training.evaluate.baselines.foldin import fold_in
from training.evaluate.baselines.topics import PlainTopics, recipe_of, split_columns


@pytest.fixture(scope="module")
def topics(planted: Any) -> PlainTopics:
    count = len(planted.words)
    phi = planted.text_phi.astype(np.float32)
    visual = planted.photo_phi[: planted.held.visual.shape[1]].astype(np.float32)
    return PlainTopics(
        {"text": phi[:count], "tag": phi[count:], "visual": visual}, {"text": 1.0}, "hellinger"
    )


def test_theta_is_the_engines(topics: PlainTopics, planted: Any) -> None:
    bags = [{"visual": row.toarray()[0]} for row in planted.held.visual[:5]]
    wanted = fold_in(bags, topics.modalities)
    assert topics.photos(planted.held)[:5] == pytest.approx(np.sqrt(wanted), abs=1e-6)
    assert (topics.photos(planted.held) ** 2).sum(1) == pytest.approx(1, abs=1e-4)


def test_texts_speak_by_words_and_hashtags(topics: PlainTopics, planted: Any) -> None:
    held = planted.held
    found = topics.texts(held)
    assert found.shape == (len(held.owner), 8)
    bags = split_columns(held.texts, len(planted.words))
    one = {name: bag[3].toarray()[0] for name, bag in bags.items()}
    assert found[3] == pytest.approx(np.sqrt(fold_in([one], topics.modalities)[0]), abs=1e-6)


def test_cosine_rows_have_unit_length(topics: PlainTopics, planted: Any) -> None:
    cosine = PlainTopics(topics.modalities, {}, "cosine")
    assert np.linalg.norm(cosine.photos(planted.held), axis=1) == pytest.approx(1, abs=1e-5)


def test_annotation_is_phi_times_theta(topics: PlainTopics, planted: Any) -> None:
    theta = topics.photos(planted.held) ** 2
    assert topics.words(planted.held) == pytest.approx(theta @ topics.phi().T, abs=1e-6)


def test_without_hashtags(planted: Any) -> None:
    count = len(planted.words)
    assert set(split_columns(planted.held.texts, count)) == {"text", "tag"}
    assert set(split_columns(planted.held.texts[:, :count], count)) == {"text"}


def test_recipes(planted: Any) -> None:
    task = Task(planted.train, len(planted.words), 128, np.array([]))
    original, comparison = recipe_of("original_recipe", task)
    assert (original.topics, original.background, comparison) == (44, 5, "cosine")
    for name in ("plsa", "lda"):
        settings, comparison = recipe_of(name, task)
        assert (settings.topics, settings.background, settings.recipe) == (128, 0, name)
        assert comparison == "hellinger"
    with pytest.raises(ValueError, match="cca"):
        recipe_of("cca", task)
