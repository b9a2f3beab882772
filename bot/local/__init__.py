"""A local stand-in for Telegram: a Bot API server on loopback, and a chat page to use it."""

from typing import Any

Json = dict[str, Any]
"""An object as the Bot API writes it."""
