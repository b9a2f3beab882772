"""Which advert filter a corpus is cleaned by, and what its owner has answered."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.cleaning.adverts import SHIPPED, AdvertFilter
from engine.files import write_whole
from training.clean.examples import ANSWER, Example, labelled_file, own_examples
from training.corpus.dropped import FOLDER

ANSWER_WEIGHT = 3.0
"""An answer about the owner's own posts counts as much as so many of the project's examples."""


def filter_file(corpus: Path) -> Path:
    """Where the filter that ``label`` taught is kept."""
    return corpus / FOLDER / "adverts.npz"


def filter_for(corpus: Path | None, chosen: Path | None = None) -> AdvertFilter:
    """Load the chosen filter, else the corpus' own, else the one that comes with the project.

    Raises
    ------
    ModelError
        It is damaged or missing.
    """
    if chosen is not None:
        return AdvertFilter.load(chosen)
    if corpus is not None and filter_file(corpus).is_file():
        return AdvertFilter.load(filter_file(corpus))
    return AdvertFilter.load(SHIPPED)


def answers_file(corpus: Path) -> Path:
    """Where answers are kept: JSONL with ``id``, ``text``, ``label``."""
    return corpus / FOLDER / "labels.jsonl"


def save_answer(corpus: Path, key: str, text: str, advert: bool) -> None:
    """Add an answer; it lasts at once."""
    path = answers_file(corpus)
    path.parent.mkdir(exist_ok=True)
    line = json.dumps({"id": key, "text": text, "label": int(advert)}, ensure_ascii=False) + "\n"
    with path.open("ab") as file:
        # A run that was killed may have left half a line.
        if file.tell() and not _ends_with_newline(path):
            file.write(b"\n")
        file.write(line.encode("utf-8", "replace"))
        file.flush()
        os.fsync(file.fileno())


def forget_last_answer(corpus: Path) -> bool:
    """Remove the last answer; tells whether there was one."""
    path = answers_file(corpus)
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    if not lines:
        return False
    write_whole(path, b"".join(lines[:-1]))
    return True


def answers(corpus: Path) -> dict[str, Example]:
    """Read the answers by id; the last one about a post counts."""
    path = answers_file(corpus)
    found: dict[str, Example] = {}
    if path.is_file():
        for line in path.read_bytes().splitlines():
            try:
                record = json.loads(line)
                found[str(record["id"])] = Example(
                    str(record["text"]), bool(record["label"]), ANSWER, ANSWER_WEIGHT
                )
            except (ValueError, KeyError, TypeError):
                continue
    return found


def training_examples(corpus: Path, more: Path | None = None) -> list[Example]:
    """The project's examples, the owner's answers, and a labelled file if one is given.

    Raises
    ------
    CorpusError
        The labelled file cannot be read.
    """
    given = labelled_file(more, ANSWER_WEIGHT) if more is not None else []
    return [*own_examples(), *given, *answers(corpus).values()]


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
