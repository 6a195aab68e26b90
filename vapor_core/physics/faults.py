"""How often hardware interrupts a run, and when it does so here.

Faults are a Poisson process whose rate is proportional to the number of accelerators, as the published accounts
use it. What an interruption costs a run is `timing`'s question.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vapor_core.contracts.entries import Accelerator
from vapor_core.noise import exponentials, uniforms
from vapor_core.physics.plan import Plan

_LLAMA_3 = "Llama 3 herd of models (2024), table 5: 419 unexpected interruptions, 16,384 H100, 54 days"
_RSC_1 = "Kokolis et al. (2024), RSC-1: 6.5 failures per 1,000 node-days, 8 A100 a node"
_HOPPER_AND_LATER = ("h100", "h200", "b200", "gb200", "b300", "mi300x")
_MOST_FAULTS = 20_000  # of one run; beyond that the rest runs without
_SURE, _FEWEST_DRAWS = 6.0, 10  # gaps drawn: six standard deviations and ten more than are expected

# Shares of the causes among the unexpected interruptions of Llama 3.
_CAUSES = ("GPU", "GPU memory (HBM)", "network switch or cable", "GPU SRAM", "GPU system processor", "host")
_CAUSES_UP_TO = np.cumsum([0.301, 0.172, 0.084, 0.045, 0.041])


@dataclass(frozen=True, slots=True)
class FaultRate:
    """Unexpected interruptions per accelerator-day, and who counted them."""

    per_accelerator_day: float
    source: str


def fault_rate(accelerator: Accelerator) -> FaultRate:
    """The published rate that comes nearest to a card.

    H100 class: 1.97e-5 per accelerator-hour. A100 class and everything without figures of its own: 3.4e-5. A CPU
    host: the two CPU failures among Llama 3's 2,048 hosts.
    """
    return _rate_by_name(accelerator.id.lower())


@lru_cache(maxsize=256)
def _rate_by_name(name: str) -> FaultRate:
    if name == "cpu" or name.startswith("cpu-"):
        return FaultRate(2 / (2048 * 54), f"{_LLAMA_3}; 2 of them CPUs")
    if any(card in name for card in _HOPPER_AND_LATER):
        return FaultRate(419 / (16_384 * 54), _LLAMA_3)
    if "a100" in name:
        return FaultRate(6.5 / 8000, _RSC_1)
    return FaultRate(6.5 / 8000, f"no published rate for this card; as for A100: {_RSC_1}")


def expected_faults(plan: Plan, step_time_s: float) -> float:
    """Mean number of interruptions while the run's steps are computed."""
    days = plan.total_steps * step_time_s / 86_400
    return fault_rate(plan.accelerator).per_accelerator_day * plan.config.accelerator_count * days


def fault_steps(plan: Plan, step_time_s: float) -> NDArray[np.int64]:
    """Steps that an interruption hits, ascending; empty where the configuration switches them off."""
    expected = expected_faults(plan, step_time_s)
    if not plan.config.hardware_faults or expected <= 0:
        return np.empty(0, dtype=np.int64)
    draws = min(int(expected + _SURE * expected**0.5) + _FEWEST_DRAWS, _MOST_FAULTS)
    gaps = exponentials(plan.config.seed, "faults", 0, draws)
    at = np.cumsum(gaps) / expected * plan.total_steps
    return at[at < plan.total_steps].astype(np.int64)


def causes(seed: int, first: int, count: int) -> tuple[str, ...]:
    """What broke at faults first..first+count-1 of a run."""
    kinds = np.searchsorted(_CAUSES_UP_TO, uniforms(seed, "fault causes", first, first + count))
    return tuple(_CAUSES[kind] for kind in kinds)
