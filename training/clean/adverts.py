"""Learning to tell adverts: the two halves of the filter of `engine.cleaning.adverts`.

A linear SVM over the words, and kernel logistic regression over the sentences' vectors, with some
of them as landmarks (C. Williams, M. Seeger, "Using the Nystroem method to speed up kernel
machines", 2001). The scores of each become log-odds by Platt's method (J. Platt, "Probabilistic
outputs for support vector machines", 1999), on examples that it had not seen; so does their sum.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from engine.cleaning.adverts import BLOCKS, AdvertFilter, Floats, bumps, features, sentences
from engine.text.sentences import sentence_encoder
from training.clean.examples import ANSWER, Example, labelled_file

FOLDS: Final = 5
SVM_C: Final = 1.0
SENTENCES_C: Final = 10.0
LANDMARKS: Final = 512
SHARE: Final = 0.3
"""Adverts among posts, for which the probabilities are calibrated (among the examples: a half)."""

MIN_EXAMPLES: Final = {"word": 2, "char": 3, "style": 2}
"""Examples in which a feature must occur to be counted."""

Found = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class FilterScores:
    """How well adverts are found.

    Attributes
    ----------
    precision, recall, f1
        At the threshold; of the class of adverts.
    average_precision
        Over all thresholds.
    adverts, texts
        How many there were.
    """

    precision: float
    recall: float
    f1: float
    average_precision: float
    adverts: int
    texts: int

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}  recall {self.recall:.3f}  F1 {self.f1:.3f}  "
            f"average precision {self.average_precision:.3f}  ({self.adverts:,} adverts of "
            f"{self.texts:,})"
        )


def _vocabulary(texts: Sequence[Found]) -> tuple[dict[str, list[str]], Floats]:
    """Choose the features to count, block by block; and their idf."""
    vocabulary: dict[str, list[str]] = {}
    idf: list[float] = []
    for block in BLOCKS:
        within = Counter(name for text in texts for name in text[block])
        names = sorted(name for name, many in within.items() if many >= MIN_EXAMPLES[block])
        vocabulary[block] = names
        idf += [1 + math.log((1 + len(texts)) / (1 + within[name])) for name in names]
    return vocabulary, np.array(idf, np.float32)


def matrix(filter_: AdvertFilter, texts: Sequence[Found]) -> Any:
    """Known features of texts as a CSR matrix of shape (texts, features).

    Parameters
    ----------
    filter_
        Knows the features.
    texts
        What `engine.cleaning.adverts.features` found in each.
    """
    ends, rows, values = [0], [], []
    for text in texts:
        row, value = filter_.vector_of(text)
        rows.append(row)
        values.append(value)
        ends.append(ends[-1] + len(row))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(rows), ends), shape=(len(texts), len(filter_))
    )


@dataclass(frozen=True)
class _Texts:
    """Examples with what is learnt from."""

    found: Sequence[Found]
    vectors: Floats
    labels: npt.NDArray[np.bool_]
    weights: Floats

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> _Texts:
        return _Texts(
            [self.found[row] for row in rows],
            self.vectors[rows],
            self.labels[rows],
            self.weights[rows],
        )


def _halves(texts: _Texts, seed: int) -> tuple[AdvertFilter, AdvertFilter]:
    """Learn the half of a filter that knows words, and the one that knows sentences."""
    vocabulary, idf = _vocabulary(texts.found)
    words = AdvertFilter(vocabulary, idf)
    svm = LinearSVC(C=SVM_C, class_weight="balanced", dual=True, random_state=0, max_iter=5000)
    svm.fit(matrix(words, texts.found), texts.labels, sample_weight=texts.weights)
    words.weights, words.bias = svm.coef_[0], float(svm.intercept_[0])

    count = min(LANDMARKS, len(texts.labels))
    chosen = np.random.default_rng(seed).choice(len(texts.labels), count, replace=False)
    # As they are kept.
    centres = texts.vectors[np.sort(chosen)].astype(np.float16).astype(np.float64)
    values, vectors = np.linalg.eigh(bumps(centres, centres))
    root = vectors / np.sqrt(np.maximum(values, 1e-6))
    regression = LogisticRegression(C=SENTENCES_C, class_weight="balanced", max_iter=3000)
    regression.fit(bumps(texts.vectors, centres) @ root, texts.labels, texts.weights)
    nothing: dict[str, list[str]] = {block: [] for block in BLOCKS}
    heights = root @ regression.coef_[0]
    bias = float(regression.intercept_[0])
    return words, AdvertFilter(nothing, [], [], centres, heights, bias)


def _scores(halves: tuple[AdvertFilter, AdvertFilter], texts: _Texts) -> Floats:
    words, meaning = halves
    of_words = matrix(words, texts.found) @ words.weights + words.bias
    of_sentences = bumps(texts.vectors, meaning.centres) @ meaning.heights + meaning.bias
    return np.stack([of_words, of_sentences], axis=1)


def learn(
    examples: Sequence[Example], *, seed: int = 0, folds: int = FOLDS, kinds_apart: bool = True
) -> tuple[AdvertFilter, Floats]:
    """Learn a filter.

    Parameters
    ----------
    examples
        Of both kinds, at least `folds` of each.
    seed
        Of the folds and the landmarks.
    folds
        Of the cross-validation.
    kinds_apart
        Whether a kind of examples stands in one fold as a whole, so that what is measured, and
        what the probabilities are calibrated on, is texts unlike those learnt from. Examples
        without a kind, and those that an owner answered, are each a kind of their own.

    Returns
    -------
    learnt
        The filter.
    probabilities
        Of each example being an advert, by filters that had not seen it, shape (examples,).

    Raises
    ------
    ValueError
        There are too few examples of a kind.
    """
    labels = np.array([example.advert for example in examples])
    if min(labels.sum(), (~labels).sum()) < folds:
        raise ValueError(f"at least {folds} adverts and {folds} ordinary texts are needed")
    counts = np.array([example.weight for example in examples])
    written = [example.text for example in examples]
    vectors = sentences(written, sentence_encoder())
    texts = _Texts([features(text) for text in written], vectors, labels, counts)

    scores = np.zeros((len(examples), 2))
    kinds = [
        example.kind if kinds_apart and example.kind not in ("", ANSWER) else f"# {place}"
        for place, example in enumerate(examples)
    ]
    splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splits.split(labels, labels, kinds):
        scores[test] = _scores(_halves(texts[train], seed), texts[test])
    shares = np.where(labels, SHARE / counts[labels].sum(), (1 - SHARE) / counts[~labels].sum())
    weights = counts * shares * len(labels)

    def platt(of: Floats) -> tuple[float, float]:
        fitted = LogisticRegression(C=1e3).fit(of[:, None], labels, sample_weight=weights)
        return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

    (slope1, offset1), (slope2, offset2) = platt(scores[:, 0]), platt(scores[:, 1])
    both = scores @ [slope1, slope2] + offset1 + offset2
    slope, offset = platt(both)
    words, meaning = _halves(texts, seed)
    whole = AdvertFilter(
        words.vocabulary(),
        words.idf,
        slope1 * words.weights,
        meaning.centres,
        slope2 * meaning.heights,
        bias=slope1 * words.bias + offset1 + slope2 * meaning.bias + offset2,
        slope=-slope,
        offset=-offset,
        info={"adverts": int(labels.sum()), "texts": len(labels)},
    )
    return whole, 1 / (1 + np.exp(-slope * both - offset))


def measure(
    probabilities: npt.ArrayLike, examples: Sequence[Example], threshold: float = 0.5
) -> FilterScores:
    """Compare probabilities with what the texts are."""
    labels = np.array([example.advert for example in examples])
    found = np.asarray(probabilities)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, found >= threshold, average="binary", zero_division=0.0
    )
    return FilterScores(
        float(precision),
        float(recall),
        float(f1),
        float(average_precision_score(labels, found)),
        int(labels.sum()),
        len(labels),
    )


# The list that a filter without learning would go by.
_KEYWORDS: Final = re.compile(
    r"\b(?:sale|for sale|selling|buy|order|shop|discount|% off|promo|coupon|deal|deals|price|offer"
    r"|free shipping|shipping|giveaway|win|retweet|follow me|follow back|followback|f4f|l4l|casino"
    r"|bet|bonus|escort|rent|tickets|hiring|job|jobs|call|dm|whatsapp|click|link in bio|subscribe"
    r"|download|bitcoin|crypto|forex|loan|earn|ebay|etsy|amazon"
    r"|продам|продаю|продажа|продается|куплю|сдам|сдаю|аренда|скидк\w*|акция|промокод\w*"
    r"|распродажа|заказ\w*|доставк\w*|цена|цены|руб|рублей|недорого|розыгрыш|конкурс|репост"
    r"|подпишись|подписывайтесь|взаимн\w*|казино|ставки|прогнозы|заработок|кредит|займ|запись"
    r"|требуется|требуются|вакансия|билеты|звоните|пишите|личку|лс|директ|бесплатно|бронь)\b"
    r"|[$€£₽]\s?\d|\d\s?[$€£₽]",
    re.IGNORECASE,
)


def by_keywords(examples: Sequence[Example]) -> Floats:
    """Tell 1.0 for a text with a word of the list, else 0.0: what the filter has to beat."""
    return np.array([float(_KEYWORDS.search(example.text) is not None) for example in examples])


def measure_file(path: Path, adverts: AdvertFilter, threshold: float) -> None:
    """Print how well a filter does on a labelled file, beside the list of keywords."""
    examples = labelled_file(path)
    probabilities = adverts.probabilities([example.text for example in examples])
    print(f"filter at {threshold:.2f}  {measure(probabilities, examples, threshold)}")
    print(f"keywords        {measure(by_keywords(examples), examples)}")
    labels = np.array([example.advert for example in examples])
    wrong = np.flatnonzero((probabilities >= threshold) != labels)
    order = wrong[np.argsort(-np.abs(probabilities[wrong] - labels[wrong]))]
    if len(order):
        print("most mistaken:")
    for row in order[:10]:
        text = " ".join(examples[row].text.split())[:100]
        print(f"  {'advert  ' if labels[row] else 'ordinary'} {probabilities[row]:.2f}  {text}")
