"""Amortised inference: theta of a photo, or of a text, by one linear map and a softmax.

With f the square root of a photo's mean features (or a text's weighted counts), ``z`` is the
centred, unit-length image of f under a linear map, and ``theta = softmax(kappa * sqrt(K) * z)``.
Up to its length, z is the centred log-ratio of theta (Aitchison, 1986, "The statistical analysis
of compositional data"), so the cosine of two z is the cosine of two topic vectors in Aitchison's
geometry of the simplex: what is searched is theta itself, however peaked it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.results import Columns, Floats


def centre(z: Floats) -> Floats:
    """Rows centred and scaled to unit length (a zero row stays zero), shape (n, K)."""
    return unit_rows(z - z.mean(axis=1, keepdims=True))


def unit_rows(rows: Floats) -> Floats:
    """Rows scaled to unit length (a zero row stays zero), float32."""
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-9)
    return unit.astype(np.float32)


def softmax(z: Floats) -> Floats:
    """Row-wise softmax, shape (n, K)."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    result: Floats = (e / e.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


@dataclass(frozen=True)
class Projection:
    """The two linear maps into the topic space.

    Attributes
    ----------
    photo_weights, photo_bias
        Shapes (channels, K) and (K,); the mean of the features is part of the bias.
    text_weights, text_bias
        Shapes (W_text + W_tag, K) and (K,).
    idf
        Inverse document frequencies, shape (W_text + W_tag,).
    sharpness
        kappa, for a photo's theta and for a text's.
    """

    photo_weights: Floats
    photo_bias: Floats
    text_weights: Floats
    text_bias: Floats
    idf: Floats
    sharpness: tuple[float, float]

    @property
    def topics(self) -> int:
        """K."""
        return int(self.photo_bias.shape[0])

    def photos(self, features: Floats) -> Floats:
        """Mean features (n, channels), non-negative, to z (n, K)."""
        return centre(np.sqrt(np.maximum(features, 0)) @ self.photo_weights + self.photo_bias)

    def texts(self, counts: Floats) -> Floats:
        """Counts of words and tags (n, W_text + W_tag) to z (n, K)."""
        return centre((np.sqrt(counts) * self.idf) @ self.text_weights + self.text_bias)

    def text(self, columns: Columns, counts: Floats) -> Floats:
        """One text by its non-zero columns: z of shape (1, K)."""
        row = (np.sqrt(counts) * self.idf[columns]) @ self.text_weights[columns] + self.text_bias
        return centre(row[None].astype(np.float32))

    def theta(self, z: Floats, *, photo: float) -> Floats:
        """Topic vectors (n, K) of unit vectors z; `photo` is the share of the photo in them."""
        kappa = photo * self.sharpness[0] + (1 - photo) * self.sharpness[1]
        return softmax(kappa * np.sqrt(self.topics) * z)


def log_ratio(theta: Floats) -> Floats:
    """The unit vectors z that belong to topic vectors, shape (n, K): the inverse of `theta`."""
    return centre(np.log(np.maximum(theta, 1e-30)))
