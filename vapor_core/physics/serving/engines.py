"""What sets inference engines apart: how much memory they take, and how they schedule prompts.

Every default is the engine's own; what a configuration says itself comes first. vLLM: arg_utils (0.9 of the card; 1,024
sequences and 8,192 tokens a step from 70 GiB on but for the A100, else 256 and 2,048; prompts in chunks beside
decoding). SGLang: server_args (0.88 static; chunks of 8,192, prompts first). TensorRT-LLM: KvCacheConfig (0.9 of what
weights leave; a started request is never evicted; checkpoints of 8 bits and fewer carry an 8-bit cache). LMDeploy:
TurbomindEngineConfig (0.8 of what weights leave; 128 sequences; 8,192 prompt tokens a step). llama.cpp: server (all of
the card; four slots; 2,048 tokens a batch). transformers: generate() has no pages and takes one batch at a time.
"""

from dataclasses import dataclass, fields

from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.serving import Engine, EngineSettings, ServingPrecision

GB = 1e9  # bytes
LARGE_CARD_GB = 75.0  # nominal, which is 70 GiB: from here vLLM's larger defaults apply
SMALL_BATCH_CARDS = frozenset({"nvidia-a100-80gb", "nvidia-a100-40gb"})  # that vLLM excepts from them
NARROW_WEIGHTS: tuple[ServingPrecision, ...] = ("fp8", "fp4")


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """One engine's defaults.

    Attributes:
        memory_share: of the card, or of what weights leave of it, that the engine takes.
        share_of_free: whether it is of what weights leave.
        mixed: prompts share steps with running sequences; otherwise they go first and those wait.
        chunk_tokens: prompt tokens of one step, on a small and on a large card.
        sequences: that run together, on a small and on a large card.
        narrow_cache: whether 8-bit and 4-bit weights come with an 8-bit cache.
        paged: whether the cache is reserved ahead and handed out in pages.
        evicts: lets requests in while their prompts fit, and sends the last one back when outputs run short.
        launch_layer_ms: a layer's launches from Python, which the card's work hides behind; 0 with captured graphs.
        drift: spread of lengths that a load generator asks to be equal: over HTTP prompts are tokenised anew, in one
            process they are the same ids.
        own_collectives: whether small all-reduces go through kernels of its own instead of NCCL.
        compiled: whether a model is built into kernels of its own ahead.
    """

    memory_share: float
    share_of_free: bool = False
    mixed: bool = True
    chunk_tokens: tuple[int, int] = (8192, 8192)
    sequences: tuple[int, int] = (1024, 1024)
    narrow_cache: bool = False
    paged: bool = True
    evicts: bool = True
    launch_layer_ms: float = 0.0
    drift: float = 0.02
    own_collectives: bool = True
    compiled: bool = False


ENGINES: dict[Engine, EngineTraits] = {
    "vllm": EngineTraits(memory_share=0.9, chunk_tokens=(2048, 8192), sequences=(256, 1024)),
    "sglang": EngineTraits(memory_share=0.88, mixed=False),
    "tensorrt_llm": EngineTraits(
        memory_share=0.9, share_of_free=True, sequences=(2048, 2048), narrow_cache=True, evicts=False,
        compiled=True,
    ),
    "lmdeploy": EngineTraits(
        memory_share=0.8, share_of_free=True, mixed=False, sequences=(128, 128), drift=0.0,
        own_collectives=False,
    ),
    "llama_cpp": EngineTraits(
        memory_share=1.0, chunk_tokens=(2048, 2048), sequences=(4, 4), paged=False, evicts=False,
        own_collectives=False,
    ),
    "transformers": EngineTraits(
        memory_share=1.0, mixed=False, chunk_tokens=(10**7, 10**7), paged=False, evicts=False,
        launch_layer_ms=0.72, drift=0.0, own_collectives=False,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may set of an engine; None is the engine's own default."""

    engine: Engine = "vllm"
    memory_utilization: float | None = None
    max_model_len: int | None = None
    max_sequences: int | None = None
    kv_precision: ServingPrecision | None = None
    chunked_prefill: bool | None = None
    prefix_hit_rate: float = 0.0
    speculative_tokens: int = 0

    @classmethod
    def of(cls, given: EngineSettings) -> "Settings":
        """Those of a configuration."""
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})

    @property
    def traits(self) -> EngineTraits:
        """The engine's defaults."""
        return ENGINES[self.engine]

    @property
    def memory_share(self) -> float:
        """Of the card, or of what weights leave of it."""
        given = self.memory_utilization
        return self.traits.memory_share if given is None else given

    @property
    def mixed(self) -> bool:
        """Whether prompts share steps with running sequences."""
        return self.traits.mixed if self.chunked_prefill is None else self.chunked_prefill

    def chunk_tokens(self, card: Accelerator, prompt_tokens: float) -> int:
        """New tokens of one step at most; a whole prompt where it may not be cut."""
        chunk = self.traits.chunk_tokens[_large(card)]
        return chunk if self.chunked_prefill is not False else max(chunk, round(prompt_tokens))

    def sequences(self, card: Accelerator, asked: float = 1.0) -> int:
        """That run together at most: as set, or the default, which whoever sends more at once raises."""
        return self.max_sequences or max(self.traits.sequences[_large(card)], round(asked))

    def cache_bytes(self, precision: ServingPrecision, widths: dict[ServingPrecision, float]) -> float:
        """Of one number of the cache: as set, as the engine's checkpoints have it, or as wide as activations."""
        if self.kv_precision is not None:
            return widths[self.kv_precision]
        if self.traits.narrow_cache and precision in NARROW_WEIGHTS:
            return widths["fp8"]
        return max(widths[precision], widths["bf16"])


DEFAULT = Settings()


def _large(card: Accelerator) -> bool:
    return card.memory_gb >= LARGE_CARD_GB and card.id not in SMALL_BATCH_CARDS
