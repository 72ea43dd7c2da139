"""The doors that every noun shares: ids, texts, numbers, lengths, choices, dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
import pytest

from medsched.domain.appointment_types import AppointmentType, Modality
from medsched.domain.availability import Override, OverrideKind
from medsched.domain.fields import lengths, minutes, phi, phi_fields, texts, type_codes
from medsched.domain.people import Provider, Staff
from medsched.domain.places import Location, LocationKind, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind, resource
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    InvalidText,
    InvalidValue,
    MedschedError,
    OutOfRange,
)

DAY = date(2026, 1, 5)


def refused(
    error: type[InvalidValue], field: str, make: Callable[[], object], value: object = ...
) -> None:
    with pytest.raises(error) as caught:
        make()
    assert type(caught.value) is error
    assert caught.value.field == field
    assert isinstance(caught.value, MedschedError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(f"{field}: ")
    if value is not ...:
        assert caught.value.value == value


# ------------------------------------------------------------------------- ids


@pytest.mark.parametrize("id", ["x", "ehr-4711", "EHR-1", "ehr-1 ", "é", "患者", "a" * 255, "../x"])
def test_an_id_is_opaque(id: str) -> None:
    assert Provider(id=id).id == id
    assert Provider(id=id).resource == Resource(ResourceKind.PROVIDER, id)


@pytest.mark.parametrize("id", ["a\0b", "a\nb", "\t", "\x7f", "\x85", "\ud800", 5, None, b"x"])
def test_ids_that_are_refused(id: Any) -> None:
    refused(InvalidId, "id", lambda: Provider(id=id), id)
    refused(InvalidId, "id", lambda: Resource(ResourceKind.ROOM, id), id)
    refused(InvalidId, "code", lambda: AppointmentType(code=id, duration=timedelta(hours=1)), id)


def test_an_id_too_long_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidId, match="longer than 255") as caught:
        Provider(id="x" * 256)
    assert caught.value.value == "x" * 40 + "…"


def test_a_records_own_id_may_wait_for_the_store_a_reference_may_not() -> None:
    assert Provider().id == Staff().id == ""
    refused(InvalidId, "location", lambda: Provider(location=""), "")
    refused(InvalidId, "location", lambda: Room(location=""), "")
    refused(InvalidId, "id", lambda: Resource(ResourceKind.ROOM, ""), "")
    refused(InvalidId, "code", lambda: AppointmentType(code="", duration=timedelta(hours=1)), "")


def test_a_bare_id_is_a_providers() -> None:
    room = Resource(ResourceKind.ROOM, "1")
    assert resource("smith") == Resource(ResourceKind.PROVIDER, "smith")
    assert resource(room) is room
    assert str(room) == "room 1"
    assert sorted([room, resource("b"), resource("a")])[0] == resource("a")


# ----------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda text: Provider(name=text), "name"),
        (lambda text: Staff(department=text), "department"),
        (lambda text: Location(name=text), "name"),
        (lambda text: PracticeSettings(name=text), "name"),
        (lambda text: Override.closed("p", DAY, reason=text), "reason"),
    ],
)
def test_texts_have_bounds(make: Callable[[Any], object], field: str) -> None:
    make("")
    make("two\nlines")
    refused(InvalidText, field, lambda: make("x" * 501), 501)
    refused(InvalidText, field, lambda: make("a\0b"), 3)
    refused(InvalidText, field, lambda: make(None), "NoneType")
    refused(InvalidText, field, lambda: make(7), "int")


def test_a_text_can_be_encoded() -> None:
    refused(InvalidText, "name", lambda: Provider(name="\ud800"), 1)


def test_words_are_a_set() -> None:
    assert texts("cardiology") == frozenset({"cardiology"})
    assert texts(["a", "b", "a"]) == frozenset({"a", "b"})
    assert Provider(languages=["en", "fr"]).languages == frozenset({"en", "fr"})


@pytest.mark.parametrize("word", ["", "  ", 5, None, "x" * 256])
def test_words_that_are_refused(word: Any) -> None:
    with pytest.raises(InvalidText):
        Provider(specialties=[word])


def test_a_refused_word_is_not_repeated() -> None:
    refused(InvalidText, "specialties", lambda: Provider(specialties=["x" * 256]), 256)


def test_a_word_holds_no_nul() -> None:
    with pytest.raises(InvalidText):
        Provider(specialties=["a\0b"])


# --------------------------------------------------------------------- numbers


@pytest.mark.parametrize("years", [-1, 101, 3.5, True, "3", float("nan")])
def test_years_of_experience(years: Any) -> None:
    assert Provider(years_of_experience=0).years_of_experience == 0
    assert Provider(years_of_experience=100).years_of_experience == 100
    with pytest.raises(InvalidNumber) as caught:
        Provider(years_of_experience=years)
    assert caught.value.field == "years_of_experience"
    assert caught.value.value is years


@pytest.mark.parametrize("rating", [-0.1, 5.01, True, "5", float("nan"), float("inf"), 10**400])
def test_ratings_run_from_0_to_5(rating: Any) -> None:
    for good in (0, 5, 4.5, None):
        assert Provider(rating=good).rating == good
    with pytest.raises(InvalidNumber) as caught:
        Provider(rating=rating)
    assert caught.value.field == "rating"
    assert caught.value.value is rating


@pytest.mark.parametrize("rating", [Decimal("NaN"), Decimal("sNaN")])
def test_a_rating_that_is_no_number(rating: Any) -> None:
    with pytest.raises(InvalidNumber) as caught:
        Provider(rating=rating)
    assert caught.value.field == "rating"


@pytest.mark.parametrize("capacity", [0, -1, 10_001, 1.0, True])
def test_capacities(capacity: Any) -> None:
    refused(InvalidNumber, "capacity", lambda: Room(location="l", capacity=capacity), capacity)


@pytest.mark.parametrize("priority", [-1001, 1001, 0.5, True])
def test_priorities(priority: Any) -> None:
    refused(
        InvalidNumber,
        "priority",
        lambda: Override.closed("p", DAY, priority=priority),
        priority,
    )


# --------------------------------------------------------------------- lengths


BAD_LENGTHS = [
    timedelta(0),
    timedelta(minutes=-30),
    timedelta(seconds=90),
    timedelta(days=7, minutes=1),
    30,
]


@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_durations(length: Any) -> None:
    refused(InvalidDuration, "duration", lambda: AppointmentType(code="a", duration=length), length)
    refused(InvalidDuration, "durations[a]", lambda: Provider(durations={"a": length}), length)


def test_a_duration_cannot_be_left_out() -> None:
    nothing: Any = None
    refused(InvalidDuration, "duration", lambda: AppointmentType(code="a", duration=nothing), None)


@pytest.mark.parametrize("field", ["buffer_before", "buffer_after", "notice"])
def test_buffers_may_be_zero_and_not_less(field: str) -> None:
    def make(length: Any) -> object:
        return AppointmentType(code="a", duration=timedelta(minutes=30), **{field: length})

    make(timedelta(0))
    refused(InvalidDuration, field, lambda: make(timedelta(minutes=-1)), timedelta(minutes=-1))
    refused(InvalidDuration, field, lambda: make(timedelta(seconds=1)), timedelta(seconds=1))


def test_lengths_are_sorted_pairs() -> None:
    half, whole = timedelta(minutes=30), timedelta(hours=1)
    assert lengths({"b": whole, "a": half}) == (("a", half), ("b", whole))
    assert lengths([("b", whole), ("a", half)]) == lengths({"a": half, "b": whole})
    assert minutes(whole) == 60
    refused(InvalidId, "type", lambda: lengths({"": half}), "")


def test_limits_of_how_early_and_late() -> None:
    month = timedelta(days=30)
    assert Provider(furthest_ahead=month, days_ahead=0).furthest_ahead == month
    refused(InvalidDuration, "furthest_ahead", lambda: Provider(furthest_ahead=timedelta(0)))
    refused(InvalidDuration, "notice", lambda: Provider(notice=timedelta(days=36_526)))
    refused(InvalidNumber, "days_ahead", lambda: Provider(days_ahead=-1), -1)
    refused(InvalidNumber, "days_ahead", lambda: Provider(days_ahead=36_526), 36_526)


# --------------------------------------------------------------------- choices


@pytest.mark.parametrize(
    "enum, good",
    [
        (Modality, "home_visit"),
        (LocationKind, "clinic"),
        (OverrideKind, "replaced"),
        (ResourceKind, "room"),
    ],
)
def test_choices_are_made_by_value(enum: Any, good: str) -> None:
    assert enum(good).value == good
    for bad in ("", "nothing", good.upper(), None, 1):
        refused(InvalidChoice, enum.__name__, partial(enum, bad), bad)
    with pytest.raises(InvalidChoice, match=good):  # what is allowed is listed
        enum("nothing")


def test_types_none_is_all_and_an_empty_set_is_an_error() -> None:
    assert type_codes(None) is None
    assert type_codes("visit") == frozenset({"visit"})
    assert type_codes(["a", "b"]) == frozenset({"a", "b"})
    refused(InvalidChoice, "types", lambda: type_codes([]), set())
    refused(InvalidId, "types", lambda: type_codes(["a", ""]), "")


# ----------------------------------------------------------------------- dates


@pytest.mark.parametrize(
    "day", [datetime(2026, 1, 1, tzinfo=UTC), "2026-02-30", None, date(1972, 12, 31), date.max]
)
def test_dates_that_are_refused(day: Any) -> None:
    refused(
        OutOfRange,
        "first",
        lambda: Override("p", OverrideKind.CLOSED, first=day, last=DAY),
        day,
    )


def test_a_last_date_is_not_before_the_first() -> None:
    before = DAY - timedelta(days=1)
    refused(InvalidInterval, "last", lambda: Override.closed("p", DAY, before), (DAY, before))
    assert Override.closed("p", DAY, DAY).last == DAY


# ------------------------------------------------------------------------- phi


def test_phi_fields_are_marked_and_not_shown() -> None:
    @attrs.frozen
    class Note:
        id: str
        body: str = phi(metadata={"column": "body"})

    assert phi_fields(Note) == frozenset({"body"})
    assert repr(Note("1", "canary")).endswith("Note(id='1')")
    assert attrs.fields(Note).body.metadata == {"phi": True, "column": "body"}
