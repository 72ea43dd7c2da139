"""Providers, staff, patients; nothing of a patient's is ever shown."""

from __future__ import annotations

import pickle
import traceback
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest

from medsched.domain.fields import phi_fields
from medsched.domain.people import Patient, Provider, Staff, Travel
from medsched.domain.places import Address
from medsched.domain.records import Resource, ResourceKind
from medsched.errors import (
    InvalidChoice,
    InvalidInterval,
    InvalidText,
    MedschedError,
    OutOfRange,
    UnknownZone,
)

DAY = date(2026, 1, 5)
WEEK = timedelta(days=7)
CANARY = "canary"


def test_a_bare_id_is_enough_for_a_person() -> None:
    assert Patient(id="ehr-4711").resource == Resource(ResourceKind.PATIENT, "ehr-4711")
    assert Provider(id="smith").resource == Resource(ResourceKind.PROVIDER, "smith")
    assert Staff(id="front-desk").department == ""


def test_a_provider_has_lengths_of_its_own() -> None:
    smith = Provider(durations={"visit": timedelta(minutes=40)})
    assert smith.own_duration("visit") == timedelta(minutes=40)
    assert smith.own_duration("mri") is None


# --------------------------------------------------------------------- travels


def test_a_travel_counts_both_its_dates() -> None:
    smith = Provider(travels=[Travel("Asia/Tokyo", DAY, DAY + WEEK)])
    away = {DAY - timedelta(days=1): None, DAY: "Asia/Tokyo", DAY + WEEK: "Asia/Tokyo"}
    for day, zone in {**away, DAY + WEEK + timedelta(days=1): None}.items():
        assert smith.travel_zone(day) == zone


def test_a_travel_ends_after_it_begins() -> None:
    with pytest.raises(InvalidInterval) as caught:
        Travel("Asia/Tokyo", DAY, DAY - WEEK)
    assert (caught.value.field, caught.value.value) == ("last", (DAY, DAY - WEEK))


@pytest.mark.parametrize("zone", ["", "a\0b", 5])
def test_a_zone_has_the_form_of_a_name(zone: Any) -> None:
    for make in (lambda: Travel(zone, DAY, DAY), lambda: Provider(timezone=zone)):
        with pytest.raises(UnknownZone) as caught:
            make()
        assert caught.value.name == zone


def test_a_travel_has_a_zone() -> None:
    nothing: Any = None
    with pytest.raises(MedschedError):
        Travel(nothing, DAY, DAY)


@pytest.mark.parametrize("order", [1, -1])
def test_one_zone_a_day(order: int) -> None:
    one, other = Travel("Asia/Tokyo", DAY, DAY + WEEK), Travel("UTC", DAY + WEEK, DAY + 2 * WEEK)
    travels: Any = [one, other][::order]
    with pytest.raises(InvalidInterval) as caught:
        Provider(travels=travels)
    assert (caught.value.field, caught.value.value) == ("travels", (one, other))
    next_day = attrs.evolve(other, first=DAY + WEEK + timedelta(days=1))
    assert len(Provider(travels=[next_day, one]).travels) == 2


def test_a_travel_is_dated() -> None:
    nothing: Any = datetime(2026, 1, 5, tzinfo=UTC)
    with pytest.raises(OutOfRange) as caught:
        Travel("Asia/Tokyo", nothing, DAY)
    assert caught.value.field == "first"


# -------------------------------------------------------------------- patients


def secret(what: str) -> str:
    return f"{CANARY}-{what}"


ADDRESS = Address(line=secret("line"), city=secret("city"), postal_code=CANARY)
ADA = Patient(
    id="ehr-4711",
    name=secret("name"),
    birth_date=date(1815, 12, 10),
    phone=secret("phone"),
    email=secret("email"),
    address=ADDRESS,
    insurer=secret("insurer"),
    insurance_number=secret("number"),
)


def shown(error: MedschedError) -> str:
    lines = traceback.format_exception(error)
    return f"{error} {error!r} {vars(error)} {error.args} {pickle.dumps(error)!r} {lines[-1]}"


def test_every_field_of_a_patient_but_the_record_is_phi() -> None:
    kept = {"id", "active", "version", "created_at", "updated_at", "locations", "providers"}
    assert phi_fields(Patient) == {field.name for field in attrs.fields(Patient)} - kept


def test_a_patient_is_shown_by_id_only() -> None:
    for text in (repr(ADA), str(ADA), f"{ADA}", repr([ADA]), repr(ADA.resource)):
        assert CANARY not in text
        assert "1815" not in text
        assert "ehr-4711" in text


TEXTS = sorted(phi_fields(Patient) - {"birth_date", "address", "established"})


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("spoil", [lambda text: text * 100, lambda text: text + "\0"])
def test_a_refused_text_of_a_patient_is_not_repeated(field: str, spoil: Any) -> None:
    text = spoil(secret(field))
    with pytest.raises(InvalidText) as caught:
        attrs.evolve(ADA, **{field: text})
    assert (caught.value.field, caught.value.value) == (field, len(text))
    assert CANARY not in shown(caught.value)


@pytest.mark.parametrize("field", TEXTS)
def test_what_is_no_text_is_not_repeated(field: str) -> None:
    value: Any = [CANARY]
    with pytest.raises(InvalidText) as caught:
        attrs.evolve(ADA, **{field: value})
    assert caught.value.value == "list"
    assert CANARY not in shown(caught.value)


@pytest.mark.parametrize("value", [CANARY, datetime(1815, 12, 10, tzinfo=UTC), 18151210])
def test_a_refused_birth_date_is_not_repeated(value: Any) -> None:
    with pytest.raises(InvalidChoice) as caught:
        attrs.evolve(ADA, birth_date=value)
    assert (caught.value.field, caught.value.value) == ("birth_date", type(value).__name__)
    assert CANARY not in shown(caught.value)
    assert "1815" not in shown(caught.value)


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(Address)])
def test_a_refused_address_is_not_repeated(field: str) -> None:
    with pytest.raises(InvalidText) as caught:
        Address(**{field: CANARY * 100})
    assert caught.value.field == field
    assert CANARY not in shown(caught.value)


def test_people_are_born_before_1973() -> None:
    assert ADA.birth_date == date(1815, 12, 10)


# ---------------------------------------------------------------------- frozen


@pytest.mark.parametrize("person", [ADA, Provider(id="smith"), Staff(id="x"), ADDRESS])
def test_people_are_frozen(person: Any) -> None:
    for field in attrs.fields(type(person)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(person, field.name, None)
    assert attrs.evolve(person) == person
    assert hash(attrs.evolve(person)) == hash(person)


def test_when_it_was_stored_does_not_make_another_person() -> None:
    later = attrs.evolve(ADA, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert later == ADA
    assert attrs.evolve(ADA, version=2) != ADA
