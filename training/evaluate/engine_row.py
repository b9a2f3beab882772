"""The model that is measured, asked through the engine's own functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import scoring
from engine.engine import DEPTH
from engine.model import Model
from engine.projection import centre
from engine.results import Floats
from training.evaluate.baselines.base import Method
from training.learn.dataset import Dataset

_TOGETHER = 2048
"""Texts whose counts are dense at the same time."""


@dataclass(frozen=True)
class Ours(Method):
    """A row of the table that answers as the running engine does."""

    model: Model

    def photos(self, data: Dataset) -> Floats:
        """Map photos to unit vectors z, shape (n, K)."""
        return scoring.photo_vectors(self.model, data.features)

    def texts(self, counts: Any) -> Floats:
        """Map texts to unit vectors z, shape (m, K)."""
        if counts.shape[0] == 1:
            return self.model.projection.text(counts.indices, counts.data)
        parts = [
            scoring.text_vectors(self.model, counts[start : start + _TOGETHER].toarray())
            for start in range(0, counts.shape[0], _TOGETHER)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.topics), np.float32)

    @property
    def topics(self) -> int:
        """K."""
        return self.model.projection.topics

    def photo_bias(self, vectors: Floats) -> Floats:
        """Return what is taken off a photo's score when a text asks, shape (n,)."""
        taken: Floats = scoring.biases(self.model, vectors, "photo")[:, 0]
        return taken

    def text_bias(self, vectors: Floats) -> Floats:
        """Return what is taken off a text's score when a photo asks, shape (m,)."""
        taken: Floats = scoring.biases(self.model, vectors, "text")[:, 1]
        return taken

    def score(self, queries: Floats, candidates: Floats, bias: Floats) -> Floats:
        """Score candidates (n, K) for queries (q, K), shape (q, n)."""
        return scoring.scores(queries, candidates, np.stack([bias, bias], axis=1), photo=0.0)

    def rerank(self, scores: Floats, counts: Any, photos: Floats) -> Floats:
        """Re-rank the best few hundred by the lift of the text's words, as the engine does."""
        weight = self.model.settings.rerank_weight
        if not weight:
            return scores
        result = scores.copy()
        deep = min(DEPTH, scores.shape[1])
        for row in range(len(scores)):
            columns = counts.indices[counts.indptr[row] : counts.indptr[row + 1]]
            if not columns.size:
                continue
            amounts = counts.data[counts.indptr[row] : counts.indptr[row + 1]]
            near = np.argpartition(-scores[row], deep - 1)[:deep]
            lift = scoring.word_lift(
                self.model,
                photos[near],
                columns.astype(np.intp),
                np.sqrt(amounts) * self.model.projection.idf[columns],
            )
            gained = scores[row, near] + weight * lift
            # What is not among the best few hundred is never shown before what is.
            result[row] -= max(float(scores[row].max() - gained.min()), 0.0)
            result[row, near] = gained
        return result

    def both(self, photos: Floats, texts: Floats, weight: float) -> Floats:
        """Mix z of a photo (with this weight) and z of a text."""
        return centre(weight * photos + (1 - weight) * texts)

    def similar(self, data: Dataset) -> tuple[Floats, Floats]:
        """Return z of photos, and what is taken off when a photo asks."""
        z = self.photos(data)
        return z, scoring.biases(self.model, z, "photo")[:, 1]

    def words(self, data: Dataset) -> Floats:
        """Score words for photos as the annotation does, shape (n, W_text)."""
        theta = self.model.projection.theta(self.photos(data), photo=1.0)
        return scoring.annotate_scores(self.model, theta)

    def phi(self) -> Floats:
        """p(w | t) of the words over the topics that are shown."""
        shown: Floats = self.model.phi["text"][:, : self.topics - self.model.info.background]
        return shown

    def size(self) -> int:
        """Bytes of the arrays and vocabularies on disk, or of the arrays where there is none."""
        files = [self.model.folder / name for name in ("arrays.npz", "vocabulary.json")]
        if all(file.is_file() for file in files):
            return sum(file.stat().st_size for file in files)
        projection = self.model.projection
        matrices = [*self.model.phi.values(), projection.photo_weights, projection.text_weights]
        return sum(matrix.nbytes for matrix in matrices)
