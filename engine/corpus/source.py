"""Whatever a person has, read in one way: Telegram exports, corpora, folders of photos, zips."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from engine.cleaning.privacy import redact
from engine.corpus.folder import FolderOptions, has_photos, read_folder
from engine.corpus.posts import SourcePost, SourceReport, file_place
from engine.corpus.reader import POSTS_FILE, CorpusPost, Report, read_corpus
from engine.corpus.telegram import RESULT_FILE, TelegramOptions, read_export
from engine.errors import CorpusError
from engine.files import quick_hash

HEAD: Final = 1 << 16
DEPTH: Final = 3
"""So many folders deep exports are looked for."""
_HTML: Final = re.compile(r"messages\d*\.html|export_results\.html")
REPLACED: Final = "replaced by a later line with the same id"
SPARE_BYTES: Final = 100 << 20

Kind = Literal["telegram", "corpus", "folder"]


@dataclass(frozen=True)
class CorpusOptions:
    """How a corpus is read as a source.

    Attributes
    ----------
    name
        What its photos are filed under; None: the folder's name.
    prefix
        Put the name before its ids: for corpora whose ids mean different posts.
    authors
        Keep authors' names where it has them.
    """

    name: str | None = None
    prefix: bool = False
    authors: bool = False


@dataclass(frozen=True)
class SourceOptions:
    """How a source is read, whichever kind it turns out to be."""

    telegram: TelegramOptions = field(default_factory=TelegramOptions)
    folder: FolderOptions = field(default_factory=FolderOptions)
    corpus: CorpusOptions = field(default_factory=CorpusOptions)


class Source(NamedTuple):
    """One thing to read: its kind, and the folder or file."""

    kind: Kind
    path: Path


def find_sources(path: Path) -> list[Source]:
    """What lies at a path: a corpus, one or several exports, or photos.

    Parameters
    ----------
    path
        A folder, ``result.json``, or ``posts.jsonl``; not a zip (see `unpacked`).

    Returns
    -------
    list
        Exports below the folder in the order of their names, so that a later one updates an
        earlier one; otherwise a single source.

    Raises
    ------
    CorpusError
        It is none of these.
    """
    if not path.exists():
        raise CorpusError(f"{path} does not exist")
    if path.is_file():
        if path.name == POSTS_FILE:
            return [Source("corpus", path.parent)]
        if path.suffix.lower() == ".json":
            return [Source("telegram", path)]
        raise CorpusError(f"{path} is no corpus ({POSTS_FILE}), no Telegram export and no zip")
    if (path / POSTS_FILE).is_file():
        return [Source("corpus", path)]
    exports = sorted(_exports(path))
    found = [file for file in exports if file.suffix.lower() == ".json"]
    if found:
        return [Source("telegram", file) for file in found]
    if exports:
        # Its photos without their words would be a loss that nobody sees.
        raise CorpusError(
            f"{exports[0].parent} is a Telegram export in HTML: export once more with the format "
            "'Machine-readable JSON', or give the other folders one by one"
        )
    if (path / RESULT_FILE).is_file():
        return [Source("telegram", path)]
    if has_photos(path):
        return [Source("folder", path)]
    zips = sorted(one.name for one in path.iterdir() if one.suffix.lower() == ".zip")
    raise CorpusError(
        f"{path} is no corpus (no {POSTS_FILE}), no Telegram export (no {RESULT_FILE}) and no "
        "folder with photos"
        + (f": it has zips, such as {zips[0]}; give one of them, or unpack them" if zips else "")
    )


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A path itself, or the folder of what a zip holds, for as long as it is needed.

    Raises
    ------
    CorpusError
        The zip is damaged, locked by a password, or too large for the disk.
    """
    if not (path.is_file() and zipfile.is_zipfile(path)):
        if path.suffix.lower() == ".zip" and path.is_file():
            raise CorpusError(f"{path} is damaged: it is not a zip")
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="image2pic-") as name:
        folder = Path(name, path.stem or "zip")
        try:
            with zipfile.ZipFile(path) as archive:
                members = [one for one in archive.infolist() if not _hidden(one.filename)]
                for one in members:
                    one.filename = _member_name(one)
                size = sum(one.file_size for one in members)
                if size + SPARE_BYTES > shutil.disk_usage(name).free:
                    raise CorpusError(
                        f"{path} holds {size / 1e9:.1f} GB, more than {name} has room for: unpack "
                        "it yourself and give the folder"
                    )
                archive.extractall(folder, members)
        except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError) as error:
            raise CorpusError(f"{path} cannot be unpacked: {error}") from error
        inside = list(folder.iterdir()) if folder.is_dir() else []
        # A zip of one folder is that folder.
        yield inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def read_source(
    path: Path, report: SourceReport, options: SourceOptions | None = None
) -> Iterator[SourcePost]:
    """Posts of whatever lies at a path, in any of the forms that `find_sources` knows, or a zip.

    Parameters
    ----------
    path
        A folder or a file.
    report
        Filled while the posts are read.
    options
        For each kind of source.

    Raises
    ------
    CorpusError
        It is none of these, or cannot be read.
    """
    options = options or SourceOptions()
    with unpacked(path) as place:
        for source in find_sources(place):
            yield from read_one(source, report, options)


def read_one(source: Source, report: SourceReport, options: SourceOptions) -> Iterator[SourcePost]:
    """Posts of one source; see `read_source`."""
    if source.kind == "telegram":
        return read_export(source.path, options.telegram, report)
    if source.kind == "corpus":
        return read_posts(source.path, options.corpus, report)
    return read_folder(source.path, options.folder, report)


def read_posts(folder: Path, options: CorpusOptions, report: SourceReport) -> Iterator[SourcePost]:
    """Posts of a corpus.

    Raises
    ------
    CorpusError
        There is no such corpus.
    """
    name = options.name or folder.resolve().name
    lines = Report(
        on_problem=lambda problem: report.skip(
            problem.reason, f"line {problem.line}" + f" ({problem.detail})" * bool(problem.detail)
        )
    )
    posts = read_corpus(folder, report=lines)
    report.size += lines.posts
    if lines.replaced:
        report.skipped[REPLACED] += lines.replaced
    for post in posts:
        report.place += 1
        report.read["posts"] += 1
        yield SourcePost(_record(post, name, folder, options), post.photo)


def _record(post: CorpusPost, name: str, folder: Path, options: CorpusOptions) -> dict[str, Any]:
    texts = {language: [redact(text) for text in found] for language, found in post.texts.items()}
    plain = list(texts) == [""] and len(texts[""]) == 1
    extra = dict(post.extra)
    if not options.authors:
        extra.pop("author", None)
    record: dict[str, Any] = {
        **extra,
        "id": f"{name}/{post.id}" if options.prefix else post.id,
        "photo": None,
        "text": texts[""][0] if plain else None,
        "texts": texts if texts and not plain else None,
        "tags": list(post.tags) if post.tags is not None else None,
        "date": post.date,
        "source": post.source,
        "url": post.url,
        "split": post.split,
    }
    if post.photo is not None:
        inside = post.photo.relative_to(folder)
        place = inside.as_posix().removeprefix("photos/")
        record["photo"] = file_place(name, place, inside.suffix)
        record["photo_hash"] = quick_hash(post.photo)
    return record


def _exports(folder: Path) -> Iterator[Path]:
    """Telegram's files, JSON or else HTML, in a folder and a few levels below; not below one."""
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        files = [
            Path(entry.path)
            for entry in entries
            if entry.name.lower().startswith("result") and entry.name.lower().endswith(".json")
        ]
        found = [file for file in files if file.is_file() and _looks_like(file)]
        found = found or [Path(entry.path) for entry in entries if _HTML.fullmatch(entry.name)]
        yield from found
        if depth < DEPTH and not found:
            waiting += [
                (Path(entry.path), depth + 1)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not _hidden(entry.name)
            ]


def _looks_like(file: Path) -> bool:
    """Whether a file begins as Telegram Desktop's do."""
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except OSError:
        return False
    head = head.replace(b"\0", b"")
    return b'"messages"' in head or b'"chats"' in head or b'"personal_information"' in head


def _member_name(member: zipfile.ZipInfo) -> str:
    """A name in a zip as it was: old programs write them in their own encoding and do not say."""
    if member.flag_bits & 0x800 or member.filename.isascii():
        return member.filename
    data = member.filename.encode("cp437", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp866")


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/") if part)
