"""Updates on their way to the bot: the queue, long polling and the webhook."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.local import Json
from bot.local.database import ChatDatabase
from bot.local.errors import ApiError, BadRequestError, ConflictError
from bot.local.limits import (
    DEFAULT_WEBHOOK_CONNECTIONS,
    MAX_PENDING_UPDATES,
    MAX_POLL_TIMEOUT,
    MAX_SECRET_TOKEN,
    MAX_UPDATES_AT_ONCE,
    MAX_WEBHOOK_CONNECTIONS,
    WEBHOOK_FIRST_RETRY,
    WEBHOOK_LAST_RETRY,
    WEBHOOK_TIMEOUT,
)
from bot.local.params import encoded

WebhookReply = Callable[[Json], Awaitable[None]]

UPDATE_KINDS = (
    *("message", "edited_message", "channel_post", "edited_channel_post", "inline_query"),
    *("chosen_inline_result", "callback_query", "my_chat_member", "chat_member"),
    *("message_reaction", "message_reaction_count", "poll", "poll_answer", "chat_join_request"),
)
# Not sent unless asked for, as core.telegram.org/bots/api#getupdates says.
_ONLY_ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_FIRST_UPDATE_ID = 99_999_999

_log = logging.getLogger(__name__)


class UpdateQueue:
    """Updates in order, kept until the bot has confirmed them.

    Parameters
    ----------
    database
        Where those that no bot has confirmed are kept.

    Attributes
    ----------
    on_done
        Called with the number of each update that is pending no longer, and whether the bot has
        confirmed it.
    """

    def __init__(self, database: ChatDatabase) -> None:
        self._database = database
        self._pending: OrderedDict[int, Json] = OrderedDict(database.updates())
        self._next = database.next_update(_FIRST_UPDATE_ID)
        self.on_done: Callable[[int, bool], None] = lambda update_id, taken: None
        self._allowed: frozenset[str] = frozenset(UPDATE_KINDS) - _ONLY_ON_REQUEST
        #: The kinds that the bot asked for; None for the default.
        self.allowed: list[str] | None = None
        self._poller: asyncio.Future[None] | None = None
        self._closed = False
        self.webhook: WebhookDelivery | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def room(self) -> bool:
        """Whether another update may be taken in."""
        return len(self._pending) < MAX_PENDING_UPDATES

    async def wait_for_room(self, pause: float) -> None:
        """Wait until another update may be taken in, looking every `pause` seconds."""
        while not self.room():  # noqa: ASYNC110 - one waiter, and no hurry
            await asyncio.sleep(pause)

    def pending(self) -> Iterable[tuple[int, Json]]:
        """Return the updates that no bot has confirmed, by their numbers."""
        return self._pending.items()

    def put(self, kind: str, payload: Json) -> int | None:
        """Add an update; returns its id, or None when the bot does not want its kind."""
        if kind not in self._allowed:
            return None
        return self.put_raw({kind: payload})

    def put_raw(self, fields: Json) -> int:
        """Add an update with any fields, also malformed ones; returns its id."""
        update_id = self._next
        update = {"update_id": update_id, **fields}
        self._database.put_update(update_id, encoded(update))
        self._next += 1
        self._pending[update_id] = update
        self.wake()
        if self.webhook is not None:
            self.webhook.wake()
        return update_id

    def allow(self, kinds: Sequence[Any] | None) -> None:
        """Remember which kinds the bot wants; None leaves that as it was."""
        if kinds is None:
            return
        if not all(isinstance(kind, str) for kind in kinds):
            raise BadRequestError("can't parse allowed updates list")
        chosen = frozenset(kind.lower() for kind in kinds) & frozenset(UPDATE_KINDS)
        self.allowed = sorted(chosen) if chosen else None
        self._allowed = chosen or frozenset(UPDATE_KINDS) - _ONLY_ON_REQUEST

    def clear(self) -> None:
        """Drop what is pending (``drop_pending_updates``)."""
        self._drop(len(self._pending), taken=False)

    def close(self) -> None:
        """Let a waiting poll return, for the server stops."""
        self._closed = True
        self.wake()

    async def poll(self, offset: int, limit: int, seconds: float) -> list[Json]:
        """Do what ``getUpdates`` does.

        Parameters
        ----------
        offset
            Updates below it are confirmed and forgotten; negative: all but the last
            ``-offset`` are.
        limit
            1 to 100 updates.
        seconds
            How long to wait when there is none, at most 50.

        Raises
        ------
        ConflictError
            A webhook is set, or another ``getUpdates`` came while this one waited.
        """
        if self.webhook is not None:
            raise ConflictError(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                ConflictError(
                    "terminated by other getUpdates request; "
                    "make sure that only one bot instance is running"
                )
            )
        self._confirm(offset)
        limit = min(max(limit, 1), MAX_UPDATES_AT_ONCE)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(max(seconds, 0.0), MAX_POLL_TIMEOUT)
        while not self._pending and not self._closed and deadline > loop.time():
            poller = loop.create_future()
            self._poller = poller
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(poller, deadline - loop.time())
            if self.webhook is not None:
                raise ConflictError("terminated by setWebhook request")
        return [update for update, _ in zip(self._pending.values(), range(limit), strict=False)]

    def unsent(self, busy: frozenset[Any], taken: frozenset[int]) -> Json | None:
        """Return the first update that may go to a webhook now; None when there is none.

        Updates of one chat go one after the other, so that an edit never overtakes its post.
        """
        for update_id, update in self._pending.items():
            if update_id not in taken and chat_key(update) not in busy:
                return update
        return None

    def confirm(self, update_id: int) -> None:
        """Forget one update, which a webhook has taken."""
        if self._pending.pop(update_id, None) is not None:
            self._database.drop_updates(update_id, update_id)
            self.on_done(update_id, True)

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            self._drop(len(self._pending) + offset)
        else:
            self._drop(sum(1 for _ in takewhile(lambda number: number < offset, self._pending)))

    def _drop(self, count: int, *, taken: bool = True) -> None:
        """Forget the oldest."""
        if count <= 0:
            return
        gone = [self._pending.popitem(last=False)[0] for _ in range(count)]
        self._database.drop_updates(gone[0], gone[-1])
        for update_id in gone:
            self.on_done(update_id, taken)

    def wake(self) -> None:
        """Let a waiting poll look again, and end it with 409 where a webhook was set."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)


def chat_key(update: Json) -> Any:
    """Return what an update belongs to: its chat, or else its sender."""
    for kind, payload in update.items():
        if kind == "update_id" or not isinstance(payload, dict):
            continue
        inner = payload.get("message") if kind == "callback_query" else payload
        for holder, name in ((inner, "chat"), (payload, "from")):
            if isinstance(holder, dict) and isinstance(holder.get(name), dict):
                return name, str(holder[name].get("id"))
    return None


class WebhookDelivery:
    """Delivers updates to the bot's URL until each was taken.

    Parameters
    ----------
    queue
        Where the updates wait.
    url
        A loopback address: what is said in the local chat never leaves the machine.
    secret
        Sent as ``X-Telegram-Bot-Api-Secret-Token``; empty for none.
    connections
        Deliveries at once.
    reply
        Called with a method call that the bot put into its answer.

    Raises
    ------
    BadRequestError
        The URL or the secret is not acceptable.
    """

    def __init__(
        self,
        queue: UpdateQueue,
        url: str,
        *,
        secret: str = "",
        connections: int = DEFAULT_WEBHOOK_CONNECTIONS,
        reply: WebhookReply | None = None,
    ) -> None:
        self.url = url
        self.connections = min(max(connections, 1), MAX_WEBHOOK_CONNECTIONS)
        self.last_error: tuple[int, str] | None = None
        self._queue = queue
        self._secret = secret
        self._reply = reply
        self._awake = asyncio.Event()
        self._taken: set[int] = set()
        self._busy: set[Any] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None
        _check_webhook(url, secret)

    def start(self) -> None:
        """Begin to deliver."""
        connector = aiohttp.TCPConnector(limit=self.connections)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT)
        )
        self._main = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End all deliveries; what was not taken stays in the queue."""
        tasks = [*self._tasks, *([self._main] if self._main else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def wake(self) -> None:
        """Look again for something to deliver."""
        self._awake.set()

    async def _run(self) -> None:
        while True:
            self._awake.clear()
            while len(self._tasks) < self.connections:
                update = self._queue.unsent(frozenset(self._busy), frozenset(self._taken))
                if update is None:
                    break
                key = chat_key(update)
                self._taken.add(update["update_id"])
                if key is not None:
                    self._busy.add(key)
                task = asyncio.create_task(self._deliver(update))
                self._tasks.add(task)
                task.add_done_callback(lambda done, u=update, k=key: self._done(done, u, k))  # type: ignore[misc]
            await self._awake.wait()

    def _done(self, task: asyncio.Task[None], update: Json, key: Any) -> None:
        self._tasks.discard(task)
        self._taken.discard(update["update_id"])
        self._busy.discard(key)
        self._awake.set()

    async def _deliver(self, update: Json) -> None:
        pause = WEBHOOK_FIRST_RETRY
        while True:
            error = await self._attempt(update)
            if error is None:
                self._queue.confirm(update["update_id"])
                return
            self.last_error = (int(time.time()), error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, WEBHOOK_LAST_RETRY)

    async def _attempt(self, update: Json) -> str | None:
        assert self._session is not None
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret} if self._secret else {}
        try:
            async with self._session.post(
                self.url, json=update, headers=headers, allow_redirects=False
            ) as response:
                body = await response.content.read(1024 * 1024)
                if not 200 <= response.status < 300:
                    return f"Wrong response from the webhook: {response.status} {response.reason}"
                call = _method_call(response.content_type, body)
        except TimeoutError:
            return "Read timeout expired"
        except aiohttp.ClientConnectorError:
            return "Connection refused"
        except aiohttp.ClientError:
            return "Connection closed unexpectedly"
        if call is not None and self._reply is not None:
            try:
                await self._reply(call)
            except ApiError as error:
                _log.warning("the webhook's reply was refused: %s", error.description)
        return None


def _method_call(content_type: str, body: bytes) -> Json | None:
    if content_type != "application/json" or not body:
        return None
    try:
        call = json.loads(body)
    except ValueError:
        return None
    return call if isinstance(call, dict) and isinstance(call.get("method"), str) else None


def _check_webhook(url: str, secret: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadRequestError("invalid webhook URL specified") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadRequestError("bad webhook: An HTTPS URL must be provided for webhook")
    if not is_loopback(host):
        raise BadRequestError("bad webhook: the local server delivers to loopback addresses only")
    if len(secret) > MAX_SECRET_TOKEN or not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise BadRequestError(
            "secret token must be 1-256 characters, only A-Z, a-z, 0-9, _ and - are allowed"
        )


def is_loopback(host: str) -> bool:
    """Whether a host name or address stands for this machine alone."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
