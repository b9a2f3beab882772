"""Planned faults: what Telegram and the network do on a bad day, on order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from aiohttp import web

from bot.local.errors import ApiError, BadRequestError

FaultKind = Literal["too_many_requests", "server_error", "delay", "reset"]

_MAX_PLANNED = 10_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault.

    Attributes
    ----------
    kind
        ``"too_many_requests"``: 429 with `retry_after`. ``"server_error"``: 500.
        ``"delay"``: the answer comes `seconds` late (longer than the client waits: a timeout).
        ``"reset"``: the connection is reset without an answer.
    method
        The Bot API method that it strikes, ``"file"`` for a file download, or ``"*"`` for any
        of them but ``getUpdates``.
    times
        How many calls it strikes.
    after
        Strike after the call was carried out, so that only the answer is lost. A 429 never
        carries the call out.
    retry_after, seconds
        See `kind`.
    """

    kind: FaultKind
    method: str = "*"
    times: int = 1
    after: bool = False
    retry_after: int = 1
    seconds: float = 1.0

    def fits(self, method: str) -> bool:
        """Whether it strikes a method."""
        if self.method == "*":
            return method.lower() != "getupdates"
        return self.method.lower() == method.lower()

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Fault:
        """Make one from JSON.

        Raises
        ------
        BadRequestError
            Unknown kind or field, or a number out of range.
        """
        try:
            fault = cls(**fields)
            good = (
                fault.kind in get_args(FaultKind)
                and isinstance(fault.method, str)
                and 1 <= int(fault.times) <= _MAX_PLANNED
                and 0 <= int(fault.retry_after) <= 3600
                and 0 <= float(fault.seconds) <= 600
            )
        except (TypeError, ValueError) as error:
            raise BadRequestError(f"no such fault: {error}") from None
        if not good:
            raise BadRequestError(f"a fault's kind is one of {', '.join(get_args(FaultKind))}")
        return fault


class FaultPlan:
    """Faults in the order in which they were planned."""

    def __init__(self) -> None:
        self._planned: deque[Fault] = deque(maxlen=_MAX_PLANNED)
        self.struck = 0

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        self._planned.append(fault)

    def clear(self) -> None:
        """Forget all that is planned."""
        self._planned.clear()

    def __len__(self) -> int:
        return len(self._planned)

    def take(self, method: str) -> Fault | None:
        """Return the fault that strikes this call, if any, and count it down."""
        for index, fault in enumerate(self._planned):
            if fault.fits(method):
                if fault.times > 1:
                    self._planned[index] = replace(fault, times=fault.times - 1)
                else:
                    del self._planned[index]
                self.struck += 1
                return fault
        return None


async def strike(fault: Fault, request: web.Request) -> None:
    """Do what the fault says to a request.

    Raises
    ------
    ApiError
        The 429 or the 500.
    ConnectionResetError
        The connection was reset; there is nobody to answer.
    """
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "too_many_requests":
        raise ApiError(
            429,
            f"Too Many Requests: retry after {fault.retry_after}",
            {"retry_after": fault.retry_after},
        )
    elif fault.kind == "server_error":
        raise ApiError(500, "Internal Server Error")
    else:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError
