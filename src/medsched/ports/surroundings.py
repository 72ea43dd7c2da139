"""What a scheduler needs besides a store, in one value."""

from __future__ import annotations

import attrs

from medsched.ports.clock import Clock
from medsched.ports.ids import Ids
from medsched.ports.pauses import Pauses
from medsched.ports.zones import ZoneSource


@attrs.frozen(kw_only=True)
class Surroundings:
    """The time, new ids, the zones, and a way to wait."""

    clock: Clock
    ids: Ids
    zones: ZoneSource
    pauses: Pauses
