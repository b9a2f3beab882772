"""A logger that never lets a secret through."""

from __future__ import annotations

import logging
import traceback
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote

_HIDDEN = "<token>"


class RedactingLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs with a secret replaced, also in arguments and tracebacks.

    Parameters
    ----------
    logger
        Where the lines go.
    secret
        What must not be seen, as it is or percent-encoded.
    """

    def __init__(self, logger: logging.Logger, secret: str) -> None:
        super().__init__(logger, {})
        key = secret.partition(":")[2]
        # The part after the colon is what is secret; the whole is hidden first, for its looks.
        self._secrets = [text for text in (secret, quote(secret, safe=""), key) if text]

    def redact(self, text: str) -> str:
        """Return a text without the secret."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a line; a traceback becomes part of its text."""
        if not self.isEnabledFor(level):
            return
        text = str(msg)
        if args:
            text = text % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)
        error = kwargs.pop("exc_info", None)
        if isinstance(error, BaseException):
            text += "\n" + "".join(traceback.format_exception(error))
        elif isinstance(error, tuple):
            text += "\n" + "".join(traceback.format_exception(*error))
        elif error:
            text += "\n" + traceback.format_exc()
        self.logger.log(level, "%s", self.redact(text))

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the message and its arguments as they are."""
        return msg, kwargs
