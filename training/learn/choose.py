"""What is chosen on held-out posts of the corpus at hand, and how well it then does on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from engine import scoring
from engine.model import Bank, QuerySettings
from engine.projection import Projection, centre, photo_view, unit_rows
from engine.results import Floats
from training.evaluate import metrics
from training.learn.calibrate import Cut, calibrate
from training.learn.cca import Base, Cca, CcaSettings, Moments, Roots, moments
from training.learn.dataset import Dataset
from training.learn.refine import inverse_document_frequency, visual_weight, weigh
from training.progress import Say

BANK: Final = 4000
"""Training texts, and photos, by which hubness is measured."""

POSTS: Final = 8000
"""Training posts whose words speak for a photo that is near them."""

HELD_OUT: Final = (100, 2000)
"""Held-out posts at least (where there are five times as many) and at most."""

SPLITS: Final = ((1000, 6), (5000, 3))
"""Below so many posts, settings are chosen on so many splits: one alone chooses by chance."""

TOPICS: Final = (16, 24, 32, 48, 64, 96, 128, 192, 256)
"""Numbers of topics that are tried, as far as the posts go."""

GRID: Final[dict[str, tuple[float, ...]]] = {
    "base": (0.0, 300.0, 1000.0, 3000.0, 10000.0),
    "word_ridge": (1.0, 3.0, 8.0, 20.0),
    "sentence_ridge": (0.3, 1.0, 3.0, 8.0),
    "photo_ridge": (0.5, 1.0, 2.0, 4.0),
    "power": (0.5, 0.75),
    "visual": (0.0, 0.1, 0.25, 0.5),
}
"""Settings of the CCA, chosen one after the other in this order."""

RIDGES: Final = ("word_ridge", "sentence_ridge", "photo_ridge")
"""Settings that depend on each other: tried once more at `FINER` times what won."""

FINER: Final = (0.4, 1.0, 2.5)


@dataclass(frozen=True)
class Found:
    """What the search for the CCA's settings came to.

    Attributes
    ----------
    values
        Topics -> sum of R@1, R@5 and R@10 both ways, in per cent, with these settings.
    tried
        For the report: each setting's values and what they gave.
    """

    settings: CcaSettings
    values: dict[int, float]
    tried: list[dict[str, Any]] = field(default_factory=list)


def split(data: Dataset, *, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Posts to learn from, and held-out ones, at random."""
    order = np.random.default_rng(seed).permutation(len(data))
    least = min(HELD_OUT[0], len(data) // 5)
    count = int(min(HELD_OUT[1], max(share * len(data), least, 1)))
    return data.subset(np.sort(order[count:])), data.subset(np.sort(order[:count]))


def topic_counts(posts: int, *, known: bool = False) -> tuple[int, ...]:
    """Numbers of topics that are tried with so many posts, and statistics of others if `known`."""
    return tuple(k for k in TOPICS if k <= max(128 if known else 16, posts // 8))


class _Trial:
    """One split of the posts: learns by any settings, and measures."""

    def __init__(self, learn: Dataset, held: Dataset, base: Base) -> None:
        self.learn, self.held, self._base = learn, held, base
        self._idf = inverse_document_frequency(learn.texts)
        self._words = weigh(learn.texts, self._idf)
        self._held_words = weigh(held.texts, self._idf)
        self._moments: tuple[tuple[float, float], Moments] | None = None
        self._with_base: tuple[float, Moments] | None = None
        self._roots = Roots()

    def value(self, settings: CcaSettings, topics: Sequence[int]) -> dict[int, float]:
        found = self._solve(settings, max(topics) - 1)
        weight = self._visual(settings)
        view = photo_view(self.held.features, self.held.visual, settings.power, weight)
        photos = found.photos(view)
        texts = found.texts(self._held_words, self.held.sentences)
        return {
            k: retrieval_value(
                unit_rows(photos[:, : k - 1]), unit_rows(texts[:, : k - 1]), self.held.owner
            )
            for k in topics
        }

    def _solve(self, settings: CcaSettings, dimensions: int) -> Cca:
        learn, view = self.learn, (settings.power, settings.visual)
        if self._moments is None or self._moments[0] != view:
            # Of several views only the last is kept: they are large.
            weight = self._visual(settings)
            photos = photo_view(learn.features, learn.visual, settings.power, weight)
            self._moments = (view, moments(photos, self._words, learn.sentences, learn.owner))
            self._with_base = None
        if self._with_base is None or self._with_base[0] != settings.base:
            added = with_base(self._moments[1], self._base, settings)
            self._with_base = (settings.base, added)
        return self._roots.solve(self._with_base[1], settings, dimensions)

    def _visual(self, settings: CcaSettings) -> float:
        return visual_weight(self.learn, settings.power, settings.visual)


def with_base(mine: Moments, base: Base, settings: CcaSettings) -> Moments:
    """A corpus's own statistics with those of other posts added, if they are wanted."""
    if not settings.base or settings.power not in base:
        return mine
    return mine.plus(base[settings.power], settings.base)


def retrieval_value(
    photos: Floats,
    texts: Floats,
    owner: npt.NDArray[np.int64],
    taken: tuple[Floats, Floats] | None = None,
) -> float:
    """Sum of R@1, R@5 and R@10 both ways, in per cent.

    Parameters
    ----------
    taken
        What is taken off the score of each photo, and of each text.
    """
    return metrics.recall_sum(texts @ photos.T, owner, *(taken or (0.0, 0.0)))


HUB_WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
WRITTEN_WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0)
EXACT_WEIGHTS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
"""Never 0: a name or a number that no vector knows is found by itself."""

READOUT_RIDGES: Final = (0.01, 0.1, 0.3, 1.0)
SHARPNESS: Final = (7.0, 10.0, 14.0, 20.0, 28.0)
SHARES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)
WRITTEN: Final = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8)
POWERS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
EXPLAINED: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
RIGHT: Final = 0.62
"""Share of the words shown with topics that ought to be right, where that can be."""


def search_cca(
    data: Dataset, base: Base, *, share: float, seed: int, topics: Sequence[int], progress: Say
) -> Found:
    """Choose the CCA's settings, one after the other, on held-out posts."""
    splits = next((count for posts, count in SPLITS if len(data) < posts), 1)
    trials = [_Trial(*split(data, share=share, seed=seed + n), base) for n in range(splits)]
    kept: dict[CcaSettings, dict[int, float]] = {}
    # About as much, of a value, as two halves of the posts differ by chance.
    chance = 1 / np.sqrt(len(data))

    def values(settings: CcaSettings) -> dict[int, float]:
        if settings not in kept:
            rows = [trial.value(settings, topics) for trial in trials]
            kept[settings] = {k: float(np.mean([row[k] for row in rows])) for k in topics}
        return kept[settings]

    def value(settings: CcaSettings) -> float:
        # The mean of the larger numbers of topics: the best of all would be chosen by chance.
        rows = values(settings)
        return float(np.mean([row for k, row in rows.items() if 2 * k >= max(rows)]))

    few = len(data) < SPLITS[0][0]
    best = CcaSettings(base=1000.0 if base else 0.0, word_ridge=8.0 if few else 3.0)
    tried: list[dict[str, Any]] = []
    without = {
        "base": not base,
        "sentence_ridge": not data.sentences.shape[1],
        # Of few photos, each visual word is on too few.
        "visual": few or not data.visual.nnz,
    }
    for name in GRID if few else (*GRID, *RIDGES):
        if without.get(name):
            continue
        again = any(row["setting"] == name for row in tried)
        options = [f * getattr(best, name) for f in FINER] if again else GRID[name]
        rows = {option: value(replace(best, **{name: option})) for option in options}
        winner = max(rows, key=lambda option: rows[option])
        if rows[winner] * (1 - 0.5 * chance) < rows.get(getattr(best, name), 0.0):
            winner = getattr(best, name)
        best = replace(best, **{name: winner})
        tried.append({"setting": name, "values": {f"{k:g}": round(v, 1) for k, v in rows.items()}})
        progress(f"  {name} {winner:g}: {rows[winner]:.1f} of " + _listed(rows))
    return Found(best, values(best), tried)


def _listed(rows: dict[float, float]) -> str:
    return ", ".join(f"{option:g}: {value:.1f}" for option, value in rows.items())


def good_counts(values: dict[int, float], *, posts: int) -> list[int]:
    """Numbers of topics that find held-out posts nearly as well as the best one: at most two.

    The largest, for among more posts than were held out more directions count; and the smallest
    that is at least half of it, whose topics may read better.
    """
    # What the best one is better by has to be more than chance.
    least = (1 - max(0.01, 2 / np.sqrt(posts))) * max(values.values())
    good = [k for k, value in sorted(values.items()) if value >= least]
    half = next(k for k in good if 2 * k >= good[-1])
    return sorted({half, good[-1]})


# On one split, by the maps as they will be used


@dataclass(frozen=True)
class Banks:
    """Unit vectors z of training texts, photos and posts; see `engine.model.Model`.

    Attributes
    ----------
    texts, photos
        At most `BANK` each, shape (n, K).
    posts
        At most `POSTS`, and their words.
    has
        Whether each of the posts has a word or hashtag, CSR of 0 and 1, shape (n, W).
    """

    texts: Floats
    photos: Floats
    posts: Bank
    has: Any


def banks(data: Dataset, projection: Projection, weight: float, seed: int) -> Banks:
    """Learnt posts as the model keeps them; `weight` is that of what is written on photos."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(data.texts.shape[0])[:BANK])
    photos = np.sort(rng.permutation(len(data))[:BANK])
    posts = data.subset(np.sort(rng.permutation(len(data))[:POSTS]))
    has = (posts.pooled() > 0).astype(np.float32).tocsr()
    has.sort_indices()
    return Banks(
        text_vectors(data.with_texts(rows), projection),
        photo_vectors(data.subset(photos), projection, weight),
        Bank(
            post_vectors(posts, projection, weight),
            has.indptr.astype(np.intp),
            has.indices.astype(np.intp),
        ),
        has,
    )


def text_vectors(data: Dataset, projection: Projection) -> Floats:
    """Unit vectors z of all texts, shape (m, K)."""
    return _in_blocks(projection, data.texts, data.keys, data.sentences)


def photo_vectors(data: Dataset, projection: Projection, weight: float) -> Floats:
    """Unit vectors z of all photos and of what is written on them, shape (n, K)."""
    z = projection.photos(data.features, data.visual)
    rows = np.flatnonzero(np.diff(data.written.indptr))
    if weight and len(rows):
        read = _in_blocks(
            projection, data.written[rows], data.written_keys[rows], data.written_sentences[rows]
        )
        z[rows] = centre(z[rows] + weight * read)
    return z


def post_vectors(data: Dataset, projection: Projection, weight: float) -> Floats:
    """Unit vectors z of photos and their texts together, shape (n, K)."""
    pooled = np.zeros((len(data), projection.topics), np.float32)
    np.add.at(pooled, data.owner, text_vectors(data, projection))
    return unit_rows(photo_vectors(data, projection, weight) + unit_rows(pooled))


def _in_blocks(projection: Projection, counts: Any, keys: Any, sentences: Floats) -> Floats:
    unknown = np.diff(keys.indptr) > np.diff(counts.indptr)
    blocks = (slice(start, start + 2048) for start in range(0, counts.shape[0], 2048))
    parts = [
        projection.texts(counts[rows].toarray(), sentences[rows], unknown[rows]) for rows in blocks
    ]
    empty = np.zeros((0, projection.topics), np.float32)
    result: Floats = np.concatenate(parts) if parts else empty
    return result


def checked(learn: Dataset, held: Dataset, seed: int) -> Callable[[Projection], float]:
    """How well held-out posts are found, hubs corrected, for the refinement to go on or stop."""
    rng = np.random.default_rng(seed)
    some = learn.with_texts(np.sort(rng.permutation(learn.texts.shape[0])[:BANK]))
    seen = learn.subset(np.sort(rng.permutation(len(learn))[:BANK]))

    def check(projection: Projection) -> float:
        photos, texts = photo_vectors(held, projection, 0.0), text_vectors(held, projection)
        taken = (
            0.5 * scoring.hubness(photos, text_vectors(some, projection), 10),
            0.75 * scoring.hubness(texts, photo_vectors(seen, projection, 0.0), 60),
        )
        return retrieval_value(photos, texts, held.owner, taken)

    return check


@dataclass(frozen=True)
class Chosen:
    """Settings of the finished model, and how well it did on the held-out posts.

    Attributes
    ----------
    ridge
        Of the readout.
    """

    settings: QuerySettings
    ridge: float
    quality: dict[str, float]
    tried: list[dict[str, Any]]


def choose_settings(
    learn: Dataset,
    held: Dataset,
    projection: Projection,
    *,
    languages: npt.NDArray[np.str_],
    seed: int,
) -> Chosen:
    """Choose how queries are answered, on posts that the maps were not learnt from.

    Parameters
    ----------
    languages
        Of each word; the columns behind them are hashtags.
    """
    tried: list[dict[str, Any]] = []
    texts = text_vectors(held, projection)
    neighbours = (min(10, learn.texts.shape[0]), min(100, len(learn)))

    def seen(weight: float) -> tuple[Banks, Floats, Floats, Floats]:
        photos = photo_vectors(held, projection, weight)
        bank = banks(learn, projection, weight, seed)
        hub_photo = scoring.hubness(photos, bank.texts, neighbours[0])
        return bank, photos, hub_photo, scoring.hubness(texts, bank.photos, neighbours[1])

    # What is written on photos counts in theta and literally: both weights are chosen together.
    weights = WRITTEN_WEIGHTS if held.written.nnz else (0.5,)
    exact = {weight: _exact_values(held, texts, *seen(weight)[1:]) for weight in weights}
    best = {weight: max(values.values()) for weight, values in exact.items()}
    weight = _best("written_weight", best, tried)
    _best("exact_weight", exact[weight], tried)
    # Among more posts than were held out, what is there literally tells more.
    good = [w for w, value in exact[weight].items() if value >= 0.995 * best[weight]]
    exact_weight = max(good)
    bank, photos, hub_photo, hub_text = seen(weight)
    raw = _scores(held, photos, texts, exact_weight)
    forward = {
        w: metrics.summarise(
            metrics.text_to_photo_ranks(
                partial(_less, raw, w * hub_photo[None]), held.owner, len(held)
            )
        )
        for w in HUB_WEIGHTS
    }
    backward = {
        w: metrics.summarise(
            metrics.photo_to_text_ranks(
                partial(_less, raw.T, w * hub_text[None]), held.owner, len(held)
            )
        )
        for w in HUB_WEIGHTS
    }
    hubs = (
        _best("hub_photo", {w: r.r1 + r.r5 + r.r10 for w, r in forward.items()}, tried),
        _best("hub_text", {w: r.r1 + r.r5 + r.r10 for w, r in backward.items()}, tried),
    )
    rng = np.random.default_rng(seed)
    cuts = {
        "text": _cut_text(held, learn, projection, bank.texts, weight, hubs[0], neighbours[0], rng),
        "photo": _cut_photo(photos),
    }
    cuts["both"] = cuts["photo"]
    settings, ridge, p5 = _annotation(
        learn, held, projection, photos, bank, weight, languages, tried
    )
    settings = replace(
        settings,
        hub_neighbours=neighbours,
        hub_weight=hubs,
        written_weight=weight,
        exact_weight=exact_weight,
        calibration={kind: cut.calibration for kind, cut in cuts.items()},
    )
    quality = {
        "held_out_posts": float(len(held)),
        "text_to_photo_r10": forward[hubs[0]].r10,
        "photo_to_text_r10": backward[hubs[1]].r10,
        "annotation_p5": p5,
        "real_answered": 100 * cuts["text"].found,
        "nonsense_answered": 100 * cuts["text"].nonsense,
    }
    return Chosen(settings, ridge, quality, tried)


def _best(name: str, values: dict[float, float], tried: list[dict[str, Any]]) -> float:
    if len(values) > 1:
        tried.append(
            {"setting": name, "values": {f"{k:g}": round(v, 2) for k, v in values.items()}}
        )
    return max(values, key=lambda option: values[option])


def _scores(held: Dataset, photos: Floats, texts: Floats, exact_weight: float) -> Floats:
    """Of texts (rows) with photos, words written on these literally included."""
    raw: Floats = texts @ photos.T
    if exact_weight and held.written.nnz:
        raw = raw + exact_weight * metrics.exact_shares(held.keys, held.written_keys).toarray()
    return raw.astype(np.float32)


def _exact_values(
    held: Dataset, texts: Floats, photos: Floats, hub_photo: Floats, hub_text: Floats
) -> dict[float, float]:
    """By what is written on photos; without that, by the other texts of posts that have some."""
    if held.written.nnz:
        taken = (0.5 * hub_photo, 0.75 * hub_text)
        return {
            w: metrics.recall_sum(_scores(held, photos, texts, w), held.owner, *taken)
            for w in EXACT_WEIGHTS
        }
    first = np.unique(held.owner, return_index=True)[1]
    other = np.setdiff1d(np.arange(len(held.owner)), first)
    if len(other) < 50:
        return {1.0: 0.0}
    told = held.with_texts(first)
    posts = np.zeros_like(photos)
    posts[told.owner] = texts[first]
    library = centre(photos + posts)
    keys = sparse.csr_matrix(
        (np.ones(len(first)), (told.owner, np.arange(len(first)))), shape=(len(held), len(first))
    )
    share = metrics.exact_shares(held.keys[other], keys @ told.keys).toarray()
    values = {}
    for w in EXACT_WEIGHTS:
        scores = texts[other] @ library.T + w * share - 0.5 * hub_photo[None]
        ranks = metrics.text_to_photo_ranks(partial(_rows, scores), held.owner[other], len(held))
        found = metrics.summarise(ranks)
        values[w] = found.r1 + found.r5 + found.r10
    return values


def _rows(scores: Floats, rows: slice) -> Floats:
    return scores[rows]


def _cut_text(
    test: Dataset,
    learn: Dataset,
    projection: Projection,
    text_bank: Floats,
    written: float,
    weight: float,
    neighbours: int,
    rng: np.random.Generator,
) -> Cut:
    """Texts against photos; senseless texts are words of the vocabulary thrown together."""
    posts = rng.permutation(len(learn))[:5000]
    library = np.concatenate(
        [photo_vectors(part, projection, written) for part in (learn.subset(posts), test)]
    )
    bias = weight * scoring.hubness(library, text_bank, neighbours)
    real = text_vectors(test, projection)
    real = real[rng.permutation(len(real))[:1000]]
    noise = np.zeros((500, test.texts.shape[1]), np.float32)
    for row in noise:
        row[rng.integers(0, len(row), 5)] = 1
    mixed = test.sentences[rng.integers(0, len(test.sentences), (500, 5))].mean(1)
    senseless = projection.texts(noise, unit_rows(mixed))
    return calibrate(
        (real @ library.T - bias).max(1),
        (senseless @ library.T - bias).max(1),
    )


def _cut_photo(photos: Floats) -> Cut:
    """Photos against photos: what the nearest other one scores."""
    close = photos @ photos.T
    np.fill_diagonal(close, -1)
    return calibrate(close.max(1), np.zeros(0, np.float32))


def fit_readout(
    data: Dataset, projection: Projection, weight: float, ridge: float
) -> tuple[Floats, Floats]:
    """Ridge regression of "the post has the word" on a photo's log-ratio of theta.

    Parameters
    ----------
    weight
        Of what is written on photos.
    ridge
        In units of the mean variance.

    Returns
    -------
    readout, presence
        Shapes (W, K) and (W,): the share of posts with a word is ``presence + readout . z``.
    """
    z = photo_vectors(data, projection, weight)
    has = (data.pooled() > 0).astype(np.float32)
    share = np.asarray(has.mean(0), np.float32).ravel()
    mean = z.mean(0)
    gram = z.T @ z / len(z) - np.outer(mean, mean)
    gram += ridge * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    cross = np.asarray(has.T @ z, np.float32) / len(z) - np.outer(share, mean)
    readout = np.linalg.solve(gram, cross.T).T.astype(np.float32)
    return readout, (share - readout @ mean).astype(np.float32)


def _annotation(
    learn: Dataset,
    held: Dataset,
    projection: Projection,
    photos: Floats,
    bank: Banks,
    weight: float,
    languages: npt.NDArray[np.str_],
    tried: list[dict[str, Any]],
) -> tuple[QuerySettings, float, float]:
    """How words are said of a photo, by precision of the first five and recall of the first ten.

    Returns
    -------
    settings, ridge, p5
    """
    width = len(languages)
    truth = metrics.truth_of(held.texts[:, :width], held.owner, len(held))
    names, counts = np.unique(held.language, return_counts=True)
    allowed = (languages == names[counts.argmax()]) | (languages == "")

    def measured(shares: Floats) -> tuple[float, float]:
        found = metrics.annotation(partial(_rows, shares), truth, allowed)
        return float(np.nan_to_num(found.p5)), float(np.nan_to_num(found.p5 + found.r10))

    def value_of(shares: Floats) -> float:
        return measured(shares)[1]

    read = {}
    for ridge in READOUT_RIDGES:
        readout, presence = fit_readout(learn, projection, weight, ridge)
        read[ridge] = np.clip(presence + photos @ readout.T, 1e-4, 1)[:, :width]
    alone = {ridge: value_of(shares) for ridge, shares in read.items()}
    best, ridge, value = QuerySettings(), _best("readout_ridge", alone, tried), max(alone.values())
    kept, by_share = read[ridge], {0.0: value}
    for sharpness in SHARPNESS:
        settings = QuerySettings(neighbour_sharpness=sharpness)
        near, say = scoring.neighbours_of(photos, bank.posts, settings)
        rows = np.repeat(np.arange(len(near)), near.shape[1])
        votes = sparse.csr_matrix(
            (say.ravel(), (rows, near.ravel())), shape=(len(photos), bank.has.shape[0])
        )
        said = np.asarray((votes @ bank.has[:, :width]).todense(), np.float32)
        for r, part in itertools.product(READOUT_RIDGES, SHARES):
            shares = (1 - part) * read[r] + part * said
            found = value_of(shares)
            by_share[part] = max(by_share.get(part, 0.0), found)
            if found > value:
                best, ridge, value = replace(settings, neighbour_share=part), r, found
                kept = shares
    _best("neighbour_share", by_share, tried)
    has = (held.written[:, :width] > 0).astype(np.float32).toarray()
    if has.any():
        by_written = {w: value_of(kept + w * has * (1 - kept)) for w in WRITTEN}
        best = replace(best, written_share=_best("written_share", by_written, tried))
        kept = kept + best.written_share * has * (1 - kept)
    usual = np.maximum(np.asarray((learn.pooled()[:, :width] > 0).mean(0)).ravel(), 1e-6)
    special = {power: measured(kept / usual**power)[0] for power in POWERS}
    most = max(special.values())
    power = max(power for power, found in special.items() if found >= 0.99 * most)
    best = replace(best, annotation_power=power, explained=_explained(kept, truth, allowed))
    return best, ridge, special[power]


def _explained(shares: Floats, truth: Any, allowed: npt.NDArray[np.bool_]) -> float:
    """How likely a word must be to be shown with a topic, so that most that are shown are right."""
    shares = np.where(allowed, shares, 0)
    first = np.argsort(-shares, axis=1)[:, :12]
    likely = np.take_along_axis(shares, first, 1)
    right = np.take_along_axis(truth.toarray(), first, 1)
    precision = {}
    for least in EXPLAINED:
        shown = likely >= least
        if shown.any(1).mean() >= 0.5:
            precision[least] = float(right[shown].mean())
    if not precision:
        return 0.0
    good = [least for least, share in precision.items() if share >= RIGHT]
    return min(good) if good else max(precision, key=lambda least: precision[least])


def _less(scores: Floats, taken: Floats, rows: slice) -> Floats:
    result: Floats = scores[rows] - taken
    return result
