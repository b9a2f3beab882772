"""Run the local Bot API server alone: ``python -m bot.local --port 8081``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
from pathlib import Path

from bot.local.server import LocalServer
from bot.loop import run


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve until a signal; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bot.local", description=__doc__)
    parser.add_argument("--port", type=int, default=8081, help="0: any free one (default 8081)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument(
        "--data-dir", type=Path, help="keep files here (default: a temporary folder)"
    )
    parser.add_argument("--name", default="image2pic", help="the bot's name")
    parser.add_argument("--username", default="image2pic_local_bot", help="the bot's username")
    parser.add_argument("--verbose", action="store_true", help="log every call")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    token = os.environ.get("LOCAL_BOT_TOKEN") or f"4242:{secrets.token_urlsafe(24)}"
    try:
        server = LocalServer(
            token,
            options.port,
            options.data_dir,
            host=options.host,
            name=options.name,
            username=options.username,
        )
        return run(_serve(server, told=bool(os.environ.get("LOCAL_BOT_TOKEN"))))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


async def _serve(server: LocalServer, *, told: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    print(f"chat page:    {server.url}/")
    print(f"base_url:     {server.url}/bot")
    print(f"base_file_url: {server.url}/file/bot")
    if not told and sys.stdout.isatty():
        # A made-up token is worth nothing outside of this process; a person needs to see it.
        print(f"token:        {server.token}")
    elif not told:
        print("token:        made up; set LOCAL_BOT_TOKEN to choose one")
    sys.stdout.flush()
    try:
        await stop.wait()
    finally:
        await server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
