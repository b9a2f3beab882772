"""The process in which BigARTM folds documents in; reads a job's folder, writes ``result.npz``.

Apart from the rest because BigARTM needs protobuf's pure-Python implementation, chosen before
anything imports protobuf.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path) -> int:
    """Learn Phi from ``bags.npz`` as ``job.json`` says, then time `transform`; 0 on success."""
    import artm

    job = json.loads((folder / "job.json").read_text())
    with np.load(folder / "bags.npz") as arrays:
        bags = {name: arrays[name] for name in arrays.files}
    count = len(next(iter(bags.values())))
    everything = _batches(artm, bags, range(count), folder, "all")
    model = artm.ARTM(
        num_topics=job["topics"],
        dictionary=everything.dictionary,
        class_ids=dict.fromkeys(bags, 1.0),
        seed=1,
        num_processors=1,
        num_document_passes=job["passes"],
        show_progress_bars=False,
        theta_columns_naming="title",
    )
    model.fit_offline(everything, num_collection_passes=3)
    result: dict[str, Any] = {}
    for name, counts in bags.items():
        frame = model.get_phi(class_ids=[name])
        phi = np.zeros((counts.shape[1], job["topics"]), np.float32)
        rows = [int((t if isinstance(t, str) else t[1]).removeprefix("w")) for t in frame.index]
        phi[rows] = frame.values
        result[f"phi_{name}"] = phi
    seconds = []
    theta = None
    for _ in range(job["repeats"]):
        start, processor = time.perf_counter(), time.process_time()
        theta = model.transform(everything)
        seconds.append((time.perf_counter() - start, time.process_time() - processor))
    assert theta is not None
    theta = theta[sorted(theta.columns)]
    single = []
    for row in range(min(count, job["singles"])):
        one = _batches(artm, bags, range(row, row + 1), folder, f"one{row}")
        start, processor = time.perf_counter(), time.process_time()
        model.transform(one)
        single.append((time.perf_counter() - start, time.process_time() - processor))
    np.savez(
        folder / "result.npz",
        theta=theta.values.T.astype(np.float32),
        seconds=np.array(seconds),
        single=np.array(single),
        **result,
    )
    return 0


def _batches(artm: Any, bags: dict[str, Any], rows: range, folder: Path, name: str) -> Any:
    lines = []
    for row in rows:
        parts = [f"d{row:06d}"]
        for modality, matrix in bags.items():
            words = np.flatnonzero(matrix[row])
            parts.append(f"|{modality}")
            parts += [f"w{word}:{matrix[row, word]:g}" for word in words]
        lines.append(" ".join(parts))
    source = folder / f"{name}.vw"
    source.write_text("\n".join(lines) + "\n")
    return artm.BatchVectorizer(
        data_path=str(source),
        data_format="vowpal_wabbit",
        target_folder=str(folder / name),
        batch_size=1000,
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
