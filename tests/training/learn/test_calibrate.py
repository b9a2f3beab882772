from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model import Calibration
from training.learn.calibrate import PASS, calibrate


def closeness(calibration: Calibration, score: float) -> float:
    return float(1 / (1 + np.exp(-(calibration.slope * score + calibration.offset))))


def scores(seed: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.4 + gap, 0.08, 200), rng.normal(0.35, 0.08, 150)


class TestCalibrate:
    @given(st.integers(0, 500), st.floats(0, 1))
    @settings(max_examples=25, deadline=None)
    def test_real_queries_are_answered_and_the_shares_are_true(self, seed: int, gap: float) -> None:
        best, nonsense = scores(seed, gap)
        cut = calibrate(best, nonsense)
        assert cut.found >= PASS
        assert cut.calibration.slope > 0
        passed = [closeness(cut.calibration, s) >= cut.calibration.cutoff - 1e-9 for s in best]
        assert abs(np.mean(passed) - cut.found) < 0.01
        wrong = [closeness(cut.calibration, s) >= cut.calibration.cutoff for s in nonsense]
        assert abs(np.mean(wrong) - cut.nonsense) < 0.01

    def test_the_closer_the_more(self) -> None:
        cut = calibrate(*scores(0, 0.3))
        rising = [closeness(cut.calibration, s) for s in (-0.5, 0.0, 0.3, 0.6, 1.0)]
        assert rising == sorted(rising)
        assert rising[0] < 0.1
        assert rising[-1] > 0.9

    def test_nonsense_that_stands_apart_is_cut_in_the_middle_of_the_gap(self) -> None:
        best, nonsense = np.linspace(0.8, 1, 50), np.linspace(0, 0.4, 50)
        cut = calibrate(best, nonsense)
        assert (cut.found, cut.nonsense) == (1.0, 0.0)
        # Neither just below the worst real query nor just above the best senseless one: the next
        # real query may be a little worse than the worst that was seen.
        share = cut.calibration.cutoff
        score = (np.log(share / (1 - share)) - cut.calibration.offset) / cut.calibration.slope
        assert abs(score - 0.6) < 1e-3

    def test_nonsense_as_good_as_sense_costs_no_real_query_much(self) -> None:
        same = np.linspace(0.2, 0.6, 100)
        cut = calibrate(same, same)
        assert cut.found >= PASS
        assert abs(cut.found - cut.nonsense) < 0.02

    def test_far_apart_scores_give_finite_numbers(self) -> None:
        ones, zeros = np.ones(50), np.zeros(50)
        cut = calibrate(ones, zeros)
        numbers = [cut.calibration.slope, cut.calibration.offset, cut.calibration.cutoff]
        assert np.isfinite(numbers).all()
        assert (cut.found, cut.nonsense) == (1.0, 0.0)

    def test_a_handful_of_scores(self) -> None:
        cut = calibrate(np.array([0.9]), np.array([0.2, 0.3]))
        assert cut.found == 1
        assert cut.nonsense == 0

    def test_nothing_to_compare_with(self) -> None:
        # The other scores of very few photos may all be those of the photo itself.
        none = np.zeros(0)
        cut = calibrate(np.array([0.9, 0.8]), none)
        assert np.isfinite([cut.calibration.slope, cut.calibration.cutoff]).all()
        assert cut.found >= PASS
        assert cut.nonsense == 0
