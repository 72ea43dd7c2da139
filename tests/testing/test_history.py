"""What a history may say of a correct calendar, rule by rule, and how it is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from tests.testing.test_history_random import right

import medsched
from medsched.errors import InvalidChoice, InvalidId, InvalidInterval, InvalidNumber, InvalidText
from medsched.testing.history import (
    AnomalyKind,
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Follow,
    History,
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
    check_events,
    followed,
    load,
    save,
)
from medsched.testing.history.operations import NEVER, Outcome, Request

NINE, TEN, LATE = [("dr", 540, 570)], [("dr", 570, 600)], [("dr", 550, 580)]
ROOM = [("dr", 540, 570), ("room", 530, 580)]
DAY = Read("dr", 0, 1440)
OK, LOST = Ok(), Unknown()
TAKEN, CLOSED, MISSING = Failed("taken"), Failed("closed"), Failed("missing")
EXISTS, MISMATCH, OTHER = Failed("exists"), Failed("mismatch"), Failed("other")
Row = tuple[Any, ...]


def seen(*ids: str) -> Listed:
    return Listed(ids)


def did(
    request: Request,
    outcome: Outcome = OK,
    start: int = 0,
    end: int | None = None,
    now: int | None = None,
    until: int | None = None,
) -> Operation:
    returned = None if outcome == LOST else end
    return Operation(
        request=request, outcome=outcome, invoked=start, returned=returned, now=now, until=until
    )


def one_by_one(*rows: Row) -> list[Operation]:
    """Operations each of which begins when the one before it has ended."""
    return [
        did(request, outcome, 10 * at, 10 * at + 5, *instants)
        for at, (request, outcome, *instants) in enumerate(rows)
    ]


def at_once(*rows: Row) -> list[Operation]:
    """Operations that all overlap in time."""
    return [did(request, outcome, 0, 10, *instants) for request, outcome, *instants in rows]


def a(id: str = "a", spans: list[tuple[str, int, int]] = NINE, **more: Any) -> Book:
    return Book(id, spans, **more)


def h(expires: int = 100, spans: list[tuple[str, int, int]] = NINE, **more: Any) -> Hold:
    return Hold("h", spans, expires=expires, **more)


RIGHT: dict[str, list[Operation]] = {
    "nothing": [],
    "bookings that touch": one_by_one((a(), OK), (a("b", TEN), OK), (DAY, seen("a", "b"))),
    "one after the other": one_by_one((a(), OK), (Cancel("a"), OK), (a("b", LATE), OK)),
    "taken": one_by_one((a(), OK), (a("b", LATE), TAKEN), (DAY, seen("a"))),
    "taken elsewhere": one_by_one((a("a", ROOM), OK), (a("b", [("room", 570, 571)]), TAKEN)),
    "one of two": at_once((a(), OK), (a("b", LATE), TAKEN)),
    "seen before it is answered": [did(a(), OK, 0, 100), did(DAY, seen("a"), 10, 20)],
    "not seen before it is answered": [did(a(), OK, 0, 100), did(DAY, seen(), 10, 20)],
    "cancelled twice": one_by_one((a(), OK), (Cancel("a"), OK), (Cancel("a"), OK)),
    "cancelled before it was made": at_once((Cancel("a"), MISSING), (a(), OK), (DAY, seen("a"))),
    "an id used before": one_by_one((a(), OK), (Cancel("a"), OK), (a("a", TEN), EXISTS)),
    "lost and made": one_by_one((a(), LOST), (DAY, seen("a")), (a("b"), TAKEN)),
    "lost and not made": one_by_one((a(), LOST), (DAY, seen()), (a("b"), OK)),
    "lost and made late": one_by_one((a(), LOST), (DAY, seen()), (DAY, seen("a"))),
    "lost, and its own rival": one_by_one((a(), LOST), (a(), TAKEN)),
    "a lost cancellation": one_by_one((a(), OK), (Cancel("a"), LOST), (a("b"), OK)),
    "busy": one_by_one((a(), OTHER), (Cancel("x"), OTHER), (DAY, seen())),
    "moved": one_by_one((a(), OK), (Move("a", LATE), OK), (a("b", [("dr", 540, 550)]), OK)),
    "moved onto itself": one_by_one((a(), OK), (Move("a", LATE), OK), (Move("a", NINE), OK)),
    "moved nowhere": one_by_one(
        (a(), OK), (Close("dr", 0, 1440), seen("a")), (Move("a", NINE), OK)
    ),
    "not moved": one_by_one((a(), OK), (a("b", TEN), OK), (Move("a", LATE), TAKEN)),
    "moved when gone": one_by_one((a(), OK), (Cancel("a"), OK), (Move("a", TEN), MISSING)),
    "the key again": one_by_one((a(key="k"), OK), (a(key="k"), OK), (DAY, seen("a"))),
    "the key again after cancelling": one_by_one(
        (a(key="k"), OK), (Cancel("a"), OK), (a(key="k"), OK), (DAY, seen())
    ),
    "the key with a new id": one_by_one((a(key="k"), OK), (a("b", key="k"), Ok("a"))),
    "the key with a new id, refused": one_by_one((a(key="k"), OK), (a("b", key="k"), MISMATCH)),
    "the key for something else": one_by_one((a(key="k"), OK), (a("b", TEN, key="k"), MISMATCH)),
    "the key after a refusal": one_by_one(
        (a(), OK), (a("b", key="k"), TAKEN), (a("b", TEN, key="k"), OK)
    ),
    "a key for each kind": one_by_one((a(key="k"), OK), (Cancel("a", key="k"), OK)),
    "the key of a move": one_by_one(
        (a(), OK),
        (Move("a", TEN, key="k"), OK),
        (Move("a", NINE), OK),
        (Move("a", TEN, key="k"), OK),
        (Read("dr", 540, 541), seen("a")),
    ),
    "the key of what was lost": one_by_one((a(key="k"), LOST), (a("b", key="k"), Ok("a"))),
    "closed": one_by_one(
        (Close("dr", 560, 600), seen()), (a(), CLOSED), (a("b", [("dr", 530, 560)]), OK)
    ),
    "stranded": one_by_one((a(), OK), (Close("dr", 0, 1440), seen("a")), (DAY, seen("a"))),
    "closed for others": one_by_one(
        (a(type="visit"), OK),
        (Close("dr", 0, 1440, types={"new"}), seen()),
        (a("b", TEN, type="visit"), OK),
        (a("c", LATE, type="new"), CLOSED),
    ),
    "a lost closure": one_by_one((Close("dr", 0, 1440), LOST), (a(), CLOSED)),
    "not moved to where it is closed": one_by_one(
        (a(), OK), (Close("dr", 570, 600), seen()), (Move("a", TEN), CLOSED)
    ),
    "held": one_by_one((h(), OK, 0), (a(), TAKEN, 99), (DAY, seen("h"), 99)),
    "expired": one_by_one((h(), OK, 0), (DAY, seen(), 100), (a(), OK, 100)),
    "expired in the meantime": one_by_one((h(), OK, 0), (a(), OK, 90, 110)),
    "not expired yet": one_by_one((h(), OK, 0), (a(), TAKEN, 90, 110)),
    "no clock": one_by_one((h(), OK), (a(), TAKEN), (DAY, seen("h"))),
    "confirmed": one_by_one((h(), OK, 0), (Confirm("h", "a"), OK, 99), (DAY, seen("a"), 200)),
    "confirmed as itself": one_by_one((h(), OK, 0), (Confirm("h", "h"), OK, 1), (Cancel("h"), OK)),
    "confirmed again": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), OK, 1),
        (Confirm("h", "a"), OK, 1),
        (Confirm("h", "a"), MISSING, 1),
    ),
    "confirmed too late": one_by_one((h(), OK, 0), (Confirm("h", "a"), MISSING, 100)),
    "confirmed after a rival came": one_by_one(
        (h(), OK, 0), (a("b"), OK, 100), (Confirm("h", "a"), MISSING, 99)
    ),
    "confirmed where it was closed": one_by_one(
        (h(), OK, 0), (Close("dr", 0, 1440), seen()), (Confirm("h", "a"), CLOSED, 1)
    ),
    "confirmed again with a key": one_by_one(
        (h(), OK, 0), (Confirm("h", "a", key="k"), OK, 1), (Confirm("h", "a"), OK, 1)
    ),
    "confirmed again when released": one_by_one(
        (h(), OK, 0), (Confirm("h", "a"), OK, 1), (Release("h"), OK), (Confirm("h", "a"), OK, 1)
    ),
    "confirmed by what was lost": one_by_one(
        (h(), OK, 0), (Confirm("h", "a"), LOST), (Confirm("h", "a"), OK, 100)
    ),
    "confirmed again at once": [
        *one_by_one((h(), OK, 0)),
        did(Confirm("h", "a"), OK, 10, 30, 1),
        did(Confirm("h", "a"), OK, 12, 20, 1),
        did(DAY, seen("h"), 12, 18, 1),
        did(DAY, seen("a"), 15, 35, 1),
        did(Confirm("h", "a"), EXISTS, 15, 35, 1),
    ],
    "confirmed again, each time with a key": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a", key="k"), OK, 1),
        (Confirm("h", "a", key="l"), OK, 1),
        (Confirm("h", "b", key="l"), Ok("a"), 1),
        (Confirm("h", "b", key="k"), MISMATCH, 1),
        (Confirm("h", "b"), MISSING, 1),
    ),
    "confirmed again as itself": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "h"), OK, 1),
        (Confirm("h", "h"), OK, 1),
        (Confirm("h", "h"), EXISTS, 1),
        (Release("h"), OK, 1),
        (Confirm("h", "h"), MISSING, 1),
        (DAY, seen("h"), 500),
    ),
    "confirmed again when cancelled": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), OK, 1),
        (Cancel("a"), OK),
        (Confirm("h", "a"), OK, 1),
        (DAY, seen()),
        (a("b"), OK),
        (Confirm("h", "a"), OK, 1),
        (a("c", LATE), TAKEN),
        (Cancel("a"), OK),
    ),
    "confirmed again when moved": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), OK, 1),
        (Move("a", TEN), OK),
        (a("b"), OK),
        (Confirm("h", "a"), OK, 1),
        (Move("a", NINE), TAKEN),
        (DAY, seen("a", "b")),
    ),
    "confirmed again when it would have expired": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), OK, 99),
        (Confirm("h", "a"), OK, 100),
        (Confirm("h", "a"), MISSING, 100),
        (a("b", LATE), TAKEN, 500),
    ),
    "confirmed again where it was closed": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), OK, 1),
        (Close("dr", 0, 1440), seen("a")),
        (Confirm("h", "a"), OK, 1),
        (Confirm("h", "a"), CLOSED, 1),
    ),
    "confirmed by one of two that were lost": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a"), LOST, 1),
        (Confirm("h", "a", key="k"), LOST, 1),
        (DAY, seen("h"), 1),
        (a("b"), TAKEN, 500),
        (DAY, seen("a"), 500),
    ),
    "confirmed before what was lost, and cancelled": one_by_one(
        (h(), OK, 0),
        (Confirm("h", "a", key="k"), LOST, 1),
        (Confirm("h", "a", key="k"), OK, 1),
        (Cancel("a"), OK),
        (a("b"), OK),
        (Confirm("h", "a", key="k"), OK, 1),
        (DAY, seen("b")),
    ),
    "not confirmed again, for it was never confirmed": one_by_one(
        (h(), OK, 0),
        (Release("h"), OK, 1),
        (Confirm("h", "a"), MISSING, 1),
        (Confirm("h", "a"), MISSING, 1),
        (a(), OK, 1),
        (Confirm("h", "a"), EXISTS, 1),
    ),
    "swept while others look at it elsewhere": [
        did(Read("dr", 0, 1), seen(), 0, 30, 0),
        did(h(3, [("dr", 0, 1), ("dr", 2, 3)]), OK, 20, 80, 3),
        did(Move("d", [("dr", 0, 1)]), TAKEN, 40, 120, 0),
        did(a("c", [("dr", 1, 3)]), OK, 50, 110, 2, 6),
    ],
    "moved away and back at once": [
        *one_by_one((a(), OK)),
        did(Move("a", TEN), OK, 10, 20),
        did(Move("a", NINE), OK, 10, 20),
        did(Read("dr", 540, 541), seen("a"), 30, 35),
    ],
    "swept by what was lost elsewhere": one_by_one(
        (h(spans=[("dr", 1, 3)]), OK),
        (Hold("g", [("dr", 0, 2)], expires=500), LOST, 100),
        (Read("dr", 2, 5), seen(), 0),
        (Read("dr", 1, 4), seen("g")),
    ),
    "released": one_by_one(
        (h(), OK, 0), (Release("h"), OK, 1), (Release("h"), OK, 1), (a(), OK, 1)
    ),
    "released too late": one_by_one((h(), OK, 0), (Release("h"), MISSING, 100)),
    "holds not asked for": one_by_one((h(), OK, 0), (Read("dr", 0, 1440, holds=False), seen(), 1)),
    "holds are not stranded": one_by_one((h(), OK, 0), (Close("dr", 0, 1440), seen(), 1)),
    "three readers of two bookings": at_once(
        (a(), OK), (a("b", TEN), OK), (DAY, seen("a")), (DAY, seen()), (DAY, seen("a", "b"))
    ),
}

WRONG: dict[str, tuple[AnomalyKind, list[Operation]]] = {
    "two on one minute": (AnomalyKind.DOUBLE_BOOKING, at_once((a(), OK), (a("b", LATE), OK))),
    "two in one room": (
        AnomalyKind.DOUBLE_BOOKING,
        at_once((a("a", ROOM), OK), (a("b", [("nurse", 0, 9), ("room", 579, 581)]), OK)),
    ),
    "moved onto another": (
        AnomalyKind.DOUBLE_BOOKING,
        one_by_one((a(), OK), (a("b", TEN), OK), (Move("b", LATE), OK)),
    ),
    "booked over a live hold": (
        AnomalyKind.DOUBLE_BOOKING,
        one_by_one((h(), OK, 0), (a(), OK, 99)),
    ),
    "booked over a hold without a clock": (
        AnomalyKind.DOUBLE_BOOKING,
        one_by_one((h(), OK), (a(), OK)),
    ),
    "lost": (AnomalyKind.LOST, one_by_one((a(), OK), (DAY, seen()))),
    "lost though confirmed": (
        AnomalyKind.LOST,
        one_by_one((h(), OK, 0), (Confirm("h", "a"), OK, 1), (DAY, seen(), 500)),
    ),
    "a hold lost before it expired": (
        AnomalyKind.LOST,
        one_by_one((h(), OK, 0), (DAY, seen(), 50, 99)),
    ),
    "stranded and not told": (
        AnomalyKind.LOST,
        one_by_one((a(), OK), (Close("dr", 0, 541), seen())),
    ),
    "stranded of its type": (
        AnomalyKind.LOST,
        one_by_one((a(type="new"), OK), (Close("dr", 0, 1440, types={"new"}), seen())),
    ),
    "out of nowhere": (AnomalyKind.PHANTOM, one_by_one((DAY, seen("a")))),
    "refused and there": (
        AnomalyKind.PHANTOM,
        one_by_one((a("b"), OK), (a(), TAKEN), (DAY, seen("a", "b"))),
    ),
    "seen too early": (AnomalyKind.PHANTOM, one_by_one((DAY, seen("a")), (a(), OK))),
    "seen too late": (
        AnomalyKind.PHANTOM,
        one_by_one((a(), OK), (Cancel("a"), OK), (DAY, seen("a"))),
    ),
    "seen elsewhere": (
        AnomalyKind.PHANTOM,
        one_by_one((a(), OK), (Read("dr", 570, 600), seen("a"))),
    ),
    "seen where it was": (
        AnomalyKind.PHANTOM,
        one_by_one((a(), OK), (Move("a", TEN), OK), (Read("dr", 540, 570), seen("a"))),
    ),
    "an expired hold seen": (AnomalyKind.PHANTOM, one_by_one((h(), OK, 0), (DAY, seen("h"), 100))),
    "a hold stranded": (
        AnomalyKind.PHANTOM,
        one_by_one((h(), OK, 0), (Close("dr", 0, 1440), seen("h"), 1)),
    ),
    "taken by nobody": (AnomalyKind.NEEDLESS_REFUSAL, one_by_one((a(), TAKEN), (a("b"), OK))),
    "taken by what was cancelled": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Cancel("a"), OK), (a("b"), TAKEN)),
    ),
    "taken by what was moved away": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Move("a", TEN), OK), (a("b"), TAKEN)),
    ),
    "taken by itself": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Move("a", LATE), TAKEN)),
    ),
    "taken by what expired": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((h(), OK, 0), (a(), TAKEN, 100)),
    ),
    "closed by nobody": (AnomalyKind.NEEDLESS_REFUSAL, one_by_one((a(), CLOSED))),
    "closed for others only": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((Close("dr", 0, 1440, types={"new"}), seen()), (a(), CLOSED)),
    ),
    "missing and there": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Cancel("a"), MISSING)),
    ),
    "missing when cancelled again": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Cancel("a"), OK), (Cancel("a"), MISSING)),
    ),
    "not to be moved": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((a(), OK), (Move("a", TEN), MISSING)),
    ),
    "not to be confirmed": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one((h(), OK, 0), (Confirm("h", "a"), MISSING, 99)),
    ),
    "exists and does not": (AnomalyKind.NEEDLESS_REFUSAL, one_by_one((a(), EXISTS), (a(), OK))),
    "a key that nobody used": (AnomalyKind.NEEDLESS_REFUSAL, one_by_one((a(key="k"), MISMATCH))),
    "booked where it was closed": (
        AnomalyKind.CLOSED,
        one_by_one((Close("dr", 0, 541), seen()), (a(), OK)),
    ),
    "confirmed where it was closed": (
        AnomalyKind.CLOSED,
        one_by_one((h(), OK, 0), (Close("dr", 0, 1440), seen()), (Confirm("h", "a"), OK, 1)),
    ),
    "moved to where it was closed": (
        AnomalyKind.CLOSED,
        one_by_one((a(), OK), (Close("dr", 570, 600), seen()), (Move("a", TEN), OK)),
    ),
    "cancelled before it was made": (
        AnomalyKind.NOT_THERE,
        one_by_one((Cancel("a"), OK), (a(), OK)),
    ),
    "moved after it was cancelled": (
        AnomalyKind.NOT_THERE,
        one_by_one((a(), OK), (Cancel("a"), OK), (Move("a", TEN), OK)),
    ),
    "confirmed after it was released": (
        AnomalyKind.NOT_THERE,
        one_by_one((h(), OK, 0), (Release("h"), OK, 1), (Confirm("h", "a"), OK, 1)),
    ),
    "confirmed twice": (
        AnomalyKind.NOT_THERE,
        one_by_one((h(), OK, 0), (Confirm("h", "a"), OK, 1), (Confirm("h", "b"), OK, 1)),
    ),
    "confirmed again, never confirmed": (
        AnomalyKind.NO_ORDER,
        one_by_one((h(), OK, 0), (Release("h"), OK, 1), *[(Confirm("h", "a", key="k"), OK, 1)] * 2),
    ),
    "confirmed again for two, with a key": (
        AnomalyKind.NOT_THERE,
        one_by_one((h(), OK, 0), *[(Confirm("h", "a"), OK, 1)] * 2, (Confirm("h", "b"), OK, 1)),
    ),
    "confirmed again and back when cancelled": (
        AnomalyKind.PHANTOM,
        one_by_one(
            (h(), OK, 0),
            (Confirm("h", "a"), OK, 1),
            (Cancel("a"), OK),
            (Confirm("h", "a"), OK, 1),
            (DAY, seen("a"), 1),
        ),
    ),
    "confirmed again and lost": (
        AnomalyKind.LOST,
        one_by_one((h(), OK, 0), *[(Confirm("h", "a", key="k"), OK, 1)] * 2, (DAY, seen(), 500)),
    ),
    "confirmed again and lost, without a key": (
        AnomalyKind.NO_ORDER,
        one_by_one((h(), OK, 0), *[(Confirm("h", "a"), OK, 1)] * 2, (DAY, seen(), 500)),
    ),
    "confirmed again and booked over": (
        AnomalyKind.NO_ORDER,
        one_by_one((h(), OK, 0), *[(Confirm("h", "a"), OK, 1)] * 2, (a("b", LATE), OK, 500)),
    ),
    "confirmed again and taken by what was cancelled": (
        AnomalyKind.NEEDLESS_REFUSAL,
        one_by_one(
            (h(), OK, 0), *[(Confirm("h", "a"), OK, 1)] * 2, (Cancel("a"), OK), (a("b"), TAKEN)
        ),
    ),
    "one id twice": (AnomalyKind.TWICE, one_by_one((a(), OK), (Cancel("a"), OK), (a(), OK))),
    "another id": (AnomalyKind.KEY, one_by_one((a(), Ok("b")))),
    "a key with two ids": (AnomalyKind.KEY, one_by_one((a(key="k"), OK), (a("b", key="k"), OK))),
    "a key for two requests": (
        AnomalyKind.KEY,
        one_by_one((a(key="k"), OK), (a("b", TEN, key="k"), OK)),
    ),
    "a key refused": (AnomalyKind.KEY, one_by_one((a(key="k"), OK), (a(key="k"), TAKEN))),
    "two readers who disagree": (
        AnomalyKind.NO_ORDER,
        at_once((a(), OK), (a("b", TEN), OK), (DAY, seen("a")), (DAY, seen("b"))),
    ),
    "a rival who was never there": (
        AnomalyKind.NO_ORDER,
        one_by_one((a("b"), LOST), (a(), TAKEN), (DAY, seen())),
    ),
    "closed without seeing who comes": (
        AnomalyKind.NO_ORDER,
        at_once((Close("dr", 0, 1440), seen()), (a(), OK)),
    ),
    "gone while it is moved": (
        AnomalyKind.NO_ORDER,
        [*one_by_one((a(), OK)), did(Move("a", TEN), OK, 10, 20), did(DAY, seen(), 10, 20)],
    ),
    "first there, then not yet": (
        AnomalyKind.NO_ORDER,
        [did(a(), OK, 0, 50), did(DAY, seen("a"), 10, 15), did(DAY, seen(), 20, 25)],
    ),
    "a key that two used first": (
        AnomalyKind.NO_ORDER,
        [
            *at_once((a(key="k"), LOST), (a("b", TEN, key="k"), LOST)),
            *one_by_one((DAY, seen()), (DAY, seen("a", "b"))),
        ],
    ),
}


@pytest.mark.parametrize("history", RIGHT.values(), ids=RIGHT)
def test_what_a_correct_calendar_may_answer(history: list[Operation]) -> None:
    assert right(history)
    verdict = check(history)
    assert verdict, verdict.explain()
    assert verdict.judgement is Judgement.CORRECT
    assert verdict.anomalies == ()


@pytest.mark.parametrize("kind, history", WRONG.values(), ids=WRONG)
def test_what_no_correct_calendar_answers(kind: AnomalyKind, history: list[Operation]) -> None:
    assert not right(history)
    verdict = check(history)
    assert not verdict
    assert verdict.judgement is Judgement.WRONG
    assert kind in [anomaly.kind for anomaly in verdict.anomalies], verdict.explain()


def test_what_is_lost_may_come_to_pass_at_any_later_time() -> None:
    late = [did(a(), LOST, 0), *(did(DAY, seen(), 10 * at, 10 * at + 1) for at in range(1, 50))]
    assert check([*late, did(DAY, seen("a"), 1000, 1001)])
    assert not check([*late, did(DAY, seen("a"), 1000, 1001), did(DAY, seen(), 1002, 1003)])


def test_moments_that_meet_are_no_order() -> None:
    """A counter may stand still: what ends when another begins may come after it."""
    assert check([did(DAY, seen("a"), 0, 5), did(a(), OK, 5, 9)])
    assert not check([did(DAY, seen("a"), 0, 5), did(a(), OK, 6, 9)])


def test_the_order_of_recording_does_not_matter() -> None:
    history = one_by_one((a(), OK), (Cancel("a"), OK), (a("b"), OK), (DAY, seen("b")))
    assert check(history[::-1])
    assert check(iter(history))


def test_groups_share_nothing() -> None:
    verdict = check(
        at_once(
            (a(), OK),
            (a("b", TEN), OK),  # touches, and shares no minute
            (Book("c", [("room", 540, 570)]), OK),
            (Cancel("c"), OK),
            (Book("d", [("nurse", 0, 1)], key="k"), OK),
            (Book("e", [("nurse", 5, 6)], key="k"), MISMATCH),
            (Follow(), seen("event-1")),
            (Cancel("f"), OTHER),
        )
    )
    assert (verdict.judgement, verdict.operations, verdict.groups) == (Judgement.CORRECT, 6, 4)


def test_a_search_that_is_given_up_is_no_success() -> None:
    changes = [(a(f"b{at}", [("dr", at, at + 1)]), OK) for at in range(20)]
    history = at_once(*changes, (DAY, seen(*(f"b{at}" for at in range(0, 20, 2)))))
    assert check(history)
    verdict = check(history, max_states=5)
    assert verdict.judgement is Judgement.UNDECIDED
    assert not verdict
    assert not verdict.ok
    assert (verdict.undecided, verdict.states) == (21, 5)
    assert verdict.explain().startswith("undecided: 21 operations")
    assert "given up over 21 operations" in verdict.explain()


def test_what_is_wrong_elsewhere_counts_though_a_search_is_given_up() -> None:
    changes = [(a(f"b{at}", [("dr", at, at + 1)]), OK) for at in range(20)]
    wrong = [(Close("room", 0, 9), seen()), (Book("x", [("room", 1, 2)]), OK)]
    verdict = check(at_once(*changes, (DAY, seen("b7")), *wrong), max_states=5)
    assert verdict.judgement is Judgement.WRONG
    assert verdict.undecided == 21


# ----------------------------------------------------------------- explanations


def test_a_double_booking_is_explained() -> None:
    first, second = at_once((a("a", ROOM), OK), (a("b", [("room", 560, 600)]), OK))
    (anomaly,) = check([first, second]).anomalies
    assert anomaly.message == "'a' and 'b' both had room [560, 580) at moment 10"
    assert set(anomaly.operations) == {first, second}
    assert "book 'a' dr [540, 570) and room [530, 580) at 0 to 10: ok" in str(anomaly)


def test_an_order_that_is_not_there_is_explained() -> None:
    told = check(WRONG["closed without seeing who comes"][1]).explain()
    assert told.splitlines()[0].startswith("wrong: 2 operations, 0 of unknown outcome, in 1 ")
    assert "no-order: no order of the operations explains their answers" in told
    told = check(WRONG["first there, then not yet"][1]).explain()
    assert "does not show 'a'" in told
    told = check(WRONG["a rival who was never there"][1]).explain()
    assert "it needs 'b' there" in told
    assert "book 'b' dr [540, 570) at 0 to …: unknown" in told


def test_long_explanations_are_cut() -> None:
    verdict = check(at_once(*((a(f"b{at}"), OK) for at in range(9))))
    assert len(verdict.anomalies) == 36
    assert verdict.explain(most=3).endswith("and 33 more")
    assert verdict.explain(most=3).count("double-booking") == 3


# ----------------------------------------------------------------------- events


def test_events_seen_once_and_in_order() -> None:
    assert check_events(["1", "2", "3"], ["1", "2", "3"])
    assert check_events([], [])


@pytest.mark.parametrize(
    "found, kind, message",
    [
        (["1", "3"], AnomalyKind.MISSED_EVENT, "the follower missed 1 event(s): '2'"),
        (
            ["1", "2", "2", "3"],
            AnomalyKind.REPEATED_EVENT,
            "the follower saw again 1 event(s): '2'",
        ),
        (
            ["1", "3", "2"],
            AnomalyKind.EVENT_ORDER,
            "the follower saw after later ones 1 event(s): '2'",
        ),
        (
            ["1", "2", "3", "4"],
            AnomalyKind.UNKNOWN_EVENT,
            "the follower saw, though nobody wrote, 1 event(s): '4'",
        ),
    ],
)
def test_events_missed_repeated_and_mixed_up(
    found: list[str], kind: AnomalyKind, message: str
) -> None:
    verdict = check_events(found, ["1", "2", "3"])
    assert [(one.kind, one.message) for one in verdict.anomalies] == [(kind, message)]
    assert verdict.explain() == f"wrong\n{kind.value}: {message}"
    assert check_events(found, ["1", "2", "3"], ordered=False).ok == (
        kind is AnomalyKind.EVENT_ORDER
    )


def test_what_a_follower_has_not_come_to_yet_is_not_missed() -> None:
    written = [str(number) for number in range(30)]
    assert check_events(written[:7], written, caught_up=False)
    assert check_events([], written, caught_up=False)
    verdict = check_events([written[20]], written, caught_up=False)
    assert verdict.anomalies[0].message.startswith("the follower missed 20 event(s): '0', '1'")
    assert verdict.anomalies[0].message.endswith("'9' and 10 more")


def test_what_a_process_followed_is_put_together() -> None:
    history = History(moments=count().__next__)
    for process, ids in (("one", ["1", "2"]), ("two", ["1"]), ("one", []), ("one", ["3"])):
        with history.op(Follow(), process=process) as attempt:
            attempt.ok(ids)
    with history.op(Follow(), process="one") as lost:
        lost.unknown()
    assert followed(history, "one") == ["1", "2", "3"]
    assert check_events(followed(history, "one"), ["1", "2", "3"])
    assert followed(history, "three") == []


# --------------------------------------------------------------------- recorder


def test_what_is_recorded() -> None:
    history = History(moments=count(100).__next__, clock=count(7).__next__)
    with history.op(a(key="k"), process="desk") as attempt:
        attempt.ok("a")
    with history.op(a("b"), process="desk", now=3) as attempt:
        attempt.failed("taken")
    with history.op(DAY) as reading:
        reading.ok({"a"})
    with history.op(Cancel("a")) as lost:
        lost.unknown()
    assert len(history) == 4
    booked, refused, read, cancelled = history
    assert booked == Operation(
        request=a(key="k"),
        process="desk",
        invoked=100,
        returned=101,
        outcome=Ok("a"),
        now=7,
        until=8,
    )
    assert (refused.outcome, refused.now, refused.until) == (TAKEN, 3, 3)
    assert (read.process, read.outcome) == ("MainThread", seen("a"))
    assert (cancelled.outcome, cancelled.returned, cancelled.until) == (LOST, None, NEVER)
    assert check(history)


def test_what_is_raised_leaves_the_outcome_unknown() -> None:
    history = History()
    with pytest.raises(KeyboardInterrupt), history.op(a()):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="after the answer"):
        answered_and_raised(history)
    assert [operation.outcome for operation in history] == [LOST, OK]


def answered_and_raised(history: History) -> None:
    with history.op(a("b", TEN)) as attempt:
        attempt.ok()
        raise ValueError("after the answer")


def test_what_is_under_way_is_unknown() -> None:
    history = History()
    with history.op(a()) as attempt:
        assert [operation.outcome for operation in history] == [LOST]
        attempt.ok()
    assert [operation.outcome for operation in history] == [OK]


def test_an_outcome_is_said_once_and_in_its_block() -> None:
    history = History()
    with pytest.raises(InvalidChoice, match="say ok, failed or unknown"), history.op(a()):
        pass
    attempt = history.op(a("b", TEN))
    with pytest.raises(InvalidChoice, match="said once, inside the block"):
        attempt.ok()
    with attempt:
        attempt.failed("other")
        with pytest.raises(InvalidChoice, match="said once, inside the block"):
            attempt.ok()
    with history.op(Cancel("a")) as cancelling:
        with pytest.raises(InvalidChoice):
            cancelling.failed("no idea")
        with pytest.raises(InvalidChoice, match="Cancel cannot be refused for this"):
            cancelling.failed("taken")
        cancelling.ok()
    assert [operation.outcome for operation in history] == [LOST, OTHER, OK]


class Careless:
    """A calendar that looks first and books later."""

    def __init__(self, together: Barrier | None) -> None:
        self.booked: dict[str, tuple[int, int]] = {}
        self.together = together

    def book(self, id: str, low: int, high: int) -> bool:
        free = all(high <= start or end <= low for start, end in [*self.booked.values()])
        if self.together is not None:
            self.together.wait()
        if free:
            self.booked[id] = low, high
        return free


@pytest.mark.parametrize("careless", [True, False])
def test_threads_and_a_calendar_that_looks_before_it_books(careless: bool) -> None:
    threads = 4
    history = History()
    calendar = Careless(Barrier(threads) if careless else None)

    def client(number: int) -> None:
        for round in range(20):
            id, low = f"{number}-{round}", 30 * round + number
            with history.op(Book(id, [("dr", low, low + 10)])) as attempt:
                if calendar.book(id, low, low + 10):
                    attempt.ok()
                else:
                    attempt.failed("taken")

    clients = [Thread(target=client, args=[number]) for number in range(threads)]
    if careless:
        for one in clients:
            one.start()
        for one in clients:
            one.join()
    else:
        for number in range(threads):
            client(number)
    assert len(history) == 20 * threads
    verdict = check(history)
    assert verdict.ok != careless, verdict.explain()
    kinds = {anomaly.kind for anomaly in verdict.anomalies}
    assert kinds == ({AnomalyKind.DOUBLE_BOOKING} if careless else set())


# ------------------------------------------------------------------------ files

ALL_SORTS = [
    did(a("a", ROOM, key="k", type="visit"), Ok("a"), 0, 1, 5),
    did(h(spans=TEN, key="k"), MISMATCH, 2, 3, 5, 9),
    did(Confirm("h", "a", key="k"), EXISTS, 2, 4),
    did(Release("h", key="k"), OK, 3, 5),
    did(Cancel("ä\u2028b", key="k"), LOST, 4, None, 1, NEVER),
    did(Move("a", LATE, key="k"), CLOSED, 5, 6),
    did(Close("dr", 0, 9, types={"new", "old"}), seen("b", "a"), 6, 7),
    did(Close("dr", 0, 9), seen(), 6, 7),
    did(Read("dr", 0, 9, holds=False), seen("a"), 7, 8),
    did(Follow(), seen("2", "1", "1"), 8, 9),
]


def test_files_keep_everything(tmp_path: Path) -> None:
    save(ALL_SORTS, tmp_path / "saved")
    assert load(tmp_path / "saved") == tuple(ALL_SORTS)
    with History(tmp_path / "added") as history:
        for operation in reversed(ALL_SORTS):
            history.add(operation)
    assert sorted(map(str, load(tmp_path / "added"))) == sorted(map(str, ALL_SORTS))
    with pytest.raises(FileExistsError):
        save([], tmp_path / "saved")
    with pytest.raises(FileExistsError):
        History(tmp_path / "added")


def test_files_are_merged_by_their_moments(tmp_path: Path) -> None:
    moments = count()
    with (
        History(tmp_path / "one", moments=moments.__next__) as one,
        History(tmp_path / "two", moments=moments.__next__) as two,
    ):
        with one.op(a(), process="1") as first, two.op(DAY, process="2") as second:
            second.ok([])
            first.ok()
        with two.op(DAY, process="2") as reading:
            reading.ok(["a"])
    history = load(tmp_path / "two", tmp_path / "one")
    assert [(one.process, one.invoked, one.returned) for one in history] == [
        ("1", 0, 3),
        ("2", 1, 2),
        ("2", 4, 5),
    ]
    assert check(history)
    one.close()  # once more


KILLED = """
import sys
from medsched.testing.history import Book, History
history = History(sys.argv[1])
with history.op(Book("a", [("dr", 540, 570)]), process="one") as attempt:
    attempt.ok()
with history.op(Book("b", [("dr", 570, 600)]), process="one") as attempt:
    print("under way", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_did_is_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(medsched.__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way\n"
        process.kill()
    here = History()
    with here.op(DAY) as reading:
        reading.ok(["a"])
    theirs = load(file)
    assert [operation.outcome for operation in theirs] == [OK, LOST]
    assert all(operation.invoked < next(iter(here)).invoked for operation in theirs)
    assert check([*theirs, *here])
    assert check([*theirs, *here, did(DAY, seen("a", "b"), 2**62, 2**62 + 1)])
    assert not check([*theirs, *here, did(DAY, seen("b"), 2**62, 2**62 + 1)])


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "cut"
    save(ALL_SORTS, file)
    whole = file.read_text("utf-8")
    file.write_text(whole[:-10], "utf-8")
    assert load(file)[:-1] == tuple(ALL_SORTS[:-1])
    assert load(file)[-1].outcome == LOST


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "no json",
        '{"op": 1}',
        '{"op": 1, "do": "dance", "process": "", "invoked": 1}',
        '{"op": 1, "do": "cancel", "process": "", "invoked": 1}',
        '{"op": 1, "do": "cancel", "id": "", "process": "", "invoked": 1}',
        '{"op": 7, "outcome": "ok", "returned": 3}',
    ],
)
def test_what_is_no_line_of_a_history_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "wrong"
    save(ALL_SORTS[:1], file)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")
    with pytest.raises(InvalidText) as caught:
        load(file)
    assert caught.value.field == "wrong:3"


def test_a_line_is_one_call_or_one_answer(tmp_path: Path) -> None:
    with (
        History(tmp_path / "lines", moments=count(5).__next__) as history,
        history.op(a(), process="desk", now=1) as attempt,
    ):
        attempt.failed("taken")
    first, second = (tmp_path / "lines").read_text("utf-8").splitlines()
    assert json.loads(first) == {
        "op": 1,
        "process": "desk",
        "invoked": 5,
        "now": 1,
        "until": 1,
        "do": "book",
        "id": "a",
        "spans": [["dr", 540, 570]],
        "type": "",
    }
    assert json.loads(second) == {
        "op": 1,
        "until": 1,
        "returned": 6,
        "outcome": "failed",
        "reason": "taken",
    }


# -------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: a(""), InvalidId),
        (lambda: a("a", []), InvalidChoice),
        (lambda: a("a", [("", 0, 1)]), InvalidId),
        (lambda: a("a", [("dr", 5, 5)]), InvalidInterval),
        (lambda: a("a", [("dr", -1, 5)]), InvalidInterval),
        (lambda: a("a", [("dr", 0, True)]), InvalidNumber),
        (lambda: Book("a", [("dr", 0.5, 1)]), InvalidNumber),  # type: ignore[list-item]
        (lambda: a("a", key=""), InvalidId),
        (lambda: Close("dr", 9, 8), InvalidInterval),
        (lambda: Close("dr", 0, 1, types=set()), InvalidChoice),
        (lambda: Read("dr", 1, 1), InvalidInterval),
        (lambda: Failed("tired"), InvalidChoice),
        (lambda: did(DAY, seen(), 5, 4), InvalidInterval),
        (lambda: did(DAY, seen(), 0, 1, 5, 4), InvalidInterval),
        (lambda: did(DAY, seen(), 0, 1, None, 4), InvalidInterval),
        (lambda: did(DAY, seen(), 0, None), InvalidChoice),
        (lambda: Operation(request=DAY, invoked=0, returned=1), InvalidChoice),
        (lambda: did(DAY, OK, 0, 1), InvalidChoice),
        (lambda: did(a(), seen("a"), 0, 1), InvalidChoice),
        (lambda: did(Release("h"), TAKEN, 0, 1), InvalidChoice),
        (lambda: did(DAY, MISSING, 0, 1), InvalidChoice),
    ],
)
def test_what_can_never_be_is_refused(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_spans_overlap_on_one_resource_only() -> None:
    span = Span("dr", 5, 10)
    assert span.overlaps(Span("dr", 9, 20))
    assert not span.overlaps(Span("dr", 10, 20))
    assert not span.overlaps(Span("room", 5, 10))


def test_every_refusal_can_be_checked() -> None:
    requests: list[Request] = [
        a(), h(), Confirm("h", "a"), Release("h"), Cancel("a"), Move("a", NINE), DAY, Follow(),
        Close("dr", 0, 1),
    ]  # fmt: skip
    tried = 0
    for reason in Refusal:
        for request in requests:
            try:
                history = [did(request, Failed(reason), 0, 1)]
            except InvalidChoice:
                continue
            tried += 1
            assert check(history).ok == (reason in ("other", "missing"))
    assert tried == 3 + 4 + 4 + 3 + 6 + 9
