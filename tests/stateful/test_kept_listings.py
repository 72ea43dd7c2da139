"""A listing that is asked anew only where changes are told is always what it is when asked anew.

MEDSCHED_STATEFUL and MEDSCHED_WALK say how long, as they do of the other machines and walks.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from itertools import product
from random import Random
from typing import Final

import attrs
import pytest
from tests.databases import ENGINES, Databases
from tests.services.group import fill, nine
from tests.stateful.kept import Kept

pytest.importorskip("hypothesis", reason="the extra testing is not installed")
pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test
from tests.services.conftest import NOW as WALKED_AT
from tests.stateful.everything import Everything
from tests.stateful.subjects import NOW, Subject
from tests.stateful.test_long_walk import SEED, STEPS, Command, Walk

from medsched import BookingRules, Practice, ResourceKind, Scheduler, Start
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock, NumberedIds

SCALE = float(os.environ.get("MEDSCHED_STATEFUL", "0.6"))
EXAMPLES = {"memory": 30, "sqlite": 4}
LISTED: Final = [
    *product(["smith"], ["visit", "scan", "surgery", "class"]),
    *[("kim", "visit"), ("kim", "class"), ("jones", "visit"), ("jones", "scan"), ("lee", "check")],
]
"""The listings that are kept: all that the machine's commands are about, or share a room with."""


class Following(Everything):
    """The machine with somebody who follows."""

    def __init__(self, subject: Subject) -> None:
        super().__init__([subject])
        self.kept: Kept | None = None

    @initialize(chances=st.integers(0, 2**16))
    def begin(self, chances: int) -> None:
        self.chances = Random(chances)

    @invariant()
    def what_is_kept_is_what_there_is(self) -> None:
        (subject,) = self.subjects
        if not hasattr(subject, "clinic") or not hasattr(self, "chances"):
            return
        if self.kept is None:
            self.kept = Kept(subject.clinic, self.chances, LISTED, NOW, pinned=True)
        self.kept.bring_up_to_date(subject.clock.now())
        self.kept.check()

    def all_show_the_same(self) -> None:
        """There is nobody to compare with."""

    def all_is_whole(self) -> None:
        """That is looked at elsewhere."""

    def teardown(self) -> None:
        if self.kept is not None:
            names_no_patient(self.subjects[0].store, self.kept.clinic)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_after_any_commands(kind: str, databases: Databases) -> None:
    databases.store(kind)

    class Here(Following):
        def __init__(self) -> None:
            super().__init__(Subject(kind, databases.store(kind)))

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=max(1, round(EXAMPLES[kind] * SCALE)),
            stateful_step_count=50,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
    databases.check_returned(kind)


class Crowd(Walk):
    """Somebody who does the same few things at fewer times: sessions fill, and so do days.

    How long visits are changes too, so that some sessions are longer than their type is.
    """

    def instant(self) -> datetime:
        return nine(120 * self.chances.randrange(2) + 24 * 60 * self.chances.randrange(2))

    def start(self) -> Start:
        return Start("smith", self.chances.choice(["visit", "class", "class"]), self.instant())

    def rules(self) -> None:
        code = self.chances.choice(["visit", "class"])
        rules = self.chances.choice(
            [BookingRules(), BookingRules(), BookingRules(per_day=2), BookingRules(per_week=3)]
        )
        kept = self.clinic.appointment_types.get(code)
        length = timedelta(minutes=self.chances.choice([15, 30, 60, 60]))
        changed = attrs.evolve(kept, rules=rules, duration=length)
        self.clinic.appointment_types.update(changed, stranded="keep")

    def commands(self) -> dict[str, Command]:
        found = super().commands()
        names = ["book", "request", "reschedule", "cancel", "cancel another", "error", "series"]
        names += ["hold", "confirm", "release", "sweep", "wait", "rules", "block", "unblock"]
        return {name: found[name] for name in names}


@pytest.mark.parametrize("walker", [Walk, Crowd])
@pytest.mark.parametrize("kind", ["memory", *ENGINES])
def test_all_along_a_walk(
    kind: str, walker: type[Walk], databases: Databases, request: pytest.FixtureRequest
) -> None:
    """Where much is booked in few places: full sessions, full days, holds that expire.

    On databases a part of it: that they tell what the memory tells is tested elsewhere.
    """
    request.node.add_report_section("call", "seed", f"MEDSCHED_WALK_SEED={SEED}")
    store: Store = databases.store(kind)
    clock, chances = FixedClock(WALKED_AT), Random(f"{SEED} {kind} kept")
    clinic = Scheduler(store, clock=clock, ids=NumberedIds()).practice("riverside")
    fill(clinic)
    kept = Kept(clinic, chances, product(["smith", "jones"], ["visit", "class"]), WALKED_AT)
    walk, told = walker(clinic, clock, chances), Counter[str]()
    steps = STEPS if kind == "memory" else STEPS // 4
    for _ in range(steps):
        walk.step()
        told.update(one.kind.value for one in kept.bring_up_to_date(clock.now()))
        kept.check()
    assert told["time"] > steps // 8, told
    assert told["type"] or steps < STEPS, told
    names_no_patient(store, clinic)


def names_no_patient(store: Store, clinic: Practice) -> None:
    """Of no patient a store has kept anything, and of everything else all it had to."""
    for row in store.changes(clinic.id, after=0, limit=10**6):
        assert row.touched is not None
        named = [*row.touched.hours, *(one.resource for one in row.touched.times)]
        assert all(one.kind is not ResourceKind.PATIENT for one in named)
