"""Words and hashtags as they are shown: of a topic, and for a query."""

from __future__ import annotations

import numpy as np

from engine.model import Model
from engine.results import Annotation, Floats, Term, Topic
from engine.scoring import lifted
from engine.vocabulary import Vocabulary


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


def annotate(model: Model, theta: Floats, *, language: str, words: int, tags: int) -> Annotation:
    """Words of a language, and hashtags of any, for a topic vector (K,)."""
    scores = lifted(model, theta[None])[0]
    width = len(model.words)
    usual = np.maximum(model.presence[width:], 1e-6)
    # A hashtag no more likely than anywhere says nothing about this photo.
    special = np.where(
        scores[width:] * usual**model.settings.annotation_power > 1.5 * usual, scores[width:], 0
    )
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
