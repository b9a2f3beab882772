"""The engine with a model: queries in process, the start of a fresh process, memory.

Run ``python -m bench engine --model models/flickr8k``. A photo query is measured in turn with the
bare forward pass of the same encoder on the same photo, so that both see the same machine.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np
from PIL import Image

from bench.process import run_python
from bench.report import Goal, Table, percentiles, status_bytes
from engine.encoder import encoder_file
from engine.engine import Engine
from engine.errors import EmptyQueryError, UnknownWordsError
from engine.photo import encoder_input
from engine.store import ModelPosts, SqliteStore

MODELS: Final = (Path("models/flickr8k"), Path("data/model"))
TEXTS: Final = 500
PHOTOS: Final = 60
STARTS: Final = 3
HEAVY: Final = ("tensorflow", "keras", "artm", "sklearn", "matplotlib", "scipy", "pandas")
"""What the engine must not import."""


def default_model() -> Path | None:
    """The first of the usual model folders that is there."""
    return next((path for path in MODELS if (path / "manifest.json").is_file()), None)


def open_library(folder: Path, *, threads: int) -> tuple[Engine, SqliteStore | None]:
    """The engine with the posts that lie beside the model, if any."""
    engine = Engine.open(folder, threads=threads)
    if not (folder / "posts.sqlite").is_file():
        return engine, None
    store = ModelPosts(folder / "posts.sqlite")
    cache = folder / "index.faiss"
    engine.load(store.vectors(engine.info.id), version=store.version(), cache=cache)
    return engine, store


def texts_of(engine: Engine, store: SqliteStore | None, count: int) -> list[str]:
    """Queries: the first words of posts, or the model's own words."""
    posts = store.recent(count) if store is not None else []
    texts = [" ".join(re.sub(r"#\w+", " ", post.text).split()[:6]) for post in posts]
    surfaces = engine.model.words.surfaces
    texts = [text for text in texts if text] or [
        " ".join(pair) for pair in itertools.pairwise(surfaces)
    ]
    return list(itertools.islice(itertools.cycle(texts), count))


def photos_of(folder: Path, store: SqliteStore | None, count: int) -> list[bytes]:
    """Photos of posts; where there are none, noise of a usual size."""
    found = []
    root = store.photo_root if store is not None else None
    if store is not None and root is not None:
        for post in store.recent(4 * count):
            path = folder / root / post.photo if post.photo is not None else None
            if path is not None and path.is_file():
                found.append(path.read_bytes())
    return list(itertools.islice(itertools.cycle(found or drawn_photos(8)), count))


def drawn_photos(count: int) -> list[bytes]:
    """JPEGs of 500 x 375 pixels of smooth noise."""
    rng = np.random.default_rng(0)
    photos = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        photos.append(buffer.getvalue())
    return photos


START: Final = """
import json, sys, time
start = time.perf_counter()
from pathlib import Path
from engine.engine import Engine
imported = time.perf_counter()
engine = Engine.open(Path(sys.argv[1]))
opened = time.perf_counter()
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
rss = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
heavy = [name for name in sys.argv[2:] if name in sys.modules]
print(json.dumps({"imports": imported - start, "open": opened - imported, "mib": rss,
                  "processor": time.process_time(), "heavy": heavy}))
"""
"""A fresh process that does nothing but open a model."""


def start(model: Path) -> dict[str, Any]:
    """Open a model in a fresh process: seconds, MiB resident, and which of `HEAVY` it imported."""
    printed = run_python(
        "-c", START, str(model.resolve()), *HEAVY, failed="the engine did not start"
    )
    facts: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return facts


class Taken(NamedTuple):
    """Seconds by the clock, and of the processor time of all threads."""

    wall: float
    processor: float


def taken(work: Callable[[], object]) -> Taken:
    """What work takes."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Taken(time.perf_counter() - wall, time.process_time() - processor)


class Forward:
    """The bare forward pass of an encoder file: nothing but `invoke`."""

    def __init__(self, path: Path, *, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, pixels: Any) -> Taken:
        """What one pass takes; pixels (S, S, 3) uint8."""
        self._interpreter.set_tensor(self._input, pixels[None].astype(np.float32))
        return taken(self._interpreter.invoke)

    def grid(self) -> Any:
        """What the last pass gave, (1, rows, columns, channels) float32."""
        return self._interpreter.get_tensor(self._output)


def text_times(engine: Engine, texts: Sequence[str]) -> list[Taken]:
    """What each text query takes with its search."""
    times = []
    for text in texts:
        with contextlib.suppress(UnknownWordsError, EmptyQueryError):
            times.append(taken(partial(_answer, engine, text=text)))
    return times


def photo_times(
    engine: Engine, photos: Sequence[bytes], *, threads: int
) -> tuple[list[Taken], list[Taken]]:
    """What the bare forward pass and the whole query take, photo by photo."""
    forward = Forward(encoder_file(engine.model.folder, engine.info.encoder), threads=threads)
    size = engine.model.shape.size
    bare, whole = [], []
    for photo in [photos[0], *photos]:
        bare.append(forward(encoder_input(photo, size)))
        whole.append(taken(partial(_answer, engine, photo=photo)))
    return bare[1:], whole[1:]


def _answer(engine: Engine, **asked: Any) -> None:
    engine.search(engine.query(**asked))


def measure(
    model: Path,
    *,
    texts: int = TEXTS,
    photos: int = PHOTOS,
    starts: int = STARTS,
    threads: int = 2,
) -> Table:
    """Measure an engine with the library that lies beside its model.

    Parameters
    ----------
    model
        A model's folder.
    texts, photos
        How many queries of each kind.
    starts
        Fresh processes; the median counts.
    threads
        Of the encoder.
    """
    fresh = [start(model) for _ in range(starts)]
    before = status_bytes("VmRSS")
    engine, store = open_library(model, threads=threads)
    engine.search(engine.query(text=texts_of(engine, store, 1)[0]))
    asked = text_times(engine, texts_of(engine, store, texts))
    if not asked:
        raise SystemExit(f"{model} knows none of the words it was asked for")
    bare, whole = photo_times(engine, photos_of(model, store, photos), threads=threads)
    wall, processor = zip(*asked, strict=True)
    ratios = np.divide(whole, bare)
    middle, late = np.percentile(ratios, [50, 99], axis=0)
    if store is not None:
        store.close()
    loaded = median(one["imports"] + one["open"] for one in fresh)
    resident = max(one["mib"] for one in fresh)
    heavy = sorted({name for one in fresh for name in one["heavy"]})
    rows: list[tuple[str, float | str, float | str | None]] = [
        ("text query, ms", *percentiles(wall)),
        ("text query, ms of processor time", *percentiles(processor)),
        ("photo query, ms", *percentiles([one.wall for one in whole])),
        ("bare forward pass, ms", *percentiles([one.wall for one in bare])),
        ("photo query / forward pass", float(middle[0]), float(late[0])),
        ("the same, processor time", float(middle[1]), float(late[1])),
        ("start: imports, s", median(one["imports"] for one in fresh), None),
        ("start: open and warm, s", median(one["open"] for one in fresh), None),
        ("start: processor time, s", median(one["processor"] for one in fresh), None),
        ("resident without an index, MiB", resident, None),
        ("this process grew by, MiB", (status_bytes("VmRSS") - before) / 2**20, None),
        ("imported, of what must not be", ", ".join(heavy) or "nothing", None),
    ]
    return Table(
        f"Engine: {engine.info.name}, {engine.info.topics} topics, {len(engine):,} posts",
        ["", "p50", "p99"],
        rows,
        [
            Goal("text query p50, processor time", percentiles(processor)[0], 8, unit="ms"),
            Goal("photo query / bare forward pass, p50, processor time", float(middle[1]), 1.25),
            Goal("loaded and warm", loaded, 3, unit="s"),
            Goal("resident beside the index", resident, 420, unit="MiB"),
            Goal("heavy libraries imported", len(heavy), 0),
        ],
        [
            f"{len(asked)} texts, {len(whole)} photos, encoder on {threads} threads; each photo "
            "query beside a forward pass (`invoke` alone) on the same photo. "
            f"Starts: median of {starts} fresh processes."
        ],
    )
