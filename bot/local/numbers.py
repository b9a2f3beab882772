"""Numbers of messages and updates that no earlier run has given.

A bot keeps them: were they to start anew with each run, a new post would take the place of an
old one in the bot's library.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from engine.files import write_whole

_BLOCK: Final = 1000

_log = logging.getLogger(__name__)


class Numbers:
    """A mark on disk that is always above every number in use.

    It moves by a thousand, so that not every message costs a write; a run begins at the mark
    that the last one has left.

    Parameters
    ----------
    path
        Where the mark is kept.

    Attributes
    ----------
    first
        The lowest number that this run may give.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.first = _read(path)
        self._mark = self.first

    def use(self, number: int) -> None:
        """Note that a number is about to be given."""
        if number < self._mark:
            return
        self._mark = number + _BLOCK
        try:
            write_whole(self._path, f"{self._mark}\n")
        except OSError as error:
            # A chat that does not work at all would be worse.
            _log.warning("the numbers of messages cannot be kept: %s", error.strerror)


def _read(path: Path) -> int:
    try:
        return max(int(path.read_text()[:20]), 1)
    except FileNotFoundError:
        return 1
    except (OSError, ValueError):
        _log.warning("%s is damaged; numbers of messages may come twice", path.name)
        return 1
