"""Hours taken away under appointments: refused unless it is said what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

import attrs
import pytest
from tests.services.test_appointments import (
    MINUTE,
    everything,
    free,
    names,
    nine,
    opened,
    start,
)

from medsched import (
    AppointmentsStranded,
    AppointmentType,
    AvailabilityRule,
    InvalidChoice,
    InvalidDuration,
    InvalidInterval,
    InvalidNumber,
    InvalidText,
    InvalidTransition,
    Location,
    MemoryStore,
    Need,
    NotFound,
    OverlappingRules,
    Override,
    Participation,
    Patient,
    Practice,
    Principal,
    Proposal,
    Provider,
    Reason,
    Recurrence,
    RecurringBlocking,
    Resource,
    Room,
    Scheduler,
    VersionConflict,
)
from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, Outcome
from medsched.services import context
from medsched.testing.fixed import FixedClock

DAY: Final = date(2026, 1, 7)
DAILY: Final = Recurrence.daily(start=date(2026, 1, 1))
MAIN, R1 = Resource("location", "main"), Resource("room", "r1")


@pytest.fixture
def clinic(clinic: Practice) -> Practice:
    """Two rooms, and a visit that takes one; a place apart from the others."""
    opened(clinic)
    clinic.add_all(
        [
            Location(id="branch"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            Patient(id="eve"),
            AppointmentType(code="roomy", duration=30 * MINUTE, needs=[Need.room("r1", "r2")]),
            AppointmentType(code="class", duration=60 * MINUTE, capacity=3),
        ]
    )
    return clinic


def ids(found: Any) -> list[str]:
    """Of those who are stranded, in their order."""
    return [one.appointment.id for one in found]


def booked(clinic: Practice, id: str, minutes: int = 0, type: str = "visit", **more: Any) -> Any:
    """An appointment of Ada's with Smith, unless others are named."""
    at = start(minutes, type, more.pop("provider", "smith"))
    return clinic.appointments.book(at, patient=more.pop("patient", "ada"), id=id, **more)


# ------------------------------------------------------------------ every way to close

Close = Callable[..., object]


def shorten(clinic: Practice, **fate: Any) -> object:
    rule = clinic.availability.rules.get("mornings-smith")
    return clinic.availability.rules.update(attrs.evolve(rule, hours="09:30-12:00"), **fate)


def end_early(clinic: Practice, **fate: Any) -> object:
    rule = clinic.availability.rules.get("mornings-smith")
    ended = attrs.evolve(rule, valid_to=date(2026, 1, 6))
    return clinic.availability.rules.update(ended, **fate)


def offer_others(clinic: Practice, **fate: Any) -> object:
    rule = clinic.availability.rules.get("mornings-smith")
    return clinic.availability.rules.update(attrs.evolve(rule, types={"visit"}), **fate)


def add(*items: Any) -> Close:
    return lambda clinic, **fate: clinic.availability.add_all(items, **fate)


def change(directory: str, id: str, **fields: Any) -> Close:
    def run(clinic: Practice, **fate: Any) -> object:
        records = getattr(clinic, directory)
        return records.update(attrs.evolve(records.get(id), **fields), **fate)

    return run


CLOSURES: Final[dict[str, tuple[Close, set[Reason]]]] = {
    "a day off": (add(Override.closed("smith", DAY)), {Reason.CLOSED}),
    "time off": (
        add(Override.time_off("smith", date(2025, 12, 1), date(2026, 2, 1))),
        {Reason.CLOSED},
    ),
    "an hour of a day": (
        add(Override.closed("smith", DAY, hours="09:15-09:20")),
        {Reason.RUNS_OUT},
    ),
    "other hours": (add(Override.replaced("smith", DAY, hours="10:00-12:00")), {Reason.CLOSED}),
    "no roomy visits": (add(Override.closed("smith", DAY, types="roomy")), {Reason.CLOSED}),
    "elsewhere on that day": (
        add(Override.replaced("smith", DAY, hours="09:00-12:00", location="branch")),
        {Reason.ELSEWHERE},
    ),
    "other types on that day": (
        add(Override.extra("smith", DAY, hours="09:00-10:00", types="visit")),
        {Reason.TYPE},
    ),
    "a blocking": (
        add(RecurringBlocking("smith", DAILY, hours="09:00-09:10")),
        {Reason.CLOSED},
    ),
    "a holiday": (add(Override.closed(Resource("practice", "riverside"), DAY)), {Reason.CLOSED}),
    "opening hours": (
        add(AvailabilityRule(Resource("practice", "riverside"), DAILY, hours="10:00-18:00")),
        {Reason.CLOSED},
    ),
    "a place closed": (add(Override.closed(MAIN, DAY)), {Reason.CLOSED}),
    "a room closed": (add(Override.closed(R1, DAY)), {Reason.RESOURCE_CLOSED}),
    "a room's first rule": (
        add(AvailabilityRule(R1, DAILY, hours="12:00-18:00")),
        {Reason.RESOURCE_CLOSED},
    ),
    "a shorter rule": (shorten, {Reason.CLOSED}),
    "a rule that ends": (end_early, {Reason.CLOSED}),
    "a rule for others": (offer_others, {Reason.TYPE}),
    "a rule deactivated": (
        lambda clinic, **fate: clinic.availability.rules.deactivate("mornings-smith", **fate),
        {Reason.CLOSED},
    ),
    "a rule deleted": (
        lambda clinic, **fate: clinic.availability.rules.delete("mornings-smith", **fate),
        {Reason.CLOSED},
    ),
    "the provider leaves": (
        lambda clinic, **fate: clinic.providers.deactivate("smith", **fate),
        {Reason.INACTIVE},
    ),
    "the provider is elsewhere": (
        change("providers", "smith", location="branch"),
        {Reason.ELSEWHERE},
    ),
    "the provider's zone": (
        change("providers", "smith", timezone="Asia/Tokyo"),
        {Reason.CLOSED},
    ),
    "the place's zone": (change("locations", "main", timezone="Asia/Tokyo"), {Reason.CLOSED}),
    "the practice's zone": (
        lambda clinic, **fate: clinic.settings.configure(timezone="Asia/Tokyo", **fate),
        {Reason.CLOSED},
    ),
    "who can be booked": (
        lambda clinic, **fate: clinic.settings.configure(bookable_roles={"nurse"}, **fate),
        {Reason.NOT_BOOKABLE},
    ),
    "the place is given up": (
        lambda clinic, **fate: clinic.locations.deactivate("main", **fate),
        {Reason.CLOSED},
    ),
    "the room is given up": (
        lambda clinic, **fate: clinic.rooms.deactivate("r1", **fate),
        {Reason.INACTIVE},
    ),
    "the type is given up": (
        lambda clinic, **fate: clinic.appointment_types.deactivate("roomy", **fate),
        {Reason.INACTIVE},
    ),
}


@pytest.fixture(params=CLOSURES.values(), ids=list(CLOSURES))
def closing(request: pytest.FixtureRequest) -> tuple[Close, set[Reason]]:
    """A way to take the first hour of that Wednesday away."""
    found: tuple[Close, set[Reason]] = request.param
    return found


class TestEveryWayToClose:
    """Ada's appointment in a room stands in the way; others do not."""

    @pytest.fixture(autouse=True)
    def made(self, clinic: Practice) -> Appointment:
        made: Appointment = booked(clinic, "a", 0, "roomy", resources=[R1])
        booked(clinic, "off", 60, patient="bob")
        clinic.appointments.cancel("off")
        return made

    def test_it_is_refused_and_nothing_is_written(
        self, store: MemoryStore, clinic: Practice, closing: tuple[Close, set[Reason]]
    ) -> None:
        close, reasons = closing
        before = everything(store, clinic)
        with pytest.raises(AppointmentsStranded) as caught:
            close(clinic)
        assert ids(caught.value.stranded) == ["a"]
        assert caught.value.stranded[0].reasons == reasons
        told = str(caught.value)
        assert "'a' at 2026-01-07 14:00:00+00:00" in told
        assert "ada" not in told
        assert everything(store, clinic) == before

    def test_they_are_kept_and_can_be_listed(
        self, clinic: Practice, made: Appointment, closing: tuple[Close, set[Reason]]
    ) -> None:
        close, reasons = closing
        assert clinic.availability.stranded() == ()
        close(clinic, stranded="keep")
        assert clinic.appointments.get("a") == made
        for found in (clinic.availability.stranded(), clinic.availability.stranded("smith")):
            assert [(one.appointment, set(one.reasons)) for one in found] == [(made, reasons)]
        assert clinic.availability.stranded("jones") == ()

    def test_they_are_cancelled_with_it(
        self, clinic: Practice, closing: tuple[Close, set[Reason]]
    ) -> None:
        close, _ = closing
        close(clinic, stranded="cancel")
        assert clinic.appointments.get("a").status == "cancelled"
        assert clinic.availability.stranded() == ()
        assert names(clinic)[-1] == "appointment.cancelled"
        assert clinic.appointments.conflicts("a") == {}

    def test_they_are_asked_to_move(
        self, clinic: Practice, closing: tuple[Close, set[Reason]]
    ) -> None:
        close, _ = closing
        close(clinic, stranded="move")
        asked = clinic.appointments.get("a")
        assert (asked.status, asked.version) == ("booked", 2)
        said = {one.resource.id: one.participation for one in asked.participants}
        assert said == {"smith": Participation.ACCEPTED, "ada": Participation.NEEDS_ACTION}
        assert names(clinic)[-1] == "appointment.move-offered"
        assert ids(clinic.availability.stranded()) == ["a"]


# --------------------------------------------------------------------- who is stranded


class TestWhoIsStranded:
    def test_all_of_them_in_order_of_start(self, clinic: Practice) -> None:
        for number, minutes in enumerate([90, 0, 60, 30, 120, 150]):
            booked(clinic, f"a{number}", minutes, patient="ada" if number % 2 else "bob")
        booked(clinic, "other", 0, provider="jones", patient="eve")
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.availability.add(Override.closed("smith", DAY))
        assert ids(caught.value.stranded) == ["a1", "a3", "a2", "a0", "a4", "a5"]
        assert "6 appointments stand" in str(caught.value)
        assert str(caught.value).endswith("and 1 more")

    def test_only_those_that_are_touched(self, clinic: Practice) -> None:
        for minutes in (0, 30, 60):
            booked(clinic, f"a{minutes}", minutes)
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.availability.add(Override.closed("smith", DAY, hours="09:30-09:31"))
        assert ids(caught.value.stranded) == ["a30"]
        clinic.availability.add(Override.closed("smith", DAY, hours="10:30-12:00"))
        clinic.availability.add(Override.closed("smith", date(2026, 1, 8)))
        clinic.availability.add(Override.closed("jones", DAY))

    def test_what_has_begun_stays_as_it_is(self, clinic: Practice, clock: FixedClock) -> None:
        booked(clinic, "a")
        clock.set(nine())
        clinic.availability.add(Override.closed("smith", DAY))
        assert clinic.availability.stranded() == ()

    @pytest.mark.parametrize("status", ["arrived", "checked-in", "pending"])
    def test_who_is_awaited(self, clinic: Practice, status: str) -> None:
        if status == "pending":
            clinic.appointments.request(start(), patient="ada", id="a")
        else:
            booked(clinic, "a")
            getattr(clinic.appointments, {"arrived": "arrive", "checked-in": "check_in"}[status])(
                "a"
            )
        with pytest.raises(AppointmentsStranded):
            clinic.availability.add(Override.closed("smith", DAY))
        clinic.availability.add(Override.closed("smith", DAY, reason="ill"), stranded="cancel")
        found = clinic.appointments.get("a")
        assert (found.status, found.cancellation) == ("cancelled", "ill")

    @pytest.mark.parametrize("end", ["propose", "fulfil", "mark_noshow", "enter_in_error"])
    def test_who_is_not_awaited(self, clinic: Practice, end: str) -> None:
        if end == "propose":
            clinic.appointments.propose(start(), patient="ada")
        else:
            getattr(clinic.appointments, end)(booked(clinic, "a"))
        clinic.availability.add(Override.closed("smith", DAY))

    def test_what_staff_booked_out_of_hours_is_not(self, clinic: Practice) -> None:
        made = booked(clinic, "a", 240, override="a favour")
        assert made.overridden == {Reason.CLOSED}
        clinic.availability.add(Override.closed("smith", DAY))
        assert clinic.availability.stranded() == ()
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.providers.deactivate("smith")
        assert [one.reasons for one in caught.value.stranded] == [{Reason.INACTIVE}]

    def test_who_was_kept_is_told_of_what_is_new_only(self, clinic: Practice) -> None:
        booked(clinic, "a")
        clinic.availability.add(Override.closed("smith", DAY), stranded="keep")
        clinic.availability.add(Override.closed("smith", DAY, hours="08:00-20:00"))
        clinic.availability.rules.deactivate("mornings-smith")
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.providers.deactivate("smith")
        assert [one.reasons for one in caught.value.stranded] == [{Reason.INACTIVE}]
        (listed,) = clinic.availability.stranded()
        assert listed.reasons == {Reason.CLOSED}

    def test_grid_notice_and_length_are_no_matter(self, clinic: Practice) -> None:
        booked(clinic, "a", 30)
        visit = clinic.appointment_types.get("visit")
        later = attrs.evolve(
            visit, duration=45 * MINUTE, notice=timedelta(days=30), buffer_before=60 * MINUTE
        )
        clinic.appointment_types.update(later)
        rule = clinic.availability.rules.get("mornings-smith")
        clinic.availability.rules.update(attrs.evolve(rule, step=50 * MINUTE, notes="new"))
        assert clinic.availability.stranded() == ()

    def test_hours_that_are_split_still_hold_what_fits(self, clinic: Practice) -> None:
        """A visit lies in hours that touch and make the same offer, whatever opened them."""
        booked(clinic, "a", 30)
        rule = clinic.availability.rules.get("mornings-smith")
        split = attrs.evolve(rule, hours=["09:00-09:45", "09:45-12:00"])
        clinic.availability.rules.update(split)
        with pytest.raises(AppointmentsStranded):
            clinic.availability.rules.update(
                attrs.evolve(split, version=2, hours=["09:00-09:45", "09:46-12:00"])
            )

    def test_what_opens_again_in_the_same_go(self, clinic: Practice) -> None:
        booked(clinic, "a")
        items = [
            Override.closed(Resource("practice", "riverside"), DAY),
            Override.extra("smith", DAY, hours="09:00-10:00"),
        ]
        with pytest.raises(AppointmentsStranded):
            clinic.availability.add(items[0])
        clinic.availability.add_all(items)
        assert clinic.availability.stranded() == ()
        with pytest.raises(AppointmentsStranded):
            clinic.availability.overrides.delete(
                next(one.id for one in clinic.availability.overrides.list() if one.hours)
            )

    def test_what_is_activated_again_closes_again(self, clinic: Practice) -> None:
        off = clinic.availability.add(Override.closed("smith", DAY, id="off", active=False))
        booked(clinic, "a")
        with pytest.raises(AppointmentsStranded):
            clinic.availability.overrides.activate(off.id)
        clinic.availability.overrides.activate(off.id, stranded="cancel", reason="ill after all")
        assert clinic.appointments.get("a").cancellation == "ill after all"

    def test_more_than_are_read_at_once(
        self, clinic: Practice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(context, "PAGE", 2)
        for number in range(5):
            booked(clinic, f"a{number}", 30 * number)
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.availability.add(Override.closed("smith", DAY))
        assert ids(caught.value.stranded) == ["a0", "a1", "a2", "a3", "a4"]

    def test_nobody_of_another_practice(self, scheduler: Scheduler, clinic: Practice) -> None:
        booked(clinic, "a")
        there = opened(scheduler.practice("elsewhere"))
        there.availability.add(Override.closed("smith", DAY))
        there.providers.deactivate("smith")
        assert there.availability.stranded() == ()

    def test_an_overnight_visit_is_seen_by_the_day_before(self, clinic: Practice) -> None:
        clinic.availability.add(
            AvailabilityRule("jones", DAILY, hours="22:00-06:00 overnight", id="nights")
        )
        booked(clinic, "a", 17 * 60, provider="jones")  # two o'clock on Thursday
        with pytest.raises(AppointmentsStranded):
            clinic.availability.add(Override.closed("jones", DAY, whole_shifts=True))
        clinic.availability.add(Override.closed("jones", date(2026, 1, 8), whole_shifts=True))


class TestGroups:
    @pytest.fixture(autouse=True)
    def made(self, clinic: Practice) -> None:
        for patient in ("ada", "bob", "eve"):
            booked(clinic, patient, 0, "class", patient=patient)

    def test_all_who_sit_in_it_are_told(self, clinic: Practice) -> None:
        with pytest.raises(AppointmentsStranded) as caught:
            clinic.availability.add(Override.closed("smith", DAY))
        assert ids(caught.value.stranded) == ["ada", "bob", "eve"]

    def test_the_session_goes_with_them(self, store: MemoryStore, clinic: Practice) -> None:
        off = clinic.availability.add(Override.closed("smith", DAY), stranded="cancel")
        assert not [one for one in everything(store, clinic) if type(one).__name__ == "Claim"]
        clinic.availability.overrides.delete(off.id)
        assert booked(clinic, "again", 0, "class").seats == 3


# ----------------------------------------------------------------------- what is said


class TestWhatBecomesOfThem:
    def test_the_reason_is_that_of_the_closure(self, clinic: Practice) -> None:
        booked(clinic, "a")
        clinic.availability.add(Override.closed("smith", DAY, reason="flu"), stranded="cancel")
        assert clinic.appointments.get("a").cancellation == "flu"
        assert "09:00" not in free(clinic)

    def test_or_the_one_that_is_given(self, clinic: Practice) -> None:
        booked(clinic, "a")
        clinic.providers.deactivate("smith", stranded="cancel", reason="has left us")
        found = clinic.appointments.get("a")
        assert (found.cancellation, found.updated_by) == ("has left us", "system")

    def test_who_did_it_is_recorded(self, clinic: Practice) -> None:
        booked(clinic, "a")
        desk = clinic.acting_as(Principal.trusted("desk"))
        desk.availability.rules.delete("mornings-smith", stranded="cancel")
        assert clinic.appointments.get("a").updated_by == "desk"

    @pytest.mark.parametrize("fate", ["maybe", "", None, "REFUSE"])
    def test_anything_else_is_refused(
        self, store: MemoryStore, clinic: Practice, fate: Any
    ) -> None:
        before = everything(store, clinic)
        for close in (add(Override.closed("smith", DAY)), shorten):
            with pytest.raises(InvalidChoice):
                close(clinic, stranded=fate)
        with pytest.raises(InvalidChoice):
            clinic.settings.configure(name="other", stranded=fate)
        with pytest.raises(InvalidChoice):
            clinic.availability.rules.delete("mornings-jones", stranded=fate)
        assert everything(store, clinic) == before

    @pytest.mark.parametrize("reason", ["x" * 501, "\0", 7])
    def test_so_is_a_reason_that_is_none(
        self, store: MemoryStore, clinic: Practice, reason: Any
    ) -> None:
        before = everything(store, clinic)
        with pytest.raises(InvalidText):
            clinic.providers.deactivate("smith", stranded="cancel", reason=reason)
        assert everything(store, clinic) == before

    def test_what_is_wrong_otherwise_is_told_first(self, clinic: Practice) -> None:
        booked(clinic, "a")
        rule = clinic.availability.rules.get("mornings-smith")
        with pytest.raises(VersionConflict):
            clinic.availability.rules.update(
                attrs.evolve(rule, hours="15:00-16:00", version=9), stranded="cancel"
            )
        with pytest.raises(NotFound):
            clinic.availability.rules.delete("none", stranded="cancel")
        assert clinic.appointments.get("a").status == "booked"

    def test_who_has_accepted_is_asked_no_more(self, clinic: Practice) -> None:
        booked(clinic, "a")
        clinic.availability.add(Override.closed("smith", DAY, hours="09:00-10:00"), stranded="move")
        moved = clinic.appointments.reschedule("a", start(60))
        assert {one.participation for one in moved.participants} == {Participation.ACCEPTED}
        assert clinic.availability.stranded() == ()


class TestADryRun:
    def test_it_tells_what_the_change_would(self, store: MemoryStore, clinic: Practice) -> None:
        booked(clinic, "a", 0, "roomy", resources=[R1])
        before = everything(store, clinic)
        would = clinic.availability.would_strand
        rule = clinic.availability.rules.get("mornings-smith")
        for record in (
            Override.closed("smith", DAY),
            attrs.evolve(rule, hours="09:30-12:00"),
            attrs.evolve(rule, active=False),
            attrs.evolve(clinic.providers.get("smith"), active=False),
            attrs.evolve(clinic.rooms.get("r1"), active=False),
            attrs.evolve(clinic.appointment_types.get("roomy"), active=False),
            attrs.evolve(clinic.settings.get(), timezone="Asia/Tokyo"),
            RecurringBlocking("smith", DAILY, hours="09:00-09:10"),
        ):
            assert ids(would(record)) == ["a"]
        assert ids(would(rule, removed=True)) == ["a"]
        for harmless in (
            Override.closed("smith", date(2026, 1, 8)),
            attrs.evolve(rule, notes="other"),
            clinic.patients.get("ada"),
            clinic.settings.get(),
            Provider(id="new"),
        ):
            assert would(harmless) == ()
        assert everything(store, clinic) == before

    def test_it_refuses_what_could_not_be_written(self, clinic: Practice) -> None:
        with pytest.raises(NotFound):
            clinic.availability.would_strand(Override.closed("nobody", DAY))
        with pytest.raises(NotFound):
            clinic.availability.would_strand(Override.closed("smith", DAY, id="x"), removed=True)
        with pytest.raises(OverlappingRules):
            clinic.availability.would_strand(AvailabilityRule("smith", DAILY, hours="11:00-13:00"))
        with pytest.raises(NotFound):
            clinic.availability.stranded("nobody")


# ------------------------------------------------------------------------- new times


def walls(proposal: Proposal) -> list[str]:
    """When and with whom a proposal would be."""
    return [f"{one.local_start:%d %H:%M} {one.provider}" for one in proposal.slots]


class TestProposals:
    def test_the_nearest_later_slots_first(self, clinic: Practice) -> None:
        made = booked(clinic, "a", 60)
        (one,) = clinic.appointments.propose_moves([made])
        assert one.appointment == made
        assert walls(one) == ["07 10:30 smith", "07 11:00 smith", "07 11:30 smith"]
        assert clinic.appointments.get("a") == made

    def test_then_earlier_ones_the_nearest_first(self, clinic: Practice) -> None:
        booked(clinic, "a", 60)
        within = timedelta(hours=1)
        (one,) = clinic.appointments.propose_moves(["a"], choices=9, within=within)
        assert walls(one) == ["07 10:30 smith", "07 09:30 smith", "07 09:00 smith"]

    def test_none_before_now(self, clinic: Practice, clock: FixedClock) -> None:
        booked(clinic, "a", 60)
        clock.set(nine(20))
        within = timedelta(hours=1)
        (one,) = clinic.appointments.propose_moves(["a"], choices=9, within=within)
        assert walls(one) == ["07 10:30 smith", "07 09:30 smith"]

    def test_all_of_the_first_can_be_taken(self, clinic: Practice) -> None:
        people = ["ada", "bob", "eve"]
        for number, patient in enumerate(people):
            booked(clinic, patient, 30 * number, patient=patient)
        booked(clinic, "too", 90)
        clinic.availability.add(Override.closed("smith", DAY, hours="09:00-11:00"), stranded="move")
        caught = clinic.availability.stranded()
        found = clinic.appointments.propose_moves(caught)
        assert [one.appointment.id for one in found] == ["ada", "bob", "eve", "too"]
        firsts = [one.slots[0] for one in found]
        assert [f"{one.local_start:%d %H:%M}" for one in firsts] == [
            *("07 11:00", "07 11:30"),
            *("08 09:00", "08 09:30"),
        ]
        for one in found:
            clinic.appointments.reschedule(one.appointment.id, one.slots[0])
        assert clinic.availability.stranded() == ()

    def test_rooms_are_shared_out_too(self, clinic: Practice) -> None:
        for provider, patient in (("smith", "ada"), ("jones", "bob")):
            booked(clinic, patient, 0, "roomy", provider=provider, patient=patient)
        clinic.rooms.deactivate("r2", stranded="keep")
        clinic.availability.add(Override.closed(MAIN, DAY, hours="09:00-10:00"), stranded="keep")
        ada, bob = clinic.appointments.propose_moves(["bob", "ada"], choices=1)
        assert (walls(ada), walls(bob)) == (["07 10:00 smith"], ["07 10:30 jones"])

    def test_with_others_where_the_same_has_none(self, clinic: Practice) -> None:
        booked(clinic, "a", 0)
        (one,) = clinic.appointments.propose_moves(["a"], providers=["jones"])
        assert walls(one)[0] == "07 09:30 smith"
        clinic.providers.deactivate("smith", stranded="keep")
        (one,) = clinic.appointments.propose_moves(["a"], providers=["jones", "smith"])
        assert walls(one) == ["07 09:00 jones", "07 09:30 jones", "07 10:00 jones"]
        (one,) = clinic.appointments.propose_moves(["a"])
        assert one.slots == ()

    def test_not_where_the_patient_is_elsewhere(self, clinic: Practice) -> None:
        booked(clinic, "a", 0)
        booked(clinic, "b", 30, provider="jones")
        (one,) = clinic.appointments.propose_moves(["a"], choices=1)
        assert walls(one) == ["07 10:00 smith"]

    def test_seats_are_shared_out(self, clinic: Practice) -> None:
        for patient in ("ada", "bob", "eve"):
            booked(clinic, patient, 0, "class", patient=patient)
        clinic.patients.create(id="max")
        booked(clinic, "max", 60, "class", patient="max")
        found = clinic.appointments.propose_moves(["ada", "bob", "eve"], choices=1)
        assert [walls(one) for one in found] == [
            ["07 10:00 smith"],
            ["07 10:00 smith"],
            ["07 11:00 smith"],
        ]
        for one in found:
            clinic.appointments.reschedule(one.appointment, one.slots[0])

    def test_seats_of_a_session_that_is_still_to_be_made(self, clinic: Practice) -> None:
        for number, patient in enumerate(("ada", "bob", "eve")):
            booked(clinic, patient, 60 * number, "class", patient=patient)
        clinic.availability.add(Override.closed("smith", DAY), stranded="keep")
        found = clinic.appointments.propose_moves(["ada", "bob", "eve"], choices=1)
        assert {tuple(walls(one)) for one in found} == {("08 09:00 smith",)}
        for one in found:
            clinic.appointments.reschedule(one.appointment, one.slots[0])

    def test_who_cannot_be_moved_has_none(self, clinic: Practice) -> None:
        booked(clinic, "a", 0)
        clinic.appointments.arrive("a")
        (one,) = clinic.appointments.propose_moves(["a", "a"])
        assert one.slots == ()
        with pytest.raises(InvalidTransition):
            clinic.appointments.reschedule("a", start(60))

    def test_bad_input(self, store: MemoryStore, clinic: Practice) -> None:
        booked(clinic, "a", 0)
        before, propose = everything(store, clinic), clinic.appointments.propose_moves
        with pytest.raises(NotFound):
            propose(["a", "b"])
        with pytest.raises(NotFound):
            propose(["a"], providers=["nobody"])
        for choices in (0, 101, True, 1.5):
            with pytest.raises(InvalidNumber):
                propose(["a"], choices=choices)  # type: ignore[arg-type]
        with pytest.raises(InvalidDuration):
            propose(["a"], within=timedelta(0))
        with pytest.raises(InvalidInterval):
            propose(["a"], within=timedelta(days=800))
        assert propose([]) == ()
        assert everything(store, clinic) == before


# ---------------------------------------------------------------------------- rivals


class Meanwhile:
    """A store in which something happens just before the first changeset is applied."""

    def __init__(self, store: MemoryStore, happens: Callable[[], object]) -> None:
        self._store = store
        self._happens = [happens]

    def apply(self, changeset: Changeset) -> Outcome:
        if self._happens:
            self._happens.pop()()
        return self._store.apply(changeset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class TestRivals:
    """What happens between the look and the change is not missed, and what was seen is not kept."""

    def slow(
        self, store: MemoryStore, clock: FixedClock, happens: Callable[[], object]
    ) -> Practice:
        """The practice as somebody sees it who is too late with the first changeset."""
        late: Any = Meanwhile(store, happens)
        return Scheduler(late, clock=clock).practice("riverside")

    @pytest.mark.parametrize("close", CLOSURES.values(), ids=list(CLOSURES))
    def test_who_books_before_it_closes_is_seen(
        self,
        store: MemoryStore,
        clinic: Practice,
        clock: FixedClock,
        close: tuple[Close, set[Reason]],
    ) -> None:
        slow = self.slow(store, clock, lambda: booked(clinic, "a", 0, "roomy", resources=[R1]))
        with pytest.raises(AppointmentsStranded) as caught:
            close[0](slow)
        assert ids(caught.value.stranded) == ["a"]
        assert clinic.availability.stranded() == ()

    def test_and_is_cancelled_with_the_others(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        booked(clinic, "a")
        slow = self.slow(store, clock, lambda: booked(clinic, "b", 30))
        slow.availability.add(Override.closed("smith", DAY), stranded="cancel")
        assert {clinic.appointments.get(id).status for id in "ab"} == {"cancelled"}

    def test_who_is_gone_by_then_stands_in_nobodys_way(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        booked(clinic, "a")
        booked(clinic, "b", 60)
        gone = self.slow(store, clock, lambda: clinic.appointments.reschedule("b", start(90)))
        gone.availability.add(Override.closed("smith", DAY), stranded="move")
        assert [clinic.appointments.get(id).version for id in "ab"] == [2, 3]

    def test_who_moves_in_meanwhile_is_seen(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        booked(clinic, "a", 0, provider="jones")
        moving = self.slow(store, clock, lambda: clinic.appointments.reschedule("a", start(0)))
        with pytest.raises(AppointmentsStranded):
            moving.availability.add(Override.closed("smith", DAY))

    def test_who_books_where_nothing_closes_is_no_matter(
        self, store: MemoryStore, clinic: Practice, clock: FixedClock
    ) -> None:
        slow = self.slow(store, clock, lambda: booked(clinic, "a", 0, provider="jones"))
        off = slow.availability.add(Override.closed("smith", DAY))
        assert clinic.availability.overrides.get(off.id).version == 1
