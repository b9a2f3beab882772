"""What a model is learnt from, as numbers: features, visual words and texts of posts.

The same numbers are made of held-out posts, by a finished model, for the evaluation.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine.files import open_arrays
from engine.results import Floats


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
    """

    ids: tuple[str, ...]
    features: Floats
    visual: Any
    texts: Any
    owner: npt.NDArray[np.int64]
    language: npt.NDArray[np.str_]

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
        )

    def in_language(self, language: str) -> Dataset:
        """The same posts with only the texts of one language."""
        kept = np.flatnonzero(self.language == language)
        return Dataset(
            self.ids,
            self.features,
            self.visual,
            self.texts[kept],
            self.owner[kept],
            self.language[kept],
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
        )
        sparse.save_npz(folder / "visual.npz", self.visual)
        sparse.save_npz(folder / "texts.npz", self.texts)

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what `save` wrote; OSError or ValueError otherwise."""
        try:
            with open_arrays(folder / "posts.npz") as arrays:
                return cls(
                    tuple(map(str, arrays["ids"])),
                    arrays["features"].astype(np.float32),
                    sparse.load_npz(folder / "visual.npz").tocsr(),
                    sparse.load_npz(folder / "texts.npz").tocsr(),
                    arrays["owner"],
                    arrays["language"],
                )
        except (EOFError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError(f"{folder} does not hold a data set: {error}") from error
