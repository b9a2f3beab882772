"""Amortised inference learnt on top of BigARTM's topics.

1. Ridge CCA finds the directions that photos and texts share.
2. A rotation (orthogonal Procrustes) lays those directions along the topics: what the photos and
   texts of a post have in common then points where BigARTM's theta of the post points.
3. Both maps are trained together on a ranking loss (InfoNCE, van den Oord et al. 2018) between
   topic vectors, plus the likelihood of the post's words under ``Phi theta``: two more additive
   regularisers on theta. What is kept is the mean of the weights, from the start to the last pass
   (stochastic weight averaging, Izmailov et al. 2018). It goes on only as long as held-out posts
   are found better, so it may stop before its first pass: then the CCA stays.

The maps are linear, so a query costs one product of a vector and a matrix.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.projection import Projection, centre, photo_view, softmax, unit_rows
from engine.results import Floats
from training.learn.cca import Cca
from training.learn.dataset import Dataset
from training.progress import QUIET, Say

Check = Callable[[Projection], float]

SHARPEST: Final = np.exp(np.linspace(-2.0, 2.5, 19)).astype(np.float32)
"""Values of kappa that are tried."""


@dataclass(frozen=True)
class RefineSettings:
    """How the two maps are trained together.

    Attributes
    ----------
    epochs
        Passes at most; the learning rate falls towards them.
    batch
        Posts of a step at most, and at most a sixth of all of them.
    stop
        Pass after which training ends all the same, if any.
    patience
        Passes without a gain on held-out posts after which it stops.
    temperature
        Of the ranking loss.
    likelihood
        Weight of the words' log-likelihood.
    text_pairs
        Weight of the ranking loss between two texts of one post.
    drop_photo, drop_text
        Shares of features and of words that are left out in a step.
    drop_words, drop_sentence
        Shares of texts whose words, or whose sentence vector, are left out altogether. Questions
        of words that no post had, and in other languages, have only the latter.
    most_posts
        Posts used; of a larger corpus, a sample.
    """

    epochs: int = 25
    stop: int | None = None
    patience: int = 6
    batch: int = 1000
    learning_rate: float = 3e-4
    temperature: float = 0.07
    likelihood: float = 0.1
    text_pairs: float = 2.0
    drop_photo: float = 0.3
    drop_text: float = 0.2
    drop_words: float = 0.2
    drop_sentence: float = 0.05
    rare_language: float = 0.65
    most_posts: int = 200_000
    seed: int = 1


@dataclass(frozen=True)
class Refined:
    """What training came to.

    Attributes
    ----------
    epochs
        Passes after which held-out posts were found best; 0 is the start.
    values
        What the check gave for the start and after each pass; empty without one.
    """

    projection: Projection
    epochs: int
    values: tuple[float, ...] = ()


def inverse_document_frequency(counts: Any) -> Floats:
    """log(texts / texts with the word), shape (W,)."""
    frequency = np.maximum(np.bincount(counts.indices, minlength=counts.shape[1]), 1)
    idf: Floats = np.log(max(counts.shape[0], 2) / frequency).astype(np.float32)
    return idf


def weigh(counts: Any, idf: Floats) -> Any:
    """Square root of counts times idf, CSR."""
    weighted = counts.tocsr().astype(np.float32, copy=True)
    weighted.data = np.sqrt(weighted.data) * idf[weighted.indices]
    return weighted


def visual_weight(data: Dataset, power: float, variance: float) -> float:
    """`Projection.visual` under which visual words vary so much, in variances of the features."""
    if not variance or not data.visual.nnz:
        return 0.0
    features = float(photo_view(data.features, None, power, 0).var(0).mean())
    counts = float(photo_view(data.features[:, :0], data.visual, power, 1).var(0).mean())
    return float(np.sqrt(variance * features / counts))


def aligned(
    cca: Cca, data: Dataset, theta: Floats, idf: Floats, power: float, visual: float
) -> Projection:
    """The maps of a CCA, rotated onto topics.

    Parameters
    ----------
    cca
        With at most K - 1 dimensions.
    data
        Posts, to see where what they say points.
    theta
        BigARTM's topic vectors of the same posts, shape (n, K).
    idf, power, visual
        As the CCA was learnt with.
    """
    topics = theta.shape[1]
    start = Projection(
        cca.photo,
        -cca.moments.photo_mean @ cca.photo,
        cca.word,
        -cca.moments.word_mean @ cca.word,
        cca.sentence,
        -cca.moments.sentence_mean @ cca.sentence,
        idf,
        (1.0, 1.0),
        power,
        visual=visual,
    )
    photos = photo_view(data.features, data.visual, power, visual) @ start.photo_weights
    photos += start.photo_bias
    words = weigh(data.texts, idf) @ start.text_weights + start.text_bias
    texts = np.asarray(words) + data.sentences @ start.sentence_weights + start.sentence_bias
    # Each view's rows of length one on average: the steps of the training then are, too.
    by_photo = 1 / max(float(np.linalg.norm(photos, axis=1).mean()), 1e-9)
    by_text = 1 / max(float(np.linalg.norm(texts, axis=1).mean()), 1e-9)
    both = _together(unit_rows(photos), unit_rows(texts), data)
    target = centre(np.log(theta + 0.1 / topics))
    left, _, right = np.linalg.svd(both.T @ target, full_matrices=False)
    rotation = (left @ right).astype(np.float32)

    def turned(values: Floats, scale: float) -> Floats:
        result: Floats = (values @ rotation * scale).astype(np.float32)
        return result

    return replace(
        start,
        photo_weights=turned(start.photo_weights, by_photo),
        photo_bias=turned(start.photo_bias, by_photo),
        text_weights=turned(start.text_weights, by_text),
        text_bias=turned(start.text_bias, by_text),
        sentence_weights=turned(start.sentence_weights, by_text),
        sentence_bias=turned(start.sentence_bias, by_text),
    )


def _together(seen: Floats, read: Floats, data: Dataset) -> Floats:
    pooled = np.zeros_like(seen)
    np.add.at(pooled, data.owner, read)
    return unit_rows(seen + unit_rows(pooled))


def sharpened(projection: Projection, data: Dataset, phi: Floats) -> Projection:
    """With the kappa under which a photo's theta makes the words of its post likeliest.

    Parameters
    ----------
    phi
        p(w | t) of words and hashtags, stacked, shape (W_text + W_tag, K).
    """
    rows = np.random.default_rng(0).permutation(len(data))[:1000]
    z = projection.photos(data.features[rows], data.visual[rows])
    counts = data.pooled()[rows]
    total = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
    kappas = []
    for kappa in SHARPEST:
        p = softmax(kappa * np.float32(np.sqrt(projection.topics)) * z) @ phi.T
        fit = np.asarray(counts.multiply(np.log(p + 1e-8)).sum(1)).ravel() / total
        kappas.append(float(fit.mean()))
    best = float(max(1.0, SHARPEST[int(np.argmax(kappas))]))
    return replace(projection, sharpness=(best, best))


def refine(
    data: Dataset,
    phi: Floats,
    start: Projection,
    settings: RefineSettings,
    *,
    check: Check | None = None,
    progress: Say = QUIET,
) -> Refined:
    """Train the maps together.

    Parameters
    ----------
    data
        Training posts.
    phi
        p(w | t) of words and hashtags, stacked, shape (W_text + W_tag, K).
    start
        Where to start, from `aligned`.
    settings
        See `RefineSettings`.
    check
        How well held-out posts are found; the best maps are returned. None: the last ones.
    progress
        Called with a line of text after each epoch.
    """
    best = start if check is None else sharpened(start, data, phi)
    values = [] if check is None else [check(best)]
    done = 0
    if len(data) > settings.most_posts:
        rows = np.random.default_rng(settings.seed).permutation(len(data))
        data = data.subset(np.sort(rows[: settings.most_posts]))
    if settings.epochs and settings.stop != 0:
        for epoch, (projection, line) in enumerate(_train(data, phi, start, settings), 1):
            if check is None:
                best, done = projection, epoch
            else:
                value = check(projection)
                # By less than chance it is not better than the start.
                if value > max(values[0] * (1 + 0.5 / np.sqrt(len(data))), *values):
                    best, done = projection, epoch
                values.append(value)
                line += f" held-out {value:.1f}"
            progress(f"{epoch}/{settings.epochs} {line}")
            if epoch == settings.stop or (check and epoch - done >= settings.patience):
                break
    return Refined(sharpened(best, data, phi), done, tuple(values))


def _train(
    data: Dataset, phi: Floats, start: Projection, settings: RefineSettings
) -> Iterator[tuple[Projection, str]]:
    """The mean of the maps up to each epoch, the start included, and how the losses stand."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.keras.utils.set_random_seed(settings.seed)
    photos = photo_view(data.features, data.visual, start.power, start.visual)
    mean = photos.mean(0)
    texts = TextRows(data, start.idf)
    photo_w = tf.Variable(start.photo_weights)
    photo_b = tf.Variable(start.photo_bias + mean @ start.photo_weights)
    text_w = tf.Variable(
        np.concatenate(
            [
                start.text_weights,
                start.text_bias[None],
                start.sentence_weights,
                start.sentence_bias[None],
            ]
        )
    )
    log_kappa = tf.Variable(np.zeros(2, np.float32))
    maps = [photo_w, photo_b, text_w]
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate, beta_2=0.98)
    optimizer.build(maps)
    # The sharpness is two numbers that have far to go: a rate of their own.
    sharpen = tf.keras.optimizers.Adam(0.03)
    sharpen.build([log_kappa])
    p_wt = tf.constant(phi)
    root = float(np.sqrt(phi.shape[1]))

    def unit(z: Any) -> Any:
        return tf.math.l2_normalize(z - tf.reduce_mean(z, 1, keepdims=True), 1)

    def ranking(a: Any, b: Any, real: Any) -> Any:
        s = a @ tf.transpose(b) / settings.temperature
        hidden = (1 - real)[None] * -1e9
        loss = -tf.linalg.diag_part(tf.nn.log_softmax(s + hidden, 1)) - tf.linalg.diag_part(
            tf.nn.log_softmax(s + tf.transpose(hidden), 0)
        )
        return tf.reduce_sum(loss * real) / tf.maximum(tf.reduce_sum(real), 1.0)

    def likelihood(z: Any, log_sharpness: Any, words: Any) -> Any:
        p_w = tf.nn.softmax(tf.exp(log_sharpness) * root * z) @ tf.transpose(p_wt)
        total = tf.maximum(tf.reduce_sum(words, 1), 1.0)
        return tf.reduce_mean(tf.reduce_sum(words * tf.math.log(p_w + 1e-8), 1) / total)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def step(f: Any, first: Any, second: Any, has_second: Any, words: Any) -> Any:
        with tf.GradientTape() as tape:
            x = unit(f @ photo_w + photo_b)
            y = unit(first @ text_w)
            v = unit(second @ text_w)
            rank = ranking(x, y, tf.ones_like(has_second))
            loss = rank + settings.text_pairs * (
                ranking(y, v, has_second) + ranking(x, v, has_second)
            )
            fit = likelihood(x, log_kappa[0], words) + likelihood(y, log_kappa[1], words)
            loss -= settings.likelihood * fit
        gradients = tape.gradient(loss, [*maps, log_kappa])
        optimizer.apply_gradients(zip(gradients[:3], maps, strict=True))
        sharpen.apply_gradients([(gradients[3], log_kappa)])
        return rank, fit

    rng = np.random.default_rng(settings.seed)
    centred = (photos - mean).astype(np.float32)
    pooled = data.pooled()
    sampler = PairSampler(data, settings.rare_language)
    posts = sampler.posts
    batch = min(settings.batch, max(len(posts) // 6, 1))
    per_epoch = max(1, len(posts) // batch)
    steps, done = settings.epochs * per_epoch, 0
    means = [weights.numpy() for weights in maps]
    for epoch in range(1, settings.epochs + 1):
        order = rng.permutation(posts)
        for number in range(per_epoch):
            rows = order[number * batch : (number + 1) * batch]
            first, second, real = sampler.draw(rows, rng)
            warm = min(1.0, (done + 1) / 20)
            optimizer.learning_rate = (
                settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * done / steps))
            )
            rank, fit = step(
                tf.constant(dropped(centred[rows], settings.drop_photo, rng)),
                tf.constant(texts.dropped(first, settings, rng)),
                tf.constant(texts.dropped(second, settings, rng)),
                tf.constant(real),
                tf.constant(pooled[rows].toarray()),
            )
            done += 1
        means = [m + (now.numpy() - m) / (epoch + 1) for m, now in zip(means, maps, strict=True)]
        weights, bias, read = means
        width = len(start.text_weights)
        yield (
            replace(
                start,
                photo_weights=weights,
                photo_bias=bias - mean @ weights,
                text_weights=read[:width],
                text_bias=read[width],
                sentence_weights=read[width + 1 : -1],
                sentence_bias=read[-1],
            ),
            f"ranking {rank:.3f} likelihood {fit:.3f}",
        )


class TextRows:
    """Texts as the training reads them: words, 1, sentence vector, 1.

    The ones carry each view's bias, so that a view that is left out is a block of zeros.
    """

    def __init__(self, data: Dataset, idf: Floats) -> None:
        self._words = weigh(data.texts, idf)
        self._sentences = data.sentences

    def dropped(
        self, rows: list[int], settings: RefineSettings, rng: np.random.Generator
    ) -> Floats:
        """Some texts, with words and whole views left out, shape (len(rows), W + D + 2)."""
        one = np.ones((len(rows), 1), np.float32)
        words = dropped_words(self._words[rows], settings.drop_text, rng)
        sentences = self._sentences[rows]
        chance = rng.random((len(rows), 1), dtype=np.float32)
        if not sentences.shape[1]:
            return np.concatenate([words, one, sentences, one], axis=1)
        with_words = one * (chance >= settings.drop_words)
        with_sentence = one * (chance < 1 - settings.drop_sentence)
        return np.concatenate(
            [words * with_words, with_words, sentences * with_sentence, with_sentence], axis=1
        )


def dropped(values: Floats, share: float, rng: np.random.Generator) -> Floats:
    """A share of the values dropped, the others scaled up (Srivastava et al. 2014).

    Not TensorFlow's: compiled, that takes nearly half of a step's time and ignores the seed.
    """
    kept = rng.random(values.shape, dtype=np.float32) >= share
    return (values * kept / np.float32(1 - share)).astype(np.float32, copy=False)


def dropped_words(rows: Any, share: float, rng: np.random.Generator) -> Floats:
    """`dropped` for CSR, as a dense matrix."""
    thin = rows.copy()
    thin.data = dropped(rows.data, share, rng)
    dense: Floats = thin.toarray()
    return dense


class PairSampler:
    """Draws two different texts of a post, so that each of its languages is learnt from.

    Parameters
    ----------
    data
        Posts; those without a text are never drawn.
    rare
        Probability that the first text is one of the post's rarer language.
    """

    def __init__(self, data: Dataset, rare: float) -> None:
        self.rare = rare
        languages, counts = np.unique(data.language, return_counts=True)
        main = languages[np.argmax(counts)] if len(languages) else ""
        self._main: list[list[int]] = [[] for _ in range(len(data))]
        self._other: list[list[int]] = [[] for _ in range(len(data))]
        for row, (post, language) in enumerate(zip(data.owner, data.language, strict=True)):
            (self._main if language == main else self._other)[post].append(row)
        self.posts = np.array(
            [i for i in range(len(data)) if self._main[i] or self._other[i]], np.int64
        )

    def draw(
        self, posts: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[list[int], list[int], Floats]:
        """Rows of first texts, of second texts, and 1 or 0 whether the second is another one."""
        first, second, real = [], [], []
        for post in posts:
            main, other = self._main[post], self._other[post]
            if main and other:
                a, b = main[rng.integers(len(main))], other[rng.integers(len(other))]
                if rng.random() < self.rare:
                    a, b = b, a
            else:
                rows = main or other
                a = rows[rng.integers(len(rows))]
                b = rows[rng.integers(len(rows))]
            first.append(a)
            second.append(b)
            real.append(float(a != b))
        return first, second, np.array(real, np.float32)
