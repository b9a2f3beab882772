"""Phi made to fit the amortised topic vectors: regularised M-steps with theta held fixed.

BigARTM's Phi was learnt with topic vectors that saw a post's words; a photo's topic vector at
query time has not. These steps let Phi explain the words by the topic vectors that queries will
really have (Vorontsov and Potapenko 2015, eq. 5 with the decorrelation of eq. 9).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.results import Floats

FLOOR = 1e-6


def refit_phi(
    counts: Any,
    theta: Floats,
    phi: Floats,
    *,
    subject: int,
    passes: int,
    decorrelation: float = 0.0,
    sparsity: float = 0.0,
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
    subject
        The first so many topics are decorrelated and sparsed, the others are background.
    decorrelation, sparsity
        Relative tau: shares of a topic's mean count.

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
        done = min(1.0, number / max(1, passes // 2))
        if decorrelation:
            others = current[:, :subject].sum(1, keepdims=True) - current[:, :subject]
            fresh[:, :subject] -= done * decorrelation * mass * current[:, :subject] * others
        if sparsity:
            fresh[:, :subject] -= done * sparsity * mass / len(phi)
        fresh = np.maximum(fresh, 0)
        total = fresh.sum(0)
        # A topic that its regularisers emptied stays as it was.
        current = np.where(total > 0, fresh / np.where(total > 0, total, 1), current)
    return current.astype(np.float32)
