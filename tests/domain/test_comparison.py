"""What is claimed beside what the bookings take: compared as a careful person would, by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.comparison import Due, Minutes, compare_claims, compare_resource
from medsched.domain.differences import (
    Difference,
    DifferentClaim,
    DoubleBooking,
    MissingClaim,
    StrayClaim,
    Unreadable,
    Verification,
    WrongMinutes,
)
from medsched.domain.records import Resource
from medsched.timeline.instants import DAY, minute_of

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
NINE = minute_of(NOW, rounding="down")
SMITH, ADA = Resource("provider", "smith"), Resource("patient", "ada")
MINUTE = timedelta(minutes=1)


def claim(low: int, high: int, id: str = "a", resource: Resource = SMITH) -> Claim:
    """An appointment's claim, in minutes after nine."""
    return Claim(resource, NINE + low, NINE + high, ClaimKind.APPOINTMENT, id)


def held(low: int, high: int, id: str = "h", *, for_: int) -> Claim:
    """A hold's claim that expires so many minutes after nine."""
    return Claim(SMITH, NINE + low, NINE + high, ClaimKind.HOLD, id, NOW + for_ * MINUTE)


def due(*claims: Claim, id: str = "a", status: str = "booked") -> Due:
    """An appointment that must have these claims."""
    return Due(ClaimKind.APPOINTMENT, id, status, claims)


class TestClaims:
    def test_what_is_as_it_must_be_is_no_difference(self) -> None:
        claims = [claim(0, 30), claim(0, 30, resource=ADA), claim(30, 60, "b")]
        bookings = [due(*claims[:2]), due(claims[2], id="b"), due(id="c", status="cancelled")]
        assert compare_claims("p", bookings, reversed(claims)) == []

    def test_each_difference_is_told_for_what_it_is(self) -> None:
        bookings = [
            due(claim(0, 30), claim(0, 30, resource=ADA)),
            due(id="b", status="cancelled"),
            due(claim(90, 120, "d"), id="d"),
        ]
        found = [claim(0, 40), claim(30, 60, "b"), claim(30, 60, "c"), claim(0, 9, "d")]
        assert compare_claims("p", bookings, found) == [
            MissingClaim(practice="p", claim=claim(0, 30, resource=ADA)),
            DifferentClaim(practice="p", claim=claim(0, 30), found=claim(0, 40)),
            StrayClaim(practice="p", claim=found[1], why="it is cancelled"),
            StrayClaim(practice="p", claim=found[2], why="there is no such booking"),
            StrayClaim(practice="p", claim=found[3], why="it does not take that time"),
            MissingClaim(practice="p", claim=claim(90, 120, "d")),
        ]

    def test_a_hold_and_an_appointment_of_one_id_are_two(self) -> None:
        hold = held(0, 30, "a", for_=5)
        (told,) = compare_claims("p", [due(claim(60, 90))], [hold, claim(60, 90)])
        assert told == StrayClaim(practice="p", claim=hold, why="there is no such booking")

    def test_when_a_hold_expires_is_compared_too(self) -> None:
        meant, found = held(0, 30, for_=5), held(0, 30, for_=500)
        (told,) = compare_claims("p", [Due(ClaimKind.HOLD, "h", "", (meant,))], [found])
        assert str(told) == (
            "p: hold h claims provider smith from 2026-01-05 09:00 to 09:30 UTC, until 2026-01-05"
            " 17:20:00 instead of provider smith from 2026-01-05 09:00 to 09:30 UTC, until"
            " 2026-01-05 09:05:00"
        )


class TestResources:
    def test_minute_by_minute(self) -> None:
        """Whatever is claimed and whatever the ledger holds, as counted on ten fingers."""
        draw = Random(5)
        for _ in range(300):
            claims = []
            for number in range(draw.randrange(6)):
                low = draw.randrange(-90, 3 * DAY)
                claims.append(claim(low, low + draw.choice((1, 30, 60, DAY, 2 * DAY)), f"{number}"))
            taken = Counter(minute for one in claims for minute in range(one.low, one.high))
            held = {minute for minute in taken if draw.random() > 0.001}
            for _ in range(draw.randrange(4)):
                held.add(NINE + draw.randrange(-DAY, 3 * DAY))
            ledger: dict[int, int] = {NINE // DAY: 0}
            for minute in held:
                ledger[minute // DAY] = ledger.get(minute // DAY, 0) | 1 << minute % DAY
            rows = {day: Minutes(bits) for day, bits in ledger.items()}
            told = list(compare_resource("p", SMITH, claims, rows, NOW))
            double, wrong = Counter[int](), {True: set[int](), False: set[int]()}
            for one in told:
                if isinstance(one, DoubleBooking):
                    double.update(range(one.span.low, one.span.high))
                else:
                    for spans, which in ((one.missing, True), (one.stray, False)):
                        for span in spans:
                            assert span.low // DAY == (span.high - 1) // DAY == one.day
                            wrong[which].update(range(span.low, span.high))
            assert wrong == {True: taken.keys() - held, False: held - taken.keys()}
            pairs = {minute: n * (n - 1) // 2 for minute, n in taken.items() if n > 1}
            assert double == pairs

    def test_neighbours_take_no_minute_twice(self) -> None:
        claims = [claim(0, 30), claim(30, 60, "b")]
        rows = {NINE // DAY: Minutes(((1 << 60) - 1) << 540)}
        assert list(compare_resource("p", SMITH, claims, rows, NOW)) == []

    def test_an_expired_hold_takes_nothing_from_others_and_stands_in_the_ledger(self) -> None:
        rows = {NINE // DAY: Minutes(((1 << 30) - 1) << 540)}
        for expires, double in ((0, 0), (1, 1)):
            claims = [claim(0, 30), held(0, 30, for_=expires)]
            told = list(compare_resource("p", SMITH, claims, rows, NOW))
            assert len(told) == double
        assert list(compare_resource("p", SMITH, [held(0, 30, for_=0)], rows, NOW)) == []

    def test_a_booking_takes_nothing_from_itself(self) -> None:
        rows = {NINE // DAY: Minutes(((1 << 40) - 1) << 540)}
        claims = [claim(0, 30), claim(10, 40)]
        assert list(compare_resource("p", SMITH, claims, rows, NOW)) == []

    def test_numbers_that_stand_for_no_minutes(self) -> None:
        hours: list[int | None] = [None] * 24
        assert Minutes.of(hours) == Minutes(0)
        hours[9] = 1 << 59
        assert Minutes.of(hours) == Minutes(1 << 599)
        for garbage in (1 << 60, -1, 1 << 62):
            hours[9] = garbage | 1 << 59
            read = Minutes.of(hours)
            assert read.garbled
            assert read.bits >> 600 == 0
        (told,) = compare_resource("p", SMITH, [], {20_000: Minutes(0, True)}, NOW)
        assert told == WrongMinutes(practice="p", resource=SMITH, day=20_000, garbled=True)


class TestSentences:
    def test_what_people_read(self) -> None:
        late = Claim(ADA, 20_000 * DAY - 30, 20_000 * DAY + 30, ClaimKind.APPOINTMENT, "a")
        day = NINE // DAY
        spans = [Span(SMITH, NINE, NINE + 30), Span(SMITH, day * DAY + 1410, (day + 1) * DAY)]
        differences: list[Difference] = [
            MissingClaim(practice="p", claim=late),
            StrayClaim(practice="p", claim=claim(0, 30), why="it is cancelled"),
            DoubleBooking(practice="p", first=claim(0, 30), second=held(20, 60, for_=5)),
            WrongMinutes(
                practice="p",
                resource=SMITH,
                day=day,
                missing=tuple(spans),
                stray=(Span(SMITH, NINE + 60, NINE + 61),),
                garbled=True,
            ),
            Unreadable(practice="p", what="hold 'h'"),
        ]
        assert list(map(str, differences)) == [
            (
                "p: appointment a has no claim on patient ada"
                " from 2024-10-03 23:30 to 2024-10-04 00:30 UTC"
            ),
            (
                "p: appointment a claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
                " but it is cancelled"
            ),
            (
                "p: appointment a and hold h both take provider smith"
                " from 2026-01-05 09:20 to 09:30 UTC"
            ),
            (
                "p: the ledger of provider smith on 2026-01-05 UTC lacks 09:00-09:30, 23:30-24:00,"
                " and holds for nothing 10:00-10:01, and holds numbers that stand for no minutes"
            ),
            "p: hold 'h' cannot be read",
        ]
        left = tuple(differences[2:3])
        done = Verification(bookings=2, differences=tuple(differences), left=left)
        assert not done.is_clean
        assert Verification(bookings=2, differences=tuple(differences), left=()).is_clean
