"""Where a photo shows a topic, and the picture that says so."""

from __future__ import annotations

import numpy as np

from engine.encoder import EncoderShape
from engine.projection import Projection
from engine.results import Floats


def topic_heat(
    projection: Projection, grid: Floats, shape: EncoderShape, topics: list[int]
) -> Floats:
    """How much each cell of a photo contributes to each topic.

    The map is linear in the square root of the mean features m, whose derivative with respect to a
    cell f_c is ``1 / (2 sqrt(m) cells)``: the first-order share of the cell in a topic's log-ratio
    (class activation mapping, Zhou et al. 2016, for a square-root pooling).

    Parameters
    ----------
    grid
        Features, shape (cells, channels).
    topics
        Numbers of the topics, T of them.

    Returns
    -------
    ndarray
        Shape (T, rows, columns), 0 to 1 each.
    """
    if not topics:
        return np.zeros((0, shape.rows, shape.columns), np.float32)
    mean = grid.mean(0)
    root = np.sqrt(np.maximum(mean, 1e-6))
    shares = (np.maximum(grid, 0) / (2 * root)) @ projection.photo_weights
    shares = shares - shares.mean(1, keepdims=True)
    heat = shares[:, topics].T.reshape(len(topics), shape.rows, shape.columns)
    low = np.quantile(heat, 0.4, axis=(1, 2), keepdims=True)
    heat = np.maximum(heat - low, 0)
    high = heat.max(axis=(1, 2), keepdims=True)
    scaled: Floats = np.divide(heat, high, out=np.zeros_like(heat), where=high > 1e-9)
    return scaled.astype(np.float32)
