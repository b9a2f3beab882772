"""Amortised inference: theta of a photo, or of a text, by one linear map each and a softmax.

With f a photo's mean features to a power, and where that helps its visual words (or a text's
weighted counts beside its sentence vector), ``z`` is the centred, unit-length image of f under a
linear map, and ``theta = softmax(kappa * sqrt(K) * z)``. Up to its length, z is the centred
log-ratio of theta (Aitchison, 1986, "The statistical analysis of compositional data"), so the
cosine of two z is the cosine of two topic vectors in Aitchison's geometry of the simplex: what is
searched is theta itself, however peaked it is.

A text has two views: its known words, and its sentence vector, which is there for words that no
post had, too. The map of both is learnt so that each view may be missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

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
    """The linear maps into the topic space.

    Attributes
    ----------
    photo_weights, photo_bias
        Shapes (channels, K) and (K,), or (channels + visual words, K) where `visual` is not 0; the
        mean of the features is part of the bias.
    text_weights, text_bias
        Of words and hashtags, shapes (W_text + W_tag, K) and (K,).
    sentence_weights, sentence_bias
        Of sentence vectors, shapes (D, K) and (K,); D is 0 for a model without them.
    idf
        Inverse document frequencies, shape (W_text + W_tag,).
    sharpness
        kappa, for a photo's theta and for a text's.
    power
        Of the mean features.
    single_word
        How much the sentence vector of a single known word counts, 0 to 1; see `sentence_share`.
    visual
        What the square roots of the counts of visual words are multiplied by; 0 leaves them out.
    """

    photo_weights: Floats
    photo_bias: Floats
    text_weights: Floats
    text_bias: Floats
    sentence_weights: Floats
    sentence_bias: Floats
    idf: Floats
    sharpness: tuple[float, float]
    power: float = 0.5
    single_word: float = 0.5
    visual: float = 0.0

    @property
    def topics(self) -> int:
        """K."""
        return int(self.photo_bias.shape[0])

    def photos(self, features: Floats, visual: Any) -> Floats:
        """Photos to z (n, K).

        Parameters
        ----------
        features
            Mean features, shape (n, channels), non-negative.
        visual
            Counts of visual words, shape (n, words), dense or CSR; not looked at without `visual`.
        """
        view = photo_view(features, visual, self.power, self.visual)
        return centre(view @ self.photo_weights + self.photo_bias)

    def sentence_share(self, known: Floats) -> Floats:
        """How much the sentence vector counts beside so many known words, shape like `known`.

        Of a word that posts had, the posts say best what it means; of a sentence, the vector knows
        the order and what is between the words.
        """
        share: Floats = 1 - (1 - self.single_word) / np.maximum(known, 1).astype(np.float32) ** 2
        return np.where(known > 0, share, 1).astype(np.float32)

    def texts(
        self, counts: Floats, sentences: Floats, unknown: npt.NDArray[np.bool_] | None = None
    ) -> Floats:
        """Texts to z (n, K).

        Parameters
        ----------
        counts
            Of words and hashtags, shape (n, W_text + W_tag), dense.
        sentences
            Sentence vectors, shape (n, D).
        unknown
            Which have words besides that no post had, shape (n,): there the sentence counts in
            full. None: no text has.
        """
        known = (counts > 0).sum(1, keepdims=True).astype(np.float32)
        share = self.sentence_share(known)
        if unknown is not None:
            share = np.where(unknown[:, None], 1, share)
        z = (np.sqrt(counts) * self.idf) @ self.text_weights + self.text_bias
        return self._together(z, known, sentences, share)

    def text(
        self, columns: Columns, counts: Floats, sentence: Floats, *, unknown: bool = False
    ) -> Floats:
        """One text by its non-zero columns: z of shape (1, K).

        Parameters
        ----------
        columns, counts
            Of its known words and hashtags, shape (q,) each.
        sentence
            Its sentence vector, shape (D,).
        unknown
            Whether it has words besides that no post had: then the sentence counts in full.
        """
        row = (np.sqrt(counts) * self.idf[columns]) @ self.text_weights[columns] + self.text_bias
        known = np.full((1, 1), len(columns), np.float32)
        share = np.ones_like(known) if unknown else self.sentence_share(known)
        return self._together(row[None], known, sentence[None], share)

    def _together(self, words: Floats, known: Floats, sentences: Floats, share: Floats) -> Floats:
        z = np.where(known > 0, words, 0)
        if sentences.shape[1]:
            there = np.any(sentences, axis=1, keepdims=True)
            z = z + share * there * (sentences @ self.sentence_weights + self.sentence_bias)
        return centre(z.astype(np.float32))

    def theta(self, z: Floats, *, photo: float) -> Floats:
        """Topic vectors (n, K) of unit vectors z; `photo` is the share of the photo in them."""
        kappa = photo * self.sharpness[0] + (1 - photo) * self.sharpness[1]
        return softmax(kappa * np.sqrt(self.topics) * z)


def photo_view(features: Floats, visual: Any, power: float, weight: float) -> Floats:
    """What the map reads of photos: mean features to a power, and weighed roots of visual words."""
    rooted: Floats = np.maximum(features, 0) ** np.float32(power)
    if not weight:
        return rooted
    roots = visual.sqrt().toarray() if hasattr(visual, "toarray") else np.sqrt(visual)
    return np.concatenate([rooted, (weight * roots).astype(np.float32)], axis=1)


def log_ratio(theta: Floats) -> Floats:
    """The unit vectors z that belong to topic vectors, shape (n, K): the inverse of `theta`."""
    return centre(np.log(np.maximum(theta, 1e-30)))
