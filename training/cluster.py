"""Work over many photos on a Dask cluster: the same results as on one machine, from more of them.

A task is a pure function of what it is given (a chunk of photos, the encoder, the codebook), so one
that was lost with its worker is done again by another. Workers need this package and, where photos
are paths and not addresses, the same folders.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

from engine.errors import Image2PicError

LOCAL: Final = "local"
"""In place of a scheduler's address: workers on this machine."""

TIMEOUT: Final = 10
"""Seconds in which a scheduler has to answer."""

RETRIES: Final = 5
"""Times that a task is done again which failed in a way that nobody foresaw."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class ClusterError(Image2PicError):
    """The cluster cannot be used; the text says why."""


class Cluster:
    """A Dask cluster. Use it in ``with``.

    Parameters
    ----------
    address
        Of a scheduler (``tcp://host:8786``), or `LOCAL`.
    workers
        Of a local cluster: processes, one thread each.

    Raises
    ------
    ClusterError
        Dask is not installed, or nobody answers there.
    """

    def __init__(self, address: str, *, workers: int = 2) -> None:
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise ClusterError("--cluster needs Dask: pip install 'image2pic[cluster]'") from error
        # Each connection would be a line.
        logging.getLogger("distributed").setLevel(logging.WARNING)
        # That a scheduler is gone is said in a line of ours.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        self._local: Any = None
        if address == LOCAL:
            self._local = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers, threads_per_worker=1, dashboard_address=":0"
            )
        try:
            self.client: Any = Client(  # type: ignore[no-untyped-call]
                self._local or address, timeout=TIMEOUT
            )
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"no Dask scheduler answers at {address!r} ({error}); start one by "
                "`dask scheduler`, or give --cluster local"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        if self._local is not None:
            self._local.close()

    def share(self, thing: Any) -> Any:
        """Send something to all workers once; what is returned stands for it in `map`."""
        # In a list: a set or a list by itself would be sent as its items.
        return self.client.scatter([thing], broadcast=True)[0]

    def map(
        self, function: Callable[..., Result], jobs: Iterable[Job], *shared: Any
    ) -> Iterator[Result]:
        """``function(job, *shared)`` of each job, in order; a bounded number is under way.

        Equal jobs have equal keys, so one that is done is not done again.

        Raises
        ------
        ClusterError
            The scheduler is gone, or a task ended one worker after the other.
        """
        from distributed import CancelledError, KilledWorker
        from distributed.comm.core import CommClosedError

        waiting: deque[Any] = deque()
        try:
            for job in jobs:
                waiting.append(
                    self.client.submit(_outcome, function, job, *shared, pure=True, retries=RETRIES)
                )
                if len(waiting) > 3 * max(1, sum(self.client.nthreads().values())):
                    yield _found(waiting.popleft().result())
            while waiting:
                yield _found(waiting.popleft().result())
        except KilledWorker as error:
            raise ClusterError(f"a task ended its workers; their logs say why: {error}") from error
        except (CancelledError, CommClosedError, TimeoutError) as error:
            raise ClusterError(
                f"the Dask scheduler is gone ({error}); the same command goes on from here"
            ) from error
        finally:
            # What nobody waits for any longer is not done.
            waiting.clear()


@dataclass(frozen=True, slots=True)
class _Refused:
    error: Image2PicError


def _outcome(function: Callable[..., Result], *arguments: Any) -> Result | _Refused:
    """An error of ours as a value: Dask would log its traceback and do the task again."""
    try:
        return function(*arguments)
    except Image2PicError as error:
        return _Refused(error)


def _found(outcome: Any) -> Any:
    if isinstance(outcome, _Refused):
        raise outcome.error
    return outcome


@contextmanager
def open_cluster(address: str | None, *, workers: int = 2) -> Iterator[Cluster | None]:
    """The cluster of that address; None where there is none."""
    if address is None:
        yield None
        return
    with Cluster(address, workers=workers) as cluster:
        yield cluster
