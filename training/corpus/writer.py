"""Writing a corpus that grows: only what is new, edited posts anew, nothing half written.

``posts.jsonl`` is only ever appended to, whole batches at a time, each photo being complete in its
place before the line that names it. A line that a killed run left incomplete is cut off next time.
Which posts are there, and what each looked like, stands in ``.collect.sqlite``, so that memory does
not grow with the corpus; it is made anew from the corpus wherever it does not fit it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from engine.corpus.reader import POSTS_FILE
from engine.errors import CorpusError
from engine.files import whole_file
from training.corpus.dropped import dropped_file, read_dropped

STATE_FILE: Final = ".collect.sqlite"
BATCH: Final = 500
"""Posts that are written at once."""
BATCH_SECONDS: Final = 2.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS posts (id TEXT PRIMARY KEY, digest BLOB, place INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""
_VERSION: Final = 1
_TAIL: Final = 4096
_IN_DROPPED: Final = -1
_SEEN_AT_ONCE: Final = 10_000

_log = logging.getLogger(__name__)

Record = Mapping[str, Any]


@dataclass
class Changes:
    """What a run did to the corpus."""

    new: int = 0
    edited: int = 0
    same: int = 0
    removed: int = 0
    photos: int = 0

    def __str__(self) -> str:
        text = f"{self.new:,} new, {self.edited:,} edited, {self.same:,} known already"
        if self.removed:
            text += f", {self.removed:,} removed"
        return text + f"; {self.photos:,} photos stored"


class CorpusWriter:
    """Adds posts to a corpus folder; use it in a ``with`` statement.

    Parameters
    ----------
    folder
        The corpus; made if it does not exist. One that is still empty at the end goes again.
    dry
        Only count what would change; nothing is written.

    Raises
    ------
    CorpusError
        The folder cannot be written, or another run is writing to it.
    """

    def __init__(self, folder: Path, *, dry: bool = False) -> None:
        self.folder, self.dry = folder, dry
        self.changes = Changes()
        self._is_new = not folder.exists()
        self._posts_file = folder / POSTS_FILE
        self._lines: list[bytes] = []
        self._rows: dict[str, tuple[bytes, int]] = {}
        self._unsynced: list[Path] = []
        self._seen: list[str] = []
        self._stale = False
        self._since = time.monotonic()
        try:
            if not dry:
                folder.mkdir(parents=True, exist_ok=True)
            self._database = _state_in_memory() if dry else _open_state(folder)
            self._database.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
            self._file: BinaryIO = io.BytesIO() if dry else self._posts_file.open("ab")
            try:
                # Dry, no line gets a place in the file.
                self._end = 1 << 40 if dry else _mend(self._posts_file)
                self._synchronise()
            except BaseException:
                self._file.close()
                self._database.close()
                raise
        except OSError as error:
            raise CorpusError(f"{folder} cannot be written: {error}") from error

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.commit()
            if error is None:
                self._compact()
        finally:
            self._file.close()
            self._database.close()
            if self._is_new and not self.dry and not self._posts_file.stat().st_size:
                for path in (self._posts_file, *self.folder.glob(f"{STATE_FILE}*")):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    self.folder.rmdir()

    # What is known

    def is_known(self, record: Record) -> bool:
        """Tell whether this very post is there, its photo included; counts it if so."""
        self._see(str(record["id"]))
        row = self._row(record["id"])
        if row is None or row[0] != _digest(record):
            return False
        photo = record.get("photo")
        if photo is not None and not (self.folder / photo).is_file():
            return False
        self.changes.same += 1
        return True

    def record(self, key: str) -> Record | None:
        """The line of a post as it was written; None where there is none, or it was taken out."""
        if key in self._rows:
            self.commit()
        row = self._row(key)
        if row is None or row[1] == _IN_DROPPED:
            return None
        with self._posts_file.open("rb") as file:
            file.seek(row[1])
            return _parse(file.readline())

    def ids_below(self, prefix: str) -> set[str]:
        """Ids of posts that begin with a prefix."""
        found = {key for key in self._rows if key.startswith(prefix)}
        rows = self._database.execute(
            "SELECT id FROM posts WHERE id >= ? AND id < ?", (prefix, prefix + "\U0010ffff")
        )
        return found | {key for (key,) in rows}

    def unseen(self, prefix: str, numbers: tuple[int, int] | None = None) -> list[str]:
        """Ids of posts that begin with a prefix and that this run has not come across.

        Parameters
        ----------
        prefix
            What the ids begin with.
        numbers
            Only those behind whose prefix a number from the first to the last stands.
        """
        self.commit()
        rows = self._database.execute(
            "SELECT id FROM posts WHERE id >= ? AND id < ? AND place != ? "
            "AND id NOT IN (SELECT id FROM seen)",
            (prefix, prefix + "\U0010ffff", _IN_DROPPED),
        )
        found = [key for (key,) in rows]
        if numbers is None:
            return found
        low, high = numbers
        behind = [(key, key.removeprefix(prefix)) for key in found]
        return [key for key, n in behind if n.lstrip("-").isdecimal() and low <= int(n) <= high]

    def note(self, name: str) -> str | None:
        """Read what an earlier run noted, such as how far it came."""
        row = self._database.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_note(self, name: str, value: str) -> None:
        """Note something for the next run; it lasts from the next commit on."""
        self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    # Adding

    def store_photo(self, name: str, data: bytes) -> str:
        """Write a photo to its place, all at once or not at all.

        Parameters
        ----------
        name
            Path below the folder, as `engine.corpus.posts.photo_name` makes it.
        data
            The file's bytes.

        Returns
        -------
        str
            The sha256, in hexadecimal digits.

        Raises
        ------
        CorpusError
            It cannot be written.
        """
        if self.dry:
            self.changes.photos += 1
            return ""
        place = self.folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_name(place.name + ".part")
            temporary.write_bytes(data)
            temporary.replace(place)
        except OSError as error:
            raise CorpusError(f"the photo {name} cannot be stored: {error}") from error
        self._unsynced.append(place)
        self.changes.photos += 1
        return hashlib.sha256(data).hexdigest()

    def put(self, record: Record) -> None:
        """Add a post, or the new state of one; its photo must be in its place.

        Parameters
        ----------
        record
            The fields of a line of ``posts.jsonl``; a field that is None is left out.

        Raises
        ------
        CorpusError
            The disk is full or fails; what was written before stays whole.
        """
        key, digest = str(record["id"]), _digest(record)
        self._see(key)
        row = self._row(key)
        if row is not None and row[0] == digest:
            self.changes.same += 1
            return
        if row is None:
            self.changes.new += 1
        else:
            self.changes.edited += 1
            self._stale = self._stale or row[1] != _IN_DROPPED
        line = _line(record)
        self._rows[key] = (digest, self._end)
        self._lines.append(line)
        self._end += len(line)
        if len(self._lines) >= BATCH or time.monotonic() - self._since > BATCH_SECONDS:
            self.commit()

    def discard(self, key: str) -> None:
        """Remove a post that is no longer where it came from; the run's end makes it so."""
        self.commit()
        if self._database.execute("DELETE FROM posts WHERE id = ?", (key,)).rowcount:
            self.changes.removed += 1
            self._stale = True

    def commit(self) -> None:
        """Write what is waiting and make it last."""
        self._since = time.monotonic()
        try:
            # Many at once: the first makes the disk write what the others then find written.
            for place in self._unsynced:
                with place.open("rb") as photo:
                    os.fsync(photo.fileno())
            self._unsynced.clear()
            if self._lines and not self.dry:
                self._file.write(b"".join(self._lines))
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise CorpusError(f"{self._posts_file} cannot be written: {error}") from error
        self._database.executemany(
            "INSERT OR REPLACE INTO posts VALUES (?, ?, ?)",
            ((key, digest, place) for key, (digest, place) in self._rows.items()),
        )
        self._database.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in self._seen)
        )
        self._seen.clear()
        self._lines.clear()
        self._rows.clear()
        self._mark()
        self._database.commit()

    # State

    def _see(self, key: str) -> None:
        self._seen.append(key)
        if len(self._seen) >= _SEEN_AT_ONCE:
            self.commit()

    def _row(self, key: str) -> tuple[bytes, int] | None:
        if key in self._rows:
            return self._rows[key]
        row: tuple[bytes, int] | None = self._database.execute(
            "SELECT digest, place FROM posts WHERE id = ?", (key,)
        ).fetchone()
        return row

    def _mark(self) -> None:
        if self.dry:
            return
        end = self._posts_file.stat().st_size
        self.set_note("posts", json.dumps([end, _tail(self._posts_file, end)]))
        dropped = dropped_file(self.folder)
        size = dropped.stat().st_size if dropped.is_file() else 0
        self.set_note("dropped", json.dumps([size, _tail(dropped, size)]))
        self.set_note("stale", str(int(self._stale)))

    def _synchronise(self) -> None:
        """Bring the state up to date with the files."""
        dropped = dropped_file(self.folder)
        size = dropped.stat().st_size if dropped.is_file() else 0
        start = 0
        try:
            start, tail = json.loads(self.note("posts") or "[0, null]")
            fits = _tail(self._posts_file, start) == tail
            fits &= json.loads(self.note("dropped") or "[0, null]") == [size, _tail(dropped, size)]
        except (ValueError, TypeError):
            fits = False
        self._stale = fits and self.note("stale") == "1"
        if not fits:
            start = 0
            self._database.execute("DELETE FROM posts")
            for entry in read_dropped(self.folder):
                if (record := _parse(entry.line)) is not None:
                    self._index(record, _IN_DROPPED)
        if self._posts_file.is_file():
            for place, line in _lines_from(self._posts_file, start):
                if (record := _parse(line)) is not None:
                    self._index(record, place)
        self._mark()
        self._database.commit()

    def _index(self, record: dict[str, Any], place: int) -> None:
        row = self._row(record["id"])
        self._stale = self._stale or (row is not None and row[1] != _IN_DROPPED)
        self._database.execute(
            "INSERT OR REPLACE INTO posts VALUES (?, ?, ?)", (record["id"], _digest(record), place)
        )

    def _compact(self) -> None:
        """Leave out lines that a later one replaced, so that readers need not."""
        if not self._stale or self.dry:
            return
        gone: set[str] = set()
        try:
            with whole_file(self._posts_file) as file:
                for place, line in _lines_from(self._posts_file, 0):
                    record = _parse(line)
                    row = self._row(record["id"]) if record is not None else None
                    # A line that cannot be read is kept: somebody may be able to repair it.
                    if record is None or (row is not None and row[1] == place):
                        file.write(line)
                    else:
                        gone.add(str(record.get("photo") or ""))
            self._remove_photos(gone)
            self._file.close()
            self._file = self._posts_file.open("ab")
        except OSError as error:
            raise CorpusError(f"{self._posts_file} cannot be written: {error}") from error
        self._database.execute("DELETE FROM notes WHERE name IN ('posts', 'dropped', 'stale')")
        self._synchronise()

    def _remove_photos(self, gone: set[str]) -> None:
        """Remove photos of lines that are left out, unless another line names them."""
        taken_out = (entry.line for entry in read_dropped(self.folder))
        for line in itertools.chain(
            (one for _, one in _lines_from(self._posts_file, 0)), taken_out
        ):
            gone.discard(str((_parse(line) or {}).get("photo") or ""))
        root = (self.folder / "photos").resolve()
        for name in gone:
            path = (self.folder / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                path.unlink()


def _state_in_memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.executescript(_SCHEMA)
    return database


def _open_state(folder: Path) -> sqlite3.Connection:
    path = folder / STATE_FILE
    for attempt in (1, 2):
        database = sqlite3.connect(path, timeout=1.0)
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN EXCLUSIVE")
            if database.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
                raise sqlite3.DatabaseError("another version")
            database.executescript(_SCHEMA)
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.commit()
            return database
        except sqlite3.OperationalError as error:
            database.close()
            raise CorpusError(
                f"another run is collecting into {folder}, or it cannot be written ({error})"
            ) from error
        except sqlite3.DatabaseError:
            # Only a cache: a damaged one is made anew.
            database.close()
            if attempt == 2:
                raise
            path.unlink()
    raise AssertionError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep collectors away while something else rewrites the corpus.

    Raises
    ------
    CorpusError
        A run is writing to it.
    """
    try:
        database = _open_state(folder)
    except OSError as error:
        raise CorpusError(f"{folder} cannot be written: {error}") from error
    try:
        yield
    finally:
        database.close()


def _digest(record: Record) -> bytes:
    plain = {k: v for k, v in record.items() if v is not None and k != "sha256"}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


def _line(record: Record) -> bytes:
    plain = {key: value for key, value in record.items() if value is not None}
    return _without_surrogates(json.dumps(plain, ensure_ascii=False)).encode() + b"\n"


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _parse(line: bytes | str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(record, dict) and isinstance(record.get("id"), str)
    return record if known else None


def _lines_from(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        file.seek(start)
        place = start
        for line in file:
            yield place, line
            place += len(line)


def _tail(path: Path, end: int) -> str | None:
    """Fingerprint of what stands before a place in a file; None if the file is shorter."""
    if not path.is_file():
        return "" if end == 0 else None
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < end:
            return None
        start = max(0, end - _TAIL)
        file.seek(start)
        return hashlib.blake2b(file.read(end - start), digest_size=12).hexdigest()


def _mend(path: Path) -> int:
    """Cut off a last line that a killed run did not finish; returns the file's length."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return 0
        start = end
        last = b""
        while start > 0 and b"\n" not in last:
            step = min(start, 1 << 16)
            start -= step
            file.seek(start)
            last = file.read(step) + last
        rest = last.rpartition(b"\n")[2]
        if not rest:
            return end
        if _parse(rest) is not None:
            file.write(b"\n") if file.seek(0, os.SEEK_END) else None
            return end + 1
        _log.warning("%s: an unfinished last line (%d bytes) is cut off", path, len(rest))
        file.truncate(end - len(rest))
        return end - len(rest)
