from __future__ import annotations

import io

import numpy as np
from PIL import Image

from engine.trends import BEFORE, WEEKS, growth, trends, trends_picture


def posts(count: int, topic: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(6), count).astype(np.float32)
    shares[:, topic] += 2
    return shares / shares.sum(1, keepdims=True)


def test_a_topic_that_grew_is_found() -> None:
    early, late = posts(40, 1, 0), posts(20, 4, 1)
    ages = [WEEKS + n % BEFORE for n in range(40)] + [n % WEEKS for n in range(20)]
    found = trends(np.concatenate([early, late]), ages)
    assert [trend.topic for trend in found] == [4]
    assert found[0].growth > 3
    assert found[0].weeks.shape == (WEEKS + BEFORE,)
    assert found[0].weeks[-WEEKS:].min() > found[0].weeks[:BEFORE].max()


def test_noise_is_no_trend_and_few_posts_say_nothing() -> None:
    same = posts(60, 2, 3)
    assert trends(same, [n % (WEEKS + BEFORE) for n in range(60)]) == []
    assert trends(same[:6], [0, 1, 2, 5, 6, 7]) == []
    assert trends(np.zeros((0, 6), np.float32), []) == []


def test_the_picture() -> None:
    early, late = posts(40, 1, 0), posts(20, 4, 1)
    ages = [WEEKS] * 40 + [0] * 20
    found = trends(np.concatenate([early, late]), ages)
    data = trends_picture(found, ["закат, море, вечер " * 9], [Image.new("RGB", (9, 7), "red")])
    assert Image.open(io.BytesIO(data)).size[0] == 800
    assert trends_picture(found, [""], [None])
    assert growth(12.0) == "× 10+"
