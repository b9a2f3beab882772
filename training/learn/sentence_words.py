"""Sentence vectors as words of their own: a codebook with soft assignment, for the topic model.

What two short texts have in common is seldom a word; that they are near each other in the space of
sentence vectors is what a topic model can count, too.
"""

from __future__ import annotations

from typing import Any, Final

import faiss
import numpy as np
from scipy import sparse

from engine.results import Floats
from training.learn.dataset import Dataset

PER_TEXT: Final = 4
"""Words that a text is written with."""

MASS: Final = 6.0
"""Counts that a text has in all: about those of its words."""

MOST: Final = 20_000
"""Texts that the codebook is learnt from."""


def sentence_bags(data: Dataset, *, words: int, seed: int) -> Any:
    """Counts of sentence words of each post, CSR of shape (n, words).

    Parameters
    ----------
    words
        Size of the codebook; fewer where there are few texts.
    seed
        Of the clustering.
    """
    vectors = np.ascontiguousarray(data.sentences, np.float32)
    words = min(words, len(vectors) // 8)
    if not vectors.shape[1] or words < 2:
        return sparse.csr_matrix((len(data), max(words, 1)), dtype=np.float32)
    means = faiss.Kmeans(
        vectors.shape[1],
        words,
        niter=15,
        seed=seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=max(1, MOST // words),
    )
    means.train(vectors)
    close, near = means.index.search(vectors, min(PER_TEXT, words))
    weight = _weights(close)
    rows = np.repeat(data.owner, near.shape[1])
    bags = sparse.csr_matrix((MASS * weight.ravel(), (rows, near.ravel())), (len(data), words))
    bags.sum_duplicates()
    return bags.astype(np.float32)


def _weights(close: Floats) -> Floats:
    """Soft assignment by cosine: as sharp as the centroids are apart from each other."""
    width = max(float(np.mean(close[:, 0] - close[:, -1])), 1e-3)
    say = np.exp((close - close[:, :1]) / (0.5 * width))
    weights: Floats = (say / say.sum(1, keepdims=True)).astype(np.float32)
    return weights
