from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.files import sha256_of, shipped, whole_file, write_whole


@pytest.mark.parametrize(
    "parts", [("adverts", "model.npz"), ("encoder-small", "encoder.tflite"), ("model",)]
)
def test_what_ships_is_there(parts: tuple[str, ...]) -> None:
    assert shipped(*parts).exists()


def test_the_checksum_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_bytes_and_text_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_whole(path, b"longer than what follows")
    write_whole(path, "море")
    assert path.read_text(encoding="utf-8") == "море"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "x", b"")


def test_a_killed_process_leaves_the_old_file_and_the_next_write_works(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old")
    code = f"""
import os, signal
from pathlib import Path
from engine.files import whole_file
with whole_file(Path({str(path)!r})) as file:
    file.write(b"half"); file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(root)})
    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_whole(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text() == "new"
