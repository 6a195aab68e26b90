"""What a simulated job would do if nobody intervened: its rows, its pace and its end; a fork's as well.

How a fork goes on. Rows before the fork are the parent's own. After it the loss is that of the new configuration,
plus the gap between the parent's noise-free loss and the new configuration's own at the fork, so that the curve has
no jump; the gap fades by 1/e in every FADE of the steps done before the fork, since what a run owes to its past
weighs less with each step. Tokens, epochs, time and cost go on from the parent's. A configuration that would have
failed at its step k fails k steps after the fork.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import JobConfig
from vapor_core.physics.plan import Plan
from vapor_core.simulation.training import Incident, TrainingSimulator

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats | NDArray[np.int64]]
FADE = 0.25
SHORTEST_FADE = 10.0  # steps
CUMULATIVE = ("epoch", "tokens", "elapsed_s", "cost_usd")
LOSSES = ("loss", "eval_loss")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends when nobody intervenes; times in seconds of use, pauses left out."""

    startup_s: float
    used_s: float
    step: int  # steps done by then
    failure_code: str | None = None


class Curve(Protocol):
    """A run as a function of its steps and its seconds of use."""

    plan: Plan

    @property
    def ending(self) -> Ending:
        """When it is over."""

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""

    def eval_loss(self, step: int) -> float:
        """The eval loss of the row that ends `step` steps, without the other columns; NaN where not evaluated."""

    def clean_loss(self, step: int) -> float:
        """Training loss without noise."""

    def steps_done(self, used_s: float) -> int:
        """Steps done after so many seconds of use, startup included."""

    def used_s(self, step: int) -> float:
        """Seconds of use at which so many steps are done, startup included."""

    def incidents(self, start: int, stop: int) -> tuple[Incident, ...]:
        """What befell steps start..stop-1."""


class OwnCurve:
    """A run from its own first step."""

    def __init__(self, config: JobConfig) -> None:
        self._simulator = simulator(config)
        self.plan = self._simulator.plan

    @property
    def ending(self) -> Ending:
        """When it is over."""
        run = self._simulator
        if run.fails_at is None:
            return Ending(run.startup_s, self.used_s(run.total_steps), run.total_steps)
        if run.fails_while == "initializing":
            return Ending(run.startup_s, run.startup_s, 0, run.failure_code)
        return Ending(run.startup_s, self.used_s(run.fails_at + 1), run.fails_at, run.failure_code)

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        return self._simulator.columns(start, stop)

    def eval_loss(self, step: int) -> float:
        """The eval loss of the row that ends `step` steps."""
        return self._simulator.eval_loss(step)

    def clean_loss(self, step: int) -> float:
        """Training loss without noise."""
        return clean_loss(self._simulator, step)

    def steps_done(self, used_s: float) -> int:
        """Steps done after so many seconds of use, startup included."""
        return self._simulator.steps_done(used_s - self._simulator.startup_s)

    def used_s(self, step: int) -> float:
        """Seconds of use at which so many steps are done, startup included."""
        return self._simulator.startup_s + seconds_at(self._simulator, step)

    def incidents(self, start: int, stop: int) -> tuple[Incident, ...]:
        """What befell steps start..stop-1."""
        return self._simulator.incidents(start, stop)


class ForkedCurve:
    """A run that goes on from a step of another one."""

    def __init__(self, config: JobConfig, parent: Curve, step: int) -> None:
        self._simulator, self._parent, self._step = simulator(config), parent, step
        self.plan = self._simulator.plan
        self._before_s = seconds_at(self._simulator, step)

    @property
    def ending(self) -> Ending:
        """When it is over."""
        run = self._simulator
        if run.fails_at is None or self._step + run.fails_at >= run.total_steps:
            return Ending(run.startup_s, self.used_s(run.total_steps), run.total_steps)
        if run.fails_while == "initializing":
            return Ending(run.startup_s, run.startup_s, self._step, run.failure_code)
        at = self._step + run.fails_at
        return Ending(run.startup_s, self.used_s(at + 1), at, run.failure_code)

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        fork = self._step
        old = self._parent.columns(start, min(stop, fork)) if start < fork else None
        new = self._own(max(start, fork), stop) if stop > fork else None
        if old is None or new is None:
            return old or new or self._simulator.columns(start, start)
        joined: dict[str, Floats | NDArray[np.int64]] = {"step": np.arange(start, stop, dtype=np.int64)}
        for name in new:
            if name != "step":
                joined[name] = np.concatenate((old[name], new[name])).astype(np.float64)
        return joined

    def _own(self, start: int, stop: int) -> Columns:
        rows = dict(self._simulator.columns(start, stop))
        gap = self._gap(rows["step"])
        for name in LOSSES:
            rows[name] = np.maximum(rows[name] + gap, 0.0)
        if self._step:
            last = self._step - 1
            old, own = self._parent.columns(last, last + 1), self._simulator.columns(last, last + 1)
            for name in CUMULATIVE:
                rows[name] = rows[name] + (old[name][0] - own[name][0])
        return rows

    def _gap(self, steps: Floats | NDArray[np.int64]) -> Floats:
        """Nats to add at steps from the fork on."""
        if not self._step:
            return np.zeros(steps.shape)
        last = self._step - 1
        gap = self._parent.clean_loss(last) - clean_loss(self._simulator, last)
        past = self._step if self._simulator.fails_at is None else min(self._step, self._simulator.fails_at)
        fade = max(FADE * past, SHORTEST_FADE)
        return np.asarray((gap if np.isfinite(gap) else 0.0) * np.exp(-(steps - self._step) / fade))

    def eval_loss(self, step: int) -> float:
        """The eval loss of the row that ends `step` steps."""
        if step <= self._step:
            return self._parent.eval_loss(step)
        gap = float(self._gap(np.asarray([step - 1.0]))[0])
        return float(np.maximum(self._simulator.eval_loss(step) + gap, 0.0))

    def clean_loss(self, step: int) -> float:
        """Training loss without noise."""
        if step < self._step:
            return self._parent.clean_loss(step)
        return clean_loss(self._simulator, step) + float(self._gap(np.asarray([float(step)]))[0])

    def steps_done(self, used_s: float) -> int:
        """Steps done after so many seconds of use, startup included."""
        running_s = used_s - self._simulator.startup_s
        return max(self._simulator.steps_done(running_s + self._before_s), self._step)

    def used_s(self, step: int) -> float:
        """Seconds of use at which so many steps are done, startup included."""
        return self._simulator.startup_s + seconds_at(self._simulator, step) - self._before_s

    def incidents(self, start: int, stop: int) -> tuple[Incident, ...]:
        """What befell steps start..stop-1."""
        return self._simulator.incidents(max(start, self._step), stop) if stop > self._step else ()


@lru_cache(maxsize=1024)  # about 20 kB each
def simulator(config: JobConfig) -> TrainingSimulator:
    """The simulator of a configuration; cached, since many ask about the same few live jobs."""
    return TrainingSimulator(config)


def seconds_at(run: TrainingSimulator, step: int) -> float:
    """Seconds since the first step began at which so many steps are done."""
    return float(run.elapsed_s(np.asarray([step - 1], dtype=np.int64))[0]) if step else 0.0


def clean_loss(run: TrainingSimulator, step: int) -> float:
    """Training loss of a step without noise."""
    return float(run.curve.train(np.asarray([step], dtype=np.int64))[0])
