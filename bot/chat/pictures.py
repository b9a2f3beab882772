"""Pictures that Telegram has already: an answer that was drawn once is sent by its file_id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

PICTURES_MAX: Final = 5_000


class Pictures:
    """file_ids of drawn pictures, by what they show; the least used are forgotten."""

    def __init__(self) -> None:
        self._files: OrderedDict[Hashable, str] = OrderedDict()

    def get(self, shown: Hashable) -> str | None:
        """The file_id of that picture, if it was sent before."""
        if shown in self._files:
            self._files.move_to_end(shown)
        return self._files.get(shown)

    def keep(self, shown: Hashable, file: str) -> None:
        """Remember under which file_id Telegram has a picture."""
        self._files[shown] = file
        if len(self._files) > PICTURES_MAX:
            self._files.popitem(last=False)

    def drop(self, shown: Hashable) -> None:
        """Forget one that Telegram no longer takes."""
        self._files.pop(shown, None)
