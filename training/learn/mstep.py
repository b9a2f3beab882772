"""Phi made to fit the amortised topic vectors: regularised M-steps with theta held fixed.

BigARTM's Phi was learnt with topic vectors that saw a post's words; a photo's topic vector at
query time has not. These steps let Phi explain the words by the topic vectors that queries will
really have (Vorontsov and Potapenko 2015, eq. 5), and make the words of a topic belong together
(Newman, Bonilla and Buntine 2011, "Improving topic coherence with regularized topic models").
BigARTM has decorrelated and sparsed Phi already; done once more, that made topics less coherent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from engine.projection import unit_rows
from engine.results import Floats
from training.evaluate.coherence import Integers, cooccurrence

FLOOR = 1e-6

COHERENCE: Final = 0.3
"""How much a topic's words gain by belonging together, as a share of a topic's mean count."""

VECTORS: Final = 0.3
"""Weight of the words' vectors beside their co-occurrence."""

MOST: Final = 5000
"""Words, the most frequent ones, whose association is looked at: it takes memory by its square."""


class Association(NamedTuple):
    """How much words belong together.

    Attributes
    ----------
    words
        The columns looked at, shape (V,).
    values
        Not negative, shape (V, V), 0 on the diagonal.
    """

    words: Integers
    values: Floats


def refit_phi(
    counts: Any, theta: Floats, phi: Floats, *, passes: int, association: Association | None = None
) -> Floats:
    """Phi after some M-steps.

    Parameters
    ----------
    counts
        n_dw, CSR of shape (n, W).
    theta
        Fixed topic vectors, shape (n, K).
    phi
        Where to start, shape (W, K).
    association
        Of these values A coherence is made: the regulariser is
        ``COHERENCE * sum_t log(phi_t . A phi_t)``.

    Returns
    -------
    ndarray
        Shape (W, K), float32, columns sum to 1.
    """
    counts = counts.tocsr()
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    mass = counts.sum() / phi.shape[1]
    current = phi + FLOOR
    current /= current.sum(0)
    ratio = counts.astype(np.float32, copy=True)
    for number in range(passes):
        p = np.empty(counts.nnz, np.float32)
        for start in range(0, counts.nnz, 1_000_000):
            part = slice(start, start + 1_000_000)
            p[part] = np.einsum("ij,ij->i", theta[rows[part]], current[counts.indices[part]])
        ratio.data = counts.data / np.maximum(p, 1e-12)
        fresh = current * np.asarray(ratio.T @ theta)
        if association is not None:
            words, values = association
            some = current[words]
            together = some * (values @ some)
            tau = COHERENCE * mass * min(1.0, number / max(1, passes // 2))
            fresh[words] += tau * together / np.maximum(together.sum(0), 1e-12)
        total = fresh.sum(0)
        # A topic without counts stays as it was.
        current = np.where(total > 0, fresh / np.where(total > 0, total, 1), current)
    return current.astype(np.float32)


def association_of(pooled: Any, vectors: Floats) -> Association:
    """Of two words, their NPMI, less what is chance in it, and the square of their cosine.

    Parameters
    ----------
    pooled
        Counts of words of each post, CSR of shape (n, W).
    vectors
        Of the words, shape (W, D); D is 0 without an encoder.
    """
    frequent = np.argsort(-np.asarray((pooled > 0).sum(0)).ravel(), kind="stable")[:MOST]
    counted = cooccurrence(pooled, frequent)
    # Of n posts that two words share, as many as the deviation of n may be there by chance.
    sure = np.maximum(counted.together - np.sqrt(counted.together), 0)
    np.fill_diagonal(sure, np.diag(counted.together))
    unit = unit_rows(vectors[counted.words])
    values = np.maximum(replace(counted, together=sure).npmi(), 0)
    values += VECTORS * np.maximum(unit @ unit.T, 0) ** 2
    np.fill_diagonal(values, 0)
    return Association(counted.words, values.astype(np.float32))
