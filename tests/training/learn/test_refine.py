from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from engine.projection import Projection, log_ratio, photo_view
from training.evaluate import metrics
from training.evaluate.baselines.foldin import fold_in
from training.learn.cca import CcaSettings, fit_cca, moments
from training.learn.choose import checked, text_vectors
from training.learn.dataset import Dataset
from training.learn.refine import (
    PairSampler,
    Refined,
    RefineSettings,
    TextRows,
    aligned,
    dropped,
    dropped_words,
    inverse_document_frequency,
    refine,
    visual_weight,
    weigh,
)

tensorflow = pytest.importorskip("tensorflow", reason="needs pip install '.[training]'")

SETTINGS = RefineSettings(epochs=8, batch=128, learning_rate=2e-3)


def theta_of(planted) -> np.ndarray:
    """What BigARTM would give: the planted Phi folded in by least squares, smoothed."""
    pooled = planted.train.pooled().toarray()
    return fold_in([{"text": row} for row in pooled], {"text": planted.text_phi.astype(np.float32)})


def start_of(planted, visual: float = 0.0) -> Projection:
    data, settings = planted.train, CcaSettings(power=0.5, visual=visual, word_ridge=1.0)
    idf = inverse_document_frequency(data.texts)
    weight = visual_weight(data, settings.power, visual)
    view = photo_view(data.features, data.visual, settings.power, weight)
    found = moments(view, weigh(data.texts, idf), data.sentences, data.owner)
    theta = theta_of(planted)
    cca = fit_cca(found, settings, theta.shape[1] - 1)
    return aligned(cca, data, theta, idf, settings.power, weight)


@pytest.fixture(scope="module")
def learnt(planted) -> tuple[Projection, list[str]]:
    lines: list[str] = []
    phi = planted.text_phi.astype(np.float32)
    found = refine(planted.train, phi, start_of(planted), SETTINGS, progress=lines.append)
    assert found.epochs == SETTINGS.epochs
    return found.projection, lines


def recall(projection: Projection, data: Dataset) -> float:
    """Text -> photo R@10 on held-out posts, in percent."""
    photos, texts = projection.photos(data.features, data.visual), text_vectors(data, projection)
    ranks = metrics.text_to_photo_ranks(lambda rows: texts[rows] @ photos.T, data.owner, len(data))
    return metrics.summarise(ranks).r10


class TestAligned:
    def test_the_rotation_keeps_what_the_cca_finds(self, planted) -> None:
        chance = 100 * 10 / len(planted.held)
        assert recall(start_of(planted), planted.held) > 3 * chance

    def test_topics_are_where_bigartm_had_put_them(self, planted) -> None:
        photos = start_of(planted).photos(planted.train.features, None)
        assert (log_ratio(theta_of(planted)) * photos).sum(1).mean() > 0.3

    def test_visual_words_count_beside_the_features(self, planted) -> None:
        data, start = planted.train, start_of(planted, 0.5)
        assert len(start.photo_weights) == data.features.shape[1] + data.visual.shape[1]
        view = photo_view(data.features, data.visual, start.power, start.visual)
        features, words = np.split(view, [data.features.shape[1]], axis=1)
        assert words.var(0).mean() == pytest.approx(0.5 * features.var(0).mean(), rel=1e-3)
        dense = start.photos(data.features, data.visual.toarray())
        np.testing.assert_allclose(start.photos(data.features, data.visual), dense, atol=1e-5)
        assert recall(start, planted.held) > 3 * 100 * 10 / len(planted.held)
        once = replace(SETTINGS, epochs=1)
        found = refine(data, planted.text_phi.astype(np.float32), start, once).projection
        assert found.photo_weights.shape == start.photo_weights.shape


class TestRefine:
    def test_shapes(self, learnt, planted) -> None:
        projection, lines = learnt
        topics, words = planted.text_phi.shape[1], planted.text_phi.shape[0]
        assert projection.photo_weights.shape == (planted.train.features.shape[1], topics)
        assert projection.text_weights.shape == (words, topics)
        assert projection.sentence_weights.shape == (0, topics)
        assert projection.idf.shape == (words,)
        assert all(kappa > 0 for kappa in projection.sharpness)
        assert np.isfinite(projection.photo_weights).all()
        assert len(lines) == SETTINGS.epochs
        assert lines[-1].startswith("8/8 ranking ")

    def test_held_out_photos_are_found_by_their_texts(self, learnt, planted) -> None:
        chance = 100 * 10 / len(planted.held)
        assert recall(learnt[0], planted.held) > 3 * chance

    def test_the_ranking_loss_goes_down(self, learnt) -> None:
        ranking = [float(line.split()[2]) for line in learnt[1]]
        assert ranking[-1] < ranking[0]

    def test_topics_stay_where_bigartm_had_put_them(self, learnt, planted) -> None:
        theta = theta_of(planted)
        photos = learnt[0].photos(planted.train.features, None)
        clear = theta.max(1) > 0.6
        assert clear.sum() > 50
        same = photos.argmax(1)[clear] == theta.argmax(1)[clear]
        assert same.mean() > 0.6
        assert (log_ratio(theta) * photos).sum(1).mean() > 0.3

    def test_the_same_seed_gives_the_same_maps(self, learnt, planted) -> None:
        again = refine(
            planted.train, planted.text_phi.astype(np.float32), start_of(planted), SETTINGS
        ).projection
        np.testing.assert_array_equal(again.photo_weights, learnt[0].photo_weights)
        np.testing.assert_array_equal(again.text_weights, learnt[0].text_weights)
        assert again.sharpness == learnt[0].sharpness

    def test_a_large_corpus_is_sampled(self, planted) -> None:
        few = replace(SETTINGS, epochs=1, most_posts=60)
        phi = planted.text_phi.astype(np.float32)
        found = refine(planted.train, phi, start_of(planted), few)
        assert np.isfinite(found.projection.photo_weights).all()


class TestEarlyStopping:
    def run(self, planted, values: list[float], **changes: object) -> tuple[Refined, Projection]:
        start = start_of(planted)
        given = iter(values)
        found = refine(
            planted.train,
            planted.text_phi.astype(np.float32),
            start,
            replace(SETTINGS, **changes),
            check=lambda projection: next(given),
        )
        return found, start

    def test_a_refinement_that_only_loses_is_not_kept(self, planted) -> None:
        found, start = self.run(planted, [50, 40, 30, 20], patience=3)
        assert found.epochs == 0
        assert found.values == (50, 40, 30, 20)
        np.testing.assert_array_equal(found.projection.photo_weights, start.photo_weights)

    def test_what_is_better_by_chance_is_not_kept(self, planted) -> None:
        assert self.run(planted, [50, 50.5, 40, 40], patience=3)[0].epochs == 0

    def test_the_best_pass_is_kept(self, planted) -> None:
        found, start = self.run(planted, [50, 60, 55, 54, 99], patience=2)
        assert found.epochs == 1
        assert found.values == (50, 60, 55, 54)
        assert not np.array_equal(found.projection.photo_weights, start.photo_weights)

    def test_it_stops_where_it_is_told(self, planted) -> None:
        phi = planted.text_phi.astype(np.float32)
        found = refine(planted.train, phi, start_of(planted), replace(SETTINGS, stop=2))
        assert found.epochs == 2
        kept = refine(planted.train, phi, start_of(planted), replace(SETTINGS, stop=0))
        assert kept.epochs == 0

    def test_by_held_out_posts_it_never_ends_worse_than_it_began(self, planted) -> None:
        check = checked(planted.train, planted.held, 1)
        found = refine(
            planted.train,
            planted.text_phi.astype(np.float32),
            start_of(planted),
            SETTINGS,
            check=check,
        )
        assert check(found.projection) == pytest.approx(found.values[found.epochs])
        assert found.values[found.epochs] >= found.values[0]


class TestTextRows:
    def test_a_view_that_is_left_out_is_zero_with_its_bias(self, planted) -> None:
        rng = np.random.default_rng(0)
        told = rng.normal(size=(len(planted.train.owner), 5)).astype(np.float32)
        data = replace(planted.train, sentences=told)
        rows = TextRows(data, np.ones(data.texts.shape[1], np.float32))
        block = rows.dropped(
            list(range(400)), replace(SETTINGS, drop_words=0.3, drop_sentence=0.3), rng
        )
        width = data.texts.shape[1]
        assert block.shape == (400, width + 5 + 2)
        with_words, with_sentence = block[:, width] > 0, block[:, -1] > 0
        assert (with_words | with_sentence).all()
        assert 0.6 < with_words.mean() < 0.8
        assert 0.6 < with_sentence.mean() < 0.8
        assert not block[~with_words, :width].any()
        np.testing.assert_array_equal(
            block[with_sentence, width + 1 : -1], told[:400][with_sentence]
        )


class TestDropped:
    def test_a_share_is_dropped_and_the_sum_stays(self) -> None:
        values = np.ones((200, 100), np.float32)
        thin = dropped(values, 0.3, np.random.default_rng(0))
        assert thin.dtype == np.float32
        assert abs((thin == 0).mean() - 0.3) < 0.02
        assert abs(thin.mean() - 1) < 0.03
        assert (values == 1).all()

    def test_of_words_only_those_that_are_there(self) -> None:
        rng = np.random.default_rng(0)
        rows = sparse.random(50, 40, 0.2, "csr", np.float32, rng)
        thin = dropped_words(rows, 0.25, rng)
        dense = rows.toarray()
        kept = thin != 0
        np.testing.assert_allclose(thin[kept], dense[kept] / 0.75, rtol=1e-5)
        assert 0.6 < kept.sum() / rows.nnz < 0.9

    def test_nothing_is_dropped_of_share_0(self) -> None:
        values = np.random.default_rng(0).random((3, 4)).astype(np.float32)
        np.testing.assert_array_equal(dropped(values, 0.0, np.random.default_rng(0)), values)


class TestWeights:
    def test_idf_counts_texts_not_words(self) -> None:
        counts = sparse.csr_matrix(np.array([[5, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]], float))
        idf = inverse_document_frequency(counts)
        np.testing.assert_allclose(idf, [np.log(4), 0, np.log(4)], atol=1e-6)
        assert idf.dtype == np.float32

    def test_weighing_is_what_a_query_does(self) -> None:
        rng = np.random.default_rng(0)
        counts = sparse.csr_matrix(rng.poisson(1.0, (5, 6)).astype(np.float32))
        idf = rng.random(6).astype(np.float32)
        before = counts.copy()
        np.testing.assert_allclose(
            weigh(counts, idf).toarray(), np.sqrt(counts.toarray()) * idf, atol=1e-6
        )
        assert (counts != before).nnz == 0


def texts_of(owner: list[int], language: list[str], posts: int) -> Dataset:
    count = len(owner)
    return Dataset(
        tuple(map(str, range(posts))),
        np.zeros((posts, 2), np.float32),
        sparse.csr_matrix((posts, 2)),
        sparse.csr_matrix((count, 3)),
        np.array(owner, np.int64),
        np.array(language, np.str_),
    )


class TestPairs:
    @given(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["en", "ru", ""])), max_size=20),
        st.floats(0, 1),
        st.integers(0, 99),
    )
    @settings(max_examples=60, deadline=None)
    def test_both_texts_are_of_the_post(self, texts: list, rare: float, seed: int) -> None:
        owner, language = [row[0] for row in texts], [row[1] for row in texts]
        data = texts_of(owner, language, 6)
        sampler = PairSampler(data, rare)
        assert sampler.posts.tolist() == sorted(set(owner))
        first, second, real = sampler.draw(sampler.posts, np.random.default_rng(seed))
        assert [owner[row] for row in first] == sampler.posts.tolist()
        assert [owner[row] for row in second] == sampler.posts.tolist()
        assert real.tolist() == [float(a != b) for a, b in zip(first, second, strict=True)]

    def test_the_rarer_language_comes_first_as_often_as_asked(self) -> None:
        data = texts_of([0, 0, 0, 1], ["en", "en", "ru", "en"], 2)
        for rare in (0.0, 0.3, 1.0):
            sampler, rng = PairSampler(data, rare), np.random.default_rng(0)
            firsts = [sampler.draw(np.array([0]), rng)[0][0] for _ in range(500)]
            share = np.mean([data.language[row] == "ru" for row in firsts])
            assert abs(share - rare) < 0.07
