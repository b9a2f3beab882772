"""Refusals in Telegram's own form: a code, a description, and sometimes parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import Image2PicError


class ApiError(Image2PicError):
    """What a Bot API method answers instead of a result.

    Parameters
    ----------
    code
        ``error_code``, which is the HTTP status too.
    description
        Telegram's words, with their prefix ("Bad Request: ...").
    parameters
        ``ResponseParameters``, such as ``{"retry_after": 3}``.
    """

    def __init__(
        self, code: int, description: str, parameters: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(description)
        self.code, self.description = code, description
        self.parameters = dict(parameters or {})

    def payload(self) -> dict[str, Any]:
        """Return the answer's JSON object."""
        answer: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            answer["parameters"] = self.parameters
        return answer


class BadRequestError(ApiError):
    """400: the request cannot be done as it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, f"Bad Request: {reason}")


class ForbiddenError(ApiError):
    """403: the bot may not do it (blocked, kicked, not started)."""

    def __init__(self, reason: str) -> None:
        super().__init__(403, f"Forbidden: {reason}")


class ConflictError(ApiError):
    """409: another way of getting updates is in use."""

    def __init__(self, reason: str) -> None:
        super().__init__(409, f"Conflict: {reason}")


class TooLargeError(ApiError):
    """413: the upload is over its limit."""

    def __init__(self) -> None:
        super().__init__(413, "Request Entity Too Large")
