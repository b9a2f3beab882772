"""Files: what ships, whole files written all at once, checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

STARTER: Final = "starter"
"""Name of the model that ships, and `source` of its posts."""

_END: Final = 1 << 16  # bytes at either end of a file that tell whether it was replaced


def shipped(*parts: str) -> Path:
    """Path of something in ``data/``: in this package where it is installed, else beside it."""
    package = Path(__file__).resolve().parent
    data = package / "data"
    return (data if data.is_dir() else package.parent / "data").joinpath(*parts)


def model_folder(text: str | Path) -> Path:
    """The folder of a model that a person names: `STARTER` is the one that ships."""
    return shipped("model") if str(text) == STARTER else Path(text)


def same_folder(one: Path, other: Path) -> bool:
    """Whether two paths name one folder: many systems take several spellings of its name."""
    with suppress(OSError):
        return one.samefile(other)
    return False


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def quick_hash(path: Path) -> str:
    """Whether a file was replaced, without reading all of it: a hash of its size and its ends.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        digest = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=8)
        for start in (0, max(0, size - _END)):
            file.seek(start)
            digest.update(file.read(_END))
    return digest.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file all at once or not at all: beside it, synced to the disk, then renamed.

    Whatever is raised leaves the old file as it was. Two threads must not write one path at a
    time. A library that wants a path may write to the ``name`` of the yielded file.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    # The new name, too, has to survive a loss of power.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_whole(path: Path, content: bytes | str) -> None:
    """`whole_file` for content that is there already; text as UTF-8."""
    with whole_file(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode())


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """The arrays of an ``.npz`` file, without pickles; a damaged file is closed, too."""
    # Given a path, numpy leaves the file open where the archive is damaged.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        yield arrays
