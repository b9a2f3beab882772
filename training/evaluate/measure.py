"""One row of the table: what a method does with held-out posts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.results import Floats
from engine.text.sentences import SentenceEncoder
from training.evaluate.baselines.base import Method
from training.evaluate.baselines.chance import (
    annotation_chance,
    other_texts_chance,
    photo_to_text_chance,
    similar_posts_chance,
    text_to_photo_chance,
)
from training.evaluate.coherence import npmi, pmi, same_top_words, vector_coherence
from training.evaluate.metrics import (
    Ranks,
    Recall,
    annotation,
    exact_shares,
    interval,
    other_text_ranks,
    photo_to_text_ranks,
    similar_posts,
    summarise,
    text_to_photo_ranks,
    tf_idf,
    truth_of,
)
from training.learn.dataset import Dataset
from training.learn.refine import inverse_document_frequency

Row = dict[str, Any]

PHOTO_WEIGHTS = (0.0, 0.5, 1.0)
"""Weights of the photo in a query of a photo and a text."""

FEW = 20
"""Candidates below which R@10 says nothing."""

_TIMED = 100
"""Queries that are timed."""


@dataclass(frozen=True)
class Heldout:
    """Held-out posts and what is right for them.

    Attributes
    ----------
    data
        The held-out posts.
    train
        The training posts: idf and coherence are counted over them.
    word_languages
        Language of each word, shape (W_text,).
    words
        The words as they are shown.
    encoder
        Of sentences, to say what words have to do with each other.
    """

    data: Dataset
    train: Dataset
    word_languages: npt.NDArray[np.str_]
    words: Sequence[str] = ()
    encoder: SentenceEncoder | None = None

    @cached_property
    def language(self) -> str:
        """The language of most texts."""
        names, counts = np.unique(self.data.language, return_counts=True)
        return str(names[counts.argmax()]) if len(names) else ""

    @cached_property
    def main(self) -> Dataset:
        """Posts with their texts in the main language."""
        return self.data.in_language(self.language)

    @cached_property
    def russian(self) -> Dataset:
        """Posts with their Russian texts."""
        return self.data.in_language("ru")

    @cached_property
    def unit_texts(self) -> Any:
        """Unit tf-idf vectors of each post's texts: the main language's where each has some."""
        pooled = self.data.pooled()
        idf = inverse_document_frequency(self.train.pooled())
        if len(np.unique(self.main.owner)) == len(self.data):
            pooled = self.main.pooled()
        return tf_idf(pooled, idf)

    def truth(self, language: str | None) -> tuple[Any, npt.NDArray[np.bool_]]:
        """Words of each post's texts, and the words that may be predicted.

        Parameters
        ----------
        language
            Only words and texts of a language; a post without a text in it is left out. None: the
            main language's for posts with a text in it, all of them for the others.
        """
        count, width = len(self.data), len(self.word_languages)
        everything = truth_of(self.data.texts[:, :width], self.data.owner, count)
        chosen = self.main if language is None else self.data.in_language(language)
        truth = truth_of(chosen.texts[:, :width], chosen.owner, count)
        # A word whose script tells no language may be said in any.
        allowed = (self.word_languages == (language or self.language)) | (self.word_languages == "")
        if language is not None:
            return truth, allowed
        has_text = np.isin(np.arange(count), self.main.owner)
        truth = truth.multiply(has_text[:, None]) + everything.multiply(~has_text[:, None])
        return truth.tocsr().astype(bool), allowed[None] | ~has_text[:, None]


def chance_row(held: Heldout) -> Row:
    """Compute what random guessing gets, in the structure of `measure`."""
    photos = len(held.data)
    row: Row = {}
    for suffix, data in (("", held.main), ("_ru", held.russian)):
        found = text_to_photo_chance(len(data.owner), photos)
        back = photo_to_text_chance(data.owner)
        row[f"text_to_photo{suffix}"] = _known(found, photos)
        row[f"photo_to_text{suffix}"] = _known(back, len(data.owner))
    together = _known(other_texts_chance(held.main.owner), len(held.main.owner))
    row["both_together"] = {_weight(weight): together for weight in PHOTO_WEIGHTS}
    row["annotation"] = asdict(annotation_chance(*held.truth(None)))
    row["annotation_ru"] = asdict(annotation_chance(*held.truth("ru")))
    row["similar_posts"] = similar_posts_chance(held.unit_texts)
    return row


def measure(method: Method, held: Heldout) -> Row:
    """Everything a method can do; what it cannot do is not in the row.

    Recalls and the two numbers of the annotation are per cent; similar posts is a mean cosine.
    """
    row: Row = {}
    photos = method.photos(held.data)
    if photos is not None:
        for suffix, data in (("", held.main), ("_ru", held.russian)):
            row |= _retrieval(method, photos, data, suffix)
        row["both_together"] = _both(method, photos, held)
    words = method.words(held.data)
    if words is not None:
        for name, language in (("annotation", None), ("annotation_ru", "ru")):
            row[name] = asdict(annotation(lambda rows: words[rows], *held.truth(language)))
    similar = method.similar(held.data)
    if similar is not None:
        vectors, bias = similar
        row["similar_posts"] = similar_posts(
            lambda rows: vectors[rows] @ vectors.T - bias, held.unit_texts
        )
    phi = method.phi()
    if phi is not None:
        pooled = held.train.pooled()
        values = npmi(phi, pooled)
        row["coherence"] = {
            "npmi": float(values.mean()),
            "npmi_worst": float(values.min()),
            "pmi": float(pmi(phi, pooled).mean()),
            "same_top_words": same_top_words(phi),
            "topics": phi.shape[1],
        }
        if held.encoder is not None and held.words:
            close = vector_coherence(phi, held.words, held.encoder)
            row["coherence"]["vectors"] = float(close.mean())
    shown = method.explained(held.data, held.language)
    if shown is not None:
        truth, _ = held.truth(None)
        right = [bool(truth[post, word]) for post, words in enumerate(shown) for word in words]
        row["explained"] = {
            "right": float(np.mean(right)) if right else float("nan"),
            "words": len(right) / max(len(shown), 1),
        }
    return row | _cost(method, photos, held)


def _retrieval(method: Method, photos: Floats, data: Dataset, suffix: str) -> Row:
    texts = method.texts(data)
    if texts is None:
        return {}
    photo_bias, text_bias = method.photo_bias(photos), method.text_bias(texts)
    exact = None
    if method.exact_weight and data.written_keys.nnz:
        exact = method.exact_weight * exact_shares(data.keys, data.written_keys).toarray()

    def by_texts(rows: slice) -> Floats:
        scores = method.score(texts[rows], photos, photo_bias)
        return scores if exact is None else scores + exact[rows]

    def by_photos(rows: slice) -> Floats:
        scores = method.score(photos[rows], texts, text_bias)
        return scores if exact is None else scores + exact[:, rows].T

    found = text_to_photo_ranks(by_texts, data.owner, len(photos))
    back = photo_to_text_ranks(by_photos, data.owner, len(photos))
    asked = np.unique(data.owner)
    return {
        f"text_to_photo{suffix}": _recall(found, data.owner, len(photos)),
        f"photo_to_text{suffix}": _recall(back, asked, len(data.owner)),
    }


def _recall(ranks: Ranks, owner: npt.NDArray[np.int64], candidates: int) -> Row:
    """Recalls, how sure R@10 is, and over how many posts; none where nearly all are found."""
    low, high = float("nan"), float("nan")
    if candidates >= FEW:
        low, high = interval((ranks <= 10).astype(np.float32), owner)
    sure = {"r10_low": low, "r10_high": high, "posts": len(np.unique(owner))}
    return _known(summarise(ranks), candidates) | sure


def _known(recall: Recall, candidates: int) -> Row:
    """Recalls without R@10 where there are few candidates."""
    return asdict(recall) | ({"r10": float("nan")} if candidates < FEW else {})


def _both(method: Method, photos: Floats, held: Heldout) -> Row:
    """A photo and one of its texts ask together for the photo's other texts among all others.

    With the photo's weight at 0 the text asks alone, at 1 the photo.
    """
    data = held.main
    texts = method.texts(data)
    if texts is None:
        return {}
    bias = method.text_bias(texts)
    result: Row = {}
    for weight in PHOTO_WEIGHTS:

        def scores(rows: slice, weight: float = weight) -> Floats:
            queries = method.both(photos[data.owner[rows]], texts[rows], weight)
            return method.score(queries, texts, weight * bias)

        found = summarise(other_text_ranks(scores, data.owner))
        result[_weight(weight)] = _known(found, len(data.owner))
    return result


def _weight(weight: float) -> str:
    return f"{weight:g}"


def _cost(method: Method, photos: Floats | None, held: Heldout) -> Row:
    row: Row = {"mb_model": method.size() / 1e6}
    if photos is None or not len(held.main.owner):
        return row
    bias = method.photo_bias(photos)
    # Two more floats a post are its biases.
    row["kb_per_post"] = photos.shape[1] * 4 / 1e3

    asked = [held.main.with_texts(np.array([n % len(held.main.owner)])) for n in range(_TIMED)]
    pictures = [held.data.subset(np.array([n % len(held.data)])) for n in range(_TIMED)]

    def best(scores: Floats) -> None:
        np.argpartition(-scores, min(10, scores.shape[1] - 1), axis=1)

    def text(number: int) -> None:
        vectors = method.texts(asked[number])
        assert vectors is not None
        best(method.score(vectors, photos, bias))

    def photo(number: int) -> None:
        vectors = method.photos(pictures[number])
        assert vectors is not None
        best(method.score(vectors, photos, bias))

    row["ms_text_query"] = median_ms(text)
    row["ms_photo_query"] = median_ms(photo)
    return row


def median_ms(work: Callable[[int], object], times: int = _TIMED) -> float:
    """Median time of ``work(0)``, ``work(1)``, ... in milliseconds."""
    taken = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - start)
    return 1e3 * float(np.median(taken))
