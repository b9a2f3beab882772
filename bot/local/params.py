"""The body of a Bot API call: JSON, urlencoded or multipart, read into one shape."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from bot.local import Json
from bot.local.errors import BadRequestError, TooLargeError
from bot.local.limits import MAX_FIELDS, MAX_FORM_BYTES, MAX_REQUEST_BYTES

# Telegram takes names without quotes too, whatever they hold.
_DISPOSITION = re.compile(
    r';\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file from a multipart body."""

    name: str
    mime_type: str | None
    content: bytes


@dataclass(slots=True)
class Params:
    """Parameters of one call, whatever form they came in.

    Attributes
    ----------
    values
        As sent: strings from forms, any JSON value from JSON.
    uploads
        Files by the name of their field, which ``attach://NAME`` refers to.
    """

    values: Json = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether a parameter was given and is not null or empty."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """Return a parameter as text; an empty one where it was not given."""
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (str, int, float)):
            return str(value)
        raise BadRequestError(f'field "{name}" must be of type String')

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a parameter as a whole number.

        Raises
        ------
        BadRequestError
            It is none, or is missing without a default.
        """
        value = self.values.get(name)
        if value in (None, ""):
            if default is None:
                raise BadRequestError(f'parameter "{name}" is required')
            return default
        try:
            number = int(str(value)[:24])
        except ValueError:
            raise BadRequestError(f'field "{name}" must be a number') from None
        if abs(number) >= 2**63:
            raise BadRequestError(f'field "{name}" must be a number')
        return number

    def number(self, name: str, default: float) -> float:
        """Return a parameter as a number."""
        value = self.values.get(name)
        if value in (None, ""):
            return default
        try:
            return float(value)
        except (TypeError, ValueError):
            raise BadRequestError(f'field "{name}" must be a number') from None

    def flag(self, name: str) -> bool:
        """Return a parameter as a truth value (true, "true", "1", "yes")."""
        return str(self.values.get(name)).lower() in ("true", "1", "yes", "t", "y")

    def mapping(self, name: str) -> Json | None:
        """Return a parameter that is a JSON object; None when it was not given."""
        value = self._parsed(name)
        if not isinstance(value, dict | None):
            raise BadRequestError(f"can't parse {_spoken(name)}: expected an Object")
        return value

    def sequence(self, name: str) -> list[Any] | None:
        """Return a parameter that is a JSON array; None when it was not given."""
        value = self._parsed(name)
        if not isinstance(value, list | None):
            raise BadRequestError(f"can't parse {_spoken(name)}: expected an Array")
        return value

    def _parsed(self, name: str) -> Any:
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        return _loads(value, f"can't parse {_spoken(name)} JSON object")


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _loads(text: str | bytes, complaint: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequestError(complaint) from None
    encoded(value)
    return value


def encoded(value: Any) -> str:
    """Return a value as JSON that every client can read.

    Raises
    ------
    BadRequestError
        It holds half of a surrogate pair, or a number that JSON does not have.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        raise BadRequestError("strings must be encoded in UTF-8") from None
    return text


#: Where the server keeps what it has read, for a middleware that looks on.
PARAMS: Final = web.RequestKey("params", Params)


async def read_params(request: web.Request) -> Params:
    """Read a call's query string and body.

    Raises
    ------
    BadRequestError
        The body is not what its type says.
    TooLargeError
        The body is over the limit; what is left of it is not read.
    """
    params = Params(dict(request.query))
    kind = request.content_type
    if not request.can_read_body:
        encoded(params.values)
        return params
    if kind == "multipart/form-data":
        try:
            reader = await request.multipart()
        except (ValueError, AssertionError):
            raise BadRequestError("can't parse multipart body") from None
        await read_multipart(reader, params)
    elif kind == "application/json":
        body = await _body(request)
        data = _loads(body, "can't parse JSON object") if body.strip() else {}
        if not isinstance(data, dict):
            raise BadRequestError("can't parse JSON object")
        params.values.update(data)
    elif kind == "application/x-www-form-urlencoded":
        params.values.update(_form(await _body(request)))
    encoded(
        [
            params.values,
            [[name, file.name, file.mime_type] for name, file in params.uploads.items()],
        ]
    )
    return params


async def _body(request: web.Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.content.iter_chunked(64 * 1024):
        size += len(piece)
        if size > MAX_FORM_BYTES:
            raise TooLargeError
        pieces.append(piece)
    return b"".join(pieces)


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        raise BadRequestError("strings must be encoded in UTF-8") from None


async def read_multipart(reader: MultipartReader, params: Params) -> None:
    """Read a multipart body into parameters and uploads.

    Raises
    ------
    BadRequestError
        The body is damaged or has too many fields.
    TooLargeError
        It is over the limit.
    """
    size = 0
    try:
        while True:
            part = await reader.next()
            if part is None:
                return
            header = part.headers.get("Content-Disposition", "")
            said = {key.lower(): a or b.strip() for key, a, b in _DISPOSITION.findall(header)}
            name = said.get("name")
            if not isinstance(part, BodyPartReader) or not name:
                raise BadRequestError("can't parse multipart body")
            if len(params.values) + len(params.uploads) >= MAX_FIELDS:
                raise BadRequestError("too many fields")
            content = bytearray()
            while piece := await part.read_chunk(64 * 1024):
                size += len(piece)
                if size > MAX_REQUEST_BYTES:
                    raise TooLargeError
                content += piece
            filename = part.filename if "filename*" in header else said.get("filename")
            if filename is None:
                params.values[name] = content.decode()
            else:
                mime = part.headers.get("Content-Type")
                params.uploads[name] = Upload(filename, mime, bytes(content))
    except UnicodeDecodeError:
        raise BadRequestError("strings must be encoded in UTF-8") from None
    except (ValueError, AssertionError, HttpProcessingError):
        raise BadRequestError("can't parse multipart body") from None


def as_object(value: Any, what: str) -> Json:
    """Return a JSON object; 400 for anything else."""
    if not isinstance(value, dict):
        raise BadRequestError(f"can't parse {what}: expected an Object")
    return cast(Json, value)
