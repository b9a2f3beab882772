"""Phi made to fit the amortised topic vectors: M-steps with theta held fixed.

BigARTM's Phi was learnt with topic vectors that saw a post's words; a photo's topic vector at
query time has not. These steps let Phi explain the words by the topic vectors that queries will
really have (Vorontsov and Potapenko 2015, eq. 5). BigARTM has decorrelated and sparsed Phi already;
done once more, that only made topics less coherent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.results import Floats

FLOOR = 1e-6


def refit_phi(counts: Any, theta: Floats, phi: Floats, *, passes: int) -> Floats:
    """Phi after some M-steps.

    Parameters
    ----------
    counts
        n_dw, CSR of shape (n, W).
    theta
        Fixed topic vectors, shape (n, K).
    phi
        Where to start, shape (W, K).

    Returns
    -------
    ndarray
        Shape (W, K), float32, columns sum to 1.
    """
    counts = counts.tocsr()
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    current = phi + FLOOR
    current /= current.sum(0)
    ratio = counts.astype(np.float32, copy=True)
    for _ in range(passes):
        p = np.empty(counts.nnz, np.float32)
        for start in range(0, counts.nnz, 1_000_000):
            part = slice(start, start + 1_000_000)
            p[part] = np.einsum("ij,ij->i", theta[rows[part]], current[counts.indices[part]])
        ratio.data = counts.data / np.maximum(p, 1e-12)
        fresh = current * np.asarray(ratio.T @ theta)
        total = fresh.sum(0)
        # A topic without counts stays as it was.
        current = np.where(total > 0, fresh / np.where(total > 0, total, 1), current)
    return current.astype(np.float32)
