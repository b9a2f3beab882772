"""``image2pic label``: yes or no, about the posts that the filter is least sure of."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from pathlib import Path

from engine.errors import CorpusError
from training.clean.label import Question, candidates, least_certain
from training.clean.model import (
    answers,
    filter_file,
    filter_for,
    forget_last_answer,
    save_answer,
    training_examples,
)
from training.commands.common import count

_YES = frozenset(("y", "yes", "1", "д", "да", "н"))  # н: the key of y, Russian layout
_NO = frozenset(("n", "no", "0", "нет", "т"))
_HELP = "y advert, n ordinary post, s skip, u undo the last answer, q stop and learn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the corpus and how much is asked."""
    parser.add_argument("corpus", type=Path, help="folder with posts.jsonl")
    parser.add_argument(
        "--count", type=count, default=50, help="questions at most (default: %(default)s)"
    )
    parser.add_argument(
        "--learn-every",
        type=count,
        default=0,
        help="learn after so many answers, not only at the end",
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="learn from JSONL with text and label, too"
    )


def run(args: argparse.Namespace) -> int:
    """Ask, keep each answer at once, and learn.

    Raises
    ------
    CorpusError
        The corpus or the file of answers cannot be read.
    ModelError
        The advert filter is damaged.
    """
    corpus: Path = args.corpus
    adverts = filter_for(corpus)
    before = len(answers(corpus))
    pool = candidates(corpus, known=answers(corpus))
    questions = least_certain(adverts, pool)
    if not questions and args.answers is None and not before:
        raise CorpusError(f"{corpus} has no texts to ask about")
    asked = given = 0
    last: Question | None = None
    if questions and args.count > 0:
        print(f"Is it an advert? {_HELP}")
    while questions and asked < args.count:
        answer = _ask(questions[0], asked + 1)
        if answer in _YES or answer in _NO:
            last = questions.pop(0)
            save_answer(corpus, last.id, last.text, answer in _YES)
            asked += 1
            given += 1
            if args.learn_every and given % args.learn_every == 0:
                _learn(corpus, args.answers)
                adverts = filter_for(corpus)
                questions = least_certain(adverts, [(q.id, q.text) for q in questions])
        elif answer == "s":
            questions.pop(0)
            asked += 1
        elif answer == "u":
            if last is not None and forget_last_answer(corpus):
                # Asked again at once, since it was most likely a slip.
                questions.insert(0, last)
                last = None
                given -= 1
                asked -= 1
            else:
                print("nothing to undo")
        elif answer in ("q", ""):
            break
        else:
            print(_HELP)
    if given or args.answers is not None or (before and not filter_file(corpus).is_file()):
        _learn(corpus, args.answers)
    else:
        print("no answers, nothing learnt")
    return 0


def _ask(question: Question, number: int) -> str:
    width = min(100, shutil.get_terminal_size().columns)
    print(f"\n[{number}] {question.probability:.0%}")
    for line in question.text[:1500].splitlines():
        print(textwrap.fill(line, width, initial_indent="  ", subsequent_indent="  "))
    try:
        return input("advert? ").strip().lower() or "?"
    except (EOFError, KeyboardInterrupt):
        print()
        return "q"


def _learn(corpus: Path, more: Path | None) -> None:
    # scikit-learn takes a second to import: not before the first question.
    from training.clean.adverts import learn, measure

    examples = training_examples(corpus, more)
    learnt, probabilities = learn(examples)
    place = filter_file(corpus)
    learnt.save(place)
    own = [row for row, example in enumerate(examples) if example.weight > 1]
    print(f"learnt from {len(examples):,} texts, {len(own):,} of them yours; saved {place}")
    labels = {examples[row].advert for row in own}
    if len(own) >= 10 and len(labels) == 2:
        part = [examples[row] for row in own]
        print(f"on yours, each while it was held out: {measure(probabilities[own], part)}")
