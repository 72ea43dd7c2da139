"""What is written is read: by id, by page, by filter, by resource, byte by byte."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import attrs
import pytest

from medsched.domain.access import Grant
from medsched.domain.agendas import Agenda
from medsched.domain.appointment_types import AppointmentType, Modality, Need
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.changes import RowVersion
from medsched.domain.fields import phi_fields
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, LocationKind, Room
from medsched.domain.records import Resource
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.schedule import Calendar
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import CLASSES, Kind, Ref, Stored
from medsched.domain.time_blocks import TimeBlock
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    DAILY,
    DAY_OF_NINE,
    MAIN,
    NINE,
    NOW,
    ROOM,
    RULE,
    SMITH,
    Contract,
    ids,
    put,
    request,
    same,
)
from medsched.testing.contracts.samples import IDS, RECORDS, UNNAMEABLE
from medsched.timeline.instants import DAY, instant_of


def _nothing_happened(store: Store, practice: str) -> None:
    """No time is taken, nothing counted, no key used, and nobody told."""
    assert list(store.claims(practice, [SMITH], NINE, NINE + DAY)) == []
    assert store.ledger(practice, [SMITH], DAY_OF_NINE, DAY_OF_NINE) == {}
    assert list(store.appointments(practice, Agenda(), after=None, limit=9)) == []
    assert store.count_appointments(practice, Agenda()) == 0
    assert list(store.expired_holds(practice, NOW, limit=9)) == []
    assert store.tallies(practice, ["n"]) == {"n": 0}
    assert store.receipt(practice, request("key").scope, NOW) is None
    assert store.forget_receipts(practice, NOW) == 0
    assert store.number_events(practice) == 0
    assert list(store.events(practice, after=0, limit=9)) == []


class Reading(Contract):
    """The readers."""

    # ----------------------------------------------------------------------- records

    def test_a_practice_that_nothing_was_stored_for_is_empty(
        self, store: Store, practice: str
    ) -> None:
        assert store.get(practice, Provider, "smith") is None
        assert store.get_many(practice, [MAIN, ROOM]) == {}
        assert store.get_many(practice, []) == {}
        for cls in CLASSES.values():
            assert not store.page(practice, cls, active=None, where={}, after=None, limit=9)
        assert store.calendars(practice, [SMITH]) == {SMITH: (0, Calendar())}
        assert store.calendars(practice, []) == {}
        assert store.schedule_versions(practice, [SMITH]) == {SMITH: 0}
        assert store.schedule_versions(practice, []) == {}
        assert list(store.referrers(practice, MAIN)) == []
        _nothing_happened(store, practice)

    @pytest.mark.parametrize("practice", UNNAMEABLE, ids=ascii)
    def test_a_practice_that_cannot_be_is_empty(self, store: Store, practice: str) -> None:
        assert store.get(practice, Provider, "smith") is None
        assert store.get_many(practice, [MAIN, ROOM]) == {}
        assert not store.page(practice, Room, active=None, where={}, after=None, limit=9)
        assert store.calendars(practice, [SMITH]) == {SMITH: (0, Calendar())}
        assert store.schedule_versions(practice, [SMITH]) == {SMITH: 0}
        assert list(store.referrers(practice, MAIN)) == []
        _nothing_happened(store, practice)

    def test_a_store_brings_what_a_scheduler_needs(self, store: Store) -> None:
        assert type(store.retries) is int
        assert store.retries >= 0
        assert store.surroundings.clock.now().utcoffset() == timedelta(0)

    @pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
    def test_every_noun_comes_back_as_it_was(
        self, store: Store, practice: str, record: Stored
    ) -> None:
        written = attrs.evolve(record, version=1)
        put(store, practice, written)
        ref = Ref.to(written)
        same(store.get(practice, type(written), ref.id), written)
        same(store.get_many(practice, [ref])[ref], written)
        (found,) = store.page(practice, type(written), active=None, where={}, after=None, limit=9)
        same(found, written)

    @pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
    def test_every_noun_can_replace_another(
        self, store: Store, practice: str, record: Stored
    ) -> None:
        first = next(one for one in RECORDS.values() if Ref.to(one).kind == Ref.to(record).kind)
        named: Any = {"code" if isinstance(record, AppointmentType) else "id": record.id}
        put(store, practice, attrs.evolve(first, version=1, **named))
        written = attrs.evolve(record, version=2)
        put(store, practice, written)
        same(store.get(practice, type(written), written.id), written)

    def test_a_record_is_found_by_its_kind_and_id(self, store: Store, clinic: str) -> None:
        room = store.get(clinic, Room, "r1")
        assert room == Room(id="r1", location="main", version=1)
        assert store.get(clinic, Location, "r1") is None
        missing = Ref(Kind.ROOM, "r2")
        assert store.get_many(clinic, [ROOM, missing, ROOM]) == {ROOM: room}
        assert store.get_many(clinic, {MAIN, ROOM, RULE}).keys() == {MAIN, ROOM, RULE}

    @pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
    def test_a_bare_record_is_without_what_is_sealed(
        self, store: Store, practice: str, record: Stored
    ) -> None:
        written = attrs.evolve(record, version=1)
        put(store, practice, written)
        found = store.bare(practice, [Ref.to(written), Ref(Kind.ROOM, "none")])
        if isinstance(record, Grant):
            assert found == {}
            return
        hidden = phi_fields(type(record)) if store.seals else frozenset()
        shown = [one for one in attrs.fields(type(record)) if one.name not in hidden]
        (one,) = found.values()
        assert found.keys() == {Ref.to(written)}
        assert all(getattr(one, each.name) == getattr(written, each.name) for each in shown)
        for field in attrs.fields_dict(type(record)).values():
            if field.name in hidden:
                assert not getattr(one, field.name)

    @pytest.mark.parametrize("practice", UNNAMEABLE, ids=ascii)
    def test_a_practice_that_cannot_be_has_no_bare_records(
        self, store: Store, practice: str
    ) -> None:
        assert store.bare(practice, [MAIN, ROOM]) == {}

    def test_an_inactive_record_is_found(self, store: Store, practice: str) -> None:
        off = Provider(id="smith", active=False, version=1)
        put(store, practice, off)
        assert store.get(practice, Provider, "smith") == off
        assert store.get_many(practice, [Ref.to(off)]) == {Ref.to(off): off}

    def test_many_records_are_read_at_once(self, store: Store, practice: str) -> None:
        many = [Patient(id=f"p{number:04}", version=1) for number in range(1200)]
        put(store, practice, *many)
        refs = [Ref.to(one) for one in many]
        assert store.get_many(practice, refs) == dict(zip(refs, many, strict=True))
        found = store.page(practice, Patient, active=True, where={}, after="p0099", limit=1000)
        assert list(found) == many[100:1100]

    # --------------------------------------------------------------------------- ids

    def test_ids_are_compared_byte_by_byte(self, store: Store, practice: str) -> None:
        for number, id in enumerate(IDS):
            assert store.get(practice, Patient, id) is None
            put(store, practice, Patient(id=id, name=str(number), version=1))
        for number, id in enumerate(IDS):
            assert store.get(practice, Patient, id) == Patient(id=id, name=str(number), version=1)
        refs = [Ref(Kind.PATIENT, id) for id in IDS]
        assert [one.id for one in store.get_many(practice, refs).values()] == list(IDS)
        for unknown in ("EHR-1 ", "ehr-1  ", "eHr-1", "STRAßE", "strasse", "x" * 254, "ﬀ"):
            assert store.get(practice, Patient, unknown) is None

    def test_pages_are_in_order_of_bytes(self, store: Store, practice: str) -> None:
        put(store, practice, *(Patient(id=id, version=1) for id in IDS))
        in_order = sorted(IDS)
        assert in_order == sorted(IDS, key=str.encode)
        found, after = list[str](), None
        while page := store.page(practice, Patient, active=True, where={}, after=after, limit=7):
            found += ids(page)
            after = found[-1]
        assert found == in_order

    def test_resources_and_references_are_told_apart_byte_by_byte(
        self, store: Store, practice: str
    ) -> None:
        for number, id in enumerate(IDS):
            put(
                store,
                practice,
                Location(id=id, version=1),
                Room(id=id, location=id, version=1),
                AvailabilityRule(id, DAILY, hours="09:00-12:00", id=f"r{number}", version=1),
                bumps={Resource("provider", id)} if number % 2 else set(),
            )
        resources = [Resource("provider", id) for id in IDS]
        calendars = store.calendars(practice, resources)
        versions = store.schedule_versions(practice, resources)
        for number, (id, resource) in enumerate(zip(IDS, resources, strict=True)):
            assert calendars[resource].version == versions[resource] == number % 2
            assert ids(calendars[resource].calendar.rules) == [f"r{number}"]
            referrers = store.referrers(practice, Ref(Kind.LOCATION, id))
            assert list(referrers) == [Ref(Kind.ROOM, id)]
            rooms = store.page(
                practice, Room, active=True, where={"location": id}, after=None, limit=9
            )
            assert ids(rooms) == [id]

    def test_practices_are_apart_byte_by_byte(self, store: Store, practice: str) -> None:
        there = [practice + tail for tail in ("", " ", "\u00a0", "\u200f", "é", "e\u0301", "😀")]
        there.append(practice.upper())
        for number, one in enumerate(there):
            put(store, one, Patient(id="ada", name=str(number), version=1), bumps={SMITH})
        for number, one in enumerate(there):
            ada = Patient(id="ada", name=str(number), version=1)
            assert store.get(one, Patient, "ada") == ada
            assert store.schedule_versions(one, [SMITH]) == {SMITH: 1}
            found = store.page(one, Patient, active=None, where={}, after=None, limit=9)
            assert list(found) == [ada]

    @pytest.mark.parametrize("id", UNNAMEABLE, ids=ascii)
    def test_what_nothing_can_be_called_is_not_found(
        self, store: Store, clinic: str, id: str
    ) -> None:
        ref = Ref(Kind.LOCATION, id)
        assert store.get(clinic, Location, id) is None
        assert store.get_many(clinic, [ref, MAIN]).keys() == {MAIN}
        assert list(store.referrers(clinic, ref)) == []
        for field in ("location", "name"):
            where = {field: id or "\0"}
            found = store.page(clinic, Room, active=True, where=where, after=None, limit=9)
            assert list(found) == []

    @pytest.mark.parametrize("after", ["", "b", "b\0", "b\ud800", "b" * 300, "\U0010ffff" * 256])
    def test_a_page_begins_after_any_text(self, store: Store, practice: str, after: str) -> None:
        all_ids = ["a", "b", "b\u0301", "b" * 255, "c", "\U0010ffff" * 255]
        put(store, practice, *(Patient(id=id, version=1) for id in all_ids))
        found = store.page(practice, Patient, active=True, where={}, after=after, limit=9)
        assert ids(found) == sorted(id for id in all_ids if id > after)

    # ------------------------------------------------------------------------- pages

    def test_a_page_is_of_one_class(self, store: Store, clinic: str) -> None:
        rooms = store.page(clinic, Room, active=None, where={}, after=None, limit=9)
        assert list(rooms) == [Room(id="r1", location="main", version=1)]

    def test_a_page_takes_the_active_the_others_or_both(self, store: Store, practice: str) -> None:
        put(store, practice, *(Patient(id=id, active=id < "c", version=1) for id in "abcd"))

        def found(active: bool | None, limit: int = 9) -> list[str]:
            page = store.page(practice, Patient, active=active, where={}, after=None, limit=limit)
            return ids(page)

        assert (found(True), found(False), found(None)) == (["a", "b"], ["c", "d"], [*"abcd"])
        assert (found(False, 1), found(None, 3)) == (["c"], [*"abc"])

    def test_filters_match_fields_and_members_of_sets(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            Provider(id="a", location="main", specialties={"x", "y"}, languages="en", version=1),
            Provider(id="b", location="Main", specialties={"x"}, insurers={"y"}, version=1),
            Provider(id="c", specialties={"X", "y "}, name="x", rating=4.5, version=1),
            Staff(id="d", department="x", version=1),
            Location(id="e", kind=LocationKind.HOSPITAL, version=1),
            Location(id="main", exclusive=True, version=1),
            Device(id="f", location="main", version=1),
            AppointmentType(
                code="g", duration=timedelta(minutes=5), modality=Modality.PHONE, version=1
            ),
        )

        def found(cls: type[Stored], **where: object) -> list[str]:
            return ids(store.page(practice, cls, active=True, where=where, after=None, limit=9))

        assert found(Provider, specialties="x") == ["a", "b"]
        assert found(Provider, specialties="X") == ["c"]
        assert found(Provider, specialties="y") == ["a"]
        assert found(Provider, specialties="z") == []
        assert found(Provider, specialties="x", location="Main") == ["b"]
        assert found(Provider, languages="en") == ["a"]
        assert found(Provider, insurers="y") == ["b"]
        assert found(Provider, location=None) == ["c"]
        assert found(Staff, department="x") == ["d"]
        assert found(Location, kind=LocationKind.HOSPITAL) == ["e"]
        assert found(Location, kind="hospital") == ["e"]
        assert found(Device, location="main") == ["f"]
        assert found(AppointmentType, modality=Modality.PHONE) == ["g"]
        # Any field will do, whether or not some list offers it.
        assert found(Provider, name="x") == ["c"]
        assert found(Provider, rating=4.5, specialties="X") == ["c"]
        assert found(Provider, name="", specialties="x", location="main") == ["a"]
        assert found(Location, exclusive=True) == ["main"]
        # So will what is worked out from fields.
        assert found(Location, called="main") == ["main"]
        assert found(Location, called="e", kind="hospital") == ["e"]
        assert found(Device, called="main") == []

    def test_filters_go_with_pages(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            *(
                Room(id=f"r{at:03}", location=f"l{at % 2}", name=f"n{at % 3}", version=1)
                for at in range(700)
            ),
        )
        for where, those in (
            ({"location": "l1"}, [at for at in range(700) if at % 2]),
            ({"name": "n2"}, [at for at in range(700) if at % 3 == 2]),
            ({"name": "n2", "location": "l0"}, list(range(2, 700, 6))),
        ):
            found = store.page(practice, Room, active=True, where=where, after="r0999", limit=100)
            assert ids(found) == [f"r{at:03}" for at in those if at >= 100][:100]

    def test_filters_follow_changes(self, store: Store, practice: str) -> None:
        def found(where: str) -> list[str]:
            page = store.page(
                practice, Room, active=True, where={"location": where}, after=None, limit=9
            )
            return ids(page)

        put(store, practice, *(Location(id=id, version=1) for id in "ab"))
        put(store, practice, Room(id="r1", location="a", version=1))
        assert (found("a"), found("b")) == (["r1"], [])
        put(store, practice, Room(id="r1", location="b", version=2))
        assert (found("a"), found("b")) == ([], ["r1"])
        put(store, practice, Room(id="r1", location="b", version=3, active=False))
        assert (found("a"), found("b")) == ([], [])
        put(store, practice, removals=(RowVersion(ROOM, 3),))
        assert store.get(practice, Room, "r1") is None
        assert list(store.referrers(practice, Ref(Kind.LOCATION, "b"))) == []

    def test_hours_are_found_by_resource_and_kind(self, store: Store, practice: str) -> None:
        day = date(2026, 5, 1)
        closed = Override.closed("smith", day, id="a")
        extra = Override.extra("smith", day, hours="09:00-10:00", id="b")
        other = Override.closed(Resource("room", "smith"), day, id="c")
        put(store, practice, *(attrs.evolve(one, version=1) for one in (closed, extra, other)))

        def found(**where: object) -> list[str]:
            page = store.page(practice, Override, active=True, where=where, after=None, limit=9)
            return ids(page)

        assert found(resource=SMITH) == ["a", "b"]
        assert found(resource=SMITH, kind=OverrideKind.CLOSED) == ["a"]
        assert found(kind=OverrideKind.CLOSED) == ["a", "c"]
        assert found(resource=Resource("room", "smith")) == ["c"]

    # --------------------------------------------------------------------- calendars

    def test_a_calendar_shows_what_is_active_in_order_of_id(
        self, store: Store, clinic: str
    ) -> None:
        def rule(id: str, *, active: bool = True) -> AvailabilityRule:
            return AvailabilityRule(
                "smith", DAILY, hours="13:00-14:00", id=id, active=active, version=1
            )

        closed = attrs.evolve(Override.closed("smith", date(2026, 5, 1), id="o"), version=1)
        meeting = RecurringBlocking("smith", DAILY, hours="09:00-10:00", id="b", version=1)
        block = TimeBlock("smith", date(2026, 5, 2), "09:00-09:30", id="t", version=1)
        gone = attrs.evolve(block, id="gone", active=False)
        slots = [
            SlotOverride(resource="smith", type="visit", start=instant_of(NINE), id=id, version=1)
            for id in ("t", "s")
        ]
        slots.append(attrs.evolve(slots[0], id="u", active=False))
        rules = [*(rule(id) for id in "zaZ"), rule("off", active=False)]
        kept = ReleaseRule("smith", DAILY, share="1/5", before=timedelta(1), id="k", version=1)
        releases = [kept, attrs.evolve(kept, id="K"), attrs.evolve(kept, id="f", active=False)]
        put(store, clinic, *rules, closed, meeting, block, gone, *slots, *releases)
        version, calendar = store.calendars(clinic, [SMITH])[SMITH]
        assert version == 1
        assert ids(calendar.rules) == ["Z", "a", "rule", "z"]
        assert calendar.overrides == (closed,)
        assert calendar.blockings == (meeting,)
        assert calendar.blocks == (block,)
        assert calendar.slots == (slots[1], slots[0])
        assert calendar.releases == (releases[1], kept)

    def test_hours_that_move_change_two_calendars(self, store: Store, clinic: str) -> None:
        moved = AvailabilityRule("jones", DAILY, hours="09:00-12:00", id="rule", version=2)
        put(store, clinic, moved)
        jones, room = Resource("provider", "jones"), Resource("room", "smith")
        read = store.calendars(clinic, [SMITH, jones, room, jones])
        assert read.keys() == {SMITH, jones, room}
        assert [one.calendar.rules for one in read.values()] == [(), (moved,), ()]

    def test_many_calendars_are_read_at_once(self, store: Store, practice: str) -> None:
        resources = [Resource("room", f"r{number}") for number in range(1200)]
        rules = [
            AvailabilityRule(one, DAILY, hours="09:00-10:00", id=one.id, version=1)
            for one in resources[::100]
        ]
        put(store, practice, *rules, bumps=set(resources[::2]))
        read = store.calendars(practice, resources)
        assert list(store.schedule_versions(practice, resources).values()) == [1, 0] * 600
        assert [one.version for one in read.values()] == [1, 0] * 600
        assert [one.calendar.rules for one in read.values() if one.calendar] == [
            (rule,) for rule in rules
        ]

    # --------------------------------------------------------------------- referrers

    def test_referrers_are_in_order_and_as_many_as_asked_for(
        self, store: Store, practice: str
    ) -> None:
        visit = AppointmentType(
            code="visit", duration=timedelta(minutes=5), needs=[Need.room("b", "a")], version=1
        )
        rooms = [Room(id=id, location="main", version=1) for id in ("b", "a", "B")]
        rule = AvailabilityRule(
            "smith", DAILY, hours="09:00-12:00", location="main", room="a", id="rule", version=1
        )
        put(store, practice, Location(id="main", version=1), visit, *rooms, rule)
        named = [Ref(Kind.ROOM, "B"), Ref(Kind.ROOM, "a"), Ref(Kind.ROOM, "b"), RULE]
        assert list(store.referrers(practice, MAIN)) == sorted(named)
        assert list(store.referrers(practice, MAIN, limit=2)) == sorted(named)[:2]
        to_a = [Ref(Kind.APPOINTMENT_TYPE, "visit"), RULE]
        assert list(store.referrers(practice, Ref(Kind.ROOM, "a"))) == to_a
        put(store, practice, attrs.evolve(rule, location=None, room=None, version=2))
        assert list(store.referrers(practice, MAIN)) == sorted(named)[:3]
        assert list(store.referrers(practice, Ref(Kind.ROOM, "a"))) == to_a[:1]
