"""A folder of photos, and captions for them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from engine.cleaning.privacy import redact
from engine.errors import CorpusError
from training.collect.captions import Caption, read_embedded, read_sidecar, read_table
from training.collect.metadata import without_metadata
from training.corpus.writer import PHOTO_SUFFIXES, CorpusWriter, photo_name

MAX_PHOTO_BYTES: Final = 20 * 1024 * 1024


@dataclass(frozen=True)
class FolderOptions:
    """How a folder is read.

    Attributes
    ----------
    captions
        A table of captions, or None.
    name
        What its posts' ids begin with; None: the folder's name, which then may stand for one
        folder only.
    authors
        Keep the photographers' names.
    progress
        Show a progress bar.
    """

    captions: Path | None = None
    name: str | None = None
    authors: bool = False
    progress: bool = False


@dataclass
class FolderReport:
    """What a folder held."""

    photos: int = 0
    captions: Counter[str] = field(default_factory=Counter)
    unnamed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        text = f"{self.photos:,} photos; captions: " + ", ".join(
            f"{origin} {count:,}" for origin, count in self.captions.most_common()
        )
        if self.skipped:
            text += "; left out: " + ", ".join(
                f"{reason} {count:,}" for reason, count in self.skipped.most_common()
            )
        if self.unnamed:
            text += (
                f"; {len(self.unnamed):,} photos of the table are not in the folder, such as "
                f"{self.unnamed[0]}"
            )
        return text


def collect_folder(folder: Path, writer: CorpusWriter, options: FolderOptions) -> FolderReport:
    """Add a folder's photos to a corpus.

    A photo's caption is taken from the table, else from a text file beside it, else from within it.
    The copies of JPEGs have no metadata but their orientation, unless authors were asked for.

    Raises
    ------
    CorpusError
        There is no such folder or table, or another folder of this name was collected before.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    name = options.name or folder.resolve().name
    claim_name(writer, name, folder, given=options.name is not None)
    table = _Table(read_table(options.captions) if options.captions else {})
    report = FolderReport()
    photos = sorted(_photos(folder, writer.folder))
    for path in tqdm(photos, unit=" photos", disable=not options.progress):
        inside = path.relative_to(folder).as_posix()
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        if not 0 < size <= MAX_PHOTO_BYTES:
            report.skipped["empty files" if not size else "photos that are too large"] += 1
            continue
        report.photos += 1
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
        if writer.is_known(record):
            continue
        source = path if options.authors else _anonymous(path)
        record["sha256"] = writer.store_photo(record["photo"], source)
        writer.put(record)
    report.unnamed = table.unused()
    return report


def _anonymous(path: Path) -> bytes:
    try:
        return without_metadata(path.read_bytes())
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def claim_name(writer: CorpusWriter, name: str, folder: Path, *, given: bool) -> None:
    """Make sure that two folders of one name do not replace each other's posts.

    Raises
    ------
    CorpusError
        The name stands for another folder, and was not given on purpose.
    """
    note, here = f"folder {name}", str(folder.resolve())
    before = writer.note(note)
    if before not in (None, here) and not given:
        raise CorpusError(
            f"the corpus has posts of another folder named {name!r}: give this one a name of its "
            f"own with --name, or --name {name} if it is the same folder, moved"
        )
    writer.set_note(note, here)


def _photos(folder: Path, corpus: Path) -> Iterator[Path]:
    """Files that look like photos; hidden ones and the corpus itself are left out."""
    own = corpus.resolve()
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in PHOTO_SUFFIXES or any(p[0] == "." for p in inside.parts):
            continue
        real = path.resolve()
        if path.is_file() and not real.is_relative_to(own):
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
