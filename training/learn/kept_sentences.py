"""Sentence vectors on disk, kept by what the texts say: ten new posts cost ten.

The file grows by whole batches; what a run that was stopped wrote in part is cut off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.files import whole_file
from engine.text.sentences import SentenceEncoder

BATCH: Final = 4096
"""Texts that are encoded before they are written."""

_KEY: Final = 16


class KeptSentences:
    """A sentence encoder that encodes no text twice.

    Parameters
    ----------
    encoder
        Encodes what is not there.
    folder
        Where vectors are kept, in half precision; those of another encoder go.

    Attributes
    ----------
    dimensions
        Of a vector.
    """

    def __init__(self, encoder: SentenceEncoder, folder: Path) -> None:
        self._encoder, self.dimensions = encoder, encoder.dimensions
        self._row = np.dtype([("key", f"V{_KEY}"), ("vector", "<f2", (encoder.dimensions,))])
        self._asked: set[bytes] = set()
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(f"{encoder.name} {encoder.version}".encode()).hexdigest()[:12]
        self._path = folder / f"sentences-{name}.bin"
        for other in folder.glob("sentences-*.bin"):
            if other != self._path:
                other.unlink()
        self._path.touch()
        size = self._path.stat().st_size
        with self._path.open("r+b") as file:
            file.truncate(size - size % self._row.itemsize)
        self._places = {row.tobytes(): n for n, row in enumerate(self._rows()["key"])}

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode texts: rows, shape (texts, dimensions), rounded to half precision."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).digest()[:_KEY] for text in texts]
        self._asked.update(keys)
        asked = dict(zip(keys, texts, strict=True))
        missing = {key: text for key, text in asked.items() if key not in self._places}
        for start in range(0, len(missing), BATCH):
            part = list(missing)[start : start + BATCH]
            rows = np.zeros(len(part), self._row)
            rows["key"] = [np.void(key) for key in part]
            rows["vector"] = self._encoder([missing[key] for key in part])
            with self._path.open("ab") as file:
                file.write(rows.tobytes())
            self._places |= {key: len(self._places) + n for n, key in enumerate(part)}
        found = self._rows()["vector"]
        return found[[self._places[key] for key in keys]].astype(np.float32)

    def forget_others(self) -> None:
        """Remove texts that were not asked for, where they take more room than the rest."""
        if len(self._places) > 2 * len(self._asked):
            rows = self._rows()[[self._places[key] for key in self._asked if key in self._places]]
            with whole_file(self._path) as file:
                file.write(rows.tobytes())
            self._places = {row.tobytes(): n for n, row in enumerate(rows["key"])}

    def _rows(self) -> npt.NDArray[Any]:
        if not self._path.stat().st_size:
            return np.zeros(0, self._row)
        return np.memmap(self._path, self._row, "r")
