"""Measures of retrieval, annotation and similarity, over rankings that need not fit in memory.

Ranks count from 1. A candidate that ties with the wanted one stands half before it (mean rank),
so that a method which scores everything alike gains nothing by the order of its candidates.

A score that is not a number is a ValueError.

Hodosh, Young and Hockenmaier (2013), "Framing image description as a ranking task", for single
captions as queries, recall at k and the median rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine.results import Floats

Integers = npt.NDArray[np.int64]
Ranks = npt.NDArray[np.float64]
Block = Callable[[slice], Floats]
"""Rows of a score matrix (queries x candidates), computed when asked for."""

BLOCK_BYTES = 64 << 20
"""Largest block of scores held at once."""

SIMILAR = 5
"""Neighbours of a photo that are looked at."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How well queries find what they should: percentages, and the median rank."""

    r1: float
    r5: float
    r10: float
    median_rank: float


@dataclass(frozen=True, slots=True)
class Annotating:
    """Precision of the first five words and recall of the first ten, percentages."""

    p5: float
    r10: float


def blocks(queries: int, candidates: int) -> Iterator[slice]:
    """Slices of the queries whose scores against all candidates fit into `BLOCK_BYTES`."""
    step = max(1, BLOCK_BYTES // (4 * max(candidates, 1)))
    for start in range(0, queries, step):
        yield slice(start, min(start + step, queries))


def text_to_photo_ranks(scores: Block, owner: Integers, photos: int) -> Ranks:
    """Rank of each text's own photo among all photos.

    Parameters
    ----------
    scores
        Of rows of texts against all photos.
    owner
        Row of the photo that each text belongs to, shape (m,).
    photos
        Number of photos.

    Returns
    -------
    ndarray
        Shape (m,), 1 to `photos`.
    """
    ranks = np.zeros(len(owner))
    for rows in blocks(len(owner), photos):
        block = _finite(scores(rows))
        own = block[np.arange(len(block)), owner[rows]][:, None]
        above = (block > own).sum(1)
        ranks[rows] = 1 + above + ((block == own).sum(1) - 1) / 2
    return ranks


def photo_to_text_ranks(scores: Block, owner: Integers, photos: int) -> Ranks:
    """Rank of each photo's best own text among all texts.

    A photo that owns no text is no query, so it has no rank.

    Parameters
    ----------
    scores
        Of rows of photos against all texts.
    owner
        Row of the photo that each text belongs to, shape (m,).
    photos
        Number of photos.

    Returns
    -------
    ndarray
        Shape (photos with a text,), in the photos' order.
    """
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(photos + 1))
    ranks = np.full(photos, np.nan)
    for rows in blocks(photos, len(owner)):
        block = _finite(scores(rows))
        for line, photo in zip(block, range(rows.start, rows.stop), strict=True):
            own = order[first[photo] : first[photo + 1]]
            if own.size:
                best = line[own].max()
                # Own texts tie only with each other or stand behind the best: they don't count.
                ties = (line == best).sum() - (line[own] == best).sum()
                ranks[photo] = 1 + (line > best).sum() + ties / 2
    asked: Ranks = ranks[~np.isnan(ranks)]
    return asked


def recall_sum(
    raw: Floats, owner: Integers, photo_bias: Floats | float, text_bias: Floats | float
) -> float:
    """Sum of R@1, R@5 and R@10 both ways, in per cent: what settings are chosen by.

    Parameters
    ----------
    raw
        Scores of texts with photos, shape (m, n).
    owner
        Row of the photo that each text belongs to, shape (m,).
    photo_bias, text_bias
        What is taken off the scores of each photo (n,), and of each text (m,).
    """
    photos = raw.shape[1]
    ranks = (
        text_to_photo_ranks(lambda rows: raw[rows] - photo_bias, owner, photos),
        photo_to_text_ranks(lambda rows: raw.T[rows] - text_bias, owner, photos),
    )
    recalls = [summarise(found) for found in ranks]
    return float(np.nan_to_num(sum(r.r1 + r.r5 + r.r10 for r in recalls)))


def other_text_ranks(scores: Block, owner: Integers) -> Ranks:
    """Rank of the best other text of the same photo among all other texts.

    A text whose photo owns no other text is no query, so it has no rank.

    Parameters
    ----------
    scores
        Of rows of queries, one for each text, against all texts.
    owner
        Row of the photo that each text belongs to, shape (m,).

    Returns
    -------
    ndarray
        Shape (texts with another of their photo,), in the texts' order.
    """
    ranks = np.full(len(owner), np.nan)
    for rows in blocks(len(owner), len(owner)):
        block = _finite(scores(rows)).astype(np.float64)
        numbers = np.arange(rows.start, rows.stop)
        block[np.arange(len(block)), numbers] = -np.inf
        own = owner[numbers][:, None] == owner[None]
        best = np.where(own, block, -np.inf).max(1, keepdims=True)
        asked = np.isfinite(best[:, 0])
        above = (block > best).sum(1) + ((block == best) & ~own).sum(1) / 2
        ranks[numbers[asked]] = 1 + above[asked]
    known: Ranks = ranks[~np.isnan(ranks)]
    return known


def interval(
    hits: Floats, owner: Integers, *, seed: int = 0, times: int = 1000
) -> tuple[float, float]:
    """Bounds of the mean of hits (0 or 1 each), in per cent: 95 % of a bootstrap over posts.

    Parameters
    ----------
    hits
        Of each query, shape (m,).
    owner
        Post of each query: queries of a post are drawn together.
    """
    if not len(hits):
        return float("nan"), float("nan")
    _, place = np.unique(owner, return_inverse=True)
    posts = int(place.max()) + 1
    size, right = np.bincount(place, minlength=posts), np.bincount(place, hits, minlength=posts)
    drawn = np.random.default_rng(seed).integers(0, posts, (times, posts))
    means = right[drawn].sum(1) / size[drawn].sum(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return 100 * float(low), 100 * float(high)


def summarise(ranks: Ranks) -> Recall:
    """Recall at 1, 5 and 10 and the median rank; NaN where there is no query."""
    if not ranks.size:
        return Recall(np.nan, np.nan, np.nan, np.nan)
    r1, r5, r10 = (100 * float((ranks <= k).mean()) for k in (1, 5, 10))
    return Recall(r1, r5, r10, float(np.median(ranks)))


def exact_shares(queries: Any, posts: Any) -> Any:
    """How much each query and each post are of the same words; the store's `matching`, in bulk.

    Parameters
    ----------
    queries, posts
        Counts of words, CSR of the same width.

    Returns
    -------
    CSR of shape (queries, posts), 0 to 1: the mean of the share of the query's words that the post
    has and of the share of the post's words that are asked for. A word of the query weighs
    ``(ln(1 + N / df) / ln(1 + N)) ** 2`` by the N posts, any other word of a post 1.
    """
    has = (posts > 0).astype(np.float32)
    asked = (queries > 0).astype(np.float32)
    df = np.asarray(has.sum(0)).ravel()
    count = posts.shape[0]
    weight = ((np.log1p(count / np.maximum(df, 1)) / np.log1p(count)) ** 2).astype(np.float32)
    total = np.maximum(asked @ weight, 1e-6)
    length = np.maximum(np.asarray(has.sum(1)).ravel(), 1)
    shared = asked @ sparse.diags(weight) @ has.T
    return ((sparse.diags(0.5 / total) @ shared) + (shared @ sparse.diags(0.5 / length))).tocsr()


def truth_of(texts: Any, owner: Integers, posts: int) -> Any:
    """Which words the texts of each post have: CSR of booleans, shape (posts, W)."""
    ones = np.ones(len(owner), np.float32)
    rows = sparse.csr_matrix((ones, (owner, np.arange(len(owner)))), shape=(posts, len(owner)))
    return (rows @ texts > 0).tocsr()


def annotation(scores: Block, truth: Any, allowed: npt.NDArray[np.bool_]) -> Annotating:
    """Precision at 5 and recall at 10 of predicted words.

    ``P@5 = |first five in truth| / 5`` and ``R@10 = |first ten in truth| / |truth|``, the mean
    over the posts that have a word in their truth.

    Parameters
    ----------
    scores
        Of rows of posts for all words.
    truth
        Words of each post, CSR of booleans, shape (n, W).
    allowed
        Words that may be predicted for each post, shape (n, W) or (W,); a truth outside of them
        does not count.
    """
    posts, words = truth.shape
    allowed = np.broadcast_to(allowed, (posts, words))
    p5: list[Floats] = []
    r10: list[Floats] = []
    for rows in blocks(posts, words):
        may = allowed[rows]
        right = truth[rows].toarray().astype(bool) & may
        block = np.where(may, _finite(scores(rows)), -np.inf)
        first = _best_first(block, 10)
        hits = np.take_along_axis(right, first, 1)
        size = right.sum(1)
        known = size > 0
        p5.append(hits[known, :5].sum(1) / 5)
        r10.append(hits[known].sum(1) / size[known])
    p, r = np.concatenate([*p5, []]), np.concatenate([*r10, []])
    if not p.size:
        return Annotating(np.nan, np.nan)
    return Annotating(100 * float(p.mean()), 100 * float(r.mean()))


def tf_idf(pooled: Any, idf: Floats) -> Any:
    """Scale counts by idf and rows to unit length (an empty row stays empty), CSR (n, W)."""
    weighted = sparse.csr_matrix(pooled.multiply(idf[None]))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    scale = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
    return (sparse.diags(scale) @ weighted).tocsr().astype(np.float32)


def similar_posts(scores: Block, unit: Any, top: int = SIMILAR) -> float:
    """Mean cosine of each post's texts with those of the `top` posts found for its photo.

    ``mean over posts p, mean over q in found(p): u_p . u_q`` with u the unit tf-idf vector of
    all texts of a post together. A post is never found for itself.

    Parameters
    ----------
    scores
        Of rows of photos against all photos.
    unit
        `tf_idf` of the pooled texts, CSR of shape (n, W).
    top
        How many are found.
    """
    posts = unit.shape[0]
    top = min(top, posts - 1)
    if top < 1:
        return float("nan")
    total = 0.0
    for rows in blocks(posts, posts):
        block = _finite(scores(rows)).astype(np.float64)
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = -np.inf
        found = np.argpartition(-block, top - 1, axis=1)[:, :top]
        index = np.repeat(np.arange(rows.start, rows.stop), top)
        total += float(unit[index].multiply(unit[found.ravel()]).sum())
    return float(total / (posts * top))


def auc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Chance that a positive is scored above a negative, ties counting half; NaN without both.

    Mann-Whitney's U over the number of pairs.
    """
    good, bad = np.sort(scores[positive]), np.sort(scores[~positive])
    if not good.size or not bad.size:
        return float("nan")
    below = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    return float(below.sum() / 2 / (good.size * bad.size))


def _best_first(block: Floats, count: int) -> Integers:
    """Columns of each row's largest values, best first, shape (rows, at most `count`)."""
    count = min(count, block.shape[1])
    some = np.argpartition(-block, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(block, some, 1), axis=1, kind="stable")
    found: Integers = np.take_along_axis(some, order, 1)
    return found


def _finite(block: Floats) -> Floats:
    if not np.isfinite(block).all():
        raise ValueError("a score is not a finite number")
    return block
