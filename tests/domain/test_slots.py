"""Slots and their ids: deterministic, opaque, and refused when they are not whole."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any

import attrs
import pytest

from medsched.adapters.tzdata import TzdataZones
from medsched.domain.appointment_types import Modality, Pricing
from medsched.domain.slots import (
    Slot,
    SlotKey,
    Slots,
    SlotStatus,
    SlotTerms,
    Summary,
    read_slot_id,
    slot_id,
)
from medsched.errors import InvalidSlotId, UnknownZone
from medsched.timeline.instants import minute_of

ZONES = TzdataZones()
START = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 in New York, half an hour before the fold
KEY = SlotKey("riverside", "smith", "follow-up", "clinic", minute_of(START, rounding="up"))
TERMS = SlotTerms(
    practice=KEY.practice,
    provider=KEY.provider,
    type=KEY.type,
    location=KEY.location,
    room="1",
    opened_by="rule-1",
    zone=ZONES.zone("America/New_York"),
    length=90,
    capacity=4,
    taken=1,
    status=SlotStatus.FREE,
    modality=Modality.TELEHEALTH,
    pricing=Pricing(base_fee=80),
    special_requirements=frozenset({"fasting"}),
)
SLOT = Slot((TERMS, KEY.start))


def test_a_slot_tells_its_terms() -> None:
    assert (SLOT.practice, SLOT.provider, SLOT.type) == ("riverside", "smith", "follow-up")
    assert (SLOT.location, SLOT.room, SLOT.opened_by) == ("clinic", "1", "rule-1")
    assert (SLOT.status, SLOT.capacity, SLOT.seats_free) == (SlotStatus.FREE, 4, 3)
    assert (SLOT.modality, SLOT.special_requirements) == (
        Modality.TELEHEALTH,
        frozenset({"fasting"}),
    )
    assert SLOT.pricing is TERMS.pricing


def test_a_slot_lies_between_instants_and_shows_wall_times() -> None:
    assert (SLOT.start, SLOT.end) == (START, START + timedelta(minutes=90))
    assert SLOT.duration == timedelta(minutes=90)
    assert f"{SLOT.local_start:%H:%M %Z}" == "01:30 EDT"
    assert f"{SLOT.local_end:%H:%M %Z}" == "02:00 EST"
    assert (SLOT.date, SLOT.timezone) == (date(2026, 11, 1), "America/New_York")


def test_only_a_free_slot_has_seats() -> None:
    for status in set(SlotStatus) - {SlotStatus.FREE}:
        assert Slot((attrs.evolve(TERMS, status=status), KEY.start)).seats_free == 0


def test_a_slot_is_frozen_and_compared_by_value() -> None:
    assert Slot((attrs.evolve(TERMS), KEY.start)) == SLOT
    assert Slot((TERMS, KEY.start + 1)) != SLOT
    for field in ("start", "status", "_minute"):
        with pytest.raises(AttributeError):
            setattr(SLOT, field, None)


def test_a_slot_shows_what_a_person_needs() -> None:
    assert repr(SLOT) == "<Slot smith follow-up 2026-11-01 01:30-02:00 EST free>"


# ------------------------------------------------------------------- sequences

STARTS = [KEY.start + 90 * number for number in range(20)]


def listing(calls: list[None] | None = None) -> Slots:
    busy = attrs.evolve(TERMS, status=SlotStatus.BUSY, opened_by="extra-1")

    def find() -> list[Slot]:
        if calls is not None:
            calls.append(None)
        return [Slot(pair) for pair in zip([TERMS, busy] * 10, STARTS, strict=True)]

    return Slots(find, ZONES)


def test_slots_are_found_once_and_when_they_are_looked_at() -> None:
    calls: list[None] = []
    slots = listing(calls)
    assert calls == []
    assert len(slots) == len(list(slots)) == 20
    assert (slots[0], slots[-1].start) == (SLOT, START + timedelta(minutes=90 * 19))
    assert len(calls) == 1
    assert repr(slots) == "<Slots: 20>"


def test_slots_are_a_sequence() -> None:
    slots = listing()
    assert list(slots[2:5]) == list(slots)[2:5]
    assert list(slots[::-1]) == list(reversed(slots))
    assert slots.first() == [SLOT]
    assert slots.first(3) == list(slots[:3])
    assert (slots.first(0), slots.first(-1), len(slots.first(99))) == ([], [], 20)
    assert slots.index(slots[7]) == 7
    assert SLOT in slots
    with pytest.raises(IndexError):
        slots[20]
    assert not Slots(list, ZONES)


def test_slots_by_the_local_date_of_their_start() -> None:
    by_date = listing().by_date()
    assert list(by_date) == [date(2026, 11, 1), date(2026, 11, 2)]
    assert [slot for some in by_date.values() for slot in some] == list(listing())
    assert all(slot.local_start.date() == day for day, some in by_date.items() for slot in some)


def test_a_viewers_zone_moves_no_instant() -> None:
    slots, seen = listing(), listing().seen_from("Asia/Tokyo")
    assert [slot.start for slot in seen] == [slot.start for slot in slots]
    assert [slot.id for slot in seen] == [slot.id for slot in slots]
    assert (f"{seen[0].local_start:%H:%M}", seen[0].timezone) == ("14:30", "Asia/Tokyo")
    assert len(seen[:3].by_date()) == 1
    with pytest.raises(UnknownZone):
        slots.seen_from("Asia/Tokio")


def test_slots_are_counted() -> None:
    slots = listing()
    assert slots.summary() == Summary(
        total=20, free=10, busy=10, unavailable=0, tentative=0, seats=30, withdrawn=0
    )
    assert len(slots.opened_by("extra-1")) == 10
    assert {slot.opened_by for slot in slots.opened_by("rule-1")} == {"rule-1"}
    assert len(slots.opened_by("nobody")) == 0


# ------------------------------------------------------------------------- ids


def test_an_id_is_the_same_for_ever() -> None:
    """Ids are kept by hosts: another way of making them would break theirs."""
    assert SLOT.id == slot_id(KEY) == GOLDEN


GOLDEN = "BUS55NP1WyJyaXZlcnNpZGUiLCJzbWl0aCIsImZvbGxvdy11cCIsImNsaW5pYyIsMjk4OTE4NTBd"


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        KEY._replace(location=None),
        KEY._replace(practice='a"b\\c', provider="患者 ", type="é/ü+?&="),
        KEY._replace(location="l" * 255),
    ],
)
def test_an_id_reads_back(key: SlotKey) -> None:
    text = slot_id(key)
    assert read_slot_id(text) == key
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()  # fits a URL as it is


def test_ids_differ_where_keys_do() -> None:
    keys = {
        KEY,
        KEY._replace(practice="riversid", provider="esmith"),
        KEY._replace(type="Follow-up"),
        KEY._replace(location=None),
        KEY._replace(location="None"),
        KEY._replace(start=KEY.start + 1),
    }
    assert len({slot_id(key) for key in keys}) == len(keys) == 6


def refused(text: Any) -> InvalidSlotId:
    with pytest.raises(InvalidSlotId) as caught:
        read_slot_id(text)
    assert caught.value.field == "slot"
    return caught.value


def test_a_part_of_an_id_is_refused() -> None:
    for end in range(len(GOLDEN)):
        assert refused(GOLDEN[:end]).value == GOLDEN[:end]
        refused(GOLDEN[end + 1 :])


def test_a_changed_letter_is_refused() -> None:
    for at, letter in enumerate(GOLDEN):
        for other in "AaZ09-_":
            if other != letter:
                refused(GOLDEN[:at] + other + GOLDEN[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "42",
        "é",
        "\0",
        f"{GOLDEN}=",
        f" {GOLDEN}",
        f"{GOLDEN}\n",
        GOLDEN * 2,
        "A" * 300,
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    shown = text if len(text) <= 255 else "str"
    assert refused(text).value == shown


@pytest.mark.parametrize("text", [None, 5, b"x", SLOT, KEY])
def test_what_is_no_text_is_refused(text: Any) -> None:
    assert refused(text).value == type(text).__name__


def sealed(content: object, *, seal: bytes | None = None) -> str:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    seal = blake2b(body, digest_size=6).digest() if seal is None else seal
    return urlsafe_b64encode(seal + body).rstrip(b"=").decode()


def test_the_forger_of_a_seal_gets_no_further() -> None:
    assert sealed(list(KEY)) == GOLDEN
    refused(sealed(list(KEY), seal=bytes(6)))
    refused(sealed([*KEY, "more"]))
    refused(sealed(list(KEY)[:4]))
    refused(sealed({}))
    refused(sealed("riverside"))


@pytest.mark.parametrize(
    "key",
    [
        [1, 2, 3, 4, 5],
        [*KEY[:4], "soon"],
        [*KEY[:4], None],
        [*KEY[:4], 1.5],
        [*KEY[:4], True],
        [None, *KEY[1:]],
        ["", *KEY[1:]],
        [*KEY[:3], "", KEY.start],
        [["riverside"], *KEY[1:]],
        [*KEY[:4], 10**30],
    ],
)
def test_a_sealed_id_says_what_a_key_says(key: list[object]) -> None:
    refused(sealed(key))
