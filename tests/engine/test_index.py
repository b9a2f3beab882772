from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.errors import IndexFileError
from engine.index import NeighbourIndex

DIMENSIONS = 12


def vectors(count: int, seed: int = 0, dimensions: int = DIMENSIONS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def filled(count: int = 50, flat_limit: int = 1000, seed: int = 0) -> NeighbourIndex:
    index = NeighbourIndex(DIMENSIONS, flat_limit=flat_limit)
    index.build(range(100, 100 + count), vectors(count, seed))
    return index


def best(rows: dict[int, np.ndarray], query: np.ndarray, count: int) -> list[int]:
    return sorted(rows, key=lambda key: -float(rows[key] @ query))[:count]


class TestSearch:
    def test_it_finds_the_nearest_exactly(self) -> None:
        index, rows = filled(), vectors(50)
        for query in vectors(20, 1):
            keys, scores = index.search(query, 7)
            wanted = np.argsort(-(rows @ query))[:7]
            assert keys.tolist() == (100 + wanted).tolist()
            np.testing.assert_allclose(scores, (rows @ query)[wanted], rtol=1e-4, atol=1e-5)
            there, found = index.vectors([*keys.tolist(), 7])
            assert there == keys.tolist()
            np.testing.assert_array_equal(found, rows[wanted])

    def test_inverted_lists_find_what_flat_finds(self) -> None:
        flat, inverted = filled(600, 10_000), filled(600, 128)
        assert (flat.kind, inverted.kind) == ("flat", "ivf")
        same = 0
        for query in vectors(40, 1):
            keys, scores = flat.search(query, 10)
            others, close = inverted.search(query, 10)
            same += len(set(keys.tolist()) & set(others.tolist()))
            np.testing.assert_allclose(close, scores, atol=0.02)
        assert same >= 0.98 * 400

    def test_only_among_given_keys(self) -> None:
        for index in (filled(200, 1000), filled(200, 64)):
            query = vectors(1, 1)[0]
            ordered = index.search(query, 200)[0].tolist()
            chosen = set(ordered[1::3])
            keys = index.search(query, 20, chosen)[0].tolist()
            assert set(keys) <= chosen
            assert len(keys) == 20
            if index.kind == "flat":
                assert keys == [key for key in ordered if key in chosen][:20]
            assert index.search(query, 5, [100])[0].tolist() == [100]
            assert not index.search(query, 5, [])[0].size

    def test_more_than_there_are(self) -> None:
        for index in (filled(5), filled(200, 64)):
            keys, scores = index.search(vectors(1, 1)[0], 1000)
            assert sorted(keys.tolist()) == list(range(100, 100 + len(index)))
            assert (np.diff(scores) <= 1e-6).all()

    def test_nothing_in_it(self) -> None:
        for index in (NeighbourIndex(DIMENSIONS), filled(0)):
            keys, scores = index.search(vectors(1)[0], 10)
            assert (len(keys), len(scores)) == (0, 0)
            assert index.vectors([1])[1].shape == (0, DIMENSIONS)
        assert not filled().search(vectors(1)[0], 0)[0].size

    def test_large_keys(self) -> None:
        index = NeighbourIndex(DIMENSIONS)
        index.add([2**62, 1], vectors(2))
        assert index.search(vectors(2)[0], 1)[0].tolist() == [2**62]
        assert 2**62 in index


@pytest.mark.parametrize("flat_limit", [1000, 64], ids=["flat", "ivf"])
class TestChange:
    def test_added_is_found_and_removed_is_not(self, flat_limit: int) -> None:
        index = filled(200, flat_limit)
        fresh = 3 * vectors(1, 5)
        index.add([7], fresh)
        assert (len(index), 7 in index) == (201, True)
        assert index.search(fresh[0], 3)[0][0] == 7
        index.remove([7, 8, 9])
        assert (len(index), 7 in index) == (200, False)
        assert 7 not in index.search(fresh[0], 200)[0].tolist()

    def test_a_key_that_is_there_is_replaced(self, flat_limit: int) -> None:
        index = filled(200, flat_limit)
        fresh = 3 * vectors(1, 5)
        index.add([150], fresh)
        assert len(index) == 200
        np.testing.assert_allclose(index.vectors([150])[1], fresh, atol=0.01)
        keys = index.search(fresh[0], 200)[0].tolist()
        assert keys.count(150) == 1

    def test_the_last_of_equal_keys_wins(self, flat_limit: int) -> None:
        index = filled(100, flat_limit)
        rows = vectors(3, 5)
        index.add([7, 8, 7], rows)
        assert len(index) == 102
        np.testing.assert_allclose(index.vectors([7])[1], rows[2:], atol=0.01)

    def test_vectors_in_the_order_of_the_keys_that_are_there(self, flat_limit: int) -> None:
        there, found = filled(100, flat_limit).vectors([150, 5, 101, 150])
        assert there == [150, 101, 150]
        np.testing.assert_allclose(found, vectors(100)[[50, 1, 50]], atol=0.01)
        assert found.shape == (3, DIMENSIONS)

    def test_everything_can_go_and_come_again(self, flat_limit: int) -> None:
        index = filled(100, flat_limit)
        index.remove(range(1000))
        assert len(index) == 0
        assert not index.search(vectors(1)[0], 5)[0].size
        index.add(range(100), vectors(100))
        assert len(index.search(vectors(1)[0], 100)[0]) == 100

    def test_nothing_changes_nothing(self, flat_limit: int) -> None:
        index = filled(100, flat_limit)
        index.add([], np.zeros((0, DIMENSIONS), np.float32))
        index.remove([])
        index.remove([1, 2, 3])
        assert len(index) == 100


def test_an_index_that_grows_over_the_limit_becomes_inverted() -> None:
    index, rows = filled(60, 64), vectors(200, 3)
    assert index.kind == "flat"
    index.add(range(200), rows)
    assert index.kind == "ivf"
    assert len(index) == 60 + 200 - 60
    for key in (0, 50, 159, 199):
        np.testing.assert_allclose(index.vectors([key])[1], rows[[key]], atol=0.01)
        nearest = index.search(rows[key], 5)[0].tolist()
        assert set(nearest) == set(np.argsort(-(rows @ rows[key]))[:5].tolist())


@pytest.mark.parametrize("flat_limit", [1000, 64], ids=["flat", "ivf"])
class TestFile:
    def saved(self, folder: Path, flat_limit: int, count: int = 150) -> Path:
        path = folder / "index.faiss"
        filled(count, flat_limit).save(path, version=3, model="abc")
        return path

    def test_it_comes_back_as_it_was(self, tmp_path: Path, flat_limit: int) -> None:
        path = self.saved(tmp_path, flat_limit)
        index, same = NeighbourIndex(DIMENSIONS), filled(150, flat_limit)
        index.load(path, version=3, model="abc")
        assert (len(index), index.kind) == (150, same.kind)
        for query in vectors(10, 1):
            for a, b in zip(index.search(query, 9), same.search(query, 9), strict=True):
                np.testing.assert_array_equal(a, b)
        # What was loaded can be changed like what was built.
        fresh = 3 * vectors(1, 5)
        index.add([7], fresh)
        index.remove([100])
        assert index.search(fresh[0], 1)[0].tolist() == [7]
        assert 100 not in index
        np.testing.assert_array_equal(index.vectors([101])[1], same.vectors([101])[1])

    def test_nothing_is_left_beside_it(self, tmp_path: Path, flat_limit: int) -> None:
        self.saved(tmp_path, flat_limit)
        self.saved(tmp_path, flat_limit)
        assert {p.name for p in tmp_path.iterdir()} == {"index.faiss", "index.faiss.json"}

    def test_an_emptied_index(self, tmp_path: Path, flat_limit: int) -> None:
        path, index = tmp_path / "index.faiss", filled(100, flat_limit)
        index.remove(range(1000))
        index.save(path, version=1, model="m")
        again = NeighbourIndex(DIMENSIONS)
        again.load(path, version=1, model="m")
        assert len(again) == 0
        again.add([3], vectors(1))
        assert again.search(vectors(1)[0], 5)[0].tolist() == [3]

    def test_stale(self, tmp_path: Path, flat_limit: int) -> None:
        path, index = self.saved(tmp_path, flat_limit), filled(3)
        for facts in ({"version": 4, "model": "abc"}, {"version": 3, "model": "abd"}):
            with pytest.raises(IndexFileError, match="stale"):
                index.load(path, **facts)  # type: ignore[arg-type]
        assert len(index) == 3

    def test_damaged(self, tmp_path: Path, flat_limit: int) -> None:
        path, index = self.saved(tmp_path, flat_limit), filled(3)
        whole = path.read_bytes()
        for place in range(0, len(whole), len(whole) // 23):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(IndexFileError, match="damaged"):
                index.load(path, version=3, model="abc")
        for size in (0, 1, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(IndexFileError):
                index.load(path, version=3, model="abc")
        # A file that its note vouches for, but that FAISS did not write.
        path.write_bytes(b"no index at all")
        note = path.with_name("index.faiss.json")
        facts = json.loads(note.read_text())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        note.write_text(json.dumps(facts | {"sha256": digest}))
        with pytest.raises(IndexFileError, match="cannot be read"):
            index.load(path, version=3, model="abc")
        assert len(index) == 3

    def test_missing(self, tmp_path: Path, flat_limit: int) -> None:
        path, index = self.saved(tmp_path, flat_limit), filled(3)
        path.unlink()
        with pytest.raises(IndexFileError):
            index.load(path, version=3, model="abc")
        self.saved(tmp_path, flat_limit)
        note = path.with_name("index.faiss.json")
        for text in (b"", b"{", b"[]", b"7", b"\xed\xa0\xbd"):
            note.write_bytes(text)
            with pytest.raises(IndexFileError):
                index.load(path, version=3, model="abc")
        note.unlink()
        with pytest.raises(IndexFileError):
            index.load(path, version=3, model="abc")

    def test_of_other_dimensions(self, tmp_path: Path, flat_limit: int) -> None:
        path = self.saved(tmp_path, flat_limit)
        with pytest.raises(IndexFileError, match="dimensions"):
            NeighbourIndex(DIMENSIONS + 20).load(path, version=3, model="abc")

    def test_a_folder_that_is_not_there(self, tmp_path: Path, flat_limit: int) -> None:
        with pytest.raises(IndexFileError, match="could not be saved"):
            filled(3, flat_limit).save(tmp_path / "none" / "x.faiss", version=1, model="m")

    def test_a_save_that_fails_leaves_the_last_one(self, tmp_path: Path, flat_limit: int) -> None:
        path = self.saved(tmp_path, flat_limit)
        (tmp_path / "index.faiss.part").mkdir()
        with pytest.raises(IndexFileError):
            filled(3, flat_limit).save(path, version=4, model="abc")
        NeighbourIndex(DIMENSIONS).load(path, version=3, model="abc")


def test_threads_search_while_another_adds_and_removes() -> None:
    index = filled(100, 150)
    rows = vectors(400, 9)
    stop = threading.Event()
    errors: list[BaseException] = []
    searches = 0

    def seek(seed: int) -> None:
        nonlocal searches
        query = vectors(1, seed)[0]
        try:
            while not stop.is_set():
                keys, scores = index.search(query, 20)
                score = dict(zip(keys.tolist(), scores, strict=True))
                assert len(score) == len(keys)
                there, found = index.vectors(score)
                np.testing.assert_allclose(found @ query, [score[key] for key in there], atol=0.02)
                searches += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=seek, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    # The index grows over its limit on the way.
    for start in range(0, 400, 10):
        index.add(range(1000 + start, 1010 + start), rows[start : start + 10])
        if start % 40 == 0:
            index.remove(range(1000 + start, 1005 + start))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert searches > 0
    assert index.kind == "ivf"
    assert len(index) == 100 + 400 - 50


class AgainstDict(RuleBasedStateMachine):
    """Whatever is done to it, the index finds what a dict and a sort find."""

    keys = st.integers(0, 60)

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, np.ndarray] = {}
        self.index = NeighbourIndex(DIMENSIONS, flat_limit=40)
        self.version = 0
        self.draws = 0

    def some(self, count: int) -> np.ndarray:
        self.draws += 1
        # Multiples of 1/16 are exact in the half precision of the inverted lists.
        return np.round(vectors(count, self.draws) * 16) / 16

    @initialize(count=st.integers(0, 60))
    def build(self, count: int) -> None:
        rows = self.some(count)
        self.index.build(range(count), rows)
        self.rows = dict(enumerate(rows))

    @rule(keys=st.lists(keys, max_size=12))
    def add(self, keys: list[int]) -> None:
        rows = self.some(len(keys))
        self.index.add(keys, rows)
        self.rows |= dict(zip(keys, rows, strict=True))

    @rule(keys=st.lists(keys, max_size=25))
    def remove(self, keys: list[int]) -> None:
        self.index.remove(keys)
        for key in keys:
            self.rows.pop(key, None)

    @rule()
    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "i"
            self.version += 1
            self.index.save(path, version=self.version, model="m")
            again = NeighbourIndex(DIMENSIONS, flat_limit=40)
            again.load(path, version=self.version, model="m")
            self.index = again

    @precondition(lambda self: self.rows)
    @rule(count=st.integers(1, 70))
    def search(self, count: int) -> None:
        query = self.some(1)[0]
        keys, scores = self.index.search(query, count)
        wanted = best(self.rows, query, count)
        assert len(keys) == len(wanted)
        np.testing.assert_allclose(
            scores, [float(self.rows[key] @ query) for key in wanted], atol=2e-3
        )
        there, found = self.index.vectors(range(61))
        assert there == sorted(self.rows)
        np.testing.assert_array_equal(found, [self.rows[key] for key in there])

    @invariant()
    def the_same_keys(self) -> None:
        assert len(self.index) == len(self.rows)
        assert all((key in self.index) == (key in self.rows) for key in range(61))


TestAgainstDict = AgainstDict.TestCase
TestAgainstDict.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
