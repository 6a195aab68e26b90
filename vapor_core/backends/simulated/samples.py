"""Which steps of a very long run are computed for a chart of all of it: stretches at equal distances, and evaluations.

A chart draws some hundred points. To choose them from each of a hundred million steps takes seconds; from a million of
them it takes a fraction of one. Where the stretches are depends on the length of the run alone, so whoever looks sees
the same of its past; the steps just done are always computed whole.
"""

import numpy as np

from vapor_core.backends.base import Columns
from vapor_core.simulation.fork import Curve

LONGEST_WHOLE = 2_000_000  # steps of a run that is computed step by step; a fifth of a second
SAMPLE_STEPS = 1024  # of a stretch
MOST_SAMPLES = 512  # stretches of the whole run, and evaluations beside them


def apart(total_steps: int) -> int:
    """Steps between the beginnings of two stretches."""
    return max(-(-total_steps // MOST_SAMPLES), SAMPLE_STEPS)


def columns(curve: Curve, total_steps: int, start: int, stop: int) -> Columns:
    """Rows of the sampled steps among start..stop-1, in order."""
    pieces = [curve.columns(first, last) for first, last in _stretches(curve, total_steps, start, stop)]
    if not pieces:
        return curve.columns(start, start)
    return {name: np.concatenate([rows[name] for rows in pieces]) for name in pieces[0]}


def _stretches(curve: Curve, total_steps: int, start: int, stop: int) -> list[tuple[int, int]]:
    """(first step, one past the last) of what is computed, apart from each other and ascending."""
    distance = apart(total_steps)
    samples = [(first, first + SAMPLE_STEPS) for first in range(start // distance * distance, stop, distance)]
    every = curve.plan.eval_every
    every *= -(-total_steps // (every * MOST_SAMPLES))
    evaluated = [(end - 1, end) for end in range(start // every * every + every, stop + 1, every)]
    found: list[tuple[int, int]] = []
    for first, last in sorted([*samples, *evaluated]):
        low, high = max(first, start, found[-1][1] if found else 0), min(last, stop)
        if high > low:
            found.append((low, high))
    return found
