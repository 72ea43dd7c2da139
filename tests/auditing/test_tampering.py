"""What somebody does who got at the database, at the sink, or at both: all of it is found.

He owns the tables, so that no trigger stops him; the keys are elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import attrs
import pytest
from tests.auditing.kit import PRACTICE, ListSink, filled, flaws, forged, full_entry, full_row
from tests.databases import ENGINES, Databases, unguarded

from medsched import Practice
from medsched.domain.audit_chain import Anchor, ChainedRow, Checkpoint, Sealed
from medsched.domain.audit_rows import AuditRow, MacKey, audit_row
from medsched.errors import AuditDamaged, InvalidChoice

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("cryptography", reason="the extra encryption is not installed")

import sqlalchemy as sa

from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.schema import tables

AUDIT, CHAIN, HEAD = tables().audit, tables().audit_chain, tables().audit_head
QUEUE: Final = tables().audit_unsealed
NUMBERS: Final = ("position", "at", "emergency", "mac_key", "recorded_at")


class Scene:
    """Six sealed entries in a database, shipped to a sink, and one more that waits."""

    def __init__(self, store: SqlAlchemyStore) -> None:
        self.store = store
        self.clinic: Practice = filled(store, 6)
        self.sink = ListSink()
        self.sealed: Sealed = self.clinic.audit.seal(self.sink)
        store.record([full_entry(6)])
        assert self.sealed.checkpoint is not None
        self.checkpoint: Checkpoint = self.sealed.checkpoint

    def tamper(self, *statements: sa.Executable) -> None:
        with unguarded(self.store.engine) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def tampered(
        self, table: sa.Table, here: sa.ColumnElement[bool], column: str, value: str
    ) -> Iterator[None]:
        """One column of one row is changed, and what it was stands there again afterwards."""
        with self.store.engine.connect() as connection:
            query = sa.select(sa.literal_column("rowid"), table.c[column]).where(here)
            rowid, before = connection.execute(query).one()
        there = sa.literal_column("rowid") == rowid
        changed: sa.ColumnElement[Any] = sa.literal_column(value)
        self.tamper(sa.update(table).where(there).values({column: changed}))
        yield
        self.tamper(sa.update(table).where(there).values({column: before}))

    def found(self, *, sink: bool = False, expecting: bool = False) -> set[tuple[str, str, Any]]:
        came = self.clinic.audit.verify(
            self.sink if sink else None, expecting=self.checkpoint if expecting else None
        )
        return flaws(came.findings)

    def everywhere(self) -> set[tuple[str, str, Any]]:
        return self.found(sink=True, expecting=True)


def row(number: int) -> sa.ColumnElement[bool]:
    """The entry that is sealed under a number."""
    return sa.and_(AUDIT.c.practice == PRACTICE, AUDIT.c.id == f"{number - 1:032x}")


def link(number: int) -> sa.ColumnElement[bool]:
    return sa.and_(CHAIN.c.practice == PRACTICE, CHAIN.c.number == number)


@pytest.fixture
def lite(databases: Databases) -> Iterator[Scene]:
    store = databases.audited("sqlite")
    assert isinstance(store, SqlAlchemyStore)
    yield Scene(store)
    databases.check_returned("sqlite")


@pytest.fixture(params=ENGINES)
def scene(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Scene]:
    store = databases.audited(request.param)
    assert isinstance(store, SqlAlchemyStore)
    yield Scene(store)
    databases.check_returned(request.param)


def test_nothing_is_found_where_nothing_was_done(scene: Scene) -> None:
    assert (scene.sealed.count, scene.sealed.shipped) == (6, 6)
    assert scene.found() == scene.found(sink=True) == scene.everywhere() == set()
    came = scene.clinic.audit.verify(scene.sink)
    assert (came.sealed, came.unsealed) == (6, 1)
    scene.clinic.audit.seal()
    assert scene.everywhere() == set(), "the sink may lag behind"


# ------------------------------------------------------------------------------ edits


class TestEdits:
    def test_of_each_column(self, lite: Scene) -> None:
        for column in AuditRow._fields:
            more = f"{column} + 1" if column in NUMBERS else f"{column} || 'x'"
            with lite.tampered(AUDIT, row(3), column, more):
                wanted = {
                    "practice": {("database", "missing", 3)},
                    "id": {
                        ("database", "missing", 3),
                        ("database", "changed", None),
                        ("database", "loose", None),
                    },
                    "recorded_at": {("database", "broken", 3)},
                }
                assert lite.found() == wanted.get(column, {("database", "changed", 3)}), column
        assert lite.found() == set()

    def test_that_make_no_sense(self, lite: Scene) -> None:
        """SQLite keeps whatever it is given."""
        for bits in ("CAST(x'ff' AS TEXT)", "x'00ff'", "1.5", "''"):
            for column in ("principal", "mac", "emergency", "at", "recorded_at"):
                with lite.tampered(AUDIT, row(3), column, bits):
                    flaw = "broken" if column == "recorded_at" else "changed"
                    assert lite.found() == {("database", flaw, 3)}, (bits, column)
                    if column not in ("at", "recorded_at"):
                        with pytest.raises(AuditDamaged):
                            list(lite.clinic.audit.entries(patient="ada", since=full_entry().at))
                        with pytest.raises(AuditDamaged):
                            lite.clinic.audit.report(patient="ada", since=full_entry().at)

    def test_of_each_column_of_the_chain(self, lite: Scene) -> None:
        at_three = {("database", flaw, 3) for flaw in ("missing", "broken")}
        for column in ("mac_key", "digest", "entry", "number", "practice"):
            number = column in ("mac_key", "number")
            for bits in ("CAST(x'ff' AS TEXT)", "x'ff'", "1.5", "'zz'"):
                with lite.tampered(CHAIN, link(3), column, bits):
                    assert lite.found() & {("database", "gap", 3), *at_three}, (column, bits)
            with lite.tampered(
                CHAIN, link(3), column, f"{column} + 90" if number else f"{column} || 'x'"
            ):
                found = lite.found()
                assert found, column
                assert {at for _, _, at in found} <= {3, 4, 7, 93, None}
                assert lite.found(sink=True) >= found

    def test_of_each_column_of_the_head(self, lite: Scene) -> None:
        for column, value in (
            ("number", "5"),
            ("digest", "'x'"),
            ("number", "'x'"),
            ("shipped", "'x'"),
            ("pruned", "'x'"),
            ("pruned", "2"),
            ("pruned", "-1"),
            ("anchor", "'{}'"),
            ("anchor", f"'{'[' * 100_000}'"),
            ("anchor", "CAST(x'ff' AS TEXT)"),
            ("digest", "x'ff'"),
            ("retention", "'x'"),
            ("retention", "2147483647"),
            ("retention", "30"),
        ):
            with lite.tampered(HEAD, sa.true(), column, value):
                assert lite.found(sink=True), column

    def test_on_a_server(self, scene: Scene) -> None:
        scene.tamper(
            sa.update(AUDIT).where(row(2)).values(principal="somebody else"),
            sa.update(AUDIT).where(row(5)).values(emergency=2),
        )
        assert scene.found() == {("database", "changed", 2), ("database", "changed", 5)}

    def test_of_what_is_not_sealed_yet(self, lite: Scene) -> None:
        lite.tamper(sa.update(AUDIT).where(row(7)).values(reason="another"))
        assert lite.found() == {("database", "changed", None)}
        lite.clinic.audit.seal()
        assert lite.found() == {("database", "changed", 7)}


# --------------------------------------------------------------------------- structure


class TestStructure:
    def test_an_entry_deleted(self, scene: Scene) -> None:
        scene.tamper(sa.delete(AUDIT).where(row(3)))
        assert scene.found() == {("database", "missing", 3)}

    def test_an_entry_and_its_link_deleted(self, scene: Scene) -> None:
        scene.tamper(sa.delete(CHAIN).where(link(3)), sa.delete(AUDIT).where(row(3)))
        assert scene.found() == {("database", "gap", 3)}

    def test_and_what_follows_renumbered(self, lite: Scene) -> None:
        lite.tamper(
            sa.delete(CHAIN).where(link(3)),
            sa.delete(AUDIT).where(row(3)),
            *(
                sa.update(CHAIN).where(link(number)).values(number=number - 1)
                for number in (4, 5, 6)
            ),
            sa.update(HEAD).values(number=5),
        )
        assert ("database", "broken", 3) in lite.found()
        assert ("sink", "different", 3) in lite.found(sink=True)

    def test_entries_swapped(self, lite: Scene) -> None:
        """Two entries trade places in the chain."""
        one, two = f"{1:032x}", f"{2:032x}"
        lite.tamper(
            sa.update(CHAIN).where(link(2)).values(entry="for a moment"),
            sa.update(CHAIN).where(link(3)).values(entry=one),
            sa.update(CHAIN).where(link(2)).values(entry=two),
        )
        assert lite.found() == {("database", "broken", 2), ("database", "broken", 3)}

    def test_what_is_in_entries_swapped(self, lite: Scene) -> None:
        columns = [name for name in AuditRow._fields if name not in ("practice", "id")]
        first = sa.select(AUDIT).where(row(2))
        with lite.store.engine.connect() as connection:
            two = dict(connection.execute(first).mappings().one())
            three = dict(connection.execute(sa.select(AUDIT).where(row(3))).mappings().one())
        lite.tamper(
            sa.update(AUDIT).where(row(2)).values({name: three[name] for name in columns}),
            sa.update(AUDIT).where(row(3)).values({name: two[name] for name in columns}),
        )
        assert lite.found() == {("database", "changed", 2), ("database", "changed", 3)}

    def test_an_entry_made_up(self, scene: Scene) -> None:
        made = audit_row(full_entry(99), "c" * 32, 0, MacKey(1, b"guessed"))
        scene.tamper(sa.insert(AUDIT).values(made._replace(recorded_at=5)._asdict()))
        assert scene.found() == {("database", "changed", None), ("database", "loose", None)}
        scene.tamper(
            sa.insert(CHAIN).values(
                practice=PRACTICE, number=7, mac_key=1, digest="0" * 64, entry=made.id
            ),
            sa.update(HEAD).values(number=7, digest="0" * 64),
        )
        assert scene.found() == {("database", "changed", 7)}

    def test_an_entry_put_in_between(self, lite: Scene) -> None:
        lite.tamper(
            *(
                sa.update(CHAIN).where(link(number)).values(number=number + 1)
                for number in (6, 5, 4)
            ),
            sa.insert(CHAIN).values(
                practice=PRACTICE, number=4, mac_key=1, digest="0" * 64, entry=f"{6:032x}"
            ),
            sa.update(HEAD).values(number=7),
        )
        assert ("database", "broken", 4) in lite.found()

    def test_an_entry_duplicated(self, scene: Scene) -> None:
        with scene.store.engine.connect() as connection:
            kept = dict(connection.execute(sa.select(AUDIT).where(row(3))).mappings().one())
        scene.tamper(sa.insert(AUDIT).values({**kept, "id": "f" * 32}))
        assert scene.found() == {("database", "changed", None), ("database", "loose", None)}

    def test_a_link_duplicated(self, lite: Scene) -> None:
        with lite.store.engine.connect() as connection:
            kept = dict(connection.execute(sa.select(CHAIN).where(link(3))).mappings().one())
        lite.tamper(
            sa.delete(CHAIN).where(link(5)),
            sa.delete(CHAIN).where(link(3)),
            sa.insert(CHAIN).values(kept),
            sa.insert(CHAIN).values({**kept, "number": 5, "entry": f"{4:032x}"}),
        )
        assert ("database", "broken", 5) in lite.found()

    def test_an_entry_of_another_practice(self, lite: Scene) -> None:
        """It is genuine there, and none here."""
        other = filled(lite.store, 2, practice="hilltop")
        other.audit.seal()
        with lite.store.engine.connect() as connection:
            query = sa.select(AUDIT).where(AUDIT.c.practice == "hilltop").limit(1)
            kept = dict(connection.execute(query).mappings().one())
        lite.tamper(sa.insert(AUDIT).values({**kept, "practice": PRACTICE, "id": "e" * 32}))
        assert lite.found() == {("database", "changed", None), ("database", "loose", None)}
        assert other.audit.verify().is_clean

    def test_all_of_it_deleted(self, lite: Scene) -> None:
        lite.tamper(sa.delete(AUDIT), sa.delete(CHAIN), sa.delete(HEAD), sa.delete(QUEUE))
        assert lite.found() == set(), "an empty database has nothing to say"
        assert ("database", "cut", 1) in lite.found(sink=True)
        assert ("database", "cut", 1) in lite.found(expecting=True)

    def test_the_keys_replaced(self, lite: Scene) -> None:
        """Whoever can write the table of keys can make the audit unreadable, and not forge it."""
        lite.tamper(sa.delete(tables().audit_key))
        assert lite.store._keeping is not None
        assert lite.everywhere() == {("key", "unknown", None)}
        again = SqlAlchemyStore(lite.store.engine, audit=lite.store._keeping)
        again.record([full_entry(50)])
        found = filled(again, 0).audit.verify(lite.sink, expecting=lite.checkpoint)
        wanted = {("database", "changed", number) for number in range(1, 7)}
        assert flaws(found.findings) >= {*wanted, ("checkpoint", "forged", 6)}

    def test_deleted_before_it_was_sealed(self, lite: Scene) -> None:
        """Its place in the queue tells; whoever takes that too, leaves no trace."""
        lite.tamper(sa.delete(AUDIT).where(row(7)))
        lite.clinic.audit.seal()
        assert lite.found() == {("database", "missing", 7)}
        lite.store.record([full_entry(8)])
        gone = AUDIT.c.id == f"{8:032x}"
        lite.tamper(sa.delete(QUEUE), sa.delete(AUDIT).where(gone))
        lite.clinic.audit.seal()
        assert lite.found() == {("database", "missing", 7)}, "the limit that is stated"


# ----------------------------------------------------------------------------- anchors


class TestAnchors:
    """Who could set one would have the verifier look away from all that is before it."""

    def anchored(self, scene: Scene, anchor: Checkpoint) -> set[tuple[str, str, Any]]:
        scene.tamper(sa.update(HEAD).values(pruned=anchor.number, anchor=anchor.to_json()))
        return scene.found(sink=True)

    def test_a_checkpoint_is_no_anchor(self, scene: Scene) -> None:
        """A genuine one of the sink is put in, and what is before it is changed and removed."""
        scene.tamper(
            sa.update(AUDIT).where(row(1)).values(principal="nobody"),
            sa.delete(AUDIT).where(row(2)),
        )
        wanted = {
            ("database", "changed", 1),
            ("database", "missing", 2),
            ("head", "forged", 6),
        }
        assert self.anchored(scene, scene.checkpoint) == wanted
        assert scene.found() == scene.everywhere() == wanted
        with pytest.raises(AuditDamaged):
            scene.clinic.audit.prune(scene.sink)
        scene.tamper(sa.delete(AUDIT), sa.delete(CHAIN))
        assert scene.found() == {("head", "forged", 6), ("database", "cut", 1)}

    def test_an_anchor_is_no_checkpoint(self, lite: Scene) -> None:
        anchor = self.signed(lite, 6, lite.checkpoint.digest)
        lite.sink.signed.append(Checkpoint.from_json(anchor.to_json()))
        assert lite.found(sink=True) == {("sink", "forged", 6)}

    def test_what_is_left_before_it_is_found(self, scene: Scene) -> None:
        anchor = self.signed(scene, 2, scene.sink.links[1].digest)
        wanted = {("database", "inserted", 1), ("database", "inserted", 2)}
        assert self.anchored(scene, anchor) == wanted
        scene.tamper(sa.delete(CHAIN).where(CHAIN.c.number <= 2), sa.delete(AUDIT).where(row(1)))
        assert scene.found(sink=True) == {("database", "loose", None)}
        scene.tamper(sa.delete(AUDIT).where(row(2)))
        assert scene.found() == scene.everywhere() == set()

    def test_the_sink_has_another_digest_there(self, lite: Scene) -> None:
        assert ("sink", "different", 2) in self.anchored(lite, self.signed(lite, 2, "0" * 64))

    def signed(self, scene: Scene, number: int, digest: str) -> Anchor:
        """As if it had been pruned."""
        keys = scene.store.audit_keys(PRACTICE)
        made = Anchor(
            practice=PRACTICE, number=number, digest=digest, at=full_entry().at, key=keys.signing
        )
        return attrs.evolve(made, signature=keys.sign(made.message))


# -------------------------------------------------------------------------- put in, lost


class TestStrays:
    def forged(self, number: int, entry: str) -> sa.Executable:
        return sa.insert(CHAIN).values(
            practice=PRACTICE, number=number, mac_key=1, digest="0" * 64, entry=entry
        )

    def test_a_link_after_the_end(self, scene: Scene) -> None:
        for at, number in enumerate((7, 9, 10**12)):
            scene.tamper(self.forged(number, f"x{at}"))
            assert ("database", "inserted", number) in scene.found()
            with pytest.raises(AuditDamaged):
                scene.clinic.audit.seal(scene.sink)

    def test_a_link_before_the_beginning(self, lite: Scene) -> None:
        for number in (0, -1, -(2**63) + 1):
            lite.tamper(self.forged(number, f"{number}"))
            assert ("database", "inserted", number) in lite.found()

    def test_a_link_for_what_waits(self, scene: Scene) -> None:
        """With it what waits may go by the triggers; it is found by the link."""
        scene.tamper(self.forged(99, f"{6:032x}"))
        assert scene.found() == {("database", "inserted", 99), ("database", "inserted", None)}

    def test_a_link_whose_number_is_none(self, lite: Scene) -> None:
        """Nobody walks by it, and it is no link of what it names."""
        for number in ("'zz'", "x'ff'", "2.5", "-1.5"):
            lite.tamper(
                sa.delete(CHAIN).where(CHAIN.c.digest == "x"),
                sa.insert(CHAIN).values(
                    practice=PRACTICE,
                    number=sa.literal_column(number),
                    mac_key=1,
                    digest="x",
                    entry=f"{6:032x}",
                ),
                sa.delete(QUEUE),
            )
            assert lite.found() == {("database", "loose", None)}, number

    def test_the_head_is_gone(self, lite: Scene) -> None:
        lite.tamper(sa.delete(HEAD))
        assert ("database", "inserted", 1) in lite.found()
        with pytest.raises(AuditDamaged):
            lite.clinic.audit.seal(lite.sink)

    def test_its_place_in_the_queue_is_lost(self, scene: Scene) -> None:
        scene.tamper(sa.delete(QUEUE))
        assert scene.found() == {("database", "loose", None)}
        scene.clinic.audit.seal(scene.sink)
        assert scene.everywhere() == {("database", "loose", None)}, "and it stays found"

    def test_it_waits_again(self, scene: Scene) -> None:
        """What has its link waits once more, and twice: it gets no other one."""
        with scene.store.engine.connect() as connection:
            kept = dict(connection.execute(sa.select(AUDIT).where(row(2))).mappings().one())
        names = ("practice", "recorded_at", "changeset", "position")
        again = {**{name: kept[name] for name in names}, "entry": kept["id"]}
        with scene.store.engine.connect() as connection:
            last = dict(connection.execute(sa.select(QUEUE)).mappings().one())
        scene.tamper(
            sa.insert(QUEUE).values(again),
            sa.insert(QUEUE).values({**again, "changeset": "other"}),
            sa.insert(QUEUE).values({**last, "changeset": "other"}),
        )
        assert scene.found() == {("database", "inserted", None)}
        scene.clinic.audit.seal(scene.sink)
        assert scene.everywhere() == set()
        assert scene.clinic.audit.verify().sealed == 7

    def test_a_queue_that_makes_no_sense(self, lite: Scene) -> None:
        for column in ("entry", "changeset", "position", "recorded_at"):
            with lite.tampered(QUEUE, sa.true(), column, "CAST(x'ff' AS TEXT)"):
                lite.found()
                with pytest.raises(AuditDamaged):
                    lite.clinic.audit.seal()


# ------------------------------------------------------------------------------ tails


def cut_database(scene: Scene, after: int) -> None:
    """As if what came later had never been: the head says so, too."""
    with scene.store.engine.connect() as connection:
        digest = connection.scalar(sa.select(CHAIN.c.digest).where(link(after)))
        query = sa.select(CHAIN.c.entry).where(CHAIN.c.number > after)
        gone = connection.scalars(query).all()
    scene.tamper(
        sa.delete(QUEUE),
        sa.delete(AUDIT).where(AUDIT.c.id.in_([*gone, f"{6:032x}"])),
        sa.delete(CHAIN).where(CHAIN.c.number > after),
        sa.update(HEAD).values(number=after, digest=digest, shipped=after),
    )


def cut_sink(scene: Scene, after: int) -> None:
    scene.sink.links = [one for one in scene.sink.links if one.number <= after]
    scene.sink.signed = [one for one in scene.sink.signed if one.number <= after]


class TestTails:
    def test_cut_in_the_database(self, scene: Scene) -> None:
        cut_database(scene, 4)
        assert scene.found() == set(), "the database alone cannot know"
        assert ("database", "cut", 5) in scene.found(sink=True)
        assert ("database", "cut", 5) in scene.found(expecting=True)

    def test_cut_carelessly(self, lite: Scene) -> None:
        lite.tamper(sa.delete(CHAIN).where(CHAIN.c.number > 4))
        assert ("database", "cut", 5) in lite.found()

    def test_cut_in_the_sink(self, lite: Scene) -> None:
        cut_sink(lite, 4)
        assert lite.found(sink=True) == {("sink", "cut", 5)}

    def test_cut_in_both(self, lite: Scene) -> None:
        with lite.store.engine.connect() as connection:
            digest = connection.scalars(sa.select(CHAIN.c.digest).where(link(4))).one()
        keys = lite.store.audit_keys(PRACTICE)
        early = attrs.evolve(lite.checkpoint, number=4, digest=digest)
        early = attrs.evolve(early, signature=keys.sign(early.message))
        cut_database(lite, 4)
        cut_sink(lite, 4)
        assert lite.found(sink=True) == {("sink", "unsigned", 4)}
        lite.sink.signed.append(early)
        assert lite.found(sink=True) == set(), "both say the same"
        assert lite.everywhere() == {("database", "cut", 5)}

    def test_cut_and_grown_again(self, lite: Scene) -> None:
        """Others took the numbers since: the checkpoint knows another digest."""
        cut_database(lite, 4)
        cut_sink(lite, 4)
        for number in range(20, 25):
            lite.store.record([full_entry(number)])
        lite.clinic.audit.seal(lite.sink)
        assert lite.found(sink=True) == set()
        assert lite.everywhere() == {("database", "different", 6)}


# ------------------------------------------------------------------------------- sink


class TestSink:
    def test_an_edit(self, lite: Scene) -> None:
        one = lite.sink.links[2]
        assert one.row is not None
        edits: list[ChainedRow] = [
            one._replace(digest="x"),
            one._replace(entry="x"),
            one._replace(mac_key=2),
            one._replace(row=None),
        ]
        for column in AuditRow._fields:
            value = getattr(one.row, column)
            changed: Any = value + (1 if isinstance(value, int) else "x")
            edits.append(one._replace(row=one.row._replace(**{column: changed})))
        for edit in edits:
            lite.sink.links[2] = edit
            assert {(place, at) for place, _, at in lite.found(sink=True)} == {("sink", 3)}, edit
        lite.sink.links[2] = one._replace(number=9)
        assert ("sink", "gap", 3) in lite.found(sink=True)
        lite.sink.links[2] = one
        assert lite.found(sink=True) == set()

    def test_structure(self, lite: Scene) -> None:
        made = lite.sink.links[5]._replace(number=7)
        tampers: list[Callable[[list[ChainedRow]], object]] = [
            lambda links: links.pop(2),
            lambda links: links.insert(2, links[1]),
            lambda links: links.insert(2, links.pop(3)),
            lambda links: links.append(made),
            lambda links: links.append(made._replace(row=full_row(7))),
            lambda links: links.reverse(),
        ]
        whole = list(lite.sink.links)
        for number, tamper in enumerate(tampers):
            lite.sink.links = list(whole)
            tamper(lite.sink.links)
            assert "sink" in {place for place, _, _ in lite.found(sink=True)}, number

    def test_a_checkpoint_nobody_signed(self, lite: Scene) -> None:
        lite.sink.signed.append(forged(lite.checkpoint))
        assert lite.found(sink=True) == {("sink", "forged", 6)}
        lite.sink.signed[:] = [attrs.evolve(lite.checkpoint, number=5)]
        assert lite.found(sink=True) == {("sink", "forged", 5), ("sink", "unsigned", 6)}
        lite.sink.signed[:] = [attrs.evolve(lite.checkpoint, practice="hilltop")]
        assert lite.found(sink=True) == {("sink", "forged", 6), ("sink", "unsigned", 6)}
        lite.sink.signed.clear()
        assert lite.found(sink=True) == {("sink", "unsigned", 6)}
        lite.clinic.audit.seal(lite.sink)
        assert lite.found(sink=True) == set(), "sealing signs anew"

    def test_an_expected_checkpoint_nobody_signed(self, lite: Scene) -> None:
        lite.checkpoint = forged(lite.checkpoint)
        assert lite.found(expecting=True) == {("checkpoint", "forged", 6)}


def test_a_checkpoint_comes_back_from_its_text(lite: Scene) -> None:
    assert Checkpoint.from_json(lite.checkpoint.to_json()) == lite.checkpoint
    for text in ("", "{}", "[]", "null", lite.checkpoint.to_json()[:-9]):
        with pytest.raises(InvalidChoice):
            Checkpoint.from_json(text)
