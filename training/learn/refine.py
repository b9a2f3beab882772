"""Amortised inference learnt on top of BigARTM's topics.

1. Ridge CCA finds the directions that photos and texts share.
2. A rotation (orthogonal Procrustes) lays those directions along the topics: what the photos and
   texts of a post have in common then points where BigARTM's theta of the post points.
3. Both maps are trained together on a ranking loss (InfoNCE, van den Oord et al. 2018) between
   topic vectors, plus the likelihood of the post's words under ``Phi theta``: two more additive
   regularisers on theta. Phi itself stays BigARTM's, so the topics stay as readable as they were.

The maps are linear, so a query costs one product of a vector and a matrix.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.projection import Projection, centre
from engine.results import Floats
from training.learn.cca import fit_cca
from training.learn.dataset import Dataset

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RefineSettings:
    """How the two maps are learnt.

    Attributes
    ----------
    ridge
        Of the CCA, for photos and texts, in units of the mean variance.
    temperature
        Of the ranking loss.
    likelihood
        Weight of the words' log-likelihood.
    text_pairs
        Weight of the ranking loss between two texts of one post.
    most_posts
        Posts used; of a larger corpus, a sample.
    """

    ridge: tuple[float, float] = (1.0, 1.0)
    epochs: int = 25
    batch: int = 1000
    learning_rate: float = 2e-4
    temperature: float = 0.07
    likelihood: float = 0.1
    text_pairs: float = 1.0
    drop_photo: float = 0.3
    drop_text: float = 0.2
    rare_language: float = 0.65
    most_posts: int = 200_000
    seed: int = 1


def refine(
    data: Dataset,
    phi_text: Floats,
    theta: Floats,
    settings: RefineSettings,
    *,
    progress: Progress | None = None,
) -> Projection:
    """Learn the maps.

    Parameters
    ----------
    data
        Training posts.
    phi_text
        p(w | t) of words and hashtags, stacked, shape (W_text + W_tag, K).
    theta
        BigARTM's topic vectors of the same posts, shape (n, K).
    settings
        See `RefineSettings`.
    progress
        Called with a line of text after each epoch.
    """
    if len(data) > settings.most_posts:
        rows = np.random.default_rng(settings.seed).permutation(len(data))
        rows = np.sort(rows[: settings.most_posts])
        data, theta = data.subset(rows), theta[rows]
    idf = inverse_document_frequency(data.texts)
    photos = np.sqrt(np.maximum(data.features, 0))
    texts = weigh(data.texts, idf)
    start = _aligned_start(photos, texts, data, theta, settings)
    return _train(photos, texts, data, phi_text, idf, start, settings, progress)


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


@dataclass(frozen=True)
class _Start:
    mean: Floats
    photo: Floats
    text: Floats
    text_bias: Floats


def _aligned_start(
    photos: Floats, texts: Any, data: Dataset, theta: Floats, settings: RefineSettings
) -> _Start:
    topics = theta.shape[1]
    cca = fit_cca(photos, texts, data.owner, ridge=settings.ridge, dimensions=topics - 1)
    photo = cca.weights_a * cca.correlations
    text = cca.weights_b * cca.correlations
    photo /= np.linalg.norm((photos - cca.mean_a) @ photo, axis=1).mean()
    text /= np.linalg.norm(texts[:5000] @ text - cca.mean_b @ text, axis=1).mean()
    bias = -cca.mean_b @ text
    # What photo and texts of a post say together, against the topics it was given.
    seen = unit_rows_centred((photos - cca.mean_a) @ photo)
    both = _together(seen, unit_rows_centred(texts @ text + bias), data)
    text = _other_languages(texts, text, bias, both, data)
    both = _together(seen, unit_rows_centred(texts @ text + bias), data)
    target = centre(np.log(theta + 0.1 / topics))
    left, _, right = np.linalg.svd(both.T @ target, full_matrices=False)
    rotation = (left @ right).astype(np.float32)
    return _Start(cca.mean_a, photo @ rotation, text @ rotation, bias @ rotation)


def _together(seen: Floats, read: Floats, data: Dataset) -> Floats:
    pooled = np.zeros_like(seen)
    np.add.at(pooled, data.owner, read)
    return unit_rows_centred(seen + unit_rows_centred(pooled))


def _other_languages(texts: Any, text: Floats, bias: Floats, both: Floats, data: Dataset) -> Floats:
    """Rows of the words of rarer languages, learnt from whole posts.

    CCA pairs a text with a photo alone. Of a language with few texts it learns more when their
    words are regressed (ridge) on what the photo and all texts of the post say together.
    """
    languages, counts = np.unique(data.language, return_counts=True)
    result = text.copy()
    for language in languages[np.argsort(-counts)][1:]:
        rows = np.flatnonzero(data.language == language)
        mine = np.asarray((texts[rows] > 0).sum(0)).ravel()
        every = np.asarray((texts > 0).sum(0)).ravel()
        columns = np.flatnonzero(mine > 0.5 * every)
        if len(rows) < 50 or not len(columns):
            continue
        part = texts[rows][:, columns]
        target = both[data.owner[rows]] - bias
        gram = (part.T @ part).toarray() / len(rows)
        gram += 0.3 * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
        result[columns] = np.linalg.solve(gram, np.asarray(part.T @ target) / len(rows))
    return result.astype(np.float32)


def unit_rows_centred(rows: Floats) -> Floats:
    """Rows of unit length (not centred)."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.maximum(length, 1e-9)).astype(np.float32)
    return unit


def _train(
    photos: Floats,
    texts: Any,
    data: Dataset,
    phi: Floats,
    idf: Floats,
    start: _Start,
    settings: RefineSettings,
    progress: Progress | None,
) -> Projection:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.keras.utils.set_random_seed(settings.seed)
    topics = phi.shape[1]
    photo_w, text_w = tf.Variable(start.photo), tf.Variable(start.text)
    photo_b = tf.Variable(np.zeros(topics, np.float32))
    text_b = tf.Variable(start.text_bias)
    log_kappa = tf.Variable(np.zeros(2, np.float32))
    maps = [photo_w, photo_b, text_w, text_b]
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate, beta_2=0.98)
    optimizer.build(maps)
    # The sharpness is two numbers that have far to go: a rate of their own.
    sharpen = tf.keras.optimizers.Adam(0.03)
    sharpen.build([log_kappa])
    p_wt = tf.constant(phi)
    root = float(np.sqrt(topics))

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
            y = unit(first @ text_w + text_b)
            v = unit(second @ text_w + text_b)
            rank = ranking(x, y, tf.ones_like(has_second))
            loss = rank + settings.text_pairs * (
                ranking(y, v, has_second) + ranking(x, v, has_second)
            )
            fit = likelihood(x, log_kappa[0], words) + likelihood(y, log_kappa[1], words)
            loss -= settings.likelihood * fit
        gradients = tape.gradient(loss, [*maps, log_kappa])
        optimizer.apply_gradients(zip(gradients[:4], maps, strict=True))
        sharpen.apply_gradients([(gradients[4], log_kappa)])
        return rank, fit

    rng = np.random.default_rng(settings.seed)
    centred = (photos - start.mean).astype(np.float32)
    pooled = data.pooled()
    sampler = PairSampler(data, settings.rare_language)
    posts = sampler.posts
    batch = min(settings.batch, len(posts))
    per_epoch = max(1, len(posts) // batch)
    steps, done = settings.epochs * per_epoch, 0
    for epoch in range(settings.epochs):
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
                tf.constant(dropped_words(texts[first], settings.drop_text, rng)),
                tf.constant(dropped_words(texts[second], settings.drop_text, rng)),
                tf.constant(real),
                tf.constant(pooled[rows].toarray()),
            )
            done += 1
        if progress is not None:
            progress(f"{epoch + 1}/{settings.epochs} ranking {rank:.3f} likelihood {fit:.3f}")
    kappa = np.exp(log_kappa.numpy())
    weights = photo_w.numpy()
    return Projection(
        weights,
        photo_b.numpy() - start.mean @ weights,
        text_w.numpy(),
        text_b.numpy(),
        idf,
        (float(kappa[0]), float(kappa[1])),
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
    """Draws two different texts of a post, so that each of its languages is heard.

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
