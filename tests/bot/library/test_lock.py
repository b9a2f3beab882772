from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.library.lock import InUseError, locked

HOLDER = """
import sys
from pathlib import Path
from bot.library.lock import locked
with locked(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(InUseError, match=f"in use by process {other.pid}"), locked(folder):
            pass
        # However it ends, the lock ends with it.
        other.kill()
    with locked(folder):
        assert (folder / "lock").read_text() == str(os.getpid())
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InUseError, match="cannot be written"), locked(tmp_path / "file"):
        pass
