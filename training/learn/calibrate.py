"""Numbers that are chosen on held-out posts: hubness, re-ranking, closeness and the cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.model import Calibration
from engine.results import Floats

PASS: Final = 0.9
"""Share of the real queries that must find something."""

NEAR: Final = 0.95
"""Closeness of a post that is about as close as posts get."""


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


def calibrate(best: Floats, nonsense: Floats) -> Cut:
    """Where real and senseless queries part best, and how close a score is.

    Parameters
    ----------
    best
        For each held-out query: its best score in the library.
    nonsense
        The same for senseless queries.

    Notes
    -----
    The cut-off maximises (share of real queries answered) - (share of senseless ones answered),
    and lets at least 90 % of the real ones through; it lies half-way to the next senseless query.
    With nothing to compare with, it only lets the real ones through. Closeness is a logistic
    function of the score, one half at the cut-off and `NEAR` at nine tenths of the way to 1: a
    regression on right and wrong pairs would call every post of a page 100 % close.
    """
    candidates = np.quantile(best, np.linspace(0.0, 1 - PASS, 41))
    gain = [(best >= c).mean() - _share(nonsense, c) for c in candidates]
    cut = float(candidates[int(np.argmax(gain))])
    below = nonsense[nonsense < cut]
    if below.size:
        cut = (cut + float(below.max())) / 2
    slope = float(np.log(NEAR / (1 - NEAR))) / (0.9 * max(1 - cut, 0.1))
    return Cut(
        Calibration(slope, -slope * cut, 0.5), float((best >= cut).mean()), _share(nonsense, cut)
    )


def _share(scores: Floats, cut: float) -> float:
    return float((scores >= cut).mean()) if scores.size else 0.0
