"""The nearest posts, found by the database itself: for libraries that outgrow a process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from engine.errors import UnknownPostError
from engine.index import Keys
from engine.results import Floats
from engine.store.postgres import PostgresStore


class DatabaseIndex:
    """`engine.index.NeighbourIndex` without a copy of the vectors: whatever is stored is found.

    Parameters
    ----------
    store, model
        Where the vectors are, and of which model.
    dimensions
        Length of a vector.
    """

    kind = "pgvector"

    def __init__(self, store: PostgresStore, model: str, dimensions: int) -> None:
        self._store, self._model, self.dimensions = store, model, dimensions

    def __len__(self) -> int:
        return self._store.described(self._model)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and self._store.embedding(self._model, key) is not None

    def vector(self, key: int) -> Floats:
        """The vector of a key, shape (dimensions,); UnknownPostError if there is none."""
        found = self._store.embedding(self._model, key)
        if found is None:
            raise UnknownPostError(key)
        return found

    def search(
        self, query: Floats, count: int, among: Collection[int] | None = None
    ) -> tuple[Keys, Floats, Floats]:
        """As `engine.index.NeighbourIndex.search`."""
        keys, vectors = self._store.nearest(self._model, query, count, among)
        return np.array(keys, np.int64), vectors @ query, vectors

    # The database has its own index: nothing is to be kept in step.

    def build(self, keys: Sequence[int], vectors: Floats) -> None:
        """Do nothing."""

    def add(self, keys: Sequence[int], vectors: Floats) -> None:
        """Do nothing."""

    def remove(self, keys: Iterable[int]) -> None:
        """Do nothing."""

    def save(self, path: Path, *, version: int, model: str) -> None:
        """Do nothing."""

    def load(self, path: Path, *, version: int, model: str, count: int | None = None) -> None:
        """Have the database build its index where there is none."""
        self._store.index_vectors(self._model, self.dimensions)
