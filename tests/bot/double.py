"""A small engine with the real one's interface, for tests of the bot's own parts.

It knows a dozen words, and sees a photo (decoded as the real one does) by its mean colour.
End-to-end tests use the real engine; this one needs no trained model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import EmptyQueryError, UnknownPostError, UnknownWordsError
from engine.feedback import Feedback
from engine.photo import decode
from engine.results import (
    Annotation,
    Explanation,
    Hit,
    Page,
    PostVector,
    Query,
    Term,
    Topic,
    TopicShare,
    vector_to_bytes,
    vectors_to_rows,
)

TOPICS = 4
WORDS = {
    "sunset": 0, "sea": 0, "закат": 0, "море": 0, "морем": 0,
    "snow": 1, "snowy": 1, "forest": 1, "зимний": 1, "лес": 1,
    "city": 2, "night": 2, "ночной": 2, "город": 2,
    "mountain": 3, "lake": 3, "горное": 3, "озеро": 3,
}  # fmt: skip
COLOURS = np.array([[230, 120, 40], [235, 240, 250], [20, 20, 60], [60, 140, 90]], np.float32)


@dataclass
class Info:
    id: str = "double-1"
    topics: int = TOPICS
    encoder: str = "double"
    quality: dict[str, float] = field(
        default_factory=lambda: {"held_out_posts": 24, "text_to_photo_r10": 68.6, "other": 1}
    )
    measured: dict[str, object] = field(default_factory=dict)
    posts: int = 0
    languages: tuple[str, ...] = ("en", "ru")


def _theta_of_photo(photo: bytes) -> np.ndarray:
    small = np.asarray(decode(photo).resize((4, 4)), np.float32).reshape(-1, 3)
    distance = ((small.mean(0) - COLOURS) ** 2).sum(1) / 5000
    return _normal(np.exp(-distance) + 1e-3)


def _theta_of(blob: bytes) -> np.ndarray:
    return vectors_to_rows([blob], TOPICS)[0][0]


def _normal(vector: np.ndarray) -> np.ndarray:
    return (vector / vector.sum()).astype(np.float32)


class DoubleEngine:
    def __init__(self, model: str = "double-1") -> None:
        self.info = Info(model)
        self._vectors: dict[int, np.ndarray] = {}
        self.loads = 0
        self.feedback = Feedback()

    @classmethod
    def open(cls, model: Path, *, threads: int = 2) -> DoubleEngine:
        return cls()

    def _words(self, text: str) -> tuple[np.ndarray, list[str], list[str], list[str]]:
        theta = np.zeros(TOPICS, np.float32)
        known, minus, unknown = [], [], []
        for sign, word in re.findall(r"(?<!\w)(-?)#?(\w+)", text.lower()):
            topic = WORDS.get(word)
            if topic is None:
                unknown.append(word)
            elif sign:
                minus.append(word)
            else:
                theta[topic] += 1
                known.append(word)
        return theta, known, minus, unknown

    def query(
        self,
        *,
        photo: bytes | None = None,
        text: str = "",
        photo_weight: float = 0.5,
        written: str = "",
    ) -> Query:
        theta, known, minus, unknown = self._words(f"{text} {written}")
        if photo is None:
            if not known:
                if unknown:
                    raise UnknownWordsError(unknown, {unknown[0]: ["sunset"]})
                raise EmptyQueryError("nothing to search by")
            theta = _normal(theta + 1e-3)
        else:
            seen = _theta_of_photo(photo)
            theta = seen if not known else _normal(seen + theta)
        kind = "text" if photo is None else "both" if known else "photo"
        near = {word: ("sunset",) for word in unknown if word == "sunzet"}
        return Query(
            kind,  # type: ignore[arg-type]
            theta,
            tuple(known),
            tuple(minus),
            tuple(unknown),
            text=text,
            suggestions=near,
        )

    def like(self, key: int) -> Query:
        if key not in self._vectors:
            raise UnknownPostError(key)
        return Query("post", self._vectors[key])

    def with_votes(self, query: Query, liked: Sequence[int], disliked: Sequence[int]) -> Query:
        theta = query.theta.copy()
        for key in liked:
            theta += self._vectors.get(key, 0)
        return replace(query, theta=_normal(theta))

    def together(self, queries: Sequence[Query]) -> Query:
        return replace(queries[0], theta=_normal(sum(query.theta for query in queries)))

    def shares(self, keys: Sequence[int]) -> tuple[list[int], np.ndarray]:
        there = [key for key in keys if key in self._vectors]
        return there, np.array([self._vectors[key] for key in there], np.float32).reshape(-1, 4)

    def describe(
        self,
        *,
        photo: bytes | None,
        text: str = "",
        tags: Sequence[str] | None = None,
        written: str = "",
    ) -> PostVector:
        theta, known, _, _ = self._words(" ".join((text, *(tags or ()), written)))
        if photo is not None:
            theta = theta * 2 + _theta_of_photo(photo)
        elif not known:
            raise EmptyQueryError("nothing to describe")
        theta = _normal(theta + 1e-3)
        return PostVector(theta, vector_to_bytes(theta, (0.0, 0.0)))

    def annotate(
        self, query: Query, *, language: str = "en", words: int = 8, tags: int = 5
    ) -> Annotation:
        topic = int(query.theta.argmax())
        russian = language == "ru"
        named = [w for w, t in WORDS.items() if t == topic and (w[0] > "z") == russian]
        terms = tuple(Term(w, language, 1.0) for w in named)
        return Annotation(terms[:words], terms[:tags])

    def explain(
        self,
        query: Query,
        *,
        photo: bytes | None = None,
        language: str = "en",
        topics: int = 4,
    ) -> Explanation:
        order = np.argsort(-query.theta)[:topics]
        shares = tuple(
            TopicShare(int(t), float(query.theta[t]), self._terms(int(t), language)) for t in order
        )
        heat = None if photo is None else np.full((len(shares), 8, 8), 0.5, np.float32)
        return Explanation(shares, heat)

    def _terms(self, topic: int, language: str) -> tuple[Term, ...]:
        return tuple(
            Term(w, language, 1.0)
            for w, t in WORDS.items()
            if t == topic and (w[0] > "z") == (language == "ru")
        )

    def explain_picture(
        self,
        explanation: Explanation,
        *,
        photo: bytes | None,
        heading: str,
        legend: tuple[str, str],
    ) -> Image.Image:
        return Image.new("RGB", (320, 200), "white")

    def topics(self, *, language: str = "en") -> Sequence[Topic]:
        return [
            Topic(t, self._terms(t, language), self._terms(t, language), 1 / TOPICS, 0.1)
            for t in range(TOPICS)
        ]

    def load(
        self,
        vectors: Iterable[tuple[int, bytes]],
        *,
        version: int,
        cache: Path | None = None,
        count: int | None = None,
    ) -> bool:
        self._vectors = {key: _theta_of(blob) for key, blob in vectors}
        self.loads += 1
        return True

    def save(self, cache: Path, *, version: int) -> None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(str(version))

    def add(self, items: Sequence[tuple[int, bytes]]) -> None:
        for key, blob in items:
            self._vectors[key] = _theta_of(blob)

    def remove(self, keys: Sequence[int]) -> None:
        for key in keys:
            self._vectors.pop(key, None)

    def search(
        self,
        query: Query,
        *,
        limit: int = 10,
        offset: int = 0,
        among: Collection[int] | None = None,
    ) -> Page:
        return self._page(
            {
                key: float(np.sqrt(vector * query.theta).sum())
                for key, vector in list(self._vectors.items())
                if among is None or key in among
            },
            limit,
            offset,
        )

    def topic_posts(self, topic: int, *, limit: int = 10, offset: int = 0) -> Page:
        if not 0 <= topic < TOPICS:
            return Page((), False)
        found = {key: float(vector[topic]) for key, vector in list(self._vectors.items())}
        return self._page(found, limit, offset)

    def _page(self, scores: dict[int, float], limit: int, offset: int) -> Page:
        close = sorted(
            ((score, key) for key, score in scores.items() if score > 0.5),
            key=lambda pair: (-pair[0], pair[1]),
        )
        hits = tuple(
            Hit(key, min(1.0, score), score > 0.6) for score, key in close[offset : offset + limit]
        )
        return Page(hits, len(close) > offset + limit)

    def __len__(self) -> int:
        return len(self._vectors)
