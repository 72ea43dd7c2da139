"""A process may be killed at any moment: what it did is there, or is done by asking again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

import pytest
from tests.databases import ENGINES, Databases, missing

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
if not hasattr(os, "fork"):
    pytest.skip("processes cannot be copied here", allow_module_level=True)

import sqlalchemy as sa
from tests.kills.children import in_child, kill_this
from tests.kills.commands import COMMANDS, Command
from tests.kills.points import ALL
from tests.kills.worker import Worker

from medsched.adapters.sqlalchemy import create

EVERY: Final = {"sqlite": 11, "postgresql": 13, "mariadb": 13}
"""A command is killed at one of so many points, and wherever it commits: always the same ones.

With MEDSCHED_KILLS set to ``all``, at all of them.
"""


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if (why := missing(request.param)) is not None:
        pytest.skip(why)
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def worker(
    engine: str, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    """A worker on a database that nothing else is stored in."""
    if engine == "sqlite":
        url = sa.make_url(f"sqlite:///{tmp_path_factory.mktemp('kills')}/clinic.db")
        create(url)
    else:
        databases.store(engine)
        url = databases.another(engine).engine.url
    worker = Worker(url)
    yield worker
    worker.close()


class TestKills:
    @pytest.mark.parametrize("command", COMMANDS, ids=str)
    def test_a_command_is_done_whole_or_not_at_all(
        self,
        worker: Worker,
        engine: str,
        command: Command,
        request: pytest.FixtureRequest,
    ) -> None:
        report = worker.kill(command.name, every=1 if ALL else EVERY[engine])
        counted = f"killed at {report.kills} of {report.points} points"
        request.node.add_report_section("call", "kills", counted)  # shown with -rP
        assert report.kills >= 2
        if report.findings:
            some = "\n".join(report.findings[:10])
            pytest.fail(f"{len(report.findings)} findings:\n{some}", pytrace=False)


class TestWhatAKillRunTells:
    """A store that is wrong is found out, so that silence says something."""

    @pytest.mark.parametrize(
        "fault, told",
        [
            ("receipts_apart", "not what a run without kills leaves"),
            ("ledger_apart", "in the ledger and not claimed"),
            ("keys_forgotten", "repeated: answered"),
        ],
    )
    def test_a_wrong_store_is_found_out(self, worker: Worker, fault: str, told: str) -> None:
        report = worker.kill("confirm a patient's hold", every=6, fault=fault)
        assert any(told in one for one in report.findings), report.findings
        assert not worker.kill("confirm a patient's hold", every=12).findings


class TestChildren:
    def test_it_answers(self) -> None:
        assert in_child(lambda: {"all": "well"}).answer == {"all": "well"}

    def test_it_kills_itself(self) -> None:
        ending = in_child(kill_this)
        assert ending.killed
        assert ending.answer is None

    def test_it_fails(self) -> None:
        ending = in_child(lambda: 1 / 0)
        assert "ZeroDivisionError" in ending.trouble
        assert not ending.killed

    def test_it_hangs(self) -> None:
        ending = in_child(lambda: time.sleep(60), patience=0.1)
        assert ending.trouble == "still at it after 0.1 s"
        assert not ending.killed
