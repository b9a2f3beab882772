"""The rounds of `bench.faults` in short: two kills, a file that is damaged, a run that goes on."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from bench.faults import Results, _settings, _start, damaged, damages, killed


@pytest.mark.timeout(400)
async def test_kills_lose_nothing(small_model: Path) -> None:
    # With polling: tests/e2e/test_faults.py.
    found = await killed(small_model, 2, webhook=True)
    assert found["posts"] >= 10
    assert found["questions"] == 4
    assert found["votes"] == 2
    lost = {name: count for name, count in found.items() if name.endswith("lost")}
    assert not any(lost.values()), found
    assert found["posts twice"] == 0


def test_check_finds_what_a_start_would(small_model: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(small_model, whole / "model", ignore=shutil.ignore_patterns("work"))
    asyncio.run(_start(_settings(whole)))
    files = {str(file) for file, _ in damages(whole)}
    assert {"model/manifest.json", "var/library.sqlite", "var/index.faiss"} <= files
    for file, outcome in (("var/index.faiss", "started"), ("model/manifest.json", "message")):
        found = asyncio.run(damaged(whole, Path(file), "cut"))
        assert found == {"check": outcome, "start": outcome}


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    calls: list[int] = []

    async def measure() -> dict[str, int]:
        calls.append(1)
        return {"lost": 0}

    for _ in range(2):
        results = Results(tmp_path / "out" / "faults.jsonl")
        assert results.get("killed", "0-5", measure) == {"lost": 0}
    assert len(calls) == 1
