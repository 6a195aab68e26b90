"""One training run: what is asked for, and what a person's own runs say of the laws.

Looking an id up in the catalog is `catalog`'s work, arithmetic on a configuration is `physics.plan`'s.
"""

from collections.abc import Callable, Hashable
from math import prod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vapor_core.contracts.base import Contract, Name, Words, plain_precision
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.presets import (
    PRESETS,
    Attention,
    CrossEntropy,
    MasterWeights,
    Trainer,
    default_master_weights,
    default_trainer,
)

Method = Literal["pretrain", "full", "lora", "qlora", "dpo", "orpo", "kto", "grpo"]
Precision = Literal["bf16", "fp16", "fp32", "fp8"]
Optimizer = Literal[
    "adamw",
    "adamw_8bit",
    "paged_adamw_8bit",
    "adamw_4bit",
    "adafactor",
    "lion",
    "galore_adamw",
    "muon",
    "sgd",
]
Sharding = Literal["none", "zero1", "zero2", "zero3", "hybrid"]
Quantization = Literal["none", "nf4", "int8", "gptq", "awq"]
Offloaded = Literal["optimizer", "parameters", "activations"]
ScheduleName = Literal["constant", "linear", "cosine", "wsd"]
BackendName = Literal["simulated", "local", "ray", "hf_jobs", "imported", "followed"]
SchedulePoints = tuple[tuple[float, float], ...]
DEFAULT_DATASET = "yahma/alpaca-cleaned"
MOST_SEQUENCES = 65_536  # in a micro-batch, and micro-batches in a step
PREFERENCE_METHODS = ("dpo", "orpo", "kto", "grpo")  # from pairs, marks or rewards, not from answers alone
DEFAULT_LEARNING_RATE: dict[str, float] = {
    "pretrain": 6e-4,
    "full": 2e-5,
    "lora": 2e-4,
    "qlora": 2e-4,
    **dict.fromkeys(PREFERENCE_METHODS, 1e-6),  # TRL's DPOConfig, ORPOConfig, KTOConfig and GRPOConfig
}
DEFAULT_RANK = 16
PARALLEL = ("tensor_parallel", "pipeline_parallel", "context_parallel")  # that divide one replica
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


Parallel = Annotated[int, Field(ge=1, le=1_000_000)]


def _default_learning_rate(data: dict[str, Any]) -> float:
    return DEFAULT_LEARNING_RATE[data.get("method", "lora")]


def _default_quantization(data: dict[str, Any]) -> Quantization:
    return "nf4" if data.get("method") == "qlora" else "none"


def _default_rank(data: dict[str, Any]) -> int:
    """Preferences are learnt by all weights, as TRL does without a peft_config, unless the base is quantised."""
    alone = data.get("method") in PREFERENCE_METHODS and data.get("base_quantization", "none") == "none"
    return 0 if alone else DEFAULT_RANK


def _adapts(data: dict[str, Any]) -> bool:
    method = data.get("method", "lora")
    return method in ("lora", "qlora") or (method in PREFERENCE_METHODS and data.get("lora_rank", 0) > 0)


def _quantised(data: dict[str, Any]) -> bool:
    return bool(data.get("base_quantization", "none") != "none")


def _hashable(values: list[object] | tuple[object, ...]) -> bool:
    return all(isinstance(value, Hashable) for value in values)


def _default_masters(data: dict[str, Any]) -> MasterWeights:
    return default_master_weights(
        data.get("trainer", "trl"),
        data.get("method", "lora"),
        data.get("precision", "bf16"),
        adapts=_adapts(data),
        quantised=_quantised(data),
    )


def _by_trainer(field: str) -> Callable[[dict[str, Any]], Any]:
    return lambda data: getattr(PRESETS[data.get("trainer", "trl")], field)


def _default_loss(data: dict[str, Any]) -> CrossEntropy:
    """The trainer's own; whoever turns on kernels that are off there (Liger) has the loss fused too."""
    preset = PRESETS[data.get("trainer", "trl")]
    return "fused" if data.get("fused_kernels") and not preset.fused_kernels else preset.cross_entropy


def _by_method(pretrain: float, tune: float) -> Callable[[dict[str, Any]], float]:
    return lambda data: pretrain if data.get("method") == "pretrain" else tune


class JobConfig(Contract):
    """One training run, completely: the same config and seed give the same world anywhere.

    Fields take other projects' words too, where they mean one thing: a precision "amp_bf16" or "bfloat16", LoRA
    targets "query|value" or "head". `trainer` says whose trainer is meant: it gives the defaults of
    `master_weights`, `cross_entropy`, `attention`, `fused_kernels` and `compile`, which `presets` lists. "dpo",
    "orpo", "kto" and "grpo" train all weights, or adapters where `lora_rank` is given or the base is quantised. A
    pretraining run is packed, a fine-tune is padded unless `packing` says so.

    Raises:
        InvalidConfig: with one sentence a field.
    """

    # defaults and checks depend on earlier fields: keep `method`, `base_quantization` and `trainer` before them
    model: str | CatalogModel
    name: Name = ""
    dataset: str | Dataset = DEFAULT_DATASET
    method: Method = "lora"
    trainer: Trainer = Field(default_factory=lambda data: default_trainer(data.get("method", "lora")))
    base_quantization: Quantization = Field(default_factory=_default_quantization)  # of frozen weights
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
    lora_rank: Annotated[int, Field(ge=0, le=65536)] = Field(default_factory=_default_rank)  # 0: no adapters
    lora_alpha: Annotated[float, Field(gt=0, le=10**6)] = Field(
        default_factory=lambda data: 2.0 * (data.get("lora_rank") or DEFAULT_RANK)
    )
    lora_targets: tuple[str, ...] = LORA_TARGETS
    dora: bool = False  # adapters with a magnitude of their own for each output
    train_embeddings: bool = False  # embedding and head trained whole beside the adapters
    master_weights: MasterWeights = Field(default_factory=_default_masters)  # of what is trained
    fused_kernels: bool = Field(default_factory=_by_trainer("fused_kernels"))
    cross_entropy: CrossEntropy = Field(default_factory=_default_loss)
    attention: Attention = Field(default_factory=_by_trainer("attention"))
    compile: bool = Field(default_factory=_by_trainer("compile"))
    offload: tuple[Offloaded, ...] = ()  # what waits in the machine's own memory
    accelerator: str | Accelerator = "nvidia-l4"
    accelerator_count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    sharding: Sharding = "none"
    tensor_parallel: Parallel = 1  # cards that share every matrix, and the sequence between them
    pipeline_parallel: Parallel = 1  # cards that hold the layers one after another
    context_parallel: Parallel = 1  # cards that share one sequence
    expert_parallel: Parallel = 1  # cards that share the experts of a mixture
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

    @field_validator("base_quantization")
    @classmethod
    def _frozen_where_quantised(cls, value: Quantization, info: ValidationInfo) -> Quantization:
        method = info.data.get("method")
        if value != "none" and method in ("full", "pretrain"):
            raise ValueError(
                f"base_quantization {value!r} needs adapters, and method {method!r} trains all weights; "
                "use 'qlora' or 'none'"
            )
        if value == "none" and method == "qlora":
            raise ValueError(
                "base_quantization 'none' leaves method 'qlora' nothing quantised; use 'lora' or 'nf4'"
            )
        return value

    @field_validator("lora_rank")
    @classmethod
    def _rank_of_adapters(cls, value: int, info: ValidationInfo) -> int:
        if value == 0 and (info.data.get("method") in ("lora", "qlora") or _quantised(info.data)):
            raise ValueError("lora_rank is at least 1 where adapters are trained, for example 16")
        return value

    @field_validator("dora")
    @classmethod
    def _of_adapters(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "method" in info.data and not _adapts(info.data):
            raise ValueError(
                f"dora belongs to adapters, and method {info.data['method']!r} trains all weights; leave it out or "
                "use 'lora'"
            )
        return value

    @field_validator("offload", mode="before")
    @classmethod
    def _offloaded(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part.strip() for part in value.replace("|", ",").split(",") if part.strip()]
        return tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) and _hashable(value) else value

    @field_validator("tensor_parallel", "pipeline_parallel", "context_parallel")
    @classmethod
    def _divides_the_cards(cls, value: int, info: ValidationInfo) -> int:
        cards = info.data.get("accelerator_count", 1)
        before = [info.data.get(name, 1) for name in PARALLEL if name in info.data]
        if cards % (value * prod(before)):
            told = " x ".join(str(each) for each in (*(each for each in before if each > 1), value))
            raise ValueError(
                f"{info.field_name}: {told} cards of one replica must divide accelerator_count, which is {cards}"
            )
        return value

    @field_validator("expert_parallel")
    @classmethod
    def _experts_divide_the_cards(cls, value: int, info: ValidationInfo) -> int:
        cards, stages = info.data.get("accelerator_count", 1), info.data.get("pipeline_parallel", 1)
        if cards % (value * stages):
            raise ValueError(
                f"expert_parallel {value} with pipeline_parallel {stages} must divide accelerator_count, "
                f"which is {cards}"
            )
        return value

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

    @property
    def adapts(self) -> bool:
        """Whether the model's own weights stay as they are and adapters are trained."""
        return self.method in ("lora", "qlora") or (self.method in PREFERENCE_METHODS and self.lora_rank > 0)

    @property
    def replica_cards(self) -> int:
        """Accelerators that hold one copy of the model together, sharding left out."""
        return self.tensor_parallel * self.pipeline_parallel * self.context_parallel

    @property
    def replicas(self) -> int:
        """Copies of the model that work on micro-batches of their own."""
        return max(self.accelerator_count // self.replica_cards, 1)


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
    loss_stretch: Scale | None = None  # fall of a fine-tune's loss against the law's, in calibrations of old
    # Of a fine-tune, times the law's: its first and its learnt loss, the steps to learn its template, and how fast it
    # learns by heart
    loss_first: Scale | None = None
    loss_learnt: Scale | None = None
    loss_pace: Scale | None = None
    loss_memory: Scale | None = None
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
