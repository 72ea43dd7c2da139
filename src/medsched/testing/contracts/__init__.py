"""What every store promises, as tests for whoever writes one.

Make a class of them with a fixture that gives the store::

    import pytest
    from medsched.testing.contracts import StoreContract

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> MyStore:
            return MyStore(...)

A store that keeps published slots derives `SlotTableContract` too, with a fixture ``table``; one
that keeps an audit derives `AuditContract`, with a ``store`` that does; a provider of master keys
is tested by `KeyProviderContract`, with a fixture ``keys``.

Each test works in practices of its own, so one store may serve them all. Needs pytest, which
the extra ``testing`` brings; without it, importing this package raises `MissingExtra`.
"""

from __future__ import annotations

from medsched.errors import MissingExtra

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingExtra("medsched.testing.contracts", "testing") from error

pytest.register_assert_rewrite(
    "medsched.testing.contracts.agendas",
    "medsched.testing.contracts.auditing",
    "medsched.testing.contracts.bookings",
    "medsched.testing.contracts.changes",
    "medsched.testing.contracts.claiming",
    "medsched.testing.contracts.contention",
    "medsched.testing.contracts.counting",
    "medsched.testing.contracts.doubling",
    "medsched.testing.contracts.following",
    "medsched.testing.contracts.keys",
    "medsched.testing.contracts.kit",
    "medsched.testing.contracts.lookups",
    "medsched.testing.contracts.numbering",
    "medsched.testing.contracts.reaching",
    "medsched.testing.contracts.reading",
    "medsched.testing.contracts.receipts",
    "medsched.testing.contracts.rivals",
    "medsched.testing.contracts.searching",
    "medsched.testing.contracts.sequences",
    "medsched.testing.contracts.slot_tables",
    "medsched.testing.contracts.standing",
    "medsched.testing.contracts.touching",
    "medsched.testing.contracts.wholeness",
)

from medsched.testing.contracts.auditing import AuditContract  # noqa: E402
from medsched.testing.contracts.keys import KeyProviderContract  # noqa: E402
from medsched.testing.contracts.samples import IDS, RECORDS  # noqa: E402
from medsched.testing.contracts.slot_tables import SlotTableContract  # noqa: E402
from medsched.testing.contracts.store import StoreContract  # noqa: E402

__all__ = [
    "IDS",
    "RECORDS",
    "AuditContract",
    "KeyProviderContract",
    "SlotTableContract",
    "StoreContract",
]
