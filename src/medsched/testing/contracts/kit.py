"""What the tests of the contract share."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from threading import Barrier, Thread
from typing import Any, Final
from uuid import uuid4

import attrs
import pytest

from medsched.domain.agendas import Agenda
from medsched.domain.appointments import Appointment
from medsched.domain.availability import AvailabilityRule
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Applied, Changeset, Outcome, Stale
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KeyedRequest, keyed_request
from medsched.domain.ledger import LedgerKey
from medsched.domain.people import Provider
from medsched.domain.places import Location, Room
from medsched.domain.principals import Principal
from medsched.domain.records import Resource
from medsched.domain.stored import CLASSES, BookingRecord, Kind, Ref, Stored
from medsched.ports.store import Store
from medsched.timeline.instants import DAY, instant_of, minute_of
from medsched.timeline.recurrence import Recurrence

DAILY: Final = Recurrence.daily(start=date(2026, 1, 1))
MAIN: Final = Ref(Kind.LOCATION, "main")
ROOM: Final = Ref(Kind.ROOM, "r1")
RULE: Final = Ref(Kind.RULE, "rule")
SMITH: Final = Resource("provider", "smith")
JONES: Final = Resource("provider", "jones")
ADA: Final = Resource("patient", "ada")
R1: Final = Resource("room", "r1")
NOW: Final = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
NINE: Final = minute_of(datetime(2026, 1, 5, 9, tzinfo=UTC), rounding="down")
"""Nine o'clock on a Monday, in minutes of the epoch."""
MIDNIGHT: Final = NINE - 9 * 60
"""The midnight before."""
DAY_OF_NINE: Final = NINE // DAY
MINUTE: Final = timedelta(minutes=1)
MICROSECOND: Final = timedelta(microseconds=1)
ROUNDS: Final = 20
"""How often each race is run: what goes wrong in one goes wrong now and then only."""
THREADS: Final = 4
_RESOURCES: Final = (SMITH, JONES, ADA, R1, Resource("location", "main"))
_WEEK: Final = range(MIDNIGHT // DAY - 7, MIDNIGHT // DAY + 8)
_numbers = count(1)


class Contract:
    """A store to be tested, and a practice in it that no other test uses."""

    @pytest.fixture
    def store(self) -> Store:
        """The store under test; to be overridden, and free to be the same for every test."""
        raise NotImplementedError("give the fixture `store` a store to test")

    @pytest.fixture
    def practice(self) -> str:
        """An id that nothing is stored under."""
        return f"practice-{uuid4().hex}-{next(_numbers)}"

    @pytest.fixture
    def clinic(self, store: Store, practice: str) -> str:
        """A practice with a location, a room in it, and a provider with a rule."""
        put(
            store,
            practice,
            Location(id="main", version=1),
            Room(id="r1", location="main", version=1),
            Provider(id="smith", version=1),
            AvailabilityRule("smith", DAILY, hours="09:00-12:00", id="rule", version=1),
            bumps={SMITH},
        )
        return practice


# ------------------------------------------------------------------------- making


def changes(practice: str, *writes: Stored, **more: Any) -> Changeset:
    """A changeset; sets and tuples may be given as any collection."""
    for name in ("guards", "bumps"):
        if name in more:
            more[name] = frozenset(more[name])
    for name in ("removals", "releases", "claims", "tallies", "seats", "events"):
        if name in more:
            more[name] = tuple(more[name])
    return Changeset(practice=practice, writes=writes, **more)


def put(store: Store, practice: str, *writes: Stored, **more: Any) -> None:
    """Apply a changeset that nothing speaks against."""
    assert store.apply(changes(practice, *writes, **more)) == Applied()


def settled(store: Store, changeset: Changeset) -> Outcome:
    """What comes of a changeset that only rivals for the same rows can make stale, and not long."""
    for _ in range(6):
        if (outcome := store.apply(changeset)) != Stale():
            return outcome
    raise AssertionError("stale again and again, and nothing has changed")


def claim(resource: Resource, low: int, high: int, id: str = "a", **more: Any) -> Claim:
    """A claim on the minutes [low, high) of the epoch."""
    return Claim(resource, low, high, more.pop("kind", ClaimKind.APPOINTMENT), id, **more)


def appointment(id: str, low: int = NINE, length: int = 30, **more: Any) -> Appointment:
    """An appointment of Smith's with Ada, unless others are named, which takes their time."""
    fields: dict[str, Any] = {
        "version": 1,
        "provider": "smith",
        "patient": "ada",
        "type": "visit",
        "created_at": NOW,
        "updated_at": NOW,
        "wall": WallTime(instant_of(low).replace(tzinfo=None), "UTC"),
        **more,
    }
    resources = [Resource("provider", fields["provider"]), Resource("patient", fields["patient"])]
    fields.setdefault("spans", [(one, low, low + length) for one in resources])
    return Appointment(id=id, start=instant_of(low), end=instant_of(low + length), **fields)


def hold(id: str, low: int = NINE, length: int = 30, *, expires: datetime, **more: Any) -> Hold:
    """A hold of Smith's time for nobody in particular."""
    return Hold(
        id=id,
        version=1,
        provider="smith",
        type="visit",
        start=instant_of(low),
        end=instant_of(low + length),
        wall=WallTime(instant_of(low).replace(tzinfo=None), "UTC"),
        spans=[(SMITH, low, low + length)],
        expires=expires,
        **more,
    )


def book(store: Store, practice: str, *bookings: BookingRecord) -> None:
    """Store bookings and make their claims."""
    put(store, practice, *bookings, claims=[one for some in bookings for one in some.claims])


def request(
    key: str, *, at: datetime = NOW, result: Stored | None = None, **said: Any
) -> KeyedRequest:
    """A request under an idempotency key."""
    made = keyed_request(key, Principal.trusted("host"), "appointment.booked", said, at)
    return attrs.evolve(made, result=result)


# ------------------------------------------------------------------------ reading


def claimed(store: Store, practice: str, *resources: Resource, days: range = _WEEK) -> list[Claim]:
    """The claims on some resources in the week around, or on other days."""
    return list(store.claims(practice, resources, days[0] * DAY, (days[-1] + 1) * DAY))


def taken(
    store: Store, practice: str, *resources: Resource, days: range = _WEEK
) -> Mapping[LedgerKey, int]:
    """The minutes that are taken of some resources, in the week around, or on other days."""
    return store.ledger(practice, resources, days[0], days[-1])


def days_of(claim: Claim) -> range:
    """The days of a claim, and one more before and after."""
    return range(claim.low // DAY - 1, (claim.high - 1) // DAY + 2)


def minutes_of(claims: Iterable[Claim]) -> Mapping[LedgerKey, int]:
    """The rows that claims make, minute by minute; no minute is claimed twice."""
    rows = Counter[LedgerKey]()
    for one in claims:
        for minute in range(one.low, one.high):
            rows[LedgerKey(one.resource, minute // DAY)] += 1 << minute % DAY
    return rows


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """Claims in the order in which they are read."""
    return sorted(claims, key=lambda one: (one.resource, one.low))


def shown(
    store: Store, practice: str, *, scopes: Collection[str] = (), tallies: Collection[str] = ()
) -> object:
    """Everything that the readers show of a practice; what must be asked for by name, if named."""
    records = {
        cls: list(store.page(practice, cls, active=None, where={}, after=None, limit=5000))
        for cls in CLASSES.values()
    }
    refs = [Ref.to(record) for some in records.values() for record in some]
    return (
        records,
        store.calendars(practice, _RESOURCES),
        [list(store.referrers(practice, ref)) for ref in (*refs, MAIN, ROOM)],
        list(store.appointments(practice, Agenda(), after=None, limit=5000)),
        claimed(store, practice, *_RESOURCES),
        taken(store, practice, *_RESOURCES),
        store.tallies(practice, tallies),
        [store.receipt(practice, scope, NOW) for scope in scopes],
        store.number_events(practice),
        list(store.events(practice, after=0, limit=5000)),
        list(store.changes(practice, after=0, limit=5000)),
    )


# ---------------------------------------------------------------------- comparing


def plain(value: object) -> object:
    """A value with the type of everything in it: 1 is not True, 1.0 is not 1, a tuple no list."""
    of = type(value)
    if attrs.has(of):
        names = [field.name for field in attrs.fields(of)]
        return of, {name: plain(getattr(value, name)) for name in names}
    match value:
        case datetime():
            return of, value.isoformat(), value.tzname()
        case frozenset() | set():
            return of, sorted(map(plain, value), key=repr)
        case tuple() | list():
            return of, [plain(one) for one in value]
        case Mapping():
            return of, [(plain(key), plain(one)) for key, one in value.items()]
        case _:
            return of, repr(value)


def same(found: Stored | None, record: Stored) -> None:
    """The record as it was, to the type of everything in it."""
    assert type(found) is type(record)
    for field in attrs.fields(type(record)):
        was, now = getattr(record, field.name), getattr(found, field.name)
        assert (field.name, plain(now)) == (field.name, plain(was))
        assert now == was


def ids(records: Iterable[Stored]) -> list[str]:
    """The ids of records."""
    return [record.id for record in records]


# ------------------------------------------------------------------------- racing


def race(*works: Callable[[], object]) -> None:
    """Do all of these at once, each in a thread of its own; what one raises is raised here."""
    start, raised = Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [Thread(target=run, args=(work,)) for work in works]
    with _nimble():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]


@contextmanager
def _nimble() -> Iterator[None]:
    """Let threads take turns far more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def outcomes_of(store: Store, changesets: Iterable[Changeset]) -> list[Outcome]:
    """What comes of applying all of these at once, in their order."""
    outcomes: dict[int, Outcome] = {}

    def apply(at: int, changeset: Changeset) -> None:
        outcomes[at] = store.apply(changeset)

    works = [partial(apply, at, one) for at, one in enumerate(changesets)]
    race(*works)
    return [outcomes[at] for at in range(len(works))]
