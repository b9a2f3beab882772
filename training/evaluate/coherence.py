"""How well the top words of a topic belong together: PMI and NPMI over posts.

Newman, Lau, Grieser and Baldwin (2010), "Automatic evaluation of topic coherence"; Bouma (2009),
"Normalized (pointwise) mutual information in collocation extraction". A document is a post with
all of its texts; a word is in it or not, however often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.results import Floats
from engine.text.sentences import SentenceEncoder

Integers = npt.NDArray[np.int64]

TOP = 10
"""Top words of a topic that are looked at, as in Newman et al."""


@dataclass(frozen=True)
class Cooccurrence:
    """In how many posts words are together.

    Attributes
    ----------
    documents
        Number of posts, n.
    words
        The columns looked at, ascending, shape (V,).
    together
        Posts that hold both words, shape (V, V), float64; a word's own number of posts is on the
        diagonal.
    """

    documents: int
    words: Integers
    together: npt.NDArray[np.float64]

    def pmi(self) -> npt.NDArray[np.float64]:
        """``log(n * (n_ab + 1) / (n_a * n_b))``, shape (V, V), in nats.

        The one post that is added keeps a pair that is never together finite (the UCI measure);
        a word that is nowhere has 0.
        """
        alone = np.maximum(np.diag(self.together), 1.0)
        pmi: npt.NDArray[np.float64] = np.log(
            self.documents * (self.together + 1) / alone[:, None] / alone[None]
        )
        nowhere = np.diag(self.together) == 0
        pmi[nowhere] = 0
        pmi[:, nowhere] = 0
        return pmi

    def npmi(self) -> npt.NDArray[np.float64]:
        """``log(p_ab / (p_a p_b)) / -log p_ab``, shape (V, V), -1 to 1.

        A pair that is never together has -1; one that is in every post has 1, the limit.
        """
        p_ab = self.together / max(self.documents, 1)
        alone = np.diag(p_ab)
        npmi = np.full(p_ab.shape, -1.0)
        some = p_ab > 0
        surprise = -np.log(p_ab, where=some, out=np.zeros_like(p_ab))
        own = np.log(alone, where=alone > 0, out=np.zeros_like(alone))
        np.divide(-surprise - own[:, None] - own[None], surprise, out=npmi, where=surprise > 0)
        npmi[p_ab == 1] = 1.0
        return npmi


def cooccurrence(pooled: Any, words: Integers | None = None) -> Cooccurrence:
    """Count in how many posts words are together.

    Parameters
    ----------
    pooled
        Counts of words of each post, CSR of shape (n, W).
    words
        Only these columns; None: all W (a dense W x W matrix). The memory is
        8 len(words)^2 bytes.
    """
    words = np.arange(pooled.shape[1]) if words is None else np.unique(words)
    present = (pooled.tocsc()[:, words] > 0).astype(np.float32)
    return Cooccurrence(
        pooled.shape[0], words.astype(np.int64), (present.T @ present).toarray().astype(np.float64)
    )


def top_words(phi: Floats, top: int = TOP) -> Integers:
    """Columns of the most probable words of each topic, best first.

    Parameters
    ----------
    phi
        Shape (W, K).
    top
        Number of words; fewer where W is smaller.

    Returns
    -------
    ndarray
        Shape (K, min(top, W)). Of equally probable words the first column comes first.
    """
    return np.argsort(-phi.T, axis=1, kind="stable")[:, :top].astype(np.int64)


def pmi(phi: Floats, pooled: Any, top: int = TOP) -> Floats:
    """Mean PMI of the pairs of each topic's top words, shape (K,), in nats.

    Parameters are those of `npmi`.
    """
    words = top_words(phi, top)
    counted = cooccurrence(pooled, words)
    return _mean_over_pairs(counted.pmi(), counted, words)


def npmi(phi: Floats, pooled: Any, top: int = TOP) -> Floats:
    """Mean NPMI of the pairs of each topic's top words.

    Parameters
    ----------
    phi
        p(w | t), shape (W, K); only the order of words within a topic matters.
    pooled
        Counts of words of each post, CSR of shape (n, W) or wider; columns from W on (hashtags)
        are not looked at.
    top
        Number of top words.

    Returns
    -------
    ndarray
        Shape (K,), float32, -1 to 1. A topic with a single word has 0.
    """
    words = top_words(phi, top)
    counted = cooccurrence(pooled, words)
    return _mean_over_pairs(counted.npmi(), counted, words)


def vector_coherence(
    phi: Floats, words: Sequence[str], encoder: SentenceEncoder, top: int = TOP
) -> Floats:
    """Mean cosine of the sentence vectors of each topic's top words, shape (K,).

    Unlike counts of posts, these say what words have to do with each other in small corpora, too.

    Parameters
    ----------
    phi
        p(w | t), shape (W, K).
    words
        The words as they are shown.
    """
    best = top_words(phi, top)
    used, place = np.unique(best, return_inverse=True)
    vectors = encoder([words[column] for column in used])[place.reshape(best.shape)]
    total = (vectors.sum(1) ** 2).sum(1)
    count = best.shape[1]
    mean: Floats = ((total - count) / max(count * (count - 1), 1)).astype(np.float32)
    return mean


def same_top_words(phi: Floats, top: int = TOP) -> int:
    """How many topics have the same set of top words as an earlier topic."""
    sets = Counter(frozenset(row) for row in top_words(phi, top).tolist())
    return sets.total() - len(sets)


def _mean_over_pairs(
    values: npt.NDArray[np.float64], counted: Cooccurrence, words: Integers
) -> Floats:
    first, second = np.triu_indices(words.shape[1], k=1)
    if not first.size:
        return np.zeros(len(words), np.float32)
    place = np.searchsorted(counted.words, words)
    mean: Floats = values[place[:, first], place[:, second]].mean(axis=1).astype(np.float32)
    return mean
