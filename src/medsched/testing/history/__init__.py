"""Whether what many clients saw of a calendar at once could have come from a correct one.

Record what each of them asks and what it is told, then have it checked::

    from medsched.testing.history import Book, History, Read, check

    history = History()

    def client(number: int) -> None:
        with history.op(Book(f"b{number}", [("dr-smith", 540, 570)])) as attempt:
            if my_calendar.book(...):
                attempt.ok()
            else:
                attempt.failed("taken")
        with history.op(Read("dr-smith", 0, 1440)) as reading:
            reading.ok(my_calendar.ids_on(...))

    ...  # many clients, in threads
    verdict = check(history)
    assert verdict.ok, verdict.explain()

Where each process has a history of its own, give each a file, and `load` them all.

**What is checked** is linearizability (Herlihy and Wing, "Linearizability: a correctness
condition for concurrent objects", 1990): there is an order of the operations, each at one
moment between its call and its return, in which one correct calendar gives every answer. An
operation of unknown outcome (a COMMIT without answer, a client that died) may take effect at
any moment after its call, or never. It is the question that Knossos and Porcupine answer.

**A correct calendar** belongs to one practice and is empty at first. In the order of
operations, it answers like this:

- A booking takes the minutes [low, high) of one or more resources, and so does a hold until
  it expires. `Book`, `Hold` and `Move` come to pass if and only if nothing else that is live
  is on these minutes, no closure for their type covers one of them, and, for a new booking or
  hold, its id is new. A booking never conflicts with itself; to move it to where it is
  changes nothing and is always right.
- `Confirm` makes a booking of a live hold, unless a closure covers it. To confirm the same
  hold as the same id again is right, and so is to refuse that.
- `Cancel` and `Release` end what was ever made, once or again. A hold that is live no more
  may be missing as well.
- `Close` closes for good, for all appointment types or those it names, and lists the bookings
  of these types that are live there: exactly them, and no holds.
- `Read` lists exactly what is live on its minutes.
- A refusal changes nothing, and its reason holds at that moment. Where several hold, any may
  be given: `Refusal` says which. A move may be refused as taken or closed though the booking
  is gone. What is refused for `Refusal.OTHER` is passed over.
- A change with an idempotency key that the same kind of change has come to pass with before
  changes nothing. For the same request, the id of what it makes aside, the first id is
  answered again; where only that id differs, refusing the key is right too. For any other
  request the key is refused. A refusal is not remembered; a key lives for ever.

**The clock** that holds expire by is not the counter that operations are ordered by. Each
operation judges expiry at one instant from its ``now`` to its ``until``, and a hold that
expires at that instant, or did before, is not there for it. Instants of different operations
need not be in their order. What is claimed over an expired hold ends that hold for
everybody; an expired hold that nobody claims over is there for those whose instant is
earlier. So if something sweeps expired holds in the background, let each operation's ``now``
and ``until`` lie around the instant that it works at: give `History` its ``clock``.

**What is not modelled**: group sessions with several bookings on the same minutes, opening
again what was closed, who may do what. Events are checked apart, by `check_events`.
"""

from medsched.testing.history.checker import check
from medsched.testing.history.events import check_events, followed
from medsched.testing.history.lines import load, save
from medsched.testing.history.operations import (
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Follow,
    Hold,
    Listed,
    Move,
    Ok,
    Operation,
    Read,
    Refusal,
    Release,
    Span,
    Unknown,
)
from medsched.testing.history.recorder import History
from medsched.testing.history.verdict import Anomaly, AnomalyKind, Judgement, Verdict

__all__ = [
    "Anomaly",
    "AnomalyKind",
    "Book",
    "Cancel",
    "Close",
    "Confirm",
    "Failed",
    "Follow",
    "History",
    "Hold",
    "Judgement",
    "Listed",
    "Move",
    "Ok",
    "Operation",
    "Read",
    "Refusal",
    "Release",
    "Span",
    "Unknown",
    "Verdict",
    "check",
    "check_events",
    "followed",
    "load",
    "save",
]
