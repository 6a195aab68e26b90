"""Who gets which cards when: the simulated region's queue, first come first served, one line an accelerator.

A job waits until every earlier one of its line has its cards and enough are free; nobody overtakes. So a later job
never disturbs an earlier one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf


@dataclass(frozen=True, slots=True)
class CardRequest:
    """A job's place in the line. Times in simulated seconds."""

    job_id: str
    cards: int
    capacity: int  # of the region, for this accelerator
    submitted_s: float
    withdrawn_s: float = inf  # stopped by a person


def allocate(requests: Iterable[CardRequest], released_s: Callable[[str, float], float]) -> dict[str, float]:
    """When each job gets its cards; infinite where that is not in sight, or it was withdrawn before.

    Args:
        requests: in order of submission.
        released_s: (job id, granted at) -> when it gives its cards back; infinite while it is paused.
    """
    held: list[tuple[float, int]] = []  # (release, cards), the earliest release on top
    used = 0
    front_s = (
        -inf
    )  # who is next gets nothing before it; second 0 is nothing special, adopted jobs may be older
    granted: dict[str, float] = {}
    for request in requests:
        at = max(request.submitted_s, front_s)
        waited: list[tuple[float, int]] = []
        while held and (held[0][0] <= at or used + request.cards > request.capacity):
            waited.append(heappop(held))
            used -= waited[-1][1]
            at = max(at, waited[-1][0])
        if at < request.withdrawn_s and at < inf:
            granted[request.job_id] = front_s = at
            used += request.cards
            heappush(held, (released_s(request.job_id, at), request.cards))
            continue
        granted[request.job_id] = inf
        front_s = max(front_s, min(at, request.withdrawn_s))
        for release, cards in waited:
            if release > front_s:
                heappush(held, (release, cards))
                used += cards
    return granted
