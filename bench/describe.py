"""Photos described on this machine, and on Dask clusters of one and two workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.engine import drawn_photos
from bench.report import Table
from engine.encoder import LiteRtEncoder, encoder_file
from engine.model import load_model, read_manifest
from training.cluster import LOCAL, Cluster
from training.learn.features import Chunk, PhotoSource, describe_photos

PHOTOS: Final = 2000
WORKERS: Final = (1, 2)

Processor = Callable[[], float]


@contextmanager
def _cluster(workers: int) -> Iterator[tuple[Cluster | None, Processor]]:
    """A cluster of so many workers, or none for 0; and what it says its processor time is."""
    if not workers:
        yield None, time.process_time
        return
    with Cluster(LOCAL, workers=workers) as cluster:

        def processor() -> float:
            spent: float = sum(cluster.client.run(time.process_time).values())
            return spent + time.process_time()

        # What a worker imports with its first photo is not what photos cost.
        cluster.client.run(_ready)
        yield cluster, processor


def _ready() -> None:
    import training.learn.features  # noqa: F401 - for what it imports itself


def _same(some: Sequence[Chunk], others: Sequence[Chunk]) -> bool:
    return all(
        one.ids == other.ids and (one.mean == other.mean).all() and (one.words == other.words).all()
        for one, other in zip(some, others, strict=True)
    )


def measure(model: Path, *, photos: int) -> Table:
    """Describe so many photos, of 500 x 375 pixels, on one thread and on clusters."""
    loaded, rows = load_model(model), []
    file = encoder_file(model, read_manifest(model)["encoder"])
    first: list[Chunk] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        sources = []
        for number, photo in enumerate(drawn_photos(photos)):
            path = folder / f"{number}.jpg"
            path.write_bytes(photo)
            sources.append(PhotoSource(str(number), path))
        for workers in (0, *WORKERS):
            encoder = LiteRtEncoder(file, threads=1, workers=1)
            with _cluster(workers) as (cluster, processor):
                start, before = time.perf_counter(), processor()
                found = list(
                    describe_photos(
                        encoder, loaded.codebook, sources, folder / f"features{workers}",
                        cluster=cluster,
                    )
                )  # fmt: skip
                wall, spent = time.perf_counter() - start, processor() - before
            first = first or found
            rows.append(
                (
                    f"{workers} Dask worker{'s' * (workers > 1)}" if workers else "one thread",
                    wall,
                    photos / wall,
                    1000 * spent / photos,
                    "yes" if _same(found, first) else "no",
                )
            )
    return Table(
        f"Describing {photos:,} photos",
        ["", "seconds", "photos a second", "processor ms a photo", "same bits"],
        rows,
        notes=["One thread a worker; the small encoder, 500 x 375 pixels."],
    )
