"""The model that is measured, asked through the engine's own functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine import scoring
from engine.model import Model
from engine.projection import centre
from engine.results import Columns, Floats
from engine.terms import topic_shares
from training.evaluate.baselines.base import Method
from training.learn.choose import photo_vectors, text_vectors
from training.learn.dataset import Dataset


@dataclass(frozen=True)
class EngineMethod(Method):
    """A row of the table that answers as the running engine does."""

    model: Model

    @property
    def exact_weight(self) -> float:  # type: ignore[override]
        """Weight of words that stand literally on a photo."""
        return self.model.settings.exact_weight

    def photos(self, data: Dataset) -> Floats:
        """Map photos, and what is written on them, to unit vectors z, shape (n, K)."""
        return photo_vectors(data, self.model.projection, self.model.settings.written_weight)

    def texts(self, data: Dataset) -> Floats:
        """Map texts to unit vectors z, shape (m, K)."""
        if data.texts.shape[0] == 1:
            row = data.texts
            return self.model.projection.text(
                row.indices.astype(np.intp),
                row.data,
                data.sentences[0],
                unknown=data.keys.nnz > row.nnz,
            )
        return text_vectors(data, self.model.projection)

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

    def both(self, photos: Floats, texts: Floats, weight: float) -> Floats:
        """Mix z of a photo (with this weight) and z of a text."""
        return centre(weight * photos + (1 - weight) * texts)

    def similar(self, data: Dataset) -> tuple[Floats, Floats]:
        """Return z of photos, and what is taken off when a photo asks."""
        z = self.photos(data)
        return z, scoring.biases(self.model, z, "photo")[:, 1]

    def words(self, data: Dataset) -> Floats:
        """Score words for photos as the annotation does, shape (n, W_text)."""
        shares = scoring.word_shares(self.model, self._theta(data), self._written(data))
        return scoring.lifted(self.model, shares)[:, : len(self.model.words)]

    def _theta(self, data: Dataset) -> Floats:
        return self.model.projection.theta(self.photos(data), photo=1.0)

    def _written(self, data: Dataset) -> list[Columns]:
        return np.split(data.written.indices, data.written.indptr[1:-1])

    def explained(self, data: Dataset, language: str) -> list[list[int]]:
        """Columns of the words that are shown with the topics of each photo."""
        rows = zip(self._theta(data), self._written(data), strict=True)
        return [
            [
                term.column
                for share in topic_shares(
                    self.model, theta, written, language=language, topics=4, words=3
                )
                for term in share.words
            ]
            for theta, written in rows
        ]

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
