"""The nearest posts by topic vector: a FAISS index, which is only a cache of the store.

Exact (Flat) up to `FLAT_LIMIT` posts, inverted lists above. Vectors are compared by inner product.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import faiss
import numpy as np
import numpy.typing as npt

from engine.errors import IndexFileError
from engine.files import sha256_of, whole_file, write_whole
from engine.results import Floats

FLAT_LIMIT: Final = 30_000
"""Posts up to which comparing every vector is faster than inverted lists (`bench scale`): 0.2 ms
against 0.4 at 10,000 posts, 1.0 against 0.6 at 50,000, 3.9 against 0.8 at 100,000."""

PROBES: Final = 128
"""Inverted lists looked into; recall against speed, see the benchmark of the index."""

BLOCK: Final = 1024
"""Posts added at a time: between blocks a search may come in."""

STEP: Final = 16
"""FAISS decodes half precision five times as fast where the length is a multiple of this."""

FORMAT: Final = 2
_openmp: Any = faiss  # its stubs leave these functions out
Keys = npt.NDArray[np.int64]


class Neighbours(Protocol):
    """What the engine asks of an index: `NeighbourIndex`, or a database that has its own."""

    def __len__(self) -> int: ...

    def __contains__(self, key: object) -> bool: ...

    def build(self, keys: Sequence[int], vectors: Floats) -> None:
        """Replace everything."""

    def add(self, keys: Sequence[int], vectors: Floats) -> None:
        """Add vectors, or replace them."""

    def remove(self, keys: Iterable[int]) -> None:
        """Remove keys."""

    def vectors(self, keys: Collection[int]) -> tuple[list[int], Floats]:
        """Those of the keys that are there, and their vectors."""

    def search(
        self, query: Floats, count: int, among: Collection[int] | None = None
    ) -> tuple[Keys, Floats]:
        """The `count` nearest: keys and inner products, best first."""

    def save(self, path: Path, *, version: int, model: str) -> None:
        """Write it."""

    def load(self, path: Path, *, version: int, model: str, count: int | None = None) -> None:
        """Read it."""


class NeighbourIndex:
    """Vectors by key, with search, add and remove. Safe to use from several threads.

    Parameters
    ----------
    dimensions
        Length of a vector.
    flat_limit
        Number of vectors from which on inverted lists are used.
    """

    def __init__(self, dimensions: int, *, flat_limit: int = FLAT_LIMIT) -> None:
        self.dimensions = dimensions
        self._flat_limit = flat_limit
        # FAISS does not allow a search while vectors are added.
        self._lock = threading.RLock()
        self._index: Any = _flat(dimensions)
        self._keys: set[int] = set()

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @property
    def kind(self) -> str:
        """``"flat"`` or ``"ivf"``."""
        return "flat" if isinstance(self._index, faiss.IndexIDMap2) else "ivf"

    def build(self, keys: Sequence[int], vectors: Floats) -> None:
        """Replace everything by these vectors, of shape (n, dimensions); keys are distinct."""
        flat = len(keys) <= self._flat_limit
        fresh = _flat(self.dimensions) if flat else _inverted(vectors)
        places = np.asarray(keys, np.int64)
        # A padded copy of everything would double the memory.
        for start in range(0, len(places), 64 * BLOCK):
            part = slice(start, start + 64 * BLOCK)
            fresh.add_with_ids(_padded(vectors[part], fresh.d), places[part])
        with self._lock:
            self._index, self._keys = fresh, set(places.tolist())

    def add(self, keys: Sequence[int], vectors: Floats) -> None:
        """Add vectors of shape (n, dimensions); a key that is there already is replaced."""
        if not len(keys):
            return
        last = {int(key): row for row, key in enumerate(keys)}
        rows = np.fromiter(last.values(), np.int64, len(last))
        unique = np.fromiter(last.keys(), np.int64, len(last))
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            with self._lock:
                self._drop(unique[part])
                self._index.add_with_ids(_padded(vectors[rows[part]], self._index.d), unique[part])
                self._keys.update(unique[part].tolist())
        with self._lock:
            grown = self.kind == "flat" and len(self._keys) > self._flat_limit
            if grown:
                flat = self._index
                self.build(
                    faiss.vector_to_array(flat.id_map).tolist(),
                    flat.index.reconstruct_n(0, flat.ntotal),
                )

    def remove(self, keys: Iterable[int]) -> None:
        """Remove keys; one that is not there is no error."""
        with self._lock:
            self._drop(np.fromiter((int(key) for key in keys), np.int64))

    def _drop(self, keys: Keys) -> None:
        there = np.array([key for key in keys.tolist() if key in self._keys], np.int64)
        if there.size:
            self._index.remove_ids(there)
            self._keys.difference_update(there.tolist())

    def vectors(self, keys: Collection[int]) -> tuple[list[int], Floats]:
        """Those of the keys that are there, and their vectors, shape (n, dimensions)."""
        with self._lock:
            there = [key for key in keys if key in self._keys]
            found: Floats = self._index.reconstruct_batch(np.array(there, np.int64))
        return there, found[:, : self.dimensions]

    def search(
        self, query: Floats, count: int, among: Collection[int] | None = None
    ) -> tuple[Keys, Floats]:
        """The `count` nearest: keys and inner products, best first.

        Parameters
        ----------
        query
            Shape (dimensions,).
        count
            At most as many are returned.
        among
            Only these keys; None: all.

        Returns
        -------
        keys, scores
            Shapes (n,) both.
        """
        with self._lock:
            count = min(count, len(self._keys))
            if count < 1:
                return np.empty(0, np.int64), np.empty(0, np.float32)
            row = _padded(query[None], self._index.d)
            with _one_thread():
                scores, keys = self._index.search(row, count, params=self._only(among))
        real = keys[0] >= 0
        return keys[0][real], scores[0][real]

    def _only(self, among: Collection[int] | None) -> Any:
        if among is None:
            return None
        sel = faiss.IDSelectorBatch(np.fromiter(among, np.int64, len(among)))
        library: Any = faiss
        if self.kind == "flat":
            return library.SearchParameters(sel=sel)
        # They are few: all of the lists are looked through.
        return library.SearchParametersIVF(sel=sel, nprobe=self._index.nlist)

    def save(self, path: Path, *, version: int, model: str) -> None:
        """Write the index: to a temporary file, synced, then renamed.

        Parameters
        ----------
        path
            The file; ``path + ".json"`` says what it belongs to.
        version, model
            State of the store and identity of the model; `load` wants the same.
        """
        facts: dict[str, object] = {"format": FORMAT, "version": version, "model": model}
        try:
            with whole_file(path) as file:
                with self._lock:
                    faiss.write_index(self._index, file.name)
                facts["sha256"] = sha256_of(Path(file.name))
            write_whole(path.with_name(path.name + ".json"), json.dumps(facts))
        except (OSError, RuntimeError) as error:
            raise IndexFileError(f"the index could not be saved: {error}") from error

    def load(self, path: Path, *, version: int, model: str, count: int | None = None) -> None:
        """Read an index written by `save`, which must hold `count` vectors where that is known.

        Raises
        ------
        IndexFileError
            Missing, damaged, of another state of the store, or of another model.
        """
        note = path.with_name(path.name + ".json")
        try:
            facts = json.loads(note.read_text())
            wanted = {"format": FORMAT, "version": version, "model": model}
            if {name: facts.get(name) for name in wanted} != wanted:
                raise IndexFileError("the saved index is stale")
            if facts.get("sha256") != sha256_of(path):
                raise IndexFileError("the saved index is damaged")
            index: Any = faiss.read_index(str(path))
        except (OSError, ValueError, AttributeError, RuntimeError) as error:
            raise IndexFileError(f"the saved index cannot be read: {error}") from error
        flat = isinstance(index, faiss.IndexIDMap2)
        if index.d != (self.dimensions if flat else _width(self.dimensions)):
            raise IndexFileError(f"the saved index has {index.d} dimensions")
        if flat:
            keys = faiss.vector_to_array(index.id_map)
        else:
            index.nprobe = PROBES
            lists = index.invlists
            parts = [
                faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
                for i in range(lists.nlist)
                if lists.list_size(i)
            ]
            keys = np.concatenate(parts) if parts else np.empty(0, np.int64)
        if count not in (None, len(keys)):
            raise IndexFileError(f"the saved index has {len(keys)} posts, the library {count}")
        with self._lock:
            self._index, self._keys = index, set(keys.tolist())


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenMP cannot divide one query, yet its threads would wait for each other."""
    before = _openmp.omp_get_max_threads()
    _openmp.omp_set_num_threads(1)
    try:
        yield
    finally:
        _openmp.omp_set_num_threads(before)


def _flat(dimensions: int) -> Any:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimensions))


def _width(dimensions: int) -> int:
    return math.ceil(dimensions / STEP) * STEP


def _padded(vectors: Floats, width: int) -> Floats:
    """Rows with zeros behind, which change no inner product, shape (n, width)."""
    missing = width - vectors.shape[1]
    wide = np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
    return np.ascontiguousarray(wide, np.float32)


def _inverted(vectors: Floats) -> Any:
    """About 4 * sqrt(n) lists of vectors in half precision: half the memory, the same recall."""
    lists = 2 ** round(math.log2(4 * math.sqrt(len(vectors))))
    width = _width(vectors.shape[1])
    quantizer: Any = faiss.IndexFlatIP(width)
    index: Any = faiss.IndexIVFScalarQuantizer(
        quantizer, width, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.own_fields = True
    quantizer.this.disown()
    sample = np.random.default_rng(0).permutation(len(vectors))[: 40 * lists]
    index.cp.niter = 8
    index.train(_padded(vectors[np.sort(sample)], width))
    library: Any = faiss
    index.set_direct_map_type(library.DirectMap.Hashtable)
    index.nprobe = PROBES
    return index
