"""Moving occurrences of a series to other times and providers, all in one changeset."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.claims import Claim
from medsched.domain.events import Change
from medsched.domain.records import Resource
from medsched.domain.refusals import SeriesRefused
from medsched.domain.requests import Violation
from medsched.domain.series import Series, check_time
from medsched.engine.series import start_on_wall
from medsched.services.asked_for import made_by
from medsched.services.bookings import Bookings
from medsched.services.effects import Effects
from medsched.services.inquiries import Asked
from medsched.services.occurrences import Asking, around, decided
from medsched.services.revisions import moved
from medsched.timeline.instants import whole_minute
from medsched.timeline.zones import Zone


def check_target(to: object) -> None:
    """`InvalidWallTime` for what is neither a time of day nor a naive datetime, to the minute."""
    if isinstance(to, datetime):
        check_time(to.timetz(), "to")
    elif to is not None:
        check_time(to, "to")


def wall_of(appointment: Appointment, zone: Zone) -> datetime:
    """The start of an appointment on the wall of a zone, naive."""
    return zone.local(whole_minute(appointment.start, "start")).replace(tzinfo=None)


def target_of(
    one: Appointment, anchor: Appointment, to: time | datetime | None, zone: Zone
) -> datetime:
    """Where an appointment goes, on the wall, when another one goes ``to``."""
    wall = wall_of(one, zone)
    if to is None:
        return wall
    if isinstance(to, datetime):
        days = to.date() - wall_of(anchor, zone).date()
        return datetime.combine(wall.date() + days, to.time())
    return datetime.combine(wall.date(), to)


def _start(one: Appointment, wall: datetime, zone: Zone) -> int | Violation:
    """The start that a wall time is; that of an appointment which keeps its own is not in doubt."""
    if wall == wall_of(one, zone):
        return whole_minute(one.start, "start")
    return start_on_wall(zone, wall)


def _with_seats_left(asked: Asked, left: Collection[str | None]) -> Asked:
    """The same, with one seat more in each of the sessions that the patient leaves."""
    if not left:
        return asked
    claims: dict[Resource, Sequence[Claim]] = {}
    for resource, some in asked.inquiry.claims.items():
        claims[resource] = [
            attrs.evolve(one, session=attrs.evolve(one.session, taken=one.session.taken - 1))
            if one.session is not None and one.session.id in left
            else one
            for one in some
        ]
    return attrs.evolve(asked, inquiry=attrs.evolve(asked.inquiry, claims=claims))


def moving(
    bookings: Bookings,
    series: Series,
    going: Sequence[tuple[Appointment, datetime, str]],
    zone: Zone,
    now: datetime,
) -> Effects:
    """What it changes that appointments go to other wall times and providers, all or none."""
    leaving = [one for one, _, _ in going]
    gone = [session for one in leaving if (session := bookings.seats.left_by(one)) is not None]
    left = {one.session for one in leaving} - {one.id for one in gone} - {None}
    within = around([wall.date() for _, wall, _ in going])
    starts = {one.id: _start(one, wall, zone) for one, wall, _ in going}
    asked = {
        who: _with_seats_left(
            bookings.inquiries.asked(
                who,
                series.type,
                within,
                patient=series.patient,
                now=now,
                referred=all(one.referral for one in leaving),
                prepaid=all(one.prepayment for one in leaving),
                but=made_by([*leaving, *gone]),
                counting=[start for start in starts.values() if isinstance(start, int)],
            ),
            left,
        )
        for who in sorted({who for _, _, who in going})
    }
    asking = [
        Asking(series.date_of(one.id), wall, starts[one.id], asked[who], one)
        for one, wall, who in sorted(going, key=lambda each: each[1])
    ]
    plans, unbooked = decided(asking, zone, series.location, within)
    if unbooked:
        raise SeriesRefused(len(going), unbooked)
    provider_of = {one.id: who for one, _, who in going}
    placements = []
    for each in asking:
        plan, old = plans[each.date], each.old
        assert old is not None
        new = moved(bookings.context, old, provider_of[old.id], now, bookings.taking(plan))
        placements.append((each.asked, plan, new))
    joined = {plan.joined.id for plan in plans.values() if plan.joined is not None}
    instead = Effects(releases=[claim for one in leaving for claim in one.claims])
    instead += bookings.seats.leave([one for one in leaving if one.session not in joined])
    _, effects = bookings.placed_all(
        placements, Change.RESCHEDULED, now, instead=instead, left=joined & left
    )
    return effects + Effects(guards=[one for each in asked.values() for one in each.guards()])
