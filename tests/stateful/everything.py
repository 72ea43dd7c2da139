"""The machine with all that a clinic books besides single visits."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule
from tests.stateful import drawn
from tests.stateful.drawn import D1, MINUTE, NEW_YORK, PATIENTS, R1, TYPES
from tests.stateful.machine import Stores, as_

from medsched import (
    BookingRules,
    ChainVisit,
    EstablishedFirst,
    FollowUpWish,
    LeastLoaded,
    Practice,
    Recurrence,
    RoundRobin,
    Search,
    ShortestWait,
    TimeBlock,
    TzdataZones,
    Weighted,
)
from medsched.domain.appointments import Appointment
from medsched.domain.blockings import Blocking
from medsched.domain.records import Resource
from medsched.domain.starts import Start

WHYS = st.sampled_from(["an emergency", "her own wish", " "])
STANDING = st.sampled_from(["refuse", "keep", "cancel"])
RULES = st.builds(
    BookingRules,
    per_day=st.sampled_from([None, None, 0, 1, 2, 3]),
    per_week=st.sampled_from([None, None, 2, 4]),
    open_per_patient=st.sampled_from([None, None, 1, 2]),
    spacing=st.sampled_from([None, None, timedelta(hours=1), timedelta(days=1)]),
    new_patients_on=st.sampled_from([None, None, "SU", "FR-SU"]),
    new_patients_in=st.sampled_from([(), (), "09:00-11:00"]),
    established_only=st.sampled_from([False, False, False, True]),
    needs_referral=st.sampled_from([False, False, False, True]),
    needs_prepayment=st.sampled_from([False, False, False, True]),
)
ASSIGNMENTS = st.sampled_from(
    [
        *(None, ShortestWait(), RoundRobin(), RoundRobin("desk"), LeastLoaded()),
        *(EstablishedFirst(), EstablishedFirst(RoundRobin()), Weighted({"smith": 3})),
    ]
)
SEARCHES = st.builds(
    lambda day, days, **asked: Search(
        first=date(2026, 3, day), last=date(2026, 3, day + days), **asked
    ),
    st.integers(6, 8),
    st.integers(0, 1),
    types=drawn.types.map(lambda code: [code]) | st.none(),
    providers=st.none() | drawn.providers,
    timezone=st.sampled_from([None, NEW_YORK, "Asia/Tokyo"]),
)
TAKEN = st.sampled_from(
    [
        [Resource("provider", "smith")],
        [Resource("provider", "jones"), R1],
        [R1, D1],
        [Resource("location", "main")],
        [Resource("provider", "nobody")],
    ]
)


def instant(wall: datetime) -> datetime:
    """What a wall in New York shows, at its first showing."""
    return wall.replace(tzinfo=TzdataZones().zone(NEW_YORK).tzinfo)


class Everything(Stores):
    """Drives every subject with the same commands, of every kind."""

    blockings = Bundle("blockings")
    blocks = Bundle("blocks")
    """The ids of time blocks."""

    # ----------------------------------------------------------------- staff's overrides

    @rule(
        slot=drawn.starts,
        patient=drawn.people,
        why=WHYS,
        key=drawn.keys,
        how=st.sampled_from(["book", "request", "propose"]),
        referral=st.sampled_from(["", "R"]),
        target=Stores.appointments,
    )
    def override(
        self, slot: Start | str, patient: str, why: str, key: str | None, how: str, referral: str
    ) -> Any:
        made = self.keyed(
            lambda clinic: getattr(clinic.appointments, how)(
                slot, patient=patient, override=why, referral=referral, idempotency_key=key
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(one=Stores.appointments, where=drawn.places_in_time, how=st.integers(0, 5), why=WHYS)
    def move_all_the_same(
        self, one: Appointment, where: tuple[str, datetime], how: int, why: str
    ) -> None:
        slot = drawn.named(where, one.type, how)
        self.do(lambda clinic: clinic.appointments.reschedule(one.id, slot, override=why))

    # ------------------------------------------------------------------------ seats

    @rule(
        wall=drawn.mornings,
        patients=st.lists(st.sampled_from(PATIENTS), min_size=2, max_size=4),
        held=st.integers(0, 3),
    )
    def fill_a_class(self, wall: datetime, patients: list[str], held: int) -> None:
        """Several come to one start, and some seats are held."""
        slot = Start("smith", "class", instant(wall))
        for _ in range(held):
            self.do(lambda clinic: clinic.holds.place(slot, lasting=15 * MINUTE))
        for patient in patients:
            self.do(lambda clinic, who=patient: clinic.appointments.book(slot, patient=who))  # type: ignore[misc]

    # --------------------------------------------------------------------- blockings

    @rule(
        taken=TAKEN,
        wall=drawn.mornings,
        length=st.sampled_from([10, 30, 90, 0]),
        standing=STANDING,
        kept_for=st.none() | drawn.people,
        key=drawn.keys,
        who=drawn.whos,
        target=blockings,
    )
    def block(
        self,
        taken: list[Resource],
        wall: datetime,
        length: int,
        standing: str,
        kept_for: str | None,
        key: str | None,
        who: str | None,
    ) -> Any:
        start = instant(wall)
        made = self.keyed(
            lambda clinic: as_(clinic, who).blockings.add(
                taken,
                start,
                start + length * MINUTE,
                stranded=standing,
                kept_for=kept_for,
                idempotency_key=key,
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(slot=drawn.starts, standing=STANDING, target=blockings)
    def block_slot(self, slot: Start | str, standing: str) -> Any:
        made = self.do(lambda clinic: clinic.blockings.block_slot(slot, stranded=standing))
        return multiple() if made is None else made

    @rule(one=blockings, by=st.sampled_from([-30, 15, 60, 0]), standing=STANDING)
    def move_blocking(self, one: Blocking, by: int, standing: str) -> None:
        low, high = one.start + by * MINUTE, one.end + by * MINUTE
        self.do(lambda clinic: clinic.blockings.move(one.id, low, high, stranded=standing))

    @rule(one=blockings, key=drawn.keys)
    def unblock(self, one: Blocking, key: str | None) -> None:
        self.keyed(lambda clinic: clinic.blockings.release(one.id, idempotency_key=key), key)

    @rule(
        one=blockings,
        type=st.sampled_from(TYPES),
        patient=drawn.people,
        target=Stores.appointments,
    )
    def book_what_is_kept(self, one: Blocking, type: str, patient: str) -> Any:
        slot = Start("smith", type, one.start)
        made = self.do(
            lambda clinic: clinic.appointments.book(slot, patient=patient, in_place_of=one.id)
        )
        return multiple() if made is None else made

    @rule(resource=st.sampled_from(["smith", R1]), wall=drawn.mornings)
    def look_at_blockings(self, resource: str | Resource, wall: datetime) -> None:
        start = instant(wall)
        self.do(lambda clinic: clinic.blockings.list(resource=resource))
        self.do(lambda clinic: clinic.blockings.between(resource, start, start + 60 * MINUTE))

    # ------------------------------------------------------------------- time blocks

    @rule(
        provider=st.sampled_from(["smith", "kim", "jones"]),
        day=drawn.dates,
        hours=st.sampled_from(["09:00-09:45", "13:00-13:20", "02:30-03:30", "23:00-23:10"]),
        types=st.sampled_from([None, None, "visit"]),
        stranded=STANDING,
        key=drawn.keys,
        target=blocks,
    )
    def publish_block(
        self,
        provider: str,
        day: date,
        hours: str,
        types: str | None,
        stranded: str,
        key: str | None,
    ) -> Any:
        block = TimeBlock(provider, day, hours, types=types)
        made = self.keyed(
            lambda clinic: clinic.time_blocks.publish(
                block, stranded=stranded, idempotency_key=key
            ),
            key,
        )
        return multiple() if made is None else made.id

    @rule(
        block=blocks,
        type=st.sampled_from(TYPES),
        patient=drawn.people,
        target=Stores.appointments,
    )
    def book_block(self, block: str, type: str, patient: str) -> Any:
        made = self.do(lambda clinic: clinic.time_blocks.book(block, type=type, patient=patient))
        return multiple() if made is None else made

    @rule(
        block=blocks,
        how=st.sampled_from(["deactivate", "activate", "delete"]),
        stranded=STANDING,
    )
    def switch_block(self, block: str, how: str, stranded: str) -> None:
        self.do(
            lambda clinic: getattr(clinic.time_blocks, how)(block, stranded=stranded),
            changes="records",
        )

    @rule(free=st.sampled_from([None, True, False]))
    def list_blocks(self, free: bool | None) -> None:
        self.do(lambda clinic: clinic.time_blocks.list(free=free))

    # ------------------------------------------------------------ series and follow-ups

    @rule(
        provider=st.sampled_from(["smith", "smith", "kim", "jones"]),
        type=st.sampled_from(["visit", "class", "scan"]),
        patient=drawn.people,
        count=st.integers(2, 4),
        at=st.sampled_from([time(9), time(9, 30), time(11), time(2, 30)]),
        skip=st.booleans(),
        key=drawn.keys,
        target=Stores.appointments,
    )
    def book_series(
        self,
        provider: str,
        type: str,
        patient: str,
        count: int,
        at: time,
        skip: bool,
        key: str | None,
    ) -> Any:
        daily = Recurrence.parse(f"FREQ=DAILY;COUNT={count}", start=date(2026, 3, 6))
        found = self.keyed(
            lambda clinic: clinic.series.book(
                provider,
                type,
                patient=patient,
                recurrence=daily,
                at=at,
                skip=skip,
                idempotency_key=key,
            ),
            key,
        )
        return multiple() if found is None else multiple(*found.appointments)

    @rule(
        one=Stores.appointments,
        to=st.sampled_from([time(9), time(10), time(2, 30), datetime(2026, 3, 9, 9, 30)]),
        scope=st.sampled_from(["this", "following", "all"]),
        key=drawn.keys,
    )
    def move_series(
        self, one: Appointment, to: time | datetime, scope: str, key: str | None
    ) -> None:
        self.keyed(
            lambda clinic: clinic.series.reschedule(one.id, to, scope=scope, idempotency_key=key),
            key,
        )

    @rule(one=Stores.appointments, scope=st.sampled_from(["this", "following", "all"]))
    def cancel_series(self, one: Appointment, scope: str) -> None:
        self.do(lambda clinic: clinic.series.cancel(one.id, scope=scope, reason="away"))

    @rule(
        one=Stores.appointments,
        after=st.integers(0, 3),
        give=st.integers(0, 2),
        other=st.booleans(),
        target=Stores.appointments,
    )
    def follow_up(self, one: Appointment, after: int, give: int, other: bool) -> Any:
        wish = FollowUpWish(
            after=timedelta(days=after),
            give_or_take=timedelta(days=give),
            providers=["kim"] if other else (),
        )
        made = self.do(lambda clinic: clinic.appointments.follow_up(one.id, wish))
        return multiple() if made is None else made

    # ----------------------------------------------------- first available, and chains

    @rule(
        search=SEARCHES,
        who=drawn.people,
        assignment=ASSIGNMENTS,
        key=drawn.keys,
        target=Stores.appointments,
    )
    def book_first(self, search: Search, who: str, assignment: Any, key: str | None) -> Any:
        made = self.keyed(
            lambda clinic: clinic.appointments.book_first(
                search, patient=who, assignment=assignment, idempotency_key=key
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(
        searches=st.lists(SEARCHES, min_size=1, max_size=3),
        who=drawn.people,
        least=st.sampled_from([0, 10, 60]),
        most=st.sampled_from([None, 0, 90]),
        close=st.booleans(),
        key=drawn.keys,
        target=Stores.appointments,
    )
    def book_chain(
        self,
        searches: list[Search],
        who: str,
        least: int,
        most: int | None,
        close: bool,
        key: str | None,
    ) -> Any:
        first, *others = searches
        visits = [
            ChainVisit(search=first),
            *(
                ChainVisit(
                    search=one,
                    gap_least=least * MINUTE,
                    gap_most=None if most is None else (least + most) * MINUTE,
                    same_day=close,
                )
                for one in others
            ),
        ]
        made = self.keyed(
            lambda clinic: clinic.appointments.book_chain(visits, patient=who, idempotency_key=key),
            key,
        )
        return multiple() if made is None else multiple(*made)

    # ------------------------------------------------------------------- booking rules

    @rule(
        which=drawn.types.map(lambda code: ("appointment_types", code))
        | drawn.providers.map(lambda id: ("providers", id)),
        rules=RULES,
    )
    def state_rules(self, which: tuple[str, str], rules: BookingRules) -> None:
        def state(clinic: Practice) -> object:
            directory = getattr(clinic, which[0])
            return directory.update(attrs.evolve(directory.get(which[1]), rules=rules))

        self.do(state, changes="records")

    @rule(most=st.sampled_from([None, 1, 3]))
    def state_most(self, most: int | None) -> None:
        self.do(lambda clinic: clinic.settings.configure(open_per_patient=most), changes="records")

    @rule(who=drawn.people, seen=st.booleans())
    def establish(self, who: str, seen: bool) -> None:
        def change(clinic: Practice) -> object:
            return clinic.patients.update(attrs.evolve(clinic.patients.get(who), established=seen))

        self.do(change, changes="records")
