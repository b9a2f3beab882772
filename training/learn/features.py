"""Photos to numbers on disk: mean features and visual words, in chunks, resumable.

Memory holds one chunk, however many photos there are. A chunk is written whole and renamed, so a
run that was stopped goes on with the first chunk that is missing.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.codebook import Codebook, cell_patterns
from engine.encoder import Encoder
from engine.errors import Image2PicError, PhotoError
from engine.files import whole_file
from engine.photo import decode, to_input
from engine.results import Floats

CHUNK: Final = 256
"""Photos in one file."""

GRIDS: Final = 32
"""Photos whose cells are looked up in the codebook together."""

SAMPLE: Final = 1000
"""Photos whose whole grids are kept to learn the codebook from."""

UNREADABLE: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What numpy raises on a file that is missing, cut off or damaged."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A photo to describe: the post's id and the file."""

    id: str
    photo: Path


@dataclass(frozen=True)
class Chunk:
    """Features of some photos; a photo that cannot be read is left out.

    Attributes
    ----------
    ids
        Posts, n of them.
    mean
        Mean features over the cells, (n, channels) float16.
    words, weights
        Visual words of each cell and their weights, (n, cells, per_cell), uint16 and float16.
    """

    ids: tuple[str, ...]
    mean: npt.NDArray[np.float16]
    words: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.float16]


def encode(encoder: Encoder, sources: Sequence[Source]) -> Iterator[tuple[str, Floats]]:
    """Grids of photos, in order, `encoder.workers` at a time; unreadable ones are reported."""

    def one(source: Source) -> Floats | None:
        try:
            return encoder(
                to_input(decode(source.photo, size_hint=encoder.shape.size), encoder.shape.size)
            )
        except PhotoError as error:
            _log.warning("post %s: photo skipped: %s", source.id, error)
            return None

    with ThreadPoolExecutor(encoder.workers) as pool:
        for source, grid in zip(sources, pool.map(one, sources), strict=True):
            if grid is not None:
                yield source.id, grid


def sample_grids(
    encoder: Encoder, sources: Sequence[Source], folder: Path, *, seed: int, progress: bool
) -> tuple[list[str], Path]:
    """Whole grids of at most `SAMPLE` photos, kept as float16 chunks in a folder.

    Returns
    -------
    ids, folder
        The sampled posts, and where ``grids-*.npz`` lie.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(sources))[:SAMPLE])
    sample = [sources[row] for row in chosen]
    ids: list[str] = []
    for start in tqdm(
        range(0, len(sample), CHUNK), desc="sample", unit="chunk", disable=not progress
    ):
        path = folder / f"grids-{start // CHUNK:04d}.npz"
        part = sample[start : start + CHUNK]
        found = _sampled(path)
        if found is None:
            pairs = list(encode(encoder, part))
            shape = (0, encoder.shape.rows * encoder.shape.columns, encoder.shape.channels)
            grids = np.array([grid for _, grid in pairs], np.float16).reshape(-1, *shape[1:])
            found = [name for name, _ in pairs]
            _write(path, ids=np.array(found, np.str_), grids=grids)
        ids += found
    if not ids:
        raise Image2PicError("none of the photos could be read")
    return ids, folder


def learn_codebook(
    folder: Path, *, words: int, dimensions: int, seed: int, most_cells: int = 64_000
) -> Codebook:
    """PCA and k-means over the sampled cells.

    Parameters
    ----------
    folder
        With ``grids-*.npz``.
    words, dimensions
        Size of the codebook and of its space; both are lowered when there are too few cells.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for path in sorted(folder.glob("grids-*.npz")):
        with np.load(path) as arrays:
            grids = arrays["grids"]
            parts.append(grids.reshape(-1, grids.shape[-1]))
    total = sum(map(len, parts))
    share = min(1.0, most_cells / total)
    cells = np.concatenate([part[rng.random(len(part)) <= share] for part in parts]).astype(
        np.float32
    )
    rooted = cell_patterns(cells)
    mean = rooted.mean(0)
    # A thin random rotation would do too; the covariance is small enough to be exact.
    _, vectors = np.linalg.eigh(np.cov(rooted[:20_000].T))
    dimensions = min(dimensions, len(rooted) - 1, rooted.shape[1])
    components = vectors[:, ::-1][:, :dimensions].astype(np.float32)
    projected = np.ascontiguousarray((rooted - mean) @ components)
    words = max(1, min(words, len(projected) // 4))
    kmeans: Any = faiss.Kmeans(
        projected.shape[1],
        words,
        niter=15,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=max(64, len(projected) // words + 1),
    )
    kmeans.train(projected)
    distances, _ = kmeans.index.search(projected[:5000], min(4, words))
    softness = max(float(np.median(distances[:, -1] - distances[:, 0])), 1e-4)
    return Codebook(
        mean.astype(np.float32), components, kmeans.centroids.copy(), softness, min(4, words)
    )


def describe_photos(
    encoder: Encoder,
    codebook: Codebook,
    sources: Sequence[Source],
    folder: Path,
    *,
    grids: Path | None = None,
    progress: bool,
) -> Iterator[Chunk]:
    """Chunks of features, from disk where they are there already, else computed and kept.

    Parameters
    ----------
    sources
        The same order gives the same chunks.
    folder
        Where chunks are kept.
    grids
        Folder of `sample_grids`: these photos are not encoded again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = _grid_places(grids) if grids is not None else {}
    bar = tqdm(total=len(sources), desc="photos", unit="photo", disable=not progress)
    with bar:
        for start in range(0, len(sources), CHUNK):
            part = sources[start : start + CHUNK]
            path = folder / f"chunk-{start // CHUNK:05d}.npz"
            note = json.dumps([source.id for source in part])
            chunk = _read(path, note)
            if chunk is None:
                chunk = _describe(encoder, codebook, part, kept)
                _write(
                    path,
                    note=np.array(note),
                    ids=np.array(chunk.ids, np.str_),
                    mean=chunk.mean,
                    words=chunk.words,
                    weights=chunk.weights,
                )
            bar.update(len(part))
            yield chunk


def _describe(
    encoder: Encoder,
    codebook: Codebook,
    part: Sequence[Source],
    kept: dict[str, tuple[Path, int]],
) -> Chunk:
    fresh = dict(encode(encoder, [source for source in part if source.id not in kept]))
    opened: dict[Path, npt.NDArray[np.float16]] = {}
    ids, means, words, weights = [], [], [], []
    waiting: list[Floats] = []
    cells = encoder.shape.rows * encoder.shape.columns

    def flush() -> None:
        # Many cells at a time: one product of matrices instead of one for each photo.
        if waiting:
            word, weight = codebook.words(np.concatenate(waiting))
            words.append(word.reshape(len(waiting), cells, -1))
            weights.append(weight.reshape(len(waiting), cells, -1))
            waiting.clear()

    for source in part:
        if source.id in kept:
            path, row = kept[source.id]
            if path not in opened:
                with np.load(path) as arrays:
                    opened = {path: arrays["grids"]}
            grid = opened[path][row].astype(np.float32)
        elif source.id in fresh:
            grid = fresh[source.id]
        else:
            continue
        ids.append(source.id)
        means.append(grid.mean(0))
        waiting.append(grid)
        if len(waiting) == GRIDS:
            flush()
    flush()
    none = np.zeros((0, cells, codebook.per_cell))
    return Chunk(
        tuple(ids),
        np.array(means, np.float16).reshape(-1, encoder.shape.channels),
        np.concatenate([none, *words]).astype(np.uint16),
        np.concatenate([none, *weights]).astype(np.float16),
    )


def _grid_places(folder: Path) -> dict[str, tuple[Path, int]]:
    places: dict[str, tuple[Path, int]] = {}
    for path in sorted(folder.glob("grids-*.npz")):
        places |= {name: (path, row) for row, name in enumerate(_sampled(path) or [])}
    return places


def _sampled(path: Path) -> list[str] | None:
    """The posts whose grids are in a file, or None where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ids: list[str] = arrays["ids"].tolist()
            return ids
    except UNREADABLE:
        return None


def _read(path: Path, note: str) -> Chunk | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if str(arrays["note"]) != note:
                return None
            return Chunk(
                tuple(arrays["ids"].tolist()), arrays["mean"], arrays["words"], arrays["weights"]
            )
    except UNREADABLE:
        return None


def _write(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)
