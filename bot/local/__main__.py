"""Run the local Bot API server: ``python -m bot.local --port 8081``."""

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
    parser.add_argument(
        "--until-input-ends",
        action="store_true",
        help="end when standard input is closed, as it is when the process that holds it dies",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    given = os.environ.get("LOCAL_BOT_TOKEN")
    try:
        server = LocalServer(
            given or f"4242:{secrets.token_urlsafe(24)}",
            options.port,
            options.data_dir,
            host=options.host,
            name=options.name,
            username=options.username,
        )
        run(_serve(server, token_given=bool(given), with_input=options.until_input_ends))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


async def _serve(server: LocalServer, *, token_given: bool, with_input: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if with_input:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        closed = asyncio.create_task(reader.read())
        closed.add_done_callback(lambda _: stop.set())
    async with server:
        print(f"chat page:    {server.url}/")
        print(f"base_url:     {server.url}/bot")
        print(f"base_file_url: {server.url}/file/bot")
        if not token_given:
            # A made-up token is worth nothing outside of this process; a person needs to see it.
            shown = server.token if sys.stdout.isatty() else "made up; LOCAL_BOT_TOKEN chooses one"
            print(f"token:        {shown}")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
