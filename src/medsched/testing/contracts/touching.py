"""What is told of availability: what each changeset touched, in the order of its events."""

from __future__ import annotations

from functools import partial
from threading import Event as Signal
from threading import Semaphore

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability_changes import NumberedTouch, Touched, TouchedTime
from medsched.domain.changes import Applied, RowVersion, Tally
from medsched.domain.claims import ClaimKind
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    JONES,
    MICROSECOND,
    MINUTE,
    NINE,
    NOW,
    R1,
    ROUNDS,
    SMITH,
    THREADS,
    Contract,
    appointment,
    changes,
    claim,
    hold,
    plain,
    put,
    race,
    settled,
)

_TOLD = Event.of(Change.UPDATED, Patient(id="told", version=1))
_OTHER = Event.of(Change.ACTIVATED, Patient(id="told", version=1))


def touches(store: Store, practice: str) -> list[Touched | None]:
    """All that was touched."""
    store.number_events(practice)
    return [one.touched for one in store.changes(practice, after=0, limit=5000)]


class Touching(Contract):
    """What is touched is written down with the first event of its changeset."""

    def test_a_new_booking_touches_what_it_takes_but_its_patient(
        self, store: Store, practice: str
    ) -> None:
        spans = [(one, NINE, NINE + 30) for one in (SMITH, Resource("patient", "ada"), R1)]
        made = appointment("a", spans=spans)
        put(store, practice, made, claims=made.claims, events=[_TOLD, _OTHER])
        times = (TouchedTime(SMITH, NINE, NINE + 30), TouchedTime(R1, NINE, NINE + 30))
        assert plain(touches(store, practice)) == plain([Touched(times=times)])

    def test_it_is_told_when_a_hold_expires(self, store: Store, practice: str) -> None:
        made = hold("h", expires=NOW + MINUTE + MICROSECOND)
        put(store, practice, made, claims=made.claims, events=[_TOLD])
        put(store, practice, releases=made.claims, events=[_TOLD])
        placed = TouchedTime(SMITH, NINE, NINE + 30, NOW + MINUTE + MICROSECOND)
        given_back = TouchedTime(SMITH, NINE, NINE + 30)
        found = touches(store, practice)
        assert plain(found) == plain([Touched(times=(placed,)), Touched(times=(given_back,))])

    def test_anything_else_that_is_touched(self, store: Store, practice: str) -> None:
        taken = claim(JONES, NINE, NINE + 10, kind=ClaimKind.BLOCKING)
        put(
            store,
            practice,
            AppointmentType(code="ä visit", duration=30 * MINUTE, version=1),
            bumps={SMITH, Resource("practice", practice)},
            doubled=(taken,),
            seats=(TouchedTime(SMITH, NINE, NINE + 60),),
            events=[_TOLD],
        )
        gone = RowVersion(Ref(Kind.APPOINTMENT_TYPE, "ä visit"), 1)
        put(store, practice, removals=[gone], events=[_TOLD])
        times = (TouchedTime(JONES, NINE, NINE + 10), TouchedTime(SMITH, NINE, NINE + 60))
        hours = tuple(sorted({SMITH, Resource("practice", practice)}))
        first = Touched(times=times, hours=hours, types=("ä visit",))
        assert plain(touches(store, practice)) == plain([first, Touched(types=("ä visit",))])

    def test_what_touches_nothing_is_left_out(self, store: Store, practice: str) -> None:
        put(store, practice, Patient(id="ada", version=1), events=[_TOLD])
        put(store, practice, tallies=[Tally("n", 1)], events=[_TOLD])
        put(store, practice, bumps={SMITH})
        assert touches(store, practice) == []
        assert store.changes(practice, after=-1, limit=9) == []
        assert store.changes("nobody's", after=0, limit=9) == []

    def test_what_touches_nothing_takes_no_place_among_those_asked_for(
        self, store: Store, practice: str
    ) -> None:
        ada = Resource("patient", "ada")
        for at in range(3):
            taken = claim(ada, NINE + 10 * at, NINE + 10 * at + 10, id=f"h{at}")
            put(store, practice, claims=[taken], events=[_TOLD])
        put(store, practice, bumps={SMITH}, events=[_TOLD])
        assert store.number_events(practice) == 4
        told = [NumberedTouch(4, Touched(hours=(SMITH,)))]
        assert store.changes(practice, after=0, limit=1) == told
        assert store.changes(practice, after=3, limit=9) == told

    def test_they_are_numbered_as_the_first_of_their_events(
        self, store: Store, practice: str
    ) -> None:
        put(store, practice, bumps={SMITH}, events=[_TOLD, _OTHER])
        put(store, practice, events=[_TOLD])
        put(store, practice, bumps={JONES}, events=[_TOLD, _OTHER])
        assert store.number_events(practice) == 5
        both = [
            NumberedTouch(1, Touched(hours=(SMITH,))),
            NumberedTouch(4, Touched(hours=(JONES,))),
        ]
        assert store.changes(practice, after=0, limit=9) == both
        assert store.changes(practice, after=0, limit=1) == both[:1]
        assert store.changes(practice, after=1, limit=9) == both[1:]
        assert store.changes(practice, after=3, limit=9) == both[1:]
        assert store.changes(practice, after=4, limit=9) == []

    def test_nothing_is_touched_by_what_is_not_done(self, store: Store, practice: str) -> None:
        made, rival = appointment("a"), appointment("b")
        put(store, practice, made, claims=made.claims, events=[_TOLD])
        refused = changes(practice, rival, claims=rival.claims, events=[_TOLD])
        stale = changes(practice, attrs.evolve(made, version=9), bumps={JONES}, events=[_TOLD])
        for one in (refused, stale):
            assert store.apply(one) != Applied()
        assert len(touches(store, practice)) == 1

    def test_whoever_follows_misses_nothing_while_others_apply(
        self, store: Store, practice: str
    ) -> None:
        seen, done, left = list[NumberedTouch](), Signal(), Semaphore(THREADS - 1)

        def apply(number: int) -> None:
            try:
                for at in range(ROUNDS):
                    low = NINE + 10 * (number * ROUNDS + at)
                    made = appointment(f"a{number}-{at}", low, 10)
                    one = changes(practice, made, claims=made.claims[1:], events=[_TOLD])
                    assert settled(store, one) == Applied()
            finally:
                if not left.acquire(blocking=False):  # it is the last one
                    done.set()

        def follow() -> None:
            while True:
                over = done.is_set()
                store.number_events(practice)
                after = seen[-1].number if seen else 0
                found = store.changes(practice, after=after, limit=3)
                seen.extend(found)
                if over and not found:
                    break

        race(*(partial(apply, number) for number in range(THREADS)), follow)
        lows = sorted(one.touched.times[0].low for one in seen if one.touched is not None)
        assert lows == [NINE + 10 * at for at in range(THREADS * ROUNDS)]
