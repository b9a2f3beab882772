from __future__ import annotations

import asyncio
import sys

import pytest

from bot import loop


async def kind() -> str:
    await asyncio.sleep(0)
    return type(asyncio.get_running_loop()).__module__


def test_on_uvloop() -> None:
    pytest.importorskip("uvloop", reason="uvloop has no wheel here")
    assert loop.run(kind()).startswith("uvloop")


def test_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop.run(kind()).startswith("asyncio")


def test_errors_come_out() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.run(fail())
