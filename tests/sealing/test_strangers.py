"""Whoever does not reach a record cannot tell by the keys that are asked for that there is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import attrs
import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

from tests.databases import Databases
from tests.sealing.clinics import NOW
from tests.sealing.test_keys import Keys

from medsched import (
    AppointmentType,
    AvailabilityRule,
    KeyDestroyed,
    KeyUnavailable,
    Location,
    MedschedError,
    Patient,
    Practice,
    Principal,
    Provider,
    Recurrence,
    Resource,
    Scheduler,
    Start,
)
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.sealing import Encryption
from medsched.testing.fixed import FixedClock, NumberedIds

HOUR: Final = timedelta(hours=1)
DAYS: Final = (date(2026, 1, 5), date(2026, 1, 9))


def at(hour: int) -> datetime:
    return datetime(2026, 1, 6, hour, tzinfo=NOW.tzinfo)


@attrs.define
class Clinic:
    """Kim works in the north; Ben is seen in the south, Ada in the north. Keys are kept by none."""

    keys: Keys
    trusted: Practice
    ids: dict[str, str]

    def acting(self, *roles: str, **linked: Any) -> Practice:
        return self.trusted.acting_as(Principal("kim", roles=roles, practice="riverside", **linked))

    @property
    def kim(self) -> Practice:
        return self.acting("staff", locations=["north"])

    def told(self, practice: Practice, run: Callable[[Practice, str], Any], id: str) -> Any:
        """What comes of a command, and the keys that were asked for; and while there are none."""
        found = list[Any]()
        for reached in (True, False):
            before, self.keys.reached = self.keys.unwrapped, reached
            try:
                outcome = run(practice, id)
                result: tuple[str, object] = ("done", outcome is None)
            except MedschedError as error:
                result = (type(error).__name__, str(error).replace(id, "…"))
            finally:
                self.keys.reached = True
            found.append((result, self.keys.unwrapped - before))
        return found


@pytest.fixture
def clinic(databases: Databases) -> Clinic:
    keys = Keys()
    databases.store("sqlite")
    store = databases.another("sqlite", encryption=Encryption(keys, keep_keys_for=timedelta()))
    return clinic_in(store, keys)


def clinic_in(store: SqlAlchemyStore, keys: Keys) -> Clinic:
    clinic = Scheduler(store, clock=FixedClock(NOW), ids=NumberedIds()).practice("riverside")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.settings.configure(timezone="UTC")
    clinic.add_all([AppointmentType(code="visit", duration=timedelta(minutes=30))])
    for place, who in (("north", "ada"), ("south", "ben")):
        rule = AvailabilityRule(place, daily, hours="08:00-18:00", location=place)
        clinic.add_all(
            [
                Location(id=place),
                Provider(id=place, location=place),
                Patient(id=who, name=who, locations=[place]),
                rule,
            ]
        )
    ids = {"patient": "ben"}
    book = clinic.appointments.book
    visit = book(Start("south", "visit", at(8)), patient="ben", reason="x", reference="R-1")
    book(Start("north", "visit", at(8)), patient="ada", reason="x", reference="R-2")
    ids |= {"visit": visit.id, "reference": "R-1"}
    waits: Any = {"type": "visit", "earliest": DAYS[0], "latest": DAYS[1], "notes": "x"}
    ids["entry"] = clinic.waitlist.join(patient="ben", providers="south", **waits).id
    offered = clinic.waitlist.offer(ids["entry"], Start("south", "visit", at(14)), reason="x")
    ids["offer"] = offered.id
    hold = clinic.holds.place(
        Start("south", "visit", at(9)), patient="ben", referral="x", lasting=HOUR
    )
    ids["hold"] = hold.id
    block = clinic.blockings.add("south", at(10), at(11), kept_for="ben", reason="x")
    ids["blocking"] = block.id
    series = clinic.series.book(
        "south",
        "visit",
        patient="ben",
        recurrence=Recurrence.daily(start=date(2026, 1, 20), count=2),
        at=time(9),
        reason="x",
    )
    ids["series"] = series.series.id
    return Clinic(keys, clinic, ids)


FREE: Final = Start("north", "visit", at(16))
COMMANDS: Final[dict[str, tuple[str, Callable[[Practice, str], Any]]]] = {
    "patients.get": ("patient", lambda p, id: p.patients.get(id)),
    "patients.find": ("patient", lambda p, id: p.patients.find(id)),
    "patients.update": ("patient", lambda p, id: p.patients.update(Patient(id=id, version=1))),
    "appointments.get": ("visit", lambda p, id: p.appointments.get(id)),
    "appointments.find": ("visit", lambda p, id: p.appointments.find(id)),
    "by reference": ("reference", lambda p, id: p.appointments.find_by_reference(id)),
    "conflicts": ("visit", lambda p, id: p.appointments.conflicts(id)),
    "cancel": ("visit", lambda p, id: p.appointments.cancel(id)),
    "arrive": ("visit", lambda p, id: p.appointments.arrive(id)),
    "annotate": ("visit", lambda p, id: p.appointments.annotate(id, notes="y")),
    "reschedule": ("visit", lambda p, id: p.appointments.reschedule(id, FREE)),
    "propose moves": ("visit", lambda p, id: p.appointments.propose_moves([id])),
    "book": ("patient", lambda p, id: p.appointments.book(FREE, patient=id)),
    "slots for": (
        "patient",
        lambda p, id: p.availability.slots("north", "visit", NOW, at(9), patient=id),
    ),
    "entries.get": ("entry", lambda p, id: p.waitlist.entries.get(id)),
    "leave": ("entry", lambda p, id: p.waitlist.leave(id)),
    "change": ("entry", lambda p, id: p.waitlist.change(id, notes="z")),
    "position": ("entry", lambda p, id: p.waitlist.position(id)),
    "offers.get": ("offer", lambda p, id: p.waitlist.offers.get(id)),
    "accept": ("offer", lambda p, id: p.waitlist.accept(id, patient="ada")),
    "decline": ("offer", lambda p, id: p.waitlist.decline(id, patient="ada")),
    "series.get": ("series", lambda p, id: p.series.get(id)),
    "series.cancel": ("visit", lambda p, id: p.series.cancel(id)),
    "holds.get": ("hold", lambda p, id: p.holds.get(id)),
    "hold": ("patient", lambda p, id: p.holds.place(FREE, patient=id)),
    "confirm": ("hold", lambda p, id: p.holds.confirm(id)),
    "release": ("hold", lambda p, id: p.holds.release(id)),
    "calendar": ("patient", lambda p, id: p.calendars.of(Resource("patient", id), at(8), at(9))),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_missing_and_what_is_a_strangers_ask_for_the_same_keys(
    clinic: Clinic, name: str
) -> None:
    named, run = COMMANDS[name]
    missing = clinic.told(clinic.kim, run, "ghost")
    assert clinic.told(clinic.kim, run, clinic.ids[named]) == missing
    assert missing[0][0][0] in ("NotFound", "done")
    assert missing[0] == missing[1]


def test_a_blocking_of_others_asks_for_no_key(clinic: Clinic) -> None:
    north = clinic.acting("provider", provider="north")

    def run(practice: Practice, id: str) -> Any:
        return practice.blockings.get(id)

    assert clinic.told(north, run, clinic.ids["blocking"]) == clinic.told(north, run, "ghost")


def test_a_calendar_asks_for_the_keys_of_those_who_are_told(clinic: Clinic) -> None:
    north = clinic.acting("provider", provider="north")
    clinic.keys.reached = False
    busy = north.calendars.of("south", at(8), at(12))
    assert [one.reason for one in busy] == ["", "", ""]
    with pytest.raises(KeyUnavailable):
        north.calendars.of("north", at(8), at(12))
    clinic.keys.reached = True
    assert [one.reason for one in north.calendars.of("north", at(8), at(12))] == ["x"]


def test_names_ask_for_the_keys_of_those_who_are_reached(clinic: Clinic) -> None:
    visits = clinic.trusted.appointments.list().items
    assert sorted(one.patient_name for one in clinic.trusted.appointments.named(visits)) == [
        *["ada"],
        *["ben"] * (len(visits) - 1),
    ]
    before = clinic.keys.unwrapped
    told = clinic.kim.appointments.named(visits)
    assert [one.appointment for one in told] == [*visits]
    assert {one.appointment.patient: one.patient_name for one in told} == {"ada": "ada", "ben": ""}
    assert clinic.keys.unwrapped == before + 1
    clinic.trusted.shred("ada")
    assert {one.patient_name for one in clinic.kim.appointments.named(visits)} == {""}


def test_what_is_reached_is_read_whole(clinic: Clinic) -> None:
    assert clinic.kim.patients.get("ada").name == "ada"
    assert clinic.kim.appointments.list().items[0].reason == "x"
    found = clinic.kim.appointments.find_by_reference("R-2")
    assert found is not None
    assert found.reason == "x"
    clinic.keys.reached = False
    with pytest.raises(KeyUnavailable):
        clinic.kim.patients.get("ada")


def test_what_is_kept_for_a_patient_goes_with_their_key(clinic: Clinic) -> None:
    clinic.trusted.shred("ben")
    with pytest.raises(KeyDestroyed):
        clinic.trusted.blockings.get(clinic.ids["blocking"])
    (kept,) = clinic.trusted.blockings.list()
    assert (kept.kept_for, kept.reason) == ("ben", "")
    clinic.trusted.blockings.release(kept)
    assert clinic.trusted.blockings.list().items == ()
