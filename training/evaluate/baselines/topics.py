"""Topic models used as they come: theta by plain fold-in, of a photo as of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.projection import unit_rows
from engine.results import Floats
from training.evaluate.baselines.base import Method, Task
from training.evaluate.baselines.foldin import fold_in
from training.learn.artm import ArtmSettings, train_artm
from training.learn.dataset import Dataset
from training.progress import QUIET, Say

Comparison = Literal["cosine", "hellinger"]

RECIPE_TOPICS, RECIPE_BACKGROUND = 44, 5
"""Size of the original student project's model."""

_TOGETHER = 512
"""Documents folded in at a time: their bags are dense."""


@dataclass(frozen=True)
class PlainTopics(Method):
    """Theta of either side by fold-in, compared by cosine or Hellinger's product.

    Attributes
    ----------
    modalities
        Modality -> p(w | t), shape (W_modality, K); an empty modality is left out.
    weights
        Modality -> weight, the same as in training.
    comparison
        ``"cosine"`` of theta, or ``"hellinger"``: the inner product of sqrt(theta).
    """

    modalities: Mapping[str, Floats]
    weights: Mapping[str, float]
    comparison: Comparison

    def photos(self, data: Dataset) -> Floats:
        """Vectors of photos by their visual words, shape (n, K)."""
        return self._vectors(self._theta({"visual": data.visual}))

    def texts(self, data: Dataset) -> Floats:
        """Vectors of texts by their words and hashtags, shape (m, K)."""
        return self._vectors(self._theta(split_columns(data.texts, len(self.modalities["text"]))))

    def words(self, data: Dataset) -> Floats:
        """p(w | theta) of each photo, shape (n, W_text)."""
        p: Floats = self._theta({"visual": data.visual}) @ self.modalities["text"].T
        return p

    def phi(self) -> Floats:
        """p(w | t) of the words."""
        return self.modalities["text"]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learnt, for the cache."""
        return dict(self.modalities)

    def _theta(self, bags: Mapping[str, Any]) -> Floats:
        known = {name: bag for name, bag in bags.items() if name in self.modalities}
        count = next(iter(bags.values())).shape[0]
        parts = []
        for start in range(0, count, _TOGETHER):
            dense = {name: bag[start : start + _TOGETHER].toarray() for name, bag in known.items()}
            documents = [
                {name: bag[row] for name, bag in dense.items()}
                for row in range(min(_TOGETHER, count - start))
            ]
            parts.append(fold_in(documents, self.modalities, weights=self.weights))
        topics = self.modalities["text"].shape[1]
        return np.concatenate(parts) if parts else np.zeros((0, topics), np.float32)

    def _vectors(self, theta: Floats) -> Floats:
        return unit_rows(theta) if self.comparison == "cosine" else np.sqrt(theta)


def split_columns(texts: Any, words: int) -> dict[str, Any]:
    """Split counts into words and hashtags; without hashtags there is no such modality."""
    bags = {"text": texts[:, :words].tocsr()}
    if texts.shape[1] > words:
        bags["tag"] = texts[:, words:].tocsr()
    return bags


def recipe_of(name: str, task: Task) -> tuple[ArtmSettings, Comparison]:
    """How a topic model of the table is learnt and its theta compared."""
    if name == "original_recipe":
        settings = ArtmSettings(
            topics=RECIPE_TOPICS, background=RECIPE_BACKGROUND, recipe="artm", seed=task.seed + 1
        )
        return settings, "cosine"
    if name not in ("plsa", "lda"):
        raise ValueError(f"{name!r} is no topic model of the table")
    recipe: Literal["plsa", "lda"] = "plsa" if name == "plsa" else "lda"
    settings = ArtmSettings(topics=task.topics, background=0, recipe=recipe, seed=task.seed + 1)
    return settings, "hellinger"


def fit_topics(name: str, task: Task, folder: Path, progress: Say = QUIET) -> PlainTopics:
    """Learn a topic model of the training posts, all modalities with the same weight.

    Parameters
    ----------
    name
        ``"original_recipe"``, ``"plsa"`` or ``"lda"``.
    folder
        For BigARTM's working files.

    Raises
    ------
    ArtmError
        BigARTM is not installed or failed.
    """
    settings, comparison = recipe_of(name, task)
    bags = split_columns(task.train.pooled(), task.words) | {"visual": task.train.visual}
    result = train_artm(bags, settings, folder, progress=progress)
    return plain_topics(result.phi, settings, comparison)


def plain_topics(
    phi: Mapping[str, Floats], settings: ArtmSettings, comparison: Comparison
) -> PlainTopics:
    """Put a model together from its Phi."""
    weights = {name: settings.class_weights.get(name, 1.0) for name in phi}
    return PlainTopics(dict(phi), weights, comparison)
