"""A corpus described by a finished model, and a data set of posts into a library."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.corpus.reader import CorpusPost, Report, read_corpus
from engine.encoder import open_encoder
from engine.engine import Engine
from engine.model import Model
from engine.ocr import Tesseract
from engine.projection import unit_rows
from engine.store import Post, SqliteStore
from engine.text import TextPipeline
from engine.text.sentences import sentence_encoder
from training.learn.bags import Text, assemble, tokenise
from training.learn.choose import photo_vectors
from training.learn.dataset import Dataset
from training.learn.features import Source, describe_photos
from training.learn.picture_words import read_picture_words


def photo_sources(posts: Sequence[CorpusPost]) -> list[Source]:
    """The posts that have a photo."""
    return [Source(post.id, post.photo) for post in posts if post.photo is not None]


def describe_corpus(
    model: Model,
    corpus: Path,
    *,
    splits: Collection[str] | None,
    cache: Path,
    workers: int,
    progress: bool,
    report: Report | None = None,
    tesseract: Tesseract | None = None,
) -> Dataset:
    """Posts of a corpus as numbers, by a model's own encoder, codebook and vocabularies.

    Parameters
    ----------
    model
        A finished model.
    corpus
        Folder with ``posts.jsonl``.
    splits
        Only these; None for all.
    cache
        Folder in which features are kept between runs.
    workers
        Photos encoded at a time.
    progress
        Whether to draw a progress bar.
    report
        Filled with what was skipped.
    tesseract
        Reads what is written on the photos; None leaves that out.
    """
    posts = list(read_corpus(corpus, splits=splits, report=report or Report()))
    encoder = open_encoder(model.folder, model.info.encoder, threads=1, workers=workers)
    name = f"{model.info.id}\0{corpus.resolve()}\0{sorted(splits or [])}"
    folder = cache / hashlib.sha256(name.encode()).hexdigest()[:16]
    chunks = describe_photos(
        encoder, model.codebook, photo_sources(posts), folder, progress=progress
    )
    texts = tokenise(posts, TextPipeline())
    written: dict[str, Text] = {}
    if tesseract is not None:
        found = read_picture_words(
            photo_sources(posts), cache, tesseract, workers=workers, progress=progress
        )
        written = written_texts(found)
    return assemble(
        chunks,
        texts,
        model.words,
        model.tags,
        len(model.codebook),
        sentence_encoder(model.info.sentences["name"]) if model.info.sentences else None,
        written,
    )


def written_texts(found: Mapping[str, str]) -> dict[str, Text]:
    """Words read on photos, by the posts' ids, as texts; a photo without words has none."""
    pipeline = TextPipeline()
    return {
        name: Text(name, "", pipeline(words, ()), words) for name, words in found.items() if words
    }


def shown_text(post: CorpusPost) -> str:
    """What a reader sees of a post with several texts: the first in each language."""
    return "\n".join(texts[0] for texts in post.texts.values() if texts)


def _word(post: CorpusPost, name: str) -> str | None:
    value = post.extra.get(name)
    return value if isinstance(value, str) and value else None


def fill_library(
    engine: Engine,
    store: SqliteStore,
    posts: Sequence[CorpusPost],
    data: Dataset,
    written: Mapping[str, Text],
    root: Path,
) -> int:
    """Write posts and their vectors into a library.

    Parameters
    ----------
    engine
        With the model that the vectors belong to.
    posts
        Of the corpus.
    data
        The same posts described.
    written
        What is written on photos, by the posts' ids.
    root
        The folder that photo paths are kept relative to.

    Returns
    -------
    int
        Posts written; those without a readable photo are left out.
    """
    model = engine.model
    # Posts that were only learnt from are not in it.
    by_id = {post.id: post for post in posts}
    count = 0
    removed = store.removed_ids()
    for start in range(0, len(data), 256):
        part = data.subset(np.arange(start, min(start + 256, len(data))))
        seen = photo_vectors(part, model.projection, model.settings.written_weight)
        pooled = part.pooled()
        sentences = np.zeros((len(part), part.sentences.shape[1]), np.float32)
        np.add.at(sentences, part.owner, part.sentences)
        read = model.projection.texts(pooled.toarray(), unit_rows(sentences))
        told = np.isin(np.arange(len(part)), part.owner)
        rows = []
        for row, name in enumerate(part.ids):
            post = by_id.get(name)
            if post is None or name in removed or post.photo is None:
                continue
            vector = engine.post_vector(seen[row : row + 1], read[row : row + 1] * told[row])
            rows.append(
                Post(
                    key=0,
                    id=name,
                    photo=str(post.photo.relative_to(root)),
                    text=shown_text(post),
                    tags=post.tags if post.tags is not None else _tags(post),
                    date=post.date,
                    source=post.source,
                    url=post.url,
                    thread=_word(post, "topic"),
                    media=_word(post, "media") or "photo",
                    vector=vector.blob,
                    model=engine.info.id,
                    picture_words=written[name].plain if name in written else None,
                )
            )
        count += len(store.upsert(rows))
    return count


def _tags(post: CorpusPost) -> tuple[str, ...]:
    """Hashtags of a post's texts, as typed."""
    bags = [TextPipeline()(text) for texts in post.texts.values() for text in texts]
    return tuple(dict.fromkeys(token.surface for bag in bags for token in bag.tags))
