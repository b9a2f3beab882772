from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.logs import SecretFilter

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz012345"
SECRET = "hook-secret-0123456789"


class Formatter(logging.Formatter):
    """What a handler does: filter, then format."""

    def format(self, record: logging.LogRecord) -> str:
        assert SecretFilter([TOKEN, TOKEN.partition(":")[2], SECRET]).filter(record)
        return super().format(record)


@pytest.fixture
def formatter() -> Formatter:
    return Formatter()


def record(
    message: str, *arguments: object, error: BaseException | None = None
) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("x", logging.ERROR, __file__, 1, message, arguments, info)  # type: ignore[arg-type]


def test_no_token(formatter: Formatter) -> None:
    for text in (
        TOKEN,
        f"POST https://api.telegram.org/bot{TOKEN}/sendMessage",
        TOKEN.partition(":")[2],
        SECRET,
        f"/bot{TOKEN.replace(':', '%3A')}/x",
        "bot987654321:AAF-zyxwvutsrqponmlkjihgfedcba987654/getMe",
    ):
        line = formatter.format(record("calling %s", text))
        assert "AAE-" not in line
        assert "AAF-" not in line
        assert SECRET not in line


def test_no_path(formatter: Formatter) -> None:
    line = formatter.format(record("cannot open %s", "/home/anna/secret place/../x/library.sqlite"))
    assert "/home" not in line
    assert "anna/" not in line
    assert "library.sqlite" in line
    assert "C:\\Users" not in formatter.format(record(r"in C:\Users\anna\model.json"))


def test_addresses_stay_readable(formatter: Formatter) -> None:
    assert "http://127.0.0.1:8080/" in formatter.format(record("at http://127.0.0.1:8080/"))


def test_tracebacks_are_cleaned_too(formatter: Formatter) -> None:
    try:
        raise ValueError(f"no answer from https://api.telegram.org/bot{TOKEN}/getMe")
    except ValueError as error:
        line = formatter.format(record("failed", error=error))
    assert TOKEN not in line
    assert str(Path(__file__).parent) not in line
    assert "test_logs.py" in line
    assert "Traceback" in line
