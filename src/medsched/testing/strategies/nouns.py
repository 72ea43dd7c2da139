"""Ids, texts, and what is booked: appointment types, requests, claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from medsched.domain.appointment_types import (
    AppointmentType,
    Grid,
    GridKind,
    Modality,
    Need,
    Pricing,
)
from medsched.domain.booking_rules import BookingRules
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.fields import LONGEST_ID, LONGEST_NAME
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.errors import InvalidChoice
from medsched.testing.strategies.clocks import END, START, ZoneName, instants

T = TypeVar("T")

PROVIDER: Final = "provider-1"
"""The provider's id unless another is given."""
TYPE_CODES: Final = ("visit", "follow-up", "group")
"""The appointment types unless others are given."""

_NASTY_IDS: Final = (
    "ehr-1",
    "EHR-1",
    "ehr-1 ",
    " ehr-1",
    "ehr\u00a01",
    "é",
    "e\u0301",
    "0",
    "/",
    "%00",
)


def ids() -> st.SearchStrategy[str]:
    """Opaque ids of 1 to 255 characters, drawn to those that a careless store takes for one."""
    characters = st.characters(exclude_categories=["Cc", "Cs"])
    return st.sampled_from(_NASTY_IDS) | st.text(characters, min_size=1, max_size=LONGEST_ID)


def texts(*, min_size: int = 0, max_size: int = LONGEST_NAME) -> st.SearchStrategy[str]:
    """Texts that a noun's field takes: line breaks and odd characters, no control characters."""
    characters = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r")
    return st.text(characters, min_size=min_size, max_size=max_size)


def appointment_types(
    *,
    codes: Sequence[str] = TYPE_CODES,
    rooms: Sequence[str] = (),
    devices: Sequence[str] = (),
    grids: Sequence[GridKind] = tuple(GridKind),
) -> st.SearchStrategy[AppointmentType]:
    """Appointment types of one of the ``codes``, on one of the ``grids``; first the plainest.

    They last 5 minutes to 4 hours, with buffers up to an hour. Needs are drawn from the ids
    of ``rooms`` and ``devices``, for one of them or any of some. Limits on how early or late
    a start may be booked are rare.
    """
    _some(codes, "codes")
    _some(grids, "grids")
    return _appointment_types(codes, rooms, devices, grids)


def booking_rules() -> st.SearchStrategy[BookingRules]:
    """Rules beside those of time: caps of a few, distances of hours and days, for whom and when."""
    caps = st.none() | st.integers(0, 4)
    seldom = st.sampled_from([False, False, False, True])
    return st.builds(
        BookingRules,
        per_day=caps,
        per_week=caps,
        open_per_patient=caps,
        spacing=st.none() | _minutes(1, 60, 24 * 60, 7 * 24 * 60),
        new_patients_on=st.none() | st.sampled_from(["MO", "SU", "TU-TH", "FR-MO"]),
        new_patients_in=st.sampled_from(
            ["", "09:00-12:00", "01:30-02:30", "00:00-24:00", "22:00-03:00 overnight"]
        ).map(lambda hours: hours or ()),
        established_only=seldom,
        needs_referral=seldom,
        needs_prepayment=seldom,
    )


def requests(
    *,
    types: Sequence[AppointmentType] | st.SearchStrategy[AppointmentType] | None = None,
    patients: Sequence[str] = (),
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
) -> st.SearchStrategy[Request]:
    """Requests for one of ``types`` (None: of `appointment_types`), for nobody or a patient.

    ``now`` is None for half of them, otherwise drawn as `instants` from ``start`` until
    before ``end``, near the clock changes of ``zone``; some with seconds, which round.
    """
    if types is None:
        types = appointment_types()
    elif not isinstance(types, st.SearchStrategy):
        types = st.sampled_from(_some(types, "types"))
    seconds = st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=1, microseconds=1)])
    now = st.builds(_later, instants(zone=zone, start=start, end=end), seconds)
    return st.builds(
        Request,
        types,
        patient=st.none() | st.sampled_from(patients) if patients else st.none(),
        now=st.none() | now,
        referred=st.booleans(),
        prepaid=st.booleans(),
    )


def claims(
    *,
    resources: Sequence[Resource | str] = (PROVIDER,),
    zone: ZoneName = None,
    start: date = START,
    end: date = END,
    longest: timedelta = timedelta(hours=4),
) -> st.SearchStrategy[Claim]:
    """Claims on one of ``resources`` (a bare id is a provider's), a minute to ``longest`` long.

    They begin from ``start`` until before ``end``, drawn as `instants` to the clock changes
    of ``zone``. A hold expires at most an hour before or after it begins. Several drawn
    for one resource may overlap, as a double booking by staff does.
    """
    _some(resources, "resources")
    most = longest // timedelta(minutes=1)
    if most < 1:
        raise InvalidChoice("longest", longest, "a claim is at least a minute")
    begins = instants(zone=zone, start=start, end=end)
    return _claims(resources, begins, most)


# ---------------------------------------------------------------------- drawing


@st.composite
def _appointment_types(
    draw: st.DrawFn,
    codes: Sequence[str],
    rooms: Sequence[str],
    devices: Sequence[str],
    grid_kinds: Sequence[GridKind],
) -> AppointmentType:
    buffers = _minutes(0, 10, 5, 15, 30, 60)
    needs: Any = [  # Any: type checkers do not see what `tuple` makes of it
        draw(_need(kind, some))
        for kind, some in ((ResourceKind.ROOM, rooms), (ResourceKind.DEVICE, devices))
        if len(some) > 0 and draw(st.booleans())
    ]
    return AppointmentType(
        code=draw(st.sampled_from(codes)),
        duration=draw(lengths()),
        buffer_before=sometimes(draw, buffers, timedelta(0), one_in=3),
        buffer_after=sometimes(draw, buffers, timedelta(0), one_in=3),
        buffers_within_hours=sometimes(draw, st.just(True), False),
        grid=draw(st.sampled_from(grid_kinds).flatmap(_grid)),
        capacity=sometimes(draw, st.integers(1, 12), None),
        modality=sometimes(draw, st.sampled_from(Modality), Modality.IN_PERSON),
        needs=needs,
        pricing=sometimes(draw, pricings(), None),
        special_requirements=sometimes(draw, st.just(frozenset({"fasting"})), frozenset()),
        rules=sometimes(draw, booking_rules(), BookingRules(), one_in=6),
        notice=sometimes(draw, _minutes(0, 60, 24 * 60, 7), timedelta(0)),
        furthest_ahead=sometimes(draw, _minutes(24 * 60, 14 * 24 * 60, 90), None, one_in=8),
        days_ahead=sometimes(draw, st.integers(0, 30), None, one_in=8),
    )


@st.composite
def _need(draw: st.DrawFn, kind: ResourceKind, some: Sequence[str]) -> Need:
    chosen = draw(st.lists(st.sampled_from(some), min_size=1, max_size=len(some), unique=True))
    buffers = _minutes(0, 10, 5, 30)
    return Need(
        frozenset(Resource(kind, id) for id in chosen),
        buffer_before=draw(buffers),
        buffer_after=draw(buffers),
    )


@st.composite
def _claims(
    draw: st.DrawFn,
    resources: Sequence[Resource | str],
    begins: st.SearchStrategy[datetime],
    most: int,
) -> Claim:
    start = draw(begins)
    usual = [length for length in (30, 60, 45, 15, 5, 1) if length <= most]
    length = draw(st.sampled_from(usual) | st.integers(1, most))
    kind = draw(st.sampled_from(ClaimKind))
    expires = None
    if kind is ClaimKind.HOLD:
        expires = start + timedelta(minutes=draw(st.integers(-60, 60)))
    return Claim.of(
        draw(st.sampled_from(resources)),
        start,
        start + timedelta(minutes=length),
        kind=kind,
        id=f"claim-{draw(st.integers(1, 9))}",
        expires=expires,
    )


def _grid(kind: GridKind) -> st.SearchStrategy[Grid]:
    if kind is not GridKind.CLOCK:
        return st.just(Grid(kind))
    intervals = st.sampled_from([30, 15, 60, 20, 10, 45, 7])
    return intervals.flatmap(
        lambda interval: st.builds(
            lambda offset: Grid.clock(
                timedelta(minutes=interval), offset=timedelta(minutes=offset)
            ),
            st.just(0) | st.integers(0, interval - 1),
        )
    )


def lengths(longest: int = 240) -> st.SearchStrategy[timedelta]:
    """Slot lengths in whole minutes: usual ones first; at least 5 unless ``longest`` is less."""
    usual = [length for length in (30, 60, 15, 20, 45, 90) if length <= longest]
    least = min(5, longest)
    any_length = st.integers(least, min(longest, 240)).map(_as_minutes)
    return st.sampled_from(usual).map(_as_minutes) | any_length if usual else any_length


def pricings() -> st.SearchStrategy[Pricing]:
    """Prices from 0 to 500 in two currencies, cents included."""
    return st.builds(
        Pricing,
        base_fee=st.integers(0, 500) | st.decimals(0, 500, places=2),
        currency=st.sampled_from(["USD", "EUR"]),
        insurance_accepted=st.booleans(),
    )


def sometimes(draw: st.DrawFn, strategy: st.SearchStrategy[T], usual: T, *, one_in: int = 5) -> T:
    """Draw from a strategy once in so many times, else the usual; shrinks to the usual."""
    return draw(strategy) if draw(st.integers(1, one_in)) == one_in else usual


def _minutes(*choices: int) -> st.SearchStrategy[timedelta]:
    return st.sampled_from([_as_minutes(choice) for choice in choices])


def _as_minutes(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _later(instant: datetime, by: timedelta) -> datetime:
    return instant + by


def _some(choices: Sequence[T], field: str) -> Sequence[T]:
    if not choices:
        raise InvalidChoice(field, choices, "at least one is needed to draw from")
    return choices
