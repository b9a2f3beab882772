"""``image2pic evaluate``: measure a model against the baselines."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.model import record_measured
from training.commands.common import model_argument, positive
from training.evaluate.baselines import BASELINES
from training.evaluate.evaluate import evaluate, recorded
from training.evaluate.report import markdown
from training.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's arguments."""
    model_argument(parser)
    parser.add_argument("corpus", type=Path, help="folder of the held-out posts")
    parser.add_argument(
        "--split", help="only posts of this split (default: all, but train where there are others)"
    )
    parser.add_argument(
        "--out", type=Path, help="Markdown file, the picture beside it (default: MODEL/quality.md)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument(
        "--baselines",
        metavar="NAMES",
        help=f"only these, with commas between, or 'none' (default: {','.join(BASELINES)})",
    )
    parser.add_argument(
        "--judgments", type=Path, metavar="FILE", help="votes, from `image2pic-bot export-votes`"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the model's own numbers into it: the bot shows them by /stats",
    )
    parser.add_argument("--workers", type=positive, default=2, help="photos encoded at a time")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def run(args: argparse.Namespace) -> int:
    """Run the command; its exit status."""
    names = None
    if args.baselines is not None:
        names = [n for n in args.baselines.split(",") if n] if args.baselines != "none" else []
    out = args.out or args.model / "quality.md"
    result = evaluate(
        args.model,
        args.corpus,
        split=args.split,
        out=out,
        json_file=args.json,
        baselines=names,
        judgments=args.judgments,
        workers=args.workers,
        progress=Progress(not args.quiet),
    )
    if args.record:
        record_measured(args.model, recorded(result))
    print(markdown(result, out.with_suffix(".png").name))
    return 0
