"""What a training run will take, before it is paid for; which configurations are worth considering."""

from vapor_core.contracts.base import Contract
from vapor_core.contracts.findings import Risk
from vapor_core.contracts.training import JobConfig


class Estimate(Contract):
    """What a run will take, before it is paid for. A GB is 1e9 bytes.

    `*_low` and `*_high` are meant to hold 80 % of what is measured; `coverage` is what share of published rows they
    did hold, each row's source left out of what the range was made from.
    """

    fits: bool
    memory_gb: float  # allocated, per accelerator, at the peak
    memory_gb_low: float
    memory_gb_high: float
    memory_reserved_gb: float  # as nvidia-smi shows it: with the allocator's gaps and the driver's context
    memory_reserved_gb_low: float
    memory_reserved_gb_high: float
    weights_gb: float
    gradients_gb: float
    optimizer_gb: float
    activations_gb: float
    overhead_gb: float
    memory_available_gb: float
    total_steps: int
    steps_per_epoch: float
    tokens_per_step: float
    total_tokens: float
    step_time_s: float
    step_time_s_low: float
    step_time_s_high: float
    tokens_per_second: float  # all accelerators
    tokens_per_second_low: float
    tokens_per_second_high: float
    mfu: float
    mfu_low: float
    mfu_high: float
    startup_s: float
    duration_s: float
    duration_s_low: float
    duration_s_high: float
    cost_usd: float
    cost_usd_low: float
    cost_usd_high: float
    initial_loss: float
    initial_loss_low: float
    initial_loss_high: float
    final_loss: float
    final_loss_low: float
    final_loss_high: float
    final_eval_loss: float
    final_eval_loss_low: float
    final_eval_loss_high: float
    best_eval_step: int
    diverges: bool
    divergence_probability: float
    trainable_parameters: int
    coverage: float  # share of published rows, their source left out, that such ranges held
    risks: tuple[Risk, ...] = ()
    assumptions: tuple[str, ...] = ()


class Proposal(Contract):
    """A configuration worth considering for a budget, with what it would take."""

    config: JobConfig
    estimate: Estimate
    reason: str
