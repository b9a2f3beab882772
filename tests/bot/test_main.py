"""The command line, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.library.seed import open_store

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"


def bot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "PYTHONPATH"}}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_teaches() -> None:
    done = bot("--help")
    assert done.returncode == 0
    for word in ("TELEGRAM_BOT_TOKEN", "WEBHOOK_SECRET", "export-votes", "--check", "local chat"):
        assert word in done.stdout


@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_settings_that_do_not_fit_are_named(arguments: tuple[str, ...]) -> None:
    done = bot(*arguments, OWNER_IDS="me", TELEGRAM_BOT_TOKEN="hush-hush")
    assert done.returncode == 2
    assert "OWNER_IDS" in done.stderr
    assert "TELEGRAM_BOT_TOKEN" in done.stderr
    assert "hush-hush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_check_names_each_part(tmp_path: Path) -> None:
    done = bot(
        "--check",
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_BASE_URL="http://127.0.0.1:9",
        MODEL=str(tmp_path / "none"),
        DATA_DIR=str(tmp_path / "var"),
    )
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0] == "ok    settings"
    assert [line.split()[:2] for line in lines[1:]] == [
        ["FAIL", "model:"],
        # It is made from the model's posts.
        ["FAIL", "library:"],
        ["FAIL", "telegram:"],
    ]
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_no_model_is_one_clear_line(tmp_path: Path) -> None:
    done = bot(
        TELEGRAM_BOT_TOKEN=TOKEN, MODEL=str(tmp_path / "none"), DATA_DIR=str(tmp_path / "var")
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: model")
    assert "Traceback" not in done.stderr


def test_export_without_a_library(tmp_path: Path) -> None:
    done = bot("export-votes", str(tmp_path / "votes.jsonl"), DATA_DIR=str(tmp_path / "var"))
    assert done.returncode == 2
    assert "start the bot once" in done.stderr
    assert not (tmp_path / "votes.jsonl").exists()


@pytest.mark.parametrize("place", ["", "nowhere/votes.jsonl", "."])
def test_export_to_where_nothing_can_be_written(tmp_path: Path, place: str) -> None:
    with open_store(tmp_path / "var" / "library.sqlite"):
        pass
    file = str(tmp_path / place) if place else ""
    done = bot("export-votes", file, DATA_DIR=str(tmp_path / "var"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
