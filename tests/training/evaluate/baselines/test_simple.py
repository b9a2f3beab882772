from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from training.evaluate.baselines import Task
from training.evaluate.baselines.simple import (
    NeighbourSettings,
    fit_frequency,
    fit_neighbours,
    neighbours,
)
from training.evaluate.metrics import annotation, truth_of
from training.learn.dataset import Dataset


def test_frequency_counts_posts(task: Task, planted: Any) -> None:
    scores = fit_frequency(task).words(planted.held)
    assert scores.shape == (len(planted.held), len(planted.words))
    pooled = planted.train.pooled()[:, : len(planted.words)].toarray() > 0
    assert scores[0] == pytest.approx(pooled.mean(0))
    assert np.array_equal(scores[0], scores[-1])


def test_neighbours_know_more_than_frequency(task: Task, planted: Any) -> None:
    held = planted.held
    truth = truth_of(held.texts[:, : task.words], held.owner, len(held))
    allowed = np.ones(task.words, bool)
    near, common = fit_neighbours(task).words(held), fit_frequency(task).words(held)
    assert (
        annotation(lambda rows: near[rows], truth, allowed).p5
        > annotation(lambda rows: common[rows], truth, allowed).p5 + 5
    )


def two_photos() -> Dataset:
    return Dataset(
        ("a", "b", "c"),
        np.array([[1, 0], [0.9, 0.1], [0, 5]], np.float32),
        sparse.csr_matrix((3, 1), dtype=np.float32),
        sparse.csr_matrix(np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)),
        np.array([0, 1, 2]),
        np.array(["en"] * 3),
    )


@pytest.mark.parametrize("distance", ["cosine", "l2", "hellinger"])
def test_words_of_the_nearest(distance: Any) -> None:
    data = two_photos()
    task = Task(data, 3, 2, np.array(["en"] * 3))
    settings = NeighbourSettings(distance=distance, neighbours=1, similar=distance)
    scores = neighbours(task.train, task.words, settings).words(data)
    assert scores.argmax(1).tolist() == [0, 1, 2]
    assert scores[0] == pytest.approx([2, 0, 0], abs=0.01)
    once = neighbours(task.train, task.words, NeighbourSettings(distance, 1, repeated=False)).words(
        data
    )
    assert once[0] == pytest.approx([1, 0, 0], abs=0.01)


def test_l2_is_l2() -> None:
    data = two_photos()
    method = neighbours(data, 3, NeighbourSettings(similar="l2"))
    vectors, bias = method.similar(data)
    squares = ((vectors[:, None] - vectors[None]) ** 2).sum(2)
    assert np.array_equal(np.argsort(-(vectors @ vectors.T - bias)), np.argsort(squares))


def test_no_photos(task: Task, planted: Any) -> None:
    none = planted.held.subset(np.zeros(0, np.int64))
    assert neighbours(task.train, task.words, NeighbourSettings()).words(none).shape == (
        0,
        task.words,
    )
