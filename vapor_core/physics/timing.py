"""When each step of a run ends: mean step time, jitter, evaluations, checkpoints and hardware faults.

Everything is closed form, so that any step's time is known without the steps before it, and it can be inverted.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from vapor_core.noise import normals, normals_at
from vapor_core.physics.faults import fault_steps
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

# Where no source is named, a figure was set by hand to what such machines usually do.
_PROCESS_START_S = 12.0  # imports, CUDA context, tokenizer
_COMPILE_S = 25.0  # kernels of a pretraining graph; fine-tuning runs eagerly
_NODE_START_S = 2.0  # times the root of the nodes: their processes find each other
_WEIGHT_BYTES = 2.0  # of a published weight, 16 bit
_READ_GB_S = 3.0  # weights from one node's local NVMe disk
_WRITE_GB_S = 2.0  # checkpoint from one node to its disk
_EXAMPLES_PER_S = 8000.0  # tokenized and packed on the host
_LONGEST_PREPARATION_S = 180.0  # larger sets are streamed
_DETECTION_S = 300.0  # half of PyTorch's ten-minute collective time limit; one process sees its fault at once
_CHECKPOINT_S = 0.5  # a checkpoint's cost beside the writing: cards stop together and start again
_FORWARD_PASSES = 3.0  # that a step takes as long as: the backward pass counts for two
_STATE_BYTES = 14.0  # saved per trained parameter: 2 weights, 4 master, 8 Adam moments
_EVALUATED_SHARE, _MOST_EVALUATED = 0.02, 1000  # sequences of the held-out part
_UNASKED_SHARE = (
    0.01  # of a run that evaluations take together where nobody says how often: no trainer's default
)
_SWAY_LIMIT = 0.45  # of a step; keeps time monotone
_STREAM = "step time"  # of the noise


NEAR = 500  # steps between two that are asked for: drawing all of them takes as long as two calls


@dataclass(frozen=True, eq=False, slots=True)
class Timing:
    """The clock of one run. Seconds count from the beginning of the first step."""

    total_steps: int
    step_time_s: float
    jitter: float  # relative standard deviation of one step's time
    seed: int
    eval_every: int
    eval_s: float
    checkpoint_every: int
    checkpoint_s: float
    fault_steps: Steps  # ascending
    fault_pauses_s: Floats  # detection, restart and lost work of each fault

    def times_s(self, start: int, stop: int) -> tuple[Floats, Floats]:
        """Of each of steps start..stop-1: seconds at its end, and seconds that it computed (pauses left out)."""
        sway = self._sway(start - 1, stop)
        steps = np.arange(start, stop, dtype=np.int64)
        return self._elapsed(steps, sway[1:]), self.step_time_s * (1.0 + (sway[1:] - sway[:-1]))

    def elapsed_s(self, steps: Steps) -> Floats:
        """Seconds at the end of each step, shape of `steps`; any steps in any order."""
        steps = np.asarray(steps, dtype=np.int64)
        if steps.size == 0:
            return np.empty(0)
        if self.jitter <= 0:
            return self._elapsed(steps, np.zeros(steps.size))
        if int(steps.max()) - int(steps.min()) < NEAR * steps.size:
            drawn = normals_at(self.seed, _STREAM, steps)
        else:
            drawn = np.concatenate([normals(self.seed, _STREAM, step, step + 1) for step in steps.tolist()])
        return self._elapsed(steps, self._swaying(drawn))

    def steps_done(self, elapsed_s: float) -> int:
        """How many steps have ended at `elapsed_s`: the exact inverse of `elapsed_s`."""
        near = bisect_right(range(self.total_steps), elapsed_s, key=self._planned_end)
        low, high = max(near - 1, 0), min(near + 1, self.total_steps)
        return low + int((self.elapsed_s(np.arange(low, high)) <= elapsed_s).sum())

    @property
    def duration_s(self) -> float:
        """Seconds at the end of the last step."""
        last = self.total_steps - 1
        return self._planned_end(last) if self.jitter <= 0 else float(self.elapsed_s(np.array([last]))[0])

    def _sway(self, start: int, stop: int) -> Floats:
        """How far the end of each step is off its mean place, in steps, within ±0.45; 0 before the first step."""
        if self.jitter <= 0:
            return np.zeros(stop - start)
        sway = self._swaying(normals(self.seed, _STREAM, max(start, 0), stop))
        return sway if start >= 0 else np.concatenate((np.zeros(-start), sway))

    def _swaying(self, drawn: Floats) -> Floats:
        """From standard normals, in place."""
        drawn *= self.jitter / sqrt(2)
        return np.minimum(np.maximum(drawn, -_SWAY_LIMIT, out=drawn), _SWAY_LIMIT, out=drawn)

    def _elapsed(self, steps: Steps, sway: Floats) -> Floats:
        ends = steps + 1
        elapsed = (ends + sway) * self.step_time_s
        elapsed += (ends // self.eval_every) * self.eval_s
        elapsed += (ends // self.checkpoint_every) * self.checkpoint_s
        if steps.size and steps.max() >= self.total_steps - 1:
            elapsed[steps >= self.total_steps - 1] += self._last_pause_s()
        if self.fault_steps.size:
            paused = np.concatenate(([0.0], np.cumsum(self.fault_pauses_s)))
            elapsed += paused[np.searchsorted(self.fault_steps, steps, side="right")]
        return elapsed

    def _last_pause_s(self) -> float:
        """The last step ends with an evaluation and a checkpoint, whatever its number."""
        evaluation = self.eval_s if self.total_steps % self.eval_every else 0.0
        return evaluation + (self.checkpoint_s if self.total_steps % self.checkpoint_every else 0.0)

    def _planned_end(self, step: int) -> float:
        """End of a step without jitter, as `_elapsed` has it."""
        end = step + 1
        planned = end * self.step_time_s
        planned += end // self.eval_every * self.eval_s
        planned += end // self.checkpoint_every * self.checkpoint_s
        if step >= self.total_steps - 1:
            planned += self._last_pause_s()
        if self.fault_steps.size:
            planned += float(self.fault_pauses_s[: self.fault_steps.searchsorted(step, side="right")].sum())
        return planned


_NO_STEPS: Steps = np.empty(0, dtype=np.int64)
_NO_TIMES: Floats = np.empty(0)


def mean_timing(plan: Plan, step_time_s: float) -> Timing:
    """The clock of a plan whose steps take `step_time_s`, with no jitter and no faults."""
    return Timing(
        total_steps=plan.total_steps,
        step_time_s=step_time_s,
        jitter=0.0,
        seed=plan.config.seed,
        eval_every=plan.eval_every,
        eval_s=_evaluation_s(plan, step_time_s),
        checkpoint_every=plan.checkpoint_every,
        checkpoint_s=_checkpoint_s(plan),
        fault_steps=_NO_STEPS,
        fault_pauses_s=_NO_TIMES,
    )


def with_chance(mean: Timing, plan: Plan, jitter: float) -> Timing:
    """A mean clock with the jitter and the faults that the plan's seed draws."""
    faults = fault_steps(plan, mean.step_time_s)
    detection = _DETECTION_S if plan.config.accelerator_count > 1 else 0.0
    lost_s = (faults % plan.checkpoint_every).astype(np.float64) * mean.step_time_s
    pauses = lost_s + (detection + startup_s(plan))
    return replace(mean, jitter=jitter, fault_steps=faults, fault_pauses_s=pauses)


def startup_s(plan: Plan) -> float:
    """Seconds from the start of a job to its first step: process, weights, data, compilation."""
    measured_s, nodes = plan.accelerator.start_s, _nodes(plan)
    process_s = _PROCESS_START_S if measured_s is None else measured_s
    weights_s = (
        0.0 if plan.config.method == "pretrain" else 1e-9 * _WEIGHT_BYTES * plan.model.parameters / _READ_GB_S
    )
    data_s = min(plan.dataset.examples / _EXAMPLES_PER_S, _LONGEST_PREPARATION_S)
    compiles = plan.config.compile if measured_s is not None else plan.config.method == "pretrain"
    compile_s = _COMPILE_S if compiles else 0.0
    return process_s + weights_s + data_s + compile_s + _NODE_START_S * sqrt(nodes)


def _evaluation_s(plan: Plan, step_time_s: float) -> float:
    """A forward pass over the held-out sequences; over a few of them where no evaluation was asked for."""
    if plan.config.eval_every is None:
        return _UNASKED_SHARE * step_time_s * plan.eval_every
    held_out = min(max(_EVALUATED_SHARE * plan.sequences_per_epoch, 1.0), _MOST_EVALUATED)
    return ceil(held_out / plan.global_batch) * step_time_s / _FORWARD_PASSES


def _checkpoint_s(plan: Plan) -> float:
    return _CHECKPOINT_S + 1e-9 * _STATE_BYTES * plan.trainable_parameters / (_WRITE_GB_S * _nodes(plan))


def _nodes(plan: Plan) -> int:
    return ceil(plan.config.accelerator_count / plan.accelerator.cards_per_node)
