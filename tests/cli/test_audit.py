"""``medsched audit``: what it prints, and how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.auditing.kit import PRACTICE, filled, full_entry
from tests.auditing.test_reports import problems
from tests.databases import unguarded

Run = Callable[..., tuple[int, str, str]]


class Audited:
    """A database with four entries about Ada, and the arguments that name it."""

    def __init__(self, run: Run, folder: Path) -> None:
        from medsched.adapters.audit.keeping import AuditKeeping
        from medsched.adapters.keys.local import LocalKeys
        from medsched.adapters.sqlalchemy import SqlAlchemyStore, create

        self._run, self.folder = run, folder
        self.url, self.keys = f"sqlite:///{folder}/clinic.db", str(folder / "keys.json")
        create(self.url)
        self.store = SqlAlchemyStore(self.url, audit=AuditKeeping(LocalKeys.create(self.keys)))
        filled(self.store, 3)
        self.store.record([full_entry(3, reason='=HYPERLINK("http://x")', emergency=False)])
        self.sink = str(folder / "sink")

    def __call__(self, action: str, *more: str) -> tuple[int, str, str]:
        practice = () if action == "rewrap" else ("--practice", PRACTICE)
        return self._run("audit", action, self.url, "--keys", self.keys, *practice, *more)

    def report(self, *more: str) -> tuple[int, str, str]:
        return self("report", "--patient", "ada", "--since", "2020-01-01", *more)


@pytest.fixture
def audited(run: Run, tmp_path: Path) -> Iterator[Audited]:
    pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
    pytest.importorskip("cryptography", reason="the extra encryption is not installed")
    made = Audited(run, tmp_path)
    yield made
    made.store.engine.dispose()


def test_it_seals_and_verifies(audited: Audited, tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "checkpoint.json")
    code, out, err = audited("verify")
    assert (code, out, err) == (0, "no flaws in 0 sealed entries and 4 not sealed yet\n", "")
    code, out, err = audited("seal", "--sink", audited.sink, "--checkpoint", checkpoint)
    assert (code, out, err) == (0, "sealed 4, shipped 4; the chain ends at number 4\n", "")
    code, out, err = audited("seal", "--sink", audited.sink)
    assert (code, out, err) == (0, "sealed 0, shipped 0; the chain ends at number 4\n", "")
    told = ("verify", "--sink", audited.sink, "--checkpoint", checkpoint)
    assert audited(*told) == (0, "no flaws in 4 sealed entries and 0 not sealed yet\n", "")
    database = f"sqlite:///{tmp_path}/sink.db"
    assert audited("seal", "--sink", database)[1].startswith("sealed 0, shipped 4;")
    assert audited("verify", "--sink", database)[0] == 0


def test_it_tells_what_was_changed(audited: Audited, tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "checkpoint.json")
    audited("seal", "--sink", audited.sink, "--checkpoint", checkpoint)
    with unguarded(audited.store.engine) as connection:
        connection.exec_driver_sql(
            f"UPDATE medsched_audit SET principal = 'x' WHERE id = '{1:032x}'"
        )
        connection.exec_driver_sql("DELETE FROM medsched_audit_chain WHERE number > 3")
    code, out, err = audited("verify", "--sink", audited.sink, "--checkpoint", checkpoint)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        (f"database: number 2, entry {1:032x}: it was changed, or was not written by this library"),
        "database: number 4: the end of the chain is missing from here on",
        (
            f"database: not sealed yet, entry {3:032x}: the entry is not in the chain and does"
            " not wait for it"
        ),
        "3 flaws in 3 sealed entries and 1 not sealed yet",
    ]
    code, out, err = audited.report()
    assert code == 1
    assert err == f"medsched: the audit entry '{1:032x}' was changed or forged: verify the audit\n"


def test_it_reports_as_csv(audited: Audited) -> None:
    code, out, err = audited.report()
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(StringIO(out)))
    assert [row["at"] for row in rows] == [
        f"2026-01-02T03:04:{5 + number:02}.678901Z" for number in range(4)
    ]
    assert rows[0]["fields"] == "name notes"
    assert rows[0]["roles"] == "admin staff"
    assert [row["emergency"] for row in rows] == ["yes", "yes", "yes", "no"]
    assert rows[3]["reason"] == '\'=HYPERLINK("http://x")', "no formula"


def test_it_reports_as_json_and_fhir(audited: Audited) -> None:
    code, out, _ = audited.report("--format", "json")
    found: list[dict[str, Any]] = json.loads(out)
    assert code == 0
    assert [one["id"] for one in found][:4] == [f"{number:032x}" for number in range(4)]
    assert found[0]["fields"] == ["name", "notes"]
    code, out, _ = audited.report("--format", "fhir", "--until", "2026-01-02")
    events = [json.loads(line) for line in out.splitlines()]
    assert len(events) == 4
    assert [problems(event) for event in events] == [[]] * 4
    assert audited.report("--format", "json", "--until", "2020-01-02")[1] == "[]\n"


def test_a_report_is_in_the_next_one(audited: Audited) -> None:
    audited.report("--principal", "auditor")
    found = json.loads(audited.report("--format", "json")[1])
    assert [(one["operation"], one["principal"]) for one in found[4:]] == [
        ("audit.report", "auditor")
    ]
    code, out, err = audited("report", "--patient", "nobody", "--since", "2020-01-01")
    assert (code, len(out.splitlines()), err) == (0, 1, "")


def test_it_reports_from_a_sink_alone(audited: Audited, run: Run, tmp_path: Path) -> None:
    audited("seal", "--sink", audited.sink)
    arguments = ("--practice", PRACTICE, "--patient", "ada", "--since", "2020-01-01")
    code, out, err = run("audit", "report", "--sink", audited.sink, *arguments)
    assert (code, len(list(csv.DictReader(StringIO(out))))) == (0, 4)
    assert "verify" in err
    (place,) = Path(audited.sink).iterdir()
    place.write_bytes(place.read_bytes().replace(b'"read"', b'"rsad"', 1))
    assert run("audit", "report", "--sink", audited.sink, *arguments)[0] == 1


def test_it_prunes_nothing_young_and_wraps_anew(audited: Audited) -> None:
    from medsched.adapters.keys.local import LocalKeys

    audited("seal", "--sink", audited.sink)
    told = (0, "removed 0; what is kept begins after number 0\n", "")
    assert audited("prune", "--sink", audited.sink) == told
    LocalKeys.rotate(audited.keys)
    assert audited("rewrap") == (0, "wrapped 2 keys anew\n", "")
    assert audited("rewrap") == (0, "wrapped 0 keys anew\n", "")
    assert audited("verify", "--sink", audited.sink)[0] == 0


def test_a_practice_without_an_audit(audited: Audited, run: Run) -> None:
    """Such as one whose name has a slip in it: no keys are made for it."""
    asked = ("--keys", audited.keys, "--practice", "rivresidee")
    code, out, err = run("audit", "verify", audited.url, *asked)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "key: the practice has no audit, or its keys were removed",
        "1 flaw in 0 sealed entries and 0 not sealed yet",
    ]
    assert audited.store.kept_audit_keys("rivresidee") is None


def test_what_is_not_there_is_not_made(audited: Audited, run: Run, tmp_path: Path) -> None:
    missing, keys = f"sqlite:///{tmp_path}/missing.db", ("--keys", audited.keys)
    named = ("--practice", PRACTICE)
    asked = (*named, "--patient", "ada", "--since", "2020-01-01")
    for arguments in (
        ("seal", missing, *keys, *named),
        ("verify", missing, *keys, *named),
        ("rewrap", missing, *keys),
        ("report", missing, *keys, *asked),
        ("verify", audited.url, *keys, *named, "--sink", missing),
        ("prune", audited.url, *keys, *named, "--sink", missing),
        ("report", "--sink", missing, *asked),
        ("report", "--sink", str(tmp_path / "missing"), *asked),
    ):
        code, out, err = run("audit", *arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1), arguments
        assert "there" in err
        assert not (tmp_path / "missing.db").exists()
        assert not (tmp_path / "missing").exists()


def test_what_makes_no_sense_ends_in_a_line(audited: Audited, tmp_path: Path) -> None:
    """Findings end with 1, what cannot be gone on with with 2: nobody sees a traceback."""
    audited("seal", "--sink", audited.sink)
    (place,) = Path(audited.sink).iterdir()
    whole = place.read_bytes()
    for line in (b"[" * 100_000, b"\xff", b'{"checkpoint": []}', b'{"record": {"number": []}}'):
        place.write_bytes(whole + line + b"\n")
        code, out, err = audited("verify", "--sink", audited.sink)
        assert (code, err) == (1, "")
        assert "sink: number " in out
    ahead = b'{"record": {"number": 99, "mac_key": 1, "digest": "", "entry": "x", "row": null}}'
    place.write_bytes(whole + ahead + b"\n")
    code, out, err = audited("seal", "--sink", audited.sink)
    assert (code, out) == (1, "")
    assert err.startswith("medsched: the audit entry 'number 99 of the sink' was changed")
    with unguarded(audited.store.engine) as connection:
        connection.exec_driver_sql("UPDATE medsched_audit_key SET wrapped = 'AAAA'")
    code, out, err = audited("verify")
    assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_bad_input(audited: Audited, run: Run, tmp_path: Path) -> None:
    for arguments in (
        ("verify", "--checkpoint", str(tmp_path / "none")),
        ("verify", "--checkpoint", audited.keys),
        ("verify", "--sink", "oracle://x"),
        ("report", "--patient", "ada", "--since", "yesterday"),
        ("report", "--patient", "", "--since", "2020-01-01"),
        ("report", "--patient", "ada"),
        ("prune",),
    ):
        code, out, err = audited(*arguments)
        assert (code, out) == (2, ""), arguments
        assert err
    asked = ("--practice", PRACTICE, "--patient", "ada", "--since", "2020-01-01")
    assert run("audit", "report", *asked)[0] == 2
    assert run("audit", "report", audited.url, *asked)[0] == 2
    empty = ("--keys", audited.keys, "--practice", "p")
    (tmp_path / "empty.db").touch()
    assert run("audit", "verify", f"sqlite:///{tmp_path}/empty.db", *empty)[0] == 1
    Path(audited.keys).chmod(0o644)
    code, _, err = audited("verify")
    assert (code, "0600" in err) == (2, True)
