"""Where the files lie that come with the project."""

from __future__ import annotations

import sys
from pathlib import Path


def shipped(*parts: str) -> Path:
    """Path of something in ``data/``.

    In a checkout that folder lies beside the packages; where they are installed (the Docker
    images), below the environment.
    """
    beside = Path(__file__).resolve().parent.parent / "data"
    root = beside if beside.is_dir() else Path(sys.prefix) / "data"
    return root.joinpath(*parts)
