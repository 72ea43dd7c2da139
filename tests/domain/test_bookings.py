"""Appointments, holds, starts, requests under a key: what each says of itself, and refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from medsched.domain.appointments import (
    Appointment,
    AppointmentStatus,
    Move,
    Participation,
    participants_in,
)
from medsched.domain.bookings import Booking, WallTime
from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.events import Change, Event
from medsched.domain.fields import phi_fields
from medsched.domain.holds import Hold
from medsched.domain.idempotency import keyed_request
from medsched.domain.principals import SYSTEM, Principal
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.refusals import BookingRefused
from medsched.domain.requests import Reason, Violation
from medsched.domain.starts import ANYWHERE, Start
from medsched.errors import (
    IdempotencyMismatch,
    InvalidChoice,
    InvalidId,
    InvalidInterval,
    InvalidText,
    InvalidTransition,
    InvalidWallTime,
    MedschedError,
    NaiveDatetime,
    NotAllowed,
    OutOfRange,
    UnknownZone,
)

MINUTE = timedelta(minutes=1)
TEN = datetime(2026, 1, 7, 15, tzinfo=UTC)
WALL = WallTime(datetime(2026, 1, 7, 10), "America/New_York", tzdata="2026a")
SMITH, ADA = Resource("provider", "smith"), Resource("patient", "ada")
ROOM = Resource("room", "r1")
SPANS = (Span(SMITH, 10, 50), Span(ADA, 10, 40), Span(ROOM, 5, 45))


def appointment(**changes: Any) -> Appointment:
    fields: dict[str, Any] = {
        "id": "A-1",
        "provider": "smith",
        "patient": "ada",
        "type": "visit",
        "start": TEN,
        "end": TEN + 30 * MINUTE,
        "wall": WALL,
        "resources": [ROOM],
        "spans": SPANS,
    }
    return Appointment(**{**fields, **changes})


def hold(**changes: Any) -> Hold:
    of = {field.name: getattr(appointment(), field.name) for field in attrs.fields(Booking)}
    return Hold(**{**of, "id": "H-1", "expires": TEN - MINUTE, **changes})


class TestWallTime:
    def test_a_wall_time_is_naive_and_whole(self) -> None:
        for bad in (TEN, datetime(2026, 1, 7, 10, 0, 1), datetime(2026, 1, 7, 10, 0, 0, 1)):
            with pytest.raises(InvalidWallTime) as caught:
                WallTime(bad, "America/New_York")
            assert (caught.value.field, caught.value.value) == ("start", bad)
        bad_start: Any = date(2026, 1, 7)
        with pytest.raises(InvalidWallTime):
            WallTime(bad_start, "America/New_York")

    @pytest.mark.parametrize("name", ["", "x" * 256, "Europe/\0Berlin"])
    def test_a_zone_has_a_name(self, name: str) -> None:
        with pytest.raises(UnknownZone):
            WallTime(datetime(2026, 1, 7, 10), name)


class TestStart:
    def test_anywhere_is_the_default_and_nowhere_is_none(self) -> None:
        assert Start("smith", "visit", TEN).location is ANYWHERE
        assert Start("smith", "visit", TEN, location=None).location is None

    @pytest.mark.parametrize(
        "at, error",
        [
            (TEN.replace(tzinfo=None), NaiveDatetime),
            (TEN + timedelta(seconds=1), InvalidInterval),
            (TEN + timedelta(microseconds=1), InvalidInterval),
            (datetime(1972, 12, 31, tzinfo=UTC), OutOfRange),
            (date(2026, 1, 7), NaiveDatetime),
            ("2026-01-07T10:00Z", NaiveDatetime),
        ],
    )
    def test_a_start_is_an_aware_whole_minute(self, at: Any, error: type[MedschedError]) -> None:
        with pytest.raises(error):
            Start("smith", "visit", at)

    @pytest.mark.parametrize("bad", ["", "a\0b", "x" * 256, None])
    def test_ids_are_ids(self, bad: Any) -> None:
        for provider, type in ((bad, "visit"), ("smith", bad)):
            with pytest.raises(InvalidId):
                Start(provider, type, TEN)

    @pytest.mark.parametrize("fold", [0, 1])
    def test_an_aware_datetime_of_a_repeated_hour_is_an_instant(self, fold: int) -> None:
        at = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"), fold=fold)
        assert Start("smith", "visit", at).at == at


class TestAppointment:
    def test_what_it_says(self) -> None:
        one = appointment(start=TEN.astimezone(timezone(timedelta(hours=9))))
        assert one.start == TEN
        assert one.start.tzinfo is UTC
        assert one.duration == 30 * MINUTE
        assert one.status is AppointmentStatus.BOOKED
        assert one.everybody() == {SMITH, ADA, ROOM}

    def test_only_some_statuses_claim_time(self) -> None:
        claiming = {
            status.value for status in AppointmentStatus if appointment(status=status).claims
        }
        expected = {"pending", "booked", "arrived", "checked-in", "fulfilled", "noshow"}
        assert claiming == expected
        assert all(one.claims_time == (one.status in expected) for one in map(of, expected))
        proposed = of("proposed")
        assert proposed.claims == ()
        assert len(proposed.spans) == 3, "what it would take is known"

    def test_its_claims_are_its_spans(self) -> None:
        assert appointment().claims == tuple(
            Claim(resource, low, high, ClaimKind.APPOINTMENT, "A-1")
            for resource, low, high in sorted(SPANS)
        )

    def test_upcoming_is_pending_or_booked_and_not_begun(self) -> None:
        assert {
            status.value
            for status in AppointmentStatus
            if appointment(status=status).is_upcoming(TEN - MINUTE)
        } == {"pending", "booked"}
        assert appointment().is_upcoming(TEN - timedelta(microseconds=1))
        assert not appointment().is_upcoming(TEN), "it begins now"

    def test_a_naive_now_is_refused_by_name(self) -> None:
        naive = TEN.replace(tzinfo=None)
        with pytest.raises(NaiveDatetime):
            appointment().is_upcoming(naive)
        with pytest.raises(NaiveDatetime):
            hold().is_live(naive)

    @pytest.mark.parametrize("length", [timedelta(0), -MINUTE])
    def test_it_ends_after_it_starts(self, length: timedelta) -> None:
        with pytest.raises(InvalidInterval) as caught:
            appointment(end=TEN + length)
        assert caught.value.field == "end"

    @pytest.mark.parametrize(
        "field, value, error",
        [
            ("start", datetime(2026, 1, 7, 15), NaiveDatetime),
            ("end", datetime(2026, 1, 7, 16), NaiveDatetime),
            ("patient", None, InvalidId),
            ("patient", "a\0b", InvalidId),
            ("provider", "", InvalidId),
            ("reference", "a\0b", InvalidId),
            ("status", "scheduled", InvalidChoice),
            ("reason", "a\0b", InvalidText),
            ("notes", "x" * 501, InvalidText),
            ("cancellation", None, InvalidText),
        ],
    )
    def test_what_it_refuses(self, field: str, value: object, error: type[Exception]) -> None:
        with pytest.raises(error):
            appointment(**{field: value})

    def test_what_concerns_the_patient_is_marked_and_not_shown(self) -> None:
        assert {"reason", "notes", "cancellation"} <= phi_fields(Appointment)
        one = appointment(reason="SECRET", notes="SECRET", cancellation="SECRET")
        assert "SECRET" not in f"{one!r} {one} {Event.of(Change.BOOKED, one)!r}"
        with pytest.raises(InvalidText) as caught:
            attrs.evolve(one, notes="SECRET" * 100)
        assert "SECRET" not in repr(caught.value) + str(caught.value)

    def test_a_move_is_made_of_instants(self) -> None:
        with pytest.raises(NaiveDatetime):
            Move(
                start=TEN.replace(tzinfo=None),
                end=TEN,
                provider="smith",
                moved_at=TEN,
                moved_by="kim",
            )

    def test_who_still_has_to_answer(self) -> None:
        def waiting(status: AppointmentStatus) -> set[str]:
            return {
                one.resource.kind.value
                for one in participants_in(status, "smith", "ada")
                if one.participation is Participation.NEEDS_ACTION
            }

        assert waiting(AppointmentStatus.PENDING) == {"provider"}
        assert waiting(AppointmentStatus.PROPOSED) == {"patient"}
        assert waiting(AppointmentStatus.BOOKED) == set()


def of(status: str) -> Appointment:
    return appointment(status=status)


class TestHold:
    def test_it_ends_at_an_instant(self) -> None:
        one = hold()
        assert one.is_live(one.expires - timedelta(microseconds=1))
        assert not one.is_live(one.expires)

    def test_its_claims_end_by_themselves(self) -> None:
        claims = hold().claims
        assert {(claim.kind, claim.id) for claim in claims} == {(ClaimKind.HOLD, "H-1")}
        assert all(claim.is_live(TEN - 2 * MINUTE) for claim in claims)
        assert not any(claim.is_live(TEN - MINUTE) for claim in claims)

    def test_the_patient_may_be_left_open(self) -> None:
        assert hold(patient=None).patient is None


class TestKeyedRequest:
    def keyed(
        self, key: str = "k", who: Principal = SYSTEM, what: str = "book", **said: Any
    ) -> Any:
        return keyed_request(key, who, what, said, TEN)

    def test_equal_requests_have_equal_digests(self) -> None:
        there = TEN.astimezone(timezone(timedelta(hours=9)))
        one = self.keyed(at=TEN, resources=frozenset({ROOM, SMITH}), lasting=MINUTE)
        other = self.keyed(at=there, resources=frozenset({SMITH, ROOM}), lasting=60 * MINUTE / 60)
        assert one == other

    def test_any_difference_shows(self) -> None:
        one = self.keyed(patient="ada", reason="a")
        assert self.keyed(patient="ada", reason="b").digest != one.digest
        assert self.keyed(patient="adaa", reason="").digest != one.digest
        assert self.keyed(patient=None).digest != self.keyed(patient="None").digest
        assert self.keyed(ids=["a", "b"]).digest != self.keyed(ids=["a,b"]).digest

    def test_principals_and_operations_have_keys_of_their_own(self) -> None:
        scopes = {
            self.keyed().scope,
            self.keyed(key="l").scope,
            self.keyed(who=Principal.trusted("kim")).scope,
            self.keyed(what="cancel").scope,
        }
        assert len(scopes) == 4

    def test_nothing_of_the_request_can_be_read_in_it(self) -> None:
        shown = repr(self.keyed(key="SECRET-KEY", patient="SECRET", reason="SECRET"))
        assert "SECRET" not in shown

    def test_one_request_under_two_keys_cannot_be_recognised(self) -> None:
        assert self.keyed(patient="ada").digest != self.keyed(key="l", patient="ada").digest

    @pytest.mark.parametrize(
        "key", ["", "x" * 256, "x" * 10_240, "a\0b", "a\nb", "\ud800", None, 5]
    )
    def test_what_is_no_key(self, key: Any) -> None:
        with pytest.raises(InvalidId) as caught:
            self.keyed(key=key)
        assert caught.value.field == "idempotency_key"
        assert len(str(caught.value)) < 200, "a key of any length makes a short error"

    @pytest.mark.parametrize("key", ["x" * 255, " ", "\u200f\u05d0", "🗝️"])
    def test_what_is_a_key(self, key: str) -> None:
        assert self.keyed(key=key)


class TestErrors:
    def test_a_refusal_sorts_its_reasons_by_resource(self) -> None:
        told = tuple(
            Violation(reason=Reason.TAKEN, message=f"{who} is taken", resource=who)
            for who in (SMITH, ADA, SMITH)
        )
        closed = Violation(reason=Reason.TOO_SOON, message="too soon")
        error = BookingRefused((*told, closed))
        assert dict(error.by_resource) == {
            ResourceKind.PROVIDER: (told[0], told[2]),
            ResourceKind.PATIENT: (told[1],),
        }
        assert str(error).split("; ")[-1] == "too soon"
        assert error.alternatives == ()
        assert isinstance(error, ValueError)

    def test_each_says_what_it_is_about(self) -> None:
        assert "booked" in str(InvalidTransition("booked", "proposed"))
        assert isinstance(NotAllowed("kim", "hold.confirm", "no"), PermissionError)
        assert "cancel" in str(IdempotencyMismatch("cancel"))

    @pytest.mark.parametrize("id", ["", "a\0b", "x" * 256])
    def test_a_principal_has_an_id(self, id: str) -> None:
        with pytest.raises(InvalidId):
            Principal(id)
