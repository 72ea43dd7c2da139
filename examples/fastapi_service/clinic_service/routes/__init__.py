"""The endpoints. Each translates, calls one service of the library, and translates back."""

from clinic_service.routes import (
    appointments,
    auth,
    booking,
    office,
    provider_availability,
    time_blocks,
)

_MODULES = (auth, provider_availability, appointments, office, time_blocks, booking)
ROUTERS = tuple(one.router for one in _MODULES)
