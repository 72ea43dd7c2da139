"""Whether one who follows the events of a calendar saw each of them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from medsched.testing.history.operations import Follow, Listed, Operation
from medsched.testing.history.verdict import Anomaly, AnomalyKind, Judgement, Verdict

_SHOWN = 10


def followed(history: Iterable[Operation], process: str) -> list[str]:
    """The ids of the events that a process saw with `Follow`, in the order that it saw them.

    They are taken in the order of the calls: a process follows with one call at a time.
    """
    mine = [one for one in history if one.process == process and isinstance(one.request, Follow)]
    mine.sort(key=lambda operation: operation.invoked)
    return [id for one in mine if isinstance(one.outcome, Listed) for id in one.outcome.ids]


def check_events(
    seen: Sequence[str],
    written: Sequence[str],
    *,
    ordered: bool = True,
    caught_up: bool = True,
) -> Verdict:
    """Whether a follower saw exactly the events that a later full read shows.

    ``seen``: event ids as they came to the follower. ``written``: all of them, from a read
    made after the follower's last, when nothing was being written any more. ``ordered``: the
    follower owes the order of ``written``. ``caught_up``: it went on until nothing was left;
    if not, what is written behind the last that it saw is not missed yet, which takes
    ``written`` in its order.

    A follower that reads by an identity column misses what commits behind its back: such
    columns are numbered before commit, not by it.
    """
    place = {id: at for at, id in enumerate(written)}
    times = Counter(seen)
    known = [place[id] for id in times if id in place]
    end = len(written) if caught_up else max(known, default=-1) + 1
    anomalies = [
        _anomaly(AnomalyKind.MISSED_EVENT, "missed", [id for id in written[:end] if not times[id]]),
        _anomaly(AnomalyKind.REPEATED_EVENT, "saw again", [id for id, n in times.items() if n > 1]),
        _anomaly(
            AnomalyKind.UNKNOWN_EVENT,
            "saw, though nobody wrote,",
            [id for id in times if id not in place],
        ),
    ]
    if ordered:
        late, highest = [], -1
        for id in times:  # each at its first time
            if place.get(id, highest) < highest:
                late.append(id)
            highest = max(highest, place.get(id, highest))
        anomalies.append(_anomaly(AnomalyKind.EVENT_ORDER, "saw after later ones", late))
    found = tuple(anomaly for anomaly in anomalies if anomaly is not None)
    return Verdict(judgement=Judgement.WRONG if found else Judgement.CORRECT, anomalies=found)


def _anomaly(kind: AnomalyKind, did: str, ids: list[str]) -> Anomaly | None:
    if not ids:
        return None
    shown = ", ".join(map(repr, ids[:_SHOWN]))
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return Anomaly(kind, f"the follower {did} {len(ids)} event(s): {shown}{more}")
