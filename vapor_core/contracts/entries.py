"""What the catalog holds: a model by its architecture, a card by its peaks, a data set by its size."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vapor_core.contracts.base import Contract, Words


class CatalogModel(Contract):
    """A decoder-only language model by its published architecture.

    `parameters` is the total with embeddings. What the source does not publish is None, never guessed.
    Properties say what follows from the fields; `physics.transformer` reads them once and counts everything else.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)]
    parameters: Annotated[int, Field(gt=0, le=10**14)]
    layers: Annotated[int, Field(gt=0, le=10_000)]
    hidden_size: Annotated[int, Field(gt=0, le=10**6)]
    intermediate_size: Annotated[
        int, Field(gt=0, le=10**7)
    ]  # met by a token: a mixture's experts together, mean of layers
    attention_heads: Annotated[int, Field(gt=0, le=10**5)]
    kv_heads: Annotated[int, Field(gt=0, le=10**5)]
    vocabulary_size: Annotated[int, Field(gt=0, le=10**8)]
    context_length: Annotated[int, Field(gt=0, le=10**9)] = 2048
    tied_embeddings: bool = False
    licence: Words | None = None
    released: Words | None = None  # ISO date, or year-month where no day is published
    pretraining_tokens: Annotated[float | None, Field(ge=1, le=1e18)] = None
    source: Words = ""
    name: Words = ""  # for a screen; the last part of the id where empty
    family: Words = ""
    head_size: Annotated[int | None, Field(gt=0, le=10**5)] = (
        None  # told by the sum of the parameters where None
    )
    attention_layers: Annotated[int | None, Field(ge=0, le=10_000)] = (
        None  # fewer than layers in hybrids such as LFM2
    )
    gated_mlp: bool | None = None  # three MLP matrices (SwiGLU) or two; inferred from the sum where None
    active_parameters: Annotated[int | None, Field(gt=0, le=10**14)] = (
        None  # mixture of experts: used per token
    )
    gated_access: bool = False  # the Hub asks for an agreement before download
    downloads: Annotated[int | None, Field(ge=0)] = None  # the Hub's count, where the entry came from the Hub
    # What heads and layers do not tell: latent attention, state spaces, layers that differ. None: they tell it.
    attention_parameters: Annotated[int | None, Field(ge=0, le=10**14)] = (
        None  # of all that mixes tokens, all layers
    )
    kv_cache_values: Annotated[int | None, Field(ge=0, le=10**12)] = (
        None  # numbers kept for a token, all layers
    )
    # A mixture's MLPs: a token meets `experts_per_token` of `experts` in each layer that has them
    experts: Annotated[int | None, Field(gt=0, le=10**5)] = None
    experts_per_token: Annotated[int | None, Field(gt=0, le=10**5)] = None
    expert_size: Annotated[int | None, Field(gt=0, le=10**7)] = None  # width of one expert
    shared_expert_size: Annotated[int | None, Field(ge=0, le=10**7)] = None  # width that every token meets
    dense_layers: Annotated[int | None, Field(ge=0, le=10_000)] = None  # of a mixture: with one MLP for all
    latent_attention: bool = False  # keys and values are kept compressed, all heads together (DeepSeek)
    sliding_layers: Annotated[int | None, Field(ge=0, le=10_000)] = (
        None  # of those that attend: they look back a window only
    )
    sliding_window: Annotated[int | None, Field(gt=0, le=10**9)] = None  # tokens
    instruction_tuned: bool | None = None  # tuned to follow instructions or to chat; None: nobody says
    note: Words = ""

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id.rsplit("/", 1)[-1]

    @property
    def head_dim(self) -> int:
        """Width of one attention head: as given, or by the sum of the parameters, or hidden over heads."""
        return self.head_size or _told_head_width(self)

    @property
    def kv_layers(self) -> int:
        """Layers that attend and keep keys and values."""
        return self.layers if self.attention_layers is None else self.attention_layers

    @property
    def attention_matrix_parameters(self) -> int:
        """Parameters of the q, k, v and o projections of one layer that attends."""
        return 2 * self.hidden_size * (self.attention_heads + self.kv_heads) * self.head_dim

    @property
    def mlp_matrices(self) -> int:
        """3 for a gated MLP, 2 for a plain one; where unsaid, whichever sum comes nearer to `parameters`."""
        if self.gated_mlp is not None:
            return GATED if self.gated_mlp else PLAIN
        mixing = mixing_parameters(self, self.head_dim)
        rest = self.parameters - self.embedding_parameters - mixing
        one = self.layers * self.hidden_size * self.intermediate_size
        return GATED if abs(rest - GATED * one) <= abs(rest - PLAIN * one) else PLAIN

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
        """Numbers that the key-value cache keeps for one token, all layers; windows are not yet cut off."""
        if self.kv_cache_values is not None:
            return self.kv_cache_values
        return 2 * self.kv_layers * self.kv_heads * self.head_dim

    @property
    def cache_heads(self) -> int:
        """Parts into which a tensor-parallel group can split the cache: heads; 1 where they are kept together."""
        return 1 if self.latent_attention else self.kv_heads

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


GATED, PLAIN = 3, 2  # matrices of an MLP: gate, up and down (SwiGLU), or up and down
# Hidden x hidden, of a layer that does not attend: three in, one out (LFM2's config)
CONVOLUTION_MATRICES = 4
HEAD_WIDTHS = (64, 80, 96, 128, 192, 256)  # that published models use, besides hidden / heads
WIDEST_HEADS = 2.0  # of all heads together, over hidden: Qwen3-0.6B
# Relative misses of a sum over matrices, which leaves norms and biases out
HEAD_MISSED, HEAD_MET = 0.005, 0.002


def mixing_parameters(model: CatalogModel, head_width: int) -> int:
    """Parameters of all layers that mix tokens: attention, and short convolutions in layers that do not attend.

    What a model says of itself holds: heads do not tell latent attention, state spaces, or layers that differ.
    """
    if model.attention_parameters is not None:
        return model.attention_parameters
    attention = 2 * model.hidden_size * (model.attention_heads + model.kv_heads) * head_width
    convolution = CONVOLUTION_MATRICES * model.hidden_size**2
    return model.kv_layers * attention + (model.layers - model.kv_layers) * convolution


def _told_head_width(model: CatalogModel) -> int:
    """Hidden over heads, unless only another usual width explains the parameter count (Qwen3, Gemma)."""
    hidden, heads = model.hidden_size, model.attention_heads
    usual = max(hidden // heads, 1)
    one, table = model.layers * hidden * model.intermediate_size, model.vocabulary_size * hidden

    def miss(width: int) -> float:
        mixing = mixing_parameters(model, width)
        return min(
            abs((mixing + matrices * one + tables * table) / model.parameters - 1)
            for matrices in (PLAIN, GATED)
            for tables in (1, 2)
        )

    possible = [width for width in HEAD_WIDTHS if width * heads <= WIDEST_HEADS * hidden]
    best = min(possible, key=miss, default=usual)
    return best if miss(usual) > HEAD_MISSED and miss(best) < HEAD_MET else usual


# Fields of an Accelerator with the peak of a precision, best first; the last resort is fp32_tflops.
_PEAKS: dict[str, tuple[str, ...]] = {
    "fp4": ("fp4_tflops", "fp8_tflops", "bf16_tflops", "fp16_tflops"),
    "fp8": ("fp8_tflops", "bf16_tflops", "fp16_tflops"),
    "int8": ("int8_tops", "bf16_tflops", "fp16_tflops"),
    "int4": ("bf16_tflops", "fp16_tflops"),  # weights only: the arithmetic stays 16-bit
    "bf16": ("bf16_tflops", "fp16_tflops"),
    "fp16": ("fp16_tflops", "bf16_tflops"),
    "fp32": ("tf32_tflops",),
}


# From a toy to ten thousand times the fastest card of today; what is slower computes nothing in a lifetime
LEAST_RATE, MOST_RATE = 1e-6, 1e7
Rate = Annotated[float, Field(ge=LEAST_RATE, le=MOST_RATE)]  # GB/s or TFLOP/s
Peak = Annotated[float, Field(ge=0, le=MOST_RATE)]  # below LEAST_RATE as None: it has no such arithmetic


Slowdown = Annotated[float, Field(ge=0.01, le=1000)]


class Accelerator(Contract):
    """One card (or CPU) by its published peaks. Rates are dense, in TFLOP/s; a GB is 1e9 bytes everywhere."""

    id: Annotated[str, Field(min_length=1, max_length=100)]
    name: Words = ""
    vendor: Words = ""
    memory_gb: Annotated[float, Field(ge=1e-6, le=1e6)]
    bandwidth_gb_s: Rate
    fp32_tflops: Rate
    tf32_tflops: Peak | None = None
    bf16_tflops: Peak | None = None
    fp16_tflops: Peak | None = None
    fp8_tflops: Peak | None = None
    fp4_tflops: Peak | None = None
    int8_tops: Peak | None = None
    interconnect: Words = ""
    interconnect_gb_s: Rate = 16.0  # one way, card to card within a machine
    # One way, all network cards of one machine together; told by the link between its cards where None.
    network_gb_s: Rate | None = None
    peer_to_peer: bool = True  # cards of a machine read each other's memory without the host in between
    host_gb_s: Rate = 25.0  # one way, card to host memory; 25 is PCIe 4 x16
    cache_mb: Annotated[float, Field(ge=0, le=1e5)] = 24.0  # last-level cache, 1e6 bytes
    measured_tflops: Peak | None = None  # the largest 16-bit matrix product that somebody measured
    measured_fp8_tflops: Peak | None = None  # the same in fp8
    # Of a machine that was measured: times the law's time that a whole training step took on it, where all weights and
    # where adapters are trained (as all weights where None), and the memory that a process holds before it trains,
    # where that counts (a processor's)
    slowdown: Slowdown = 1.0
    adapter_slowdown: Slowdown | None = None
    held_gb: Annotated[float, Field(ge=0, le=1e4)] = 0.0
    start_s: Annotated[float | None, Field(ge=0, le=1e4)] = (
        None  # from a process's start until a trainer is loaded
    )
    cards_per_node: Annotated[int, Field(ge=1, le=10**6)] = 8
    power_w: Annotated[float | None, Field(gt=0, le=1e6)] = None
    price_per_hour: Annotated[float, Field(ge=0, le=1e6)] = 0.0  # US dollars, on demand; 0: not known
    price_source: Words = ""
    price_date: Words = ""
    capacity: Annotated[int, Field(ge=1, le=10**9)] = 1024  # cards that the simulated region has
    released: Words | None = None
    source: Words = ""
    note: Words = ""

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id

    def peak_tflops(self, precision: str) -> float:
        """Dense matrix peak at a precision; the next wider one that the card has where it lacks this one."""
        for field in _PEAKS[precision]:
            peak: float | None = getattr(self, field)
            if peak and peak >= LEAST_RATE:
                return peak
        return self.fp32_tflops


class Quote(Contract):
    """What one provider asks for an hour of one card, on demand unless `source` says otherwise."""

    provider: Annotated[str, Field(min_length=1, max_length=100)]
    usd_per_hour: Annotated[float, Field(gt=0, le=1e6)]
    date: Annotated[str, Field(pattern=r"^(20\d\d-\d\d(-\d\d)?)?$")] = (
        ""  # when it was read; "" where unknown
    )
    place: Words = ""  # the provider's region, where the price holds for one
    source: Words = ""


class LossLaw(Contract):
    """L(N, D) = e + a / N**alpha + b / D**beta, in nats per token; N parameters, D tokens."""

    e: Annotated[float, Field(ge=0, le=20)]
    a: Annotated[float, Field(ge=0, le=1e9)]
    alpha: Annotated[float, Field(ge=0, le=5)]
    b: Annotated[float, Field(ge=0, le=1e9)]
    beta: Annotated[float, Field(ge=0, le=5)]
    source: Words = ""


DatasetKind = Literal[
    "instruction",
    "chat",
    "math",
    "code",
    "classification",
    "reasoning",
    "summarization",
    "translation",
    "roleplay",
    "structured",
    "preference",
    "text",
    "pretraining",
    "own",
]
# Other words for the same kinds.
KIND_ALIASES = {
    "completion": "text", "completions": "text", "language modeling": "text", "corpus": "pretraining",
    "conversation": "chat", "conversational": "chat", "dialogue": "chat", "dialog": "chat", "multi-turn": "chat",
    "question answering": "instruction", "qa": "instruction", "instructions": "instruction",
    "mathematics": "math", "sql": "code", "text-to-sql": "code", "function calling": "structured",
    "tool calling": "structured", "tools": "structured", "extraction": "structured", "thinking": "reasoning",
    "chain of thought": "reasoning", "summarisation": "summarization", "summary": "summarization",
    "characters": "roleplay", "role-play": "roleplay", "preferences": "preference", "dpo": "preference",
    "unknown": "own", "other": "own", "": "own",
}  # fmt: skip
Nats = Annotated[float | None, Field(gt=0, le=20)]
Share = Annotated[float | None, Field(ge=0, le=1)]


class Dataset(Contract):
    """A training set by its size. `tokens` and `examples` count the training part once over.

    One of your own that is called like a catalog entry ("MetaMathQA", "c4") and says nothing of its kind or loss
    is taken to be of that text, at your own size; otherwise as typical web text for pretraining. What a fine-tune
    loses on it follows `first_loss` and `learnt_loss` where they are known, else kind, language and lengths, and
    of a file that was read its `entropy` and shares too.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)] = "own-data"
    tokens: Annotated[int, Field(gt=0, le=10**16)]
    examples: Annotated[int, Field(gt=0, le=10**14)]
    name: Words = ""
    kind: DatasetKind = "own"
    licence: Words | None = None
    language: Words = ""  # "English" where not said
    longest_tokens: Annotated[int | None, Field(gt=0, le=10**12)] = None  # of one example, where it is known
    tokenizer: Words = ""  # whose tokens are counted; "" where estimated from characters
    bytes_per_token: Annotated[float | None, Field(gt=0, le=1000)] = (
        None  # of the text, as `tokens` counts them
    )
    # Nats a token of a base model of 7 billion parameters with 32,000 words: before it is tuned, and on held-out text
    # after half a million tokens of it
    first_loss: Nats = None
    learnt_loss: Nats = None
    pairs_loss: Nats = None  # of preference pairs: DPO's loss on held-out ones once it has learnt
    # Of a file that was read: bits a byte that a small compressor leaves, the share of tokens that all examples have
    # in common, and of examples that are copies of others
    entropy: Annotated[float | None, Field(ge=0, le=8)] = None
    template_share: Share = None
    repeated_share: Share = None
    # The corpus against the compute-optimal law of physics.loss, in nats; 0 is the law's own corpus.
    loss_offset: Annotated[float | None, Field(ge=-1.8, le=20)] = None
    loss_law: LossLaw | None = None  # own constants where a published fit exists
    loss_parameters: Literal["total", "non_embedding"] = "total"  # what the law's N counts
    source: Words = ""
    loss_source: Words = ""  # of `first_loss` and `learnt_loss`
    note: Words = ""

    @field_validator("kind", mode="before")
    @classmethod
    def _plain_kind(cls, value: object) -> object:
        return KIND_ALIASES.get(value.strip().casefold(), value) if isinstance(value, str) else value

    @property
    def display_name(self) -> str:
        """Short name for a screen."""
        return self.name or self.id.rsplit("/", 1)[-1]

    @property
    def mean_tokens(self) -> float:
        """Mean tokens of one example."""
        return self.tokens / self.examples
