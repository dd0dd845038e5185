"""`Cron` and `Every`, held against a slow and obvious clock that goes through every minute."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidOption
from holdfast.core.lifecycle import settle
from holdfast.core.outcomes import Reschedule, Schedule
from holdfast.core.policy import DEFAULT
from holdfast.core.schedules import Cron, Every, decode
from holdfast.core.states import JobState
from tests.core.runs import claimed, describe

MINUTE = timedelta(minutes=1)
SHIFTY = (
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # 30 December 2011 did not happen
    "America/Sao_Paulo",  # at midnight
    "Asia/Beirut",
    "Africa/Cairo",
    "Europe/Dublin",  # "winter time" is the one that is shifted
    "Africa/Casablanca",  # back for Ramadan
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # at one minute past midnight, for some years
    "Asia/Tehran",
    "Antarctica/Troll",  # two hours
    "Asia/Kathmandu",
    "Pacific/Kwajalein",
)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})

# --- the obvious implementation ------------------------------------------------------------------------------------


def numbers(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin, end = int(first), int(last or (high if step else first))
        found.update(range(begin, end + 1, int(step or 1)))
    return found


class Obvious:
    """Five plain fields, looked up minute by minute."""

    def __init__(self, expression: str) -> None:
        minute, hour, day, month, weekday = expression.split()
        self.minutes, self.hours = numbers(minute, 0, 59), numbers(hour, 0, 23)
        self.days, self.months = numbers(day, 1, 31), numbers(month, 1, 12)
        self.weekdays = {number % 7 for number in numbers(weekday, 0, 7)}
        self.both = day.startswith("*") or weekday.startswith("*")

    def matches(self, local: datetime) -> bool:
        day, weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return (
            local.minute in self.minutes
            and local.hour in self.hours
            and local.month in self.months
            and ((day and weekday) if self.both else (day or weekday))
        )

    def days_in(self, first: int, last: int) -> Iterator[datetime]:
        day = datetime(first, 1, 1, tzinfo=UTC)
        while day.year <= last:
            if self.matches(day.replace(hour=min(self.hours), minute=min(self.minutes))):
                yield day
            day += timedelta(days=1)

    def fires(self, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
        """Walk through the minutes that really pass. `latest` is the latest time that the clock has shown yet."""
        moment = after.replace(second=0, microsecond=0) - timedelta(days=2)
        latest = moment.astimezone(zone).replace(tzinfo=None)
        while moment < until:
            moment += MINUTE
            shown = moment.astimezone(zone).replace(tzinfo=None)
            if len(self.hours) == 24:
                fires = self.matches(shown)
            else:
                fires = False
                while latest < shown:
                    latest += MINUTE
                    fires = fires or self.matches(latest)
            if fires and after < moment <= until:
                yield moment


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The days of a year on which the clock is changed."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    return [day for day in days if offset(zone, day) != offset(zone, day + timedelta(days=1))]


def offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


def check(expression: str, zone_name: str, after: datetime, days: int = 4) -> None:
    zone = ZoneInfo(zone_name)
    until = after + timedelta(days=days)
    wanted = list(Obvious(expression).fires(zone, after, until))
    cron, found, moment = Cron(expression, tz=zone_name), [], after
    while (moment := cron.next_run(moment)) <= until:
        found.append(moment.astimezone(UTC))
    assert found == wanted, (expression, zone_name, after)
    if wanted:
        # In UTC: Python calls a repeated local time equal to no other.
        assert cron.latest(wanted[0], until).astimezone(UTC) == wanted[-1]
        assert cron.latest(wanted[0], wanted[-1]).astimezone(UTC) == wanted[-1]
        assert cron.latest(wanted[0], wanted[0]).astimezone(UTC) == wanted[0]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    # Two ends: the step of a span of one is read as "from there on".
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])
    span = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, high)).map(lambda p: f"{p[0]}/{p[1]}")
    term = st.one_of(number.map(str), span, step)
    return st.one_of(st.just("*"), term, st.lists(term, min_size=1, max_size=3).map(",".join))


EXPRESSIONS = st.tuples(
    field(0, 59),
    st.one_of(field(0, 23), field(0, 4)),
    st.one_of(st.just("*"), field(1, 31)),
    st.one_of(st.just("*"), field(1, 12)),
    st.one_of(st.just("*"), field(0, 7)),
).map(" ".join)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment shortly before its clock is changed, if that happens in the year."""
    zone = draw(st.one_of(st.sampled_from(SHIFTY), st.sampled_from(ZONES)))
    year = draw(st.integers(1990, 2040))
    days = changes(ZoneInfo(zone), year) or [datetime(year, draw(st.integers(1, 12)), 1, tzinfo=UTC)]
    before = draw(st.integers(0, 36 * 3600))
    return zone, draw(st.sampled_from(days)) + timedelta(hours=24) - timedelta(seconds=before)


@settings(max_examples=100)
@given(EXPRESSIONS, moments())
def test_every_fire_is_that_of_a_slow_and_obvious_clock(expression: str, place: tuple[str, datetime]) -> None:
    zone, after = place
    try:
        Cron(expression)
    except InvalidOption:
        assert not list(islice(Obvious(expression).days_in(2000, 2030), 1))
        return
    check(expression, zone, after)


@pytest.mark.parametrize("seed", range(6))
def test_common_expressions_around_every_change_of_the_clock(seed: int) -> None:
    chance = random.Random(seed)
    for zone in SHIFTY:
        year = chance.randrange(1990, 2041)
        for day in changes(ZoneInfo(zone), year):
            minute, hour = chance.randrange(60), chance.choice([0, 0, 1, 2, 3, 23])
            for expression in (
                f"{minute} {hour} * * *", "0 0 * * *", "30 * * * *", f"*/15 {hour} * * *", "0 */6 * * *",
            ):  # fmt: skip
                check(expression, zone, day - timedelta(hours=chance.randrange(24)), days=3)


def local(cron: Cron, n: int, after: datetime) -> list[str]:
    return [fire.isoformat(sep=" ", timespec="minutes") for fire in cron.preview(n, after)]


def test_previews_of_days_on_which_the_clock_is_changed() -> None:
    def at(*date: int) -> datetime:
        return datetime(*date, tzinfo=UTC)  # type: ignore[arg-type, misc]

    berlin = Cron("30 2 * * *", tz="Europe/Berlin")
    assert local(berlin, 3, at(2026, 3, 28)) == [
        "2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00",
    ]  # fmt: skip
    assert local(berlin, 2, at(2026, 10, 25)) == ["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]
    assert local(Cron("30 * * * *", tz="Europe/Berlin"), 3, at(2026, 10, 24, 23, 45)) == [
        "2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", "2026-10-25 03:30+01:00",
    ]  # fmt: skip
    # A whole day that did not happen: its run comes at the first moment after it, once.
    assert local(Cron("0 12 * * *", tz="Pacific/Apia"), 3, at(2011, 12, 29)) == [
        "2011-12-29 12:00-10:00", "2011-12-31 00:00+14:00", "2011-12-31 12:00+14:00",
    ]  # fmt: skip
    # Midnight did not happen, and the run of that day isn't lost.
    assert local(Cron("@daily", tz="America/Sao_Paulo"), 2, at(2018, 11, 3, 12)) == [
        "2018-11-04 01:00-02:00", "2018-11-05 00:00-02:00",
    ]  # fmt: skip
    assert local(Cron("15 2 * * *", tz="Australia/Lord_Howe"), 2, at(2026, 10, 3, 0)) == [
        "2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00",
    ]  # fmt: skip
    # Several skipped times come together, once.
    assert local(Cron("*/10 2 * * *", tz="Europe/Dublin"), 2, at(2026, 3, 28, 12)) == [
        "2026-03-29 02:00+01:00", "2026-03-29 02:10+01:00",
    ]  # fmt: skip
    assert local(Cron("*/10 1 * * *", tz="Europe/Dublin"), 2, at(2026, 3, 28, 12)) == [
        "2026-03-29 02:00+01:00", "2026-03-30 01:00+01:00",
    ]  # fmt: skip


def test_six_fields_begin_with_seconds() -> None:
    after = datetime(2026, 3, 29, 0, 59, 58, 500, tzinfo=UTC)
    cron = Cron("*/15 * * * * *", tz="Europe/Berlin")
    assert [f"{fire:%H:%M:%S}" for fire in cron.preview(3, after)] == ["03:00:00", "03:00:15", "03:00:30"]
    assert cron.latest(after, after + timedelta(days=2)).astimezone(UTC) == datetime(
        2026, 3, 31, 0, 59, 45, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("macro", "plain"),
    [
        ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@Annually", "0 0 1 1 *"),
    ],
)  # fmt: skip
def test_macros(macro: str, plain: str) -> None:
    assert Cron(macro) == Cron(plain)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("61 * * * *", r"'61' can't be the minute; it takes 0-59"),
        ("0 24 * * *", r"'24' can't be the hour; it takes 0-23"),
        ("0 0 32 * *", r"'32' can't be the day of the month; it takes 1-31"),
        ("0 0 * 13 *", r"'13' can't be the month; it takes 1-12 or JAN-DEC"),
        ("0 0 * * MOON", r"'MOON' can't be the day of the week; it takes 0-7 or SUN-SAT"),
        ("60 * * * * *", r"'60' can't be the second; it takes 0-59"),
        ("*/0 * * * *", r"'\*/0' can't be the minute"),
        ("5-1 * * * *", r"'5-1' can't be the minute"),
        ("* * * *", "has 4 fields; it takes 5"),
        ("", "has 0 fields"),
        ("@fortnightly", "there are: @hourly, @daily"),
        ("0 0 30 2 *", "never fires: no date has day 30, month 2"),
        ("0 0 31 4,6 *", "never fires"),
        ("0 0 */31 * MON#2", "never fires"),
        (5, "a cron expression is text"),
    ],
)
def test_what_is_wrong_is_said_at_once(expression: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        Cron(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe", "", 5, None])
def test_a_zone_that_is_not_known(zone: str) -> None:
    with pytest.raises(InvalidOption, match="time zone"):
        Cron("@daily", tz=zone)


def test_zones_as_objects() -> None:
    assert Cron("@daily", tz=ZoneInfo("Europe/Rome")) == Cron("0  0 * * *", tz="Europe/Rome")
    assert Cron("@daily", tz=UTC).tz == "UTC"  # type: ignore[arg-type]


def test_the_29th_of_february_is_worth_waiting_for() -> None:
    after = datetime(2097, 1, 1, tzinfo=UTC)
    assert Cron("0 0 29 2 *").next_run(after) == datetime(2104, 2, 29, tzinfo=UTC)


def test_there_is_an_end() -> None:
    with pytest.raises(InvalidOption, match=r"no fire|names no time"):
        Cron("@yearly").next_run(datetime(9999, 12, 31, tzinfo=UTC))
    with pytest.raises(InvalidOption, match="no fire"):
        Every(86400).next_run(datetime(9999, 12, 31, 12, tzinfo=UTC))


def test_times_without_a_zone_are_refused() -> None:
    for when in (Cron("@daily"), Every(60)):
        with pytest.raises(InvalidOption, match="a time with a zone"):
            when.next_run(datetime(2026, 1, 1))  # noqa: DTZ001


def test_every() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    every = Every(timedelta(minutes=5))
    assert every.preview(2, first) == [first + timedelta(minutes=5), first + timedelta(minutes=10)]
    assert every.latest(first, first + timedelta(minutes=14)) == first + timedelta(minutes=10)
    assert every.latest(first, first + timedelta(minutes=15)) == first + timedelta(minutes=15)
    for wrong in (0, -1, 0.01, timedelta(0), "1h", True):
        with pytest.raises(InvalidOption):
            Every(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "says"),
    [
        (Every(300), "Every 5 minutes"), (Every(3600), "Every hour"), (Every(90.5), "Every 1 minute 30 seconds 500 ms"),
        (Cron("0 3 * * *", tz="Europe/Rome"), "At 03:00 every day, Europe/Rome"),
        (Cron("15 0 3 * * 1-5"), "At 03:00:15 on Monday through Friday, UTC"),
    ],
)  # fmt: skip
def test_in_plain_words(when: Cron | Every, says: str) -> None:
    assert when.describe().replace("milliseconds", "ms") == says


@settings(max_examples=50)
@given(EXPRESSIONS, st.sampled_from(ZONES))
def test_what_is_stored_comes_back(expression: str, zone: str) -> None:
    try:
        cron = Cron(expression, tz=zone)
    except InvalidOption:
        return
    assert decode(cron.encode()) == cron
    assert hash(decode(cron.encode())) == hash(cron)
    assert cron.describe().endswith(f", {zone}")


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "null", '{"cron": 5, "tz": "UTC"}', '{"cron": "@daily"}', '{"every": "x"}', '{"moon": 1}']
)  # fmt: skip
def test_what_is_stored_and_makes_no_sense(text: str) -> None:
    with pytest.raises(InvalidOption):
        decode(text)
    assert decode(Every(1.5).encode()) == Every(timedelta(seconds=1.5))


@pytest.mark.parity("S0.2")
def test_both_serve_as_the_schedule_of_an_outcome() -> None:
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    for by in (Cron("30 2 * * *", tz="Europe/Berlin"), Every(60)):
        assert isinstance(by, Schedule)
        micros = int(now.timestamp()) * 1_000_000
        settlement = settle(claimed(), Reschedule(by), DEFAULT, micros, describe=describe)
        assert settlement.state is JobState.PENDING
        assert settlement.run_at == int(by.next_run(now).timestamp()) * 1_000_000
        assert settlement.attempt == 0


def test_a_fire_is_never_before_the_time_it_counts_from() -> None:
    cron = Cron("* * * * *", tz="Australia/Lord_Howe")
    fires = [fire.astimezone(UTC) for fire in cron.preview(400, datetime(2026, 4, 4, 12, tzinfo=UTC))]
    assert all(later > earlier for earlier, later in pairwise(fires))
