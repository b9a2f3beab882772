from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import Image2PicError
from training.evaluate.report import markdown, plot


def recall(r10: float) -> dict[str, float]:
    return {"r1": r10 / 4, "r5": r10 / 2, "r10": r10, "median_rank": 7.5}


@pytest.fixture
def result() -> dict[str, Any]:
    both = {weight: recall(50) for weight in ("0", "0.5", "1")}
    found = {
        "text_to_photo": recall(68),
        "photo_to_text": recall(75),
        "text_to_photo_ru": recall(61.2),
        "photo_to_text_ru": recall(math.nan),
        "both_together": both,
        "annotation": {"p5": 70.0, "r10": 40.0},
        "similar_posts": 0.312,
        "coherence": {"npmi": 0.05, "npmi_worst": -0.2, "same_top_words": 0},
        "seconds_to_train": 300.0,
        "ms_text_query": 0.5,
        "ms_photo_query": 0.7,
        "mb_model": 12.3,
        "kb_per_post": 1.03,
    }
    rival = {"text_to_photo": recall(65), "photo_to_text": recall(77), "chosen": {"power": 0.75}}
    return {
        "rows": {
            "image2pic": found,
            "chance": {"text_to_photo": recall(1)},
            "cca_mean": rival,
            "knn": {"annotation": {"p5": 60.0, "r10": 30.0}, "similar_posts": 0.3},
        },
        "about": {
            "model": "0123abcd",
            "topics": 256,
            "background": 2,
            "photos": 1000,
            "texts": 5000,
            "posts": 1000,
            "texts_ru": 1519,
            "posts_ru": 812,
            "training_posts": 6000,
            "corpus": "flickr8k",
            "split": "dev",
            "encoder_ms": 190.0,
            "encoder_mb": 21.3,
        },
    }


def test_table(result: dict[str, Any]) -> None:
    text = markdown(result, "quality.png")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + 4
    assert {line.count("|") for line in table} == {table[0].count("|")}
    found, rival, knn = (table[row] for row in (2, 4, 5))
    assert found.startswith(
        "| **image2pic** | **17.0 / 34.0 / 68.0, 7.5** | 18.8 / 37.5 / 75.0, 7.5 |"
    )
    assert "| **19.2 / 38.5 / 77.0, 7.5** |" in rival
    assert "nan" not in text
    assert knn.startswith("| nearest neighbours, mean features |  |  |  |  |  | 60.0 / 30.0 |")
    assert "![" in text
    assert "(quality.png)" in text


def test_bars_and_notes(result: dict[str, Any]) -> None:
    text = markdown(result, "quality.png")
    assert "text → photo R@10: image2pic 68.0; ridge CCA, mean features 65.0 (+3.0)" in text
    assert "photo → text R@10: image2pic 75.0; ridge CCA, mean features 77.0 (-2.0)" in text
    assert (
        "similar posts: image2pic 0.312; nearest neighbours, mean features 0.300 (+0.012)" in text
    )
    assert "Russian of English, text → photo R@10: 0.90" in text
    russian = {**result, "about": {**result["about"], "language": "ru"}}
    assert "Russian of English" not in markdown(russian, "quality.png")
    assert "ridge CCA, mean features: power 0.75." in text
    assert "190 ms" in text


def test_what_was_tried(result: dict[str, Any]) -> None:
    assert "## What was tried" not in markdown(result, "a.png")
    result["about"]["tried"] = [{"setting": "power", "values": {"0.5": 340.2, "0.75": 339.5}}]
    assert "| power | **0.5: 340.2**, 0.75: 339.5 |" in markdown(result, "a.png")


def test_what_a_figure_rests_on(result: dict[str, Any]) -> None:
    assert "5,000 texts (any language) of 1,000 posts, 1,519 Russian ones of 812 posts." in (
        markdown(result, "a.png")
    )
    few = result["rows"]["image2pic"]["text_to_photo"]
    few["r10"] = math.nan
    assert "17.0 / 34.0 / –, 7.5" in markdown(result, "a.png")


def test_votes(result: dict[str, Any]) -> None:
    result["about"]["judgments"] = {"votes": 12, "liked": 75.0, "scored": 10, "auc": 0.8125}
    assert "75.0 % liked" in markdown(result, "x.png")
    assert "0.812" in markdown(result, "x.png")


def test_only_the_model(result: dict[str, Any], tmp_path: Path) -> None:
    result["rows"] = {"image2pic": {"text_to_photo": recall(50)}}
    assert "| **image2pic** |" in markdown(result, "x.png")
    plot(result, tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").width > 1000


def test_picture(result: dict[str, Any], tmp_path: Path) -> None:
    plot(result, tmp_path / "quality.png")
    with Image.open(tmp_path / "quality.png") as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    # the two colours of the bars are there, and a good part of the picture is paper
    for colour in ((0x2F, 0x6F, 0x9F), (0xE0, 0xA3, 0x3E)):
        assert (np.abs(pixels.astype(int) - colour).sum(2) < 6).sum() > 1000
    assert (pixels == 255).all(2).mean() > 0.5


def test_a_picture_that_cannot_be_written(result: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Image2PicError, match="cannot be written"):
        plot(result, tmp_path / "no" / "where.png")
