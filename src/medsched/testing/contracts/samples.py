"""Ids that a careless store takes for one, and records of every kind with all they can hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from medsched.domain.appointment_types import AppointmentType, Grid, Modality, Need, Pricing
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.fields import LONGEST_ID, LONGEST_NAME, LONGEST_NOTE
from medsched.domain.hours import Hours
from medsched.domain.people import Patient, Provider, Staff, Travel
from medsched.domain.places import (
    Address,
    Device,
    Location,
    LocationKind,
    PracticeSettings,
    Room,
)
from medsched.domain.records import Resource
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.requests import Reason, Violation
from medsched.domain.series import Occurrence, Series
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import Stored
from medsched.domain.time_blocks import TimeBlock
from medsched.testing.contracts.taken import BOOKINGS, LATER, ODD, WHEN
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation

IDS: Final = (
    "ehr-1",
    "EHR-1",
    "Ehr-1",
    "ehr-1 ",
    " ehr-1",
    "ehr-1\u00a0",
    "ehr\u00ad-1",  # a soft hyphen, which many collations do not see
    "\u200fehr-1",  # a right-to-left mark before it
    "ehr-1\u200f",
    "\u202eehr-1",
    "éhr-1",
    "e\u0301hr-1",
    "Straße",
    "STRASSE",
    "ﬁ",
    "fi",
    "%",
    "_",
    "ehr%",
    "'",
    '"',
    "\\",
    "\\'",
    "--",
    "0",
    "00",
    "0.0",
    "1e0",
    "null",
    "😀",
    "👩‍⚕️",
    "👩⚕️",
    "𐍈",
    "\uffff",
    "\U0010ffff",
    "x" * LONGEST_ID,
    "😀" * LONGEST_ID,
    "😀" * (LONGEST_ID - 1) + "😁",
)
"""Ids of which no two are the same record."""

UNNAMEABLE: Final = ("", "\0", "ehr-1\0", "\ud800", "ehr-1\n", "x" * (LONGEST_ID + 1))
"""What no record can be called, and a caller may ask for all the same."""

_MINUTE: Final = timedelta(minutes=1)
_TIMES: Final[Any] = {"created_at": WHEN, "updated_at": LATER}
_RICH: Final = Recurrence.parse(
    "FREQ=MONTHLY;INTERVAL=2;BYDAY=2TU,-1FR;BYSETPOS=1,-1;WKST=SU;UNTIL=20301231",
    start=date(2026, 1, 1),
    rdates=[date(2026, 2, 28), date(9998, 12, 31)],
    exdates=[date(2026, 7, 4), date(1973, 1, 1)],
)
_DAILY: Final = Recurrence.daily(start=date(2026, 1, 1), count=400)
_PRICE: Final = Pricing(base_fee=Decimal("120.50"), currency="EUR", insurance_accepted=True)

RECORDS: Final[dict[str, Stored]] = {
    "settings": PracticeSettings(id="riverside", version=1),
    "settings, all stated": PracticeSettings(
        id="riverside",
        version=1,
        name=ODD,
        timezone="America/New_York",
        shortest_slot=_MINUTE,
        longest_slot=timedelta(days=7),
        shortest_break=_MINUTE,
        longest_break=timedelta(hours=1),
        bookable_roles={"nurse", "Nurse", ODD},
        **_TIMES,
    ),
    "provider": Provider(id="smith", version=1),
    "provider, all stated": Provider(
        id="smith",
        version=1,
        active=False,
        name="N" * LONGEST_NAME,
        role="👩‍⚕️ nurse",
        timezone="Asia/Kolkata",
        location="main",
        specialties={"cardiology", "Cardiology", ODD},
        languages={"en", "de"},
        insurers={"😀" * LONGEST_NAME},
        licence_number="L-1",
        years_of_experience=0,
        rating=4.35,
        durations={"visit": 45 * _MINUTE, "Visit": _MINUTE},
        travels=[
            Travel("Europe/Berlin", date(2026, 5, 1), date(2026, 5, 1)),
            Travel("Pacific/Apia", date(2026, 1, 1), date(2026, 1, 31)),
        ],
        notice=timedelta(hours=25),
        furthest_ahead=timedelta(days=36_525),
        days_ahead=0,
        **_TIMES,
    ),
    "provider with a whole rating": Provider(id="smith", version=1, rating=5),
    "staff": Staff(id="kim", version=1),
    "staff, all stated": Staff(id="kim", version=1, name=ODD, department=ODD, **_TIMES),
    "patient": Patient(id="ehr-4711", version=1),
    "patient, all stated": Patient(
        id="ehr-4711",
        version=1,
        name=ODD,
        birth_date=date(1900, 2, 28),
        phone="+1 555 0100",
        email="ada@example.org",
        address=Address(line=ODD, city="Ōsaka", state="NY", postal_code="00501", country="US"),
        insurer="Acme",
        insurance_number="0" * 60,
        **_TIMES,
    ),
    "location": Location(id="main", version=1),
    "location, all stated": Location(
        id="main",
        version=1,
        name=ODD,
        kind=LocationKind.HOME_VISIT,
        address=Address(line="1 Main Street", city="Springfield"),
        phone="555",
        timezone="Africa/Casablanca",
        exclusive=True,
        **_TIMES,
    ),
    "room": Room(id="r1", location="main", version=1),
    "room, all stated": Room(
        id="r1", location="main", name=ODD, capacity=10_000, version=1, **_TIMES
    ),
    "device": Device(id="d1", version=1),
    "device, all stated": Device(id="d1", location="main", name=ODD, version=1, **_TIMES),
    "type": AppointmentType(code="visit", duration=30 * _MINUTE, version=1),
    "type, all stated": AppointmentType(
        code="visit",
        version=1,
        name=ODD,
        duration=timedelta(days=7),
        buffer_before=10 * _MINUTE,
        buffer_after=5 * _MINUTE,
        buffers_within_hours=True,
        grid=Grid.clock(30 * _MINUTE, offset=7 * _MINUTE),
        capacity=12,
        modality=Modality.TELEHEALTH,
        needs=[
            Need.room("r2", "r1", before=5 * _MINUTE),
            Need.device("d1", after=15 * _MINUTE),
            Need.device("d1", "😀"),
        ],
        pricing=_PRICE,
        special_requirements={"fasting", ODD},
        notice=_MINUTE,
        furthest_ahead=_MINUTE,
        days_ahead=36_525,
        **_TIMES,
    ),
    "type on a packed grid, free of charge": AppointmentType(
        code="visit",
        version=1,
        duration=_MINUTE,
        grid=Grid.packed(),
        pricing=Pricing(base_fee=Decimal("1E+3")),
    ),
    "rule": AvailabilityRule("smith", _DAILY, hours="09:00-12:00", id="week", version=1),
    "rule, all stated": AvailabilityRule(
        "smith",
        _RICH,
        hours=[Hours("22:00", "06:00", overnight=True), Hours(time(8, 0, 0, 1), "24:00")][:1],
        breaks=[Hours("01:00:30", "01:15:00.5")],
        id="week",
        version=1,
        active=False,
        timezone="Pacific/Apia",
        disambiguation=Disambiguation.REJECT,
        valid_from=date(1973, 1, 1),
        valid_to=date(9998, 12, 31),
        merge=True,
        notes="n" * 500,
        location="main",
        room="r1",
        types={"visit", "Visit"},
        type_days={"visit": "MO-FR", "Visit": "SU"},
        slot_duration=20 * _MINUTE,
        durations={"visit": 25 * _MINUTE},
        break_duration=5 * _MINUTE,
        step=15 * _MINUTE,
        capacity=3,
        pricing=_PRICE,
        special_requirements={"fasting"},
        **_TIMES,
    ),
    "rule of a room": AvailabilityRule(
        Resource("room", "r1"),
        Recurrence.dates(date(2026, 1, 1), date(2027, 1, 1)),
        hours=["00:00-24:00"],
        id="week",
        version=1,
    ),
    "closure": Override.closed(
        Resource("practice", "riverside"),
        date(2026, 12, 25),
        id="christmas",
        reason=ODD,
        types={"visit"},
        priority=-1000,
        whole_shifts=True,
    ),
    "closed hours": Override.closed(
        Resource("device", "d1"),
        date(2026, 12, 24),
        date(2026, 12, 31),
        id="half-days",
        hours=["12:00:00.000001-24:00"],
        location="main",
    ),
    "extra hours": Override.extra(
        "smith",
        date(2026, 12, 25),
        id="extra",
        hours=["09:00-12:00", "13:00-14:00"],
        breaks="10:00-10:15",
        pricing=_PRICE,
        durations={"visit": 10 * _MINUTE},
        type_days={"visit": "FR"},
        disambiguation="later",
    ),
    "replaced hours": Override.replaced(
        "smith", date(2026, 12, 26), id="replaced", hours="22:00-22:00 overnight", priority=1000
    ),
    "blocking": RecurringBlocking(
        Resource("location", "main"), _DAILY, hours="12:00-13:00", id="lunch", version=1
    ),
    "blocking, all stated": RecurringBlocking(
        "smith",
        _RICH,
        hours=["12:00:59.999999-13:00", "23:00-01:00 overnight"],
        types={"visit"},
        timezone="Europe/London",
        disambiguation="earlier",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 1, 1),
        reason=ODD,
        id="meeting",
        version=1,
        active=False,
        **_TIMES,
    ),
    "series": Series(
        id="s1",
        version=1,
        patient="ehr-4711",
        provider="smith",
        type="visit",
        recurrence=_DAILY,
        at=time(0, 0),
        timezone="UTC",
    ),
    "series, all stated": Series(
        id="s1",
        version=1,
        active=False,
        patient="ehr-4711",
        provider="smith",
        type="visit",
        location="anywhere",
        recurrence=_RICH,
        at=time(23, 59),
        timezone="America/New_York",
        occurrences=[
            Occurrence(date(2026, 1, 13), "a1"),
            Occurrence(
                date(2026, 3, 8),
                None,
                [
                    Violation(reason=Reason.NONEXISTENT_TIME, message=ODD),
                    Violation(
                        reason=Reason.TAKEN,
                        message="taken",
                        resource=Resource("patient", "ehr-4711"),
                        start=WHEN,
                        end=LATER,
                        by="a2",
                    ),
                ],
            ),
        ],
        created_by=" B",
        **_TIMES,
    ),
    "series at no place": Series(
        id="s1",
        version=1,
        patient="ehr-4711",
        provider="smith",
        type="visit",
        location=None,
        recurrence=_DAILY,
        at=time(12, 30),
        timezone="Europe/London",
    ),
    "time block": TimeBlock("smith", date(2026, 1, 1), "09:00-09:30", id="block", version=1),
    "time block, all stated": TimeBlock(
        "smith",
        date(2026, 11, 1),
        Hours("22:00", "01:30", overnight=True),
        id="block",
        version=1,
        active=False,
        timezone="America/New_York",
        second_showing=True,
        location="main",
        room="r1",
        types={"visit", "Visit"},
        pricing=_PRICE,
        special_requirements={"fasting", ODD},
        notes=ODD,
        **_TIMES,
    ),
    "slot override": SlotOverride(
        id="slot", resource="smith", type="visit", start=WHEN.replace(second=0, microsecond=0)
    ),
    "slot override, all stated": SlotOverride(
        id="😀" * LONGEST_ID,
        version=1,
        active=False,
        resource="smith",
        type="visit",
        location="main",
        start=datetime(2026, 1, 5, 9, tzinfo=UTC),
        begins=datetime(2026, 1, 5, 10, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        ends=datetime(2026, 1, 6, 10, tzinfo=UTC),
        becomes="Visit",
        pricing=_PRICE,
        notes=ODD,
        special_requirements={"fasting", ODD},
        reason="x" * LONGEST_NOTE,
        **_TIMES,
    ),
    "slot override, none required": SlotOverride(
        id="plain",
        version=3,
        resource="smith",
        type="visit",
        start=datetime(2026, 1, 5, 9, tzinfo=UTC),
        special_requirements=[],
    ),
    "a slot withdrawn": SlotOverride(
        id="off",
        version=1,
        resource="smith",
        type="visit",
        start=datetime(9998, 12, 31, 9, tzinfo=UTC),
        withdrawn=True,
        reason=ODD,
    ),
    "release rule": ReleaseRule(
        "smith", _DAILY, hours="16:00-17:00", before=24 * 60 * _MINUTE, id="urgent", version=1
    ),
    "release rule, all stated": ReleaseRule(
        Resource("practice", "riverside"),
        _RICH,
        share="1/3",
        kept_for={"visit", "Visit", " visit"},
        opens_at=time(23, 59),
        days_before=36_525,
        timezone="Europe/London",
        disambiguation="reject",
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 1, 1),
        notes=ODD,
        id="urgent",
        version=1,
        active=False,
        **_TIMES,
    ),
    **BOOKINGS,
}
"""Records of every kind: as plain as can be, and with everything stated."""
