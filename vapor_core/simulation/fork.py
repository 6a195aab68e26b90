"""What a simulated job would do if nobody intervened: its rows, its pace and its end; a fork's as well.

How a fork goes on. Rows before the fork are the parent's own. After it the loss is that of the new configuration,
plus the gap between the parent's noise-free loss and the new configuration's own at the fork, so that the curve has
no jump; the gap fades by 1/e in every FADE of the steps done before the fork, since what a run owes to its past
weighs less with each step. Tokens and epochs go on from the parent's. A configuration that would have failed at its
step k fails k steps after the fork.

What a job took. `elapsed_s` and `cost_usd` of a row are what this job itself had taken when the step ended, its
start-up included and pauses left out: the seconds and dollars of its view at that step. (`simulate` counts
`elapsed_s` from the first step on, since it describes a run and not a job.) A fork's clock begins at its own start-up;
the rows that it inherits took it nothing, so their `elapsed_s` and `cost_usd` are missing (NaN). So a chart over time
shows a job's own part, no clock runs backwards, and a second is counted once however often its steps are inherited.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.training import JobConfig
from vapor_core.physics.plan import Plan
from vapor_core.simulation.training import Incident, TrainingSimulator

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats | NDArray[np.int64]]
FADE = (
    0.25  # share of the steps before the fork; a choice, no published run was forked often enough to fit it
)
SHORTEST_FADE = 10.0  # steps
# Rows before a fork that are kept for all who inherit them, and of how many forks: 14 MB at most
KEPT_STEPS, KEPT_RUNS = 2048, 64
LOSSES = ("loss", "eval_loss")
TAKEN = ("elapsed_s", "cost_usd")  # what a job itself took


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends when nobody intervenes; times in seconds of use, pauses left out."""

    startup_s: float
    used_s: float
    step: int  # steps done by then
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class _Join:
    """What a fork adds to its configuration's own rows."""

    gap: float  # nats at the fork
    fade_steps: float  # in which the gap fades by 1/e
    epoch: float
    tokens: float


class _Tails:
    """Rows before the forks that were asked for last; so a line of forks is computed once and not once for each.

    Whoever asks gets the same rows, so that threads need not wait for each other here.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[Curve, Columns] = OrderedDict()

    def get(self, run: "Curve") -> Columns | None:
        return self._rows.get(run)

    def keep(self, run: "Curve", rows: Columns) -> Columns:
        for values in rows.values():
            values.flags.writeable = False
        self._rows[run] = rows
        while len(self._rows) > KEPT_RUNS:
            self._rows.popitem(last=False)
        return rows


_KEPT = _Tails()
_NO_JOIN = _Join(0.0, SHORTEST_FADE, 0.0, 0.0)


class Curve:
    """A run as a function of its steps and its seconds of use.

    Building one costs nothing; what it says is computed when it is asked, in time that grows with the number of its
    forebears at most.

    Args:
        config: of this run.
        parent: the run that it was forked from.
        step: steps that come from the parent.
    """

    __slots__ = ("_ended", "_forebear", "_head_start", "_joined", "config", "fork_step")

    def __init__(self, config: JobConfig, parent: "Curve | None" = None, step: int = 0) -> None:
        self.config = config
        self._ended: Ending | None = None
        self._head_start: float | None = None
        self.fork_step = step if parent else 0
        self._forebear = (
            parent._of(step - 1) if parent and step else None
        )  # whose own the last inherited step is
        self._joined: _Join | None = None if self._forebear else _NO_JOIN

    @property
    def plan(self) -> Plan:
        """Of this run's own configuration."""
        return self._simulator.plan

    @property
    def ending(self) -> Ending:
        """When it is over."""
        if self._ended is None:
            self._ended = self._ending if self.fork_step else _own_ending(self.config)
        return self._ended

    @property
    def _ending(self) -> Ending:
        run, fork = self._simulator, self.fork_step
        if run.fails_at is None or (fork and fork + run.fails_at >= run.total_steps):
            return Ending(run.startup_s, self.used_s(run.total_steps), run.total_steps)
        if run.fails_while == "initializing":
            return Ending(run.startup_s, run.startup_s, fork, run.failure_code)
        at = fork + run.fails_at
        return Ending(run.startup_s, self.used_s(at + 1), at, run.failure_code)

    def columns(self, start: int, stop: int) -> Columns:
        """Rows of steps start..stop-1."""
        pieces: list[Columns] = []
        run, end = self, stop
        while True:
            first = max(start, run.fork_step)
            if end > first:
                rows = run._own(first, end)
                pieces.append(rows if run is self else rows | _not_taken(end - first))
            end = min(end, run.fork_step)
            if run._forebear is None or end <= start:
                break
            begin = run._tail_begins
            first = max(start, begin)
            if end > first:
                tail = run._tail()
                pieces.append({name: values[first - begin : end - begin] for name, values in tail.items()})
            end = min(end, begin)
            if end <= start:
                break
            run = run._of(end - 1)
        if not pieces:
            return self._simulator.columns(start, start)
        if len(pieces) == 1:
            return pieces[0]
        return {name: np.concatenate([rows[name] for rows in reversed(pieces)]) for name in pieces[0]}

    @property
    def _tail_begins(self) -> int:
        """The first step of those before the fork that are kept for whoever is forked from the same."""
        return max(self.fork_step - KEPT_STEPS, 0)

    def _tail(self) -> Columns:
        """Rows of the last steps before the fork; not to be written to."""
        line = [self]
        while (known := _KEPT.get(line[-1])) is None and line[-1]._forebear is not None:
            line.append(line[-1]._forebear)
        rows = known or {}
        for run in reversed(line if known is None else line[:-1]):
            rows = _KEPT.keep(run, run._tail_after(rows))
        return rows

    def _tail_after(self, before: Columns) -> Columns:
        """`_tail`, given that of the forebear."""
        forebear, begin = self._forebear, self._tail_begins
        if forebear is None:
            return {}
        first = max(forebear.fork_step, begin)
        rows: Columns = forebear._own(first, self.fork_step) | _not_taken(self.fork_step - first)
        if first == begin:
            return rows
        cut = begin - forebear._tail_begins
        return {name: np.concatenate([before[name][cut:], new]) for name, new in rows.items()}

    def eval_loss(self, step: int) -> float:
        """The eval loss of the row that ends `step` steps, without the other columns; NaN where not evaluated."""
        run = self._of(step - 1)
        return float(np.maximum(run._simulator.eval_loss(step) + run._gap(np.asarray([step - 1.0]))[0], 0.0))

    def clean_loss(self, step: int) -> float:
        """Training loss of a step without noise."""
        run = self._of(step)
        return _clean_loss(run._simulator, step) + float(run._gap(np.asarray([float(step)]))[0])

    def steps_done(self, used_s: float) -> int:
        """Steps done after so many seconds of use, start-up included."""
        return max(self._simulator.steps_done(used_s - self._head_start_s), self.fork_step)

    def used_s(self, step: int) -> float:
        """Seconds of use at which so many steps are done, start-up included."""
        return _seconds_at(self._simulator, step) + self._head_start_s

    def used_at(self, steps: Iterable[int]) -> list[float]:
        """Seconds of use at the end of each of these steps, start-up included."""
        ended_s = self._simulator.elapsed_s(np.asarray(tuple(steps), dtype=np.int64)) + self._head_start_s
        return [float(each) for each in ended_s]

    def incidents(self, start: int, stop: int) -> tuple[Incident, ...]:
        """What befell steps start..stop-1, inherited ones left out."""
        return self._simulator.incidents(max(start, self.fork_step), stop)

    @property
    def _simulator(self) -> TrainingSimulator:
        return _simulator(self.config)

    @property
    def _head_start_s(self) -> float:
        """Seconds of use when the first step of the whole run would have begun; below the start-up for a fork."""
        if self._head_start is None:
            run = self._simulator
            self._head_start = run.startup_s - _seconds_at(run, self.fork_step)
        return self._head_start

    def _of(self, step: int) -> "Curve":
        """The run, this one or a forebear, whose own a step is."""
        run = self
        while run._forebear is not None and step < run.fork_step:
            run = run._forebear
        return run

    def _own(self, start: int, stop: int) -> dict[str, Floats | NDArray[np.int64]]:
        """Rows of own steps."""
        run, join = self._simulator, self._join
        rows = dict(run.columns(start, stop))
        elapsed_s = rows["elapsed_s"] + np.float64(self._head_start_s)
        rows |= {"elapsed_s": elapsed_s, "cost_usd": elapsed_s * np.float64(run.price_per_second)}
        if self._forebear is not None:
            gap = self._gap(rows["step"])
            rows |= {name: np.maximum(rows[name] + gap, 0.0) for name in LOSSES}
            passed = {"epoch": join.epoch, "tokens": join.tokens}
            rows |= {name: np.asarray(rows[name] + more, np.float64) for name, more in passed.items()}
        return rows

    def _gap(self, steps: Floats | NDArray[np.int64]) -> Floats:
        """Nats to add at own steps."""
        join = self._join
        return np.asarray(join.gap * np.exp(-(steps - self.fork_step) / join.fade_steps))

    @property
    def _join(self) -> _Join:
        """Computed from the eldest forebear down, since a line of forks may be longer than calls may nest."""
        line = [self]
        while line[-1]._joined is None and line[-1]._forebear is not None:
            line.append(line[-1]._forebear)
        joined = _NO_JOIN
        for run in reversed(line):
            if run._joined is None and run._forebear is not None:
                run._joined = run._joined_to(run._forebear)
            joined = run._joined or _NO_JOIN
        return joined

    def _joined_to(self, forebear: "Curve") -> _Join:
        """How its own rows follow upon those of a run whose join is known."""
        run, last = self._simulator, self.fork_step - 1
        gap = forebear.clean_loss(last) - _clean_loss(run, last)
        past = self.fork_step if run.fails_at is None else min(self.fork_step, run.fails_at)
        old_epoch, old_tokens = forebear._passed(self.fork_step)
        epoch, tokens = _passed(run, self.fork_step)
        fade_steps = max(FADE * past, SHORTEST_FADE)
        return _Join(gap if np.isfinite(gap) else 0.0, fade_steps, old_epoch - epoch, old_tokens - tokens)

    def _passed(self, step: int) -> tuple[float, float]:
        """Epochs and tokens when so many steps, the last of them an own one, are done."""
        epoch, tokens = _passed(self._simulator, step)
        return epoch + self._join.epoch, tokens + self._join.tokens


@lru_cache(
    maxsize=16_384
)  # of the jobs of one large workspace, for all who look at it; a few hundred bytes each
def _own_ending(config: JobConfig) -> Ending:
    """How a run that was not forked ends."""
    return Curve(config)._ending


@lru_cache(maxsize=1024)  # about 6 kB each
def _simulator(config: JobConfig) -> TrainingSimulator:
    """The simulator of a configuration; cached, since many ask about the same few live jobs."""
    return TrainingSimulator(config)


def _not_taken(steps: int) -> dict[str, Floats | NDArray[np.int64]]:
    """The columns of what a job itself took, for steps that it inherits."""
    return {name: np.full(steps, np.nan) for name in TAKEN}


def _seconds_at(run: TrainingSimulator, step: int) -> float:
    """Seconds since the first step began at which so many steps are done."""
    return float(run.elapsed_s(np.asarray([step - 1], dtype=np.int64))[0]) if step else 0.0


def _clean_loss(run: TrainingSimulator, step: int) -> float:
    """Training loss of a step without noise."""
    return float(run.curve.train(np.asarray([step], dtype=np.int64))[0])


def _passed(run: TrainingSimulator, step: int) -> tuple[float, float]:
    """Epochs and tokens of a configuration's own run when so many steps are done, as its rows have them."""
    return step / run.plan.steps_per_epoch, float(step * run.plan.tokens_per_step)
