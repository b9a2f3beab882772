"""The words (or hashtags) a model knows: their columns, and how each is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.results import Floats
from engine.text import Token


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of one modality.

    Attributes
    ----------
    keys
        What the text pipeline calls the tokens; position is the column.
    surfaces
        How each is shown.
    languages
        ``"en"``, ``"ru"`` or ``""`` each.
    """

    keys: tuple[str, ...]
    surfaces: tuple[str, ...]
    languages: tuple[str, ...]
    index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.keys) == len(self.surfaces) == len(self.languages):
            raise ValueError("a vocabulary needs as many surfaces and languages as keys")
        object.__setattr__(self, "index", {key: i for i, key in enumerate(self.keys)})
        if len(self.index) != len(self.keys):
            raise ValueError("a vocabulary's keys are distinct")

    def __len__(self) -> int:
        return len(self.keys)

    def counts(self, tokens: Iterable[Token]) -> Floats:
        """Counts n_dw of the known tokens, shape (len(self),)."""
        counts = np.zeros(len(self), np.float32)
        for token in tokens:
            column = self.index.get(token.key)
            if column is not None:
                counts[column] += 1
        return counts

    def known(self, tokens: Sequence[Token]) -> list[Token]:
        """The tokens that have a column."""
        return [token for token in tokens if token.key in self.index]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for JSON."""
        return {"keys": self.keys, "surfaces": self.surfaces, "languages": self.languages}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Vocabulary:
        """Read what `to_dict` wrote; ValueError, KeyError or TypeError for anything else."""
        return cls(*(tuple(map(str, row[name])) for name in ("keys", "surfaces", "languages")))
