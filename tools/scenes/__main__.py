"""Render the starter posts: ``python -m tools.scenes --out data/starter``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.scenes import posts
from training.commands.common import positive
from training.progress import Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.scenes", description="Render the starter posts."
    )
    parser.add_argument("--out", type=Path, required=True, help="the corpus folder to write")
    parser.add_argument("--count", type=positive, default=posts.COUNT, help="posts (%(default)s)")
    parser.add_argument("--seed", type=int, default=posts.SEED, help="%(default)s")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    options = parser.parse_args(arguments)
    with Progress().bar(total=options.count, unit="post") as bar:
        total = posts.write(
            options.out,
            options.count,
            seed=options.seed,
            sheet=options.sheet,
            on_post=lambda post: bar.update(),
        )
    print(f"{options.out}: {options.count} posts, {total / 1e6:.1f} MB of photos")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
