"""What the losses of preference methods do: they are no cross-entropies of text, and start where theirs start.

DPO starts at ln 2, where policy and reference agree on every pair; KTO at one half, the value of an even bet; ORPO at
the text's own loss and a tenth of the odds' logarithm; GRPO near 0, since advantages of a group sum to nothing, from
where its penalty grows. Published runs: the notebooks of Unsloth (DPO on UltraFeedback, ORPO on Dolphin), Llama 3 8B
on Orca pairs, TinyLlama on Distilabel's, cards of zephyr and juanako (0.46 to 0.61 on held-out pairs).
"""

from math import log

from vapor_core.contracts.entries import Dataset

EVEN = log(2)  # DPO's loss where policy and reference agree
EVEN_BET = 0.5  # KTO's
ODDS = 0.1 * EVEN  # ORPO's part beside the text's loss: beta 0.1
PAIRS_LEARNT = 0.75  # of its start, DPO's and KTO's loss on held-out pairs where the data set does not say
REWARDED = (0.002, 0.02)  # GRPO's loss at first and later, nats
# Steps to half of the fall against supervised tuning's, at the same rate: pairs tell of much at once
FASTER = {"dpo": 0.25, "kto": 0.25, "orpo": 0.1, "grpo": 1.0}


def preferred(method: str, dataset: Dataset, first: float, learnt: float) -> tuple[float, float, float]:
    """First loss, last loss on new pairs, and the factor on the steps in between, of a preference method.

    `first` and `learnt` are the text's own.
    """
    pairs = min(dataset.pairs_loss or PAIRS_LEARNT * EVEN, EVEN)
    if method == "dpo":
        return EVEN, pairs, FASTER[method]
    if method == "kto":
        return EVEN_BET, EVEN_BET * pairs / EVEN, FASTER[method]
    if method == "grpo":
        return REWARDED[0], REWARDED[1], FASTER[method]
    return first + ODDS, learnt + ODDS, FASTER[method]
