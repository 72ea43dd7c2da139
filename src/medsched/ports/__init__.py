"""The protocols to the outside: what a store, a clock, ids, zones and pauses must do."""

from medsched.ports.clock import Clock
from medsched.ports.ids import Ids
from medsched.ports.keys import DataKeys, KeyProvider, WrappedKey
from medsched.ports.pauses import Pauses
from medsched.ports.slot_table import SlotTable
from medsched.ports.store import Store, VersionedCalendar
from medsched.ports.surroundings import Surroundings
from medsched.ports.zones import Zone, ZoneSource

__all__ = [
    "Clock",
    "DataKeys",
    "Ids",
    "KeyProvider",
    "Pauses",
    "SlotTable",
    "Store",
    "Surroundings",
    "VersionedCalendar",
    "WrappedKey",
    "Zone",
    "ZoneSource",
]
