"""From a folder of posts to a model and a library that finds. Resumable; see `build`."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine import scoring
from engine.codebook import Codebook
from engine.corpus.reader import CorpusPost, Report, load_corpus
from engine.encoder import EncoderShape, LiteRtEncoder
from engine.engine import Engine
from engine.errors import CorpusError, Image2PicError
from engine.files import sha256_of, shipped
from engine.model import (
    Calibration,
    Model,
    ModelInfo,
    Settings,
    load_model,
    read_manifest,
    save_model,
)
from engine.projection import Projection, softmax
from engine.results import Floats
from engine.store import SqliteStore
from engine.text import TextPipeline
from engine.vocabulary import Vocabulary
from training.commands.common import confirmed, folder_path
from training.evaluate import metrics
from training.evaluate.coherence import npmi
from training.learn.artm import ArtmResult, ArtmSettings, train_artm
from training.learn.bags import Text, assemble, learn_vocabularies, tokenise
from training.learn.calibrate import Cut, calibrate
from training.learn.dataset import Dataset
from training.learn.describe import fill_library, photo_sources
from training.learn.features import SAMPLE, describe_photos, learn_codebook, sample_grids
from training.learn.mstep import refit_phi
from training.learn.plots import plot_training
from training.learn.prepare import PrepareOptions, prepare
from training.learn.refine import RefineSettings, refine
from training.learn.weights import Precision, convert

BANK: Final = 4000
"""Training texts, and photos, by which hubness is measured."""

LEAST_POSTS: Final = 20
"""Fewer posts than this are no corpus to learn topics from."""

FEW_REMOVED: Final = 5
"""So many posts, or one in a hundred, leave the library without being asked for."""

RANGES: Final = {
    "topics": (0, 4096),
    # The number of a visual word is kept in 16 bits.
    "words": (1, 65_535),
    "least": (1, 1_000_000),
    "epochs": (0, 10_000),
    "workers": (1, 256),
}
"""Options that are numbers, and what they may be."""

SMALL_ENCODER: Final = shipped("encoder-small", "encoder.tflite")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildSettings:
    """Everything that decides how a model comes out.

    Attributes
    ----------
    topics
        Number of topics; 0 chooses by the size of the corpus.
    words, dimensions
        Size of the codebook of visual words, and of its PCA space.
    least, most
        Texts a word must be in, and the largest share of them it may be in.
    held_out
        Share of the posts on which hubness, cut-off and the stated quality are measured; the model
        that is kept then learns from all.
    """

    encoder: str = "inception_v3"
    weights: str = "imagenet"
    layer: str = "mixed8"
    precision: Precision = "float16"
    topics: int = 0
    background: int = 2
    visual_weight: float = 2.0
    words: int = 1024
    dimensions: int = 96
    least: int = 3
    most: float = 0.5
    held_out: float = 0.1
    seed: int = 1
    workers: int = 2
    refine: RefineSettings = field(default_factory=RefineSettings)


def build(
    corpus: Path,
    out: Path,
    settings: BuildSettings,
    *,
    splits: Sequence[str] | None = None,
    also: Sequence[Path] = (),
    name: str = "",
    replace_model: bool = False,
    prune: bool = False,
    progress: bool = True,
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
    also
        More corpora to learn from; their posts do not enter the library.
    name
        Shown by the bot; the folder's name by default.
    replace_model
        Replace a better model that is already there.
    prune
        Remove posts from the library that the corpus no longer has, however many.
    progress
        Progress bars and lines on standard error.

    Raises
    ------
    Image2PicError
        With the way out.
    """
    say = _Say(progress)
    started = time.monotonic()
    report = Report()
    posts = _read(corpus, splits, report)
    say(report.summary())
    library = posts
    for number, more in enumerate(also):
        report = Report()
        posts = posts + [
            replace(post, id=f"also{number}/{post.id}") for post in _read(more, splits, report)
        ]
        say(f"{more}: {report.summary()}")
    sources = photo_sources(posts)
    if len(sources) < LEAST_POSTS:
        raise CorpusError(
            f"{corpus} has {len(sources)} posts with a photo; at least {LEAST_POSTS} are needed"
        )
    work = out / "work"
    work.mkdir(parents=True, exist_ok=True)
    encoder_file = _encoder_file(settings, work, say)
    encoder = LiteRtEncoder(encoder_file, threads=1, workers=settings.workers)
    features = work / ("features-" + _key(encoder_file, settings))
    for other in work.glob("features-*"):
        if other != features:
            # Of another encoder, or of other settings: a model needs one.
            shutil.rmtree(other, ignore_errors=True)
    codebook = _codebook(encoder, sources, features, settings, progress)
    clock = time.monotonic()
    fresh = not (features / "chunks").exists()
    texts = tokenise(posts, TextPipeline())
    if not texts:
        raise CorpusError(f"none of the posts in {corpus} has a text with words")
    words, tags = learn_vocabularies(texts, least=_least(settings, texts), most=settings.most)
    if not len(words) + len(tags):
        raise CorpusError(
            f"no word is in {settings.least} texts or more; collect more posts, or lower --least"
        )
    chunks = describe_photos(
        encoder,
        codebook,
        sources,
        features / "chunks",
        grids=features / "sample",
        progress=progress,
    )
    data = assemble(chunks, texts, words, tags, len(codebook))
    # Whole grids are large, and of use only until the photos are described.
    shutil.rmtree(features / "sample", ignore_errors=True)
    if len(data) < LEAST_POSTS or not data.texts.nnz:
        raise CorpusError(
            f"{corpus} has {len(data)} posts with a photo that can be read, and "
            f"{data.texts.shape[0]} texts of theirs; at least {LEAST_POSTS} are needed"
        )
    say(
        f"{len(data):,} posts, {data.texts.shape[0]:,} texts, {len(words):,} words, "
        f"{len(tags):,} hashtags; features {time.monotonic() - clock:.0f} s"
        + ("" if fresh else " (partly from the last run)")
    )
    clock = time.monotonic()
    learnt = _learn(data, words, tags, settings, work, say)
    seconds = time.monotonic() - clock
    say(f"model learnt in {seconds:.0f} s")
    data.save(work / "train")
    model = _model(learnt, data, codebook, encoder, words, tags, settings, name or out.name)
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
        },
    )
    plot_training(learnt.artm.history, learnt.coherence, staging / "training.png")
    if not replace_model:
        _compare(out, model)
    _install(staging, out)
    model = load_model(out)
    say(f"model {identity}: " + _quality_line(model.info.quality))
    _library(model, library, texts, encoder, sources, features, corpus, out, prune, say)
    say(f"done in {time.monotonic() - started:.0f} s: {out}")
    if report.skipped:
        say(f"{corpus}: {report.summary()}")
    return model


class _Say:
    """Lines for the person who waits."""

    def __init__(self, loud: bool) -> None:
        self.loud = loud

    def __call__(self, text: str) -> None:
        _log.info("%s", text)
        if self.loud:
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class _Learnt:
    artm: ArtmResult
    projection: Projection
    phi: dict[str, Floats]
    theta: Floats
    coherence: Floats
    readout: Floats
    presence: Floats
    settings: Settings
    quality: dict[str, float]


def _read(corpus: Path, splits: Sequence[str] | None, report: Report) -> list[CorpusPost]:
    if splits is None:
        posts = load_corpus(corpus, report=report)
        train = [post for post in posts if post.split == "train"]
        return train or posts
    return load_corpus(corpus, splits=splits, report=report)


def _encoder_file(settings: BuildSettings, work: Path, say: _Say) -> Path:
    if settings.encoder == "small":
        if not SMALL_ENCODER.is_file():
            raise Image2PicError(f"the small encoder is missing: {SMALL_ENCODER}")
        return SMALL_ENCODER
    path = Path(settings.encoder)
    if path.suffix == ".tflite":
        if not path.is_file():
            raise Image2PicError(f"no encoder file {path}")
        return path
    if settings.encoder != "inception_v3":
        raise Image2PicError(
            f"unknown encoder {settings.encoder!r}: inception_v3, small, or a .tflite file"
        )
    note = f"{settings.weights} {settings.layer} {settings.precision}"
    if settings.weights != "imagenet" and Path(settings.weights).is_file():
        note += " " + sha256_of(Path(settings.weights))
    target = work / f"encoder-{hashlib.sha256(note.encode()).hexdigest()[:12]}.tflite"
    if not target.exists():
        say(f"converting Inception-v3 ({settings.weights}) up to {settings.layer}")
        convert(settings.weights, target, layer=settings.layer, precision=settings.precision)
    return target


def _codebook(
    encoder: LiteRtEncoder,
    sources: Sequence[Any],
    features: Path,
    settings: BuildSettings,
    progress: bool,
) -> Codebook:
    path, sample = features / "codebook.npz", features / "sample"
    wanted = min(SAMPLE, len(sources))
    if not path.exists() or _sampled(path) * 2 < wanted:
        # A corpus that has outgrown its visual words gets new ones, and is described by these.
        shutil.rmtree(features / "chunks", ignore_errors=True)
        ids, _ = sample_grids(encoder, sources, sample, seed=settings.seed, progress=progress)
        book = learn_codebook(
            sample, words=settings.words, dimensions=settings.dimensions, seed=settings.seed
        )
        part = path.with_name("codebook.part.npz")
        np.savez(
            part,
            mean=book.mean,
            components=book.components,
            centroids=book.centroids,
            other=np.array([book.softness, book.per_cell, len(ids)]),
        )
        part.replace(path)
    with np.load(path) as a:
        return Codebook(
            a["mean"], a["components"], a["centroids"], float(a["other"][0]), int(a["other"][1])
        )


def _sampled(path: Path) -> int:
    """From how many photos a codebook was learnt."""
    with np.load(path) as arrays:
        return int(arrays["other"][2])


def _least(settings: BuildSettings, texts: Sequence[Text]) -> int:
    """In a small corpus two posts make a word; one never does."""
    return settings.least if len(texts) >= 1000 else min(settings.least, 2)


def choose_topics(posts: int, texts: int) -> int:
    """Topics for a corpus of so many posts: about sqrt(posts) * 1.65, 16 to 256."""
    return int(min(256, max(16, round(1.65 * np.sqrt(min(posts, texts)) / 8) * 8)))


def _learn(
    data: Dataset,
    words: Vocabulary,
    tags: Vocabulary,
    settings: BuildSettings,
    work: Path,
    say: _Say,
) -> _Learnt:
    topics = settings.topics or choose_topics(len(data), data.texts.shape[0])
    pooled = data.pooled()
    width = len(words)
    bags = {"text": pooled[:, :width], "tag": pooled[:, width:], "visual": data.visual}
    # A relative weight: so many times the mass that the photos would have by themselves.
    artm_settings = ArtmSettings(
        topics=topics,
        background=min(settings.background, topics // 8),
        class_weights={"visual": settings.visual_weight},
        seed=settings.seed,
        processors=settings.workers,
    )
    say(f"BigARTM: {topics} topics")
    artm = train_artm(
        bags,
        artm_settings,
        work / "artm",
        progress=lambda line: say("  pass " + line) if line.split("/")[0].endswith("5") else None,
    )
    stacked = np.concatenate([artm.phi["text"], artm.phi["tag"]])
    subject = topics - artm_settings.background
    chosen, quality = _choose(data, stacked, artm.theta, settings, subject, width, say)
    say("refining on all posts")
    projection = refine(data, stacked, artm.theta, settings.refine)
    phi, theta, readout, presence = _fit_phi(data, projection, artm, subject, width)
    coherence = npmi(phi["text"], pooled[:, :width])
    return _Learnt(artm, projection, phi, theta, coherence, readout, presence, chosen, quality)


def _choose(
    data: Dataset,
    stacked: Floats,
    theta: Floats,
    settings: BuildSettings,
    subject: int,
    width: int,
    say: _Say,
) -> tuple[Settings, dict[str, float]]:
    """Learn on most posts, choose settings and measure on the rest."""
    rng = np.random.default_rng(settings.seed)
    order = rng.permutation(len(data))
    count = int(min(2000, max(settings.held_out * len(data), 5)))
    held, rest = np.sort(order[:count]), np.sort(order[count:])
    learn, test = data.subset(rest), data.subset(held)
    if not test.texts.shape[0] or not learn.texts.shape[0]:
        return Settings(calibration={"text": Calibration(4.0, -1.0, 0.0)}), {}
    say(f"choosing settings on {len(test):,} held-out posts")
    projection = refine(
        learn,
        stacked,
        theta[rest],
        settings.refine,
        progress=lambda line: say("  epoch " + line) if line.split("/")[0].endswith("5") else None,
    )
    text_bank, photo_bank = banks(learn, projection, settings.seed)
    photos = projection.photos(test.features)
    texts = _text_vectors(test, projection)
    neighbours = (min(10, len(text_bank)), min(100, len(photo_bank)))
    hub_photo = scoring.hubness(photos, text_bank, neighbours[0])
    hub_text = scoring.hubness(texts, photo_bank, neighbours[1])
    raw = texts @ photos.T
    weights = (0.0, 0.25, 0.5, 0.75)
    forward = {
        w: metrics.summarise(
            metrics.text_to_photo_ranks(
                partial(_less, raw, w * hub_photo[None]), test.owner, len(test)
            )
        )
        for w in weights
    }
    backward = {
        w: metrics.summarise(
            metrics.photo_to_text_ranks(
                partial(_less, raw.T, w * hub_text[None]), test.owner, len(test)
            )
        )
        for w in weights
    }
    best = (
        max(weights, key=lambda w: forward[w].r10 + forward[w].r5),
        max(weights, key=lambda w: backward[w].r10 + backward[w].r5),
    )
    cuts = {
        "text": _cut_text(test, learn, projection, text_bank, best[0], neighbours[0], rng),
        "photo": _cut_photo(photos),
    }
    cuts["both"] = cuts["photo"]
    readout, presence = fit_readout(learn, projection)
    power, p5 = _annotation_power(photos, test, readout, presence, width)
    quality = {
        "held_out_posts": float(len(test)),
        "text_to_photo_r10": forward[best[0]].r10,
        "photo_to_text_r10": backward[best[1]].r10,
        "annotation_p5": p5,
        "real_answered": 100 * cuts["text"].found,
        "nonsense_answered": 100 * cuts["text"].nonsense,
    }
    chosen = Settings(
        hub_neighbours=neighbours,
        hub_weight=best,
        rerank_weight=0.05,
        annotation_power=power,
        calibration={kind: cut.calibration for kind, cut in cuts.items()},
    )
    return chosen, quality


def _less(scores: Floats, taken: Floats, rows: slice) -> Floats:
    result: Floats = scores[rows] - taken
    return result


def _over(scores: Floats, usual: Floats, rows: slice) -> Floats:
    result: Floats = scores[rows] / usual
    return result


def _text_vectors(data: Dataset, projection: Projection) -> Floats:
    parts = [
        projection.texts(data.texts[start : start + 2048].toarray())
        for start in range(0, data.texts.shape[0], 2048)
    ]
    empty = np.zeros((0, projection.topics), np.float32)
    result: Floats = np.concatenate(parts) if parts else empty
    return result


def banks(data: Dataset, projection: Projection, seed: int) -> tuple[Floats, Floats]:
    """Unit vectors of some training texts and photos, at most `BANK` each."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(data.texts.shape[0])[:BANK])
    posts = np.sort(rng.permutation(len(data))[:BANK])
    return (
        projection.texts(data.texts[rows].toarray()),
        projection.photos(data.features[posts]),
    )


def _cut_text(
    test: Dataset,
    learn: Dataset,
    projection: Projection,
    text_bank: Floats,
    weight: float,
    neighbours: int,
    rng: np.random.Generator,
) -> Cut:
    """Texts against photos; senseless texts are words of the vocabulary thrown together."""
    posts = rng.permutation(len(learn))[:5000]
    library = projection.photos(np.concatenate([learn.features[posts], test.features]))
    bias = weight * scoring.hubness(library, text_bank, neighbours)
    real = _text_vectors(test, projection)
    real = real[rng.permutation(len(real))[:1000]]
    noise = np.zeros((500, test.texts.shape[1]), np.float32)
    for row in noise:
        row[rng.integers(0, len(row), 5)] = 1
    senseless = projection.texts(noise)
    return calibrate(
        (real @ library.T - bias).max(1),
        (senseless @ library.T - bias).max(1),
    )


def _cut_photo(photos: Floats) -> Cut:
    """Photos against photos: what the nearest other one scores."""
    close = photos @ photos.T
    np.fill_diagonal(close, -1)
    return calibrate(close.max(1), np.zeros(0, np.float32))


def fit_readout(data: Dataset, projection: Projection) -> tuple[Floats, Floats]:
    """Ridge regression of "the post has the word" on a photo's log-ratio of theta.

    Returns
    -------
    readout, presence
        Shapes (W, K) and (W,): the share of posts with a word is ``presence + readout . z``.
    """
    z = projection.photos(data.features)
    has = (data.pooled() > 0).astype(np.float32)
    share = np.asarray(has.mean(0), np.float32).ravel()
    mean = z.mean(0)
    gram = z.T @ z / len(z) - np.outer(mean, mean) + 1e-3 * np.eye(z.shape[1]) / z.shape[1] * 8
    cross = np.asarray(has.T @ z, np.float32) / len(z) - np.outer(share, mean)
    readout = np.linalg.solve(gram, cross.T).T.astype(np.float32)
    return readout, (share - readout @ mean).astype(np.float32)


def _annotation_power(
    photos: Floats, test: Dataset, readout: Floats, presence: Floats, width: int
) -> tuple[float, float]:
    """The most special words that cost at most 3 % of the best precision at 5."""
    truth = metrics.truth_of(test.texts[:, :width], test.owner, len(test))
    share = np.clip(presence + photos @ readout.T, 1e-4, 1)[:, :width]
    usual = np.maximum(presence[:width], 1e-6)
    allowed = np.ones(width, bool)
    found = {
        power: metrics.annotation(
            partial(_over, share, (usual**power).astype(np.float32)), truth, allowed
        ).p5
        for power in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
    }
    best = max(found.values())
    power = max(power for power, p5 in found.items() if p5 >= 0.97 * best)
    return power, found[power]


def _fit_phi(
    data: Dataset, projection: Projection, artm: ArtmResult, subject: int, width: int
) -> tuple[dict[str, Floats], Floats, Floats, Floats]:
    theta = softmax(
        max(1.0, projection.sharpness[0])
        * np.sqrt(projection.topics)
        * projection.photos(data.features)
    )
    pooled = data.pooled()
    phi = {}
    for name, counts in (
        ("text", pooled[:, :width]),
        ("tag", pooled[:, width:]),
        ("visual", data.visual),
    ):
        start = artm.phi[name]
        if not counts.nnz:
            phi[name] = np.zeros((counts.shape[1], theta.shape[1]), np.float32)
            continue
        words = name != "visual"
        phi[name] = refit_phi(
            counts,
            theta,
            start,
            subject=subject,
            passes=20,
            decorrelation=0.2 if words else 0.0,
            sparsity=0.02 if words else 0.0,
        )
    readout, presence = fit_readout(data, projection)
    return phi, theta, readout, presence


def _model(
    learnt: _Learnt,
    data: Dataset,
    codebook: Codebook,
    encoder: LiteRtEncoder,
    words: Vocabulary,
    tags: Vocabulary,
    settings: BuildSettings,
    name: str,
) -> Model:
    projection = learnt.projection
    sharp = max(1.0, projection.sharpness[0])
    projection = replace(projection, sharpness=(sharp, sharp))
    text_bank, photo_bank = banks(data, projection, settings.seed)
    topics = projection.topics
    languages = tuple(
        str(language)
        for language, n in zip(*np.unique(data.language, return_counts=True), strict=True)
        if language and n >= 0.01 * len(data.language)
    )
    shape: EncoderShape = encoder.shape
    return Model(
        info=ModelInfo(
            id="",
            name=name,
            encoder=Path(settings.encoder).stem
            if settings.encoder != "inception_v3"
            else f"inception_v3/{settings.layer}",
            topics=topics,
            background=min(settings.background, topics // 8),
            posts=len(data),
            languages=languages,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            quality=learnt.quality,
        ),
        shape=shape,
        codebook=codebook,
        words=words,
        tags=tags,
        phi=learnt.phi,
        prior=learnt.theta.mean(0),
        coherence=learnt.coherence,
        projection=projection,
        readout=learnt.readout,
        presence=learnt.presence,
        text_bank=text_bank,
        photo_bank=photo_bank,
        settings=learnt.settings,
        folder=Path(),
    )


def _quality_line(quality: Any) -> str:
    if not quality:
        return "too few posts to measure its quality"
    return (
        f"on {quality['held_out_posts']:.0f} held-out posts text->photo R@10 "
        f"{quality['text_to_photo_r10']:.1f} %, photo->text {quality['photo_to_text_r10']:.1f} %, "
        f"annotation P@5 {quality['annotation_p5']:.1f} %"
    )


def _compare(out: Path, model: Model) -> None:
    """Refuse to replace a model that was clearly better on posts it had not seen."""
    try:
        old = read_manifest(out)["quality"]
    except Image2PicError:
        return
    new = model.info.quality
    if not old or not new or old.get("held_out_posts") != new["held_out_posts"]:
        return  # another corpus: the numbers do not compare
    names = ("text_to_photo_r10", "photo_to_text_r10")
    before, after = (sum(row[name] for name in names) / 2 for row in (old, new))
    if after < before - 2:
        raise Image2PicError(
            f"the new model is worse than the one in {out}: R@10 {after:.1f} % after "
            f"{before:.1f} %. It is kept in {out / '.next'}; --replace puts it in place anyway"
        )


def _install(staging: Path, out: Path) -> None:
    """Move the files into place, the manifest last: a half-moved model is refused, not used."""
    for path in sorted(staging.iterdir(), key=lambda p: p.name == "manifest.json"):
        path.replace(out / path.name)
    staging.rmdir()


def _library(
    model: Model,
    posts: Sequence[CorpusPost],
    texts: Sequence[Text],
    encoder: LiteRtEncoder,
    sources: Sequence[Any],
    features: Path,
    corpus: Path,
    out: Path,
    prune: bool,
    say: _Say,
) -> None:
    engine = Engine(model)
    chunks = describe_photos(encoder, model.codebook, sources, features / "chunks", progress=False)
    with SqliteStore(out / "posts.sqlite") as store:
        store.photo_root = _photo_root(corpus, out)
        written = fill_library(engine, store, posts, texts, chunks, corpus)
        gone = {post.id for post in store.recent(store.count())} - {post.id for post in posts}
        few = max(FEW_REMOVED, len(posts) // 100)
        words = f"{len(gone):,} posts of the library in {out} are not in {corpus}"
        if len(gone) <= few or prune or confirmed(f"{words}. Remove them from the library?"):
            store.delete(gone)
            if gone:
                say(f"{words}: they are removed from it")
        else:
            say(f"{words}: they stay, but cannot be found (--prune removes them)")
        version = store.version()
        engine.load(store.vectors(model.info.id), version=version)
    engine.save(out / "index.faiss", version=version)
    say(f"library: {written:,} posts in posts.sqlite, index.faiss")


def _photo_root(corpus: Path, out: Path) -> Path:
    """Relative to the model where both lie in the current folder, so that it can be moved."""
    here = Path.cwd()
    corpus, out = corpus.resolve(), out.resolve()
    if corpus.is_relative_to(here) and out.is_relative_to(here):
        return Path(os.path.relpath(corpus, out))
    return corpus


def _key(encoder: Path, settings: BuildSettings) -> str:
    facts = json.dumps([sha256_of(encoder), settings.words, settings.dimensions, settings.seed])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``image2pic build``."""
    parser.add_argument(
        "corpus",
        type=folder_path,
        help="a corpus (folder with posts.jsonl), a Telegram Desktop export (JSON; also its zip, "
        "or a folder above several), or a folder of photos; all but the first are first collected "
        "into corpus/NAME and cleaned",
    )
    parser.add_argument(
        "--out", type=folder_path, help="the model's folder (default: models/CORPUS)"
    )
    parser.add_argument("--name", default="", help="the model's name, shown by the bot")
    parser.add_argument(
        "--split", action="append", help="learn from this split only (repeatable; default: train)"
    )
    parser.add_argument(
        "--also",
        type=Path,
        action="append",
        default=[],
        metavar="CORPUS",
        help="learn from this corpus too, without its posts in the library (repeatable)",
    )
    parser.add_argument(
        "--encoder",
        default="inception_v3",
        help="inception_v3 (the full network), small (shipped with image2pic), or a .tflite file",
    )
    parser.add_argument(
        "--weights",
        help="Inception-v3 weights: imagenet (Keras downloads them), a .h5 or an .npz file "
        "(default: ../shared/weights/*.npz where it lies beside the project, else imagenet)",
    )
    parser.add_argument("--layer", default="mixed8", help="Inception-v3 layer (default: mixed8)")
    parser.add_argument("--precision", default="float16", choices=["float32", "float16", "int8"])
    parser.add_argument("--topics", type=int, default=0, help="topics (default: by corpus size)")
    parser.add_argument("--words", type=int, default=1024, help="visual words (default: 1024)")
    parser.add_argument("--least", type=int, default=3, help="texts a word must be in (default: 3)")
    parser.add_argument("--epochs", type=int, help="passes of the refinement")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="photos encoded at a time")
    parser.add_argument(
        "--replace", action="store_true", help="replace the model even by a worse one"
    )
    parser.add_argument(
        "--username", help="of an export: the chat's public name or a link to it, for links"
    )
    parser.add_argument(
        "--partial", action="store_true", help="build from an export that ended too early"
    )
    parser.add_argument(
        "--prune", action="store_true", help="remove posts that the source no longer has"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """``image2pic build``."""
    for option, (least, most) in RANGES.items():
        value = getattr(args, option)
        if value is not None and not least <= value <= most:
            raise Image2PicError(f"--{option} {value}: {least} to {most}")
    if 0 < args.topics < 8:
        raise Image2PicError(f"--topics {args.topics}: at least 8 (or 0 to choose by corpus size)")
    beside = sorted(Path("../shared/weights").glob("inception_v3*.npz"))
    weights = args.weights or (str(beside[0]) if beside else "imagenet")
    refining = RefineSettings(seed=args.seed)
    if args.epochs is not None:
        refining = replace(refining, epochs=args.epochs)
    settings = BuildSettings(
        encoder=args.encoder,
        weights=weights,
        layer=args.layer,
        precision=args.precision,
        topics=args.topics,
        words=args.words,
        least=args.least,
        seed=args.seed,
        workers=args.workers,
        refine=refining,
    )
    say = _Say(not args.quiet)
    prepared = prepare(
        args.corpus,
        say,
        PrepareOptions(
            username=args.username,
            partial=args.partial,
            prune=args.prune,
            progress=not args.quiet and sys.stderr.isatty(),
        ),
    )
    build(
        prepared.folder,
        args.out or Path("models") / prepared.folder.resolve().name,
        settings,
        splits=args.split,
        also=args.also,
        name=args.name,
        replace_model=args.replace,
        prune=args.prune,
        progress=not args.quiet,
    )
    for loss in prepared.losses:
        # Also where nothing else is said.
        print(loss, file=sys.stderr)
    return 0
