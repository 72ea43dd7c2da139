"""The calendar as it should be: the sequential specification, made ready for a search."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import Final, NamedTuple

from medsched.testing.history import steps
from medsched.testing.history.cells import Cells
from medsched.testing.history.evidence import (
    Evidence,
    Form,
    Thing,
    ended_by,
    ids_in,
    made_by,
    same_request,
    spans_in,
)
from medsched.testing.history.operations import (
    NEVER,
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
    Spans,
    Unknown,
    key_of,
)
from medsched.testing.history.steps import Rule, State

_SHOWN: Final = 4


class Part(NamedTuple):
    """What one operation has to do with the others of its group.

    ``sets``: the forms and closures that it may make stand, and the use of its key if others
    have it. ``ends``: the things that it may end. ``touches``: two
    operations that share no bit of it can change places, and so can two that only
    ``observe``. ``settled``: once it would change nothing, it never would again.
    """

    rule: Rule
    sets: int
    ends: int
    touches: int
    observes: bool
    settled: bool


class Calendar:
    """The calendar of some operations: those that `Evidence` is an index of."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._cells = Cells(
            span for operation in evidence.operations for span in spans_in(operation.request)
        )
        self._forms: dict[Thing, list[Form]] = defaultdict(list)
        self._marks: dict[Hashable, int] = {}
        self._closures: dict[str, int] = {}
        placed: dict[Form | Close, None] = {}
        for at, operation in enumerate(evidence.operations):
            if not operation.failed:
                placed |= dict.fromkeys(evidence.forms(at))
                if isinstance(operation.request, Close):
                    placed[operation.request] = None
        # Holds come first, by expiry: those that have expired are the lowest bits.
        self._placed = sorted(placed, key=_expiry)
        self._bits = {what: 1 << at for at, what in enumerate(self._placed)}
        self._expiries = [_expiry(what) for what in self._placed]
        for what, bit in self._bits.items():
            if isinstance(what, Close):
                self._cells.stand([what.span], bit)
            else:
                self._cells.stand(what.spans, bit)
                self._forms[what.thing].append(what)
        self._booked = self._typed(None)
        self._all_forms = self._booked | self._expired(NEVER - 1)
        self._things = {thing: 1 << at for at, thing in enumerate(self._forms)}
        self._exits = {
            self._bits[form]: (self._of(thing), self._things[thing])
            for thing, forms in self._forms.items()
            for form in forms
        }

    # ------------------------------------------------------------------ masks

    def _all(self, forms: Iterable[Form]) -> int:
        bits = 0
        for form in forms:
            bits |= self._bits[form]
        return bits

    def _of(self, *things: Thing) -> int:
        return self._all(form for thing in things for form in self._forms.get(thing, ()))

    def _mark(self, *what: Hashable) -> int:
        """The bits of ``past`` for some things."""
        bits = 0
        for one in what:
            bits |= self._marks.setdefault(one, 1 << len(self._marks))
        return bits

    def _expired(self, instant: int | None) -> int:
        """The holds that have expired at an instant."""
        if instant is None:
            return 0
        return (1 << bisect_right(self._expiries, min(instant, NEVER - 1))) - 1

    def _closed(self, spans: Spans, type: str) -> int:
        """The closures of an appointment type on some minutes."""
        if type not in self._closures:
            self._closures[type] = sum(
                bit
                for what, bit in self._bits.items()
                if isinstance(what, Close) and (what.types is None or type in what.types)
            )
        return self._cells.standing(spans) & self._closures[type]

    def _typed(self, types: frozenset[str] | None) -> int:
        """The bookings of some appointment types."""
        forms = (form for form in self._bits if isinstance(form, Form) and form.thing.booking)
        return self._all(form for form in forms if types is None or form.type in types)

    # ------------------------------------------------------------------ words

    def live(self, at: int, state: State) -> list[Form]:
        """What stands on the minutes that an operation speaks of."""
        spans = [*spans_in(self._evidence.operations[at].request)]
        forms = [form for some in self._forms.values() for form in some]
        return [form for form in forms if state[0] & self._bits[form] and form.overlaps(spans)]

    def wants(self, at: int, state: State) -> tuple[str, set[str]]:
        """What an operation waits for that cannot come in a state: in words, and of which ids."""
        rule = self.part(at).rule
        needs = rule.lacks(state) if rule.step(state) is None else []
        words: list[str] = []
        ids: set[str] = set()
        for forms, things in needs:
            go = {thing.id for thing, bit in self._things.items() if bit & things}
            come = {what for what, bit in self._bits.items() if bit & forms}
            there = {what.thing.id for what in come if isinstance(what, Form)} - go
            ids |= go | there
            some = [f"{id!r} gone" for id in sorted(go)] + [f"{id!r} there" for id in sorted(there)]
            some += ["it closed"] if any(isinstance(what, Close) for what in come) else []
            some[_SHOWN:] = [f"{len(some) - _SHOWN} others"] if len(some) > _SHOWN else []
            words.append(" or ".join(some) or "what can never be")
        return " and ".join(words) or "what leaves others without an order", ids

    # ------------------------------------------------------------------ rules

    def part(self, at: int) -> Part:
        """What one operation does, and what it has to do with others."""
        operation = self._evidence.operations[at]
        request = operation.request
        sets = ends = 0
        if not operation.failed:
            sets = self._all(self._evidence.forms(at)) | self._use(at)
            if isinstance(request, Close):
                sets |= self._bits[request]
            if (ended := ended_by(request)) is not None:
                ends = self._things.get(ended, 0)
            for form in self._swept(operation):
                ends |= self._things[form.thing]
        return Part(
            self._keyed(at, self._refused(at) if operation.failed else self._done(at)),
            sets,
            ends,
            self._touched(operation),
            operation.failed or isinstance(request, Read),
            not isinstance(request, Move),
        )

    def _swept(self, operation: Operation) -> Iterator[Form]:
        """The holds that a claim may find expired on its minutes."""
        request = operation.request
        if operation.failed or not isinstance(request, (Book, Hold, Move)):
            return
        bits = self._cells.standing(request.spans) & self._expired(operation.until)
        while bits:
            what = self._placed[bits.bit_length() - 1]
            bits ^= self._bits[what]
            if isinstance(what, Form):
                yield what

    def _touched(self, operation: Operation) -> int:
        request = operation.request
        spans = set(spans_in(request))
        names: list[Hashable] = []
        for form in self._swept(operation):
            spans |= form.spans
        for id in ids_in(request):
            names.append(id)
            for thing in (Thing(id, True), Thing(id, False)):
                for form in self._forms.get(thing, ()):
                    spans |= form.spans
        if (key := key_of(request)) is not None:
            names.append((type(request), key))
        return self._cells.touched(spans, *names)

    def _done(self, at: int) -> Rule:
        """The rule of an operation that came to pass, or that may have."""
        operation = self._evidence.operations[at]
        request, outcome = operation.request, operation.outcome
        key = self._key_mark(at)
        made = made_by(request)
        if isinstance(outcome, Ok) and made is not None and outcome.id not in (None, made.id):
            return steps.impossible()  # unless its key was used before
        match request:
            case Book(id) | Hold(id):
                (form,) = self._evidence.forms(at)
                foes = self._cells.standing(form.spans) & self._all_forms
                return steps.claim(
                    self._bits[form],
                    made=self._mark(form.thing),
                    key=key,
                    used=self._mark(Thing(id, True), Thing(id, False)),
                    foes=foes,
                    block=foes & ~self._expired(operation.until)
                    | self._closed(form.spans, form.type),
                    exits=self._exits,
                )
            case Move(id, spans):
                return self._moved(operation, Thing(id, True), spans, key)
            case Confirm(hold, id):
                return self._confirmed(operation, hold, id, key)
            case Cancel(id):
                return self._ended(Thing(id, True), key)
            case Release(id):
                return self._ended(Thing(id, False), key)
            case Close() | Read():
                return self._listed(operation, request)
        return steps.impossible()

    def _moved(self, operation: Operation, thing: Thing, spans: Spans, key: int) -> Rule:
        own = self._of(thing)
        foes = self._cells.standing(spans) & self._all_forms & ~own
        return steps.shift(
            {
                self._bits[form]: (
                    self._bits[form._replace(spans=spans)],
                    self._closed(spans, form.type),
                )
                for form in self._forms.get(thing, ())
            },
            own=own,
            key=key,
            foes=foes,
            block=foes & ~self._expired(operation.until),
            exits=self._exits,
        )

    def _confirmed(self, operation: Operation, hold: str, id: str, key: int) -> Rule:
        held, booked = Thing(hold, False), Thing(id, True)
        return steps.confirm(
            {
                self._bits[form]: (
                    self._bits[form._replace(thing=booked, expires=None)],
                    self._closed(form.spans, form.type),
                )
                for form in self._forms.get(held, ())
            },
            live=self._of(held) & ~self._expired(operation.now),
            made=self._mark(booked),
            used=self._mark(booked, *([] if hold == id else [Thing(id, False)])),
            again=self._mark((hold, id)),
            key=key,
        )

    def _ended(self, thing: Thing, key: int) -> Rule:
        return steps.end(self._of(thing), made=self._mark(thing), key=key)

    def _listed(self, operation: Operation, request: Close | Read) -> Rule:
        bit = self._bits[request] if isinstance(request, Close) else 0
        if not isinstance(operation.outcome, Listed):
            return steps.closing(bit)
        sight = self._cells.standing(frozenset([request.span])) & self._all_forms
        if isinstance(request, Close):
            sight &= self._typed(request.types)
        elif not request.holds:
            sight &= self._booked
        instants = [operation.now]
        if operation.now is not None and operation.until is not None:
            soonest = bisect_right(self._expiries, operation.now)
            for what in self._placed[soonest : bisect_right(self._expiries, operation.until)]:
                if sight & self._bits[what] and _expiry(what) not in (NEVER, instants[-1]):
                    instants.append(_expiry(what))
        shown = [
            self._of(Thing(id, True), Thing(id, False)) for id in sorted(set(operation.outcome.ids))
        ]
        return steps.listing(
            [sight & ~self._expired(instant) for instant in instants],
            shown,
            self._exits,
            bit=bit,
        )

    def _refused(self, at: int) -> Rule:
        """The rule of an operation that was refused."""
        operation = self._evidence.operations[at]
        request = operation.request
        assert isinstance(operation.outcome, Failed)
        match operation.outcome.reason, request:
            case Refusal.TAKEN, Book() | Hold() | Move():
                foes = self._cells.standing(request.spans) & self._all_forms
                if isinstance(request, Move):
                    foes &= ~self._of(Thing(request.id, True))
                return steps.some_stand(foes & ~self._expired(operation.now))
            case Refusal.CLOSED, _:
                closures = 0
                for form in self._evidence.forms(at):
                    closures |= self._closed(form.spans, form.type)
                return steps.some_stand(closures)
            case Refusal.MISSING, Cancel(id):
                return steps.none_past(self._mark(Thing(id, True)))
            case Refusal.MISSING, Release(id) | Confirm(id):
                held = self._of(Thing(id, False)) & ~self._expired(operation.until)
                return steps.none_stands(held, self._exits)
            case Refusal.MISSING, Move(id):
                return steps.none_stands(self._of(Thing(id, True)), self._exits)
            case Refusal.EXISTS, Book(id) | Hold(id) | Confirm(_, id):
                things = [Thing(id, True), Thing(id, False)]
                if isinstance(request, Confirm) and request.hold == id:
                    things.pop()
                return steps.some_past(self._mark(*things), self._of(*things))
        return steps.impossible()  # a mismatch, unless its key was used before

    # ------------------------------------------------------------------- keys

    def _key_mark(self, at: int) -> int:
        """The mark that an operation leaves when it is the first with its key."""
        return self._mark(("key", at)) if self._evidence.twins(at) else 0

    def _use(self, at: int) -> int:
        """What stands for the use of an operation's key, if others have it too."""
        twins = self._evidence.twins(at)
        return 1 << len(self._placed) + min(at, *twins) if twins else 0

    def _keyed(self, at: int, rule: Rule) -> Rule:
        operations = self._evidence.operations
        firsts = [other for other in self._evidence.twins(at) if not operations[other].failed]
        if not firsts:
            return rule
        used = agreeing = 0
        for other in firsts:
            used |= self._key_mark(other)
            if _agrees(operations[at], operations[other]):
                agreeing |= self._key_mark(other)
        return steps.keyed(rule, used=used, agreeing=agreeing, use=self._use(firsts[0]))


def _expiry(what: Form | Close) -> int:
    """When something expires: a hold may last for ever, but not as long as a booking."""
    if isinstance(what, Close) or what.expires is None:
        return NEVER
    return min(what.expires, NEVER - 1)


def _agrees(operation: Operation, first: Operation) -> bool:
    """Whether an operation was answered as it should be after the first one with its key."""
    made = made_by(first.request)
    same = same_request(operation.request, first.request)
    match operation.outcome:
        case Ok(answered):
            if made is None:
                return same
            asked = made_by(operation.request)
            return same and (asked.id if answered is None and asked else answered) == made.id
        case Failed(Refusal.MISMATCH):
            return operation.request != first.request
        case Unknown():
            return True
    return False
