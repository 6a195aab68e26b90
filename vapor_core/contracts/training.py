"""One training run: what is asked for, what it will take, and what a person's own runs say of the laws.

Looking an id up in the catalog is `catalog`'s work, arithmetic on a configuration is `physics.plan`'s.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from vapor_core.contracts.base import Contract, Name, Words, plain_precision
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.findings import Risk

Method = Literal["pretrain", "full", "lora", "qlora"]
Precision = Literal["bf16", "fp16", "fp32", "fp8"]
Optimizer = Literal["adamw", "adamw_8bit", "sgd"]
Sharding = Literal["none", "zero1", "zero2", "zero3"]
ScheduleName = Literal["constant", "linear", "cosine", "wsd"]
BackendName = Literal["simulated", "local", "ray", "imported"]
SchedulePoints = tuple[tuple[float, float], ...]
DEFAULT_DATASET = "yahma/alpaca-cleaned"
MOST_SEQUENCES = 65_536  # in a micro-batch, and micro-batches in a step
DEFAULT_LEARNING_RATE: dict[str, float] = {"pretrain": 6e-4, "full": 2e-5, "lora": 2e-4, "qlora": 2e-4}
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
LORA_HEAD = "lm_head"  # can be adapted too, once and not a layer
# Other projects' words for the same matrices.
LORA_ALIASES: dict[str, tuple[str, ...]] = {
    "query": ("q_proj",),
    "key": ("k_proj",),
    "value": ("v_proj",),
    "projection": ("o_proj",),
    "out_proj": ("o_proj",),
    "dense": ("o_proj",),
    "qkv_proj": LORA_TARGETS[:3],
    "query_key_value": LORA_TARGETS[:3],
    "c_attn": LORA_TARGETS[:3],
    "gate_up_proj": ("gate_proj", "up_proj"),
    "fc1": ("up_proj",),
    "fc2": ("down_proj",),
    "head": (LORA_HEAD,),
    "attention": LORA_TARGETS[:4],
    "mlp": LORA_TARGETS[4:],
    "all-linear": LORA_TARGETS,
}


def _default_learning_rate(data: dict[str, Any]) -> float:
    return DEFAULT_LEARNING_RATE[data.get("method", "lora")]


def _by_method(pretrain: float, tune: float) -> Callable[[dict[str, Any]], float]:
    return lambda data: pretrain if data.get("method") == "pretrain" else tune


class JobConfig(Contract):
    """One training run, completely: the same config and seed give the same world anywhere.

    Fields take other projects' words too, where they mean one thing: a precision "amp_bf16" or "bfloat16", LoRA
    targets "query|value" or "head". `method` also says whose trainer is meant where memory depends on it:
    "pretrain" fused kernels and fp32 master weights (llm-foundry), "full" 16-bit states and eager kernels
    (torchtune, litgpt), "lora" and "qlora" the usual adapters over frozen weights. A pretraining run is
    packed, a fine-tune is padded unless `packing` says so.

    Raises:
        InvalidConfig: with one sentence a field.
    """

    # learning_rate and others depend on earlier fields: keep `method` before them
    model: str | CatalogModel
    name: Name = ""
    dataset: str | Dataset = DEFAULT_DATASET
    method: Method = "lora"
    learning_rate: Annotated[float, Field(gt=0, le=100)] = Field(default_factory=_default_learning_rate)
    schedule: ScheduleName | SchedulePoints = "cosine"
    decay_ratio: Annotated[float, Field(gt=0, le=1)] = 0.1
    min_learning_rate_ratio: Annotated[float, Field(ge=0, le=1)] = Field(default_factory=_by_method(0.1, 0.0))
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = Field(default_factory=_by_method(0.01, 0.03))
    weight_decay: Annotated[float, Field(ge=0, le=10)] = Field(default_factory=_by_method(0.1, 0.0))
    max_grad_norm: Annotated[float, Field(ge=0, le=1e6)] = 1.0  # 0: no clipping
    micro_batch_size: Annotated[int, Field(ge=1, le=MOST_SEQUENCES)] = 4
    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=MOST_SEQUENCES)] = 4
    sequence_length: Annotated[int, Field(ge=1, le=10**7)] = 1024
    packing: bool = Field(default_factory=lambda data: data.get("method") == "pretrain")
    epochs: Annotated[float, Field(gt=0, le=100_000)] = Field(default_factory=_by_method(1.0, 3.0))
    max_steps: Annotated[int | None, Field(ge=1, le=100_000_000)] = None
    precision: Precision = "bf16"
    optimizer: Optimizer = "adamw"
    gradient_checkpointing: bool = False
    lora_rank: Annotated[int, Field(ge=1, le=65536)] = 16
    lora_alpha: Annotated[float, Field(gt=0, le=10**6)] = Field(
        default_factory=lambda data: 2.0 * data.get("lora_rank", 16)
    )
    lora_targets: tuple[str, ...] = LORA_TARGETS
    accelerator: str | Accelerator = "nvidia-l4"
    accelerator_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    sharding: Sharding = "none"
    eval_every: Annotated[int | None, Field(ge=1, le=10**12)] = (
        None  # steps; a twentieth of the run where None
    )
    checkpoint_every: Annotated[int | None, Field(ge=1, le=10**12)] = (
        None  # steps; a tenth of the run where None
    )
    hardware_faults: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    backend: BackendName = "simulated"

    @field_validator("lora_targets", mode="before")
    @classmethod
    def _known_targets(cls, value: object) -> object:
        names = value.replace("|", ",").split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple):
            return value
        full: list[str] = []
        for name in (str(name).strip() for name in names):
            for target in LORA_ALIASES.get(name, (name,)):
                if target not in (*LORA_TARGETS, LORA_HEAD):
                    raise ValueError(
                        f"lora_targets has no {target[:60]!r}; it takes {', '.join(LORA_TARGETS)}, {LORA_HEAD} or "
                        f"{', '.join(LORA_ALIASES)}"
                    )
                if target not in full:
                    full.append(target)
        if not full:
            raise ValueError("lora_targets needs at least one matrix, for example 'q_proj'")
        return tuple(full)

    @field_validator("precision", mode="before")
    @classmethod
    def _plain_words(cls, value: object) -> object:
        return plain_precision(value)

    @field_validator("schedule")
    @classmethod
    def _points_in_order(cls, value: ScheduleName | SchedulePoints) -> ScheduleName | SchedulePoints:
        if isinstance(value, str):
            return value
        fractions = [fraction for fraction, _ in value]
        if len(value) < 2 or len(value) > 10_000:
            raise ValueError("schedule needs 2 to 10,000 points of (fraction of all steps, multiplier)")
        if fractions != sorted(fractions) or fractions[0] < 0 or fractions[-1] > 1:
            raise ValueError("schedule needs its fractions in ascending order between 0 and 1")
        if any(multiplier < 0 for _, multiplier in value):
            raise ValueError("schedule needs multipliers of 0 or more")
        return value

    @model_validator(mode="after")
    def _name_is_one_line(self) -> Self:
        if self.name != self.name.strip() or any(ord(letter) < 32 for letter in self.name):
            raise ValueError("name must not have line breaks, control characters or blanks at its ends")
        return self


class Estimate(Contract):
    """What a run will take, before it is paid for. A GB is 1e9 bytes.

    `*_low` and `*_high` bound the middle 80 % of what published runs measured against the law.
    """

    fits: bool
    memory_gb: float  # per accelerator, at the peak
    memory_gb_low: float
    memory_gb_high: float
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
    tokens_per_second: float  # all accelerators
    tokens_per_second_low: float
    tokens_per_second_high: float
    mfu: float
    startup_s: float
    duration_s: float
    duration_s_low: float
    duration_s_high: float
    cost_usd: float
    cost_usd_low: float
    cost_usd_high: float
    initial_loss: float
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
    risks: tuple[Risk, ...] = ()
    assumptions: tuple[str, ...] = ()


class Proposal(Contract):
    """A configuration worth considering for a budget, with what it would take."""

    config: JobConfig
    estimate: Estimate
    reason: str


# What a person's own runs may differ from the laws by: far beyond what any did, and still within what floats hold
Scale = Annotated[float, Field(ge=1e-6, le=1e6)]
CurveConstant = Annotated[float, Field(ge=-1e9, le=1e9)]


class Calibration(Contract):
    """Constants fitted to a person's own runs. None leaves the law's own.

    Pass it to estimate, forecast or simulate; it corrects level and shape of the loss and the throughput.
    """

    runs: Annotated[int, Field(ge=0, le=100_000)] = 0
    loss_level: Annotated[float, Field(ge=-100, le=100)] | None = None  # nats added to the law
    # constants of the curve within a run; physics.loss names them
    curve: Annotated[tuple[CurveConstant, ...], Field(max_length=4)] | None = None
    loss_stretch: Scale | None = None  # fall of a fine-tune's loss against the law's
    # of the calibrated runs: model size as the corpus's law counts it,
    parameters: Annotated[float, Field(gt=0, le=1e15)] | None = None
    tokens_per_step: Annotated[float, Field(gt=0, le=1e15)] | None = None  # batch,
    # and nats that their learning rate and batch cost by the law
    penalty: Annotated[float, Field(ge=0, le=100)] | None = None
    noise_scale: Annotated[float, Field(ge=0, le=1e4)] | None = None  # minibatch noise against the law's
    throughput_scale: Scale | None = None  # measured tokens/s against the law's
    memory_scale: Scale | None = None
    loss_error: Annotated[float, Field(ge=0, le=1e3)] | None = (
        None  # median absolute relative error of the fit
    )
    throughput_error: Annotated[float, Field(ge=0, le=1e6)] | None = None
    notes: Annotated[tuple[Words, ...], Field(max_length=100)] = ()
