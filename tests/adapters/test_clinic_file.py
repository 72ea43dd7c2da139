"""A practice in one file: what can be written, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from medsched.adapters.clinic_file import Clinic, load_clinic, read_clinic
from medsched.adapters.memory import MemoryStore
from medsched.domain.appointment_types import Grid, Modality, Need, Pricing
from medsched.domain.availability import OverrideKind
from medsched.domain.claims import ClaimKind
from medsched.domain.hours import Hours
from medsched.domain.people import Travel
from medsched.domain.records import Resource, ResourceKind
from medsched.scheduler import Scheduler
from medsched.timeline.instants import FIRST_DATE
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday


def clinic(**tables: Any) -> Clinic:
    """A clinic of these tables, with a practice, two places, two providers and two types."""
    base: dict[str, Any] = {
        "practice": {"id": "riverside", "timezone": "America/New_York"},
        "locations": [{"id": "main"}, {"id": "west", "timezone": "America/Los_Angeles"}],
        "rooms": [{"id": "r1", "location": "main"}, {"id": "r2", "location": "west"}],
        "devices": [{"id": "scan"}],
        "providers": [{"id": "smith", "location": "main"}, {"id": "jones"}],
        "patients": [{"id": "ehr-1"}],
        "types": [{"code": "visit", "duration": "30m"}, {"code": "group", "duration": "1h"}],
    }
    return read_clinic(base | tables)


def rule(**fields: Any) -> Any:
    given = {"provider": "smith", "repeat": "daily", "hours": "09:00-17:00"} | fields
    kept = {name: value for name, value in given.items() if value is not None}
    return clinic(rules=[kept]).rules[0]


def test_the_least_that_a_file_holds() -> None:
    found = read_clinic({"practice": {"id": "solo", "timezone": "Asia/Tokyo"}})
    assert found.settings.id == "solo"
    assert found.settings.timezone == "Asia/Tokyo"
    assert found.records == (found.settings,)
    assert found.busy == ()


# ----------------------------------------------------------------------- records


def test_places() -> None:
    found = clinic(
        locations=[
            {
                "id": "main",
                "name": "Main Street",
                "kind": "hospital",
                "phone": "212-555-0100",
                "exclusive": True,
                "address": {"line": "1 Main St", "city": "Albany", "postal_code": "12207"},
            },
            {"id": "west"},
        ],
        rooms=[{"id": "r1", "name": "Room 1", "location": "main", "capacity": 6}],
        devices=[{"id": "scan", "name": "Scanner", "location": "main", "active": False}],
    )
    assert str(found.locations[0].address) == "1 Main St, Albany, 12207"
    assert found.locations[0].exclusive
    assert found.rooms[0].capacity == 6
    assert not found.devices[0].active


def test_people() -> None:
    found = clinic(
        providers=[
            {
                "id": "smith",
                "name": "Dr. Smith",
                "timezone": "America/Chicago",
                "specialties": ["cardiology"],
                "languages": "en",
                "insurers": ["Acme"],
                "licence_number": "NY-1",
                "years_of_experience": 15,
                "rating": 4.8,
                "durations": {"visit": "20m"},
                "travels": [{"timezone": "Europe/Rome", "from": "2026-06-01", "to": "2026-06-07"}],
                "notice": "2h",
                "furthest_ahead": "90 days",
                "days_ahead": 60,
            }
        ],
        staff=[{"id": "front", "name": "Front desk", "department": "Reception"}],
        patients=[{"id": "ehr-1"}, {"id": "ehr-2", "birth_date": date(1950, 2, 3)}],
    )
    smith = found.providers[0]
    assert smith.own_duration("visit") == timedelta(minutes=20)
    assert smith.travels == (Travel("Europe/Rome", date(2026, 6, 1), date(2026, 6, 7)),)
    assert (smith.notice, smith.furthest_ahead) == (timedelta(hours=2), timedelta(days=90))
    assert found.staff[0].department == "Reception"
    assert found.patients[1].birth_date == date(1950, 2, 3)


def test_types() -> None:
    found = clinic(
        types=[
            {"code": "visit", "duration": "30m", "grid": "packed", "modality": "phone"},
            {"code": "group", "duration": "1h", "capacity": 8, "grid": "window"},
            {
                "code": "scan",
                "duration": "PT45M",
                "buffer_before": "5m",
                "buffer_after": "10 min",
                "buffers_within_hours": True,
                "grid": {"every": "15m", "offset": "5m"},
                "needs": [
                    {"room": ["r1", "r2"], "before": "5m", "after": "10m"},
                    {"device": "scan"},
                ],
                "pricing": {"base_fee": 99.1, "currency": "EUR", "insurance_accepted": True},
                "special_requirements": ["fasting"],
            },
        ]
    )
    visit, _, scan = found.appointment_types
    assert visit.modality is Modality.PHONE
    assert visit.grid == Grid.packed()
    assert scan.grid == Grid.clock(timedelta(minutes=15), offset=timedelta(minutes=5))
    five, ten = timedelta(minutes=5), timedelta(minutes=10)
    assert scan.needs == (Need.room("r1", "r2", before=five, after=ten), Need.device("scan"))
    assert scan.pricing == Pricing(
        base_fee=Decimal("99.1"), currency="EUR", insurance_accepted=True
    )


@pytest.mark.parametrize(
    "written, minutes",
    [
        ("30m", 30),
        ("30 min", 30),
        ("90 minutes", 90),
        ("1h30m", 90),
        ("1 h 30 min", 90),
        ("1.5 hours", 90),
        ("120s", 2),
        ("1 day", 1440),
        ("1w", 10080),
        ("PT30M", 30),
        ("PT1H30M", 90),
        ("P1DT1H", 1500),
    ],
)
def test_durations(written: str, minutes: int) -> None:
    assert clinic(
        practice={"id": "p", "timezone": "UTC", "shortest_slot": "1m", "longest_slot": "7d"},
        types=[
            {"code": "visit", "duration": written},
            {"code": "group", "duration": "1h"},
        ],
    ).appointment_types[0].duration == timedelta(minutes=minutes)


# ------------------------------------------------------------------ opening hours


def test_opening_hours_are_rules_of_the_place() -> None:
    found = clinic(
        practice={"id": "riverside", "timezone": "UTC", "hours": "07:00-20:00"},
        locations=[
            {
                "id": "main",
                "hours": {"Mon-Fri": ["08:00-12:00", "13:00-18:00"], "SA": "09:00-12:00"},
            },
            {"id": "west", "hours": {"monday,wed": ["10:00-11:00"], "SU": []}},
        ],
        rooms=[{"id": "r1", "location": "main", "hours": {"Fri to Mon": "08:00-17:00"}}],
        providers=[{"id": "smith", "hours": {"TU": "22:00-06:00 overnight"}}, {"id": "jones"}],
    )
    assert [(rule.id, str(rule.resource)) for rule in found.rules] == [
        ("practice riverside MO-SU", "practice riverside"),
        ("location main MO-FR", "location main"),
        ("location main SA", "location main"),
        ("location west MO,WE", "location west"),
        ("room r1 MO,FR,SA,SU", "room r1"),
        ("provider smith TU", "provider smith"),
    ]
    assert found.rules[1].recurrence == Recurrence.weekly("MO-FR", start=FIRST_DATE)
    assert found.rules[1].hours == (Hours("08:00", "12:00"), Hours("13:00", "18:00"))
    assert found.rules[5].hours[0].overnight


# -------------------------------------------------------------------- recurrences

START = date(2026, 1, 5)


@pytest.mark.parametrize(
    "written, meant",
    [
        ({"repeat": "daily"}, Recurrence.daily(FIRST_DATE)),
        ({"repeat": "daily", "every": 3, "from": START}, Recurrence.daily(START, every=3)),
        ({"repeat": "weekdays", "from": START}, Recurrence.weekdays(START)),
        (
            {"repeat": "weekly", "days": "MO-FR", "from": START, "until": date(2026, 6, 30)},
            Recurrence.weekly("MO-FR", start=START, until=date(2026, 6, 30)),
        ),
        (
            {"repeat": "weekly", "days": ["Tue", "thursday"], "every": 2, "from": "2026-01-05"},
            Recurrence.weekly("TU,TH", start=START, every=2),
        ),
        ({"repeat": None, "days": "mon–wed"}, Recurrence.weekly("MO-WE", start=FIRST_DATE)),
        ({"repeat": "weekly", "from": START}, Recurrence.weekly(None, start=START)),
        (
            {"repeat": "monthly", "on_day": 15, "from": START, "count": 4},
            Recurrence.monthly(15, start=START, count=4),
        ),
        ({"repeat": "monthly", "on_day": [1, -1]}, Recurrence.monthly([1, -1], start=FIRST_DATE)),
        ({"repeat": "monthly", "on": "2TU"}, Recurrence.monthly_on("2TU", start=FIRST_DATE)),
        (
            {"repeat": "monthly", "on": ["1MO", "-1FR"], "from": START},
            Recurrence.monthly_on("1MO,-1FR", start=START),
        ),
        ({"repeat": "yearly", "from": START}, Recurrence.yearly(start=START)),
        ({"repeat": None, "date": START}, Recurrence.once(START)),
        (
            {"repeat": None, "dates": [START, date(2026, 2, 1)]},
            Recurrence.dates(START, date(2026, 2, 1)),
        ),
        (
            {"repeat": None, "rrule": "FREQ=MONTHLY;BYDAY=2TU", "from": START},
            Recurrence.parse("FREQ=MONTHLY;BYDAY=2TU", start=START),
        ),
        (
            {"repeat": "daily", "from": START, "also": date(2026, 1, 1), "except": [START]},
            Recurrence.daily(START, rdates=[date(2026, 1, 1)], exdates=[START]),
        ),
    ],
)
def test_recurrences(written: dict[str, Any], meant: Recurrence) -> None:
    assert rule(**written).recurrence == meant


# ------------------------------------------------------------- rules and overrides


def test_a_rule_states_everything_that_the_domain_knows() -> None:
    found = rule(
        id="mornings",
        location="west",
        room="r2",
        hours=["09:00-12:00", "13:00-17:00"],
        breaks="10:00-10:15",
        types=["visit", "group"],
        type_days={"group": "WE"},
        slot_duration="30m",
        durations={"group": "90m"},
        break_duration="15m",
        step="1h",
        capacity=3,
        pricing={"base_fee": "150.00"},
        special_requirements=["fasting_required"],
        timezone="America/Denver",
        disambiguation="reject",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 12, 31),
        merge=True,
        notes="ordinary",
        active=False,
    )
    assert (found.id, found.location, found.room) == ("mornings", "west", "r2")
    assert found.types == {"visit", "group"}
    assert found.days_for("group") == {Weekday.WE}
    assert found.stated_duration("group") == timedelta(minutes=90)
    assert (found.capacity, found.merge, found.active) == (3, True, False)
    assert found.disambiguation is Disambiguation.REJECT
    assert found.pricing.base_fee == Decimal("150.00")
    assert found.windows == ((540, 600), (615, 720), (780, 1020))


@pytest.mark.parametrize(
    "owner, meant",
    [
        ({"provider": "smith"}, Resource(ResourceKind.PROVIDER, "smith")),
        ({"location": "main"}, Resource(ResourceKind.LOCATION, "main")),
        ({"room": "r1"}, Resource(ResourceKind.ROOM, "r1")),
        ({"device": "scan"}, Resource(ResourceKind.DEVICE, "scan")),
        ({"practice": True}, Resource(ResourceKind.PRACTICE, "riverside")),
    ],
)
def test_everything_may_have_rules_and_closures(owner: dict[str, Any], meant: Resource) -> None:
    found = clinic(
        rules=[{**owner, "repeat": "daily", "hours": "09:00-17:00"}],
        overrides=[{**owner, "kind": "closed", "date": START}],
        time_off=[{**owner, "from": START, "to": START}],
        blockings=[{**owner, "days": "MO", "hours": "12:00-13:00", "reason": "team meeting"}],
    )
    assert found.rules[0].resource == meant
    assert [one.resource for one in found.overrides] == [meant, meant]
    assert found.blockings[0].resource == meant


def test_ids_that_are_left_out_name_the_place_in_the_file() -> None:
    daily = {"repeat": "daily", "provider": "smith"}
    found = clinic(
        rules=[{**daily, "hours": "09:00-10:00"}, {**daily, "hours": "11:00-12:00"}],
        overrides=[{"provider": "smith", "kind": "closed", "date": START}],
        time_off=[{"provider": "smith", "date": START}],
        holidays=[{"date": START, "name": "Our day"}],
        blockings=[{**daily, "hours": "12:00-13:00"}],
        busy=[{"provider": "smith", "start": "2026-01-05 09:00", "duration": "30m"}],
    )
    assert [one.id for one in found.rules] == ["rules[0]", "rules[1]"]
    assert [one.id for one in found.overrides] == ["overrides[0]", "time_off[0]", "holidays[0]"]
    assert [one.id for one in found.blockings] == ["blockings[0]"]
    assert [one.id for one in found.busy] == ["busy[0]"]


def test_overrides_of_each_kind() -> None:
    found = clinic(
        overrides=[
            {
                "kind": "closed",
                "provider": "smith",
                "location": "west",
                "date": START,
                "hours": "13:00-17:00",
                "types": "group",
                "priority": 2,
                "reason": "no groups",
            },
            {
                "kind": "extra",
                "provider": "smith",
                "room": "r1",
                "date": START,
                "hours": "18:00-20:00",
                "capacity": 2,
            },
            {
                "kind": "replaced",
                "provider": "jones",
                "from": START,
                "to": date(2026, 1, 9),
                "hours": "10:00-15:00",
                "breaks": "12:00-13:00",
                "whole_shifts": True,
            },
        ],
        time_off=[{"provider": "smith", "date": date(2026, 2, 2), "hours": "13:00-17:00"}],
    )
    closed, extra, replaced, off = found.overrides
    assert (closed.kind, closed.types, closed.location) == (
        OverrideKind.CLOSED,
        frozenset({"group"}),
        "west",
    )
    assert (extra.kind, extra.room, extra.capacity) == (OverrideKind.EXTRA, "r1", 2)
    assert (replaced.first, replaced.last) == (START, date(2026, 1, 9))
    assert replaced.windows == ((600, 720), (780, 900))
    assert off.windows == ((780, 1020),)


def test_public_holidays_close_the_practice() -> None:
    pytest.importorskip("holidays")
    found = clinic(holidays=[{"country": "US", "subdivision": "WA", "years": [2026]}])
    christmas = next(one for one in found.overrides if one.first == date(2026, 12, 25))
    assert christmas.id == "holidays[0] 2026-12-25"
    assert christmas.reason == "Christmas Day"
    assert str(christmas.resource) == "practice riverside"
    assert {one.first.year for one in found.overrides} == {2026}


def test_a_plain_holiday_may_be_of_one_place() -> None:
    (found,) = clinic(holidays=[{"date": START, "name": "Fair", "location": "west"}]).overrides
    assert str(found.resource) == "location west"
    assert found.reason == "Fair"


# ---------------------------------------------------------------------------- busy


def busy(**fields: Any) -> Any:
    scan = {
        "code": "scan",
        "duration": "40m",
        "buffer_before": "5m",
        "buffer_after": "10m",
        "needs": [{"room": ["r1", "r2"], "after": "20m"}],
    }
    return clinic(
        types=[{"code": "visit", "duration": "30m"}, {"code": "group", "duration": "1h"}, scan],
        providers=[
            {"id": "smith", "location": "main", "durations": {"scan": "50m"}},
            {
                "id": "jones",
                "timezone": "America/Chicago",
                "travels": [{"timezone": "Europe/Rome", "from": "2026-06-01", "to": "2026-06-07"}],
            },
        ],
        busy=[fields],
    ).busy


@pytest.mark.parametrize(
    "fields, hour",
    [
        ({"provider": "smith", "start": datetime(2026, 1, 5, 9)}, 14),
        ({"provider": "smith", "start": "2026-01-05T09:00"}, 14),
        ({"provider": "smith", "start": "2026-01-05 09:00+01:00"}, 8),
        ({"provider": "smith", "start": datetime(2026, 1, 5, 9, tzinfo=UTC)}, 9),
        ({"provider": "smith", "location": "west", "start": datetime(2026, 1, 5, 9)}, 17),
        ({"provider": "smith", "timezone": "Asia/Tokyo", "start": datetime(2026, 1, 5, 9)}, 0),
        ({"provider": "jones", "start": datetime(2026, 1, 5, 9)}, 15),
        ({"provider": "jones", "start": datetime(2026, 6, 1, 9)}, 7),
        ({"room": "r2", "start": datetime(2026, 1, 5, 9)}, 17),
        ({"patient": "ehr-1", "start": datetime(2026, 1, 5, 9)}, 14),
    ],
)
def test_busy_time_is_meant_in_the_nearest_zone(fields: dict[str, Any], hour: int) -> None:
    claim = busy(duration="1h", **fields)[0]
    assert (claim.start.hour, claim.end - claim.start) == (hour, timedelta(hours=1))


def test_a_busy_time_of_a_type_takes_what_an_appointment_would() -> None:
    provider, room, patient = busy(
        provider="smith", room="r1", patient="ehr-1", type="scan", start=datetime(2026, 1, 5, 9)
    )
    minutes = [
        (str(claim.resource), claim.start.strftime("%H:%M"), claim.end.strftime("%H:%M"))
        for claim in (provider, room, patient)
    ]
    assert minutes == [
        ("provider smith", "13:55", "15:00"),
        ("room r1", "14:00", "15:10"),
        ("patient ehr-1", "14:00", "14:50"),
    ]
    assert {claim.id for claim in (provider, room, patient)} == {"busy[0]"}


def test_seats_that_are_taken_are_a_session() -> None:
    (claim,) = busy(provider="smith", type="group", start=datetime(2026, 1, 5, 9), seats_taken=3)
    assert claim.session is not None
    assert (claim.session.type, claim.session.location, claim.session.taken) == ("group", "main", 3)
    assert claim.session.start == claim.low


def test_holds_and_blockings() -> None:
    (hold,) = busy(
        provider="smith",
        kind="hold",
        start=datetime(2026, 1, 5, 9),
        end=datetime(2026, 1, 5, 10),
        expires="2026-01-05T08:00",
    )
    assert hold.kind is ClaimKind.HOLD
    assert hold.expires == datetime(2026, 1, 5, 13, tzinfo=UTC)
    (blocked,) = busy(room="r1", kind="blocking", start=datetime(2026, 1, 5, 9), duration="2h")
    assert blocked.kind is ClaimKind.BLOCKING


# ------------------------------------------------------------------------- files


def test_a_file_is_read_as_the_dict_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text(
        """
        [practice]
        id = "riverside"
        timezone = "America/New_York"

        [[providers]]
        id = "smith"
        name = "Dr. Ångström"
        hours = { "MO-FR" = ["09:00-12:00"] }

        [[busy]]
        provider = "smith"
        start = 2026-01-05T09:00:00
        end = 2026-01-05 10:00:00-05:00
        """,
        "utf-8",
    )
    found = load_clinic(path)
    assert found == load_clinic(str(path))
    assert found.providers[0].name == "Dr. Ångström"
    assert found.busy[0].end - found.busy[0].start == timedelta(hours=1)


def test_a_clinic_is_stored_as_a_whole() -> None:
    found = clinic(
        rules=[{"provider": "smith", "days": "MO", "hours": "09:00-17:00"}],
        time_off=[{"provider": "smith", "date": START}],
        blockings=[{"provider": "smith", "days": "MO", "hours": "12:00-13:00"}],
    )
    practice = Scheduler(MemoryStore()).practice(found.settings.id)
    practice.add_all(found.records)
    assert practice.settings.get().timezone == "America/New_York"
    assert practice.providers.get("smith").location == "main"
    assert practice.availability.rules.get("rules[0]").hours == (Hours("09:00", "17:00"),)
    assert practice.availability.overrides.get("time_off[0]").first == START
    assert practice.availability.blockings.get("blockings[0]").resource.id == "smith"
