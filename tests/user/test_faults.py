"""Faults on order, as a bot sees them."""

from __future__ import annotations

import aiohttp
import pytest

from tests.user.faults import FaultyServer

TOKEN = "4242:test-secret_part"


async def test_faults_strike_in_order_and_calls_are_remembered() -> None:
    async with FaultyServer(TOKEN) as server, aiohttp.ClientSession(server.url) as http:
        server.plan_fault("too_many_requests", "getMe", retry_after=9, times=2)
        for status in (429, 429, 200):
            async with http.get(f"/bot{TOKEN}/getMe") as response:
                assert response.status == status
                if status == 429:
                    assert (await response.json())["parameters"] == {"retry_after": 9}
        server.plan_fault("reset", "getMe", after=True)
        with pytest.raises(aiohttp.ClientError):
            await http.post(f"/bot{TOKEN}/getMe", json={"a": 1})
        # Late, but carried out: the body is still there.
        server.plan_fault("delay", "getMe", seconds=0.05)
        async with http.post(f"/bot{TOKEN}/getMe", json={"b": 2}) as response:
            assert response.status == 200
        assert [call.code for call in server.calls("getme")] == [429, 429, 200, 0, 200]
        assert [call.values for call in server.calls()][3:] == [{"a": 1}, {"b": 2}]
        assert server.faults.struck == 4
        number = server.inject_update({"message": {"odd": True}})
        async with http.get(f"/bot{TOKEN}/getUpdates") as response:
            assert (await response.json())["result"] == [
                {"update_id": number, "message": {"odd": True}}
            ]
    for bad in ("meteor", "reset"):
        with pytest.raises(ValueError, match="no such fault"):
            server.plan_fault(bad, times=0)
