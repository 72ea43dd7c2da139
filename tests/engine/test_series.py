"""Many bookings decided at once: each beside those before it, and what to take instead."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random

import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    SMITH,
    TOKYO,
    ZONES,
    ask,
    at,
    busy,
    mins,
    minute,
    on,
    patient,
    room,
    rule,
    visit,
)

from medsched.domain.appointment_types import Grid, Need
from medsched.domain.claims import Claim, Span
from medsched.domain.people import Provider
from medsched.domain.places import Location, PracticeSettings
from medsched.domain.requests import Reason, Violation
from medsched.domain.schedule import Schedule
from medsched.engine.booking import Plan, plan
from medsched.engine.series import (
    FreeSlots,
    Occasion,
    beside,
    home_zone,
    plan_all,
    start_on_wall,
)
from medsched.timeline.instants import DAY as A_DAY

NINE = minute(f"{DAY} 09:00", NY)
CLOCK = Grid.clock(mins(5))


def reasons(found: list[Plan | tuple[Violation, ...]]) -> list[set[Reason]]:
    """Why each is refused; nothing for what was planned."""
    return [set() if isinstance(one, Plan) else {each.reason for each in one} for one in found]


class TestWallTimes:
    def test_a_plain_one(self) -> None:
        zone = ZONES.zone(NY)
        assert start_on_wall(zone, datetime.combine(DAY, datetime.min.time())) == NINE - 540

    @pytest.mark.parametrize(
        "day, reason", [(GAP, Reason.NONEXISTENT_TIME), (FOLD, Reason.AMBIGUOUS_TIME)]
    )
    def test_one_that_is_not_there_once(self, day: date, reason: Reason) -> None:
        hour = 2 if day == GAP else 1
        found = start_on_wall(ZONES.zone(NY), datetime(day.year, day.month, day.day, hour, 30))
        assert isinstance(found, Violation)
        assert found.reason is reason
        assert f"{day} 0{hour}:30" in str(found)
        assert NY in str(found)

    def test_a_date_that_is_skipped(self) -> None:
        found = start_on_wall(ZONES.zone("Pacific/Apia"), datetime(2011, 12, 30, 12))
        assert isinstance(found, Violation)
        assert found.reason is Reason.NONEXISTENT_TIME

    @pytest.mark.parametrize(
        "location, provider, zone",
        [
            ("tokyo", SMITH, TOKYO),
            ("main", SMITH, NY),
            (None, SMITH, NY),
            ("nowhere", SMITH, NY),
            ("main", Provider(id="smith", location="tokyo"), TOKYO),
            (None, Provider(id="smith"), "UTC"),
        ],
    )
    def test_the_zone_that_is_meant(
        self, location: str | None, provider: Provider, zone: str
    ) -> None:
        schedule = Schedule(
            practice=PracticeSettings(id="riverside", timezone="UTC"),
            provider=provider,
            calendars={},
            locations={"tokyo": Location(id="tokyo", timezone=TOKYO), "main": Location(id="main")},
        )
        assert home_zone(schedule, ZONES, location).key == zone


class TestPlanning:
    def test_each_is_decided_like_one_alone(self) -> None:
        asked = ask(rule(), claims=[busy("09:30", "10:00")])
        visits = [Occasion(asked, NINE + each * A_DAY) for each in range(-3, 3)]
        visits.append(Occasion(asked, NINE + 30))
        found, alone = plan_all(visits), [plan(asked, one.start) for one in visits]
        assert [one.spans for one in found if isinstance(one, Plan)] == [
            one.spans for one in alone if isinstance(one, Plan)
        ]
        assert found[-1] == alone[-1]
        assert reasons(found) == [set()] * 6 + [{Reason.TAKEN}]

    def test_each_sees_those_before_it(self) -> None:
        type_ = visit(buffer_after=mins(15), grid=Grid.clock(mins(15)))
        asked = ask(rule(), type=type_)
        found = plan_all([Occasion(asked, NINE + each) for each in (0, 30, 45, 0, 90)])
        assert reasons(found) == [set(), {Reason.TAKEN}, set(), {Reason.TAKEN}, set()]

    def test_what_is_refused_takes_nothing(self) -> None:
        asked = ask(rule(), claims=[busy("09:00", "09:10")], type=visit(60, grid=CLOCK))
        found = plan_all([Occasion(asked, NINE), Occasion(asked, NINE + 30)])
        assert reasons(found) == [{Reason.TAKEN}, set()]

    def test_rooms_are_given_out_once(self) -> None:
        need = visit(60, needs=[Need.room("r1", "r2")], grid=CLOCK)
        asked = [
            ask(rule(of=id), provider=Provider(id=id, timezone=NY), type=need)
            for id in ("smith", "jones", "kim")
        ]
        found = plan_all([Occasion(one, NINE) for one in asked])
        assert [one.chosen for one in found if isinstance(one, Plan)] == [
            (room("r1"),),
            (room("r2"),),
        ]
        assert reasons(found)[2] == {Reason.TAKEN}

    def test_a_patient_is_in_one_place(self) -> None:
        smith, jones = (
            ask(rule(of=id), provider=Provider(id=id, timezone=NY), patient="ada")
            for id in ("smith", "jones")
        )
        found = plan_all([Occasion(smith, NINE), Occasion(jones, NINE), Occasion(jones, NINE + 30)])
        assert reasons(found) == [set(), {Reason.TAKEN}, set()]
        assert isinstance(found[1], tuple)
        assert {one.resource for one in found[1]} == {patient("ada")}

    def test_places(self) -> None:
        asked = ask(rule())
        (found,) = plan_all([Occasion(asked, NINE, places=["main"])])
        assert reasons([found]) == [{Reason.ELSEWHERE}]

    def test_all_that_is_planned_can_be_booked_together(self) -> None:
        seed = Random().randrange(10**6)
        random = Random(seed)
        for _ in range(60):
            type_ = visit(
                random.choice([15, 30, 60]),
                buffer_before=mins(random.choice([0, 10])),
                buffer_after=mins(random.choice([0, 20])),
                grid=random.choice([CLOCK, Grid.window(), Grid.packed()]),
                needs=random.choice([[], [Need.room("r1")], [Need.room("r1", "r2")]]),
            )
            claims = [
                busy(f"{hour:02}:00", f"{hour:02}:{random.randint(10, 59)}", of)
                for hour, of in ((9, "smith"), (10, room("r1")), (11, patient("ada")))
                if random.random() < 0.4
            ]
            asked = ask(rule(), type=type_, claims=claims, patient="ada")
            starts = [NINE + random.randrange(0, 180, 5) for _ in range(8)]
            found = plan_all([Occasion(asked, start) for start in starts])
            spans = [span for one in found if isinstance(one, Plan) for span in one.spans]
            spans += [Span(one.resource, one.low, one.high) for one in claims]
            for at_, (who, low, high) in enumerate(spans):
                for other, begin, end in spans[at_ + 1 :]:
                    assert who != other or high <= begin or end <= low, f"seed {seed}"
            # And the next one is refused exactly if it is refused beside all of them.
            made = [one for one in found if isinstance(one, Plan)]
            for start in range(NINE, NINE + 180, 5):
                last = plan_all(
                    [*(Occasion(asked, one.start) for one in made), Occasion(asked, start)]
                )
                alone = plan(beside(asked, made), start)
                assert reasons(last[-1:]) == reasons([alone]), f"seed {seed}"


class TestAlternatives:
    def free(self, *claims: Claim) -> FreeSlots:
        asked = ask(rule(), claims=claims, now=at(f"{DAY} 00:00", NY))
        return FreeSlots(asked, (NINE - 60 * A_DAY, NINE + 60 * A_DAY))

    def shown(self, free: FreeSlots, wall: datetime, most: int = 3) -> list[str]:
        found = free.nearest(ZONES.zone(NY), wall, most)
        return [f"{one.local_start:%m-%d %H:%M}" for one in found]

    def test_the_nearest_of_the_date_come_first(self) -> None:
        wall = datetime(2026, 2, 6, 10, 30)
        assert self.shown(self.free(), wall) == ["02-06 10:30", "02-06 10:00", "02-06 11:00"]
        late = datetime(2026, 2, 6, 23, 59)
        assert self.shown(self.free(), late, 2) == ["02-06 11:30", "02-06 11:00"]

    def test_then_the_nearest_of_a_week_around(self) -> None:
        wall = datetime(2026, 2, 4, 9)
        found = self.shown(self.free(busy("09:00", "11:30")), wall)
        assert found == ["02-04 11:30", "02-05 09:00", "02-05 09:30"]

    def test_nothing_beyond(self) -> None:
        asked = ask(on(date(2026, 2, 20)), now=at(f"{DAY} 00:00", NY))
        free = FreeSlots(asked, (NINE - 60 * A_DAY, NINE + 60 * A_DAY))
        assert self.shown(free, datetime(2026, 2, 12, 9)) == []
        assert self.shown(free, datetime(2026, 2, 13, 9), 1) == ["02-20 09:00"]

    def test_across_the_months_that_it_lists(self) -> None:
        free = self.free()
        for day in range(2, 40):
            wall = datetime(2026, 2, 4, 9) + timedelta(days=day)
            assert self.shown(free, wall, 1) == [f"{wall:%m-%d} 09:00"]

    def test_a_wall_time_that_is_skipped(self) -> None:
        asked = ask(rule("00:00-06:00"), now=at(f"{DAY} 00:00", NY))
        free = FreeSlots(asked, (NINE - 60 * A_DAY, NINE + 60 * A_DAY))
        wall = datetime(GAP.year, GAP.month, GAP.day, 2, 30)
        assert self.shown(free, wall) == ["03-08 03:00", "03-08 01:30", "03-08 03:30"]
