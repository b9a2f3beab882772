"""What comes with the project: where its files lie, and what its posts are known by."""

from __future__ import annotations

from pathlib import Path
from typing import Final

STARTER: Final = "starter"
"""`source` of the posts that ship."""


def shipped(*parts: str) -> Path:
    """Path of something in ``data/``, which lies beside the packages (in the images, too)."""
    return Path(__file__).resolve().parent.parent.joinpath("data", *parts)
