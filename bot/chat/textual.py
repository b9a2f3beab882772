"""Small helpers between HTML and plain text."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

_TAGS: Final = re.compile(r"<[^<>]*>")


def plain(html: str) -> str:
    """Text of the bot's own HTML, for places that show no markup."""
    return unescape(_TAGS.sub("", html))
