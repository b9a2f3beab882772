"""Where a photo shows what is said of it."""

from __future__ import annotations

import numpy as np

from engine.encoder import EncoderShape
from engine.projection import Projection
from engine.results import Floats


def heat_maps(
    projection: Projection, grid: Floats, shape: EncoderShape, directions: Floats
) -> Floats:
    """How much each cell of a photo moves its log-ratio of theta towards some directions.

    The map is linear in a power p of the mean features m, whose derivative with respect to a cell
    f_c is ``p m^(p - 1) / cells``: the first-order share of the cell (class activation mapping,
    Zhou et al. 2016, for a pooling with a power). What visual words add is left out.

    Parameters
    ----------
    grid
        Features, shape (cells, channels).
    directions
        In the space of z, shape (T, K): a topic's axis, or what speaks for a word.

    Returns
    -------
    ndarray
        Shape (T, rows, columns), 0 to 1 each.
    """
    if not len(directions):
        return np.zeros((0, shape.rows, shape.columns), np.float32)
    power = projection.power
    root = power * np.maximum(grid.mean(0), 1e-6) ** (power - 1)
    shares = (np.maximum(grid, 0) * root) @ projection.photo_weights[: grid.shape[1]]
    shares = shares - shares.mean(1, keepdims=True)
    heat = (shares @ directions.T).T.reshape(len(directions), shape.rows, shape.columns)
    low = np.quantile(heat, 0.4, axis=(1, 2), keepdims=True)
    heat = np.maximum(heat - low, 0)
    high = heat.max(axis=(1, 2), keepdims=True)
    scaled: Floats = np.divide(heat, high, out=np.zeros_like(heat), where=high > 1e-9)
    return scaled.astype(np.float32)
