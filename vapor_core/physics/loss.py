"""What the loss of a run does, step by step: the other modules' laws assembled into one curve.

The curve holds no noise; `noise_std` and `spike_rate` say how large the simulator draws it.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts import Calibration
from vapor_core.physics.plan import Plan
from vapor_core.physics.schedule import learning_rate

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class LossCurve:
    """Loss and gradient norm over a run, noise-free, in nats per token; built once, read at any steps.

    `knots` are steps in ascending order; the other arrays hold values there and are joined by straight lines.
    """

    knots: Floats
    train_knots: Floats
    eval_knots: Floats
    grad_knots: Floats
    spread: float  # relative half-width of the 80 % band at the end of the run
    noise_std: float  # nats, of one step's minibatch
    initial: float
    final: float
    final_eval: float
    final_low: float
    final_high: float
    final_eval_low: float
    final_eval_high: float
    best_eval_step: int
    overfits: bool
    diverges: bool
    divergence_probability: float
    diverges_at: int | None
    spike_rate: float
    stable_learning_rate: float
    optimal_learning_rate: float
    optimal_batch_tokens: float
    critical_batch_tokens: float

    def train(self, steps: Steps) -> Floats:
        """Training loss at integer steps, shape of `steps`."""
        return np.interp(steps, self.knots, self.train_knots)

    def eval(self, steps: Steps) -> Floats:
        """Loss on held-out text at integer steps, shape of `steps`."""
        return np.interp(steps, self.knots, self.eval_knots)

    def grad_norm(self, steps: Steps) -> Floats:
        """Norm of the gradient before clipping, shape of `steps`."""
        return np.interp(steps, self.knots, self.grad_knots)

    def low(self, steps: Steps) -> Floats:
        """Lower end of the 80 % band of the training loss."""
        return self.train(steps) * (1 - self._width(steps))

    def high(self, steps: Steps) -> Floats:
        """Upper end of the 80 % band of the training loss."""
        return self.train(steps) * (1 + self._width(steps))

    def _width(self, steps: Steps) -> Floats:
        """Relative half-width: the start is known, the end is a law's guess."""
        done = np.asarray(steps, dtype=np.float64) / max(float(self.knots[-1]), 1.0)
        return self.spread * np.clip(done * 20, 0.0, 1.0) ** 0.5


@lru_cache(maxsize=256)
def loss_curve(plan: Plan, calibration: Calibration | None = None) -> LossCurve:
    """The curve of a plan; cached, since the form asks at each keystroke."""
    total = plan.total_steps
    last = total - 1
    knots = np.unique(np.concatenate([np.linspace(0, last, 200), np.geomspace(1, max(last, 1), 100) - 1]))
    knots = np.unique(np.round(knots))
    rate = learning_rate(plan, knots.astype(np.int64)) / plan.config.learning_rate
    pretrain = plan.config.method == "pretrain"
    parameters, tokens = float(plan.model.parameters), max(plan.total_tokens, 1.0)
    offset = 0.23 if plan.dataset.loss_offset is None else plan.dataset.loss_offset
    law = 1.8172 + offset + 482.01 / parameters**0.3478
    if pretrain:
        initial, floor = log(plan.model.vocabulary_size), law + 2085.43 / tokens**0.3658
        final = min(floor, initial)
    else:
        base = law + 2085.43 / (plan.model.pretraining_tokens or 1e12) ** 0.3658
        initial = 0.6 * base
        final = initial * 0.75
    seen = knots + 1.0
    shape = (seen ** (-0.45) - total ** (-0.45)) / max(1 - total ** (-0.45), 1e-9)
    train = final + (initial - final) * shape + 0.02 * (rate - rate[-1])
    epochs = knots / max(plan.steps_per_epoch, 1.0)
    evaluated = train + 0.01 * np.maximum(epochs - 3.0, 0.0) ** 1.5 * (0.0 if pretrain else 1.0)
    if not pretrain:
        train = train * 0.7 ** np.minimum(np.floor(epochs), 10)
    optimal = 1.79 * parameters**-0.713 * tokens**0.307 if pretrain else 2e-4
    stable = 8 * optimal
    diverges = plan.config.learning_rate > stable
    at = int(max(plan.warmup_steps, total // 10)) if diverges else None
    grad = 0.3 + 5 * np.exp(-knots / max(total / 50, 5.0))
    if at is not None:
        blown = np.clip((knots - at) / max(total / 50, 1.0), 0, 1)
        train = train + blown * np.maximum(initial * 0.7 - train, 1.0)
        evaluated = evaluated + blown * np.maximum(initial * 0.7 - evaluated, 1.0)
        grad = grad + 50 * blown
    best = int(knots[int(np.argmin(evaluated))])
    end, end_eval, spread = float(train[-1]), float(evaluated[-1]), 0.05
    sequences = max(plan.tokens_per_step / 1024, 1e-3)
    return LossCurve(
        knots=knots,
        train_knots=train,
        eval_knots=evaluated,
        grad_knots=grad,
        spread=spread,
        noise_std=0.70 * sequences**-0.446,
        initial=initial,
        final=end,
        final_eval=end_eval,
        final_low=end * (1 - spread),
        final_high=end * (1 + spread),
        final_eval_low=end_eval * (1 - spread),
        final_eval_high=end_eval * (1 + spread),
        best_eval_step=best,
        overfits=end_eval > evaluated.min() * 1.02 and not diverges,
        diverges=diverges,
        divergence_probability=0.99 if diverges else 0.01,
        diverges_at=at,
        spike_rate=7e-4,
        stable_learning_rate=stable,
        optimal_learning_rate=optimal,
        optimal_batch_tokens=0.58 * tokens**0.571,
        critical_batch_tokens=2e8 * max(end, 0.5) ** (-1 / 0.21),
    )
