"""``image2pic build``: learn a model from a corpus and index its posts."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from training.cluster import open_cluster
from training.commands.common import (
    cluster_argument,
    count,
    folder_path,
    positive,
    storage_address,
    within,
)
from training.commands.prepare import prepare
from training.learn.build import build
from training.learn.refine import RefineSettings
from training.learn.settings import BuildSettings
from training.progress import Progress

MOST_WORDS: Final = 65_535
"""The number of a visual word is kept in 16 bits."""


def topics(text: str) -> int:
    """What argparse reads a number of topics with; 0 chooses by the corpus's size."""
    return int(text) and within(int, 8, 4096)(text)


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
        type=Path,
        action="append",
        default=[],
        metavar="CORPUS",
        help="learn from this corpus too, without its posts in the library (repeatable)",
    )
    parser.add_argument(
        "--encoder",
        default="inception_v3",
        help="inception_v3 (the full network), small (shipped with image2pic), a .tflite file, or "
        "a name in engine.encoder.ENCODERS",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        help="Inception-v3 weights: imagenet (Keras downloads them; the default), a .h5 or an .npz "
        "file",
    )
    parser.add_argument("--layer", default="mixed8", help="Inception-v3 layer (default: mixed8)")
    parser.add_argument(
        "--precision",
        default="float16",
        choices=["float32", "float16", "int8"],
        help="of the encoder's weights (default: float16)",
    )
    parser.add_argument(
        "--topics", type=topics, default=0, help="8 or more (default: by corpus size)"
    )
    parser.add_argument(
        "--words",
        type=within(int, 1, MOST_WORDS),
        default=1024,
        help="visual words (default: 1024)",
    )
    parser.add_argument(
        "--min-df",
        metavar="TEXTS",
        type=positive,
        default=3,
        help="texts a word must be in (default: 3)",
    )
    parser.add_argument("--epochs", type=count, help="passes of the refinement")
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
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (default: 1)")
    parser.add_argument("--workers", type=positive, default=2, help="photos encoded at a time")
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
        "--photos",
        type=storage_address,
        metavar="ADDRESS",
        help="where the corpus's photos are, if not in its folder: s3://..., gs://..., ssh://...",
    )
    cluster_argument(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """``image2pic build``."""
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
        min_df=args.min_df,
        ocr=args.ocr,
        statistics=args.statistics,
        seed=args.seed,
        workers=args.workers,
        refine=refining,
    )
    progress = Progress(not args.quiet)
    options = {"username": args.username, "partial": args.partial, "prune": args.prune}
    prepared = prepare(args.corpus, progress, **options)
    with contextlib.ExitStack() as stack:
        # At the end, whatever comes of it; also where nothing else is said.
        for loss in reversed(prepared.losses):
            stack.callback(print, loss, file=sys.stderr)
        cluster = stack.enter_context(open_cluster(args.cluster, workers=args.workers))
        build(
            prepared.folder,
            args.out or Path("models") / prepared.folder.resolve().name,
            settings,
            splits=args.split,
            extra=args.extra,
            name=args.name,
            replace_model=args.replace,
            prune=args.prune,
            progress=progress,
            photos=args.photos,
            read=prepared.posts,
            cluster=cluster,
        )
    return 0
