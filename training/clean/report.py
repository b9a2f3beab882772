"""What cleaning took out and why: in words, as JSON, and as contact sheets of samples."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.cleaning.rules import RULES, Limits, Verdict
from engine.errors import PhotoError
from engine.photo import decode
from engine.pictures import SheetItem, contact_sheet
from training.clean.rules import JudgedCorpus
from training.corpus.dropped import FOLDER

SAMPLES: Final = 15
MANY_ADVERTS: Final = 0.05
"""Share of adverts in a source above which the owner is told, and so many of them."""

FEW_ADVERTS: Final = 3
MANY: Final = 0.2
"""Share of posts that any other rule takes above which the owner is told."""

SOURCES: Final = 3
"""So many sources are named."""

SHEET_COLUMNS: Final = 5
_TILE: Final = 240

_PLURAL: Final[Mapping[str, tuple[str, str]]] = {
    "unreadable": ("unreadable line", "unreadable lines"),
    "replaced": ("replaced by a later line", "replaced by a later line"),
    "broken photo": ("broken photo", "broken photos"),
    "tiny photo": ("tiny photo", "tiny photos"),
    "too short": ("too short", "too short"),
    "advert": ("advert", "adverts"),
    "same photo": ("copy of a photo", "copies of a photo"),
    "near-duplicate photo": ("near-duplicate photo", "near-duplicate photos"),
    "same text": ("repost of a text", "reposts of a text"),
}
_MEANING: Final[Mapping[str, str]] = {
    "unreadable": "the line is not a post, or its photo is missing",
    "replaced": "a later line has the same id",
    "broken photo": "the photo cannot be decoded",
    "tiny photo": "the photo's shorter side is under {limits.min_side} pixels",
    "too short": "fewer than {judged.min_tokens} meaningful tokens (words that are no stop words, "
    "and hashtags); the post in the middle has {judged.median_tokens:.0f}",
    "advert": "probability of an advert {limits.threshold:.2f} or more; the words that spoke for "
    "it are named",
    "same photo": "the photo is, byte for byte, that of another post, which has words or more "
    "pixels, or comes first; that one took over the words",
    "near-duplicate photo": "the photo looks like that of another post: their perceptual hashes "
    "differ in at most {limits.distance} of 64 bits; the best of them stays",
    "same text": "the words are those of another post (of another album), and the photos look "
    "alike, or neither has one",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """A post of the report.

    Attributes
    ----------
    line
        Its number in ``posts.jsonl`` before cleaning.
    verdict
        Why it goes; None: it stays.
    record
        Its fields; empty where the line could not be read.
    """

    line: int
    verdict: Verdict | None
    record: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The first text of the post."""
        text = self.record.get("text")
        texts = self.record.get("texts")
        if not text and isinstance(texts, dict):
            text = next((t for found in texts.values() if found for t in found), "")
        return text if isinstance(text, str) else ""


def summary(judged: JudgedCorpus) -> str:
    """For example: ``kept 80,412 of 240,118: 91,203 adverts, 2 broken photos``."""
    counts = judged.counts()
    text = f"kept {judged.kept:,} of {judged.total:,}"
    taken = [
        f"{counts[rule]:,} {_PLURAL[rule][counts[rule] != 1]}" for rule in RULES if counts[rule]
    ]
    return text + (": " + ", ".join(taken) if taken else "")


def warnings(judged: JudgedCorpus) -> list[str]:
    """Losses that the owner should look at, in words, with the way out."""
    said = []
    for source, count in judged.adverts.most_common(SOURCES):
        total = judged.sources[source]
        if count >= FEW_ADVERTS and count > MANY_ADVERTS * total:
            said.append(
                f"{count:,} of {total:,} posts{f' of {source!r}' * bool(source)} "
                f"({count / total:.0%}) were taken for adverts: look at the report, and if they "
                "are none, run `image2pic label CORPUS`, which teaches the filter by yes and no "
                "(or clean with --keep-adverts)"
            )
    for rule, count in judged.counts().most_common():
        if rule not in ("advert", "replaced") and count > MANY * judged.total:
            said.append(
                f"{count:,} of {judged.total:,} posts ({count / judged.total:.0%}) were left out: "
                f"{_PLURAL[rule][1]}. Look at the report; `image2pic clean CORPUS --undo` puts "
                "them back"
            )
    return said


class Reservoir:
    """A random sample of the lines of each rule, and of those that stay (reservoir sampling).

    Parameters
    ----------
    verdicts
        Number of a line -> why it goes.
    count
        How many of each rule.
    seed
        Of the sample.
    """

    def __init__(
        self, verdicts: Mapping[int, Verdict], *, count: int = SAMPLES, seed: int = 0
    ) -> None:
        self._verdicts, self._count, self._rng = verdicts, count, random.Random(seed)
        self._drawn: dict[str, list[tuple[int, bytes]]] = {}
        self._seen: Counter[str] = Counter()

    def add(self, number: int, line: bytes) -> None:
        """Let a line take part."""
        if not line.strip():
            return
        verdict = self._verdicts.get(number)
        rule = verdict.rule if verdict else ""
        self._seen[rule] += 1
        drawn = self._drawn.setdefault(rule, [])
        if len(drawn) < self._count:
            drawn.append((number, line))
        elif (place := self._rng.randrange(self._seen[rule])) < self._count:
            drawn[place] = (number, line)

    def samples(self) -> list[Sample]:
        """What was drawn, rule by rule."""
        return [
            Sample(number, self._verdicts.get(number), _record(line))
            for rule in ("", *RULES)
            for number, line in sorted(self._drawn.get(rule, []))
        ]


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {"text": line[:200].decode("utf-8", "replace")}
    return record if isinstance(record, dict) else {}


def write_report(corpus: Path, judged: JudgedCorpus, limits: Limits, found: list[Sample]) -> Path:
    """Write ``report.md``, ``report.json`` and a contact sheet for each rule.

    Returns
    -------
    Path
        Of ``report.md``, in the corpus' folder ``cleaning``.
    """
    folder = corpus / FOLDER
    folder.mkdir(exist_ok=True)
    for old in folder.glob("sheet-*.jpg"):
        old.unlink()
    lines = [f"# Cleaning of {corpus.resolve().name}", "", summary(judged), ""]
    counts = judged.counts()
    languages = ", ".join(f"{name} {count:,}" for name, count in judged.languages.most_common())
    lines += [f"Languages of the posts that stay: {languages or 'none'}.", ""]
    for rule in ("", *RULES):
        of_rule = [s for s in found if (s.verdict.rule if s.verdict else "") == rule]
        if not of_rule:
            continue
        if rule:
            meaning = _MEANING[rule].format(limits=limits, judged=judged)
            lines += [f"## {_PLURAL[rule][1]}: {counts[rule]:,}", "", f"{meaning}.", ""]
        else:
            lines += [f"## kept: {judged.kept:,}", ""]
        sheet = f"sheet-{rule.replace(' ', '-') or 'kept'}.jpg"
        heading = f"{_PLURAL[rule][1]}: {counts[rule]:,}" if rule else f"kept: {judged.kept:,}"
        _sheet(corpus, of_rule, heading).save(folder / sheet, quality=85)
        lines += [f"![{sheet}]({sheet})", "", *_list(of_rule), ""]
    lines += [
        "What was taken out stands in `dropped.jsonl`; `image2pic clean CORPUS --undo` "
        "puts it back.",
        "",
    ]
    report = folder / "report.md"
    report.write_text("\n".join(lines), "utf-8")
    facts = {
        "summary": summary(judged),
        "kept": judged.kept,
        "total": judged.total,
        "dropped": dict(counts),
        "languages": dict(judged.languages),
        "min_tokens": judged.min_tokens,
        "median_tokens": judged.median_tokens,
        "threshold": limits.threshold,
        "min_side": limits.min_side,
        "distance": limits.distance,
    }
    (folder / "report.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return report


def _list(found: list[Sample]) -> Iterator[str]:
    for sample in found:
        name = sample.record.get("id", "")
        text = " ".join(sample.text.split())[:160].replace("|", "/").replace("`", "'")
        why = f" ({sample.verdict.why})" if sample.verdict else ""
        yield f"- line {sample.line} `{name}`{why}: {text}"


def _sheet(corpus: Path, found: list[Sample], heading: str) -> Any:
    items = []
    root = corpus.resolve()
    for sample in found:
        image = None
        name = sample.record.get("photo")
        if isinstance(name, str) and name:
            try:
                path = (corpus / name).resolve()
                if path.is_relative_to(root):
                    image = decode(path, size_hint=_TILE)
            except (PhotoError, OSError, ValueError):
                image = None
        why = sample.verdict.why if sample.verdict else ""
        items.append(SheetItem(image, why or f"line {sample.line}", sample.text[:400] or why))
    return contact_sheet(items, columns=SHEET_COLUMNS, tile=_TILE, heading=heading)
