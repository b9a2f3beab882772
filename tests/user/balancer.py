"""A load balancer of a few lines, before the webhooks of several bots."""

from __future__ import annotations

import socket

import aiohttp
from aiohttp import web


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Balancer:
    """Hands each request to the next of the bots that answers.

    Attributes
    ----------
    port
        Its own.
    handled
        Requests by the port of the bot that took them.
    """

    def __init__(self, ports: list[int]) -> None:
        self.ports, self.port, self._turn = ports, free_port(), 0
        self.handled = dict.fromkeys(ports, 0)

    async def __aenter__(self) -> Balancer:
        self._session = aiohttp.ClientSession()
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
        for _ in self.ports:
            self._turn += 1
            port = self.ports[self._turn % len(self.ports)]
            try:
                async with self._session.post(
                    f"http://127.0.0.1:{port}{request.path}", data=body, headers=headers
                ) as response:
                    text = await response.text()
                    self.handled[port] += 1
                    return web.Response(status=response.status, text=text)
            except aiohttp.ClientError:
                continue
        return web.Response(status=502)
