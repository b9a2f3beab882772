"""What the bot asks of the engine; `engine.engine.Engine` is the one that there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from engine.results import (
    Annotation,
    Explanation,
    Page,
    PostVector,
    Query,
    Topic,
)


class Neighbours(Protocol):
    """The vectors of the library and their neighbourhoods: a cache of the store."""

    def load(
        self, vectors: Iterable[tuple[int, bytes]], *, version: int, cache: Path | None = None
    ) -> bool:
        """See `engine.engine.Engine.load`."""

    def save(self, cache: Path, *, version: int) -> None:
        """See `engine.engine.Engine.save`."""

    def add(self, items: Sequence[tuple[int, bytes]]) -> None:
        """See `engine.engine.Engine.add`."""

    def remove(self, keys: Sequence[int]) -> None:
        """See `engine.engine.Engine.remove`."""

    def search(self, query: Query, *, limit: int = 10, offset: int = 0) -> Page:
        """See `engine.engine.Engine.search`."""

    def topic_posts(self, topic: int, *, limit: int = 10, offset: int = 0) -> Page:
        """See `engine.engine.Engine.topic_posts`."""

    def __len__(self) -> int: ...


class Meaning(Neighbours, Protocol):
    """From photos and texts to topic vectors, and to words."""

    @property
    def info(self) -> Any:
        """Facts about the model: `engine.model.ModelInfo`."""

    def query(
        self, *, photo: bytes | None = None, text: str = "", photo_weight: float = 0.5
    ) -> Query:
        """See `engine.engine.Engine.query`."""

    def like(self, key: int) -> Query:
        """See `engine.engine.Engine.like`."""

    def describe(
        self, *, photo: bytes | None, text: str = "", tags: Sequence[str] | None = None
    ) -> PostVector:
        """See `engine.engine.Engine.describe`."""

    def annotate(
        self, query: Query, *, language: str = "en", words: int = 8, tags: int = 5
    ) -> Annotation:
        """See `engine.engine.Engine.annotate`."""

    def explain(
        self,
        query: Query,
        *,
        photo: bytes | None = None,
        language: str = "en",
        topics: int = 4,
    ) -> Explanation:
        """See `engine.engine.Engine.explain`."""

    def explain_picture(
        self, explanation: Explanation, *, photo: bytes | None, heading: str
    ) -> bytes:
        """See `engine.engine.Engine.explain_picture`."""

    def topics(self, *, language: str = "en") -> Sequence[Topic]:
        """See `engine.engine.Engine.topics`."""
