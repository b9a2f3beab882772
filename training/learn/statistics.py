"""What photos and sentences of a base corpus have to do with each other, as numbers that ship.

Covariances of the photos' features, of sentence vectors, and between both are all that a CCA needs
of posts. Added to those of a corpus, with a weight chosen on held-out posts, they make a useful
model of a few hundred posts. No text and no photo can be read out of them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine.corpus.reader import TRAIN_SPLIT, Report, load_corpus
from engine.encoder import ENCODER_FILE, LiteRtEncoder
from engine.errors import CorpusError, Image2PicError
from engine.files import open_arrays, shipped
from engine.projection import photo_view
from engine.results import Floats
from engine.text import TextPipeline
from engine.text.sentences import SentenceEncoder
from training.learn.bags import tokenise
from training.learn.cca import Base, Moments, moments
from training.learn.dataset import Dataset
from training.learn.describe import photo_sources
from training.learn.features import encode
from training.progress import QUIET, Progress

SHARED: Final = 0.1
"""Share of a corpus's texts, known to the statistics, from which they are taken to be of it."""

POWER: Final = 0.75
"""Of the features; a corpus that wants another power goes without the statistics."""


def shipped_statistics(encoder: str) -> Path:
    """The file that ships for an encoder, by the name that manifests give it."""
    return shipped("statistics", encoder.replace("/", "-") + ".npz")


class CorpusStatistics(NamedTuple):
    """Statistics of one corpus, and `marks` of its texts."""

    moments: Moments
    texts: npt.NDArray[np.uint64]


def marks(vectors: Floats) -> npt.NDArray[np.uint64]:
    """64 signs of each sentence vector: the same text has the same, another hardly ever; (n,)."""
    signs = np.zeros((len(vectors), 64), bool)
    signs[:, : vectors.shape[1]] = vectors[:, :64] > 0
    return np.packbits(signs, axis=1).view(np.uint64)[:, 0]


def read_statistics(path: Path, *, channels: int, sentences: str, texts: Floats) -> Base:
    """Read what `write_statistics` wrote; nothing where it is of the same posts.

    By posts that the statistics are of, no weight of them can be chosen.

    Parameters
    ----------
    channels
        Of the encoder that they are to be used with.
    sentences
        Name of the sentence encoder.
    texts
        Sentence vectors of the corpus at hand, shape (m, D).

    Raises
    ------
    Image2PicError
        It is no such file, or of other encoders.
    """
    try:
        with open_arrays(path) as a:
            name, power = str(a["sentences"]), float(a["power"])
            photo, sentence = _whole(a["photo"]), _whole(a["sentence"])
            cross = a["cross"].astype(np.float32)
            scales = a["scales"].astype(np.float32)
            known = a["texts"]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise Image2PicError(f"{path} holds no statistics ({error})") from error
    if name != sentences or len(photo) != channels or cross.shape != (len(sentence), channels):
        raise Image2PicError(
            f"{path} is of other encoders ({len(photo)} channels and {name}, here are {channels} "
            f"and {sentences}): make it anew by `image2pic statistics`, or give --statistics none"
        )
    if np.isin(marks(texts), known).mean() > SHARED:
        return {}
    width = len(sentence)
    none = np.zeros(0, np.float32)
    return {
        power: Moments(
            1.0,
            none,
            none,
            none,
            photo * scales[0],
            np.zeros((0, 0), np.float32),
            sentence * scales[1],
            np.zeros((0, width), np.float32),
            np.zeros((0, channels), np.float32),
            cross * scales[2],
        )
    }


def write_statistics(path: Path, parts: Sequence[CorpusStatistics], *, sentences: str) -> None:
    """Write the mean of corpora's covariances in half precision.

    Each corpus counts by the square root of its pairs: a large one does not outweigh the others.
    """
    weights = np.sqrt([part.moments.pairs for part in parts])
    weights = (weights / weights.sum()).astype(np.float32)
    photo, sentence, cross = (
        np.sum([w * getattr(p.moments, name) for w, p in zip(weights, parts, strict=True)], axis=0)
        for name in ("photo", "sentence", "sentence_photo")
    )
    scales = np.array([np.abs(m).max() for m in (photo, sentence, cross)], np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        allow_pickle=False,
        photo=_half(photo / scales[0]),
        sentence=_half(sentence / scales[1]),
        cross=(cross / scales[2]).astype(np.float16),
        scales=scales,
        texts=np.unique(np.concatenate([part.texts for part in parts])),
        power=np.float32(POWER),
        sentences=np.array(sentences),
    )


def corpus_moments(
    corpus: Path,
    encoder: Path,
    sentences: SentenceEncoder,
    *,
    workers: int,
    progress: Progress = QUIET,
) -> CorpusStatistics:
    """Statistics of a corpus's train split (of all of it where there is none).

    Where `corpus` is the folder of a model that was built here, of what the model has learnt from:
    its photos and texts have been read, and a build that was stopped goes on.
    """
    network = LiteRtEncoder(encoder, threads=1, workers=workers)
    if (corpus / "work" / "train").is_dir():
        data = Dataset.load(corpus / "work" / "train")
        photos, vectors, owner = data.features, data.sentences, data.owner
        if (photos.shape[1], vectors.shape[1]) != (network.shape.channels, sentences.dimensions):
            raise Image2PicError(
                f"{corpus} was built with other encoders; give its own by --encoder "
                f"{corpus / ENCODER_FILE}"
            )
    else:
        photos, vectors, owner = _read(corpus, network, sentences, progress)
    rooted = photo_view(photos, None, POWER, 0.0)
    none = sparse.csr_matrix((len(owner), 1), dtype=np.float32)
    return CorpusStatistics(moments(rooted, none, vectors, owner), marks(vectors))


def _read(
    corpus: Path, network: LiteRtEncoder, sentences: SentenceEncoder, progress: Progress
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Mean features of photos, sentence vectors of texts, and the photo of each text."""
    posts = load_corpus(corpus, report=Report())
    posts = [post for post in posts if post.split == TRAIN_SPLIT] or posts
    place: dict[str, int] = {}
    rows: list[Floats] = []
    sources = photo_sources(posts)
    bar = progress.bar(iterable=encode(network, sources), total=len(sources), desc=corpus.name)
    for name, grid in bar:
        place[name] = len(rows)
        rows.append(grid.mean(0))
    texts = [text for text in tokenise(posts, TextPipeline()) if text.post in place]
    if not texts:
        raise CorpusError(f"{corpus} has no posts with a photo and a text")
    owner = np.array([place[text.post] for text in texts], np.int64)
    return np.array(rows, np.float32), sentences([text.plain for text in texts]), owner


def _half(matrix: Floats) -> Floats:
    """The lower triangle of a symmetric matrix, in half precision."""
    half: Floats = matrix[np.tril_indices(len(matrix))].astype(np.float16)
    return half


def _whole(triangle: Floats) -> Floats:
    size = int((np.sqrt(8 * len(triangle) + 1) - 1) / 2)
    matrix = np.zeros((size, size), np.float32)
    matrix[np.tril_indices(size)] = triangle
    return matrix + np.tril(matrix, -1).T
