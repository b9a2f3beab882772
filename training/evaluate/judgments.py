"""Votes of users as judgments: whether what they liked is scored above what they did not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import scoring
from engine.errors import Image2PicError
from engine.model import Model
from engine.projection import log_ratio
from training.evaluate.metrics import auc
from training.learn.dataset import Dataset


def measure_judgments(file: Path, model: Model, posts: Sequence[Dataset]) -> dict[str, Any]:
    """Score votes by the model.

    The score is that of the search: the inner product of the unit vectors that belong to the
    query's theta and to the post's photo, less the photo's bias.

    Parameters
    ----------
    file
        JSON Lines as ``image2pic-bot export-votes`` writes them: ``kind``, ``theta``, ``post``
        and ``vote`` (1 or -1) are read.
    posts
        Where voted posts are looked for by their ids.

    Returns
    -------
    dict
        ``votes``, ``liked`` (share of +1, per cent), ``auc`` (chance that a liked post is scored
        above a disliked one) over the ``scored`` votes, ``kinds``; a vote on an unknown post or
        of a model with other topics is not scored.

    Raises
    ------
    Image2PicError
        The file cannot be read; the message names the line.
    """
    votes = _read(file)
    place = {name: (data, row) for data in reversed(posts) for row, name in enumerate(data.ids)}
    scores, liked = [], []
    for vote in votes:
        found = place.get(vote["post"])
        theta = np.array(vote["theta"], np.float32)
        if found is None or theta.shape != (model.info.topics,):
            continue
        data, row = found
        z = model.projection.photos(data.features[row : row + 1], data.visual[row : row + 1])
        share = {"photo": 1.0, "both": 0.5, "post": 1.0}.get(str(vote.get("kind")), 0.0)
        biases = scoring.biases(model, z, "photo")
        query = log_ratio(theta[None])
        scores.append(float(scoring.scores(query, z, biases, photo=share)[0, 0]))
        liked.append(vote["vote"] > 0)
    up = sum(vote["vote"] > 0 for vote in votes)
    return {
        "votes": len(votes),
        "liked": 100 * up / len(votes) if votes else float("nan"),
        "scored": len(scores),
        "auc": auc(np.array(scores, np.float32), np.array(liked, bool)),
        "kinds": dict(Counter(str(vote.get("kind")) for vote in votes)),
    }


def _read(file: Path) -> list[dict[str, Any]]:
    votes: list[dict[str, Any]] = []
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    vote = json.loads(line)
                    good = (
                        isinstance(vote["post"], str)
                        and vote["vote"] in (1, -1)
                        and all(isinstance(share, int | float) for share in vote["theta"])
                    )
                except (ValueError, KeyError, TypeError):
                    good = False
                if not good:
                    raise Image2PicError(
                        f"{file}, line {number}: no judgment (an object with post, vote and theta)"
                    )
                votes.append(vote)
    except (OSError, UnicodeDecodeError) as error:
        raise Image2PicError(f"{file} cannot be read: {error}") from error
    return votes
