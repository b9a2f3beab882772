from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.projection import unit_rows
from training.evaluate.baselines import Task
from training.evaluate.baselines.cca import (
    CcaMethod,
    CcaMethodSettings,
    CcaSearch,
    _Trial,
    photo_view,
)
from training.evaluate.metrics import summarise, text_to_photo_ranks
from training.learn.refine import weigh


@pytest.fixture(scope="module", params=["mean", "bags"])
def fitted(request: pytest.FixtureRequest, task: Task) -> tuple[CcaMethod, CcaMethod]:
    search = CcaSearch(task, request.param)
    plain = search.plain()
    return plain, search.with_hubs(plain)


def recall(cca: CcaMethod, planted: Any) -> float:
    data = planted.held.in_language("en")
    photos, texts = cca.photos(data), cca.texts(data)
    bias = cca.photo_bias(photos)
    ranks = text_to_photo_ranks(
        lambda rows: cca.score(texts[rows], photos, bias), data.owner, len(photos)
    )
    return summarise(ranks).r10


def test_finds_what_was_planted(fitted: tuple[CcaMethod, CcaMethod], planted: Any) -> None:
    # chance is 12.5; texts of seven words name their theme well, their post less so
    for cca in fitted:
        assert recall(cca, planted) > 40


@pytest.mark.parametrize("view", ["mean", "bags"])
def test_is_the_textbook_cca(planted: Any, view: str) -> None:
    """Against singular vectors of the whitened cross-covariance of all pairs, one by one."""
    data = planted.train.subset(np.arange(60))
    settings = CcaMethodSettings(photo_ridge=0.3, text_ridge=0.5, power=1.0, dimensions=5)
    cca = _Trial(data, data, view).fit(settings)  # type: ignore[arg-type]

    a = photo_view(data, view)  # type: ignore[arg-type]
    a = a.astype(np.float64)[data.owner]
    b = weigh(data.texts, cca.idf).toarray().astype(np.float64)
    a, b = a - a.mean(0), b - b.mean(0)

    def root(c: np.ndarray, ridge: float) -> np.ndarray:
        values, vectors = np.linalg.eigh(c + ridge * np.trace(c) / len(c) * np.eye(len(c)))
        return vectors / np.sqrt(values) @ vectors.T

    n = len(a)
    white_a, white_b = root(a.T @ a / n, 0.3), root(b.T @ b / n, 0.5)
    u, s, vt = np.linalg.svd(white_a @ (a.T @ b / n) @ white_b)
    wanted_photos = unit_rows(a @ white_a @ u[:, :5] * s[:5])
    wanted_texts = unit_rows(b @ white_b @ vt[:5].T * s[:5])

    found_photos, found_texts = cca.photos(data)[data.owner], cca.texts(data)
    # each pair of directions may be turned around together
    assert found_photos @ found_texts.T == pytest.approx(wanted_photos @ wanted_texts.T, abs=2e-3)


def test_settings_are_chosen_and_kept(fitted: tuple[CcaMethod, CcaMethod]) -> None:
    plain, corrected = fitted
    assert set(plain.chosen()) == {"photo_ridge", "text_ridge", "power", "dimensions"}
    assert corrected.settings == replace(
        plain.settings,
        photo_hub=corrected.settings.photo_hub,
        text_hub=corrected.settings.text_hub,
    )
    assert corrected.settings.photo_hub[0] > 0
    assert corrected.settings.text_hub[0] > 0


def test_bias_is_the_mean_of_the_nearest(fitted: tuple[CcaMethod, CcaMethod], planted: Any) -> None:
    plain, corrected = fitted
    photos, texts = corrected.photos(planted.held), corrected.texts(planted.held)
    assert not plain.photo_bias(photos).any()
    for vectors, bank, found, (weight, count) in (
        (photos, corrected.text_bank, corrected.photo_bias(photos), corrected.settings.photo_hub),
        (texts, corrected.photo_bank, corrected.text_bias(texts), corrected.settings.text_hub),
    ):
        close = np.sort(vectors @ bank.T, axis=1)[:, -count:]
        assert found == pytest.approx(weight * close.mean(1), abs=1e-5)


def test_arrays_and_choice_make_it_again(fitted: tuple[CcaMethod, CcaMethod], planted: Any) -> None:
    for cca in fitted:
        again = CcaMethod.read(cca.view, cca.arrays(), cca.chosen())
        photos = cca.photos(planted.held)
        assert np.array_equal(again.photos(planted.held), photos)
        assert np.array_equal(again.photo_bias(photos), cca.photo_bias(photos))
        assert cca.size() > 0


def test_text_without_a_known_word_is_a_vector(
    fitted: tuple[CcaMethod, CcaMethod], planted: Any
) -> None:
    empty = planted.held.with_texts(np.array([0]))
    empty = replace(empty, texts=empty.texts * 0)
    for cca in fitted:
        assert np.isfinite(cca.texts(empty)).all()
