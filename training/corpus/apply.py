"""Taking posts out of a corpus, and putting them back: no step can lose a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.cleaning.rules import Verdict
from engine.corpus.reader import COPIES_FILE, POSTS_FILE, Texts
from engine.errors import CorpusError
from engine.files import whole_file, write_whole
from training.corpus.dropped import Dropped, dropped_file, read_dropped, write_dropped


def take_out(
    corpus: Path,
    verdicts: Mapping[int, Verdict],
    copies: Mapping[str, Texts],
    on_line: Callable[[int, bytes], object],
) -> None:
    """Move lines from ``posts.jsonl`` to ``cleaning/dropped.jsonl``; words of copies stay.

    They are in the second file before they leave the first, so that a run that is stopped in
    between has them in both, and `put_back` once.

    Parameters
    ----------
    corpus
        Its folder; nothing may be taken out of it yet (see `put_back`).
    verdicts
        Number of a line, from 1 -> why it goes.
    copies
        Id of a post that stays -> texts of posts that go, which it takes over.
    on_line
        Called with the number of each line, and the line.
    """
    posts = corpus / POSTS_FILE
    if copies:
        lines = [{"id": key, "texts": texts} for key, texts in copies.items()]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_whole(corpus / COPIES_FILE, text)
    with _rewriting(posts) as kept:

        def gone() -> Iterator[Dropped]:
            for number, line in numbered(posts):
                on_line(number, line)
                if number in verdicts:
                    yield Dropped(number - 1, *verdicts[number], line.rstrip(b"\r\n"))
                else:
                    kept.write(line)

        write_dropped(corpus, gone())


def put_back(corpus: Path) -> int:
    """Undo `take_out`; lines that were added since stay behind those that were there.

    Returns
    -------
    int
        How many lines came back.

    Raises
    ------
    CorpusError
        What was taken out cannot be read; nothing is changed then.
    """
    posts = corpus / POSTS_FILE
    (corpus / COPIES_FILE).unlink(missing_ok=True)
    if not dropped_file(corpus).is_file():
        return 0
    if not posts.is_file():
        raise CorpusError(f"{posts} is missing")
    back = 0

    def merged() -> Iterator[bytes]:
        nonlocal back
        place = 0
        kept = (line for _, line in numbered(posts))
        following = next(kept, None)
        for entry in read_dropped(corpus):
            while place < entry.at and following is not None:
                yield following
                place += 1
                following = next(kept, None)
            if following is not None and following.rstrip(b"\r\n") == entry.line:
                # A run that was stopped has left it in both files.
                continue
            yield entry.line + b"\n"
            place += 1
            back += 1
        if following is not None:
            yield following
        yield from kept

    with _rewriting(posts) as file:
        file.writelines(merged())
    dropped_file(corpus).unlink()
    return back


def numbered(posts: Path) -> Iterator[tuple[int, bytes]]:
    """Lines of a file, from 1."""
    with posts.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, line if line.endswith(b"\n") else line + b"\n"


@contextmanager
def _rewriting(path: Path) -> Iterator[BinaryIO]:
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise CorpusError(f"{path} cannot be written: {error}") from error
