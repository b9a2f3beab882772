"""The local Bot API server as a child process: it ends when its parent does, however that ends.

``python -m bot.local.chat_server PORT FOLDER``, with the token in LOCAL_BOT_TOKEN. It prints its
address, then serves until standard input is closed (a killed parent closes it too).
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from bot.local.server import LocalServer
from bot.loop import run


async def _serve(port: int, folder: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def until_closed() -> None:
        while await reader.read(1024):
            pass
        stop.set()

    closed = asyncio.create_task(until_closed())
    async with LocalServer(os.environ["LOCAL_BOT_TOKEN"], port, folder) as server:
        print(server.url, flush=True)
        await stop.wait()
    closed.cancel()


def main() -> int:
    """Serve; 2 where the port is taken or the folder cannot be written."""
    logging.basicConfig(level=logging.WARNING)
    try:
        run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
    except OSError as error:
        print(f"error: {error.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
