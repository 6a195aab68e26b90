"""A configuration from what a trainer's file says, once the number of its steps is known.

Trainers count warm-up in steps and evaluations in epochs; JobConfig has shares of the run and steps.
"""

from collections.abc import Mapping

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import NotInCatalog
from vapor_core.physics.plan import Plan, plan

# Figures of `Reading.counts`.
WARMUP_STEPS = "warmup_steps"
DECAY_STEPS = "decay_steps"
EVALS_PER_EPOCH, SAVES_PER_EPOCH = "evals_per_epoch", "saves_per_epoch"
EVAL_SHARE, SAVE_SHARE = "eval_share", "save_share"  # of the whole run
STEPS_PER_EPOCH = "max_steps_per_epoch"
STAND_IN = "openai-community/gpt2"  # any model of the catalog
MOST_WARMUP = 0.999  # of a run
CLOSE = 1 - 1e-9  # keeps a share of steps from rounding up to one more


def built(model: object, values: Mapping[str, object], counts: Mapping[str, float]) -> JobConfig:
    """The configuration of a model: its id, a CatalogModel or the fields of one.

    Raises:
        InvalidConfig: where a value is none that a configuration can have.
    """
    return with_counts(JobConfig(**{**values, "model": model}), counts)


def with_counts(config: JobConfig, counts: Mapping[str, float]) -> JobConfig:
    """A configuration with what is counted in steps or epochs."""
    if STEPS_PER_EPOCH in counts and config.max_steps is None:
        steps = max(round(counts[STEPS_PER_EPOCH] * config.epochs), 1)
        config = config.changed(max_steps=min(steps, run_of(config).total_steps))
    if not counts.keys() - {STEPS_PER_EPOCH}:
        return config
    run = run_of(config)
    changes: dict[str, object] = {}
    if WARMUP_STEPS in counts:
        changes["warmup_ratio"] = min(max(counts[WARMUP_STEPS], 0.0) / run.total_steps * CLOSE, MOST_WARMUP)
    if DECAY_STEPS in counts:
        changes["decay_ratio"] = min(max(counts[DECAY_STEPS] / run.total_steps, 1e-6), 1.0)
    for target, often, share in (
        ("eval_every", EVALS_PER_EPOCH, EVAL_SHARE),
        ("checkpoint_every", SAVES_PER_EPOCH, SAVE_SHARE),
    ):
        if counts.get(often, 0) > 0:
            changes[target] = max(round(run.steps_per_epoch / counts[often]), 1)
        elif counts.get(share, 0) > 0:
            changes[target] = max(round(run.total_steps * counts[share]), 1)
    return config.changed(**changes) if changes else config


def run_of(config: JobConfig) -> Plan:
    """A run's steps, which do not depend on its model: one that the catalog has not is stood in for.

    Raises:
        InvalidConfig: where the catalog has not its data.
    """
    try:
        return plan(config)
    except NotInCatalog:
        return plan(config.changed(model=STAND_IN))


def data_name(config: JobConfig) -> str:
    """What a configuration calls its data."""
    return config.dataset if isinstance(config.dataset, str) else config.dataset.id
