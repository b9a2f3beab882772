"""From an error to the words that a person is told."""

from __future__ import annotations

from bot.chat import answers
from bot.chat.texts import Html, Texts
from bot.work import BusyError
from engine.errors import (
    EmptyQueryError,
    PhotoError,
    PhotoTooLargeError,
    StoreFullError,
    UnknownPostError,
    UnknownWordsError,
)

MEGABYTE = 1_000_000


class UserError(Exception):
    """Ends the handling of an update with an answer to the person.

    Parameters
    ----------
    key
        Name of the text.
    values
        What it is filled with.
    """

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


def words_for(texts: Texts, error: BaseException) -> str | None:
    """Say what to tell a person about an error; None where it is unexpected.

    Errors' own texts are never shown: they are in English, and may name a path.
    """
    match error:
        case UserError():
            return texts(error.key, **error.values)
        case BusyError():
            return texts("busy")
        case PhotoTooLargeError(unit="bytes"):
            return texts("too_many_bytes", limit=max(1, error.limit // MEGABYTE))
        case PhotoTooLargeError():
            return texts("too_many_pixels")
        case PhotoError():
            return texts("not_a_photo")
        case UnknownWordsError():
            lines = [texts("unknown", words=answers.words(error.words))]
            near = answers.nearest(error.suggestions)
            lines.append(
                texts("suggest", words=answers.words(near)) if near else texts("unknown_hint")
            )
            return Html("\n".join(lines))
        case EmptyQueryError():
            return texts("empty")
        case UnknownPostError():
            return texts("gone")
        case StoreFullError():
            return texts("disk_full")
        case _:
            return None
