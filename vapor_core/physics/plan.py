"""What a configuration means in counts: model, data and card looked up; steps, sequences and tokens counted.

Every law starts from a Plan. No law is here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from math import ceil, inf
from operator import itemgetter
from typing import Concatenate, ParamSpec, TypeVar

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.physics.transformer import Transformer, transformer

EVALUATIONS, CHECKPOINTS = 20, 10  # of a run that does not say how often
STARTS_LOW = 0.5  # of its peak: own schedule points that begin below it have their warm-up in themselves
# Fields that decide chance or words alone, and fields that no law of a single step reads
NOT_OF_A_LAW = ("seed", "name", "backend")
NOT_OF_A_STEP = (
    *NOT_OF_A_LAW,
    *("learning_rate", "schedule", "decay_ratio", "min_learning_rate_ratio", "warmup_ratio"),
    *("weight_decay", "max_grad_norm", "epochs", "max_steps", "lora_alpha", "eval_every", "checkpoint_every"),
    "hardware_faults",
)
LOOKED_UP = ("model", "dataset", "accelerator")  # compared as what they were found to be
KNOWN = 1024  # plans of each law; some kB each
Said = TypeVar("Said")
More = ParamSpec("More")
FULL = 1e-9  # steps: what rounding may leave of a last step that holds nothing


def is_frozen(config: JobConfig) -> bool:
    """Whether the model's own weights stay as they are and adapters are trained."""
    return config.adapts


def trainable_parameters(config: JobConfig, counts: Transformer) -> int:
    """Parameters that a run trains: the adapters' of LoRA, else all of the model's."""
    if is_frozen(config):
        tables = counts.embedding_parameters if config.train_embeddings else 0
        return counts.lora_parameters(config.lora_rank, config.lora_targets) + tables
    return counts.parameters


def longest_tokens(config: JobConfig) -> float:
    """Tokens of the longest sequence that the data make; infinite where they fill any, or do not say."""
    longest = catalog.dataset(config.dataset).longest_tokens
    return inf if config.packing or longest is None else float(longest)


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A configuration with everything looked up and counted.

    Compared and hashed by identity, so that laws are remembered by plan at no cost; `plan` makes one a configuration.
    """

    config: JobConfig
    model: CatalogModel
    transformer: Transformer
    trainable_parameters: int
    dataset: Dataset
    accelerator: Accelerator
    global_batch: int  # sequences a step, all accelerators
    tokens_per_sequence: float  # mean real tokens, padding left out
    longest_tokens: float  # of a sequence; infinite where the data set does not say
    tokens_per_step: float  # real tokens, all accelerators
    sequences_per_epoch: float
    steps_per_epoch: float
    total_steps: int
    eval_every: int  # steps
    checkpoint_every: int  # steps

    @property
    def epochs(self) -> float:
        """Passes over the data, max_steps considered."""
        return self.total_steps / self.steps_per_epoch

    @property
    def total_tokens(self) -> float:
        """Real tokens trained on, repeats counted."""
        return self.tokens_per_step * self.total_steps

    @property
    def data_tokens(self) -> float:
        """Real tokens of one pass over the data."""
        return self.sequences_per_epoch * self.tokens_per_sequence

    @property
    def ramps_itself(self) -> bool:
        """Whether the schedule's own points rise to their peak, so that no warm-up is to be added."""
        points = self.config.schedule
        return not isinstance(points, str) and points[0][1] < STARTS_LOW * max(rate for _, rate in points)

    @property
    def warmup_steps(self) -> int:
        """Steps over which the learning rate rises."""
        points = self.config.schedule
        if isinstance(points, str) or not self.ramps_itself:
            return ceil(self.config.warmup_ratio * self.total_steps)
        return ceil(max(points, key=lambda point: point[1])[0] * (self.total_steps - 1))


@dataclass(frozen=True, slots=True)
class _Alike:
    """A plan, compared by some fields of its configuration and by what was looked up for it."""

    read: object
    names: tuple[str, str, str]
    found: tuple[CatalogModel, Dataset, Accelerator] = field(
        hash=False
    )  # their names tell them apart well enough
    plan: Plan = field(compare=False)


def once(
    but: tuple[str, ...],
) -> Callable[[Callable[Concatenate[Plan, More], Said]], Callable[Concatenate[Plan, More], Said]]:
    """Remember what a law says of a plan, for all that differ in no fields other than `but`, which it must not read."""
    reads = itemgetter(*(name for name in JobConfig.model_fields if name not in (*but, *LOOKED_UP)))

    def alike(of: Plan) -> _Alike:
        found = of.model, of.dataset, of.accelerator
        return _Alike(reads(of.config.__dict__), (of.model.id, of.dataset.id, of.accelerator.id), found, of)

    def once_of(law: Callable[Concatenate[Plan, More], Said]) -> Callable[Concatenate[Plan, More], Said]:
        @lru_cache(maxsize=KNOWN)
        def known(alike: _Alike, *more: More.args, **named: More.kwargs) -> Said:
            return law(alike.plan, *more, **named)

        @wraps(law)
        def asked(of: Plan, /, *more: More.args, **named: More.kwargs) -> Said:
            return known(alike(of), *more, **named)  # type: ignore[arg-type] # what a law takes can be hashed

        return asked

    return once_of


once_a_step = once(NOT_OF_A_STEP)


# Of a run, whatever its data and epochs; numbers of steps beyond it would need other arithmetic
MOST_STEPS = 1_000_000_000_000


@lru_cache(maxsize=16_384)  # more than the jobs of a large workspace; half a kilobyte each
def plan(config: JobConfig) -> Plan:
    """Look up and count.

    Raises:
        NotInCatalog: where an id is unknown.
        InvalidConfig: where it would have more steps than are rehearsed.
    """
    model = catalog.model(config.model)
    dataset = catalog.described(catalog.dataset(config.dataset))
    return _counted(config, (model, transformer(model), dataset, catalog.accelerator(config.accelerator)))


def replan(asked: Plan, config: JobConfig) -> Plan:
    """The plan of a configuration with the model, data and card of another, which are not looked up again."""
    return _counted(config, (asked.model, asked.transformer, asked.dataset, asked.accelerator))


def _counted(config: JobConfig, known: tuple[CatalogModel, Transformer, Dataset, Accelerator]) -> Plan:
    model, counts, dataset, accelerator = known
    if config.packing:
        tokens_per_sequence = float(config.sequence_length)
        sequences = max(dataset.tokens / config.sequence_length, 1.0)
    else:
        tokens_per_sequence = min(dataset.mean_tokens, float(config.sequence_length))
        sequences = float(dataset.examples)
    global_batch = config.micro_batch_size * config.gradient_accumulation_steps * config.replicas
    steps_per_epoch = sequences / global_batch
    total_steps = config.max_steps or max(ceil(config.epochs * steps_per_epoch - FULL), 1)
    if total_steps > MOST_STEPS:
        raise InvalidConfig(
            {
                "max_steps": f"this run would have {total_steps:,} steps; at most {MOST_STEPS:,} are rehearsed, so "
                "give fewer epochs, a larger batch or max_steps"
            }
        )
    return Plan(
        config=config,
        model=model,
        transformer=counts,
        trainable_parameters=trainable_parameters(config, counts),
        dataset=dataset,
        accelerator=accelerator,
        global_batch=global_batch,
        tokens_per_sequence=tokens_per_sequence,
        longest_tokens=longest_tokens(config),
        tokens_per_step=global_batch * tokens_per_sequence,
        sequences_per_epoch=sequences,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        eval_every=config.eval_every or max(total_steps // EVALUATIONS, 1),
        checkpoint_every=config.checkpoint_every or max(total_steps // CHECKPOINTS, 1),
    )
