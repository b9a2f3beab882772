"""No token and no path in a log: a filter for every record, traceback included."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final

#: An absolute path (POSIX or Windows) that is not the path of a URL.
_PATHS: Final = re.compile(r"(?<![\w:/.~-])(?:[A-Za-z]:)?[\\/](?:[\w.@+~-]+[\\/])+")
#: Anything of the form of a bot token, also another bot's, also after "bot" in an address.
_TOKENS: Final = re.compile(r"\d{5,20}:[A-Za-z0-9_-]{20,}")
HIDDEN: Final = "***"


class SecretFormatter(logging.Formatter):
    """Formats records without secrets; paths are shortened to the file's name.

    Parameters
    ----------
    secrets
        Strings that never appear.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        # The longest first: one secret may begin like another.
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, traceback included, then take the secrets out."""
        return self.clean(super().format(record))

    def clean(self, text: str) -> str:
        """Take secrets and folders out of a text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _PATHS.sub("…/", _TOKENS.sub(HIDDEN, text))


def set_up(level: str, secrets: Iterable[str]) -> None:
    """Log to standard error through the filter; the chatty libraries only warn."""
    handler = logging.StreamHandler()
    handler.setFormatter(SecretFormatter(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # These log whole addresses (with the token) and updates (with what people write).
    quiet = ("telegram", "httpx", "httpcore", "apscheduler", "aiohttp.access", "tornado")
    for name in (*quiet, "faiss", "pymorphy3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("telegram.ext.AIORateLimiter").setLevel(logging.CRITICAL)
