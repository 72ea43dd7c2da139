"""Whether what is stored of a practice agrees with itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.kills.clinics import State, unmarked

from medsched.domain.appointments import Appointment
from medsched.domain.holds import Hold
from medsched.domain.stored import BookingRecord
from medsched.ports.store import Store

_HOUR, _DAY = 60, 24 * 60


def unsound(store: Store, practice: str, state: State) -> list[str]:
    """What is wrong with a practice; nothing of it is asked of the ledger's own code.

    Each minute of a resource is claimed once; the ledger has the claimed minutes and no others;
    the claims are those of the appointments and holds; every version of every record has its
    event, and nothing has an event that it never came to.
    """
    return [*_minutes(state), *_claims(state, _bookings(store, practice)), *_events(state)]


def _bookings(store: Store, practice: str) -> list[BookingRecord]:
    found: list[BookingRecord] = []
    for cls in (Appointment, Hold):
        found += store.page(practice, cls, active=None, where={}, after=None, limit=1000)
    return found


def _minutes(state: State) -> Iterable[str]:
    claimed = Counter[tuple[str, str, int]]()
    for claim in state.of("claim"):
        for minute in range(claim["low"], claim["high"]):
            claimed[claim["resource_kind"], claim["resource_id"], minute] += 1
    twice = sorted({(kind, id) for (kind, id, _), times in claimed.items() if times > 1})
    yield from (f"minutes of {kind} {id} are claimed twice" for kind, id in twice)
    taken = set()
    for row in state.of("ledger"):
        for hour in range(24):
            bits = row[f"h{hour:02d}"] or 0
            for minute in range(_HOUR):
                if bits >> minute & 1:
                    at = row["day"] * _DAY + hour * _HOUR + minute
                    taken.add((row["resource_kind"], row["resource_id"], at))
    for what, minutes in (
        ("claimed and not in the ledger", claimed.keys() - taken),
        ("in the ledger and not claimed", taken - claimed.keys()),
    ):
        counted = Counter((kind, id) for kind, id, _ in minutes)
        yield from (f"{many} minutes of {kind} {id} {what}" for (kind, id), many in counted.items())


def _claims(state: State, bookings: Iterable[BookingRecord]) -> Iterable[str]:
    names = ("resource_kind", "resource_id", "low", "high", "kind", "id", "expires_at")
    stored = Counter(tuple(row[name] for name in names) for row in state.of("claim"))
    made = Counter(
        (
            *(one.resource.kind.value, one.resource.id, one.low, one.high),
            *(one.kind.value, unmarked(one.id), one.expires),
        )
        for booking in bookings
        for one in booking.claims
    )
    yield from (f"a claim of nothing: {one}" for one in sorted(stored - made, key=repr))
    yield from (f"a claim that is missing: {one}" for one in sorted(made - stored, key=repr))


def _events(state: State) -> Iterable[str]:
    told = defaultdict[tuple[str, str], list[int]](list)
    for event in state.of("event"):
        told[event["kind"], event["record"]].append(event["version"])
    stored = {
        (row["kind"], row["id"]): row["version"]
        for table in ("record", "booking")
        for row in state.of(table)
        if row["version"]
    }
    for key, version in stored.items():
        if sorted(told[key]) != list(range(1, version + 1)):
            yield f"events of the versions {told[key]} of {key} at version {version}"
    for key in told.keys() - stored.keys():  # removed: the last event has its last version too
        *versions, last = sorted(told[key])
        if versions != list(range(1, last + 1)):
            yield f"events of the versions {told[key]} of {key}, which is not there"
    numbers = sorted(one["number"] for one in state.of("event") if one["number"] is not None)
    last = max((row["last"] for row in state.of("sequence")), default=0)
    if numbers != list(range(1, last + 1)):
        yield f"events are numbered {numbers}, the last number is {last}"
