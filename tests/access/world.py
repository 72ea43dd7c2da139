"""Two clinics of one practice, who is seen where, and who asks: what the tests of access share.

Smith sees patients at the bay, Jones at the annex. Ada was seen by Smith, Ben by Jones, Eve by
both. Cleo is registered at the bay and was never seen; nobody knows Dora.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from medsched import (
    AppointmentType,
    AuditEntry,
    AvailabilityRule,
    Grant,
    Location,
    MemoryStore,
    Patient,
    Practice,
    Principal,
    Provider,
    Recurrence,
    Room,
    Scheduler,
    Staff,
    Start,
)
from medsched.domain.changes import Applied, Changeset, Outcome
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = "08:00-18:00"
DAYS = (date(2026, 1, 6), date(2026, 1, 31))


class AuditedStore(MemoryStore):
    """A store in memory that keeps the audit entries it is given."""

    def __init__(self, surroundings: Any = None) -> None:
        super().__init__(surroundings)
        self.entries: list[AuditEntry] = []

    @property
    def audited(self) -> bool:
        return True

    def record(self, entries: Sequence[AuditEntry]) -> None:
        self.entries += entries

    def apply(self, changeset: Changeset) -> Outcome:
        outcome = super().apply(changeset)
        if outcome == Applied():
            self.entries += changeset.audits
        return outcome


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def start(who: str, day: int, hour: int, minute: int = 0) -> Start:
    return Start(who, "visit", at(day, hour, minute))


class World:
    """A practice with something of every patient, and principals of every kind."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = AuditedStore() if store is None else store
        self.clock = FixedClock(NOW)
        self.scheduler = Scheduler(self.store, clock=self.clock, ids=NumberedIds())
        self.clinic = self.scheduler.practice("riverside")
        self._people()
        self._visits()
        self._waits()
        if isinstance(self.store, AuditedStore):
            self.store.entries.clear()

    def _people(self) -> None:
        daily = Recurrence.daily(start=date(2026, 1, 1))
        self.clinic.add_all(
            [
                Location(id="bay", timezone="UTC"),
                Location(id="annex", timezone="UTC"),
                Room(id="bay-1", location="bay"),
                Room(id="annex-1", location="annex"),
                Provider(id="smith", name="Smith", timezone="UTC", location="bay"),
                Provider(id="jones", name="Jones", timezone="UTC", location="annex"),
                Staff(id="kim", name="Kim"),
                AppointmentType(code="visit", duration=timedelta(minutes=30)),
                AvailabilityRule("smith", daily, hours="08:00-18:00", location="bay", id="r-smith"),
                AvailabilityRule(
                    "jones", daily, hours="08:00-18:00", location="annex", id="r-jones"
                ),
                Patient(id="ada", name="Ada Canary", phone="555-CANARY", insurance_number="C-1"),
                Patient(id="ben", name="Ben Canary"),
                Patient(id="cleo", name="Cleo Canary", locations={"bay"}),
                Patient(id="dora", name="Dora Canary"),
                Patient(id="eve", name="Eve Canary"),
            ]
        )
        other = self.scheduler.practice("lakeside")
        other.add_all([Location(id="bay", timezone="UTC"), Patient(id="ada", name="Ada Lake")])

    def _visits(self) -> None:
        book, hold = self.clinic.appointments.book, self.clinic.holds.place
        for who, patient, day in (
            ("smith", "ada", 7),
            ("jones", "ben", 7),
            ("smith", "eve", 8),
            ("jones", "eve", 9),
        ):
            id = f"{patient}@{who}"
            book(start(who, day, 10), patient=patient, id=id, reference=f"REF-{id}", notes="canary")
        hold(start("smith", 7, 14), patient="ada", id="h-ada", lasting=HOUR)
        hold(start("jones", 7, 14), patient="ben", id="h-ben", lasting=HOUR)
        for who, patient in (("smith", "ada"), ("jones", "ben")):
            self.clinic.series.book(
                who,
                "visit",
                patient=patient,
                recurrence=Recurrence.daily(start=date(2026, 1, 20), count=2),
                at=time(9),
                id=f"s-{patient}",
                location="bay" if who == "smith" else "annex",
            )
            self.clinic.blockings.add(who, at(12, 9), at(12, 10), id=f"b-{who}", reason="canary")

    def _waits(self) -> None:
        join = self.clinic.waitlist.join
        each: Any = {"type": "visit", "earliest": DAYS[0], "latest": DAYS[1]}
        for patient, who, place in (("ada", "smith", "bay"), ("ben", "jones", "annex")):
            join(patient=patient, providers=who, location=place, id=f"w-{patient}", **each)
        join(patient="eve", id="w-eve", **each)
        join(patient="dora", id="w-dora", **each)
        self.offers = {
            patient: self.clinic.waitlist.offer(f"w-{patient}", start(who, 8, 15), reason="x").id
            for patient, who in (("ada", "smith"), ("ben", "jones"))
        }

    # -------------------------------------------------------------------- who asks

    def acting(self, name: str) -> Practice:
        """The practice in the hands of somebody, whose grants are given as their name says."""
        return self.clinic.acting_as(self.principal(name))

    def principal(self, name: str) -> Principal:
        match name:
            case "trusted":
                return Principal.trusted("host")
            case "ada" | "ben" | "dora":
                return _of(f"p-{name}", "patient", patient=name)
            case "smith" | "jones":
                return _of(f"d-{name}", "provider", provider=name)
            case "bay" | "annex":
                return _of(f"n-{name}", "staff", locations=name)
            case "admin":
                return _of("boss", "admin")
            case "elsewhere":
                roles = ("admin", "staff", "provider", "patient")
                return Principal(
                    "n-bay",
                    roles=roles,
                    practice="lakeside",
                    locations={"bay"},
                    provider="smith",
                    patient="ada",
                )
            case "nobody":
                return _of("stranger")
            case "granted":
                self.grant("n-annex", since=NOW - HOUR, until=NOW + HOUR)
                return self.principal("annex")
            case "expired":
                self.clock.set(NOW - 2 * HOUR)
                self.grant("n-annex", since=NOW - 2 * HOUR, until=NOW)
                self.clock.set(NOW)
                return self.principal("annex")
            case "early":
                self.grant("n-annex", since=NOW + HOUR, until=NOW + 2 * HOUR)
                return self.principal("annex")
            case "revoked":
                made = self.grant("n-annex", since=NOW - HOUR, until=NOW + HOUR)
                self.clinic.access.revoke(made.id)
                return self.principal("annex")
            case "glass":
                jones = self.principal("jones")
                self.clinic.acting_as(jones).access.break_glass("ada", reason="unconscious")
                return jones
        raise AssertionError(name)

    def grant(self, who: str, **when: Any) -> Grant:
        return self.clinic.access.grant(who, locations={"bay"}, reason="covers", **when)


def _of(id: str, *roles: str, locations: Collection[str] = (), **linked: Any) -> Principal:
    return Principal(id, roles=roles, practice="riverside", locations=locations, **linked)
