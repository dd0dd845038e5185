"""Behind PgBouncer in transaction mode each transaction may be on another connection of the server."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from holdfast.core.errors import JobExists
from holdfast.core.states import JobState
from holdfast.store.foreign.identity import PATIENCE
from holdfast.store.open import open_store
from holdfast.store.verbs import jobs
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import PostgresBackend
from tests.conformance.scene import Scene
from tests.transactions import ways
from tests.transactions.pgbouncer import PROGRAM, pgbouncer
from tests.transactions.ways import Way

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no PgBouncer here")

NO_CACHES = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: f"__{uuid4()}__",
}
"""What the documentation of SQLAlchemy advises."""
WAYS: dict[str, Way] = {
    "psycopg": ways.Psycopg(),
    "psycopg-async": ways.AsyncPsycopg(),
    "asyncpg": ways.Asyncpg(statement_cache_size=0),
    "sqlalchemy-asyncpg": ways.AsyncSqlalchemy("asyncpg", "session", connect_args=NO_CACHES),
}
TASKS = 6
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


async def test_a_pool_that_the_callers_hold_themselves(postgres: PostgresBackend) -> None:
    """Asking our own database which it is must not wait for the transaction that wants to know."""
    with pgbouncer(postgres.url, pool=1) as url:
        store = open_store(url.replace("127.0.0.1", "localhost"))
        async with WAYS["asyncpg"].open(url) as holder:
            await holder.begin()
            await holder.execute("SELECT 1")
            job = Scene(store, postgres).new()
            began = time.monotonic()
            await holder.run(store, insert, job)
            assert time.monotonic() - began < 4 * PATIENCE
            await holder.commit()
        assert postgres.tables().jobs == [job[0].job_id]
        store.close()
