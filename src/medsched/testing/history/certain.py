"""What is wrong for certain, whatever the order of operations: cheap, and easy to explain.

Each of these checks is necessary for a history to be correct, and all of them together are
not sufficient. They take time in proportion to the history and to what its answers list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import combinations, count, pairwise

from medsched.testing.history.evidence import (
    Evidence,
    Form,
    Thing,
    closes,
    ended_by,
    ids_in,
    lists,
    made_by,
    same_request,
)
from medsched.testing.history.operations import (
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Hold,
    Listed,
    Move,
    Ok,
    Operation,
    Read,
    Refusal,
    Release,
    Request,
    Span,
    said,
)
from medsched.testing.history.presence import Presence, Shelf, presences
from medsched.testing.history.verdict import Anomaly, AnomalyKind


def certain_anomalies(evidence: Evidence) -> list[Anomaly]:
    """Every anomaly that needs no search."""
    there = list(presences(evidence))
    of: dict[Thing, list[Presence]] = defaultdict(list)
    for presence in there:
        of[presence.form.thing].append(presence)
    return [
        *_double_bookings(there),
        *_lost(evidence, there),
        *_phantoms(evidence, of),
        *_needless_refusals(evidence, there, of),
        *_booked_in_closed(evidence, there),
        *_of_nothing(evidence),
        *_made_twice(evidence),
        *_keys(evidence),
    ]


class _Stay:
    """Those certainly there at a moment, as moments go on."""

    def __init__(self, there: Iterable[Presence]) -> None:
        self.coming = sorted(
            (one for one in there if one.since < one.till), key=lambda one: one.since
        )[::-1]
        self.shelf = Shelf[Presence]()
        self._leaving: list[tuple[int, int, Presence]] = []
        self._numbers = count()

    def leave(self, moment: int) -> None:
        """Forget those whose stay may have ended by this moment."""
        while self._leaving and self._leaving[0][0] <= moment:
            gone = heappop(self._leaving)[2]
            self.shelf.remove(gone.form.spans, gone)

    def come(self, one: Presence) -> None:
        self.shelf.add(one.form.spans, one)
        heappush(self._leaving, (one.till, next(self._numbers), one))


def _double_bookings(there: list[Presence]) -> Iterator[Anomaly]:
    stay = _Stay(there)
    while stay.coming:
        one = stay.coming.pop()
        stay.leave(one.since)
        for other in dict.fromkeys(stay.shelf.near(one.form.spans)):
            if other.form.thing == one.form.thing or not other.form.overlaps(one.form.spans):
                continue
            spans = [
                Span(a.resource, max(a.low, b.low), min(a.high, b.high))
                for a in one.form.spans
                for b in other.form.spans
                if a.overlaps(b)
            ]
            both = f"{other.form.thing.id!r} and {one.form.thing.id!r}"
            where = " and ".join(map(str, sorted(spans)))
            message = f"{both} both had {where} at moment {max(one.since, other.since)}"
            yield Anomaly(AnomalyKind.DOUBLE_BOOKING, message, (other.maker, one.maker))
        stay.come(one)


def _lost(evidence: Evidence, there: list[Presence]) -> Iterator[Anomaly]:
    stay = _Stay(there)
    for operation in evidence.operations:
        request, outcome = operation.request, operation.outcome
        if not isinstance(request, (Read, Close)) or not isinstance(outcome, Listed):
            continue
        stay.leave(operation.invoked)
        while stay.coming and stay.coming[-1].since < operation.invoked:
            stay.come(stay.coming.pop())
            stay.leave(operation.invoked)
        ids = frozenset(outcome.ids)
        for one in dict.fromkeys(stay.shelf.near([request.span])):
            if one.form.thing.id in ids or one.till <= operation.end:
                continue
            if not operation.hides(one.form.expires) and lists(request, one.form):
                what = "were stranded" if isinstance(request, Close) else "are there"
                yield Anomaly(
                    AnomalyKind.LOST,
                    f"{one.form.thing.id!r} is not among those that {what}",
                    (one.maker, operation),
                )


def _phantoms(evidence: Evidence, of: dict[Thing, list[Presence]]) -> Iterator[Anomaly]:
    for operation in evidence.operations:
        request, outcome = operation.request, operation.outcome
        if not isinstance(request, (Read, Close)) or not isinstance(outcome, Listed):
            continue
        for id in outcome.ids:
            known = [one for thing in evidence.things(id) for one in of[thing]]
            there = [one for one in known if lists(request, one.form)]
            if any(_may_meet(one, operation) for one in there):
                continue
            why = (
                "nobody ever made it"
                if not known
                else "it was never to be listed there"
                if not there
                else "it was made only later, or gone before"
            )
            makers = tuple(dict.fromkeys(one.maker for one in there or known))
            yield Anomaly(AnomalyKind.PHANTOM, f"{id!r} is listed, but {why}", (*makers, operation))


def _may_meet(one: Presence, operation: Operation) -> bool:
    """Whether an operation may have found something live."""
    timely = one.first <= operation.end and operation.invoked <= one.last
    return timely and operation.shows(one.form.expires)


# -------------------------------------------------------------------- refusals


def _needless_refusals(
    evidence: Evidence, there: list[Presence], of: dict[Thing, list[Presence]]
) -> Iterator[Anomaly]:
    closings = Shelf[Operation]()
    for operation in evidence.operations:
        if isinstance(operation.request, Close):
            closings.add([operation.request.span], operation)
    reasons: dict[int, tuple[Refusal, str]] = {}
    taken = list[int]()
    for at, operation in enumerate(evidence.operations):
        match operation.outcome:
            case Failed(Refusal.TAKEN):
                taken.append(at)
            case Failed(reason):
                if (why := _needless(evidence, at, reason, closings, of)) is not None:
                    reasons[at] = reason, why
    for at in _unopposed(evidence, taken, there):
        reasons[at] = Refusal.TAKEN, "nothing can have been on these minutes"
    for at, (reason, why) in sorted(reasons.items()):
        message = f"refused as {reason.value}, but {why}"
        yield Anomaly(AnomalyKind.NEEDLESS_REFUSAL, message, (evidence.operations[at],))


def _needless(
    evidence: Evidence,
    at: int,
    reason: Refusal,
    closings: Shelf[Operation],
    of: dict[Thing, list[Presence]],
) -> str | None:
    """Why there was no cause for a refusal, if there was none."""
    operation = evidence.operations[at]
    request = operation.request
    others = [evidence.operations[other] for other in evidence.twins(at)]
    match reason:
        case Refusal.CLOSED:
            for form in evidence.forms(at):
                if any(
                    closing.invoked <= operation.end and _closes(closing, form)
                    for closing in closings.near(form.spans)
                ):
                    return None
            return "nothing can have been closed there"
        case Refusal.MISSING:
            thing = ended_by(request) or Thing(getattr(request, "id", ""), True)
            for one in of.get(thing, ()):
                lasting = one.since < operation.invoked and (
                    operation.end < one.till or (one.made and not isinstance(request, _ENDING))
                )
                if lasting and not operation.hides(one.form.expires):
                    return f"{thing.id!r} was there ({one.maker})"
            return None
        case Refusal.EXISTS:
            made = made_by(request)
            for thing in evidence.things(made.id if made else ""):
                for maker in evidence.makers[thing]:
                    if evidence.operations[maker].invoked <= operation.end:
                        return None
            return "nothing can have had this id"
        case Refusal.MISMATCH:
            for other in others:
                timely = not other.failed and other.invoked <= operation.end
                if timely and other.request != request:
                    return None
            return "nothing else can have been asked with this key"
    return None


_ENDING = (Release, Confirm, Move)


def _unopposed(evidence: Evidence, taken: list[int], there: list[Presence]) -> Iterator[int]:
    """Those refused as taken during whose call nothing can have been in their way."""
    operations = evidence.operations
    opens, invoked, returned, closed = range(4)  # what meets at one moment may have met
    events: list[tuple[int, int, int]] = []
    for at, one in enumerate(there):
        if one.first <= one.last:
            events += [(one.first, opens, at), (one.last, closed, at)]
    for at in taken:
        events += [(operations[at].invoked, invoked, at), (operations[at].end, returned, at)]
    shelf, waiting = Shelf[int](), dict[int, Callable[[Presence], bool]]()
    for _, what, at in sorted(events):
        if what == opens:
            one = there[at]
            shelf.add(one.form.spans, at)
            waiting = {who: met for who, met in waiting.items() if not met(one)}
        elif what == invoked:
            met = _in_the_way_of(operations[at])
            if not any(met(there[other]) for other in shelf.near(_wanted(operations[at]))):
                waiting[at] = met
        elif what == returned and at in waiting:
            del waiting[at]
            yield at
        elif what == closed:
            shelf.remove(there[at].form.spans, at)


def _wanted(operation: Operation) -> frozenset[Span]:
    request = operation.request
    return request.spans if isinstance(request, (Book, Hold, Move)) else frozenset()


def _in_the_way_of(operation: Operation) -> Callable[[Presence], bool]:
    spans, request = _wanted(operation), operation.request
    itself = Thing(request.id, True) if isinstance(request, Move) else None

    def met(one: Presence) -> bool:
        form = one.form
        return form.thing != itself and operation.shows(form.expires) and form.overlaps(spans)

    return met


# ------------------------------------------------------------ wrongly accepted


def _booked_in_closed(evidence: Evidence, there: list[Presence]) -> Iterator[Anomaly]:
    closings = sorted(
        (one for one in evidence.operations if isinstance(one.request, Close) and one.ok),
        key=lambda one: one.end,
        reverse=True,
    )
    shelf = Shelf[Operation]()
    settled: dict[tuple[Thing, frozenset[Span]], int] = {}
    for one in there:
        place = one.form.thing, one.form.spans
        settled[place] = min(one.first, settled.get(place, one.first))
    for one in sorted((one for one in there if one.made), key=lambda one: one.first):
        while closings and closings[-1].end < one.first:
            closing = closings.pop()
            if isinstance(closing.request, Close):
                shelf.add([closing.request.span], closing)
        if settled[one.form.thing, one.form.spans] < one.first:
            continue  # it was moved to where it may have been already
        for closing in dict.fromkeys(shelf.near(one.form.spans)):
            if _closes(closing, one.form):
                message = f"{one.form.thing.id!r} was accepted where {said(closing.request)} was ok"
                yield Anomaly(AnomalyKind.CLOSED, message, (closing, one.maker))


def _closes(operation: Operation, form: Form) -> bool:
    return isinstance(operation.request, Close) and closes(operation.request, form)


def _of_nothing(evidence: Evidence) -> Iterator[Anomaly]:
    for at, operation in enumerate(evidence.operations):
        request = operation.request
        thing = Thing(request.id, True) if isinstance(request, Move) else ended_by(request)
        if thing is None or not operation.ok:
            continue
        kind = "booking" if thing.booking else "hold"
        makers = [evidence.operations[maker] for maker in evidence.makers.get(thing, ())]
        if not any(maker.invoked <= operation.end for maker in makers):
            message = f"no {kind} {thing.id!r} can have been made by then"
            yield Anomaly(AnomalyKind.NOT_THERE, message, (*makers, operation))
        enders = [evidence.operations[one] for one in evidence.enders.get(thing, ()) if one != at]
        again = evidence.twins(at) or any(_again(ender.request, request) for ender in enders)
        if again or isinstance(request, (Cancel, Release)):
            continue  # right once more
        for ender in enders:
            if ender.ok and ender.before(operation):
                message = f"the {kind} {thing.id!r} was gone by then"
                yield Anomaly(AnomalyKind.NOT_THERE, message, (*makers, ender, operation))
                break


def _again(first: Request, request: Request) -> bool:
    """Whether the same hold is confirmed as the same booking."""
    both = isinstance(first, Confirm) and isinstance(request, Confirm)
    return both and list(ids_in(first)) == list(ids_in(request))


def _made_twice(evidence: Evidence) -> Iterator[Anomaly]:
    by_id: dict[str, list[int]] = defaultdict(list)
    for thing, makers in evidence.makers.items():
        by_id[thing.id] += [at for at in makers if evidence.operations[at].ok]
    for id, makers in by_id.items():
        for one, other in combinations(makers, 2):
            pair = evidence.operations[one], evidence.operations[other]
            if other not in evidence.twins(one) and not _may_share(*pair, id):
                message = f"{id!r} was made by two requests"
                yield Anomaly(AnomalyKind.TWICE, message, pair)
                break


def _may_share(one: Operation, other: Operation, id: str) -> bool:
    """Whether two that were accepted may both have an id: one of them by what it answered."""
    for first, second in ((one, other), (other, one)):
        match first.request, second.request:
            case Hold(), Confirm(hold) if hold == id:
                return True
            case Confirm(hold), Confirm(again) if hold == again:
                return True
        if first.outcome not in (Ok(), Ok(id)):
            return True
    return False


def _keys(evidence: Evidence) -> Iterator[Anomaly]:
    operations = evidence.operations
    for at, operation in enumerate(operations):
        made, outcome = made_by(operation.request), operation.outcome
        if made is None or not isinstance(outcome, Ok) or outcome.id in (None, made.id):
            continue
        twins = [operations[other] for other in evidence.twins(at)]
        if not any(_may_answer(outcome.id, first, operation) for first in twins):
            message = f"{made.id!r} was asked for, and {outcome.id!r} answered"
            yield Anomaly(AnomalyKind.KEY, message, (operation,))
    for (_, key), all_of in evidence.keys.items():
        accepted = [operations[at] for at in all_of if operations[at].ok]
        for one, other in pairwise(accepted):
            if not same_request(one.request, other.request):
                message = f"key {key!r} was accepted for two requests"
            elif _answered(one) != _answered(other):
                message = f"key {key!r} was answered with two ids"
            else:
                continue
            yield Anomaly(AnomalyKind.KEY, message, (one, other))
        for at in all_of:
            refused = operations[at]
            if not refused.failed or refused.outcome == Failed(Refusal.MISMATCH):
                continue
            for first in accepted:
                if first.before(refused):
                    message = f"key {key!r} had been accepted before, and was now refused"
                    yield Anomaly(AnomalyKind.KEY, message, (first, refused))
                    break


def _may_answer(id: str | None, first: Operation, again: Operation) -> bool:
    made = made_by(first.request)
    same = made is not None and made.id == id and same_request(first.request, again.request)
    return same and not first.failed and first.invoked <= again.end


def _answered(operation: Operation) -> str | None:
    made, outcome = made_by(operation.request), operation.outcome
    if made is None or not isinstance(outcome, Ok):
        return None
    return made.id if outcome.id is None else outcome.id
