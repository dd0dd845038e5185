"""Ids grow, whatever the clock and the other threads do, and keep their form."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.ids import MAX_MS, IdSource, parse, timestamp_ms

NOW = 1_700_000_000_000


def source(clock: Callable[[], int] = lambda: NOW, entropy: Callable[[int], bytes] = os.urandom) -> IdSource:
    return IdSource(clock, entropy)


def grow(ids: list[str]) -> bool:
    return all(a < b for a, b in pairwise(ids))


@given(st.integers(0, MAX_MS), st.integers(1, 50), st.randoms(use_true_random=False))
def test_an_id_is_a_canonical_uuid_of_version_7_with_its_time(ms: int, n: int, random: object) -> None:
    entropy: Callable[[int], bytes] = random.randbytes  # type: ignore[attr-defined]
    for text in IdSource(lambda: ms, entropy).take(n):
        uuid = UUID(text)
        assert (uuid.version, uuid.variant, str(uuid)) == (7, RFC_4122, text)
        assert timestamp_ms(text) == uuid.int >> 80 == ms


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=40))
def test_ids_grow_although_the_clock_stands_or_steps_back(steps: list[tuple[int, int]]) -> None:
    now = 0
    ids_of = source(lambda: now)
    ids: list[str] = []
    for now, n in steps:  # noqa: B007 - the clock reads it
        ids += ids_of.take(n)
    assert grow(ids)
    assert sorted(map(UUID, ids)) == list(map(UUID, ids))


def test_a_clock_that_steps_far_back_changes_nothing() -> None:
    times = iter([NOW, NOW - 86_400_000, NOW - 1, NOW + 1])
    ids_of = source(lambda: next(times))
    ids = [ids_of.next() for _ in range(4)]
    assert grow(ids)
    assert [timestamp_ms(i) - NOW for i in ids] == [0, 0, 0, 1]


@given(st.sampled_from([b"\xff", b"\x00"]), st.integers(1, 3))
def test_extreme_entropy_neither_repeats_nor_breaks_the_form(byte: bytes, n: int) -> None:
    ids_of = source(entropy=lambda size: byte * size)
    ids = [i for _ in range(200) for i in ids_of.take(n)]
    assert grow(ids)
    assert all(UUID(i).version == 7 for i in ids)


def test_the_counter_carries_from_the_last_group_on() -> None:
    # Each step is 2^32, and the last group begins at its end: the carry is seen at once.
    ids_of = source(entropy=lambda size: b"\xff" * size)
    ids = ids_of.take(3)
    assert grow(ids)
    assert ids[0][:23] != "ffff"
    assert int(ids[0][19:23], 16) == 0x8000, "the 14 bits before the last group overflowed"
    assert int(ids[0][14:18], 16) == 0x7800, "into the 12 bits before them"


def test_a_full_counter_borrows_the_next_millisecond() -> None:
    ids_of = source()
    first = ids_of.next()
    ids_of._high, ids_of._low = (1 << 26) - 1, (1 << 48) - 1  # type: ignore[attr-defined]
    second, third = ids_of.take(2)
    assert first < second < third
    assert timestamp_ms(second) == NOW + 1


def test_the_next_millisecond_begins_at_another_random_number_in_the_lower_half() -> None:
    now = NOW
    ids_of = source(lambda: now)
    starts: list[int] = []
    for _ in range(64):
        now += 1
        starts.append(UUID(ids_of.next()).int >> 64 & 0xFFF)
    assert len(set(starts)) > 20
    assert max(starts) <= 0x800


def test_none_and_many() -> None:
    ids_of = source()
    assert ids_of.take(0) == []
    assert len(set(ids_of.take(10_000))) == 10_000


def test_threads_never_get_the_same_id_and_each_sees_its_own_grow() -> None:
    ids_of = source(lambda: time.time_ns() // 1_000_000)
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda k: [i for _ in range(200) for i in ids_of.take(1 + k % 3)], range(8)))
    assert all(grow(batch) for batch in batches)
    ids = [i for batch in batches for i in batch]
    assert len(set(ids)) == len(ids)


def test_reseeded_after_a_fork_it_goes_on_above_and_elsewhere() -> None:
    parent, child = source(), source()
    before = parent.take(5)
    child.__dict__.update(parent.__dict__)
    child.reseed()
    in_child, in_parent = child.take(5), parent.take(5)
    assert grow(before + in_child)
    assert grow(before + in_parent)
    assert not set(in_child) & set(in_parent)
    assert timestamp_ms(in_child[0]) == NOW + 1, "a new beginning, so that not the steps alone differ"


def test_reseeding_frees_a_lock_that_a_lost_thread_held() -> None:
    ids_of = source()
    ids_of._lock.acquire()
    ids_of.reseed()
    assert len(ids_of.take(1)) == 1


@given(st.uuids())
def test_every_usual_spelling_is_made_canonical(uuid: UUID) -> None:
    for spelling in (uuid, str(uuid), str(uuid).upper(), uuid.hex, uuid.urn, f"{{{uuid}}}", f" {uuid}\n"):
        assert parse(spelling) == str(uuid)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "7",
        "not-a-uuid",
        "0191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0",
        "0191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0g",
        "0191d7a35-b1c-7d2e-8f40-9a6b3c2d1e0f",
        "0191d7a3_5b1c_7d2e_8f40_9a6b3c2d1e0f",
        "0_191d7a35b1c7d2e8f409a6b3c2d1e0",
        "{0191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0f",
        "٠191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0f",
        None,
        5,
        b"0191d7a3-5b1c-7d2e-8f40-9a6b3c2d1e0f",
    ],
)
def test_what_is_no_uuid_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidOption, match="is not a job id"):
        parse(wrong)


def test_only_version_7_holds_a_time() -> None:
    with pytest.raises(InvalidOption, match="not a UUID of version 7"):
        timestamp_ms("6ba7b810-9dad-41d1-80b4-00c04fd430c8")
