"""A walk with random commands of random people: nothing comes back that is not theirs.

Whose a record is, is judged by a rule of its own: whoever is at the clinic, the provider or the
patient, and nobody else. Every record in an answer is judged, and every error is searched for ids
of what is not reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs
import pytest
from tests.access.world import DAYS, HOUR, World, start

from medsched import (
    Appointment,
    Hold,
    MedschedError,
    Patient,
    Practice,
    Search,
    Series,
    WaitlistEntry,
    WaitlistOffer,
)

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

PEOPLE: Final = ("ada", "ben", "dora", "smith", "jones", "bay", "annex")
PATIENTS: Final = ("ada", "ben", "cleo", "dora", "eve", "ghost")
PLACES: Final = {"bay": "bay", "smith": "bay", "annex": "annex", "jones": "annex"}
who = st.sampled_from(PEOPLE)
patients = st.sampled_from(PATIENTS)
providers = st.sampled_from(["smith", "jones"])
hours = st.integers(8, 17)
days = st.integers(7, 10)
picks = st.integers(0, 1000)


def records(found: object) -> Iterator[Any]:
    """Every patient's record in an answer, however deep."""
    if isinstance(found, Appointment | Hold | Patient | Series | WaitlistEntry | WaitlistOffer):
        yield found
    elif attrs.has(type(found)):
        yield from records([getattr(found, name) for name in _fields(type(found))])
    elif isinstance(found, dict):
        yield from records(list(found.values()))
    elif isinstance(found, list | tuple | set | frozenset):
        for one in found:
            yield from records(one)


def _fields(cls: Any) -> list[str]:
    return [field.name for field in attrs.fields(cls)]


class Walk(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.clinic = self.world.clinic

    # ------------------------------------------------------------------- the judge

    def at_home(self, name: str, record: Any) -> bool:
        """Whether a visit is with or at whom the name says."""
        if name in ("smith", "jones"):
            return bool(record.provider == name)
        return record.location is None or record.location == PLACES.get(name)

    def knows(self, name: str, patient: str) -> bool:
        """Whether a patient was seen or is registered there."""
        stored = self.clinic.patients.find(patient)
        if stored is None:
            return False
        if name in stored.providers or (name in ("bay", "annex") and name in stored.locations):
            return True
        visits = self.clinic.appointments.list(patient=patient, limit=1000)
        return any(self.at_home(name, one) for one in visits if one.status != "entered-in-error")

    def theirs(self, name: str, record: Any) -> bool:
        patient = record.id if isinstance(record, Patient) else record.patient
        if name in PATIENTS:
            return bool(patient == name) or getattr(record, "created_by", "") == f"p-{name}"
        if isinstance(record, Patient):
            return self.knows(name, patient)
        if isinstance(record, WaitlistEntry):
            if name in record.providers or (
                record.location == PLACES[name] and name in PLACES.values()
            ):
                return True
            return not record.providers and self.knows(name, patient)
        return self.at_home(name, record)

    def run(self, name: str, command: Any) -> None:
        practice = self.world.acting(name)
        before = self.foreign(name)
        try:
            found = command(practice)
        except MedschedError as error:
            told = repr(vars(error)) + str(error)
            assert not [id for id in before if id in told]
            return
        found = list(found) if hasattr(found, "next") else found
        for one in records(found):
            assert self.theirs(name, one), (name, one)

    def foreign(self, name: str) -> list[str]:
        """The ids of visits, entries and series that somebody does not reach, nor a visit names."""
        every: list[Any] = [
            *self.clinic.appointments.list(limit=1000),
            *self.clinic.waitlist.entries.list(active=None, limit=1000),
            *self.clinic.series.list(limit=1000),
        ]
        mine = [one for one in every if isinstance(one, Appointment) and self.theirs(name, one)]
        asked = {*self.asked, *(one.series for one in mine)}
        return [repr(one.id) for one in every if one.id not in asked and not self.theirs(name, one)]

    asked: tuple[str, ...] = ()
    """The ids that a command names, which its error may repeat."""

    def any_id(self, kind: str, pick: int) -> str:
        """The id of some record, anybody's."""
        lists: dict[str, Any] = {
            "appointment": lambda: self.clinic.appointments.list(limit=1000),
            "hold": lambda: self.clinic.holds.list(limit=1000),
            "entry": lambda: self.clinic.waitlist.entries.list(active=None, limit=1000),
            "offer": lambda: self.clinic.waitlist.offers.list(active=None, limit=1000),
            "series": lambda: self.clinic.series.list(limit=1000),
        }
        found = [one.id for one in lists[kind]()] or ["ghost"]
        self.asked = (found[pick % len(found)],)
        return self.asked[0]

    # -------------------------------------------------------------------- commands

    @rule(name=who, provider=providers, patient=patients, day=days, hour=hours, key=picks)
    def book(self, name: str, provider: str, patient: str, day: int, hour: int, key: int) -> None:
        self.asked = ()
        self.run(
            name,
            lambda p: p.appointments.book(
                start(provider, day, hour), patient=patient, idempotency_key=str(key % 3)
            ),
        )

    @rule(name=who, provider=providers, patient=patients | st.none(), day=days, hour=hours)
    def hold(self, name: str, provider: str, patient: str | None, day: int, hour: int) -> None:
        self.asked = ()
        self.run(name, lambda p: p.holds.place(start(provider, day, hour), patient=patient))

    @rule(name=who, pick=picks, day=days, hour=hours, provider=providers)
    def reschedule(self, name: str, pick: int, day: int, hour: int, provider: str) -> None:
        id = self.any_id("appointment", pick)
        self.run(name, lambda p: p.appointments.reschedule(id, start(provider, day, hour)))

    @rule(
        name=who,
        pick=picks,
        step=st.sampled_from(
            ["get", "find", "cancel", "arrive", "fulfil", "enter_in_error", "accept", "conflicts"]
        ),
    )
    def step(self, name: str, pick: int, step: str) -> None:
        id = self.any_id("appointment", pick)
        self.run(name, lambda p: getattr(p.appointments, step)(id))

    @rule(name=who, pick=picks, patient=patients)
    def confirm(self, name: str, pick: int, patient: str) -> None:
        id = self.any_id("hold", pick)
        self.run(name, lambda p: p.holds.confirm(id, patient=patient))

    @rule(name=who, pick=picks)
    def hold_read(self, name: str, pick: int) -> None:
        id = self.any_id("hold", pick)
        self.run(name, lambda p: p.holds.get(id))

    @rule(name=who, pick=picks, scope=st.sampled_from(["this", "all"]))
    def series(self, name: str, pick: int, scope: str) -> None:
        id = self.any_id("appointment", pick)
        self.run(name, lambda p: p.series.cancel(id, scope=scope))

    @rule(name=who, pick=picks)
    def series_read(self, name: str, pick: int) -> None:
        id = self.any_id("series", pick)
        self.run(name, lambda p: (p.series.get(id), p.series.appointments(id)))

    @rule(name=who, patient=patients, provider=providers | st.none())
    def join(self, name: str, patient: str, provider: str | None) -> None:
        self.asked = ()
        self.run(
            name,
            lambda p: p.waitlist.join(
                patient=patient,
                type="visit",
                earliest=DAYS[0],
                latest=DAYS[1],
                providers=() if provider is None else provider,
            ),
        )

    @rule(name=who, pick=picks, what=st.sampled_from(["leave", "position", "entries.get"]))
    def wait(self, name: str, pick: int, what: str) -> None:
        id = self.any_id("entry", pick)

        def command(p: Practice) -> Any:
            waitlist = p.waitlist.entries if what == "entries.get" else p.waitlist
            told = getattr(waitlist, what.rpartition(".")[2])(id)
            return told, self.clinic.waitlist.entries.get(id)

        self.run(name, command)

    @rule(name=who, pick=picks, patient=patients, accept=st.booleans())
    def answer(self, name: str, pick: int, patient: str, accept: bool) -> None:
        id = self.any_id("offer", pick)
        self.run(
            name,
            lambda p: (p.waitlist.accept if accept else p.waitlist.decline)(id, patient=patient),
        )

    @rule(name=who, patient=patients, what=st.sampled_from(["get", "find", "rename", "take"]))
    def patient(self, name: str, patient: str, what: str) -> None:
        self.asked = ()

        def command(p: Practice) -> Any:
            if what in ("get", "find"):
                return getattr(p.patients, what)(patient)
            stored = self.clinic.patients.find(patient) or Patient(id=patient, version=1)
            changes: Any = {"name": name} if what == "rename" else {"locations": {"bay"}}
            return p.patients.update(attrs.evolve(stored, **changes))

        self.run(name, command)

    @rule(name=who, provider=providers, day=days, hour=hours, patient=patients | st.none())
    def explain(self, name: str, provider: str, day: int, hour: int, patient: str | None) -> None:
        self.asked = ()
        when: Any = start(provider, day, hour).at
        before = self.foreign(name)
        try:
            found = self.world.acting(name).availability.explain(
                provider,
                "visit",
                at=when,
                patient=patient,
            )
        except MedschedError:
            return
        assert not [id for id in before if id in repr(found)]

    @rule(name=who, patient=patients | st.none(), cursor=st.booleans())
    def lists(self, name: str, patient: str | None, cursor: bool) -> None:
        self.asked = ()
        after = self.clinic.appointments.list(limit=1).next if cursor else None
        self.run(name, lambda p: list(p.appointments.list(cursor=after)))
        self.run(name, lambda p: list(p.patients.list()))
        self.run(name, lambda p: list(p.holds.list()))
        self.run(name, lambda p: list(p.waitlist.entries.list(active=None)))
        self.run(name, lambda p: list(p.waitlist.offers.list(active=None)))
        self.run(name, lambda p: p.waitlist.waiting("visit"))
        search = Search(first=DAYS[0], last=DAYS[0], patient=patient)
        self.run(name, lambda p: p.search.slots(search))

    @rule(name=st.sampled_from(["smith", "jones", "bay", "annex"]), provider=providers)
    def hours_away(self, name: str, provider: str) -> None:
        self.asked = ()
        self.run(name, lambda p: p.availability.rules.deactivate(f"r-{provider}"))

    @rule(hours=st.integers(0, 3))
    def pass_time(self, hours: int) -> None:
        self.world.clock.advance(hours * HOUR / 4)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
