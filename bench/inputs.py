"""What becomes of what people have: each input is collected and cleaned, and what was said of it.

Run ``python -m bench inputs --cases FOLDER``. Each folder in it is a case: an export, or folders of
photos and exports, or tables of captions beside one folder of photos.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.report import Cell, Table
from engine.cleaning.rules import Limits
from engine.corpus.folder import FolderOptions
from engine.corpus.posts import SourceReport
from engine.corpus.reader import POSTS_FILE
from engine.corpus.source import Kind, SourceOptions
from engine.errors import Image2PicError
from training.clean.model import filter_for
from training.collect.add import collect
from training.commands.clean import clean
from training.corpus.writer import CorpusWriter


class Input(NamedTuple):
    """A folder or file to read, and the table of its captions."""

    name: str
    path: Path
    captions: Path | None = None


def inputs(cases: Path) -> Iterator[Input]:
    """The inputs below a folder, by name."""
    for case in sorted(path for path in cases.iterdir() if path.is_dir()):
        folders = sorted(path for path in case.iterdir() if path.is_dir())
        tables = sorted(path for path in case.iterdir() if path.is_file() and path.suffix)
        if len(folders) == 1 and tables and not (case / "result.json").is_file():
            yield from (Input(f"{case.name}/{one.name}", folders[0], one) for one in tables)
        elif folders and not (case / "result.json").is_file():
            yield from (Input(f"{case.name}/{one.name}", one) for one in folders)
        else:
            yield Input(case.name, case)


def row(one: Input, corpus: Path) -> list[Cell]:
    """Collect and clean an input: how much came in, had words, was kept, and what was said."""
    report = SourceReport()
    options = SourceOptions(folder=FolderOptions(one.captions))
    came = worded = kept = 0
    try:
        kind: Kind | None = "folder" if one.captions else None
        with CorpusWriter(corpus) as writer:
            collect(one.path, writer, report, options, kind=kind)
        lines = [json.loads(line) for line in (corpus / POSTS_FILE).read_bytes().splitlines()]
        came = len(lines)
        worded = sum(bool(line.get("text") or line.get("texts")) for line in lines)
        said, losses, _ = clean(corpus, Limits(), filter_for(corpus))
        kept = (corpus / POSTS_FILE).read_bytes().count(b"\n")
        told = [str(report).partition("; left out: ")[2].partition("\n")[0], said.splitlines()[0]]
        told += [*report.losses(), *losses]
    except Image2PicError as error:
        told = [f"refused: {error}"]
    text = "; ".join(filter(None, told)).replace(f"{one.path}", one.path.name)
    return [one.name, came, worded, kept, text.replace("\n", " ").replace("|", "/")]


def measure(cases: Path) -> list[Table]:
    """A row for each input below a folder."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(one, Path(folder, str(n))) for n, one in enumerate(inputs(cases))]
    return [Table("Inputs", ["input", "posts", "with words", "kept", "told"], rows)]
