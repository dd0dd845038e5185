"""The schema's versions on PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg

from holdfast.core.errors import SchemaMismatch
from holdfast.store.postgres.address import Address
from holdfast.store.postgres.failures import translate
from holdfast.store.postgres.text import check_schema_name, qualify
from holdfast.store.text import migrations

# Not IF NOT EXISTS: that asks for the right to create schemas even where this one is there, and an owner of the schema
# alone need not have it.
_SCHEMA = """DO $$ BEGIN
    IF to_regnamespace('{0}') IS NULL THEN CREATE SCHEMA {0}; END IF;
END $$"""
_TABLE = """CREATE TABLE IF NOT EXISTS holdfast.schema_version (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('holdfast migrate {0}'))"


def newest() -> int:
    """The version that this code needs."""
    return migrations("postgres")[-1][0]


def script(schema: str, above: int = 0) -> str:
    """What `migrate` would run, as SQL for a DBA: all of it in one transaction.

    Args:
        schema: where the tables are to be.
        above: only migrations after this version, for a database that has it.
    """
    check_schema_name(schema)
    parts = ["BEGIN", _LOCK.format(schema), _SCHEMA.format(schema), qualify(_TABLE, schema)]
    for number, name, text in migrations("postgres"):
        if number > above:
            parts.append(f"-- {name}\n{qualify(text.strip().removesuffix(';'), schema)}")
            note = f"INSERT INTO holdfast.schema_version VALUES ({number}, '{name}')"  # noqa: S608 - names of our files
            parts.append(qualify(note, schema))
    parts.append("COMMIT")
    return "".join(f"{part};\n\n" for part in parts)


def version(connection: psycopg.Connection[Any], schema: str) -> int:
    """The version of a database; 0 for one without Holdfast's tables."""
    found = connection.execute("SELECT to_regclass(%s)", (f"{schema}.schema_version",)).fetchone()
    if found is None or found[0] is None:
        return 0
    row = connection.execute(
        qualify("SELECT coalesce(max(version), 0) FROM holdfast.schema_version", schema).encode()
    ).fetchone()
    return int(row[0]) if row else 0


def migrate(address: Address) -> list[str]:
    """Apply what is missing, in one transaction; a second process that tries at once waits and finds it done.

    Raises:
        SchemaMismatch: the schema was made by a newer release.
    """
    with address.connect("migrate") as connection:
        try:
            with connection.transaction():
                connection.execute(_LOCK.format(address.schema).encode())
                have = version(connection, address.schema)
                _refuse_newer(have, address)
                pending = [one for one in migrations("postgres") if one[0] > have]
                if not have:
                    connection.execute(_SCHEMA.format(address.schema).encode())
                    connection.execute(qualify(_TABLE, address.schema).encode())
                for number, name, text in pending:
                    connection.execute(qualify(text, address.schema).encode())
                    note = "INSERT INTO holdfast.schema_version (version, name) VALUES (%s, %s)"
                    connection.execute(qualify(note, address.schema).encode(), (number, name))
                return [name for _, name, _ in pending]
        except psycopg.Error as error:
            raise translate(error, address.shown) from error


def check(address: Address) -> None:
    """Raises SchemaMismatch unless the schema is this version's."""
    with address.connect("check") as connection:
        try:
            have = version(connection, address.schema)
        except psycopg.Error as error:
            raise translate(error, address.shown) from error
    _refuse_newer(have, address)
    if have < newest():
        state = (
            "has no Holdfast tables yet"
            if have == 0
            else f"has schema {have}, and this release needs {newest()}"
        )
        raise SchemaMismatch(f"{address.shown} {state}; run `holdfast migrate` or `app.migrate()`")


def _refuse_newer(have: int, address: Address) -> None:
    if have > newest():
        raise SchemaMismatch(
            f"{address.shown} has schema {have}, made by a newer release of Holdfast; this one knows {newest()}. "
            "Upgrade with `pip install --upgrade holdfast`"
        )
