"""Reading a corpus: a folder with ``posts.jsonl`` and photos, one JSON object a line.

A first pass checks each line and each photo, and remembers for each id the last good line that has
it; any further one yields the posts, in the order of those lines. So a later line can replace an
earlier one while only ids and line numbers are held in memory.

A line that cannot be used is reported with its number and the reason, and skipped.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from engine.errors import CorpusError

POSTS_FILE: Final = "posts.jsonl"
TRAIN_SPLIT: Final = "train"
"""The split that models learn from, where a corpus is divided."""

COPIES_FILE: Final = "cleaning/copies.jsonl"
"""What a post took over of its copies that were taken out: JSON with ``id`` and ``texts``."""

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""A longer line is skipped without being held in memory."""

IN_MEMORY: Final = 64 * 1024 * 1024
"""Bytes of a ``posts.jsonl`` that is read once and held; a larger one is read each time."""

NAMED_LINES: Final = 5
"""So many line numbers of each reason are named in a summary."""

_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = frozenset(
    ("id", "photo", "text", "texts", "tags", "date", "source", "url", "split", "sha256")
)

_log = logging.getLogger(__name__)

Texts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CorpusPost:
    """One post of a corpus.

    Attributes
    ----------
    id
        Unique within the corpus.
    photo
        The photo's path, below the corpus folder as it was given, or None.
    texts
        Language code -> texts; a text of unknown language is under ``""``.
    tags
        Hashtags without ``#``; None where the corpus does not say (take them from the text).
    date
        ISO 8601.
    source, url
        Where the post came from, and a link that a reader can open.
    split
        ``"train"``, ``"dev"``, ``"test"``, or None.
    line
        Number of its line in ``posts.jsonl``, from 1.
    extra
        The other fields of the line, as they are: ``album``, ``topic``, ``forwarded_from``, ...
    """

    id: str
    photo: Path | None
    texts: Texts
    tags: tuple[str, ...] | None
    date: str | None
    source: str | None
    url: str | None
    split: str | None
    line: int
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was skipped.

    Attributes
    ----------
    line
        Its number, from 1.
    reason
        One of a few fixed texts, by which a summary groups.
    detail
        What exactly was wrong, or an empty string.
    """

    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" + (f": {self.detail}" if self.detail else "")


def _warn(problem: Problem) -> None:
    _log.warning("%s", problem)


@dataclass
class Report:
    """What was read and what was skipped; complete as soon as `read_corpus` returns.

    Parameters
    ----------
    on_problem
        Called for each skipped line; by default it is logged as a warning.

    Attributes
    ----------
    posts
        Posts that are (or will be) yielded.
    skipped
        Reason -> number of lines.
    first_lines
        Reason -> the first few line numbers.
    replaced
        Lines, good in themselves, whose id a later line has.
    replaced_lines
        Their numbers.
    """

    on_problem: Callable[[Problem], None] = _warn
    posts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    first_lines: dict[str, list[int]] = field(default_factory=dict)
    replaced_lines: list[int] = field(default_factory=list)

    @property
    def replaced(self) -> int:  # noqa: D102 - described above
        return len(self.replaced_lines)

    def add(self, problem: Problem) -> None:
        """Count a skipped line and pass it on."""
        self.skipped[problem.reason] += 1
        lines = self.first_lines.setdefault(problem.reason, [])
        if len(lines) < NAMED_LINES:
            lines.append(problem.line)
        self.on_problem(problem)

    def summary(self) -> str:
        """For example: ``6,997 of 7,000 posts; 3 skipped: photo missing 3 (lines 5, 81, 90)``."""
        skipped = self.skipped.total()
        text = f"{self.posts:,} of {self.posts + skipped:,} posts"
        if skipped:
            text += f"; {skipped:,} skipped: " + ", ".join(
                f"{reason} {count:,} ({_name_lines(self.first_lines[reason], count)})"
                for reason, count in self.skipped.most_common()
            )
        if self.replaced:
            text += f"; {self.replaced:,} replaced by a later line with the same id"
        return text


def _name_lines(lines: list[int], count: int) -> str:
    more = ", ..." if count > len(lines) else ""
    return ("line " if count == 1 else "lines ") + ", ".join(map(str, lines)) + more


class _Posts(Collection[CorpusPost]):
    """The good posts of a large corpus, in the order of their lines: read each time."""

    def __init__(self, reader: _Reader, lines: Mapping[str, int]) -> None:
        self._reader, self._lines = reader, lines

    def __len__(self) -> int:
        return len(self._lines)

    def __contains__(self, post: object) -> bool:
        return isinstance(post, CorpusPost) and self._lines.get(post.id) == post.line

    def __iter__(self) -> Iterator[CorpusPost]:
        with _open(self._reader.posts_file) as file:
            for number, line in _lines(file):
                try:
                    post = self._reader.parse(line, number)
                except _BadLineError:
                    continue
                if self._lines.get(post.id) == number:
                    yield post


def read_corpus(
    folder: Path, *, splits: Collection[str] | None = None, report: Report
) -> Collection[CorpusPost]:
    """Check a corpus and give its posts, as often as they are asked for.

    Parameters
    ----------
    folder
        The folder that holds ``posts.jsonl``.
    splits
        Only posts of these splits; the photos of others are not looked at, while a line that
        is wrong in itself is always reported. None: all posts.
    report
        Is filled before this function returns.

    Returns
    -------
    Collection of CorpusPost
        Of a file over `IN_MEMORY` about 0.15 kB a post are held, and it is read each time.

    Raises
    ------
    CorpusError
        There is no such folder, or no readable ``posts.jsonl`` in it.
    """
    reader = _Reader(folder, splits)
    if reader.posts_file.is_file() and reader.posts_file.stat().st_size > IN_MEMORY:
        lines: dict[str, int] = {}
        for _ in _checked(reader, lines, report):
            pass
        return _Posts(reader, lines)
    return load_corpus(folder, splits=splits, report=report)


def load_corpus(
    folder: Path, *, splits: Collection[str] | None = None, photos_here: bool = True, report: Report
) -> list[CorpusPost]:
    """Read a corpus as `read_corpus` does, at once and into memory.

    Its photos are looked for where they are said to be here.
    """
    reader = _Reader(folder, splits)
    lines: dict[str, int] = {}
    checked = _checked(reader, lines, report, photos_here=photos_here)
    posts = {post.id: post for post in checked}
    return sorted((posts[key] for key in lines), key=lambda post: post.line)


def _checked(
    reader: _Reader, lines: dict[str, int], report: Report, *, photos_here: bool = True
) -> Iterator[CorpusPost]:
    """Good posts, also those that a later line replaces; `lines` has the last line of each id."""
    with _open(reader.posts_file) as file:
        for number, line in _lines(file):
            try:
                post = reader.parse(line, number)
                if photos_here and reader.wanted(post):
                    reader.check_photo(post)
            except _BadLineError as bad:
                report.add(Problem(number, bad.reason, bad.detail))
                continue
            if (before := lines.get(post.id, 0)) > 0:
                report.replaced_lines.append(before)
            # A post that moved to another split still replaces the one that was read before.
            lines[post.id] = number if reader.wanted(post) else -number
            yield post
    for key in [key for key, number in lines.items() if number < 0]:
        del lines[key]
    report.posts += len(lines)


def _open(path: Path) -> BinaryIO:
    try:
        if not path.parent.is_dir():
            raise CorpusError(
                f"{path.parent} is not a folder: give the folder that holds {POSTS_FILE} "
                "and the photos"
            )
        if not path.is_file():
            raise CorpusError(
                f"{path} is missing: a corpus is a folder with {POSTS_FILE} (one JSON object a "
                'line, with at least "id" and "text" or "photo") and the photos it names'
            )
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read: {error}") from error


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Non-blank lines with their numbers; None in place of one that is too long."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(1 << 16)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif line := line.strip():
            yield number, line


class _BadLineError(Exception):
    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class _Reader:
    """Turns lines into posts and checks that their photos lie in the folder."""

    def __init__(self, folder: Path, splits: Collection[str] | None) -> None:
        self.folder = folder
        self.posts_file = folder / POSTS_FILE
        self._splits = splits
        self._copies = _copies(folder / COPIES_FILE)
        self._root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - ends with a slash
        # Photos share a few folders; resolving each folder once saves most system calls.
        self._real_folder = functools.lru_cache(maxsize=1024)(os.path.realpath)

    def wanted(self, post: CorpusPost) -> bool:
        return self._splits is None or post.split in self._splits

    def parse(self, line: bytes | None, number: int) -> CorpusPost:
        if line is None:
            raise _BadLineError("line too long", f"the limit is {MAX_LINE_BYTES:,} bytes")
        record = _json_object(line)
        identifier = _string(record, "id")
        if not identifier:
            raise _BadLineError("no id")
        photo = _string(record, "photo")
        if photo and Path(photo).is_absolute():
            raise _BadLineError("photo outside of the folder", "its path is absolute")
        tags = _strings(record.get("tags"), "tags") if record.get("tags") is not None else None
        post = CorpusPost(
            id=identifier,
            photo=self.folder / photo if photo else None,
            texts=together(_texts(record), self._copies.get(identifier, {})),
            tags=None if tags is None else tuple(tag for t in tags if (tag := t.lstrip("#"))),
            date=_date(record),
            source=_string(record, "source"),
            url=_string(record, "url"),
            split=_string(record, "split"),
            line=number,
            extra={key: value for key, value in record.items() if key not in _FIELDS},
        )
        if not (post.photo or post.texts or post.tags):
            raise _BadLineError("empty post", "neither a photo nor a text nor tags")
        return post

    def check_photo(self, post: CorpusPost) -> None:
        if post.photo is None:
            return
        name = str(post.photo.relative_to(self.folder))
        try:
            path = os.path.join(self._real_folder(str(post.photo.parent)), post.photo.name)  # noqa: PTH118
            if post.photo.name == ".." or os.path.islink(path):  # noqa: PTH114
                path = os.path.realpath(path)
            if not path.startswith(self._root):
                raise _BadLineError("photo outside of the folder", name)
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            raise _BadLineError("photo missing", name) from None
        except (OSError, ValueError) as error:
            cause = error.strerror if isinstance(error, OSError) else "impossible name"
            raise _BadLineError("photo missing", f"{name!r}: {cause}") from None
        if not stat.S_ISREG(mode):
            raise _BadLineError("photo is not a file", name)


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _BadLineError("not UTF-8", f"byte {error.start + 1} of the line") from None
    except RecursionError:
        raise _BadLineError("broken JSON", "nested too deeply") from None
    except ValueError as error:
        raise _BadLineError("broken JSON", str(error)) from None
    if not isinstance(record, dict):
        raise _BadLineError("not a JSON object")
    return record


def _string(record: dict[str, Any], name: str) -> str | None:
    value = record.get(name)
    return None if value is None else _clean(value, name)


def _strings(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _BadLineError("wrong type", f"{name} is not a list of strings")
    return tuple(_clean(item, f"an item of {name}") for item in value)


def _clean(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _BadLineError("wrong type", f"{name} is not a string")
    # JSON can escape half of a surrogate pair; no file or database can hold one.
    return (
        value
        if value.isascii()
        else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _texts(record: dict[str, Any]) -> Texts:
    found: dict[str, tuple[str, ...]] = {}
    by_language = record.get("texts")
    if by_language is not None:
        if not isinstance(by_language, dict):
            raise _BadLineError("wrong type", "texts is not an object of language: [texts]")
        for language, values in by_language.items():
            found[_clean(language, "texts")] = _strings(values, f"texts of {language!r}")
    text = _string(record, "text")
    if text is not None:
        found[""] = (*found.get("", ()), text)
    kept = {language: tuple(t for t in texts if t.strip()) for language, texts in found.items()}
    return {language: texts for language, texts in kept.items() if texts}


def _copies(path: Path) -> dict[str, Texts]:
    found: dict[str, Texts] = {}
    try:
        lines = path.read_bytes().splitlines() if path.is_file() else []
        for line in lines:
            record = _json_object(line)
            found[str(record["id"])] = _texts({"texts": record["texts"]})
    except (OSError, KeyError, _BadLineError) as error:
        raise CorpusError(f"{path} is damaged ({error}): run clean --undo, then clean") from error
    return found


def together(own: Texts, copies: Texts) -> Texts:
    """Texts of a post and those that it took over, none twice, by language."""
    merged = dict(own)
    said = {" ".join(text.split()).casefold() for texts in own.values() for text in texts}
    for language, texts in copies.items():
        for text in texts:
            plain = " ".join(text.split()).casefold()
            if not any(plain in other for other in said):
                said.add(plain)
                merged[language] = (*merged.get(language, ()), text)
    return merged


def _date(record: dict[str, Any]) -> str | None:
    value = _string(record, "date")
    if not value:
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise _BadLineError("date is not ISO 8601", repr(value[:40])) from None
    return value
