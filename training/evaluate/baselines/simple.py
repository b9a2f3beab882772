"""Baselines without a joint space: the most frequent words, and nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine.projection import unit_rows
from engine.results import Floats
from training.evaluate.baselines.base import Method, Task
from training.evaluate.metrics import annotation, blocks, similar_posts, tf_idf, truth_of
from training.learn.choose import split
from training.learn.dataset import Dataset
from training.learn.refine import inverse_document_frequency

Distance = Literal["cosine", "l2", "hellinger"]

_DISTANCES: tuple[Distance, ...] = ("cosine", "l2", "hellinger")
_NEIGHBOURS = (5, 10, 20, 40, 80)
_WRITTEN = (0.0, 0.1, 0.3, 1.0)
_SHARPNESS = (0.0, 15.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True)
class Frequency(Method):
    """The same words for every photo: those that most training posts have.

    Attributes
    ----------
    share
        Share of the training posts that have the word, shape (W_text,).
    """

    share: Floats

    def words(self, data: Dataset) -> Floats:
        """Repeat the shares for each photo."""
        return np.broadcast_to(self.share, (len(data), len(self.share)))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learnt, for the cache."""
        return {"share": self.share}


def fit_frequency(task: Task) -> Frequency:
    """Count words over the training posts."""
    present = truth_of(task.train.texts[:, : task.words], task.train.owner, len(task.train))
    return Frequency(np.asarray(present.mean(0), np.float32).ravel())


@dataclass(frozen=True)
class NeighbourSettings:
    """Settings of the nearest neighbours.

    Attributes
    ----------
    distance, neighbours
        For annotation: how photos are compared, and how many neighbours count.
    sharpness
        A neighbour's weight is ``exp(sharpness * (similarity - the best one's))``.
    repeated
        Whether a word counts as often as the neighbour's texts have it, or once.
    written
        Weight of the cosine of the words that are written on photos, beside that of features.
    similar
        How photos are compared for similar posts.
    """

    distance: Distance = "cosine"
    neighbours: int = 20
    sharpness: float = 0.0
    repeated: bool = True
    written: float = 0.0
    similar: Distance = "cosine"


@dataclass(frozen=True)
class NeighbourMethod(Method):
    """Words of the nearest training photos by mean features.

    In the manner of JEC: Makadia, Pavlovic and Kumar (2008), "A new baseline for image
    annotation", with the weights of the neighbours chosen instead of two-step label transfer.
    """

    settings: NeighbourSettings
    features: Floats
    counts: Any
    keys: Any

    def similar(self, data: Dataset) -> tuple[Floats, Floats]:
        """Photos as compared by mean features."""
        return _comparable(data.features, self.settings.similar)

    def words(self, data: Dataset) -> Floats:
        """Words of the neighbours, weighted, shape (n, W_text)."""
        settings = self.settings
        queries, _ = _comparable(data.features, settings.distance)
        bank, bias = _comparable(self.features, settings.distance)
        # Similarities of the l2 kind have the features' own scale.
        scale = max(float(np.mean(np.abs(bias))), 1e-9) if settings.distance == "l2" else 1.0
        count = min(settings.neighbours, len(bank))
        votes = []
        idf = inverse_document_frequency(self.keys)
        bank_words, query_words = tf_idf(self.keys, idf), tf_idf(data.written_keys, idf)
        for rows in blocks(len(queries), len(bank)):
            scores = (queries[rows] @ bank.T - bias) / scale
            if settings.written:
                scores = scores + settings.written * (query_words[rows] @ bank_words.T).toarray()
            near = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            close = np.take_along_axis(scores, near, 1)
            weights = np.exp(settings.sharpness * (close - close.max(1, keepdims=True)))
            index = np.repeat(np.arange(len(near)), count)
            shape = (len(near), len(bank))
            votes.append(sparse.csr_matrix((weights.ravel(), (index, near.ravel())), shape=shape))
        counts = self.counts if settings.repeated else (self.counts > 0).astype(np.float32)
        # What most posts have breaks ties among words of no neighbour.
        common = np.asarray((self.counts > 0).mean(0), np.float32).ravel()
        scores = (sparse.vstack(votes) @ counts).toarray() if votes else np.zeros((0, len(common)))
        return (scores + 1e-3 * common).astype(np.float32)

    def chosen(self) -> dict[str, Any]:
        """Return the settings chosen on a part of the training posts."""
        return dict(vars(self.settings))

    def size(self) -> int:
        """Bytes of the training photos and their words."""
        return int(self.features.nbytes + self.counts.data.nbytes + self.counts.indices.nbytes)


def neighbours(train: Dataset, words: int, settings: NeighbourSettings) -> NeighbourMethod:
    """Nearest neighbours by known settings; there is nothing else to learn."""
    counts = train.pooled()[:, :words].tocsr()
    return NeighbourMethod(settings, train.features, counts, train.written_keys)


def fit_neighbours(task: Task, *, written: bool = False) -> NeighbourMethod:
    """Choose the settings on a tenth of the training posts.

    Annotation by P@5 + R@10, similar posts by the similarity of their texts.
    """
    learn, held = split(task.train, share=0.1, seed=task.seed)
    trial = neighbours(learn, task.words, NeighbourSettings())
    truth = truth_of(held.texts[:, : task.words], held.owner, len(held))
    allowed = np.ones(task.words, bool)
    unit = tf_idf(held.pooled(), inverse_document_frequency(learn.pooled()))

    def words_value(settings: NeighbourSettings) -> float:
        scores = replace(trial, settings=settings).words(held)
        found = annotation(lambda rows: scores[rows], truth, allowed)
        return float(np.nan_to_num(found.p5 + found.r10))

    def similar_value(distance: Distance) -> float:
        vectors, bias = _comparable(held.features, distance)
        return float(
            np.nan_to_num(similar_posts(lambda rows: vectors[rows] @ vectors.T - bias, unit))
        )

    # First the neighbours, then their words: the whole grid costs five times as much.
    best = NeighbourSettings(sharpness=30.0, repeated=False)
    best = max(
        (replace(best, distance=d, neighbours=n) for d, n in product(_DISTANCES, _NEIGHBOURS)),
        key=words_value,
    )
    best = max(
        (replace(best, sharpness=s, repeated=r) for s, r in product(_SHARPNESS, (False, True))),
        key=words_value,
    )
    if written:
        best = max((replace(best, written=weight) for weight in _WRITTEN), key=words_value)
    similar: Distance = max(_DISTANCES, key=similar_value)
    return neighbours(task.train, task.words, replace(best, similar=similar))


def _comparable(features: Floats, distance: Distance) -> tuple[Floats, Floats]:
    """Vectors and biases: a larger ``x . y - bias_y`` is a smaller distance."""
    none = np.zeros(len(features), np.float32)
    if distance == "cosine":
        return unit_rows(features), none
    if distance == "hellinger":
        return unit_rows(np.sqrt(np.maximum(features, 0))), none
    return features, ((features**2).sum(1) / 2).astype(np.float32)
