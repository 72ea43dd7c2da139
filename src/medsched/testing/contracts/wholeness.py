"""A changeset that does everything at once is done as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from medsched.domain.changes import (
    Applied,
    Changeset,
    Refused,
    Repeated,
    RowVersion,
    ScheduleVersion,
    Stale,
    Tally,
)
from medsched.domain.events import Change, Event
from medsched.domain.idempotency import Receipt
from medsched.domain.ledger import LedgerKey
from medsched.domain.people import Patient
from medsched.domain.places import Location, Room
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    DAY_OF_NINE,
    JONES,
    MAIN,
    NINE,
    NOW,
    R1,
    RULE,
    SMITH,
    Contract,
    appointment,
    book,
    changes,
    claim,
    claimed,
    in_order,
    minutes_of,
    put,
    request,
    shown,
    taken,
)

_NEW: Final = Patient(id="new", version=1)
_ABSENT: Final = RowVersion(Ref(Kind.ROOM, "gone"), 1)
_SCOPE: Final = request("key").scope
_OLD: Final = appointment("old", NINE + 60, reference="OLD")


def _whole(practice: str) -> Changeset:
    """A changeset that does everything at once: it moves an appointment and makes another."""
    moved = attrs.evolve(appointment("old", NINE + 70, reference="OLD"), version=2)
    made = appointment("new", reference="NEW")
    return changes(
        practice,
        made,
        moved,
        _NEW,
        request=request("key", result=made),
        removals=[RowVersion(RULE, 1)],
        guards=[ScheduleVersion(SMITH, 1), RowVersion(MAIN, 1), RowVersion(_ABSENT.ref, 0)],
        bumps=[SMITH],
        releases=_OLD.claims,
        claims=[*made.claims, *moved.claims],
        tallies=[Tally("open", 1, 1), Tally("seats", -1, 5)],
        events=[Event.of(Change.BOOKED, made), Event.of(Change.RESCHEDULED, moved)],
    )


_SPOILT: Final[dict[str, tuple[Any, Callable[[Changeset], dict[str, Any]]]]] = {
    "the first claim is taken": (
        Refused,
        lambda one: {"claims": (claim(R1, NINE + 29, NINE + 30), *one.claims)},
    ),
    "the last claim is taken": (
        Refused,
        lambda one: {"claims": (*one.claims, claim(R1, NINE, NINE + 1))},
    ),
    "a tally is full": (Refused, lambda one: {"tallies": (*one.tallies, Tally("full", 1, 3))}),
    "a tally is empty": (Refused, lambda one: {"tallies": (*one.tallies, Tally("empty", -1))}),
    "what it releases is not there": (
        Stale,
        lambda one: {"releases": (*one.releases, claim(R1, NINE, NINE + 1))},
    ),
    "a reference is taken": (
        Stale,
        lambda one: {"writes": (*one.writes, appointment("x", reference="TAKEN"))},
    ),
    "a record is newer": (
        Stale,
        lambda one: {"writes": (*one.writes, Location(id="main", version=1))},
    ),
    "a record is older": (
        Stale,
        lambda one: {"writes": (*one.writes, Room(id="r1", location="main", version=9))},
    ),
    "a guarded schedule is newer": (
        Stale,
        lambda one: {"guards": one.guards | {ScheduleVersion(JONES, 7)}},
    ),
    "a guarded record is not there": (Stale, lambda one: {"guards": one.guards | {_ABSENT}}),
    "a removed record is not there": (Stale, lambda one: {"removals": (*one.removals, _ABSENT)}),
    "a removed record is referred to": (
        Stale,
        lambda one: {"removals": (*one.removals, RowVersion(MAIN, 1))},
    ),
    "everything at once": (
        Refused | Stale,
        lambda one: {
            "claims": (*one.claims, claim(R1, NINE, NINE + 1)),
            "tallies": (*one.tallies, Tally("full", 1, 3)),
            "releases": (*one.releases, claim(R1, NINE, NINE + 1)),
            "guards": one.guards | {_ABSENT},
        },
    ),
}
"""What can be wrong with the changeset above, what comes of it, and how to make it so."""


class Wholeness(Contract):
    """All that a changeset says, or nothing."""

    @pytest.fixture
    def busy(self, store: Store, clinic: str) -> str:
        """A practice in which the changeset above can be applied, and each spoilt one cannot."""
        taken = appointment("taken", NINE + 300, reference="TAKEN", spans=[])
        book(store, clinic, _OLD, taken)
        put(
            store,
            clinic,
            claims=[claim(R1, NINE, NINE + 30, "cleaning")],
            tallies=[Tally("seats", 3), Tally("full", 3)],
            events=[Event.of(Change.BOOKED, _OLD)],
        )
        return clinic

    def test_it_is_done_as_a_whole(self, store: Store, busy: str) -> None:
        whole = _whole(busy)
        assert whole.request is not None
        assert store.apply(whole) == Applied()
        refs = [*map(Ref.to, whole.writes), RULE]
        assert store.get_many(busy, refs) == dict(zip(refs, whole.writes, strict=False))
        claims = in_order(whole.claims)
        resources = {one.resource for one in claims}
        assert claimed(store, busy, *resources) == claims
        assert taken(store, busy, *resources) == minutes_of(claims)
        assert store.schedule_versions(busy, [SMITH]) == {SMITH: 2}
        assert store.tallies(busy, ["open", "seats", "full"]) == {"open": 1, "seats": 2, "full": 3}
        receipt = Receipt(whole.request.digest, appointment("new", reference="NEW"))
        assert store.receipt(busy, _SCOPE, NOW) == receipt
        assert store.number_events(busy) == 3
        found = store.events(busy, after=1, limit=9)
        assert tuple(one.event for one in found) == whole.events

    @pytest.mark.parametrize("outcome, spoil", _SPOILT.values(), ids=list(_SPOILT))
    def test_one_fault_spoils_it_all(
        self, store: Store, busy: str, outcome: Any, spoil: Callable[[Changeset], dict[str, Any]]
    ) -> None:
        whole = _whole(busy)
        spoilt = attrs.evolve(whole, **spoil(whole))
        names = {"scopes": [_SCOPE], "tallies": ["open", "seats", "full", "empty"]}
        before = shown(store, busy, **names)
        versions = store.schedule_versions(busy, [SMITH, JONES])
        found = store.apply(spoilt)
        assert isinstance(found, outcome)
        if isinstance(found, Refused):
            assert found.taken or found.full
            assert set(found.taken) <= {LedgerKey(R1, DAY_OF_NINE)}
            assert set(found.full) <= {"full", "empty"}
        assert shown(store, busy, **names) == before
        assert store.schedule_versions(busy, [SMITH, JONES]) == versions
        assert store.apply(whole) == Applied()

    @pytest.mark.parametrize("spoil", [spoil for _, spoil in _SPOILT.values()], ids=list(_SPOILT))
    def test_a_used_key_is_told_before_anything_else(
        self, store: Store, busy: str, spoil: Callable[[Changeset], dict[str, Any]]
    ) -> None:
        whole = _whole(busy)
        put(store, busy, request=whole.request and attrs.evolve(whole.request, result=None))
        names = {"scopes": [_SCOPE], "tallies": ["open", "seats", "full", "empty"]}
        before = shown(store, busy, **names)
        spoilt = attrs.evolve(whole, **spoil(whole))
        assert isinstance(store.apply(spoilt), Repeated)
        assert shown(store, busy, **names) == before
