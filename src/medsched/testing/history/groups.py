"""A history in parts that have nothing to do with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from medsched.testing.history.evidence import ids_in, spans_in
from medsched.testing.history.operations import Operation, key_of


def groups(operations: Sequence[Operation]) -> list[list[Operation]]:
    """The operations in groups that share no minute of a resource, no id and no key.

    A history is correct if and only if each of these is: linearizability is local (Herlihy
    and Wing 1990, theorem 1). Each group is in the order given; the smallest come first.
    """
    parents = list(range(len(operations)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    by_name: dict[Hashable, int] = {}
    spans: list[tuple[str, int, int, int]] = []
    for at, operation in enumerate(operations):
        request = operation.request
        names: list[Hashable] = [*ids_in(request)]
        if (key := key_of(request)) is not None:
            names.append((type(request), key))
        for name in names:
            parents[root(at)] = root(by_name.setdefault(name, at))
        spans += [(*span, at) for span in spans_in(request)]
    spans.sort()
    resource, reach, last = "", 0, 0
    for where, low, high, at in spans:
        if where == resource and low < reach:
            parents[root(at)] = root(last)
            reach = max(reach, high)
        else:
            resource, reach, last = where, high, at
    found: dict[int, list[Operation]] = defaultdict(list)
    for at, operation in enumerate(operations):
        found[root(at)].append(operation)
    return sorted(found.values(), key=len)
