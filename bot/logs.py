"""No token and no path in a log: a filter for every record, traceback included."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from aiohttp.http_exceptions import HttpProcessingError

#: An absolute path (POSIX or Windows) that is not the path of a URL.
_PATHS: Final = re.compile(r"(?<![\w:/.~-])(?:[A-Za-z]:)?[\\/](?:[\w.@+~-]+[\\/])+")
#: Anything of the form of a bot token, also another bot's, also after "bot" in an address.
_TOKENS: Final = re.compile(r"\d{5,20}:[A-Za-z0-9_-]{20,}")
HIDDEN: Final = "***"


class SecretFilter(logging.Filter):
    """Takes secrets out of records, tracebacks included; paths become the file's name.

    Parameters
    ----------
    secrets
        Strings that never appear, as they are or percent-encoded.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        found = {text for secret in secrets if secret for text in (secret, quote(secret, safe=""))}
        # The longest first: one secret may begin like another.
        self._secrets = sorted(found, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the record anew; all pass."""
        text = record.getMessage()
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            # Whoever sent it got something wrong, not this process.
            text = f"a request is no HTTP: {type(record.exc_info[1]).__name__}"
        elif record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        record.msg, record.args = self.clean(text), None
        record.exc_info = record.exc_text = None
        return True

    def clean(self, text: str) -> str:
        """Take secrets and folders out of a text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _PATHS.sub("…/", _TOKENS.sub(HIDDEN, text))


def set_up(level: str, secrets: Iterable[str]) -> None:
    """Log to standard error through the filter; the chatty libraries only warn."""
    handler = logging.StreamHandler()
    handler.addFilter(SecretFilter(secrets))
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=form, handlers=[handler], force=True)
    # These log whole addresses (with the token) and updates (with what people write).
    quiet = ("telegram", "httpx", "httpcore", "apscheduler", "aiohttp.access", "tornado")
    for name in (*quiet, "faiss", "pymorphy3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What failed is said in a line of ours.
    for name in ("telegram.ext.AIORateLimiter", "telegram.request.BaseRequest", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
