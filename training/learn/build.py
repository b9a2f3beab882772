"""From a folder of posts to a model and a library that finds. Resumable; see `build`."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse

from engine.codebook import Codebook
from engine.corpus.reader import CorpusPost, Report, load_corpus
from engine.encoder import EncoderShape, LiteRtEncoder
from engine.engine import Engine
from engine.errors import CorpusError, Image2PicError
from engine.files import sha256_of, shipped, whole_file
from engine.model import (
    MODALITIES,
    Model,
    ModelInfo,
    Settings,
    load_model,
    read_manifest,
    save_model,
)
from engine.ocr import find_tesseract
from engine.projection import Projection
from engine.results import Floats
from engine.scoring import neighbours_of
from engine.store import SqliteStore
from engine.terms import tag_floors
from engine.text import TextPipeline
from engine.text.sentences import DEFAULT, SentenceEncoder, described, sentence_encoder
from engine.vocabulary import Vocabulary
from training.commands.common import confirmed, folder_path
from training.evaluate.coherence import npmi, vector_coherence
from training.learn.artm import ArtmResult, ArtmSettings, train_artm
from training.learn.bags import Text, assemble, learn_vocabularies, tokenise
from training.learn.cca import Base, CcaSettings, fit_cca, moments
from training.learn.choose import (
    Banks,
    banks,
    checked,
    choose_settings,
    fit_readout,
    good_counts,
    post_vectors,
    search_cca,
    split,
    topic_counts,
    with_base,
)
from training.learn.cluster import Cluster
from training.learn.dataset import Dataset
from training.learn.describe import fill_library, photo_sources, written_texts
from training.learn.features import (
    SAMPLE,
    Source,
    describe_photos,
    learn_codebook,
    sample_grids,
)
from training.learn.mstep import refit_phi
from training.learn.picture_words import read_picture_words
from training.learn.plots import plot_training
from training.learn.prepare import PrepareOptions, prepare
from training.learn.refine import (
    RefineSettings,
    aligned,
    inverse_document_frequency,
    refine,
    weigh,
)
from training.learn.sentence_words import sentence_bags
from training.learn.statistics import read_statistics, shipped_statistics
from training.learn.weights import Precision, convert

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

WRITING: Final = (64, 0.1)
"""Photos that are read first, and the share of them with words on them from which all are read."""

SAME: Final = 0.98
"""Cosine of a training photo and a post from which they are taken for the same."""

SMALL_ENCODER: Final = shipped("encoder-small", "encoder.tflite")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildSettings:
    """Everything that decides how a model comes out.

    Attributes
    ----------
    topics
        Number of topics; 0 chooses on held-out posts.
    words, dimensions
        Size of the codebook of visual words, and of its PCA space.
    sentences, sentence_words
        The sentence encoder, "" for none, and the size of the codebook of sentence vectors.
    least, most
        Texts a word must be in, and the largest share of them it may be in.
    ocr
        Read the words on photos, where Tesseract is there.
    statistics
        A file of statistics of other posts, ``"shipped"`` for what ships, or ``"none"``.
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
    sentences: str = DEFAULT
    sentence_words: int = 256
    ocr: bool = True
    statistics: str = "shipped"
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
    cluster: Cluster | None = None,
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
    cluster
        Where photos are described and words on them read; here without one.

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
    codebook = _codebook(encoder, sources, features, settings, progress, cluster)
    clock = time.monotonic()
    fresh = not (features / "chunks").exists()
    texts = tokenise(posts, TextPipeline())
    if not texts:
        raise CorpusError(f"none of the posts in {corpus} has a text with words")
    words, tags = learn_vocabularies(texts, least=_least(settings, texts), most=settings.most)
    if not len(words) + len(tags):
        raise CorpusError(
            f"no word is in {settings.least} texts or more; collect more posts, or lower --min-df"
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
    written = _written(sources, work, settings, say, progress, cluster) if settings.ocr else {}
    base = _base(settings, encoder, say)
    data = assemble(chunks, texts, words, tags, len(codebook), sentences, written)
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
    learnt = _learn(data, words, tags, base, sentences, settings, work, say)
    seconds = time.monotonic() - clock
    say(f"model learnt in {seconds:.0f} s")
    data.save(work / "train")
    model = _model(
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
        _compare(out, model)
    _install(staging, out)
    model = load_model(out)
    say(f"model {identity}: " + _quality_line(model.info.quality))
    _library(model, library, data, written, corpus, out, prune, say)
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
    artm_settings: ArtmSettings
    projection: Projection
    phi: dict[str, Floats]
    theta: Floats
    coherence: Floats
    readout: Floats
    presence: Floats
    settings: Settings
    quality: dict[str, float]
    tried: list[dict[str, Any]]


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
    cluster: Cluster | None,
) -> Codebook:
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


def _base(settings: BuildSettings, encoder: LiteRtEncoder, say: _Say) -> Base:
    """The statistics of other posts that may be added, if there are any for the encoders."""
    path = Path(settings.statistics)
    if settings.statistics == "shipped":
        path = shipped_statistics(_encoder_name(settings))
        if not path.is_file():
            return {}
    if settings.statistics == "none" or not settings.sentences:
        return {}
    say(f"statistics of other posts: {path}")
    return read_statistics(path, channels=encoder.shape.channels, sentences=settings.sentences)


def _encoder_name(settings: BuildSettings) -> str:
    """As manifests give it."""
    if settings.encoder == "inception_v3":
        return f"inception_v3/{settings.layer}"
    return Path(settings.encoder).stem


def _written(
    sources: Sequence[Source],
    work: Path,
    settings: BuildSettings,
    say: _Say,
    progress: bool,
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
            say(f"{100 * share:.0f} % of {len(found)} photos have words on them: no more are read")
            return {}
    say(f"{100 * share:.0f} % of the photos have words on them")
    return written_texts(found)


def _least(settings: BuildSettings, texts: Sequence[Text]) -> int:
    """In a small corpus two posts make a word; one never does."""
    return settings.least if len(texts) >= 1000 else min(settings.least, 2)


def _learn(
    data: Dataset,
    words: Vocabulary,
    tags: Vocabulary,
    base: Base,
    sentences: SentenceEncoder | None,
    settings: BuildSettings,
    work: Path,
    say: _Say,
) -> _Learnt:
    languages = np.array(words.languages, np.str_)
    counts = topic_counts(len(data)) if not settings.topics else (settings.topics,)
    say("choosing the settings of the maps on held-out posts")
    found = search_cca(
        data, base, share=settings.held_out, seed=settings.seed, topics=counts, say=say
    )
    learn, held = split(data, share=settings.held_out, seed=settings.seed)
    trained = [
        _topic_model(data, words, tags, learn, held, topics, settings, sentences, work, say)
        for topics in good_counts(found.values)
    ]
    best = max(trained, key=lambda row: row.coherence)
    tried = [
        *found.tried,
        {"setting": "topics", "values": {f"{k}": round(v, 1) for k, v in found.values.items()}},
        {
            "setting": "coherence",
            "values": {f"{row.settings.topics}": round(row.coherence, 3) for row in trained},
        },
    ]
    artm, topics = best.result, best.settings.topics
    say(f"{topics} topics; refining, as long as held-out posts are found better")
    stacked = np.concatenate([artm.phi["text"], artm.phi["tag"]])
    place = {name: row for row, name in enumerate(data.ids)}
    start = _start(learn, artm.theta[[place[name] for name in learn.ids]], base, found.settings)
    refined = refine(
        learn,
        stacked,
        start,
        settings.refine,
        check=checked(learn, held, settings.seed),
        progress=lambda line: say("  epoch " + line),
    )
    tried.append(
        {"setting": "epochs", "values": {f"{n}": round(v, 1) for n, v in enumerate(refined.values)}}
    )
    chosen = choose_settings(
        learn, held, refined.projection, languages=languages, seed=settings.seed
    )
    say(f"refining on all posts: {refined.epochs} epochs")
    projection = refine(
        data,
        stacked,
        _start(data, artm.theta, base, found.settings),
        replace(settings.refine, stop=refined.epochs),
    ).projection
    subject = topics - best.settings.background
    weight = chosen.settings.written_weight
    phi, theta = _fit_phi(data, projection, artm, subject, len(words), weight)
    readout, presence = fit_readout(data, projection, weight, chosen.ridge)
    return _Learnt(
        artm,
        best.settings,
        projection,
        phi,
        theta,
        npmi(phi["text"], data.pooled()[:, : len(words)]),
        readout,
        presence,
        chosen.settings,
        chosen.quality,
        [*tried, *chosen.tried],
    )


def _start(data: Dataset, theta: Floats, base: Base, settings: CcaSettings) -> Projection:
    """The CCA of some posts, rotated onto topics."""
    idf = inverse_document_frequency(data.texts)
    rooted = np.maximum(data.features, 0) ** np.float32(settings.power)
    mine = moments(rooted, weigh(data.texts, idf), data.sentences, data.owner)
    cca = fit_cca(with_base(mine, base, settings), settings, theta.shape[1] - 1)
    return aligned(cca, data, theta, idf, settings.power)


@dataclass(frozen=True)
class _TopicModel:
    result: ArtmResult
    settings: ArtmSettings
    coherence: float


def _topic_model(
    data: Dataset,
    words: Vocabulary,
    tags: Vocabulary,
    learn: Dataset,
    held: Dataset,
    topics: int,
    settings: BuildSettings,
    sentences: SentenceEncoder | None,
    work: Path,
    say: _Say,
) -> _TopicModel:
    """BigARTM's topics, so many, and how well their words belong together."""
    pooled, width = data.pooled(), len(words)
    bags = {
        "text": pooled[:, :width],
        "tag": pooled[:, width:],
        "visual": data.visual,
        "sentence": sentence_bags(data, words=settings.sentence_words, seed=settings.seed),
        "written": data.written[:, :width],
    }
    # Relative weights: so many times the mass that the photos would have by themselves.
    artm_settings = ArtmSettings(
        topics=topics,
        background=min(settings.background, topics // 8),
        class_weights={"visual": settings.visual_weight},
        seed=settings.seed,
        processors=settings.workers,
    )
    say(f"BigARTM: {topics} topics")
    result = train_artm(
        {name: bag for name, bag in bags.items() if bag.nnz or name in MODALITIES},
        artm_settings,
        work / "artm",
        progress=lambda line: say("  pass " + line) if line.split("/")[0].endswith("5") else None,
    )
    subject = topics - artm_settings.background
    phi = result.phi["text"][:, :subject]
    coherence = float(npmi(phi, data.pooled()[:, :width]).mean())
    if sentences is not None:
        coherence += float(vector_coherence(phi, words.surfaces, sentences).mean())
    return _TopicModel(result, artm_settings, coherence)


def _fit_phi(
    data: Dataset,
    projection: Projection,
    artm: ArtmResult,
    subject: int,
    width: int,
    weight: float,
) -> tuple[dict[str, Floats], Floats]:
    theta = projection.theta(post_vectors(data, projection, weight), photo=1.0)
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
        # BigARTM has decorrelated and sparsed Phi; once more only made topics less coherent.
        phi[name] = refit_phi(counts, theta, start, subject=subject, passes=20)
    return phi, theta


def _model(
    learnt: _Learnt,
    data: Dataset,
    codebook: Codebook,
    encoder: LiteRtEncoder,
    words: Vocabulary,
    tags: Vocabulary,
    settings: BuildSettings,
    sentences: SentenceEncoder | None,
    name: str,
) -> Model:
    projection, chosen = learnt.projection, learnt.settings
    bank = banks(data, projection, chosen.written_weight, settings.seed)
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
            encoder=_encoder_name(settings),
            topics=projection.topics,
            background=learnt.artm_settings.background,
            posts=len(data),
            languages=languages,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            quality=learnt.quality,
            sentences={} if sentences is None else described(sentences),
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
        text_bank=bank.texts,
        photo_bank=bank.photos,
        bank=bank.posts,
        tag_floors=_tag_floors(learnt, data, bank, len(words)),
        settings=chosen,
        folder=Path(),
    )


def _tag_floors(learnt: _Learnt, data: Dataset, bank: Banks, width: int) -> Floats:
    """`engine.terms.tag_floors` over some training photos, none of which speaks for itself."""
    settings = replace(learnt.settings, neighbours=learnt.settings.neighbours)
    z = bank.photos[:1000]
    read = learnt.presence[width:] + z @ learnt.readout[width:].T
    usual = np.asarray((data.pooled()[:, width:] > 0).mean(0), np.float32).ravel()
    near, say = neighbours_of(z, bank.posts, settings)
    say[np.take_along_axis(z @ bank.posts.z.T, near, 1) > SAME] = 0
    votes = sparse.csr_matrix(
        (say.ravel(), (np.repeat(np.arange(len(z)), near.shape[1]), near.ravel())),
        shape=(len(z), bank.has.shape[0]),
    )
    said = np.asarray((votes @ bank.has[:, width:]).todense(), np.float32)
    part = settings.neighbour_share
    return tag_floors((1 - part) * read + part * said, usual)


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
    data: Dataset,
    written: Mapping[str, Text],
    corpus: Path,
    out: Path,
    prune: bool,
    say: _Say,
) -> None:
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
                say(f"{words}: they are removed from it")
        else:
            say(f"{words}: they stay, but cannot be found (--prune removes them)")
        version = store.version()
        engine.load(store.vectors(model.info.id), version=version)
    engine.save(out / "index.faiss", version=version)
    say(f"library: {count:,} posts in posts.sqlite, index.faiss")


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
        "--extra",
        dest="also",
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
        default="imagenet",
        help="Inception-v3 weights: imagenet (Keras downloads them; the default), a .h5 or an .npz "
        "file",
    )
    parser.add_argument("--layer", default="mixed8", help="Inception-v3 layer (default: mixed8)")
    parser.add_argument("--precision", default="float16", choices=["float32", "float16", "int8"])
    parser.add_argument("--topics", type=int, default=0, help="topics (default: by corpus size)")
    parser.add_argument("--words", type=int, default=1024, help="visual words (default: 1024)")
    parser.add_argument(
        "--min-df",
        dest="least",
        metavar="TEXTS",
        type=int,
        default=3,
        help="texts a word must be in (default: 3)",
    )
    parser.add_argument("--epochs", type=int, help="passes of the refinement")
    parser.add_argument(
        "--ocr",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="read the words on photos (default: where Tesseract is found)",
    )
    parser.add_argument(
        "--statistics",
        default="shipped",
        metavar="FILE",
        help="statistics of other posts to start from, made by `image2pic statistics`; `none` "
        "leaves them out (default: those that ship)",
    )
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
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="describe photos on a Dask cluster: tcp://scheduler:8786, or local",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """``image2pic build``."""
    for option, (least, most) in RANGES.items():
        value = getattr(args, option)
        if value is not None and not least <= value <= most:
            name = {"least": "min-df"}.get(option, option)
            raise Image2PicError(f"--{name} {value}: {least} to {most}")
    if 0 < args.topics < 8:
        raise Image2PicError(f"--topics {args.topics}: at least 8 (or 0 to choose by corpus size)")
    refining = RefineSettings(seed=args.seed)
    if args.epochs is not None:
        refining = replace(refining, epochs=args.epochs)
    settings = BuildSettings(
        encoder=args.encoder,
        weights=args.weights,
        layer=args.layer,
        precision=args.precision,
        topics=args.topics,
        words=args.words,
        least=args.least,
        ocr=args.ocr,
        statistics=args.statistics,
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
    with contextlib.ExitStack() as stack:
        cluster = (
            stack.enter_context(Cluster(args.cluster, workers=args.workers))
            if args.cluster
            else None
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
            cluster=cluster,
        )
    for loss in prepared.losses:
        # Also where nothing else is said.
        print(loss, file=sys.stderr)
    return 0
