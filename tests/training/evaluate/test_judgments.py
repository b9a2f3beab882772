from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import Image2PicError
from training.evaluate.judgments import measure_judgments


def judgments(file: Path, model: Any, data: Any, turn: int = 1) -> Path:
    """For each query, by the theta of one photo: that photo liked, the least close one not."""
    z = model.projection.photos(data.features, data.visual)
    theta = model.projection.theta(z, photo=1.0)
    lines = []
    for query in range(20):
        far = int(np.argmin(z @ z[query]))
        for post, vote in ((query, turn), (far, -turn)):
            row = {"query": query, "kind": "photo", "theta": theta[query].tolist()}
            lines.append(json.dumps(row | {"post": data.ids[post], "vote": vote}))
    file.write_text("\n".join(lines) + "\n\n")
    return file


def test_votes_that_agree_and_disagree(planted_model: Any, planted: Any, tmp_path: Path) -> None:
    held = planted.held
    for turn, expected in ((1, 1.0), (-1, 0.0)):
        file = judgments(tmp_path / "votes.jsonl", planted_model, held, turn)
        found = measure_judgments(file, planted_model, [held, planted.train])
        assert found["auc"] == expected
        assert (found["votes"], found["scored"], found["liked"]) == (40, 40, 50)
        assert found["kinds"] == {"photo": 40}


def test_unknown_posts_and_other_models(planted_model: Any, planted: Any, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    rows = [
        {"post": "nobody's", "vote": 1, "theta": [1 / 9] * 9},
        {"post": planted.held.ids[0], "vote": -1, "theta": [0.5, 0.5]},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = measure_judgments(file, planted_model, [planted.held])
    assert (found["votes"], found["scored"]) == (2, 0)
    assert np.isnan(found["auc"])


@pytest.mark.parametrize(
    "line", ["{", "[]", "7", '{"post": "a", "vote": 3, "theta": []}', '{"post": "a", "vote": 1}']
)
def test_a_bad_line_is_named(line: str, planted_model: Any, tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_text('{"post": "a", "vote": 1, "theta": [1]}\n' + line)
    with pytest.raises(Image2PicError, match="line 2"):
        measure_judgments(file, planted_model, [])


def test_no_file(planted_model: Any, tmp_path: Path) -> None:
    with pytest.raises(Image2PicError, match="cannot be read"):
        measure_judgments(tmp_path / "none.jsonl", planted_model, [])
