"""How far a run's speed may lie from the law's: the middle 80 % of what published runs of its kind measured.

The bounds are quantiles of measured over predicted speed, each source's runs predicted by constants that were fitted on
all other sources (`benchmarks.fidelity.fit_throughput` prints them, and how many runs of a source they hold that were
made from other sources alone). Settings that no published run at hand has get wider ones, and say why.
"""

from collections.abc import Mapping

from vapor_core.contracts.training import PREFERENCE_METHODS
from vapor_core.physics.plan import Plan

FOUNDRY, FULL, SHORT, PADDED = "llm-foundry's own", "full sequences", "short micro-steps", "padded"
# Low and high of measured over predicted tokens per second, by kind
BOUNDS: Mapping[str, tuple[float, float]] = {
    FOUNDRY: (0.92, 1.08),  # a model size left out
    FULL: (0.83, 1.25),
    SHORT: (0.55, 1.6),  # the host's speed decides, and is not published
    PADDED: (0.6, 1.9),  # so does how much of a batch is padding
}
SHORT_TOKENS = 1024  # of a card's micro-step, up to which the host's launches decide
# What hours of whole runs add to both ends: evaluations, saving and starting, which reports count in or not
HOURS = (0.9, 1.3)
# Power of both bounds for a setting unlike those measured; by hand: the error's logarithm doubles
WIDER = 2.0


def kind_of(plan: Plan) -> str:
    """What decides how well a run's speed is known."""
    config = plan.config
    if not config.packing:
        return PADDED
    if config.micro_batch_size * config.sequence_length <= SHORT_TOKENS:
        return SHORT
    foundry = config.trainer == "llm_foundry" and not config.compile and config.replica_cards == 1
    return FOUNDRY if foundry and plan.accelerator.measured_tflops else FULL


def unlike(plan: Plan) -> tuple[str, ...]:
    """What of a setting no published run at hand has, in words that follow 'of'."""
    config, card = plan.config, plan.accelerator
    found = []
    if not card.measured_tflops:
        found.append(f"{card.display_name}, whose largest product is not measured")
    elif card.vendor not in ("", "NVIDIA"):
        found.append(f"cards of {card.vendor}")
    if config.attention == "eager":
        found.append("eager attention")
    if config.expert_parallel > 1:
        found.append("expert parallelism")
    if config.precision == "fp32":
        found.append("fp32")
    if config.method in PREFERENCE_METHODS:
        found.append(config.method.upper())
    return tuple(found)


def bounds(plan: Plan) -> tuple[float, float]:
    """Low and high of tokens per second over the law's."""
    low, high = BOUNDS[kind_of(plan)]
    return (low**WIDER, high**WIDER) if unlike(plan) else (low, high)
