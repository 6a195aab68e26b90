"""What crosses a boundary: every value that pages, notebooks, backends and the journal hand each other.

All are frozen pydantic models. Wrong values raise InvalidConfig with one sentence a field. Looking an id up
in the catalog is `catalog`'s work, arithmetic on a configuration is `physics.plan`'s.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vapor_core.errors import InvalidConfig

Method = Literal["pretrain", "full", "lora", "qlora"]
Precision = Literal["bf16", "fp16", "fp32", "fp8"]
ServingPrecision = Literal["bf16", "fp16", "fp32", "fp8", "int8", "int4", "fp4"]
Optimizer = Literal["adamw", "adamw_8bit", "sgd"]
Sharding = Literal["none", "zero1", "zero2", "zero3"]
ScheduleName = Literal["constant", "linear", "cosine", "wsd"]
Traffic = Literal["steady", "daily", "spike", "ramp"]
BackendName = Literal["simulated", "local", "ray", "imported"]
JobStatus = Literal["queued", "initializing", "running", "paused", "completed", "failed", "stopped", "lost"]
DeploymentStatus = Literal["starting", "healthy", "degraded", "stopped", "failed"]

SchedulePoints = tuple[tuple[float, float], ...]

DEFAULT_DATASET = "yahma/alpaca-cleaned"
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
# Other projects' words for a precision, in small letters.
PRECISION_ALIASES: dict[str, str] = {
    **dict.fromkeys(("bfloat16", "amp_bf16", "bf16-true", "bf16-mixed", "bf16-pure"), "bf16"),
    **dict.fromkeys(("float16", "half", "amp_fp16", "16-true", "16-mixed"), "fp16"),
    **dict.fromkeys(("float32", "32-true"), "fp32"),
    **dict.fromkeys(("float8", "amp_fp8", "fp8_block", "fp8-block"), "fp8"),
    **dict.fromkeys(("nvfp4", "mxfp4"), "fp4"),
}


def _plain_precision(value: object) -> object:
    if not isinstance(value, str):
        return value
    return PRECISION_ALIASES.get(value.lower(), value.lower())


class Contract(BaseModel):
    """A frozen value whose wrong fields are told in one InvalidConfig."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    def __init__(self, **data: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise InvalidConfig(_sentences(error, type(self))) from None

    def changed(self, **changes: Any) -> Self:  # noqa: ANN401 - any field's value
        """The same with some fields changed, validated anew."""
        return type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **changes})


def _sentences(error: ValidationError, owner: type[BaseModel]) -> dict[str, str]:
    """One sentence a field, in pydantic's order; the first problem of a field wins."""
    problems: dict[str, str] = {}
    unknown: list[str] = []
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"]]
        field = path[0] if path else ""
        if field in problems or item["type"] == "default_factory_not_called":
            continue
        if item["type"] == "extra_forbidden" and len(path) == 1:
            unknown.append(field)
            continue
        problems[field] = _sentence(field, item["type"], item["msg"], item.get("input"))
    if unknown:
        problems[unknown[0]] = _strangers(unknown, owner)
    return problems


def _strangers(unknown: list[str], owner: type[BaseModel]) -> str:
    shown = [name if name.isidentifier() and len(name) <= 60 else repr(name[:60]) for name in unknown[:5]]
    names = ", ".join(shown) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    verb = "is not a field" if len(unknown) == 1 else "are not fields"
    return f"{names} {verb} of {owner.__name__}; its fields are {', '.join(owner.model_fields)}"


# pydantic's words for what a person typed, where they are about parsing
_PLAINER = {
    "float_parsing": "should be a number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
}


def _sentence(field: str, kind: str, message: str, value: object) -> str:
    if kind == "missing":
        return f"{field} is required"
    message = _PLAINER.get(kind, message)
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "value_error":
        return text if not field or text.startswith(field) else f"{field}: {text}"
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"{field} {text[0].lower()}{text[1:]}, not {shown}".replace("input should", "should")


Name = Annotated[str, Field(max_length=200)]
Words = Annotated[str, Field(max_length=5000)]  # bounded, so that half a surrogate pair is refused too


class CatalogModel(Contract):
    """A decoder-only language model by its published architecture.

    `parameters` is the total with embeddings. What the source does not publish is None, never guessed.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)]
    parameters: Annotated[int, Field(gt=0, le=10**14)]
    layers: Annotated[int, Field(gt=0, le=10_000)]
    hidden_size: Annotated[int, Field(gt=0, le=10**6)]
    intermediate_size: Annotated[int, Field(gt=0, le=10**7)]
    attention_heads: Annotated[int, Field(gt=0, le=10**5)]
    kv_heads: Annotated[int, Field(gt=0, le=10**5)]
    vocabulary_size: Annotated[int, Field(gt=0, le=10**8)]
    context_length: Annotated[int, Field(gt=0, le=10**9)] = 2048
    tied_embeddings: bool = False
    licence: Words | None = None
    released: Words | None = None  # ISO date, or year-month where no day is published
    pretraining_tokens: Annotated[float | None, Field(gt=0)] = None
    source: Words = ""
    name: Words = ""  # for a screen; the last part of the id where empty
    family: Words = ""
    head_size: Annotated[int | None, Field(gt=0)] = None  # hidden_size / attention_heads where None
    attention_layers: Annotated[int | None, Field(ge=0)] = None  # fewer than layers in hybrids such as LFM2
    gated_mlp: bool | None = None  # three MLP matrices (SwiGLU) or two; inferred from the sum where None
    active_parameters: Annotated[int | None, Field(gt=0)] = None  # mixture of experts: used per token
    gated_access: bool = False  # the Hub asks for an agreement before download
    downloads: int | None = None  # the Hub's count, where the entry came from the Hub
    note: Words = ""

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id.rsplit("/", 1)[-1]

    @property
    def head_dim(self) -> int:
        """Width of one attention head: as given, or by the sum of the parameters, or hidden over heads."""
        return self.head_size or _head_dim(
            self.parameters,
            (self.layers, self.kv_layers),
            (self.hidden_size, self.intermediate_size, self.vocabulary_size),
            (self.attention_heads, self.kv_heads),
        )

    @property
    def kv_layers(self) -> int:
        """Layers that keep keys and values."""
        return self.layers if self.attention_layers is None else self.attention_layers

    @property
    def attention_matrix_parameters(self) -> int:
        """Parameters of the q, k, v and o projections of one attention layer."""
        q_width = self.attention_heads * self.head_dim
        kv_width = self.kv_heads * self.head_dim
        return self.hidden_size * (2 * q_width + 2 * kv_width)

    @property
    def mlp_matrices(self) -> int:
        """3 for a gated MLP, 2 for a plain one; where unsaid, whichever sum comes nearer to `parameters`."""
        if self.gated_mlp is not None:
            return 3 if self.gated_mlp else 2
        rest = self.parameters - self.embedding_parameters - self.layers * self.attention_matrix_parameters
        one = self.layers * self.hidden_size * self.intermediate_size
        return 3 if abs(rest - 3 * one) <= abs(rest - 2 * one) else 2

    @property
    def embedding_parameters(self) -> int:
        """Token embedding and, where not tied, the output head."""
        return self.vocabulary_size * self.hidden_size * (1 if self.tied_embeddings else 2)

    @property
    def non_embedding_parameters(self) -> int:
        """`parameters` without token embedding and output head."""
        return max(self.parameters - self.embedding_parameters, 1)

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that the key-value cache keeps for one token, all layers."""
        return 2 * self.kv_layers * self.kv_heads * self.head_dim

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.attention_heads % self.kv_heads:
            raise ValueError(
                f"kv_heads must divide attention_heads, and {self.kv_heads} does not divide "
                f"{self.attention_heads}"
            )
        if self.attention_layers is not None and self.attention_layers > self.layers:
            raise ValueError(
                f"attention_layers is at most layers; {self.attention_layers} is more than {self.layers}"
            )
        return self


HEAD_WIDTHS = (64, 80, 96, 128, 192, 256)
WIDEST_HEADS = 2.0  # of all heads together, over hidden: Qwen3-0.6B


@lru_cache(maxsize=1024)
def _head_dim(
    parameters: int, layers: tuple[int, int], widths: tuple[int, int, int], heads: tuple[int, int]
) -> int:
    """Hidden over heads, unless only another usual width explains the parameter count (Qwen3, Gemma).

    `layers`: all and those with attention; `widths`: hidden, MLP, vocabulary; `heads`: of queries and of keys.
    """
    hidden, ffn, vocabulary = widths
    usual = max(hidden // heads[0], 1)

    def miss(width: int) -> float:
        attention = layers[1] * hidden * width * 2 * sum(heads)
        return min(
            abs(
                (attention + matrices * layers[0] * hidden * ffn + tables * vocabulary * hidden) / parameters
                - 1
            )
            for matrices in (2, 3)
            for tables in (1, 2)
        )

    best = min(
        (width for width in HEAD_WIDTHS if width * heads[0] <= WIDEST_HEADS * hidden), key=miss, default=usual
    )
    return best if miss(usual) > 0.005 and miss(best) < 0.002 else usual


class Accelerator(Contract):
    """One card (or CPU) by its published peaks. Rates are dense, in TFLOP/s; a GB is 1e9 bytes everywhere."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: Words = ""
    vendor: Words = ""
    memory_gb: Annotated[float, Field(gt=0)]
    bandwidth_gb_s: Annotated[float, Field(gt=0)]
    fp32_tflops: Annotated[float, Field(gt=0)]
    tf32_tflops: float | None = None
    bf16_tflops: float | None = None
    fp16_tflops: float | None = None
    fp8_tflops: float | None = None
    fp4_tflops: float | None = None
    int8_tops: float | None = None
    interconnect: Words = ""
    interconnect_gb_s: Annotated[float, Field(gt=0)] = 16.0  # one way, card to card within a machine
    cards_per_node: Annotated[int, Field(ge=1)] = 8
    power_w: Annotated[float | None, Field(gt=0)] = None
    price_per_hour: Annotated[float, Field(ge=0)] = 0.0  # US dollars, on demand
    price_source: Words = ""
    price_date: Words = ""
    capacity: Annotated[int, Field(ge=1)] = 1024  # cards that the simulated region has
    released: Words | None = None
    source: Words = ""
    note: Words = ""

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id

    def peak_tflops(self, precision: str) -> float:
        """Dense matrix peak at a precision; the next wider one that the card has where it lacks this one."""
        ladder = {
            "fp4": (self.fp4_tflops, self.fp8_tflops, self.bf16_tflops, self.fp16_tflops),
            "fp8": (self.fp8_tflops, self.bf16_tflops, self.fp16_tflops),
            "int8": (self.int8_tops, self.bf16_tflops, self.fp16_tflops),
            "int4": (self.bf16_tflops, self.fp16_tflops),  # weights only: the arithmetic stays 16-bit
            "bf16": (self.bf16_tflops, self.fp16_tflops),
            "fp16": (self.fp16_tflops, self.bf16_tflops),
            "fp32": (self.tf32_tflops,),
        }[precision]
        return next((peak for peak in ladder if peak), self.fp32_tflops)


class LossLaw(Contract):
    """L(N, D) = e + a / N**alpha + b / D**beta, in nats per token; N parameters, D tokens."""

    e: float
    a: float
    alpha: float
    b: float
    beta: float
    source: Words = ""


class Dataset(Contract):
    """A training set by its size. `tokens` and `examples` count the training part once over.

    One of your own that is called like a catalog entry ("MetaMathQA", "c4") and says nothing of its kind or loss
    is taken to be of that text, at your own size; otherwise as typical web text for pretraining.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)] = "own-data"
    tokens: Annotated[int, Field(gt=0, le=10**16)]
    examples: Annotated[int, Field(gt=0, le=10**14)]
    name: Words = ""
    kind: Literal["instruction", "chat", "math", "code", "classification", "pretraining", "own"] = "own"
    licence: Words | None = None
    language: Words = ""
    tokenizer: Words = ""  # whose tokens are counted; "" where estimated from characters
    # The corpus against the compute-optimal law of physics.loss, in nats; 0 is the law's own corpus.
    loss_offset: float | None = None
    loss_law: LossLaw | None = None  # own constants where a published fit exists
    loss_parameters: Literal["total", "non_embedding"] = "total"  # what the law's N counts
    source: Words = ""
    note: Words = ""

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id.rsplit("/", 1)[-1]

    @property
    def mean_tokens(self) -> float:
        """Mean tokens of one example."""
        return self.tokens / self.examples


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
    micro_batch_size: Annotated[int, Field(ge=1, le=65536)] = 4
    gradient_accumulation_steps: Annotated[int, Field(ge=1, le=65536)] = 4
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
    eval_every: Annotated[int | None, Field(ge=1)] = None  # steps; a twentieth of the run where None
    checkpoint_every: Annotated[int | None, Field(ge=1)] = None  # steps; a tenth of the run where None
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
        return _plain_precision(value)

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


class Risk(Contract):
    """Something that a person should know before paying.

    `changes` cures it ({} where nothing is known to), applied by `config.changed(**changes)`.
    """

    code: Literal[
        "does_not_fit",
        "tight_memory",
        "will_diverge",
        "may_diverge",
        "will_overfit",
        "learning_rate_low",
        "learning_rate_high",
        "batch_too_large",
        "wastes_money",
        "padding_waste",
        "context_too_long",
        "precision_unsupported",
        "interruptions",
        "data_too_small",
        "slow_hardware",
    ]
    severity: Literal["blocking", "warning", "note"]
    sentence: str
    cure: str = ""
    changes: dict[str, str | int | float | bool] = Field(default_factory=dict)


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


class ServingConfig(Contract):
    """A serving set-up and its load: `concurrency` (closed loop) or `request_rate` (a second, open)."""

    model: str | CatalogModel
    accelerator: str | Accelerator = "nvidia-l4"
    tensor_parallel: Annotated[int, Field(ge=1, le=1024)] = 1
    precision: ServingPrecision = "bf16"
    input_tokens: Annotated[float, Field(gt=0, le=10**7)] = 512.0
    output_tokens: Annotated[float, Field(gt=0, le=10**7)] = 128.0
    concurrency: Annotated[float | None, Field(gt=0, le=10**6)] = None
    request_rate: Annotated[float | None, Field(gt=0, le=10**6)] = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @field_validator("precision", mode="before")
    @classmethod
    def _plain_words(cls, value: object) -> object:
        return _plain_precision(value)

    @model_validator(mode="after")
    def _one_load(self) -> Self:
        if self.concurrency is not None and self.request_rate is not None:
            raise ValueError("give concurrency or request_rate, not both")
        return self


class ServingEstimate(Contract):
    """Latency and throughput of a ServingConfig. Latencies in ms, medians but for the TTFT of a closed loop.

    That is a mean over ten requests a client from a common start, as benchmarks report it.
    """

    fits: bool
    memory_gb: float  # weights and overhead, per accelerator
    memory_available_gb: float
    weights_gb: float
    kv_gb_per_sequence: float
    max_concurrency: int  # sequences whose key-value cache fits
    batch: float  # sequences decoded together at this load
    ttft_ms: float
    ttft_p99_ms: float
    tpot_ms: float
    tpot_p99_ms: float
    latency_ms: float  # whole request, median
    latency_p95_ms: float
    latency_p99_ms: float
    output_tokens_per_second: float  # the whole tensor-parallel group
    requests_per_second: float
    max_requests_per_second: float  # at saturation
    utilization: float  # of the saturated rate
    saturated: bool
    price_per_hour: float
    price_per_million_tokens: float  # output tokens
    ttft_ms_low: float = 0.0
    ttft_ms_high: float = 0.0
    tpot_ms_low: float = 0.0
    tpot_ms_high: float = 0.0
    assumptions: tuple[str, ...] = ()


class Failure(Contract):
    """Why a job or deployment failed: what happened, why, and the change that cures it."""

    code: Literal["out_of_memory", "diverged", "hardware", "backend", "lost", "invalid_data"]
    what: str
    why: str
    cure: str = ""
    changes: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What, why and cure in one line."""
        return " ".join(part for part in (self.what, self.why, self.cure) if part)


class Finding(Contract):
    """What a detector saw in a series of metrics, simulated or real."""

    code: Literal["nan", "divergence", "spike", "plateau", "overfit", "slow_hardware"]
    severity: Literal["blocking", "warning", "note"]
    sentence: str
    step: int
    cure: str = ""


class Proposal(Contract):
    """A configuration worth considering for a budget, with what it would take."""

    config: JobConfig
    estimate: Estimate
    reason: str


class LifeEvent(Contract):
    """A line of a job's or deployment's history. `at_s` is the workspace's simulated time, seconds."""

    at_s: float
    kind: str
    sentence: str
    step: int | None = None


class Job(Contract):
    """A job as it is now: a frozen view that the store hands out. Times are simulated seconds."""

    id: str
    name: str
    config: JobConfig
    status: JobStatus
    submitted_s: float
    started_s: float | None = None  # first step began
    ended_s: float | None = None
    step: int = 0  # steps done
    total_steps: int
    elapsed_s: float = 0.0  # accelerator time used, pauses left out
    eta_s: float | None = None  # None until it means something
    cost_usd: float = 0.0
    failure: Failure | None = None
    parent_id: str | None = None
    fork_step: int | None = None
    attempt: int = 1
    deleted: bool = False

    @property
    def progress(self) -> float:
        """Fraction done, 0 to 1."""
        return min(self.step / self.total_steps, 1.0) if self.total_steps else 0.0

    @property
    def live(self) -> bool:
        """Whether it still changes by itself."""
        return self.status in ("queued", "initializing", "running")


class Revision(Contract):
    """One model that an endpoint served: which job's result, from when (simulated seconds)."""

    number: int
    job_id: str
    since_s: float


class Deployment(Contract):
    """An endpoint as it is now. Times are simulated seconds of the workspace."""

    id: str
    name: str
    job_id: str  # of the current revision
    model_id: str
    accelerator: str | Accelerator
    replicas_min: int
    replicas_max: int
    traffic: Traffic
    precision: ServingPrecision = "bf16"
    status: DeploymentStatus
    created_s: float
    ended_s: float | None = None
    revisions: tuple[Revision, ...] = ()
    replicas: int = 0  # ready now
    cost_usd: float = 0.0
    failure: Failure | None = None

    @property
    def live(self) -> bool:
        """Whether it still changes by itself."""
        return self.status in ("starting", "healthy", "degraded")


class RegisteredModel(Contract):
    """A model that this workspace has trained: where it came from, and what serves it."""

    id: str  # of the job that made it
    name: str
    job_id: str
    base_model_id: str
    method: Method
    dataset_id: str
    step: int  # steps done
    eval_loss: float | None = None  # the last one measured
    created_s: float  # simulated seconds of the workspace
    parent_id: str | None = None  # the job that this one was forked from
    deployment_ids: tuple[str, ...] = ()  # that serve it now
    served_by: tuple[str, ...] = ()  # that serve or once served it


class Clock(Contract):
    """Time in a workspace: `now` is the caller's seconds, `simulated_s` the world's, `speed` their ratio."""

    now: float
    simulated_s: float
    speed: float  # 0 is paused


class Summary(Contract):
    """Aggregates of a workspace, computed when asked."""

    jobs: int
    jobs_by_status: dict[str, int]
    deployments: int
    deployments_by_status: dict[str, int]
    tokens: float  # trained, all jobs
    accelerator_hours: float
    training_cost_usd: float
    serving_cost_usd: float
    request_rate: float  # of all live deployments, now
    replicas: int
    best_eval_loss: float | None = None
    best_job_id: str | None = None


class Calibration(Contract):
    """Constants fitted to a person's own runs. None leaves the law's own.

    Pass it to estimate, forecast or simulate; it corrects level and shape of the loss and the throughput.
    """

    runs: int = 0
    loss_level: float | None = None  # nats added to the law
    curve: tuple[float, ...] | None = None  # constants of the curve within a run; physics.loss names them
    loss_stretch: float | None = None  # fall of a fine-tune's loss against the law's
    parameters: float | None = None  # of the calibrated runs: model size as the corpus's law counts it,
    tokens_per_step: float | None = None  # batch,
    penalty: float | None = None  # and nats that their learning rate and batch cost by the law
    noise_scale: float | None = None  # minibatch noise against the law's
    throughput_scale: float | None = None  # measured tokens/s against the law's
    memory_scale: float | None = None
    loss_error: float | None = None  # median absolute relative error of the fit
    throughput_error: float | None = None
    notes: tuple[str, ...] = ()
