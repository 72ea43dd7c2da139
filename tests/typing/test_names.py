"""A type checker knows which names are public, though they are loaded when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import medsched

if TYPE_CHECKING:
    from medsched import Appointmnet  # type: ignore[attr-defined]  # noqa: F401


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="EVERYWHERE"):
        medsched.EVERYWHERE  # type: ignore[attr-defined]  # noqa: B018
    assert medsched.ANYWHERE is not None
