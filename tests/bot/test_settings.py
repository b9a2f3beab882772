from __future__ import annotations

import pytest

from bot.settings import SettingsError, describe, load
from engine.cleaning.rules import THRESHOLD


def read(monkeypatch: pytest.MonkeyPatch, **variables: str):  # type: ignore[no-untyped-def]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load(_env_file=None)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)
    settings = read(monkeypatch)
    assert settings.telegram_bot_token is None
    assert settings.owner_ids == frozenset()


def test_ids_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, OWNER_IDS="1, 22,333", ALLOWED_IDS="7", CHANNEL_IDS="-1001 -1002")
    assert settings.owner_ids == {1, 22, 333}
    assert settings.allowed_ids == {7}
    assert settings.channel_ids == {-1001, -1002}


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"TELEGRAM_BOT_TOKEN": "secret-and-wrong"}, "TELEGRAM_BOT_TOKEN"),
        ({"OWNER_IDS": "me"}, "OWNER_IDS: 'me'"),
        ({"WEBHOOK_URL": "https://e.org"}, "WEBHOOK_SECRET"),
        ({"WEBHOOK_URL": "ftp://e.org", "WEBHOOK_SECRET": "x" * 20}, "WEBHOOK_URL"),
        ({"WEBHOOK_SECRET": "short"}, "WEBHOOK_SECRET"),
        ({"POSTS_PER_ANSWER": "11"}, "POSTS_PER_ANSWER"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"METRICS_PORT": "70000"}, "METRICS_PORT"),
        ({"LOCAL_CHAT": "false"}, "TELEGRAM_BOT_TOKEN is missing"),
        ({"MODEL": "x" * 5000}, "MODEL: 'xxx"),
        ({"DATA_DIR": "x" * 300}, "File name too long"),
        ({"PROXY": "me:hush@garbage"}, "PROXY: is not of the form"),
        ({"PROXY": "http://[::1"}, "PROXY: is not of the form"),
        ({"PROXY": "http://x:99999"}, "PROXY: is not of the form"),
        ({"PROXY": "https://"}, "PROXY: is not of the form"),
        ({"TELEGRAM_BASE_URL": "http://[::1"}, "TELEGRAM_BASE_URL"),
        ({"TELEGRAM_BASE_URL": "http://x:99999"}, "TELEGRAM_BASE_URL"),
        ({"DATABASE_URL": "postgresql://\udcff"}, "DATABASE_URL"),
        ({"HISTORY_DAYS": "1000000000"}, "HISTORY_DAYS"),
        ({"TELEGRAM_RATE": "inf"}, "TELEGRAM_RATE"),
        ({"BUSY_SECONDS": "nan"}, "BUSY_SECONDS"),
        ({"OWNER_IDS": "9" * 5000}, "OWNER_IDS"),
    ],
)
def test_what_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, **variables)
    assert says in str(caught.value)


def test_an_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, TELEGRAM_BOT_TOKEN="secret-and-wrong", WEBHOOK_SECRET="hush")
    assert "secret-and-wrong" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    for digits in ("１２３４５６", "١٢٣"):
        with pytest.raises(SettingsError):
            read(monkeypatch, TELEGRAM_BOT_TOKEN=f"{digits}:ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    token = "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    settings = read(monkeypatch, TELEGRAM_BOT_TOKEN=token)
    assert token not in repr(settings)
    assert "ABCDEF" not in repr(settings)


def test_help_names_every_variable() -> None:
    text = describe()
    for name in ("TELEGRAM_BOT_TOKEN", "MODEL", "DATA_DIR", "WEBHOOK_SECRET", "METRICS_PORT"):
        assert name in text
    assert f"[{THRESHOLD}]" in text
