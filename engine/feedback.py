"""What votes change: a person's own answer at once, and everybody's answers a little.

One answer is re-ranked by relevance feedback in the space of topics: Rocchio's rule (Manning,
Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 9.1.1) moves the query
towards the posts that were liked and away from those that were not. Gathered over people, votes
raise or lower a post for questions like the one that they were given for, within `BOUND`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from engine.projection import centre, log_ratio
from engine.results import Floats

LIKED: Final = 0.75
"""Weight of the mean of liked posts (Rocchio's beta; the query itself has 1)."""

DISLIKED: Final = 0.5
"""Weight of the mean of disliked posts (Rocchio's gamma)."""

BOUND: Final = 0.1
"""What votes of many people add to a post's score, or take off, at most.

The scores of the first and of the sixth post of an answer differ by .12 in the median, those of the
first and of the twenty-first by .38 (the starter, its own texts as questions): votes move a post
within a page, and bring none up that is far away.
"""

HALF: Final = 2.0
"""People that have to agree for half of `BOUND`."""

ALIKE: Final = 0.5
"""Cosine of two questions from which votes on one count for the other."""


def rocchio(z: Floats, liked: Floats, disliked: Floats) -> Floats:
    """Move a query (K,) towards liked posts (n, K) and away from disliked ones (m, K)."""
    moved = z[None].astype(np.float32)
    if len(liked):
        moved += LIKED * liked.mean(0)
    if len(disliked):
        moved -= DISLIKED * disliked.mean(0)
    unit: Floats = centre(moved)[0]
    return unit


class Feedback:
    """Votes of all people, by post; safe to use from several threads.

    Attributes
    ----------
    version
        Of the votes in the store, of which these are a copy.
    """

    def __init__(self) -> None:
        self.version = 0
        self._votes: dict[int, dict[tuple[int, int], tuple[Floats, int]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(map(len, self._votes.values()))

    def set(self, key: int, *, user: int, query: int, theta: Floats, value: int) -> None:
        """Take a vote in; 0 takes it back.

        Parameters
        ----------
        key
            The post.
        user, query
            Who voted, on the answer to which question: a second vote replaces the first.
        theta
            Topic vector of the question, shape (K,).
        value
            1, -1 or 0.
        """
        with self._lock:
            votes = self._votes.setdefault(key, {})
            votes.pop((user, query), None)
            if value:
                votes[user, query] = (log_ratio(theta[None])[0], value)
            if not votes:
                del self._votes[key]

    def clear(self, keys: Iterable[int]) -> None:
        """Take back all votes on posts."""
        with self._lock:
            for key in keys:
                self._votes.pop(key, None)

    def forget(self, user: int) -> None:
        """Take back all votes of a person."""
        with self._lock:
            for key, votes in list(self._votes.items()):
                for who, query in list(votes):
                    if who == user:
                        del votes[who, query]
                if not votes:
                    del self._votes[key]

    def lift(self, z: Floats, keys: Iterable[int]) -> Floats:
        """What to add to the scores of posts for a query.

        Parameters
        ----------
        z
            The query's unit vector, shape (K,).
        keys
            Keys of n posts.

        Returns
        -------
        numpy.ndarray
            Shape (n,), each within -`BOUND` and `BOUND`. However often one person votes on a post
            with questions like this one, it counts once.
        """
        keys = list(keys)
        lifts = np.zeros(len(keys), np.float32)
        if not self._votes:
            return lifts
        with self._lock:
            for place, key in enumerate(keys):
                if votes := self._votes.get(key):
                    agreed = self._agreed(z, votes)
                    lifts[place] = BOUND * agreed / (abs(agreed) + HALF)
        return lifts

    @staticmethod
    def _agreed(z: Floats, votes: dict[tuple[int, int], tuple[Floats, int]]) -> float:
        people: dict[int, float] = {}
        for (user, _), (asked, value) in votes.items():
            if asked.shape == z.shape:
                alike = max(0.0, (float(asked @ z) - ALIKE) / (1 - ALIKE))
                people[user] = people.get(user, 0.0) + alike * value
        return sum(min(1.0, max(-1.0, share)) for share in people.values())


def mean_theta(thetas: Sequence[Floats]) -> Floats:
    """Geometric mean of topic vectors (K,): the one whose log-ratio is the mean of theirs."""
    mean = np.log(np.maximum(np.stack(thetas), 1e-30)).mean(0)
    share = np.exp(mean - mean.max())
    result: Floats = (share / share.sum()).astype(np.float32)
    return result
