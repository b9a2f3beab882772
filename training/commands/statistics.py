"""``image2pic statistics``: what a base corpus knows of photos and sentences, as numbers."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.errors import Image2PicError
from engine.files import shipped
from engine.text.sentences import DEFAULT, sentence_encoder
from training.commands.common import positive
from training.learn.statistics import corpus_moments, write_statistics
from training.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``image2pic statistics``."""
    parser.add_argument(
        "corpora",
        type=Path,
        nargs="+",
        help="corpora, of each its train split; or the folders of models that were built of them",
    )
    parser.add_argument(
        "--encoder",
        default="small",
        help="small (the one that ships), or a .tflite file, such as a model's (default: small)",
    )
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    parser.add_argument("--workers", type=positive, default=2, help="photos encoded at a time")


def run(args: argparse.Namespace) -> int:
    """``image2pic statistics``."""
    small = args.encoder == "small"
    encoder = shipped("encoder-small", "encoder.tflite") if small else Path(args.encoder)
    if not encoder.is_file():
        raise Image2PicError(f"no encoder file {encoder}")
    sentences = sentence_encoder(DEFAULT)
    progress = Progress()
    parts = [
        corpus_moments(corpus, encoder, sentences, workers=args.workers, progress=progress)
        for corpus in args.corpora
    ]
    write_statistics(args.out, parts, sentences=sentences.name)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB")
    return 0
