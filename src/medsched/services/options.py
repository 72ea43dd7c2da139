"""Options that are given by name: a slip of the pen is a mistake, and not silence."""

from __future__ import annotations

from collections.abc import Mapping


def refuse_unknown(options: Mapping[str, object], known: type, command: str) -> None:
    """`TypeError`, as of any call, for an option that a command's `TypedDict` does not have."""
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"{command}() got an unexpected keyword argument {name!r}")
