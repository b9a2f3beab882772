"""The neighbour index, on synthetic posts: recall against exact, speed, memory.

Run ``python -m bench index --posts 1000000``. A search asks for as many posts as the engine does
(`engine.engine.DEPTH`) with their vectors, on one thread; recall is that of its ten best.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import faiss
import numpy as np

from bench.report import Goal, Table, percentiles, status_bytes, timed
from engine.engine import DEPTH
from engine.index import NeighbourIndex
from engine.projection import centre, log_ratio, softmax
from engine.results import Floats
from engine.scoring import search_vector

POSTS: Final = 1_000_000
TOPICS: Final = 256
QUERIES: Final = 1_000
ADDED: Final = 10_000
CLUSTERS: Final = 3_000
BLOCK: Final = 20_000
SHARPNESS: Final = 0.6
"""kappa of the theta, see `engine.projection`; it leaves z as it is."""


@dataclass(frozen=True)
class World:
    """Where synthetic posts come from: a Gaussian mixture of logits over the topics.

    Its clusters' sizes fall as 1 / rank (few subjects are common); along the axes of a random
    rotation the variance falls as 1 / (1 + 0.3 j), as it does for real photos.
    """

    centres: Floats
    spread: Floats
    sizes: Floats

    @classmethod
    def make(cls, topics: int, clusters: int, *, seed: int) -> World:
        """Draw a mixture."""
        rng = np.random.default_rng(seed)
        rotation = np.linalg.qr(rng.normal(size=(topics, topics)))[0]
        scale = 1 / np.sqrt(1 + 0.3 * np.arange(topics))
        spread = (scale[:, None] * rotation).astype(np.float32)
        sizes = 1 / np.arange(1, clusters + 1) ** 0.8
        centres = (rng.normal(size=(clusters, topics)) @ spread).astype(np.float32)
        return cls(centres, spread, (sizes / sizes.sum()).astype(np.float32))

    def z(self, count: int, rng: np.random.Generator, *, noise: float) -> Floats:
        """Unit vectors of posts by way of their theta, shape (count, topics).

        Parameters
        ----------
        noise
            How far posts stray from their cluster, as a share of how far clusters are apart.
        """
        topics = self.centres.shape[1]
        home = rng.choice(len(self.centres), count, p=self.sizes / self.sizes.sum(dtype=np.float64))
        logits = rng.standard_normal((count, topics), np.float32) @ self.spread
        logits = noise * logits + self.centres[home]
        theta = softmax(SHARPNESS * np.sqrt(np.float32(topics)) * centre(logits))
        return log_ratio(theta)

    def posts(self, count: int, *, seed: int) -> Floats:
        """Vectors as the engine keeps them: z and the two biases, shape (count, topics + 2)."""
        rng = np.random.default_rng(seed)
        vectors = np.empty((count, self.centres.shape[1] + 2), np.float32)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            vectors[start:stop, :-2] = self.z(stop - start, rng, noise=0.7)
            vectors[start:stop, -2:] = rng.normal((0.15, 0.25), 0.03, (stop - start, 2))
        return vectors

    def queries(self, count: int, *, seed: int) -> Floats:
        """Queries in turn by photo (as a post) and by text (further off), (count, topics + 2)."""
        rng = np.random.default_rng(seed)
        photos, texts = self.z(count, rng, noise=0.7), self.z(count, rng, noise=1.4)
        rows = [
            search_vector(photos[n], 1.0) if n % 2 == 0 else search_vector(texts[n], 0.0)
            for n in range(count)
        ]
        return np.array(rows)


@dataclass(frozen=True)
class IndexFigures:
    """One index. Times in seconds or milliseconds as named, memory in bytes."""

    kind: str
    posts: int
    build_seconds: float
    recall: float
    p50_ms: float
    p99_ms: float
    p50_processor_ms: float
    p99_processor_ms: float
    added_per_second: float
    added_per_processor_second: float
    removed_per_second: float
    memory: int
    file: int
    save_seconds: float
    load_seconds: float


def exact_ten(vectors: Floats, queries: Floats, *, top: int = 10) -> Floats:
    """Inner products of the `top` nearest posts, best first, shape (queries, top)."""
    best = np.full((len(queries), top), -np.inf, np.float32)
    for start in range(0, len(vectors), BLOCK):
        close = np.concatenate([best, queries @ vectors[start : start + BLOCK].T], axis=1)
        best = -np.sort(np.partition(-close, top - 1, axis=1)[:, :top], axis=1)
    return best


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the block FAISS uses so many threads."""
    library = faiss
    before = library.omp_get_max_threads()
    library.omp_set_num_threads(count)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)


def measure_one(vectors: Floats, fresh: Floats, queries: Floats) -> IndexFigures:
    """Build an index of `vectors`, search it, add and remove `fresh`, save and load it."""
    best = exact_ten(vectors, queries)
    gc.collect()
    before = status_bytes("VmRSS")
    index = NeighbourIndex(vectors.shape[1])
    build = timed(lambda: index.build(range(len(vectors)), vectors), time.perf_counter)
    gc.collect()
    memory = status_bytes("VmRSS") - before
    wall, processor, recalls = [], [], []
    with threads(1):
        for query in queries[:20]:
            index.search(query, DEPTH)
        for query, tenth in zip(queries, best[:, -1], strict=True):
            start, start_processor = time.perf_counter(), time.thread_time()
            found, _ = index.search(query, DEPTH)
            processor.append(time.thread_time() - start_processor)
            wall.append(time.perf_counter() - start)
            # By the exact products, so that ties count as found whichever key comes.
            exact = vectors[found[:10]] @ query
            recalls.append(float((exact >= tenth - 1e-6).sum()) / best.shape[1])
    new = range(len(vectors), len(vectors) + len(fresh))
    processor_before = time.process_time()
    adding = timed(lambda: index.add(new, fresh), time.perf_counter)
    adding_processor = time.process_time() - processor_before
    assert len(index) == len(vectors) + len(fresh)
    removing = timed(lambda: index.remove(new), time.perf_counter)
    assert len(index) == len(vectors)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.faiss"
        saving = timed(lambda: index.save(path, version=1, model="bench"), time.perf_counter)
        size = path.stat().st_size
        again = NeighbourIndex(vectors.shape[1])
        loading = timed(lambda: again.load(path, version=1, model="bench"), time.perf_counter)
        assert len(again) == len(vectors)
    return IndexFigures(
        index.kind,
        len(vectors),
        build,
        float(np.mean(recalls)),
        *percentiles(wall),
        *percentiles(processor),
        len(fresh) / adding,
        len(fresh) / adding_processor,
        len(fresh) / removing,
        memory,
        size,
        saving,
        loading,
    )


def measure(
    posts: int = POSTS,
    *,
    small: int = 100_000,
    topics: int = TOPICS,
    queries: int = QUERIES,
    added: int = ADDED,
    clusters: int = CLUSTERS,
    seed: int = 1,
) -> Table:
    """Measure an index of `posts` posts and, beside it, one of `small`.

    Parameters
    ----------
    posts, small
        Numbers of posts.
    queries, added
        How many searches, and how many posts added and removed.
    clusters
        Of the synthetic posts, see `World`.
    """
    world = World.make(topics, clusters, seed=seed)
    vectors = world.posts(posts, seed=seed + 1)
    fresh = world.posts(added, seed=seed + 2)
    asked = world.queries(queries, seed=seed + 3)
    found = [
        measure_one(vectors[:count], fresh, asked) for count in sorted({min(small, posts), posts})
    ]
    return _table(found, topics, asked)


def _table(found: Sequence[IndexFigures], topics: int, asked: Floats) -> Table:
    def row(name: str, *values: float | str) -> list[float | str]:
        return [name, *values]

    mega = 2**20
    largest = found[-1]
    flat = replace(largest, memory=largest.posts * 4 * (topics + 2)).memory
    return Table(
        f"Index: {largest.posts:,} synthetic posts of {topics} topics",
        ["", *[f"{one.posts:,} ({one.kind})" for one in found]],
        [
            row("recall@10 against exact", *[one.recall for one in found]),
            row("search p50, ms, one thread", *[one.p50_ms for one in found]),
            row("search p99, ms, one thread", *[one.p99_ms for one in found]),
            row("search p50, ms of processor time", *[one.p50_processor_ms for one in found]),
            row("search p99, ms of processor time", *[one.p99_processor_ms for one in found]),
            row("posts added a second", *[one.added_per_second for one in found]),
            row(
                "posts added a second of processor time",
                *[one.added_per_processor_second for one in found],
            ),
            row("posts removed a second", *[one.removed_per_second for one in found]),
            row("build, s", *[one.build_seconds for one in found]),
            row("memory, MiB", *[one.memory / mega for one in found]),
            row("bytes a post", *[one.memory / one.posts for one in found]),
            row("file, MiB", *[one.file / mega for one in found]),
            row("save, s", *[one.save_seconds for one in found]),
            row("load, s", *[one.load_seconds for one in found]),
        ],
        [
            Goal("recall@10", largest.recall, 0.95, at_least=True),
            Goal("search p99", largest.p99_ms, 10, unit="ms"),
            Goal("search p99, processor time", largest.p99_processor_ms, 10, unit="ms"),
            Goal("added", largest.added_per_second, 10_000, at_least=True, unit="posts a second"),
            Goal(
                "added, processor time",
                largest.added_per_processor_second,
                10_000,
                at_least=True,
                unit="posts a second",
            ),
        ],
        [
            f"{len(asked):,} queries, half by photo and half by text, each for {DEPTH} posts with "
            f"their vectors as the engine asks. Vectors of {topics} + 2 float32 alone would take "
            f"{flat / mega:,.0f} MiB. Processor time leaves out what other programs took.",
        ],
    )
