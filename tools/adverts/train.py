"""Learn the advert filter that comes with the project, and say how good it is.

Run ``python -m tools.adverts.train`` after a change of the examples or of the features. (A filter
is measured on labelled texts of your own by ``image2pic clean --measure FILE``.)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.cleaning.adverts import SHIPPED
from engine.cleaning.rules import THRESHOLD
from training.clean.adverts import FOLDS, by_keywords, learn, measure
from training.clean.examples import own_examples


def cross_validate(out: Path | None) -> None:
    """Learn from the project's examples, print the cross-validation, save the filter."""
    examples = own_examples()
    learnt, probabilities = learn(examples)
    _, mixed = learn(examples, kinds_apart=False)
    print(f"{len(examples):,} examples, {FOLDS} folds, threshold {THRESHOLD}")
    for language in ("", "en", "ru"):
        rows = [n for n, example in enumerate(examples) if example.kind.startswith(language)]
        name = language or "all"
        part = [examples[row] for row in rows]
        print(f"{name:4} kinds apart  {measure(probabilities[rows], part, THRESHOLD)}")
        print(f"{name:4} kinds mixed  {measure(mixed[rows], part, THRESHOLD)}")
        print(f"{name:4} keywords     {measure(by_keywords(part), part)}")
    if out is not None:
        whole = measure(probabilities, examples, THRESHOLD)
        learnt.info["cross_validation"] = {
            "precision": round(whole.precision, 4),
            "recall": round(whole.recall, 4),
            "f1": round(whole.f1, 4),
        }
        learnt.save(out)
        print(f"saved {out.name}: {len(learnt):,} features, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="do not save the filter")
    cross_validate(None if parser.parse_args().dry_run else SHIPPED)
