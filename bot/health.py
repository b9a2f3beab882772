"""/health and /metrics on a port of their own.

``/health/live``: the process answers (else start it anew). ``/health/ready`` and ``/health``: it
can take questions (else send them to another bot).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from bot.metrics import Metrics

Report = dict[str, Any]


class Health:
    """A small HTTP server.

    Parameters
    ----------
    report
        Called for each request; the answer is 200 where its ``"ok"`` is true, else 503.
    """

    def __init__(self, *, host: str, port: int, metrics: Metrics, report: Callable[[], Report]):
        self._host, self._port = host, port
        self._metrics, self._report = metrics, report
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Begin to listen; returns the port (another one where 0 was asked for)."""
        app = web.Application()
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._health)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._show)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _health(self, _: web.Request) -> web.Response:
        report = self._report()
        return web.json_response(report, status=200 if report["ok"] else 503)

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )
