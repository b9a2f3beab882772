"""Each benchmark at a tiny size: it runs on real parts, and what it says is so."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import __main__ as runner
from bench import corpus, foldin, index, words
from bench import inputs as bench_inputs
from bench.report import Goal, Table, show

ARTM = importlib.util.find_spec("artm") is not None


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = runner.main(list(arguments))
    return code, capsys.readouterr().out


def test_inputs(tmp_path: Path) -> None:
    photos = tmp_path / "tables" / "photos"
    photos.mkdir(parents=True)
    Image.radial_gradient("L").save(photos / "a.jpg")
    Image.linear_gradient("L").save(photos / "b.jpg")
    (tmp_path / "tables" / "good.csv").write_text("photo,text\na.jpg,the calm evening sea\n")
    (tmp_path / "tables" / "none.csv").write_text("year\n2020\n")
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "result.json").write_text("")
    (table,) = bench_inputs.measure(tmp_path)
    rows = {str(name): rest for name, *rest in table.rows}
    assert list(rows) == ["export", "tables/good.csv", "tables/none.csv"]
    assert rows["tables/good.csv"][:3] == [2, 1, 2]
    assert "is empty" in str(rows["export"][3])
    assert "names no photos" in str(rows["tables/none.csv"][3])


class TestReport:
    def test_a_goal_is_met_on_its_side_of_the_bound(self) -> None:
        assert Goal("recall", 0.95, 0.95, at_least=True).met
        assert not Goal("recall", 0.94, 0.95, at_least=True).met
        assert Goal("p99", 9.9, 10).met
        assert not Goal("p99", 10.1, 10).met
        assert "missed" in str(Goal("p99", 10.1, 10, unit="ms"))

    def test_numbers_are_short(self) -> None:
        assert [show(x) for x in (1_234_567, 1234.5, 0.98765, "flat", None)] == [
            "1,234,567",
            "1,234",
            "0.988",
            "flat",
            "",
        ]

    def test_a_table_as_markdown_and_as_json(self) -> None:
        table = Table("T", ["", "ms"], [("a", 1.5)], [Goal("g", 1, 2)], ["note"])
        assert "| a | 1.5 |" in table.markdown()
        plain = table.plain()
        assert plain["rows"] == [{"": "a", "ms": 1.5}]
        assert plain["goals"][0]["met"] is True
        assert json.loads(json.dumps(plain)) == plain


class TestIndex:
    def test_posts_are_unit_vectors_that_lie_in_clusters(self) -> None:
        world = index.World.make(32, 10, seed=1)
        posts = world.posts(500, seed=2)
        assert posts.shape == (500, 34)
        np.testing.assert_allclose(np.linalg.norm(posts[:, :-2], axis=1), 1, atol=1e-4)
        np.testing.assert_allclose(posts[:, :-2].sum(1), 0, atol=1e-3)
        products = posts[:, :-2] @ posts[:, :-2].T
        near = np.sort(products, axis=1)[:, -11:-1].mean()
        assert near > products.mean() + 0.3
        np.testing.assert_array_equal(posts, world.posts(500, seed=2))

    def test_the_exact_ten_are_those_of_a_full_sort(self) -> None:
        world = index.World.make(16, 5, seed=1)
        posts, queries = world.posts(300, seed=2), world.queries(6, seed=3)
        wanted = -np.sort(-(queries @ posts.T), axis=1)[:, :10]
        np.testing.assert_allclose(index.exact_ten(posts, queries), wanted, atol=1e-6)

    def test_an_exact_index_has_recall_one(self) -> None:
        world = index.World.make(16, 20, seed=1)
        found = index.measure_one(
            world.posts(2_000, seed=2), world.posts(50, seed=3), world.queries(30, seed=4)
        )
        assert found.kind == "flat"
        assert found.recall == 1
        assert 0 < found.p50_ms <= found.p99_ms
        assert found.file > 2_000 * 18 * 4

    def test_the_command(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        code, out = run(
            capsys, "index", "--posts", "3000", "--queries", "20", "--out", str(tmp_path), "--json"
        )
        assert code == 0
        told = json.loads(out)
        assert told == json.loads((tmp_path / "index.json").read_text())
        assert told["machine"]["cores"]
        (table,) = told["benchmarks"]["index"]
        assert {goal["name"] for goal in table["goals"]} >= {"recall@10", "search p99", "added"}
        assert "recall@10" in (tmp_path / "index.md").read_text()


class TestFoldin:
    def test_beside_bigartm(self) -> None:
        table = foldin.measure(
            60, topics=6, widths={"text": 80, "visual": 40}, repeats=2, singles=3
        )
        rows = {row[0]: row[1:] for row in table.rows}
        assert all(value > 0 for value in rows["training.evaluate.baselines.foldin"])
        assert set(rows) == (
            {"training.evaluate.baselines.foldin", "BigARTM transform", "ratio"}
            if ARTM
            else {"training.evaluate.baselines.foldin"}
        )
        assert len(table.goals) == ARTM
        assert all(goal.met for goal in table.goals)


class TestWithAModel:
    def test_the_engine(
        self, small_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        code, out = run(
            capsys, "engine", "--model", str(small_model), "--photos", "4",
            "--out", str(tmp_path), "--json",
        )  # fmt: skip
        assert code == 0
        (table,) = json.loads(out)["benchmarks"]["engine"]
        rows = {row[""]: row for row in table["rows"]}
        assert rows["imported, of what must not be"]["p50"] == "nothing"
        assert rows["photo query / forward pass"]["p50"] > 1
        assert 0 < rows["text query, ms"]["p50"] <= rows["text query, ms"]["p99"]
        assert rows["resident without an index, MiB"]["p50"] < 400

    def test_the_encoder(
        self, small_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        code, out = run(
            capsys, "encoder", "--model", str(small_model), "--photos", "5",
            "--out", str(tmp_path), "--json",
        )  # fmt: skip
        assert code == 0
        files, features = json.loads(out)["benchmarks"]["encoder"]
        (row,) = files["rows"]
        assert row["difference, largest"] == 0
        assert row["forward pass, ms"] > 0
        assert math.isclose(row[f"/ {small_model.name}"], 1)
        assert features["goals"][0]["value"] > 0

    @pytest.mark.slow
    def test_single_words(
        self,
        small_model: Path,
        small_corpus: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setattr(words, "POSTS", (2, 0.5))
        monkeypatch.setattr(words, "WORDS", 2)
        code, out = run(
            capsys, "words", "--model", str(small_model), "--corpus", str(small_corpus),
            "--out", str(tmp_path), "--json",
        )  # fmt: skip
        assert code == 0
        (table,) = json.loads(out)["benchmarks"]["words"]
        assert {row[""]: row["words"] for row in table["rows"]} == {"en": 2, "ru": 2}
        for row in table["rows"]:
            assert row["known"] > row["chance"]
            assert 0 < row["no text had them"] <= 1


class TestRunner:
    def test_an_unknown_name_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert runner.main(["nonsense"]) == 2
        assert "index, scale, artm, foldin, text" in capsys.readouterr().err

    def test_what_is_missing_is_said(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        code, out = run(
            capsys, "engine", "load", "--model", str(tmp_path / "none"), "--out", str(tmp_path)
        )
        assert code == 1
        assert out.count("Left out: there is no model") == 2

    def test_texts(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        code, out = run(capsys, "text", "--texts", "50", "--out", str(tmp_path))
        assert code == 0
        assert "| queries |" in out


class TestCorpus:
    def test_an_export_is_streamed_whole(self) -> None:
        pytest.importorskip("ijson", reason="needs ijson (pip install '.[training]')")
        rows = {row[0]: row[1] for row in corpus.stream(300).rows}
        assert rows["messages"] == "300 of 300"
        assert isinstance(rows["peak memory, MB"], float)
        assert rows["peak memory, MB"] < 200

    def test_near_duplicates(self) -> None:
        table = corpus.duplicates(2_000, 3_000)
        assert str(table.rows[0][0]).startswith("all 100 near pairs of 2,000 hashes")
        assert table.goals[0].met

    def test_the_filter_beats_the_keywords(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("sklearn", reason="needs scikit-learn (pip install '.[training]')")
        from training.clean.examples import own_examples

        some = own_examples()[::4]
        monkeypatch.setattr("training.clean.examples.own_examples", lambda: some)
        rows = {str(row[0]): row[1:] for row in corpus.adverts(20).rows}
        learnt, listed = next(cells for name, cells in rows.items() if name.startswith("all"))
        assert 0 < float(learnt or 0) <= 1
        learnt, listed = rows["en: F1"]
        assert float(learnt or 0) > float(listed or 0) + 0.05
