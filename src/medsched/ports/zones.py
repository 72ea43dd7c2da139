"""Where time zones come from. The protocol lives with the zones it gives."""

from medsched.timeline.zones import Zone, ZoneSource

__all__ = ["Zone", "ZoneSource"]
