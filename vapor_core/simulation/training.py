"""A training run as a function of its step: the laws of `physics` and the keyed noise, as columns of any range.

`workspace` decides which steps have happened; real runs do not pass here.
"""

from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.noise import normal_of, normals
from vapor_core.physics.faults import causes
from vapor_core.physics.loss.schedule import learning_rate
from vapor_core.physics.loss.spikes import bumps, risen, spike_law, spikes
from vapor_core.physics.timing import Timing, with_chance
from vapor_core.rehearsal import rehearse

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[np.float64] | NDArray[np.int64]]
_CHUNK = 32_768  # steps computed at a time, so that the work stays in the processor's cache
# The figures below are set by hand, so that drawn runs look like published logs; none is fitted.
_MOST_NOISE = 0.35  # of the loss, relative: where a set is known by heart, there is little left to vary
_HEAVY = (
    0.03  # weight of the cube of a fine-tune's noise: its tails are heavier than a normal's (kurtosis 0.6)
)
_LINGERS = 0.05  # share of a fine-tune's noise that is still there at the next step (lag-1 correlation 0.05)
_GRADIENT_NOISE = 0.13  # standard deviation of the logarithm of the gradient norm
_GRADIENT_NOISES = 0.35  # standard deviation of the logarithm of that, between data sets
_GRADIENT_SPIKE = 2.0  # relative rise of the gradient norm for each typical height of a spike of the loss
# Of the minibatch noise: what the held-out examples, the same at each evaluation, are off for good, and how much their
# loss trembles from one evaluation to the next
_EVAL_OFFSET, _EVAL_TREMBLE = 0.15, 0.01
_MOST_DIVERGED = 0.15  # the same of a run that diverges, whose losses are high
_MOST_UNIFORM = (
    2.0  # times the loss of who knows nothing, that one minibatch of a run that goes well may have
)
_DIVERGED_NOISE = 3.0  # times the minibatch noise once the loss has blown up
_TOLD_HEIGHT = 2.0  # spikes below this many typical heights pass without a line in the history
_RECOVERED = 3.0  # times the steps to 1/e, after which a spike counts as recovered
_LEAST_MEAN = 1e-9  # nats, that a relative noise is divided by
_GIVEN_UP = 0.9  # share of the blow-up after which the loss is no number any more
SPIKES_TOLD = 4_000_000  # steps that are looked through for spikes at once: a fifth of a second, 64 MB
_LOOKED_AT = 2048  # steps looked at to find where that is
# Share of the activations by which the longest batch of the first step falls short of the longest of all, where
# sequences differ in length; after n steps it is that over the root of n.
_SHORTER_BATCHES = 0.08


@dataclass(frozen=True, slots=True)
class Incident:
    """Something worth a line in a job's history, at the end of `step` (counted from 0)."""

    step: int
    kind: Literal["spike", "fault", "checkpoint", "divergence"]
    sentence: str


class TrainingSimulator:
    """One training run as a function of its step.

    Args:
        config: the run, seed included.
        calibration: constants fitted to a person's own runs.

    Raises:
        NotInCatalog: where an id is unknown.
    """

    def __init__(self, config: JobConfig, calibration: Calibration | None = None) -> None:
        found = rehearse(config, calibration)
        self.config = config
        self.plan, self.memory = found.plan, found.memory
        self.throughput, self.curve = found.throughput, found.curve
        self.startup_s = found.startup_s  # from the start of the job to the start of its first step; paid for
        self.step_time_s = self.throughput.step_time_s
        self.price_per_second = found.price_per_second  # US dollars, all accelerators
        self.timing = with_chance(found.timing, found.plan, self.throughput.jitter)
        self._calm = found.timing
        self._busy_s = self.throughput.utilization * self.step_time_s  # of a step

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.plan.total_steps

    @property
    def memory_gb(self) -> float:
        """Peak per accelerator, GB of 1e9 bytes."""
        return self.memory.total_gb

    def elapsed_s(self, steps: NDArray[np.int64]) -> Floats:
        """Wall seconds since the first step began at the end of each step, shape of `steps`; monotone."""
        return self.timing.elapsed_s(steps)

    def steps_done(self, elapsed_s: float) -> int:
        """Steps ended `elapsed_s` seconds after the first began: the exact inverse of `elapsed_s`."""
        return self.timing.steps_done(elapsed_s)

    def cost_usd(self, elapsed_s: float) -> float:
        """US dollars spent `elapsed_s` seconds after the first step began, start-up included."""
        return (self.startup_s + elapsed_s) * self.price_per_second

    @property
    def failure_code(self) -> Literal["out_of_memory", "diverged"] | None:
        """Why the job will fail; None where it will not. Caused by the configuration, never by dice."""
        if not self.memory.fits:
            return "out_of_memory"
        return "diverged" if self.curve.diverges_at is not None else None

    @property
    def fails_while(self) -> Literal["initializing", "running"] | None:
        """In which state it fails."""
        if self.failure_code is None:
            return None
        return "initializing" if self.failure_code == "out_of_memory" else "running"

    @cached_property
    def fails_at(self) -> int | None:
        """Step (from 0) at which the job fails: 0 without room in memory, or where a blown-up loss is given up."""
        onset = self.curve.diverges_at
        if self.failure_code != "diverged" or onset is None:
            return 0 if self.failure_code else None
        steps = np.unique(np.linspace(onset, self.total_steps - 1, _LOOKED_AT).astype(np.int64))
        loss = self.curve.train(steps)
        risen = loss >= loss[0] + _GIVEN_UP * (loss.max() - loss[0])
        return int(steps[max(int(np.argmax(risen)), min(1, steps.size - 1))])

    def columns(self, start: int, stop: int) -> Columns:
        """All job columns of steps start..stop-1, cut to the run; rows depend on their own step alone.

        Goes on to the end even where the job fails, so that a blow-up can be looked at.
        """
        start, stop = max(start, 0), min(stop, self.total_steps)
        size = max(stop - start, 0)
        whole: Columns = {name: np.empty(size) for name in TRAINING_COLUMNS}
        whole["step"] = np.arange(start, start + size, dtype=np.int64)
        for first in range(start, stop, _CHUNK):
            last = min(first + _CHUNK, stop)
            part = slice(first - start, last - start)
            for name, values in self._chunk(first, last, self.timing).items():
                whole[name][part] = values
        return whole

    def expected_columns(self, start: int, stop: int) -> Columns:
        """As `columns` without noise, spikes and faults, with `loss_low` and `loss_high` (80 % band)."""
        start, stop = max(start, 0), min(stop, self.total_steps)
        steps = np.arange(start, max(stop, start), dtype=np.int64)
        quiet: Columns = {
            "step": steps,
            **self._chunk(start, max(stop, start), self._calm, False),
        }
        ordered: Columns = {name: quiet[name] for name in TRAINING_COLUMNS}
        return ordered | {"loss_low": self.curve.low(steps), "loss_high": self.curve.high(steps)}

    def eval_loss(self, step: int) -> float:
        """The eval loss of the row that ends `step` steps, as in `columns`; NaN where not evaluated."""
        return float(self._eval_loss(step - 1, step, True)[0]) if 0 < step <= self.total_steps else nan

    def incidents(self, start: int, stop: int) -> tuple[Incident, ...]:
        """What happened in steps start..stop-1, in order of steps; spikes in the last SPIKES_TOLD of them alone."""
        start, stop = max(start, 0), min(stop, self.total_steps)
        if stop <= start:
            return ()
        found = [
            *self._spikes(max(start, stop - SPIKES_TOLD), stop),
            *self._faults(start, stop),
            *self._checkpoints(start, stop),
        ]
        onset = self.curve.diverges_at
        if onset is not None and start <= onset < stop:
            found.append(Incident(onset, "divergence", self._divergence_sentence()))
        return tuple(sorted(found, key=lambda incident: incident.step))

    def _chunk(self, start: int, stop: int, clock: Timing, chance: bool = True) -> dict[str, Floats]:
        """All columns but `step`."""
        steps = np.arange(start, stop, dtype=np.int64)
        ends = np.arange(start + 1.0, stop + 1.0)
        elapsed, step_time = clock.times_s(start, stop)
        rate = self.plan.tokens_per_step / step_time
        loss, grad_norm = (
            self._loss(steps) if chance else (self.curve.train(steps), self.curve.grad_norm(steps))
        )
        return {
            "epoch": ends / self.plan.steps_per_epoch,
            "tokens": ends * self.plan.tokens_per_step,
            "elapsed_s": elapsed,
            "loss": loss,
            "eval_loss": self._eval_loss(start, stop, chance),
            "learning_rate": learning_rate(self.plan, steps),
            "grad_norm": grad_norm,
            "tokens_per_second": rate,
            "step_time_s": step_time,
            "memory_gb": self._memory(ends),
            "utilization": np.minimum(self._busy_s / step_time, 1.0),
            "cost_usd": (elapsed + self.startup_s) * self.price_per_second,
        }

    def _loss(self, steps: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Training loss and gradient norm with minibatch noise and spikes, one value a step."""
        start, stop, seed = int(steps[0]), int(steps[-1]) + 1, self.config.seed
        mean = self.curve.train(steps)
        loss = self._noisy(mean, steps)
        grad_norm = np.exp(self._gradient_noise * normals(seed, "grad_norm", start, stop))
        grad_norm *= self.curve.grad_norm(steps)
        bump = bumps(self.plan, start, stop)
        if bump is not None:
            loss += risen(mean, bump, self._spike_height, self.curve.most)
            grad_norm *= 1.0 + _GRADIENT_SPIKE * bump
        return loss, grad_norm

    def _noisy(self, mean: Floats, steps: NDArray[np.int64]) -> Floats:
        """Training loss with minibatch noise, which is relative, so that no loss falls below 0."""
        start, stop = int(steps[0]), int(steps[-1]) + 1
        spread = self.curve.noise(steps)
        onset = self.curve.diverges_at
        if onset is not None and stop > onset:
            spread[max(onset - start, 0) :] *= _DIVERGED_NOISE
        spread /= np.maximum(mean, _LEAST_MEAN)
        np.minimum(spread, _MOST_NOISE if onset is None else _MOST_DIVERGED, out=spread)
        noise = self._draws(start, stop)
        noise *= spread
        spread *= spread
        spread *= 0.5
        noise -= spread
        np.exp(noise, out=noise)
        noise *= mean
        if onset is None:  # heavy tails never make a minibatch of nonsense
            np.minimum(noise, _MOST_UNIFORM * self.curve.most, out=noise)
        return noise

    def _draws(self, start: int, stop: int) -> Floats:
        """Noise of steps in standard deviations: a fine-tune's lingers a little and has heavier tails than a normal."""
        if not self.curve.noise_power:
            return normals(self.config.seed, "loss", start, stop)
        first = max(start - 1, 0)
        own = normals(self.config.seed, "loss", first, stop)
        noise = own[start - first :].copy()
        noise[1 - (start - first) :] += _LINGERS * own[:-1]
        heavy = noise * noise
        heavy *= _HEAVY
        heavy += 1.0
        noise *= heavy
        return noise

    @cached_property
    def _gradient_noise(self) -> float:
        """Standard deviation of the logarithm of the gradient norm; that of a fine-tune is its data's."""
        if not self.curve.noise_power:
            return _GRADIENT_NOISE
        said = f"gradient noise of {self.plan.dataset.id}"
        return _GRADIENT_NOISE * float(np.exp(_GRADIENT_NOISES * normal_of(said)))

    @property
    def _spike_height(self) -> float:
        """Typical height of a spike, nats."""
        return spike_law(self.plan).height(self.curve.noise_std)

    def _eval_loss(self, start: int, stop: int, chance: bool) -> Floats:
        """Loss on held-out text at every `eval_every`-th step and at the last; NaN elsewhere."""
        every, total = self.plan.eval_every, self.total_steps
        first, last = start // every, stop // every  # evaluations before either end, by number
        ends = np.arange(first + 1, last + 1) * every
        if start < total == stop and total % every:
            ends, last = np.append(ends, total), last + 1
        values = np.full(stop - start, np.nan)
        if ends.size:
            values[ends - 1 - start] = self._evaluated(ends, first, last, chance)
        return values

    def _evaluated(self, ends: NDArray[np.int64], first: int, last: int, chance: bool) -> Floats:
        """Held-out loss after so many steps: the same examples each time, so that they are off for good alike."""
        mean = self.curve.eval(ends - 1)
        if not chance:
            return mean
        seed = self.config.seed
        offset = _EVAL_OFFSET * float(normals(seed, "eval_offset", 0, 1)[0])
        off = offset + _EVAL_TREMBLE * normals(seed, "eval_loss", first, last)
        relative = np.minimum(self.curve.noise(ends - 1) / np.maximum(mean, _LEAST_MEAN), _MOST_NOISE)
        return np.asarray(np.minimum(mean * np.exp(off * relative), np.maximum(self.curve.most, mean)))

    def _memory(self, ends: Floats) -> Floats:
        """Peak so far: longer batches come late, where sequences differ in length."""
        peak = self.memory_gb
        if self.config.packing:
            return np.full(ends.shape, peak)
        return peak - _SHORTER_BATCHES * self.memory.activations_gb / np.sqrt(ends)

    def _spikes(self, start: int, stop: int) -> list[Incident]:
        found = spikes(self.plan, start, stop)
        told = found.heights >= _TOLD_HEIGHT
        steps, recovery = found.steps[told], found.recovery[told]
        return [
            Incident(
                step,
                "spike",
                f"Loss spike at step {step:,}: up by {self._rise(step):.2f}, "
                f"{_healed(round(_RECOVERED * healing))}.",
            )
            for step, healing in zip(steps.tolist(), recovery.tolist(), strict=True)
        ]

    def _rise(self, step: int) -> float:
        """Nats that spikes add at one step, as in `columns`."""
        bump = bumps(self.plan, step, step + 1)
        mean = self.curve.train(np.array([step]))
        return float(risen(mean, bump, self._spike_height, self.curve.most)[0]) if bump is not None else 0.0

    def _faults(self, start: int, stop: int) -> list[Incident]:
        first, last = np.searchsorted(self.timing.fault_steps, [start, stop]).tolist()
        if first == last:
            return []
        hit = self.timing.fault_steps[first:last].tolist()
        pauses = self.timing.fault_pauses_s[first:last].tolist()
        return [
            Incident(
                step,
                "fault",
                f"Hardware fault at step {step:,} ({cause}): resumed from the checkpoint at step "
                f"{step - step % self.plan.checkpoint_every:,}, {pause / 60:.0f} min lost.",
            )
            for step, pause, cause in zip(
                hit, pauses, causes(self.config.seed, first, last - first), strict=True
            )
        ]

    def _checkpoints(self, start: int, stop: int) -> list[Incident]:
        every = self.plan.checkpoint_every
        ends = list(range(start // every * every + every, stop + 1, every))
        if stop == self.total_steps and self.total_steps % every:
            ends.append(stop)
        return [Incident(end - 1, "checkpoint", f"Checkpoint saved after {end:,} steps.") for end in ends]

    def _divergence_sentence(self) -> str:
        return (
            f"Loss began to blow up at step {self.curve.diverges_at:,}: the learning rate "
            f"{self.config.learning_rate:.2g} is above the stable {self.curve.stable_learning_rate:.2g}."
        )


def _healed(steps: int) -> str:
    return f"recovered within about {steps} steps" if steps > 1 else "gone at the next step"
