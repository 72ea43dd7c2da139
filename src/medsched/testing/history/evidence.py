"""What the operations of a history could have made, ended and moved: the checker's index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import attrs

from medsched.testing.history.operations import (
    Book,
    Cancel,
    Change,
    Close,
    Confirm,
    Failed,
    Follow,
    Hold,
    Move,
    Operation,
    Read,
    Refusal,
    Release,
    Request,
    Span,
    Spans,
    Unknown,
    key_of,
)


class Thing(NamedTuple):
    """A booking or a hold. A booking may have the id of the hold that it was made of."""

    id: str
    booking: bool


class Form(NamedTuple):
    """A booking or hold as it may stand in the calendar: on certain minutes."""

    thing: Thing
    spans: Spans
    type: str
    expires: int | None

    def overlaps(self, spans: Iterable[Span]) -> bool:
        """Whether it takes a minute of one of these."""
        return any(mine.overlaps(other) for mine in self.spans for other in spans)


def telling(history: Iterable[Operation]) -> list[Operation]:
    """The operations that say something about the calendar, by the moment they were invoked."""
    return sorted(filter(_tells, history), key=lambda operation: (operation.invoked, operation.end))


def _tells(operation: Operation) -> bool:
    match operation.outcome:
        case Failed(Refusal.OTHER):
            return False
        case Unknown():
            return not isinstance(operation.request, (Follow, Read))
    return not isinstance(operation.request, Follow)


def spans_in(request: Request) -> Iterator[Span]:
    """The spans that a request names."""
    if isinstance(request, (Book, Hold, Move)):
        yield from request.spans
    elif isinstance(request, (Close, Read)):
        yield request.span


def ids_in(request: Request) -> Iterator[str]:
    """The ids of bookings and holds that a request names."""
    if isinstance(request, Confirm):
        yield request.hold
    if isinstance(request, Change):
        yield request.id


def closes(closing: Close, form: Form) -> bool:
    """Whether a closure covers a minute of a booking or hold of its type."""
    named = closing.types is None or form.type in closing.types
    return named and form.overlaps([closing.span])


def lists(request: Request, form: Form) -> bool:
    """Whether an answer has to show something of this form, if it is live."""
    if isinstance(request, Close):
        return form.thing.booking and closes(request, form)
    if isinstance(request, Read):
        return (form.thing.booking or request.holds) and form.overlaps([request.span])
    return False


def same_request(one: Request, other: Request) -> bool:
    """Whether two requests ask for the same, the id of what is to be made aside."""
    if isinstance(one, (Book, Hold, Confirm)) and isinstance(other, (Book, Hold, Confirm)):
        return attrs.evolve(one, id=other.id) == other
    return one == other


def made_by(request: Request) -> Thing | None:
    """What a request makes, if it makes something."""
    match request:
        case Book(id):
            return Thing(id, True)
        case Hold(id):
            return Thing(id, False)
        case Confirm(_, id):
            return Thing(id, True)
    return None


def ended_by(request: Request) -> Thing | None:
    """What a request ends for good, if it ends something."""
    match request:
        case Cancel(id):
            return Thing(id, True)
        case Release(hold) | Confirm(hold):
            return Thing(hold, False)
    return None


class Evidence:
    """An index of some operations, each named by its place among them.

    ``operations`` come as `telling` gives them. What failed counts for nothing but the keys.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        self.makers: dict[Thing, list[int]] = defaultdict(list)
        """What may have made a booking or hold."""
        self.enders: dict[Thing, list[int]] = defaultdict(list)
        """What may have ended one for good."""
        self.movers: dict[Thing, list[int]] = defaultdict(list)
        self.keys: dict[tuple[type[Request], str], list[int]] = defaultdict(list)
        """All that came with one key, failed ones too."""
        for at, operation in enumerate(operations):
            request = operation.request
            if (key := key_of(request)) is not None:
                self.keys[type(request), key].append(at)
            if operation.failed:
                continue
            if (made := made_by(request)) is not None:
                self.makers[made].append(at)
            if (ended := ended_by(request)) is not None:
                self.enders[ended].append(at)
            if isinstance(request, Move):
                self.movers[Thing(request.id, True)].append(at)
        self._forms: dict[int, list[Form]] = {}

    def forms(self, at: int) -> list[Form]:
        """What an operation may make stand in the calendar: several where it depends."""
        if at not in self._forms:
            self._forms[at] = list(dict.fromkeys(self._made(at)))
        return self._forms[at]

    def _made(self, at: int) -> Iterator[Form]:
        request = self.operations[at].request
        match request:
            case Book(id, spans):
                yield Form(Thing(id, True), spans, request.type, None)
            case Hold(id, spans):
                yield Form(Thing(id, False), spans, request.type, request.expires)
            case Confirm(hold, id):
                for maker in self.makers.get(Thing(hold, False), ()):
                    for form in self.forms(maker):
                        yield form._replace(thing=Thing(id, True), expires=None)
            case Move(id, spans):
                for maker in self.makers.get(Thing(id, True), ()):
                    for form in self.forms(maker):
                        yield form._replace(spans=spans)

    def twins(self, at: int) -> list[int]:
        """The other operations with the same key, failed ones among them."""
        request = self.operations[at].request
        key = key_of(request)
        if key is None:
            return []
        return [other for other in self.keys[type(request), key] if other != at]

    def sole_maker(self, thing: Thing) -> int | None:
        """The one operation that must have made something, if it was ever made."""
        makers = self.makers.get(thing, [])
        return makers[0] if len(makers) == 1 and not self.twins(makers[0]) else None

    def things(self, id: str) -> list[Thing]:
        """What an id may stand for: a booking, a hold, or both one after the other."""
        return [thing for thing in (Thing(id, True), Thing(id, False)) if thing in self.makers]
