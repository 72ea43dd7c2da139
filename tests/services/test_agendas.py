"""Lists of appointments: which, in what order, and page by page; and what stands against one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from tests.counting import Counting
from tests.services.test_appointments import MINUTE, nine, opened, start

from medsched import (
    InvalidChoice,
    InvalidCursor,
    InvalidId,
    InvalidNumber,
    InvalidText,
    MedschedError,
    NaiveDatetime,
    NotFound,
    OutOfRange,
    Override,
    Practice,
    Principal,
    Resource,
    Scheduler,
)
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.testing.fixed import FixedClock


@pytest.fixture
def clinic(clinic: Practice, clock: FixedClock) -> Practice:
    """A to F, made in that order, a minute apart; E and F on the day after."""
    opened(clinic)
    clinic.locations.create(id="branch")
    clinic.appointment_types.create(code="check", duration=30 * MINUTE)
    clinic.availability.add(
        Override.extra("jones", date(2026, 1, 8), hours="09:00-12:00", location="branch")
    )
    here, tomorrow = clinic.appointments, 24 * 60
    made = [
        here.book(start(120), patient="ada", id="A"),
        here.request(start(30, "check"), patient="ada", id="B"),
        here.propose(start(30, provider="jones"), patient="bob", id="C"),
        here.book(start(0), patient="bob", id="D"),
    ]
    for at, one in enumerate(made, 1):
        clock.advance(MINUTE)
        assert one.id == "ABCD"[at - 1]
    here.book(start(tomorrow, provider="jones"), patient="ada", id="E")
    clock.advance(MINUTE)
    here.book(start(tomorrow, "check"), patient="bob", id="F")
    here.cancel("D")
    return clinic


def ids(found: Any) -> str:
    return "".join(one.id for one in found)


LISTS: Sequence[tuple[dict[str, Any], str]] = (
    ({}, "DBCAEF"),
    ({"descending": True}, "FEACBD"),
    ({"provider": "smith"}, "DBAF"),
    ({"provider": "nobody"}, ""),
    ({"patient": "ada"}, "BAE"),
    ({"location": "branch"}, "E"),
    ({"type": "check"}, "BF"),
    ({"status": "booked"}, "AEF"),
    ({"status": AppointmentStatus.CANCELLED}, "D"),
    ({"status": ["pending", "proposed"]}, "BC"),
    ({"status": []}, ""),
    ({"since": nine(30)}, "BCAEF"),
    ({"before": nine(30)}, "D"),
    ({"since": nine(30), "before": nine(120)}, "BC"),
    ({"since": nine(31), "before": nine(120)}, ""),
    ({"since": nine(30) + timedelta(microseconds=1)}, "AEF"),
    ({"since": nine(30).astimezone(ZoneInfo("Asia/Tokyo"))}, "BCAEF"),
    ({"upcoming": True}, "BAEF"),
    ({"upcoming": True, "status": "booked"}, "AEF"),
    ({"upcoming": True, "status": "cancelled"}, ""),
    ({"upcoming": True, "before": nine(60)}, "B"),
    ({"order": "created"}, "ABCDEF"),
    ({"order": "created", "descending": True}, "FEDCBA"),
    ({"provider": "smith", "patient": "bob", "type": "visit"}, "D"),
    ({"search": "F"}, "F"),
    ({"search": "f"}, ""),
    ({"search": "ada"}, "BAE"),
    ({"search": "  lovelace "}, "BAE"),
    ({"search": "ROE"}, "DCF"),
    ({"search": "smith"}, "DBAF"),
    ({"search": "Dr."}, "DBCAEF"),
    ({"search": "REF-3"}, "C"),
    ({"search": "nobody"}, ""),
    ({"search": "%"}, ""),
    ({"search": "_"}, ""),
    ({"search": "' OR 1=1 --"}, ""),
    ({"search": "ada", "status": "booked"}, "AE"),
)


def test_as_many_are_counted_as_are_listed(clinic: Practice) -> None:
    for asked, found in LISTS:
        which = {name: one for name, one in asked.items() if name not in ("order", "descending")}
        assert clinic.appointments.count(**which) == len(found), asked


def test_a_list_may_leave_the_first_ones_out(clinic: Practice) -> None:
    for asked, found in LISTS:
        for skip, limit in ((0, 2), (1, 2), (2, 9), (5, 9), (6, 9), (1_000_000, 1)):
            page = clinic.appointments.list(**asked, skip=skip, limit=limit)
            assert ids(page) == found[skip : skip + limit], asked
            assert (page.next is not None) == (skip + limit < len(found))
    first = clinic.appointments.list(limit=1)
    third = clinic.appointments.list(limit=2, skip=1, cursor=first.next)
    assert ids(third) == "CA"
    assert ids(clinic.appointments.list(cursor=third.next)) == "EF"


def test_a_numbered_page_is_two_calls_of_the_store(clinic: Practice, store: Any) -> None:
    counting: Any = Counting(store)
    clock = FixedClock(clinic._context.now())
    here = Scheduler(counting, clock=clock).practice(clinic.id)
    assert here.appointments.count(provider="smith", upcoming=True) == 3
    assert ids(here.appointments.list(provider="smith", upcoming=True, skip=1, limit=2)) == "AF"
    assert counting.asked == {"count_appointments": 1, "appointments": 1}


def test_those_whom_they_are_of_are_named(clinic: Practice) -> None:
    branch = clinic.locations.get("branch")
    clinic.locations.update(attrs.evolve(branch, name="Branch"))
    told = clinic.appointments.named(clinic.appointments.list())
    assert [one.appointment.id for one in told] == [*"DBCAEF"]
    assert [one.patient_name for one in told] == [
        clinic.patients.get(one.appointment.patient or "").name for one in told
    ]
    assert {one.provider_name for one in told} == {
        clinic.providers.get(id).name for id in ("smith", "jones")
    }
    assert [one.location_name == "Branch" for one in told] == [*4 * [False], True, False]
    assert "Lovelace" not in repr(told)
    assert clinic.appointments.named([]) == ()
    ada = Principal("ada", roles=["patient"], practice=clinic.id, patient="ada")
    seen = clinic.acting_as(ada).appointments.named(one.appointment for one in told)
    assert {one.patient_name for one in seen} == {"", clinic.patients.get("ada").name}
    assert {one.appointment.patient for one in seen if one.patient_name} == {"ada"}


def test_they_are_named_in_as_many_calls_however_many_they_are(
    clinic: Practice, store: Any
) -> None:
    counting: Any = Counting(store)
    here = Scheduler(counting).practice(clinic.id)
    staff = Principal("kim", roles=["staff"], practice=clinic.id, locations=["branch"])
    for practice in (here, here.acting_as(staff)):
        asked = []
        for limit in (1, 6):
            some = clinic.appointments.list(limit=limit)
            counting.asked.clear()
            practice.appointments.named(some)
            asked.append(dict(counting.asked))
        assert asked[0] == asked[1]
        assert sum(asked[0].values()) <= 3


def test_which_appointments_are_listed(clinic: Practice) -> None:
    for asked, found in LISTS:
        assert ids(clinic.appointments.list(**asked)) == found, asked
        for limit in (1, 2, 5):
            pages, cursor = "", None
            while True:
                page = clinic.appointments.list(**asked, limit=limit, cursor=cursor)
                assert len(page) <= limit
                pages, cursor = pages + ids(page), page.next
                if cursor is None:
                    break
            assert pages == found, "page by page it is the same"


def test_what_has_begun_is_not_upcoming(clinic: Practice, clock: FixedClock) -> None:
    clock.set(nine(30) - timedelta(microseconds=1))
    assert ids(clinic.appointments.list(upcoming=True)) == "BAEF"
    assert clinic.appointments.get("B").is_upcoming(clock.now())
    clock.set(nine(30))
    assert ids(clinic.appointments.list(upcoming=True)) == "AEF"
    assert not clinic.appointments.get("B").is_upcoming(clock.now())
    clinic.appointments.arrive("A")
    assert ids(clinic.appointments.list(upcoming=True)) == "EF"


def test_equal_starts_are_in_order_of_id(clinic: Practice) -> None:
    for id in ("b", "a", "É", "Z", "B ", "é"):
        clinic.appointments.propose(start(60), patient="ada", id=id)
    low, high = nine(60), nine(61)
    expected = sorted(["b", "a", "É", "Z", "B ", "é"])
    assert [one.id for one in clinic.appointments.list(since=low, before=high)] == expected
    backwards = clinic.appointments.list(since=low, before=high, descending=True)
    assert [one.id for one in backwards] == expected[::-1]


class TestCursors:
    def test_hold_their_place_while_others_come_and_go(self, clinic: Practice) -> None:
        first = clinic.appointments.list(limit=3)
        assert ids(first) == "DBC"
        clinic.appointments.book(start(60), patient="bob", id="new")
        clinic.appointments.book(start(0), patient="bob", id="early")
        clinic.appointments.cancel("C")
        second = clinic.appointments.list(limit=3, cursor=first.next)
        assert [one.id for one in second] == ["new", "A", "E"]
        assert ids(clinic.appointments.list(limit=3, cursor=second.next)) == "F"

    def test_hold_their_place_when_their_appointment_moves(self, clinic: Practice) -> None:
        first = clinic.appointments.list(limit=2)
        clinic.appointments.reschedule("B", start(24 * 60 + 60, "check"))
        assert ids(clinic.appointments.list(limit=9, cursor=first.next)) == "CAEFB"

    def test_are_good_for_another_limit(self, clinic: Practice) -> None:
        first = clinic.appointments.list(limit=1)
        assert ids(clinic.appointments.list(limit=1000, cursor=first.next)) == "BCAEF"

    def test_are_good_for_one_list_only(self, clinic: Practice, scheduler: Scheduler) -> None:
        cursor = clinic.appointments.list(limit=1).next
        assert cursor is not None
        others: Sequence[dict[str, Any]] = (
            {"descending": True},
            {"order": "created"},
            {"provider": "smith"},
            {"upcoming": True},
        )
        for other in others:
            with pytest.raises(InvalidCursor):
                clinic.appointments.list(**other, cursor=cursor)
        with pytest.raises(InvalidCursor):
            scheduler.practice("lakeside").appointments.list(cursor=cursor)
        for bad in ("", cursor[:-1], cursor + "A", "x" * 10_240, "a\0b", 7):
            with pytest.raises(InvalidCursor) as caught:
                clinic.appointments.list(cursor=bad)  # type: ignore[arg-type]
            assert len(str(caught.value)) < 500

    def test_are_good_for_the_same_list_said_otherwise(self, clinic: Practice) -> None:
        lists: Sequence[tuple[dict[str, Any], dict[str, Any]]] = (
            ({"status": ["booked", "pending"]}, {"status": ("pending", "booked")}),
            ({"status": ["booked", "pending"]}, {"status": {"pending", "booked"}}),
            ({"status": "booked"}, {"status": AppointmentStatus.BOOKED}),
            ({"since": nine()}, {"since": nine().astimezone(ZoneInfo("Asia/Tokyo"))}),
            ({}, {"order": "start", "descending": False, "upcoming": False}),
            ({}, {"provider": None, "status": None}),
            ({"search": "ada"}, {"search": " ada "}),
        )
        for one, other in lists:
            first = clinic.appointments.list(**one, limit=1)
            rest = clinic.appointments.list(**one, limit=9, cursor=first.next)
            assert clinic.appointments.list(**other, limit=9, cursor=first.next) == rest, other


def test_a_cursor_is_good_in_another_process() -> None:
    program = """
from datetime import *
from medsched import *
from medsched.domain.starts import Start
from medsched.testing.fixed import FixedClock
clock = FixedClock(datetime(2026, 1, 5, tzinfo=timezone.utc))
clinic = Scheduler(MemoryStore(), clock=clock).practice("riverside")
clinic.settings.configure(timezone="UTC")
clinic.providers.create(id="smith"), clinic.patients.create(id="ada")
clinic.appointment_types.create(code="visit", duration=timedelta(hours=1))
rule = AvailabilityRule("smith", Recurrence.daily(start=date(2026, 1, 1)), hours="09:00-12:00")
clinic.availability.add(rule)
for hour in (9, 10):
    at = datetime(2026, 1, 7, hour, tzinfo=timezone.utc)
    clinic.appointments.book(Start("smith", "visit", at), patient="ada", id=str(hour))
print(clinic.appointments.list(status={"booked", "pending", "arrived", "noshow"}, limit=1).next)
"""
    cursors = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(cursors) == 1, "the same list, asked for by two processes"


BAD_LISTS: Sequence[tuple[str, Any, type[MedschedError]]] = (
    ("limit", 0, InvalidNumber),
    ("limit", 1001, InvalidNumber),
    ("limit", True, InvalidNumber),
    ("limit", "5", InvalidNumber),
    ("skip", -1, InvalidNumber),
    ("skip", 1_000_001, InvalidNumber),
    ("skip", 10**30, InvalidNumber),
    ("skip", True, InvalidNumber),
    ("skip", "5", InvalidNumber),
    ("skip", None, InvalidNumber),
    ("status", "scheduled", InvalidChoice),
    ("status", ["booked", "x\0"], InvalidChoice),
    ("order", "name", InvalidChoice),
    ("since", datetime(2026, 1, 7), NaiveDatetime),
    ("before", date(2026, 1, 7), NaiveDatetime),
    ("since", datetime(1970, 1, 1, tzinfo=UTC), OutOfRange),
    ("search", "", InvalidText),
    ("search", "  ", InvalidText),
    ("search", "x" * 256, InvalidText),
    ("search", 5, InvalidText),
    ("search", "a\0b", InvalidText),
    ("search", "\ud800", InvalidText),
)


def test_what_cannot_be_asked(clinic: Practice) -> None:
    for option, value, error in BAD_LISTS:
        asked = {option: value}
        with pytest.raises(error) as caught:
            clinic.appointments.list(**asked)
        assert len(str(caught.value)) < 500, option
        if option in ("limit", "order", "skip"):
            with pytest.raises(TypeError, match=option):
                clinic.appointments.count(**asked)
        else:
            with pytest.raises(error):
                clinic.appointments.count(**asked)


def test_what_can_be_no_id_is_nobodys(clinic: Practice) -> None:
    for option in ("provider", "patient", "location", "type"):
        for bad in ("a\0b", "", "x" * 300):
            asked: dict[str, Any] = {option: bad}
            with suppress(InvalidId):
                assert list(clinic.appointments.list(**asked)) == []


def test_an_id_is_searched_for_byte_by_byte(clinic: Practice) -> None:
    for number, id in enumerate(("ehr-1", "EHR-1", "ehr-1 ")):
        clinic.patients.create(id=id)
        clinic.appointments.propose(start(60), patient=id, id=str(number))
    assert ids(clinic.appointments.list(search="ehr-1")) == "0"
    assert ids(clinic.appointments.list(search="EHR-1")) == "1"
    assert ids(clinic.appointments.list(patient="ehr-1 ")) == "2"


def test_who_is_inactive_is_still_found(clinic: Practice) -> None:
    clinic.patients.deactivate("ada")
    clinic.providers.deactivate("smith", stranded="keep")
    assert ids(clinic.appointments.list(search="lovelace")) == "BAE"
    assert ids(clinic.appointments.list(search="smith")) == "DBAF"


def test_a_reference_is_found_as_it_is(clinic: Practice) -> None:
    made = clinic.appointments.propose(start(60), patient="ada", id="REF-1", reference="K7")
    assert clinic.appointments.find_by_reference("K7") == made
    assert clinic.appointments.find_by_reference("REF-1") == clinic.appointments.get("A")
    assert clinic.appointments.find_by_reference("k7 ") is None
    assert clinic.appointments.find_by_reference("") is None
    assert clinic.appointments.find("nobody") is None
    with pytest.raises(NotFound) as caught:
        clinic.appointments.get("nobody")
    assert (caught.value.kind, caught.value.id) == ("appointment", "nobody")


class TestConflicts:
    def test_mostly_there_are_none(self, clinic: Practice) -> None:
        for one in clinic.appointments.list():
            if one.id != "C":
                assert clinic.appointments.conflicts(one) == {}, one.id
        with pytest.raises(NotFound):
            clinic.appointments.conflicts("nobody")

    def test_a_proposal_tells_what_it_would_meet(self, clinic: Practice, clock: FixedClock) -> None:
        clinic.appointments.cancel("B")
        clinic.appointments.book(start(30, provider="jones"), patient="ada", id="G")
        told = clinic.appointments.conflicts("C")
        assert {str(one): [claim.id for claim in told[one]] for one in told} == {
            "provider jones": ["G"]
        }
        held = clinic.holds.place(start(30), patient="bob")
        told = clinic.appointments.conflicts("C")
        assert [claim.id for claim in told[Resource("patient", "bob")]] == [held.id]
        clock.set(held.expires)
        assert set(clinic.appointments.conflicts("C")) == {Resource("provider", "jones")}


def test_lists_show_what_is_stored(clinic: Practice) -> None:
    for one in clinic.appointments.list():
        assert isinstance(one, Appointment)
        assert clinic.appointments.get(one.id) == one
