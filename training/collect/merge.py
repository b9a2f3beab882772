"""Several corpora into one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.cleaning.privacy import redact
from engine.errors import CorpusError
from training.collect.folder import claim_name
from training.corpus.extras import Extras
from training.corpus.reader import CorpusPost, Report, read_corpus
from training.corpus.writer import CorpusWriter, photo_name


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
    extras = Extras(folder)
    for post in tqdm(posts, total=report.posts, unit=" posts", disable=not options.progress):
        record = _record(post, extras.of(post), name, folder, options)
        if writer.is_known(record):
            continue
        if post.photo is not None:
            record["sha256"] = writer.store_photo(record["photo"], post.photo)
        writer.put(record)
    extras.close()
    return report


def _record(
    post: CorpusPost, extras: dict[str, Any], name: str, folder: Path, options: MergeOptions
) -> dict[str, Any]:
    texts = {language: [redact(text) for text in found] for language, found in post.texts.items()}
    plain = list(texts) == [""] and len(texts[""]) == 1
    if not options.authors:
        extras.pop("author", None)
    record: dict[str, Any] = {
        **extras,
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
