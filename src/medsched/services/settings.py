"""What a practice says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict, Unpack

import attrs

from medsched.domain.events import Change
from medsched.domain.places import PracticeSettings
from medsched.domain.stranding import Stranded
from medsched.services.context import Context
from medsched.services.stranding import Fate
from medsched.services.writer import Writer


class SettingsChanges(TypedDict, total=False):
    """What may be changed of `PracticeSettings`."""

    name: str
    timezone: str | None
    shortest_slot: timedelta
    longest_slot: timedelta
    shortest_break: timedelta
    longest_break: timedelta
    bookable_roles: frozenset[str] | None
    open_per_patient: int | None


class Settings:
    """The settings of one practice."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self) -> PracticeSettings:
        """The settings; the defaults, at version 0, if none were ever stored."""
        self._context.admit("practice.read")
        id = self._context.practice
        found = self._context.store.get(id, PracticeSettings, id)
        return PracticeSettings(id=id) if found is None else found

    def configure(
        self,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
        **changes: Unpack[SettingsChanges],
    ) -> PracticeSettings:
        """Change some settings and leave the others as they are, whoever else changes those.

        The bounds of slots and breaks hold for whatever is written from then on. Another zone or
        other roles may take hours away under appointments: ``stranded`` and ``reason`` as in
        `Records.update`. `UnknownZone`; `AppointmentsStranded`;
        `InvalidDuration` for bounds that are no lengths or exclude one another. Repeated under its
        ``idempotency_key`` it returns its first result: see `Appointments`.
        """
        gate, id = self._context.admit("practice.update"), self._context.practice
        writer, fate = Writer(self._context), Fate(stranded, reason)
        return writer.change(
            gate,
            PracticeSettings,
            id,
            Change.UPDATED,
            lambda settings: attrs.evolve(settings, **changes),
            default=PracticeSettings(id=id),
            fate=fate,
            request=writer.keyed(gate, idempotency_key, changes, fate),
        )
