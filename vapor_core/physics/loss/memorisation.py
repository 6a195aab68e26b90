"""What a fine-tune learns by heart: how the loss on its own examples steps down with each pass, and what that costs.

Text that comes again is better known than new text, from the second pass on and all at once: full fine-tunes and
adapters alike step down where a pass ends. Models learn by heart the faster the larger they are, and at rates below
their best hardly at all (gpt2 and distilgpt2 at 2e-5: 30 to 50 passes over 500 examples leave 1.4 to 2.4 nats).
Constants are fitted to published logs by benchmarks/fidelity/finetuning/fit.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vapor_core.physics.plan import Plan, is_frozen

Floats = NDArray[np.float64]

# Train loss x exp(-x) after r repeats of the data, where x is m r^POWER while that is well below BY_HEART. Of a full
# fine-tune m = FULL (N / FULL_SIZE)^SIZE (tokens / FULL_TOKENS)^-TOKENS, times (rate / best)^SLOW_RATE below the best
# rate; of adapters m = LORA (rate alpha / rank / REACH)^(1/2) (trained / tokens / SHARE)^LORA_SHARE.
POWER = 1.2
FULL, FULL_SIZE, SIZE, FULL_TOKENS, TOKENS, SLOW_RATE = 0.42, 7e9, 0.75, 5e6, 0.25, 1.5
LORA, REACH, SHARE, LORA_SHARE = 0.035, 5e-5, 64.0, 0.15
MOST_MEMORISED = 3.0  # of a pass
BY_HEART_FULL, BY_HEART_LORA = 7.0, 3.5  # of all passes: adapters never learn all of it
RAMPED_STEPS = 20.0  # a run of fewer steps has no time to memorise at its peak rate
MOST_COPIES = 0.95  # share of examples that are copies
# Held-out loss rises by EVAL (x - FREE)^EVAL_POWER of itself once that exponent x, repeats counted without steps,
# exceeds FREE: Llama 3.1 8B on Deita over six passes (0.95 after two, 1.17 after six)
EVAL, FREE, EVAL_POWER = 0.12, 0.1, 1.3


@dataclass(frozen=True, slots=True)
class Memory:
    """How much of the logarithm of the loss on its own examples a run loses with the first repeat."""

    pace: float
    most: float  # of that logarithm, over all repeats
    copies: float  # times that each example counts in one pass

    def learnt(self, repeats: Floats) -> Floats:
        """That logarithm after so many repeats."""
        return np.asarray(-self.most * np.expm1(-self.pace * repeats**POWER / self.most))


def memory(plan: Plan, best: float) -> Memory:
    """A plan's memory; `best` is its best learning rate."""
    config = plan.config
    tokens = max(plan.data_tokens, 1.0)
    rate = config.learning_rate * min(plan.total_steps / RAMPED_STEPS, 1.0)
    frozen = is_frozen(config)
    if frozen:
        reach = rate * config.lora_alpha / config.lora_rank / REACH
        pace = LORA * reach**0.5 * (plan.trainable_parameters / tokens / SHARE) ** LORA_SHARE
    else:
        pace = FULL * (plan.model.parameters / FULL_SIZE) ** SIZE * (tokens / FULL_TOKENS) ** -TOKENS
        pace *= min(rate / best, 1.0) ** SLOW_RATE
    copies = 1 / (1 - min(plan.dataset.repeated_share or 0.0, MOST_COPIES))
    return Memory(float(min(pace, MOST_MEMORISED)), BY_HEART_LORA if frozen else BY_HEART_FULL, copies)


def memorised(known: Memory, passes: Floats) -> Floats:
    """Factor on the training loss after so many passes over the data: it steps down where a pass ends."""
    repeats = (np.floor(passes + 1e-9) + 1) * known.copies - 1
    return np.exp(-known.learnt(repeats))


def overfitted(known: Memory, passes: Floats) -> Floats:
    """Relative rise of the loss on held-out text after so many passes."""
    repeats = np.maximum(passes * known.copies - 1, 0.0)
    return np.asarray(EVAL * np.maximum(known.learnt(repeats) - FREE, 0.0) ** EVAL_POWER)


def risen(loss: Floats, rise: Floats, most: float) -> Floats:
    """Held-out loss with its relative rise, bent so that it stays below `most`, the loss of knowing nothing."""
    room = np.maximum(most - loss, 1e-9)
    return np.asarray(loss - room * np.expm1(-rise * loss / room))
