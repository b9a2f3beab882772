"""What cleaning needs to know of photos: size, sha256, perceptual hash; measured once."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from engine.cleaning.duplicates import photo_hash
from engine.errors import PhotoError
from engine.photo import MAX_BYTES, decode, size_of
from training.corpus.dropped import FOLDER

_SIZE_HINT: Final = 64
_BATCH: Final = 256
_THREADS: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS photos (
    path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER,
    width INTEGER, height INTEGER, sha256 BLOB, hash BLOB, problem TEXT
) WITHOUT ROWID
"""

T = TypeVar("T")


class PhotoFacts(NamedTuple):
    """A photo as measured.

    Attributes
    ----------
    width, height
        Pixels.
    sha256
        Of its file, 32 bytes.
    hash
        The perceptual hash, 8 bytes, or None where there is nothing to see.
    problem
        Why it cannot be read, or None.
    """

    width: int
    height: int
    sha256: bytes
    hash: bytes | None
    problem: str | None


def measure(path: Path) -> PhotoFacts:
    """Measure a photo; one that cannot be read has a `problem`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return PhotoFacts(0, 0, b"", None, f"over {MAX_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        return PhotoFacts(0, 0, b"", None, error.strerror or "cannot be read")
    sha256 = hashlib.sha256(data).digest()
    try:
        # The size as it is, since a JPEG may come back reduced.
        width, height = size_of(data)
        small = decode(data, size_hint=_SIZE_HINT)
    except PhotoError as error:
        return PhotoFacts(0, 0, sha256, None, str(error))
    found = photo_hash(small)
    return PhotoFacts(
        width, height, sha256, None if found is None else found.to_bytes(8, "big"), None
    )


class PhotoCache:
    """Measures photos of a corpus and remembers them, until their files change.

    Parameters
    ----------
    corpus
        Its folder.
    """

    def __init__(self, corpus: Path) -> None:
        self._corpus = corpus
        path = corpus / FOLDER / "photos.sqlite"
        path.parent.mkdir(exist_ok=True)
        try:
            self._database = self._open(path)
        except sqlite3.DatabaseError:
            path.unlink()
            self._database = self._open(path)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_SCHEMA)
            database.execute("CREATE TEMP TABLE asked (path TEXT PRIMARY KEY) WITHOUT ROWID")
        except sqlite3.DatabaseError:
            database.close()
            raise
        return database

    def measured(
        self, items: Iterable[tuple[T, Path | None]]
    ) -> Iterator[tuple[T, PhotoFacts | None]]:
        """Go along with items that may have photos, in their order.

        Yields
        ------
        item
            As given.
        measured
            Of its photo; None if it has none.
        """
        source = iter(items)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(source, _BATCH)):
                found = self._batch([path for _, path in batch], pool)
                for (item, _), measured in zip(batch, found, strict=True):
                    yield item, measured
        # Of photos that are no longer there.
        self._database.execute("DELETE FROM photos WHERE path NOT IN (SELECT path FROM asked)")
        self._database.commit()

    def _batch(
        self, paths: Sequence[Path | None], pool: ThreadPoolExecutor
    ) -> list[PhotoFacts | None]:
        found: list[PhotoFacts | None] = []
        missing: list[tuple[int, Path, str, int, int]] = []
        for place, path in enumerate(paths):
            known: PhotoFacts | None = None
            if path is not None:
                name = path.relative_to(self._corpus).as_posix()
                try:
                    status = path.stat()
                    stamp = (status.st_size, status.st_mtime_ns)
                except OSError:
                    stamp = (-1, -1)
                self._database.execute("INSERT OR IGNORE INTO asked VALUES (?)", (name,))
                row = self._database.execute(
                    "SELECT width, height, sha256, hash, problem FROM photos "
                    "WHERE path = ? AND bytes = ? AND changed = ?",
                    (name, *stamp),
                ).fetchone()
                known = PhotoFacts(*row) if row else None
                if known is None:
                    missing.append((place, path, name, *stamp))
            found.append(known)
        for (place, _, name, size, changed), measured in zip(
            missing, pool.map(measure, [path for _, path, *_ in missing]), strict=True
        ):
            found[place] = measured
            self._database.execute(
                "INSERT OR REPLACE INTO photos VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (name, size, changed, *measured),
            )
        self._database.commit()
        return found

    def close(self) -> None:
        """Close the file."""
        self._database.close()
