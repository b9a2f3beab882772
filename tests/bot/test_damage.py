"""A damaged value or file of DATA_DIR or of a model: it is mended, or one line says what to do."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from bot.app import open_engine, open_gate, open_library
from bot.check import check
from bot.library import seed
from bot.settings import Settings
from engine.errors import Image2PicError, StoreError

VECTOR = struct.pack("<4sHff", b"i2v1", 16, 0.0, 0.0) + struct.pack("<16f", *[float("nan")] * 16)


def settings_of(model: Path, folder: Path) -> Settings:
    return Settings(_env_file=None, model=model, data_dir=folder / "var", metrics_port=None)  # type: ignore[call-arg]


@pytest.fixture
def settings(small_model: Path, tmp_path: Path) -> Settings:
    """A library that has been used once."""
    made = settings_of(small_model, tmp_path)
    with seed.open_store(made.library) as store:
        engine, version, _ = open_library(made, store, open_engine)
        engine.save(made.index, version=version)
        seed.photo_roots(store, made.model, None)
        store.set_fingerprints({1: bytes(24), 2: bytes(24)})
    return made


def damage(settings: Settings, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(settings.library)) as connection, connection:
        connection.execute(statement, values)


def start(settings: Settings) -> int:
    """What a start reads; the number of posts that are found."""
    with seed.open_store(settings.library) as store:
        engine, _, _ = open_library(settings, store, open_engine)
        open_gate(settings, store)
        seed.photo_roots(store, settings.model, None)
        return len(engine)


@pytest.mark.parametrize("vector", [b"", b"i2v1", VECTOR])
async def test_a_damaged_vector_is_made_anew(
    settings: Settings, vector: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = start(settings)
    damage(settings, "UPDATE posts SET vector = ? WHERE key = 1", vector)
    settings.index.unlink()
    assert start(settings) == whole - 1
    with seed.open_store(settings.library) as store:
        model = open_engine(settings.model, threads=1).info.id
        assert [post.key for post in store.undescribed(model, after=0, limit=5)] == [1]
    assert await check(settings) == 0


@pytest.mark.parametrize("found", [b"", b"short"])
def test_a_damaged_fingerprint_costs_only_itself(settings: Settings, found: bytes) -> None:
    damage(settings, "UPDATE fingerprints SET fingerprint = ? WHERE key = 1", found)
    assert start(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("version", "many"), ("photo_roots", "[half"), ("photo_roots", "7")],
)
async def test_a_damaged_note_is_one_message_with_the_way_out(
    settings: Settings, name: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(settings, "UPDATE meta SET value = ? WHERE name = ?", value, name)
    with pytest.raises(StoreError, match=r"damaged value.*restore FILE"):
        start(settings)
    capsys.readouterr()
    assert await check(settings) == 2
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("FAIL  library: the library has a damaged value") for line in lines)


@pytest.mark.parametrize("how", ["empty", "cut", "noise"])
@pytest.mark.parametrize("name", ["library.sqlite", "index.faiss", "index.faiss.json"])
async def test_each_file_of_a_data_folder(
    settings: Settings, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings.data_dir / name
    data = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "cut": data[: len(data) // 2], "noise": b"\x07noise" * 400}[how]
    )
    for extra in ("library.sqlite-wal", "library.sqlite-shm"):
        (settings.data_dir / extra).unlink(missing_ok=True)
    try:
        start(settings)
        status = 0
    except Image2PicError:
        status = 2
    assert (status == 0) == (name != "library.sqlite" or how == "empty")
    path.write_bytes(
        {"empty": b"", "cut": data[: len(data) // 2], "noise": b"\x07noise" * 400}[how]
    )
    assert await check(settings) == status, capsys.readouterr().out


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "noise"])
@pytest.mark.parametrize("name", ["manifest.json", "arrays.npz", "vocabulary.json"])
async def test_each_file_of_a_model(
    small_model: Path, tmp_path: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(small_model, model, ignore=shutil.ignore_patterns("work"))
    path = model / name
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {"empty": b"", "cut": data[: len(data) // 2], "noise": b"\x07noise" * 400}[how]
        )
    settings = settings_of(model, tmp_path)
    with pytest.raises(Image2PicError, match=r"build|copy the whole folder"):
        open_engine(model, threads=1)
    assert await check(settings) == 2
    assert "FAIL  model" in capsys.readouterr().out
