"""The rules over a whole corpus: what each post is, then which posts go and why."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import near_pairs, text_key
from engine.cleaning.rules import Limits, Verdict, meaningful
from engine.corpus.reader import CorpusPost, Problem, Report, read_corpus
from engine.text import TextBag, TextPipeline
from training.clean.photos import Measured, PhotoCache

MOST_TOKENS: Final = 20
"""The original's limit, made for long posts; no corpus' own limit is higher."""


class _Seen(NamedTuple):
    """What is remembered of a post until all are read."""

    line: int
    text_key: bytes | None
    sha256: bytes | None
    hash: bytes | None
    album: int
    photo: Verdict | None


@dataclass
class Judged:
    """The verdicts on a corpus.

    Attributes
    ----------
    verdicts
        Number of a line, from 1 -> why it goes.
    kept
        Posts that stay.
    total
        Posts and lines that were looked at.
    languages
        Of the kept posts: ``en``, ``ru``, ``other``, ``none``.
    min_tokens
        The limit that was applied.
    median_tokens
        Meaningful tokens of the post in the middle.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    kept: int = 0
    total: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    min_tokens: int = 0
    median_tokens: float = 0.0

    def counts(self) -> Counter[str]:
        """Rule -> posts that it takes out."""
        return Counter(verdict.rule for verdict in self.verdicts.values())


def full_text(post: CorpusPost) -> str:
    """All texts of a post, each on lines of its own."""
    return "\n".join(text for texts in post.texts.values() for text in texts)


def language(bag: TextBag) -> str:
    """Tell the language of most words: ``en``, ``ru``, ``other``; ``none`` without words."""
    counts = Counter(token.language for token in bag.lemmas)
    if not counts:
        return "none"
    return counts.most_common(1)[0][0] or "other"


def limit_from(tokens: Sequence[int]) -> int:
    """Choose the fewest meaningful tokens from the data: a quarter of the median, 2 to 20.

    For the long posts that the original was made for it gives the original's 20; for captions of
    a dozen words it gives 2.
    """
    if not tokens:
        return 2
    return int(min(MOST_TOKENS, max(2, statistics.median(tokens) // 4)))


def judge_corpus(
    corpus: Path, limits: Limits, adverts: AdvertFilter | None, *, min_tokens: int | None = None
) -> Judged:
    """Judge every line of a corpus; nothing is changed.

    Parameters
    ----------
    corpus
        Its folder.
    limits
        Where the lines are drawn.
    adverts
        The filter, or None to keep adverts.
    min_tokens
        In place of the limit that the data suggest.

    Raises
    ------
    CorpusError
        The corpus cannot be read.
    """
    judged = Judged()

    def unreadable(problem: Problem) -> None:
        why = problem.reason + (f": {problem.detail}" if problem.detail else "")
        judged.verdicts[problem.line] = Verdict("unreadable", why)

    report = Report(on_problem=unreadable)
    posts = read_corpus(corpus, report=report)
    pipeline = TextPipeline()
    seen: list[_Seen] = []
    tokens, probabilities = array("l"), array("d")
    languages: list[str] = []
    why: dict[int, str] = {}
    cache = PhotoCache(corpus)
    try:
        for post, photo in cache.measured((post, post.photo) for post in posts):
            text = full_text(post)
            bag = pipeline(text, post.tags)
            more = post.extra
            probability = 0.0
            if adverts is not None and limits.threshold <= 1:
                probability = 1.0 if more.get("marked_as_ads") else adverts.probability(text)
                if probability >= limits.threshold:
                    words = ", ".join(piece.text for piece in adverts.why(text, 4))
                    marked = "marked as an advert by its source"
                    why[len(seen)] = (
                        marked if more.get("marked_as_ads") else f"{probability:.2f}: {words}"
                    )
            tokens.append(meaningful(bag))
            probabilities.append(probability)
            languages.append(language(bag))
            seen.append(
                _Seen(
                    post.line,
                    text_key(bag),
                    photo.sha256[:16] if photo else None,
                    photo.hash if photo else None,
                    hash(str(more["album"])) if more.get("album") else 0,
                    _photo_verdict(photo, limits),
                )
            )
    finally:
        cache.close()
    _replaced(corpus, judged, seen)
    judged.median_tokens = float(statistics.median(tokens)) if tokens else 0.0
    judged.min_tokens = limit_from(tokens) if min_tokens is None else min_tokens
    limits = replace(limits, min_tokens=judged.min_tokens)

    staying: list[int] = []
    for place, (line, *_, broken) in enumerate(seen):
        if broken is not None:
            judged.verdicts[line] = broken
        elif tokens[place] < limits.min_tokens:
            judged.verdicts[line] = Verdict(
                "too short", f"{tokens[place]} meaningful tokens, fewer than {limits.min_tokens}"
            )
        elif place in why:
            judged.verdicts[line] = Verdict("advert", why[place])
        else:
            staying.append(place)
    staying = _without_copies(seen, staying, judged)
    staying = _without_near(seen, staying, judged, limits.distance)
    staying = _without_reposts(seen, staying, judged)
    judged.kept = len(staying)
    judged.total = judged.kept + len(judged.verdicts)
    judged.languages.update(languages[place] for place in staying)
    return judged


def _photo_verdict(photo: Measured | None, limits: Limits) -> Verdict | None:
    if photo is None:
        return None
    if photo.problem is not None:
        return Verdict("broken photo", photo.problem)
    if min(photo.width, photo.height) < limits.min_side:
        return Verdict("tiny photo", f"{photo.width} x {photo.height} pixels")
    return None


def _replaced(corpus: Path, judged: Judged, seen: list[_Seen]) -> None:
    """Lines whose id a later line has: they must not come back when that one goes."""
    current = {post.line for post in seen}
    with (corpus / "posts.jsonl").open("rb") as file:
        for number, line in enumerate(file, 1):
            if number not in current and number not in judged.verdicts and line.strip():
                judged.verdicts[number] = Verdict("replaced", "a later line has the same id")


def _without_copies(seen: list[_Seen], staying: list[int], judged: Judged) -> list[int]:
    first: dict[bytes, int] = {}
    kept = []
    for place in staying:
        post = seen[place]
        original = first.setdefault(post.sha256, post.line) if post.sha256 else post.line
        if original == post.line:
            kept.append(place)
        else:
            judged.verdicts[post.line] = Verdict("same photo", f"as in line {original}")
    return kept


def _without_near(
    seen: list[_Seen], staying: list[int], judged: Judged, distance: int
) -> list[int]:
    if distance < 0:
        return staying
    values = {place: value for place in staying if (value := seen[place].hash) is not None}
    hashes = np.unique(np.array([int.from_bytes(v, "big") for v in values.values()], np.uint64))
    position = {int(value): index for index, value in enumerate(hashes)}
    near: dict[int, set[int]] = {}
    for pairs in near_pairs(hashes, distance):
        for one, other in pairs.tolist():
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
    # The first of those that look alike stays; what is like one that went may stay itself.
    owner: dict[int, int] = {}
    kept = []
    for place in staying:
        value = values.get(place)
        if value is not None:
            index = position[int.from_bytes(value, "big")]
            like = (
                index
                if index in owner
                else next((other for other in near.get(index, ()) if other in owner), None)
            )
            if like is not None:
                bits = int(np.bitwise_count(hashes[index] ^ hashes[like]))
                judged.verdicts[seen[place].line] = Verdict(
                    "near-duplicate photo", f"{bits} bits of 64 from line {owner[like]}"
                )
                continue
            owner[index] = seen[place].line
        kept.append(place)
    return kept


def _without_reposts(seen: list[_Seen], staying: list[int], judged: Judged) -> list[int]:
    first: dict[bytes, tuple[int, int]] = {}
    kept = []
    for place in staying:
        post = seen[place]
        if post.text_key is not None:
            line, album = first.setdefault(post.text_key, (post.line, post.album))
            # Photos of one album share their text.
            if line != post.line and not (album and album == post.album):
                judged.verdicts[post.line] = Verdict("same text", f"as in line {line}")
                continue
        kept.append(place)
    return kept
