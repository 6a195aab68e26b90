"""Which change of a configuration would cure what is wrong with it.

Each cure is tried against the law it is meant to satisfy, so nothing is offered that does not help.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.findings import Changes
from vapor_core.contracts.presets import TRLS
from vapor_core.contracts.training import (
    DEFAULT_LEARNING_RATE,
    DEFAULT_RANK,
    MOST_SEQUENCES,
    PREFERENCE_METHODS,
    JobConfig,
    Method,
)
from vapor_core.physics.memory import TrainingMemory, training_memory, training_memory_of
from vapor_core.physics.plan import Plan

CHUNKS_LOSS = (*TRLS, "axolotl", "torchtune", "litgpt")  # trainers that can take the loss in chunks of tokens
COUNTS = (2, 4, 8, 16, 32, 64)  # cards that are tried together
METHOD_NAMES = {
    "pretrain": "pretraining",
    "full": "full fine-tuning",
    "lora": "LoRA",
    "qlora": "QLoRA",
    "dpo": "DPO",
    "orpo": "ORPO",
    "kto": "KTO",
    "grpo": "GRPO",
}


def method_changes(config: JobConfig, method: Method) -> Changes:
    """Another method, with what belongs to the one before it taken back."""
    changes: Changes = {"method": method}
    if config.base_quantization != "none" or "base_quantization" in config.model_fields_set:
        changes["base_quantization"] = "nf4" if method == "qlora" else "none"
    if config.dora and method == "full":
        changes["dora"] = False
    if config.lora_rank == 0 and method != "full":
        changes["lora_rank"] = DEFAULT_RANK
    return changes


@dataclass(frozen=True, slots=True)
class Cure:
    """A change that was tried: what to say of it, what to change, and the memory that it then needs."""

    words: str
    changes: Changes
    needs_gb: float


def memory_cure(asked: Plan, scale: float = 1.0) -> Cure | None:
    """The least invasive change that makes a run fit, or None where nothing known does.

    What leaves the result untouched comes first (recomputing activations, smaller micro-batches, sharding),
    then what changes the method, then another card. `scale` is memory against the law's, in a person's own runs.
    """
    needs: dict[tuple[tuple[str, object], ...], TrainingMemory] = {(): training_memory(asked)}
    for words, changes, card in _memory_changes(asked):
        # another card needs as much; every change is within the fields' bounds, so nothing has to be validated
        apart = tuple(item for item in changes.items() if item[0] != "accelerator")
        if apart not in needs:
            needs[apart] = memory_of(asked, tried(asked.config, changes), card)
        if needs[apart].reserved_high_gb * scale <= card.memory_gb:
            return Cure(words, changes, needs[apart].reserved_gb * scale)
    return None


def memory_of(asked: Plan, config: JobConfig, card: Accelerator) -> TrainingMemory:
    """Peak memory of another configuration for the same model and data, on a card."""
    longest = inf if config.packing else asked.longest_tokens
    return training_memory_of(
        config, asked.transformer, card.memory_gb, longest=longest, held_gb=card.held_gb
    )


def tried(config: JobConfig, changes: Changes) -> JobConfig:
    """The configuration with changes that are within the fields' bounds; defaults follow where the method changes."""
    follows = "method" in changes or "offload" in changes
    return config.changed(**changes) if follows else config.model_copy(update=changes)


def smaller_micro_batches(config: JobConfig) -> Iterator[Changes]:
    """The same global batch in ever smaller pieces."""
    size, accumulation = config.micro_batch_size, config.gradient_accumulation_steps
    while size > 1:
        factor = 2 if size % 2 == 0 else size
        size, accumulation = size // factor, accumulation * factor
        if accumulation > MOST_SEQUENCES:
            return
        yield {"micro_batch_size": size, "gradient_accumulation_steps": accumulation}


def larger_micro_batches(config: JobConfig) -> Iterator[Changes]:
    """The same global batch in ever larger pieces."""
    size, accumulation = config.micro_batch_size, config.gradient_accumulation_steps
    while accumulation % 2 == 0 and 2 * size <= MOST_SEQUENCES:
        size, accumulation = size * 2, accumulation // 2
        yield {"micro_batch_size": size, "gradient_accumulation_steps": accumulation}


def _memory_changes(asked: Plan) -> Iterator[tuple[str, Changes, Accelerator]]:
    """What to say, what to change and the card that is then used, the least invasive first."""
    config, card = asked.config, asked.accelerator
    checkpointing: Changes = {} if config.gradient_checkpointing else {"gradient_checkpointing": True}
    pieces = list(smaller_micro_batches(config))
    smallest = {**checkpointing, **(pieces[-1] if pieces else {})}
    for words, changes in _changes_on_the_card(config, checkpointing, pieces, smallest):
        yield words, changes, card
    larger = _larger_cards(card)
    for other in larger:
        yield f"the {other.display_name}", {"accelerator": other.id}, other
        both: Changes = {"accelerator": other.id, **smallest}
        yield f"the {other.display_name} with gradient checkpointing", both, other
    largest = larger[-1] if larger else card
    for count in COUNTS if _named(largest) else ():
        if config.accelerator_count < count <= largest.capacity:
            many: Changes = {"accelerator": largest.id, "accelerator_count": count, "sharding": "zero3"}
            yield f"ZeRO-3 on {count} x {largest.display_name}", {**many, **smallest}, largest


def _changes_on_the_card(
    config: JobConfig, checkpointing: Changes, pieces: list[Changes], smallest: Changes
) -> Iterator[tuple[str, Changes]]:
    words, loss = _lighter_loss(config)
    if loss:
        yield words, loss
    if checkpointing:
        yield "gradient checkpointing", checkpointing
    for piece in pieces:
        yield f"a micro-batch of {piece['micro_batch_size']}", piece
    if len(smallest) > 1:
        yield "gradient checkpointing with a micro-batch of 1", smallest
    least: Changes = {**smallest, **loss}
    if loss and smallest:
        yield f"gradient checkpointing, a micro-batch of 1 and {words}", least
    if config.accelerator_count > 1 and config.sharding not in ("zero3", "hybrid"):
        yield "ZeRO-3", {"sharding": "zero3"}
        yield "ZeRO-3 with gradient checkpointing", {"sharding": "zero3", **smallest}
    yield from _lighter_training(config, smallest, least)


def _lighter_loss(config: JobConfig) -> tuple[str, Changes]:
    """A loss that does not keep all logits, as the trainer has one: in chunks, or fused by Liger."""
    if config.cross_entropy != "full":
        return "", {}
    if config.trainer in CHUNKS_LOSS and config.method not in PREFERENCE_METHODS:
        return "a loss in chunks", {"cross_entropy": "chunked"}
    return "Liger's fused loss", {"cross_entropy": "fused", "fused_kernels": True}


def _lighter_training(config: JobConfig, smallest: Changes, least: Changes) -> Iterator[tuple[str, Changes]]:
    """Lighter states, fewer trained weights, and last the machine's own memory."""
    if config.optimizer == "adamw" and not config.adapts:
        yield "8-bit AdamW", {"optimizer": "adamw_8bit"}
        yield "8-bit AdamW with gradient checkpointing", {"optimizer": "adamw_8bit", **smallest}
    lighter: dict[str, tuple[Method, ...]] = {"full": ("lora", "qlora"), "lora": ("qlora",)}
    for method in lighter.get(config.method, ()):
        changes = method_changes(config, method)
        if config.method == "full":
            changes["learning_rate"] = DEFAULT_LEARNING_RATE[method]
        yield METHOD_NAMES[method], changes
        yield f"{METHOD_NAMES[method]} with gradient checkpointing", {**changes, **smallest}
    if not config.offload and not config.adapts:
        yield "the optimizer's states in the machine's memory", {**least, "offload": "optimizer"}


@lru_cache(maxsize=64)
def _larger_cards(than: Accelerator) -> tuple[Accelerator, ...]:
    """Cards of the catalog with more memory, cheapest first."""
    larger = [card for card in catalog.rented_cards() if card.memory_gb > than.memory_gb]
    return tuple(sorted(larger, key=lambda card: (card.price_per_hour, card.memory_gb)))


def _named(card: Accelerator) -> bool:
    return any(card.id == known.id for known in catalog.accelerators())
