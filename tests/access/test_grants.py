"""Grants and the broken glass: what they open, for how long, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import attrs
import pytest
from tests.access.world import DAYS, HOUR, NOW, World, at, start

from medsched import (
    Decision,
    InvalidChoice,
    InvalidDuration,
    InvalidInterval,
    NaiveDatetime,
    NotAllowed,
    NotFound,
    Override,
    Principal,
    ReasonRequired,
    Recurrence,
    RolePolicy,
    Scheduler,
)


@pytest.fixture
def world() -> World:
    return World()


def test_a_grant_opens_a_clinic_until_it_ends(world: World) -> None:
    practice = world.acting("annex")
    with pytest.raises(NotFound):
        practice.appointments.get("ada@smith")
    made = world.acting("admin").access.grant(
        "n-annex", locations="bay", since=NOW + HOUR, until=NOW + 2 * HOUR, reason="covers"
    )
    assert (made.granted_by, made.emergency, made.version) == ("boss", False, 1)
    for moment, opened in ((0, False), (1, True), (1.99, True), (2, False), (3, False)):
        world.clock.set(NOW + moment * HOUR)
        assert (practice.appointments.find("ada@smith") is not None) is opened


def test_a_grant_opens_one_patient_and_no_other(world: World) -> None:
    world.acting("admin").access.grant("n-annex", patients="ada", until=NOW + HOUR, reason="r")
    practice = world.acting("annex")
    assert practice.patients.get("ada").id == "ada"
    assert practice.series.get("s-ada").patient == "ada"
    assert practice.patients.find("cleo") is None
    assert practice.appointments.find("eve@smith") is None


def test_a_grant_adds_no_operation(world: World) -> None:
    practice = world.acting("granted")
    with pytest.raises(NotAllowed):
        practice.patients.deactivate("ada")


def test_a_revoked_grant_opens_nothing_and_stays_in_the_list(world: World) -> None:
    boss = world.acting("admin")
    made = boss.access.grant("n-annex", patients="ada", until=NOW + HOUR, reason="r")
    gone = boss.access.revoke(made.id)
    assert (gone.active, gone.version) == (False, 2)
    assert boss.access.revoke(made.id) == gone
    assert world.acting("annex").patients.find("ada") is None
    assert boss.access.grants() == (gone,)
    with pytest.raises(NotFound):
        boss.access.revoke("none")


def test_nobody_grants_themselves_anything(world: World) -> None:
    with pytest.raises(NotAllowed, match="themselves"):
        world.acting("admin").access.grant("boss", patients="ada", until=NOW + HOUR, reason="r")
    assert world.clinic.access.grants() == ()


@pytest.mark.parametrize("reason", ["", " \t\n", None, 7])
def test_a_reason_is_required(world: World, reason: Any) -> None:
    with pytest.raises(ReasonRequired):
        world.acting("admin").access.grant("x", patients="ada", until=NOW + HOUR, reason=reason)
    with pytest.raises(ReasonRequired):
        world.acting("jones").access.break_glass("ada", reason=reason)
    assert world.clinic.access.grants() == ()


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"until": NOW}, InvalidInterval),
        ({"until": NOW - HOUR}, InvalidInterval),
        ({"since": NOW + 2 * HOUR}, InvalidInterval),
        ({"until": datetime(2026, 1, 6)}, NaiveDatetime),
        ({"patients": ()}, InvalidChoice),
        ({"patients": "ghost"}, NotFound),
        ({"locations": {"bay", "moon"}}, NotFound),
    ],
)
def test_a_grant_that_cannot_be_is_refused(
    world: World, fields: dict[str, Any], error: type[Exception]
) -> None:
    given: dict[str, Any] = {"patients": "ada", "until": NOW + HOUR, "reason": "r"}
    with pytest.raises(error):
        world.clinic.access.grant("kim", **(given | fields))
    assert world.clinic.access.grants() == ()


def test_the_glass_opens_one_patient_for_an_hour(world: World) -> None:
    practice = world.acting("jones")
    made = practice.access.break_glass("ada", reason="unconscious")
    assert (made.principal, made.granted_by, made.emergency) == ("d-jones", "d-jones", True)
    assert (made.starts, made.ends) == (NOW, NOW + HOUR)
    assert practice.patients.get("ada").id == "ada"
    assert practice.patients.find("cleo") is None
    world.clock.set(NOW + HOUR)
    assert practice.patients.find("ada") is None
    again = practice.access.break_glass("ada", reason="still", lasting=4 * HOUR)
    assert again.ends == NOW + 5 * HOUR


@pytest.mark.parametrize("lasting", [timedelta(0), -HOUR, 4 * HOUR + timedelta(microseconds=1), 1])
def test_the_glass_stays_broken_for_four_hours_at_most(world: World, lasting: Any) -> None:
    with pytest.raises(InvalidDuration):
        world.acting("jones").access.break_glass("ada", reason="r", lasting=lasting)


def test_a_grant_keeps_nobody_from_being_deleted(world: World) -> None:
    world.acting("jones").access.break_glass("dora", reason="r")
    world.clinic.waitlist.leave("w-dora")
    world.clinic.patients.create(id="zed")
    world.clinic.access.grant("kim", patients="zed", until=NOW + HOUR, reason="r")
    world.clinic.patients.delete("zed")
    assert world.clinic.patients.find("zed") is None


def test_a_grant_is_stored_by_nobody_else(world: World) -> None:
    made = world.clinic.access.grant("kim", patients="ada", until=NOW + HOUR, reason="r")
    with pytest.raises(InvalidChoice):
        world.acting("admin").add_all([attrs.evolve(made, id="mine", principal="boss")])


def test_events_tell_of_grants_by_their_ids(world: World) -> None:
    last = world.clinic.events.after()[-1].number
    made = world.clinic.access.grant("kim", patients="ada", until=NOW + HOUR, reason="canary")
    world.clinic.access.revoke(made.id)
    broken = world.acting("jones").access.break_glass("ada", reason="canary")
    told = [one.event for one in world.clinic.events.after(last)]
    names = [("grant.granted", made.id), ("grant.revoked", made.id)]
    assert [(one.name, one.id) for one in told] == [*names, ("grant.glass-broken", broken.id)]
    assert "canary" not in repr(told)
    assert "ada" not in repr(told)
    assert "canary" not in repr([made, broken])


def test_everybody_reads_their_own_grants(world: World) -> None:
    practice = world.acting("granted")
    (own,) = practice.access.grants(principal="n-annex")
    assert own.principal == "n-annex"
    with pytest.raises(NotAllowed):
        practice.access.grants(principal="n-bay")
    assert world.acting("admin").access.grants(principal="n-annex") == (own,)


def test_a_ui_may_ask_ahead(world: World) -> None:
    assert world.acting("annex").access.may("appointment.book").allowed
    assert not world.acting("ada").access.may("appointment.fulfil").allowed
    assert not world.acting("elsewhere").access.may("patient.list").allowed
    assert not world.acting("admin").access.may("no.such").allowed
    assert world.clinic.access.may("hold.sweep").allowed
    assert world.store.entries == []  # type: ignore[attr-defined]


# ------------------------------------------------------------------ registering patients


def test_whoever_registers_a_patient_reaches_them(world: World) -> None:
    for hour, who, locations, providers in (
        (9, "bay", {"bay"}, set[str]()),
        (10, "smith", set[str](), {"smith"}),
        (11, "admin", set[str](), set[str]()),
    ):
        practice = world.acting(who)
        made = practice.patients.create(name="New")
        assert {*made.locations} == locations
        assert {*made.providers} == providers
        assert practice.patients.get(made.id) == made
        booked = practice.appointments.book(start("smith", 14, hour), patient=made.id)
        assert booked.patient == made.id


def test_one_who_is_staff_and_provider_registers_with_both(world: World) -> None:
    both = Principal(
        "kim", roles=["staff", "provider"], practice="riverside", locations="bay", provider="jones"
    )
    practice = world.clinic.acting_as(both)
    made = practice.patients.create()
    assert [*made.locations, *made.providers] == ["bay", "jones"]
    assert practice.patients.create(locations="bay").providers == frozenset()


def test_where_unknown_patients_are_registered_only_who_reaches_all_does_so() -> None:
    world = World()
    scheduler = type(world.scheduler)(world.store, clock=world.clock, registers_patients=True)
    practice = scheduler.practice("riverside")
    for who in ("ada", "smith", "bay"):
        acting = practice.acting_as(world.principal(who))
        with pytest.raises(NotFound):
            acting.appointments.book(start("smith", 14, 10), patient="ghost")
        with pytest.raises(NotFound):
            acting.waitlist.join(
                patient="ghost", type="visit", earliest=NOW.date(), latest=NOW.date()
            )
    practice.acting_as(world.principal("admin")).appointments.book(
        start("smith", 14, 10), patient="ghost"
    )
    assert world.clinic.patients.find("ghost") is not None


# ------------------------------------------------------------ when what was lent is given back


def test_what_a_grant_opens_does_not_become_ones_own(world: World) -> None:
    """Not by registering the patient, nor by moving what they have to one's own clinic."""
    practice = world.acting("granted")
    calls: list[Callable[[], object]] = [
        lambda: practice.patients.update(
            attrs.evolve(practice.patients.get("ada"), locations={"annex"})
        ),
        lambda: practice.appointments.reschedule("ada@smith", start("jones", 14, 10)),
    ]
    for call in calls:
        with pytest.raises(NotAllowed, match="only a grant opens"):
            call()
    assert practice.appointments.reschedule("ada@smith", start("smith", 14, 10)).version == 2
    assert (
        practice.patients.update(attrs.evolve(practice.patients.get("ada"), phone="1")).phone == "1"
    )
    world.clock.set(NOW + HOUR)
    assert practice.patients.find("ada") is None
    assert practice.appointments.find("ada@smith") is None


def test_through_a_grant_something_is_made(world: World) -> None:
    practice = world.acting("granted")
    assert practice.appointments.book(start("jones", 14, 10), patient="ada").patient == "ada"
    held = practice.holds.place(start("smith", 14, 11), patient="ada")
    assert practice.holds.confirm(held).patient == "ada"


def test_through_a_broken_glass_nothing_is_made(world: World) -> None:
    held = world.acting("jones").holds.place(start("jones", 14, 9), lasting=4 * HOUR)
    practice = world.acting("glass")
    dates: Any = {"type": "visit", "earliest": DAYS[0], "latest": DAYS[1]}
    days = Recurrence.daily(start=date(2026, 1, 27), count=2)
    calls: list[Callable[[], object]] = [
        lambda: practice.appointments.book(start("jones", 14, 10), patient="ada"),
        lambda: practice.appointments.propose(start("jones", 14, 10), patient="ada"),
        lambda: practice.holds.place(start("jones", 14, 10), patient="ada"),
        lambda: practice.holds.confirm(held, patient="ada"),
        lambda: practice.series.book("jones", "visit", patient="ada", recurrence=days, at=time(9)),
        lambda: practice.waitlist.join(patient="ada", providers="jones", **dates),
        lambda: practice.waitlist.accept(world.offers["ada"], patient="ada"),
        lambda: practice.blockings.add("jones", at(14, 15), at(14, 16), kept_for="ada"),
    ]
    for call in calls:
        with pytest.raises(NotAllowed, match="opens records, it makes none"):
            call()
    world.clinic.waitlist.withdraw(world.offers["ada"])
    with pytest.raises(NotAllowed, match="opens records, it makes none"):
        practice.waitlist.offer("w-ada", start("jones", 14, 10), reason="r")
    assert world.clinic.holds.get(held.id) == held
    world.clock.set(NOW + HOUR)
    assert practice.patients.find("ada") is None


def test_a_hold_that_a_grant_left_is_not_confirmed_through_a_glass(world: World) -> None:
    practice = world.acting("granted")
    held = practice.holds.place(start("jones", 14, 9), patient="ada", lasting=4 * HOUR)
    world.clock.set(NOW + HOUR)
    practice.access.break_glass("ada", reason="unconscious")
    with pytest.raises(NotAllowed, match="makes none"):
        practice.holds.confirm(held)


def test_a_broken_glass_takes_nothing_from_who_is_reached_anyway(world: World) -> None:
    """Eve is seen by Jones, and Ada is granted beside: then the glass forbids nothing."""
    practice = world.acting("jones")
    practice.access.break_glass("eve", reason="r")
    assert practice.appointments.book(start("jones", 14, 9), patient="eve").patient == "eve"
    practice.access.break_glass("ada", reason="r")
    world.acting("admin").access.grant("d-jones", patients="ada", until=NOW + HOUR, reason="r")
    assert practice.appointments.book(start("jones", 14, 10), patient="ada").patient == "ada"


def test_nobody_becomes_staff_to_themselves_by_what_they_write(world: World) -> None:
    """A nurse of the annex who is Ada, too, is no patient of the annex by saying so."""
    both = Principal(
        "kim", roles=["staff", "patient"], practice="riverside", locations="annex", patient="ada"
    )
    practice, stored = world.clinic.acting_as(both), world.clinic.patients.get("ada")
    for more in ({"name": "Else"}, {"established": True}, {}):
        with pytest.raises(NotAllowed):
            practice.patients.update(attrs.evolve(stored, locations={"annex"}, **more))
    assert world.clinic.patients.get("ada") == stored
    assert practice.patients.update(attrs.evolve(stored, phone="1")).phone == "1"


# ------------------------------------------------------------------------ through another door


def test_a_blocking_that_is_seen_for_its_patient_is_changed_by_its_keepers_only(
    world: World,
) -> None:
    kept = world.clinic.blockings.add("smith", at(13, 9), at(13, 10), kept_for="ada", id="b-ada")
    seers = {"glass": world.acting("glass"), "annex": world.acting("annex")}
    world.acting("admin").access.grant("n-annex", patients="ada", until=NOW + HOUR, reason="r")
    for who, practice in seers.items():
        assert practice.blockings.get("b-ada").kept_for == "ada", who
        with pytest.raises(NotAllowed):
            practice.blockings.move("b-ada", at(13, 11), at(13, 12))
        with pytest.raises(NotAllowed):
            practice.blockings.release("b-ada")
    assert world.clinic.blockings.get("b-ada") == kept
    moved = world.acting("smith").blockings.move("b-ada", at(13, 11), at(13, 12))
    assert moved.start == at(13, 11)
    world.acting("bay").blockings.release("b-ada")


@pytest.mark.parametrize(
    "fate, operation", [("cancel", "appointment.cancel"), ("move", "appointment.move-offered")]
)
def test_who_may_not_cancel_does_not_do_so_with_a_blocking(fate: str, operation: str) -> None:
    class Without(RolePolicy):
        def permits(
            self, principal: Principal, asked: str, practice: str, now: datetime
        ) -> Decision:
            if asked == operation:
                return Decision(False, "not here")
            return super().permits(principal, asked, practice, now)

    world = World()
    scheduler = Scheduler(world.store, clock=world.clock, policy=Without())
    practice = scheduler.practice("riverside", principal=world.principal("bay"))
    stored = world.clinic.appointments.get("ada@smith")
    free = practice.blockings.add("smith", at(7, 8), at(7, 9), stranded=fate)
    calls: list[Callable[[], object]] = [
        lambda: practice.blockings.add("smith", at(7, 10), at(7, 11), stranded=fate),
        lambda: practice.blockings.block_slot(start("smith", 7, 10), stranded=fate),
        lambda: practice.blockings.move(free, at(7, 10), at(7, 11), stranded=fate),
        lambda: practice.availability.add(Override.closed("smith", at(7, 0).date()), stranded=fate),
    ]
    for call in calls:
        with pytest.raises(NotAllowed) as refused:
            call()
        assert refused.value.operation == operation
    assert world.clinic.appointments.get("ada@smith") == stored


def test_no_command_changes_what_another_is_for(world: World) -> None:
    """Who may write hours writes nothing else with the same command."""
    practice = world.acting("bay")
    wrong: Any = world.clinic.providers.get("smith")
    patient: Any = attrs.evolve(world.clinic.patients.get("ada"), locations={"annex"})
    lists: list[Any] = [
        *(practice.availability.rules, practice.availability.overrides, practice.time_blocks),
        *(practice.availability.blockings, practice.availability.releases, practice.patients),
    ]
    for one in lists:
        with pytest.raises(InvalidChoice):
            one.update(wrong)
    for one in lists[:-1]:
        with pytest.raises(InvalidChoice):
            one.update(patient)
    for made in (wrong, patient, attrs.evolve(patient, id="", version=0)):
        with pytest.raises(InvalidChoice):
            practice.availability.add(made)
        with pytest.raises(InvalidChoice):
            practice.availability.add_all([made])
        with pytest.raises(InvalidChoice):
            practice.time_blocks.publish(made)
    with pytest.raises(NotAllowed):
        practice.availability.would_strand(patient, removed=True)
    with pytest.raises(NotAllowed):
        practice.availability.would_strand(world.clinic.appointment_types.get("visit"))
    assert world.clinic.patients.get("ada").locations == frozenset()


def test_what_a_patient_notes_is_read_by_who_reaches_the_visit_and_stays(world: World) -> None:
    ada = world.acting("ada")
    made = ada.appointments.book(start("smith", 14, 9), patient="ada", notes="a walking stick")
    assert made.notes == ada.appointments.get(made.id).notes == "a walking stick"
    assert world.acting("smith").appointments.get(made.id).notes == "a walking stick"
    for change in ({"notes": "none"}, {"notes": ""}, {"reason": "r"}):
        with pytest.raises(NotAllowed):
            ada.appointments.annotate(made, **change)
    with pytest.raises(NotFound):
        world.acting("ben").appointments.get(made.id)
    with pytest.raises(NotFound):
        world.acting("ben").appointments.book(start("smith", 14, 10), patient="ada", notes="n")
    assert world.clinic.appointments.get(made.id) == made


def test_who_has_two_roles_does_as_each_only_what_it_reaches(world: World) -> None:
    """A nurse of the bay, a patient, too, refers nobody and overrides nothing elsewhere."""
    both = Principal(
        "kim", roles=["staff", "patient"], practice="riverside", locations="bay", patient="ada"
    )
    practice = world.clinic.acting_as(both)
    details: list[Any] = [{"referral": "r"}, {"prepayment": "p"}, {"override": "why"}]
    for hour, more in enumerate(details, 9):
        with pytest.raises(NotAllowed):
            practice.appointments.book(start("jones", 14, hour), patient="ada", **more)
        made = practice.appointments.book(start("smith", 14, hour), patient="ada", **more)
        assert made.patient == "ada"
    away = practice.appointments.book(start("jones", 14, 15), patient="ada", notes="n")
    with pytest.raises(NotFound):
        practice.appointments.annotate(away, notes="m")
    with pytest.raises(NotAllowed):
        practice.appointments.reschedule(away, start("jones", 14, 16), override="why")
    with pytest.raises(NotFound):
        practice.appointments.fulfil(away)
    with pytest.raises(NotAllowed):
        practice.waitlist.join(
            patient="ada",
            type="visit",
            earliest=NOW.date(),
            latest=NOW.date(),
            providers="jones",
            urgency=9,
        )
    assert practice.appointments.cancel(away).status == "cancelled"
