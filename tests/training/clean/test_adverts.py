from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cleaning.adverts import AdvertFilter, features, normalise
from engine.errors import CorpusError, ModelError
from training.clean.adverts import by_keywords, learn, matrix, measure
from training.clean.examples import Example, labelled_file, own_examples


@pytest.fixture(scope="module")
def few() -> list[Example]:
    """Every fourth of the project's examples: enough to learn something, quickly."""
    return own_examples()[::4]


@pytest.fixture(scope="module")
def learnt(few: list[Example]) -> AdvertFilter:
    return learn(few, folds=3)[0]


@pytest.fixture(scope="module")
def shipped() -> AdvertFilter:
    return AdvertFilter.load()


def test_the_examples_are_many_and_apart() -> None:
    examples = own_examples()
    assert len(examples) >= 3500
    assert len({example.text for example in examples}) == len(examples)
    for language in ("en", "ru"):
        for advert in (True, False):
            found = [e for e in examples if e.kind.startswith(language) and e.advert == advert]
            assert len(found) >= 600, (language, advert)


def test_together_and_one_by_one_are_the_same(learnt: AdvertFilter, few: list[Example]) -> None:
    texts = [example.text for example in few[:20]] + ["", "   ", "#", "нечто совсем иное"]
    one_by_one = [learnt.probability(text) for text in texts]
    np.testing.assert_allclose(learnt.probabilities(texts), one_by_one, atol=1e-5)
    assert learnt.probability("   ") == 0
    assert learnt.probabilities([]).shape == (0,)
    of_words = matrix(learnt, [features(text) for text in texts]) @ learnt.weights
    rows, values = learnt.vector(texts[0])
    assert of_words[0] == pytest.approx(learnt.weights[rows] @ values)


def test_saved_and_loaded(learnt: AdvertFilter, few: list[Example], tmp_path: Path) -> None:
    learnt.save(tmp_path / "a" / "filter.npz")
    loaded = AdvertFilter.load(tmp_path / "a" / "filter.npz")
    texts = [example.text for example in few]
    np.testing.assert_allclose(loaded.probabilities(texts), learnt.probabilities(texts), atol=1e-5)
    assert loaded.info == learnt.info
    with np.load(tmp_path / "a" / "filter.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_learning_is_repeatable(few: list[Example], learnt: AdvertFilter) -> None:
    again, _ = learn(few, folds=3)
    np.testing.assert_allclose(again.weights, learnt.weights, atol=1e-9)


def test_a_quarter_of_the_examples_beats_the_keywords(few: list[Example]) -> None:
    _, probabilities = learn(few, folds=3)
    baseline = measure(by_keywords(few), few)
    found = measure(probabilities, few)
    assert found.f1 > baseline.f1
    assert found.average_precision > baseline.average_precision + 0.1


@pytest.mark.parametrize(
    ("text", "advert"),
    [
        ("Продаю велосипед Stels, 12 тыс, почти новый, самовывоз", True),
        ("Скидка 40% на пуховики до воскресенья, промокод ЗИМА", True),
        ("RT and follow us to win a pair of headphones!", True),
        ("Womens Knit Cardigan Size L Burgundy New With Tags http://t.co/aBcD", True),
        ("Бонус 200% на первый депозит, крути слоты 18+", True),
        ("Сегодня видели лису у дороги, сидела и смотрела на нас", False),
        ("Потратила на рынке две тысячи, зато клубника как в детстве", False),
        ("Walking home through the rain, smiling for no reason", False),
        ("Two men repair a fishing net on the beach", False),
        ("Police are looking for witnesses of the crash", False),
    ],
)
def test_the_shipped_filter(shipped: AdvertFilter, text: str, advert: bool) -> None:
    assert (shipped.probability(text) >= 0.5) == advert


def test_the_shipped_filter_fits_the_examples_and_the_features(shipped: AdvertFilter) -> None:
    # Fails if features or examples were changed and the filter was not learnt anew.
    examples = own_examples()
    assert shipped.info["texts"] == len(examples)
    assert measure(shipped.probabilities([e.text for e in examples]), examples).f1 > 0.97
    assert shipped.info["cross_validation"]["f1"] > 0.87


def test_why(shipped: AdvertFilter) -> None:
    pieces = shipped.why("Скидка на обои, доставка бесплатно, звоните", 3)
    assert {piece.text for piece in pieces} & {"скидка", "доставка", "бесплатно", "звоните"}
    assert all(piece.weight > 0 for piece in pieces)
    assert shipped.why("") == []


@given(st.text(max_size=500))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_probability(text: str) -> None:
    filter_ = AdvertFilter.load() if not _CACHE else _CACHE[0]
    _CACHE[:] = [filter_]
    assert 0 <= filter_.probability(text) <= 1
    assert filter_.probability(text) == filter_.probability(text)


_CACHE: list[AdvertFilter] = []


def test_long_texts_take_bounded_time(shipped: AdvertFilter) -> None:
    for text in ("а" * 10**6, "1 " * 10**6, "@a" * 10**6, "http://" * 10**5, "$1," * 10**6):
        assert 0 <= shipped.probability(text) <= 1


def test_normalise() -> None:
    text = normalise("RT @user: Только 1 500 руб! -30% до 10:30, тел +7 912 345-67-89 @anna t.co/x")
    assert text.split() == [
        *("только", "_price_", "!", "_percent_", "до", "_time_", ",", "тел", "_phone_", "_user_")
    ]


def test_features_do_not_depend_on_links() -> None:
    plain, linked = features("a red bag"), features("a red bag http://t.co/aBcDeF")
    assert plain["word"] == linked["word"]
    assert plain["char"] == linked["char"]


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "other", "version"])
def test_damaged_filters(tmp_path: Path, learnt: AdvertFilter, damage: str) -> None:
    path = tmp_path / "filter.npz"
    learnt.save(path)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a filter")
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "other":
        np.savez(path, a=np.zeros(3))
    else:
        with np.load(path) as file:
            arrays = dict(file)
        meta = json.loads(arrays["meta"].tobytes()) | {"format": 99}
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        np.savez(path, **arrays)
    with pytest.raises(ModelError, match=r"filter\.npz"):
        AdvertFilter.load(path)


def test_labelled_files(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    labels = [1, 0, True, False, "advert", "ordinary", "spam", "HAM", "1", "0", 1.0, "реклама"]
    path.write_text("".join(json.dumps({"text": "x", "label": v}) + "\n" for v in labels))
    found = [example.advert for example in labelled_file(path)]
    assert found == [True, False] * 5 + [True, True]
    for bad in ('{"text": "x"}', '{"label": 1}', '{"text": 1, "label": 1}', "[]", "x", ""):
        path.write_text(bad + "\n")
        with pytest.raises(CorpusError):
            labelled_file(path)
    path.write_text('{"text": "x", "label": "perhaps"}\n')
    with pytest.raises(CorpusError, match="line 1"):
        labelled_file(path)


def test_too_few_examples() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        learn([Example("a", True), Example("b", False)])
