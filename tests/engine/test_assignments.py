"""Who comes first: every rule, and turns that nobody is given too many of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import attrs
import pytest
from tests.engine.kit import ZONES

from medsched import (
    Candidate,
    EstablishedFirst,
    InvalidChoice,
    InvalidId,
    InvalidNumber,
    InvalidText,
    LeastLoaded,
    RoundRobin,
    ShortestWait,
    Slot,
    SlotStatus,
    Weighted,
)
from medsched.domain.appointment_types import Modality
from medsched.domain.assignments import Assignment, told_of
from medsched.domain.changes import Tally
from medsched.domain.slots import SlotTerms
from medsched.engine.assignments import WHOLE, Choice, asks, drawn_by, ranked, tally_of

DRAW = drawn_by("a1")
SEEN = datetime(2025, 12, 1, 9, tzinfo=UTC)


def slot(provider: str, start: int, *, length: int = 30, location: str | None = None) -> Slot:
    """A slot so many minutes after the epoch's 20,000th day began."""
    terms = SlotTerms(
        practice="riverside",
        provider=provider,
        type="visit",
        location=location,
        room=None,
        opened_by="rule",
        zone=ZONES.zone("UTC"),
        length=length,
        capacity=1,
        taken=0,
        status=SlotStatus.FREE,
        modality=Modality.IN_PERSON,
        pricing=None,
        special_requirements=frozenset(),
    )
    return Slot((terms, 20_000 * 1440 + start))


def one(provider: str, start: int = 0, **facts: object) -> Candidate:
    return Candidate(provider=provider, first=slot(provider, start), **facts)  # type: ignore[arg-type]


def order(rule: Assignment, *candidates: Candidate) -> list[str]:
    return [choice.provider for choice in ranked(rule, candidates, DRAW)]


def test_the_shortest_wait() -> None:
    assert order(ShortestWait(), one("a", 60), one("b", 30), one("c", 90)) == ["b", "a", "c"]


def test_chance_decides_between_equals_and_is_the_same_for_one_booking() -> None:
    both = [one("a"), one("b")]
    for rule in (ShortestWait(), LeastLoaded(), RoundRobin(), Weighted({})):
        found = [
            [choice.provider for choice in ranked(rule, both, drawn_by(f"a{number}"))]
            for number in range(60)
        ]
        assert ["a", "b"] in found
        assert ["b", "a"] in found
        assert order(rule, *both) == order(rule, *reversed(both))


def test_the_least_loaded() -> None:
    hour = timedelta(hours=1)
    candidates = [one("a", claimed=2 * hour), one("b", 60, claimed=hour), one("c", claimed=hour)]
    assert order(LeastLoaded(), *candidates) == ["c", "b", "a"]


def test_the_established_come_first_the_latest_before_others() -> None:
    candidates = [
        one("a", 0),
        one("b", 90, seen_at=SEEN),
        one("c", 30, turns=5),
        one("d", 60, seen_at=SEEN + timedelta(days=1)),
    ]
    assert order(EstablishedFirst(), *candidates) == ["d", "b", "a", "c"]
    found = ranked(EstablishedFirst(RoundRobin()), candidates, DRAW)
    assert [choice.turn is None for choice in found] == [True, True, False, False]


def test_turns_are_counted_on_what_was_read() -> None:
    found = ranked(RoundRobin("desk"), [one("a", turns=3), one("b", turns=2)], DRAW)
    assert [choice.provider for choice in found] == ["b", "a"]
    assert found[0].turn is not None
    assert found[0].turn.counted() == Tally('turns ["desk","b"]', 1, before=2)


def test_who_was_not_there_is_given_no_run_of_turns() -> None:
    (first, *_) = ranked(RoundRobin(), [one("a", turns=40), one("new")], DRAW)
    assert first.provider == "new"
    assert first.turn is not None
    assert first.turn.counted() == Tally(tally_of(RoundRobin(), "new"), 40, before=0)


def test_who_alone_has_something_needs_no_guard() -> None:
    ((_, turn),) = ranked(RoundRobin(), [one("a", turns=7)], DRAW)
    assert turn is not None
    assert turn.counted() == Tally(tally_of(RoundRobin(), "a"), 1)


def take(rule: Assignment, counts: dict[str, int], free: Iterable[str], lot: str) -> str:
    """Give somebody who is free a turn."""
    candidates = [one(who, turns=counts[who]) for who in sorted(free)]
    choice = ranked(rule, candidates, drawn_by(lot))[0]
    assert choice.turn is not None
    after = choice.turn.counted().count_after(counts[choice.provider])
    assert after == choice.turn.after
    counts[choice.provider] = after
    return choice.provider


def test_turns_differ_by_one_while_all_are_free_whatever_was_before() -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(100):
        who = [f"dr-{number}" for number in range(random.randint(2, 7))]
        counts = {one: random.randrange(20) for one in who}
        had = dict.fromkeys(who, 0)
        for turn in range(60):
            had[take(RoundRobin(), counts, who, f"{seed} {turn}")] += 1
            assert max(had.values()) - min(had.values()) <= 2, f"seed {seed}"
        assert max(counts.values()) - min(counts.values()) <= 1, f"seed {seed}"


def test_rivals_who_read_at_any_moment_keep_them_within_one() -> None:
    """Each reads, others take turns, and its own is counted only if the guard holds."""
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(50):
        who = [f"dr-{number}" for number in range(random.randint(2, 5))]
        counts, had = dict.fromkeys(who, 0), dict.fromkeys(who, 0)
        waiting: list[Choice] = []
        for turn in range(300):
            if random.random() < 0.6 or not waiting:
                candidates = [one(each, turns=counts[each]) for each in who]
                waiting.append(ranked(RoundRobin(), candidates, drawn_by(f"{seed} {turn}"))[0])
                continue
            provider, decided = waiting.pop(random.randrange(len(waiting)))
            assert decided is not None
            after = decided.counted().count_after(counts[provider])
            if after is not None:
                counts[provider] = after
                had[provider] += 1
                assert max(had.values()) - min(had.values()) <= 1, f"seed {seed}"


def test_weights_share_the_turns_and_spread_them() -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(50):
        weights = {f"dr-{number}": random.randint(1, 9) for number in range(random.randint(2, 5))}
        counts, had = dict.fromkeys(weights, 0), dict.fromkeys(weights, 0)
        for turn in range(1, 200):
            had[take(Weighted(weights), counts, weights, f"{seed} {turn}")] += 1
            for who, weight in weights.items():
                fair = turn * weight / sum(weights.values())
                assert abs(had[who] - fair) < len(weights), f"seed {seed}"


def test_who_is_not_weighed_weighs_one() -> None:
    rule = Weighted({"a": 4})
    assert (rule.of("a"), rule.of("b")) == (4, 1)
    ((_, turn),) = ranked(rule, [one("b")], DRAW)
    assert turn is not None
    assert turn.after == WHOLE


@attrs.frozen
class Longest:
    """A host's own: whoever's id is longest, and nobody whose id is one letter."""

    name: str | None = None

    def order(self, candidates: Sequence[Candidate]) -> Iterable[str]:
        ids = sorted((one.provider for one in candidates), key=len, reverse=True)
        return [*(id for id in ids if len(id) > 1), "a stranger", *ids[:1]]


def test_a_rule_of_the_hosts_own() -> None:
    candidates = [one("a"), one("bb", turns=2), one("ccc")]
    assert order(Longest(), *candidates) == ["ccc", "bb"]
    assert [choice.turn for choice in ranked(Longest(), candidates, DRAW)] == [None, None]
    found = ranked(Longest("desk"), candidates, DRAW)
    assert found[1].turn is not None
    assert found[1].turn.counted() == Tally('own turns ["desk","bb"]', 1, before=2)


def test_what_is_asked_for_each_rule() -> None:
    told: Mapping[str, Assignment] = {
        "": ShortestWait(),
        "claimed": LeastLoaded(),
        "turns": RoundRobin(),
        "seen": EstablishedFirst(),
        "seen turns": EstablishedFirst(Weighted({})),
        "seen claimed": Longest(),
        "seen claimed turns": Longest("desk"),
    }
    for what, rule in told.items():
        wants = attrs.asdict(asks(rule))
        assert " ".join(name for name in wants if wants[name]) == what
        assert bool(tally_of(rule, "a")) == wants["turns"]


def test_rules_that_cannot_be() -> None:
    for weights, error in (
        ({"a": 0}, InvalidNumber),
        ({"a": 1001}, InvalidNumber),
        ({"a": True}, InvalidNumber),
        ({"a": None}, InvalidChoice),
        ({"": 1}, InvalidId),
    ):
        with pytest.raises(error):
            Weighted(weights)  # type: ignore[arg-type]
    with pytest.raises(InvalidText):
        RoundRobin("x" * 61)
    for wrong in ("first", RoundRobin, None):
        with pytest.raises(InvalidChoice):
            EstablishedFirst(wrong)  # type: ignore[arg-type]


def test_what_a_request_says_of_a_rule() -> None:
    rules: list[Assignment] = [
        *(ShortestWait(), LeastLoaded(), RoundRobin(), RoundRobin("x"), Weighted({"a": 2})),
        *(Weighted({"a": 3}), EstablishedFirst(), EstablishedFirst(RoundRobin()), Longest()),
    ]
    assert len({str(told_of(rule)) for rule in rules}) == len(rules)
    assert told_of(Weighted({"b": 1, "a": 2})) == told_of(Weighted({"a": 2, "b": 1}))
