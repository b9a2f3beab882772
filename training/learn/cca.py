"""Ridge canonical correlation analysis of photos and texts, solved from sufficient statistics.

Hotelling (1936); Vinod (1976) for the ridge; projections scaled by the canonical correlations as
in Gong et al. (2014), "A multi-view embedding space for modeling internet images, tags, and their
semantics". A text has two views, its words and its sentence vector; what one says of the other is
weakened as if each were missing in a share of the texts, so that the map works with either alone.

Means and covariances are all that is needed of the posts, so those of other posts can be added
(`training.learn.statistics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from engine.results import Floats


@dataclass(frozen=True)
class CcaSettings:
    """Settings of the CCA, chosen on held-out posts.

    Attributes
    ----------
    power
        Of the mean features.
    photo_ridge, word_ridge, sentence_ridge
        What is added to the diagonal of each view's covariance, times its mean variance.
    missing
        Share by which the covariance of words with sentence vectors is weakened.
    base
        Pairs that the statistics of other posts count for; 0 leaves them out.
    visual
        Mean variance of the roots of visual words' counts, in those of the features; 0 leaves them
        out.
    """

    power: float = 0.75
    photo_ridge: float = 1.0
    word_ridge: float = 3.0
    sentence_ridge: float = 1.0
    missing: float = 0.5
    base: float = 0.0
    visual: float = 0.0


@dataclass(frozen=True)
class Moments:
    """Means and covariances of pairs of a photo (A numbers) and a text (W words, D numbers)."""

    pairs: float
    photo_mean: Floats
    word_mean: Floats
    sentence_mean: Floats
    photo: Floats
    word: Floats
    sentence: Floats
    word_sentence: Floats
    word_photo: Floats
    sentence_photo: Floats

    def plus(self, base: Moments, pairs: float) -> Moments:
        """With the covariances of other posts, as if those were so many pairs without words."""
        mine, theirs = self.pairs / (self.pairs + pairs), pairs / (self.pairs + pairs)
        # Nor have they visual words, which a photo here may have behind its features.
        more = (0, len(self.photo) - len(base.photo))
        return Moments(
            self.pairs + pairs,
            self.photo_mean,
            self.word_mean,
            self.sentence_mean,
            mine * self.photo + theirs * np.pad(base.photo, (more, more)),
            mine * self.word,
            mine * self.sentence + theirs * base.sentence,
            mine * self.word_sentence,
            mine * self.word_photo,
            mine * self.sentence_photo + theirs * np.pad(base.sentence_photo, ((0, 0), more)),
        )


Base = dict[float, Moments]
"""Power of the features -> statistics of other posts."""


def moments(photos: Floats, words: Any, sentences: Floats, owner: npt.NDArray[np.int64]) -> Moments:
    """Of pairs (photos[owner[i]], text i).

    Parameters
    ----------
    photos
        Shape (n, A), dense.
    words
        Weighted words, CSR of shape (m, W).
    sentences
        Sentence vectors, shape (m, D).
    owner
        Row of the photo that each text belongs to, shape (m,).

    Notes
    -----
    The m x A matrix of pairs is never made: each photo counts as often as it owns a text, and the
    texts of a photo are added up.
    """
    pairs = len(owner)
    times = np.bincount(owner, minlength=len(photos)).astype(np.float32)
    photo_mean = (times @ photos / pairs).astype(np.float32)
    centred = photos - photo_mean
    pooling = sparse.csr_matrix(
        (np.ones(pairs, np.float32), (owner, np.arange(pairs))), shape=(len(photos), pairs)
    )
    word_mean = np.asarray(words.mean(axis=0), np.float32).ravel()
    sentence_mean = sentences.mean(axis=0).astype(np.float32)
    around = sentences - sentence_mean
    return Moments(
        pairs,
        photo_mean,
        word_mean,
        sentence_mean,
        np.asarray((centred * times[:, None]).T @ centred / pairs, np.float32),
        (words.T @ words).toarray() / np.float32(pairs) - np.outer(word_mean, word_mean),
        around.T @ around / np.float32(pairs),
        np.asarray(words.T @ around, np.float32) / np.float32(pairs),
        np.asarray((pooling @ words).T @ centred, np.float32) / np.float32(pairs),
        np.asarray(np.asarray(pooling @ around).T @ centred / pairs, np.float32),
    )


@dataclass(frozen=True)
class Cca:
    """Linear maps into a shared space, each scaled by the canonical correlations.

    Attributes
    ----------
    photo, word, sentence
        Shapes (A, d), (W, d) and (D, d), for centred rows.
    correlations
        Shape (d,), largest first.
    """

    moments: Moments
    photo: Floats
    word: Floats
    sentence: Floats
    correlations: Floats

    def photos(self, rooted: Floats) -> Floats:
        """Powers of mean features (n, A) into the shared space, (n, d)."""
        return np.asarray((rooted - self.moments.photo_mean) @ self.photo, np.float32)

    def texts(self, words: Any, sentences: Floats) -> Floats:
        """Weighted words (m, W), CSR, and sentence vectors (m, D) into the shared space, (m, d)."""
        read = np.asarray(words @ self.word) - self.moments.word_mean @ self.word
        told = (sentences - self.moments.sentence_mean) @ self.sentence
        return np.asarray(read + told, np.float32)


def fit_cca(found: Moments, settings: CcaSettings, dimensions: int) -> Cca:
    """Solve for the first canonical pairs; fewer where a view has fewer.

    A photo's covariance is factored once for each ridge, which a search over the other settings
    does not repeat: see `Roots`.
    """
    return Roots().solve(found, settings, dimensions)


class Roots:
    """Cholesky factors of the covariances that were asked for last."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Floats, tuple[float, ...], Floats]] = {}

    def solve(self, found: Moments, settings: CcaSettings, dimensions: int) -> Cca:
        """`fit_cca`."""
        width, deep = found.word_sentence.shape
        photo_root = self._root(
            "photo",
            found.photo,
            (settings.photo_ridge,),
            lambda: ridged(found.photo, settings.photo_ridge),
        )

        def text() -> Floats:
            shared = (1 - settings.missing) * found.word_sentence
            words = ridged(found.word, settings.word_ridge)
            sentences = ridged(found.sentence, settings.sentence_ridge)
            whole: Floats = np.block([[words, shared], [shared.T, sentences]])
            return whole

        ridges = (settings.word_ridge, settings.sentence_ridge, settings.missing)
        text_root = self._root("text", found.word, ridges, text)
        cross = np.concatenate([found.word_photo, found.sentence_photo])
        photo, both, correlations = canonical_pairs(photo_root, text_root, cross, dimensions)
        photo, both = photo * correlations, both * correlations
        return Cca(found, photo, both[:width], both[width : width + deep], correlations)

    def _root(self, name: str, of: Floats, ridges: tuple[float, ...], make: Any) -> Floats:
        # The covariance itself is kept, too: the id of one that is gone may be another's.
        kept = self._kept.get(name)
        if kept is None or kept[0] is not of or kept[1] != ridges:
            root = linalg.cholesky(make(), lower=True, overwrite_a=True, check_finite=False)
            kept = self._kept[name] = (of, ridges, root)
        return kept[2]


def ridged(covariance: Floats, ridge: float) -> Floats:
    """A covariance with so many times its mean variance on the diagonal."""
    size = len(covariance)
    added = max(ridge * float(np.trace(covariance)) / max(size, 1), 1e-8)
    regular: Floats = covariance + np.float32(added) * np.eye(size, dtype=np.float32)
    return regular


def canonical_pairs(
    photo_root: Floats, text_root: Floats, cross: Floats, dimensions: int
) -> tuple[Floats, Floats, Floats]:
    """Directions of photos (A, d) and of texts (T, d), and their correlations (d,), largest first.

    Parameters
    ----------
    photo_root, text_root
        Cholesky factors of the covariances, lower.
    cross
        Covariance of texts with photos, shape (T, A).
    """
    half = linalg.solve_triangular(text_root, cross, lower=True, check_finite=False)
    whitened = linalg.solve_triangular(photo_root, half.T, lower=True, check_finite=False)
    # The Gram matrix of the smaller side: much cheaper than the singular vectors of the whole.
    if whitened.shape[0] > whitened.shape[1]:
        right, values = _largest(whitened.T @ whitened, dimensions)
        correlations = np.sqrt(values)
        left = whitened @ right / correlations
    else:
        left, values = _largest(whitened @ whitened.T, dimensions)
        correlations = np.sqrt(values)
        right = whitened.T @ left / correlations
    photo = linalg.solve_triangular(photo_root.T, left, check_finite=False)
    text = linalg.solve_triangular(text_root.T, right, check_finite=False)
    return (photo.astype(np.float32), text.astype(np.float32), correlations.astype(np.float32))


def _largest(gram: Floats, count: int) -> tuple[Floats, Floats]:
    size = len(gram)
    count = min(count, size)
    values, vectors = linalg.eigh(
        gram, subset_by_index=(size - count, size - 1), check_finite=False
    )
    return vectors[:, ::-1], np.maximum(values[::-1], 1e-12)
