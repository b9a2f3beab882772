"""What the parts of the local server share."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.local.api.commands import CommandBook
from bot.local.api.media import MediaReader
from bot.local.database import ChatDatabase
from bot.local.files import FileStore
from bot.local.queries import Queries
from bot.local.state import World
from bot.local.updates import UpdateQueue


@dataclass(slots=True)
class ServerContext:
    """The server's state in one place."""

    world: World
    files: FileStore
    media: MediaReader
    updates: UpdateQueue
    database: ChatDatabase
    commands: CommandBook
    queries: Queries = field(default_factory=Queries)


class Part:
    """What works on the server's state."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
