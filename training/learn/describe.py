"""A corpus described by a finished model, and a data set of posts into a library."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from engine.corpus.reader import CorpusPost, Report, read_corpus
from engine.encoder import open_encoder
from engine.engine import Engine
from engine.model import Model
from engine.store import Post, SqliteStore
from engine.text import TextPipeline
from training.learn.bags import Text, assemble, tokenise
from training.learn.dataset import Dataset
from training.learn.features import Chunk, Source, describe_photos


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
    """
    posts = list(read_corpus(corpus, splits=splits, report=report or Report()))
    encoder = open_encoder(model.folder, model.info.encoder, threads=1, workers=workers)
    name = f"{model.info.id}\0{corpus.resolve()}\0{sorted(splits or [])}"
    folder = cache / hashlib.sha256(name.encode()).hexdigest()[:16]
    chunks = describe_photos(
        encoder, model.codebook, photo_sources(posts), folder, progress=progress
    )
    texts = tokenise(posts, TextPipeline())
    return assemble(chunks, texts, model.words, model.tags, len(model.codebook))


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
    texts: Sequence[Text],
    chunks: Iterator[Chunk],
    root: Path,
) -> int:
    """Write posts and their vectors into a library.

    Parameters
    ----------
    engine
        With the model that the vectors belong to.
    posts, texts
        Of the corpus.
    chunks
        Features of the photos.
    root
        The folder that photo paths are kept relative to.

    Returns
    -------
    int
        Posts written; those without a readable photo are left out.
    """
    # Posts that were only learnt from are not in it.
    by_id = {post.id: post for post in posts}
    tokens: Mapping[str, list[Text]] = defaultdict(list)
    for text in texts:
        tokens[text.post].append(text)
    written = 0
    removed = store.removed_ids()
    for chunk in chunks:
        rows = []
        for name, mean in zip(chunk.ids, chunk.mean.astype(np.float32), strict=True):
            post = by_id.get(name)
            if post is None or name in removed or post.photo is None:
                continue
            known = [
                token
                for text in tokens[name]
                for token in (*text.bag.lemmas, *text.bag.tags)
                if token.key in engine.model.words.index or token.key in engine.model.tags.index
            ]
            tags = tuple(
                dict.fromkeys(token.surface for text in tokens[name] for token in text.bag.tags)
            )
            rows.append(
                Post(
                    key=0,
                    id=name,
                    photo=str(post.photo.relative_to(root)),
                    text=shown_text(post),
                    tags=post.tags if post.tags is not None else tags,
                    date=post.date,
                    source=post.source,
                    url=post.url,
                    thread=_word(post, "topic"),
                    media=_word(post, "media") or "photo",
                    vector=engine.describe_features(mean[None], known).blob,
                    model=engine.info.id,
                )
            )
        written += len(store.upsert(rows))
    return written
