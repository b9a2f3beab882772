"""``image2pic explain``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from engine.engine import Engine
from engine.pictures import to_png
from training.commands.common import line, model_argument, positive, read_photo, write_picture

#: Heading, and both ends of the scale of colours.
_WORDS: Final = {"en": ("What I see", "less", "more"), "ru": ("Что я вижу", "меньше", "больше")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    model_argument(parser)
    parser.add_argument("--photo", type=Path, help="a photo")
    parser.add_argument("--text", default="", help="words")
    parser.add_argument("--out", type=Path, help="write the picture to this PNG")
    parser.add_argument("--language", default="en", choices=["en", "ru"])
    parser.add_argument("--topics", type=positive, default=4, help="topics to show (default: 4)")


def run(args: argparse.Namespace) -> int:
    """Print the topics; write the picture."""
    engine = Engine.open(args.model)
    photo = read_photo(args.photo) if args.photo else None
    query = engine.query(photo=photo, text=args.text)
    why = engine.explain(query, photo=photo, language=args.language, topics=args.topics)
    for share in why.topics:
        print(f"{100 * share.share:5.1f} %  topic {share.topic + 1:3d}  {line(share.words)}")
    if args.out:
        heading, less, more = _WORDS[args.language]
        picture = engine.explain_picture(
            why, photo=photo, heading=args.text or heading, legend=(less, more)
        )
        write_picture(args.out, to_png(picture))
        print(f"picture: {args.out}")
    return 0
