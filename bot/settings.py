"""Settings by environment and `.env`, validated before anything starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine.errors import Image2PicError
from engine.files import STARTER, model_folder
from engine.ocr import LANGUAGES

TELEGRAM_API: Final = "https://api.telegram.org"
#: Secrets, none of which is shown: what each looks like, and what is said of another.
FORMS: Final = {
    # The bot's id, a colon, 35 or so URL-safe characters.
    "telegram_bot_token": (
        r"[0-9]{1,20}:[A-Za-z0-9_-]{8,100}",
        "is not of the form 123456:ABC-DEF (ask @BotFather)",
    ),
    # What Telegram allows in X-Telegram-Bot-Api-Secret-Token.
    "webhook_secret": (r"[A-Za-z0-9_-]{16,256}", "takes 16 to 256 characters of A-Z a-z 0-9 _ -"),
    "database_url": (
        r"postgres(ql)?://[^\ud800-\udfff]*",
        "is not of the form postgresql://user:password@host/name",
    ),
}
ALBUM_MAX: Final = 10

Ids = Annotated[frozenset[int], NoDecode]


class SettingsError(Image2PicError):
    """The settings do not fit together; the text names each variable and what it takes."""


def _check_address(value: str) -> None:
    """ValueError where an address has no host, a port that is none, or bytes that are no text."""
    value.encode()
    parts = urlsplit(value)
    if not parts.hostname or parts.port == 0:
        raise ValueError("it names no host")


class Settings(BaseSettings):
    """All that can be set. Each name is an environment variable (or a line of `.env`)."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        env_ignore_empty=True,
        validate_default=True,
    )

    telegram_bot_token: SecretStr | None = Field(
        None, description="token from @BotFather; without it the local chat is started"
    )
    telegram_base_url: str = Field(TELEGRAM_API, description="root of the Bot API server")
    telegram_rate: float = Field(
        30,
        ge=0,
        le=10_000,
        description="messages a second at most (Telegram allows 30); 0: no limit",
    )
    proxy: str | None = Field(
        None, description="proxy to reach Telegram by; without it HTTPS_PROXY of the environment"
    )
    model: Path = Field(
        Path(STARTER), description="the model's folder; starter: the one that ships"
    )
    data_dir: Path = Field(Path("var"), description="where the library and the index live")
    database_url: SecretStr | None = Field(
        None,
        description="postgresql://user:password@host/name: the library in PostgreSQL with "
        "pgvector, which several bots share (needs the extra postgres)",
    )
    database_search: bool = Field(
        False,
        description="let PostgreSQL search the vectors, instead of a copy in each bot's memory",
    )
    photos_dir: Path | None = Field(
        None, description="folder of the posts' photos, where it is not the one the model names"
    )
    photos_url: str | None = Field(
        None, description="public address under which the posts' photos are served, for inline mode"
    )
    owner_ids: Ids = Field(frozenset(), description="Telegram user ids, by comma: the owners")
    allowed_ids: Ids = Field(frozenset(), description="who may ask, by comma; empty: everyone")
    channel_ids: Ids = Field(
        frozenset(), description="channels whose posts are taken, by comma; empty: all it is in"
    )
    posts_per_answer: int = Field(6, ge=1, le=ALBUM_MAX, description="posts in one answer")
    photo_weight: float = Field(
        0.5, ge=0, le=1, description="weight of the photo in a query of photo and text"
    )
    photo_bytes: int = Field(20_000_000, ge=1, description="largest photo to accept, in bytes")
    clean: bool = Field(
        True, description="leave adverts, copies and tiny photos of channels out of the library"
    )
    clean_min_tokens: int = Field(
        0, ge=0, description="fewest words and hashtags of a channel's post; 0: a photo will do"
    )
    clean_threshold: float | None = Field(
        None, gt=0, le=1, description="probability from which a post is an advert [0.6]"
    )
    advert_filter: Path | None = Field(
        None, description="an advert filter that you taught (`image2pic label`)"
    )
    ocr: bool = Field(True, description="read the words on pictures, where Tesseract is installed")
    ocr_languages: str = Field(
        LANGUAGES, description="Tesseract's languages, by plus sign, such as rus+eng+deu"
    )
    workers: int = Field(2, ge=1, le=64, description="threads that work on queries")
    busy_seconds: float = Field(
        15,
        gt=0,
        le=86_400,
        description="seconds; who would wait longer for an answer is told that the bot is busy",
    )
    storage_chat: int | None = Field(
        None,
        description="chat that photos are handed to Telegram by, for inline mode; without it the "
        "first owner's; 0: none",
    )
    history_days: int = Field(
        30, ge=1, le=36_500, description="days a query's buttons keep working"
    )
    webhook_url: str | None = Field(
        None, description="public https address for updates; without it the bot polls"
    )
    webhook_secret: SecretStr | None = Field(
        None, description="secret token of the webhook: 16 to 256 of A-Z a-z 0-9 _ -"
    )
    webhook_host: str = Field("127.0.0.1", description="where the webhook listens")
    webhook_port: int = Field(8443, ge=1, le=65535, description="port of the webhook")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="port of /health and /metrics; without it there is none"
    )
    metrics_host: str = Field("127.0.0.1", description="where /health and /metrics listen")
    local_chat: bool = Field(
        True, description="without a token start the local chat; false: end with an error"
    )
    local_port: int = Field(8080, ge=0, le=65535, description="port of the local chat")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("owner_ids", "allowed_ids", "channel_ids", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, int):
            return frozenset({value})
        if isinstance(value, str):
            parts = [part for part in re.split(r"[,\s]+", value) if part]
            for part in parts:
                if not re.fullmatch(r"-?\d+", part):
                    raise ValueError(f"{part!r} is not a Telegram id (a whole number)")
            return frozenset(int(part) for part in parts)
        return value

    @field_validator("model")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        return model_folder(value)

    @field_validator("model", "data_dir", "photos_dir", "advert_filter")
    @classmethod
    def _path(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                value.stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(
                f"{str(value)[:100]!r} is no path that can be used: {reason}"
            ) from None
        return value

    @field_validator("proxy")
    @classmethod
    def _proxy(cls, value: str | None) -> str | None:
        # It may hold a password, so it is not shown.
        if value is None:
            return None
        try:
            httpx.Proxy(value)
            _check_address(value)
        except (ValueError, httpx.InvalidURL):
            raise ValueError("is not of the form http://host:port or socks5://host:port") from None
        return value

    @field_validator(*FORMS)
    @classmethod
    def _secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        form, complaint = FORMS[info.field_name or ""]
        if value is not None and not re.fullmatch(form, value.get_secret_value()):
            raise ValueError(complaint)
        return value

    @field_validator("telegram_base_url", "webhook_url", "photos_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            _check_address(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is not an http(s) address") from error
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value!r} is not an http(s) address")
        return value.rstrip("/")

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError(f"{value!r} is none of DEBUG, INFO, WARNING, ERROR")
        return value.upper()

    @model_validator(mode="after")
    def _together(self) -> Settings:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("WEBHOOK_URL needs WEBHOOK_SECRET: else anyone could post updates")
        if not self.local_chat and not self.telegram_bot_token:
            raise ValueError(
                "TELEGRAM_BOT_TOKEN is missing (ask @BotFather), and LOCAL_CHAT is off"
            )
        if self.webhook_url and not self.telegram_bot_token:
            raise ValueError("WEBHOOK_URL needs TELEGRAM_BOT_TOKEN")
        return self

    @property
    def database(self) -> str | None:
        """Address of PostgreSQL, or None for a file."""
        return self.database_url.get_secret_value() if self.database_url else None

    @property
    def storage(self) -> int | None:
        """Chat that photos are handed to Telegram by."""
        return (
            self.storage_chat if self.storage_chat is not None else min(self.owner_ids, default=0)
        )

    @property
    def library(self) -> Path:
        """The library's SQLite file."""
        return self.data_dir / "library.sqlite"

    @property
    def index(self) -> Path:
        """The saved index, a cache of the library."""
        return self.data_dir / "index.faiss"

    @property
    def thumbnails(self) -> Path:
        """Small copies of the posts' photos, a cache."""
        return self.data_dir / "thumbnails"


def load(**overrides: Any) -> Settings:
    """Read and validate the settings.

    Raises
    ------
    SettingsError
        A variable does not fit; the text names each one, without showing secrets.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}" if name else message)
        raise SettingsError("the settings do not fit:\n  " + "\n  ".join(lines)) from None


def describe() -> str:
    """All variables with their defaults and meaning, for --help."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, frozenset()) else f" [{default}]"
        lines.append(f"  {name.upper():<20}{field.description or ''}{shown}")
    return "\n".join(lines)
