"""The norm of the gradient while a run does not diverge: from llm.c's log."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.loss.schedule import Grid
from vapor_core.physics.plan import Plan


@dataclass(frozen=True, slots=True)
class GradientLaw:
    """Norm = settled x slow fall x noise + start x exp(-steps at the peak rate / settle)."""

    start: float  # norm at step 0
    settled: float  # norm at the end of a run with a very large batch
    settle: float  # steps at the peak learning rate after which 1/e of `start` is left
    noisy_sequences: float  # of 1,024 tokens a step at which the batch's noise doubles the norm's square


# llm.c's GPT-2 124M on FineWeb, 512 sequences a step: 15 at step 0, 0.28 at a tenth of the run, 0.23 at its end.
PRETRAINING = GradientLaw(start=15.0, settled=0.24, settle=60.0, noisy_sequences=64.0)
# Set by hand between two trainers' logs: Mistral 7B by QLoRA (6 at first, 1.1 later) and Qwen on MetaMath (27, 8).
TUNING = GradientLaw(start=11.0, settled=1.0, settle=5.0, noisy_sequences=16.0)
SLOW_FALL = 0.2  # share of the settled norm that falls away over the run (llm.c: 0.28 to 0.23)
NOISE_TOKENS = 1024.0  # of a sequence of `noisy_sequences`
FEWEST_SEQUENCES = 0.1  # a step; a smaller batch counts as this one


def grad_norm(at: Grid, plan: Plan) -> NDArray[np.float64]:
    """Gradient norm at the grid's steps: high at first, then slowly falling; smaller batches are noisier."""
    law = PRETRAINING if plan.config.method == "pretrain" else TUNING
    sequences = max(plan.tokens_per_step / NOISE_TOKENS, FEWEST_SEQUENCES)
    noise: float = (1 + law.noisy_sequences / sequences) ** 0.5
    slow = 1 + SLOW_FALL * (1 - at.steps / max(float(at.steps[-1]), 1.0))
    return np.asarray(law.settled * slow * noise + law.start * np.exp(-at.area / law.settle))
