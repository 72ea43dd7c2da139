"""``medsched db``: what it prints, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medsched import MissingExtra

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
        assert "version 1" in out


def test_tables_of_a_later_release(run: Run, url: str) -> None:
    import sqlalchemy as sa

    run("db", "create", url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE medsched_version SET version = 9")
    engine.dispose()
    for action in ("create", "check", "upgrade"):
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


def test_an_action_and_a_url_are_needed(run: Run) -> None:
    for arguments in (["db"], ["db", "create"], ["db", "drop", "sqlite://"]):
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
