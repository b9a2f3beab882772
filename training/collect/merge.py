"""Several corpora into one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.cleaning.privacy import redact
from engine.corpus.posts import SourcePost, SourceReport, photo_name
from engine.corpus.reader import CorpusPost, Report, read_corpus
from engine.errors import CorpusError
from training.collect.add import add_posts, claim_name
from training.corpus.writer import CorpusWriter


@dataclass(frozen=True)
class MergeOptions:
    """How a corpus is added to another.

    Attributes
    ----------
    name
        What its photos are filed under; None: the folder's name.
    prefix
        Put the name before its ids: for corpora whose ids mean different posts.
    authors
        Keep authors' names where it has them.
    progress
        Show a progress bar.
    """

    name: str | None = None
    prefix: bool = False
    authors: bool = False
    progress: bool = False


def merge_corpus(folder: Path, writer: CorpusWriter, options: MergeOptions) -> Report:
    """Add the posts of a corpus; one whose id is there already replaces it if it differs.

    Returns
    -------
    Report
        What of the added corpus was read and skipped.

    Raises
    ------
    CorpusError
        There is no such corpus, or it is the one that is written to.
    """
    if folder.resolve() == writer.folder.resolve():
        raise CorpusError(f"{folder} cannot be merged into itself")
    name = options.name or folder.resolve().name
    report = Report()
    posts = read_corpus(folder, report=report)
    claim_name(writer, name, folder, given=options.name is not None)
    found = SourceReport(size=report.posts)

    def records() -> Iterator[SourcePost]:
        for found.place, post in enumerate(posts, 1):
            yield SourcePost(_record(post, name, folder, options), post.photo)

    # What is in a corpus was stored without metadata, or with it on purpose.
    add_posts(records(), writer, found, authors=True, progress=options.progress)
    return report


def _record(post: CorpusPost, name: str, folder: Path, options: MergeOptions) -> dict[str, Any]:
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
        parts = inside.with_suffix("").as_posix().removeprefix("photos/")
        record["photo"] = photo_name(name, parts, suffix=inside.suffix)
        record["photo_bytes"] = post.photo.stat().st_size
    return record
