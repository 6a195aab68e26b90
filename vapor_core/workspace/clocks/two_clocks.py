"""What real work tells by the wall clock, in a workspace's simulated time: so that one list can hold both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vapor_core.backends.base import JobState
    from vapor_core.contracts.lifecycle import LifeEvent
    from vapor_core.workspace.clocks.timeline import Timeline


def in_simulated_time(state: JobState, timeline: Timeline) -> JobState:
    """A state whose instants are of the wall clock; what a job took stays what it took."""
    began, ended = state.started_s, state.ended_s
    return replace(
        state,
        started_s=None if began is None else timeline.at(began),
        ended_s=None if ended is None else timeline.at(ended),
    )


def dated(lines: Iterable[LifeEvent], timeline: Timeline) -> tuple[LifeEvent, ...]:
    """Lines of the wall clock in simulated time, each with its own beside it."""
    return tuple(line.changed(at_s=timeline.at(line.at_s), wall_s=line.at_s) for line in lines)


def simulated_range(from_s: float, to_s: float, timeline: Timeline) -> tuple[float, float]:
    """A range of the wall clock in simulated seconds."""
    return (from_s if from_s == -inf else timeline.at(from_s)), timeline.at(to_s)
