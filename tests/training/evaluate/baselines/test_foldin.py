from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluate.baselines.foldin import PASSES, fold_in

WIDTHS = {"text": 60, "tag": 12, "visual": 80}
WEIGHTS = {"text": 1.0, "tag": 0.6, "visual": 2.5}
SUBSETS = (
    ("text", "tag", "visual"),
    ("text", "tag"),
    ("visual",),
    ("tag",),
    ("text", "visual"),
)
TOPICS = 9

TOLERANCE = 1e-5
"""Both sum in float32, in another order; 2e-6 was seen to hold."""

# BigARTM wants protobuf's pure-Python implementation, chosen before protobuf is imported: so it
# runs in a process of its own, as it does in training.
REFERENCE = """
import json, sys
from pathlib import Path
import artm
import numpy as np

folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
bags = dict(np.load(folder / "bags.npz"))
rows = range(len(bags["text"]))

def batches(name, modalities):
    lines = []
    for row in rows:
        line = f"d{row:05d}"
        for modality in modalities:
            counts = bags[modality][row]
            words = " ".join(f"w{w}:{counts[w]:g}" for w in np.flatnonzero(counts))
            if words or name != "train":
                line += f" |{modality} {words or 'unknown'}"
        lines.append(line)
    path = folder / f"{name}.vw"
    path.write_text("\\n".join(lines) + "\\n")
    return artm.BatchVectorizer(
        data_path=str(path), data_format="vowpal_wabbit", target_folder=str(folder / name),
        batch_size=1000,
    )

train = batches("train", job["widths"])
model = artm.ARTM(
    num_topics=job["topics"], dictionary=train.dictionary, class_ids=job["weights"], seed=5,
    num_processors=1, num_document_passes=job["passes"], show_progress_bars=False,
    theta_columns_naming="title",
)
model.regularizers.add(artm.SmoothSparsePhiRegularizer("sparse", tau=-0.5, class_ids=["text"]))
model.fit_offline(train, num_collection_passes=12)
result = {}
for modality, width in job["widths"].items():
    frame = model.get_phi(class_ids=[modality])
    phi = np.zeros((width, job["topics"]), np.float32)
    names = [t if isinstance(t, str) else t[1] for t in frame.index]
    phi[[int(name[1:]) for name in names]] = frame.values
    result["phi_" + modality] = phi
for number, subset in enumerate(job["subsets"]):
    theta = model.transform(batches(f"subset{number}", subset))
    theta = theta[sorted(theta.columns)]
    place = [int(name[1:]) for name in theta.columns]
    full = np.full((len(rows), job["topics"]), np.nan, np.float32)
    full[place] = theta.values.T
    result[f"theta_{number}"] = full
np.savez(folder / "result.npz", **result)
"""


def draw(count: int, seed: int) -> dict[str, np.ndarray]:
    """Bags of documents about a few themes; some are short, one has no word at all."""
    rng = np.random.default_rng(seed)
    theta = rng.dirichlet(np.full(6, 0.2), count)
    bags = {}
    for modality, width in WIDTHS.items():
        phi = rng.dirichlet(np.full(width, 0.1), 6)
        length = {"text": 12, "tag": 2, "visual": 40}[modality]
        bags[modality] = rng.poisson(length * theta @ phi).astype(np.float32)
    # Visual words have soft counts.
    bags["visual"] *= rng.uniform(0.2, 1.5, bags["visual"].shape).round(2)
    return bags


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """Bags, and what BigARTM makes of them: Phi, and theta of each subset of the modalities."""
    if importlib.util.find_spec("artm") is None:
        pytest.skip("needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)")
    folder = tmp_path_factory.mktemp("artm")
    bags = draw(60, 3)
    np.savez(folder / "bags.npz", **bags)
    job = {
        "widths": WIDTHS,
        "weights": WEIGHTS,
        "topics": TOPICS,
        "passes": PASSES,
        "subsets": SUBSETS,
    }
    (folder / "job.json").write_text(json.dumps(job))
    run = subprocess.run(
        [sys.executable, "-c", REFERENCE, str(folder)],
        cwd=folder,  # glog leaves its files there
        env=os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    with np.load(folder / "result.npz") as arrays:
        return bags, dict(arrays)


def documents(bags: dict[str, np.ndarray], subset: tuple[str, ...]) -> list[dict]:
    return [{name: bags[name][row] for name in subset} for row in range(len(bags["text"]))]


class TestAgainstBigArtm:
    @pytest.mark.parametrize("number", range(len(SUBSETS)), ids=["+".join(s) for s in SUBSETS])
    def test_theta_equals_that_of_transform(self, reference, number: int) -> None:
        bags, found = reference
        phi = {name: found[f"phi_{name}"] for name in WIDTHS}
        wanted = found[f"theta_{number}"]
        theta = fold_in(documents(bags, SUBSETS[number]), phi, weights=WEIGHTS)
        there = ~np.isnan(wanted[:, 0])
        assert there.sum() >= 20
        np.testing.assert_allclose(theta[there], wanted[there], atol=TOLERANCE)

    def test_it_is_the_weights_and_passes_that_make_them_equal(self, reference) -> None:
        bags, found = reference
        phi = {name: found[f"phi_{name}"] for name in WIDTHS}
        rows = documents(bags, SUBSETS[0])
        unweighted = fold_in(rows, phi)
        short = fold_in(rows, phi, weights=WEIGHTS, passes=PASSES - 1)
        assert np.abs(unweighted - found["theta_0"]).max() > 100 * TOLERANCE
        assert np.abs(short - found["theta_0"]).max() > 100 * TOLERANCE

    def test_a_document_without_a_known_word_is_uniform_in_both(self, reference) -> None:
        bags, found = reference
        number = SUBSETS.index(("tag",))
        empty = ~bags["tag"].any(axis=1)
        assert empty.any()
        wanted = found[f"theta_{number}"][empty]
        theta = fold_in(documents(bags, ("tag",)), {"tag": found["phi_tag"]}, weights=WEIGHTS)
        np.testing.assert_allclose(theta[empty], 1 / TOPICS)
        # BigARTM leaves such a document out, or says the same without a warning.
        np.testing.assert_allclose(wanted[~np.isnan(wanted)], 1 / TOPICS, atol=1e-6)


def random_phi(rng: np.random.Generator, width: int, topics: int) -> np.ndarray:
    phi = rng.dirichlet(np.full(width, 0.3), topics).T.astype(np.float32)
    phi[rng.random(width) < 0.1] = 0  # words that no topic has
    return phi


class TestFoldIn:
    @given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 30), st.integers(0, 12))
    @settings(max_examples=60, deadline=None)
    def test_rows_are_distributions(self, seed: int, topics: int, width: int, passes: int) -> None:
        rng = np.random.default_rng(seed)
        phi = {"text": random_phi(rng, width, topics), "visual": random_phi(rng, 5, topics)}
        bags = [
            {"text": rng.poisson(0.5, width).astype(np.float32)},
            {"visual": rng.poisson(0.5, 5).astype(np.float32)},
            {
                "text": rng.poisson(0.5, width).astype(np.float32),
                "visual": rng.poisson(0.5, 5).astype(np.float32),
            },
            {},
        ]
        theta = fold_in(bags, phi, passes=passes)
        assert theta.shape == (4, topics)
        assert theta.dtype == np.float32
        assert np.isfinite(theta).all()
        assert (theta >= 0).all()
        np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
        np.testing.assert_allclose(theta[3], 1 / topics)

    def test_the_likelihood_of_the_words_grows_with_every_pass(self) -> None:
        rng = np.random.default_rng(0)
        phi = rng.dirichlet(np.full(40, 0.2), 6).T.astype(np.float32)
        n_dw = rng.poisson(1.0, 40).astype(np.float32)
        likelihood = [
            float(
                n_dw @ np.log(phi @ fold_in([{"text": n_dw}], {"text": phi}, passes=n)[0] + 1e-30)
            )
            for n in range(8)
        ]
        assert all(b >= a - 1e-3 for a, b in itertools.pairwise(likelihood))
        assert likelihood[-1] > likelihood[0] + 1

    def test_words_of_one_topic_give_that_topic(self) -> None:
        phi = np.eye(4, dtype=np.float32)
        theta = fold_in([{"text": np.array([0, 0, 3, 0], np.float32)}], {"text": phi})
        np.testing.assert_allclose(theta, [[0, 0, 1, 0]], atol=1e-6)

    def test_a_word_that_no_topic_has_changes_nothing(self) -> None:
        phi = np.array([[0.5, 0.1], [0.5, 0.9], [0, 0]], np.float32)
        with_it = fold_in([{"text": np.array([1, 2, 7], np.float32)}], {"text": phi})
        without = fold_in([{"text": np.array([1, 2, 0], np.float32)}], {"text": phi})
        np.testing.assert_array_equal(with_it, without)
        alone = fold_in([{"text": np.array([0, 0, 7], np.float32)}], {"text": phi})
        np.testing.assert_allclose(alone, 0.5)

    def test_a_weight_of_zero_leaves_a_modality_out(self) -> None:
        rng = np.random.default_rng(1)
        phi = {"text": random_phi(rng, 9, 3), "visual": random_phi(rng, 7, 3)}
        text, visual = rng.poisson(2.0, 9), rng.poisson(2.0, 7)
        bag = {"text": text.astype(np.float32), "visual": visual.astype(np.float32)}
        theta = fold_in([bag], phi, weights={"visual": 0.0})
        only = fold_in([{"text": bag["text"]}], phi)
        np.testing.assert_allclose(theta, only, atol=1e-6)

    def test_no_documents(self) -> None:
        assert fold_in([], {"text": np.eye(3, dtype=np.float32)}).shape == (0, 3)
