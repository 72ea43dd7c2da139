"""A practice, and every command that changes something of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import attrs
from tests.kills.clinics import State, mark

from medsched import (
    AppointmentType,
    AvailabilityRule,
    BookingRules,
    ChainVisit,
    FollowUpWish,
    Location,
    Override,
    Patient,
    Practice,
    Recurrence,
    Room,
    RoundRobin,
    Scheduler,
    Search,
    TimeBlock,
)
from medsched.domain.appointment_types import Need
from medsched.domain.records import Resource
from medsched.domain.starts import Start
from medsched.domain.stored import Kind
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock, NumberedIds

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
_KEY: Final[Any] = {"idempotency_key": "the key"}
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
SCANS: Final = date(2026, 1, 14)
PAST: Final = date(2026, 1, 2)
LATE, CHANCE = "there.waitlist-offer-1", "there.waitlist-offer-2"
WEEKLY: Final = "there.appointment-1"
"""The first of a series."""


# ------------------------------------------------------------------------ the practice


class MarkedIds(NumberedIds):
    """`Ids` that begin with a mark, such as that of the try of a command that made them."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self._mark = mark

    def new(self, kind: Kind) -> str:
        return self._mark + super().new(kind)

    def reference(self) -> str:
        return self._mark + super().reference()

    def audit(self) -> str:
        return self._mark + super().audit()


def seen(store: Store, practice: str, tries: int) -> Practice:
    """A practice as one try of a command sees it: by a scheduler that has read nothing yet."""
    clock, ids = FixedClock(NOW), MarkedIds(mark(tries))
    return Scheduler(store, clock=clock, ids=ids, registers_patients=True).practice(practice)


def instant(time: str) -> datetime:
    """A time of one Wednesday in New York, five hours behind UTC."""
    hour, minute = map(int, time.split(":"))
    return datetime(2026, 1, 7, 5 + hour, minute, tzinfo=UTC)


def at(time: str, provider: str = "smith", type: str = "visit") -> Start:
    """A start on that Wednesday."""
    return Start(provider, type, instant(time))


def furnish(store: Store, practice: str) -> None:
    """Two providers, two rooms either of which will do, and something in every state.

    On that Wednesday: at 9:00 an appointment, at 10:00 a requested one, at 10:45 a proposed one
    that takes no time; at 13:00 a hold for a patient, at 14:00 one for nobody in particular, at
    15:00 one that has expired; at 12:00 a seat in a class, and then half an hour that is blocked.
    On the two days after, Bob is at eleven with Jones. With Jones an appointment at 9:00 that was
    booked under a key long ago, and at 13:00 an expired hold. A week later Brown has two slots that
    some wait for: an offer of one has expired, the other is offered to Ada.
    """
    ids = MarkedIds("there.")
    long_ago, lately, now = (
        Scheduler(store, clock=FixedClock(at), ids=ids).practice(practice)
        for at in (NOW - timedelta(days=8), NOW - _HOUR, NOW)
    )
    long_ago.add_all(
        [
            Location(id="main"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            *(Patient(id=id, name=id.title()) for id in ("ada", "bob", "cid", "dee", "eve")),
            AppointmentType(
                code="check",
                duration=30 * _MINUTE,
                rules=BookingRules(per_day=3, open_per_patient=2, spacing=_HOUR),
            ),
            AppointmentType(code="class", duration=30 * _MINUTE, capacity=3),
            AppointmentType(
                code="visit",
                duration=30 * _MINUTE,
                buffer_after=10 * _MINUTE,
                needs=[Need.room("r1", "r2", after=5 * _MINUTE)],
            ),
        ]
    )
    for id in ("smith", "jones"):
        long_ago.providers.create(id=id, timezone="America/New_York", location="main")
        daily = Recurrence.daily(start=date(2025, 1, 1))
        hours: Any = {"hours": "09:00-17:00", "step": 15 * _MINUTE, "id": f"days-{id}"}
        long_ago.availability.add(AvailabilityRule(id, daily, **hours))
    old = long_ago.appointments.book
    old(at("9:00", "jones"), patient="eve", id="old", resources=_rooms("r2"), idempotency_key="old")
    lately.holds.place(at("15:00"), id="late")
    lately.holds.place(at("13:00", "jones"), patient="eve", id="later")
    now.appointments.book(at("9:00"), patient="ada", id="mine", resources=_rooms("r1"))
    now.appointments.request(at("10:00"), patient="bob", id="requested")
    now.appointments.propose(at("10:45"), patient="cid", id="proposed")
    now.holds.place(at("13:00"), patient="ada", id="for-ada")
    now.holds.place(at("14:00"), id="for-anybody")
    now.appointments.book(at("12:00", type="class"), patient="eve", id="seated")
    now.time_blocks.publish(
        TimeBlock("smith", date(2026, 1, 7), "17:00-17:30", timezone="America/New_York", id="late")
    )
    weekly = now.series.book(
        "jones",
        "check",
        patient="bob",
        recurrence=Recurrence.parse("FREQ=DAILY;COUNT=2", start=date(2026, 1, 8)),
        at=time(11),
        id="weeks",
    )
    assert weekly.appointments[0].id == WEEKLY
    now.blockings.add("smith", instant("12:30"), instant("13:00"), id="lunch")
    _wait(lately, now)


def _wait(lately: Practice, now: Practice) -> None:
    """The waitlist: a pass ends the one offer, lets the past lapse, and offers that slot to Dee."""
    now.appointment_types.create(code="scan", duration=30 * _MINUTE)
    now.providers.create(id="brown", timezone="America/New_York", location="main")
    hours: Any = {"hours": "09:00-10:00", "types": {"scan"}}
    now.availability.add(AvailabilityRule("brown", Recurrence.dates(SCANS), id="scans", **hours))
    dates: Any = {"type": "scan", "earliest": SCANS, "latest": SCANS}
    lately.waitlist.join(patient="cid", id="late", providers="brown", **dates)
    late = lately.waitlist.offer("late", scan(0), reason="late", lasting=30 * _MINUTE)
    assert late.id == LATE
    now.waitlist.join(patient="dee", id="next", providers="brown", hours="09:00-09:30", **dates)
    now.waitlist.join(patient="ada", id="asked", **dates)
    now.waitlist.join(patient="ada", id="other", providers="brown", hours="20:00-21:00", **dates)
    past: Any = {"type": "scan", "earliest": PAST, "latest": PAST}
    now.waitlist.join(patient="bob", id="past", **past)
    assert now.waitlist.offer("asked", scan(1), reason="in pain").id == CHANCE


def scan(number: int) -> Start:
    """One of the two slots that some wait for."""
    return Start("brown", "scan", datetime(2026, 1, 14, 14, 30 * number, tzinfo=UTC))


def _rooms(*ids: str) -> list[Resource]:
    return [Resource("room", id) for id in ids]


# ------------------------------------------------------------------------ the commands


def _first(state: State, answer: object) -> object:
    """What the first try answered: for commands under a key."""
    return answer


@attrs.frozen
class Command:
    """Something that a practice is asked to do.

    ``changes``: how many changesets it is at most, of which each is applied whole or not at all.
    ``repeated``: what it shall answer where this much is done already, given what it answers on
    the untouched practice.
    """

    name: str
    run: Callable[[Practice], object]
    changes: int = 1
    repeated: Callable[[State, object], object] = _first

    def __str__(self) -> str:
        return self.name


def _swept(state: State, answer: object) -> object:
    """The holds that are left to be swept."""
    holds = (row["expires_at"] for row in state.of("booking") if row["kind"] == "hold")
    return sum(expires <= NOW for expires in holds)


def _worked(state: State, answer: object) -> object:
    """What is left for a pass over the waitlist."""
    rows = {row["id"]: row for row in state.of("record")}
    offers = sum(row["kind"] == "waitlist-offer" for row in rows.values())
    lapsed, expired = rows["past"]["active"], rows[LATE]["active"]
    done = {"offered": 3 - offers, "expired": int(expired), "lapsed": int(lapsed), "more": False}
    return f"Worked({', '.join(f'{name}={one}' for name, one in done.items())})"


def _closed(state: State, answer: object) -> object:
    """A closure comes without a key: a second one of its id is refused."""
    there = any(row["kind"] == "override" for row in state.of("record"))
    return "AlreadyExists" if there else answer


def _withdrawn(state: State, answer: object) -> object:
    """A slot comes without a key: once it is deleted there is none to be deleted."""
    there = any(row["kind"] == "slot-override" for row in state.of("record"))
    return "NotFound" if there else answer


def _shortened(state: State, answer: object) -> object:
    """An update comes without a key: a second one of the same version is refused."""
    (version,) = (row["version"] for row in state.of("record") if row["id"] == "days-smith")
    return "VersionConflict" if version > 1 else answer


def _deleted(state: State, answer: object) -> object:
    """What is gone cannot be deleted."""
    there = any(row["id"] == "days-jones" for row in state.of("record"))
    return answer if there else "NotFound"


def _shorten(clinic: Practice) -> object:
    """Write a rule as somebody does who has read its first version."""
    rule = clinic.availability.rules.get("days-smith")
    shorter = attrs.evolve(rule, hours="09:00-16:00", version=1)
    return clinic.availability.rules.update(shorter, stranded="keep")


COMMANDS: Final = (
    Command(
        "book",
        lambda clinic: clinic.appointments.book(
            at("16:00"), patient="dee", reason="a cough", **_KEY
        ),
    ),
    Command(
        "book where a hold has expired",
        lambda clinic: clinic.appointments.book(at("15:00"), patient="dee", **_KEY),
    ),
    Command(
        "book somebody new",
        lambda clinic: clinic.appointments.book(at("16:00"), patient="fay", **_KEY),
    ),
    Command(
        "request",
        lambda clinic: clinic.appointments.request(at("16:00"), patient="dee", **_KEY),
    ),
    Command(
        "propose",
        lambda clinic: clinic.appointments.propose(at("16:00"), patient="dee", **_KEY),
    ),
    Command(
        "accept what was requested",
        lambda clinic: clinic.appointments.accept("requested", **_KEY),
    ),
    Command(
        "accept what was proposed",
        lambda clinic: clinic.appointments.accept("proposed", **_KEY),
    ),
    Command("place a hold", lambda clinic: clinic.holds.place(at("16:00"), **_KEY)),
    Command(
        "confirm a patient's hold",
        lambda clinic: clinic.holds.confirm("for-ada", **_KEY),
    ),
    Command(
        "confirm anybody's hold",
        lambda clinic: clinic.holds.confirm("for-anybody", patient="dee", **_KEY),
    ),
    Command("release", lambda clinic: clinic.holds.release("for-ada", **_KEY)),
    Command(
        "reschedule over itself",
        lambda clinic: clinic.appointments.reschedule("mine", at("9:15"), **_KEY),
    ),
    Command(
        "reschedule to somebody else",
        lambda clinic: clinic.appointments.reschedule("mine", at("11:00", "jones"), **_KEY),
    ),
    Command(
        "change resources",
        lambda clinic: clinic.appointments.change_resources("requested", _rooms("r2"), **_KEY),
    ),
    Command(
        "annotate",
        lambda clinic: clinic.appointments.annotate("mine", notes="comes by bus", **_KEY),
    ),
    Command("arrive", lambda clinic: clinic.appointments.arrive("mine", **_KEY)),
    Command("cancel", lambda clinic: clinic.appointments.cancel("mine", reason="ill", **_KEY)),
    Command(
        "book the first seat",
        lambda clinic: clinic.appointments.book(at("16:00", type="class"), patient="dee", **_KEY),
    ),
    Command(
        "book another seat",
        lambda clinic: clinic.appointments.book(at("12:00", type="class"), patient="dee", **_KEY),
    ),
    Command("hold a seat", lambda clinic: clinic.holds.place(at("12:00", type="class"), **_KEY)),
    Command("cancel the last seat", lambda clinic: clinic.appointments.cancel("seated", **_KEY)),
    Command(
        "book under rules",
        lambda clinic: clinic.appointments.book(at("16:00", type="check"), patient="dee", **_KEY),
    ),
    Command(
        "double-book",
        lambda clinic: clinic.appointments.book(
            at("9:00"), patient="dee", override="an emergency", **_KEY
        ),
    ),
    Command(
        "block",
        lambda clinic: clinic.blockings.add("smith", instant("16:00"), instant("16:30"), **_KEY),
    ),
    Command(
        "block and cancel",
        lambda clinic: clinic.blockings.add(
            "smith", instant("9:00"), instant("12:30"), stranded="cancel", **_KEY
        ),
    ),
    Command(
        "move a blocking over what stands",
        lambda clinic: clinic.blockings.move(
            "lunch", instant("12:00"), instant("12:45"), stranded="keep", **_KEY
        ),
    ),
    Command("unblock", lambda clinic: clinic.blockings.release("lunch", **_KEY)),
    Command(
        "book a series",
        lambda clinic: clinic.series.book(
            "smith",
            "class",
            patient="dee",
            recurrence=Recurrence.parse("FREQ=DAILY;COUNT=3", start=date(2026, 1, 7)),
            at=time(16),
            **_KEY,
        ),
    ),
    Command(
        "move a series",
        lambda clinic: clinic.series.reschedule(WEEKLY, time(11, 30), scope="all", **_KEY),
    ),
    Command(
        "cancel what follows in a series",
        lambda clinic: clinic.series.cancel(WEEKLY, scope="following", **_KEY),
    ),
    Command(
        "follow up",
        lambda clinic: clinic.appointments.follow_up(
            "mine", FollowUpWish(after=timedelta(days=3)), **_KEY
        ),
    ),
    Command(
        "book the first there is",
        lambda clinic: clinic.appointments.book_first(
            Search(first=date(2026, 1, 7), types="visit"),
            patient="dee",
            assignment=RoundRobin(),
            id="first",  # it draws the lots
            **_KEY,
        ),
    ),
    Command(
        "book a chain of visits",
        lambda clinic: clinic.appointments.book_chain(
            [
                Search(first=date(2026, 1, 7), types="check"),
                ChainVisit(
                    search=Search(first=date(2026, 1, 7), types="visit", providers="smith"),
                    gap_least=_HOUR,
                    same_day=True,
                ),
            ],
            patient="dee",
            **_KEY,
        ),
    ),
    Command(
        "publish a time block",
        lambda clinic: clinic.time_blocks.publish(
            TimeBlock("smith", date(2026, 1, 12), "17:00-17:30", timezone="America/New_York"),
            **_KEY,
        ),
    ),
    Command(
        "book a time block",
        lambda clinic: clinic.time_blocks.book("late", type="visit", patient="dee", **_KEY),
    ),
    Command(
        "join the waitlist",
        lambda clinic: clinic.waitlist.join(
            patient="eve", type="scan", earliest=SCANS, latest=SCANS, **_KEY
        ),
    ),
    Command("work the waitlist", lambda clinic: clinic.waitlist.work(), 3, _worked),
    Command(
        "accept an offer",
        lambda clinic: clinic.waitlist.accept(CHANCE, patient="ada", **_KEY),
    ),
    Command(
        "decline an offer",
        lambda clinic: clinic.waitlist.decline(CHANCE, patient="ada", **_KEY),
    ),
    Command("withdraw an offer", lambda clinic: clinic.waitlist.withdraw(CHANCE, **_KEY)),
    Command(
        "offer by hand",
        lambda clinic: clinic.waitlist.offer("next", scan(0), reason="in pain", **_KEY),
    ),
    Command("leave the waitlist", lambda clinic: clinic.waitlist.leave("asked", **_KEY)),
    Command("set an urgency", lambda clinic: clinic.waitlist.set_urgency("next", 7, **_KEY)),
    Command(
        "close a day and cancel",
        lambda clinic: clinic.availability.add(
            Override.closed("smith", date(2026, 1, 7), id="away", reason="away"),
            stranded="cancel",
        ),
        repeated=_closed,
    ),
    Command(
        "close a day and ask to move",
        lambda clinic: clinic.availability.add(
            Override.closed("smith", date(2026, 1, 7), id="away", reason="away"),
            stranded="move",
        ),
        repeated=_closed,
    ),
    Command(
        "delete a slot",
        lambda clinic: clinic.availability.delete_slot(at("16:00"), reason="away"),
        repeated=_withdrawn,
    ),
    Command("sweep", lambda clinic: clinic.holds.sweep(), 3, _swept),
    Command(
        "close a day",
        lambda clinic: clinic.availability.add(
            Override.closed("smith", date(2026, 1, 8), id="away", reason="away"), stranded="keep"
        ),
        repeated=_closed,
    ),
    Command("change a rule", _shorten, repeated=_shortened),
    Command(
        "delete a rule",
        lambda clinic: clinic.availability.rules.delete("days-jones", stranded="keep"),
        repeated=_deleted,
    ),
    Command("number events", lambda clinic: clinic.events.after()[-1].number),
)
