"""Words and hashtags as they are shown: of a topic, and for a query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.model import Model
from engine.projection import unit_rows
from engine.results import Annotation, Columns, Floats, Term, Topic, TopicShare
from engine.scoring import lifted, word_shares
from engine.vocabulary import Vocabulary

GENEROUS: Final = 3.0
"""A hashtag is shown for as many times more photos than have it."""


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
        terms.append(Term(shown, spoken, float(scores[column]), int(column)))
        if len(terms) == count:
            break
    return tuple(terms)


def tag_floors(shares: Floats, usual: Floats) -> Floats:
    """How likely each hashtag must be to be shown, shape (W_tag,).

    A model learns from posts with few hashtags, too, and of all photos some hashtag is the
    likeliest. So one is shown only where it is as likely as for the training photos that it fits
    best, `GENEROUS` times as many as have it.

    Parameters
    ----------
    shares
        How likely each hashtag is for training photos, shape (n, W_tag).
    usual
        The share of posts that have it, shape (W_tag,).
    """
    count = len(shares)
    floors = np.zeros(len(usual), np.float32)
    if not count:
        return floors
    for column, share in enumerate(usual):
        row = count - min(count, max(1, math.ceil(GENEROUS * share * count)))
        floors[column] = np.partition(shares[:, column], row)[row]
    return floors


def annotate(
    model: Model,
    theta: Floats,
    written: Sequence[int] | Columns = (),
    *,
    language: str,
    words: int,
    tags: int,
) -> Annotation:
    """Words of a language, and hashtags of any, for a topic vector (K,) and what is written."""
    shares = word_shares(model, theta[None], [written])
    scores = lifted(model, shares)[0]
    width = len(model.words)
    likely = shares[0, width:]
    least = np.maximum(model.tag_floors, 1.5 * model.usual[width:])
    special = np.where(likely >= least, scores[width:], 0)
    chosen = best_terms(model.words, scores[:width], words, language)
    return Annotation(
        chosen or best_terms(model.words, scores[:width], words, None),
        best_terms(model.tags, special, tags, None),
    )


def topic_shares(
    model: Model,
    theta: Floats,
    written: Sequence[int] | Columns = (),
    *,
    language: str,
    topics: int,
    words: int,
) -> list[TopicShare]:
    """The main topics of a topic vector (K,), and the words of each that it speaks for.

    Of a topic those words are shown that it has more than texts have in general and that are
    likely here; no word stands with two topics. A topic with no such word is left out, unless no
    topic has one: then the likeliest words are shown with the first.
    """
    subject = model.info.topics - model.info.background
    width = len(model.words)
    likely = word_shares(model, theta[None], [written])[0, :width]
    least = model.settings.explained
    phi = model.phi["text"]
    general = phi @ model.prior
    shown: list[TopicShare] = []
    free = np.ones(width, bool)
    for topic in np.argsort(-theta[:subject]):
        if len(shown) == topics or theta[topic] < 1 / len(theta):
            break
        fits = free & (phi[:, topic] > general) & (likely >= least)
        found = best_terms(model.words, np.where(fits, likely, 0), words, language)
        if found:
            shown.append(TopicShare(int(topic), float(theta[topic]), found))
            free[[term.column for term in found]] = False
    if shown or topics < 1 or not subject:
        return shown
    first = int(np.argmax(theta[:subject]))
    named = best_terms(model.words, likely, words, language)
    named = named or best_terms(model.words, likely, words, None)
    return [TopicShare(first, float(theta[first]), named)] if named else []


def direction(model: Model, columns: Sequence[int]) -> Floats:
    """Where in the space of z photos lie that speak for some words, shape (K,)."""
    mean: Floats = unit_rows(model.readout[list(columns)]).mean(0)
    return mean


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
