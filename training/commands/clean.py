"""``image2pic clean``: adverts, duplicates, scraps and broken photos go."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import MAX_DISTANCE, NEAR
from engine.cleaning.rules import MIN_SIDE, THRESHOLD, Limits
from engine.corpus.reader import POSTS_FILE, CorpusPost
from engine.errors import CorpusError
from training.clean.model import filter_for
from training.clean.report import Reservoir, summary, warnings, write_report
from training.clean.rules import judge_corpus
from training.commands.common import count, share, within
from training.corpus.apply import numbered, put_back, take_out
from training.corpus.dropped import dropped_file
from training.corpus.writer import locked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the corpus and where each rule draws its line."""
    parser.add_argument("corpus", type=Path, nargs="?", help="folder with posts.jsonl")
    parser.add_argument(
        "--min-tokens",
        type=count,
        help="fewest words and hashtags of a post (default: a quarter of the median, 2 to 20, of a "
        "post without a photo)",
    )
    parser.add_argument(
        "--min-side",
        type=count,
        default=MIN_SIDE,
        help="pixels of a photo's shorter side (default: %(default)s)",
    )
    parser.add_argument(
        "--threshold",
        type=share,
        default=THRESHOLD,
        help="probability from which a text is an advert (default: %(default)s)",
    )
    parser.add_argument("--keep-adverts", action="store_true", help="do not look for adverts")
    parser.add_argument(
        "--distance",
        type=within(int, -1, MAX_DISTANCE),
        default=NEAR,
        help=f"bits in which near-duplicate photos differ, 0 to {MAX_DISTANCE}; -1: keep them "
        "(default: %(default)s)",
    )
    parser.add_argument("--filter", type=Path, help="advert filter (.npz) to use")
    parser.add_argument(
        "--dry-run", action="store_true", help="only judge and report, take nothing out"
    )
    parser.add_argument("--undo", action="store_true", help="put back what was taken out")
    parser.add_argument(
        "--measure",
        type=Path,
        metavar="FILE",
        help="measure the advert filter on JSONL with text and label, and do nothing else",
    )


def run(args: argparse.Namespace) -> int:
    """Clean.

    Raises
    ------
    CorpusError
        The corpus cannot be read or written; it is as it was then.
    ModelError
        The advert filter is damaged.
    """
    if args.measure is not None:
        # scikit-learn is only needed to measure.
        from training.clean.adverts import measure_file

        measure_file(args.measure, filter_for(args.corpus, args.filter), args.threshold)
        return 0
    if args.corpus is None:
        raise CorpusError("which corpus? Give the folder that holds posts.jsonl")
    corpus: Path = args.corpus
    if not (corpus / POSTS_FILE).is_file():
        raise CorpusError(f"{corpus / POSTS_FILE} is missing: give the folder of a corpus")
    adverts = None if args.keep_adverts else filter_for(corpus, args.filter)
    limits = Limits(
        min_side=args.min_side, threshold=args.threshold if adverts else 2.0, distance=args.distance
    )
    with locked(corpus):
        if args.dry_run and dropped_file(corpus).is_file():
            raise CorpusError("posts are taken out already: use --undo before --dry-run")
        back = put_back(corpus)
        if args.undo:
            print(f"{back:,} posts are back in {corpus / POSTS_FILE}")
            return 0
        said, losses, _ = _clean(corpus, limits, adverts, args.min_tokens, dry_run=args.dry_run)
    print("\n".join([said, *losses]))
    return 0


def clean(
    corpus: Path, limits: Limits, adverts: AdvertFilter | None
) -> tuple[str, list[str], list[CorpusPost]]:
    """Clean a corpus by these limits, whatever was taken out before.

    Parameters
    ----------
    corpus
        Its folder.
    limits
        Where the lines are drawn.
    adverts
        The filter, or None to keep adverts.

    Returns
    -------
    said, losses, posts
        What was done, and what the owner should look at, in sentences for the end; what stays.

    Raises
    ------
    CorpusError
        The corpus cannot be read or written; it is as it was then.
    """
    with locked(corpus):
        put_back(corpus)
        return _clean(corpus, limits, adverts, None, dry_run=False)


def _clean(
    corpus: Path,
    limits: Limits,
    adverts: AdvertFilter | None,
    min_tokens: int | None,
    *,
    dry_run: bool,
) -> tuple[str, list[str], list[CorpusPost]]:
    judged = judge_corpus(corpus, limits, adverts, min_tokens=min_tokens)
    limits = replace(limits, min_tokens=judged.min_tokens)
    reservoir, taken_over = Reservoir(judged.verdicts), judged.taken_over()
    # Before lines go: a large corpus is read each time.
    posts = judged.staying(taken_over)
    if dry_run:
        for number, line in numbered(corpus / POSTS_FILE):
            reservoir.add(number, line)
    else:
        take_out(corpus, judged.verdicts, taken_over, reservoir.add)
    report = write_report(corpus, judged, limits, reservoir.samples())
    return f"{summary(judged)}\nthe report: {report}", warnings(judged), posts
