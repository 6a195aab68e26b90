"""Compute-optimal laws L(N, D) of corpora, and the loss of a model that knows nothing.

L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann 2022; refitted by Besiroglu 2024). A corpus has constants of its
own where runs on it were published, else an offset on Besiroglu's; a corpus that nobody measured counts as C4.
"""

from functools import lru_cache
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from vapor_core import catalog
from vapor_core.contracts.entries import Dataset, LossLaw

Floats = NDArray[np.float64]

BESIROGLU = LossLaw(
    e=1.8172,
    a=482.01,
    alpha=0.3478,
    b=2085.43,
    beta=0.3658,
    source="Besiroglu et al. 2024; epoch-research/analyzing-chinchilla data_analysis.ipynb",
)
TYPICAL_CORPUS = "allenai/c4"


@lru_cache(maxsize=512)
def corpus_law(dataset: Dataset) -> LossLaw:
    """The law of a corpus: its own, or the general one with its offset, or that of typical web text."""
    if dataset.loss_law is not None:
        return dataset.loss_law
    if dataset.loss_offset is not None:
        return BESIROGLU.changed(e=BESIROGLU.e + dataset.loss_offset)
    typical = catalog.dataset(TYPICAL_CORPUS).loss_law
    return typical or BESIROGLU


def law_loss(law: LossLaw, parameters: float, tokens: float) -> float:
    """L(N, D) of a law."""
    return law.e + law.a * exp(-law.alpha * log(parameters)) + law.b * exp(-law.beta * log(tokens))


def law_losses(law: LossLaw, parameters: Floats, tokens: Floats) -> Floats:
    """L(N, D) of a law for many N and D at once."""
    return np.asarray(law.e + law.a * parameters**-law.alpha + law.b * tokens**-law.beta)


def uniform_loss(vocabulary_size: int) -> float:
    """Loss of a model that knows nothing: ln V."""
    return log(max(vocabulary_size, 2))
