"""What the person at the terminal is told, and asked: on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, Final

from tqdm import tqdm

Say = Callable[[str], None]
"""What is told lines: a `Progress`, or a function."""

_log = logging.getLogger(__name__)


class Progress:
    """Says lines and draws bars; a quiet one only logs its lines.

    Bars are drawn on a terminal alone: in a file they would be one long line.
    """

    def __init__(self, loud: bool = True) -> None:
        self.loud = loud

    def __call__(self, line: str) -> None:
        """Say a line."""
        if self.loud:
            print(line, file=sys.stderr, flush=True)
        else:
            _log.info("%s", line)

    def bar(self, **options: Any) -> tqdm[Any]:
        """A progress bar; the options are those of `tqdm`."""
        return tqdm(disable=None if self.loud else True, **options)


QUIET: Final = Progress(loud=False)


def confirmed(question: str) -> bool:
    """Ask on the terminal; False where there is none to answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "д", "да")
