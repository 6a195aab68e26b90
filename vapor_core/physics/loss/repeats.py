"""What text is worth when it is repeated, and when a run starts to learn it by heart.

Muennighoff et al. 2023 (arXiv 2305.16264; huggingface/datablations): tokens beyond the unique ones, and
parameters beyond what the unique ones need, count less and less. Their law is monotone; the runs are not, so a
term for overfitting is added, fitted to the same repository's runs by benchmarks/fidelity/fit_loss.py.
"""

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import LossLaw
from vapor_core.physics.loss.laws import law_losses

Floats = NDArray[np.float64]

# Of tokens and of parameters, epochs; refitted together with overfitting, which the published law (15.39, 5.31) leaves
# out.
DECAY = (24.04, 24.14)
MUENNIGHOFF = LossLaw(
    e=exp(0.6254804),
    a=exp(6.255414),
    alpha=0.3526596,
    b=exp(7.3049974),
    beta=0.3526596,
    source="Muennighoff et al. 2023; huggingface/datablations README",
)
# Overfitting begins with the second pass: it costs RISE ln(1 + ((epochs - 1) / onset)^RISE_POWER), where onset is
# ONSET (U / N')^ONSET_RATIO (U / 1e9)^ONSET_SIZE epochs and N' = N / (1 + N / ENOUGH): more parameters than that
# learn by heart no sooner.
ONSET, ONSET_RATIO, ONSET_SIZE, ENOUGH = 79.07, 3.1303, -1.7393, 1.21e9
RISE, RISE_POWER = 1.304, 1.3294
EARLIEST = 2.0  # epochs; the runs' own onsets lie above 15
SIZES = (1e8, 1.5e9)  # unique tokens of the runs with overfitting; ONSET_SIZE is not carried beyond


LARGEST_RATIO = 1e9  # of epochs to the onset; keeps the power finite


@dataclass(frozen=True, slots=True)
class Effective:
    """Parameters and tokens that fresh text would need for the same loss."""

    parameters: Floats
    tokens: Floats


def effective(
    parameters: float, tokens: Floats, unique: Floats, decay: tuple[float, float] = DECAY
) -> Effective:
    """What N parameters on D tokens, of which U are unique, are worth; shape of `tokens`."""
    unique = np.minimum(unique, tokens)
    law = MUENNIGHOFF
    balance = (law.alpha * law.a / (law.beta * law.b)) ** (1 / (law.alpha + law.beta))
    enough = (unique * balance) ** (law.beta / law.alpha) * balance
    base = np.minimum(parameters, enough)
    return Effective(_decayed(base, parameters, decay[1]), _decayed(unique, tokens, decay[0]))


def _decayed(unique: Floats, total: Floats | float, decay: float) -> Floats:
    repeats = total / unique - 1
    return np.asarray(unique + unique * decay * (1 - np.exp(-repeats / decay)))


def onset_epochs(parameters: float, unique: float) -> float:
    """Epochs at which learning by heart has cost RISE ln 2 on held-out text; it bottoms out before."""
    memorised = parameters / (1 + parameters / ENOUGH)
    size = min(max(unique, SIZES[0]), SIZES[1]) / 1e9
    return max(float(ONSET * (unique / memorised) ** ONSET_RATIO * size**ONSET_SIZE), EARLIEST)


def overfitting(epochs: Floats, onset: float) -> Floats:
    """Nats that learning by heart costs on held-out text after so many epochs, shape of `epochs`."""
    ratio = np.minimum(np.maximum(epochs - 1, 0.0) / onset, LARGEST_RATIO)
    return np.asarray(RISE * np.log1p(ratio**RISE_POWER))


def repeat_loss(law: LossLaw, parameters: float, tokens: Floats, unique: float) -> Floats:
    """Nats by a corpus's law that repeating text costs on held-out text, overfitting left out; shape of `tokens`."""
    worth = effective(parameters, tokens, np.asarray(unique))
    fresh = effective(parameters, tokens, tokens)
    return law_losses(law, worth.parameters, worth.tokens) - law_losses(law, fresh.parameters, fresh.tokens)
