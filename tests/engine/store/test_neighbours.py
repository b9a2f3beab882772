"""The same answers, whether FAISS searches or the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.library import seed
from engine.engine import Engine
from engine.index import NeighbourIndex
from engine.model import load_model
from engine.projection import log_ratio
from engine.results import Floats, vector_to_bytes, vectors_to_rows
from engine.store import Post, SqliteStore
from engine.store.neighbours import DatabaseIndex
from engine.store.postgres import PostgresStore

TOPICS, POSTS = 24, 3000
MODEL = Path(__file__).parents[3] / "data" / "model"


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres_url) as opened:
        yield opened


def blobs(count: int) -> list[bytes]:
    rng = np.random.default_rng(1)
    theta = rng.dirichlet(np.full(TOPICS, 0.2), count).astype(np.float32)
    bias = rng.normal(0.2, 0.03, (count, 2))
    return [vector_to_bytes(t, (float(a), float(b))) for t, (a, b) in zip(theta, bias, strict=True)]


def rows_of(vectors: list[bytes]) -> Floats:
    theta, biases = vectors_to_rows(vectors, TOPICS)
    return np.concatenate([log_ratio(theta), biases], axis=1)


def test_recall_with_an_index_built_beside(store: PostgresStore) -> None:
    vectors = blobs(POSTS)
    keys = store.upsert(Post(0, f"p{n}", vector=v, model="m") for n, v in enumerate(vectors))
    rows = rows_of(vectors)
    exact = NeighbourIndex(TOPICS + 2)
    exact.build(keys, rows)
    found = DatabaseIndex(store, "m", TOPICS + 2)
    found.load(Path("unused"), version=0, model="m")
    assert len(found) == len(exact)
    hits = 0
    for query in rows[::60]:
        best, scores = exact.search(query, 10)
        near, close = found.search(query, 10)
        np.testing.assert_allclose(close[0], scores[0], atol=2e-2)
        hits += len(set(best.tolist()) & set(near.tolist()))
    assert hits >= 0.95 * 10 * len(rows[::60])
    # A filter does not starve the page: the search goes on until it is full.
    few = set(keys[::150])
    best, _ = exact.search(rows[0], 10, few)
    near, _ = found.search(rows[0], 10, few)
    assert set(near.tolist()) == set(best.tolist())
    np.testing.assert_allclose(found.vectors([keys[7], 0, keys[5]])[1], rows[[7, 5]], atol=1e-2)
    # What is stored is found, what is removed is not, without another word.
    store.delete(["p5"])
    assert keys[5] not in found
    assert found.vectors([keys[5], keys[7]])[0] == [keys[7]]
    # A second start finds the index there, one of another model takes its place.
    found.load(Path("unused"), version=0, model="m")
    store.index_vectors("other", TOPICS + 2)
    assert len(store._read("SELECT 1 FROM pg_indexes WHERE indexname LIKE 'embeddings\\_%'")) == 2


def test_the_engines_searches(store: PostgresStore, tmp_path: Path) -> None:
    model = load_model(MODEL)
    plain, other = Engine(model), Engine(model)
    with SqliteStore(tmp_path / "library.sqlite") as file:
        for library in (file, store):
            seed.prepare(library, MODEL, model.info.id)
        plain.load(file.vectors(model.info.id), version=1)
        seed.search_in_database(other, store)
        other.load([], version=1, cache=tmp_path / "unused")
        assert len(plain) == len(other) > 300
        same = total = 0
        for text in ("sunset over the sea", "горы", "night city lights", "forest -snow", "лодка"):
            pages = [engine.search(engine.query(text=text), limit=10) for engine in (plain, other)]
            names = [
                {post.id for post in library.posts([hit.key for hit in page.hits]).values()}
                for library, page in zip((file, store), pages, strict=True)
            ]
            same += len(names[0] & names[1])
            total += len(names[0])
        assert same >= 0.95 * total > 0
