"""Scores: how close a query is to a post, what a hub is worth, which words a theta suggests.

A hub is a post that is close to every query of the other modality. Its mean closeness to a bank of
training queries is taken off its scores (Conneau et al. 2018, "Word translation without parallel
data", section 2.3, one-sided so that it can be kept with the post).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.projection import log_ratio
from engine.results import Columns, Floats

if TYPE_CHECKING:
    from engine.model import Model

BLOCK = 2048


def photo_vectors(model: Model, features: Floats) -> Floats:
    """Mean features (n, channels) to unit vectors z (n, K)."""
    return model.projection.photos(features)


def text_vectors(model: Model, counts: Floats) -> Floats:
    """Counts of words and hashtags (n, W_text + W_tag), dense, to unit vectors z (n, K)."""
    return model.projection.texts(counts)


def hubness(z: Floats, bank: Floats, neighbours: int) -> Floats:
    """Mean inner product of each row with its nearest rows of the bank, shape (n,)."""
    neighbours = min(neighbours, len(bank))
    if neighbours < 1:
        return np.zeros(len(z), np.float32)
    found = np.empty(len(z), np.float32)
    for start in range(0, len(z), BLOCK):
        close = z[start : start + BLOCK] @ bank.T
        nearest = np.partition(close, -neighbours, axis=1)[:, -neighbours:]
        found[start : start + BLOCK] = nearest.mean(1)
    return found


def biases(model: Model, z: Floats, kind: str = "photo") -> Floats:
    """What is taken off a post's scores: for text queries and for photo queries, (n, 2).

    Parameters
    ----------
    z
        Unit vectors of posts, (n, K).
    kind
        What the posts are made of: ``"photo"``, ``"text"`` or ``"both"``. A photo is corrected
        only against texts and a text only against photos: within a modality there are few hubs.
    """
    settings = model.settings
    result = np.zeros((len(z), 2), np.float32)
    if kind != "text":
        result[:, 0] = hubness(z, model.text_bank, settings.hub_neighbours[0])
    if kind != "photo":
        result[:, 1] = hubness(z, model.photo_bank, settings.hub_neighbours[1])
    return result * np.array(settings.hub_weight, np.float32)


def search_vector(z: Floats, photo: float) -> Floats:
    """A query for the index, shape (K + 2,): z, and which bias counts how much."""
    return np.concatenate([z, [photo - 1, -photo]]).astype(np.float32)


def scores(query_z: Floats, post_z: Floats, post_biases: Floats, *, photo: float) -> Floats:
    """Scores of queries (q, K) against posts (n, K), shape (q, n).

    Parameters
    ----------
    photo
        Share of the photo in the queries: 0 for texts, 1 for photos.
    """
    taken = (1 - photo) * post_biases[:, 0] + photo * post_biases[:, 1]
    result: Floats = query_z @ post_z.T - taken[None]
    return result


def presence(model: Model, theta: Floats, *, floor: float = 1e-4) -> Floats:
    """Estimate the share of posts of topic vectors (n, K) with each word and hashtag, (n, W)."""
    share: Floats = model.presence + log_ratio(theta) @ model.readout.T
    return np.clip(share, floor, 1).astype(np.float32)


def annotate_scores(model: Model, theta: Floats) -> Floats:
    """How much topic vectors (n, K) speak for each word, shape (n, W_text).

    ``p(w | theta) / p(w) ** power``: with power 0 frequent words come first, with power 1 those
    that are most special to the photo.
    """
    return lifted(model, theta)[:, : len(model.words)]


def lifted(model: Model, theta: Floats) -> Floats:
    """`annotate_scores` for words and hashtags, shape (n, W_text + W_tag)."""
    usual = np.maximum(model.presence, 1e-6) ** model.settings.annotation_power
    return (presence(model, theta) / usual).astype(np.float32)


def word_lift(model: Model, z: Floats, columns: Columns, weights: Floats) -> Floats:
    """Mean log of p(w | theta) / p(w) over a query's words, for each post, shape (n,).

    Parameters
    ----------
    z
        Unit vectors of the posts, shape (n, K).
    columns, weights
        Columns of the query's words and their idf weights, shapes (q,).
    """
    share = model.presence[columns] + z @ model.readout[columns].T
    usual = np.maximum(model.presence[columns], 1e-6)
    lift = np.log(np.maximum(share, 1e-3) / np.maximum(usual, 1e-3))
    result: Floats = (lift @ weights / max(float(weights.sum()), 1e-6)).astype(np.float32)
    return result
