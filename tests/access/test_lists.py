"""What lists, searches and counts show to whom: written out by hand for each who asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.access.world import DAYS, HOUR, NOW, World, at, start

from medsched import Practice, Resource, Search
from medsched.errors import InvalidCursor, NotFound

BAY = "ada@smith eve@smith appointment-1 appointment-2"
ANNEX = "ben@jones eve@jones appointment-3 appointment-4"
EVERY = f"{BAY} {ANNEX}"
WHO = [
    "ada",
    "ben",
    "dora",
    "smith",
    "jones",
    "bay",
    "annex",
    "admin",
    "granted",
    "expired",
    "early",
    "revoked",
    "glass",
    "trusted",
]
LISTS: dict[str, tuple[Callable[[Practice, World], Any], dict[str, str]]] = {
    "patients": (
        lambda p, w: p.patients.list(),
        {
            "ada": "ada",
            "ben": "ben",
            "dora": "dora",
            "smith": "ada eve",
            "jones": "ben eve",
            "bay": "ada cleo eve",
            "annex": "ben eve",
            "granted": "ada ben cleo eve",
            "glass": "ada ben eve",
            "admin": "ada ben cleo dora eve",
        },
    ),
    "appointments": (
        lambda p, w: p.appointments.list(),
        {
            "ada": "ada@smith appointment-1 appointment-2",
            "ben": "ben@jones appointment-3 appointment-4",
            "dora": "",
            "smith": BAY,
            "jones": ANNEX,
            "bay": BAY,
            "annex": ANNEX,
            "granted": EVERY,
            "glass": f"ada@smith appointment-1 appointment-2 {ANNEX}",
            "admin": EVERY,
        },
    ),
    "appointments of a name": (
        lambda p, w: p.appointments.list(search="Eve Canary"),
        {
            "ada": "",
            "ben": "",
            "dora": "",
            "smith": "eve@smith",
            "jones": "eve@jones",
            "bay": "eve@smith",
            "annex": "eve@jones",
            "granted": "eve@smith eve@jones",
            "glass": "eve@jones",
            "admin": "eve@smith eve@jones",
        },
    ),
    "appointments of a patient": (
        lambda p, w: p.appointments.list(patient="ben", status="booked", descending=True, limit=1),
        {
            "ada": "",
            "ben": "appointment-4",
            "dora": "",
            "smith": "",
            "jones": "appointment-4",
            "bay": "",
            "annex": "appointment-4",
            "granted": "appointment-4",
            "glass": "appointment-4",
            "admin": "appointment-4",
        },
    ),
    "holds": (
        lambda p, w: [one for one in p.holds.list() if one.offer is None],
        {
            "ada": "h-ada",
            "ben": "h-ben",
            "dora": "",
            "smith": "h-ada",
            "jones": "h-ben",
            "bay": "h-ada",
            "annex": "h-ben",
            "granted": "h-ada h-ben",
            "glass": "h-ada h-ben",
            "admin": "h-ada h-ben",
        },
    ),
    "series": (
        lambda p, w: p.series.list(),
        {
            "ada": "s-ada",
            "ben": "s-ben",
            "dora": "",
            "smith": "s-ada",
            "jones": "s-ben",
            "bay": "s-ada",
            "annex": "s-ben",
            "granted": "s-ada s-ben",
            "glass": "s-ada s-ben",
            "admin": "s-ada s-ben",
        },
    ),
    "entries": (
        lambda p, w: p.waitlist.entries.list(),
        {
            "ada": "w-ada",
            "ben": "w-ben",
            "dora": "w-dora",
            "smith": "w-ada w-eve",
            "jones": "w-ben w-eve",
            "bay": "w-ada w-eve",
            "annex": "w-ben w-eve",
            "granted": "w-ada w-ben w-eve",
            "glass": "w-ada w-ben w-eve",
            "admin": "w-ada w-ben w-dora w-eve",
        },
    ),
    "who waits": (
        lambda p, w: p.waitlist.waiting("visit"),
        {
            "smith": "w-ada w-eve",
            "jones": "w-ben w-eve",
            "bay": "w-ada w-eve",
            "annex": "w-ben w-eve",
            "granted": "w-ada w-ben w-eve",
            "glass": "w-ada w-ben w-eve",
            "admin": "w-ada w-ben w-dora w-eve",
        },
    ),
    "who may have a slot": (
        lambda p, w: p.waitlist.eligible(start("smith", 14, 10)),
        {
            "smith": "w-eve",
            "jones": "w-eve",
            "bay": "w-eve",
            "annex": "w-eve",
            "granted": "w-eve",
            "glass": "w-eve",
            "admin": "w-dora w-eve",
        },
    ),
    "offers": (
        lambda p, w: p.waitlist.offers.list(),
        {
            "ada": "waitlist-offer-1",
            "ben": "waitlist-offer-2",
            "dora": "",
            "smith": "waitlist-offer-1",
            "jones": "waitlist-offer-2",
            "bay": "waitlist-offer-1",
            "annex": "waitlist-offer-2",
            "granted": "waitlist-offer-1 waitlist-offer-2",
            "glass": "waitlist-offer-1 waitlist-offer-2",
            "admin": "waitlist-offer-1 waitlist-offer-2",
        },
    ),
    "blockings": (
        lambda p, w: p.blockings.list(),
        {
            "smith": "b-smith",
            "jones": "b-jones",
            "bay": "b-smith",
            "annex": "b-jones",
            "granted": "b-smith b-jones",
            "glass": "b-jones",
            "admin": "b-smith b-jones",
        },
    ),
    "blockings of Smith": (
        lambda p, w: p.blockings.between("smith", at(12, 0), at(13, 0)),
        {
            "smith": "b-smith",
            "jones": "",
            "bay": "b-smith",
            "annex": "",
            "granted": "b-smith",
            "glass": "",
            "admin": "b-smith",
        },
    ),
    "stranded": (
        lambda p, w: [one.appointment for one in p.availability.stranded()],
        {
            "smith": BAY,
            "jones": ANNEX,
            "bay": BAY,
            "annex": ANNEX,
            "granted": EVERY,
            "glass": f"ada@smith appointment-1 appointment-2 {ANNEX}",
            "admin": EVERY,
        },
    ),
}
AS_ANNEX = {"expired": "annex", "early": "annex", "revoked": "annex", "trusted": "admin"}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_what_is_reached(name: str) -> None:
    listed, expected = LISTS[name]
    for who in WHO:
        wanted = expected.get(AS_ANNEX.get(who, who))
        if wanted is None:
            continue
        world = World()
        practice = world.acting(who)
        if name == "stranded":
            for id in ("r-smith", "r-jones"):
                world.clinic.availability.rules.deactivate(id, stranded="keep")
        found = [one.id for one in listed(practice, world)]
        assert sorted(found) == sorted(wanted.split()), who


def test_as_many_visits_are_counted_as_are_listed() -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"search": "Eve Canary"},
        {"patient": "ben", "status": "booked"},
        {"patient": "ada", "location": "bay"},
        {"provider": "smith", "upcoming": True},
    ]
    for who in WHO:
        practice = World().acting(who)
        for one in asked:
            listed = practice.appointments.list(**one)
            assert practice.appointments.count(**one) == len(listed), (who, one)


@pytest.mark.parametrize("who", ["smith", "annex", "granted", "glass", "admin"])
def test_numbered_pages_leave_nothing_out_and_let_nothing_in(who: str) -> None:
    practice = World().acting(who)
    whole = list(practice.appointments.list())
    for size in (1, 2, 3):
        pages = range(0, practice.appointments.count(), size)
        found = [one for at in pages for one in practice.appointments.list(skip=at, limit=size)]
        assert found == whole


@pytest.mark.parametrize("who", ["smith", "annex", "granted", "glass", "admin"])
def test_pages_leave_nothing_out_and_let_nothing_in(who: str) -> None:
    world = World()
    practice = world.acting(who)
    lists: list[Callable[..., Any]] = [
        *(practice.patients.list, practice.appointments.list, practice.holds.list),
        *(practice.series.list, practice.waitlist.entries.list, practice.waitlist.offers.list),
        practice.blockings.list,
    ]
    for each in lists:
        whole, found, cursor = list(each()), [], None
        while True:
            page = each(limit=1, cursor=cursor)
            assert len(page) <= 1
            found += list(page)
            if (cursor := page.next) is None:
                break
        assert found == whole


def test_a_cursor_opens_nothing() -> None:
    world = World()
    theirs = world.acting("admin")
    for name in ("patients", "appointments", "series"):
        cursor = getattr(theirs, name).list(limit=1).next
        ours = [one.id for one in getattr(world.acting("jones"), name).list(cursor=cursor)]
        own = [one.id for one in getattr(world.acting("jones"), name).list()]
        assert set(ours) <= set(own)
        elsewhere = world.scheduler.practice("lakeside")
        with pytest.raises(InvalidCursor):
            getattr(elsewhere, name).list(cursor=cursor)


def test_a_place_in_the_line_is_true_and_names_nobody() -> None:
    world = World()
    told = world.clinic.waitlist.position("w-eve")
    theirs = world.acting("smith").waitlist.position("w-eve")
    assert theirs == told
    assert (told.position, told.among) == (2, 2)
    assert "dora" not in repr(theirs)


def test_holds_stay_with_whoever_placed_them() -> None:
    world = World()
    practice = world.acting("granted")
    placed = practice.holds.place(start("smith", 14, 10), patient="ada", lasting=3 * HOUR)
    world.clock.set(NOW + 2 * HOUR)
    annex = world.acting("annex")
    assert placed.id in [one.id for one in annex.holds.list()]
    assert annex.holds.get(placed.id) == placed
    with pytest.raises(NotFound):
        annex.patients.get("ada")
    annex.holds.release(placed.id)


def test_published_slots_tell_only_patients_who_are_reached() -> None:
    world = World()
    world.clinic.availability.publish(timedelta(days=5))
    asked: Any = ("smith", "visit", at(7, 10), at(7, 11))
    for who in ("smith", "bay", "ada"):
        assert world.acting(who).availability.published(*asked)[0].patient == "ada", who
    for who in ("ben", "jones", "annex"):
        found = world.acting(who).availability.published(*asked)
        assert [one.patient for one in found] == [None] * len(found), who
        assert found[0].status == "busy"
    assert world.acting("glass").availability.published(*asked)[0].patient == "ada"


def test_changes_name_nobody() -> None:
    world = World()
    practice = world.acting("ben")
    since = practice.changes.latest()
    world.clinic.appointments.book(start("smith", 14, 10), patient="ada", id="secret")
    page = practice.changes(since)
    assert len(page) > 0
    assert not any(one in repr(page) for one in ("ada", "secret"))


def test_a_search_is_the_same_for_everybody() -> None:
    world = World()
    search = Search(first=DAYS[0], last=DAYS[1], types={"visit"})
    whole = [one.id for one in world.clinic.search.slots(search, limit=1000)]
    for who in ("ada", "jones", "bay", "admin"):
        assert [one.id for one in world.acting(who).search.slots(search, limit=1000)] == whole


def test_a_room_shows_only_what_is_reached_in_its_way() -> None:
    world = World()
    room = Resource("room", "bay-1")
    world.clinic.blockings.add(room, at(14, 9), at(14, 10), id="b-room")
    seen = {
        who: len(world.acting(who).blockings.between(room, at(14, 0), at(15, 0)))
        for who in WHO[3:7]
    }
    assert seen == {"smith": 0, "jones": 0, "bay": 1, "annex": 0}
