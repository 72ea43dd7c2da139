"""Time is taken once, given back as it was taken, and shown to the minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any, Final

import attrs
import pytest

from medsched.domain.changes import (
    Applied,
    Outcome,
    Refused,
    RowVersion,
    ScheduleVersion,
    Stale,
)
from medsched.domain.claims import LONGEST_CLAIM, Claim, ClaimKind
from medsched.domain.events import Change, Event
from medsched.domain.ledger import LedgerKey
from medsched.domain.people import Patient
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Kind, Ref
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    ADA,
    JONES,
    MICROSECOND,
    MIDNIGHT,
    NINE,
    R1,
    SMITH,
    Contract,
    appointment,
    changes,
    claim,
    claimed,
    days_of,
    in_order,
    minutes_of,
    plain,
    put,
    request,
    shown,
    taken,
)
from medsched.testing.contracts.samples import IDS
from medsched.testing.contracts.taken import CLAIMS, WHEN
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE

_OVERLAPPING: Final = ((0, 30), (-1, 1), (29, 31), (0, 1), (29, 30), (-61, 91), (10, 11))
_TOUCHING: Final = ((-30, 0), (30, 60), (-1, 0), (30, 31), (-1441, 0), (30, 1471))
_STARTS: Final = {
    "within an hour": NINE + 10,
    "at the end of an hour": NINE + 30,
    "at the beginning of an hour": NINE,
    "over two hours": NINE + 45,
    "at the end of a day": MIDNIGHT - 30,
    "at the beginning of a day": MIDNIGHT,
    "over two days": MIDNIGHT - 1,
}
_HELD: Final = CLAIMS["a hold"]


def _refused(outcome: Outcome, *keys: LedgerKey) -> None:
    """Refused for one or more of these rows, and nothing else."""
    assert isinstance(outcome, Refused)
    assert outcome.full == ()
    assert outcome.taken
    assert set(outcome.taken) <= set(keys)
    assert {type(key) for key in outcome.taken} == {LedgerKey}


class Claiming(Contract):
    """Claims, and the ledger of the minutes they take."""

    # ------------------------------------------------------------------------ taking

    @pytest.mark.parametrize("made", CLAIMS.values(), ids=list(CLAIMS))
    def test_a_claim_is_shown_as_it_was_made(
        self, store: Store, practice: str, made: Claim
    ) -> None:
        put(store, practice, claims=[made])
        found = claimed(store, practice, made.resource, days=days_of(made))
        assert found == [made]
        assert plain(found) == plain([made])
        ledger = taken(store, practice, made.resource, days=days_of(made))
        assert ledger == minutes_of([made])
        assert {(type(key), type(bits)) for key, bits in ledger.items()} == {(LedgerKey, int)}

    @pytest.mark.parametrize("made", CLAIMS.values(), ids=list(CLAIMS))
    def test_what_is_released_is_free(self, store: Store, practice: str, made: Claim) -> None:
        put(store, practice, claims=[made])
        again = attrs.evolve(made, id="again")
        _refused(store.apply(changes(practice, claims=[again])), *minutes_of([made]))
        put(store, practice, releases=[made])
        assert claimed(store, practice, made.resource, days=days_of(made)) == []
        assert taken(store, practice, made.resource, days=days_of(made)) == {}
        put(store, practice, claims=[again])
        assert claimed(store, practice, made.resource, days=days_of(made)) == [again]
        assert taken(store, practice, made.resource, days=days_of(made)) == minutes_of([made])

    @pytest.mark.parametrize("low", _STARTS.values(), ids=list(_STARTS))
    def test_who_overlaps_is_refused(self, store: Store, practice: str, low: int) -> None:
        made = claim(SMITH, low, low + 30)
        put(store, practice, claims=[made])
        before = shown(store, practice)
        for at, to in _OVERLAPPING:
            rival = claim(SMITH, low + at, low + to, "b")
            outcome = store.apply(changes(practice, claims=[rival]))
            _refused(outcome, *minutes_of([made]))
            assert claimed(store, practice, SMITH) == [made]
        assert shown(store, practice) == before

    @pytest.mark.parametrize("low", _STARTS.values(), ids=list(_STARTS))
    def test_who_touches_does_not_overlap(self, store: Store, practice: str, low: int) -> None:
        first = claim(SMITH, low, low + 30)
        put(store, practice, claims=[first])
        for at, to in _TOUCHING:
            other = claim(SMITH, low + at, low + to, "b")
            put(store, practice, claims=[other])
            assert taken(store, practice, SMITH) == minutes_of([first, other])
            put(store, practice, releases=[other])
        assert taken(store, practice, SMITH) == minutes_of([first])

    def test_each_minute_of_two_hours_is_one_of_its_own(self, store: Store, practice: str) -> None:
        """Over midnight, in a mixed order, until all are taken; then back again."""
        minutes = [MIDNIGHT - 60 + at * 37 % 120 for at in range(120)]
        made = [claim(SMITH, minute, minute + 1, f"a{minute}") for minute in minutes]
        for at in range(0, 120, 3):
            for one in made[at : at + 3]:
                put(store, practice, claims=[one])
            assert taken(store, practice, SMITH) == minutes_of(made[: at + 3])
        for one in made[::11]:
            rival = attrs.evolve(one, id="b")
            _refused(store.apply(changes(practice, claims=[rival])), *minutes_of([one]))
        assert claimed(store, practice, SMITH) == in_order(made)
        for at in range(0, 120, 3):
            put(store, practice, releases=made[at : at + 3])
            assert taken(store, practice, SMITH) == minutes_of(made[at + 3 :])

    @pytest.mark.parametrize("at", [0, 7], ids=["in the minutes", "beside them"])
    @pytest.mark.parametrize("moved", ["nothing", "schedule", "record"])
    @pytest.mark.parametrize("hasty", [True, False])
    def test_who_is_told_that_guards_held_may_rely_on_it(
        self, store: Store, practice: str, hasty: bool, moved: str, at: int
    ) -> None:
        """What is taken is taken by all of a booking or by one resource, and something moved."""
        put(store, practice, Patient(id="ada", version=1), bumps={SMITH})
        rival = [claim(R1, NINE + at, NINE + at + 5, "b")]
        put(store, practice, claims=rival)
        made = appointment("a")
        guards = {
            ScheduleVersion(SMITH, 1 + (moved == "schedule")),
            RowVersion(Ref(Kind.PATIENT, "ada"), 1 + (moved == "record")),
        }
        wanted = (*made.claims, claim(R1, NINE, NINE + 30))
        told = [Event.of(Change.BOOKED, made)]
        more = {"guards": guards, "claims": wanted, "events": told, "hasty": hasty}
        before = shown(store, practice)
        for key in (None, request("key", result=made)):
            outcome = store.apply(changes(practice, made, request=key, **more))
            if moved == "nothing":
                assert isinstance(outcome, Refused | Stale)
                assert hasty or isinstance(outcome, Refused)
            else:
                assert outcome == Stale() or (isinstance(outcome, Refused) and not outcome.guarded)
            assert shown(store, practice) == before
        put(store, practice, releases=rival)
        if moved == "nothing":
            assert store.apply(changes(practice, made, **more)) == Applied()

    def test_all_of_several_are_taken_or_none(self, store: Store, practice: str) -> None:
        resources = sorted([SMITH, ADA, R1, JONES])
        wanted = [claim(every, MIDNIGHT - 700, MIDNIGHT + 700, "b") for every in resources]
        for one in resources:
            put(store, practice, claims=[claim(one, MIDNIGHT - 1, MIDNIGHT, "x")])
            before = shown(store, practice)
            outcome = store.apply(changes(practice, claims=wanted[::-1]))
            _refused(outcome, LedgerKey(one, MIDNIGHT // DAY - 1))
            assert shown(store, practice) == before
            put(store, practice, releases=[claim(one, MIDNIGHT - 1, MIDNIGHT, "x")])
        put(store, practice, claims=wanted)
        assert claimed(store, practice, *resources) == wanted
        assert taken(store, practice, *resources) == minutes_of(wanted)

    def test_a_refusal_names_no_row_that_is_free(self, store: Store, practice: str) -> None:
        """One claim over five days, of which the second and the fourth are partly taken."""
        for day in (1, 3):
            put(store, practice, claims=[claim(SMITH, NINE + day * DAY, NINE + day * DAY + 1)])
        rival = claim(SMITH, MIDNIGHT, MIDNIGHT + 5 * DAY, "b")
        outcome = store.apply(changes(practice, claims=[rival]))
        _refused(outcome, *(LedgerKey(SMITH, MIDNIGHT // DAY + day) for day in (1, 3)))

    def test_one_booking_may_take_a_resource_twice(self, store: Store, practice: str) -> None:
        both = [claim(SMITH, NINE, NINE + 5), claim(SMITH, NINE + 5, NINE + 9)]
        apart = claim(SMITH, NINE + 20, NINE + 21)
        put(store, practice, claims=[apart, *both])
        assert claimed(store, practice, SMITH) == [*both, apart]
        assert taken(store, practice, SMITH) == minutes_of([*both, apart])
        put(store, practice, releases=[both[0]])
        assert claimed(store, practice, SMITH) == [both[1], apart]
        assert taken(store, practice, SMITH) == minutes_of([both[1], apart])

    def test_an_expired_hold_blocks_until_it_is_released(self, store: Store, practice: str) -> None:
        long_ago = claim(SMITH, NINE, NINE + 30, "h", kind=ClaimKind.HOLD)
        held = attrs.evolve(long_ago, expires=CLAIMS["the first minute of all"].end)
        put(store, practice, claims=[held])
        assert claimed(store, practice, SMITH) == [held]
        rival = claim(SMITH, NINE + 29, NINE + 31, "b")
        _refused(store.apply(changes(practice, claims=[rival])), *minutes_of([held]))
        put(store, practice, releases=[held], claims=[rival])
        assert claimed(store, practice, SMITH) == [rival]

    # --------------------------------------------------------------------- who is who

    def test_resources_are_told_apart_by_kind_and_byte(self, store: Store, practice: str) -> None:
        resources = [Resource(kind, "x") for kind in ResourceKind]
        resources += [Resource("provider", id) for id in IDS]
        made = [claim(one, NINE, NINE + 1 + at, str(at)) for at, one in enumerate(resources)]
        for one in made:
            put(store, practice, claims=[one])
        for one in made:
            assert claimed(store, practice, one.resource) == [one]
            assert taken(store, practice, one.resource) == minutes_of([one])
        by_bytes = sorted(made, key=lambda one: (one.resource.kind.value, one.resource.id.encode()))
        assert claimed(store, practice, *resources) == by_bytes == in_order(made)
        assert taken(store, practice, *resources) == minutes_of(made)

    def test_claims_are_told_apart_by_id_byte_by_byte(self, store: Store, practice: str) -> None:
        made = [claim(SMITH, NINE + at, NINE + at + 1, id) for at, id in enumerate(IDS)]
        put(store, practice, claims=made)
        assert claimed(store, practice, SMITH) == made
        for one, other in zip(made, [*made[1:], made[0]], strict=True):
            mistaken = attrs.evolve(one, id=other.id)
            assert store.apply(changes(practice, releases=[mistaken])) == Stale()
        put(store, practice, releases=made[::2])
        assert claimed(store, practice, SMITH) == made[1::2]

    def test_claims_of_practices_are_apart(self, store: Store, practice: str) -> None:
        there = [practice + tail for tail in (" ", "\u200f", "é")]
        made = claim(SMITH, NINE, NINE + 30)
        put(store, practice, claims=[made])
        for one in there:
            assert claimed(store, one, SMITH) == []
            assert taken(store, one, SMITH) == {}
            assert store.apply(changes(one, releases=[made])) == Stale()
            put(store, one, claims=[attrs.evolve(made, id=one)])
        put(store, practice, releases=[made])
        for one in there:
            assert claimed(store, one, SMITH) == [attrs.evolve(made, id=one)]
            assert taken(store, one, SMITH) == minutes_of([made])

    # ----------------------------------------------------------------------- releasing

    @pytest.mark.parametrize(
        "other",
        [
            {"high": _HELD.high - 1},
            {"high": _HELD.high + 1},
            {"low": _HELD.low - 1},
            {"low": _HELD.low + 1},
            {"id": "h2"},
            {"id": "H1"},
            {"id": "h1 "},
            {"id": ""},
            {"kind": ClaimKind.BLOCKING},
            {"kind": ClaimKind.APPOINTMENT},
            {"expires": None},
            {"expires": WHEN + MICROSECOND},
            {"expires": WHEN - MICROSECOND},
            {"resource": Resource("room", "smith")},
            {"resource": Resource("provider", "Smith")},
        ],
        ids=str,
    )
    def test_what_is_not_there_is_not_released(
        self, store: Store, practice: str, other: dict[str, Any]
    ) -> None:
        """A claim that differs in anything from the one that stands is another one."""
        put(store, practice, claims=[_HELD])
        before = shown(store, practice)
        for more in ([], [_HELD]):
            releases = [*more, attrs.evolve(_HELD, **other)]
            new = [claim(R1, NINE, NINE + 1)]
            assert store.apply(changes(practice, releases=releases, claims=new)) == Stale()
            assert shown(store, practice) == before

    def test_nothing_is_released_twice(self, store: Store, practice: str) -> None:
        made = claim(SMITH, NINE, NINE + 30)
        release = changes(practice, releases=[made])
        assert store.apply(release) == Stale()
        put(store, practice, claims=[made])
        assert store.apply(release) == Applied()
        assert store.apply(release) == Stale()

    def test_one_changeset_releases_a_claim_once(self, store: Store, practice: str) -> None:
        """The second time it is not there."""
        made = claim(SMITH, NINE, NINE + 30)
        put(store, practice, claims=[made])
        before = shown(store, practice)
        spoilt = changes(practice, Patient(id="ada", version=1), releases=[made, made])
        assert store.apply(spoilt) == Stale()
        assert shown(store, practice) == before

    def test_an_expiry_is_an_instant_in_any_zone(self, store: Store, practice: str) -> None:
        india = timezone(timedelta(hours=5, minutes=30))
        put(store, practice, claims=[attrs.evolve(_HELD, expires=WHEN.astimezone(india))])
        assert claimed(store, practice, SMITH) == [_HELD]
        put(store, practice, releases=[_HELD])
        assert claimed(store, practice, SMITH) == []

    def test_a_release_leaves_what_is_next_to_it(self, store: Store, practice: str) -> None:
        made = [claim(SMITH, low, low + 20, str(low)) for low in range(NINE, NINE + 60, 20)]
        made += [claim(R1, NINE + 20, NINE + 40), claim(SMITH, NINE + DAY + 20, NINE + DAY + 40)]
        put(store, practice, claims=made)
        gone = made.pop(1)
        put(store, practice, releases=[gone])
        assert claimed(store, practice, SMITH, R1) == [*made[:2], made[3], made[2]]
        assert taken(store, practice, SMITH, R1) == minutes_of(made)

    @pytest.mark.parametrize(
        "to", [(0, 30), (10, 40), (-10, 20), (5, 25), (-5, 35), (30, 60), (-30, 0), (29, 1500)]
    )
    @pytest.mark.parametrize("low", [NINE, NINE + 45, MIDNIGHT - 15])
    def test_a_booking_may_move_onto_its_own_time(
        self, store: Store, practice: str, low: int, to: tuple[int, int]
    ) -> None:
        old = [claim(one, low, low + 30) for one in (ADA, SMITH)]
        new = [claim(one, low + to[0], low + to[1]) for one in (ADA, SMITH)]
        put(store, practice, claims=old)
        put(store, practice, releases=old[::-1], claims=new)
        assert claimed(store, practice, SMITH, ADA) == new
        assert taken(store, practice, SMITH, ADA) == minutes_of(new)

    def test_two_bookings_may_change_places(self, store: Store, practice: str) -> None:
        a, b = claim(SMITH, NINE, NINE + 30, "a"), claim(JONES, NINE + 15, NINE + 75, "b")
        put(store, practice, claims=[a, b])
        new = [attrs.evolve(a, id="b"), attrs.evolve(b, id="a")]
        put(store, practice, releases=[b, a], claims=new)
        assert claimed(store, practice, SMITH, JONES) == new[::-1]
        on_one = [claim(SMITH, NINE, NINE + 60, "b"), claim(SMITH, NINE + 60, NINE + 90, "a")]
        put(store, practice, releases=new, claims=on_one[::-1])
        swapped = [claim(SMITH, NINE, NINE + 30, "a"), claim(SMITH, NINE + 30, NINE + 90, "b")]
        put(store, practice, releases=on_one, claims=swapped)
        assert claimed(store, practice, SMITH, JONES) == swapped
        assert taken(store, practice, SMITH, JONES) == minutes_of(swapped)

    def test_who_moves_onto_another_stays(self, store: Store, practice: str) -> None:
        mine, other = claim(SMITH, NINE, NINE + 30), claim(SMITH, NINE + 50, NINE + 60, "b")
        put(store, practice, claims=[mine, other])
        before = shown(store, practice)
        moved = claim(SMITH, NINE + 21, NINE + 51)
        outcome = store.apply(changes(practice, releases=[mine], claims=[moved]))
        _refused(outcome, *minutes_of([other]))
        assert shown(store, practice) == before

    # ------------------------------------------------------------------------- reading

    def test_claims_are_those_that_reach_into_a_stretch(self, store: Store, practice: str) -> None:
        low, high = NINE, NINE + 30
        made = claim(SMITH, low, high)
        put(store, practice, claims=[made])
        reach: Mapping[tuple[int, int], bool] = {
            (low - 10 * DAY, low): False,
            (low - 10 * DAY, low + 1): True,
            (low, low + 1): True,
            (low, high): True,
            (low + 10, low + 11): True,
            (high - 1, high): True,
            (high - 1, high + 10 * DAY): True,
            (high, high + 10 * DAY): False,
            (low - 1, low): False,
            (low - 1, high + 1): True,
            (FIRST_MINUTE, LAST_MINUTE): True,
        }
        for (first, last), there in reach.items():
            assert list(store.claims(practice, [SMITH], first, last)) == [made] * there

    def test_a_long_claim_is_found_from_its_last_minute(self, store: Store, practice: str) -> None:
        long = claim(SMITH, NINE, NINE + LONGEST_CLAIM, "long")
        short = [claim(SMITH, one, one + 1, str(one)) for one in (NINE - 1, long.high)]
        put(store, practice, claims=[long, *short])
        assert list(store.claims(practice, [SMITH], long.high - 1, long.high)) == [long]
        assert list(store.claims(practice, [SMITH], NINE, NINE + 1)) == [long]
        last = LedgerKey(SMITH, (long.high - 1) // DAY)
        assert store.ledger(practice, [SMITH], last.day, last.day) == {
            key: bits for key, bits in minutes_of([long, *short]).items() if key == last
        }

    def test_claims_are_in_order_of_resource_and_start(self, store: Store, practice: str) -> None:
        resources = [JONES, SMITH, ADA, R1, Resource("patient", "Ada")]
        made = [
            claim(resource, NINE + at * 1000, NINE + at * 1000 + 5, f"a{at}")
            for at in (3, 0, 2, 1, -1)
            for resource in resources
        ]
        for one in made:
            put(store, practice, claims=[one])
        assert claimed(store, practice, *resources, *resources) == in_order(made)
        without = [one for one in in_order(made) if one.resource not in (ADA, SMITH)]
        assert claimed(store, practice, JONES, R1, resources[-1]) == without
        assert list(store.claims(practice, [], NINE, NINE + DAY)) == []

    def test_the_ledger_is_of_these_days_and_resources(self, store: Store, practice: str) -> None:
        day = MIDNIGHT // DAY
        made = [
            claim(one, NINE + at * DAY, NINE + at * DAY + 9)
            for at in range(6)
            for one in (SMITH, R1)
        ]
        put(store, practice, claims=made)
        for first, last in ((0, 5), (1, 3), (2, 2), (-9, 0), (5, 9), (6, 9), (-9, -1)):
            wanted = [one for one in made if first <= one.low // DAY - day <= last]
            found = store.ledger(practice, [R1, SMITH, R1, JONES], day + first, day + last)
            assert found == minutes_of(wanted)
            found = store.ledger(practice, [R1], day + first, day + last)
            assert found == minutes_of(one for one in wanted if one.resource == R1)
        assert store.ledger(practice, [], day, day + 5) == {}
        put(store, practice, releases=made[2:4])
        assert store.ledger(practice, [SMITH, R1], day + 1, day + 1) == {}

    def test_much_is_taken_and_shown_at_once(self, store: Store, practice: str) -> None:
        """More than a store may want to say, or ask for, in one statement."""
        resources = [Resource("room", f"r{number:04}") for number in range(700)]
        made = [claim(one, MIDNIGHT - 9, MIDNIGHT + 9, one.id) for one in resources]
        put(store, practice, claims=made)
        assert claimed(store, practice, *resources[::-1]) == made
        assert taken(store, practice, *resources) == minutes_of(made)
        rival = [claim(one, MIDNIGHT + 8, MIDNIGHT + 10, "b") for one in resources]
        spoilt = changes(practice, releases=made[:-1], claims=rival)
        _refused(store.apply(spoilt), LedgerKey(resources[-1], MIDNIGHT // DAY))
        assert claimed(store, practice, *resources) == made
        assert taken(store, practice, *resources) == minutes_of(made)
        put(store, practice, releases=made, claims=rival)
        assert claimed(store, practice, *resources) == rival
        assert taken(store, practice, *resources) == minutes_of(rival)
