"""The outside world: stores, clocks, zones, the clinic file."""
