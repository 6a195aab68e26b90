"""Which change of a configuration would cure what is wrong with it.

Each cure is tried against the law it is meant to satisfy, so nothing is offered that does not help.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.training import DEFAULT_LEARNING_RATE, JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.physics.memory import training_memory
from vapor_core.physics.plan import Plan, plan

Changes = dict[str, str | int | float | bool]

METHOD_NAMES = {"pretrain": "pretraining", "full": "full fine-tuning", "lora": "LoRA", "qlora": "QLoRA"}


@dataclass(frozen=True, slots=True)
class Cure:
    """A change that was tried: what to say of it, what to change, and the memory that it then needs."""

    words: str
    changes: Changes
    needs_gb: float


def memory_cure(asked: Plan) -> Cure | None:
    """The least invasive change that makes a run fit, or None where nothing known does.

    What leaves the result untouched comes first (recomputing activations, smaller micro-batches, sharding),
    then what changes the method, then another card.
    """
    for words, changes in _memory_changes(asked):
        try:
            memory = training_memory(plan(asked.config.changed(**changes)))
        except InvalidConfig:
            continue
        if memory.high_gb <= memory.available_gb:
            return Cure(words, changes, memory.total_gb)
    return None


def smaller_micro_batches(config: JobConfig) -> Iterator[Changes]:
    """The same global batch in ever smaller pieces."""
    size, accumulation = config.micro_batch_size, config.gradient_accumulation_steps
    while size > 1:
        factor = 2 if size % 2 == 0 else size
        size, accumulation = size // factor, accumulation * factor
        yield {"micro_batch_size": size, "gradient_accumulation_steps": accumulation}


def _memory_changes(asked: Plan) -> Iterator[tuple[str, Changes]]:
    config = asked.config
    checkpointing: Changes = {} if config.gradient_checkpointing else {"gradient_checkpointing": True}
    if checkpointing:
        yield "gradient checkpointing", checkpointing
    pieces = list(smaller_micro_batches(config))
    for piece in pieces:
        yield f"a micro-batch of {piece['micro_batch_size']}", piece
    smallest = {**checkpointing, **(pieces[-1] if pieces else {})}
    if len(smallest) > 1:
        yield "gradient checkpointing with a micro-batch of 1", smallest
    if config.accelerator_count > 1 and config.sharding != "zero3":
        yield "ZeRO-3", {"sharding": "zero3"}
        yield "ZeRO-3 with gradient checkpointing", {"sharding": "zero3", **smallest}
    if config.optimizer == "adamw" and config.method in ("full", "pretrain"):
        yield "8-bit AdamW", {"optimizer": "adamw_8bit"}
        yield "8-bit AdamW with gradient checkpointing", {"optimizer": "adamw_8bit", **smallest}
    yield from _method_changes(config, smallest)
    for card in larger_cards(asked.accelerator):
        yield f"the {card.display_name}", {"accelerator": card.id}
        yield f"the {card.display_name} with gradient checkpointing", {"accelerator": card.id, **smallest}
    for card in larger_cards(asked.accelerator)[-1:] or [asked.accelerator]:
        for count in (2, 4, 8, 16, 32, 64):
            if count > config.accelerator_count and count <= card.capacity and _named(card):
                yield (
                    f"ZeRO-3 on {count} x {card.display_name}",
                    {"accelerator": card.id, "accelerator_count": count, "sharding": "zero3", **smallest},
                )


def _method_changes(config: JobConfig, smallest: Changes) -> Iterator[tuple[str, Changes]]:
    lighter = {"full": ("lora", "qlora"), "lora": ("qlora",)}.get(config.method, ())
    for method in lighter:
        changes: Changes = {"method": method}
        if config.method == "full":
            changes["learning_rate"] = DEFAULT_LEARNING_RATE[method]
        yield METHOD_NAMES[method], changes
        yield f"{METHOD_NAMES[method]} with gradient checkpointing", {**changes, **smallest}


def larger_cards(than: Accelerator) -> list[Accelerator]:
    """Cards of the catalog with more memory, cheapest first."""
    larger = [card for card in catalog.accelerators() if card.memory_gb > than.memory_gb and card.id != "cpu"]
    return sorted(larger, key=lambda card: (card.price_per_hour, card.memory_gb))


def _named(card: Accelerator) -> bool:
    return any(card.id == known.id for known in catalog.accelerators())
