"""Topics and maps learnt from described posts; settings are chosen on held-out ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.model import MODALITIES, QuerySettings
from engine.projection import Projection, photo_view
from engine.results import Floats
from engine.text.sentences import SentenceEncoder
from engine.vocabulary import Vocabulary
from training.evaluate.coherence import npmi, vector_coherence
from training.learn.artm import ArtmResult, ArtmSettings, train_artm
from training.learn.cca import Base, CcaSettings, fit_cca, moments
from training.learn.choose import (
    checked,
    choose_settings,
    fit_readout,
    good_counts,
    post_vectors,
    search_cca,
    split,
    topic_counts,
    with_base,
)
from training.learn.dataset import Dataset
from training.learn.mstep import association_of, refit_phi
from training.learn.refine import aligned, inverse_document_frequency, refine, visual_weight, weigh
from training.learn.sentence_words import sentence_bags
from training.learn.settings import BuildSettings
from training.progress import Progress

INCOHERENT: Final = 0.1
"""Coherence that topics may lose for a number of them which finds posts better."""


@dataclass(frozen=True)
class Learnt:
    """What was learnt, and how it was chosen; see `engine.model.Model`."""

    artm: ArtmResult
    artm_settings: ArtmSettings
    projection: Projection
    phi: dict[str, Floats]
    theta: Floats
    coherence: Floats
    readout: Floats
    presence: Floats
    settings: QuerySettings
    quality: dict[str, float]
    tried: list[dict[str, Any]]


def learn_model(
    data: Dataset,
    words: Vocabulary,
    base: Base,
    sentences: SentenceEncoder | None,
    settings: BuildSettings,
    work: Path,
    progress: Progress,
) -> Learnt:
    """Choose the settings of the CCA, the topics and the rest, in this order; learn from all."""
    languages = np.array(words.languages, np.str_)
    counts = topic_counts(len(data), known=bool(base))
    counts = counts if not settings.topics else (settings.topics,)
    progress("choosing the settings of the maps on held-out posts")
    found = search_cca(
        data, base, share=settings.held_out, seed=settings.seed, topics=counts, progress=progress
    )
    learn, held = split(data, share=settings.held_out, seed=settings.seed)
    pooled, width = data.pooled(), len(words)
    bags = {
        "text": pooled[:, :width],
        "tag": pooled[:, width:],
        "visual": data.visual,
        "sentence": sentence_bags(data, words=settings.sentence_words, seed=settings.seed),
        "written": data.written[:, :width],
    }
    trained = [
        _topic_model(bags, words, topics, settings, sentences, work, progress)
        for topics in good_counts(found.values, posts=len(data))
    ]
    least = max(row.coherence for row in trained) - INCOHERENT
    best = max(
        (row for row in trained if row.coherence >= least), key=lambda row: row.settings.topics
    )
    tried = [
        *found.tried,
        {"setting": "topics", "values": {f"{k}": round(v, 1) for k, v in found.values.items()}},
        {
            "setting": "coherence",
            "values": {f"{row.settings.topics}": round(row.coherence, 3) for row in trained},
        },
    ]
    artm, topics = best.result, best.settings.topics
    progress(f"{topics} topics; refining, as long as held-out posts are found better")
    stacked = np.concatenate([artm.phi["text"], artm.phi["tag"]])
    place = {name: row for row, name in enumerate(data.ids)}
    start = _start(learn, artm.theta[[place[name] for name in learn.ids]], base, found.settings)
    refined = refine(
        learn,
        stacked,
        start,
        settings.refine,
        check=checked(learn, held, settings.seed),
        progress=lambda line: progress("  epoch " + line),
    )
    tried.append(
        {"setting": "epochs", "values": {f"{n}": round(v, 1) for n, v in enumerate(refined.values)}}
    )
    chosen = choose_settings(
        learn, held, refined.projection, languages=languages, seed=settings.seed
    )
    progress(f"refining on all posts: {refined.epochs} epochs")
    projection = refine(
        data,
        stacked,
        _start(data, artm.theta, base, found.settings),
        replace(settings.refine, stop=refined.epochs),
    ).projection
    weight = chosen.settings.written_weight
    vectors = sentences(words.surfaces) if sentences is not None else np.zeros((len(words), 0))
    theta = projection.theta(post_vectors(data, projection, weight), photo=1.0)
    phi = _fit_phi(bags, theta, artm, vectors.astype(np.float32))
    readout, presence = fit_readout(data, projection, weight, chosen.ridge)
    return Learnt(
        artm,
        best.settings,
        projection,
        phi,
        theta,
        npmi(phi["text"], bags["text"]),
        readout,
        presence,
        chosen.settings,
        chosen.quality,
        [*tried, *chosen.tried],
    )


def _start(data: Dataset, theta: Floats, base: Base, settings: CcaSettings) -> Projection:
    """The CCA of some posts, rotated onto topics."""
    idf = inverse_document_frequency(data.texts)
    visual = visual_weight(data, settings.power, settings.visual)
    photos = photo_view(data.features, data.visual, settings.power, visual)
    mine = moments(photos, weigh(data.texts, idf), data.sentences, data.owner)
    cca = fit_cca(with_base(mine, base, settings), settings, theta.shape[1] - 1)
    return aligned(cca, data, theta, idf, settings.power, visual)


@dataclass(frozen=True)
class _TopicModel:
    result: ArtmResult
    settings: ArtmSettings
    coherence: float


def _topic_model(
    bags: Mapping[str, Any],
    words: Vocabulary,
    topics: int,
    settings: BuildSettings,
    sentences: SentenceEncoder | None,
    work: Path,
    progress: Progress,
) -> _TopicModel:
    """BigARTM's topics, so many, and how well their words belong together."""
    # Relative weights: so many times the mass that the photos would have by themselves.
    artm_settings = ArtmSettings(
        topics=topics,
        background=min(settings.background, topics // 8),
        class_weights={"visual": settings.visual_weight},
        seed=settings.seed,
        processors=settings.workers,
    )
    progress(f"BigARTM: {topics} topics")
    result = train_artm(
        {name: bag for name, bag in bags.items() if bag.nnz or name in MODALITIES},
        artm_settings,
        work / "artm",
        progress=lambda line: (
            progress("  pass " + line) if line.split("/")[0].endswith("5") else None
        ),
    )
    subject = topics - artm_settings.background
    phi = result.phi["text"][:, :subject]
    coherence = float(npmi(phi, bags["text"]).mean())
    if sentences is not None:
        coherence += float(vector_coherence(phi, words.surfaces, sentences).mean())
    return _TopicModel(result, artm_settings, coherence)


def _fit_phi(
    bags: Mapping[str, Any], theta: Floats, artm: ArtmResult, vectors: Floats
) -> dict[str, Floats]:
    association = association_of(bags["text"], vectors)
    phi = {}
    for name in MODALITIES:
        counts, start = bags[name], artm.phi[name]
        if not counts.nnz:
            phi[name] = np.zeros((counts.shape[1], theta.shape[1]), np.float32)
            continue
        together = association if name == "text" else None
        phi[name] = refit_phi(counts, theta, start, passes=20, association=together)
    return phi
