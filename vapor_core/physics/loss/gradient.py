"""The norm of the gradient while a run does not diverge: from llm.c's log."""

import numpy as np

from vapor_core.physics.loss.divergence import Floats
from vapor_core.physics.loss.schedule import Grid
from vapor_core.physics.plan import Plan


def grad_norm(at: Grid, plan: Plan) -> Floats:
    """Gradient norm at the grid's steps: high at first, then slowly falling; smaller batches are noisier.

    llm.c: 15 at step 0, 0.28 at a tenth of the run, 0.23 at its end with 512 sequences a step.
    """
    tune = plan.config.method != "pretrain"
    start, settled = (11.0, 1.0) if tune else (15.0, 0.24)
    sequences = max(plan.tokens_per_step / 1024, 0.1)
    noise = (1 + (16 if tune else 64) / sequences) ** 0.5
    settle = 5.0 if tune else 60.0
    slow = 1 + 0.2 * (1 - at.steps / max(float(at.steps[-1]), 1.0))
    return np.asarray(settled * slow * noise + start * np.exp(-at.area / settle))
