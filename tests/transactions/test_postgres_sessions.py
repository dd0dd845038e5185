"""What an application has set on its PostgreSQL connections changes nothing, and is left as it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from holdfast.core.errors import JobExists, StoreLocked
from holdfast.core.job import NewJob
from holdfast.core.states import JobState
from holdfast.store.base import Store
from holdfast.store.open import open_store
from holdfast.store.records import CancelAnswer
from holdfast.store.verbs import jobs
from holdfast.store.verbs.audience import listen
from holdfast.store.verbs.insert import insert
from tests.conformance.backends import PostgresBackend
from tests.conformance.scene import HOUR, Scene, new_ids
from tests.transactions import ways
from tests.transactions.conftest import prepare
from tests.transactions.ways import Way, engine_url

IDS = new_ids()
DRIVERS: dict[str, Way] = {
    "psycopg": ways.Psycopg(),
    "psycopg2": ways.Psycopg2(),
    "psycopg-async": ways.AsyncPsycopg(),
    "asyncpg": ways.Asyncpg(),
}


@pytest.fixture
def backend(postgres: PostgresBackend) -> PostgresBackend:
    return postgres


@pytest.fixture(params=DRIVERS)
def way(request: pytest.FixtureRequest) -> Way:
    return DRIVERS[request.param]


def new(**fields: Any) -> NewJob:
    return NewJob(job_id=IDS.next(), **({"task": "mail.send", "queue": "mail", "args": '{"n": 1}'} | fields))


SETTINGS = {
    "TimeZone": "America/New_York",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "plan_cache_mode": "force_generic_plan",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "21s",
    "lock_timeout": "22s",
    "application_name": "shop",
    "escape_string_warning": "off",
    "backslash_quote": "off",
    "quote_all_identifiers": "on",
}


async def test_settings_of_the_session_dont_matter_and_stay(
    store: Store, scene: Scene, way: Way, backend: Any
) -> None:
    async with way.open(backend.url, autocommit=True) as holder:
        for name, value in SETTINGS.items():
            await holder.execute(f"SET {name} = '{value}'")
        shown = {name: (await holder.execute(f"SHOW {name}"))[0][0] for name in SETTINGS}
        at = store.now() + HOUR
        texts = 'back\\slash "quote" it\'s'
        job = new(run_at=at, args=json.dumps({"text": texts}), queue=texts)
        await holder.begin()
        await holder.run(store, insert, [job, new(delay=HOUR), new()])
        await holder.commit()
        record = await holder.run(store, jobs.get, job.job_id)
        assert (record.run_at, record.queue, record.state) == (at, texts, JobState.PENDING)
        assert abs(record.created_at - store.now()) < 10_000_000
        assert record == scene.get(job.job_id)
        assert {name: (await holder.execute(f"SHOW {name}"))[0][0] for name in SETTINGS} == shown


async def test_rows_and_types_of_the_callers_dont_matter(store: Store, scene: Scene, backend: Any) -> None:
    """Row factories, loaders, dumpers and codecs, all of which would break what we read."""
    from psycopg.rows import dict_row
    from psycopg.types.string import StrBinaryDumper, TextLoader

    class Shout(TextLoader):
        def load(self, data: Any) -> Any:
            return str(super().load(data)).upper() + "!"

    class Whisper(StrBinaryDumper):
        def dump(self, obj: str) -> Any:
            return super().dump("psst " + obj)

    def spoil(connection: Any) -> None:
        for kind in ("text", "int4", "int8", "int2", "bool", "json", "uuid", "timestamptz"):
            connection.adapters.register_loader(kind, Shout)
        connection.adapters.register_dumper(str, Whisper)
        connection.adapters.register_dumper(int, Whisper)
        connection.prepare_threshold = 0

    one, two = new(), new()
    with psycopg.connect(backend.url, row_factory=dict_row) as connection:
        spoil(connection)
        store.within(connection, insert, [one])
        assert store.within(connection, jobs.get, one.job_id).args == '{"n": 1}'  # type: ignore[union-attr]
        assert connection.execute("SELECT 'x'::text AS text").fetchone() == {"text": "X!"}
    async with await psycopg.AsyncConnection.connect(backend.url, row_factory=dict_row) as async_connection:
        spoil(async_connection)
        await store.awithin(async_connection, insert, [two])
        found = await store.awithin(async_connection, jobs.get, two.job_id)
        assert found is not None
        assert found.args == '{"n": 1}'
    assert scene.get(two.job_id).state is JobState.PENDING


async def test_codecs_and_records_of_asyncpg_dont_matter(store: Store, scene: Scene, backend: Any) -> None:
    import asyncpg

    class Mine(asyncpg.Record):  # type: ignore[misc, name-defined]
        def __getitem__(self, key: Any) -> Any:
            return "mine"

    spoken = await asyncpg.connect(backend.url)
    for kind in ("json", "uuid", "timestamptz"):
        await spoken.set_type_codec(kind, schema="pg_catalog", encoder="!{}".format, decoder="!{}".format)
    for connection in (spoken, await asyncpg.connect(backend.url, record_class=Mine)):
        job = new()
        async with connection.transaction():
            await store.awithin(connection, insert, [job])
            found = await store.awithin(connection, jobs.get, job.job_id)
            assert found is not None
            assert (found.args, found.priority) == ('{"n": 1}', 0)
        await connection.close()
        assert scene.get(job.job_id).args == '{"n": 1}'


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
async def test_isolation_levels(store: Store, scene: Scene, backend: Any, way: Way, level: str) -> None:
    async with way.open(backend.url) as one, way.open(backend.url) as two:
        made = [new(), new()]
        for holder, job in zip((one, two), made, strict=True):
            await holder.begin()
            await holder.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            await holder.execute("SELECT count(*) FROM ledger")
            await holder.run(store, insert, [job])
        # Two that do nothing but enqueue don't stand in each other's way.
        await one.commit()
        await two.commit()
        for job in made:
            assert scene.get(job.job_id).state is JobState.PENDING

        await one.begin()
        await one.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        await one.execute("SELECT 1")
        later = new()
        store.write(insert, [later])
        with pytest.raises((StoreLocked, JobExists)):
            await one.run(store, insert, [later])
        await one.execute("INSERT INTO ledger VALUES ('still usable')")
        await one.commit()
    assert len(backend.tables().jobs) == 3


async def test_a_verb_on_an_old_snapshot_is_refused_and_never_wrong(
    store: Store, scene: Scene, backend: Any
) -> None:
    """The verbs look again with a fresh snapshot, which a repeatable read doesn't give."""
    worker = scene.worker()
    waiting = scene.enqueue_one()
    with psycopg.connect(backend.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM ledger").fetchone()
        claimed = scene.claim(worker)
        assert [job.job_id for job in claimed] == [waiting]
        for verb, args in ((jobs.cancel, (waiting, store.now(), None, True)), (jobs.delete, (waiting,))):
            with pytest.raises(StoreLocked, match="Roll the transaction back and run it again"):
                store.within(connection, verb, *args)  # type: ignore[arg-type]
        connection.rollback()
        connection.execute("SELECT count(*) FROM ledger").fetchone()
        scene.finish(worker, claimed)
        with pytest.raises(StoreLocked):
            store.within(connection, jobs.cancel, waiting, store.now(), None, True)
        connection.rollback()
        assert store.within(connection, jobs.cancel, waiting, store.now(), None, True) is CancelAnswer.ENDED
    assert scene.get(waiting).state is JobState.SUCCEEDED


# --- transactions as the drivers and frameworks offer them ----------------------------------------------------


async def test_nested_transactions_of_psycopg(store: Store, scene: Scene, backend: Any) -> None:
    made = [new() for _ in range(4)]
    with psycopg.connect(backend.url, autocommit=True) as connection:
        with connection.transaction():
            store.within(connection, insert, made[:1])
            with contextlib.suppress(ZeroDivisionError), connection.transaction():
                store.within(connection, insert, made[1:2])
                raise ZeroDivisionError
            with connection.transaction():
                store.within(connection, insert, made[2:3])
        store.within(connection, insert, made[3:])
    assert sorted(backend.tables().jobs) == sorted(made[n].job_id for n in (0, 2, 3))


async def test_nested_transactions_of_asyncpg(store: Store, scene: Scene, backend: Any) -> None:
    import asyncpg

    made = [new() for _ in range(4)]
    connection = await asyncpg.connect(backend.url)
    async with connection.transaction():
        await store.awithin(connection, insert, made[:1])
        with contextlib.suppress(ZeroDivisionError):
            async with connection.transaction():
                await store.awithin(connection, insert, made[1:2])
                raise ZeroDivisionError
        async with connection.transaction():
            await store.awithin(connection, insert, made[2:3])
    await store.awithin(connection, insert, made[3:])
    await connection.close()
    assert sorted(backend.tables().jobs) == sorted(made[n].job_id for n in (0, 2, 3))


def test_nested_transactions_of_sqlalchemy(store: Store, scene: Scene, backend: Any) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(engine_url(backend.url, "psycopg"))
    made = [new() for _ in range(4)]
    with Session(engine) as session, session.begin():
        store.within(session, insert, made[:1])
        with contextlib.suppress(ZeroDivisionError), session.begin_nested():
            store.within(session, insert, made[1:2])
            raise ZeroDivisionError
        with session.begin_nested():
            store.within(session, insert, made[2:3])
        store.within(session.connection(), insert, made[3:])
    engine.dispose()
    assert sorted(backend.tables().jobs) == sorted(made[n].job_id for n in (0, 2, 3))


def test_a_sqlalchemy_connection_begins_as_with_any_statement(
    store: Store, scene: Scene, backend: Any
) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(engine_url(backend.url, "psycopg"))
    one, two, three = new(), new(), new()
    with engine.connect() as connection:
        store.within(connection, insert, [one])
        connection.commit()
        store.within(connection, insert, [two])
    with engine.begin() as connection:
        store.within(connection, insert, [three])
    engine.dispose()
    assert sorted(backend.tables().jobs) == sorted([one.job_id, three.job_id])


def test_a_raw_connection_of_an_engine(store: Store, scene: Scene, backend: Any) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(engine_url(backend.url, "psycopg"))
    raw = engine.raw_connection()
    job = new()
    store.within(raw, insert, [job])
    raw.commit()
    raw.close()
    engine.dispose()
    assert backend.tables().jobs == [job.job_id]


async def test_from_an_event_of_an_async_session(store: Store, scene: Scene, backend: Any) -> None:
    """ORM events hand out blocking sessions and connections, over an async engine as well."""
    from sqlalchemy import Text, event, text
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    from sqlalchemy.orm import DeclarativeBase, mapped_column

    class Base(DeclarativeBase): ...

    class Ledger(Base):
        __tablename__ = "ledger"
        note = mapped_column(Text, primary_key=True)

    engine = create_async_engine(engine_url(backend.url, "asyncpg"))
    made: list[NewJob] = []

    @event.listens_for(Ledger, "after_insert")
    def enqueue(mapper: Any, connection: Any, target: Any) -> None:
        made.append(new())
        store.within(connection, insert, made[-1:])

    async with AsyncSession(engine) as session:
        session.add(Ledger(note="kept"))
        await session.commit()
        session.add(Ledger(note="gone"))
        await session.flush()
        await session.rollback()
        assert (await session.execute(text("SELECT note FROM ledger"))).all() == [("kept",)]
    await engine.dispose()
    assert len(made) == 2
    assert backend.tables().jobs == [made[0].job_id]


async def test_cancelled_in_the_middle(store: Store, scene: Scene, backend: Any) -> None:
    """A task that is cancelled while the verb waits for a lock leaves the transaction usable."""
    kept, later = new(), new()
    for way in (ways.AsyncPsycopg(), ways.Asyncpg()):
        async with way.open(backend.url) as holder:
            await holder.begin()
            await holder.run(store, insert, [kept])
            with psycopg.connect(backend.url) as blocker:
                store.within(blocker, insert, [later])
                # The same id in a transaction that has not ended: the insert waits for it.
                waiting = asyncio.create_task(holder.run(store, insert, [later]))
                await asyncio.sleep(0.2)
                assert not waiting.done()
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                blocker.rollback()
            await holder.execute("INSERT INTO ledger VALUES ('usable')")
            await holder.rollback()
    assert backend.tables().jobs == []


async def test_tasks_that_share_a_connection(store: Store, scene: Scene, backend: Any) -> None:
    """Some fail, and take nothing with them and leave nothing behind."""
    for way in (ways.AsyncPsycopg(), ways.Asyncpg()):
        kept = scene.enqueue_one()
        batches = [scene.new(3) for _ in range(12)]
        for batch in batches[::3]:
            batch[1] = batch[1].replace(job_id=kept)
        before = set(backend.tables().jobs)
        async with way.open(backend.url) as holder:
            await holder.begin()
            done = await asyncio.gather(
                *(holder.run(store, insert, batch) for batch in batches), return_exceptions=True
            )
            await holder.commit()
        assert [isinstance(one, JobExists) for one in done] == [n % 3 == 0 for n in range(12)]
        wanted = {job.job_id for n, batch in enumerate(batches) if n % 3 for job in batch}
        assert set(backend.tables().jobs) == before | wanted


def test_threads_that_share_a_connection(store: Store, scene: Scene, backend: Any) -> None:
    kept = scene.enqueue_one()
    batches = [scene.new(3) for _ in range(12)]
    for batch in batches[::3]:
        batch[1] = batch[1].replace(job_id=kept)
    with psycopg.connect(backend.url) as connection, ThreadPoolExecutor(4) as pool:
        done = [pool.submit(store.within, connection, insert, batch).exception for batch in batches]
        assert [isinstance(one(), JobExists) for one in done] == [n % 3 == 0 for n in range(12)]
    wanted = {job.job_id for n, batch in enumerate(batches) if n % 3 for job in batch}
    assert set(backend.tables().jobs) == {kept} | wanted


# --- poolers, restarts, poll-only mode ------------------------------------------------------------------------


def test_a_schema_of_another_name(postgres: PostgresBackend) -> None:
    store = open_store(postgres.url, schema="queue_of_mine")
    store.migrate()
    job = new()
    with psycopg.connect(postgres.url) as connection:
        store.within(connection, insert, [job])
    assert PostgresBackend(postgres.url, "queue_of_mine").tables().jobs == [job.job_id]
    assert postgres.tables().jobs == []
    store.close()


def test_poll_only_mode_sends_nothing_so_that_two_phase_commits_work(servers: Any) -> None:
    with servers.own("18", max_prepared_transactions="2") as server:
        url = server.url()
        prepare(url)
        store = open_store(url, notify=False)
        store.write(listen, IDS.next(), "worker", 60)
        job = new()
        with psycopg.connect(url) as connection:
            connection.tpc_begin(connection.xid(1, "holdfast", "test"))
            store.within(connection, insert, [job])
            connection.tpc_prepare()
            connection.tpc_commit()
        assert PostgresBackend(url).tables().jobs == [job.job_id]
        store.close()


def test_a_store_that_can_t_connect_itself_doesnt_keep_callers_from_enqueueing(
    postgres: PostgresBackend, scene: Scene
) -> None:
    """Which database it is can't be compared then, which is no reason to refuse."""
    store = open_store("postgresql://postgres@127.0.0.1:1/nowhere")
    job = new()
    with psycopg.connect(postgres.url) as connection:
        store.within(connection, insert, [job])
    assert postgres.tables().jobs == [job.job_id]
    store.close()


@pytest.fixture
def restarted(own_postgres_server: Any) -> Any:
    prepare(own_postgres_server.url())
    return own_postgres_server


@pytest.mark.parametrize("postgres_version", ["18"], indirect=True)
def test_a_server_that_was_started_again_is_the_same(restarted: Any) -> None:
    store = open_store(restarted.url())
    made = [new(), new()]
    for job in made:
        with psycopg.connect(restarted.url()) as connection:
            store.within(connection, insert, [job])
        restarted.stop()
        restarted.start()
    assert sorted(PostgresBackend(restarted.url()).tables().jobs) == sorted(job.job_id for job in made)
    store.close()
