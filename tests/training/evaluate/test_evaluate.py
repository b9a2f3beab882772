from __future__ import annotations

import argparse
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import CorpusError, Image2PicError, ModelError
from engine.model import load_model
from training.commands.evaluate import add_arguments, run
from training.evaluate.baselines import BASELINES
from training.evaluate.evaluate import compare, evaluate, training_posts, without_nan

QUICK = ("cca_bags", "cca_mean", "cca_mean_hub", "knn", "frequency")


def test_rows_of_one_comparison(planted_model: Any, planted: Any, tmp_path: Path) -> None:
    result = compare(
        planted_model, planted.train, planted.held, baselines=QUICK, cache=tmp_path, seconds=12.0
    )
    rows = result["rows"]
    assert set(rows) == {"image2pic", "chance", *QUICK}
    assert rows["image2pic"]["seconds_to_train"] == 12
    for name in ("image2pic", "cca_bags", "cca_mean", "cca_mean_hub"):
        assert rows[name]["text_to_photo"]["r10"] > rows["chance"]["text_to_photo"]["r10"]
    for name in ("knn", "frequency"):
        assert rows[name]["annotation"]["p5"] > rows["chance"]["annotation"]["p5"]
        assert "text_to_photo" not in rows[name]
    assert result["about"]["photos"] == len(planted.held)
    json.dumps(without_nan(result), allow_nan=False)


@pytest.fixture(scope="module")
def evaluated(
    small_model: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[str, Any]]:
    """A model that was really built, measured with every baseline, and its output folder."""
    folder = tmp_path_factory.mktemp("evaluated")
    out, numbers = folder / "quality.md", folder / "quality.json"
    result = evaluate(small_model, small_corpus, split="dev", out=out, json_file=numbers)
    return out, numbers, result


def test_whole_command(evaluated: tuple[Path, Path, dict[str, Any]]) -> None:
    out, numbers, result = evaluated
    rows = json.loads(numbers.read_text())["rows"]
    assert set(rows) == {"image2pic", "chance", *BASELINES}
    for name in ("image2pic", "chance", "original_recipe", "plsa", "lda", "cca_bags", "cca_mean"):
        for key in ("text_to_photo", "photo_to_text", "text_to_photo_ru", "photo_to_text_ru"):
            assert {"r1", "r5", "r10", "median_rank"} <= set(rows[name][key])
    for name in ("image2pic", "chance", "knn", "frequency"):
        assert set(rows[name]["annotation"]) == {"p5", "r10"}
    for name in ("image2pic", "chance", "knn"):
        assert isinstance(rows[name]["similar_posts"], float)
    assert rows["image2pic"]["text_to_photo"]["r10"] > rows["chance"]["text_to_photo"]["r10"]
    assert rows["image2pic"]["seconds_to_train"] > 0
    assert result["about"]["encoder_ms"] > 0
    assert "| **image2pic** |" in out.read_text()
    assert out.with_suffix(".png").stat().st_size > 10_000


def test_nothing_but_the_heldout_posts_is_needed(
    evaluated: tuple[Path, Path, dict[str, Any]],
    small_model: Path,
    small_corpus: Path,
    tmp_path: Path,
) -> None:
    lines = (small_corpus / "posts.jsonl").read_text().splitlines()
    posts = [post for post in map(json.loads, lines) if post.get("split") == "dev"]
    (tmp_path / "photos").mkdir()
    for post in posts:
        shutil.copy(small_corpus / post["photo"], tmp_path / post["photo"])
        del post["split"]
    (tmp_path / "posts.jsonl").write_text("\n".join(map(json.dumps, posts)))
    again = evaluate(small_model, tmp_path, split=None, out=tmp_path / "quality.md")
    first = evaluated[2]["rows"]
    for name in ("image2pic", "cca_mean", "plsa"):
        assert again["rows"][name]["text_to_photo"] == first[name]["text_to_photo"]
    assert again["rows"]["plsa"]["seconds_to_train"] == first["plsa"]["seconds_to_train"]


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_command_line(
    evaluated: tuple[Path, Path, dict[str, Any]],
    small_model: Path,
    small_corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "table.md"
    args = ["--split", "dev", "--out", str(out), "--baselines", "frequency,knn", "--quiet"]
    assert run(parsed(str(small_model), str(small_corpus), *args)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.strip() == out.read_text().strip()
    assert "most frequent words" in printed.out
    assert "PLSA" not in printed.out
    assert (tmp_path / "table.png").exists()


def test_a_model_that_was_handed_on(
    small_model: Path, small_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(small_model, model, ignore=shutil.ignore_patterns("work"))
    args = [str(model), str(small_corpus), "--split", "dev", "--quiet"]
    with pytest.raises(ModelError, match="work/train is missing"):
        run(parsed(*args, "--baselines", "knn"))
    assert load_model(model).info.measured == {}
    assert run(parsed(*args, "--baselines", "none", "--record")) == 0
    assert "counted over the held-out posts" in capsys.readouterr().out
    opened = load_model(model)
    whole = load_model(small_model)
    assert opened.info.id == whole.info.id
    assert opened.info.measured["corpus"] == f"{small_corpus.name}, dev"
    assert opened.info.measured["held_out_posts"] == 36
    # What a model learns from is left out where nothing else is said.
    found = evaluate(small_model, small_corpus, split=None, out=tmp_path / "q.md", baselines=[])
    assert found["about"]["split"] == "dev"
    row = found["rows"]["image2pic"]
    for name, figure in (
        ("text_to_photo_r10", row["text_to_photo"]["r10"]),
        ("photo_to_text_r10", row["photo_to_text"]["r10"]),
        ("text_to_photo_ru_r10", row["text_to_photo_ru"]["r10"]),
        ("annotation_p5", row["annotation"]["p5"]),
    ):
        assert opened.info.measured[name] == pytest.approx(figure, abs=0.051)


def test_refusals(small_model: Path, small_corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(Image2PicError, match=r"'svm'.*there are"):
        evaluate(small_model, small_corpus, split=None, baselines=["svm"])
    with pytest.raises(CorpusError, match="split 'none'"):
        evaluate(small_model, small_corpus, split="none")
    with pytest.raises(CorpusError):
        evaluate(small_model, tmp_path / "nowhere", split=None)
    with pytest.raises(ModelError):
        evaluate(tmp_path, small_corpus, split=None)
    with pytest.raises(Image2PicError, match="no folder"):
        evaluate(small_model, small_corpus, split=None, out=tmp_path / "a" / "b.md")


def test_training_posts_missing_damaged_or_of_another_model(
    planted_model: Any, planted: Any, tmp_path: Path
) -> None:
    model = replace(planted_model, folder=tmp_path)
    with pytest.raises(ModelError, match="work/train is missing"):
        training_posts(model)
    planted.train.save(tmp_path / "work" / "train")
    assert training_posts(model).ids == planted.train.ids
    (tmp_path / "work" / "train" / "texts.npz").write_bytes(b"PK no")
    with pytest.raises(ModelError, match="damaged"):
        training_posts(model)
    fewer = planted.train
    fewer = replace(fewer, texts=fewer.texts[:, :50])
    fewer.save(tmp_path / "work" / "train")
    with pytest.raises(ModelError, match="another model"):
        training_posts(model)


def test_not_a_number_is_null() -> None:
    value = {"a": [math.nan, 1.5, np.float32(2)], 0.5: {"b": math.inf}, "c": np.int64(3), "d": "x"}
    assert without_nan(value) == {"a": [None, 1.5, 2.0], "0.5": {"b": None}, "c": 3, "d": "x"}
