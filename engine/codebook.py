"""Visual words: each cell of a photo's grid is written with a few words of a codebook.

The bag of visual words of Sivic and Zisserman (2003) over convolutional features, with the soft
assignment of van Gemert et al. (2010): a cell between two words counts for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.projection import unit_rows
from engine.results import Floats

Integers = npt.NDArray[np.int32]

LIMIT = 8.0
"""Largest count of one word: a plain sky is not sixty times "sky"."""

LEAST = 0.05
"""Smaller counts are taken for none."""


def cell_patterns(cells: Floats) -> Floats:
    """Square roots of cells (..., channels), scaled to unit length.

    The square root tames large activations (Hellinger kernel, Arandjelovic and Zisserman 2012); a
    cell of unit length is compared by its pattern, not its strength.
    """
    return unit_rows(np.sqrt(np.maximum(cells, 0)))


def principal_axes(rows: Floats, count: int) -> tuple[Floats, Floats]:
    """PCA of rows (n, channels): variances (count,), the largest first, and axes in columns."""
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    return values[::-1][:count], vectors[:, ::-1][:, :count].astype(np.float32)


@dataclass(frozen=True)
class Codebook:
    """PCA followed by k-means centroids.

    Attributes
    ----------
    mean
        Shape (channels,).
    components
        PCA rotation, shape (channels, dimensions).
    centroids
        Shape (words, dimensions).
    softness
        Kernel width of the soft assignment, in squared distance.
    per_cell
        Words a cell is written with.
    """

    mean: Floats
    components: Floats
    centroids: Floats
    softness: float
    per_cell: int = 4

    def __len__(self) -> int:
        return len(self.centroids)

    def project(self, cells: Floats) -> Floats:
        """Cells (n, channels) to PCA coordinates (n, dimensions)."""
        projected = (cell_patterns(cells) - self.mean) @ self.components
        return projected.astype(np.float32, copy=False)

    def words(self, grid: Floats) -> tuple[Integers, Floats]:
        """Words of each cell, best first, and their weights (each row sums to 1).

        Parameters
        ----------
        grid
            Shape (cells, channels).

        Returns
        -------
        words, weights
            Both of shape (cells, per_cell).
        """
        cells = self.project(grid)
        distance = (
            (cells**2).sum(1)[:, None]
            - 2 * cells @ self.centroids.T
            + (self.centroids**2).sum(1)[None]
        )
        near = np.argpartition(distance, self.per_cell - 1, axis=1)[:, : self.per_cell]
        closest = np.take_along_axis(distance, near, 1)
        order = np.argsort(closest, axis=1)
        near, closest = np.take_along_axis(near, order, 1), np.take_along_axis(closest, order, 1)
        weights = np.exp(-(closest - closest[:, :1]) / self.softness)
        weights /= weights.sum(1, keepdims=True)
        return near.astype(np.int32), weights.astype(np.float32)

    def bag(self, grid: Floats) -> Floats:
        """Counts n_dw of a photo over the codebook, shape (words,).

        Parameters
        ----------
        grid
            Shape (cells, channels).
        """
        words, weights = self.words(grid)
        counts = np.bincount(words.ravel(), weights.ravel(), len(self.centroids))
        return np.where(counts < LEAST, 0, np.minimum(counts, LIMIT)).astype(np.float32)
