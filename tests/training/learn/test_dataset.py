from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from training.learn.dataset import Dataset


def dataset(posts: int = 6, texts: int = 11, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(
        tuple(f"пост-{i}" for i in range(posts)),
        rng.random((posts, 5)).astype(np.float32),
        sparse.random(posts, 9, 0.4, "csr", np.float32, rng),
        sparse.csr_matrix(rng.poisson(0.7, (texts, 8)).astype(np.float32)),
        rng.integers(0, posts, texts),
        rng.choice(["en", "ru", ""], texts),
    )


def assert_same(a: Dataset, b: Dataset, atol: float = 0) -> None:
    assert a.ids == b.ids
    np.testing.assert_allclose(a.features, b.features, atol=atol)
    np.testing.assert_array_equal(a.visual.toarray(), b.visual.toarray())
    np.testing.assert_array_equal(a.texts.toarray(), b.texts.toarray())
    np.testing.assert_array_equal(a.owner, b.owner)
    np.testing.assert_array_equal(a.language, b.language)


class TestPooled:
    @given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 99))
    @settings(max_examples=40, deadline=None)
    def test_each_post_has_the_words_of_its_texts(self, posts: int, texts: int, seed: int) -> None:
        data = dataset(posts, texts, seed)
        wanted = np.zeros((posts, 8), np.float32)
        np.add.at(wanted, data.owner, data.texts.toarray())
        pooled = data.pooled()
        assert pooled.shape == (posts, 8)
        np.testing.assert_array_equal(pooled.toarray(), wanted)


class TestSubset:
    @given(st.lists(st.integers(0, 5), unique=True), st.integers(0, 50))
    @settings(max_examples=40, deadline=None)
    def test_posts_keep_their_own_texts(self, rows: list[int], seed: int) -> None:
        data = dataset(seed=seed)
        part = data.subset(np.array(rows, np.int64))
        assert part.ids == tuple(data.ids[row] for row in rows)
        np.testing.assert_array_equal(part.features, data.features[rows])
        assert len(part.owner) == np.isin(data.owner, rows).sum()
        np.testing.assert_array_equal(part.pooled().toarray(), data.pooled().toarray()[rows])

    def test_all_of_it_is_the_same(self) -> None:
        assert_same(dataset().subset(np.arange(6)), dataset())


class TestLanguage:
    def test_only_the_texts_of_one_language(self) -> None:
        data = dataset(texts=40)
        for language in ("en", "ru", ""):
            part = data.in_language(language)
            assert part.ids == data.ids
            assert set(part.language) == {language}
            kept = data.language == language
            np.testing.assert_array_equal(part.texts.toarray(), data.texts.toarray()[kept])
            np.testing.assert_array_equal(part.owner, data.owner[kept])
        assert data.in_language("de").texts.shape == (0, 8)


class TestFile:
    def test_it_comes_back_as_it_was(self, tmp_path: Path) -> None:
        dataset().save(tmp_path / "new" / "folder")
        # Features are kept in half precision.
        assert_same(Dataset.load(tmp_path / "new" / "folder"), dataset(), atol=1e-3)

    def test_no_texts(self, tmp_path: Path) -> None:
        dataset(texts=0).save(tmp_path)
        assert Dataset.load(tmp_path).texts.shape == (0, 8)

    def test_saved_again_it_replaces_the_last(self, tmp_path: Path) -> None:
        dataset(seed=1).save(tmp_path)
        dataset(seed=2).save(tmp_path)
        assert_same(Dataset.load(tmp_path), dataset(seed=2), atol=1e-3)

    def test_missing_or_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match=r"\w+\.npz"):
            Dataset.load(tmp_path)
        dataset().save(tmp_path)
        for name in ("posts.npz", "visual.npz", "texts.npz"):
            whole = (tmp_path / name).read_bytes()
            for data in (b"", b"nothing", whole[: len(whole) // 2]):
                (tmp_path / name).write_bytes(data)
                with pytest.raises((OSError, ValueError)):
                    Dataset.load(tmp_path)
            (tmp_path / name).write_bytes(whole)
        assert_same(Dataset.load(tmp_path), dataset(), atol=1e-3)

    def test_a_pickle_is_not_opened(self, tmp_path: Path) -> None:
        target = tmp_path / "opened"

        class Bomb:
            def __reduce__(self) -> tuple:
                return (target.touch, ())

        dataset().save(tmp_path)
        np.savez(tmp_path / "posts.npz", ids=np.array([Bomb()], dtype=object))
        with pytest.raises(ValueError, match="allow_pickle"):
            Dataset.load(tmp_path)
        assert not target.exists()
