"""Whether what is stored of a practice agrees with itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from tests.kills.clinics import State, unmarked

from medsched.domain.stored import BOOKINGS, BookingRecord
from medsched.ports.store import Store

_HOUR, _DAY = 60, 24 * 60


def unsound(store: Store, practice: str, state: State) -> list[str]:
    """What is wrong with a practice; nothing of it is asked of the ledger's own code.

    Each minute of a resource is claimed once, but by who was let double others; the ledger has
    the claimed minutes and no others; the claims are those of the bookings; every version of
    every record has its event, and nothing has an event that it never came to.
    """
    bookings = _bookings(store, practice)
    doubled = {claim_id for one in bookings if one.may_overlap for claim_id in _names(one)}
    return [*_minutes(state, doubled), *_claims(state, bookings), *_events(state)]


def _names(booking: BookingRecord) -> set[tuple[str, str]]:
    return {(claim.kind.value, unmarked(claim.id)) for claim in booking.claims}


def _bookings(store: Store, practice: str) -> list[BookingRecord]:
    found: list[BookingRecord] = []
    for cls in BOOKINGS.values():
        found += store.page(practice, cls, active=None, where={}, after=None, limit=1000)
    return found


def _minutes(state: State, doubled: Collection[tuple[str, str]]) -> Iterable[str]:
    claimed, once = Counter[tuple[str, str, int]](), Counter[tuple[str, str, int]]()
    for claim in state.of("claim"):
        for minute in range(claim["low"], claim["high"]):
            taken_minute = (claim["resource_kind"], claim["resource_id"], minute)
            claimed[taken_minute] += 1
            once[taken_minute] += (claim["kind"], claim["id"]) not in doubled
    twice = sorted({(kind, id) for (kind, id, _), times in once.items() if times > 1})
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
        if not event["name"].endswith("overridden"):  # told beside the change that it was
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
