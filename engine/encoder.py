"""Photos to grids of features: a converted network, executed by LiteRT, or a class of one's own.

A model's manifest names its encoder. `open_encoder` takes the entry of this name in `ENCODERS`,
else the ``encoder.tflite`` in the model's folder, else the one that ships under this name
(``data/encoder-NAME``).

An encoder file takes float32 RGB of shape (1, S, S, 3) with raw values 0 to 255 (the
normalisation is the network's first layer) and gives non-negative float32 features of shape
(1, rows, columns, channels).
"""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import ModelError
from engine.files import shipped
from engine.results import Floats

Pixels = npt.NDArray[np.uint8]

ENCODER_FILE: Final = "encoder.tflite"


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Sizes of an encoder: its square input in pixels, its grid of cells, and its channels."""

    size: int
    rows: int
    columns: int
    channels: int


class Encoder(Protocol):
    """Turns pixels into a grid of features. Safe to call from several threads."""

    @property
    def shape(self) -> EncoderShape:
        """Sizes of input and grid."""

    @property
    def workers(self) -> int:
        """Photos that are worth giving it at a time."""

    def __call__(self, photo: Pixels) -> Floats:
        """Features of one photo.

        Parameters
        ----------
        photo
            RGB, shape (size, size, 3), uint8.

        Returns
        -------
        ndarray
            Shape (rows * columns, channels), float32, non-negative.
        """


class LiteRtEncoder:
    """A network in a ``.tflite`` file. Safe to call from several threads.

    Parameters
    ----------
    file
        The encoder file, or its bytes.
    threads
        Threads of one forward pass.
    workers
        Forward passes at a time; more than one is for training, where throughput counts.

    Raises
    ------
    ModelError
        The file cannot be read or is not an encoder.
    """

    def __init__(self, file: Path | bytes, *, threads: int = 2, workers: int = 1) -> None:
        # Imported here: a text query needs no interpreter.
        from ai_edge_litert.interpreter import Interpreter

        path = Path(ENCODER_FILE) if isinstance(file, bytes) else file
        given = {"model_content": file} if isinstance(file, bytes) else {"model_path": str(file)}
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            for _ in range(workers):
                with _without_notices():
                    interpreter = Interpreter(**given, num_threads=threads)
                    interpreter.allocate_tensors()
                self._free.put(interpreter)
            self._input = interpreter.get_input_details()[0]["index"]
            self._output = interpreter.get_output_details()[0]["index"]
            source = interpreter.get_tensor_details()[self._input]["shape"].tolist()
            target = interpreter.get_output_details()[0]["shape"].tolist()
        except (ValueError, RuntimeError, OSError) as error:
            raise ModelError(path, f"not an encoder that LiteRT can run ({error})") from error
        if len(source) != 4 or source[1] != source[2] or source[3] != 3 or len(target) != 4:
            raise ModelError(
                path, f"an encoder maps (1, S, S, 3) to a grid, not {source}->{target}"
            )
        self.shape = EncoderShape(source[1], *target[1:])
        self.workers = workers
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process, perhaps on another machine: by the file's bytes, on one thread."""
        file = self._file
        return _in_a_worker, (file if isinstance(file, bytes) else file.read_bytes(),)

    def __call__(self, photo: Pixels) -> Floats:
        """Features of one photo: (size, size, 3) uint8 to (cells, channels) float32."""
        interpreter = self._free.get()
        try:
            # Written where it is read: no copies on the way.
            interpreter.tensor(self._input)()[0] = photo
            interpreter.invoke()
            grid: Floats = interpreter.get_tensor(self._output)
        finally:
            self._free.put(interpreter)
        return grid.reshape(-1, self.shape.channels)


def _in_a_worker(file: bytes) -> LiteRtEncoder:
    return LiteRtEncoder(file, threads=1)


_stderr = threading.Lock()


@contextmanager
def _without_notices() -> Iterator[None]:
    """Leave out what LiteRT says on standard error as INFO, which no setting of it turns off."""
    with _stderr, tempfile.TemporaryFile() as said:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not line.startswith(b"INFO: "):
                    os.write(2, line)


ENCODERS: Final[dict[str, Callable[..., Encoder]]] = {}
"""Name -> what makes an encoder that is no file: called with the model's folder and the keywords
``threads`` and ``workers``."""


def encoder_file(folder: Path, name: str) -> Path:
    """The LiteRT file of a model's encoder: in its folder, or shipped under this name."""
    own, there = folder / ENCODER_FILE, shipped(f"encoder-{Path(name).name}", ENCODER_FILE)
    return there if there.is_file() and not own.exists() else own


def open_encoder(folder: Path, name: str, *, threads: int = 2, workers: int = 1) -> Encoder:
    """Open a model's encoder by the name in its manifest.

    Parameters
    ----------
    folder
        The model's folder.
    name
        As the manifest says it.
    threads
        Threads of one forward pass.
    workers
        Forward passes at a time.

    Raises
    ------
    ModelError
        It cannot be opened.
    """
    if name in ENCODERS:
        return ENCODERS[name](folder, threads=threads, workers=workers)
    return LiteRtEncoder(encoder_file(folder, name), threads=threads, workers=workers)
