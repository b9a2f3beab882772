from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import Image2PicError
from training.evaluate.baselines import BASELINES, Task, fit_baseline
from training.evaluate.baselines.fitting import TOPIC_BASELINES


def words_or_photos(method: Any, data: Any) -> np.ndarray:
    found = method.words(data)
    return method.photos(data) if found is None else found


@pytest.mark.parametrize("name", [n for n in BASELINES if n not in TOPIC_BASELINES])
def test_learnt_once(name: str, task: Task, planted: Any, tmp_path: Path) -> None:
    said: list[str] = []
    first = fit_baseline(name, task, cache=tmp_path / "new", progress=said.append)
    assert said == [f"learning {name}"]
    again = fit_baseline(name, task, cache=tmp_path / "new", progress=said.append)
    assert len(said) == 1
    assert again.seconds == first.seconds
    assert again.chosen == first.chosen
    assert np.array_equal(
        words_or_photos(again.method, planted.held), words_or_photos(first.method, planted.held)
    )


def test_both_mean_rows_at_once(task: Task, tmp_path: Path) -> None:
    fit_baseline("cca_mean", task, cache=tmp_path)
    assert {file.name.rpartition("-")[0] for file in tmp_path.iterdir()} == {
        "cca_mean",
        "cca_mean_hub",
    }


def test_other_posts_are_learnt_anew(task: Task, planted: Any, tmp_path: Path) -> None:
    fit_baseline("frequency", task, cache=tmp_path)
    other = Task(planted.held, task.words, task.topics, task.languages)
    said: list[str] = []
    fit_baseline("frequency", other, cache=tmp_path, progress=said.append)
    assert said


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"text"])
def test_a_damaged_file_is_learnt_again(
    content: bytes, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit_baseline("frequency", task, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        fit_baseline("frequency", task, cache=tmp_path, progress=lambda line: None)
    assert "learnt again" in caplog.text
    assert file.stat().st_size > 100


def test_a_cache_that_cannot_be_written_is_no_loss(
    task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        fitted = fit_baseline("frequency", task, cache=tmp_path / "file" / "cache")
    assert "not kept" in caplog.text
    assert fitted.method.words(task.train) is not None


def test_unknown_name(task: Task) -> None:
    with pytest.raises(Image2PicError, match=r"'svm'.*cca_mean"):
        fit_baseline("svm", task, cache=None)


@pytest.mark.parametrize("name", ["original_recipe", "lda"])
def test_topics_by_bigartm(name: str, task: Task, planted: Any, tmp_path: Path) -> None:
    if find_spec("artm") is None:
        pytest.skip("needs bigartm: pip install 'image2pic[training]'")
    fitted = fit_baseline(name, task, cache=tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]
    phi = fitted.method.phi()
    assert phi is not None
    assert phi.shape == (task.words, 44 if name == "original_recipe" else 8)
    again = fit_baseline(name, task, cache=tmp_path).method
    photos = again.photos(planted.held)
    assert photos is not None
    assert np.array_equal(photos, fitted.method.photos(planted.held))
