"""What an estimate of memory takes for granted: whose trainer, which precision and kernels, measured or not."""

from collections.abc import Iterator

from vapor_core.contracts.presets import PRESETS, TRLS
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.memory import distance
from vapor_core.physics.plan import Plan
from vapor_core.physics.states import REFERENCED, moment_bytes, trained_width

_LOSS = {
    "full": "the loss of all tokens at once",
    "chunked": "the loss in chunks",
    "fused": "a fused loss",
}
_RANGES = {
    "sharded": "Few sharded runs and mixtures were measured, so that the range of memory is wider.",
    "unmeasured": "Peaks with such parallelism, offload, attention or optimizer were hardly measured, so that the "
    "range of memory is the widest.",
}


def told_of_memory(asked: Plan) -> Iterator[str]:
    """Sentences for an estimate."""
    config = asked.config
    yield (
        f"{PRESETS[config.trainer].title}: {_LOSS[config.cross_entropy]}, {config.attention} attention"
        + (", fused kernels" if config.fused_kernels else "")
        + (", compiled" if config.compile else "")
        + f"; {_states(asked)}."
    )
    if config.method in REFERENCED and not config.adapts:
        yield f"{config.method.upper()} keeps a frozen copy of the model to compare with."
    if config.trainer in TRLS and config.method == "full" and config.master_weights == "none":
        yield "A trainer that loads the model in fp32, as TRL does of a name alone, keeps fp32 master weights."
    if config.replicas > 1 and config.sharding != "none" and not config.adapts:
        yield "A loader that puts the whole model on each card before it is sharded needs that once at the start."
    far = distance(config, asked.transformer)
    if far in _RANGES:
        yield _RANGES[far]


def _states(asked: Plan) -> str:
    config = asked.config
    if config.adapts:
        base = "16-bit" if config.base_quantization == "none" else config.base_quantization
        return f"adapters over frozen {base} weights"
    per = _bytes(config, asked)
    kept = "fp32 master weights" if config.master_weights == "fp32" else "no master weights"
    return f"{kept}, {per:.3g} bytes a parameter in weights, gradients and optimizer"


def _bytes(config: JobConfig, asked: Plan) -> float:
    wide = trained_width(config)
    masters = 4.0 if config.master_weights == "fp32" and config.precision != "fp32" else 0.0
    compute = 4.0 if config.precision == "fp32" else 2.0
    return compute + wide + masters + moment_bytes(config, asked.transformer)
