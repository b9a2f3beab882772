"""Everything that decides how a model comes out, and the photo encoder that is asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.encoder import ENCODERS, Encoder, LiteRtEncoder
from engine.errors import Image2PicError
from engine.files import sha256_of, shipped
from engine.text.sentences import DEFAULT
from training.learn.refine import RefineSettings
from training.learn.weights import Precision, convert
from training.progress import Progress

SMALL_ENCODER: Final = shipped("encoder-small", "encoder.tflite")


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
    min_df, max_df
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
    min_df: int = 3
    max_df: float = 0.5
    held_out: float = 0.1
    sentences: str = DEFAULT
    sentence_words: int = 256
    ocr: bool = True
    statistics: str = "shipped"
    seed: int = 1
    workers: int = 2
    refine: RefineSettings = field(default_factory=RefineSettings)


def encoder_of(
    settings: BuildSettings, work: Path, progress: Progress
) -> tuple[Encoder, Path | None]:
    """The photo encoder and its file, which one that is a class does not have."""
    if settings.encoder in ENCODERS:
        made = ENCODERS[settings.encoder](work, threads=1, workers=settings.workers)
        return made, None
    file = _encoder_file(settings, work, progress)
    return LiteRtEncoder(file, threads=1, workers=settings.workers), file


def _encoder_file(settings: BuildSettings, work: Path, progress: Progress) -> Path:
    """Inception-v3 is converted into `work` where it is not there yet."""
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
            f"unknown encoder {settings.encoder!r}: "
            + ", ".join(["inception_v3", "small", *ENCODERS, "or a .tflite file"])
        )
    note = f"{settings.weights} {settings.layer} {settings.precision}"
    if settings.weights != "imagenet" and Path(settings.weights).is_file():
        note += " " + sha256_of(Path(settings.weights))
    target = work / f"encoder-{hashlib.sha256(note.encode()).hexdigest()[:12]}.tflite"
    if not target.exists():
        progress(f"converting Inception-v3 ({settings.weights}) up to {settings.layer}")
        convert(settings.weights, target, layer=settings.layer, precision=settings.precision)
    return target


def encoder_name(settings: BuildSettings) -> str:
    """As manifests give it."""
    if settings.encoder == "inception_v3":
        return f"inception_v3/{settings.layer}"
    return Path(settings.encoder).stem


def features_key(file: Path | None, settings: BuildSettings) -> str:
    """Names the features of an encoder and of the settings that they depend on."""
    encoder = settings.encoder if file is None else sha256_of(file)
    facts = json.dumps([encoder, settings.words, settings.dimensions, settings.seed])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]
