"""Ridge canonical correlation analysis between photos and texts.

Hardoon, Szedmak and Shawe-Taylor (2004), "Canonical correlation analysis: an overview with
application to learning methods"; projections scaled by the canonical correlations as in Gong, Ke,
Isard and Lazebnik (2014), "A multi-view embedding space for modeling internet images, tags, and
their semantics"; the correction for hubs of Conneau et al. (2018), "Word translation without
parallel data". Each text is a pair with its photo.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from engine.projection import unit_rows
from engine.results import Floats
from training.evaluate.baselines.base import (
    Method,
    Task,
    main_language,
    mean_of_largest,
    validation_split,
)
from training.evaluate.metrics import (
    exact_shares,
    photo_to_text_ranks,
    summarise,
    text_to_photo_ranks,
)
from training.learn.dataset import Dataset
from training.learn.refine import inverse_document_frequency, weigh

View = Literal["bags", "mean", "sentences", "written"]
Solution = tuple[Floats, Floats, Floats]

DIMENSIONS = 256
"""Most canonical pairs that are kept."""

SPLITS = 3
"""Random splits of the training posts on which settings are chosen."""

BANK = 4000
"""Most training texts, and training photos, by which hubs are found."""

_RIDGES = (1.0, 0.3, 3.0)
_SENTENCE_RIDGES = (1.0, 0.3, 3.0, 8.0)
_SENTENCES = (0.5, 1.0, 2.0, 4.0)
_EXACT = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
_POWERS = (0.5, 0.75, 1.0)
_DIMENSIONS = (96, 128, 192, 256)
_HUB_COUNTS = (5, 10, 20, 40, 80)
_HUB_WEIGHTS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class CcaSettings:
    """Settings of the CCA.

    Attributes
    ----------
    photo_ridge, text_ridge
        What is added to the diagonal of each covariance, times the mean variance.
    sentence
        Length of a sentence vector, in mean lengths of the weighted words, where the view has them.
    exact
        Weight of the share of a text's words that are written on a photo.
    power
        Projections are scaled by the canonical correlations to this power.
    dimensions
        Canonical pairs kept.
    photo_hub, text_hub
        A weight and a count: from a candidate photo's (text's) score that share of the mean of
        its so many largest similarities to training texts (photos) is taken off.
    """

    photo_ridge: float = 1.0
    text_ridge: float = 1.0
    sentence: float = 1.0
    exact: float = 0.0
    power: float = 1.0
    dimensions: int = DIMENSIONS
    photo_hub: tuple[float, int] = (0.0, 10)
    text_hub: tuple[float, int] = (0.0, 10)


@dataclass(frozen=True)
class Moments:
    """Means and covariances of the pairs; all that a CCA needs of the data."""

    photo_mean: Floats
    text_mean: Floats
    photo: Floats
    text: Floats
    cross: Floats


@dataclass(frozen=True)
class Cca(Method):
    """A fitted CCA.

    Attributes
    ----------
    view
        What a photo is: the bag of visual words or the mean features, as square roots; with
        ``"sentences"`` a text has its sentence vector, too, and with ``"written"`` words that are
        written on a photo count besides.
    photo_map, text_map
        Shapes (channels, D) and (W, D); rows of the views times these, plus the bias.
    text_bank, photo_bank
        Training texts and photos as unit vectors, shape (at most `BANK`, D).
    """

    view: View
    settings: CcaSettings
    idf: Floats
    length: Floats
    photo_map: Floats
    photo_offset: Floats
    text_map: Floats
    text_offset: Floats
    text_bank: Floats
    photo_bank: Floats

    def photos(self, data: Dataset) -> Floats:
        """Map photos to unit vectors, shape (n, D)."""
        return unit_rows(
            _dense_rows(photo_view(data, self.view), self.photo_map) + self.photo_offset
        )

    @property
    def exact_weight(self) -> float:  # type: ignore[override]
        """Weight of words that stand literally on a photo."""
        return self.settings.exact

    def texts(self, data: Dataset) -> Floats:
        """Map texts to unit vectors, shape (m, D)."""
        words, width = weigh(data.texts, self.idf), len(self.idf)
        z = np.asarray(words @ self.text_map[:width]) + self.text_offset
        if len(self.text_map) > width:
            scale = self.settings.sentence * float(self.length[0])
            z += scale * data.sentences @ self.text_map[width:]
        return unit_rows(np.asarray(z, np.float32))

    def photo_bias(self, vectors: Floats) -> Floats:
        """How much of a hub among training texts each photo is, shape (n,)."""
        return _taken(vectors, self.text_bank, self.settings.photo_hub)

    def text_bias(self, vectors: Floats) -> Floats:
        """How much of a hub among training photos each text is, shape (m,)."""
        return _taken(vectors, self.photo_bank, self.settings.text_hub)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learnt, for the cache."""
        names = ("idf", "length", "photo_map", "photo_offset", "text_map", "text_offset")
        return {name: getattr(self, name) for name in (*names, "text_bank", "photo_bank")}

    def chosen(self) -> dict[str, Any]:
        """Return the settings chosen on a part of the training posts."""
        settings = self.settings
        chosen: dict[str, Any] = {
            "photo_ridge": settings.photo_ridge,
            "text_ridge": settings.text_ridge,
            "power": settings.power,
            "dimensions": settings.dimensions,
        }
        if self.view in ("sentences", "written"):
            chosen["sentence"] = settings.sentence
        if self.view == "written":
            chosen["exact"] = settings.exact
        if len(self.text_bank):
            chosen |= {"photo_hub": [*settings.photo_hub], "text_hub": [*settings.text_hub]}
        return chosen

    @classmethod
    def read(cls, view: View, arrays: dict[str, npt.NDArray[Any]], chosen: dict[str, Any]) -> Cca:
        """Put together what `arrays` and `chosen` gave."""
        known = dict(chosen)
        for name in {"photo_hub", "text_hub"} & known.keys():
            weight, count = known[name]
            known[name] = (float(weight), int(count))
        return cls(view=view, settings=CcaSettings(**known), **arrays)


def _taken(vectors: Floats, bank: Floats, hub: tuple[float, int]) -> Floats:
    weight, count = hub
    if not weight or not len(bank):
        return np.zeros(len(vectors), np.float32)
    return weight * mean_of_largest(vectors @ bank.T, count)


class CcaSearch:
    """Chooses settings on held-out tenths of the training posts, then learns from all of them.

    What counts is the sum of R@1, R@5 and R@10 both ways over single texts of the main language.
    Ridges, which matter least and cost most, are chosen on one random split; the rest on the mean
    over `SPLITS` of them, as one split alone chooses by chance.
    """

    def __init__(self, task: Task, view: View) -> None:
        self._task, self._view = task, view
        splits = (validation_split(task.train, seed=task.seed + n) for n in range(SPLITS))
        self._trials = [_Trial(learn, main_language(held), view) for learn, held in splits]

    def plain(self) -> Cca:
        """Fit without a correction for hubs."""

        def value(settings: CcaSettings) -> float:
            return sum(_value(trial.fit(settings), trial.held) for trial in self._trials)

        def value_once(settings: CcaSettings) -> float:
            return _value(self._trials[0].fit(settings), self._trials[0].held)

        best = CcaSettings()
        best = max((replace(best, photo_ridge=ridge) for ridge in _RIDGES), key=value_once)
        ridges = _RIDGES if self._view in ("bags", "mean") else _SENTENCE_RIDGES
        best = max((replace(best, text_ridge=ridge) for ridge in ridges), key=value_once)
        if self._view in ("sentences", "written"):
            options = (replace(best, sentence=length) for length in _SENTENCES)
            best = max(options, key=value_once)
        grid = itertools.product(_POWERS, _DIMENSIONS)
        best = max((replace(best, power=p, dimensions=d) for p, d in grid), key=value)
        if self._view == "written":
            best = max((replace(best, exact=weight) for weight in _EXACT), key=value)
        return _Trial(self._task.train, self._task.train, self._view).fit(best)

    def with_hubs(self, plain: Cca) -> Cca:
        """Correct what `plain` gave for hubs, by the best weights and counts."""
        seed = self._task.seed
        fitted = [
            (_with_banks(trial.fit(plain.settings), trial.learn, seed), trial.held)
            for trial in self._trials
        ]

        def value(settings: CcaSettings) -> float:
            return sum(_value(replace(cca, settings=settings), held) for cca, held in fitted)

        # Each corrects one way alone, so they are chosen one after the other.
        options = list(itertools.product(_HUB_WEIGHTS, _HUB_COUNTS))
        best = plain.settings
        best = max((replace(best, photo_hub=option) for option in options), key=value)
        best = max((replace(best, text_hub=option) for option in options), key=value)
        return _with_banks(replace(plain, settings=best), self._task.train, seed)


def photo_view(data: Dataset, view: View) -> Any:
    """Square roots of the mean features (dense) or of the counts of visual words (CSR)."""
    if view != "bags":
        return np.sqrt(np.maximum(data.features, 0))
    return data.visual.sqrt().astype(np.float32)


def _dense_rows(rows: Any, matrix: Floats) -> Floats:
    product: Floats = np.asarray(rows @ matrix, np.float32)
    return product


def _moments(data: Dataset, view: View, idf: Floats, scale: float | None = None) -> Moments:
    """Means and covariances; `scale` is what sentence vectors are multiplied by, if they count."""
    photos, texts = photo_view(data, view), weigh(data.texts, idf)
    pairs = len(data.owner)
    weight = np.bincount(data.owner, minlength=len(data)).astype(np.float32) / pairs
    pooling = sparse.csr_matrix(
        (np.full(pairs, 1 / pairs, np.float32), (data.owner, np.arange(pairs))),
        shape=(len(data), pairs),
    )
    photo_mean = np.asarray(weight @ photos, np.float32).ravel()
    text_mean = np.asarray(texts.mean(0), np.float32).ravel()
    text = (texts.T @ texts).toarray() / pairs
    pooled = pooling @ texts
    if sparse.issparse(photos):
        photo = (photos.T @ photos.multiply(weight[:, None]).tocsr()).toarray()
        cross = (photos.T @ pooled).toarray()
    else:
        photo = photos.T @ (photos * weight[:, None])
        cross = np.asarray(pooled.T @ photos).T
    if scale is not None:
        said = scale * data.sentences
        between = np.asarray(texts.T @ said) / pairs
        text = np.block([[text, between], [between.T, said.T @ said / pairs]])
        cross = np.concatenate([cross, photos.T @ np.asarray(pooling @ said)], axis=1)
        text_mean = np.concatenate([text_mean, said.mean(0)])
    return Moments(
        photo_mean,
        text_mean.astype(np.float32),
        (photo - np.outer(photo_mean, photo_mean)).astype(np.float32),
        (text - np.outer(text_mean, text_mean)).astype(np.float32),
        (cross - np.outer(photo_mean, text_mean)).astype(np.float32),
    )


class _Trial:
    """Fits one part of the training posts by any settings, each pair of ridges once."""

    def __init__(self, learn: Dataset, held: Dataset, view: View) -> None:
        self.learn, self.held, self._view = learn, held, view
        self._idf = inverse_document_frequency(learn.texts)
        words = weigh(learn.texts, self._idf)
        lengths = np.sqrt(np.asarray(words.multiply(words).sum(1)).ravel())
        self._length = np.array([max(float(lengths.mean()), 1e-6)], np.float32)
        self._moments: tuple[float, Moments] | None = None
        self._solutions: dict[tuple[float, float, float], Solution] = {}

    def fit(self, settings: CcaSettings) -> Cca:
        key = (settings.photo_ridge, settings.text_ridge, settings.sentence)
        if self._moments is None or self._moments[0] != settings.sentence:
            told = self._view in ("sentences", "written")
            scale = settings.sentence * float(self._length[0]) if told else None
            found = _moments(self.learn, self._view, self._idf, scale)
            self._moments = (settings.sentence, found)
        found = self._moments[1]
        if key not in self._solutions:
            self._solutions[key] = _solve(found, settings)
        return _scale(self._view, settings, self._idf, self._length, found, self._solutions[key])


def _solve(moments: Moments, settings: CcaSettings) -> Solution:
    """Directions of photos (C, D) and of texts (W, D), and the canonical correlations (D,)."""
    photo_root = _root(moments.photo, settings.photo_ridge)
    text_root = _root(moments.text, settings.text_ridge)
    half = linalg.solve_triangular(photo_root, moments.cross, lower=True, check_finite=False)
    whitened = linalg.solve_triangular(text_root, half.T, lower=True, check_finite=False).T
    # The Gram matrix of one side: much cheaper than the singular vectors of the whole.
    gram = whitened @ whitened.T
    size, count = len(gram), min(DIMENSIONS, *whitened.shape)
    values, left = linalg.eigh(gram, subset_by_index=(size - count, size - 1), check_finite=False)
    values, left = values[::-1], left[:, ::-1]
    correlations = np.sqrt(np.maximum(values, 1e-12)).astype(np.float32)
    right = (whitened.T @ left) / correlations
    photo = linalg.solve_triangular(photo_root.T, left, check_finite=False)
    text = linalg.solve_triangular(text_root.T, right, check_finite=False)
    return photo.astype(np.float32), text.astype(np.float32), correlations


def _root(covariance: Floats, ridge: float) -> Floats:
    """Cholesky factor of a covariance with its ridge, lower."""
    size = len(covariance)
    added = max(ridge * float(np.trace(covariance)) / size, 1e-8)
    regular = covariance + np.float32(added) * np.eye(size, dtype=np.float32)
    root: Floats = linalg.cholesky(regular, lower=True, check_finite=False, overwrite_a=True)
    return root


def _scale(
    view: View,
    settings: CcaSettings,
    idf: Floats,
    length: Floats,
    moments: Moments,
    solution: Solution,
) -> Cca:
    photo, text, correlations = solution
    scale = correlations[: settings.dimensions] ** np.float32(settings.power)
    photo_map = photo[:, : settings.dimensions] * scale
    text_map = text[:, : settings.dimensions] * scale
    empty = np.zeros((0, photo_map.shape[1]), np.float32)
    return Cca(
        view,
        settings,
        idf,
        length,
        photo_map,
        -moments.photo_mean @ photo_map,
        text_map,
        -moments.text_mean @ text_map,
        empty,
        empty,
    )


def _with_banks(cca: Cca, data: Dataset, seed: int) -> Cca:
    rng = np.random.default_rng(seed)
    texts = np.sort(rng.permutation(len(data.owner))[:BANK])
    photos = np.sort(rng.permutation(len(data))[:BANK])
    return replace(
        cca,
        text_bank=cca.texts(data.with_texts(texts)),
        photo_bank=cca.photos(data.subset(photos)),
    )


def _value(cca: Cca, held: Dataset) -> float:
    """Sum of R@1, R@5 and R@10 both ways, in per cent."""
    photos, texts = cca.photos(held), cca.texts(held)
    photo_bias, text_bias = cca.photo_bias(photos), cca.text_bias(texts)
    raw = texts @ photos.T
    if cca.exact_weight and held.written_keys.nnz:
        raw = raw + cca.exact_weight * exact_shares(held.keys, held.written_keys).toarray()
    ranks = (
        text_to_photo_ranks(lambda rows: raw[rows] - photo_bias, held.owner, len(photos)),
        photo_to_text_ranks(lambda rows: raw.T[rows] - text_bias, held.owner, len(photos)),
    )
    recalls = [summarise(r) for r in ranks]
    return float(np.nan_to_num(sum(r.r1 + r.r5 + r.r10 for r in recalls)))
