"""What the store in memory is besides the contract, and what no changeset may say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from medsched.adapters.memory import MemoryStore
from medsched.adapters.memory.ledger import Ledger
from medsched.adapters.surroundings import standard
from medsched.domain.changes import Applied, Changeset, RowVersion, Stale, Tally
from medsched.domain.claims import LONGEST_CLAIM, Claim, Session
from medsched.domain.ledger import LedgerKey
from medsched.domain.people import Patient
from medsched.domain.places import Location
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.errors import InvalidChoice, InvalidId, InvalidInterval
from medsched.ports.store import RETRIES, Store
from medsched.ports.surroundings import Surroundings
from medsched.testing.fixed import FixedClock

conforms: type[Store] = MemoryStore

MAIN = Ref(Kind.LOCATION, "main")
SMITH, ROOM = Resource("provider", "smith"), Resource("room", "r1")
DAY = 20_460


def claim(low: int, high: int, id: str = "a", resource: Resource = SMITH) -> Claim:
    """A claim on minutes of one day."""
    return Claim(resource, DAY * 1440 + low, DAY * 1440 + high, id=id)


def bits(low: int, high: int) -> int:
    """The bits of minutes of a day."""
    return sum(1 << minute for minute in range(low, high))


def test_it_brings_its_own_surroundings_or_those_given() -> None:
    assert MemoryStore().surroundings is standard()
    clock = FixedClock(datetime(2026, 1, 5, tzinfo=UTC))
    own = standard()
    given = Surroundings(clock=clock, ids=own.ids, zones=own.zones, pauses=own.pauses)
    assert MemoryStore(given).surroundings is given
    assert MemoryStore().retries == RETRIES


def test_asking_leaves_nothing_behind() -> None:
    """Whoever asks for a thousand practices that there are none of, fills no memory."""
    store = MemoryStore()
    store.get("nowhere", Patient, "ada")
    store.claims("nowhere", [SMITH], 0, 10**6)
    store.tallies("nowhere", ["n"])
    store.number_events("nowhere")
    store.forget_receipts("nowhere", datetime(2026, 1, 5, tzinfo=UTC))
    stale = Changeset(practice="nowhere", writes=(Patient(id="ada", version=2),))
    assert store.apply(stale) == Stale()
    assert not store._practices
    assert store.apply(Changeset(practice="somewhere")) == Applied()


def test_what_was_given_never_changes() -> None:
    """Neither by what is applied later, nor by what its receiver does to it."""
    store = MemoryStore()
    first = Changeset(
        practice="p",
        writes=(Patient(id="ada", version=1),),
        claims=(claim(0, 5),),
        tallies=(Tally("n", 1),),
    )
    assert store.apply(first) == Applied()
    kept = (
        store.page("p", Patient, active=None, where={}, after=None, limit=9),
        store.claims("p", [SMITH], DAY * 1440, DAY * 1440 + 1440),
        store.ledger("p", [SMITH], DAY, DAY),
        store.tallies("p", ["n"]),
    )
    shown = [list(one) for one in kept]
    later = Changeset(
        practice="p",
        writes=(Patient(id="eve", version=1),),
        releases=(claim(0, 5),),
        tallies=(Tally("n", 1),),
    )
    assert store.apply(later) == Applied()
    assert [list(one) for one in kept] == shown
    for one in (
        store.claims("p", [SMITH], DAY * 1440, DAY * 1440 + 1440),
        store.ledger("p", [SMITH], DAY, DAY),
    ):
        assert not one
        one.clear()  # type: ignore[union-attr]
    assert store.apply(Changeset(practice="p", claims=(claim(0, 5),))) == Applied()


# ------------------------------------------------------------------------ the ledger


def test_a_minute_stays_taken_while_another_claim_covers_it() -> None:
    """As where somebody was booked twice on purpose, which no changeset can do as yet."""
    ledger, key = Ledger(), LedgerKey(SMITH, DAY)
    one, two, three = claim(0, 10, "a"), claim(5, 15, "b"), claim(9, 12, "c")
    for each in (one, two, three):
        ledger.take([], [each])
    ledger.take([two], [])
    assert ledger.rows([SMITH], DAY, DAY) == {key: bits(0, 12)}
    ledger.take([one], [])
    assert ledger.rows([SMITH], DAY, DAY) == {key: bits(9, 12)}
    ledger.take([three], [])
    assert ledger.rows([SMITH], DAY, DAY) == {}
    assert ledger.between(SMITH, DAY * 1440, DAY * 1440 + 1440) == []


def test_two_claims_on_the_same_minutes_are_released_together() -> None:
    ledger, both = Ledger(), [claim(5, 70, "a"), claim(30, 90, "b")]
    for each in both:
        ledger.take([], [each])
    assert ledger.taken([both[0]], [claim(5, 31, "c")]) == (LedgerKey(SMITH, DAY),)
    assert ledger.taken([both[0]], [claim(5, 30, "c")]) == ()
    assert ledger.taken(both, [claim(5, 90, "c")]) == ()
    ledger.take(both, [])
    assert ledger.rows([SMITH], DAY, DAY) == {}


# --------------------------------------------------------------- what no changeset says


def test_a_changeset_is_of_one_practice_and_changes_a_record_once() -> None:
    main = Location(id="main", version=1)
    with pytest.raises(InvalidId):
        Changeset(practice="")
    with pytest.raises(InvalidChoice):
        Changeset(practice="p", writes=(main, main))
    with pytest.raises(InvalidChoice):
        Changeset(practice="p", writes=(main,), removals=(RowVersion(MAIN, 1),))


def test_a_changeset_takes_a_minute_once() -> None:
    for second in (claim(0, 30), claim(29, 31, "b"), claim(10, 11, "b")):
        with pytest.raises(InvalidChoice):
            Changeset(practice="p", claims=(claim(0, 30), claim(30, 40), second))
    for second in (claim(30, 31), claim(0, 30, resource=ROOM)):
        Changeset(practice="p", claims=(claim(0, 30), second))


def test_a_changeset_takes_no_longer_than_a_booking_can_last() -> None:
    Changeset(practice="p", claims=(claim(0, LONGEST_CLAIM),))
    with pytest.raises(InvalidInterval):
        Changeset(practice="p", claims=(claim(0, LONGEST_CLAIM + 1),))


def test_a_changeset_makes_no_claim_of_a_session() -> None:
    session = Session("visit", None, DAY * 1440, 1)
    with pytest.raises(InvalidChoice):
        Changeset(practice="p", claims=(Claim(SMITH, DAY * 1440, DAY * 1440 + 5, session=session),))


def test_a_changeset_counts_a_tally_once() -> None:
    Changeset(practice="p", tallies=(Tally("a", 1), Tally("A", 1)))
    with pytest.raises(InvalidChoice):
        Changeset(practice="p", tallies=(Tally("a", 1), Tally("a", 1)))
