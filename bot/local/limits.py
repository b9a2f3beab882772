"""The Bot API's limits (core.telegram.org/bots/api) and the local server's own bounds."""

from __future__ import annotations

from typing import Final

# What Telegram limits ----------------------------------------------------------------------

MAX_TEXT: Final = 4096
"""Characters (code points) of a message's text after entity parsing."""

MAX_CAPTION: Final = 1024
"""Characters (code points) of a caption after entity parsing."""

MAX_ENTITIES: Final = 100
"""Entities kept in one message; Telegram drops the rest."""

MAX_ALBUM: Final = 10

MIN_CALLBACK_DATA: Final = 1
MAX_CALLBACK_DATA: Final = 64
"""Bytes of a button's ``callback_data``."""

MAX_KEYBOARD_BUTTONS: Final = 100

MAX_CALLBACK_ANSWER: Final = 200
"""Characters of the text of ``answerCallbackQuery``."""

MAX_INLINE_RESULTS: Final = 50
MAX_INLINE_QUERY: Final = 256
"""Characters of an inline query."""

MAX_INLINE_OFFSET: Final = 64
"""Bytes of ``next_offset``."""

MAX_INLINE_RESULT_ID: Final = 64
"""Bytes of an inline result's id."""

DEFAULT_INLINE_CACHE: Final = 300
"""Seconds that inline results are kept when the bot gives no ``cache_time``."""

MAX_DOWNLOAD: Final = 20 * 1024 * 1024
"""Bytes of a file that ``getFile`` prepares."""

MAX_PHOTO_UPLOAD: Final = 10 * 1024 * 1024
MAX_DOCUMENT_UPLOAD: Final = 50 * 1024 * 1024
MAX_URL_PHOTO: Final = 5 * 1024 * 1024
"""Bytes of a file that is sent by its HTTP URL."""

MAX_PHOTO_SIDES: Final = 10_000
"""Width plus height of a photo, in pixels."""

MAX_PHOTO_RATIO: Final = 20

PHOTO_SIDES: Final = (90, 320, 800, 1280)
"""Longest sides of the sizes that are made of a photo (Telegram's s, m, x and y)."""

MAX_COMMANDS: Final = 100
MAX_COMMAND: Final = 32
MAX_COMMAND_DESCRIPTION: Final = 256

MAX_UPDATES_AT_ONCE: Final = 100
MAX_POLL_TIMEOUT: Final = 50
"""Seconds that one ``getUpdates`` waits at most."""

MAX_WEBHOOK_CONNECTIONS: Final = 100
DEFAULT_WEBHOOK_CONNECTIONS: Final = 40
MAX_SECRET_TOKEN: Final = 256

# What the local server limits --------------------------------------------------------------

CALLBACK_WAIT: Final = 15.0
"""Seconds that a client waits for the answer to a button or an inline query."""

CALLBACK_QUERY_TTL: Final = 60.0
"""Seconds after which a callback or inline query is "too old" to be answered."""

WEBHOOK_TIMEOUT: Final = 30.0
WEBHOOK_FIRST_RETRY: Final = 0.2
WEBHOOK_LAST_RETRY: Final = 10.0
"""Seconds: how long a webhook may take, and the bounds of the doubling pause after a failure."""

MAX_PENDING_UPDATES: Final = 20_000
"""Updates that wait for the bot; above it the user's actions are refused."""

HISTORY_LIMIT: Final = 2_000
"""Messages kept per chat; the oldest are forgotten."""

MAX_CHATS: Final = 5_000
MAX_PENDING_QUERIES: Final = 5_000
INLINE_CACHE_LIMIT: Final = 500
EVENT_LIMIT: Final = 20_000
"""Events kept for readers that come back."""

EVENT_POLL_LIMIT: Final = 20.0
"""Seconds that one request for changes waits at most."""

MAX_STORED_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of all stored files but the channel's photos; the least recently used go first."""

MIN_FREE_BYTES: Final = 256 * 1024 * 1024
"""Bytes that have to be free on the disk for posts to be taken over."""

MAX_IMPORT_FILES: Final = 200_000
"""Files of a folder that is taken over."""

MAX_KEYS_AT_ONCE: Final = 1000
"""Files of a folder that one request names."""

MAX_PATH: Final = 1000
"""Characters of a file's path within such a folder."""

MAX_REQUEST_BYTES: Final = 110 * 1024 * 1024
"""Bytes of one request's body: an album of ten photos at their limit, and some room."""

MAX_FORM_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a JSON or urlencoded body, which carries no files."""

MAX_MARKUP: Final = 64 * 1024
"""Characters of a text before entity parsing; above it nothing is parsed."""

MAX_FIELDS: Final = 200
"""Fields of one request's body."""
