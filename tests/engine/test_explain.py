from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.encoder import EncoderShape
from engine.explain import heat_maps
from engine.projection import Projection

CHANNELS, TOPICS = 12, 5


def projection(seed: int = 0) -> Projection:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(CHANNELS, TOPICS)).astype(np.float32)
    zero = np.zeros(TOPICS, np.float32)
    none = np.zeros((0, TOPICS), np.float32)
    ones = np.ones(CHANNELS, np.float32)
    return Projection(weights, zero, weights, zero, none, zero, ones, (1.0, 1.0), 0.5)


def axes(topics: list[int]) -> np.ndarray:
    return np.eye(TOPICS, dtype=np.float32)[topics]


def grid(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(1, 1, (rows * columns, CHANNELS)).astype(np.float32)


class TestHeatMaps:
    @given(
        st.integers(1, 9),
        st.integers(1, 9),
        st.lists(st.integers(0, TOPICS - 1), max_size=TOPICS),
        st.integers(0, 99),
    )
    @settings(max_examples=40, deadline=None)
    def test_shape_and_range(self, rows: int, columns: int, topics: list[int], seed: int) -> None:
        shape = EncoderShape(64, rows, columns, CHANNELS)
        heat = heat_maps(projection(seed), grid(rows, columns, seed), shape, axes(topics))
        assert heat.shape == (len(topics), rows, columns)
        assert heat.dtype == np.float32
        assert ((heat >= 0) & (heat <= 1)).all()
        if rows * columns > 1:
            assert (heat.max(axis=(1, 2)) > 0.99).all()

    def test_it_is_hot_where_the_topic_is(self) -> None:
        model = projection()
        shape = EncoderShape(64, 4, 6, CHANNELS)
        dull = np.full((24, CHANNELS), 0.1, np.float32)
        for topic in range(TOPICS):
            photo = dull.copy()
            special = model.photo_weights[:, topic] - model.photo_weights.mean(1)
            photo[9] += 5 * np.maximum(special, 0)  # row 1, column 3
            heat = heat_maps(model, photo, shape, axes([topic]))[0]
            assert np.unravel_index(heat.argmax(), heat.shape) == (1, 3)

    def test_the_shares_are_the_derivative_of_the_map(self) -> None:
        """More of a hot cell raises its topic's log-ratio, more of a cold one lowers it."""
        model, photo = projection(3), grid(5, 5, 3)
        shape = EncoderShape(64, 5, 5, CHANNELS)
        heat = heat_maps(model, photo, shape, axes([2]))[0].ravel()

        def ratio(cells: np.ndarray) -> float:
            z = np.sqrt(cells.mean(0)) @ model.photo_weights
            return float(z[2] - z.mean())

        gain = []
        for cell in range(25):
            more = photo.copy()
            more[cell] *= 1.05
            gain.append(ratio(more) - ratio(photo))
        assert np.argmax(gain) == np.argmax(heat)
        assert np.corrcoef(gain, heat)[0, 1] > 0.8

    def test_a_plain_photo_is_hot_nowhere(self) -> None:
        shape = EncoderShape(64, 3, 3, CHANNELS)
        for value in (0.0, 1.0):
            photo = np.full((9, CHANNELS), value, np.float32)
            heat = heat_maps(projection(), photo, shape, axes([0, 1]))
            assert np.isfinite(heat).all()
            assert not heat.any()
