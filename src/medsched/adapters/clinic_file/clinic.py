"""A whole practice, read from one file."""

from __future__ import annotations

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.claims import Claim
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.stored import Noun


@attrs.frozen(kw_only=True)
class Clinic:
    """Everything a clinic file states, each kind in the order of the file.

    ``rules`` hold the opening hours of practice, places and rooms too, ``overrides`` the time
    off and the holidays. Every one of them has an id: the file's own, or one that names its
    place in it (``rules[0]``). ``busy`` is what is taken already.
    """

    settings: PracticeSettings
    locations: tuple[Location, ...] = ()
    rooms: tuple[Room, ...] = ()
    devices: tuple[Device, ...] = ()
    providers: tuple[Provider, ...] = ()
    staff: tuple[Staff, ...] = ()
    patients: tuple[Patient, ...] = ()
    appointment_types: tuple[AppointmentType, ...] = ()
    rules: tuple[AvailabilityRule, ...] = ()
    overrides: tuple[Override, ...] = ()
    blockings: tuple[RecurringBlocking, ...] = ()
    busy: tuple[Claim, ...] = ()

    @property
    def records(self) -> tuple[Noun, ...]:
        """All of it but ``busy``, as ``Practice.add_all`` stores it: all or nothing."""
        return (
            self.settings,
            *self.locations,
            *self.rooms,
            *self.devices,
            *self.appointment_types,
            *self.providers,
            *self.staff,
            *self.patients,
            *self.rules,
            *self.overrides,
            *self.blockings,
        )
