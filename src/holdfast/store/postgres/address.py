"""Where a PostgreSQL database is, and how its connections are made."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import psycopg
from psycopg import conninfo

from holdfast.core.errors import InvalidUrl, StoreError
from holdfast.store.postgres.failures import translate
from holdfast.store.postgres.text import check_schema_name

MINIMUM = 140000
SECONDS_TO_CONNECT = 5

_DRIVER = re.compile(r"^(postgres|postgresql)(\+[a-z0-9_]+)?://")


class Address(msgspec.Struct, frozen=True):
    """A database and a schema in it."""

    conninfo: str
    schema: str
    shown: str
    """For people: without a password."""

    @classmethod
    def of(cls, url: str, schema: str) -> Address:
        """From a libpq URL; the driver part of an SQLAlchemy URL is passed over.

        Raises:
            InvalidUrl: libpq doesn't understand it.
            InvalidOption: the schema's name can't be used.
        """
        plain = _DRIVER.sub("postgresql://", url)
        try:
            options: dict[str, Any] = conninfo.conninfo_to_dict(plain)
        except psycopg.Error as error:
            raise InvalidUrl(f"the database URL can't be understood: {str(error).strip()}") from error
        defaults: dict[str, Any] = {
            "connect_timeout": SECONDS_TO_CONNECT,
            # A dead peer is noticed within half a minute instead of hours.
            "keepalives": 1,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30000,
        }
        if "," in str(options.get("host", "")):
            defaults["target_session_attrs"] = "read-write"
        name = f"{options.get('host', 'localhost')}/{options.get('dbname', options.get('user', ''))}"
        return cls(
            conninfo.make_conninfo(**{**defaults, **options}),
            check_schema_name(schema),
            f"postgresql://{name}",
        )

    def connect(self, purpose: str) -> psycopg.Connection[Any]:
        """A new connection in autocommit mode; statements are planned at each execution.

        Raises:
            StoreError: and its kinds.
        """
        try:
            connection = psycopg.connect(
                self.conninfo,
                autocommit=True,
                prepare_threshold=None,
                application_name=f"holdfast {purpose}"[:63],
            )
        except psycopg.Error as error:
            raise translate(error, self.shown) from error
        if connection.info.server_version < MINIMUM:
            version = connection.info.server_version // 10000
            connection.close()
            raise StoreError(f"{self.shown} runs PostgreSQL {version}; Holdfast needs 14 or newer")
        return connection
