"""From a folder of posts to a model and a library that finds. Resumable; see `build`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from engine.corpus.reader import TRAIN_SPLIT, CorpusPost, Report, load_corpus
from engine.encoder import Encoder
from engine.errors import CorpusError
from engine.model import Model, load_model, save_model
from engine.text import TextPipeline
from engine.text.sentences import DEFAULT, sentence_encoder
from training.cluster import Cluster
from training.learn.bags import Text, assemble, learn_vocabularies, tokenise
from training.learn.cca import Base
from training.learn.dataset import Dataset
from training.learn.describe import codebook_of, photo_sources, words_on_photos
from training.learn.features import describe_photos
from training.learn.fit import learn_model
from training.learn.kept_sentences import KeptSentences
from training.learn.library import update_library
from training.learn.model import assemble_model, compare, install, quality_line
from training.learn.plots import plot_training
from training.learn.settings import BuildSettings, encoder_name, encoder_of, features_key
from training.learn.statistics import read_statistics, shipped_statistics
from training.progress import QUIET, Progress

LEAST_POSTS: Final = 20
"""Fewer posts than this are no corpus to learn topics from."""


def build(
    corpus: Path,
    out: Path,
    settings: BuildSettings,
    *,
    splits: Sequence[str] | None = None,
    extra: Sequence[Path] = (),
    name: str = "",
    replace_model: bool = False,
    prune: bool = False,
    progress: Progress = QUIET,
    photos: str | None = None,
    cluster: Cluster | None = None,
    read: Sequence[CorpusPost] | None = None,
) -> Model:
    """Learn a model from a corpus and fill a library with it.

    Parameters
    ----------
    corpus
        Folder with ``posts.jsonl`` and photos.
    out
        The model's folder. ``out/work`` keeps what lets a stopped run go on.
    settings
        See `BuildSettings`.
    splits
        Splits to learn from; None means ``train`` where the corpus has it, else everything.
    extra
        More corpora to learn from; their posts do not enter the library.
    name
        Shown by the bot; the folder's name by default.
    replace_model
        Replace a better model that is already there.
    prune
        Remove posts from the library that the corpus no longer has, however many.
    progress
        Is told what is done.
    photos
        Address (``s3://...``, ``gs://...``, ``ssh://...``) under which the corpus's photos lie as
        they would in its folder; None: there.
    cluster
        Where photos are described and words on them read; here without one.
    read
        The posts of the corpus, where they were read already.

    Raises
    ------
    Image2PicError
        With the way out.
    """
    started = time.monotonic()
    report = Report()
    if read is None:
        read = load_corpus(corpus, splits=splits, photos_here=photos is None, report=report)
    else:
        report.posts = len(read)
    posts = _chosen(read, splits)
    progress(report.summary())
    library = posts
    sources = photo_sources(posts, corpus, photos)
    for number, more in enumerate(extra):
        report = Report()
        others = [
            replace(post, id=f"also{number}/{post.id}")
            for post in _chosen(load_corpus(more, splits=splits, report=report), splits)
        ]
        posts = posts + others
        sources += photo_sources(others)
        progress(f"{more}: {report.summary()}")
    if len(sources) < LEAST_POSTS:
        raise CorpusError(
            f"{corpus} has {len(sources)} posts with a photo; at least {LEAST_POSTS} are needed"
        )
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    # Each of a cluster's threads takes photos of its own.
    each = settings if cluster is None else replace(settings, workers=1)
    encoder, encoder_file = encoder_of(each, work, progress)
    features = work / ("features-" + features_key(encoder_file, settings))
    for other in work.glob("features-*"):
        if other != features:
            # Of another encoder, or of other settings: a model needs one.
            shutil.rmtree(other, ignore_errors=True)
    codebook = codebook_of(encoder, sources, features, settings, progress, cluster)
    clock = time.monotonic()
    fresh = not (features / "chunks").exists()
    texts = tokenise(posts, TextPipeline())
    if not texts:
        raise CorpusError(f"none of the posts in {corpus} has a text with words")
    words, tags = learn_vocabularies(texts, min_df=_min_df(settings, texts), max_df=settings.max_df)
    if not len(words) + len(tags):
        raise CorpusError(
            f"no word is in {settings.min_df} texts or more; collect more posts, or lower --min-df"
        )
    chunks = describe_photos(
        encoder,
        codebook,
        sources,
        features / "chunks",
        grids=features / "sample",
        progress=progress,
        cluster=cluster,
    )
    sentences = sentence_encoder(settings.sentences) if settings.sentences else None
    written = words_on_photos(sources, work, settings, progress, cluster) if settings.ocr else {}
    kept = KeptSentences(sentences, work) if sentences else None
    data = assemble(chunks, texts, words, tags, len(codebook), kept, written)
    if kept is not None:
        kept.forget_others()
    # Whole grids are large, and of use only until the photos are described.
    shutil.rmtree(features / "sample", ignore_errors=True)
    if len(data) < LEAST_POSTS or not data.texts.nnz:
        raise CorpusError(
            f"{corpus} has {len(data)} posts with a photo that can be read, and "
            f"{data.texts.shape[0]} texts of theirs; at least {LEAST_POSTS} are needed"
        )
    base = _base(settings, encoder, data, progress)
    progress(
        f"{len(data):,} posts, {data.texts.shape[0]:,} texts, {len(words):,} words, "
        f"{len(tags):,} hashtags; features {time.monotonic() - clock:.0f} s"
        + ("" if fresh else " (partly from the last run)")
    )
    clock = time.monotonic()
    learnt = learn_model(data, words, base, sentences, settings, work, progress)
    seconds = time.monotonic() - clock
    progress(f"model learnt in {seconds:.0f} s")
    data.save(work / "train")
    model = assemble_model(
        learnt, data, codebook, encoder, words, tags, settings, sentences, name or out.name
    )
    staging = out / ".next"
    shutil.rmtree(staging, ignore_errors=True)
    identity = save_model(
        model,
        staging,
        encoder_file,
        {
            "settings": asdict(settings),
            "seconds": seconds,
            "seconds_in_all": time.monotonic() - started,
            "corpus": report.summary(),
            "history": learnt.artm.history,
            "tried": learnt.tried,
        },
    )
    plot_training(learnt.artm.history, learnt.coherence, staging / "training.png")
    if not replace_model:
        compare(out, model)
    install(staging, out)
    model = load_model(out)
    progress(f"model {identity}: " + quality_line(model.info.quality))
    update_library(model, library, data, written, corpus, out, prune, progress)
    progress(f"done in {time.monotonic() - started:.0f} s: {out}")
    if report.skipped:
        progress(f"{corpus}: {report.summary()}")
    return model


def _chosen(posts: Sequence[CorpusPost], splits: Sequence[str] | None) -> list[CorpusPost]:
    chosen = [post for post in posts if post.split in (splits or [TRAIN_SPLIT])]
    return chosen or (list(posts) if splits is None else [])


def _base(settings: BuildSettings, encoder: Encoder, data: Dataset, progress: Progress) -> Base:
    """The statistics of other posts that may be added, if there are any for the encoders."""
    path = Path(settings.statistics)
    if settings.statistics == "shipped":
        path = shipped_statistics(encoder_name(settings))
        if settings.sentences != DEFAULT or not path.is_file():
            return {}
    if settings.statistics == "none" or not settings.sentences:
        return {}
    channels, texts = encoder.shape.channels, data.sentences
    base = read_statistics(path, channels=channels, sentences=settings.sentences, texts=texts)
    progress(
        f"statistics of other posts: {path}" + ("" if base else " (left out: of these posts, too)")
    )
    return base


def _min_df(settings: BuildSettings, texts: Sequence[Text]) -> int:
    """In a small corpus two posts make a word; one never does."""
    return settings.min_df if len(texts) >= 1000 else min(settings.min_df, 2)
