"""What an entry of a calendar shows to whom: every kind of time against every kind of viewer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import pytest

from medsched import Appointment, Blocking, CalendarEntry, GroupSession, Hold, Principal, Resource
from medsched.domain.access import EVERYTHING, NOTHING, Reach
from medsched.domain.bookings import WallTime
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.slots import SlotStatus
from medsched.engine.calendars import Taker, Viewer, entries
from medsched.timeline.instants import instant_of, minute_of

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given
from hypothesis import strategies as st

NINE: Final = minute_of(datetime(2026, 1, 5, 9, tzinfo=UTC), rounding="down")
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
SMITH, GYM = Resource("provider", "smith"), Resource("room", "gym")
DEVICE, MAIN, ADA = (
    Resource("device", "d"),
    Resource("location", "main"),
    Resource("patient", "ada"),
)
BUSY, HELD, AWAY = SlotStatus.BUSY, SlotStatus.BUSY_TENTATIVE, SlotStatus.BUSY_UNAVAILABLE
SECRET: Final = "the reason that is nobody's business"


def at(minutes: int) -> datetime:
    return instant_of(NINE + minutes)


def visit(id: str, low: int, high: int, **more: Any) -> Appointment:
    fields: dict[str, Any] = {
        "version": 1,
        "provider": "smith",
        "patient": "ada",
        "type": "visit",
        "location": "main",
        "resources": [GYM, DEVICE],
        "reason": SECRET,
        "wall": WallTime(at(low).replace(tzinfo=None), "UTC"),
    }
    return Appointment(id=id, start=at(low), end=at(high), **fields | more)


def hold(id: str, low: int, high: int, **more: Any) -> Hold:
    fields: dict[str, Any] = {
        "version": 1,
        "provider": "smith",
        "type": "visit",
        "wall": WallTime(at(low).replace(tzinfo=None), "UTC"),
        "expires": NOW + timedelta(minutes=1),
    }
    return Hold(id=id, start=at(low), end=at(high), **fields | more)


def session(id: str, low: int, high: int, **more: Any) -> GroupSession:
    return GroupSession(
        id=id,
        version=1,
        provider="smith",
        type="class",
        location="main",
        resources=[GYM],
        start=at(low),
        end=at(high),
        wall=WallTime(at(low).replace(tzinfo=None), "UTC"),
        seats=9,
        **more,
    )


def claim(
    on: Resource, taker: Taker, kind: str = "", before: int = 0, after: int = 0
) -> tuple[Claim, Taker]:
    kinds = {Appointment: "appointment", Hold: "hold", GroupSession: "session"}
    made = Claim.of(
        on,
        taker.start - timedelta(minutes=before),
        taker.end + timedelta(minutes=after),
        kind=ClaimKind(kinds.get(type(taker), "blocking")),
        id=taker.id,
        expires=getattr(taker, "expires", None),
    )
    return made, taker


def shown(
    viewer: Viewer, on: Resource, *taken: tuple[Claim, Taker | None], now: datetime = NOW
) -> list[dict[str, Any]]:
    """The entries, each as what it tells besides its time."""
    return [told(one) for one in seen(viewer, on, taken, now)]


def seen(
    viewer: Viewer,
    on: Resource,
    taken: Iterable[tuple[Claim, Taker | None]],
    now: datetime = NOW,
    *,
    between: tuple[datetime, datetime] | None = None,
) -> tuple[CalendarEntry, ...]:
    return entries(viewer, on, taken, between=between or (at(0), at(600)), now=now)


def told(entry: CalendarEntry) -> dict[str, Any]:
    said = attrs.asdict(entry)
    return {
        name: value
        for name, value in said.items()
        if value not in (None, "") and name not in ("start", "end", "status")
    }


ALL = Viewer(reach=EVERYTHING)
PATIENT = Viewer(reach=Reach(patients=frozenset({"ada"})), patient="ada")
OTHER_PATIENT = Viewer(reach=Reach(patients=frozenset({"eve"})), patient="eve")
PROVIDER = Viewer(reach=Reach(providers=frozenset({"smith"})), provider="smith")
OTHER_PROVIDER = Viewer(reach=Reach(providers=frozenset({"jones"})), provider="jones")
STAFF = Viewer(reach=Reach(locations=frozenset({"main"}), unplaced=True), works_here=True)
OTHER_STAFF = Viewer(reach=Reach(locations=frozenset({"side"}), unplaced=True), works_here=True)
NOBODY = Viewer(reach=NOTHING)

_WHO: Final = {"appointment": "a", "type": "visit", "patient": "ada"}
_WITH: Final = {**_WHO, "provider": "smith", "location": "main"}
_FULL: Final = {**_WITH, "reason": SECRET}
_TYPE: Final = {"type": "visit"}


@pytest.mark.parametrize(
    "viewer, provider, room, device, place, patient",
    [
        pytest.param(ALL, _FULL, _WITH, _WITH, _WITH, _FULL, id="admin"),
        pytest.param(PATIENT, _FULL, _FULL, _FULL, _FULL, _FULL, id="patient"),
        pytest.param(OTHER_PATIENT, {}, {}, {}, {}, {}, id="other patient"),
        pytest.param(PROVIDER, _FULL, _WITH, _WITH, _WITH, _FULL, id="provider"),
        pytest.param(OTHER_PROVIDER, {}, _TYPE, _TYPE, _TYPE, {}, id="other provider"),
        pytest.param(STAFF, _FULL, _WITH, _WITH, _WITH, _WITH, id="staff"),
        pytest.param(OTHER_STAFF, {}, {}, {}, {}, {}, id="staff elsewhere"),
        pytest.param(NOBODY, {}, {}, {}, {}, {}, id="nobody"),
    ],
)
def test_a_visit_tells_what_its_viewer_needs(
    viewer: Viewer,
    provider: dict[str, str],
    room: dict[str, str],
    device: dict[str, str],
    place: dict[str, str],
    patient: dict[str, str],
) -> None:
    made = visit("a", 0, 30)
    for on, wanted in (
        (SMITH, provider),
        (GYM, room),
        (DEVICE, device),
        (MAIN, place),
        (ADA, patient),
    ):
        assert (on, shown(viewer, on, claim(on, made))) == (on, [wanted])


@pytest.mark.parametrize(
    "viewer, knows, status",
    [
        (ALL, True, AWAY),
        (PROVIDER, True, AWAY),
        (attrs.evolve(STAFF, keeps=True), True, AWAY),
        (STAFF, False, AWAY),
        (OTHER_PROVIDER, False, AWAY),
        (PATIENT, False, BUSY),
        (NOBODY, False, BUSY),
    ],
)
def test_a_blocking_tells_why_to_those_who_manage(
    viewer: Viewer, knows: bool, status: SlotStatus
) -> None:
    made = Blocking(
        id="b", resources=["smith", GYM], start=at(0), end=at(30), reason=SECRET, kept_for="ada"
    )
    for on in (SMITH, GYM):
        (entry,) = seen(viewer, on, [claim(on, made)])
        assert told(entry) == ({"reason": SECRET} if knows else {})
        assert entry.status is status
        assert SECRET not in repr(entry)


def test_a_hold_is_tentative_until_it_expires() -> None:
    made = hold("h", 0, 30, patient="eve", location="main")
    for viewer, wanted, status in (
        (ALL, {"hold": "h", "type": "visit", "patient": "eve"}, HELD),
        (PROVIDER, {"hold": "h", "type": "visit", "patient": "eve"}, HELD),
        (OTHER_PROVIDER, {}, HELD),
        (OTHER_PATIENT, {"hold": "h", "type": "visit", "patient": "eve"}, HELD),
        (PATIENT, {}, BUSY),
    ):
        more = {"provider": "smith", "location": "main"} if wanted else {}
        (entry,) = seen(viewer, SMITH, [claim(SMITH, made)])
        assert (told(entry), entry.status) == (wanted | more, status)
        assert seen(viewer, SMITH, [claim(SMITH, made)], now=made.expires) == ()
        just = made.expires - timedelta(microseconds=1)
        assert len(seen(viewer, SMITH, [claim(SMITH, made)], now=just)) == 1


def test_a_session_is_one_entry_without_its_patients() -> None:
    made = session("s", 0, 60)
    full = {"session": "s", "type": "class", "provider": "smith", "location": "main"}
    for viewer, wanted in (
        (ALL, full),
        (PROVIDER, full),
        (STAFF, full),
        (OTHER_PROVIDER, {"type": "class"}),
        (OTHER_STAFF, {}),
        (PATIENT, {}),
    ):
        assert shown(viewer, GYM, claim(GYM, made)) == [wanted]


def test_a_patient_sees_their_own_seat_in_place_of_the_session() -> None:
    made, other = session("s", 0, 60), session("t", 60, 120)
    seat = visit("a", 0, 60, type="class", session="s", seats=9, resources=[GYM])
    taken = [claim(SMITH, made), claim(SMITH, other), claim(ADA, seat)]
    mine, untold = seen(PATIENT, SMITH, taken)
    assert (told(mine), told(untold)) == (
        {**_FULL, "type": "class", "session": "s"},
        {},
    )
    assert (untold.start, untold.end) == (at(60), at(120))
    # elsewhere their seat takes nothing, nor do their visits that are no seats
    for on in (Resource("provider", "jones"), DEVICE, Resource("location", "side")):
        alone = visit("b", 120, 150)
        assert shown(PATIENT, on, claim(ADA, seat), claim(ADA, alone)) == []
    for on in (GYM, MAIN):
        assert [one["appointment"] for one in shown(PATIENT, on, claim(ADA, seat))] == ["a"]


def test_untold_time_is_one_stretch_where_it_touches() -> None:
    taken = [
        claim(SMITH, visit("a", 60, 90, patient="eve")),
        claim(SMITH, visit("b", 90, 120, patient="bob"), after=10),
        claim(SMITH, hold("h", 130, 160)),
        claim(SMITH, Blocking(id="k", resources="smith", start=at(100), end=at(110))),
        claim(SMITH, visit("c", 170, 200, patient="eve"), before=5),
        claim(SMITH, visit("d", 200, 230)),
    ]
    found = seen(PATIENT, SMITH, taken)
    assert [(one.start, one.end, one.status) for one in found] == [
        (at(60), at(160), BUSY),
        (at(165), at(200), BUSY),
        (at(200), at(230), BUSY),
    ]
    assert [told(one) for one in found] == [{}, {}, _FULL | {"appointment": "d"}]
    found = seen(OTHER_STAFF, SMITH, [*taken, claim(SMITH, visit("e", 150, 165, location=None))])
    assert [(one.start, one.end, one.status) for one in found] == [
        (at(60), at(130), BUSY),
        (at(100), at(110), AWAY),
        (at(130), at(160), HELD),
        (at(150), at(165), BUSY),
        (at(165), at(230), BUSY),
    ]


def test_what_is_gone_since_is_untold_and_what_was_given_up_is_not_there() -> None:
    gone = (claim(SMITH, visit("a", 0, 30))[0], None)
    assert shown(ALL, SMITH, gone) == [{}]
    assert shown(ALL, SMITH, claim(SMITH, visit("a", 0, 30, status="cancelled"))) == []


def test_a_visit_whose_buffer_alone_reaches_in_is_not_told() -> None:
    taken = [claim(SMITH, visit("a", -40, -10), after=20), claim(SMITH, visit("b", 599, 700))]
    assert [one.appointment for one in seen(ALL, SMITH, taken)] == ["b"]
    assert [(one.start, one.end) for one in seen(NOBODY, SMITH, taken)] == [
        (at(0), at(10)),
        (at(599), at(600)),
    ]


def test_a_viewer_is_what_their_roles_say() -> None:
    fields = {"practice": "p", "patient": "ada", "provider": "smith"}
    for roles, patient, provider, staff in (
        ({"patient"}, "ada", None, False),
        ({"provider", "staff"}, None, "smith", True),
        ({"admin"}, None, None, False),
        (set[str](), None, None, False),
    ):
        viewer = Viewer.of(Principal("x", roles=roles, **fields), NOTHING)  # type: ignore[arg-type]
        assert (viewer.patient, viewer.provider, viewer.works_here) == (patient, provider, staff)


# ------------------------------------------------------------------------------ always

_IDS: Final = st.sampled_from(["ada", "eve", "bob", None])
_VIEWERS: Final = st.sampled_from(
    [PATIENT, OTHER_PATIENT, PROVIDER, OTHER_PROVIDER, STAFF, OTHER_STAFF, NOBODY, ALL]
)
_CALENDARS: Final = st.sampled_from([SMITH, GYM, DEVICE, MAIN, ADA])


@st.composite
def _taken(draw: st.DrawFn) -> list[tuple[str, int, int, str | None, str, str | None]]:
    found, low = [], 0
    for number in range(draw(st.integers(0, 8))):
        low += draw(st.integers(0, 2)) * 10
        high = low + draw(st.integers(1, 3)) * 10
        patient, provider = draw(_IDS), draw(st.sampled_from(["smith", "jones"]))
        found.append(
            (
                f"v{number}",
                low,
                high,
                patient,
                provider,
                draw(st.sampled_from(["main", "side", None])),
            )
        )
        low = high
    return found


def _claims(
    on: Resource, drawn: Iterable[tuple[str, int, int, str | None, str, str | None]]
) -> list[tuple[Claim, Taker | None]]:
    return [
        claim(
            on,
            hold(id, low, high, provider=provider, location=place)
            if patient is None
            else visit(id, low, high, patient=patient, provider=provider, location=place),
        )
        for id, low, high, patient, provider, place in drawn
    ]


@given(viewer=_VIEWERS, on=_CALENDARS, drawn=_taken())
def test_all_taken_time_is_shown_and_no_other(
    viewer: Viewer, on: Resource, drawn: list[tuple[str, int, int, str | None, str, str | None]]
) -> None:
    taken = _claims(on, drawn)

    def minutes(spans: Iterable[tuple[datetime, datetime]]) -> set[int]:
        return {
            minute
            for low, high in spans
            for minute in range(minute_of(low, rounding="up"), minute_of(high, rounding="up"))
        }

    found = seen(viewer, on, taken)
    assert minutes((one.start, one.end) for one in found) == minutes(
        (one.start, one.end) for one, _ in taken
    )
    assert list(found) == sorted(found, key=lambda one: one.start)


@given(viewer=_VIEWERS, on=_CALENDARS, drawn=_taken(), data=st.data())
def test_who_is_not_reached_makes_no_difference(
    viewer: Viewer,
    on: Resource,
    drawn: list[tuple[str, int, int, str | None, str, str | None]],
    data: st.DataObject,
) -> None:
    """Whoever else's visits they are, and be they one or several: the calendar is the same."""
    named = {*viewer.reach.patients, viewer.patient}
    others = [
        one for one in drawn if one[3] not in named and not viewer.reach.is_visited(one[4], one[5])
    ]
    stranger = {
        one: (f"x{one[0]}", one[1], one[2], "zoe" if one[3] else None, "strange", "elsewhere")
        for one in others
    }
    changed = [stranger.get(one, one) for one in drawn]
    if viewer is not ALL:
        assert seen(viewer, on, _claims(on, drawn)) == seen(viewer, on, _claims(on, changed))
    if not viewer.is_told_apart:
        split = [
            part
            for one in changed
            for part in (
                [
                    (f"{one[0]}-", one[1], one[1] + 5, *one[3:]),
                    (one[0], one[1] + 5, one[2], *one[3:]),
                ]
                if one in stranger.values()
                else [one]
            )
        ]
        assert seen(viewer, on, _claims(on, changed)) == seen(viewer, on, _claims(on, split))


@given(
    viewer=_VIEWERS,
    on=_CALENDARS,
    drawn=_taken(),
    low=st.integers(0, 250),
    length=st.integers(1, 90),
)
def test_a_part_of_a_calendar_tells_no_more_than_the_whole(
    viewer: Viewer,
    on: Resource,
    drawn: list[tuple[str, int, int, str | None, str, str | None]],
    low: int,
    length: int,
) -> None:
    """Else who asks for one minute after the other learns where each visit begins."""
    taken, (start, end) = _claims(on, drawn), (at(low), at(low + length))
    here = [(one, taker) for one, taker in taken if one.start < end and start < one.end]
    found = seen(viewer, on, here, between=(start, end))
    whole = [one for one in seen(viewer, on, taken) if one.start < end and start < one.end]
    assert list(found) == sorted(
        (
            attrs.evolve(one, start=max(one.start, start), end=min(one.end, end))
            if one.is_anonymous
            else one
            for one in whole
        ),
        key=lambda one: (one.start, one.end, one.appointment or one.hold or "", one.type or ""),
    )
