"""The nearest posts, found by the database itself: for libraries that outgrow a process."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

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
        return isinstance(key, int) and bool(self._store.embeddings(self._model, [key]))

    def vectors(self, keys: Collection[int]) -> tuple[list[int], Floats]:
        """As `engine.index.NeighbourIndex.vectors`."""
        found = self._store.embeddings(self._model, keys)
        there = [key for key in keys if key in found]
        rows = np.array([found[key] for key in there], np.float32)
        return there, rows.reshape(len(there), self.dimensions)

    def search(
        self, query: Floats, count: int, among: Collection[int] | None = None
    ) -> tuple[Keys, Floats]:
        """As `engine.index.NeighbourIndex.search`."""
        keys, products = self._store.nearest(self._model, query, count, among)
        return np.array(keys, np.int64), np.array(products, np.float32)

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
