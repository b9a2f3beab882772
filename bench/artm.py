"""How far one machine carries BigARTM: time and memory by the number of posts.

BigARTM reads its batches from disk; bags of words, theta and Phi are in memory.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from scipy import sparse

from bench.report import Table
from training.learn.artm import ArtmSettings, train_artm

SIZES: Final = (10_000, 100_000)
PASSES: Final = 3
TOPICS: Final = 128

#: Modality: words that there are, and of each post, as `build` finds them in real posts.
MODALITIES: Final = {
    "text": (20_000, 14),
    "tag": (2_000, 2),
    "visual": (1_024, 120),
    "sentence": (256, 8),
}


def bags(posts: int, *, seed: int = 1) -> dict[str, sparse.csr_matrix]:
    """Posts whose words are as rare as their rank, as in texts."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, (width, each) in MODALITIES.items():
        share = 1 / np.arange(1, width + 1)
        columns = rng.choice(width, (posts, each), p=share / share.sum()).astype(np.int32)
        rows = np.repeat(np.arange(posts, dtype=np.int32), each)
        # What a post has twice is added up.
        found[name] = sparse.csr_matrix(
            (np.ones(posts * each, np.float32), (rows, columns.ravel())), (posts, width)
        )
    return found


def measure(sizes: Sequence[int] = SIZES, *, passes: int = PASSES) -> Table:
    """Measure so many posts each, the fewest first."""
    rows = []
    for size in sizes:
        given, times = bags(size), [time.perf_counter()]

        def told(_: str, times: list[float] = times) -> None:
            times.append(time.perf_counter())

        settings = ArtmSettings(topics=TOPICS, passes=passes, class_weights={"visual": 0.3})
        with TemporaryDirectory() as folder:
            train_artm(given, settings, Path(folder), progress=told)
            end = time.perf_counter()
        one = (times[-1] - times[1]) / (passes - 1)
        first = times[1] - times[0] - one
        rest = end - times[-1]
        rows.append(
            (
                size,
                sum(bag.nnz for bag in given.values()) / size,
                first,
                one,
                rest,
                (first + rest + ArtmSettings(TOPICS).passes * one) / 60,
                # Of all children so far, the largest: sizes grow.
                resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10,
            )
        )
    return Table(
        f"BigARTM on one machine, {TOPICS} topics",
        ["posts", "words of a post", "batches, s", "a pass, s", "the rest, s",
         f"{ArtmSettings(TOPICS).passes} passes, min", "memory, MiB"],
        rows,
        notes=[
            f"{os.cpu_count()} cores; {passes} passes were run, the time of "
            f"{ArtmSettings(TOPICS).passes} is reckoned from them. Above "
            f"{ArtmSettings(TOPICS).online_above:,} posts Phi is learnt online.",
        ],
    )  # fmt: skip
