"""Between which moments each operation took effect, as far as what others saw of it tells.

An operation takes effect at one moment between its call and its return. Where an answer
shows a booking, the booking took effect before that answer; where it does not show one that
nobody ended, after it. So the moments close in, often to one order; and what has an unknown
outcome is found to have come to pass, or to have waited.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from medsched.testing.history.evidence import Evidence, Form, Thing, ended_by, lists
from medsched.testing.history.operations import (
    NEVER,
    Close,
    Failed,
    Listed,
    Move,
    Operation,
    Read,
    Refusal,
)
from medsched.testing.history.verdict import Anomaly, AnomalyKind

_ROUNDS = 4


class Bounds:
    """The earliest and latest moments of some operations, both inclusive.

    ``must``: whether an operation took effect, as known from its own outcome or from others.
    What need not have has no latest moment, and may never have. ``after``: for each of them
    those which it comes after although they overlap in time, if it takes effect at all.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.earliest = [operation.invoked for operation in evidence.operations]
        self.latest = [operation.end for operation in evidence.operations]
        self.must = [operation.end < NEVER for operation in evidence.operations]
        self.after: list[dict[int, str]] = [{} for _ in self.must]
        self._because: dict[tuple[int, str], tuple[int, str]] = {}
        answers: dict[str, list[int]] = defaultdict(list)
        for at, operation in enumerate(evidence.operations):
            request = operation.request
            if isinstance(operation.outcome, Listed) and isinstance(request, (Read, Close)):
                answers[request.resource].append(at)
                for id in sorted(set(operation.outcome.ids)):
                    self._shown(at, id)
            else:
                self._found(at, operation)
        by_resource = {resource: _Answers(evidence, some) for resource, some in answers.items()}
        for thing in evidence.makers:
            maker = evidence.sole_maker(thing)
            if maker is not None:
                self._hidden(maker, thing, by_resource)
        self._close_in()

    def _order(self, first: int, second: int, why: str) -> None:
        """The first took effect before the second, if that did at all."""
        operations = self._evidence.operations
        if not operations[first].before(operations[second]):
            self.after[second].setdefault(first, why)

    def _shown(self, answer: int, id: str) -> None:
        """What an answer shows was made before it, and ended after it."""
        things = self._evidence.things(id)
        maker = self._evidence.sole_maker(things[0]) if len(things) == 1 else None
        if maker is not None:
            self._order(maker, answer, f"shows {id!r}")
            for ender in self._evidence.enders.get(things[0], ()):
                self._order(answer, ender, f"shows {id!r}")

    def _found(self, at: int, operation: Operation) -> None:
        """What was ended or moved was made before; what was missing was not there."""
        request = operation.request
        thing = Thing(request.id, True) if isinstance(request, Move) else ended_by(request)
        maker = self._evidence.sole_maker(thing) if thing is not None else None
        if maker is None or thing is None:
            return
        if operation.ok:
            self._order(maker, at, f"finds {thing.id!r}")
        elif operation.outcome == Failed(Refusal.MISSING) and thing.booking:
            enders = self._evidence.enders.get(thing, []) if isinstance(request, Move) else []
            self._unseen(at, maker, enders, f"does not find {thing.id!r}")

    def _unseen(self, at: int, maker: int, enders: list[int], why: str) -> bool:
        """What was not there was made later, or had been ended; whether it was made later."""
        operations = self._evidence.operations
        could = [one for one in enders if operations[one].invoked <= operations[at].end]
        if not could:
            self._order(at, maker, why)
        elif len(could) == 1 and operations[maker].before(operations[at]):
            self._order(could[0], at, why)
        return not could

    def _hidden(self, maker: int, thing: Thing, answers: dict[str, _Answers]) -> None:
        """What an answer ought to show and does not was made after it, or ended before it."""
        movers = self._evidence.movers.get(thing, [])
        forms = [form for at in (maker, *movers) for form in self._evidence.forms(at)]
        if not forms or any(form.expires is not None for form in forms):
            return
        operations = self._evidence.operations
        enders = self._evidence.enders.get(thing, [])
        end = operations[maker].end
        latest = max([end, *(operations[ender].end for ender in enders)])
        why = f"does not show {thing.id!r}"
        for resource in sorted({span.resource for form in forms for span in form.spans}):
            if resource not in answers:
                continue
            for at in answers[resource].hiding(forms, operations[maker].invoked, latest):
                if self._unseen(at, maker, enders, why) and end == NEVER:
                    break  # the last answer without it says it all

    def _close_in(self) -> None:
        """Draw the bounds together until nothing more follows, or long enough."""
        earliest, latest, must = self.earliest, self.latest, self.must
        for _ in range(_ROUNDS):
            changed = False
            for second, firsts in enumerate(self.after):
                for first, why in firsts.items():
                    if earliest[second] < earliest[first]:
                        earliest[second] = earliest[first]
                        self._because[second, "after"] = first, why
                        changed = True
                    if not must[second]:
                        continue
                    if latest[second] < latest[first]:
                        latest[first] = latest[second]
                        self._because[first, "before"] = second, why
                        changed = True
                    if not must[first]:
                        must[first] = changed = True
            if not changed:
                break

    def anomalies(self) -> list[Anomaly]:
        """The operations that no moment is left for."""
        operations = self._evidence.operations
        found: list[Anomaly] = []
        for at, operation in enumerate(operations):
            if not self.must[at] or self.earliest[at] <= self.latest[at]:
                continue
            others: list[Operation] = []
            parts: list[str] = []
            for side in ("after", "before"):
                if (at, side) in self._because:
                    other, why = self._because[at, side]
                    others.append(operations[other])
                    parts.append(f"{side} {operations[other]} (one {why})")
            message = f"{operation} would have to take effect " + " and ".join(parts)
            found.append(Anomaly(AnomalyKind.NO_ORDER, message, (operation, *others)))
        return found


class _Answers:
    """What was listed of one resource, by the moments of the calls."""

    def __init__(self, evidence: Evidence, some: list[int]) -> None:
        self._some = some
        self._operations = [evidence.operations[at] for at in some]
        self._invoked = [operation.invoked for operation in self._operations]
        self._ended = list(accumulate((operation.end for operation in self._operations), max))

    def hiding(self, forms: list[Form], begin: int, end: int) -> Iterator[int]:
        """The answers on their way in [begin, end] that lack a thing, last call first.

        Only those that would have to show it in each of its forms.
        """
        low, high = bisect_left(self._ended, begin), bisect_right(self._invoked, end)
        for place in range(high - 1, low - 1, -1):
            operation = self._operations[place]
            ids = operation.outcome.ids if isinstance(operation.outcome, Listed) else ()
            if forms[0].thing.id not in ids and all(
                lists(operation.request, form) for form in forms
            ):
                yield self._some[place]
