"""What random guessing gets, computed and not sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from training.evaluate.metrics import Annotating, Integers, Recall


def text_to_photo_chance(texts: int, photos: int) -> Recall:
    """Order the photos at random: R@k = k / photos."""
    if not texts:
        return Recall(np.nan, np.nan, np.nan, np.nan)
    r1, r5, r10 = (100 * min(1.0, k / photos) for k in (1, 5, 10))
    return Recall(r1, r5, r10, (photos + 1) / 2)


def photo_to_text_chance(owner: Integers) -> Recall:
    """Order the texts at random; a photo with m of M texts is missed by hypergeometric chance.

    The median rank is the first rank by which half of the photos are found.
    """
    own, photos = np.unique(np.bincount(owner), return_counts=True)
    return _best_of(own, photos, len(owner))


def other_texts_chance(owner: Integers) -> Recall:
    """Order the texts but the asking one at random; found is another text of its photo."""
    own, photos = np.unique(np.bincount(owner), return_counts=True)
    return _best_of(own - 1, photos * own, len(owner) - 1)


def _best_of(own: Integers, queries: Integers, total: int) -> Recall:
    """The best of `own` texts out of `total` in a random order, for so many queries each."""
    own, queries = own[own > 0], queries[own > 0]
    if not own.size:
        return Recall(np.nan, np.nan, np.nan, np.nan)

    def found(ranks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Share of the queries whose best own text is among the first so many."""
        miss = np.array([hypergeom.pmf(0, total, m, np.minimum(ranks, total)) for m in own])
        share: npt.NDArray[np.float64] = 1 - (queries / queries.sum()) @ miss
        return share

    r1, r5, r10 = 100 * found(np.array([1, 5, 10]))
    low, high = 1, total
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(np.array([middle]))[0] >= 0.5 else (middle + 1, high)
    return Recall(float(r1), float(r5), float(r10), float(low))


def annotation_chance(truth: Any, allowed: npt.NDArray[np.bool_]) -> Annotating:
    """Random words out of those that are allowed, shape (n, W) or (W,)."""
    allowed = np.broadcast_to(allowed, truth.shape)
    right = np.asarray(truth.multiply(allowed).sum(1)).ravel()
    may = allowed.sum(1)
    known = right > 0
    if not known.any():
        return Annotating(np.nan, np.nan)
    p5 = right[known] / may[known] * np.minimum(1, may[known] / 5)
    r10 = np.minimum(1, 10 / may[known])
    return Annotating(100 * float(p5.mean()), 100 * float(r10.mean()))


def similar_posts_chance(unit: Any) -> float:
    """Mean cosine of two different posts' texts."""
    posts = unit.shape[0]
    if posts < 2:
        return float("nan")
    total = np.asarray(unit.sum(0)).ravel()
    own = float(unit.multiply(unit).sum())
    return float((total @ total - own) / (posts * (posts - 1)))
