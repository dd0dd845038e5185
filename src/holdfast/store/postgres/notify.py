"""Notifications: what is told, how it is written, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from holdfast.store.base import ANYTHING
from holdfast.store.statement import Wake

MOST = 4000
"""Bytes of a payload; the server refuses 8000, and with it the whole transaction."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Wake).decode


def payload(news: Sequence[Wake]) -> str:
    """One payload for all that a transaction has to tell; empty for "look at everything" where it is too long."""
    merged = Wake(
        due=_earliest(chain.from_iterable(wake.due for wake in news)),
        finished=tuple(job_id for wake in news for job_id in wake.finished),
        cancel=tuple(job_id for wake in news for job_id in wake.cancel),
        notes=any(wake.notes for wake in news),
        control=any(wake.control for wake in news),
        lines=_earliest(chain.from_iterable(wake.lines for wake in news)),
        anything=any(wake.anything for wake in news),
    )
    text = _encode(merged)
    return text.decode() if len(text) <= MOST else ""


def _earliest(told: Iterable[tuple[str, int, int | None]]) -> tuple[tuple[str, int, int | None], ...]:
    """The earliest time of each lane; None is at once."""
    first: dict[tuple[str, int], int | None] = {}
    for queue, lane, at in told:
        known = first.get((queue, lane), at)
        first[queue, lane] = None if known is None or at is None else min(known, at)
    return tuple((queue, lane, at) for (queue, lane), at in first.items())


def topics(news: Sequence[Wake]) -> list[str]:
    """Who is to hear: "worker" of everything but results, "waiter" of results."""
    found: list[str] = []
    if any(
        wake.due or wake.lines or wake.cancel or wake.notes or wake.control or wake.anything for wake in news
    ):
        found.append("worker")
    if any(wake.finished or wake.anything for wake in news):
        found.append("waiter")
    return found


def heard(text: str) -> Wake:
    """Back from a payload; what can't be read means that anything may have changed."""
    began, _, body = text.partition(" ")
    try:
        wake = _decode(body)
        since = int(began)
    except (msgspec.DecodeError, ValueError):
        return ANYTHING
    due = tuple((queue, lane, since if run_at is None else run_at) for queue, lane, run_at in wake.due)
    return msgspec.structs.replace(wake, due=due)


def notification(news: Sequence[Wake], schema: str) -> bytes:
    """The statement that tells, for the end of a transaction; it sends nothing when nobody listens."""
    wanted = topics(news)
    if not wanted:
        return b""
    text = payload(news).replace("'", "''")
    listening = ", ".join(f"'{topic}'" for topic in wanted)
    always = any(wake.cancel or wake.control for wake in news)
    audience = f"SELECT FROM {schema}.audience WHERE topic IN ({listening}) AND until > statement_timestamp()"
    # A caller's older snapshot may not know of those who have begun to listen since.
    blind = "current_setting('transaction_isolation') <> 'read committed'"
    condition = "" if always else f" WHERE {blind} OR EXISTS ({audience})"
    # With standard_conforming_strings off, a backslash would be an escape: E'' says so in both.
    quoted = "E'" + text.replace("\\", "\\\\") + "'"
    # "Now" was when a statement of this transaction ran: not before the transaction began.
    began = "(date_part('epoch', transaction_timestamp()) * 1e6::float8)::bigint"
    return f"SELECT pg_notify('{schema}', {began} || ' ' || {quoted}){condition};".encode()
