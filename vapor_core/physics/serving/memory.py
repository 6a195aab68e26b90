"""How much memory a card needs to serve, and the room that is left for keys and values.

A GB is 1e9 bytes. Engines with pages count as vLLM does: weights, what a step of the largest size needs, and the rest
of their share for the cache. Checked against what vLLM printed on H100 NVL, RTX 6000 Ada and A100 cards (8B to 32B
models, `GPU KV cache size`), and SGLang on four H100.
"""

from dataclasses import dataclass

from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingPrecision
from vapor_core.physics.serving.engines import DEFAULT, GB, Settings
from vapor_core.physics.transformer import transformer


@dataclass(frozen=True, slots=True)
class ServingMemory:
    """Memory of one accelerator that serves, and the room left for keys and values."""

    weights_gb: float  # per accelerator
    overhead_gb: float
    available_gb: float
    kv_bytes_per_token: float  # per accelerator
    kv_capacity_tokens: int  # of the tensor-parallel group

    @property
    def fits(self) -> bool:
        """Whether weights fit and leave room for at least one sequence of some length."""
        return self.kv_capacity_tokens > 0


SERVING_BYTES: dict[ServingPrecision, float] = {
    "fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5625, "fp4": 0.5625,
}  # fmt: skip
# Of the nominal size that CUDA offers: cards are sold in GiB and keep 1 % for themselves (H100: 79.2 GiB); data-centre
# cards with GDDR also keep a sixteenth for error correction (L4: 22.1 GiB).
USABLE_SHARE, USABLE_SHARE_ECC = 1.06, 0.99
UNIFIED_SHARE = (
    0.8  # of memory that a processor shares with its host: macOS leaves three quarters of the GiB to Metal
)
ECC_IN_MEMORY = frozenset(
    {"nvidia-t4", "nvidia-l4", "nvidia-a10", "nvidia-a10g", "nvidia-a40", "nvidia-l40", "nvidia-l40s", "cpu"}
)
CONTEXT_GB = 0.45  # CUDA, libraries, captured graphs
COLLECTIVE_GB = 0.5  # buffers of a group of cards that add up
SAMPLED_BYTES = (
    20.0  # of one sequence and word of the vocabulary: logits, probabilities and their sorted copies
)
STREAM_COPIES = 4  # of the residual stream that a step keeps beside the MLP


def usable_gb(card: Accelerator) -> float:
    """What programs can allocate."""
    if card.vendor == "Apple":
        return card.memory_gb * UNIFIED_SHARE
    return card.memory_gb * (USABLE_SHARE_ECC if card.id in ECC_IN_MEMORY else USABLE_SHARE)


def serving_memory(
    model: CatalogModel,
    accelerator: Accelerator,
    tensor_parallel: int,
    precision: ServingPrecision,
    *,
    settings: Settings = DEFAULT,
    context_tokens: float | None = None,
) -> ServingMemory:
    """Weights per accelerator and the tokens whose keys and values fit beside them.

    Embeddings and head stay 16-bit below 16 bit. The cache is split over the group as far as there are heads to
    split; layers with a window keep no more than it of each sequence of `context_tokens`.
    """
    narrow = SERVING_BYTES[precision]
    counts = transformer(model)
    total = counts.non_embedding_parameters * narrow + counts.embedding_parameters * max(narrow, 2.0)
    weights = total / tensor_parallel / GB
    cached = settings.cache_bytes(precision, SERVING_BYTES) * _kept_share(model, context_tokens)
    per_token = counts.kv_values_per_token * cached / min(tensor_parallel, model.cache_heads)
    overhead = _overhead_gb(model, accelerator, tensor_parallel, settings)
    usable = usable_gb(accelerator)
    if settings.traits.share_of_free:
        room = (usable - weights - overhead) * settings.memory_share
    else:
        room = usable * settings.memory_share - weights - overhead
    return ServingMemory(
        weights_gb=weights,
        overhead_gb=overhead,
        available_gb=accelerator.memory_gb,
        kv_bytes_per_token=per_token,
        kv_capacity_tokens=int(max(room, 0.0) * GB / per_token) if per_token else 10**12,
    )


def needed_gb(
    model: CatalogModel,
    accelerator: Accelerator,
    precision: ServingPrecision,
    settings: Settings,
    tokens: float,
) -> float:
    """Nominal size of a card like this one on which weights, overhead and a request of `tokens` find room."""
    memory = serving_memory(model, accelerator, 1, precision, settings=settings, context_tokens=tokens)
    cache, share = tokens * memory.kv_bytes_per_token / GB, settings.memory_share
    held = memory.weights_gb + memory.overhead_gb
    usable = held + cache / share if settings.traits.share_of_free else (held + cache) / share
    return usable / usable_gb(accelerator) * accelerator.memory_gb


def _overhead_gb(
    model: CatalogModel, accelerator: Accelerator, tensor_parallel: int, settings: Settings
) -> float:
    """Context, and the larger of a full step's activations and its sampling, which engines try out at their start."""
    fixed = CONTEXT_GB + (COLLECTIVE_GB if tensor_parallel > 1 else 0.0)
    if not settings.traits.paged:
        return fixed
    tokens = settings.chunk_tokens(accelerator, settings.max_model_len or 0)
    widths = model.mlp_matrices - 1  # of the MLP that are alive at once
    kept = widths * model.intermediate_size / tensor_parallel + STREAM_COPIES * model.hidden_size
    activations = tokens * kept * 2.0
    sampling = settings.sequences(accelerator) * model.vocabulary_size * SAMPLED_BYTES
    return fixed + max(activations, sampling) / GB


def _kept_share(model: CatalogModel, context_tokens: float | None) -> float:
    """Of a sequence's keys and values that are kept, where some layers look back a window only."""
    if not (model.sliding_layers and model.sliding_window and context_tokens and model.kv_layers):
        return 1.0
    windowed = min(model.sliding_layers / model.kv_layers, 1.0)
    return 1.0 - windowed * (1.0 - min(model.sliding_window / context_tokens, 1.0))
