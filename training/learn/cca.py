"""Ridge canonical correlation analysis of two views.

Hotelling (1936); Vinod (1976) for the ridge; projections scaled by the canonical correlations as
in Gong et al. (2014), "A multi-view embedding space for modeling internet images, tags, and their
semantics".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import svds

from engine.results import Floats


@dataclass(frozen=True)
class Cca:
    """Two linear maps into a shared space.

    Attributes
    ----------
    mean_a, mean_b
        Shapes (A,) and (B,).
    weights_a, weights_b
        Shapes (A, d) and (B, d), not scaled by the correlations.
    correlations
        Shape (d,), largest first.
    """

    mean_a: Floats
    mean_b: Floats
    weights_a: Floats
    weights_b: Floats
    correlations: Floats


def fit_cca(
    a: Floats,
    b: Any,
    owner: Any,
    *,
    ridge: tuple[float, float],
    dimensions: int,
) -> Cca:
    """Fit on pairs (a[owner[i]], b[i]).

    Parameters
    ----------
    a
        Shape (n, A), dense.
    b
        Shape (m, B), CSR.
    owner
        Row of `a` that each row of `b` belongs to, shape (m,).
    ridge
        Added to the variances of each view, in units of its mean variance.
    dimensions
        Lowered where the views have fewer.

    Notes
    -----
    Covariances are accumulated without the m x A matrix of pairs: each row of `a` counts as often
    as it owns a row of `b`.
    """
    m = b.shape[0]
    times = np.bincount(owner, minlength=len(a)).astype(np.float32)
    mean_a = (times @ a / m).astype(np.float32)
    centred = a - mean_a
    mean_b = np.asarray(b.mean(axis=0), np.float32).ravel()
    cov_a = (centred * times[:, None]).T @ centred / m
    cov_b = np.asarray((b.T @ b).todense(), np.float32) / m - np.outer(mean_b, mean_b)
    cross = np.asarray(b.T @ centred[owner], np.float32).T / m
    cov_a += ridge[0] * np.trace(cov_a) / len(cov_a) * np.eye(len(cov_a), dtype=np.float32)
    cov_b += ridge[1] * np.trace(cov_b) / len(cov_b) * np.eye(len(cov_b), dtype=np.float32)
    root_a = np.linalg.cholesky(cov_a)
    root_b = np.linalg.cholesky(cov_b)
    whitened = scipy.linalg.solve_triangular(root_a, cross, lower=True)
    whitened = scipy.linalg.solve_triangular(root_b, whitened.T, lower=True).T
    count = min(dimensions, min(whitened.shape) - 1)
    left, values, right = svds(whitened, count, random_state=0)
    order = np.argsort(-values)
    return Cca(
        mean_a,
        mean_b,
        scipy.linalg.solve_triangular(root_a.T, left[:, order]).astype(np.float32),
        scipy.linalg.solve_triangular(root_b.T, right[order].T).astype(np.float32),
        values[order].astype(np.float32),
    )
