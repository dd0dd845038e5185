"""Behind PgBouncer in transaction mode each transaction may be on another connection of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.core.errors import JobExists
from holdfast.core.states import JobState
from holdfast.store.open import open_store
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import PostgresBackend
from tests.conformance.scene import Scene
from tests.transactions import ways
from tests.transactions.pgbouncer import PROGRAM, pgbouncer
from tests.transactions.ways import Way

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no PgBouncer here")

WAYS: dict[str, Way] = {
    "psycopg": ways.Psycopg(),
    "psycopg-async": ways.AsyncPsycopg(),
    "asyncpg": ways.Asyncpg(statement_cache_size=0),
    "sqlalchemy-asyncpg": ways.AsyncSqlalchemy(
        "asyncpg", "session", connect_args={"statement_cache_size": 0}
    ),
}
TASKS = 8
EACH = 6


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("autocommit", [False, True], ids=["transaction", "autocommit"])
async def test_many_callers_share_few_connections(
    postgres: PostgresBackend, name: str, autocommit: bool
) -> None:
    with pgbouncer(postgres.url) as url:
        store = open_store(url)
        scene = Scene(store, postgres)
        kept: list[str] = []

        async def caller() -> None:
            async with WAYS[name].open(url, autocommit=autocommit) as holder:
                for n in range(EACH):
                    await one(holder, commit=autocommit or n % 2 == 0)

        async def one(holder: Any, *, commit: bool) -> None:
            made = scene.new(2)
            if not autocommit:
                await holder.begin()
            await holder.run(store, insert, made)
            with pytest.raises(JobExists):
                await holder.run(store, insert, made[:1])
            found = await holder.run(store, jobs.get, made[0].job_id)
            assert found.state is JobState.PENDING
            if not autocommit:
                await (holder.commit() if commit else holder.rollback())
            if commit:
                kept.extend(job.job_id for job in made)

        await asyncio.gather(*(caller() for _ in range(TASKS if "async" in name else 1)))
        assert sorted(postgres.tables().jobs) == sorted(kept)
        store.close()
