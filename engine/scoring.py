"""Scores: how close a query is to a post, what a hub is worth, which words a theta suggests.

A hub is a post that is close to every query of the other modality. Its mean closeness to a bank of
training queries is taken off its scores (Conneau et al. 2018, "Word translation without parallel
data", section 2.3, one-sided so that it can be kept with the post).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.projection import log_ratio
from engine.results import Columns, Floats

if TYPE_CHECKING:
    from engine.model import Bank, Model, QuerySettings

BLOCK = 2048


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


def search_vector(z: Floats, photo: float, words: int = 0) -> Floats:
    """A query for the index, shape (K + 2,): z, and which bias counts how much.

    Parameters
    ----------
    photo
        Share of the photo in it, 0 to 1.
    words
        Number of words of a query without a photo; 0 if that does not matter. What a hub loses is
        measured by whole texts: by one word, a photo that many texts speak for is found rightly.
    """
    whole = min(words / 3, 1.0) if words > 1 else float(words != 1)
    return np.concatenate([z, [whole * (photo - 1), -photo]]).astype(np.float32)


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


def word_shares(
    model: Model,
    theta: Floats,
    written: Iterable[Sequence[int] | Columns] = (),
    *,
    floor: float = 1e-4,
) -> Floats:
    """Estimate the share of posts of topic vectors (n, K) with each word and hashtag, (n, W).

    Parameters
    ----------
    written
        Columns of the words that are written on each photo, where any are known.
    """
    z = log_ratio(theta)
    read = model.presence + z @ model.readout.T
    shares = mixed_shares(z, read, model.bank, model.settings, floor=floor)
    for row, words in enumerate(written):
        columns = np.asarray(words, np.intp)
        shares[row, columns] += model.settings.written_share * (1 - shares[row, columns])
    return shares


def mixed_shares(
    z: Floats, read: Floats, bank: Bank, settings: QuerySettings, *, floor: float = 1e-4
) -> Floats:
    """What topics say of words, mixed with what the posts near by say of them, shape (n, W).

    Parameters
    ----------
    z
        Unit vectors, shape (n, K).
    read
        What the topics say, shape (n, W).
    """
    shares: Floats = np.clip(read, floor, 1).astype(np.float32)
    part = settings.neighbour_share
    if not part or not len(bank.z):
        return shares
    near, say = neighbours_of(z, bank, settings)
    shares *= 1 - part
    for row, posts in enumerate(near):
        lengths = bank.starts[posts + 1] - bank.starts[posts]
        # Where the words of each post lie, one post after the other.
        places = np.arange(lengths.sum()) + np.repeat(
            bank.starts[posts] - np.cumsum(lengths) + lengths, lengths
        )
        votes = np.repeat(part * say[row], lengths)
        shares[row] += np.bincount(bank.columns[places], votes, minlength=shares.shape[1])
    return shares


def neighbours_of(z: Floats, bank: Bank, settings: QuerySettings) -> tuple[Columns, Floats]:
    """The nearest posts of each row and their weights, which sum to 1; both (n, neighbours)."""
    count = min(settings.neighbours, len(bank.z))
    close = z @ bank.z.T
    near = np.argpartition(-close, count - 1, axis=1)[:, :count]
    close = np.take_along_axis(close, near, axis=1)
    say = np.exp(settings.neighbour_sharpness * (close - close.max(1, keepdims=True)))
    return near, (say / say.sum(1, keepdims=True)).astype(np.float32)


def lifted(model: Model, shares: Floats) -> Floats:
    """How much speaks for each word and hashtag, by their `word_shares` (n, W).

    ``p(w | theta) / p(w) ** power``: with power 0 frequent words come first, with power 1 those
    that are most special to the photo.
    """
    presence = np.maximum(model.usual, 1e-6) ** model.settings.annotation_power
    return (shares / presence).astype(np.float32)
