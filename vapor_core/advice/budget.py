"""Fit it for me: which configurations of a model and data are worth their money.

Tries methods, cards, counts and epochs against the same laws as the form, and keeps the cost/loss front.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from vapor_core import catalog
from vapor_core.advice.cures import METHOD_NAMES, method_changes
from vapor_core.advice.estimate import estimate
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.estimates import Proposal
from vapor_core.contracts.training import DEFAULT_LEARNING_RATE, Calibration, JobConfig, Method
from vapor_core.errors import InvalidConfig
from vapor_core.physics.memory import training_memory_of
from vapor_core.physics.plan import longest_tokens
from vapor_core.physics.transformer import transformer

GLOBAL_BATCH = 32  # sequences; what small fine-tunes commonly use
TUNING_EPOCHS = (1.0, 2.0, 3.0)
COUNTS = (1, 2, 4, 8)  # cards
MICRO_BATCHES = (8, 4, 2, 1)
LEAST_GAIN = 1e-4  # nats of eval loss for which a dearer configuration is kept


def propose(
    base: JobConfig,
    *,
    budget_usd: float | None = None,
    budget_hours: float | None = None,
    accelerators: Sequence[str | Accelerator] | None = None,
    methods: Sequence[Method] = ("lora", "qlora", "full"),
    most: int = 6,
    calibration: Calibration | None = None,
) -> tuple[Proposal, ...]:
    """Configurations on the front of cost against eval loss, cheapest first; at most `most`.

    `base` gives model, data, sequence length and seed; budgets in US dollars and hours are upper bounds.
    `accelerators` None tries every card of the catalog.

    Raises:
        InvalidConfig: where nothing that was tried fits the cards and the budget, saying what came nearest.
    """
    cards = [catalog.accelerator(card) for card in accelerators] if accelerators else _cards()
    tried: list[Proposal] = []
    for config in _candidates(base, cards, methods):
        found = estimate(config, calibration)
        if found.fits and not found.diverges and found.memory_reserved_gb_high <= found.memory_available_gb:
            tried.append(Proposal(config=config, estimate=found, reason=_reason(config)))
    if not tried:
        raise InvalidConfig(
            f"{catalog.model(base.model).display_name} fits none of the {len(cards)} cards that were tried; allow a "
            "card with more memory, or QLoRA"
        )
    affordable = [
        proposal
        for proposal in tried
        if (budget_usd is None or proposal.estimate.cost_usd <= budget_usd)
        and (budget_hours is None or proposal.estimate.duration_s <= budget_hours * 3600)
    ]
    if not affordable:
        raise InvalidConfig(_nearest(tried, budget_usd, budget_hours))
    return _thinned(front(affordable), most)


def front(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Those that no other one beats in both cost and eval loss, cheapest first."""
    kept: list[Proposal] = []
    for proposal in sorted(proposals, key=lambda one: (one.estimate.cost_usd, one.estimate.final_eval_loss)):
        if not kept or proposal.estimate.final_eval_loss < kept[-1].estimate.final_eval_loss - LEAST_GAIN:
            kept.append(proposal)
    return tuple(kept)


def _candidates(
    base: JobConfig, cards: Sequence[Accelerator], methods: Sequence[Method]
) -> Iterator[JobConfig]:
    pretrain = base.method == "pretrain"
    epochs = (base.epochs,) if pretrain else TUNING_EPOCHS
    tried: Sequence[Method] = ("pretrain",) if pretrain else methods
    for method, card, count in product(tried, cards, COUNTS):
        if count > card.capacity:
            continue
        fitted = _fitted(base, method, card, count)
        if fitted is not None:
            for passes in epochs:
                yield fitted.changed(epochs=passes)


def _fitted(base: JobConfig, method: Method, card: Accelerator, count: int) -> JobConfig | None:
    """The largest micro-batch that fits, without recomputing activations if possible; None where nothing does."""
    known = any(card.id == one.id for one in catalog.accelerators())
    counts = transformer(catalog.model(base.model))
    whole = base.changed(
        **method_changes(base, method),
        learning_rate=base.learning_rate if method == base.method else DEFAULT_LEARNING_RATE[method],
        accelerator=card.id if known else card,
        accelerator_count=count,
        sharding="zero3" if count > 1 else "none",
        precision="bf16" if card.bf16_tflops else "fp16" if card.fp16_tflops else "fp32",
    )
    for checkpointing, size in product((False, True), MICRO_BATCHES):
        pieces = {
            "micro_batch_size": size,
            "gradient_accumulation_steps": max(GLOBAL_BATCH // (size * count), 1),
            "gradient_checkpointing": checkpointing,
        }
        memory = training_memory_of(
            whole.model_copy(update=pieces),
            counts,
            card.memory_gb,
            longest=longest_tokens(base),
            held_gb=card.held_gb,
        )
        if memory.reserved_high_gb <= memory.available_gb:
            return whole.changed(**pieces)
    return None


def _cards() -> list[Accelerator]:
    return list(catalog.rented_cards())


def _reason(config: JobConfig) -> str:
    card = catalog.accelerator(config.accelerator).display_name
    count = f"{config.accelerator_count} x " if config.accelerator_count > 1 else ""
    epochs = f"{config.epochs:g} epoch{'s' if config.epochs != 1 else ''}"
    return f"{METHOD_NAMES[config.method]} on {count}{card}, {epochs}"


def _nearest(tried: Sequence[Proposal], budget_usd: float | None, budget_hours: float | None) -> str:
    cheapest = min(tried, key=lambda one: one.estimate.cost_usd)
    quickest = min(tried, key=lambda one: one.estimate.duration_s)
    asked = " and ".join(
        part
        for part in (
            f"${budget_usd:,.2f}" if budget_usd is not None else "",
            f"{budget_hours:g} hours" if budget_hours is not None else "",
        )
        if part
    )
    return (
        f"nothing fits into {asked}; the cheapest is {cheapest.reason} for ${cheapest.estimate.cost_usd:,.2f}, the "
        f"quickest is {quickest.reason} in {quickest.estimate.duration_s / 3600:.1f} hours"
    )


def _thinned(proposals: tuple[Proposal, ...], most: int) -> tuple[Proposal, ...]:
    """Evenly chosen along the front, both ends kept."""
    if len(proposals) <= most:
        return proposals
    last = len(proposals) - 1
    return tuple(proposals[round(index * last / (most - 1))] for index in range(most))
