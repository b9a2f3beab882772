"""The posts of a corpus in a library, with their vectors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from engine.corpus.reader import CorpusPost
from engine.engine import Engine
from engine.model import Model
from engine.projection import unit_rows
from engine.store import Post, SqliteStore
from engine.text import TextPipeline
from training.learn.bags import Text
from training.learn.choose import photo_vectors
from training.learn.dataset import Dataset
from training.progress import Progress, confirmed

FEW_REMOVED: Final = 5
"""So many posts, or one in a hundred, leave the library without being asked for."""


def update_library(
    model: Model,
    posts: Sequence[CorpusPost],
    data: Dataset,
    written: Mapping[str, Text],
    corpus: Path,
    out: Path,
    prune: bool,
    progress: Progress,
) -> None:
    """Write the posts into the model's library, and its index; posts that are gone may go."""
    engine = Engine(model)
    with SqliteStore(out / "posts.sqlite") as store:
        store.photo_root = _photo_root(corpus, out)
        count = fill_library(engine, store, posts, data, written, corpus)
        gone = {post.id for post in store.recent(store.count())} - {post.id for post in posts}
        few = max(FEW_REMOVED, len(posts) // 100)
        words = f"{len(gone):,} posts of the library in {out} are not in {corpus}"
        if len(gone) <= few or prune or confirmed(f"{words}. Remove them from the library?"):
            store.delete(gone)
            if gone:
                progress(f"{words}: they are removed from it")
        else:
            progress(f"{words}: they stay, but cannot be found (--prune removes them)")
        version = store.version()
        engine.load(store.vectors(model.info.id), version=version)
    engine.save(out / "index.faiss", version=version)
    progress(f"library: {count:,} posts in posts.sqlite, index.faiss")


def _photo_root(corpus: Path, out: Path) -> Path:
    """Relative to the model where both lie in the current folder, so that it can be moved."""
    here = Path.cwd()
    corpus, out = corpus.resolve(), out.resolve()
    if corpus.is_relative_to(here) and out.is_relative_to(here):
        return Path(os.path.relpath(corpus, out))
    return corpus


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
