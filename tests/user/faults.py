"""A local server that fails on order: what Telegram and the network do on a bad day."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.local.errors import ApiError
from bot.local.params import PARAMS, Params, read_params
from bot.local.server import LocalServer
from bot.local.state import GROUP_ID, OWNER_ID

FaultKind = Literal["too_many_requests", "server_error", "delay", "reset"]

_MAX_PLANNED = 10_000
_MAX_CALLS = 5_000


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

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind) or not 1 <= self.times <= _MAX_PLANNED:
            raise ValueError(f"no such fault: {self}")


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


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the bot made.

    Attributes
    ----------
    values
        Its parameters as sent; files by their names only.
    code
        The status it was answered with; 0 when the connection was reset.
    """

    method: str
    values: dict[str, Any]
    code: int


class FaultyServer(LocalServer):
    """A local server with planned faults, which remembers what the bot called."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, middlewares=[self._interfere], **options)
        self.faults = FaultPlan()
        self._calls: deque[Call] = deque(maxlen=_MAX_CALLS)

    def plan_fault(self, kind: FaultKind, method: str = "*", **details: Any) -> None:
        """Plan a `Fault`."""
        self.faults.add(Fault(kind, method, **details))

    def inject_update(self, fields: dict[str, Any]) -> int:
        """Give the bot an update with any fields, also malformed ones; returns its id."""
        return self.context.updates.put_raw(fields)

    def migrate_group(self) -> int:
        """Make the group a supergroup of another number, as Telegram does; returns the number."""
        world, updates = self.context.world, self.context.updates
        old = world.chats[GROUP_ID]
        new = world.add_chat({**old.raw, "id": min(world.chats) - 1})
        owner = world.users[OWNER_ID]
        for chat, fields in (
            (old, {"migrate_to_chat_id": new.id}),
            (new, {"migrate_from_chat_id": old.id}),
        ):
            updates.put("message", world.add_message(chat, owner, fields))
        old.migrated_to = new.id
        return new.id

    def calls(self, method: str | None = None) -> list[Call]:
        """Return the bot's calls so far (of one method), oldest first; they are bounded."""
        return [
            call for call in self._calls if method is None or call.method.lower() == method.lower()
        ]

    @web.middleware
    async def _interfere(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        method = request.match_info.get("method")
        if method is None and not request.path.startswith("/file/bot"):
            return await handler(request)
        code = 0
        try:
            response = await self._struck(request, handler, method or "file")
            code = response.status
            return response
        except ApiError as error:
            code = error.code
            raise
        except ConnectionResetError:
            return web.Response(status=500)
        finally:
            if method is not None:
                params = request.get(PARAMS, Params())
                values = {**params.values, **dict.fromkeys(params.uploads, "<file>")}
                self._calls.append(Call(method, values, code))

    async def _struck(
        self, request: web.Request, handler: Handler, method: str
    ) -> web.StreamResponse:
        fault = self.faults.take(method)
        if fault is None:
            return await handler(request)
        if fault.after and fault.kind != "too_many_requests":
            response = await handler(request)
            await strike(fault, request)
            return response
        if fault.kind != "delay":
            # The body is read away, so that the client gets to read the answer.
            with contextlib.suppress(ApiError):
                await read_params(request)
        await strike(fault, request)
        return await handler(request)


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
