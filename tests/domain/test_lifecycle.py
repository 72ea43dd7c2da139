"""The life of an appointment: the whole table, step by step."""

from __future__ import annotations

import pytest

from medsched.domain.appointments import CLAIMING, AppointmentStatus
from medsched.domain.lifecycle import TRANSITIONS, step
from medsched.errors import InvalidTransition

# Written out a second time, by what a front desk does, so that a slip in the table shows.
ALLOWED = """
    proposed > pending booked waitlist cancelled entered-in-error
    waitlist > proposed pending booked cancelled entered-in-error
    pending > booked cancelled entered-in-error
    booked > arrived checked-in fulfilled noshow cancelled entered-in-error
    arrived > checked-in fulfilled noshow cancelled entered-in-error
    checked-in > fulfilled cancelled entered-in-error
    noshow > arrived fulfilled entered-in-error
    fulfilled > entered-in-error
    cancelled > entered-in-error
    entered-in-error >
"""
PAIRS = {
    (line.split(">")[0].strip(), after)
    for line in ALLOWED.strip().splitlines()
    for after in line.split(">")[1].split()
}


@pytest.mark.parametrize("current", AppointmentStatus)
@pytest.mark.parametrize("wanted", AppointmentStatus)
def test_every_step(current: AppointmentStatus, wanted: AppointmentStatus) -> None:
    if (current.value, wanted.value) in PAIRS:
        assert step(current, wanted) is wanted
    else:
        with pytest.raises(InvalidTransition) as caught:
            step(current, wanted)
        assert (caught.value.current, caught.value.wanted) == (current.value, wanted.value)
        assert current.value in str(caught.value)
        assert wanted.value in str(caught.value)


def test_every_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(AppointmentStatus)


def test_what_claims_time() -> None:
    free = {"proposed", "waitlist", "cancelled", "entered-in-error"}
    assert {status.value for status in AppointmentStatus} - {s.value for s in CLAIMING} == free
