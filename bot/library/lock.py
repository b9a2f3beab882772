"""One bot for one DATA_DIR."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import Image2PicError

try:
    import fcntl
except ImportError:  # Windows has other locks; there nothing is locked
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = "lock"


class InUseError(Image2PicError):
    """Another process works in the folder; the text names it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the lock ends with the process, however it ends.

    Raises
    ------
    InUseError
        Another process has it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InUseError(f"DATA_DIR {folder} cannot be written: {error.strerror}") from error
    try:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                other = os.read(file, 20).decode(errors="replace").strip() or "another process"
                raise InUseError(
                    f"DATA_DIR {folder} is in use by process {other}: end that bot first, or give "
                    "this one another DATA_DIR"
                ) from None
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        yield
    finally:
        os.close(file)
