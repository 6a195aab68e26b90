"""What a run looks like when it diverges: its losses and its gradient norm.

Shape of the blow-up from four published logs of huggingface/datablations' stability study (350 M parameters):
the loss climbs within a hundredth of the run to about 0.6 ln V and stays there.
"""

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.loss.laws import uniform_loss
from vapor_core.physics.loss.schedule import merged
from vapor_core.physics.plan import Plan

Floats = NDArray[np.float64]
Course = tuple[Floats, Floats, Floats, Floats]  # knots, training loss, held-out loss, gradient norm there
LOST = 0.61  # a diverged run's loss against ln V: median 6.7 of 11.1 on the Step-Law grid
HIGHEST_START = 12.0  # nats: a run that starts above it (no model does) is not thrown higher
WIDTH, SHORTEST_WIDTH = 0.01, 3.0  # of the climb: share of the run, and steps at least; the four logs
# Exponent: share of the climb done is 1 - exp(-(steps since the onset / width)^CLIMB); the four logs
CLIMB = 1.5
GRAD_BLOWN = 140.0  # gradient norm of a lost run: 142 at the end of the log alibi_bf16
# Times its level, the gradient norm while a run leaves its course; set by hand
SHAKEN = 20.0
SHAKEN_WIDTHS = 2.0  # of the climb, before and after the onset
KNOTS = np.array([-1.0, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0])  # about the onset, in widths


def blow_up(plan: Plan, onset: int, initial: float, course: Course) -> Course:
    """The course of a run that leaves it at step `onset`, with knots of its own about there."""
    knots, train, held_out, grad = course
    last = float(knots[-1])
    width = max(WIDTH * plan.total_steps, SHORTEST_WIDTH)
    extra = np.minimum(np.maximum(np.rint(onset + width * KNOTS), 0.0), last)
    steps = merged(np.concatenate([knots, extra]))
    lost = LOST * max(uniform_loss(plan.model.vocabulary_size), min(initial, HIGHEST_START))
    blown = 1 - np.exp(-((np.maximum(steps - onset, 0.0) / width) ** CLIMB))
    shaken = SHAKEN * np.exp(-(((steps - onset) / (SHAKEN_WIDTHS * width)) ** 2))

    def thrown(loss: Floats) -> Floats:
        held = np.interp(steps, knots, loss)
        return np.asarray(held + blown * np.maximum(lost - held, 0.0))

    norm = np.interp(steps, knots, grad) * (1 + shaken) + blown * GRAD_BLOWN
    return steps, thrown(train), thrown(held_out), np.asarray(norm)
