"""One error tree: whatever the engine refuses, it says what was wrong and the way out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class Image2PicError(Exception):
    """Base of every error that image2pic raises on purpose; its text is fit to be shown."""


class PhotoError(Image2PicError):
    """The bytes are not a photo that can be read."""


class PhotoTooLargeError(PhotoError):
    """The photo's pixels or bytes are over the limit; nothing of it was decoded.

    Parameters
    ----------
    size
        Width x height in pixels, or the number of bytes.
    limit
        The limit that `size` is over.
    unit
        ``"pixels"`` or ``"bytes"``.
    """

    def __init__(self, size: int, limit: int, unit: str) -> None:
        super().__init__(f"the photo has {size:,} {unit}; the limit is {limit:,}")
        self.size, self.limit, self.unit = size, limit, unit


class OcrError(Image2PicError):
    """Tesseract could not read a picture, or not within the time."""


class EmptyQueryError(Image2PicError):
    """Neither a photo nor a word to search by."""


class UnknownWordsError(Image2PicError):
    """The model knows none of the query's words.

    Parameters
    ----------
    words
        The unknown words, as the user typed them.
    suggestions
        For each word that has any: the nearest known words by spelling.
    """

    def __init__(self, words: Sequence[str], suggestions: Mapping[str, Sequence[str]]) -> None:
        text = "I know none of these words: " + ", ".join(words)
        near = [near for options in suggestions.values() for near in options]
        if near:
            text += "; perhaps you meant: " + ", ".join(near)
        super().__init__(text)
        self.words = tuple(words)
        self.suggestions = {word: tuple(options) for word, options in suggestions.items()}


class UnknownPostError(Image2PicError):
    """No such post in the index (it may have been removed meanwhile)."""

    def __init__(self, key: object) -> None:
        super().__init__(f"no post {key!r} in the index")
        self.key = key


class ModelError(Image2PicError):
    """The model folder is missing something, damaged, or of another format version."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"model {path}: {reason}")
        self.path, self.reason = path, reason


class IndexFileError(Image2PicError):
    """The saved index is missing, damaged or stale; it can be rebuilt from the posts."""


class CorpusError(Image2PicError):
    """The corpus folder as a whole cannot be read (a bad line alone is only reported)."""


class StoreError(Image2PicError):
    """The library of posts cannot be opened, read or written."""


class StoreFullError(StoreError):
    """The disk is full: nothing of this write was kept, what was there is whole."""
