"""Learning the baselines, and keeping what was learnt: a second evaluation is quick."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.errors import Image2PicError
from engine.files import open_arrays, whole_file
from training.evaluate.baselines.base import Method, Task
from training.evaluate.baselines.cca import CcaMethod, CcaSearch, View
from training.evaluate.baselines.simple import (
    Frequency,
    NeighbourSettings,
    fit_frequency,
    fit_neighbours,
    neighbours,
)
from training.evaluate.baselines.topics import fit_topics, plain_topics, recipe_of
from training.learn.dataset import Dataset
from training.progress import QUIET, Say

BASELINES: Final = (
    "original_recipe",
    "plsa",
    "lda",
    "cca_bags",
    "cca_mean",
    "cca_mean_hub",
    "cca_sentences",
    "cca_written",
    "knn",
    "knn_written",
    "frequency",
)
"""The baselines that are learnt; chance needs no learning."""

TOPIC_BASELINES: Final = ("original_recipe", "plsa", "lda")
"""Those that need BigARTM."""

_VERSION = 5  # raise it when a baseline's code changes what is learnt
_VIEWS: dict[str, View] = {
    "cca_bags": "bags",
    "cca_mean": "mean",
    "cca_mean_hub": "mean",
    "cca_sentences": "sentences",
    "cca_written": "written",
}
_NEIGHBOURS = {"knn": False, "knn_written": True}
_log = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Fitted:
    """A baseline that was learnt.

    Attributes
    ----------
    seconds
        What learning took, when it was done.
    chosen
        Settings chosen on a part of the training posts.
    """

    method: Method
    seconds: float
    chosen: dict[str, Any]


def fit_baseline(name: str, task: Task, *, cache: Path | None, progress: Say = QUIET) -> Fitted:
    """Learn a baseline, or read what was learnt of the same posts before.

    Parameters
    ----------
    name
        One of `BASELINES`.
    cache
        Folder for what was learnt; None keeps nothing.
    progress
        Called with a line of text from time to time.

    Raises
    ------
    Image2PicError
        There is no such baseline, or BigARTM failed.
    """
    if name not in BASELINES:
        raise Image2PicError(f"no baseline {name!r}; there are: {', '.join(BASELINES)}")
    path = cache / f"{name}-{_key(name, task)}.npz" if cache is not None else None
    if path is not None and (kept := _read(name, task, path)) is not None:
        return kept
    progress(f"learning {name}")
    if name in _VIEWS:
        return _fit_cca(name, task, cache)
    start = time.perf_counter()
    method = _learn(name, task, cache)
    fitted = Fitted(method, time.perf_counter() - start, method.chosen())
    if path is not None:
        _write(fitted, path)
    return fitted


def _fit_cca(name: str, task: Task, cache: Path | None) -> Fitted:
    """Learn both mean-feature rows at once: they share all but the correction for hubs.

    The rows with sentence vectors are corrected for hubs, too.
    """
    start = time.perf_counter()
    search = CcaSearch(task, _VIEWS[name])
    plain = search.plain()
    found = {name: Fitted(plain, time.perf_counter() - start, plain.chosen())}
    if name != "cca_bags":
        corrected = search.with_hubs(plain)
        best = Fitted(corrected, time.perf_counter() - start, corrected.chosen())
        found = (
            {"cca_mean": found[name], "cca_mean_hub": best}
            if _VIEWS[name] == "mean"
            else {name: best}
        )
    if cache is not None:
        for row, fitted in found.items():
            _write(fitted, cache / f"{row}-{_key(row, task)}.npz")
    return found[name]


def _learn(name: str, task: Task, cache: Path | None) -> Method:
    if name == "frequency":
        return fit_frequency(task)
    if name in _NEIGHBOURS:
        return fit_neighbours(task, written=_NEIGHBOURS[name])
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_existing(cache)))
    try:
        return fit_topics(name, task, folder, lambda line: _log.info("%s: %s", name, line))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _existing(cache: Path | None) -> Path | None:
    if cache is not None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
    return cache


def _key(name: str, task: Task) -> str:
    described: dict[str, Any] = {
        "version": _VERSION,
        "seed": task.seed,
        "words": task.words,
        "train": _fingerprint(task.train),
    }
    if name in TOPIC_BASELINES:
        described["recipe"] = asdict(recipe_of(name, task)[0])
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fingerprint(data: Dataset) -> str:
    digest = hashlib.sha256("\n".join(data.ids).encode())
    arrays = [data.features, data.owner, np.char.encode(data.language, "utf-8")]
    arrays += [data.sentences, data.written_sentences]
    for matrix in (data.visual, data.texts, data.written, data.written_keys):
        arrays += [np.array(matrix.shape), matrix.indptr, matrix.indices, matrix.data]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _write(fitted: Fitted, path: Path) -> None:
    note = json.dumps({"seconds": fitted.seconds, "chosen": fitted.chosen})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Keyword by keyword, since an array may be called like one of savez's own parameters.
        arrays = {f"array_{name}": array for name, array in fitted.method.arrays().items()}
        with whole_file(path) as file:
            np.savez(file, allow_pickle=False, note=np.array(note), **arrays)
    except OSError as error:
        _log.warning("%s is not kept for the next time: %s", path.name, error)


def _read(name: str, task: Task, path: Path) -> Fitted | None:
    try:
        with open_arrays(path) as file:
            note = json.loads(str(file["note"]))
            arrays = {key.removeprefix("array_"): file[key] for key in file if key != "note"}
        return Fitted(
            _assemble(name, task, arrays, note["chosen"]), float(note["seconds"]), note["chosen"]
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        _log.warning("%s cannot be read (%s): learnt again", path, error)
        return None


def _assemble(name: str, task: Task, arrays: Arrays, chosen: dict[str, Any]) -> Method:
    if name == "frequency":
        return Frequency(arrays["share"])
    if name in _NEIGHBOURS:
        return neighbours(task.train, task.words, NeighbourSettings(**chosen))
    if name in _VIEWS:
        return CcaMethod.read(_VIEWS[name], arrays, chosen)
    return plain_topics(arrays, *recipe_of(name, task))
