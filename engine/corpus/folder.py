"""A folder of photos, and captions for them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.cleaning.privacy import redact
from engine.corpus.captions import Caption, read_embedded, read_sidecar, read_table
from engine.corpus.posts import (
    MAX_PHOTO_BYTES,
    PHOTO_SUFFIXES,
    SourcePost,
    SourceReport,
    photo_name,
)
from engine.errors import CorpusError

_TABLES: Final = frozenset(("captions.csv", "captions.tsv", "captions.jsonl"))


@dataclass(frozen=True)
class FolderOptions:
    """How a folder is read.

    Attributes
    ----------
    captions
        A table of captions; None: ``captions.csv``, ``.tsv`` or ``.jsonl`` of the folder, if any.
    name
        What its posts' ids begin with; None: the folder's name, which then may stand for one
        folder only.
    authors
        Keep the photographers' names.
    leave_out
        A folder whose files are none of its photos: the corpus that is written.
    """

    captions: Path | None = None
    name: str | None = None
    authors: bool = False
    leave_out: Path | None = None


def read_folder(folder: Path, options: FolderOptions, report: SourceReport) -> Iterator[SourcePost]:
    """Photos of a folder and their captions.

    A photo's caption is taken from the table, else from a text file beside it, else from within it.

    Raises
    ------
    CorpusError
        There is no such folder or table.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    name = options.name or folder.resolve().name
    own = (one for one in folder.iterdir() if one.name.lower() in _TABLES)
    file = options.captions or min(own, default=None)
    table = _Table(read_table(file) if file else {})
    photos = sorted(_photos(folder, options.leave_out))
    report.size += len(photos)
    for path in photos:
        report.place += 1
        inside = path.relative_to(folder).as_posix()
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        if not 0 < size <= MAX_PHOTO_BYTES:
            report.skip("empty_file" if not size else "large", inside)
            continue
        report.read["photos"] += 1
        origin, caption = _caption(path, inside, table)
        report.captions[origin] += 1
        texts = [redact(text) for text in caption.texts]
        record: dict[str, Any] = {
            "id": f"{name}/{unicodedata.normalize('NFC', inside)}",
            "photo": photo_name(name, inside.removesuffix(path.suffix), suffix=path.suffix),
            "text": texts[0] if len(texts) == 1 else None,
            "texts": {"": texts} if len(texts) > 1 else None,
            "tags": caption.tags,
            "date": caption.date,
            "url": caption.url,
            "source": name,
            "author": caption.author if options.authors else None,
            "photo_bytes": size,
        }
        yield SourcePost(record, path)
    for gone in table.unused():
        report.skip("unnamed", gone)
    report.covered[f"{name}/"] = None


def _photos(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    """Files that look like photos; hidden ones are left out."""
    own = leave_out.resolve() if leave_out is not None else None
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in PHOTO_SUFFIXES or any(p[0] == "." for p in inside.parts):
            continue
        if path.is_file() and (own is None or not path.resolve().is_relative_to(own)):
            yield path


class _Table:
    """Captions by name of photo: the path in the folder, or the file's name alone."""

    def __init__(self, captions: Mapping[str, Caption]) -> None:
        self._captions = {unicodedata.normalize("NFC", key): c for key, c in captions.items()}
        self._unused = set(self._captions)
        names = Counter(key.rpartition("/")[2] for key in self._captions)
        self._by_name = {
            key.rpartition("/")[2]: key
            for key in self._captions
            if names[key.rpartition("/")[2]] == 1
        }

    def get(self, inside: str) -> Caption | None:
        plain = unicodedata.normalize("NFC", inside)
        name = plain.rpartition("/")[2]
        for key in (plain, plain.rpartition(".")[0], self._by_name.get(name, "")):
            if key in self._captions:
                self._unused.discard(key)
                return self._captions[key]
        return None

    def unused(self) -> list[str]:
        return sorted(self._unused)


def _caption(path: Path, inside: str, table: _Table) -> tuple[str, Caption]:
    embedded = read_embedded(path) or Caption()
    for origin, caption in (("from the table", table.get(inside)), ("beside", read_sidecar(path))):
        if caption is not None and (caption.texts or caption.tags):
            return origin, Caption(
                caption.texts,
                caption.tags if caption.tags is not None else embedded.tags,
                caption.date or embedded.date,
                caption.url,
                embedded.author,
            )
    return ("within" if embedded.texts else "none"), embedded
