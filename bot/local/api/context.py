"""What the parts of the local server share."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bot.local.api.commands import CommandBook
from bot.local.api.media import MediaReader
from bot.local.faults import FaultPlan
from bot.local.files import FileStore
from bot.local.ledger import Ledger
from bot.local.limits import CALL_LOG_LIMIT
from bot.local.queries import Queries
from bot.local.state import World
from bot.local.updates import UpdateQueue

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the bot made, for tests to look at.

    Attributes
    ----------
    values
        Its parameters as sent; files by their names only.
    code
        The status it was answered with; 0 when the connection was reset.
    """

    method: str
    values: Json
    code: int


@dataclass(slots=True)
class Context:
    """The server's state in one place."""

    world: World
    files: FileStore
    media: MediaReader
    updates: UpdateQueue
    ledger: Ledger
    queries: Queries = field(default_factory=Queries)
    commands: CommandBook = field(default_factory=CommandBook)
    faults: FaultPlan = field(default_factory=FaultPlan)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALL_LOG_LIMIT))
    about: dict[tuple[str, str], str] = field(default_factory=dict)
