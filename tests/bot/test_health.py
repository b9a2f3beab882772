from __future__ import annotations

import aiohttp
import pytest

from bot.health import Health
from bot.metrics import Metrics


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_a_bot_may_live_and_not_be_ready(ready: bool, status: int) -> None:
    health = Health(
        host="127.0.0.1", port=0, metrics=Metrics(), report=lambda: {"ok": ready, "posts": 3}
    )
    port = await health.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for path, wanted in (
                ("/health/live", 200),
                ("/health/ready", status),
                ("/health", status),
            ):
                async with session.get(path) as answer:
                    assert answer.status == wanted
                    assert (await answer.json())["ok"] is (wanted == 200)
            async with session.get("/metrics") as answer:
                assert "image2pic_posts" in await answer.text()
    finally:
        await health.stop()
