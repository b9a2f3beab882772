"""What every row of the table can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.projection import unit_rows
from engine.results import Floats
from training.learn.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """What a method learns from.

    Attributes
    ----------
    train
        The training posts.
    words
        W_text: the first columns of the texts; the others are hashtags.
    topics
        Number of topics of the model that is measured.
    languages
        Language of each word, shape (W_text,).
    seed
        For everything random.
    """

    train: Dataset
    words: int
    topics: int
    languages: npt.NDArray[np.str_]
    seed: int = 0


class Method:
    """A row of the table. What it cannot do, it leaves as it is here: None.

    The score of a candidate is the inner product of its vector with the query's, less the
    candidate's bias.
    """

    exact_weight: float = 0.0
    """Weight of the share of a text's words that are written on a photo; see `exact_shares`."""

    def photos(self, data: Dataset) -> Floats | None:
        """Vectors of photos, shape (n, D)."""
        return None

    def texts(self, data: Dataset) -> Floats | None:
        """Vectors of texts, shape (m, D)."""
        return None

    def photo_bias(self, vectors: Floats) -> Floats:
        """Return what is taken off a photo's score when a text asks, shape (n,)."""
        return np.zeros(len(vectors), np.float32)

    def text_bias(self, vectors: Floats) -> Floats:
        """Return what is taken off a text's score when a photo asks, shape (m,)."""
        return np.zeros(len(vectors), np.float32)

    def score(self, queries: Floats, candidates: Floats, bias: Floats) -> Floats:
        """Score candidates of the other modality (n, D) for queries (q, D), shape (q, n)."""
        scores: Floats = queries @ candidates.T - bias
        return scores

    def both(self, photos: Floats, texts: Floats, weight: float) -> Floats:
        """Vectors of queries of a photo (with this weight, 0 to 1) and a text, shape (n, D)."""
        mixed = weight * photos + (1 - weight) * texts
        return unit_rows(mixed)

    def similar(self, data: Dataset) -> tuple[Floats, Floats] | None:
        """Vectors of photos as each other's queries and candidates, and the candidates' bias."""
        vectors = self.photos(data)
        return None if vectors is None else (vectors, np.zeros(len(vectors), np.float32))

    def words(self, data: Dataset) -> Floats | None:
        """Scores of words for each photo, shape (n, W_text)."""
        return None

    def explained(self, data: Dataset, language: str) -> list[list[int]] | None:
        """Columns of the words that are shown with the topics of each photo."""
        return None

    def phi(self) -> Floats | None:
        """p(w | t) of the words, shape (W_text, K), for topic models."""
        return None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learnt, for the cache."""
        return {}

    def chosen(self) -> dict[str, Any]:
        """Return the settings chosen on a part of the training posts."""
        return {}

    def size(self) -> int:
        """Bytes of what was learnt."""
        return sum(array.nbytes for array in self.arrays().values())


def main_language(data: Dataset) -> Dataset:
    """Keep only the texts of the language that most texts are in."""
    names, counts = np.unique(data.language, return_counts=True)
    return data.in_language(str(names[counts.argmax()])) if len(names) else data
