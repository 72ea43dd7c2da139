"""What is missing and what is somebody else's are told apart by nothing; trust costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.access.commands import commands
from tests.access.test_matrix import PROBES, ROWS
from tests.access.world import DAYS, NOW, AuditedStore, World, start

from medsched import MedschedError, MemoryStore, NotAllowed, NotFound, Practice, Principal
from medsched.domain.stored import Kind

READERS = (
    *("get", "get_many", "page", "appointments", "claims", "referrers", "reached", "calendars"),
    *("taken", "ledger", "tallies", "receipt", "schedule_versions", "roster_version", "apply"),
    *(
        "bare",
        "record",
        "all_schedule_versions",
        "events",
        "changes",
        "number_events",
        "expired_holds",
    ),
)


class Counting(AuditedStore):
    """A store that keeps the names of what it was asked, in order."""

    def __init__(self, *, audits: bool = True) -> None:
        super().__init__()
        self.audits = audits
        self.asked: list[str] = []

    @property
    def audited(self) -> bool:
        return self.audits

    def __getattribute__(self, name: str) -> Any:
        if name in READERS:
            object.__getattribute__(self, "asked").append(name)
        return super().__getattribute__(name)


FREE: Final = start("smith", 14, 10)
"""A slot that anybody may have."""
Looking = Callable[[Practice, str], Any]
LOOKED_FOR: dict[str, tuple[Looking, str]] = {
    "a patient": (lambda p, id: p.patients.get(id), "ben"),
    "a patient, perhaps": (lambda p, id: p.patients.find(id), "ben"),
    "a patient whom nobody knows": (lambda p, id: p.patients.get(id), "dora"),
    "an appointment": (lambda p, id: p.appointments.get(id), "ben@jones"),
    "a reference": (lambda p, id: p.appointments.find_by_reference(id), "REF-ben@jones"),
    "to reschedule": (lambda p, id: p.appointments.reschedule(id, FREE), "ben@jones"),
    "to cancel": (lambda p, id: p.appointments.cancel(id), "ben@jones"),
    "to follow": (lambda p, id: p.series.cancel(id), "ben@jones"),
    "a series": (lambda p, id: p.series.get(id), "s-ben"),
    "appointments of a series": (lambda p, id: p.series.appointments(id), "s-ben"),
    "a hold": (lambda p, id: p.holds.get(id), "h-ben"),
    "to release": (lambda p, id: p.holds.release(id), "h-ben"),
    "an entry": (lambda p, id: p.waitlist.entries.get(id), "w-ben"),
    "an entry of somebody unknown": (lambda p, id: p.waitlist.entries.find(id), "w-dora"),
    "to leave": (lambda p, id: p.waitlist.leave(id), "w-ben"),
    "a place in the line": (lambda p, id: p.waitlist.position(id), "w-ben"),
    "an offer": (lambda p, id: p.waitlist.offers.get(id), "waitlist-offer-2"),
    "to decline": (lambda p, id: p.waitlist.decline(id, patient="ada"), "waitlist-offer-2"),
    "to book for": (lambda p, id: p.appointments.book(FREE, patient=id), "ben"),
    "to hold for": (lambda p, id: p.holds.place(FREE, patient=id), "ben"),
    "to wait for": (
        lambda p, id: p.waitlist.join(patient=id, type="visit", earliest=DAYS[0], latest=DAYS[0]),
        "ben",
    ),
    "slots for": (
        lambda p, id: p.availability.slots("smith", "visit", NOW, NOW, patient=id),
        "ben",
    ),
}


def told(world: World, who: str, look: Looking, id: str) -> tuple[Any, list[str], Any]:
    store = world.store
    assert isinstance(store, Counting)
    practice = world.acting(who)
    store.asked.clear()
    store.entries.clear()
    found, refused = None, None
    try:
        found = look(practice, id)
    except NotFound as error:
        refused = error.kind, error.sentence().replace(id, "…")
    said = [(one.action, one.outcome, one.reason) for one in store.entries]
    return (found, refused), list(store.asked), said


ADAS = {
    "ben": "ada",
    "ben@jones": "ada@smith",
    "REF-ben@jones": "REF-ada@smith",
    "s-ben": "s-ada",
    "h-ben": "h-ada",
    "w-ben": "w-ada",
    "waitlist-offer-2": "waitlist-offer-1",
}
"""Whose records are not reached: by those who do not know Ben, and by those of the annex."""
CASES = [
    *((name, who, id) for name, (_, id) in LOOKED_FOR.items() for who in ("ada", "smith", "bay")),
    *((name, "expired", ADAS.get(id, id)) for name, (_, id) in LOOKED_FOR.items()),
    *(
        (name, who, {"ben": "dora", "w-ben": "w-dora"}.get(id, id))
        for name, (_, id) in LOOKED_FOR.items()
        for who in ("granted", "glass")
        if id in ("ben", "dora", "w-ben", "w-dora")
    ),
]


@pytest.mark.parametrize("audits", [True, False])
@pytest.mark.parametrize("name, who, id", CASES)
def test_missing_and_foreign_are_alike(name: str, who: str, id: str, audits: bool) -> None:
    look, _ = LOOKED_FOR[name]
    missing = told(World(Counting(audits=audits)), who, look, "ghost")
    foreign = told(World(Counting(audits=audits)), who, look, id)
    assert foreign == missing
    assert bool(missing[2]) is audits


@pytest.mark.parametrize("name", sorted(PROBES))
def test_the_host_is_asked_nothing_more(name: str) -> None:
    """A trusted principal costs no look at grants, and none at what is reached."""
    world = World(Counting(audits=False))
    practice = world.acting("trusted")
    assert isinstance(world.store, Counting)
    pages: list[type] = []
    page = world.store.page

    def watched(practice: str, cls: Any, **more: Any) -> Any:
        pages.append(cls)
        return page(practice, cls, **more)

    world.store.page = watched  # type: ignore[method-assign]
    world.store.asked.clear()
    try:
        PROBES[name](practice, world)
    except MedschedError:
        assert ROWS[name]["trusted"] != "."
    assert not {"reached", "record"} & set(world.store.asked)
    granted = name.startswith("grants")
    assert (Kind.GRANT.value in [one.__name__.lower() for one in pages]) is granted


def test_a_principal_of_another_practice_may_run_nothing() -> None:
    store = Counting()
    world = World(store)
    practice = world.acting("elsewhere")
    store.asked.clear()
    ran = 0
    for name, command in commands(practice):
        with pytest.raises(NotAllowed, match="another practice"):
            command()
        ran += 1
        assert store.asked in (["record"], ["bare", "record"]), name  # whose it was
        store.asked.clear()
    assert ran > 150


def test_a_trusted_principal_is_trusted_everywhere() -> None:
    world = World(MemoryStore())
    lakeside = world.scheduler.practice("lakeside", principal=Principal.trusted("host"))
    assert [one.id for one in lakeside.patients.list()] == ["ada"]


def test_a_key_of_somebody_else_opens_nothing() -> None:
    world = World()
    theirs = world.acting("jones").appointments.book(
        start("jones", 14, 10), patient="ben", idempotency_key="k"
    )
    ours = world.acting("smith").appointments.book(
        start("smith", 14, 10), patient="ada", idempotency_key="k"
    )
    assert (theirs.patient, ours.patient) == ("ben", "ada")


def test_a_key_opens_nothing_that_is_not_reached_any_more() -> None:
    world = World()
    practice = world.acting("granted")
    slot = start("smith", 14, 10)
    made = practice.appointments.book(slot, patient="ada", idempotency_key="k")
    assert practice.appointments.book(slot, patient="ada", idempotency_key="k") == made
    world.clinic.access.revoke(world.clinic.access.grants()[0].id)
    with pytest.raises(NotFound):
        practice.appointments.book(slot, patient="ada", idempotency_key="k")
