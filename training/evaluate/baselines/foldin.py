"""Theta of a document from Phi: the E-step of PLSA, as BigARTM's `transform` does it.

Hofmann (1999), "Probabilistic latent semantic indexing", section 3.5; Vorontsov and Potapenko
(2015), "Additive regularization of topic models", for several modalities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.results import Floats

PASSES = 10
"""Passes over a document; BigARTM's own default."""

TINY = np.float32(1e-30)
"""Keeps a division finite."""


def fold_in(
    bags: Sequence[Mapping[str, Floats]],
    phi: Mapping[str, Floats],
    *,
    weights: Mapping[str, float] | None = None,
    passes: int = PASSES,
) -> Floats:
    """Topic vectors of documents, by any subset of the modalities.

    Starting at 1/K, each pass sets ``theta_td`` to the normalised sum over modalities and words
    of ``weight * n_dw * phi_wt * theta_td / sum_s(phi_ws * theta_sd)``.

    Parameters
    ----------
    bags
        For each document: modality -> counts n_dw, shape (W_modality,). An absent modality is
        left out.
    phi
        Modality -> Phi, shape (W_modality, K).
    weights
        Modality -> weight (1 where absent).
    passes
        Number of passes.

    Returns
    -------
    ndarray
        Shape (len(bags), K), float32; rows sum to 1. A document without a known word gets 1/K.
    """
    topics = next(iter(phi.values())).shape[1]
    theta = np.full((len(bags), topics), 1 / topics, np.float32)
    for row, bag in enumerate(bags):
        counts, columns = [], []
        for modality, n_dw in bag.items():
            words = np.flatnonzero(n_dw)
            matrix = phi[modality][words]
            # A word that no topic has says nothing; BigARTM skips it too.
            kept = matrix.any(axis=1)
            weight = 1.0 if weights is None else weights.get(modality, 1.0)
            counts.append(n_dw[words][kept] * weight)
            columns.append(matrix[kept])
        if not counts:
            continue
        n, p_wt = np.concatenate(counts).astype(np.float32), np.concatenate(columns)
        if not n.size:
            continue
        current, p_w, fresh = theta[row], np.empty_like(n), np.empty_like(theta[row])
        for _ in range(passes):
            np.dot(p_wt, current, out=p_w)
            # Where p_w is 0 so is theta in all topics that have the word.
            np.divide(n, np.maximum(p_w, TINY, out=p_w), out=p_w)
            np.dot(p_w, p_wt, out=fresh)
            fresh *= current
            total = fresh.sum()
            if total <= 0:
                break
            np.divide(fresh, total, out=current)
    return theta
