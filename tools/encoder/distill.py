"""Train ``inception-small`` to see what the full Inception-v3 sees. A command line.

For each photo the full network (the teacher) gives a grid of ``mixed8`` features. The student
learns to predict two things from its own grid, each by a linear head that is thrown away later:
what the teacher sees in each cell, and what it sees in the photo as a whole (the mean over
cells). Both are square roots of features, reduced and partly whitened by PCA, so that the
student's effort goes where photos differ.

Before that, each layer is fitted on its own to the teacher's responses (`begin`); with
``--epochs 0`` this is all, which takes minutes on two cores.

The teacher's grids are computed once and kept in a cache. Everything can be stopped at any time
and goes on with ``--resume``.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. 2015.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from engine.codebook import cell_patterns, principal_axes
from engine.corpus.reader import POSTS_FILE, Report, read_corpus
from engine.errors import CorpusError, Image2PicError, PhotoError
from engine.photo import decode, to_input
from tools.encoder.student import (
    NAME,
    STUDENT_SIZE,
    TEACHER_SIZE,
    WIDTHS,
    FloatArray,
    convert,
    fit_layers,
    forward,
    layers,
    load_weights,
    normalise,
    run,
)
from training.commands.common import count, positive, within

ENCODER_FILE: Final = "encoder.tflite"
ABOUT_FILE: Final = "encoder.json"
LEARN_SPLIT: Final = "train"

ZOOM: Final = 192
"""Crops of the student's size are cut from photos of ``size * ZOOM / STUDENT_SIZE`` pixels."""

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SQRT_OFFSET: Final = 0.01  # keeps the slope of the square root finite at zero

_log = logging.getLogger("distill")


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """How the student is trained.

    Attributes
    ----------
    widths
        Shares of the teacher's channels that the student keeps; see `tools.encoder.student.WIDTHS`.
    size
        The student's input, in pixels each way.
    epochs, minutes
        Training ends with whichever comes first; the learning rate falls to zero towards it.
        With 0 epochs the layers are fitted one by one, and that is all.
    batch
        Photos a step.
    learning_rate
        The highest one (AdamW, after `warmup` steps; then along half a cosine).
    weight_decay
        Of the kernels.
    components
        Dimensions that are predicted of a cell, and of a whole photo.
    held_out
        Photos that nothing is learnt from: on them the progress is measured.
    fitted
        Photos on which the layers are fitted one by one at the start.
    seed
        Of everything random.
    """

    widths: tuple[float, float] = WIDTHS
    size: int = STUDENT_SIZE
    epochs: float = 20.0
    minutes: float = 0.0
    batch: int = 32
    learning_rate: float = 5e-5
    weight_decay: float = 0.05
    warmup: int = 60
    components: tuple[int, int] = (256, 384)
    held_out: int = 256
    fitted: int = 480
    seed: int = 7


def find_photos(folders: Sequence[Path | str]) -> list[Path]:
    """Photos to learn from; of a folder that is named as ``path:N`` the first N.

    Of a corpus (a folder with ``posts.jsonl``) the photos of the posts whose split is ``train``
    or not given; of any other folder all photos below it.

    Raises
    ------
    CorpusError
        There is no such folder, or no photo in any of them.
    """
    photos: list[Path] = []
    for name in folders:
        folder, limit = Path(name), None
        path, _, count = str(name).rpartition(":")
        if not folder.is_dir() and path and count.isdecimal():
            folder, limit = Path(path), int(count)
        if not folder.is_dir():
            raise CorpusError(f"no folder {folder}")
        if (folder / POSTS_FILE).exists():
            found = (
                post.photo
                for post in read_corpus(folder, report=Report())
                if post.photo and post.split in (None, LEARN_SPLIT)
            )
            photos += list(dict.fromkeys(found))[:limit]
        else:
            every = (p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
            photos += sorted(every)[:limit]
    if not photos:
        raise CorpusError("no photos in " + ", ".join(map(str, folders)))
    return photos


class Cache:
    """Arrays of one row a photo, filled in steps; what was filled survives a stop.

    Parameters
    ----------
    folder
        Where the files lie; made when missing.
    photos
        The photos that the rows stand for.
    """

    def __init__(self, folder: Path, photos: Sequence[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.photos = folder, list(photos)

    def rows(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        compute: Any,
        *,
        step: int = 20,
    ) -> npt.NDArray[Any]:
        """Return the array ``(photos, *shape)``; ``compute(photos)`` gives the missing rows."""
        key = hashlib.sha256("\n".join(map(str, self.photos)).encode()).hexdigest()[:12]
        path, done = self._folder / f"{name}-{key}.npy", self._folder / f"{name}-{key}.done"
        count = int(done.read_text()) if done.exists() and path.exists() else 0
        full = (len(self.photos), *shape)
        array: npt.NDArray[Any]
        if count == 0:
            array = np.lib.format.open_memmap(path, "w+", dtype, full)
        else:
            array = np.lib.format.open_memmap(path, "r+")
        started, first = time.monotonic(), count
        while count < len(self.photos):
            chunk = self.photos[count : count + step]
            array[count : count + len(chunk)] = compute(chunk)
            count += len(chunk)
            if count // 500 != (count - len(chunk)) // 500 or count == len(self.photos):
                array.flush()
                done.write_text(str(count))
                left = (time.monotonic() - started) / (count - first) * (len(self.photos) - count)
                _log.info("%s: %d of %d, %.0f s left", name, count, len(self.photos), left)
        return array


def read_pixels(photos: Sequence[Path], size: int) -> npt.NDArray[np.uint8]:
    """Decode photos: shape (photos, size, size, 3). A damaged one is white, with a warning."""
    pixels = np.full((len(photos), size, size, 3), 255, np.uint8)
    for row, photo in zip(pixels, photos, strict=True):
        try:
            row[:] = to_input(decode(photo), size)
        except PhotoError as error:
            _log.warning("%s: %s", photo, error)
    return pixels


@dataclass(frozen=True)
class Projection:
    """PCA of square roots of features, each component divided by ``sqrt(variance + ridge)``.

    Attributes
    ----------
    mean
        Shape (channels,).
    basis
        Shape (channels, components).
    total
        Variance of what `apply` gives, summed over the components.
    """

    mean: FloatArray
    basis: FloatArray
    total: float

    @classmethod
    def fit(cls, roots: FloatArray, components: int) -> Projection:
        """Fit to ``roots``, shape (samples, channels); the ridge is their mean variance."""
        mean = roots.mean(0)
        values, vectors = principal_axes(roots, components)
        ridge = roots.var(0).mean()
        scale = 1 / np.sqrt(np.maximum(values, 0) + ridge)
        total = float((values * scale**2).sum())
        return cls(mean, (vectors * scale).astype(np.float32), total)

    def apply(self, roots: FloatArray) -> FloatArray:
        """Project: shape (..., channels) -> (..., components)."""
        return np.asarray((roots - self.mean) @ self.basis, np.float32)


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from.

    Attributes
    ----------
    whole, zoomed
        Photos at the student's size, and larger ones that crops are cut from; uint8.
    cells
        The teacher's projected cells, shape (photos, rows, columns, components), float16.
    means
        The teacher's projected means, shape (photos, components).
    totals
        Variance of a cell and of a mean.
    """

    whole: npt.NDArray[np.uint8]
    zoomed: npt.NDArray[np.uint8]
    cells: npt.NDArray[np.float16]
    means: FloatArray
    totals: tuple[float, float]


def prepare(
    photos: Sequence[Path], weights: Path, cache: Path, settings: DistillSettings
) -> TrainingData:
    """Decode the photos and ask the teacher, or take both from the cache."""
    store = Cache(cache, photos)
    teacher = load_weights(weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:8]
    see = tf.function(lambda x: forward(teacher, x, dense=False))
    zoom = settings.size * ZOOM // STUDENT_SIZE

    def teach(chunk: Sequence[Path]) -> FloatArray:
        features = see(tf.constant(read_pixels(chunk, TEACHER_SIZE))).numpy()
        return np.asarray(features.reshape(len(chunk), -1, features.shape[-1]))

    def decoder(size: int) -> Any:
        return lambda chunk: read_pixels(chunk, size)

    whole = store.rows(
        f"pixels{settings.size}", (settings.size,) * 2 + (3,), "u1", decoder(settings.size)
    )
    zoomed = store.rows(f"pixels{zoom}", (zoom,) * 2 + (3,), "u1", decoder(zoom))
    spec = tf.TensorSpec([1, TEACHER_SIZE, TEACHER_SIZE, 3])
    _, rows, columns, channels = see.get_concrete_function(spec).output_shapes
    grids = store.rows(f"teacher-{digest}", (rows * columns, channels), "f2", teach)

    rng = np.random.default_rng(settings.seed)

    def roots(chunk: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        features = np.asarray(chunk, np.float32)
        return cell_patterns(features), np.sqrt(features.mean(1))

    sample = rng.choice(len(grids), min(len(grids), 2000), replace=False)
    some = [roots(grids[i : i + 1]) for i in np.sort(sample)]
    cell_projection = Projection.fit(
        np.concatenate([c[0, rng.choice(rows * columns, 16, replace=False)] for c, _ in some]),
        settings.components[0],
    )
    step = 200
    all_means = np.concatenate([roots(grids[i : i + step])[1] for i in range(0, len(grids), step)])
    mean_projection = Projection.fit(all_means, settings.components[1])
    cells = np.concatenate(
        [
            cell_projection.apply(roots(grids[i : i + step])[0]).astype(np.float16)
            for i in range(0, len(grids), step)
        ]
    )
    return TrainingData(
        whole,
        zoomed,
        cells.reshape(len(cells), rows, columns, -1),
        mean_projection.apply(all_means),
        (cell_projection.total, mean_projection.total),
    )


def crop_matrix(offset: int, size: int, full: int, cells: int) -> FloatArray:
    """Bilinear weights that take a grid of a whole photo to the grid of a crop, one axis.

    Parameters
    ----------
    offset, size, full
        The crop begins at pixel ``offset`` and has ``size`` of ``full`` pixels.
    cells
        Cells of both grids along this axis.

    Returns
    -------
    ndarray
        Shape (cells of the crop, cells of the photo); rows sum to one.
    """
    centres = (offset + (np.arange(cells) + 0.5) / cells * size) / full * cells - 0.5
    centres = np.clip(centres, 0, cells - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(cells))), np.float32)


def draw_batch(
    training_data: TrainingData, rows: npt.NDArray[np.intp], rng: np.random.Generator
) -> list[Any]:
    """Take photos, half of them cropped, half of all mirrored, and their targets alike.

    Returns
    -------
    list
        Pixels uint8, cells and means float32, and 1 where the photo is whole, float32.
    """
    size, zoom = training_data.whole.shape[1], training_data.zoomed.shape[1]
    pixels, cells = training_data.whole[rows], training_data.cells[rows].astype(np.float32)
    whole = np.ones(len(rows), np.float32)
    for i, row in enumerate(rows):
        if rng.random() < 0.5:
            top, left = rng.integers(0, zoom - size + 1, 2)
            pixels[i] = training_data.zoomed[row, top : top + size, left : left + size]
            down, along = (crop_matrix(o, size, zoom, cells.shape[1]) for o in (top, left))
            cells[i] = np.einsum("ai,bj,ijc->abc", down, along, cells[i], optimize=True)
            whole[i] = 0
        if rng.random() < 0.5:
            pixels[i], cells[i] = pixels[i, :, ::-1], cells[i, :, ::-1]
    return [pixels, cells, training_data.means[rows], whole]


def jitter(pixels: Any, seed: Any) -> Any:
    """Vary brightness, contrast and saturation of photos (RGB 0..255), each photo by itself."""
    n = tf.shape(pixels)[0]
    x = tf.cast(pixels, tf.float32)
    draw = tf.random.stateless_uniform([3, n, 1, 1, 1], seed, -1.0, 1.0)
    middle = tf.reduce_mean(x, [1, 2, 3], keepdims=True)
    x = (x - middle) * (1 + 0.25 * draw[0]) + middle + 25 * draw[1]
    grey = tf.reduce_mean(x, -1, keepdims=True)
    return tf.clip_by_value(grey + (x - grey) * (1 + 0.3 * draw[2]), 0.0, 255.0)


def soft_root(features: Any) -> Any:
    """Square root with a finite slope at zero."""
    return tf.sqrt(features + _SQRT_OFFSET)


HEADS: Final = ("head/cells", "head/mean")
CELLS_FITTED: Final = 1440
"""Photos whose cells a head begins with."""


def predict(variables: dict[str, Any], features: Any) -> tuple[Any, Any]:
    """Both heads: projected cells (n, rows, columns, a) and means (n, b)."""
    cells, mean = (
        tf.tensordot(soft_root(x), variables[f"{head}/kernel"], 1) + variables[f"{head}/bias"]
        for head, x in zip(HEADS, (features, tf.reduce_mean(features, [1, 2])), strict=True)
    )
    return cells, mean


def fit_heads(
    weights: dict[str, FloatArray], training_data: TrainingData, rows: npt.NDArray[np.intp]
) -> dict[str, FloatArray]:
    """First weights of the heads: ridge regression on photos as they are.

    A photo gives many cells but one mean: the means of all photos are learnt from, the cells of
    the first `CELLS_FITTED`.
    """
    see = tf.function(lambda x: forward(weights, x, dense=True))
    cells: list[FloatArray] = []
    means: list[FloatArray] = []
    for i in range(0, len(rows), 20):
        features = see(training_data.whole[rows[i : i + 20]]).numpy()
        means.append(features.mean((1, 2)))
        if i < CELLS_FITTED:
            cells.append(features)
    some = np.concatenate(cells)
    inputs = (some, np.concatenate(means))
    heads: dict[str, FloatArray] = {}
    targets = (training_data.cells[rows[: len(some)]].astype(np.float32), training_data.means[rows])
    for head, raw, target in zip(HEADS, inputs, targets, strict=True):
        x = np.sqrt(raw.reshape(-1, raw.shape[-1]) + _SQRT_OFFSET)
        y = target.reshape(-1, target.shape[-1])
        mean_x, mean_y = x.mean(0), y.mean(0)
        gram = (x - mean_x).T @ (x - mean_x)
        gram += 0.1 * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
        kernel = np.linalg.solve(gram, (x - mean_x).T @ (y - mean_y))
        heads[f"{head}/kernel"] = kernel.astype(np.float32)
        heads[f"{head}/bias"] = (mean_y - mean_x @ kernel).astype(np.float32)
    return heads


Inputs = dict[str, tuple[FloatArray, FloatArray]]
"""Layer -> mean and standard deviation of each of its input channels."""


def measure_inputs(weights: dict[str, FloatArray], pixels: npt.NDArray[np.uint8]) -> Inputs:
    """Means and deviations of what each layer and each head sees on these photos."""
    inputs: Inputs = {}

    def note(name: str, x: Any) -> None:
        values = x.numpy().reshape(-1, x.shape[-1])
        inputs[name] = (values.mean(0), np.maximum(values.std(0), 1e-2))

    def convolve(layer: str, x: Any, stride: int, padding: str) -> Any:
        note(layer, x)
        y = tf.nn.conv2d(x, weights[f"{layer}/kernel"], stride, padding)
        return y + weights[f"{layer}/bias"]

    features = run(normalise(pixels), convolve, dense=True)
    note(HEADS[0], soft_root(features))
    note(HEADS[1], soft_root(tf.reduce_mean(features, [1, 2])))
    return inputs


class Trainer:
    """The student's variables and its optimizer, and one step of it.

    Each layer's input is standardised by means and deviations that were measured once, before
    the training: this conditions the problem as batch norm does, costs nothing per photo, and is
    folded into the weights at the end.

    Parameters
    ----------
    weights
        The student's first weights and its heads'.
    inputs
        What `measure_inputs` gave for them.
    settings, totals
        See `DistillSettings` and `TrainingData`.
    """

    def __init__(
        self,
        weights: dict[str, FloatArray],
        inputs: Inputs,
        settings: DistillSettings,
        totals: tuple[float, float],
    ) -> None:
        self.settings = settings
        self._inputs = inputs
        start = {
            name: value * inputs[name.removesuffix("/kernel")][1][:, None]
            if name.endswith("/kernel")
            else value
            for name, value in weights.items()
        }
        for layer, (mean, _) in inputs.items():
            kernel = weights[f"{layer}/kernel"]
            start[f"{layer}/bias"] = weights[f"{layer}/bias"] + mean @ kernel.reshape(
                -1, *kernel.shape[-2:]
            ).sum(0)
        self.variables = {
            name: keras.Variable(value, name=name.replace("/", "_"))
            for name, value in start.items()
        }
        self._optimizer = keras.optimizers.AdamW(
            weight_decay=settings.weight_decay, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias"])
        self._optimizer.build(list(self.variables.values()))
        self._time = tf.Variable(0.0, dtype=tf.float64)
        state = [v.value for v in (*self.variables.values(), *self._optimizer.variables)]
        self._checkpoint = tf.train.Checkpoint(state=state, seconds=self._time)
        self.seconds = 0.0
        self._totals = totals
        self._update = tf.function(self._train_step, reduce_retracing=True)
        self._see = tf.function(self._predict)

    @property
    def step(self) -> int:
        """Steps that were done."""
        return int(self._optimizer.iterations.numpy())

    def _weights(self) -> dict[str, Any]:
        """Weights for `forward`: the standardisation of each layer's input is folded in."""
        weights = {}
        for layer, (mean, scale) in self._inputs.items():
            kernel = self.variables[f"{layer}/kernel"] / scale[:, None]
            weights[f"{layer}/kernel"] = kernel
            flat = tf.reduce_sum(tf.reshape(kernel, [-1, *kernel.shape[-2:]]), 0)
            shift = tf.tensordot(tf.constant(mean), flat, 1)
            weights[f"{layer}/bias"] = self.variables[f"{layer}/bias"] - shift
        return weights

    def _predict(self, pixels: Any) -> tuple[Any, Any]:
        weights = self._weights()
        return predict(weights, forward(weights, pixels, dense=True))

    def _train_step(self, pixels: Any, cells: Any, means: Any, whole: Any, seed: Any) -> Any:
        with tf.GradientTape() as tape:
            seen, mean = self._predict(jitter(pixels, seed))
            cell_loss = tf.reduce_mean(tf.reduce_sum((seen - cells) ** 2, -1)) / self._totals[0]
            errors = tf.reduce_sum((mean - means) ** 2, -1) / self._totals[1]
            mean_loss = tf.reduce_sum(errors * whole) / tf.maximum(tf.reduce_sum(whole), 1.0)
            loss = cell_loss + mean_loss
        variables = list(self.variables.values())
        self._optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return tf.stack([cell_loss, mean_loss])

    def train(self, batch: list[Any], progress: float) -> FloatArray:
        """Do one step; ``progress`` is the share of the training that is done, 0..1.

        Returns
        -------
        ndarray
            Unexplained shares of the variance of cells and of means.
        """
        warm = min(1.0, (self.step + 1) / self.settings.warmup)
        rate = self.settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * min(progress, 1.0)))
        self._optimizer.learning_rate = rate
        seed = tf.constant([self.settings.seed, self.step + 1])
        return np.asarray(self._update(*map(tf.constant, batch), seed))

    def explained(self, data: TrainingData, rows: npt.NDArray[np.intp]) -> tuple[float, float]:
        """Shares of the variance of cells and of means that are predicted on these photos."""
        errors = np.zeros(2)
        spread = np.zeros(2)
        targets = (data.cells[rows].astype(np.float32), data.means[rows])
        centres = (targets[0].mean((0, 1, 2)), targets[1].mean(0))
        for i in range(0, len(rows), 32):
            seen = self._see(tf.constant(data.whole[rows[i : i + 32]]))
            for j in range(2):
                target = targets[j][i : i + 32]
                errors[j] += ((seen[j].numpy() - target) ** 2).sum()
                spread[j] += ((target - centres[j]) ** 2).sum()
        cells, means = 1 - errors / spread
        return float(cells), float(means)

    def weights(self) -> dict[str, FloatArray]:
        """The student's weights, without its heads."""
        names = [f"{layer}/{kind}" for layer in layers() for kind in ("kernel", "bias")]
        folded = self._weights()
        return {name: folded[name].numpy() for name in names}

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs; an interrupted write leaves the last one whole."""
        self._time.assign(self.seconds)
        tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=1).save()

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint of the same settings."""
        self._checkpoint.restore(tf.train.latest_checkpoint(folder)).assert_consumed()
        self.seconds = float(self._time.numpy())


def _progress(trainer: Trainer, settings: DistillSettings, steps: float) -> float:
    shares = [trainer.step / steps]
    if settings.minutes:
        shares.append(trainer.seconds / (60 * settings.minutes))
    return max(shares)


def divide(
    photos: int, settings: DistillSettings
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of the photos that are held out, and of those that are learnt from."""
    order = np.random.default_rng(settings.seed).permutation(photos)
    held_out = min(settings.held_out, photos // 10)
    held_out = held_out if held_out > 1 else 0  # one photo has no variance
    return order[:held_out], order[held_out:]


def begin(
    photos: Sequence[Path],
    weights: Path,
    cache: Path,
    settings: DistillSettings,
    *,
    resume: bool = False,
) -> dict[str, FloatArray]:
    """Fit the student's layers one by one (see `fit_layers`), or take them from the cache.

    Raises
    ------
    CorpusError
        What is in the cache was fitted on other photos or with other settings.
    """
    begun = cache / "begun.npz"
    made_with = json.dumps([settings.widths, settings.size, settings.seed, len(photos)])
    if resume and begun.exists():
        with np.load(begun, allow_pickle=False) as archive:
            first = {name: archive[name] for name in archive.files}
        if str(first.pop("made_with")) != made_with:
            raise CorpusError(f"{begun} was begun with other photos or settings; drop --resume")
        return first
    teacher = load_weights(weights)
    _, learnt = divide(len(photos), settings)
    chosen = [photos[i] for i in learnt[: settings.fitted]]
    _log.info("fitting the layers one by one, on %d photos", len(chosen))
    first = fit_layers(
        teacher,
        read_pixels(chosen, settings.size),
        widths=settings.widths,
        seed=settings.seed,
        on_layer=lambda layer, share: _log.info("%s: %.2f explained", layer, share),
    )
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(begun, made_with=made_with, **first)  # type: ignore[arg-type]
    return first


def train(
    photos: Sequence[Path],
    weights: Path,
    cache: Path,
    settings: DistillSettings,
    *,
    resume: bool = False,
) -> tuple[Trainer, dict[str, Any]]:
    """Train a student; see `DistillSettings`.

    Returns
    -------
    tuple
        The trainer, and how the training went (for ``encoder.json``).
    """
    apart, learnt = divide(len(photos), settings)
    checkpoint = cache / "checkpoint"
    going_on = resume and tf.train.latest_checkpoint(checkpoint) is not None
    first = dict(begin(photos, weights, cache, settings, resume=resume))
    training_data = prepare(photos, weights, cache, settings)
    # A checkpoint has its own heads; these are only of their shape.
    first |= fit_heads(first, training_data, learnt[:32] if going_on else learnt)
    inputs = measure_inputs(first, training_data.whole[learnt[:64]])
    trainer = Trainer(first, inputs, settings, training_data.totals)
    if going_on:
        trainer.load(checkpoint)
        _log.info("going on after %d steps", trainer.step)
    else:
        shutil.rmtree(checkpoint, ignore_errors=True)
        if len(apart):
            _log.info(
                "before training: explained %.3f %.3f", *trainer.explained(training_data, apart)
            )

    each = max(1, len(learnt) // settings.batch)
    steps = settings.epochs * each
    recent: list[FloatArray] = []
    while (progress := _progress(trainer, settings, steps)) < 1:
        started = time.monotonic()
        epoch, position = divmod(trainer.step, each)
        rng = np.random.default_rng((settings.seed, trainer.step))
        shuffled = learnt[np.random.default_rng((settings.seed, epoch, 1)).permutation(len(learnt))]
        rows = shuffled[position * settings.batch : (position + 1) * settings.batch]
        recent.append(trainer.train(draw_batch(training_data, rows, rng), progress))
        trainer.seconds += time.monotonic() - started
        if trainer.step % 20 == 0:
            left = np.mean(recent[-20:], 0)
            _log.info(
                "step %d, epoch %.2f, %.0f%%: unexplained %.3f of cells, %.3f of means",
                trainer.step,
                trainer.step / each,
                100 * progress,
                *left,
            )
        if trainer.step % 100 == 0:
            trainer.save(checkpoint)
        if trainer.step % 200 == 0 and len(apart):
            _log.info(
                "held-out photos: explained %.3f %.3f", *trainer.explained(training_data, apart)
            )
            recent.clear()
    trainer.save(checkpoint)
    about: dict[str, Any] = {
        "photos": len(learnt),
        "steps": trainer.step,
        "epochs": round(trainer.step / each, 2),
        "minutes": round(trainer.seconds / 60, 1),
        "settings": asdict(settings),
    }
    if len(apart):
        cells, means = trainer.explained(training_data, apart)
        about["held_out"] = {
            "photos": len(apart),
            "explained_variance_of_cells": round(cells, 4),
            "explained_variance_of_means": round(means, 4),
        }
    return trainer, about


def write(
    student: dict[str, FloatArray],
    settings: DistillSettings,
    about: dict[str, Any],
    weights: Path,
    out: Path,
) -> Path:
    """Write the encoder's folder; returns the LiteRT file's path."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / ENCODER_FILE
    rows, columns, channels = convert(student, path, size=settings.size)
    data = path.read_bytes()
    record = {
        "name": NAME,
        "file": ENCODER_FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "weights": int(sum(value.size for value in student.values())),
        "input": {"size": settings.size, "type": "float32", "values": "RGB 0..255"},
        "output": {"rows": rows, "columns": columns, "channels": channels, "non_negative": True},
        "teacher": {
            "name": "inception_v3 (2015-12-05), mixed8",
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        },
        "training": about,
    }
    (out / ABOUT_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def _parser() -> argparse.ArgumentParser:
    default = DistillSettings()
    parser = argparse.ArgumentParser(
        prog="python -m tools.encoder.distill",
        description="Train the small encoder to see what the full Inception-v3 sees.",
    )
    parser.add_argument(
        "--weights", type=Path, required=True, help="the full network's weights, a .npz file"
    )
    parser.add_argument(
        "--photos",
        nargs="+",
        required=True,
        metavar="DIR[:N]",
        help="folders of photos; of one with posts.jsonl only the split train; N: the first N",
    )
    parser.add_argument("--out", type=Path, required=True, help="the encoder's folder")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(".cache/distill"),
        help="where pixels, the teacher's grids (160 kB a photo) and the checkpoint are kept "
        "(%(default)s)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--epochs",
        type=within(float, 0),
        default=default.epochs,
        help="at most so many; 0: only fit the layers one by one",
    )
    parser.add_argument(
        "--minutes", type=within(float, 0), default=0.0, help="of training, at most"
    )
    parser.add_argument("--batch", type=positive, default=default.batch)
    parser.add_argument(
        "--widths",
        type=float,
        nargs=2,
        default=default.widths,
        help="shares of the teacher's channels: in the early layers, in the others",
    )
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--threads", type=count, default=0, help="CPU threads (0: all cores)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    settings = DistillSettings(
        widths=tuple(options.widths),
        epochs=options.epochs,
        minutes=options.minutes,
        batch=options.batch,
        learning_rate=options.learning_rate,
        seed=options.seed,
    )
    try:
        photos = find_photos(options.photos)
        if settings.epochs > 0:
            trainer, about = train(
                photos, options.weights, options.cache, settings, resume=options.resume
            )
            student = trainer.weights()
        else:
            student = begin(photos, options.weights, options.cache, settings, resume=options.resume)
            about = {"steps": 0, "settings": asdict(settings)}
        about["photos_fitted"] = min(settings.fitted, len(divide(len(photos), settings)[1]))
        path = write(student, settings, about, options.weights, options.out)
    except Image2PicError as error:
        print(f"distill: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; --resume goes on", file=sys.stderr)
        return 130
    measured = json.dumps(about.get("held_out", {}))
    print(f"{path}: {path.stat().st_size:,} bytes; {measured}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
