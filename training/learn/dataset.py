"""What a model is learnt from, as numbers: features, visual words and texts of posts.

The same numbers are made of held-out posts, by a finished model, for the evaluation.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine.files import open_arrays
from engine.results import Floats

KEYS: Final = 1 << 18
"""Columns of `Dataset.keys`."""

_SPARSE: Final = ("visual", "texts", "written", "keys", "written_keys")


@dataclass(frozen=True)
class Dataset:
    """Posts with a photo, and their texts.

    Attributes
    ----------
    ids
        The posts' ids, n of them.
    features
        Mean features of the photos, shape (n, channels), float32.
    visual
        Counts of visual words, CSR of shape (n, W_visual).
    texts
        Counts of words and hashtags, CSR of shape (m, W_text + W_tag); a row is one text (a
        caption) of a post, with the post's hashtags.
    owner
        Row of the post that each text belongs to, shape (m,).
    language
        ``"en"``, ``"ru"`` or ``""`` of each text, shape (m,).
    sentences
        Sentence vectors of the texts, shape (m, D); of width 0 without an encoder.
    written
        Counts of words and hashtags written on the photos, CSR of shape (n, W_text + W_tag).
    keys, written_keys
        Counts of all words of the texts, and of the words on photos, those too that the model does
        not count; CSR of shapes (m, `KEYS`) and (n, `KEYS`): a word's column is a hash.
    written_sentences
        Sentence vectors of what is written on the photos, shape (n, D); zero where nothing is.
    """

    ids: tuple[str, ...]
    features: Floats
    visual: Any
    texts: Any
    owner: npt.NDArray[np.int64]
    language: npt.NDArray[np.str_]
    sentences: Floats = None  # type: ignore[assignment]  # filled below, as the next two
    written: Any = None
    written_sentences: Floats = None  # type: ignore[assignment]
    keys: Any = None
    written_keys: Any = None

    def __post_init__(self) -> None:
        if self.sentences is None:
            object.__setattr__(self, "sentences", np.zeros((len(self.owner), 0), np.float32))
        if self.written is None:
            width = (len(self.ids), self.texts.shape[1])
            object.__setattr__(self, "written", sparse.csr_matrix(width, dtype=np.float32))
        if self.written_sentences is None:
            shape = (len(self.ids), self.sentences.shape[1])
            object.__setattr__(self, "written_sentences", np.zeros(shape, np.float32))
        for name, rows in (("keys", len(self.owner)), ("written_keys", len(self.ids))):
            if getattr(self, name) is None:
                none = sparse.csr_matrix((rows, KEYS), dtype=np.float32)
                object.__setattr__(self, name, none)

    def __len__(self) -> int:
        return len(self.ids)

    def pooled(self) -> Any:
        """Counts of all texts of each post together, CSR of shape (n, W_text + W_tag)."""
        ones = np.ones(len(self.owner), np.float32)
        rows = sparse.csr_matrix(
            (ones, (self.owner, np.arange(len(self.owner)))), shape=(len(self), len(self.owner))
        )
        return (rows @ self.texts).tocsr()

    def subset(self, rows: npt.NDArray[np.int64]) -> Dataset:
        """Only these posts, with their texts."""
        place = np.full(len(self), -1, np.int64)
        place[rows] = np.arange(len(rows))
        kept = np.flatnonzero(place[self.owner] >= 0)
        return Dataset(
            tuple(self.ids[row] for row in rows),
            self.features[rows],
            self.visual[rows],
            self.texts[kept],
            place[self.owner[kept]],
            self.language[kept],
            self.sentences[kept],
            self.written[rows],
            self.written_sentences[rows],
            self.keys[kept],
            self.written_keys[rows],
        )

    def in_language(self, language: str) -> Dataset:
        """The same posts with only the texts of one language."""
        return self.with_texts(np.flatnonzero(self.language == language))

    def with_texts(self, rows: npt.NDArray[np.int64]) -> Dataset:
        """The same posts with only these texts."""
        return replace(
            self,
            texts=self.texts[rows],
            owner=self.owner[rows],
            language=self.language[rows],
            sentences=self.sentences[rows],
            keys=self.keys[rows],
        )

    def save(self, folder: Path) -> None:
        """Write into a folder (created if missing)."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "posts.npz",
            allow_pickle=False,
            ids=np.array(self.ids),
            features=self.features.astype(np.float16),
            owner=self.owner,
            language=self.language,
            sentences=self.sentences.astype(np.float16),
            written_sentences=self.written_sentences.astype(np.float16),
        )
        for name in _SPARSE:
            sparse.save_npz(folder / f"{name}.npz", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what `save` wrote; OSError or ValueError otherwise."""
        try:
            read = {name: sparse.load_npz(folder / f"{name}.npz").tocsr() for name in _SPARSE}
            with open_arrays(folder / "posts.npz") as arrays:
                return cls(
                    tuple(map(str, arrays["ids"])),
                    arrays["features"].astype(np.float32),
                    read["visual"],
                    read["texts"],
                    arrays["owner"],
                    arrays["language"],
                    arrays["sentences"].astype(np.float32),
                    read["written"],
                    arrays["written_sentences"].astype(np.float32),
                    read["keys"],
                    read["written_keys"],
                )
        except (EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{folder} does not hold a data set: {error}") from error
