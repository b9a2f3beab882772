"""Words on a corpus's photos, kept by the photos' content: a photo is read once, wherever it lies.

The file of what was read grows by whole lines, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from engine.errors import OcrError, PhotoError
from engine.ocr import Tesseract
from engine.photo import decode
from training.cluster import Cluster
from training.learn.features import PhotoSource
from training.progress import QUIET, Progress

DETAIL: Final = 1000
"""Of larger photos both sides are decoded at no less than twice this."""

_log = logging.getLogger(__name__)


def read_picture_words(
    sources: Sequence[PhotoSource],
    folder: Path,
    tesseract: Tesseract,
    *,
    workers: int,
    progress: Progress = QUIET,
    cluster: Cluster | None = None,
) -> dict[str, str]:
    """Words on photos, from `folder` where they were read before.

    Parameters
    ----------
    sources
        The photos.
    folder
        Where what was read is kept; what another Tesseract or other languages read goes.
    tesseract
        Reads what is not there.
    workers
        Photos read at a time, a process each.
    progress
        Is told how far it is.
    cluster
        Where they are read; here without one.

    Returns
    -------
    dict
        Post's id -> words, possibly none. A photo that cannot be opened or read is left out, and
        tried again next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(tesseract.identity.encode()).hexdigest()[:12]
    path = folder / f"picture-words-{name}.jsonl"
    for other in folder.glob("picture-words-*.jsonl"):
        if other != path:
            other.unlink()
    known = _read(path)
    found: dict[str, str] = {}

    bar = progress.bar(desc="words on photos", unit="photo", total=len(sources))
    with bar, path.open("a", encoding="utf-8") as file:
        pool = ThreadPoolExecutor(workers)
        before = frozenset(known)
        try:
            results = (
                pool.map(functools.partial(_read_one, tesseract=tesseract, known=before), sources)
                if cluster is None
                else cluster.map(_read_one, sources, tesseract, cluster.share(before))
            )
            for source, result in zip(sources, results, strict=True):
                bar.update()
                if isinstance(result, Exception):
                    _log.warning(
                        "post %s: the words on its photo are not read: %s", source.id, result
                    )
                    continue
                digest, words = result
                if words is None:
                    words = known[digest]
                found[source.id] = words
                if digest not in known:
                    known[digest] = words
                    line = {"sha256": digest, "words": words}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                    file.flush()
        finally:
            # Whoever stops the run does not wait for the thousands that were not begun.
            pool.shutdown(cancel_futures=True)
    return found


def _read_one(
    source: PhotoSource, tesseract: Tesseract, known: Collection[str]
) -> tuple[str, str | None] | Exception:
    """A photo's sha256 and its words, None where those are known; or why it cannot be read."""
    try:
        content = source.content()
        data = content if isinstance(content, bytes) else content.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return digest, None if digest in known else tesseract.read_words(
            decode(data, size_hint=DETAIL)
        )
    except (OcrError, PhotoError, OSError) as error:
        return error


def _read(path: Path) -> dict[str, str]:
    """What was read before; a line that a killed run left incomplete is cut off."""
    known: dict[str, str] = {}
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return known
    end = 0
    for line in lines:
        try:
            row = json.loads(line) if line.endswith(b"\n") else None
            known[str(row["sha256"])] = str(row["words"])  # type: ignore[index]
        except (ValueError, KeyError, TypeError):
            break
        end += len(line)
    with path.open("r+b") as file:
        file.truncate(end)
    return known
