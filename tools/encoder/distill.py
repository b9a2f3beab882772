"""Train ``inception-small`` to see what the full Inception-v3 sees. A command line.

For each photo the full network (the teacher) gives a grid of ``mixed8`` features. The student
learns to predict two things from its own grid, each by a linear head that is thrown away later:
what the teacher sees in each cell, and what it sees in the photo as a whole (the mean over
cells). Both are square roots of features, reduced and partly whitened by PCA, so that the
student's effort goes where photos differ. Photos are cropped, mirrored, coloured and mixed, and
the teacher looks at the very same views (Beyer et al. 2022).

Before that, each layer is fitted on its own to the teacher's responses (`begin`); with
``--epochs 0`` this is all, which takes minutes on two cores.

Training runs on whatever ``KERAS_BACKEND`` names; jax or torch use a GPU. Everything can be
stopped at any time and goes on with ``--resume``, also on another machine with the same cache.

Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. 2015.
Beyer, Zhai, Royer, Markeeva, Anil, Kolesnikov: Knowledge distillation: A good teacher is patient
and consistent. CVPR 2022.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else each start prints a page of notices

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from engine.codebook import cell_patterns, principal_axes
from engine.corpus.reader import POSTS_FILE, TRAIN_SPLIT, Report, read_corpus
from engine.errors import CorpusError, Image2PicError, PhotoError
from engine.photo import decode, to_input
from tools.encoder.student import (
    NAME,
    STUDENT_SIZE,
    TEACHER_SIZE,
    WIDTHS,
    FloatArray,
    Weights,
    convert,
    fit_layers,
    layers,
    load_weights,
    normalise,
    respond,
    run,
    student_network,
    teacher_network,
)
from training.commands.common import positive, within

ENCODER_FILE: Final = "encoder.tflite"
ABOUT_FILE: Final = "encoder.json"

STORED: Final = 224
"""Photos are kept at so many pixels each way; crops are cut from these."""

WHOLE: Final = 0.3
"""Share of the views that show a photo as a whole, as it is described later."""

MIXED: Final = 0.25
"""Share of the views that another photo shows through, and of those that it has a part of."""

CALM: Final = 0.85
"""From this share of the training on, photos are no longer mixed."""

PROJECTED: Final = 4000
"""Photos that the projections are fitted on."""

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SQRT_OFFSET: Final = 0.01  # keeps the slope of the square root finite at zero
_WARM_EPOCHS: Final = 4
_SAVE_EVERY: Final = 20  # epochs

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
        The highest one (AdamW, after four epochs of warming up; then along half a cosine).
    weight_decay
        Of the kernels.
    components
        Dimensions that are predicted of a cell, and of a whole photo.
    held_out
        Photos that nothing is learnt from: on them the progress is measured.
    fitted
        Photos on which the layers are fitted one by one at the start.
    precision
        Keras' policy of number types: ``float32``, or ``mixed_bfloat16`` on a GPU.
    seed
        Of everything random.
    """

    widths: tuple[float, float] = WIDTHS
    size: int = STUDENT_SIZE
    epochs: float = 1000.0
    minutes: float = 0.0
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    components: tuple[int, int] = (256, 384)
    held_out: int = 256
    fitted: int = 480
    precision: str = "float32"
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
                if post.photo and post.split in (None, TRAIN_SPLIT)
            )
            photos += list(dict.fromkeys(found))[:limit]
        else:
            every = (p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
            photos += sorted(every)[:limit]
    if not photos:
        raise CorpusError("no photos in " + ", ".join(map(str, folders)))
    return photos


def read_pixels(photos: Sequence[Path], size: int) -> npt.NDArray[np.uint8]:
    """Decode photos: shape (photos, size, size, 3). A damaged one is white, with a warning."""
    pixels = np.full((len(photos), size, size, 3), 255, np.uint8)

    def read(row: int) -> None:
        try:
            pixels[row] = to_input(decode(photos[row]), size)
        except PhotoError as error:
            _log.warning("%s: %s", photos[row], error)

    with ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(photos))))
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

    Returns
    -------
    dict
        The student's weights, and of each layer ``<layer>/mean`` and ``<layer>/deviation`` of
        what it gives before its ReLU.

    Raises
    ------
    CorpusError
        What is in the cache was fitted on other photos or with other settings.
    """
    begun = cache / "begun.npz"
    made_with = _made_with(photos, settings)
    if resume and begun.exists():
        return _load(begun, made_with)
    teacher = load_weights(weights)
    _, learnt = divide(len(photos), settings)
    chosen = [photos[i] for i in learnt[: settings.fitted]]
    _log.info("fitting the layers one by one, on %d photos", len(chosen))
    pixels = read_pixels(chosen, settings.size)
    first = fit_layers(
        teacher,
        pixels,
        widths=settings.widths,
        seed=settings.seed,
        on_layer=lambda layer, share: _log.info("%s: %.2f explained", layer, share),
    )
    first |= measure_responses(first, pixels[:64])
    _save(begun, first, made_with)
    return first


def _made_with(photos: Sequence[Path], settings: DistillSettings) -> str:
    return json.dumps([settings.widths, settings.size, settings.seed, len(photos)])


def _save(path: Path, arrays: dict[str, Any], made_with: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part.npz")
    np.savez(aside, made_with=made_with, **arrays)
    aside.replace(path)


def _load(path: Path, made_with: str) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if str(arrays.pop("made_with")) != made_with:
        raise CorpusError(f"{path} was begun with other photos or settings; drop --resume")
    return arrays


def measure_responses(weights: Weights, pixels: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
    """Means and deviations of what each layer gives before its ReLU, channel by channel."""
    responses: dict[str, FloatArray] = {}

    def convolve(layer: str, x: Any, stride: int, padding: str) -> Any:
        y = respond(weights, layer, x, stride, padding)
        values = ops.convert_to_numpy(y).reshape(-1, y.shape[-1])
        responses[f"{layer}/mean"] = values.mean(0)
        responses[f"{layer}/deviation"] = np.maximum(values.std(0), 1e-2)
        return y

    run(normalise(pixels), convolve, dense=True)
    return responses


def resample(photos: Any, down: tuple[Any, Any], along: tuple[Any, Any], size: int) -> Any:
    """Cut a frame out of each photo and scale it, bilinear with antialiasing, as Pillow does.

    Parameters
    ----------
    photos
        Shape (n, height, width, 3), float32.
    down, along
        Where the frame starts and how long it is, in pixels, shape (n,) each; a negative length
        mirrors it.
    size
        Of the result, shape (n, size, size, 3).
    """

    def weights(start: Any, length: Any, full: int) -> Any:
        places = (ops.arange(size, dtype="float32") + 0.5) / size
        centres = start[:, None] + places * length[:, None] - 0.5
        reach = ops.maximum(1.0, ops.abs(length) / size)[:, None, None]
        distances = ops.abs(centres[..., None] - ops.arange(full, dtype="float32"))
        near = ops.relu(1 - distances / reach)
        return near / ops.sum(near, -1, keepdims=True)

    rows = ops.einsum("nai,nijc->najc", weights(*down, photos.shape[1]), photos)
    return ops.einsum("nbj,najc->nabc", weights(*along, photos.shape[2]), rows)


def jitter(photos: Any, draw: Any) -> Any:
    """Vary brightness, contrast and saturation of photos (RGB 0..255), each photo by itself.

    ``draw`` has shape (3, n, 1, 1, 1), from -1 to 1.
    """
    middle = ops.mean(photos, (1, 2, 3), keepdims=True)
    x = (photos - middle) * (1 + 0.25 * draw[0]) + middle + 25 * draw[1]
    grey = ops.mean(x, -1, keepdims=True)
    return ops.clip(grey + (x - grey) * (1 + 0.3 * draw[2]), 0.0, 255.0)


class Views(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Photos as both networks see them: the same part of a photo, mirrored and coloured alike.

    Parameters
    ----------
    photos
        Square photos, shape (photos, pixels, pixels, 3), uint8.
    size
        The student's input, in pixels each way; the teacher's is `TEACHER_SIZE`.
    seed
        Of what is drawn in training.
    """

    def __init__(self, photos: npt.NDArray[np.uint8], size: int, seed: int) -> None:
        super().__init__(dtype="float32")
        self.photos = keras.Variable(photos, dtype="uint8", trainable=False, name="photos")
        self.mixed = keras.Variable(MIXED, trainable=False, name="mixed")
        self.seed = keras.random.SeedGenerator(seed)
        self._sizes = (TEACHER_SIZE, size)

    def _draw(self, *shape: Any, low: float = 0.0) -> Any:
        return keras.random.uniform(shape, low, 1.0, seed=self.seed)

    def call(self, rows: Any, training: bool = False) -> list[Any]:
        """Views of the photos in ``rows`` (n,): (n, 299, 299, 3) and (n, size, size, 3)."""
        photos = ops.cast(ops.take(self.photos, rows, axis=0), "float32")
        n, full = ops.shape(photos)[0], float(photos.shape[1])
        if not training:
            frame = (ops.zeros((n,)), ops.full((n,), full))
            return [normalise(resample(photos, frame, frame, size)) for size in self._sizes]
        photos = jitter(photos, self._draw(3, n, 1, 1, 1, low=-1.0))
        area, ratio = self._draw(n, low=0.3), ops.exp(0.3 * self._draw(n, low=-1.0))
        whole, mirrored = self._draw(n) < WHOLE, self._draw(n) < 0.5
        height, width = (
            ops.where(whole, 1.0, ops.minimum(1.0, ops.sqrt(area * form)))
            for form in (ratio, 1 / ratio)
        )
        top, left = self._draw(n) * (1 - height), self._draw(n) * (1 - width)
        down = (top * full, height * full)
        left, width = ops.where(mirrored, left + width, left), ops.where(mirrored, -width, width)
        along = (left * full, width * full)
        kind, share = self._draw(n, 1, 1), self._draw(n, 1, 1)
        extent = self._draw(2, n, 1)
        corner = self._draw(2, n, 1) * (1 - extent)
        views = []
        for size in self._sizes:
            places = (ops.arange(size, dtype="float32") + 0.5) / size
            inside = ops.cast((places > corner) & (places < corner + extent), "float32")
            part = 1 - inside[0][:, :, None] * inside[1][:, None, :]
            own = ops.where(kind < self.mixed, share, ops.where(kind > 1 - self.mixed, part, 1.0))
            own, view = own[..., None], resample(photos, down, along, size)
            views.append(normalise(own * view + (1 - own) * ops.flip(view, 0)))
        return views


class Imitation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """How far the student is from the teacher: what its heads leave unexplained.

    Parameters
    ----------
    projections
        Of the teacher's cells and means, to what the heads predict.
    """

    def __init__(self, projections: Sequence[Projection]) -> None:
        super().__init__(dtype="float32")
        self._projections = [
            (ops.convert_to_tensor(p.mean), ops.convert_to_tensor(p.basis), p.total)
            for p in projections
        ]
        # A head of zeros sends no gradient into the student before it has learnt something.
        self.heads = [
            keras.layers.Dense(p.basis.shape[1], kernel_initializer="zeros") for p in projections
        ]

    def call(self, teacher: Any, student: Any) -> Any:
        """Unexplained shares of the variance of cells and of means, shape (n, 2)."""
        cells = ops.sqrt(ops.maximum(teacher, 0.0))
        cells = cells / ops.maximum(ops.norm(cells, axis=-1, keepdims=True), 1e-9)
        expected = (cells, ops.sqrt(ops.mean(teacher, (1, 2), keepdims=True)))
        seen = (student, ops.mean(student, (1, 2), keepdims=True))
        errors = []
        for target, x, projection, head in zip(
            expected, seen, self._projections, self.heads, strict=True
        ):
            mean, basis, total = projection
            error = ops.matmul(target - mean, basis) - head(ops.sqrt(x + _SQRT_OFFSET))
            errors.append(ops.mean(ops.sum(error**2, -1), (1, 2)) / total)
        return ops.stack(errors, -1)


def unexplained(_: Any, errors: Any) -> Any:
    """The loss: both shares together."""
    return ops.sum(errors, -1)


def cells(_: Any, errors: Any) -> Any:
    """The share of cells."""
    return errors[:, 0]


def means(_: Any, errors: Any) -> Any:
    """The share of means."""
    return errors[:, 1]


class Trainer:
    """Both networks over the same photos, and the optimizer.

    Parameters
    ----------
    pixels
        See `Views`.
    teacher, first
        Weights of the teacher, and of the student as `begin` gives them.
    learnt
        Rows of the photos that are learnt from.
    settings
        See `DistillSettings`.
    """

    def __init__(
        self,
        pixels: npt.NDArray[np.uint8],
        teacher: Weights,
        first: Weights,
        learnt: npt.NDArray[np.intp],
        settings: DistillSettings,
    ) -> None:
        self.settings, self._learnt = settings, learnt
        self.epoch, self.seconds = 0, 0.0
        self._views = Views(pixels, settings.size, settings.seed)
        rows = keras.Input((), dtype="int32")
        large, small = self._views(rows)
        grid = teacher_network(teacher, settings.precision)(large)
        self.student = student_network(first, settings.size, settings.precision)
        grids = keras.Model(rows, grid).predict(learnt[:PROJECTED], batch_size=50, verbose=0)
        projections = fit_projections(grids, settings)
        self.model = keras.Model(rows, Imitation(projections)(grid, self.student(small)))
        self._optimizer = keras.optimizers.AdamW(
            weight_decay=settings.weight_decay, global_clipnorm=1.0
        )
        self._optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
        self._optimizer.build(self.model.trainable_variables)
        self.model.compile(self._optimizer, loss=unexplained, metrics=[cells, means])

    @property
    def progress(self) -> float:
        """The share of the training that is done, 0..1."""
        settings = self.settings
        by_time = self.seconds / (60 * settings.minutes) if settings.minutes else 0.0
        return max(self.epoch / settings.epochs, by_time)

    def train(self) -> tuple[float, float]:
        """Do one epoch; returns the unexplained shares of cells and of means."""
        started, progress = time.monotonic(), self.progress
        warm = min(1.0, (self.epoch + 1) / _WARM_EPOCHS)
        rate = self.settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * progress))
        self._optimizer.learning_rate = float(rate)
        self._views.mixed.assign(MIXED if progress < CALM else 0.0)
        rng = np.random.default_rng((self.settings.seed, self.epoch))
        # Whole batches: a smaller one would be compiled anew.
        batch = min(self.settings.batch, len(self._learnt))
        rows = rng.permutation(self._learnt)[: len(self._learnt) // batch * batch]
        zeros = np.zeros((len(rows), 2), np.float32)
        past = self.model.fit(rows, zeros, batch_size=batch, shuffle=False, verbose=0).history
        self.epoch += 1
        self.seconds += time.monotonic() - started
        return past["cells"][0], past["means"][0]

    def explained(self, rows: npt.NDArray[np.intp]) -> tuple[float, float]:
        """Shares of the variance of cells and of means that are predicted on whole photos."""
        zeros = np.zeros((len(rows), 2), np.float32)
        _, of_cells, of_means = self.model.evaluate(rows, zeros, batch_size=256, verbose=0)
        return 1 - of_cells, 1 - of_means

    def _state(self) -> list[Any]:
        every = (*self.model.variables, *self._optimizer.variables)
        return [variable for variable in every if variable is not self._views.photos]

    def save(self, path: Path, made_with: str) -> None:
        """Write everything that `load` needs; an interrupted write leaves the last one whole."""
        state = {f"v{i}": ops.convert_to_numpy(v) for i, v in enumerate(self._state())}
        _save(path, state | {"epoch": self.epoch, "seconds": self.seconds}, made_with)

    def load(self, path: Path, made_with: str) -> None:
        """Go on from a checkpoint of the same settings."""
        state = _load(path, made_with)
        for i, variable in enumerate(self._state()):
            variable.assign(state[f"v{i}"])
        self.epoch, self.seconds = int(state["epoch"]), float(state["seconds"])

    def weights(self) -> dict[str, FloatArray]:
        """The student's weights, batch norm folded in."""
        folded: dict[str, FloatArray] = {}
        for layer in layers():
            kernel = np.asarray(self.student.get_layer(layer).get_weights()[0], np.float32)
            norm = self.student.get_layer(f"{layer}_norm")
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            folded[f"{layer}/kernel"] = kernel * scale
            folded[f"{layer}/bias"] = beta - mean * scale
        return folded


def fit_projections(grids: FloatArray, settings: DistillSettings) -> list[Projection]:
    """Projections of cells and of means, from the teacher's grids (n, rows, columns, channels)."""
    grids = np.asarray(grids, np.float32).reshape(len(grids), -1, grids.shape[-1])
    rng = np.random.default_rng(settings.seed)
    some = grids[:, rng.choice(grids.shape[1], min(16, grids.shape[1]), replace=False)]
    roots = (cell_patterns(some.reshape(-1, some.shape[-1])), np.sqrt(grids.mean(1)))
    return [Projection.fit(x, n) for x, n in zip(roots, settings.components, strict=True)]


def train(
    photos: Sequence[Path],
    weights: Path,
    cache: Path,
    settings: DistillSettings,
    *,
    resume: bool = False,
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Train a student; see `DistillSettings`.

    Returns
    -------
    tuple
        Its weights, and how the training went (for ``encoder.json``).
    """
    trained, checkpoint = cache / "trained.npz", cache / "checkpoint.npz"
    made_with = _made_with(photos, settings)
    if resume and trained.exists():
        student = _load(trained, made_with)
        about = json.loads(str(student.pop("about")))
        return {name: value.astype(np.float32) for name, value in student.items()}, about
    apart, learnt = divide(len(photos), settings)
    first = begin(photos, weights, cache, settings, resume=resume)
    _log.info("reading %d photos", len(photos))
    pixels = read_pixels(photos, STORED)
    trainer = Trainer(pixels, load_weights(weights), first, learnt, settings)
    if resume and checkpoint.exists():
        trainer.load(checkpoint, made_with)
        _log.info("going on after %d epochs", trainer.epoch)
    while (progress := trainer.progress) < 1:
        left = trainer.train()
        _log.info(
            "epoch %d, %.0f s, %.0f%%: unexplained %.3f of cells, %.3f of means",
            trainer.epoch,
            trainer.seconds,
            100 * progress,
            *left,
        )
        if trainer.epoch % _SAVE_EVERY == 0:
            trainer.save(checkpoint, made_with)
            if len(apart):
                _log.info("held-out photos: explained %.3f %.3f", *trainer.explained(apart))
    student = trainer.weights()
    about = {
        "photos": len(learnt),
        "epochs": trainer.epoch,
        "minutes": round(trainer.seconds / 60, 1),
        "settings": asdict(settings),
    }
    if len(apart):
        of_cells, of_means = trainer.explained(apart)
        about["held_out"] = {
            "photos": len(apart),
            "explained_variance_of_cells": round(of_cells, 4),
            "explained_variance_of_means": round(of_means, 4),
        }
    halves = {name: value.astype(np.float16) for name, value in student.items()}
    _save(trained, halves | {"about": json.dumps(about)}, made_with)
    return student, about


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
        help="where first weights, checkpoint and result are kept (%(default)s)",
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
    parser.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16"),
        default=default.precision,
        help="mixed_bfloat16 is several times as fast on a GPU (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=default.seed)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    settings = DistillSettings(
        widths=tuple(options.widths),
        epochs=options.epochs,
        minutes=options.minutes,
        batch=options.batch,
        learning_rate=options.learning_rate,
        precision=options.precision,
        seed=options.seed,
    )
    try:
        photos = find_photos(options.photos)
        if settings.epochs > 0:
            student, about = train(
                photos, options.weights, options.cache, settings, resume=options.resume
            )
        else:
            student = begin(photos, options.weights, options.cache, settings, resume=options.resume)
            about = {"epochs": 0, "settings": asdict(settings)}
        about["photos_fitted"] = min(settings.fitted, len(divide(len(photos), settings)[1]))
        path = write(student, settings, about, options.weights, options.out)
    except Image2PicError as error:
        print(f"distill: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"distill: no {error.name}; --resume goes on where it is installed", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; --resume goes on", file=sys.stderr)
        return 130
    measured = json.dumps(about.get("held_out", {}))
    print(f"{path}: {path.stat().st_size:,} bytes; {measured}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
