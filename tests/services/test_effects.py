"""What several bookings change, put together."""

from __future__ import annotations

from random import Random

from medsched.domain.changes import Tally
from medsched.services.effects import together


def test_tallies_of_other_names_are_left_as_they_are() -> None:
    both = (Tally("a", 1, 3, before=0), Tally("b", -1, least=1))
    assert together(both) == both
    assert together([]) == ()


def test_tallies_of_one_name_are_counted_at_once_within_the_bounds_of_each() -> None:
    assert together([Tally("a", 1, 5), Tally("b", 1), Tally("a", 1, 3), Tally("a", 1)]) == (
        Tally("a", 3, 3),
        Tally("b", 1),
    )
    assert together([Tally("a", -1, least=1, before=4), Tally("a", -2, least=2)]) == (
        Tally("a", -3, least=2, before=4),
    )


def test_they_go_as_far_as_the_tightest_bound_lets_them() -> None:
    seed = Random().randrange(10**6)
    random = Random(seed)
    for _ in range(300):
        tallies = [
            Tally(
                "a", random.randint(-2, 3), random.choice([None, *range(8)]), random.randint(0, 3)
            )
            for _ in range(random.randint(1, 4))
        ]
        start = random.randint(0, 8)
        (whole,) = together(random.sample(tallies, len(tallies)))
        total = start + sum(one.by for one in tallies)
        bounds = [one.most for one in tallies if one.most is not None]
        full = total > start and any(total > most for most in bounds)
        empty = any(total < one.least for one in tallies)
        assert whole.count_after(start) == (None if full or empty else total), f"seed {seed}"
