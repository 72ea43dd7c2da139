"""The whole contract of a store."""

from __future__ import annotations

from medsched.testing.contracts.agendas import Agendas
from medsched.testing.contracts.bookings import Bookings
from medsched.testing.contracts.changes import Changes
from medsched.testing.contracts.claiming import Claiming
from medsched.testing.contracts.contention import Contention
from medsched.testing.contracts.counting import Counting
from medsched.testing.contracts.doubling import Doubling
from medsched.testing.contracts.following import Following
from medsched.testing.contracts.lookups import Lookups
from medsched.testing.contracts.numbering import Numbering
from medsched.testing.contracts.reaching import Reaching
from medsched.testing.contracts.reading import Reading
from medsched.testing.contracts.receipts import Receipts
from medsched.testing.contracts.rivals import Rivals
from medsched.testing.contracts.searching import Searching
from medsched.testing.contracts.sequences import Sequences
from medsched.testing.contracts.standing import Standings
from medsched.testing.contracts.touching import Touching
from medsched.testing.contracts.wholeness import Wholeness


class StoreContract(
    Reading,
    Bookings,
    Agendas,
    Reaching,
    Changes,
    Claiming,
    Searching,
    Lookups,
    Standings,
    Counting,
    Doubling,
    Receipts,
    Numbering,
    Wholeness,
    Sequences,
    Rivals,
    Contention,
    Following,
    Touching,
):
    """All that `medsched.ports.store.Store` promises: derive a test class, and give ``store``."""
