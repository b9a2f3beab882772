"""Numbers that are chosen on held-out posts: hubness, re-ranking, closeness and the cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from engine.model import Calibration
from engine.results import Floats

PASS: Final = 0.9


@dataclass(frozen=True)
class Cut:
    """A calibration, and what it does to held-out and to senseless queries.

    Attributes
    ----------
    found
        Share of real queries for which something is close enough.
    nonsense
        Share of senseless queries for which (wrongly) something is.
    """

    calibration: Calibration
    found: float
    nonsense: float


def calibrate(true: Floats, random: Floats, best: Floats, nonsense: Floats) -> Cut:
    """Closeness by a logistic regression; the cut-off where real and senseless part best.

    Parameters
    ----------
    true
        Scores of held-out queries against their own post.
    random
        Scores of held-out queries against other posts.
    best
        For each held-out query: its best score in the library.
    nonsense
        The same for senseless queries.

    Notes
    -----
    The cut-off maximises (share of real queries answered) - (share of senseless ones answered),
    and lets at least 90 % of the real ones through; it lies half-way to the next senseless query.
    With nothing to compare with, it only lets the real ones through.
    """
    if not len(random):
        random = true - 1
    x = np.concatenate([true, random])[:, None]
    y = np.concatenate([np.ones(len(true)), np.zeros(len(random))])
    model = LogisticRegression(class_weight="balanced", C=1e4).fit(x, y)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    candidates = np.quantile(best, np.linspace(0.0, 1 - PASS, 41))
    gain = [(best >= c).mean() - _share(nonsense, c) for c in candidates]
    cut = float(candidates[int(np.argmax(gain))])
    below = nonsense[nonsense < cut]
    if below.size:
        cut = (cut + float(below.max())) / 2
    closeness = 1 / (1 + np.exp(-(slope * cut + offset)))
    return Cut(
        Calibration(slope, offset, float(closeness)),
        float((best >= cut).mean()),
        _share(nonsense, cut),
    )


def _share(scores: Floats, cut: float) -> float:
    return float((scores >= cut).mean()) if scores.size else 0.0
