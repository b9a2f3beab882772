"""Fields of a corpus' lines that `CorpusPost` does not have, such as ``album``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from training.corpus.reader import POSTS_FILE, CorpusPost

_OWN: Final = frozenset(
    ("id", "photo", "text", "texts", "tags", "date", "source", "url", "split", "sha256")
)


class Extras:
    """Reads the lines of posts once more, alongside `read_corpus`.

    Parameters
    ----------
    folder
        The corpus.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / POSTS_FILE).open("rb")
        self._line = 0

    def of(self, post: CorpusPost) -> dict[str, Any]:
        """Other fields of a post; ask for posts in the order of their lines."""
        raw = b""
        while self._line < post.line:
            raw = self._file.readline()
            self._line += 1
        found = json.loads(raw.decode("utf-8-sig"))
        return {key: value for key, value in found.items() if key not in _OWN}

    def close(self) -> None:
        """Close the file."""
        self._file.close()
