"""The process in which BigARTM runs: reads a job's folder, writes ``result.npz`` into it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from training.learn.artm import ArtmSettings

ONLINE_BATCHES = 8
"""Batches after which Phi is updated, when learning online."""


def main(folder: Path) -> int:
    """Run the job; 0 on success."""
    try:
        import artm  # only here: see training.learn.artm
    except ImportError as error:
        print(f"{error}: it is part of pip install 'image2pic[training]', which needs Python 3.11")
        print("on Linux x86-64; elsewhere build the model in the Docker image")
        return 1

    job = json.loads((folder / "job.json").read_text())
    settings = ArtmSettings(**job["settings"])
    modalities: list[str] = job["modalities"]
    bags = {name: sparse.load_npz(folder / f"bag_{name}.npz").tocsr() for name in modalities}
    documents = next(iter(bags.values())).shape[0]
    batches = _batches(artm, bags, folder)
    subject = [f"subject{i:04d}" for i in range(settings.topics - settings.background)]
    background = [f"background{i:02d}" for i in range(settings.background)]
    present = [name for name in modalities if bags[name].nnz]
    model = artm.ARTM(
        topic_names=subject + background,
        dictionary=batches.dictionary,
        class_ids={name: settings.class_weights.get(name, 1.0) for name in present},
        cache_theta=True,
        seed=settings.seed,
        num_processors=settings.processors,
        num_document_passes=settings.document_passes,
        show_progress_bars=False,
        theta_columns_naming="title",
    )
    # One score a modality: over several at once BigARTM gives a product.
    for name in present:
        model.scores.add(
            artm.PerplexityScore(
                f"perplexity_{name}", dictionary=batches.dictionary, class_ids=[name]
            )
        )
        model.scores.add(
            artm.SparsityPhiScore(f"sparsity_{name}", class_id=name, topic_names=subject)
        )
    ramp = _regularise(artm, model, settings, subject, background, bags, present)
    online = documents > settings.online_above
    for number in range(settings.passes):
        for name, tau in ramp(number / settings.passes).items():
            model.regularizers[name].tau = tau
        if online:
            model.fit_online(batches, update_every=ONLINE_BATCHES)
        else:
            model.fit_offline(batches, num_collection_passes=1)
        perplexity = model.score_tracker[f"perplexity_{present[0]}"].last_value
        print(f"PASS {number + 1}/{settings.passes} perplexity {perplexity:.1f}", flush=True)
    result: dict[str, Any] = {}
    for name in modalities:
        width = bags[name].shape[1]
        matrix = np.zeros((width, settings.topics), np.float32)
        if name in present:
            # One class at a time: asked for several, get_phi drops the class of a token.
            frame = model.get_phi(class_ids=[name])
            rows = [int((t if isinstance(t, str) else t[1]).removeprefix("w")) for t in frame.index]
            matrix[rows] = frame.values
        result[f"phi_{name}"] = matrix
    theta = model.transform(batches) if online else model.get_theta()
    history = {
        f"{kind}_{name}": list(map(float, model.score_tracker[f"{kind}_{name}"].value))
        for name in present
        for kind in ("perplexity", "sparsity")
    }
    full = np.full((documents, settings.topics), 1 / settings.topics, np.float32)
    full[[int(str(column).removeprefix("d")) for column in theta.columns]] = theta.values.T
    part = folder / "result.part.npz"
    np.savez(part, theta=full, history=np.array(json.dumps(history)), **result)
    part.replace(folder / "result.npz")
    shutil.rmtree(folder / "batches", ignore_errors=True)
    for log in folder.glob("bigartm.*"):
        log.unlink()
    return 0


def _batches(artm: Any, bags: dict[str, Any], folder: Path) -> Any:
    """Bags to Vowpal Wabbit text, and that to BigARTM's batches."""
    target = folder / "batches"
    shutil.rmtree(target, ignore_errors=True)
    source = folder / "corpus.vw"
    count = next(iter(bags.values())).shape[0]
    with source.open("w") as file:
        for row in range(count):
            # BigARTM does not read a document without words; its theta stays 1/K.
            if not any(matrix.indptr[row] < matrix.indptr[row + 1] for matrix in bags.values()):
                continue
            file.write(f"d{row:08d}")
            for name, matrix in bags.items():
                start, end = matrix.indptr[row], matrix.indptr[row + 1]
                if start == end:
                    continue
                pairs = zip(matrix.indices[start:end], matrix.data[start:end], strict=True)
                file.write(f" |{name} " + " ".join(f"w{w}:{n:.4g}" for w, n in pairs))
            file.write("\n")
    vectorizer = artm.BatchVectorizer(
        data_path=str(source),
        data_format="vowpal_wabbit",
        target_folder=str(target),
        batch_size=max(100, min(1000, count // 8)),
    )
    source.unlink()
    return vectorizer


def _regularise(
    artm: Any,
    model: Any,
    settings: ArtmSettings,
    subject: list[str],
    background: list[str],
    bags: dict[str, Any],
    present: list[str],
) -> Any:
    """Add the recipe's regularisers; returns share of the passes done -> tau by name."""
    if settings.recipe == "lda":
        model.regularizers.add(artm.SmoothSparsePhiRegularizer("smooth_phi", tau=0.01))
        model.regularizers.add(artm.SmoothSparseThetaRegularizer("smooth_theta", tau=0.1))
    if settings.recipe != "artm":
        return lambda done: {}
    # Relative tau: what a regulariser takes or gives, as a share of a topic's mean count.
    words = [name for name in present if name in ("text", "tag", "written")] or present
    mass = float(sum(bags[name].sum() for name in words)) / settings.topics
    width = sum(bags[name].shape[1] for name in words)
    add = model.regularizers.add
    if background:
        add(
            artm.SmoothSparsePhiRegularizer(
                "smooth_background",
                topic_names=background,
                class_ids=present,
                tau=settings.background_smoothing,
            )
        )
        add(
            artm.SmoothSparseThetaRegularizer(
                "smooth_theta", topic_names=background, tau=settings.background_smoothing
            )
        )
    add(artm.DecorrelatorPhiRegularizer("decorrelate", topic_names=subject, class_ids=words, tau=0))
    add(artm.SmoothSparsePhiRegularizer("sparse", topic_names=subject, class_ids=words, tau=0))

    def ramp(done: float) -> dict[str, float]:
        return {
            "decorrelate": settings.decorrelation * mass * min(1, max(0, (done - 0.4) / 0.2)),
            "sparse": -settings.sparsity * mass / width * min(1, max(0, (done - 0.7) / 0.2)),
        }

    return ramp


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
