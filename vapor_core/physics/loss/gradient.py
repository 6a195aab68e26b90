"""The norm of the gradient while a run does not diverge.

Of pretraining by llm.c's log. Of fine-tuning by 18 published logs: it starts near its median and stays there, falls
only as far as the template's loss falls, and rises where a run learns its data by heart; the learning rate is no part
of it. Levels differ by a factor of three between models and data sets, which no setting tells.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.noise import normal_of
from vapor_core.physics.loss.schedule import Grid
from vapor_core.physics.plan import Plan, is_frozen


@dataclass(frozen=True, slots=True)
class GradientLaw:
    """Norm = settled x slow fall x noise + start x exp(-steps at the peak rate / settle)."""

    start: float  # norm at step 0
    settled: float  # norm at the end of a run with a very large batch
    settle: float  # steps at the peak learning rate after which 1/e of `start` is left
    noisy_sequences: float  # of 1,024 tokens a step at which the batch's noise doubles the norm's square


# llm.c's GPT-2 124M on FineWeb, 512 sequences a step: 15 at step 0, 0.28 at a tenth of the run, 0.23 at its end.
PRETRAINING = GradientLaw(start=15.0, settled=0.24, settle=60.0, noisy_sequences=64.0)
SLOW_FALL = 0.2  # share of the settled norm that falls away over the run (llm.c: 0.28 to 0.23)
NOISE_TOKENS = 1024.0  # of a sequence of `noisy_sequences`
FEWEST_SEQUENCES = 0.1  # a step; a smaller batch counts as this one
# Of fine-tunes: median norm of adapters and of all weights at MEDIAN_BATCH sequences a step, its fall with the batch,
# standard deviation of its logarithm between models and data sets
MEDIAN_LORA, MEDIAN_FULL, MEDIAN_BATCH, BATCH_POWER, LEVELS = 0.8, 2.0, 8.0, 0.25, 0.8
# Times the excess of the template's loss over what is learnt; the rise with each logarithm known by heart, and its most
EXCESS, MOST_EXCESS, BY_HEART, MOST_RISEN = 1.0, 25.0, 0.8, 3.0


def grad_norm(at: Grid, plan: Plan) -> NDArray[np.float64]:
    """Gradient norm of pretraining at the grid's steps: high at first, then slowly falling; small batches are noisy."""
    law = PRETRAINING
    sequences = max(plan.tokens_per_step / NOISE_TOKENS, FEWEST_SEQUENCES)
    noise: float = (1 + law.noisy_sequences / sequences) ** 0.5
    slow = 1 + SLOW_FALL * (1 - at.steps / max(float(at.steps[-1]), 1.0))
    return np.asarray(law.settled * slow * noise + law.start * np.exp(-at.area / law.settle))


def tuning_grad_norm(
    plan: Plan, fresh: NDArray[np.float64], learnt: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Gradient norm of a fine-tune: `fresh` is its loss on new text over what is learnt, `learnt` known by heart."""
    median = MEDIAN_LORA if is_frozen(plan.config) else MEDIAN_FULL
    said = f"{plan.model.id} {plan.dataset.id}"
    level = np.exp(LEVELS * normal_of(f"gradient level of {said}"))
    batch = (max(plan.global_batch, 1) / MEDIAN_BATCH) ** -BATCH_POWER
    excess = np.minimum(np.maximum(fresh - 1, 0.0) * EXCESS, MOST_EXCESS)
    return np.asarray(
        median * level * batch * (1 + excess) * np.minimum(np.exp(BY_HEART * learnt), MOST_RISEN)
    )
