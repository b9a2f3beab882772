"""Posts with a planted structure, for whatever learns from a data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from engine.codebook import Codebook
from engine.encoder import EncoderShape
from engine.model import Model, ModelInfo, QuerySettings
from engine.projection import Projection
from engine.vocabulary import Vocabulary
from training.evaluate.baselines import Task
from training.learn.choose import banks
from training.learn.dataset import Dataset

THEMES, ENGLISH, RUSSIAN, TAGS, CHANNELS, VISUAL = 8, 64, 32, 8, 48, 40


@dataclass(frozen=True)
class Planted:
    """Training and held-out posts about a few themes, which words and photos both show.

    Attributes
    ----------
    text_phi, photo_phi
        What was planted: p(column | theme), shapes (W_text + W_tag, THEMES), (CHANNELS, THEMES).
    """

    train: Dataset
    held: Dataset
    text_phi: np.ndarray
    photo_phi: np.ndarray
    words: Vocabulary
    tags: Vocabulary


def posts(
    rng: np.random.Generator, count: int, text_phi: np.ndarray, photo_phi: np.ndarray, name: str
) -> Dataset:
    theta = rng.dirichlet(np.full(THEMES, 0.15), count)
    features = rng.gamma(4, 0.25, (count, CHANNELS)) * (theta @ photo_phi.T)
    visual = rng.poisson(60 * theta @ photo_phi.T[:, :VISUAL])
    rows, owner, language = [], [], []
    english = np.arange(len(text_phi)) < ENGLISH
    russian = (np.arange(len(text_phi)) >= ENGLISH) & (np.arange(len(text_phi)) < ENGLISH + RUSSIAN)
    tags = np.arange(len(text_phi)) >= ENGLISH + RUSSIAN
    for post in range(count):
        # Two posts in three have a Russian text.
        for code, mask, length in (("en", english, 7), ("en", english, 7), ("ru", russian, 7)):
            if code == "ru" and post % 3 == 0:
                continue
            p = theta[post] @ text_phi.T * (mask + 0.2 * tags)
            rows.append(rng.multinomial(length, p / p.sum()))
            owner.append(post)
            language.append(code)
    return Dataset(
        tuple(f"{name}{post}" for post in range(count)),
        features.astype(np.float32),
        sparse.csr_matrix(visual.astype(np.float32)),
        sparse.csr_matrix(np.array(rows, np.float32)),
        np.array(owner, np.int64),
        np.array(language),
    )


@pytest.fixture(scope="session")
def planted() -> Planted:
    rng = np.random.default_rng(7)
    text_phi = rng.dirichlet(np.full(ENGLISH + RUSSIAN + TAGS, 0.08), THEMES).T
    photo_phi = rng.dirichlet(np.full(CHANNELS, 0.3), THEMES).T
    words = Vocabulary(
        tuple(f"w{i}" for i in range(ENGLISH)) + tuple(f"с{i}" for i in range(RUSSIAN)),
        tuple(f"word{i}" for i in range(ENGLISH)) + tuple(f"слово{i}" for i in range(RUSSIAN)),
        ("en",) * ENGLISH + ("ru",) * RUSSIAN,
    )
    tags = Vocabulary(*(tuple(f"tag{i}" for i in range(TAGS)),) * 2, ("en",) * TAGS)
    return Planted(
        posts(rng, 400, text_phi, photo_phi, "train"),
        posts(rng, 80, text_phi, photo_phi, "held"),
        text_phi,
        photo_phi,
        words,
        tags,
    )


@pytest.fixture(scope="session")
def planted_model(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that knows what was planted: topics are the themes, and one of background."""
    topics = THEMES + 1
    flat = np.full((len(planted.text_phi), 1), 1 / len(planted.text_phi))
    text_phi = np.hstack([planted.text_phi, flat]).astype(np.float32)
    count = len(planted.words)
    phi = {
        "text": text_phi[:count] / text_phi[:count].sum(0),
        "tag": text_phi[count:] / np.maximum(text_phi[count:].sum(0), 1e-9),
        "visual": np.full((VISUAL, topics), 1 / VISUAL, np.float32),
    }
    # Least squares from what is seen to the theme that was planted is all a linear map needs.
    photo = np.linalg.pinv(np.sqrt(planted.photo_phi)).T
    text = np.linalg.pinv(np.sqrt(planted.text_phi)).T

    def widened(matrix: np.ndarray) -> np.ndarray:
        return np.hstack([matrix, np.zeros((len(matrix), 1))]).astype(np.float32)

    projection = Projection(
        widened(photo),
        np.zeros(topics, np.float32),
        widened(text),
        np.zeros(topics, np.float32),
        np.zeros((0, topics), np.float32),
        np.zeros(topics, np.float32),
        np.ones(len(text_phi), np.float32),
        (1.0, 1.0),
    )
    train = planted.train
    bank = banks(train, projection, 0.0, 1)
    return Model(
        ModelInfo("planted", "planted", "none", topics, 1, len(train), ("en", "ru"), "", {}),
        EncoderShape(8, 2, 2, CHANNELS),
        Codebook(
            np.zeros(CHANNELS, np.float32),
            np.eye(CHANNELS, 4, dtype=np.float32),
            np.zeros((VISUAL, 4), np.float32),
            1.0,
        ),
        planted.words,
        planted.tags,
        phi,
        np.full(topics, 1 / topics, np.float32),
        np.zeros(topics, np.float32),
        projection,
        np.vstack([phi["text"], phi["tag"]]).astype(np.float32),
        np.full(len(text_phi), 0.1, np.float32),
        bank.texts,
        bank.photos,
        bank.posts,
        np.zeros(len(planted.tags), np.float32),
        QuerySettings(),
        tmp_path_factory.mktemp("planted"),
    )


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    rng = np.random.default_rng(0)
    return Codebook(
        rng.random(48).astype(np.float32) / 10,
        np.linalg.qr(rng.normal(size=(48, 8)))[0].astype(np.float32),
        rng.normal(0, 0.3, (20, 8)).astype(np.float32),
        0.5,
        3,
    )


@pytest.fixture(scope="module")
def task(planted: Planted) -> Task:
    return Task(planted.train, len(planted.words), 8, np.array(planted.words.languages))
