"""A folder of photos, and captions for them."""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from engine.cleaning.privacy import redact
from engine.corpus.captions import (
    Caption,
    TableCaptions,
    read_embedded,
    read_sidecar,
    read_table,
)
from engine.corpus.posts import (
    MAX_PHOTO_BYTES,
    NAMED,
    REASONS,
    SourcePost,
    SourceReport,
    file_place,
    is_photo_name,
)
from engine.corpus.videos import VIDEO_SUFFIXES, first_frame
from engine.errors import CorpusError
from engine.files import quick_hash, same_folder
from engine.photo import SUFFIXES, format_of

_TABLES: Final = frozenset(
    f"{name}.{ending}"
    for name in ("captions", "metadata")
    for ending in ("csv", "tsv", "jsonl", "json", "xlsx")
)
_TABLE_ENDINGS: Final = frozenset((".csv", ".tsv", ".xlsx", ".json", ".jsonl", ".txt", ".token"))

_SKIPPED_FOLDERS: Final = re.compile(
    r"@eadir|#recycle|#snapshot|@recycle|@recently-snapshot|\$recycle\.bin|lost\+found|__macosx"
    r"|system volume information|recycle ?bin|recycled|trash|корзина|_?thumb(?:nail)?s?|cache"
    r"|ipod photo cache|_vti_cnf|.*\.lrdata",
    re.IGNORECASE,
)
"""Where network drives, systems and programs keep small copies and what was deleted."""

_LIBRARY: Final = re.compile(r"\.(?:photos|ap|photo)library(?:/|$)", re.IGNORECASE)
_ORIGINALS: Final = frozenset(("originals", "masters"))
"""The folders of a Mac's library of photos that hold them."""

_RAW: Final = frozenset(
    (
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2"),
        *(".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".kdc", ".mrw"),
    )
)
_OTHER_PICTURES: Final = frozenset(
    (".psd", ".svg", ".jp2", ".j2k", ".jxl", ".ico", ".xcf", ".ai", ".eps", ".tga", ".exr", ".hdr")
)
_TEXTS: Final = frozenset(
    (
        *(".txt", ".caption", ".md", ".xmp", ".json", ".jsonl", ".csv", ".tsv", ".xlsx", ".html"),
        *(".aae", ".ini", ".db", ".token", ".nfo", ".log", ".xml", ".thm"),
    )
)
"""Files that go with photos; left out without being reported."""

_WAYS_OUT: Final = {
    "raw": "save them as JPEG",
    "other_picture": "save them as JPEG or PNG",
    "damaged_file": "copy them once more from where they come from",
    "empty_file": "copy them once more from where they come from",
    "large": f"the limit is {MAX_PHOTO_BYTES >> 20} MB",
    "thumbnail": "install ffmpeg, which takes the first picture of a video",
}
_MANY: Final = 0.1
"""Share of a folder's pictures above which their loss is told at the end."""

_RECURS: Final = 3
_SHORT: Final = 24
# One small word, capitals alone, or a word with figures, low lines or capitals within it.
_MACHINES: Final = re.compile(
    r"[a-z]+|[A-Z]{2,}(?: [A-Z]{2,})?|(?:\w+[ -])?(?=\w*(?:[a-z][A-Z]|\d|_))(?=\w*[A-Za-z])\w+",
    re.ASCII,
)
_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")


@dataclass(frozen=True)
class FolderOptions:
    """How a folder is read.

    Attributes
    ----------
    captions
        A table of captions; None: one of the folder that is named so, such as ``captions.csv``.
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


class _File(NamedTuple):
    """A photo or a video: where it is, its path in the folder, and the ending of its copy."""

    path: Path
    inside: str
    suffix: str
    media: str | None


def read_folder(folder: Path, options: FolderOptions, report: SourceReport) -> Iterator[SourcePost]:
    """Photos of a folder and their captions; of videos the first frame, where ffmpeg is there.

    What is a photo is told by its content, whatever its name. Its caption is taken from the table,
    else from a file beside it, else from within it.

    Raises
    ------
    CorpusError
        There is no such folder or table.
    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    name = options.name or _text(folder.resolve().name)
    captions = options.captions
    table = TableCaptions(read_table(captions) if captions else _own_tables(folder, report))
    walk = _Walk(folder, options.leave_out, report)
    files = sorted(walk.files(), key=lambda file: os.fsencode(file.inside))
    ids = Counter(unicodedata.normalize("NFC", file.inside) for file in files)
    if captions is not None and files and not any(table.get(file.inside) for file in files):
        raise CorpusError(
            f"none of the photos that {captions} names, such as {table.unused()[0]}, is in "
            f"{folder}, where there is {files[0].inside}"
        )
    recurring = _recurring(files)
    report.size += len(files)
    with tempfile.TemporaryDirectory(prefix="image2pic-") as frames:
        for file in files:
            report.place += 1
            size = _size(file.path)
            if not 0 < size <= MAX_PHOTO_BYTES and file.media is None:
                report.skip("empty_file" if not size else "large", file.inside)
                continue
            photo = file.path
            if file.media is not None:
                photo = Path(frames, "frame.jpg")
                if not first_frame(file.path, photo):
                    report.skip("thumbnail", file.inside)
                    continue
            report.read["photos" if file.media is None else "videos"] += 1
            origin, caption = _caption(file, table, walk.beside(file.path), recurring)
            report.captions[origin] += 1
            texts = [redact(text) for text in caption.texts]
            inside = unicodedata.normalize("NFC", file.inside)
            record: dict[str, Any] = {
                "id": f"{name}/{inside if ids[inside] == 1 else file.inside}",
                "photo": file_place(name, file.inside, file.suffix),
                "text": texts[0] if len(texts) == 1 else None,
                "texts": {"": texts} if len(texts) > 1 else None,
                "tags": caption.tags,
                "date": caption.date,
                "url": caption.url,
                "source": name,
                "author": caption.author if options.authors else None,
                "media": file.media,
                "photo_hash": quick_hash(file.path),
            }
            yield SourcePost(record, photo)
    report.notes += _losses(report)
    if not captions and not report.captions["from the table"]:
        report.notes += _tables_not_read(folder)
    report.notes += _not_used(table, recurring, report)
    report.covered[f"{name}/"] = None


def _tables_not_read(folder: Path) -> Iterator[str]:
    for name in _other_tables(folder):
        yield (
            f"{name} names photos of the folder, but was not read: with `collect folder --captions "
            f"{name}` it gives them their captions"
        )


def _not_used(table: TableCaptions, recurring: Counter[str], report: SourceReport) -> Iterator[str]:
    """Captions of no photo, and what recurs within photos and so was not taken for a caption."""
    unused = table.unused()
    for gone in unused:
        report.skip("unnamed", gone)
    if unused:
        yield f"{len(unused):,} photos that the table names are not there, such as {unused[0]}"
    for text, count in recurring.most_common(NAMED):
        yield (
            f"{text!r} stands within {count:,} photos of several days: it was taken for what the "
            "camera writes. If it is a caption, put it into a table (--captions)"
        )


def _losses(report: SourceReport) -> Iterator[str]:
    """What of a folder's pictures could not be taken, where that is a good part of them."""
    total = report.read.total() + sum(report.skipped[reason] for reason in _WAYS_OUT)
    for reason, way in _WAYS_OUT.items():
        count = report.skipped[reason]
        if count > _MANY * total:
            yield (
                f"{count:,} of {total:,} pictures were left out: {REASONS[reason]}, such as "
                f"{report.examples[reason][0]}: {way}"
            )


def _own_tables(folder: Path, report: SourceReport) -> dict[str, Caption]:
    """Captions of the tables in a folder and in those right below it, by path."""
    found: dict[str, Caption] = {}
    for here in (folder, *(one for one in sorted(folder.iterdir()) if one.is_dir())):
        try:
            tables = sorted(one for one in here.iterdir() if one.name.lower() in _TABLES)
        except OSError:
            continue
        for path in tables:
            try:
                rows = read_table(path)
                if not any(map(is_photo_name, rows)):
                    raise CorpusError(f"{path} names no photos")
            except CorpusError as error:
                if path.stem.lower() == "captions":
                    raise
                # Many programs write a file of this name.
                if path.suffix.lower() != ".json":
                    report.notes.append(f"{error}: it was passed over")
                continue
            inside = here.relative_to(folder)
            found |= {_text((inside / name).as_posix()): row for name, row in rows.items()}
    return found


def _other_tables(folder: Path) -> Iterator[str]:
    """Files that name photos of a folder, but are not called as its tables are."""
    names = {path.name for path in folder.iterdir()}
    stems = Counter(Path(name).stem for name in names)
    for name in sorted(names):
        path = folder / name
        # Beside a photo of the same name it has that photo's caption.
        beside = path.stem in names or stems[path.stem] > 1
        if path.suffix.lower() in _TABLE_ENDINGS and name.lower() not in _TABLES and not beside:
            with suppress(CorpusError, OSError):
                if any(photo in names for photo in read_table(path)):
                    yield name


def has_photos(folder: Path) -> bool:
    """Whether a folder, or one below it, holds a photo or a video, whatever it is called."""
    return folder.is_dir() and any(True for _ in _Walk(folder, None, SourceReport()).files())


class _Walk:
    """Goes through a folder and those below it, links to folders included, each once."""

    def __init__(self, folder: Path, leave_out: Path | None, report: SourceReport) -> None:
        self._folder, self._report = folder, report
        self._leave_out, self._seen = leave_out, set[Path]()
        self._beside: tuple[Path | None, dict[str, Path]] = (None, {})

    def files(self) -> Iterator[_File]:
        waiting = [self._folder]
        while waiting:
            here = waiting.pop()
            try:
                real = here.resolve()
                entries = sorted(here.iterdir(), key=lambda path: os.fsencode(path.name))
            except (OSError, RuntimeError):
                continue
            if real in self._seen or (self._leave_out and same_folder(here, self._leave_out)):
                continue
            self._seen.add(real)
            names = {path.stem.casefold() for path in entries if path.suffix.casefold() in _STILLS}
            for path in entries:
                if path.name.startswith("."):
                    continue
                if path.is_dir():
                    within = _LIBRARY.search(here.name) and path.name.lower() not in _ORIGINALS
                    if within or _SKIPPED_FOLDERS.fullmatch(path.name):
                        name = _text(path.relative_to(self._folder).as_posix())
                        self._report.skip("small_copies", name)
                    else:
                        waiting.append(path)
                elif path.is_file() and (file := self._file(path, names)):
                    yield file

    def _file(self, path: Path, stills: set[str]) -> _File | None:
        inside = _text(path.relative_to(self._folder).as_posix())
        suffix = path.suffix.casefold()
        kind = photo_format(path)
        if kind is not None and not (kind == "TIFF" and suffix in _RAW):
            return _File(path, inside, SUFFIXES[kind], None)
        if suffix in VIDEO_SUFFIXES:
            # Beside the photo of the same name it is the same moment, as phones keep it.
            if path.stem.casefold() in stills:
                return None
            return _File(path, inside, ".jpg", "video")
        if not _size(path):
            if suffix in _STILLS:
                self._report.skip("empty_file", inside)
        elif suffix in _RAW:
            self._report.skip("raw", inside)
        elif suffix in _STILLS:
            large = _size(path) > MAX_PHOTO_BYTES
            self._report.skip("large" if large else "damaged_file", inside)
        elif suffix in _OTHER_PICTURES:
            self._report.skip("other_picture", inside)
        elif suffix not in _TEXTS:
            self._report.skip("no_photo", inside)
        return None

    def beside(self, path: Path) -> dict[str, Path]:
        """The files of a photo's folder by their names in lower case."""
        if self._beside[0] != path.parent:
            try:
                found = {entry.name.casefold(): entry for entry in path.parent.iterdir()}
            except OSError:
                found = {}
            self._beside = (path.parent, found)
        return self._beside[1]


_STILLS: Final = frozenset((*SUFFIXES.values(), ".jpeg", ".jpe", ".jfif", ".tiff", ".heif", ".png"))


def photo_format(path: Path) -> str | None:
    """The format of a photo by its content; None: it is none, or cannot be opened."""
    try:
        with path.open("rb") as file:
            return format_of(file.read(32))
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _text(name: str) -> str:
    r"""A file's name as text: bytes that are no UTF-8 as ``\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _recurring(files: list[_File]) -> Counter[str]:
    """What stands within photos of several days and looks like a machine's: how often it does."""
    days: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for file in files:
        caption = read_embedded(file.path) if file.media is None else None
        for text in caption.texts if caption else ():
            if len(text) <= _SHORT and _MACHINES.fullmatch(text) and not _YEAR.search(text):
                counts[text] += 1
                days.setdefault(text, set()).add((caption.date or "")[:10] if caption else "")
    return Counter(
        {
            text: count
            for text, count in counts.items()
            if count >= _RECURS and (len(days[text]) > 1 or "" in days[text])
        }
    )


def _caption(
    file: _File, table: TableCaptions, beside: dict[str, Path], recurring: Container[str]
) -> tuple[str, Caption]:
    embedded = (read_embedded(file.path) if file.media is None else None) or Caption()
    embedded.texts = [text for text in embedded.texts if text not in recurring]
    sidecar = read_sidecar(file.path, beside)
    for origin, caption in (("from the table", table.get(file.inside)), ("beside", sidecar)):
        if caption is not None and (caption.texts or caption.tags):
            return origin, Caption(
                caption.texts,
                caption.tags if caption.tags is not None else embedded.tags,
                caption.date or embedded.date,
                caption.url,
                embedded.author,
            )
    if sidecar is not None:
        embedded.date = embedded.date or sidecar.date
    return ("within" if embedded.texts else "none"), embedded
