"""The history checker against a calendar written down plainly, and every order tried in turn."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import attrs
import pytest

from medsched.testing.history import (
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Hold,
    Judgement,
    Listed,
    Move,
    Ok,
    Operation,
    Read,
    Refusal,
    Release,
    Span,
    Unknown,
    check,
)
from medsched.testing.history.bounds import Bounds
from medsched.testing.history.evidence import Evidence, telling
from medsched.testing.history.groups import groups
from medsched.testing.history.operations import Outcome, Request
from medsched.testing.history.search import Found, Search

SEED = int(os.environ.get("MEDSCHED_SEED", "2026"))
SCALE = int(os.environ.get("MEDSCHED_HISTORIES", "1"))
Spans = frozenset[Span]
Thing = tuple[str, bool]
Held = tuple[Spans, str, int | None]


def overlap(one: Spans, other: Spans) -> bool:
    return any(
        a.resource == b.resource and max(a.low, b.low) < min(a.high, b.high)
        for a in one
        for b in other
    )


class Facts:
    """What a refusal may speak of whether it is live or not: the minutes and types of ids."""

    def __init__(self, history: Sequence[Operation]) -> None:
        self.held: dict[str, set[tuple[Spans, str]]] = {}
        self.types: dict[str, set[str]] = {}
        good = [one.request for one in history if not isinstance(one.outcome, Failed)]
        for request in good:
            if isinstance(request, Hold):
                self.held.setdefault(request.id, set()).add((request.spans, request.type))
            if isinstance(request, Book):
                self.types.setdefault(request.id, set()).add(request.type)
        for request in good:
            if isinstance(request, Confirm):
                held = self.held.get(request.hold, set())
                self.types.setdefault(request.id, set()).update(type for _, type in held)


@attrs.frozen
class Plain:
    """A correct calendar, in the words of the specification."""

    live: dict[Thing, Held] = attrs.field(factory=dict)
    ever: frozenset[Thing] = frozenset()
    closures: tuple[Close, ...] = ()
    keys: dict[tuple[type[Request], str], Request] = attrs.field(factory=dict)
    confirmed: frozenset[tuple[str, str]] = frozenset()

    def visible(self, instant: int | None) -> dict[Thing, Held]:
        return {
            thing: held
            for thing, held in self.live.items()
            if held[2] is None or instant is None or instant < held[2]
        }

    def closed(self, spans: Spans, type: str) -> bool:
        return any(
            (one.types is None or type in one.types) and overlap(spans, frozenset([one.span]))
            for one in self.closures
        )

    def claims(self, thing: Thing, held: Held, instant: int | None) -> Plain:
        visible = self.visible(instant)
        live = {
            other: its
            for other, its in self.live.items()
            if other in visible or not overlap(its[0], held[0])
        }
        return attrs.evolve(self, live=live | {thing: held}, ever=self.ever | {thing})

    def without(self, thing: Thing) -> Plain:
        live = {other: held for other, held in self.live.items() if other != thing}
        return attrs.evolve(self, live=live)


def possible(plain: Plain, operation: Operation, facts: Facts) -> list[Plain]:
    """The calendars that may follow an answer; none if no correct calendar gives it."""
    instants = [operation.now]
    if operation.now is not None and operation.until is not None:
        ends = [held[2] for held in plain.live.values() if held[2] is not None]
        instants += [end for end in ends if operation.now < end <= operation.until]
    found = [at_instant(plain, operation, facts, instant) for instant in instants]
    return [
        after for at, after in enumerate(found) if after is not None and after not in found[:at]
    ]


def at_instant(
    plain: Plain, operation: Operation, facts: Facts, instant: int | None
) -> Plain | None:
    request, outcome = operation.request, operation.outcome
    key = getattr(request, "key", None)
    if key is not None and (type(request), key) in plain.keys:
        return plain if repeats(plain.keys[type(request), key], operation) else None
    refusals, after, shown = judge(plain, request, facts, instant)
    if isinstance(outcome, Failed):
        return plain if outcome.reason in refusals | {Refusal.OTHER} else None
    if after is None:
        return plain if isinstance(outcome, Unknown) else None
    if isinstance(outcome, Listed) and set(outcome.ids) != shown:
        return None
    made = request.id if isinstance(request, (Book, Hold, Confirm)) else None
    if made is not None and isinstance(outcome, Ok) and outcome.id not in (None, made):
        return None
    if key is not None:
        after = attrs.evolve(after, keys=after.keys | {(type(request), key): request})
    return after


def repeats(first: Request, operation: Operation) -> bool:
    """Whether this is a right answer to a request whose key was used first by another."""
    request, outcome = operation.request, operation.outcome
    if isinstance(outcome, Failed):
        mismatch = outcome.reason is Refusal.MISMATCH and request != first
        return mismatch or outcome.reason is Refusal.OTHER
    if isinstance(outcome, Ok) and isinstance(first, (Book, Hold, Confirm)):
        assert isinstance(request, (Book, Hold, Confirm))
        return attrs.evolve(request, id=first.id) == first and first.id == (
            outcome.id or request.id
        )
    return request == first or isinstance(outcome, Unknown)


def judge(
    plain: Plain, request: Request, facts: Facts, instant: int | None
) -> tuple[set[Refusal], Plain | None, set[str]]:
    """For what it may be refused; what else becomes of the calendar, if it may; what it shows."""
    visible = plain.visible(instant)
    refusals: set[Refusal] = set()
    match request:
        case Book(id, spans) | Hold(id, spans):
            if {(id, True), (id, False)} & plain.ever:
                refusals.add(Refusal.EXISTS)
            if any(overlap(spans, held[0]) for held in visible.values()):
                refusals.add(Refusal.TAKEN)
            if plain.closed(spans, request.type):
                refusals.add(Refusal.CLOSED)
            expires = request.expires if isinstance(request, Hold) else None
            after = plain.claims((id, expires is None), (spans, request.type, expires), instant)
            return refusals, None if refusals else after, set()
        case Confirm(hold, id):
            if any(plain.closed(*held) for held in facts.held.get(hold, ())):
                refusals.add(Refusal.CLOSED)
            exists = (id, True) in plain.ever or ((id, False) in plain.ever and id != hold)
            if exists:
                refusals.add(Refusal.EXISTS)
            if (hold, False) not in visible:
                again = (hold, id) in plain.confirmed
                return refusals | {Refusal.MISSING}, plain if again else None, set()
            spans, type, _ = visible[hold, False]
            after = plain.without((hold, False)).claims((id, True), (spans, type, None), instant)
            after = attrs.evolve(after, confirmed=plain.confirmed | {(hold, id)})
            return refusals, None if exists or plain.closed(spans, type) else after, set()
        case Cancel(id) | Release(id):
            thing = (id, isinstance(request, Cancel))
            after = plain.without(thing)
            if thing not in plain.ever:
                return {Refusal.MISSING}, None, set()
            gone = isinstance(request, Release) and thing not in visible
            return {Refusal.MISSING} if gone else set(), after, set()
        case Move(id, spans):
            rest = plain.without((id, True)).visible(instant)
            if any(overlap(spans, held[0]) for held in rest.values()):
                refusals.add(Refusal.TAKEN)
            if any(plain.closed(spans, type) for type in facts.types.get(id, ())):
                refusals.add(Refusal.CLOSED)
            if (id, True) not in plain.live:
                return refusals | {Refusal.MISSING}, None, set()
            here, type, _ = plain.live[id, True]
            after = plain.claims((id, True), (spans, type, None), instant)
            if here == spans:
                return refusals, plain, set()
            taken = Refusal.TAKEN in refusals
            return refusals, None if taken or plain.closed(spans, type) else after, set()
        case Close():
            there = {
                thing[0]
                for thing, held in plain.live.items()
                if thing[1]
                and overlap(held[0], frozenset([request.span]))
                and (request.types is None or held[1] in request.types)
            }
            return set(), attrs.evolve(plain, closures=(*plain.closures, request)), there
        case Read():
            there = {
                thing[0]
                for thing, held in visible.items()
                if (thing[1] or request.holds) and overlap(held[0], frozenset([request.span]))
            }
            return set(), plain, there
    raise AssertionError(request)


def right(history: Sequence[Operation]) -> bool:
    """Whether some order explains a history: every order that there can be is tried."""
    facts = Facts(history)

    def go(plain: Plain, left: tuple[Operation, ...]) -> bool:
        if all(isinstance(one.outcome, Unknown) for one in left):
            return True
        for at, one in enumerate(left):
            if any(other.before(one) for other in left):
                continue
            rest = left[:at] + left[at + 1 :]
            if any(go(after, rest) for after in possible(plain, one, facts)):
                return True
        return False

    return go(Plain(), tuple(history))


def right_by_states(history: Sequence[Operation]) -> bool:
    """The same, trying nothing twice: for histories with more orders than can be tried."""
    facts = Facts(history)
    seen: set[object] = set()

    def go(plain: Plain, left: tuple[Operation, ...]) -> bool:
        if all(isinstance(one.outcome, Unknown) for one in left):
            return True
        state = (
            tuple(map(id, left)),
            frozenset(plain.live.items()),
            plain.ever,
            frozenset(plain.closures),
            frozenset(plain.keys.items()),
            plain.confirmed,
        )
        if state in seen:
            return False
        seen.add(state)
        first = min(other.end for other in left)
        return any(
            go(after, left[:at] + left[at + 1 :])
            for at, one in enumerate(left)
            if one.invoked <= first
            for after in possible(plain, one, facts)
        )

    return go(Plain(), tuple(history))


# ------------------------------------------------------------------- histories


IDS = ("a", "b", "c", "d")
HOLDS = ("a", "h", "g")


def draw_spans(random: Random, resources: str) -> Spans:
    spans = []
    for _ in range(random.choice((1, 1, 1, 2))):
        low = random.randrange(3)
        spans.append(Span(random.choice(resources), low, low + random.randint(1, 2)))
    return frozenset(spans)


def draw_request(random: Random, resources: str, keys: Sequence[str | None]) -> Request:
    key, spans = random.choice(keys), draw_spans(random, resources)
    low = random.randrange(3)
    place: Any = (random.choice(resources), low, low + random.randint(1, 3))
    id, hold = random.choice(IDS), random.choice(HOLDS)
    type = {"a": "", "b": "x", "c": "y", "d": "x", "h": "x", "g": ""}
    roll = random.random()
    if roll < 0.3:
        return Book(id, spans, key=key, type=type[id])
    if roll < 0.42:
        return Hold(hold, spans, expires=random.randint(1, 4), key=key, type=type[hold])
    if roll < 0.5:
        return Confirm(hold, hold if random.random() < 0.3 else id, key=key)
    if roll < 0.54:
        return Release(hold, key=key)
    if roll < 0.66:
        return Cancel(id, key=key)
    if roll < 0.74:
        return Move(id, spans, key=key)
    if roll < 0.8:
        types = random.choice((None, None, {"x"}, {"y"}))
        return Close(*place, types=types)
    return Read(*place, holds=random.random() < 0.7)


def outcomes(random: Random, request: Request) -> Iterator[Outcome]:
    """Some of what may be answered, good answers first."""
    if isinstance(request, (Close, Read)):
        for size in range(len(IDS) + 1):
            for _ in range(3):
                yield Listed(random.sample([*IDS, "h", "g"], size))
        return
    yield Ok()
    if isinstance(request, (Book, Hold, Confirm)):
        yield from map(Ok, random.sample(sorted({*IDS, *HOLDS}), 3))
    for reason in random.sample(list(Refusal), len(Refusal)):
        try:
            Operation(request=request, invoked=0, returned=1, outcome=Failed(reason))
        except ValueError:
            continue
        yield Failed(reason)


def answered(
    random: Random, plain: Plain, operation: Operation, facts: Facts
) -> tuple[Operation, Plain] | None:
    """The operation with an answer that a correct calendar gives, and the calendar after it."""
    request = operation.request
    if isinstance(request, (Close, Read)):
        instant = (
            operation.now
            if operation.now is None
            else random.randint(operation.now, operation.until or operation.now)
        )
        shown = judge(plain, request, facts, instant)[2]
        some: list[Outcome] = [Listed(sorted(shown))]
    else:
        some = [*outcomes(random, request)]
        if random.random() < 0.5:
            random.shuffle(some)
    for outcome in some:
        if outcome == Failed(Refusal.OTHER) and random.random() < 0.8:
            continue
        told = attrs.evolve(operation, outcome=outcome)
        if after := possible(plain, told, facts):
            return told, random.choice(after)
    return None


Draw = Callable[[Random, str, Sequence[str | None]], Request]


def correct(
    random: Random,
    size: int,
    *,
    width: int,
    unknown: float,
    resources: str,
    keyed: float,
    draw: Draw = draw_request,
) -> list[Operation]:
    """A history that some order explains: drawn in that order, then widened in time."""
    keys = ["k", "l"] if random.random() < keyed else [None, None, None, "k"]
    plain, history = Plain(), list[Operation]()
    while len(history) < size:
        request = draw(random, resources, keys)
        point = 10 * len(history)
        invoked = point - random.randint(0, width)
        returned = point + random.randint(0, width)
        now = random.randint(0, 3) if random.random() < 0.8 else None
        until = None if now is None else now + random.choice((0, 0, 1, 4))
        operation = Operation(
            request=request,
            invoked=invoked,
            returned=returned,
            now=now,
            until=until,
            outcome=Listed(()) if isinstance(request, (Close, Read)) else Ok(),
        )
        lost = attrs.evolve(operation, returned=None, outcome=Unknown())
        if random.random() < unknown:
            if random.random() < 0.5:
                facts = Facts([*history, lost])
                plain = random.choice(possible(plain, lost, facts) or [plain])
            history.append(lost)
            continue
        facts = Facts([*history, operation])
        if (told := answered(random, plain, operation, facts)) is not None:
            plain = told[1]
            history.append(told[0])
    return history


def spoiled(random: Random, history: Sequence[Operation]) -> list[Operation]:
    """The history with one answer, one moment or one request changed."""
    changed = list(history)
    at = random.randrange(len(changed))
    one = changed[at]
    roll = random.random()
    if isinstance(one.outcome, Unknown) or roll < 0.15:
        del changed[at]
    elif isinstance(one.outcome, Listed) and roll < 0.8:
        ids = set(one.outcome.ids) ^ {random.choice([*IDS, *HOLDS])}
        changed[at] = attrs.evolve(one, outcome=Listed(sorted(ids)))
    elif roll < 0.6:
        outcome = random.choice([*outcomes(random, one.request)])
        changed[at] = attrs.evolve(one, outcome=outcome)
    elif roll < 0.9:
        move = random.randint(-40, 40)
        changed[at] = attrs.evolve(one, invoked=one.invoked + move, returned=one.end + move)
    else:
        request = draw_request(random, "rs", [None, "k"])
        if isinstance(request, (Close, Read)) == isinstance(one.request, (Close, Read)):
            try:
                changed[at] = attrs.evolve(one, request=request)
            except ValueError:
                return spoiled(random, history)
    return changed


def small(seed: int, most: int = 6) -> list[Operation]:
    random = Random(seed)
    history = correct(
        random,
        random.randint(1, most),
        width=random.choice((0, 5, 15, 40, 100)),
        unknown=random.choice((0, 0.1, 0.5)),
        resources=random.choice(("r", "rs")),
        keyed=0.3,
    )
    for _ in range(random.choice((0, 1, 1, 2))):
        history = spoiled(random, history) if history else history
    return history


def crowded(seed: int) -> list[Operation]:
    """Changes that all came to pass, at nearly the same time, and readers who disagree on them."""
    random = Random(seed)
    changes: list[Request] = []
    for number, id in enumerate(IDS[: random.randint(1, 3)]):
        where = number if random.random() < 0.7 else 0
        changes.append(Book(id, [("r", where, where + 1)]))
        if random.random() < 0.5:
            changes.append(Cancel(id))
        if random.random() < 0.3:
            changes.append(Move(id, [("r", 3, 4)]))
    if random.random() < 0.2:
        changes.append(Book("d", [("r", 0, 3)]))
    requests = changes[:5] + [Read("r", random.randint(0, 1), 4) for _ in range(3)]
    requests += [Close("r", 0, 1)] if random.random() < 0.2 else []
    history = []
    for request in random.sample(requests, min(len(requests), 7)):
        invoked = random.randint(0, 60)
        outcome: Outcome = Ok()
        if isinstance(request, (Read, Close)):
            ids = sorted({one.id for one in changes if isinstance(one, Book)})
            outcome = Listed([id for id in ids if random.random() < 0.5])
        elif isinstance(request, Book) and random.random() < 0.15:
            outcome = Failed("taken")
        elif random.random() < 0.15:
            outcome = Unknown()
        returned = None if outcome == Unknown() else invoked + random.randint(0, 60)
        history.append(
            Operation(request=request, invoked=invoked, returned=returned, outcome=outcome)
        )
    return history


BATCH = 250


@pytest.mark.parametrize("draw", [small, crowded])
@pytest.mark.parametrize("batch", range(4 * SCALE))
def test_small_histories_are_judged_as_by_trying_every_order(
    draw: Callable[[int], list[Operation]], batch: int
) -> None:
    met: Counter[bool] = Counter()
    for number in range(BATCH):
        seed = SEED * 1_000_000 + batch * BATCH + number
        history = draw(seed)
        met[right(history)] += 1
        judge_alike(history, right(history), seed)
    assert min(met[True], met[False]) > BATCH // 25, met


@pytest.mark.parametrize("batch", range(4 * SCALE))
def test_longer_histories_are_judged_as_by_trying_every_state(batch: int) -> None:
    met: Counter[bool] = Counter()
    for number in range(BATCH // 5):
        seed = SEED * 1_000_000 + batch * BATCH + number
        random = Random(seed)
        history = correct(
            random,
            random.randint(8, 12),
            width=random.choice((20, 40, 80)),
            unknown=random.choice((0, 0.15, 0.4)),
            resources=random.choice(("r", "rs")),
            keyed=0.2,
        )
        if number % 2:
            history = spoiled(random, history)
        met[right_by_states(history)] += 1
        judge_alike(history, right_by_states(history), seed)
    assert min(met[True], met[False]) > 0, met


def judge_alike(history: list[Operation], expected: bool, seed: int) -> None:
    """All that the checker consists of agrees, each part by itself."""
    verdict = check(history)
    told = "\n".join([f"seed {seed}", *map(str, history), verdict.explain()])
    assert verdict.ok == expected, told
    assert verdict.judgement is not Judgement.UNDECIDED, told
    if expected:
        return
    for part in groups(telling(history)):  # without the checks that need no search
        bounds = Bounds(Evidence(part))
        if bounds.anomalies() or Search(Evidence(part), bounds).run(100_000) is Found.NO_ORDER:
            break
    else:
        raise AssertionError(told)
