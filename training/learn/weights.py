"""Inception-v3 from any of its weight files, cut at a layer and converted for LiteRT.

Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision". This module
imports TensorFlow, and runs only when an encoder is made.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from engine.errors import Image2PicError
from engine.files import open_arrays, write_whole

Precision = Literal["float32", "float16", "int8"]
SIZE: Final = 299
"""Pixels of the network's square input."""


class WeightsError(Image2PicError):
    """The weights cannot be read, or are not Inception-v3's."""


def convert(weights: str, target: Path, *, layer: str, precision: Precision) -> None:
    """Write an encoder file.

    Parameters
    ----------
    weights
        ``"imagenet"`` (Keras downloads its own file), a Keras ``.h5`` / ``.weights.h5`` without the
        classifier, or an ``.npz`` with batch norm folded into the convolutions (arrays
        ``<name>/kernel`` and ``<name>/bias`` in Keras's order of layers).
    target
        The ``.tflite`` to write: float32 RGB 0..255 (1, 299, 299, 3) to the layer's grid.
    layer
        A Keras layer name, ``mixed0`` to ``mixed10``.
    precision
        ``float16`` halves the file and changes nothing that can be measured; ``int8`` quarters it.

    Raises
    ------
    WeightsError
        With the way out.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    network = _network(weights, layer)
    # Google's 2015 graph centres at 128, Keras at 127.5.
    scale, shift = (1 / 128, -1.0) if weights.endswith(".npz") else (1 / 127.5, -1.0)
    function = tf.function(lambda photo: network(photo * scale + shift, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [convert_variables_to_constants_v2(concrete)]
    )
    if precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    write_whole(target, converter.convert())


def _network(weights: str, layer: str) -> Any:
    import tensorflow as tf

    source = "imagenet" if weights == "imagenet" else None
    path = Path(weights)
    if source is None and not path.is_file():
        raise WeightsError(f"no weights file {path}")
    try:
        network = tf.keras.applications.InceptionV3(
            include_top=False, weights=source, input_shape=(SIZE, SIZE, 3)
        )
    except Exception as error:
        raise WeightsError(
            f"Keras could not download its Inception-v3 weights ({error}); "
            "give a file with --weights, or train with --encoder small"
        ) from error
    names = [item.name for item in network.layers if re.fullmatch(r"mixed\d+", item.name)]
    if layer not in names:
        raise WeightsError(f"no layer {layer!r} in Inception-v3; there are {', '.join(names)}")
    cut = tf.keras.Model(network.input, network.get_layer(layer).output)
    if source is None:
        try:
            if path.suffix == ".npz":
                _fill(cut, path)
            else:
                network.load_weights(str(path))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise WeightsError(f"{path} does not hold Inception-v3's weights: {error}") from error
    return cut


def _fill(network: Any, path: Path) -> None:
    """Folded convolutions become convolution plus a batch norm that only adds the bias."""
    import tensorflow as tf

    def order(item: Any) -> int:
        number = re.search(r"_(\d+)$", item.name)
        return int(number[1]) if number else 0

    layers = tf.keras.layers
    convs = sorted((x for x in network.layers if isinstance(x, layers.Conv2D)), key=order)
    norms = sorted(
        (x for x in network.layers if isinstance(x, layers.BatchNormalization)), key=order
    )
    with open_arrays(path) as arrays:
        names = [name.removesuffix("/kernel") for name in arrays if name.endswith("/kernel")]
        if len(names) < len(convs):
            raise ValueError(f"{len(names)} convolutions, {len(convs)} needed up to this layer")
        for name, conv, norm in zip(names, convs, norms, strict=False):
            kernel, bias = arrays[f"{name}/kernel"], arrays[f"{name}/bias"]
            if kernel.shape != tuple(conv.kernel.shape):
                raise ValueError(f"{name}: {kernel.shape}, not {tuple(conv.kernel.shape)}")
            conv.set_weights([kernel])
            ones = np.full(bias.shape, 1 - norm.epsilon, np.float32)
            norm.set_weights([bias, np.zeros_like(bias), ones])
