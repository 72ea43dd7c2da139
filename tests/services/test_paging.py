"""Lists: in order of id, a page at a time, filtered, and refused to foreign cursors."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest

from medsched import (
    Address,
    AvailabilityRule,
    InvalidCursor,
    InvalidNumber,
    Location,
    Override,
    Page,
    Practice,
    Provider,
    Recurrence,
    Resource,
    Room,
    Scheduler,
    every,
)


def ids(clinic: Practice, **options: Any) -> list[str]:
    """The ids of all providers, page after page."""
    found: list[str] = []
    cursor = None
    while True:
        page = clinic.providers.list(cursor=cursor, **options)
        found += [one.id for one in page]
        assert len(page) == len(page.items)
        if page.next is None:
            return found
        assert len(page) == options["limit"], "only the last page is short"
        cursor = page.next


@pytest.mark.parametrize("limit", [1, 2, 7, 24, 25, 26, 1000])
def test_pages_add_up_to_the_list_in_order_of_id(clinic: Practice, limit: int) -> None:
    names = [f"p-{number:02d}" for number in range(25)]
    Random(7).shuffle(names)
    for name in names:
        clinic.providers.create(id=name)
    assert ids(clinic, limit=limit) == sorted(names)


@pytest.mark.parametrize("limit", [{}, {"limit": 1}, {"limit": 2}, {"limit": 5}])
def test_all_of_a_list_at_once(clinic: Practice, limit: dict[str, int]) -> None:
    for name in ["a", "b", "c", "d", "e"]:
        clinic.locations.create(id=name, kind="hospital" if name == "c" else "clinic")
    names = [one.id for one in every(clinic.locations.list, kind="clinic", **limit)]
    assert names == ["a", "b", "d", "e"]
    assert list(every(clinic.rooms.list, **limit)) == []


def test_all_of_a_list_is_read_a_page_at_a_time(clinic: Practice) -> None:
    for name in ["a", "b", "c"]:
        clinic.rooms.create(id=name, location=clinic.locations.create(id=f"at-{name}").id)
    rooms = every(clinic.rooms.list, limit=2)
    assert [next(rooms).id, next(rooms).id] == ["a", "b"]
    clinic.rooms.delete("c")
    assert list(rooms) == []


def test_without_arguments_a_list_gives_the_first_hundred_active_ones(clinic: Practice) -> None:
    for number in range(102):
        clinic.providers.create(id=f"p-{number:03d}")
    clinic.providers.deactivate("p-000")
    page = clinic.providers.list()
    assert [one.id for one in page] == [f"p-{number:03d}" for number in range(1, 101)]
    assert [one.id for one in clinic.providers.list(cursor=page.next)] == ["p-101"]


def test_an_empty_list_is_one_empty_page(clinic: Practice) -> None:
    page = clinic.providers.list()
    assert (page.items, page.next) == ((), None)


def test_the_order_of_adding_does_not_matter(scheduler: Scheduler) -> None:
    lists = []
    for number, names in enumerate(permutations(["b", "a", "c", "A"])):
        clinic = scheduler.practice(f"practice-{number}")
        for name in names:
            clinic.providers.create(id=name, specialties=names)
        lists.append(ids(clinic, limit=3, specialty="a"))
    assert lists == [["A", "a", "b", "c"]] * 24


def test_a_list_that_grows_between_pages_repeats_and_skips_nothing(clinic: Practice) -> None:
    for name in "bdfh":
        clinic.providers.create(id=name)
    first = clinic.providers.list(limit=2)
    for name in "aeg":
        clinic.providers.create(id=name)
    clinic.providers.delete("d")  # the one the cursor points behind
    rest = clinic.providers.list(cursor=first.next)
    assert [one.id for one in (*first, *rest)] == ["b", "d", "e", "f", "g", "h"]


@pytest.mark.parametrize("limit", [0, -1, 1001, None, True, 10.0, "10"])
def test_a_page_has_a_size(clinic: Practice, limit: Any) -> None:
    with pytest.raises(InvalidNumber) as caught:
        clinic.providers.list(limit=limit)
    assert caught.value.field == "limit"


def test_filters_are_equality_or_membership(clinic: Practice) -> None:
    clinic.add_all([Location(id="main"), Location(id="branch", kind="hospital")])
    clinic.add_all(
        [
            Provider(id="a", location="main", specialties={"cardiology", "surgery"}),
            Provider(id="b", location="main", languages={"en", "es"}),
            Provider(id="c", specialties="cardiology", insurers="Acme", active=False),
            Room(id="r", location="main"),
        ]
    )
    clinic.staff.create(id="s", department="desk")
    clinic.appointment_types.create(code="t", duration=timedelta(minutes=5), modality="phone")
    providers = clinic.providers
    assert [one.id for one in providers.list(location="main")] == ["a", "b"]
    assert [one.id for one in providers.list(specialty="cardiology")] == ["a"]
    assert [one.id for one in providers.list(specialty="cardiology", active=None)] == ["a", "c"]
    assert [one.id for one in providers.list(insurer="Acme", active=False)] == ["c"]
    assert [one.id for one in providers.list(language="es", specialty="surgery")] == []
    assert [one.id for one in clinic.locations.list(kind="hospital")] == ["branch"]
    assert [one.id for one in clinic.rooms.list(location="main")] == ["r"]
    assert [one.id for one in clinic.rooms.list(location="branch")] == []
    assert [one.id for one in clinic.devices.list(location="main")] == []
    assert [one.id for one in clinic.staff.list(department="desk")] == ["s"]
    assert [one.id for one in clinic.appointment_types.list(modality="phone")] == ["t"]
    assert [one.id for one in clinic.appointment_types.list(modality="telehealth")] == []


def test_places_are_found_by_what_people_call_them(clinic: Practice) -> None:
    line, whole = "123 Main St", "123 Main St, New York, NY 10001"
    address = Address(line=line, city="New York", state="NY", postal_code="10001")
    clinic.locations.create(id="a", name="Downtown", address=address)
    clinic.locations.create(id="b", address=address, kind="hospital")
    clinic.locations.create(id="c", name=line, active=False)
    clinic.rooms.create(id="r1", name="Room 1", location="a")
    clinic.rooms.create(id="r2", name="Room 1", location="b")
    clinic.devices.create(id="d", name="MRI", location="b")
    locations, rooms, devices = clinic.locations, clinic.rooms, clinic.devices

    def ids_of(page: Page[Any]) -> list[str]:
        return [one.id for one in page]

    for named in (line, whole):
        assert ids_of(locations.list(called=named)) == ["a", "b"]
        assert ids_of(locations.list(called=named, kind="hospital")) == ["b"]
    assert ids_of(locations.list(called="Downtown")) == ids_of(locations.list(called="a")) == ["a"]
    assert ids_of(locations.list(called=line, active=None)) == ["a", "b", "c"]
    assert ids_of(locations.list(called="")) == ids_of(locations.list(called="New York")) == []
    assert ids_of(rooms.list(called="Room 1")) == ["r1", "r2"]
    assert ids_of(rooms.list(called="Room 1", location="b")) == ["r2"]
    assert ids_of(rooms.list(called="r1")) == ["r1"]
    assert ids_of(devices.list(called="MRI")) == ids_of(devices.list(called="d")) == ["d"]
    one, other = (list(every(locations.list, called=line, limit=size)) for size in (1, 1000))
    assert one == other


def test_hours_are_listed_by_resource(clinic: Practice) -> None:
    clinic.providers.create(id="a", timezone="UTC")
    main = clinic.locations.create(id="main", timezone="UTC")
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.availability.add_all(
        [
            AvailabilityRule("a", daily, hours="09:00-12:00", id="r1"),
            AvailabilityRule(main.resource, daily, hours="08:00-20:00", id="r2"),
            Override.closed("a", date(2026, 5, 1), id="o1"),
            Override.extra("a", date(2026, 5, 2), hours="09:00-12:00", id="o2"),
        ]
    )
    rules, overrides = clinic.availability.rules, clinic.availability.overrides
    assert [one.id for one in rules.list()] == ["r1", "r2"]
    assert [one.id for one in rules.list(resource="a")] == ["r1"]
    assert [one.id for one in rules.list(resource=main.resource)] == ["r2"]
    assert [one.id for one in rules.list(resource=Resource("room", "a"))] == []
    assert [one.id for one in overrides.list(resource="a", kind="extra")] == ["o2"]


def test_a_cursor_is_good_for_its_own_list_only(clinic: Practice, scheduler: Scheduler) -> None:
    other = scheduler.practice("elsewhere")
    for name in "abc":
        clinic.providers.create(id=name, specialties="x")
        other.providers.create(id=name)
        clinic.staff.create(id=name)
    cursor = clinic.providers.list(limit=1).next
    assert cursor is not None
    assert [one.id for one in clinic.providers.list(limit=2, cursor=cursor)] == ["b", "c"]
    for refuse in (
        lambda: clinic.providers.list(cursor=cursor, specialty="x"),
        lambda: clinic.providers.list(cursor=cursor, active=None),
        lambda: clinic.staff.list(cursor=cursor),
        lambda: other.providers.list(cursor=cursor),
    ):
        with pytest.raises(InvalidCursor):
            refuse()


def test_a_forged_cursor_is_refused(clinic: Practice) -> None:
    for name in "abc":
        clinic.providers.create(id=name)
    cursor = clinic.providers.list(limit=1).next
    assert cursor is not None
    forged = [
        *(cursor[:length] for length in range(len(cursor))),
        *(cursor[:at] + "-" + cursor[at + 1 :] for at in range(len(cursor)) if cursor[at] != "-"),
        *(cursor + more for more in ("=", "==", "A", " ", "\n")),
        *("", "a", "☃", "%00", "x" * 10_000),
    ]
    for text in forged:
        with pytest.raises(InvalidCursor) as caught:
            clinic.providers.list(cursor=text)
        assert len(str(caught.value)) < 400
    with pytest.raises(InvalidCursor):
        clinic.providers.list(cursor=5)  # type: ignore[arg-type]
