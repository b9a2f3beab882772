from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.baselines.base import Method
from training.evaluate.engine_row import EngineMethod
from training.evaluate.measure import FEW, Heldout, chance_row, measure, median_ms
from training.learn.dataset import Dataset


@pytest.fixture(scope="module")
def held(planted: Any) -> Heldout:
    return Heldout(planted.held, planted.train, np.array(planted.words.languages))


class Oracle(Method):
    """Knows which text belongs to which photo: the upper end of every measure."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self.rows = {
            data.texts[i].toarray().tobytes(): data.owner[i] for i in range(len(data.owner))
        }

    def photos(self, data: Dataset) -> np.ndarray:
        place = {name: row for row, name in enumerate(self.data.ids)}
        return np.eye(len(self.data), dtype=np.float32)[[place[name] for name in data.ids]]

    def texts(self, data: Dataset) -> np.ndarray:
        owners = [self.rows[row.toarray().tobytes()] for row in data.texts]
        return np.eye(len(self.data), dtype=np.float32)[owners]

    def words(self, data: Dataset) -> np.ndarray:
        return data.pooled()[:, :96].toarray()


def test_an_oracle_gets_everything(held: Heldout) -> None:
    row = measure(Oracle(held.data), held)
    for key in ("text_to_photo", "photo_to_text", "text_to_photo_ru", "photo_to_text_ru"):
        found = {name: row[key][name] for name in ("r1", "r5", "r10", "median_rank")}
        assert found == {"r1": 100, "r5": 100, "r10": 100, "median_rank": 1}
        assert row[key]["r10_low"] == row[key]["r10_high"] == 100
    assert {each["r1"] for each in row["both_together"].values()} == {100}
    assert row["annotation"]["p5"] > 95
    assert {"ms_text_query", "ms_photo_query", "mb_model", "kb_per_post"} <= set(row)


def test_ours_is_between_chance_and_oracle(held: Heldout, planted_model: Any) -> None:
    chance, own = chance_row(held), measure(EngineMethod(planted_model), held)
    for key in ("text_to_photo", "photo_to_text", "text_to_photo_ru"):
        assert own[key]["r10"] > 1.5 * chance[key]["r10"]
        assert own[key]["median_rank"] < chance[key]["median_rank"]
    assert own["similar_posts"] > chance["similar_posts"] + 0.05
    assert own["coherence"]["topics"] == 8
    assert -1 <= own["coherence"]["npmi"] <= 1
    for weight, each in own["both_together"].items():
        assert each["r10"] > 1.5 * chance["both_together"][weight]["r10"]


def test_a_method_that_can_do_nothing(held: Heldout) -> None:
    assert set(measure(Method(), held)) == {"mb_model"}


def test_row_has_the_agreed_structure(held: Heldout, planted_model: Any) -> None:
    row = measure(EngineMethod(planted_model), held)
    for key in ("text_to_photo", "photo_to_text", "text_to_photo_ru", "photo_to_text_ru"):
        assert set(row[key]) == {"r1", "r5", "r10", "median_rank", "posts", "r10_low", "r10_high"}
        assert row[key]["r10_low"] <= row[key]["r10"] <= row[key]["r10_high"]
    assert set(row["annotation"]) == {"p5", "r10"}
    assert isinstance(row["similar_posts"], float)


def test_truth_of_english_posts_and_of_others(planted: Any) -> None:
    data = planted.held
    mute = data.language == "en"
    mute[data.owner > 3] = False  # the first four posts lose their English texts
    kept = np.flatnonzero(~mute)
    fewer = Dataset(
        data.ids,
        data.features,
        data.visual,
        data.texts[kept],
        data.owner[kept],
        data.language[kept],
    )
    held = Heldout(fewer, planted.train, np.array(planted.words.languages))
    truth, allowed = held.truth(None)
    assert allowed[0].all()
    assert not allowed[10][64:].any()
    assert truth[1, 64:].nnz > 0
    assert truth[10, 64:].nnz == 0
    assert truth[10, :64].nnz > 0
    russian, may = held.truth("ru")
    assert may.tolist() == [False] * 64 + [True] * 32
    assert russian[0].nnz == 0  # every third post has no Russian text


def test_without_russian_and_without_english(planted: Any) -> None:
    languages = np.array(planted.words.languages)
    english = Heldout(planted.held.in_language("en"), planted.train, languages)
    row = chance_row(english)
    assert np.isnan(row["text_to_photo_ru"]["r1"])
    russian = Heldout(planted.held.in_language("ru"), planted.train, languages)
    assert len(russian.main.owner) == len(russian.data.owner)
    assert russian.language == "ru"
    told = np.isin(np.arange(len(russian.data)), russian.main.owner)
    _, allowed = russian.truth(None)
    # A post with a Russian text is asked for Russian words, one without a text for any.
    assert (allowed[told] == (languages == "ru")).all()
    assert allowed[~told].all()


def test_recall_at_10_of_a_few_candidates_says_nothing(planted: Any, planted_model: Any) -> None:
    languages = np.array(planted.words.languages)
    few = Heldout(planted.held.subset(np.arange(12)), planted.train, languages)
    row = measure(EngineMethod(planted_model), few)
    assert np.isnan(row["text_to_photo"]["r10"])
    assert row["text_to_photo"]["r1"] >= 0
    # There are more texts than photos.
    assert row["photo_to_text"]["r10"] >= 0
    fewer = Heldout(planted.held.subset(np.arange(4)), planted.train, languages)
    assert len(fewer.main.owner) < FEW
    together = measure(EngineMethod(planted_model), fewer)["both_together"]
    assert all(np.isnan(row["r10"]) for row in together.values())
    chance = chance_row(fewer)
    assert np.isnan(chance["text_to_photo"]["r10"])
    assert chance["text_to_photo"]["r5"] > 0


def test_median_of_times() -> None:
    asked: list[int] = []
    assert median_ms(asked.append, 5) >= 0
    assert asked == [0, 1, 2, 3, 4]
