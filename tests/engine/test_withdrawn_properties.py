"""However many slots are taken out of the offer, none is lost between the numbers told of them."""

from __future__ import annotations

import pytest

pytest.importorskip("hypothesis")

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.kit import ask, every, mins, visit
from tests.engine.test_changed_slots import change, changed, wall

from medsched.domain.claims import Claim
from medsched.engine.slots import list_slots

LOW, HIGH = wall("00:00"), wall("23:00")


@given(
    gone=st.sets(st.sampled_from(every("08:30", "12:00", 30))),
    taken=st.sets(st.sampled_from(every("09:00", "11:30", 30))),
    now=st.sampled_from(["08:00", "09:45", "11:00"]),
    seats=st.sampled_from([1, 3]),
)
def test_nothing_is_lost_between_the_numbers(
    gone: set[str], taken: set[str], now: str, seats: int
) -> None:
    claims = [Claim.of("smith", wall(one), wall(one) + mins(30)) for one in taken]
    before, after = (
        list_slots(
            ask(changed(*slots), claims=claims, now=wall(now), type=visit(capacity=seats)),
            LOW,
            HIGH,
            taken=True,
        ).summary()
        for slots in ([], [change(one, withdrawn=True) for one in gone])
    )
    assert after.total + after.withdrawn == before.total
    assert before.withdrawn == 0
