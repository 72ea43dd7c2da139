"""Chains of visits: the earliest way, as trying all of them finds it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

import attrs
import pytest
from tests.engine.test_assignments import slot

from medsched import (
    ChainVisit,
    InvalidChoice,
    InvalidDuration,
    InvalidNumber,
    Search,
    Slot,
)
from medsched.domain.chains import check_chain
from medsched.engine import chains
from medsched.engine.chains import Chains

MINUTE, DAY = timedelta(minutes=1), 1440
ANY = Search(first=date(2026, 1, 7))


def visit(least: int = 0, most: int | None = None, **how: Any) -> ChainVisit:
    gap = None if most is None else most * MINUTE
    return ChainVisit(search=ANY, gap_least=least * MINUTE, gap_most=gap, **how)


def fits(before: Sequence[Slot], new: Slot) -> int | None:
    return None


def follows(wish: ChainVisit, before: Slot, after: Slot) -> bool:
    """The wish, read out."""
    gap = (after.start - before.end) // MINUTE
    if gap < wish.gap_least // MINUTE:
        return False
    if wish.gap_most is not None and gap > wish.gap_most // MINUTE:
        return False
    if wish.same_day and before.local_start.date() != after.local_start.date():
        return False
    return not wish.same_location or before.location == after.location


def every_way(
    visits: Sequence[ChainVisit], options: Sequence[Sequence[Slot]], clash: set[tuple[Slot, Slot]]
) -> list[tuple[Slot, ...]]:
    return [
        way
        for way in product(*options)
        if all(follows(visits[at], way[at - 1], way[at]) for at in range(1, len(visits)))
        and not any((one, other) in clash for one in way for other in way)
    ]


def test_it_finds_what_trying_everything_finds() -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    found = 0
    for round in range(400):
        count = random.randint(1, 4)
        visits = [visit()]
        for _ in range(count - 1):
            least = random.choice([0, 0, 10, 60])
            most = random.choice([None, least, least + 60, least + 300])
            visits.append(
                visit(
                    least,
                    most,
                    same_day=random.random() < 0.3,
                    same_location=random.random() < 0.3,
                )
            )
        options = [
            sorted(
                (
                    slot(
                        random.choice("ab"),
                        random.randrange(0, 3 * DAY, 30),
                        length=random.choice([10, 30, 90]),
                        location=random.choice(["x", "y", None]),
                    )
                    for _ in range(random.randint(0, 6))
                ),
                key=lambda one: (one.start, one.provider),
            )
            for _ in visits
        ]
        every = [one for some in options for one in some]
        pairs = random.randint(0, 6) if every else 0
        clash = {(random.choice(every), random.choice(every)) for _ in range(pairs)}
        clash = {(one, other) for one, other in clash if one != other}
        clash |= {(other, one) for one, other in clash}

        def beside(before: Sequence[Slot], new: Slot, clash: Any = clash) -> int | None:
            return 0 if any((one, new) in clash for one in before) else None

        ways = every_way(visits, options, clash)
        best: dict[Any, tuple[Slot, ...]] = {}
        for way in ways:
            starts = [one.start for one in way]
            if way[0].start not in best or starts < [one.start for one in best[way[0].start]]:
                best[way[0].start] = way
        said = list(Chains(visits, [iter(some) for some in options], beside).found())
        assert {one[0].start for one in said} == best.keys(), f"seed {seed}, round {round}"
        assert [one[0].start for one in said] == sorted(best)
        assert all(one in ways for one in said), f"seed {seed}, round {round}"
        if said:
            # From the slot that was chosen the way is the earliest there is.
            rest = [one.start for one in said[0][1:]]
            same = [way for way in ways if way[0] == said[0][0]]
            assert rest == min([one.start for one in way[1:]] for way in same)
            if count == 2:
                assert [one.start for one in said[0]] == min(
                    [one.start for one in way] for way in ways
                ), f"seed {seed}, round {round}"
        found += bool(said)
    assert 50 < found < 390, "chains that are had, and chains that are not"


def test_it_tells_how_far_it_came() -> None:
    labs, doctors = [slot("lab", 540), slot("lab", 600)], [slot("a", 700), slot("b", 720)]
    late = [slot("c", 2000)]
    ways = Chains([visit(), visit(), visit(0, 60)], [labs, doctors, late], fits)
    assert list(ways.found()) == []
    assert ways.deepest == (labs[0], doctors[0])
    assert list(Chains([visit()], [[]], fits).found()) == []


def test_slots_are_looked_at_no_further_than_needed() -> None:
    looked = []

    def coming(start: int) -> Any:
        for at in range(start, start + 600, 30):
            looked.append(at)
            yield slot("a", at)

    ways = Chains([visit(), visit(10, 60)], [coming(0), coming(0)], fits)
    first = next(ways.found())
    assert [one.start.minute for one in first] == [0, 0]
    assert max(looked) <= 90


def test_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_LOOKS", 5)
    many = [slot("a", at) for at in range(0, 600, 30)]
    ways = Chains([visit(), visit()], [many, many], lambda before, new: 0 if before else None)
    assert list(ways.found()) == []
    assert ways.given_up


def test_what_refuses_until_a_time_is_asked_once() -> None:
    asked = []

    def later(before: Sequence[Slot], new: Slot) -> int | None:
        asked.append(new)
        return until if before and new[1] < until else None

    many = [slot("a", at) for at in range(0, 9000, 10)]
    until = many[500][1]
    (way,) = Chains([visit(), visit()], [many[:1], many], later).found()
    assert way == (many[0], many[500])
    assert len(asked) < 10


def test_of_equal_starts_that_one_is_had_which_lets_the_next_be_earlier() -> None:
    labs = [slot("lab-1", 480, location="x"), slot("lab-2", 480, location="y")]
    doctors = [slot("smith", 510, location="y"), slot("jones", 660, location="x")]
    (way,) = Chains([visit(), visit(same_location=True)], [labs, doctors], fits).found()
    assert [one.provider for one in way] == ["lab-2", "smith"]


def test_thousands_of_slots_that_lead_nowhere_are_soon_done_with() -> None:
    many = [slot("a", at) for at in range(0, 60_000, 30)]
    assert list(Chains([visit(), visit(), visit()], [many, many, []], fits).found()) == []


class TestNouns:
    def test_a_search_is_a_visit(self) -> None:
        assert check_chain([ANY, visit(10)]) == (ChainVisit(search=ANY), visit(10))
        assert check_chain(ANY) == (ChainVisit(search=ANY),)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "visits, error",
        [
            ([], InvalidNumber),
            ([ANY] * 13, InvalidNumber),
            (["lab"], InvalidChoice),
            ([visit(10)], InvalidChoice),
            ([visit(same_day=True)], InvalidChoice),
            ([visit(same_location=True), ANY], InvalidChoice),
        ],
    )
    def test_bad_chains(self, visits: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            check_chain(visits)

    @pytest.mark.parametrize(
        "gap",
        [
            {"gap_least": -MINUTE},
            {"gap_least": timedelta(seconds=30)},
            {"gap_most": timedelta(days=367)},
            {"gap_least": 2 * MINUTE, "gap_most": MINUTE},
        ],
    )
    def test_bad_gaps(self, gap: dict[str, Any]) -> None:
        with pytest.raises(InvalidDuration):
            attrs.evolve(visit(), **gap)
