"""Who may do what with whose records: every role, operation and relation, against a table by hand.

The table was written from what the practice wants, and not from the policy. It is about Ada, who is
seen by Smith at the bay. ``.`` is done, ``-`` is told there is no such record, ``x`` is told it is
not allowed, ``!`` fails for another reason, once nothing is said against who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from functools import partial
from typing import Any, Final

import attrs
import pytest
from tests.access.world import DAYS, HOUR, World, at, start

from medsched import (
    AvailabilityRule,
    FollowUpWish,
    Location,
    MedschedError,
    NotAllowed,
    NotFound,
    Override,
    Practice,
    Recurrence,
    Resource,
    Search,
    TimeBlock,
    WeeklyHours,
)

DAY: Final = date(2026, 1, 14)
DAILY: Final = Recurrence.daily(start=date(2026, 1, 1))
SEARCH: Final = Search(first=DAY, last=DAY, providers={"smith"}, types={"visit"})
BAY, ROOM = Resource("location", "bay"), Resource("room", "bay-1")

COLUMNS: Final = [
    "ada",
    "ben",
    "smith",
    "jones",
    "bay",
    "annex",
    "admin",
    "elsewhere",
    "nobody",
    "granted",
    "expired",
    "early",
    "revoked",
    "glass",
    "trusted",
]
"""Patients, providers and staff by whom they are or where they work; an admin; somebody of another
practice in all roles; nobody's role; staff of the annex with a grant for the bay that is in force,
past, to come, revoked; Jones, who broke the glass for Ada; the host.

A grant lets its holder book, and make nothing their own that was there: so none of the visits
at the bay. A broken glass makes nothing at all. What Ada requested, others confirm."""

TABLE: Final = """
                          ada ben | smi jon | bay ann | adm els nob | gra exp ear rev | gla tru
patient read              .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient find              .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
appointment read          .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
appointment find          .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient's name            .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
appointment reference     .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
conflicts                 x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
series read               .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
series appointments       .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
hold read                 .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
entry read                .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
offer read                .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
position                  .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
blocking read             x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | -   .
slots for ada             .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
explain for ada           .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
search for ada            .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
chain for ada             .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient unknown           -   -   | -   -   | -   -   | -   x   x   | -   -   -   -   | -   -

patient phone             .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient renamed           x   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient insured           x   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient established       x   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
patient to annex          x   -   | x   -   | x   -   | .   x   x   | x   -   -   -   | x   .
patient switched off      x   -   | x   -   | x   -   | .   x   x   | x   -   -   -   | x   .
patient deactivate        x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
patient delete            x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
patient create            x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
patient create, own id    x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
patient create, taken     x   x   | x   x   | x   x   | !   x   x   | x   x   x   x   | x   !
patient create at bay     x   x   | x   x   | .   x   | .   x   x   | x   x   x   x   | x   .

book with smith           .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book with jones           .   -   | x   -   | x   -   | .   x   x   | .   -   -   -   | x   .
book for dora             -   -   | -   -   | -   -   | .   x   x   | -   -   -   -   | -   .
book for nobody           -   -   | -   -   | -   -   | -   x   x   | -   -   -   -   | -   -
book, own id              x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
book, taken reference     x   x   | x   x   | x   x   | !   x   x   | x   x   x   x   | x   !
book with notes           .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book with referral        x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book with prepayment      x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book against rules        x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book, giving up           -   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | -   .
request with notes        .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
propose with notes        x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book first with notes     .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book chain with notes     .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
block booked with notes   .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
series book with notes    .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
follow up with notes      .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
offer accept with notes   .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
hold confirm with notes   .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
request                   .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
propose                   x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
accept                    .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
accept a request          x   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
accept a time block       x   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
reschedule                .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
reschedule with notes     x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
reschedule with reason    x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
reschedule to jones       .   -   | x   -   | x   -   | .   x   x   | x   -   -   -   | x   .
reschedule against rules  x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
cancel                    .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
arrive                    .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
check in                  .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
fulfil                    x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
noshow                    x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
enter in error            x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
annotate                  x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
change resources          x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
propose moves             x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
follow up                 .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
follow up with jones      .   -   | x   -   | x   -   | .   x   x   | .   -   -   -   | x   .
book first                .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
book chain                .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
block booked              .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
series book               .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
series cancel             .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
series reschedule         .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
series to jones           .   -   | x   -   | x   -   | .   x   x   | x   -   -   -   | x   .

hold                      .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
hold for nobody yet       .   .   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
hold confirm              x   -   | x   -   | x   -   | x   x   x   | x   -   -   -   | x   x
hold release              x   -   | x   -   | x   -   | x   x   x   | x   -   -   -   | x   x
hold sweep                x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .

join                      .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
join at annex             .   -   | x   -   | x   -   | .   x   x   | .   -   -   -   | x   .
join urgently             x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
join with notes           x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
join before               x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
entry change              .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
entry notes               x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
entry urgency             x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
entry leave               .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
offer                     x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
offer withdraw            x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
offer decline             .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | .   .
offer accept              .   -   | .   -   | .   -   | .   x   x   | .   -   -   -   | x   .
waiting                   x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
eligible                  x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
work                      x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .

what is offered           .   .   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
raw schedules             x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
timeline                  x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
changes                   .   .   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
staff read                x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
load                      x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
events                    x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
tallies                   x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
add all                   x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
settings                  x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
provider create           x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
provider update           x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
type create               x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .

rule of smith             x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
rule of smith, own id     x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
rule of a room            x   x   | x   x   | .   x   | .   x   x   | .   x   x   x   | x   .
closure of the bay        x   x   | x   x   | .   x   | .   x   x   | .   x   x   x   | x   .
closure of all            x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
rows                      x   x   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
row add                   x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
row update                x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
row end                   x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
rule update               x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
rule given to smith       x   x   | x   x   | x   x   | .   x   x   | .   x   x   x   | x   .
rule deactivate           x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
rule delete               x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
would strand              x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
block publish             x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
slot delete               x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
slot restore              x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
slots publish             x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
slots publish, all        x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
blocking add              x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
blocking of a slot        x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
unblocking of a slot      x   x   | .   x   | .   x   | .   x   x   | .   x   x   x   | x   .
blocking for ada          x   x   | x   -   | x   -   | .   x   x   | .   -   -   -   | x   .
blocking move             x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | -   .
blocking release          x   x   | .   -   | .   -   | .   x   x   | .   -   -   -   | -   .

grant                     x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
grants of all             x   x   | x   x   | x   x   | .   x   x   | x   x   x   x   | x   .
grants of one's own       .   .   | .   .   | .   .   | .   x   x   | .   .   .   .   | .   .
break glass               x   x   | .   .   | .   .   | x   x   x   | .   .   .   .   | .   .
break glass for nobody    x   x   | -   -   | -   -   | x   x   x   | -   -   -   -   | -   -
"""

Probe = Callable[[Practice, World], Any]


def patient(p: Practice, w: World, **changes: Any) -> Any:
    return p.patients.update(attrs.evolve(w.clinic.patients.get("ada"), **changes))


def rule(**changes: Any) -> AvailabilityRule:
    fields: Any = {"hours": "18:00-19:00", "location": "bay"} | changes
    return AvailabilityRule(fields.pop("resource", "smith"), DAILY, **fields)


def closed(what: Resource | str) -> Override:
    return Override.closed(what, date(2026, 2, 20))


def of(w: World, kind: str) -> Any:
    return w.clinic.availability.rules.get(kind)


def proposed(w: World) -> str:
    made = w.clinic.appointments.propose(start("smith", 14, 12), patient="ada", id="proposed")
    return made.id


def requested(w: World) -> str:
    made = w.clinic.appointments.request(start("smith", 14, 12), patient="ada", id="requested")
    return made.id


def first_of_series(w: World) -> str:
    return w.clinic.series.appointments("s-ada")[0].id


def anywhere(w: World) -> str:
    """The first visit of a series that is bound to no place."""
    dates = Recurrence.daily(start=date(2026, 1, 26), count=2)
    booked = w.clinic.series.book("smith", "visit", patient="ada", recurrence=dates, at=time(9))
    return booked.appointments[0].id


def arrived(w: World) -> str:
    return w.clinic.appointments.arrive("ada@smith").id


def ready(w: World) -> str:
    return w.clinic.appointments.check_in(arrived(w)).id


def deleted(w: World) -> Any:
    slot = start("smith", 14, 9)
    w.clinic.availability.delete_slot(slot)
    return slot


def block(w: World) -> str:
    made = TimeBlock("smith", DAY, "19:00-20:00", location="bay", id="late")
    return w.clinic.time_blocks.publish(made).id


def waiting_again(w: World) -> str:
    w.clinic.waitlist.withdraw(w.offers["ada"])
    return "w-ada"


def joining(p: Practice, **more: Any) -> Any:
    fields: Any = {"patient": "ada", "type": "visit", "earliest": DAYS[0], "latest": DAYS[1]}
    return p.waitlist.join(**(fields | more))


SMITHS = ("smith", "visit", at(14, 0), at(15, 0))
FREE, LATE = start("smith", 14, 10), start("jones", 14, 10)
PROBES: Final[dict[str, Probe]] = {
    "patient read": lambda p, w: p.patients.get("ada"),
    "patient find": lambda p, w: p.patients.find("ada"),
    "appointment read": lambda p, w: p.appointments.get("ada@smith"),
    "appointment find": lambda p, w: p.appointments.find("ada@smith"),
    "patient's name": lambda p, w: (
        p.appointments.named([w.clinic.appointments.get("ada@smith")])[0].patient_name or None
    ),
    "appointment reference": lambda p, w: p.appointments.find_by_reference("REF-ada@smith"),
    "conflicts": lambda p, w: p.appointments.conflicts("ada@smith"),
    "series read": lambda p, w: p.series.get("s-ada"),
    "series appointments": lambda p, w: p.series.appointments("s-ada"),
    "hold read": lambda p, w: p.holds.get("h-ada"),
    "entry read": lambda p, w: p.waitlist.entries.get("w-ada"),
    "offer read": lambda p, w: p.waitlist.offers.get(w.offers["ada"]),
    "position": lambda p, w: p.waitlist.position("w-ada"),
    "blocking read": lambda p, w: p.blockings.get("b-smith"),
    "slots for ada": lambda p, w: p.availability.slots(
        "smith", "visit", at(14, 0), at(15, 0), patient="ada"
    ),
    "explain for ada": lambda p, w: p.availability.explain(
        "smith", "visit", at=at(14, 10), patient="ada"
    ),
    "search for ada": lambda p, w: p.search.slots(attrs.evolve(SEARCH, patient="ada")),
    "chain for ada": lambda p, w: p.appointments.find_chain([SEARCH], patient="ada"),
    "patient unknown": lambda p, w: p.patients.get("ghost"),
    "patient phone": lambda p, w: patient(p, w, phone="1"),
    "patient renamed": lambda p, w: patient(p, w, name="Else"),
    "patient insured": lambda p, w: patient(p, w, insurance_number="C-2"),
    "patient established": lambda p, w: patient(p, w, established=True),
    "patient to annex": lambda p, w: patient(p, w, locations={"annex"}),
    "patient switched off": lambda p, w: patient(p, w, active=False),
    "patient deactivate": lambda p, w: p.patients.deactivate("ada"),
    "patient delete": lambda p, w: p.patients.delete("cleo"),
    "patient create": lambda p, w: p.patients.create(name="New"),
    "patient create, own id": lambda p, w: p.patients.create(id="new"),
    "patient create, taken": lambda p, w: p.patients.create(id="ada"),
    "patient create at bay": lambda p, w: p.patients.create(locations={"bay"}),
    "book with smith": lambda p, w: p.appointments.book(FREE, patient="ada"),
    "book with jones": lambda p, w: p.appointments.book(LATE, patient="ada"),
    "book for dora": lambda p, w: p.appointments.book(FREE, patient="dora"),
    "book for nobody": lambda p, w: p.appointments.book(FREE, patient="ghost"),
    "book, own id": lambda p, w: p.appointments.book(FREE, patient="ada", id="mine"),
    "book, taken reference": lambda p, w: p.appointments.book(
        FREE, patient="ada", reference="REF-ben@jones"
    ),
    "book with notes": lambda p, w: p.appointments.book(FREE, patient="ada", notes="n"),
    "book with referral": lambda p, w: p.appointments.book(FREE, patient="ada", referral="r"),
    "book with prepayment": lambda p, w: p.appointments.book(FREE, patient="ada", prepayment="r"),
    "book against rules": lambda p, w: p.appointments.book(FREE, patient="ada", override="why"),
    "book, giving up": lambda p, w: p.appointments.book(
        start("smith", 12, 9), patient="ada", in_place_of="b-smith"
    ),
    "request with notes": lambda p, w: p.appointments.request(FREE, patient="ada", notes="n"),
    "propose with notes": lambda p, w: p.appointments.propose(FREE, patient="ada", notes="n"),
    "book first with notes": lambda p, w: p.appointments.book_first(
        SEARCH, patient="ada", notes="n"
    ),
    "book chain with notes": lambda p, w: p.appointments.book_chain(
        [SEARCH], patient="ada", notes="n"
    ),
    "block booked with notes": lambda p, w: p.time_blocks.book(
        block(w), type="visit", patient="ada", notes="n"
    ),
    "series book with notes": lambda p, w: p.series.book(
        *("smith", "visit"),
        patient="ada",
        recurrence=Recurrence.daily(start=DAY, count=2),
        at=time(13),
        location="bay",
        notes="n",
    ),
    "follow up with notes": lambda p, w: p.appointments.follow_up(
        "ada@smith", FollowUpWish(after=timedelta(days=7)), notes="n"
    ),
    "offer accept with notes": lambda p, w: p.waitlist.accept(
        w.offers["ada"], patient="ada", notes="n"
    ),
    "hold confirm with notes": lambda p, w: p.holds.confirm(
        p.holds.place(FREE, patient="ada"), notes="n"
    ),
    "request": lambda p, w: p.appointments.request(FREE, patient="ada"),
    "propose": lambda p, w: p.appointments.propose(FREE, patient="ada"),
    "accept": lambda p, w: p.appointments.accept(proposed(w)),
    "accept a request": lambda p, w: p.appointments.accept(requested(w)),
    "accept a time block": lambda p, w: p.appointments.accept(
        w.clinic.time_blocks.book(block(w), type="visit", patient="ada")
    ),
    "reschedule": lambda p, w: p.appointments.reschedule("ada@smith", FREE),
    "reschedule with notes": lambda p, w: p.appointments.reschedule("ada@smith", FREE, notes=""),
    "reschedule with reason": lambda p, w: p.appointments.reschedule("ada@smith", FREE, reason="r"),
    "reschedule to jones": lambda p, w: p.appointments.reschedule("ada@smith", LATE),
    "reschedule against rules": lambda p, w: p.appointments.reschedule(
        "ada@smith", FREE, override="why"
    ),
    "cancel": lambda p, w: p.appointments.cancel("ada@smith"),
    "arrive": lambda p, w: p.appointments.arrive("ada@smith"),
    "check in": lambda p, w: p.appointments.check_in(arrived(w)),
    "fulfil": lambda p, w: p.appointments.fulfil(ready(w)),
    "noshow": lambda p, w: p.appointments.mark_noshow("ada@smith"),
    "enter in error": lambda p, w: p.appointments.enter_in_error("ada@smith"),
    "annotate": lambda p, w: p.appointments.annotate("ada@smith", notes="n"),
    "change resources": lambda p, w: p.appointments.change_resources("ada@smith"),
    "propose moves": lambda p, w: p.appointments.propose_moves(["ada@smith"]),
    "follow up": lambda p, w: p.appointments.follow_up(
        "ada@smith", FollowUpWish(after=timedelta(days=7))
    ),
    "follow up with jones": lambda p, w: following_jones(p, w),
    "book first": lambda p, w: p.appointments.book_first(SEARCH, patient="ada"),
    "book chain": lambda p, w: p.appointments.book_chain([SEARCH], patient="ada"),
    "block booked": lambda p, w: p.time_blocks.book(block(w), type="visit", patient="ada"),
    "series book": lambda p, w: p.series.book(
        *("smith", "visit"),
        patient="ada",
        recurrence=Recurrence.daily(start=DAY, count=2),
        at=time(13),
        location="bay",
    ),
    "series cancel": lambda p, w: p.series.cancel(first_of_series(w), scope="all"),
    "series reschedule": lambda p, w: p.series.reschedule(
        first_of_series(w), time(11), scope="all"
    ),
    "series to jones": lambda p, w: p.series.reschedule(anywhere(w), provider="jones", scope="all"),
    "hold": lambda p, w: p.holds.place(FREE, patient="ada"),
    "hold for nobody yet": lambda p, w: p.holds.place(FREE),
    "hold confirm": lambda p, w: p.holds.confirm("h-ada"),
    "hold release": lambda p, w: p.holds.release("h-ada"),
    "hold sweep": lambda p, w: p.holds.sweep(),
    "join": lambda p, w: joining(p),
    "join at annex": lambda p, w: joining(p, providers="jones", location="annex"),
    "join urgently": lambda p, w: joining(p, urgency=5),
    "join with notes": lambda p, w: joining(p, notes="n"),
    "join before": lambda p, w: joining(p, entered_at=at(1, 1)),
    "entry change": lambda p, w: p.waitlist.change("w-ada", weekdays="MO-FR"),
    "entry notes": lambda p, w: p.waitlist.change("w-ada", notes="n"),
    "entry urgency": lambda p, w: p.waitlist.set_urgency("w-ada", 5),
    "entry leave": lambda p, w: p.waitlist.leave("w-ada"),
    "offer": lambda p, w: p.waitlist.offer(waiting_again(w), FREE, reason="r"),
    "offer withdraw": lambda p, w: p.waitlist.withdraw(w.offers["ada"]),
    "offer decline": lambda p, w: p.waitlist.decline(w.offers["ada"], patient="ada"),
    "offer accept": lambda p, w: p.waitlist.accept(w.offers["ada"], patient="ada"),
    "waiting": lambda p, w: p.waitlist.waiting("visit"),
    "eligible": lambda p, w: p.waitlist.eligible(FREE),
    "work": lambda p, w: p.waitlist.work(),
    "what is offered": lambda p, w: (
        p.settings.get(),
        *(p.providers.list(), p.locations.get("bay"), p.rooms.list(), p.appointment_types.list()),
        *(p.availability.slot(one.id) for one in p.availability.slots(*SMITHS)),
        p.availability.zone_on("smith", DAY),
        p.availability.opened("r-smith", "visit", at(14, 0), at(15, 0)),
        *(p.search.slots(SEARCH), p.search.by_provider(SEARCH), p.time_blocks.list()),
    ),
    "raw schedules": lambda p, w: raw_schedules(p),
    "timeline": lambda p, w: p.availability.timeline("smith", "visit", at(14, 0), at(15, 0)),
    "changes": lambda p, w: (
        p.changes(),
        p.changes.latest(),
        p.changes.starts("smith", "visit", []),
    ),
    "staff read": lambda p, w: p.staff.get("kim"),
    "load": lambda p, w: (p.search.load(SEARCH), p.availability.check(DAY, DAY)),
    "events": lambda p, w: p.events.after(),
    "tallies": lambda p, w: p.tallies(["x"]),
    "add all": lambda p, w: p.add_all([Location(id="new")]),
    "settings": lambda p, w: p.settings.configure(name="R"),
    "provider create": lambda p, w: p.providers.create(timezone="UTC"),
    "provider update": lambda p, w: p.providers.update(
        attrs.evolve(w.clinic.providers.get("smith"), rating=5)
    ),
    "type create": lambda p, w: p.appointment_types.create(code="new", duration=HOUR),
    "rule of smith": lambda p, w: p.availability.add(rule()),
    "rule of smith, own id": lambda p, w: p.availability.add(rule(id="mine")),
    "rule of a room": lambda p, w: p.availability.add(rule(resource=ROOM), stranded="keep"),
    "closure of the bay": lambda p, w: p.availability.add(closed(BAY)),
    "closure of all": lambda p, w: p.availability.add(closed(w.clinic.resource)),
    "rows": lambda p, w: (
        *(p.availability.weekly.list("smith"), p.availability.weekly.find("none")),
        p.availability.weekly.get("r-smith.1"),
    ),
    "row add": lambda p, w: p.availability.weekly.add(
        WeeklyHours("smith", "MO", "18:00-19:00", location="bay")
    ),
    "row update": lambda p, w: p.availability.weekly.update(
        attrs.evolve(w.clinic.availability.weekly.get("r-smith.1"), hours="08:00-19:00")
    ),
    "row end": lambda p, w: p.availability.weekly.end("r-smith.1", stranded="keep"),
    "rule update": lambda p, w: p.availability.rules.update(
        attrs.evolve(of(w, "r-smith"), hours="08:00-19:00")
    ),
    "rule given to smith": lambda p, w: given_to_smith(p, w),
    "rule deactivate": lambda p, w: p.availability.rules.deactivate("r-smith", stranded="keep"),
    "rule delete": lambda p, w: p.availability.rules.delete("r-smith", stranded="keep"),
    "would strand": lambda p, w: p.availability.would_strand(closed("smith")),
    "block publish": lambda p, w: p.time_blocks.publish(
        TimeBlock("smith", DAY, "19:00-20:00", location="bay")
    ),
    "slot delete": lambda p, w: p.availability.delete_slot(FREE),
    "slot restore": lambda p, w: p.availability.restore_slot(deleted(w)),
    "slots publish": lambda p, w: p.availability.publish(timedelta(days=1), providers="smith"),
    "slots publish, all": lambda p, w: p.availability.publish(timedelta(days=1)),
    "blocking add": lambda p, w: p.blockings.add("smith", at(14, 9), at(14, 10)),
    "blocking of a slot": lambda p, w: p.blockings.block_slot(FREE),
    "unblocking of a slot": lambda p, w: p.blockings.unblock_slot(FREE),
    "blocking for ada": lambda p, w: p.blockings.add(
        "jones", at(14, 9), at(14, 10), kept_for="ada"
    ),
    "blocking move": lambda p, w: p.blockings.move("b-smith", at(14, 9), at(14, 10)),
    "blocking release": lambda p, w: p.blockings.release("b-smith"),
    "grant": lambda p, w: p.access.grant("n-bay", patients="ben", until=at(9, 9), reason="r"),
    "grants of all": lambda p, w: p.access.grants(),
    "grants of one's own": lambda p, w: p.access.grants(principal=p._context.principal.id),
    "break glass": lambda p, w: p.access.break_glass("dora", reason="r"),
    "break glass for nobody": lambda p, w: p.access.break_glass("ghost", reason="r"),
}


def raw_schedules(p: Practice) -> Any:
    """Every kind of hours is told, or none is."""
    hours = p.availability
    found, refused = list[Any](), list[NotAllowed]()
    kinds: list[Any] = [hours.rules, hours.overrides, hours.blockings]
    for kind in [*kinds, hours.slot_overrides, hours.releases]:
        for call in (kind.list, partial(kind.find, "none")):
            try:
                found.append(call())
            except NotAllowed as error:
                refused.append(error)
    assert not (found and refused), refused
    if refused:
        raise refused[0]
    return found


def following_jones(p: Practice, w: World) -> Any:
    """Smith has no time, so it would be with Jones."""
    w.clinic.availability.add(closed("smith"), stranded="keep")
    w.clinic.availability.rules.deactivate("r-smith", stranded="keep")
    wish = FollowUpWish(after=timedelta(days=7), providers=["jones"])
    return p.appointments.follow_up("ada@smith", wish)


def given_to_smith(p: Practice, w: World) -> Any:
    other = w.clinic.availability.add(rule(resource="jones", location="annex"))
    return p.availability.rules.update(attrs.evolve(other, resource="smith", location="bay"))


def rows() -> dict[str, dict[str, str]]:
    """The table: what is expected of each probe, by who asks."""
    found: dict[str, dict[str, str]] = {}
    for line in TABLE.strip().splitlines()[1:]:
        if line.strip():
            name, marks = line[:26].strip(), line[26:].replace("|", " ").split()
            assert len(marks) == len(COLUMNS), line
            found[name] = dict(zip(COLUMNS, marks, strict=True))
    return found


ROWS: Final = rows()


def outcome(probe: Probe, who: str) -> str:
    world = World()
    practice = world.acting(who)
    try:
        found = probe(practice, world)
    except NotAllowed:
        return "x"
    except NotFound:
        return "-"
    except MedschedError:
        return "!"
    return "-" if found is None and probe in FINDING else "."


FINDING = [
    PROBES[name]
    for name in ("patient find", "appointment find", "patient's name", "appointment reference")
]


def test_the_table_is_whole() -> None:
    assert TABLE.replace("|", " ").split()[: len(COLUMNS)] == [who[:3] for who in COLUMNS]
    assert ROWS.keys() == PROBES.keys()


@pytest.mark.parametrize("name", PROBES)
def test_who_may(name: str) -> None:
    assert {who: outcome(PROBES[name], who) for who in COLUMNS} == ROWS[name]
