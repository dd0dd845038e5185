"""A burst ends when nothing due is left, in lines too, however little goes at a time."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Holdfast, Limit

WAYS: dict[str, dict[str, Any]] = {
    "a limit by key": {"limit": Limit(2, key="tenant")},
    "shares": {"fair_by": "tenant", "weights": {"a": 3}},
    "both": {"limit": [8, Limit(2, key="tenant")], "fair_by": "tenant"},
}


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_a_burst_leaves_nothing(app: Holdfast, way: str, concurrency: int) -> None:
    app.queue("line", **WAYS[way])
    ran: list[str] = []

    @app.task(name="step", queue="line")
    async def step(tenant: str) -> None:
        ran.append(tenant)

    for _ in range(4):
        ran.clear()
        app.enqueue_many(step.new(tenant) for tenant in "abc" for _ in range(9))
        app.run_worker(burst=True, concurrency=concurrency)
        assert len(ran) == 27
