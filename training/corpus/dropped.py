"""The posts that cleaning took out: each with the rule, the reason, and its line as it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from engine.errors import CorpusError
from engine.files import whole_file

FOLDER: Final = "cleaning"
"""Below the corpus: what was taken out, the report, the answers given to ``label``."""


class Dropped(NamedTuple):
    """One line that was taken out.

    Attributes
    ----------
    at
        Its place among all lines, those that stayed included, from 0.
    rule
        One of `engine.cleaning.rules.RULES`.
    why
        What exactly was found.
    line
        The line of ``posts.jsonl``, byte for byte, without its line break.
    """

    at: int
    rule: str
    why: str
    line: bytes


def dropped_file(corpus: Path) -> Path:
    """Where a corpus keeps what was taken out of it."""
    return corpus / FOLDER / "dropped.jsonl"


def read_dropped(corpus: Path) -> Iterator[Dropped]:
    """Read what was taken out, in the order of the lines.

    Raises
    ------
    CorpusError
        The file is damaged.
    """
    path = dropped_file(corpus)
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                entry = json.loads(text)
                line = (
                    entry["line"].encode()
                    if "line" in entry
                    else base64.b64decode(entry["base64"], validate=True)
                )
                yield Dropped(int(entry["at"]), str(entry["rule"]), str(entry["why"]), line)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise CorpusError(f"{path}, line {number}: damaged ({error!r})") from error


def write_dropped(corpus: Path, entries: Iterable[Dropped]) -> None:
    """Write what was taken out, all at once or not at all."""
    path = dropped_file(corpus)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        for entry in entries:
            fields: dict[str, object] = {"at": entry.at, "rule": entry.rule, "why": entry.why}
            try:
                fields["line"] = entry.line.decode()
            except UnicodeDecodeError:
                fields["base64"] = base64.b64encode(entry.line).decode()
            file.write(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
