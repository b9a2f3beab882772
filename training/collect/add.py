"""What a source has goes into a corpus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from engine.corpus.posts import SourcePost, SourceReport
from engine.corpus.source import Kind, Source, SourceOptions, find_sources, read_one, unpacked
from engine.errors import CorpusError
from engine.files import same_folder
from training.cluster import Cluster
from training.collect.metadata import without_metadata
from training.corpus.writer import CorpusWriter
from training.progress import QUIET, Progress

CHUNK: Final = 32
"""Photos that one task on a cluster reads."""

Record = dict[str, Any]

_PHOTO_FIELDS: Final = ("photo", "photo_hash", "sha256", "media")


def collect(
    path: Path,
    writer: CorpusWriter,
    report: SourceReport,
    options: SourceOptions,
    *,
    kind: Kind | None = None,
    authors: bool = False,
    progress: Progress = QUIET,
    cluster: Cluster | None = None,
) -> list[str]:
    """Add to a corpus what lies at a path.

    Parameters
    ----------
    path
        An export, a folder of photos, a corpus, a zip of these, or a folder above exports.
    writer
        Of the corpus.
    report
        Filled with what was found.
    options
        How to read it.
    kind
        Read it as this, whatever it looks like; None: as what it looks like.
    authors
        Keep names of people.
    progress
        Is told how far it is.
    cluster
        Where photos are read, if it can reach them; here without one.

    Returns
    -------
    list
        Ids of posts that were collected from there before and that it has no longer.

    Raises
    ------
    CorpusError
        It is none of these, or cannot be read.
    """
    options = replace(options, folder=replace(options.folder, leave_out=writer.folder))
    with unpacked(path) as place:
        sources = find_sources(place) if kind in (None, "telegram") else []
        if kind is not None and not any(source.kind == kind for source in sources):
            # Its reader says in words why it is none.
            sources = [Source(kind, place)]
        for source in sources:
            if source.kind == "corpus" and same_folder(source.path, writer.folder):
                raise CorpusError(f"{path} cannot be merged into itself")
            if source.kind != "telegram":
                given = options.folder.name if source.kind == "folder" else options.corpus.name
                name = given or source.path.resolve().name
                claim_name(writer, name, path, given=given is not None)
            posts = read_one(source, report, options)
            # What was unpacked lies on this machine alone.
            there = cluster if place == path else None
            add_posts(posts, writer, report, authors=authors, progress=progress, cluster=there)
    if report.broken:
        return []
    return [key for prefix, span in report.covered.items() for key in writer.unseen(prefix, span)]


def add_posts(
    posts: Iterable[SourcePost],
    writer: CorpusWriter,
    report: SourceReport,
    *,
    authors: bool = False,
    progress: Progress = QUIET,
    cluster: Cluster | None = None,
) -> None:
    """Add posts to a corpus; what is there as it is costs no copy of its photo.

    Parameters
    ----------
    posts
        As a source has them.
    writer
        Of the corpus.
    report
        That the reader of the posts fills.
    authors
        Keep the photos' metadata, which names people and places.
    progress
        Is told how far it is.
    cluster
        Where photos are read; here without one.

    Raises
    ------
    CorpusError
        A photo cannot be read, or the corpus cannot be written.
    """
    read = _read if authors else _anonymous
    with progress.bar(unit_scale=True) as bar:
        fresh = _fresh(posts, writer, report, bar)
        for record, photo in _with_photos(fresh, read, cluster):
            if photo is not None:
                record["sha256"] = writer.store_photo(record["photo"], photo)
            writer.put(record)


def _fresh(
    posts: Iterable[SourcePost], writer: CorpusWriter, report: SourceReport, bar: Any
) -> Iterator[tuple[Record, Path | None]]:
    """Posts that are not in the corpus as they are, and where their photos lie."""
    for post in posts:
        record = post.record
        bar.total = report.size
        bar.update(report.place - bar.n)
        if post.without_file:
            # An export without photos, or one that has lost some, takes none away.
            before = writer.record(record["id"]) or {}
            if not before and not (post.alone and record.get("text")):
                continue
            record |= {name: before.get(name) for name in _PHOTO_FIELDS}
        if not writer.is_known(record):
            yield record, post.file


def _with_photos(
    fresh: Iterable[tuple[Record, Path | None]],
    read: Callable[[Path], bytes],
    cluster: Cluster | None,
) -> Iterator[tuple[Record, bytes | None]]:
    """The photos themselves, read here or, `CHUNK` a task, on a cluster."""
    if cluster is None:
        yield from ((record, None if file is None else read(file)) for record, file in fresh)
        return
    taken: deque[list[tuple[Record, Path | bytes | None]]] = deque()

    def jobs() -> Iterator[list[Path]]:
        posts = iter(fresh)
        # A video's frame is in its file for a moment only, and on this machine.
        while chunk := [
            (record, read(file) if file is not None and record.get("media") else file)
            for record, file in islice(posts, CHUNK)
        ]:
            taken.append(chunk)
            yield [file for _, file in chunk if isinstance(file, Path)]

    for found in cluster.map(_read_all, jobs(), read):
        photos = iter(found)
        for record, file in taken.popleft():
            yield record, next(photos) if isinstance(file, Path) else file


def _read_all(files: Sequence[Path], read: Callable[[Path], bytes]) -> list[bytes]:
    return [read(file) for file in files]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def _anonymous(path: Path) -> bytes:
    return without_metadata(_read(path))


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
