from __future__ import annotations

from math import inf

import pytest


@pytest.fixture(autouse=True)
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores ask now and then whether they may write in plain text: not in between here.

    Every run of a command must come to the same statements.
    """
    pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
    monkeypatch.setattr("medsched.adapters.sqlalchemy.sealing_state._TRUSTED_FOR", inf)
