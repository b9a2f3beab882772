from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import Image2PicError
from training.learn.cca import Moments
from training.learn.statistics import (
    POWER,
    CorpusStatistics,
    marks,
    read_statistics,
    write_statistics,
)

NONE = np.zeros((0, 5), np.float32)


def told(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(40, 512)).astype(np.float32)


def part(pairs: int, seed: int, channels: int = 7, width: int = 5) -> CorpusStatistics:
    rng = np.random.default_rng(seed)

    def covariance(size: int) -> np.ndarray:
        rows = rng.normal(size=(30, size)).astype(np.float32)
        return rows.T @ rows / 30

    none = np.zeros(0, np.float32)
    cross = rng.normal(size=(width, channels)).astype(np.float32)
    empty = np.zeros((0, 0), np.float32)
    moments = Moments(
        pairs, none, none, none, covariance(channels), empty, covariance(width), empty, empty, cross
    )
    return CorpusStatistics(moments, marks(told(seed)))


def test_written_and_read_they_are_the_weighted_mean(tmp_path: Path) -> None:
    one, two = part(900, 1), part(100, 2)
    path = tmp_path / "new" / "base.npz"
    write_statistics(path, [one, two], sentences="some")
    found = read_statistics(path, channels=7, sentences="some", texts=told(3))[POWER]
    for name in ("photo", "sentence", "sentence_photo"):
        wanted = 0.75 * getattr(one.moments, name) + 0.25 * getattr(two.moments, name)
        np.testing.assert_allclose(getattr(found, name), wanted, atol=2e-3)
    np.testing.assert_array_equal(found.photo, found.photo.T)


@pytest.mark.parametrize(("channels", "sentences"), [(8, "some"), (7, "other")])
def test_of_other_encoders_they_are_refused(tmp_path: Path, channels: int, sentences: str) -> None:
    path = tmp_path / "base.npz"
    write_statistics(path, [part(10, 1)], sentences="some")
    with pytest.raises(Image2PicError, match="image2pic statistics"):
        read_statistics(path, channels=channels, sentences=sentences, texts=NONE)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nothing"])
def test_a_file_that_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "base.npz"
    path.write_bytes(data)
    with pytest.raises(Image2PicError, match="no statistics"):
        read_statistics(path, channels=7, sentences="some", texts=NONE)
    with pytest.raises(Image2PicError, match="no statistics"):
        read_statistics(tmp_path / "missing.npz", channels=7, sentences="some", texts=NONE)


def test_by_posts_that_they_are_of_no_weight_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "base.npz"
    write_statistics(path, [part(900, 1), part(100, 2)], sentences="some")
    own = np.concatenate([told(2)[:10], told(3)])
    assert not read_statistics(path, channels=7, sentences="some", texts=own)
    few = np.concatenate([told(2)[:3], told(3)])
    assert read_statistics(path, channels=7, sentences="some", texts=few)


def test_a_text_has_the_same_marks_in_half_precision() -> None:
    vectors = told(1)
    np.testing.assert_array_equal(marks(vectors), marks(vectors.astype(np.float16)))
    assert len(np.unique(marks(vectors))) == len(vectors)
    assert marks(vectors[:, :5]).shape == (len(vectors),)
