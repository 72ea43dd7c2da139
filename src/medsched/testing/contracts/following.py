"""Many at once, for what is counted once: keys, tallies, references and numbers."""

from __future__ import annotations

from functools import partial
from threading import Event as Signal
from threading import Semaphore

from medsched.domain.appointments import Appointment
from medsched.domain.changes import Applied, Refused, Repeated, Stale, Tally
from medsched.domain.events import Change, Event
from medsched.domain.idempotency import Receipt
from medsched.domain.people import Patient
from medsched.domain.stored import Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    NINE,
    NOW,
    ROUNDS,
    SMITH,
    THREADS,
    Contract,
    appointment,
    changes,
    ids,
    outcomes_of,
    put,
    race,
    request,
    settled,
)


class Following(Contract):
    """Threads that count, name and number, and one that follows."""

    # ------------------------------------------------------------ keys, references, counts

    def test_of_rivals_under_one_key_one_is_done(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            made = [appointment(f"a{at}-{n}") for n in range(THREADS)]
            asked = [request(f"key {at}", result=one, n=n) for n, one in enumerate(made)]
            outcomes = outcomes_of(
                store,
                [
                    changes(practice, one, request=keyed)
                    for one, keyed in zip(made, asked, strict=True)
                ],
            )
            assert outcomes.count(Applied()) == 1
            winner = outcomes.index(Applied())
            receipt = Receipt(asked[winner].digest, made[winner])
            assert outcomes.count(Repeated(receipt)) == THREADS - 1
            assert store.receipt(practice, asked[0].scope, NOW) == receipt
            refs = [Ref.to(one) for one in made]
            assert store.get_many(practice, refs) == {refs[winner]: made[winner]}

    def test_one_request_sent_by_many_is_done_once(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            made = appointment(f"a{at}", patient=f"p{at}", provider=f"d{at}", reference=f"R{at}")
            keyed = request(f"key {at}", result=made)
            booking = changes(
                practice, made, claims=made.claims, request=keyed, tallies=[Tally("n", 1)]
            )
            outcomes = outcomes_of(store, [booking] * THREADS)
            assert outcomes.count(Applied()) == 1
            assert outcomes.count(Repeated(Receipt(keyed.digest, made))) == THREADS - 1
            assert store.tallies(practice, ["n"]) == {"n": at + 1}

    def test_whoever_sees_what_was_done_finds_its_key(self, store: Store, practice: str) -> None:
        """A receipt is read from a state that is not older than what was read before it."""
        for at in range(ROUNDS):
            made = appointment(f"a{at}", NINE + at)
            keyed = request(f"key {at}", result=made)
            booking = changes(practice, made, claims=made.claims[1:], request=keyed)
            missed = list[int]()

            def look(at: int = at, scope: str = keyed.scope, missed: list[int] = missed) -> None:
                for _ in range(10_000):
                    if store.claims(practice, [SMITH], NINE + at, NINE + at + 1):
                        break
                if store.receipt(practice, scope, NOW) is None:
                    missed.append(at)

            race(look, look, partial(settled, store, booking))
            assert missed == []
            put(store, practice, releases=made.claims[1:])

    def test_of_rivals_for_one_reference_one_has_it(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            made = [appointment(f"a{at}-{n}", reference=f"R{at}") for n in range(THREADS)]
            outcomes = outcomes_of(store, [changes(practice, one) for one in made])
            assert outcomes.count(Applied()) == 1
            assert outcomes.count(Stale()) == THREADS - 1
            where = {"reference": f"R{at}"}
            found = store.page(practice, Appointment, active=None, where=where, after=None, limit=9)
            assert ids(found) == [made[outcomes.index(Applied())].id]

    def test_a_tally_never_exceeds_its_most(self, store: Store, practice: str) -> None:
        """Whoever is refused, is so because it is full."""
        for at in range(ROUNDS // 2):
            name, most = f"n{at}", THREADS + 1
            outcomes = list[object]()

            def count(
                name: str = name, most: int = most, outcomes: list[object] = outcomes
            ) -> None:
                for _ in range(2):
                    one = changes(practice, tallies=[Tally(name, 1, most)])
                    outcomes.append(settled(store, one))

            race(*[count] * THREADS)
            assert outcomes.count(Applied()) == most
            assert outcomes.count(Refused((), (name,))) == 2 * THREADS - most
            assert store.tallies(practice, [name]) == {name: most}

    def test_tallies_in_any_order(self, store: Store, practice: str) -> None:
        """Up and down again, by several names at once; what was counted comes out."""
        names, counted = [f"n{number}" for number in range(5)], list[int]()
        put(store, practice, tallies=[Tally(name, 2) for name in names])

        def count(number: int) -> None:
            order = names[number:] + names[:number]
            for at in range(ROUNDS):
                by = 1 if at % 2 else -1
                if number % 2:
                    by = -by
                tallies = [Tally(name, by, 4) for name in order]
                outcome = settled(store, changes(practice, tallies=tallies))
                if outcome == Applied():
                    counted.append(by)
                else:
                    assert isinstance(outcome, Refused)

        race(*(partial(count, number) for number in range(THREADS)))
        left = 2 + sum(counted)
        assert 0 <= left <= 4
        assert store.tallies(practice, names) == dict.fromkeys(names, left)

    # ------------------------------------------------------------------------- numbers

    def test_whoever_follows_sees_every_event_once(self, store: Store, practice: str) -> None:
        """While some apply and others number, in whatever order they come to commit."""
        seen, applied = list[Event](), list[Event]()
        done, left = Signal(), Semaphore(THREADS - 1)

        def apply(number: int) -> None:
            try:
                for version in range(1, ROUNDS + 1):
                    mine = Patient(id=f"p{number}", version=version)
                    events = [Event.of(Change.UPDATED, mine), Event.of(Change.ACTIVATED, mine)]
                    one = changes(practice, mine, events=events)
                    assert settled(store, one) == Applied()
                    applied.extend(events)
            finally:
                if not left.acquire(blocking=False):  # it is the last one
                    done.set()

        def number() -> None:
            last = 0
            while not done.is_set():
                given = store.number_events(practice)
                assert given >= last
                assert given == 0 or store.events(practice, after=given - 1, limit=1)
                last = given

        def follow(limit: int = 7) -> None:
            while True:
                over = done.is_set()
                found = store.events(practice, after=len(seen), limit=limit)
                for one in found:
                    assert one.number == len(seen) + 1
                    seen.append(one.event)
                if over and not found:
                    break

        race(
            *(partial(apply, number) for number in range(THREADS)),
            number,
            number,
            follow,
        )
        assert store.number_events(practice) == len(applied) == THREADS * ROUNDS * 2
        follow()
        assert sorted(map(repr, seen)) == sorted(map(repr, applied))
        for one in range(THREADS):
            told = [event for event in seen if event.id == f"p{one}"]
            assert [event.version for event in told] == [v // 2 for v in range(2, 2 * ROUNDS + 2)]
            assert [event.name for event in told[:2]] == ["patient.updated", "patient.activated"]

    def test_what_was_applied_is_numbered_by_the_next_call(
        self, store: Store, practice: str
    ) -> None:
        """Whoever else is numbering: one's own event has its number afterwards."""

        def apply(number: int) -> None:
            for version in range(1, ROUNDS // 2 + 1):
                mine = Event.of(Change.UPDATED, Patient(id=f"p{number}", version=version))
                assert settled(store, changes(practice, events=[mine])) == Applied()
                last = store.number_events(practice)
                found = store.events(practice, after=0, limit=5000)
                assert [one.number for one in found[:last]] == list(range(1, last + 1))
                assert mine in [one.event for one in found[:last]]

        race(*(partial(apply, number) for number in range(THREADS)))
        assert store.number_events(practice) == THREADS * (ROUNDS // 2)

    def test_of_rivals_for_one_record_events_tell_its_versions_in_order(
        self, store: Store, practice: str
    ) -> None:
        """What replaces another comes after it, though they were committed at once."""
        most = 2 * ROUNDS

        def rival() -> None:
            while True:
                found = store.get(practice, Patient, "x")
                version = 0 if found is None else found.version
                if version >= most:
                    break
                one = Patient(id="x", version=version + 1)
                events = [Event.of(Change.UPDATED, one)]
                store.apply(changes(practice, one, events=events, bumps={SMITH}))
                if version % 5 == 0:
                    store.number_events(practice)

        race(*[rival] * THREADS)
        count = store.number_events(practice)
        found = store.events(practice, after=0, limit=5000)
        assert [one.event.version for one in found] == list(range(1, count + 1))
        assert count == most
