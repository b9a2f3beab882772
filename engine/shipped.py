"""Where the files lie that come with the project."""

from __future__ import annotations

from pathlib import Path


def shipped(*parts: str) -> Path:
    """Path of something in ``data/``, which lies beside the packages (in the images, too)."""
    return Path(__file__).resolve().parent.parent.joinpath("data", *parts)
