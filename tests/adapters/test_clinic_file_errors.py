"""Mistakes in a clinic file: all of them at once, each with its table and field."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from medsched.adapters.clinic_file import load_clinic, read_clinic
from medsched.adapters.tzdata import TzdataZones
from medsched.errors import ClinicFileError, Problem

DAILY = {"provider": "smith", "repeat": "daily", "hours": "09:00-17:00"}


def problems(**tables: Any) -> list[Problem]:
    base: dict[str, Any] = {
        "practice": {"id": "riverside", "timezone": "America/New_York"},
        "locations": [{"id": "main"}],
        "rooms": [{"id": "r1", "location": "main"}],
        "providers": [{"id": "smith"}],
        "patients": [{"id": "ehr-1"}],
        "types": [{"code": "visit", "duration": "30m"}],
    }
    with pytest.raises(ClinicFileError) as caught:
        read_clinic(base | tables, "riverside.toml")
    assert caught.value.source == "riverside.toml"
    return list(caught.value.problems)


def one(**tables: Any) -> Problem:
    found = problems(**tables)
    assert len(found) == 1, found
    return found[0]


def lines(**tables: Any) -> list[str]:
    return [str(problem) for problem in problems(**tables)]


# ---------------------------------------------------------------------- the file


def unreadable(path: Path) -> str:
    with pytest.raises(ClinicFileError) as caught:
        load_clinic(path)
    assert caught.value.source == str(path)
    return caught.value.problems[0].message


def test_a_path_that_no_file_can_be_read_from(tmp_path: Path) -> None:
    assert unreadable(tmp_path / "none.toml") == "there is no such file"
    assert "directory" in unreadable(tmp_path)
    assert "cannot be read" in unreadable(tmp_path / ("x" * 5000))


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "Ångström"'.encode("latin-1"))
    assert unreadable(path) == "is not UTF-8 text (byte 9)"


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('[practice]\nid = "riverside"\ntimezone = UTC\n', "utf-8")
    assert "line 3" in unreadable(path)
    path.write_text("[practice]\nday = 2026-02-30\n", "utf-8")
    assert "line 2" in unreadable(path)


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    found = lines(
        practise={},
        locations=[{"id": "main", "hours": {"MO": "9-5"}}],
        providers=[{"id": "smith", "timezone": "America/New_Yrok", "rating": 6, "phone": "1"}],
        types=[{"code": "visit", "duration": "0m", "capacity": 0}, {"duration": "half an hour"}],
        rules=[{**DAILY, "hours": "17:00-09:00", "types": "vist", "notes": "x" * 501}],
    )
    assert [line.partition(": ")[0] for line in found] == [
        "practise",
        "locations[0].hours.MO",
        "providers[0].timezone",
        "providers[0].phone",
        "providers[0].rating",
        "types[0].duration",
        "types[0].capacity",
        "types[1].duration",
        "types[1].code",
        "rules[0].hours",
        "rules[0].notes",
        "rules[0].types",
    ]
    assert found[0] == "practise: no such table; did you mean 'practice'?"
    assert found[1].endswith("(got '9-5')")
    assert "is not in the IANA database; did you mean America/New_York" in found[2]
    assert found[4] == "providers[0].rating: a number from 0 to 5 (got 6)"
    assert found[5] == "types[0].duration: must be longer than zero (got 0m)"
    assert "the end is not after the start" in found[9]
    assert found[10] == "rules[0].notes: longer than 500 characters (got 501)"
    assert found[11].endswith("no appointment type 'vist' in this file; did you mean 'visit'?")


# -------------------------------------------------------------- tables and fields


@pytest.mark.parametrize(
    "tables, told",
    [
        ({"practice": None}, "practice: is missing: [practice] with its id and timezone"),
        ({"practice": {"id": "p"}}, "practice.timezone: is missing"),
        ({"practice": {"timezone": "UTC"}}, "practice.id: is missing"),
        ({"practice": [{}]}, "practice: stands once, in single brackets: [practice]"),
        (
            {"rooms": {"id": "r1"}},
            "rooms: may stand several times, in double brackets: [[rooms]]",
        ),
        ({"staff": ["Ann"]}, "staff[0]: a table is needed"),
        ({"staff": [{}]}, "staff[0].id: is missing"),
        (
            {"staff": [{"id": ""}]},
            "staff[0].id: an id is a string of at least one character (got '')",
        ),
        ({"staff": [{"id": 7}]}, 'staff[0].id: a text in "quotes" is needed (got 7)'),
        ({"rooms": [{"id": "r1"}]}, "rooms[0].location: is missing"),
        ({"provider": []}, "provider: no such table; did you mean 'providers'?"),
        (
            {"staff": [{"id": "a", "departement": "x"}]},
            "staff[0].departement: no such field; did you mean 'department'?",
        ),
        ({"staff": [{"id": "a"}, {"id": "a"}]}, "staff[1].id: staff[0] has the same id"),
        (
            {"types": [{"code": "visit", "duration": "30m"}] * 2},
            "types[1].code: types[0] has the same code",
        ),
        (
            {"rules": [{**DAILY, "id": "a"}, {**DAILY, "hours": "18:00-19:00", "id": "a"}]},
            "rules[1].id: rules[0] has the same id",
        ),
    ],
)
def test_tables_that_are_no_tables(tables: dict[str, Any], told: str) -> None:
    assert lines(**tables) == [told]


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"duration": 30}, "duration", "a duration is needed"),
        ({"duration": "-5m"}, "duration", "must be longer than zero"),
        ({"duration": "90s"}, "duration", "not a whole number of minutes"),
        ({"duration": "P1M"}, "duration", "a duration is needed"),
        ({"duration": "99999999999999d"}, "duration", "far too long"),
        ({"duration": "2m"}, "duration", "slots of this practice last 5 to 1440 minutes"),
        ({"duration": "2 days"}, "duration", "slots of this practice last 5 to 1440 minutes"),
        ({"buffer_after": "-10m"}, "buffer_after", "must not be negative"),
        ({"capacity": True}, "capacity", "a whole number is needed"),
        ({"modality": "fax"}, "modality", "must be one of in_person, telehealth"),
        ({"grid": "hourly"}, "grid", 'must be "window", "packed"'),
        ({"grid": {"offset": "5m"}}, "grid.every", "is missing"),
        ({"grid": {"every": "0m"}}, "grid.every", "must be longer than zero"),
        ({"grid": {"every": "5m", "offset": "5m"}}, "grid.offset", "shorter than the interval"),
        ({"needs": {"room": "r1"}}, "needs", "a list in [brackets] is needed"),
        ({"needs": [{"room": "r1", "device": "d"}]}, "needs[0]", "one of the two"),
        ({"needs": [{}]}, "needs[0]", "for a room or for a device"),
        ({"needs": [{"room": []}]}, "needs[0].room", "at least one resource"),
        ({"needs": [{"room": "r9"}]}, "needs[0].room", "there is no room 'r9' in this file"),
        ({"needs": [{"room": "r1", "after": "-1m"}]}, "needs[0].after", "must not be negative"),
        ({"pricing": {"base_fee": "free"}}, "pricing.base_fee", "not an amount of money"),
        ({"pricing": {"base_fee": float("nan")}}, "pricing.base_fee", "not an amount of money"),
        ({"pricing": {"base_fee": "Infinity"}}, "pricing.base_fee", "not an amount of money"),
        ({"pricing": {"base_fee": -1}}, "pricing.base_fee", "a number from 0"),
        ({"pricing": {"currency": "dollar"}}, "pricing.currency", "three capital letters"),
        ({"special_requirements": [""]}, "special_requirements", "short text, not empty"),
        ({"special_requirements": [1]}, "special_requirements[0]", "a text"),
    ],
)
def test_types(fields: dict[str, Any], field: str, told: str) -> None:
    found = problems(types=[{"code": "visit", "duration": "30m"} | fields])
    assert (found[0].table, found[0].field) == ("types[0]", field)
    assert told in found[0].message
    assert all(problem.table == "types[0]" for problem in found)


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"timezone": "../etc/passwd"}, "timezone", "not in the IANA database"),
        ({"timezone": "EST5EDT "}, "timezone", "not in the IANA database"),
        ({"timezone": ""}, "timezone", "not in the IANA database"),
        ({"location": "mian"}, "location", "there is no location 'mian'"),
        ({"name": "x" * 256}, "name", "longer than 255 characters"),
        ({"rating": "good"}, "rating", "a number is needed"),
        ({"active": "yes"}, "active", "true or false is needed"),
        ({"durations": {"vist": "20m"}}, "durations.vist", "did you mean 'visit'?"),
        ({"durations": {"visit": "1m"}}, "durations.visit", "slots of this practice last"),
        ({"durations": {"visit": "0m"}}, "durations.visit", "must be longer than zero"),
        ({"durations": "20m"}, "durations", "a table is needed"),
        ({"travels": [{"timezone": "Europe/Rome"}]}, "travels[0].from", "is missing"),
        (
            {
                "travels": [
                    {"timezone": "Europe/Rme", "from": date(2026, 1, 1), "to": date(2026, 1, 2)}
                ]
            },
            "travels[0].timezone",
            "did you mean",
        ),
        (
            {
                "travels": [
                    {"timezone": "Europe/Rome", "from": date(2026, 1, 9), "to": date(2026, 1, 2)}
                ]
            },
            "travels[0].to",
            "must not be before",
        ),
        (
            {
                "travels": [
                    {"timezone": "Europe/Rome", "from": date(2026, 1, 1), "to": date(2026, 1, 9)},
                    {"timezone": "Asia/Tokyo", "from": date(2026, 1, 9), "to": date(2026, 1, 9)},
                ]
            },
            "travels",
            "two zones on one date",
        ),
        ({"hours": {}}, "hours", "no hours at all"),
        ({"hours": {"XX": "09:00-10:00"}}, "hours.XX", "a weekday is needed"),
        ({"hours": {"MO": "09:00-25:00"}}, "hours.MO", "not a time of day"),
        ({"hours": {"MO": ["09:00-12:00", "11:00-13:00"]}}, "hours", "overlaps the hours before"),
        (
            {"hours": {"MO-FR": "09:00-12:00", "WE": "11:00-13:00"}},
            "hours",
            "rules 'provider smith MO-FR' and 'provider smith WE' of",
        ),
        ({"notice": "-1h"}, "notice", "must not be negative"),
        ({"days_ahead": -1}, "days_ahead", "a whole number from 0"),
    ],
)
def test_providers(fields: dict[str, Any], field: str, told: str) -> None:
    found = problems(providers=[{"id": "smith"} | fields])
    assert (found[0].table, found[0].field) == ("providers[0]", field)
    assert told in found[0].message


def test_a_patients_values_are_never_shown() -> None:
    secret = "Ada Lovelace " * 30
    found = lines(
        patients=[
            {
                "id": "ehr-1",
                "name": secret,
                "birth_date": "1815-12-40",
                "phone": 5551234,
                "email": ["ada@example.org"],
                "address": {"line": secret, "town": "Marylebone"},
                "insurance_number": "N" * 61,
                "ssn": "078-05-1120",
            }
        ]
    )
    assert len(found) == 8
    told = "\n".join(found)
    for value in ("Ada", "1815", "555", "example", "Marylebone", "NNN", "078"):
        assert value not in told
    assert "patients[0].birth_date: there is no such date" in found
    assert "patients[0].address.line: longer than 255 characters" in found


# ------------------------------------------------------------ rules and overrides


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"provider": None}, "", "whose it is must be clear; give one of provider, location"),
        ({"provider": None, "practice": False}, "", "whose it is must be clear"),
        ({"provider": None, "room": "r1", "location": "main"}, "", "location and room are given"),
        ({"practice": True}, "", "provider and practice are given"),
        ({"provider": "smiht"}, "provider", "did you mean 'smith'?"),
        ({"room": "r7"}, "room", "there is no room 'r7'"),
        ({"hours": None}, "hours", "is missing"),
        ({"hours": []}, "hours", "no whole minute is open"),
        ({"hours": "09:00-25:00"}, "hours", "not a time of day"),
        ({"hours": "24:00-25:00"}, "hours", "not a time of day"),
        ({"hours": 9}, "hours", "a list in [brackets] is needed"),
        ({"hours": ["09:00-12:00", "noon"]}, "hours[1]", "hours are written HH:MM-HH:MM"),
        ({"hours": "09:00-17:00 overnight"}, "hours", "overnight hours end on the next date"),
        ({"breaks": "18:00-19:00"}, "breaks", "lies outside every window"),
        ({"slot_duration": "9h"}, "slot_duration", "longer than the longest window"),
        ({"slot_duration": "1m"}, "slot_duration", "slots of this practice last"),
        ({"durations": {"visit": "9h"}}, "durations", "longer than the longest window"),
        ({"break_duration": "-1m"}, "break_duration", "must not be negative"),
        ({"step": "0m"}, "step", "must be longer than zero"),
        ({"hours": "09:00-09:20", "types": "visit"}, "types", "'visit' takes 30m, the longest"),
        ({"types": []}, "types", "an empty set allows nothing"),
        ({"types": ["visit", "x"]}, "types[1]", "there is no appointment type 'x'"),
        ({"type_days": {"x": "MO"}}, "type_days.x", "there is no appointment type 'x'"),
        ({"type_days": {"visit": "XX"}}, "type_days.visit", "a weekday is needed"),
        ({"disambiguation": "guess"}, "disambiguation", "must be one of compatible, earlier"),
        ({"valid_from": "2026-02-30"}, "valid_from", "there is no such date"),
        ({"valid_from": date(9999, 1, 1)}, "valid_from", "outside 1973 to 9998"),
        ({"valid_from": datetime(2026, 1, 1)}, "valid_from", "a date is needed"),
        (
            {"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 1)},
            "valid_to",
            "must not be before valid_from",
        ),
        ({"merge": 1}, "merge", "true or false is needed"),
        # on which dates
        ({"repeat": None}, "", "on which dates is missing"),
        ({"repeat": "weekley"}, "repeat", "did you mean 'weekly'?"),
        ({"repeat": "hourly"}, "repeat", "must be one of daily"),
        ({"date": date(2026, 1, 5)}, "date", "not together with repeat"),
        ({"days": "MO"}, "days", 'does not go with repeat = "daily"'),
        ({"repeat": "weekly"}, "from", "is missing: the date to count from"),
        ({"repeat": "weekly", "days": "MO", "every": 2}, "from", "the date to count from"),
        ({"count": 5}, "from", "the date to count from"),
        ({"repeat": "yearly"}, "from", "the date to count from"),
        ({"repeat": "weekly", "days": "MOO"}, "days", "a weekday is needed"),
        ({"repeat": "monthly"}, "on_day", "monthly needs either on_day"),
        ({"repeat": "monthly", "on_day": 32}, "on_day", "must be 1 to 31"),
        ({"repeat": "monthly", "on": "6TU"}, "on", "no month has so many"),
        ({"repeat": "monthly", "on": "TU2"}, "on", "a weekday is needed, such as MO, 2TU"),
        ({"every": 0, "from": date(2026, 1, 5)}, "every", "at least 1"),
        ({"count": 0, "from": date(2026, 1, 5)}, "count", "at least 1"),
        ({"from": "soon"}, "from", "a date is needed, such as 2026-01-05"),
        ({"from": date(2026, 1, 5), "until": date(2026, 1, 1)}, "until", "before the start"),
        (
            {"from": date(2026, 1, 5), "until": date(2026, 2, 1), "count": 3},
            "count",
            "not together with UNTIL",
        ),
        (
            {"repeat": None, "date": date(2026, 1, 5), "except": [date(2026, 1, 5)]},
            "except",
            "takes every date away",
        ),
        ({"repeat": None, "dates": []}, "dates", "at least one"),
        ({"repeat": None, "rrule": "FREQ=DAILY"}, "from", "the date that the rrule counts from"),
        (
            {"repeat": None, "rrule": "FREQ=HOURLY", "from": date(2026, 1, 5)},
            "rrule",
            "finer than a day",
        ),
        (
            {"repeat": None, "rrule": "FREQ=DAILY;BYHOUR=9", "from": date(2026, 1, 5)},
            "rrule",
            "BYHOUR: finer than a day",
        ),
        (
            {
                "repeat": None,
                "rrule": "FREQ=DAILY;UNTIL=20260201T090000Z",
                "from": date(2026, 1, 5),
            },
            "rrule",
            "UNTIL: has a time part",
        ),
        (
            {
                "repeat": None,
                "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
                "from": date(2026, 1, 5),
            },
            "rrule",
            "never occurs",
        ),
    ],
)
def test_rules(fields: dict[str, Any], field: str, told: str) -> None:
    kept = {name: value for name, value in (DAILY | fields).items() if value is not None}
    found = one(rules=[kept])
    assert (found.table, found.field) == ("rules[0]", field)
    assert told in found.message


def test_rules_that_overlap_name_the_first_instant() -> None:
    found = one(
        rules=[
            {**DAILY, "days": "MO-FR", "repeat": "weekly", "from": date(2026, 1, 5)},
            {**DAILY, "provider": "smith", "from": date(2026, 1, 10), "hours": "16:00-18:00"},
        ]
    )
    assert found.table == "rules[1]"
    assert "'rules[0]' and 'rules[1]'" in found.message
    assert "2026-01-12T21:00" in found.message


def test_overrides_that_contradict_each_other() -> None:
    replaced = {"kind": "replaced", "provider": "smith", "date": date(2026, 1, 5)}
    found = one(
        overrides=[{**replaced, "hours": "09:00-10:00"}, {**replaced, "hours": "11:00-12:00"}]
    )
    assert found.table == "overrides[1]"
    assert "contradict" in found.message


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"kind": None}, "kind", "is missing: closed, extra or replaced"),
        ({"kind": "shut"}, "kind", "must be one of closed, extra, replaced"),
        ({"kind": "extra"}, "hours", "is missing"),
        ({"capacity": 2}, "capacity", "does not go with closed"),
        ({"date": None}, "date", "is missing; or give from and to"),
        ({"from": date(2026, 1, 5)}, "from", "not together with date"),
        ({"date": None, "from": date(2026, 1, 5)}, "to", "both dates are needed"),
        ({"date": None, "to": date(2026, 1, 5)}, "from", "both dates are needed"),
        (
            {"date": None, "from": date(2026, 1, 5), "to": date(2026, 1, 4)},
            "to",
            "must not be before from",
        ),
        ({"priority": 5000}, "priority", "a whole number from -1000 to 1000"),
        ({"hours": "09:00-10:00", "whole_shifts": True}, "hours", "whole_shifts closes whole"),
        ({"reason": "x" * 501}, "reason", "longer than 500 characters"),
        ({"date": date(1970, 1, 1)}, "date", "outside 1973 to 9998"),
    ],
)
def test_overrides(fields: dict[str, Any], field: str, told: str) -> None:
    given = {"kind": "closed", "provider": "smith", "date": date(2026, 1, 5)} | fields
    kept = {name: value for name, value in given.items() if value is not None}
    found = problems(overrides=[kept])
    assert (found[0].table, found[0].field) == ("overrides[0]", field)
    assert told in found[0].message


def test_blockings_and_time_off() -> None:
    off, nobody, never = lines(
        time_off=[{"provider": "smith"}],
        blockings=[{"days": "MO", "hours": "12:00-13:00"}, {"provider": "smith", "days": "MO"}],
    )
    assert off == "time_off[0].date: is missing; or give from and to"
    assert nobody.startswith("blockings[0]: whose it is must be clear; give one of provider")
    assert never == "blockings[1].hours: is missing"


# ---------------------------------------------------------------------- holidays


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"country": "XX", "years": 2026}, "country", "not a country"),
        ({"country": "US", "subdivision": "XX", "years": 2026}, "subdivision", "not a subdivision"),
        ({"country": "US", "years": [1812]}, "years", "a year from 1973 to 9998"),
        ({"country": "US"}, "years", "is missing"),
        ({"years": 2026}, "country", "is missing"),
        ({"country": "US", "years": "all"}, "years", "a list in [brackets] is needed"),
        ({"country": "US", "years": 2026, "name": "Day"}, "name", "not together with country"),
        ({"name": "Day"}, "date", "is missing"),
        ({"date": date(2026, 1, 1), "location": "x"}, "location", "there is no location 'x'"),
    ],
)
def test_holidays(fields: dict[str, Any], field: str, told: str) -> None:
    if "country" in fields:
        pytest.importorskip("holidays")
    found = one(holidays=[fields])
    assert (found.table, found.field) == ("holidays[0]", field)
    assert told in found.message


def test_public_holidays_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)
    found = one(holidays=[{"country": "US", "years": 2026}])
    assert "medsched[holidays]" in found.message


# -------------------------------------------------------------------------- busy


@pytest.mark.parametrize(
    "fields, field, told",
    [
        ({"provider": None}, "", "who or what is busy is missing"),
        ({"provider": "x"}, "provider", "there is no provider 'x'"),
        ({"patient": "x"}, "patient", "there is no patient 'x'"),
        ({"start": None}, "start", "is missing"),
        ({"end": None}, "end", "is missing; or give duration"),
        ({"duration": "1h"}, "duration", "not together with end"),
        ({"start": date(2026, 1, 5)}, "start", "a date and time is needed"),
        ({"start": "2026-01-05"}, "start", "a date and time is needed"),
        ({"start": "2026-01-05 09:00:30"}, "start", "whole minutes are needed"),
        ({"end": datetime(2026, 1, 5, 9)}, "end", "the end is not after the start"),
        ({"end": None, "duration": "0m"}, "duration", "the end is not after the start"),
        ({"kind": "meeting"}, "kind", "must be one of appointment, hold, session, blocking"),
        ({"expires": datetime(2026, 1, 5, 8)}, "expires", 'goes with kind = "hold"'),
        ({"type": "x"}, "type", "there is no appointment type 'x'"),
        ({"seats_taken": 1}, "type", "is missing: a group session"),
        ({"seats_taken": -1, "type": "visit"}, "seats_taken", "a whole number from 0"),
        (
            {"seats_taken": 1, "type": "visit", "patient": "ehr-1"},
            "patient",
            "does not go with seats_taken",
        ),
        (
            {"start": datetime(2026, 3, 8, 2, 30), "end": datetime(2026, 3, 8, 4)},
            "start",
            "2026-03-08 02:30 does not exist in America/New_York",
        ),
        (
            {"start": datetime(2026, 11, 1, 1, 30), "end": datetime(2026, 11, 1, 4)},
            "start",
            "2026-11-01 01:30 comes twice in America/New_York",
        ),
        ({"start": datetime(1960, 1, 1, 9)}, "start", "outside 1973 to 9998"),
        ({"start": "0001-01-01 00:00+10:00"}, "start", "outside 1973 to 9998"),
        ({"end": None, "duration": "900000000d"}, "duration", "far too long"),
        ({"provider": ""}, "provider", "at least one character"),
        ({"provider": "s\0"}, "provider", "control character"),
    ],
)
def test_busy(fields: dict[str, Any], field: str, told: str) -> None:
    given = {
        "provider": "smith",
        "start": datetime(2026, 1, 5, 9),
        "end": datetime(2026, 1, 5, 10),
    } | fields
    kept = {name: value for name, value in given.items() if value is not None}
    found = one(busy=[kept])
    assert (found.table, found.field) == ("busy[0]", field)
    assert told in found.message


# --------------------------------------------------------------- whatever is written

WHOLE: dict[str, Any] = {
    "practice": {
        "id": "p",
        "timezone": "UTC",
        "longest_slot": "4h",
        "hours": {"MO": "08:00-18:00"},
    },
    "locations": [{"id": "main", "address": {"city": "Albany"}, "exclusive": True}],
    "rooms": [{"id": "r1", "location": "main", "hours": ["08:00-18:00"]}],
    "devices": [{"id": "scan"}],
    "types": [
        {
            "code": "visit",
            "duration": "30m",
            "grid": {"every": "15m"},
            "needs": [{"room": ["r1"], "before": "5m"}],
            "pricing": {"base_fee": 1},
            "notice": "2h",
        }
    ],
    "providers": [
        {
            "id": "smith",
            "location": "main",
            "languages": ["en"],
            "rating": 4.5,
            "durations": {"visit": "20m"},
            "travels": [{"timezone": "Asia/Tokyo", "from": "2026-06-01", "to": "2026-06-02"}],
        }
    ],
    "staff": [{"id": "front"}],
    "patients": [{"id": "ehr-1", "birth_date": date(1950, 1, 1), "address": {"city": "Albany"}}],
    "rules": [
        {
            "provider": "smith",
            "repeat": "weekly",
            "days": "MO",
            "from": date(2026, 1, 5),
            "until": date(2026, 3, 1),
            "hours": ["09:00-12:00"],
            "breaks": "10:00-10:15",
            "type_days": {"visit": "MO"},
            "except": [date(2026, 1, 12)],
        },
        {
            "room": "r1",
            "rrule": "FREQ=MONTHLY;COUNT=3",
            "from": "2027-01-02",
            "hours": "19:00-20:00",
        },
        {"device": "scan", "repeat": "monthly", "on": "2TU", "hours": "09:00-10:00"},
    ],
    "overrides": [
        {"kind": "extra", "provider": "smith", "date": "2026-01-06", "hours": "09:00-10:00"}
    ],
    "time_off": [{"provider": "smith", "from": "2026-02-01", "to": "2026-02-03"}],
    "holidays": [{"date": "2026-12-25", "name": "Christmas"}],
    "blockings": [{"practice": True, "repeat": "daily", "hours": "12:00-13:00"}],
    "busy": [
        {"provider": "smith", "room": "r1", "type": "visit", "start": "2026-01-05 09:00"},
        {"provider": "smith", "type": "visit", "start": "2026-01-05 10:00", "seats_taken": 1},
    ],
}
JUNK: list[Any] = [
    *(None, True, 0, -1, 10**30, 2.5, float("nan"), float("-inf"), "", "x", "\0", "é" * 600),
    *("24:00-24:00", "99999999999d", "1e5h", "FREQ=SECONDLY", "MO", "\ud800", b"x", object()),
    *([], [[]], [None], ["x"], {}, {"x": 1}, {1: 2}, {None: None}),
    *(date(1, 1, 1), date(9999, 12, 31), datetime(9999, 12, 31, 23, 59)),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
]


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every (table or list, key or index) within a part, the deepest too."""
    pairs = part.items() if isinstance(part, dict) else enumerate(part)
    for key, inner in list(pairs):
        yield part, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def test_whatever_is_written_is_a_clinic_or_a_list_of_problems() -> None:
    clinic = copy.deepcopy(WHOLE)
    zones = TzdataZones()
    read_clinic(clinic, zones=zones)
    refused = 0
    for number, (inside, key) in enumerate(list(places(clinic))):
        kept = inside[key]
        for junk in JUNK[number % 6 :: 6]:
            inside[key] = junk
            try:
                read_clinic(clinic, zones=zones)
            except ClinicFileError as error:
                refused += bool(str(error))
        inside[key] = kept
    assert clinic == WHOLE
    assert refused > 300
