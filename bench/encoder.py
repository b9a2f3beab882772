"""Encoder files side by side: precision against speed, and what describing photos adds to it.

Run ``python -m bench encoder --weights FILE`` to convert and compare float32, float16 and int8;
without weights the model's own encoder is measured.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from bench.engine import Forward, drawn_photos, photos_of
from bench.process import run_python
from bench.report import Goal, Table
from engine.encoder import LiteRtEncoder, Pixels
from engine.photo import encoder_input
from engine.results import Floats
from engine.store import SqliteStore
from training.learn.features import PhotoSource, encode

PRECISIONS: Final = ("float32", "float16", "int8")
PHOTOS: Final = 40
ROUNDS: Final = 3
LAYER: Final = "mixed8"

_CONVERT: Final = """
import sys
from pathlib import Path
from training.learn.weights import convert
for precision in sys.argv[4:]:
    convert(sys.argv[1], Path(sys.argv[2]) / (precision + ".tflite"), layer=sys.argv[3],
            precision=precision)
"""


def converted(weights: str, folder: Path, *, layer: str = LAYER) -> dict[str, Path]:
    """Encoder files of each precision, written into a folder by a process of its own."""
    source = str(Path(weights).resolve()) if Path(weights).is_file() else weights
    run_python(
        *("-c", _CONVERT, source, str(folder), layer, *PRECISIONS),
        failed="the encoder could not be converted",
    )
    return {precision: folder / f"{precision}.tflite" for precision in PRECISIONS}


def sample(model: Path | None, count: int) -> list[bytes]:
    """Photos of the model's library, or drawn ones."""
    if model is None or not (model / "posts.sqlite").is_file():
        return drawn_photos(count)
    with SqliteStore(model / "posts.sqlite") as store:
        return photos_of(model, store, count)


def measure(
    files: Mapping[str, Path], photos: Sequence[bytes], *, threads: int = 2, rounds: int = ROUNDS
) -> list[Table]:
    """Compare encoder files, the first being the reference.

    Parameters
    ----------
    files
        Name -> LiteRT file.
    photos
        Encoded pictures.
    threads
        Threads of one forward pass, and forward passes at a time where throughput is measured.
    rounds
        Times that throughput is measured.
    """
    size = LiteRtEncoder(next(iter(files.values())), threads=1).shape.size
    pixels = [encoder_input(photo, size) for photo in photos]
    return [
        compare(files, pixels, threads=threads),
        throughput(next(iter(files.values())), photos, pixels, workers=threads, rounds=rounds),
    ]


def compare(files: Mapping[str, Path], pixels: Sequence[Pixels], *, threads: int) -> Table:
    """Time of a forward pass and difference of the features, photo by photo in turn."""
    forwards = {name: Forward(path, threads=threads) for name, path in files.items()}
    seconds: dict[str, list[float]] = {name: [] for name in files}
    means: dict[str, list[Floats]] = {name: [] for name in files}
    for number, photo in enumerate([pixels[0], *pixels]):
        for name, forward in forwards.items():
            taken = forward(photo).wall
            if number:
                seconds[name].append(taken)
                means[name].append(forward.grid().mean((0, 1, 2)))
    first = next(iter(files))
    # The root of the mean features is what a topic vector is made of.
    rooted = {name: np.sqrt(np.maximum(np.array(rows), 0)) for name, rows in means.items()}
    rows = []
    for name, path in files.items():
        error = np.linalg.norm(rooted[name] - rooted[first], axis=1)
        relative = error / np.maximum(np.linalg.norm(rooted[first], axis=1), 1e-9)
        rows.append(
            (
                name,
                path.stat().st_size / 2**20,
                float(np.median(seconds[name])) * 1000,
                float(np.median(np.divide(seconds[name], seconds[first]))),
                float(relative.mean()),
                float(relative.max()),
            )
        )
    return Table(
        "Encoder files",
        ["", "MiB", "forward pass, ms", f"/ {first}", "difference, mean", "difference, largest"],
        rows,
        (),
        [
            f"{len(pixels)} photos, {threads} threads, medians. Difference: of the root of the "
            f"mean features from those of {first}, as a share of their length."
        ],
    )


def throughput(
    file: Path,
    photos: Sequence[bytes],
    pixels: Sequence[Pixels],
    *,
    workers: int,
    rounds: int,
) -> Table:
    """Photos a second from files to features, beside the bare forward passes of as many."""
    encoder = LiteRtEncoder(file, threads=1, workers=workers)
    pool = ThreadPoolExecutor(workers)
    list(pool.map(encoder, pixels[:workers]))
    bare, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        sources = []
        for number, photo in enumerate(photos):
            path = Path(folder) / f"{number}.jpg"
            path.write_bytes(photo)
            sources.append(PhotoSource(str(number), path))
        for _ in range(rounds):
            start = time.perf_counter()
            list(pool.map(encoder, pixels))
            middle = time.perf_counter()
            count = sum(1 for _ in encode(encoder, sources))
            whole.append(time.perf_counter() - middle)
            bare.append(middle - start)
            assert count == len(photos)
    ratio = float(np.median(np.divide(whole, bare)))
    return Table(
        "Describing photos for training",
        ["", "photos a second"],
        [
            ("forward passes alone", len(photos) / float(np.median(bare))),
            ("training.learn.features.encode, from files", len(photos) / float(np.median(whole))),
        ],
        [Goal("features / forward passes, seconds", ratio, 1.2)],
        [f"{len(photos)} photos, {workers} at a time on one thread each, {rounds} rounds in turn."],
    )
