"""Every statement serves every driver: its values may all come as texts, and its rows hold plain values only."""

from __future__ import annotations

import psycopg
import pytest

from holdfast.store.foreign.asyncpg import AsyncpgDriver
from holdfast.store.foreign.psycopg import PsycopgDriver
from holdfast.store.postgres.text import prepared
from holdfast.store.text import names
from tests.conformance.backends import PostgresBackend

PLAIN = ("text", "int2", "int4", "int8", "bool", "text[]", "int4[]")


@pytest.mark.parametrize("placeholder", [PsycopgDriver.placeholder, AsyncpgDriver.placeholder])
def test_values_as_texts_and_rows_of_plain_values(postgres: PostgresBackend, placeholder: str) -> None:
    types = psycopg.adapters.types
    plain = {types[name.removesuffix("[]")].array_oid if "[]" in name else types[name].oid for name in PLAIN}
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for name in sorted(names("postgres")):
            text = prepared(name, "holdfast", placeholder)
            if not text.sql:
                continue
            connection.pgconn.prepare(name.encode(), text.sql.encode())
            described = connection.pgconn.describe_prepared(name.encode())
            assert described.status == psycopg.pq.ExecStatus.COMMAND_OK, (name, described.error_message)
            odd = {described.fname(n): described.ftype(n) for n in range(described.nfields)}
            assert {column: oid for column, oid in odd.items() if oid not in plain} == {}, name
            if placeholder != "${}":
                wanted = {described.param_type(n) for n in range(described.nparams)}
                assert wanted <= {types["text"].oid}, name
