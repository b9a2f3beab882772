"""Photos to numbers on disk: mean features and visual words, kept by the photos' content.

A photo is described once, whatever the posts that have it are called; ten new ones cost ten, and a
photo that was replaced is described anew. Memory holds a few chunks, however many photos there are.
A chunk is written whole and renamed, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import faiss
import numpy as np
import numpy.typing as npt
import PIL

from engine.codebook import Codebook, cell_patterns, principal_axes
from engine.encoder import Encoder
from engine.errors import Image2PicError, PhotoError
from engine.files import open_arrays, sha256_of, whole_file
from engine.photo import MAX_BYTES, encoder_input
from engine.results import Floats
from training.cluster import Cluster
from training.progress import QUIET, Progress

CHUNK: Final = 256
"""Photos in one file."""

OPEN: Final = 16
"""Chunks that are held while features are put together."""

GRIDS: Final = 32
"""Photos whose cells are looked up in the codebook together."""

SAMPLE: Final = 1000
"""Photos whose whole grids are kept to learn the codebook from."""

UNREADABLE: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
"""What numpy raises on a file that is missing, cut off or damaged."""

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """A photo to describe: the post's id, and its file or address (``s3://``, ``gs://``, ...)."""

    id: str
    photo: Path | str

    def content(self) -> bytes | Path:
        """What `engine.photo.decode` takes.

        Raises
        ------
        PhotoError
            Nothing is there.
        Image2PicError
            The storage cannot be read: without its photos a model would be another by chance.
        """
        if isinstance(self.photo, Path):
            return self.photo
        try:
            from fsspec.core import open as open_address
        except ImportError as error:
            raise Image2PicError(
                "photos by address need: pip install 'image2pic[cluster]'"
            ) from error
        try:
            with open_address(self.photo) as file:
                data: bytes = file.read(MAX_BYTES + 1)
                return data
        except Exception as error:
            # Each kind of storage raises its own errors; to http all that fails is not found.
            cause = error.__cause__
            failed = isinstance(cause, OSError) or getattr(cause, "status", 404) != 404
            if isinstance(error, FileNotFoundError) and not failed:
                raise PhotoError(f"{self.photo} does not exist ({cause or 'not found'})") from None
            reason = cause if isinstance(error, FileNotFoundError) else error
            # Without what caused it, which could not always be sent from a worker.
            raise Image2PicError(f"{self.photo} cannot be read: {reason}") from None

    def digest(self) -> str | None:
        """The sha256 of its content; None, reported, where it cannot be read."""
        try:
            content = self.content()
            if isinstance(content, Path):
                return sha256_of(content)
            return hashlib.sha256(content).hexdigest()
        except (OSError, PhotoError) as error:
            _log.warning("post %s: photo skipped: %s", self.id, error)
            return None


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


def encode(encoder: Encoder, sources: Sequence[PhotoSource]) -> Iterator[tuple[str, Floats]]:
    """Grids of photos, in order, `encoder.workers` at a time; unreadable ones are reported."""

    def one(source: PhotoSource) -> Floats | None:
        try:
            return encoder(encoder_input(source.content(), encoder.shape.size))
        except PhotoError as error:
            _log.warning("post %s: photo skipped: %s", source.id, error)
            return None

    with ThreadPoolExecutor(encoder.workers) as pool:
        for source, grid in zip(sources, pool.map(one, sources), strict=True):
            if grid is not None:
                yield source.id, grid


def contents(sources: Sequence[PhotoSource], cluster: Cluster | None = None) -> list[str | None]:
    """The sha256 of each photo's file; None, reported, where it cannot be read."""
    if cluster is not None:
        parts = _parts(sources)
        return [digest for part in cluster.map(contents, parts) for digest in part]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(PhotoSource.digest, sources))


def _parts(sources: Sequence[PhotoSource]) -> list[Sequence[PhotoSource]]:
    return [sources[start : start + CHUNK] for start in range(0, len(sources), CHUNK)]


def _compute(
    cluster: Cluster | None, function: Callable[..., Result], jobs: Iterable[Any], *shared: Any
) -> Iterator[Result]:
    """``function(job, *shared)`` of each job, in order, here or on a cluster."""
    if cluster is None:
        return (function(job, *shared) for job in jobs)
    return cluster.map(function, jobs, *(cluster.share(thing) for thing in shared))


def sample_grids(
    encoder: Encoder,
    sources: Sequence[PhotoSource],
    folder: Path,
    *,
    seed: int,
    progress: Progress = QUIET,
    cluster: Cluster | None = None,
) -> tuple[list[str], Path]:
    """Whole grids of at most `SAMPLE` photos, kept as float16 chunks in a folder.

    Returns
    -------
    contents, folder
        The sha256 of the sampled photos, and where ``grids-*.npz`` lie.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(sources))[:SAMPLE])
    parts = [
        [
            PhotoSource(digest, source.photo)
            for source, digest in zip(part, contents(part, cluster), strict=True)
            if digest is not None
        ]
        for part in _parts([sources[row] for row in chosen])
    ]
    paths = [folder / f"grids-{number:04d}.npz" for number in range(len(parts))]
    there = [_sampled(path) for path in paths]
    # What is there may be of a run that was stopped, and has to be of the same photos.
    missing = [
        number
        for number, (keys, part) in enumerate(zip(there, parts, strict=True))
        if keys is None or not set(keys) <= {source.id for source in part}
    ]
    fresh = _compute(cluster, _grids, (parts[number] for number in missing), encoder)
    bar = progress.bar(total=len(missing), desc="sample", unit="chunk")
    with bar:
        for number, (keys, grids) in zip(missing, fresh, strict=True):
            _write(paths[number], keys=np.array(keys, np.str_), grids=grids)
            there[number] = keys
            bar.update()
    found = [key for keys in there for key in keys or ()]
    if not found:
        raise Image2PicError("none of the photos could be read")
    return found, folder


def _grids(
    part: Sequence[PhotoSource], encoder: Encoder
) -> tuple[list[str], npt.NDArray[np.float16]]:
    pairs = dict(encode(encoder, part))
    shape = encoder.shape
    grids = np.array([*pairs.values()], np.float16)
    return list(pairs), grids.reshape(-1, shape.rows * shape.columns, shape.channels)


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
        with open_arrays(path) as arrays:
            grids = arrays["grids"]
            parts.append(grids.reshape(-1, grids.shape[-1]))
    total = sum(map(len, parts))
    share = min(1.0, most_cells / total)
    cells = np.concatenate([part[rng.random(len(part)) <= share] for part in parts]).astype(
        np.float32
    )
    rooted = cell_patterns(cells)
    mean = rooted.mean(0)
    _, components = principal_axes(rooted[:20_000], min(dimensions, len(rooted) - 1))
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
    sources: Sequence[PhotoSource],
    folder: Path,
    *,
    grids: Path | None = None,
    progress: Progress = QUIET,
    cluster: Cluster | None = None,
) -> Iterator[Chunk]:
    """Chunks of features, from disk where a photo was described before, else computed and kept.

    Parameters
    ----------
    sources
        Posts come out in this order.
    folder
        Where features are kept; what belongs to another codebook, or to no photo that is asked
        for, is removed.
    grids
        Folder of `sample_grids`: these photos are not encoded again.
    cluster
        Where photos are described; here without one. The bits are the same.
    """
    digests = contents(sources, cluster)
    asked = {digest: source for source, digest in zip(sources, digests, strict=True) if digest}
    kept = _Kept(folder, codebook)
    missing = [
        PhotoSource(digest, one.photo) for digest, one in asked.items() if digest not in kept
    ]
    names = {digest: one.id for digest, one in asked.items()}
    sampled = _grid_places(grids) if grids is not None else {}
    bar = progress.bar(total=len(asked), desc="photos", unit="photo")
    bar.update(len(asked) - len(missing))
    with bar:
        parts = _parts(missing)
        jobs = ((part, _kept_grids(part, sampled)) for part in parts)
        fresh = _compute(cluster, _describe, jobs, encoder, codebook)
        for part, chunk in zip(parts, fresh, strict=True):
            failed = [source.id for source in part if source.id not in set(chunk.ids)]
            for digest in failed:
                _log.warning("post %s: its photo cannot be described", names[digest])
            kept.add(chunk, failed)
            bar.update(len(part))
    kept.forget_others(set(asked))
    for start in range(0, len(sources), CHUNK):
        rows = [
            (source.id, digest)
            for source, digest in zip(
                sources[start : start + CHUNK], digests[start : start + CHUNK], strict=True
            )
            if digest is not None
        ]
        yield kept.chunk(rows, encoder)


class _Kept:
    """Features on disk, by the sha256 of the photo."""

    def __init__(self, folder: Path, codebook: Codebook) -> None:
        self._folder = folder
        self._note = hashlib.sha256(
            codebook.centroids.tobytes() + codebook.components.tobytes()
        ).hexdigest()
        self._per_cell = codebook.per_cell
        self._places: dict[str, tuple[Path, int]] = {}
        self._failed: set[str] = set()
        self._load = functools.lru_cache(OPEN)(_read)
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("chunk-*.npz")):
            chunk = _read(path, self._note)
            if chunk is None:
                path.unlink()
            else:
                self._enter(path, *chunk)

    def __contains__(self, digest: str) -> bool:
        return digest in self._places or digest in self._failed

    def _enter(self, path: Path, chunk: Chunk, failed: Sequence[str]) -> None:
        self._places |= {digest: (path, row) for row, digest in enumerate(chunk.ids)}
        self._failed.update(failed)

    def add(self, chunk: Chunk, failed: Sequence[str]) -> None:
        """Keep a chunk, whose ids are sha256, and what could not be described."""
        numbers = [int(path.stem[6:]) for path in self._folder.glob("chunk-?????.npz")]
        path = self._folder / f"chunk-{max(numbers, default=-1) + 1:05d}.npz"
        _write(
            path,
            note=np.array(self._note),
            # Another Pillow may open what this one cannot.
            pillow=np.array(PIL.__version__),
            keys=np.array(chunk.ids, np.str_),
            failed=np.array(failed, np.str_),
            mean=chunk.mean,
            words=chunk.words,
            weights=chunk.weights,
        )
        self._enter(path, chunk, failed)

    def forget_others(self, digests: Set[str]) -> None:
        """Remove the files none of whose photos is asked for any longer."""
        used = {path for digest, (path, _) in self._places.items() if digest in digests}
        for path in {path for path, _ in self._places.values()} - used:
            path.unlink(missing_ok=True)

    def chunk(self, rows: Sequence[tuple[str, str]], encoder: Encoder) -> Chunk:
        """The features of posts: of each its id and the sha256 of its photo."""
        ids, parts = [], []
        for name, digest in rows:
            if digest in self._places:
                path, row = self._places[digest]
                found = self._load(path, self._note)
                assert found is not None
                ids.append(name)
                parts.append((found[0].mean[row], found[0].words[row], found[0].weights[row]))
        if not parts:
            cells = encoder.shape.rows * encoder.shape.columns
            return Chunk(
                (),
                np.zeros((0, encoder.shape.channels), np.float16),
                np.zeros((0, cells, self._per_cell), np.uint16),
                np.zeros((0, cells, self._per_cell), np.float16),
            )
        mean, words, weights = (np.stack(arrays) for arrays in zip(*parts, strict=True))
        return Chunk(tuple(ids), mean, words, weights)


def _kept_grids(
    part: Sequence[PhotoSource], kept: dict[str, tuple[Path, int]]
) -> dict[str, npt.NDArray[np.float16]]:
    """Grids of the photos of a chunk that `sample_grids` has encoded, by post."""
    found = {}
    opened: dict[Path, npt.NDArray[np.float16]] = {}
    for source in part:
        if source.id in kept:
            path, row = kept[source.id]
            if path not in opened:
                with open_arrays(path) as arrays:
                    opened = {path: arrays["grids"]}
            found[source.id] = opened[path][row]
    return found


def _describe(
    job: tuple[Sequence[PhotoSource], dict[str, npt.NDArray[np.float16]]],
    encoder: Encoder,
    codebook: Codebook,
) -> Chunk:
    part, kept = job
    fresh = dict(encode(encoder, [source for source in part if source.id not in kept]))
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
            grid = kept[source.id].astype(np.float32)
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
    """The sha256 of the photos whose grids are in a file, or None where it cannot be read."""
    try:
        with open_arrays(path) as arrays:
            keys: list[str] = arrays["keys"].tolist()
            return keys
    except UNREADABLE:
        return None


def _read(path: Path, note: str) -> tuple[Chunk, list[str]] | None:
    """A chunk by sha256, and what could not be described; None where it is no use."""
    try:
        with open_arrays(path) as arrays:
            if str(arrays["note"]) != note:
                return None
            failed = arrays["failed"].tolist() if str(arrays["pillow"]) == PIL.__version__ else []
            keys = tuple(arrays["keys"].tolist())
            return Chunk(keys, arrays["mean"], arrays["words"], arrays["weights"]), failed
    except UNREADABLE:
        return None


def _write(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)
