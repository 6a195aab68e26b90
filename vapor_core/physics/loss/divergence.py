"""What a run looks like when it diverges, and its gradient norm while it does not.

Shape of the blow-up from four published logs of huggingface/datablations' stability study (350 M parameters):
the loss climbs within a hundredth of the run to about 0.6 ln V and stays there. Gradient norms from llm.c's log.
"""

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.loss.laws import uniform_loss
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]
Course = tuple[Floats, Floats, Floats, Floats]  # knots, training loss, held-out loss, gradient norm there
LOST = 0.61  # a diverged run's loss against ln V: median 6.7 of 11.1 on the Step-Law grid
GRAD_BLOWN = 140.0


def blow_up(plan: Plan, onset: int, initial: float, course: Course) -> Course:
    """The course of a run that leaves it at step `onset`, with knots of its own about there."""
    knots, train, held_out, grad = course
    last = float(knots[-1])
    width = max(0.01 * plan.total_steps, 3.0)
    extra = np.round(onset + width * np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0]))
    steps = np.union1d(knots, extra[(extra >= 0) & (extra <= last)])
    lost = LOST * max(uniform_loss(plan.model.vocabulary_size), min(initial, 12.0))
    blown = 1 - np.exp(-((np.maximum(steps - onset, 0.0) / width) ** 1.5))
    shaken = 20 * np.exp(-(((steps - onset) / (2 * width)) ** 2))

    def thrown(loss: Floats) -> Floats:
        held = np.interp(steps, knots, loss)
        return np.asarray(held + blown * np.maximum(lost - held, 0.0))

    norm = np.interp(steps, knots, grad) * (1 + shaken) + blown * GRAD_BLOWN
    return steps, thrown(train), thrown(held_out), np.asarray(norm)
