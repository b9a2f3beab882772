"""The first frame of a video, by ffmpeg where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

VIDEO_SUFFIXES: Final = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".wmv", ".mts", ".m2ts", ".mpg")
)

SECONDS: Final = 20
"""Longest time for one video."""


def first_frame(video: Path, frame: Path) -> bool:
    """Write a video's first frame as a JPEG; False where ffmpeg is missing or cannot."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return False
    # Only files are opened: a playlist could name addresses.
    command = [ffmpeg, "-v", "error", "-y", "-protocol_whitelist", "file"]
    command += ["-i", f"file:{video}", "-frames:v", "1", "-q:v", "2", f"file:{frame}"]
    try:
        subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return frame.is_file()
