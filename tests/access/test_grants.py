"""Grants and the broken glass: what they open, for how long, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from tests.access.world import HOUR, NOW, World, start

from medsched import (
    InvalidChoice,
    InvalidDuration,
    InvalidInterval,
    NaiveDatetime,
    NotAllowed,
    NotFound,
    Principal,
    ReasonRequired,
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


# ------------------------------------------------------------------------ through another door


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


def test_who_has_two_roles_does_as_each_only_what_it_reaches(world: World) -> None:
    """A nurse of the bay, a patient, too, writes no notes and overrides nothing elsewhere."""
    both = Principal(
        "kim", roles=["staff", "patient"], practice="riverside", locations="bay", patient="ada"
    )
    practice = world.clinic.acting_as(both)
    details: list[Any] = [{"notes": "n"}, {"referral": "r"}, {"override": "why"}]
    for hour, more in enumerate(details, 9):
        with pytest.raises(NotAllowed):
            practice.appointments.book(start("jones", 14, hour), patient="ada", **more)
        made = practice.appointments.book(start("smith", 14, hour), patient="ada", **more)
        assert made.patient == "ada"
    away = practice.appointments.book(start("jones", 14, 15), patient="ada")
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
