"""Posts as numbers: visual words, words on photos, a corpus by a finished model."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from engine.codebook import Codebook
from engine.corpus.reader import CorpusPost, Report, read_corpus
from engine.encoder import Encoder, open_encoder
from engine.files import whole_file
from engine.model import Model
from engine.ocr import Tesseract, find_tesseract
from engine.text import TextPipeline
from engine.text.sentences import sentence_encoder
from training.cluster import Cluster
from training.learn.bags import Text, assemble, tokenise
from training.learn.dataset import Dataset
from training.learn.features import (
    SAMPLE,
    PhotoSource,
    describe_photos,
    learn_codebook,
    sample_grids,
)
from training.learn.kept_sentences import KeptSentences
from training.learn.picture_words import read_picture_words
from training.learn.settings import BuildSettings
from training.progress import QUIET, Progress

WRITING: Final = (64, 0.1)
"""Photos that are read first, and the share of them with words on them from which all are read."""


def photo_sources(
    posts: Sequence[CorpusPost], corpus: Path = Path(), address: str | None = None
) -> list[PhotoSource]:
    """The posts that have a photo; it lies in the corpus, or under an address as it would there."""
    sources = [PhotoSource(post.id, post.photo) for post in posts if post.photo is not None]
    if address is None:
        return sources
    return [
        PhotoSource(
            one.id, f"{address.rstrip('/')}/{Path(one.photo).relative_to(corpus).as_posix()}"
        )
        for one in sources
    ]


def describe_corpus(
    model: Model,
    corpus: Path,
    *,
    splits: Collection[str] | None,
    cache: Path,
    workers: int,
    progress: Progress = QUIET,
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
        Is told how far it is.
    report
        Filled with what was skipped.
    tesseract
        Reads what is written on the photos; None leaves that out.
    """
    posts = list(read_corpus(corpus, splits=splits, report=report or Report()))
    encoder = open_encoder(model.folder, model.info.encoder, threads=1, workers=workers)
    # By the corpus alone: what another model left is used, or removed where it is read.
    name = f"{corpus.resolve()}\0{sorted(splits or [])}"
    folder = cache / f"corpus-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    for other in cache.glob("*/"):
        if not other.name.startswith("corpus-"):
            shutil.rmtree(other, ignore_errors=True)
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
        KeptSentences(sentence_encoder(model.info.sentences["name"]), folder)
        if model.info.sentences
        else None,
        written,
    )


def written_texts(found: Mapping[str, str]) -> dict[str, Text]:
    """Words read on photos, by the posts' ids, as texts; a photo without words has none."""
    pipeline = TextPipeline()
    return {
        name: Text(name, "", pipeline(words, ()), words) for name, words in found.items() if words
    }


def codebook_of(
    encoder: Encoder,
    sources: Sequence[PhotoSource],
    features: Path,
    settings: BuildSettings,
    progress: Progress,
    cluster: Cluster | None,
) -> Codebook:
    """The codebook of visual words, learnt anew where it was learnt from half as many photos."""
    path, sample = features / "codebook.npz", features / "sample"
    wanted = min(SAMPLE, len(sources))
    if not path.exists() or _sampled(path) * 2 < wanted:
        # A corpus that has outgrown its visual words gets new ones, and is described by these.
        shutil.rmtree(features / "chunks", ignore_errors=True)
        ids, _ = sample_grids(
            encoder, sources, sample, seed=settings.seed, progress=progress, cluster=cluster
        )
        book = learn_codebook(
            sample, words=settings.words, dimensions=settings.dimensions, seed=settings.seed
        )
        with whole_file(path) as out:
            np.savez(
                out,
                mean=book.mean,
                components=book.components,
                centroids=book.centroids,
                other=np.array([book.softness, book.per_cell, len(ids)]),
            )
    with np.load(path) as a:
        return Codebook(
            a["mean"], a["components"], a["centroids"], float(a["other"][0]), int(a["other"][1])
        )


def _sampled(path: Path) -> int:
    """From how many photos a codebook was learnt."""
    with np.load(path) as arrays:
        return int(arrays["other"][2])


def words_on_photos(
    sources: Sequence[PhotoSource],
    work: Path,
    settings: BuildSettings,
    progress: Progress,
    cluster: Cluster | None,
) -> dict[str, Text]:
    """What is written on photos, by the posts' ids; nothing if some first ones have no words."""
    tesseract = find_tesseract()
    if tesseract is None:
        return {}
    first, least = WRITING
    order = np.random.default_rng(settings.seed).permutation(len(sources))
    found: dict[str, str] = {}
    for part in (order[:first], order):
        found = read_picture_words(
            [sources[row] for row in np.sort(part)],
            work,
            tesseract,
            workers=settings.workers,
            progress=progress,
            cluster=cluster,
        )
        share = sum(map(bool, found.values())) / max(len(found), 1)
        if share < least:
            progress(
                f"{100 * share:.0f} % of {len(found)} photos have words on them: no more are read"
            )
            return {}
    progress(f"{100 * share:.0f} % of the photos have words on them")
    return written_texts(found)
