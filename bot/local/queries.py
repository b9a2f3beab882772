"""Callback and inline queries that wait for the bot's answer, and the inline cache."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from bot.local import Json
from bot.local.errors import ApiError, BadRequestError
from bot.local.limits import CALLBACK_QUERY_TTL, INLINE_CACHE_LIMIT, MAX_PENDING_QUERIES

QueryKind = Literal["callback", "inline"]


@dataclass(slots=True)
class PendingQuery:
    """One query of a user.

    Attributes
    ----------
    answer
        Done when the bot has answered.
    text, offset
        Of an inline query.
    """

    query_id: str
    kind: QueryKind
    user_id: int
    answer: asyncio.Future[Json]
    text: str = ""
    offset: str = ""
    asked: float = field(default_factory=time.monotonic)


class Queries:
    """The queries of all users, bounded; the oldest are forgotten.

    Parameters
    ----------
    ttl
        Seconds after which a query is too old to be answered.
    """

    def __init__(self, ttl: float = CALLBACK_QUERY_TTL) -> None:
        self.ttl = ttl
        self._queries: OrderedDict[str, PendingQuery] = OrderedDict()
        self._cache: OrderedDict[tuple[str, str, int | None], tuple[float, str]] = OrderedDict()
        self._counter = int(time.time()) * 1_000_000

    def ask(self, kind: QueryKind, user_id: int, text: str = "", offset: str = "") -> PendingQuery:
        """Register a query."""
        self._counter += 1
        query = PendingQuery(
            str(self._counter),
            kind,
            user_id,
            asyncio.get_running_loop().create_future(),
            text,
            offset,
        )
        self._queries[query.query_id] = query
        while len(self._queries) > MAX_PENDING_QUERIES:
            _, oldest = self._queries.popitem(last=False)
            oldest.answer.cancel()
        return query

    def find(self, query_id: str, kind: QueryKind) -> PendingQuery | None:
        """Return a query, answered or not; None when it is forgotten."""
        query = self._queries.get(query_id)
        return query if query is not None and query.kind == kind else None

    def answer(self, query_id: str, kind: QueryKind, answer: Json) -> PendingQuery:
        """Answer a query, once.

        Raises
        ------
        BadRequestError
            "query is too old": unknown, answered before, or older than the limit.
        """
        query = self.find(query_id, kind)
        if query is None or query.answer.done() or time.monotonic() - query.asked > self.ttl:
            raise BadRequestError(
                "query is too old and response timeout expired or query ID is invalid"
            )
        query.answer.set_result(answer)
        return query

    async def wait(self, query: PendingQuery, seconds: float) -> Json:
        """Wait for the bot's answer.

        Raises
        ------
        ApiError
            408: it did not come in time.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(query.answer), seconds)
        except (TimeoutError, asyncio.CancelledError):
            if not query.answer.done() or query.answer.cancelled():
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise ApiError(
                    408, f"the bot did not answer the {query.kind} query within {seconds:g} s"
                ) from None
            return query.answer.result()

    def remember(self, query: PendingQuery, answer: Json, seconds: float) -> None:
        """Keep inline results for the next who asks the same (``cache_time``)."""
        if seconds <= 0:
            return
        owner = query.user_id if answer.get("is_personal") else None
        key = (query.text, query.offset, owner)
        self._cache[key] = (time.monotonic() + seconds, query.query_id)
        self._cache.move_to_end(key)
        while len(self._cache) > INLINE_CACHE_LIMIT:
            self._cache.popitem(last=False)

    def remembered(self, user_id: int, text: str, offset: str) -> PendingQuery | None:
        """Return an answered query whose results still stand for this one."""
        for owner in (user_id, None):
            until, query_id = self._cache.get((text, offset, owner), (0.0, ""))
            if until > time.monotonic():
                return self._queries.get(query_id)
        return None
