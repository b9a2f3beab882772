"""Folding documents in, beside BigARTM's own `transform` on the same bags of words.

Run ``python -m bench foldin``. Without BigARTM only the engine's side is measured.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.process import run_python
from bench.report import Goal, Table
from engine.results import Floats
from training.evaluate.baselines.foldin import PASSES, fold_in

DOCUMENTS: Final = 1_000
TOPICS: Final = 128
WIDTHS: Final = {"text": 4_000, "visual": 1_024}
LENGTHS: Final = {"text": 12.0, "visual": 256.0}
"""Mean counts: a few captions' words; 64 cells of a photo, each written with four words."""

REPEATS: Final = 5
SINGLES: Final = 50
TOLERANCE: Final = 1e-4


def draw(documents: int, widths: dict[str, int], *, themes: int = 60, seed: int = 1) -> Any:
    """Bags of documents about a few of so many themes: modality -> (documents, width) float32."""
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.full(themes, 0.05), documents)
    bags = {}
    for name, width in widths.items():
        frequency = 1 / np.arange(1, width + 1)
        phi = rng.dirichlet(20 * frequency / frequency.sum() + 1e-3, themes)
        counts = rng.poisson(LENGTHS.get(name, 20.0) * theta @ phi).astype(np.float32)
        # Every document has a word of each modality, every word a document.
        counts[np.arange(documents), rng.integers(0, width, documents)] += 1
        bags[name] = counts
    return bags


def bigartm(bags: Any, topics: int, folder: Path, *, repeats: int, singles: int) -> Any:
    """Phi, theta and times by BigARTM, in a process of its own."""
    np.savez(folder / "bags.npz", **bags)
    job = {"topics": topics, "passes": PASSES, "repeats": repeats, "singles": singles}
    (folder / "job.json").write_text(json.dumps(job))
    run_python(
        *("-m", "bench.bigartm", str(folder)),
        failed="BigARTM failed",
        folder=folder,  # glog writes its files into the working directory
        PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python",
    )
    with np.load(folder / "result.npz") as arrays:
        return dict(arrays)


def _seconds(documents: list[dict[str, Floats]], phi: dict[str, Floats]) -> tuple[float, float]:
    start, processor = time.perf_counter(), time.process_time()
    fold_in(documents, phi)
    return time.perf_counter() - start, time.process_time() - processor


def measure(
    documents: int = DOCUMENTS,
    *,
    topics: int = TOPICS,
    widths: dict[str, int] | None = None,
    repeats: int = REPEATS,
    singles: int = SINGLES,
) -> Table:
    """Measure both on the same bags and Phi.

    Parameters
    ----------
    documents
        How many.
    widths
        Modality -> size of its vocabulary.
    repeats
        Times that all documents are folded in.
    singles
        Documents that are folded in one at a time.
    """
    bags = draw(documents, WIDTHS if widths is None else widths)
    singles = min(singles, documents)
    reference = None
    phi: dict[str, Floats]
    if importlib.util.find_spec("artm") is not None:
        with tempfile.TemporaryDirectory() as folder:
            reference = bigartm(bags, topics, Path(folder), repeats=repeats, singles=singles)
        phi = {name: reference[f"phi_{name}"] for name in bags}
    else:
        rng = np.random.default_rng(2)
        phi = {
            name: rng.dirichlet(np.full(matrix.shape[1], 0.1), topics).T.astype(np.float32)
            for name, matrix in bags.items()
        }
    rows = [{name: matrix[row] for name, matrix in bags.items()} for row in range(documents)]
    fold_in(rows[:10], phi)
    ours = np.array([_seconds(rows, phi) for _ in range(repeats)])
    alone = np.array([_seconds(rows[row : row + 1], phi) for row in range(singles)])

    def row(name: str, many: Floats, single: Floats) -> list[str | float]:
        wall, processor = np.median(many, axis=0)
        one, one_processor = 1000 * np.median(single, axis=0)
        return [name, documents / wall, documents / processor, one, one_processor]

    table = [row("training.evaluate.baselines.foldin", ours, alone)]
    goals = []
    if reference is not None:
        table.append(row("BigARTM transform", reference["seconds"], reference["single"]))
        ratio = [float(a) / float(b) for a, b in zip(table[0][1:], table[1][1:], strict=True)]
        table.append(["ratio", *ratio])
        off = float(np.abs(fold_in(rows, phi) - reference["theta"]).max())
        goals.append(Goal("largest difference of a theta", off, TOLERANCE))
    distinct = sum(float((matrix > 0).sum()) for matrix in bags.values()) / documents
    return Table(
        f"Fold-in: {documents:,} documents, {topics} topics, {PASSES} passes",
        ["", "documents/s", "documents/s of processor", "one, ms", "one, ms of processor"],
        table,
        goals,
        [
            f"Vocabulary: {', '.join(f'{m.shape[1]:,} {name}' for name, m in bags.items())}; "
            f"{distinct:.0f} distinct words a document. BigARTM: one processor, from its batches "
            "on disk to a table of theta; the engine: from arrays in memory."
        ],
    )
