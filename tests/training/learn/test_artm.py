from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from training.evaluate.baselines.foldin import fold_in
from training.learn.artm import ArtmError, ArtmResult, ArtmSettings, train_artm

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("artm") is None,
    reason="needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)",
)

THEMES, DOCUMENTS = 5, 230
SETTINGS = ArtmSettings(
    topics=7, background=2, class_weights={"visual": 1.5}, passes=12, processors=1
)


def corpus(seed: int = 0) -> tuple[dict[str, sparse.csr_matrix], np.ndarray]:
    """Bags of documents about one theme each, and the themes; the first has no word at all."""
    rng = np.random.default_rng(seed)
    themes = rng.integers(0, THEMES, DOCUMENTS)
    bags = {}
    for name, per_theme, length in (("text", 6, 10), ("tag", 1, 1), ("visual", 8, 30)):
        p = np.full((THEMES, THEMES * per_theme), 0.02)
        for theme in range(THEMES):
            p[theme, theme * per_theme : (theme + 1) * per_theme] = 1
        p *= length / p.sum(1, keepdims=True)
        counts = rng.poisson(p[themes]).astype(np.float32)
        counts[0] = 0
        bags[name] = sparse.csr_matrix(counts)
    return bags, themes


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[ArtmResult, list[str], Path]:
    folder = tmp_path_factory.mktemp("artm")
    lines: list[str] = []
    return train_artm(corpus()[0], SETTINGS, folder, progress=lines.append), lines, folder


class TestTrain:
    def test_phi_is_a_distribution_of_every_modality(self, learnt) -> None:
        result, _, _ = learnt
        bags, _ = corpus()
        assert result.phi.keys() == bags.keys()
        for name, phi in result.phi.items():
            assert phi.shape == (bags[name].shape[1], SETTINGS.topics)
            assert phi.dtype == np.float32
            total = phi.sum(0)
            assert ((np.abs(total - 1) < 1e-3) | (total == 0)).all()

    def test_the_themes_are_found(self, learnt) -> None:
        result, _, _ = learnt
        _, themes = corpus()
        main = result.theta[:, :5].argmax(1)
        # Documents of one theme share a topic.
        same = sum(np.bincount(main[1:][themes[1:] == theme]).max() for theme in range(THEMES))
        assert same > 0.8 * (DOCUMENTS - 1)

    def test_rows_of_theta_belong_to_the_documents(self, learnt) -> None:
        """BigARTM has put them into several batches, in an order of its own."""
        result, _, _ = learnt
        bags, _ = corpus()
        dense = {name: matrix.toarray() for name, matrix in bags.items()}
        documents = [{n: dense[n][row] for n in dense} for row in range(DOCUMENTS)]
        again = fold_in(documents, result.phi, weights=SETTINGS.class_weights)
        assert result.theta.shape == (DOCUMENTS, SETTINGS.topics)
        np.testing.assert_allclose(result.theta.sum(1), 1, atol=1e-3)
        close = (again.argmax(1) == result.theta.argmax(1))[1:]
        assert close.mean() > 0.9

    def test_a_document_without_a_word_is_uniform(self, learnt) -> None:
        np.testing.assert_allclose(learnt[0].theta[0], 1 / SETTINGS.topics)

    def test_history_and_progress(self, learnt) -> None:
        result, lines, _ = learnt
        assert len(lines) == SETTINGS.passes
        assert lines[-1].startswith(f"{SETTINGS.passes}/{SETTINGS.passes} perplexity ")
        for kind in ("perplexity", "sparsity"):
            for name in ("text", "tag", "visual"):
                values = result.history[f"{kind}_{name}"]
                assert len(values) == SETTINGS.passes
                assert np.isfinite(values).all()
        perplexity = result.history["perplexity_text"]
        assert perplexity[-1] < 0.9 * perplexity[0]

    def test_only_its_own_files_are_left(self, learnt) -> None:
        _, _, folder = learnt
        names = {path.name for path in folder.iterdir()}
        bags = {f"bag_{name}.npz" for name in ("text", "tag", "visual")}
        assert names == {"job.json", "result.npz", *bags}

    def test_background_topics_are_smooth_and_subject_topics_sparse(self, learnt) -> None:
        phi = learnt[0].phi["text"]
        assert (phi[:, 5:] > 0).mean() > (phi[:, :5] > 0).mean()


class TestSeed:
    def test_the_same_seed_gives_the_same_numbers(self, learnt, tmp_path: Path) -> None:
        again = train_artm(corpus()[0], SETTINGS, tmp_path)
        for name, phi in learnt[0].phi.items():
            np.testing.assert_array_equal(again.phi[name], phi)
        np.testing.assert_array_equal(again.theta, learnt[0].theta)

    def test_another_seed_gives_other_numbers(self, learnt, tmp_path: Path) -> None:
        other = train_artm(corpus()[0], replace(SETTINGS, seed=2, passes=3), tmp_path)
        assert not np.allclose(other.phi["text"], learnt[0].phi["text"])


class TestRecipes:
    @pytest.mark.parametrize("recipe", ["lda", "plsa"])
    def test_the_baselines_learn_too(self, recipe: str, tmp_path: Path) -> None:
        chosen = replace(SETTINGS, recipe=recipe, background=0, topics=5)  # type: ignore[arg-type]
        result = train_artm(corpus()[0], chosen, tmp_path)
        assert result.phi["text"].shape[1] == 5
        smooth = (result.phi["text"] > 0).mean()
        assert smooth == 1 if recipe == "lda" else smooth < 1

    def test_a_modality_that_is_empty(self, tmp_path: Path) -> None:
        bags, _ = corpus()
        bags["tag"] = sparse.csr_matrix((DOCUMENTS, 0), dtype=np.float32)
        result = train_artm(bags, replace(SETTINGS, passes=2), tmp_path)
        assert result.phi["tag"].shape == (0, SETTINGS.topics)
        assert result.phi["text"].any()

    def test_online(self, tmp_path: Path) -> None:
        result = train_artm(corpus()[0], replace(SETTINGS, online_above=10, passes=4), tmp_path)
        np.testing.assert_allclose(result.theta.sum(1), 1, atol=1e-3)
        assert (np.abs(result.phi["visual"].sum(0) - 1) < 1e-3).any()


class TestFailure:
    def test_nothing_to_learn_from(self, tmp_path: Path) -> None:
        empty = {"text": sparse.csr_matrix((30, 4), dtype=np.float32)}
        with pytest.raises(ArtmError, match="BigARTM"):
            train_artm(empty, SETTINGS, tmp_path)

    def test_a_stop_ends_the_worker(self, tmp_path: Path) -> None:
        def interrupt(line: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_artm(corpus()[0], replace(SETTINGS, passes=5000), tmp_path, progress=interrupt)
        assert not workers(tmp_path)
        assert not (tmp_path / "result.npz").exists()

    def test_a_killed_worker_is_an_error(self, tmp_path: Path) -> None:
        def kill(line: str) -> None:
            for pid in workers(tmp_path):
                os.kill(pid, signal.SIGKILL)

        with pytest.raises(ArtmError, match="BigARTM failed"):
            train_artm(corpus()[0], replace(SETTINGS, passes=5000), tmp_path, progress=kill)

    def test_without_bigartm_the_message_names_the_extra(self, tmp_path: Path) -> None:
        script = (
            "import sys; sys.modules['artm'] = None; from training.learn.artm_worker import main"
        )
        run = subprocess.run(
            [sys.executable, "-c", f"{script}; sys.exit(main(None))"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            cwd=tmp_path,
        )
        assert run.returncode != 0
        assert "training]" in run.stderr + run.stdout


def workers(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder.resolve()).encode() in words and b"training.learn.artm_worker" in words:
            found.append(int(entry.name))
    return found
