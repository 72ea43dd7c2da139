"""Many at once, for time: nobody is double-booked, and nobody waits for ever."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from random import Random
from threading import Event as Signal

import attrs
import pytest

from medsched.domain.changes import Applied, Refused, RowVersion, ScheduleVersion, Stale, Tally
from medsched.domain.claims import Claim
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    DAY_OF_NINE,
    JONES,
    MIDNIGHT,
    NINE,
    NOW,
    R1,
    ROUNDS,
    SMITH,
    THREADS,
    Contract,
    appointment,
    book,
    changes,
    claim,
    claimed,
    hold,
    ids,
    in_order,
    minutes_of,
    outcomes_of,
    put,
    race,
    request,
    settled,
    taken,
)

_ROOMS = [Resource("room", f"r{number}") for number in range(6)]


class Contention(Contract):
    """Threads that want the same time."""

    # ------------------------------------------------------------------------- taking

    def test_of_rivals_for_one_minute_one_gets_it(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            low = MIDNIGHT - ROUNDS // 2 + at
            rivals = [appointment(f"a{at}-{n}", low, 1, patient=f"p{n}") for n in range(THREADS)]
            outcomes = outcomes_of(
                store, [changes(practice, one, claims=one.claims) for one in rivals]
            )
            assert outcomes.count(Applied()) == 1
            winner = rivals[outcomes.index(Applied())]
            assert all(isinstance(one, Applied | Refused | Stale) for one in outcomes)
            assert list(store.claims(practice, [SMITH], low, low + 1)) == [winner.claims[1]]
            patients = [Resource("patient", f"p{n}") for n in range(THREADS)]
            assert list(store.claims(practice, patients, low, low + 1)) == [winner.claims[0]]
            refs = [Ref.to(one) for one in rivals]
            assert store.get_many(practice, refs) == {Ref.to(winner): winner}

    def test_who_wants_other_minutes_is_not_refused(self, store: Store, practice: str) -> None:
        """Not even in the same hour of the same resource."""
        for at in range(ROUNDS):
            low = MIDNIGHT - 60 + at * 6
            made = [claim(SMITH, low + n, low + n + 1, f"a{n}") for n in range(6)]
            outcomes = list[object]()

            def take(one: Claim, outcomes: list[object] = outcomes) -> None:
                outcomes.append(settled(store, changes(practice, claims=[one])))

            race(*(partial(take, one) for one in made))
            assert outcomes == [Applied()] * 6
            assert list(store.claims(practice, [SMITH], low, low + 6)) == made

    def test_who_is_refused_has_met_somebody(self, store: Store, practice: str) -> None:
        """Each overlaps its neighbours, and so either is applied or next to one that is."""
        for at in range(ROUNDS):
            low = NINE + at * 1000
            rivals = [claim(SMITH, low + n * 5, low + n * 5 + 10, f"a{n}") for n in range(6)]
            outcomes = outcomes_of(store, [changes(practice, claims=[one]) for one in rivals])
            stands = [one for one, got in zip(rivals, outcomes, strict=True) if got == Applied()]
            assert list(store.claims(practice, [SMITH], low, low + 100)) == stands
            for one, other in pairwise(outcomes):
                assert [one, other].count(Applied()) < 2
            padded = [Stale(), *outcomes, Stale()]
            for near in zip(padded, padded[1:], padded[2:], strict=False):
                assert Applied() in near

    @pytest.mark.parametrize("apart", [True, False], ids=["disjoint", "overlapping"])
    def test_many_resources_in_any_order(self, store: Store, practice: str, apart: bool) -> None:
        """No order in which they are named makes rivals wait for one another for ever."""
        applied = list[Claim]()

        def take(number: int) -> None:
            random = Random(number)
            for at in range(ROUNDS // 2):
                low = MIDNIGHT - 100 + at * 20 + (number * 5 if apart else random.randint(0, 9))
                wanted = [claim(one, low, low + 5, f"a{number}-{at}") for one in _ROOMS]
                wanted += [attrs.evolve(one, low=low + 1440, high=low + 1445) for one in wanted]
                random.shuffle(wanted)
                changeset = changes(practice, claims=wanted)
                outcome = settled(store, changeset) if apart else store.apply(changeset)
                if outcome == Applied():
                    applied.extend(wanted)
                else:
                    assert not apart
                    assert isinstance(outcome, Refused | Stale)

        race(*(partial(take, number) for number in range(THREADS)))
        if apart:
            assert len(applied) == THREADS * (ROUNDS // 2) * 2 * len(_ROOMS)
        assert claimed(store, practice, *_ROOMS) == in_order(applied)
        assert taken(store, practice, *_ROOMS) == minutes_of(applied)

    # ---------------------------------------------------------------------- releasing

    def test_the_ledger_is_of_the_claims_that_stand(self, store: Store, practice: str) -> None:
        """Each takes and gives back what it got, over and over, all in the same few hours."""
        kept: dict[int, list[Claim]] = {}

        def work(number: int) -> None:
            random, mine = Random(number), list[Claim]()
            for at in range(2 * ROUNDS):
                gone = random.sample(mine, k=min(len(mine), random.choice((0, 0, 1, 2))))
                new = [
                    claim(one, low, low + random.choice((1, 7, 60)), f"a{number}-{at}")
                    for one in random.sample(_ROOMS[:3], k=random.choice((0, 1, 2)))
                    for low in [MIDNIGHT + random.randint(-70, 70)]
                ]
                outcome = store.apply(changes(practice, releases=gone, claims=new))
                if outcome == Applied():
                    mine = [one for one in mine if one not in gone] + new
            kept[number] = mine

        race(*(partial(work, number) for number in range(THREADS)))
        stand = [one for mine in kept.values() for one in mine]
        assert claimed(store, practice, *_ROOMS) == in_order(stand)
        ledger = taken(store, practice, *_ROOMS)
        assert ledger == minutes_of(stand)
        minutes = sum(one.high - one.low for one in stand)
        assert sum(bits.bit_count() for bits in ledger.values()) == minutes

    def test_what_one_gives_back_another_gets(self, store: Store, practice: str) -> None:
        """One releases while others take the minutes next to it, in the same row."""
        for at in range(ROUNDS):
            low = NINE + at * 30
            first = claim(SMITH, low, low + 10, "first")
            near = [claim(SMITH, low + 10 + n, low + 11 + n, f"a{n}") for n in range(3)]
            put(store, practice, claims=[first])
            race(
                partial(settled, store, changes(practice, releases=[first])),
                *(partial(settled, store, changes(practice, claims=[one])) for one in near),
            )
            assert list(store.claims(practice, [SMITH], low, low + 30)) == near
            assert taken(store, practice, SMITH) == minutes_of(claimed(store, practice, SMITH))

    def test_a_claim_is_released_by_one(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            made = [claim(one, NINE, NINE + 30, f"a{at}") for one in (SMITH, R1)]
            put(store, practice, claims=made)
            release = [changes(practice, releases=made[:: 1 - 2 * (n % 2)]) for n in range(THREADS)]
            outcomes = outcomes_of(store, release)
            assert outcomes.count(Applied()) == 1
            assert outcomes.count(Stale()) == THREADS - 1
            assert taken(store, practice, SMITH, R1) == {}

    def test_two_that_change_places_do_so_once(self, store: Store, practice: str) -> None:
        a, b = claim(SMITH, NINE, NINE + 30, "a"), claim(JONES, NINE, NINE + 30, "b")
        put(store, practice, claims=[a, b])
        for _ in range(ROUNDS):
            swapped = [attrs.evolve(a, id=b.id), attrs.evolve(b, id=a.id)]
            outcomes = outcomes_of(
                store,
                [
                    changes(practice, releases=[a, b], claims=swapped),
                    changes(practice, releases=[b, a], claims=swapped[::-1]),
                ],
            )
            assert outcomes.count(Applied()) == 1
            a, b = swapped
            assert claimed(store, practice, SMITH, JONES) == [b, a]

    def test_an_expired_hold_is_swept_once(self, store: Store, practice: str) -> None:
        for at in range(ROUNDS):
            low = NINE + at * 30
            held = hold(f"h{at}", low, expires=NOW)
            book(store, practice, held)
            rivals = [appointment(f"a{at}-{n}", low, patient=f"p{n}") for n in range(THREADS)]
            sweeping = [
                changes(
                    practice,
                    one,
                    removals=[RowVersion(Ref.to(held), 1)],
                    releases=held.claims,
                    claims=one.claims,
                )
                for one in rivals
            ]
            outcomes = outcomes_of(store, sweeping)
            assert outcomes.count(Applied()) == 1
            winner = rivals[outcomes.index(Applied())]
            assert ids(store.expired_holds(practice, NOW, limit=9)) == []
            assert list(store.claims(practice, [SMITH], low, low + 30)) == [winner.claims[1]]

    # ------------------------------------------------------------------------ reading

    def test_readers_never_see_a_booking_half_moved(self, store: Store, practice: str) -> None:
        """It goes back and forth between providers and over midnight, ten minutes long."""
        forms = [
            [claim(SMITH, MIDNIGHT - 3, MIDNIGHT + 7), claim(R1, NINE, NINE + 10)],
            [claim(JONES, MIDNIGHT - 8, MIDNIGHT + 2), claim(R1, NINE + 5, NINE + 15)],
            [claim(SMITH, NINE - 10, NINE), claim(R1, MIDNIGHT - 10, MIDNIGHT)],
        ]
        put(store, practice, claims=forms[0])
        done, torn = Signal(), list[object]()

        def write() -> None:
            try:
                for at in range(5 * ROUNDS):
                    old, new = forms[at % 3], forms[(at + 1) % 3]
                    assert settled(store, changes(practice, releases=old, claims=new)) == Applied()
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                found = claimed(store, practice, SMITH, JONES, R1)
                if not any(in_order(form) == found for form in forms):
                    torn.append(found)
                ledger = taken(store, practice, SMITH, JONES, R1)
                if not any(minutes_of(form) == ledger for form in forms):
                    torn.append(ledger)

        race(write, read, read)
        assert torn == []

    # ------------------------------------------------------------------------- guards

    def test_what_was_decided_on_an_older_schedule_is_stale(
        self, store: Store, practice: str
    ) -> None:
        """A schedule changes because nobody is booked; somebody books because it is open."""
        for at in range(ROUNDS):
            low, version = NINE + at * 30, store.schedule_versions(practice, [SMITH])[SMITH]
            made = appointment(f"a{at}", low)
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        practice,
                        made,
                        claims=made.claims,
                        guards={ScheduleVersion(SMITH, version)},
                    ),
                    changes(practice, guards={RowVersion(Ref.to(made), 0)}, bumps={SMITH}),
                ],
            )
            assert sorted(map(repr, outcomes)) == ["Applied()", "Stale()"]
            booked = list(store.claims(practice, [SMITH], low, low + 30))
            assert bool(booked) == (outcomes[0] == Applied())

    def test_whoever_closes_sees_all_who_are_stranded(self, store: Store, practice: str) -> None:
        """After a schedule has changed, nobody comes in who was decided on the older one."""
        for at in range(ROUNDS):
            low, version = NINE + at * 30, store.schedule_versions(practice, [SMITH])[SMITH]
            stranded = list[Claim]()

            def close(low: int = low, stranded: list[Claim] = stranded) -> None:
                assert settled(store, changes(practice, bumps={SMITH})) == Applied()
                stranded += store.claims(practice, [SMITH], low, low + 30)

            def enter(number: int, low: int = low, version: int = version) -> None:
                made = claim(SMITH, low + number, low + number + 1, f"a{number}")
                guards = {ScheduleVersion(SMITH, version)}
                store.apply(changes(practice, claims=[made], guards=guards))

            race(*(partial(enter, number) for number in range(THREADS)), close)
            assert list(store.claims(practice, [SMITH], low, low + 30)) == stranded
            put(store, practice, releases=stranded)

    def test_rivals_for_many_things_at_once(self, store: Store, practice: str) -> None:
        """A key, a schedule, a tally, time and records, all in one, and all of them wanted."""
        put(store, practice, Patient(id="ada", version=1), bumps={SMITH})
        for at in range(ROUNDS):
            rivals = [appointment(f"a{at}-{n}", NINE + at * 30) for n in range(THREADS)]
            outcomes = outcomes_of(
                store,
                [
                    changes(
                        practice,
                        one,
                        request=request(f"key {at}", result=one),
                        guards={ScheduleVersion(SMITH, 1), RowVersion(Ref(Kind.PATIENT, "ada"), 1)},
                        claims=one.claims[:: 1 - 2 * (n % 2)],
                        tallies=[Tally("ada", 1), Tally("all", 1)][:: 1 - 2 * (n % 2)],
                    )
                    for n, one in enumerate(rivals)
                ],
            )
            assert outcomes.count(Applied()) == 1
            winner = rivals[outcomes.index(Applied())]
            scope = request(f"key {at}").scope
            receipt = store.receipt(practice, scope, NOW)
            assert receipt is not None
            assert receipt.result == winner
        assert store.tallies(practice, ["ada", "all"]) == {"ada": ROUNDS, "all": ROUNDS}
        made = claimed(store, practice, SMITH)
        assert len(made) == ROUNDS
        assert taken(store, practice, SMITH) == minutes_of(made)
        assert {key.day for key in taken(store, practice, SMITH)} == {DAY_OF_NINE}
