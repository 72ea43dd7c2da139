"""The endpoints. Each translates, calls one service of the library, and translates back."""

from clinic_service.routes import (
    appointments,
    auth,
    catalog,
    changes,
    holds,
    office,
    physicians,
    provider_availability,
    time_blocks,
    waitlist,
)

_MODULES = (auth, catalog, provider_availability, appointments, physicians, office, time_blocks)
ROUTERS = tuple(one.router for one in (*_MODULES, holds, waitlist, changes))
