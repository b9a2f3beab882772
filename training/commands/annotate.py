"""``image2pic annotate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.engine import Engine
from training.commands.common import count, model_argument, read_photo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    model_argument(parser)
    parser.add_argument("--photo", type=Path, required=True, help="a photo")
    parser.add_argument("--language", default="en", choices=["en", "ru"])
    parser.add_argument("-n", "--words", type=count, default=8, help="words (default: 8)")
    parser.add_argument("--tags", type=count, default=5, help="hashtags (default: 5)")


def run(args: argparse.Namespace) -> int:
    """Print words and hashtags with their scores."""
    engine = Engine.open(args.model)
    query = engine.query(photo=read_photo(args.photo))
    found = engine.annotate(query, language=args.language, words=args.words, tags=args.tags)
    for term in found.words:
        print(f"{term.score:6.3f}  {term.text}")
    for term in found.tags:
        print(f"{term.score:6.3f}  #{term.text}")
    return 0
