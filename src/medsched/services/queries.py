"""What each list may be asked for: who takes part, which page, and which records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import attrs

from medsched.domain.appointment_types import Modality
from medsched.domain.availability import OverrideKind
from medsched.domain.lookups import Sought
from medsched.domain.places import LocationKind
from medsched.domain.records import Resource, resource
from medsched.domain.waitlist import OfferStatus, WaitlistStatus
from medsched.errors import InvalidNumber

MOST: Final = 1000
"""The most records on one page."""


def _a_page(instance: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise InvalidNumber(attribute.name, value, f"a page holds 1 to {MOST}")


def _location_kind(value: LocationKind | str | None) -> LocationKind | None:
    return None if value is None else LocationKind(value)


def _modality(value: Modality | str | None) -> Modality | None:
    return None if value is None else Modality(value)


def _override_kind(value: OverrideKind | str | None) -> OverrideKind | None:
    return None if value is None else OverrideKind(value)


def _resource(value: Resource | str | None) -> Resource | None:
    return None if value is None else resource(value)


def _name(value: str | None) -> Sought | None:
    return None if value is None else Sought.of("name", value)


def _email(value: str | None) -> Sought | None:
    return None if value is None else Sought.of("email", value)


def _phone(value: str | None) -> Sought | None:
    return None if value is None else Sought.of("phone", value)


def _birth_date(value: date | None) -> Sought | None:
    return None if value is None else Sought.of("birth_date", value)


def _insurance_number(value: str | None) -> Sought | None:
    return None if value is None else Sought.of("insurance_number", value)


_MATCH: Final = "match"
"""The key of a filter's metadata: which field of the record must equal it, or contain it."""


@attrs.frozen(kw_only=True)
class Query:
    """One page of a list, in order of id.

    ``active``: those that take part in scheduling (the default), those that do not, or
    None for both. ``limit``: the most to return, 1 to 1000. ``cursor``: the ``next`` of the
    page before; it is good for the same query only, ``limit`` apart.
    """

    active: bool | None = True
    limit: int = attrs.field(default=100, validator=_a_page)
    cursor: str | None = None

    def filters(self) -> Iterator[tuple[str, object]]:
        """Fields of the record and the values that they must match."""
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if value is not None and _MATCH in field.metadata:
                yield field.metadata[_MATCH], value

    def scope(self, practice: str, kind: str) -> str:
        """The name of the whole list that this asks a page of."""
        asked = [
            (name, value.text if isinstance(value, Sought) else str(value))
            for name, value in self.filters()
        ]
        return repr((practice, kind, self.active, asked))


@attrs.frozen(kw_only=True)
class ProviderQuery(Query):
    """Providers by main place, and by one of their specialties, languages or insurers."""

    location: str | None = attrs.field(default=None, metadata={_MATCH: "location"})
    specialty: str | None = attrs.field(default=None, metadata={_MATCH: "specialties"})
    language: str | None = attrs.field(default=None, metadata={_MATCH: "languages"})
    insurer: str | None = attrs.field(default=None, metadata={_MATCH: "insurers"})


@attrs.frozen(kw_only=True)
class PatientQuery(Query):
    """Patients by what is theirs, however it is written: case, width and spaces do not count.

    ``name``: each word of it must be the beginning of a word of the patient's name. Of a
    ``phone`` number only the digits count; ``email``, ``insurance_number`` and ``birth_date``
    must be the same. A text that is empty, or longer than 255 characters, is `InvalidText`.
    """

    name: Sought | None = attrs.field(default=None, converter=_name, metadata={_MATCH: "name"})
    email: Sought | None = attrs.field(default=None, converter=_email, metadata={_MATCH: "email"})
    phone: Sought | None = attrs.field(default=None, converter=_phone, metadata={_MATCH: "phone"})
    birth_date: Sought | None = attrs.field(
        default=None, converter=_birth_date, metadata={_MATCH: "birth_date"}
    )
    insurance_number: Sought | None = attrs.field(
        default=None, converter=_insurance_number, metadata={_MATCH: "insurance_number"}
    )


@attrs.frozen(kw_only=True)
class StaffQuery(Query):
    """Staff by department."""

    department: str | None = attrs.field(default=None, metadata={_MATCH: "department"})


@attrs.frozen(kw_only=True)
class LocationQuery(Query):
    """Locations by kind, and by what people call them: see `Location.called`."""

    kind: LocationKind | None = attrs.field(
        default=None, converter=_location_kind, metadata={_MATCH: "kind"}
    )
    called: str | None = attrs.field(default=None, metadata={_MATCH: "called"})


@attrs.frozen(kw_only=True)
class PlacedQuery(Query):
    """Rooms or devices by location, and by what people call them: see `Room.called`."""

    location: str | None = attrs.field(default=None, metadata={_MATCH: "location"})
    called: str | None = attrs.field(default=None, metadata={_MATCH: "called"})


@attrs.frozen(kw_only=True)
class TypeQuery(Query):
    """Appointment types by modality."""

    modality: Modality | None = attrs.field(
        default=None, converter=_modality, metadata={_MATCH: "modality"}
    )


@attrs.frozen(kw_only=True)
class SeriesQuery(Query):
    """Series by patient, provider and type, as they were booked."""

    patient: str | None = attrs.field(default=None, metadata={_MATCH: "patient"})
    provider: str | None = attrs.field(default=None, metadata={_MATCH: "provider"})
    type: str | None = attrs.field(default=None, metadata={_MATCH: "type"})


@attrs.frozen(kw_only=True)
class WaitlistQuery(Query):
    """Entries of the waitlist by patient, type, one of their providers, and status."""

    patient: str | None = attrs.field(default=None, metadata={_MATCH: "patient"})
    type: str | None = attrs.field(default=None, metadata={_MATCH: "type"})
    provider: str | None = attrs.field(default=None, metadata={_MATCH: "providers"})
    status: WaitlistStatus | None = attrs.field(
        default=None,
        converter=attrs.converters.optional(WaitlistStatus),
        metadata={_MATCH: "status"},
    )


@attrs.frozen(kw_only=True)
class OfferQuery(Query):
    """Offers of the waitlist by entry, patient, provider, type and status."""

    entry: str | None = attrs.field(default=None, metadata={_MATCH: "entry"})
    patient: str | None = attrs.field(default=None, metadata={_MATCH: "patient"})
    provider: str | None = attrs.field(default=None, metadata={_MATCH: "provider"})
    type: str | None = attrs.field(default=None, metadata={_MATCH: "type"})
    status: OfferStatus | None = attrs.field(
        default=None, converter=attrs.converters.optional(OfferStatus), metadata={_MATCH: "status"}
    )


@attrs.frozen(kw_only=True)
class HoursQuery(Query):
    """Rules or blockings by resource; a bare id is a provider's."""

    resource: Resource | None = attrs.field(
        default=None, converter=_resource, metadata={_MATCH: "resource"}
    )


@attrs.frozen(kw_only=True)
class BlockingQuery(Query):
    """One-off blockings by one of their resources; a bare id is a provider's."""

    resource: Resource | None = attrs.field(
        default=None, converter=_resource, metadata={_MATCH: "resources"}
    )


@attrs.frozen(kw_only=True)
class TimeBlockQuery(Query):
    """Time blocks by provider."""

    provider: Resource | None = attrs.field(
        default=None, converter=_resource, metadata={_MATCH: "resource"}
    )


@attrs.frozen(kw_only=True)
class OverrideQuery(HoursQuery):
    """Overrides by resource and kind."""

    kind: OverrideKind | None = attrs.field(
        default=None, converter=_override_kind, metadata={_MATCH: "kind"}
    )
