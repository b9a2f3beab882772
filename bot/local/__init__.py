"""A local stand-in for Telegram: a Bot API server on loopback, and a chat page to use it."""
