"""Learning to tell adverts: a linear SVM over the features of `engine.cleaning.adverts`.

The SVM's scores become probabilities by Platt's method (J. Platt, "Probabilistic outputs for
support vector machines", 1999), on scores of examples that the SVM had not seen.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from engine.cleaning.adverts import BLOCKS, AdvertFilter, features
from training.clean.examples import ANSWER, Example, disguises_of

C: Final = 1.0
FOLDS: Final = 5
DISGUISES: Final = 3
SHARE: Final = 0.3
"""Adverts among posts, for which the probabilities are calibrated (among the examples: a half)."""

MIN_EXAMPLES: Final = {"word": 2, "char": 3, "subject": 3, "style": 2}
"""Examples in which a feature must occur to be counted."""

Floats = npt.NDArray[np.float64]
Found = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Measured:
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


@dataclass(frozen=True)
class _Rows:
    """Training rows: examples and their disguises, with their features."""

    owner: npt.NDArray[np.int64]
    features: Sequence[Found]


def _rows(examples: Sequence[Example], disguises: int, seed: int) -> _Rows:
    owner, found = [], []
    for place, example in disguises_of(examples, disguises, seed):
        owner.append(place)
        found.append(features(example.text))
    return _Rows(np.array(owner), found)


def _empty_filter(rows: _Rows, used: npt.NDArray[np.int64]) -> AdvertFilter:
    """Make a filter that knows the features of some rows and has no weights yet."""
    vocabulary: dict[str, list[str]] = {}
    idf: list[float] = []
    examples = len(set(rows.owner[used].tolist()))
    for block in BLOCKS:
        within: dict[str, set[int]] = {}
        for row in used:
            for name in rows.features[row][block]:
                within.setdefault(name, set()).add(int(rows.owner[row]))
        names = sorted(name for name, at in within.items() if len(at) >= MIN_EXAMPLES[block])
        vocabulary[block] = names
        idf += [1 + math.log((1 + examples) / (1 + len(within[name]))) for name in names]
    return AdvertFilter(vocabulary, np.array(idf, np.float32))


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
    if not texts:
        return sparse.csr_matrix((0, len(filter_)))
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(rows), ends), shape=(len(texts), len(filter_))
    )


@dataclass(frozen=True)
class Learnt:
    """The parts that scikit-learn made, and the filter that does the same without it."""

    filter: AdvertFilter
    svm: Any
    platt: Any


def _svm(filter_: AdvertFilter, texts: Sequence[Found], labels: Any, weights: Any) -> Any:
    svm = LinearSVC(C=C, class_weight="balanced", dual=True, random_state=0, max_iter=5000)
    return svm.fit(matrix(filter_, texts), labels, sample_weight=weights)


def learn(
    examples: Sequence[Example],
    *,
    seed: int = 0,
    disguises: int = DISGUISES,
    folds: int = FOLDS,
    kinds_apart: bool = True,
) -> tuple[Learnt, Floats]:
    """Learn a filter.

    Parameters
    ----------
    examples
        Of both kinds, at least `folds` of each.
    seed
        Of the folds and of the disguises.
    disguises
        How many are learnt from besides each example.
    folds
        Of the cross-validation.
    kinds_apart
        Whether a kind of examples stands in one fold as a whole, so that what is measured, and
        what the probabilities are calibrated on, is texts unlike those learnt from. Examples
        without a kind, and those that an owner answered, are each a kind of their own.

    Returns
    -------
    learnt
        The filter, and scikit-learn's parts.
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
    rows = _rows(examples, disguises, seed)
    weights = np.array([examples[place].weight for place in rows.owner])
    weights /= np.bincount(rows.owner)[rows.owner]

    first = np.searchsorted(rows.owner, np.arange(len(examples)))
    # Copies of a text must not stand on both sides of a fold.
    scores = np.zeros(len(examples))
    kinds = [
        example.kind if kinds_apart and example.kind not in ("", ANSWER) else f"# {place}"
        for place, example in enumerate(examples)
    ]
    splits = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splits.split(labels, labels, kinds):
        used = np.flatnonzero(np.isin(rows.owner, train))
        filter_ = _empty_filter(rows, used)
        svm = _svm(
            filter_,
            [rows.features[int(row)] for row in used],
            labels[rows.owner[used]],
            weights[used],
        )
        scores[test] = svm.decision_function(
            matrix(filter_, [rows.features[int(first[place])] for place in test])
        )
    counts = np.array([example.weight for example in examples])
    shares = np.where(labels, SHARE / counts[labels].sum(), (1 - SHARE) / counts[~labels].sum())
    platt = LogisticRegression(C=1e3).fit(
        scores[:, None], labels, sample_weight=counts * shares * len(labels)
    )
    probabilities: Floats = platt.predict_proba(scores[:, None])[:, 1]

    empty = _empty_filter(rows, np.arange(len(rows.features)))
    svm = _svm(empty, rows.features, labels[rows.owner], weights)
    whole = AdvertFilter(
        empty.vocabulary(),
        empty.idf,
        svm.coef_[0],
        bias=float(svm.intercept_[0]),
        slope=-float(platt.coef_[0, 0]),
        offset=-float(platt.intercept_[0]),
        info={"examples": Counter(bool(label) for label in labels)[True], "texts": len(labels)},
    )
    return Learnt(whole, svm, platt), probabilities


def measure(
    probabilities: npt.ArrayLike, examples: Sequence[Example], threshold: float = 0.5
) -> Measured:
    """Compare probabilities with what the texts are."""
    labels = np.array([example.advert for example in examples])
    found = np.asarray(probabilities)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, found >= threshold, average="binary", zero_division=0.0
    )
    return Measured(
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


def by_keywords(text: str) -> float:
    """Tell 1.0 for a text with a word of the list, else 0.0: what the filter has to beat."""
    return float(_KEYWORDS.search(text) is not None)


Judge = Callable[[str], float]


def judge_all(judge: Judge, examples: Sequence[Example]) -> Floats:
    """Probabilities of texts by a judge, shape (examples,)."""
    return np.array([judge(example.text) for example in examples])
