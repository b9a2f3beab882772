"""Phi by BigARTM: one additively regularised topic model over all modalities.

Vorontsov and Potapenko (2015), "Additive regularization of topic models". The library runs in a
process of its own (`training.learn.artm_worker`): it needs protobuf's pure-Python implementation,
which must be chosen before anything imports protobuf, and TensorFlow wants the other one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from scipy import sparse

from engine.errors import Image2PicError
from engine.files import open_arrays
from engine.results import Floats
from training.progress import QUIET, Say

Recipe = Literal["artm", "lda", "plsa"]


class ArtmError(Image2PicError):
    """BigARTM failed; the text holds what it said."""


@dataclass(frozen=True)
class ArtmSettings:
    """How Phi is learnt. Tau are relative: scaled by the counts of the corpus.

    Attributes
    ----------
    topics, background
        All topics, and how many of them (the last ones) are background: smoothed, never shown.
    class_weights
        Modality -> weight of its counts, relative to the first modality's mass where given by
        `training.learn.build`.
    recipe
        ``"artm"``: background smoothed, subject topics decorrelated then sparsed, each regulariser
        ramped in over the passes; ``"lda"``: smoothed Phi and theta; ``"plsa"``: nothing.
    passes
        Passes over the corpus.
    online_above
        Number of posts from which on Phi is updated after every few batches (Hoffman et al. 2010).
    """

    topics: int
    background: int = 2
    class_weights: Mapping[str, float] = field(default_factory=dict)
    recipe: Recipe = "artm"
    passes: int = 35
    document_passes: int = 8
    seed: int = 1
    decorrelation: float = 0.2
    sparsity: float = 0.02
    background_smoothing: float = 0.5
    online_above: int = 50_000
    processors: int = 2


@dataclass(frozen=True)
class ArtmResult:
    """A learnt model.

    Attributes
    ----------
    phi
        Modality -> shape (W_modality, K), columns sum to 1 (or are zero).
    theta
        Of the training posts, shape (n, K).
    history
        Score name -> its value after each pass.
    """

    phi: dict[str, Floats]
    theta: Floats
    history: dict[str, list[float]]


def train_artm(
    bags: Mapping[str, Any], settings: ArtmSettings, folder: Path, *, progress: Say = QUIET
) -> ArtmResult:
    """Learn Phi from bags of words.

    Parameters
    ----------
    bags
        Modality -> counts, CSR of shape (n, W_modality), the same n posts in each.
    settings
        See `ArtmSettings`.
    folder
        For the batches and the result; created if missing.
    progress
        Called with a line of text after each pass.

    Raises
    ------
    ArtmError
        BigARTM is not installed or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, matrix in bags.items():
        sparse.save_npz(folder / f"bag_{name}.npz", matrix.tocsr())
    job = {"settings": asdict(settings), "modalities": list(bags)}
    (folder / "job.json").write_text(json.dumps(job))
    environment = os.environ | {
        "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }
    command = [sys.executable, "-m", "training.learn.artm_worker", str(folder.resolve())]
    # glog writes its files into the working directory, so that is the job's own folder.
    with subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=folder,
    ) as process:
        assert process.stdout is not None
        tail: list[str] = []
        try:
            for line in process.stdout:
                if line.startswith("PASS "):
                    progress(line.removeprefix("PASS ").strip())
                else:
                    tail = [*tail[-20:], line.rstrip()]
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise ArtmError("BigARTM failed: " + "\n".join(tail or [f"exit {process.returncode}"]))
    with open_arrays(folder / "result.npz") as arrays:
        phi = {name: arrays[f"phi_{name}"] for name in bags}
        return ArtmResult(phi, arrays["theta"], json.loads(str(arrays["history"])))
