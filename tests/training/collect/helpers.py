from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from engine.corpus.reader import CorpusPost, Report, read_corpus

_RUN = """
import argparse, sys
from engine.errors import Image2PicError
from training.commands import collect as cli
parser = argparse.ArgumentParser()
cli.add_arguments(parser)
try:
    sys.exit(cli.run(parser.parse_args()))
except Image2PicError as error:
    sys.exit(f"error: {error}")
"""


def jpeg(seed: int, size: int = 96) -> bytes:
    """A photo like no other: smooth random blobs."""
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(cells).resize((size, size), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def load(corpus: Path) -> dict[str, CorpusPost]:
    """Posts of a corpus by id; every line and every photo must be good."""
    report = Report()
    posts = {post.id: post for post in read_corpus(corpus, report=report)}
    assert not report.skipped, report.summary()
    return posts


def contents(corpus: Path) -> dict[str, str]:
    """Every file that belongs to a corpus -> its sha256."""
    return {
        path.relative_to(corpus).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(corpus.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".part"
    }


class Collect:
    """Runs the command in a process of its own."""

    def __call__(
        self, *arguments: object, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(arguments),
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def kill_when(
        self,
        reached: Callable[[], bool],
        *arguments: object,
        env: dict[str, str] | None = None,
    ) -> None:
        """Kill -9 as soon as something is reached; it must be before the end."""
        process = subprocess.Popen(
            self._command(arguments),
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            while process.poll() is None and not reached():
                time.sleep(0.002)
            assert process.poll() is None, process.communicate()
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def _command(arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, "-c", _RUN, *map(str, arguments)]


def photos_in(corpus: Path) -> int:
    return sum(1 for path in (corpus / "photos").rglob("*.jpg"))
