from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.stats import rankdata

from training.evaluate import metrics
from training.evaluate.metrics import (
    annotation,
    auc,
    blocks,
    exact_shares,
    interval,
    other_text_ranks,
    photo_to_text_ranks,
    similar_posts,
    summarise,
    text_to_photo_ranks,
    tf_idf,
    truth_of,
)
from training.learn.refine import inverse_document_frequency


def of(matrix: np.ndarray) -> metrics.Block:
    return lambda rows: matrix[rows]


def test_text_to_photo() -> None:
    scores = np.array([[3.0, 2, 1], [1, 3, 2], [0, 0, 0], [1, 1, 2]])
    ranks = text_to_photo_ranks(of(scores), np.array([0, 2, 1, 0]), 3)
    assert ranks.tolist() == [1, 2, 2, 2.5]


def test_photo_to_text_best_own_text() -> None:
    # photo 0 owns texts 1 and 3, photo 1 none, photo 2 owns 0 and 2
    scores = np.array([[9.0, 5, 1, 8], [1, 2, 3, 4], [4, 7, 4, 4]])
    ranks = photo_to_text_ranks(of(scores), np.array([2, 0, 2, 0]), 3)
    assert ranks.tolist() == [2, 2.5]


def test_own_texts_do_not_stand_before_the_best() -> None:
    scores = np.ones((1, 5))
    assert photo_to_text_ranks(of(scores), np.zeros(5, np.int64), 1).tolist() == [1]


def test_other_texts_of_the_same_photo() -> None:
    owner = np.array([0, 0, 0, 1, 2, 2])
    scores = np.array(
        [
            [9, 1, 5, 7, 5, 0],  # 3 before, 4 beside the best of 1 and 2
            [3, 9, 2, 1, 1, 1],
            [0, 1, 9, 2, 2, 2],
            [1, 1, 1, 1, 1, 1],  # has no fellow
            [0, 0, 0, 0, 9, 0],  # four beside the best
            [5, 5, 5, 5, 1, 9],
        ]
    )
    assert other_text_ranks(of(scores), owner).tolist() == [2.5, 1, 4, 3, 5]


matrices = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 12), st.integers(1, 9)), elements=st.integers(0, 4)
)


@settings(max_examples=100, deadline=None)
@given(matrices, st.randoms(use_true_random=False), st.integers(1, 200))
def test_ranks_are_scipys_and_do_not_depend_on_blocks(
    scores: np.ndarray, random: object, size: int
) -> None:
    texts, photos = scores.shape
    owner = np.array([random.randrange(photos) for _ in range(texts)], np.int64)  # type: ignore[attr-defined]
    whole = metrics.BLOCK_BYTES
    metrics.BLOCK_BYTES = size
    try:
        found = text_to_photo_ranks(of(scores), owner, photos)
        back = photo_to_text_ranks(of(scores.T), owner, photos)
    finally:
        metrics.BLOCK_BYTES = whole
    expected = [rankdata(-row)[own] for row, own in zip(scores, owner, strict=True)]
    assert found.tolist() == expected
    best = []
    for photo in range(photos):
        own = scores[owner == photo, photo]
        if own.size:
            # the best own text among the texts of others
            line = np.concatenate([[own.max()], scores[owner != photo, photo]])
            best.append(rankdata(-line)[0])
    assert back.tolist() == best


def test_blocks_cover_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "BLOCK_BYTES", 4 * 10 * 3)
    assert [(b.start, b.stop) for b in blocks(8, 10)] == [(0, 3), (3, 6), (6, 8)]
    assert list(blocks(0, 10)) == []


def test_summary() -> None:
    recall = summarise(np.array([1, 2, 6, 11, 10.5]))
    assert asdict(recall) == {"r1": 20, "r5": 40, "r10": 60, "median_rank": 6}
    assert np.isnan(summarise(np.zeros(0)).r1)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        text_to_photo_ranks(of(np.array([[np.nan, 1]])), np.array([0]), 2)


def test_annotation_by_hand() -> None:
    scores = np.tile(np.arange(12, 0, -1, dtype=np.float32), (3, 1))
    truth = np.zeros((3, 12), bool)
    truth[0, [0, 4, 5, 11]] = True  # five: 2 of 5; ten: 3 of 4
    truth[1, [0]] = True  # 1 of 5; 1 of 1
    found = annotation(of(scores), sparse.csr_matrix(truth), np.ones(12, bool))
    assert found.p5 == pytest.approx(100 * (0.4 + 0.2) / 2)
    assert found.r10 == pytest.approx(100 * (0.75 + 1) / 2)


def test_annotation_by_allowed_words_only() -> None:
    scores = np.array([[9.0, 8, 7, 6, 5, 4, 3]])
    truth = sparse.csr_matrix(np.array([[1, 0, 0, 0, 0, 0, 1]], bool))
    allowed = np.array([False, True, True, True, True, False, True])
    assert asdict(annotation(of(scores), truth, allowed)) == {"p5": 20, "r10": 100}


def test_words_of_a_post() -> None:
    texts = sparse.csr_matrix(np.array([[1, 0, 2], [0, 0, 1], [0, 1, 0]], np.float32))
    truth = truth_of(texts, np.array([1, 1, 0]), 3)
    assert truth.toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_tf_idf_rows_have_unit_length() -> None:
    pooled = sparse.csr_matrix(np.array([[2, 1, 0], [0, 3, 0], [0, 0, 0]], np.float32))
    idf = inverse_document_frequency(pooled)
    assert idf == pytest.approx(np.log([3 / 1, 3 / 2, 3 / 1]))
    unit = tf_idf(pooled, idf).toarray()
    assert np.linalg.norm(unit, axis=1) == pytest.approx([1, 1, 0])
    assert unit[0, 0] / unit[0, 1] == pytest.approx(2 * idf[0] / idf[1])


def test_similar_posts_by_hand() -> None:
    unit = sparse.csr_matrix(np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
    # 0 finds 1, 1 finds 2, 2 finds 0; its own score is the largest and does not count
    scores = np.array([[9.0, 2, 1], [1, 9, 2], [2, 1, 9]])
    assert similar_posts(of(scores), unit, top=1) == pytest.approx((0.6 + 0.8 + 0) / 3)
    assert similar_posts(of(scores), unit) == pytest.approx((0.6 + 0.8 + 0) / 3)
    assert np.isnan(similar_posts(of(scores[:1, :1]), unit[:1]))


def test_auc() -> None:
    scores = np.array([1, 2, 3, 3], np.float32)
    assert auc(scores, np.array([False, False, True, True])) == 1
    assert auc(scores, np.array([True, False, False, True])) == pytest.approx((0 + 0 + 1 + 0.5) / 4)
    assert np.isnan(auc(scores, np.ones(4, bool)))


class TestExactShares:
    def test_rarer_words_weigh_more_in_what_is_asked_and_in_the_post(self) -> None:
        posts = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 2]], np.float32))
        queries = sparse.csr_matrix(np.array([[1, 3, 0], [0, 0, 1], [0, 0, 0]], np.float32))
        shares = exact_shares(queries, posts).toarray()
        common, rare = 0.25, 1  # (ln(1 + 3 / 3) / ln(1 + 3)) ** 2, and of 3 / 1
        of_asked = np.array([1, common / (common + rare), common / (common + rare)])
        of_post = np.array([(common + rare) / 2, common, common / 2])
        np.testing.assert_allclose(shares[0], (of_asked + of_post) / 2, rtol=1e-5)
        np.testing.assert_allclose(shares[1], [0, 0, (1 + 1 / 2) / 2])
        assert not shares[2].any()


class TestInterval:
    def test_it_holds_the_mean_and_narrows_with_posts(self) -> None:
        rng = np.random.default_rng(0)
        widths = []
        for posts in (50, 1000):
            hits = (rng.random(2 * posts) < 0.3).astype(np.float32)
            low, high = interval(hits, np.repeat(np.arange(posts), 2))
            assert low < 100 * hits.mean() < high
            widths.append(high - low)
        assert widths[1] < widths[0] / 2

    def test_texts_of_a_post_are_drawn_together(self) -> None:
        hits = np.repeat((np.arange(40) % 2).astype(np.float32), 10)
        together = interval(hits, np.repeat(np.arange(40), 10))
        apart = interval(hits, np.arange(400))
        assert together[1] - together[0] > 2 * (apart[1] - apart[0])

    def test_no_query(self) -> None:
        assert np.isnan(interval(np.zeros(0, np.float32), np.zeros(0, np.int64))).all()
