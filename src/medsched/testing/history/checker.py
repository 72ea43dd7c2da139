"""The checker: could this history have come from a correct calendar?"""

from __future__ import annotations

from collections.abc import Iterable

from medsched.testing.history.bounds import Bounds
from medsched.testing.history.certain import certain_anomalies
from medsched.testing.history.evidence import Evidence, telling
from medsched.testing.history.groups import groups
from medsched.testing.history.operations import Operation
from medsched.testing.history.search import Found, Search, Stuck
from medsched.testing.history.verdict import Anomaly, AnomalyKind, Judgement, Verdict

_SHOWN = 12


def check(history: Iterable[Operation], *, max_states: int = 1_000_000) -> Verdict:
    """Whether a history is linearizable: some order of its operations explains all answers.

    The order keeps every operation between its call and its return; an operation of unknown
    outcome is put anywhere after its call, or left out; each answer is what one correct
    calendar, empty at first, gives in that order. The package's page says what it gives.

    First come the checks that need no search; if they find something, that is the verdict.
    Then the history falls into groups that share no minute, id or key, and each is searched.
    ``max_states`` bounds how many states are visited in all; if they do not suffice, and
    nothing is wrong in the other groups, the history is undecided, which is not ``ok``.

    A wrong history is never found correct. A correct one would be found wrong if two states
    had the same fingerprint of 128 bits, which nobody will live to see.
    """
    operations = telling(history)
    unknown = sum(not (operation.ok or operation.failed) for operation in operations)
    anomalies = certain_anomalies(Evidence(operations))
    if anomalies:
        return Verdict(
            judgement=Judgement.WRONG,
            anomalies=tuple(anomalies),
            operations=len(operations),
            unknown=unknown,
        )
    states = undecided = 0
    parts = groups(operations)
    for part in parts:
        evidence = Evidence(part)
        bounds = Bounds(evidence)
        if found := bounds.anomalies():
            anomalies += found
            continue
        search = Search(evidence, bounds)
        result = search.run(max_states - states)
        states += search.states
        if result is Found.NO_ORDER:
            anomalies.append(_no_order(search.stuck()))
        elif result is Found.NOTHING:
            undecided += len(part)
    judgement = Judgement.UNDECIDED if undecided else Judgement.CORRECT
    return Verdict(
        judgement=Judgement.WRONG if anomalies else judgement,
        anomalies=tuple(anomalies),
        operations=len(operations),
        unknown=unknown,
        groups=len(parts),
        states=states,
        undecided=undecided,
    )


def _no_order(stuck: Stuck) -> Anomaly:
    live = sorted(
        f"{form.thing.id!r} on {' and '.join(map(str, form.spans))}" for form in stuck.live
    )
    there = ", ".join(live[:_SHOWN]) or "nothing"
    more = f" and {len(live) - _SHOWN} more" if len(live) > _SHOWN else ""
    message = (
        f"no order of the operations explains their answers. The longest that fits has"
        f" {stuck.placed} of {stuck.of}; after it the first of these can come no more, as it"
        f" needs {stuck.wants}. On its minutes is then: {there}{more}"
    )
    return Anomaly(AnomalyKind.NO_ORDER, message, (stuck.next, *stuck.others[:_SHOWN]))
