"""What the checker says of a history, and how it says why."""

from __future__ import annotations

import attrs

from medsched.domain.fields import Choice
from medsched.testing.history.operations import Operation


class Judgement(Choice):
    """Whether a history could have come from a correct calendar."""

    CORRECT = "correct"
    """An order was found in which a correct calendar answers exactly this."""
    WRONG = "wrong"
    """There is no such order."""
    UNDECIDED = "undecided"
    """Nothing wrong was found, but the search ended before it was through. No "correct"."""


class AnomalyKind(Choice):
    """What sort of mistake it is."""

    DOUBLE_BOOKING = "double-booking"
    """Two acknowledged claims were certainly live at once on one minute."""
    LOST = "lost"
    """Something certainly live is not in an answer that had to show it."""
    PHANTOM = "phantom"
    """An answer shows what cannot have been live there."""
    NEEDLESS_REFUSAL = "needless-refusal"
    """A change was refused, and nothing can have been in its way."""
    CLOSED = "closed"
    """A change was accepted on minutes that were certainly closed."""
    NOT_THERE = "not-there"
    """A change was accepted of something that cannot have been there."""
    TWICE = "twice"
    """One id was acknowledged for two bookings or holds."""
    KEY = "key"
    """One idempotency key has two results."""
    NO_ORDER = "no-order"
    """Each answer by itself is possible, but no order of the operations gives all of them."""
    MISSED_EVENT = "missed-event"
    """A follower did not see an event that is there."""
    REPEATED_EVENT = "repeated-event"
    """A follower saw an event more than once."""
    UNKNOWN_EVENT = "unknown-event"
    """A follower saw an event that is not there."""
    EVENT_ORDER = "event-order"
    """A follower saw events in another order than they are kept in."""


@attrs.frozen
class Anomaly:
    """One thing that a correct calendar does not do, and the operations that show it."""

    kind: AnomalyKind
    message: str
    operations: tuple[Operation, ...] = ()

    def __str__(self) -> str:
        return "\n".join(
            [f"{self.kind.value}: {self.message}", *(f"    {one}" for one in self.operations)]
        )


@attrs.frozen(kw_only=True)
class Verdict:
    """What `check` or `check_events` found.

    It is true, and ``ok``, when the history is correct; an undecided one is neither.
    ``operations`` is how many were checked, ``unknown`` how many of them had no known outcome,
    ``groups`` into how many independent groups they fell, ``states`` how many states the
    search visited, ``undecided`` how many operations are in groups that it did not get
    through.
    """

    judgement: Judgement
    anomalies: tuple[Anomaly, ...] = ()
    operations: int = 0
    unknown: int = 0
    groups: int = 0
    states: int = 0
    undecided: int = 0

    @property
    def ok(self) -> bool:
        """Whether the history could have come from a correct calendar; False if undecided."""
        return self.judgement is Judgement.CORRECT

    def __bool__(self) -> bool:
        return self.ok

    def explain(self, *, most: int = 10) -> str:
        """The verdict in words: a summary, then ``most`` anomalies, each with its operations."""
        lines = [self.judgement.value]
        if self.groups:
            lines[0] += (
                f": {self.operations} operations, {self.unknown} of unknown outcome,"
                f" in {self.groups} independent groups; {self.states} states visited"
            )
        if self.undecided:
            lines.append(
                f"the search was given up over {self.undecided} operations: let it visit more"
                " states, or record shorter histories"
            )
        lines += [str(anomaly) for anomaly in self.anomalies[:most]]
        if len(self.anomalies) > most:
            lines.append(f"and {len(self.anomalies) - most} more")
        return "\n".join(lines)
