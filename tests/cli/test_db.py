"""``medsched db``: what it prints, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medsched import AvailabilityRule, MissingExtra, Recurrence, Scheduler
from medsched.domain.starts import Start

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    pytest.importorskip("sqlalchemy")
    return f"sqlite:///{tmp_path}/clinic.db"


def test_tables_are_created_checked_and_upgraded(run: Run, url: str) -> None:
    for action in ("check", "upgrade"):
        code, out, err = run("db", action, url)
        assert (code, out) == (1, "")
        assert err == "medsched: the database has no tables of medsched: create them first\n"
    for action in ("create", "create", "check", "upgrade"):
        code, out, err = run("db", action, url)
        assert (code, err) == (0, "")
        assert "version 5" in out


def test_tables_of_an_earlier_release(run: Run, url: str) -> None:
    run("db", "create", url)
    broken(url, "UPDATE medsched_version SET version = 1", "DROP TABLE medsched_ledger")
    for action in ("create", "check", "verify"):
        code, out, err = run("db", action, url)
        assert (code, out) == (1, "")
        assert err == (
            "medsched: the tables of medsched are at version 1,"
            " and this release needs 5: upgrade them\n"
        )
    code, out, err = run("db", "upgrade", url)
    assert (code, out, err) == (0, "the tables went from version 1 to 5\n", "")
    assert run("db", "verify", url)[0] == 0


def test_tables_of_a_later_release(run: Run, url: str) -> None:
    run("db", "create", url)
    broken(url, "UPDATE medsched_version SET version = 9")
    for action in ("create", "check", "upgrade", "verify"):
        code, out, err = run("db", action, url)
        assert (code, out) == (1, "")
        assert "version 9" in err
        assert "Traceback" not in err


@pytest.mark.parametrize("bad", ["nonsense", "oracle://u:secret@h/x", "sqlite:////nowhere/x.db"])
def test_what_is_no_database(run: Run, url: str, bad: str) -> None:
    code, out, err = run("db", "check", bad)
    assert (code, out) == (2, "")
    assert err.startswith("medsched: ")
    assert err.count("\n") == 1
    assert "secret" not in err


class TestVerify:
    @pytest.fixture
    def booked(self, run: Run, url: str) -> str:
        """A database in which Smith sees Ada at nine and Bob at ten, in two practices."""
        from medsched.adapters.sqlalchemy import SqlAlchemyStore

        assert run("db", "create", url)[0] == 0
        store = SqlAlchemyStore(url)
        for name in ("riverside", "hilltop"):
            clinic = Scheduler(store).practice(name)
            clinic.providers.create(id="smith", timezone="UTC")
            clinic.appointment_types.create(code="visit", duration=timedelta(minutes=30))
            daily = Recurrence.daily(start=date(2090, 1, 1))
            clinic.availability.add(AvailabilityRule("smith", daily, hours="09:00-12:00"))
            for patient, hour in (("ada", 9), ("bob", 10)):
                clinic.patients.create(id=patient, name="Lovelace")
                start = Start("smith", "visit", datetime(2090, 1, 1, hour, tzinfo=UTC))
                clinic.appointments.book(start, patient=patient, id=f"visit-{patient}")
        store.engine.dispose()
        return url

    def test_nothing_is_wrong(self, run: Run, booked: str) -> None:
        for options, told in (
            ([], "no differences in 4 bookings\n"),
            (["--repair"], "no differences in 4 bookings\n"),
            (["--practice", "hilltop"], "no differences in 2 bookings\n"),
            (["--practice", "nowhere"], "no differences in no bookings\n"),
        ):
            assert run("db", "verify", booked, *options) == (0, told, "")

    def test_what_is_wrong_is_told_then_repaired(self, run: Run, booked: str) -> None:
        here = "WHERE practice = 'hilltop' AND resource_kind = 'provider'"
        broken(
            booked,
            "UPDATE medsched_booking SET status = 'cancelled' WHERE practice = 'riverside'"
            " AND id = 'visit-ada'",
            f"DELETE FROM medsched_claim {here} AND id = 'visit-bob'",
            f"UPDATE medsched_ledger SET h09 = 1 {here}",
        )
        lines = [
            (
                "hilltop: appointment visit-bob has no claim on provider smith"
                " from 2090-01-01 10:00 to 10:30 UTC"
            ),
            "hilltop: the ledger of provider smith on 2090-01-01 UTC lacks 09:01-09:30",
            (
                "riverside: appointment visit-ada claims patient ada"
                " from 2090-01-01 09:00 to 09:30 UTC, but it is cancelled"
            ),
            (
                "riverside: appointment visit-ada claims provider smith"
                " from 2090-01-01 09:00 to 09:30 UTC, but it is cancelled"
            ),
            "riverside: the ledger of patient ada on 2090-01-01 UTC holds for nothing 09:00-09:30",
            (
                "riverside: the ledger of provider smith on 2090-01-01 UTC"
                " holds for nothing 09:00-09:30"
            ),
        ]
        for _ in range(2):  # to look is not to touch
            code, out, err = run("db", "verify", booked)
            assert (code, err) == (1, "")
            assert out.splitlines() == [*lines, "6 differences in 4 bookings"]
        code, out, err = run("db", "verify", booked, "--practice", "hilltop", "--repair")
        assert (code, err) == (0, "")
        repaired = [f"{line} (repaired)" for line in lines[:2]]
        assert out.splitlines() == [*repaired, "2 differences in 2 bookings, 0 left"]
        code, out, err = run("db", "verify", booked, "--repair")
        assert (code, err) == (0, "")
        assert out.splitlines()[-1] == "4 differences in 4 bookings, 0 left"
        assert run("db", "verify", booked)[0] == 0
        assert "Lovelace" not in out

    def test_a_double_booking_is_left(self, run: Run, booked: str) -> None:
        broken(
            booked,
            "DELETE FROM medsched_ledger",
            "UPDATE medsched_booking SET document = replace(document, ',63115770]', ',63115830]')"
            " WHERE practice = 'hilltop' AND id = 'visit-ada'",
        )
        code, out, err = run("db", "verify", booked, "--practice", "hilltop")
        (double,) = (line for line in out.splitlines() if "both take" in line)
        assert double == (
            "hilltop: appointment visit-ada and appointment visit-bob both take provider smith"
            " from 2090-01-01 10:00 to 10:30 UTC"
        )
        for _ in range(2):
            code, out, err = run("db", "verify", booked, "--practice", "hilltop", "--repair")
            assert (code, err) == (1, "")
            assert double in out.splitlines()
            assert out.splitlines()[-1].endswith(", 1 left")

    def test_what_no_practice_is_called(self, run: Run, booked: str) -> None:
        code, out, err = run("db", "verify", booked, "--practice", "")
        assert (code, out) == (2, "")
        assert err.startswith("medsched: practice: ")

    def test_a_document_of_a_later_release(self, run: Run, booked: str) -> None:
        broken(booked, "UPDATE medsched_booking SET format = 9")
        code, out, err = run("db", "verify", booked, "--repair")
        assert (code, out) == (2, "")
        assert "document format 9" in err


def broken(url: str, *statements: str) -> None:
    """Change a database behind the library's back."""
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_an_action_and_a_url_are_needed(run: Run) -> None:
    for arguments in (["db"], ["db", "create"], ["db", "drop", "sqlite://"], ["db", "verify"]):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert "usage: medsched db" in err


def test_without_the_extra_it_tells_which(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("medsched.adapters.sqlalchemy")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    code, out, err = run("db", "check", "sqlite://")
    assert (code, out) == (2, "")
    assert "medsched[sqlalchemy]" in err
    assert MissingExtra.__name__ not in err


class TestSealing:
    @pytest.fixture
    def kept(self, run: Run, url: str) -> str:
        """A database in plain text."""
        from medsched.adapters.sqlalchemy import SqlAlchemyStore

        run("db", "create", url)
        store = SqlAlchemyStore(url)
        Scheduler(store).practice("riverside").patients.create(id="eve", name="canary")
        store.engine.dispose()
        return url

    @pytest.fixture
    def keys(self, tmp_path: Path) -> str:
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")
        from medsched.adapters.keys.local import LocalKeys

        LocalKeys.create(tmp_path / "keys.json")
        return str(tmp_path / "keys.json")

    def test_an_old_database_is_sealed_and_given_new_keys(
        self, run: Run, kept: str, keys: str
    ) -> None:
        from medsched.adapters.keys.local import LocalKeys

        code, out, err = run("db", "seal", kept, "--keys", keys, "--index", "10")
        assert (code, err) == (0, "")
        assert "all is sealed" in out
        nothing = "all is sealed; no rows written anew\n"
        assert run("db", "seal", kept, "--keys", keys, "--index", "10") == (0, nothing, "")
        told = "1 key made, 1 row sealed anew, no old keys removed\n"
        assert run("db", "rotate", kept, "--keys", keys) == (0, told, "")
        LocalKeys.rotate(keys)
        assert run("db", "rewrap", kept, "--keys", keys) == (0, "3 keys wrapped anew\n", "")
        whose = ("--keys", keys, "--practice", "riverside", "--patient", "eve")
        assert run("db", "shred", kept, *whose) == (0, "the key is destroyed\n", "")
        told = "there was no key; there will be none\n"
        assert run("db", "shred", kept, *whose) == (0, told, "")
        assert run("db", "verify", kept)[0] == 0

    def test_a_shredding_is_written_down_where_an_audit_is_kept(
        self, run: Run, tmp_path: Path
    ) -> None:
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")
        from medsched.adapters.audit.keeping import AuditKeeping
        from medsched.adapters.keys.local import LocalKeys
        from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
        from medsched.adapters.sqlalchemy.sealing import Encryption, seal_all

        url, file = f"sqlite:///{tmp_path}/audited.db", str(tmp_path / "keys.json")
        keys = LocalKeys.create(file)
        create(url)
        seal_all(url, Encryption(keys))
        store = SqlAlchemyStore(url, encryption=Encryption(keys), audit=AuditKeeping(keys))
        clinic = Scheduler(store).practice("riverside")
        clinic.patients.create(id="eve", name="Eve")
        whose = ("--practice", "riverside", "--patient", "eve", "--principal", "kim")
        code, out, err = run("db", "shred", url, "--keys", file, *whose)
        assert (code, out, err) == (0, "the key is destroyed\n", "")
        told = [
            (one.principal, one.operation, one.action.value)
            for one in clinic.audit.report(patient="eve", since=datetime(2020, 1, 1, tzinfo=UTC))
        ]
        assert told[-1] == ("kim", "patient.shred", "delete")
        store.engine.dispose()

    def test_keys_that_are_not_there(self, run: Run, kept: str, tmp_path: Path) -> None:
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")
        for action in ("seal", "rotate", "rewrap"):
            code, out, err = run("db", action, kept, "--keys", str(tmp_path / "none.json"))
            assert (code, out) == (2, "")
            assert "none.json" in err
            assert "Traceback" not in err

    def test_what_is_not_sealed_is_not_shredded(self, run: Run, kept: str, tmp_path: Path) -> None:
        pytest.importorskip("cryptography", reason="the extra encryption is not installed")
        from medsched.adapters.keys.local import LocalKeys

        keys = str(tmp_path / "keys.json")
        LocalKeys.create(keys)
        whose = ("--keys", keys, "--practice", "riverside", "--patient")
        code, out, err = run("db", "shred", kept, *whose, "eve")
        assert (code, out) == (2, "")
        assert "not everything is sealed" in err
        nobody = "medsched: there is no patient 'nobody' in 'riverside'\n"
        assert run("db", "shred", kept, *whose, "nobody") == (1, "", nobody)
