"""Bookings with all they can hold, and claims of every kind and length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from medsched.domain.appointments import (
    Appointment,
    AppointmentStatus,
    Move,
    Participant,
    Participation,
)
from medsched.domain.blockings import Blocking
from medsched.domain.bookings import WallTime
from medsched.domain.claims import LONGEST_CLAIM, MOST_SEATS, Claim, ClaimKind
from medsched.domain.fields import LONGEST_ID, LONGEST_NAME, LONGEST_NOTE
from medsched.domain.holds import Hold
from medsched.domain.records import Resource
from medsched.domain.requests import Reason
from medsched.domain.sessions import GroupSession
from medsched.domain.stored import BookingRecord
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, instant_of

WHEN: Final = datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=UTC)
LATER: Final = datetime(2026, 11, 1, 5, 30, 0, 1, tzinfo=UTC)
ODD: Final = 'Ünïcode "quoted" \\ back\n\t line \u2028 👩‍⚕️ \u202eleft\u202c'
_TIMES: Final[Any] = {"created_at": WHEN, "updated_at": LATER}
_SMITH: Final = Resource("provider", "smith")
_ADA: Final = Resource("patient", "ehr-4711")
_R1: Final = Resource("room", "r1")
_D1: Final = Resource("device", "d1 ")
_DAWN: Final = 20_460 * DAY
"""Midnight of 7 January 2026, in minutes of the epoch."""

BOOKINGS: Final[dict[str, BookingRecord]] = {
    "appointment": Appointment(
        id="a1",
        version=1,
        provider="smith",
        patient="ehr-4711",
        type="visit",
        start=instant_of(_DAWN),
        end=instant_of(_DAWN + 1),
        wall=WallTime(datetime(2026, 1, 7), "UTC"),
    ),
    "appointment, all stated": Appointment(
        id="a1",
        version=1,
        active=False,
        provider="smith",
        patient="ehr-4711",
        type="visit",
        location="main",
        resources={_R1, _D1, Resource("device", "D1 ")},
        start=datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
        end=datetime(2026, 11, 2, 0, 10, tzinfo=UTC),
        wall=WallTime(
            datetime(2026, 11, 1, 1, 30),
            "America/New_York",
            second_showing=True,
            tzdata="2026a, odd: ünicode…",
        ),
        spans=[
            (_SMITH, _DAWN - 5, _DAWN + 1445),
            (_SMITH, _DAWN - 30, _DAWN - 5),
            (_ADA, _DAWN, _DAWN + 10),
            (_R1, _DAWN - LONGEST_CLAIM, _DAWN),
            (_D1, FIRST_MINUTE, FIRST_MINUTE + 1),
            (Resource("location", "main"), LAST_MINUTE - 1, LAST_MINUTE),
        ],
        opened_by="😀" * LONGEST_NAME,
        created_by="b" * LONGEST_ID,
        updated_by=" B",
        reference="Réf\u00a0№ 1 ",
        status=AppointmentStatus.NOSHOW,
        reason="😀" * LONGEST_NOTE,
        notes=ODD,
        cancellation="\r\n" + ODD,
        participants=[
            Participant(_SMITH, Participation.TENTATIVE),
            Participant(_ADA, Participation.NEEDS_ACTION),
            Participant(_R1),
            Participant(_ADA, Participation.DECLINED),
        ],
        moves=[
            Move(
                start=LATER,
                end=LATER + timedelta(microseconds=1),
                provider="jones ",
                moved_at=WHEN,
                moved_by="Straße",
            ),
            Move(
                start=instant_of(FIRST_MINUTE),
                end=instant_of(LAST_MINUTE),
                provider="smith",
                moved_at=instant_of(LAST_MINUTE) - timedelta(microseconds=1),
                moved_by="kim",
            ),
        ],
        session="s1",
        seats=MOST_SEATS,
        override="😀" * LONGEST_NOTE,
        overridden=Reason,
        follows="a0 ",
        series="Series ",
        block="block",
        referral="😀" * LONGEST_NAME,
        prepayment=ODD,
        **_TIMES,
    ),
    "appointment at a time's first showing, within minutes": Appointment(
        id="a1",
        version=1,
        provider="smith",
        patient="ehr-4711",
        type="visit",
        start=WHEN,
        end=LATER,
        wall=WallTime(datetime(2026, 11, 1, 1, 30), "America/New_York", second_showing=False),
    ),
    "appointment at the end of time": Appointment(
        id="a1",
        version=1,
        provider="smith",
        patient="ehr-4711",
        type="visit",
        status="entered-in-error",
        start=instant_of(LAST_MINUTE - 1),
        end=instant_of(LAST_MINUTE),
        wall=WallTime(datetime(9998, 12, 31, 23, 59), "UTC"),
        spans=[(_SMITH, LAST_MINUTE - 1, LAST_MINUTE)],
    ),
    "hold": Hold(
        id="h1",
        version=1,
        provider="smith",
        type="visit",
        start=instant_of(FIRST_MINUTE),
        end=instant_of(FIRST_MINUTE + 1),
        wall=WallTime(datetime(1973, 1, 1), "UTC"),
        expires=instant_of(FIRST_MINUTE),
    ),
    "hold, all stated": Hold(
        id="h1",
        version=1,
        provider="smith",
        patient="ehr-4711",
        type="visit",
        location="main",
        resources={_R1},
        start=instant_of(_DAWN - 15),
        end=instant_of(_DAWN + 15),
        wall=WallTime(datetime(2026, 1, 7, 12, 45), "Pacific/Auckland", tzdata="2026a"),
        spans=[(_SMITH, _DAWN - 15, _DAWN + 20), (_ADA, _DAWN - 15, _DAWN + 15)],
        opened_by="week",
        block="Block",
        created_by="kim",
        updated_by="kim",
        expires=WHEN,
        session="s1",
        seats=2,
        referral=ODD,
        prepayment="😀" * LONGEST_NAME,
        offer="Offer ",
        **_TIMES,
    ),
    "session": GroupSession(
        id="s1",
        version=1,
        provider="smith",
        type="visit",
        start=instant_of(_DAWN),
        end=instant_of(_DAWN + 1),
        wall=WallTime(datetime(2026, 1, 7), "UTC"),
        seats=1,
    ),
    "session, all stated": GroupSession(
        id="s1",
        version=1,
        provider="smith",
        type="visit",
        location="main",
        resources={_R1},
        start=instant_of(_DAWN - 15),
        end=instant_of(_DAWN + 15),
        wall=WallTime(datetime(2026, 1, 7, 12, 45), "Pacific/Auckland", tzdata="2026a"),
        spans=[(_SMITH, _DAWN - 15, _DAWN + 20), (_R1, _DAWN - 15, _DAWN + 15)],
        opened_by="week",
        created_by="kim",
        updated_by="Kim",
        seats=MOST_SEATS,
        expires=LATER,
        doubled=True,
        **_TIMES,
    ),
    "one-off blocking": Blocking(
        id="b1",
        version=1,
        resources="smith",
        start=instant_of(FIRST_MINUTE),
        end=instant_of(FIRST_MINUTE + 1),
    ),
    "one-off blocking, all stated": Blocking(
        id="b1",
        version=1,
        active=False,
        resources={_SMITH, _R1, _D1, Resource("location", "main")},
        start=instant_of(_DAWN),
        end=instant_of(_DAWN + LONGEST_CLAIM),
        reason=ODD,
        kept_for="ehr-4711",
        doubled=True,
        created_by="b" * LONGEST_ID,
        updated_by=" B",
        **_TIMES,
    ),
}
"""Bookings of every kind: as plain as can be, and with everything stated."""

CLAIMS: Final[dict[str, Claim]] = {
    "the first minute of an hour": Claim(_SMITH, _DAWN + 600, _DAWN + 601, id="a1"),
    "half an hour": Claim(_SMITH, _DAWN + 600, _DAWN + 630, id="a1"),
    "an hour": Claim(_SMITH, _DAWN + 600, _DAWN + 660, id="a1"),
    "the last minute of an hour": Claim(_SMITH, _DAWN + 659, _DAWN + 660, id="a1"),
    "two minutes of two hours": Claim(_SMITH, _DAWN + 659, _DAWN + 661, id="a1"),
    "the last minute of a day": Claim(_SMITH, _DAWN - 1, _DAWN, id="a1"),
    "the first minute of a day": Claim(_SMITH, _DAWN, _DAWN + 1, id="a1"),
    "two minutes of two days": Claim(_SMITH, _DAWN - 1, _DAWN + 1, id="a1"),
    "a day": Claim(_SMITH, _DAWN, _DAWN + DAY, id="a1"),
    "nearly a day": Claim(_SMITH, _DAWN + 1, _DAWN + DAY - 1, id="a1"),
    "days": Claim(_SMITH, _DAWN - 3 * DAY - 61, _DAWN + 2 * DAY + 59, id="a1"),
    "as long as can be": Claim(_SMITH, _DAWN - 7, _DAWN - 7 + LONGEST_CLAIM, id="a1"),
    "the first minute of all": Claim(_SMITH, FIRST_MINUTE, FIRST_MINUTE + 1, id="a1"),
    "the first days": Claim(_SMITH, FIRST_MINUTE, FIRST_MINUTE + 2 * DAY + 1, id="a1"),
    "the last minute of all": Claim(_SMITH, LAST_MINUTE - 1, LAST_MINUTE, id="a1"),
    "the last days": Claim(_SMITH, LAST_MINUTE - 2 * DAY - 1, LAST_MINUTE, id="a1"),
    "of a practice": Claim(Resource("practice", "p"), _DAWN, _DAWN + 5, id="a1"),
    "of a patient": Claim(_ADA, _DAWN, _DAWN + 5, id="a1"),
    "of a location": Claim(Resource("location", "main"), _DAWN, _DAWN + 5, id="a1"),
    "of a room": Claim(_R1, _DAWN, _DAWN + 5, id="a1"),
    "of a device": Claim(_D1, _DAWN, _DAWN + 5, id="a1"),
    "for nothing named": Claim(_SMITH, _DAWN, _DAWN + 5),
    "of the longest ids": Claim(Resource("room", "😀" * 255), _DAWN, _DAWN + 5, id="😀" * 255),
    "a blocking": Claim(_SMITH, _DAWN, _DAWN + 5, ClaimKind.BLOCKING, "lunch "),
    "a hold": Claim(_SMITH, _DAWN, _DAWN + 5, ClaimKind.HOLD, "h1", WHEN),
    "a hold until long after": Claim(_SMITH, _DAWN, _DAWN + 5, ClaimKind.HOLD, "h1", LATER),
}
"""Claims of every kind and length, each on its own."""
