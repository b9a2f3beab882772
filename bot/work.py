"""Work for the processor, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from engine.errors import Image2PicError

P = ParamSpec("P")
T = TypeVar("T")


class BusyError(Image2PicError):
    """Too many wait already; nothing was begun."""


class Work:
    """A few threads; how many questions may wait for one is limited by `bot.chat.turns`.

    Parameters
    ----------
    workers
        Threads for questions; one more works on the library, so that neither
        waits for the other.
    """

    def __init__(self, *, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="query")
        self._library = ThreadPoolExecutor(1, thread_name_prefix="library")
        self.pending = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function on a thread."""
        self.pending += 1
        future = self._pool.submit(partial(function, *args, **kwargs))
        # Counted until the thread is done with it, not until the one who asked gives up.
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: self._done(loop))
        return await asyncio.wrap_future(future)

    def _done(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop may have ended before the thread.
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self.pending -= 1

    async def run_for_library(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the library's own thread, after what already waits there."""
        return await asyncio.get_running_loop().run_in_executor(
            self._library, partial(function, *args, **kwargs)
        )

    def close(self) -> None:
        """End the threads; what was not begun is dropped."""
        for pool in (self._pool, self._library):
            pool.shutdown(wait=False, cancel_futures=True)
