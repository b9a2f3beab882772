"""``inception-small``: Inception-v3 up to ``mixed8`` at reduced width and input size.

The topology is written once, as a table, and `forward` runs it with any weights: the full
network's (the teacher) or a narrower copy's (the student). Layers bear the names of the graph of
2015-12-05, as the weight files do. The student's last block has no stride, so that 160 x 160
pixels give 8 x 8 cells, as 299 x 299 pixels give with the full network.

Before all weights of the student are trained together, each convolution is fitted on its own
(`fit_layers`): from what the student sees at this layer to how a subset of the teacher's channels
responds there, by ridge regression on photos.

References
----------
Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer
Vision. CVPR 2016.
Romero et al.: FitNets: Hints for Thin Deep Nets. ICLR 2015. (regression to hidden layers)
He, Zhang, Sun: Channel Pruning for Accelerating Very Deep Neural Networks. ICCV 2017.
(a layer's channels chosen, then its weights fitted by least squares)
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from engine.errors import Image2PicError

FloatArray = npt.NDArray[np.float32]
Weights = Mapping[str, Any]
"""``<layer>/kernel`` (height, width, in, out) and ``<layer>/bias`` (out), arrays or variables."""

NAME: Final = "inception-small"
STUDENT_SIZE: Final = 160
TEACHER_SIZE: Final = 299
WIDTHS: Final = (0.9, 0.8)
"""Shares of the teacher's channels that are kept: up to ``mixed_2``, and after it. What the
early layers lose no later layer can see, and they have few weights."""

_MAX: Final = "max-pool"
_AVG: Final = "avg-pool"

_STEM: Final = ("conv", "conv_1", "conv_2", _MAX, "conv_3", "conv_4", _MAX)
_FACTORISED_5X5: Final = (
    ("conv",),
    ("tower_conv", "tower_conv_1"),
    ("tower_1_conv", "tower_1_conv_1", "tower_1_conv_2"),
    (_AVG, "tower_2_conv"),
)
_FACTORISED_7X7: Final = (
    ("conv",),
    ("tower_conv", "tower_conv_1", "tower_conv_2"),
    ("tower_1_conv", "tower_1_conv_1", "tower_1_conv_2", "tower_1_conv_3", "tower_1_conv_4"),
    (_AVG, "tower_2_conv"),
)
_BLOCKS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "mixed": _FACTORISED_5X5,
    "mixed_1": _FACTORISED_5X5,
    "mixed_2": _FACTORISED_5X5,
    "mixed_3": (("conv",), ("tower_conv", "tower_conv_1", "tower_conv_2"), (_MAX,)),
    "mixed_4": _FACTORISED_7X7,
    "mixed_5": _FACTORISED_7X7,
    "mixed_6": _FACTORISED_7X7,
    "mixed_7": _FACTORISED_7X7,
    "mixed_8": (
        ("tower_conv", "tower_conv_1"),
        ("tower_1_conv", "tower_1_conv_1", "tower_1_conv_2", "tower_1_conv_3"),
        (_MAX,),
    ),
}
_VALID: Final = frozenset({"conv_1", "conv_4"})
_STRIDED: Final = frozenset(
    {
        "conv",
        "mixed_3_conv",
        "mixed_3_tower_conv_2",
        "mixed_8_tower_conv_1",
        "mixed_8_tower_1_conv_3",
    }
)
LAST_BLOCK: Final = "mixed_8"
_EARLY: Final = ("mixed_conv", "mixed_tower", "mixed_1_", "mixed_2_", "conv")

Convolve = Callable[[str, Any, int, str], Any]
"""(layer, input map, stride, padding) -> output map before its ReLU."""

Pair = tuple[FloatArray, FloatArray]
"""The student's map and the teacher's."""


class WeightsError(Image2PicError):
    """A weight file is not what it should be."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the layers are fitted one by one.

    Attributes
    ----------
    samples
        Positions (cells of photos) that a regression is fitted on.
    ridge
        Added to the diagonal of the Gram matrix, in units of its mean diagonal.
    """

    samples: int = 40_000
    ridge: float = 1e-3


def layers() -> Iterator[str]:
    """Names of the convolutions, in the order in which they run."""
    yield from (op for op in _STEM if op not in (_MAX, _AVG))
    for block, branches in _BLOCKS.items():
        for branch in branches:
            yield from (f"{block}_{op}" for op in branch if op not in (_MAX, _AVG))


def load_weights(path: Path) -> dict[str, FloatArray]:
    """Read the full network's weights, batch norm folded in.

    Raises
    ------
    WeightsError
        The file is missing or damaged, or lacks a layer.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            weights = {
                f"{layer}/{kind}": np.asarray(archive[f"{layer}/{kind}"], np.float32)
                for layer in layers()
                for kind in ("kernel", "bias")
            }
    except KeyError as error:
        raise WeightsError(f"{path} has no {error.args[0]}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"cannot read the weights {path}: {error}") from error
    for layer in layers():
        kernel, bias = weights[f"{layer}/kernel"], weights[f"{layer}/bias"]
        if kernel.ndim != 4 or bias.shape != kernel.shape[3:]:
            raise WeightsError(f"{path}: {layer} has kernel {kernel.shape} and bias {bias.shape}")
    return weights


def normalise(photos: Any) -> Any:
    """RGB 0..255 -> what the graph of 2015 expects."""
    return (ops.cast(photos, "float32") - 128.0) / 128.0


def walk(
    x: Any,
    *,
    convolve: Callable[[str, Any, int, str], Any],
    pool: Callable[[str, Any, int, str], Any],
    join: Callable[[list[Any]], Any],
    dense: bool,
) -> Any:
    """Walk the topology; what flows along it is up to the three functions.

    Parameters
    ----------
    x
        What enters the first convolution.
    convolve
        (layer, input, stride, padding) -> what the layer gives, ReLU included.
    pool
        (kind, input, stride, padding) -> the same after a 3 x 3 pool.
    join
        Puts the branches of a block together.
    dense
        Leave out the stride of the last block.
    """

    def step(y: Any, op: str, block: str) -> Any:
        last = dense and block == LAST_BLOCK
        if op == _AVG:
            return pool(op, y, 1, "same")
        if op == _MAX:
            return pool(op, y, 1, "same") if last else pool(op, y, 2, "valid")
        layer = f"{block}_{op}" if block else op
        strided = layer in _STRIDED and not last
        padding = "valid" if strided or layer in _VALID else "same"
        return convolve(layer, y, 2 if strided else 1, padding)

    for op in _STEM:
        x = step(x, op, "")
    for block, branches in _BLOCKS.items():
        parts = []
        for branch in branches:
            y = x
            for op in branch:
                y = step(y, op, block)
            parts.append(y)
        x = join(parts)
    return x


def _pool(kind: str, x: Any, stride: int, padding: str) -> Any:
    pool = ops.max_pool if kind == _MAX else ops.average_pool
    return pool(x, 3, stride, padding)


def run(photos: Any, convolve: Convolve, *, dense: bool) -> Any:
    """Run the topology over normalised photos, each convolution done by ``convolve``.

    Parameters
    ----------
    photos
        Normalised photos, shape (n, height, width, 3).
    convolve
        Called once for each of `layers`, in that order.
    dense
        Leave out the stride of the last block.

    Returns
    -------
    tensor
        Non-negative features, shape (n, rows, columns, channels).
    """
    return walk(
        photos,
        convolve=lambda *call: ops.relu(convolve(*call)),
        pool=_pool,
        join=lambda parts: ops.concatenate(parts, -1),
        dense=dense,
    )


def respond(weights: Weights, layer: str, x: Any, stride: int, padding: str) -> Any:
    """What a layer gives before its ReLU."""
    return ops.conv(x, weights[f"{layer}/kernel"], stride, padding) + weights[f"{layer}/bias"]


def forward(weights: Weights, photos: Any, *, dense: bool) -> Any:
    """Features of photos (RGB 0..255, shape (n, height, width, 3)); see `run`."""
    return run(normalise(photos), partial(respond, weights), dense=dense)


def teacher_network(weights: Weights, precision: str) -> keras.Model:
    """Build the full network over normalised photos of `TEACHER_SIZE`; nothing in it is learnt."""
    kernels: dict[str, Any] = {}

    def convolution(layer: str, x: Any, stride: int, padding: str) -> Any:
        kernel = weights[f"{layer}/kernel"]
        kernels[layer] = keras.layers.Conv2D(
            kernel.shape[-1],
            kernel.shape[:2],
            stride,
            padding,
            dtype=precision,
            name=f"teacher_{layer}",
        )
        return kernels[layer](x)

    photos = keras.Input((TEACHER_SIZE, TEACHER_SIZE, 3))
    network = keras.Model(photos, run(photos, convolution, dense=False))
    for layer, kernel in kernels.items():
        kernel.set_weights([weights[f"{layer}/kernel"], weights[f"{layer}/bias"]])
    network.trainable = False
    return network


def student_network(weights: Weights, size: int, precision: str) -> keras.Model:
    """Build the student over normalised photos of ``size`` pixels, with batch norm.

    Parameters
    ----------
    weights
        Kernels and biases, and each layer's ``<layer>/mean`` and ``<layer>/deviation`` before its
        ReLU: batch norm that changes nothing at first.
    size, precision
        As in `tools.encoder.distill.DistillSettings`.
    """
    convolutions: dict[str, tuple[Any, Any]] = {}

    def convolution(layer: str, x: Any, stride: int, padding: str) -> Any:
        kernel = weights[f"{layer}/kernel"]
        convolve = keras.layers.Conv2D(
            kernel.shape[-1],
            kernel.shape[:2],
            stride,
            padding,
            use_bias=False,
            dtype=precision,
            name=layer,
        )
        norm = keras.layers.BatchNormalization(dtype=precision, name=f"{layer}_norm")
        convolutions[layer] = convolve, norm
        return norm(convolve(x))

    photos = keras.Input((size, size, 3))
    network = keras.Model(photos, run(photos, convolution, dense=True))
    for layer, (convolve, norm) in convolutions.items():
        mean, deviation = weights[f"{layer}/mean"], weights[f"{layer}/deviation"]
        convolve.set_weights([weights[f"{layer}/kernel"]])
        gamma = np.sqrt(deviation**2 + norm.epsilon)
        norm.set_weights([gamma, mean, mean - weights[f"{layer}/bias"], deviation**2])
    return network


def narrow(layer: str, channels: int, widths: tuple[float, float] = WIDTHS) -> int:
    """How many of a layer's ``channels`` the student keeps: a multiple of 8, at least 16."""
    width = widths[0] if layer.startswith(_EARLY) else widths[1]
    return min(channels, max(16, 8 * round(channels * width / 8)))


def choose_channels(activations: FloatArray, count: int) -> npt.NDArray[np.intp]:
    """Choose the channels from which the others are best rebuilt, by pivoted QR.

    Parameters
    ----------
    activations
        Shape (samples, channels).
    count
        So many are chosen.

    Returns
    -------
    ndarray
        Their indices, ascending, shape (count,).
    """
    from scipy.linalg import qr

    # The R factor of a pivoted QR needs the Gram matrix alone; this keeps it small.
    gram = activations.T.astype(np.float64) @ activations
    values, vectors = np.linalg.eigh(gram)
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    _, _, order = qr(root, mode="economic", pivoting=True)
    return np.sort(order[:count])


def fit_layers(
    teacher: Weights,
    photos: npt.NDArray[np.uint8],
    *,
    widths: tuple[float, float] = WIDTHS,
    fitting: Fitting | None = None,
    seed: int = 0,
    batch: int = 50,
    on_layer: Callable[[str, float], None] = lambda layer, explained: None,
) -> dict[str, FloatArray]:
    """Give the student its first weights, layer by layer.

    Parameters
    ----------
    teacher
        The full network's weights.
    photos
        RGB at the student's size, shape (n, size, size, 3).
    widths
        See `WIDTHS`.
    fitting, seed
        How the regressions are done.
    batch
        Photos that go through a layer at once.
    on_layer
        UserError each layer's name and the share of variance that its regression explains.

    Returns
    -------
    dict
        The student's weights, named as the teacher's.
    """
    fitting = fitting or Fitting()
    rng = np.random.default_rng(seed)
    student: dict[str, FloatArray] = {}

    def in_batches(function: Callable[[Any], Any], maps: FloatArray) -> FloatArray:
        return np.concatenate(
            [
                ops.convert_to_numpy(function(ops.convert_to_tensor(maps[i : i + batch])))
                for i in range(0, len(maps), batch)
            ]
        )

    def fit(layer: str, pair: Pair, stride: int, padding: str) -> Pair:
        seen, expected = pair
        kernel = teacher[f"{layer}/kernel"]
        response = in_batches(lambda x: respond(teacher, layer, x, stride, padding), expected)
        cells = response.shape[1] * response.shape[2]
        each = min(cells, -(-fitting.samples // len(response)))
        rows, targets = [], []
        for i in range(0, len(seen), batch):
            patches = ops.convert_to_numpy(
                ops.image.extract_patches(
                    seen[i : i + batch], kernel.shape[:2], stride, padding=padding
                )
            )
            for patch, target in zip(patches, response[i : i + batch], strict=True):
                chosen = rng.choice(cells, each, replace=False)
                rows.append(patch.reshape(cells, -1)[chosen])
                targets.append(target.reshape(cells, -1)[chosen])
        x, y = np.concatenate(rows), np.concatenate(targets)
        keep = choose_channels(np.maximum(y, 0), narrow(layer, y.shape[1], widths))
        y = y[:, keep]
        mean_x, mean_y = x.mean(0), y.mean(0)
        gram = (x - mean_x).T @ (x - mean_x)
        gram += fitting.ridge * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=gram.dtype)
        solution = np.linalg.solve(gram, (x - mean_x).T @ (y - mean_y))
        left = ((y - mean_y - (x - mean_x) @ solution) ** 2).sum() / ((y - mean_y) ** 2).sum()
        student[f"{layer}/kernel"] = solution.reshape(
            *kernel.shape[:2], seen.shape[3], len(keep)
        ).astype(np.float32)
        student[f"{layer}/bias"] = (mean_y - mean_x @ solution).astype(np.float32)
        on_layer(layer, 1 - float(left))

        seen = in_batches(lambda x: respond(student, layer, x, stride, padding), seen)
        return np.maximum(seen, 0), np.maximum(response, 0)

    def pool(kind: str, pair: Pair, stride: int, padding: str) -> Pair:
        def pooled(x: Any) -> Any:
            return _pool(kind, x, stride, padding)

        return in_batches(pooled, pair[0]), in_batches(pooled, pair[1])

    def join(parts: list[Pair]) -> Pair:
        return (
            np.concatenate([part[0] for part in parts], -1),
            np.concatenate([part[1] for part in parts], -1),
        )

    # The student runs over its own maps while the teacher runs beside it over its own, so a
    # layer learns to make good what the layers before it have lost.
    first = np.asarray(normalise(photos))
    walk((first, first), convolve=fit, pool=pool, join=join, dense=True)
    return student


def convert(weights: Weights, path: Path, *, size: int = STUDENT_SIZE) -> tuple[int, int, int]:
    """Write the student as a LiteRT file; weights are 8-bit, with a scale for each channel.

    Input: float32 (1, size, size, 3), RGB 0..255. Output: float32 (1, rows, columns, channels).

    Returns
    -------
    tuple
        (rows, columns, channels).
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    constants = {name: tf.constant(np.asarray(value)) for name, value in weights.items()}
    function = tf.function(lambda x: forward(constants, x, dense=True)).get_concrete_function(
        tf.TensorSpec([1, size, size, 3], tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [convert_variables_to_constants_v2(function)]
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(converter.convert())
    rows, columns, channels = function.output_shapes[1:]
    return int(rows), int(columns), int(channels)
