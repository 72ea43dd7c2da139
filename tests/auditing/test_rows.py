"""What a MAC covers: every bit of every column, and no two rows alike."""

from __future__ import annotations

from typing import Any

import pytest
from tests.auditing.kit import KEY, PRACTICE, SECRET, flipped, full_entry, full_row

from medsched.domain.audit_chain import START, ChainedRow, Place, from_document, link, to_document
from medsched.domain.audit_rows import AuditRow, MacKey, audit_row, entry_of, mac_of
from medsched.engine.auditing import ChainWalk

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given
from hypothesis import strategies as st

MACS = {KEY.number: SECRET}


def links(count: int, *, other_from: int = 99) -> list[ChainedRow]:
    """A chain of so many rows; from a number on they are others."""
    found, before = list[ChainedRow](), START
    for number in range(1, count + 1):
        row = full_row(number if number < other_from else number + 100)
        before = link(PRACTICE, before, number, row.id, row.mac, row.recorded_at, SECRET)
        found.append(ChainedRow(number, KEY.number, before, row.id, row))
    return found


def walked(chain: list[ChainedRow]) -> list[tuple[str, int | None]]:
    """What is found in a chain."""
    walk = ChainWalk(PRACTICE, MACS, Place.DATABASE)
    for one in chain:
        walk.take(one)
    return [(one.flaw.value, one.number) for one in walk.findings]


def test_an_entry_makes_a_row_and_comes_back() -> None:
    entry = full_entry(3)
    row = audit_row(entry, "c" * 32, 2, KEY)
    assert entry_of(row) == entry
    assert row.is_genuine(SECRET)
    assert not row.is_genuine(SECRET[::-1])
    assert SECRET.hex() not in repr(KEY)


@pytest.mark.parametrize("column", [one for one in AuditRow._fields if one != "recorded_at"])
def test_every_bit_of_every_column_is_under_the_mac(column: str) -> None:
    row = full_row()
    changes = 0
    for value in flipped(getattr(row, column)):
        changed = row._replace(**{column: value})
        assert changed != row
        assert not changed.is_genuine(SECRET)
        changes += 1
    assert changes >= 24


@pytest.mark.parametrize("column", AuditRow._fields)
def test_every_bit_of_a_sealed_row_is_found(column: str) -> None:
    """``recorded_at`` too, which the chain covers; what follows is not blamed."""
    chain = links(3)
    row = chain[1].row
    assert row is not None
    for value in flipped(getattr(row, column)):
        changed = chain[1]._replace(row=row._replace(**{column: value}))
        found = walked([chain[0], changed, chain[2]])
        wanted = "broken" if column == "recorded_at" else "changed"
        assert found == [(wanted, 2)]


@pytest.mark.parametrize("column", ["mac_key", "digest", "entry"])
def test_every_bit_of_a_link_is_found(column: str) -> None:
    chain = links(3)
    for value in flipped(getattr(chain[1], column)):
        changed = chain[1]._replace(**{column: value})
        assert walked([chain[0], changed, chain[2]]) == [("broken", 2)]


def test_every_bit_of_a_number_is_found() -> None:
    chain = links(3)
    for value in flipped(2):
        assert walked([chain[0], chain[1]._replace(number=value), chain[2]])


@pytest.mark.parametrize("value", [b"bytes", 1.5, None, True, "", "é", "\udc80", [], {}])
@pytest.mark.parametrize("column", AuditRow._fields)
def test_values_of_another_kind_are_no_error(column: str, value: Any) -> None:
    chain = links(2)
    row = chain[0].row
    assert row is not None
    if column in ("emergency", "mac_key", "position") and value is True:
        return  # Python takes it for 1, and no database gives it
    changed = chain[0]._replace(row=row._replace(**{column: value}))
    assert walked([changed, chain[1]])
    if column != "mac_key":
        assert from_document(to_document(changed), 1).number == 1


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@given(words, words, words, words, st.integers(1, 3), st.integers(1, 3))
def test_rows_that_differ_have_texts_that_differ(
    reason: str, other_reason: str, session: str, other_session: str, one: int, other: int
) -> None:
    """However the parts are cut: no column can lend to its neighbour."""
    rows = [
        audit_row(
            full_entry(reason=reason, session=session, record="r"), "c", number, MacKey(1, b"k")
        )
        for reason, session, number in (
            (reason, session, one),
            (other_reason, other_session, other),
        )
    ]
    assert (mac_of(rows[0], b"k") == mac_of(rows[1], b"k")) is (rows[0] == rows[1])


@given(words, words)
def test_a_document_gives_back_its_link(reason: str, session: str) -> None:
    row = audit_row(full_entry(reason=reason, session=session, patient=None), "c", 0, KEY)
    for kept in (row, None):
        one = ChainedRow(7, 1, "d" * 64, row.id, kept)
        assert from_document(to_document(one), 0) == one
        assert "\n" not in to_document(one)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"number": "x"}', '{"row": 3}'])
def test_what_is_no_document_is_a_link_without_an_entry(text: str) -> None:
    assert from_document(text, 5) == ChainedRow(5, 0, "", "", None)


def test_links_moved_left_out_or_put_in_are_found() -> None:
    chain = links(6)
    assert walked(chain) == []
    assert walked([*chain[:2], *chain[3:]]) == [("gap", 3)]
    assert ("gap", 3) in walked([*chain[:2], chain[3], chain[2], *chain[4:]])
    assert walked([*chain[:3], chain[2], *chain[3:]]) == [("gap", 3)]
    two, three = chain[1], chain[2]
    swapped = [two._replace(row=three.row), three._replace(row=two.row)]
    assert walked([chain[0], *swapped, *chain[3:]]) == [("broken", 2), ("broken", 3)]
    renumbered = [one._replace(number=one.number - 1) for one in chain[3:]]
    assert ("broken", 3) in walked([*chain[:2], *renumbered])
    strange = chain[5]._replace(number=7)
    assert walked([*chain, strange]) == [("broken", 7)]
    foreign = ChainWalk("hilltop", MACS, Place.DATABASE)
    foreign.take(chain[0])
    assert [one.flaw.value for one in foreign.findings] == ["broken"]


def test_parts_of_two_genuine_chains_do_not_make_one() -> None:
    """As when the end was cut, grew again, and some of the first end is put back."""
    first, second = links(6), links(6, other_from=4)
    assert walked(second) == []
    assert walked([*first[:3], *second[3:]]) == [], "they are the same so far"
    assert walked([*first[:4], *second[4:]]) == [("broken", 5)]
    assert walked([*second[:4], *first[4:]]) == [("broken", 5)]
