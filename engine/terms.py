"""Words and hashtags as they are shown: of a topic, and for a query."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from engine.model import Model
from engine.results import Annotation, Floats, Term, Topic
from engine.scoring import lifted
from engine.vocabulary import Vocabulary

GENEROUS: Final = 3.0
"""A hashtag is shown for as many times more photos than have it."""

_TAGS_AT_ONCE: Final = 1024


def best_terms(
    vocabulary: Vocabulary, scores: Floats, count: int, language: str | None
) -> tuple[Term, ...]:
    """The best-scored tokens, no surface twice.

    Parameters
    ----------
    scores
        Shape (len(vocabulary),).
    language
        Only this language and script-neutral tokens; None for all.
    """
    terms: list[Term] = []
    seen: set[str] = set()
    if count < 1 or not len(vocabulary):
        return ()
    for column in np.argsort(-scores):
        if scores[column] <= 0:
            break
        spoken = vocabulary.languages[column]
        shown = vocabulary.surfaces[column]
        if shown in seen or (language is not None and spoken not in (language, "")):
            continue
        seen.add(shown)
        terms.append(Term(shown, spoken, float(scores[column])))
        if len(terms) == count:
            break
    return tuple(terms)


def tag_floors(model: Model) -> Floats:
    """How likely each hashtag must be to be shown, shape (W_tag,).

    A model learns from posts with few hashtags, too, and of all photos some hashtag is the
    likeliest. So one is shown only where it is as likely as for the training photos that it fits
    best, `GENEROUS` times as many as have it.
    """
    width, bank = len(model.words), model.photo_bank
    floors = np.zeros(len(model.tags), np.float32)
    if not len(bank):
        return floors
    usual = model.presence[width:]
    for start in range(0, len(floors), _TAGS_AT_ONCE):
        part = slice(start, start + _TAGS_AT_ONCE)
        likely = usual[part] + bank @ model.readout[width:][part].T
        for place, share in enumerate(usual[part]):
            row = len(bank) - min(len(bank), max(1, math.ceil(GENEROUS * share * len(bank))))
            floors[start + place] = np.partition(likely[:, place], row)[row]
    return floors


def annotate(
    model: Model,
    theta: Floats,
    *,
    language: str,
    words: int,
    tags: int,
    floors: Floats | None = None,
) -> Annotation:
    """Words of a language, and hashtags of any, for a topic vector (K,).

    Parameters
    ----------
    floors
        What `tag_floors` gave, which takes longer than all else.
    """
    scores = lifted(model, theta[None])[0]
    width = len(model.words)
    usual = np.maximum(model.presence[width:], 1e-6)
    likely = scores[width:] * usual**model.settings.annotation_power
    least = np.maximum(tag_floors(model) if floors is None else floors, 1.5 * usual)
    special = np.where(likely >= least, scores[width:], 0)
    chosen = best_terms(model.words, scores[:width], words, language)
    return Annotation(
        chosen or best_terms(model.words, scores[:width], words, None),
        best_terms(model.tags, special, tags, None),
    )


def topic_words(model: Model, topic: int, count: int, language: str) -> tuple[Term, ...]:
    """Words that name a topic: by p(w | t), in one language if it has any."""
    phi = model.phi["text"][:, topic]
    return best_terms(model.words, phi, count, language) or best_terms(
        model.words, phi, count, None
    )


def topics(model: Model, *, language: str, words: int = 10, tags: int = 5) -> list[Topic]:
    """Subject topics, largest first, without background topics and topics without words."""
    rows = []
    for topic in range(model.info.topics - model.info.background):
        named = topic_words(model, topic, words, language)
        if not named:
            continue
        rows.append(
            Topic(
                topic,
                named,
                best_terms(model.tags, model.phi["tag"][:, topic], tags, None),
                float(model.prior[topic]),
                float(model.coherence[topic]),
            )
        )
    return sorted(rows, key=lambda row: -row.size)
