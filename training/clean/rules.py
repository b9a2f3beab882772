"""The rules over a whole corpus: what each post is, then which posts go and why."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import SeenPosts, fingerprint, near_pairs, text_key
from engine.cleaning.rules import (
    Facts,
    Limits,
    Verdict,
    advert_facts,
    judge_alone,
    judge_copy,
    meaningful,
)
from engine.cleaning.signatures import SignatureLines
from engine.corpus.reader import CorpusPost, Problem, Report, Texts, read_corpus, together
from engine.text import TextBag, TextPipeline
from training.clean.photos import PhotoCache, PhotoFacts

MOST_TOKENS: Final = 20
"""The original's limit, made for long posts; no corpus' own limit is higher."""


BATCH: Final = 256
"""Texts that are looked at together."""


class _Post(NamedTuple):
    """What is remembered of a post until all are read."""

    line: int
    id: str
    facts: Facts
    album: str | None
    language: str
    source: str


@dataclass
class JudgedCorpus:
    """The verdicts on a corpus.

    Attributes
    ----------
    posts
        All that could be read.
    verdicts
        Number of a line, from 1 -> why it goes.
    kept
        Posts that stay.
    total
        Posts and lines that were looked at.
    languages
        Of the kept posts: ``en``, ``ru``, ``other``, ``none``.
    copies
        Id of a post that stays -> ids of those with words that go because of its photo.
    adverts
        Source -> posts of it that go as adverts.
    sources
        Source -> posts of it.
    min_tokens
        The limit that was applied.
    median_tokens
        Meaningful tokens of the post in the middle.
    """

    posts: Collection[CorpusPost]
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    kept: int = 0
    total: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    copies: dict[str, list[str]] = field(default_factory=dict)
    adverts: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    min_tokens: int = 0
    median_tokens: float = 0.0

    def counts(self) -> Counter[str]:
        """Rule -> posts that it takes out."""
        return Counter(verdict.rule for verdict in self.verdicts.values())

    def taken_over(self) -> dict[str, Texts]:
        """Id of a post that stays -> texts of those in `copies`, by language."""
        wanted = {copy for found in self.copies.values() for copy in found}
        texts = {post.id: post.texts for post in self.posts if post.id in wanted}
        taken: dict[str, dict[str, tuple[str, ...]]] = {}
        for key, found in self.copies.items():
            own = taken.setdefault(key, {})
            for copy in found:
                for language, many in texts[copy].items():
                    own[language] = (*own.get(language, ()), *many)
        return dict(taken)

    def staying(self, taken_over: Mapping[str, Texts]) -> list[CorpusPost]:
        """The posts that are left, with the texts that they take over."""
        return [
            replace(post, texts=together(post.texts, taken_over.get(post.id, {})))
            for post in self.posts
            if post.line not in self.verdicts
        ]


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
) -> JudgedCorpus:
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
        In place of the limit that the data suggest, which holds for posts without a photo only.

    Raises
    ------
    CorpusError
        The corpus cannot be read.
    """
    verdicts: dict[int, Verdict] = {}

    def unreadable(problem: Problem) -> None:
        why = problem.reason + (f": {problem.detail}" if problem.detail else "")
        verdicts[problem.line] = Verdict("unreadable", why)

    report = Report(on_problem=unreadable)
    judged = JudgedCorpus(read_corpus(corpus, report=report), verdicts)
    posts = _posts(corpus, judged.posts, limits, adverts)
    for line in report.replaced_lines:
        # They must not come back when the later one goes.
        verdicts[line] = Verdict("replaced", "a later line has the same id")
    tokens = [post.facts.tokens for post in posts]
    judged.median_tokens = float(statistics.median(tokens)) if tokens else 0.0
    judged.min_tokens = limit_from(tokens) if min_tokens is None else min_tokens

    staying: list[_Post] = []
    for post in posts:
        # A photo without words is still found by what it shows.
        wordless = min_tokens is None and post.facts.size is not None
        least = 0 if wordless else judged.min_tokens
        verdict = judge_alone(post.facts, replace(limits, min_tokens=least))
        if verdict is None:
            staying.append(post)
        else:
            verdicts[post.line] = verdict
            judged.adverts[post.source] += verdict.rule == "advert"
    judged.sources.update(post.source for post in posts)
    staying = _without_copies(staying, judged, limits.distance)
    judged.kept = len(staying)
    judged.total = judged.kept + len(verdicts)
    judged.languages.update(post.language for post in staying)
    return judged


def _signatures(posts: Iterable[CorpusPost]) -> SignatureLines:
    lines = SignatureLines()
    for post in posts:
        lines.add(post.source or "", full_text(post))
    return lines


def without_signatures(posts: Iterable[CorpusPost]) -> Iterator[CorpusPost]:
    """Give posts without the lines that recur under their sources' posts: what is learnt from."""
    posts = list(posts)
    lines = _signatures(posts)
    for post in posts:
        texts = {
            language: tuple(lines.without(post.source or "", text) for text in many)
            for language, many in post.texts.items()
        }
        yield post if texts == post.texts else replace(post, texts=texts)


def _posts(
    corpus: Path, read: Collection[CorpusPost], limits: Limits, adverts: AdvertFilter | None
) -> list[_Post]:
    signatures = _signatures(read)
    cache = PhotoCache(corpus)
    pipeline = TextPipeline()
    posts: list[_Post] = []
    try:
        measured = cache.measured((post, post.photo) for post in read)
        while batch := list(itertools.islice(measured, BATCH)):
            texts = [signatures.without(post.source or "", full_text(post)) for post, _ in batch]
            standing = [signatures.recurs(post.source or "", full_text(post)) for post, _ in batch]
            chances = advert_facts(
                ["" if recurs else text for recurs, text in zip(standing, texts, strict=True)],
                limits,
                adverts,
            )
            for (post, photo), text, (advert, why) in zip(batch, texts, chances, strict=True):
                bag = pipeline(text, post.tags)
                if post.extra.get("marked_as_ads") and adverts is not None:
                    advert, why = 1.0, "marked as an advert by its source"
                tokens = meaningful(bag)
                found = fingerprint(text_key(text, bag), worded=tokens > 0)
                facts = Facts(tokens, found, None, "", advert, why)
                album = post.extra.get("album")
                posts.append(
                    _Post(
                        post.line,
                        post.id,
                        facts if photo is None else _with_photo(facts, photo),
                        f"{post.source} {album}" if album else None,
                        language(bag),
                        post.source or "",
                    )
                )
    finally:
        cache.close()
    return posts


def _with_photo(facts: Facts, photo: PhotoFacts) -> Facts:
    if photo.problem is not None:
        return facts._replace(broken=photo.problem)
    look = int.from_bytes(photo.hash, "big") if photo.hash else None
    pixels = photo.width * photo.height
    found = fingerprint(None, photo.sha256, look, worded=facts.tokens > 0, pixels=pixels)
    found = found._replace(words=facts.found.words)
    return facts._replace(found=found, size=(photo.width, photo.height))


def _without_copies(posts: Sequence[_Post], judged: JudgedCorpus, distance: int) -> list[_Post]:
    """Leave out copies: of those that are copies of each other the best stays."""
    hashes = np.unique(
        np.array([p.facts.found.look for p in posts if p.facts.found.look], np.uint64)
    )
    near: dict[int, set[int]] = {}
    for pairs in near_pairs(hashes, distance) if distance >= 0 else ():
        for one, other in hashes[pairs].tolist():
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
    parts, times = np.unique(
        np.array([post.facts.found[:3] for post in posts], np.uint64), return_counts=True
    )
    seen = SeenPosts(distance, {*parts[times > 1].tolist(), *near})
    kept: dict[str, _Post] = {}
    for post in sorted(posts, key=lambda post: -post.facts.found.worth):
        found = post.facts.found
        copy = seen.copy_of(post.id, found, post.album, near.get(found.look, ()))
        if copy is None:
            seen.add(post.id, found, post.album)
            kept[post.id] = post
            continue
        original = kept[copy.key]
        judged.verdicts[post.line] = judge_copy(copy._replace(key=f"line {original.line}"))
        if copy.rule != "same text" and post.facts.tokens:
            judged.copies.setdefault(original.id, []).append(post.id)
    return [post for post in posts if post.id in kept]
