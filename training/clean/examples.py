r"""Texts known to be adverts or ordinary posts: the project's own, and the owner's answers.

The project's own stand in ``data/adverts/*.txt``: one text a line (a line break within it written
``\n``), under headings such as ``== advert: casino and betting`` or ``== ordinary: quotes``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from engine.cleaning.adverts import SHIPPED
from engine.errors import CorpusError

OWN: Final = SHIPPED.parent

ANSWER: Final = "answer"
"""The kind of an example that a corpus' owner answered."""

_TRUE: Final = frozenset(("1", "true", "yes", "y", "advert", "ad", "ads", "spam", "да", "реклама"))
_FALSE: Final = frozenset(
    ("0", "false", "no", "n", "ordinary", "normal", "ham", "post", "none", "нет", "обычное")
)


class Example(NamedTuple):
    """A text and what it is.

    Attributes
    ----------
    text
        As posted.
    advert
        Whether it is an advert.
    kind
        What sort of text, for reading; may be empty.
    weight
        How much it counts in training.
    """

    text: str
    advert: bool
    kind: str = ""
    weight: float = 1.0


def own_examples(folder: Path = OWN) -> list[Example]:
    """Read the examples that the project wrote.

    Raises
    ------
    CorpusError
        They are missing, or a text stands under no heading.
    """
    found: list[Example] = []
    for path in sorted(folder.glob("*.txt")):
        heading = ("", "")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.startswith("== "):
                label, _, kind = line[3:].partition(":")
                heading = (label.strip(), kind.strip())
            elif line.strip():
                if heading[0] not in ("advert", "ordinary"):
                    raise CorpusError(f"{path}, line {number}: no heading says what this text is")
                text = line.replace("\\n", "\n")
                found.append(Example(text, heading[0] == "advert", f"{path.stem} {heading[1]}"))
    if not found:
        raise CorpusError(f"no examples in {folder}")
    return found


def labelled_file(path: Path, weight: float = 1.0) -> list[Example]:
    """Read JSONL with ``text`` and ``label``: 1, true, advert, spam ... or 0, false, ordinary ...

    Raises
    ------
    CorpusError
        It cannot be read, a line is wrong, or one of the two labels never occurs.
    """
    found: list[Example] = []
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            found.append(Example(_text(record), _label(record), "", weight))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(
                f'{path}, line {number}: {{"text": ..., "label": 1 or 0}} is expected ({error!r})'
            ) from error
    if not found:
        raise CorpusError(f"{path} holds no labelled texts")
    return found


def _text(record: dict[str, Any]) -> str:
    text = record["text"]
    if not isinstance(text, str):
        raise TypeError("text is not a string")
    return text


def _label(record: dict[str, Any]) -> bool:
    value = str(record["label"] if "label" in record else record["advert"]).strip().lower()
    value = value.removesuffix(".0")
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise ValueError(f"label {value!r}")
