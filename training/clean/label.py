"""Teaching the advert filter: about which texts it is worth asking, and learning the answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import text_key
from engine.corpus.reader import Report, read_corpus
from engine.text import TextPipeline
from training.clean.rules import full_text
from training.corpus.dropped import read_dropped

POOL: Final = 5_000
"""Posts among which the least certain are looked for."""


class Question(NamedTuple):
    """A post to ask about.

    Attributes
    ----------
    id, text
        The post's.
    probability
        What the filter thinks.
    """

    id: str
    text: str
    probability: float


def candidates(corpus: Path, *, known: Iterable[str] = (), seed: int = 0) -> list[tuple[str, str]]:
    """Ids and texts of random posts, those that were taken out included, no text twice.

    Parameters
    ----------
    corpus
        Its folder.
    known
        Ids that were answered already.
    seed
        Of the sample.

    Raises
    ------
    CorpusError
        The corpus cannot be read.
    """
    asked, rng = set(known), random.Random(seed)
    pool: list[tuple[str, str]] = []
    seen: set[bytes] = set()
    pipeline = TextPipeline()
    number = 0
    for key, text in _texts(corpus):
        if key in asked or not text.strip():
            continue
        same = text_key(text, pipeline(text))
        if same is not None:
            if same in seen:
                continue
            seen.add(same)
        number += 1
        if len(pool) < POOL:
            pool.append((key, text))
        elif (place := rng.randrange(number)) < POOL:
            pool[place] = (key, text)
    return pool


def _texts(corpus: Path) -> Iterator[tuple[str, str]]:
    for post in read_corpus(corpus, report=Report(on_problem=lambda _: None)):
        yield post.id, full_text(post)
    for entry in read_dropped(corpus):
        if entry.rule != "advert":
            continue
        record = json.loads(entry.line)
        if isinstance(record.get("text"), str):
            yield str(record["id"]), record["text"]


def least_certain(adverts: AdvertFilter, pool: Iterable[tuple[str, str]]) -> list[Question]:
    """Order posts by how near the filter's probability is to the border, the nearest first."""
    posts = list(pool)
    found = adverts.probabilities([text for _, text in posts]).tolist()
    questions = [Question(*post, chance) for post, chance in zip(posts, found, strict=True)]
    return sorted(questions, key=lambda question: (abs(question.probability - 0.5), question.id))
