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
from scipy import linalg

from engine.projection import unit_rows
from engine.results import Floats
from engine.scoring import hubness
from training.evaluate.baselines.base import Method, Task, main_language
from training.evaluate.metrics import exact_shares, recall_sum
from training.learn.cca import Moments, canonical_pairs, moments, ridged
from training.learn.choose import split
from training.learn.dataset import Dataset
from training.learn.refine import inverse_document_frequency, weigh

View = Literal["bags", "mean", "sentences", "written"]
Solution = tuple[Floats, Floats, Floats]

DIMENSIONS = 256
"""Most canonical pairs that are kept."""

HELD_OUT = 0.1
"""Share of the training posts on which settings are chosen."""

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
class CcaMethodSettings:
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
class CcaMethod(Method):
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
    settings: CcaMethodSettings
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
        return unit_rows(photo_view(data, self.view) @ self.photo_map + self.photo_offset)

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
    def read(
        cls, view: View, arrays: dict[str, npt.NDArray[Any]], chosen: dict[str, Any]
    ) -> CcaMethod:
        """Put together what `arrays` and `chosen` gave."""
        known = dict(chosen)
        for name in {"photo_hub", "text_hub"} & known.keys():
            weight, count = known[name]
            known[name] = (float(weight), int(count))
        return cls(view=view, settings=CcaMethodSettings(**known), **arrays)


def _taken(vectors: Floats, bank: Floats, hub: tuple[float, int]) -> Floats:
    weight, count = hub
    if not weight or not len(bank):
        return np.zeros(len(vectors), np.float32)
    return weight * hubness(vectors, bank, count)


class CcaSearch:
    """Chooses settings on held-out tenths of the training posts, then learns from all of them.

    What counts is the sum of R@1, R@5 and R@10 both ways over single texts of the main language.
    Ridges, which matter least and cost most, are chosen on one random split; the rest on the mean
    over `SPLITS` of them, as one split alone chooses by chance.
    """

    def __init__(self, task: Task, view: View) -> None:
        self._task, self._view = task, view
        splits = (split(task.train, share=HELD_OUT, seed=task.seed + n) for n in range(SPLITS))
        self._trials = [_Trial(learn, main_language(held), view) for learn, held in splits]

    def plain(self) -> CcaMethod:
        """Fit without a correction for hubs."""

        def value(settings: CcaMethodSettings) -> float:
            return sum(_value(trial.fit(settings), trial.held) for trial in self._trials)

        def value_once(settings: CcaMethodSettings) -> float:
            return _value(self._trials[0].fit(settings), self._trials[0].held)

        best = CcaMethodSettings()
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

    def with_hubs(self, plain: CcaMethod) -> CcaMethod:
        """Correct what `plain` gave for hubs, by the best weights and counts."""
        seed = self._task.seed
        fitted = [
            (_with_banks(trial.fit(plain.settings), trial.learn, seed), trial.held)
            for trial in self._trials
        ]

        def value(settings: CcaMethodSettings) -> float:
            return sum(_value(replace(cca, settings=settings), held) for cca, held in fitted)

        # Each corrects one way alone, so they are chosen one after the other.
        options = list(itertools.product(_HUB_WEIGHTS, _HUB_COUNTS))
        best = plain.settings
        best = max((replace(best, photo_hub=option) for option in options), key=value)
        best = max((replace(best, text_hub=option) for option in options), key=value)
        return _with_banks(replace(plain, settings=best), self._task.train, seed)


def photo_view(data: Dataset, view: View) -> Floats:
    """Square roots of the mean features, or of the counts of visual words."""
    if view == "bags":
        return np.asarray(data.visual.sqrt().toarray(), np.float32)
    return np.sqrt(np.maximum(data.features, 0))


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

    def fit(self, settings: CcaMethodSettings) -> CcaMethod:
        key = (settings.photo_ridge, settings.text_ridge, settings.sentence)
        if self._moments is None or self._moments[0] != settings.sentence:
            width = None if self._view in ("sentences", "written") else 0
            scale = settings.sentence * float(self._length[0])
            sentences = scale * self.learn.sentences[:, :width]
            words = weigh(self.learn.texts, self._idf)
            views = photo_view(self.learn, self._view), words, sentences
            self._moments = (settings.sentence, moments(*views, self.learn.owner))
        found = self._moments[1]
        if key not in self._solutions:
            self._solutions[key] = _solve(found, settings)
        photo, text, correlations = self._solutions[key]
        scales = correlations[: settings.dimensions] ** np.float32(settings.power)
        photo_map, text_map = (m[:, : settings.dimensions] * scales for m in (photo, text))
        empty = np.zeros((0, photo_map.shape[1]), np.float32)
        mean = np.concatenate([found.word_mean, found.sentence_mean])
        return CcaMethod(
            self._view,
            settings,
            self._idf,
            self._length,
            photo_map,
            -found.photo_mean @ photo_map,
            text_map,
            -mean @ text_map,
            empty,
            empty,
        )


def _solve(found: Moments, settings: CcaMethodSettings) -> Solution:
    """Directions of photos (C, D) and of texts (W, D), and the canonical correlations (D,)."""
    between = found.word_sentence
    text = np.block([[found.word, between], [between.T, found.sentence]])
    photo_root, text_root = (
        linalg.cholesky(ridged(covariance, ridge), lower=True, check_finite=False)
        for covariance, ridge in ((found.photo, settings.photo_ridge), (text, settings.text_ridge))
    )
    cross = np.concatenate([found.word_photo, found.sentence_photo])
    return canonical_pairs(photo_root, text_root, cross, DIMENSIONS)


def _with_banks(cca: CcaMethod, data: Dataset, seed: int) -> CcaMethod:
    rng = np.random.default_rng(seed)
    texts = np.sort(rng.permutation(len(data.owner))[:BANK])
    photos = np.sort(rng.permutation(len(data))[:BANK])
    return replace(
        cca, text_bank=cca.texts(data.with_texts(texts)), photo_bank=cca.photos(data.subset(photos))
    )


def _value(cca: CcaMethod, held: Dataset) -> float:
    """Sum of R@1, R@5 and R@10 both ways, in per cent."""
    photos, texts = cca.photos(held), cca.texts(held)
    raw = texts @ photos.T
    if cca.exact_weight and held.written_keys.nnz:
        raw = raw + cca.exact_weight * exact_shares(held.keys, held.written_keys).toarray()
    return recall_sum(raw, held.owner, cca.photo_bias(photos), cca.text_bias(texts))
