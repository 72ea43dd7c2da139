"""Stranded appointments: those whose hours were taken away, and what becomes of them."""

from __future__ import annotations

import attrs

from medsched.domain.appointments import Appointment
from medsched.domain.fields import Choice
from medsched.domain.requests import Reason
from medsched.domain.slots import Slot
from medsched.errors import MedschedError

_SHOWN = 5


class Stranded(Choice):
    """What becomes of the appointments that a change of hours strands."""

    REFUSE = "refuse"
    """The change is refused, and they are told."""
    KEEP = "keep"
    """They stand, outside hours from now on."""
    CANCEL = "cancel"
    """They are cancelled with the change, for its reason."""
    MOVE = "move"
    """They stand until they are moved: each patient is asked for an answer."""


@attrs.frozen
class Stranding:
    """An appointment outside hours that offer it, and why none do."""

    appointment: Appointment
    reasons: frozenset[Reason]


@attrs.frozen
class Proposal:
    """Slots that an appointment could be moved to, the best first; none where none was found.

    It takes no time. The first slots of all proposals made together are free together.
    """

    appointment: Appointment
    slots: tuple[Slot, ...]


@attrs.define(eq=False, slots=False)
class AppointmentsStranded(MedschedError, ValueError):
    """A change that takes hours away under appointments, without a word on what becomes of them.

    Nothing was written. ``stranded`` are all of them whom the principal reaches, in order of
    start; ``others`` is how many more there are.
    """

    stranded: tuple[Stranding, ...]
    others: int = 0

    def sentence(self) -> str:
        """How many there are, and the ids and starts of the first."""
        shown = ", ".join(
            f"{one.appointment.id!r} at {one.appointment.start.isoformat(sep=' ')}"
            for one in self.stranded[:_SHOWN]
        )
        count = len(self.stranded) + self.others
        more = count - min(len(self.stranded), _SHOWN)
        rest = f" and {more} more" if more > 0 else ""
        stand = "appointment stands" if count == 1 else "appointments stand"
        told = f": {shown}{rest}" if shown else ""
        return f"{count} {stand} in hours that would be taken away{told}"
