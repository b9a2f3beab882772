"""What the bot counts, in Prometheus's form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one running bot (a registry of its own, so tests can have many)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.queries = counter(
            "image2pic_queries", "Questions, by kind and how they ended", ["kind", "outcome"]
        )
        self.seconds = Histogram(
            "image2pic_answer_seconds",
            "From taking a question to its answer being sent",
            ["kind"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.errors = counter("image2pic_errors", "Unexpected errors, by type", ["type"])
        self.updates = counter("image2pic_updates", "Updates taken, by kind", ["kind"])
        self.waits = counter("image2pic_telegram_waits", "Times Telegram asked to wait (429)")
        self.votes = counter("image2pic_votes", "Votes, up and down", ["vote"])
        for vote in ("up", "down", "undone"):
            # From zero on: Prometheus sees no rise where there was nothing before.
            self.votes.labels(vote)
        self.chosen = counter("image2pic_inline_chosen", "Inline results that were sent")
        self.ingested = counter("image2pic_ingested", "Posts from chats, by outcome", ["outcome"])
        self.queue = gauge("image2pic_queue", "Questions running or waiting for a thread")
        self.posts = gauge("image2pic_posts", "Posts in the index")
        self.inbox = gauge("image2pic_inbox", "Updates stored and not yet processed")

    @contextmanager
    def timed(self, kind: str) -> Iterator[None]:
        """Count a question and its time; an exception is counted by its type."""
        start = perf_counter()
        try:
            yield
        except Exception as error:
            self.queries.labels(kind, type(error).__name__).inc()
            raise
        self.queries.labels(kind, "answered").inc()
        self.seconds.labels(kind).observe(perf_counter() - start)

    def text(self) -> bytes:
        """Return the exposition, as /metrics gives it."""
        return generate_latest(self.registry)
