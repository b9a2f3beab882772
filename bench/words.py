"""Single words as queries: those that posts had, and the same ones when no text had them.

Run ``python -m bench words --corpus CORPUS --model MODEL`` with a model that learnt from the train
posts of the corpus. Words of held-out posts are drawn, a second model is learnt without the texts
that have any of them, and both rank the held-out photos by each word alone, as people ask.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.report import Cell, Goal, Table
from engine.encoder import open_encoder
from engine.engine import Engine
from engine.errors import UnknownWordsError
from engine.model import Model, load_model, read_manifest
from engine.projection import log_ratio
from engine.results import Floats
from engine.text.sentences import sentence_encoder
from engine.vocabulary import Vocabulary
from training.evaluate.evaluate import training_posts
from training.learn.choose import photo_vectors
from training.learn.dataset import Dataset
from training.learn.describe import describe_corpus
from training.learn.fit import learn_model
from training.learn.model import assemble_model
from training.learn.settings import BuildSettings
from training.progress import Progress

WORDS: Final = 120
"""Of each language."""
SEED: Final = 1
POSTS: Final = (3, 0.03)
"""Held-out posts that have a drawn word: at least, and at most as a share of all."""

BOUNDS: Final = {"en": (0.103, 0.075), "ru": (0.119, 0.085)}
"""Mean average precision to reach on Flickr8k with the small encoder: known words, unknown ones."""

Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drawn:
    """Words of a language.

    Attributes
    ----------
    columns
        Of the words.
    truth
        Whether each held-out post has each of them, shape (words, posts).
    """

    columns: npt.NDArray[np.int64]
    truth: Truth


def draw(words: Vocabulary, held: Dataset, language: str) -> Drawn:
    """Words at random out of those that some held-out posts have, but not many."""
    has = held.pooled()[:, : len(words)] > 0
    posts = np.asarray(has.sum(0)).ravel()
    least, share = POSTS
    fit = (np.array(words.languages) == language) & (posts >= least)
    columns = np.flatnonzero(fit & (posts <= share * len(held)))
    chosen = np.random.default_rng(SEED).permutation(columns)[:WORDS]
    return Drawn(chosen, has.tocsc()[:, chosen].toarray().T)


def without(data: Dataset, columns: npt.NDArray[np.int64]) -> Dataset:
    """The posts without the texts that have any of these words, and without the words' columns."""
    kept = np.setdiff1d(np.arange(data.texts.shape[1]), columns)
    texts = np.flatnonzero(data.texts.tocsc()[:, columns].sum(1) == 0)
    data = data.with_texts(texts)
    return replace(data, texts=data.texts[:, kept], written=data.written[:, kept])


def average_precision(scores: Floats, truth: Truth) -> Floats:
    """Of each row of scores, shape (rows,)."""
    right = np.take_along_axis(truth, np.argsort(-scores, axis=1, kind="stable"), 1)
    precision = np.cumsum(right, 1) / np.arange(1, right.shape[1] + 1)
    mean: Floats = (precision * right).sum(1) / right.sum(1)
    return mean


def scores_of(model: Model, data: Dataset, words: Sequence[str]) -> Floats:
    """Of the photos (n) for each word asked alone, shape (words, n); 0 for one that is refused."""
    engine = Engine(model)
    photos = photo_vectors(data, model.projection, model.settings.written_weight)
    scores = np.zeros((len(words), len(photos)), np.float32)
    for row, word in enumerate(words):
        try:
            scores[row] = photos @ log_ratio(engine.query(text=word).theta[None])[0]
        except UnknownWordsError:
            continue
    return scores


def learnt_without(model: Model, columns: npt.NDArray[np.int64], progress: Progress) -> Model:
    """The model as it comes out without the texts that have any of these words."""
    used = read_manifest(model.folder)["training"]["settings"]
    settings = BuildSettings(encoder=used["encoder"], layer=used["layer"], topics=model.info.topics)
    data = without(training_posts(model), columns)
    kept = np.setdiff1d(np.arange(len(model.words)), columns)
    rows = model.words.to_dict().values()
    words = Vocabulary(*(tuple(row[column] for column in kept) for row in rows))
    sentences = sentence_encoder(model.info.sentences["name"])
    with tempfile.TemporaryDirectory() as folder:
        # Not with the statistics that ship: they may be of these very texts.
        learnt = learn_model(data, words, {}, sentences, settings, Path(folder), progress)
    encoder = open_encoder(model.folder, model.info.encoder)
    made = assemble_model(
        learnt, data, model.codebook, encoder, words, model.tags, settings, sentences, ""
    )
    return replace(made, folder=model.folder)


def measure(corpus: Path, folder: Path, *, split: str = "dev") -> Table:
    """Mean average precision of single words, known and unknown.

    Parameters
    ----------
    corpus, split
        The held-out posts.
    folder
        A model that learnt from the other posts of the corpus.
    """
    progress = Progress()
    known = load_model(folder)
    held = describe_corpus(
        known, corpus, splits={split}, cache=folder / "work" / "heldout", workers=2
    )
    drawn = {language: draw(known.words, held, language) for language in BOUNDS}
    drawn = {language: found for language, found in drawn.items() if len(found.columns)}
    columns = np.concatenate([found.columns for found in drawn.values()])
    unknown = learnt_without(known, columns, progress)
    apart = without(held, columns)
    rows: list[list[Cell]] = []
    goals = []
    for language, found in drawn.items():
        surfaces = [known.words.surfaces[column] for column in found.columns]
        values = [
            float(average_precision(scores_of(model, data, surfaces), found.truth).mean())
            for model, data in ((known, held), (unknown, apart))
        ]
        rows.append([language, len(surfaces), *values, float(found.truth.mean())])
        for name, value, bound in zip(("known", "unknown"), values, BOUNDS[language], strict=True):
            goals.append(Goal(f"{name} words, {language}", value, bound, at_least=True))
    return Table(
        f"Single words: mean average precision over {len(held):,} photos of {corpus.name}, {split}",
        ["", "words", "known", "no text had them", "chance"],
        rows,
        goals,
        [
            f"Words of {POSTS[0]} to {POSTS[1]:.0%} of the held-out posts, drawn at random; the "
            "goals are for Flickr8k with the small encoder. The second model is learnt without the "
            "texts that have any of the words, and without the statistics that ship."
        ],
    )
