"""Python in a process of its own: what it opens, loads and kills is apart from the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent


class MissingError(Exception):
    """What a benchmark needs is not there."""


def run_python(
    *arguments: str, failed: str, folder: Path = ROOT, loud: bool = False, **environment: str
) -> str:
    """What it prints.

    Parameters
    ----------
    failed
        Begins the error.
    loud
        Standard error is shown as it comes, instead of in the error.

    Raises
    ------
    MissingError
        It ended with an error.
    """
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])} | environment,
        stdout=subprocess.PIPE,
        stderr=None if loud else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingError(f"{failed}:\n{(done.stdout if loud else done.stderr)[-2000:]}")
    return done.stdout
