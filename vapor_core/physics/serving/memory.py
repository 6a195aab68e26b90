"""How much memory a card needs to serve, and the room that is left for keys and values.

A GB is 1e9 bytes. Engines count as vLLM does: weights, a fixed overhead, and the rest of their share for the cache.
"""

from dataclasses import dataclass

from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingPrecision
from vapor_core.physics.memory import GB
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
# Of a card's nominal size that a serving engine takes: vLLM's gpu_memory_utilization of 0.9 of what the card
# really offers, which is up to 7 % more, since cards are sold in GiB.
SERVING_SHARE = 0.95
SERVING_OVERHEAD_GB = 1.0  # activations of a chunk of prefill, CUDA graphs


def serving_memory(
    model: CatalogModel, accelerator: Accelerator, tensor_parallel: int, precision: ServingPrecision
) -> ServingMemory:
    """Weights per accelerator and the tokens whose keys and values fit beside them.

    Embeddings and head stay 16-bit below 16 bit. The cache is 16-bit (32-bit for fp32, 8-bit for fp8 and fp4, as
    the published recipes set it) and split over the group as far as there are kv heads.
    """
    narrow = SERVING_BYTES[precision]
    wide = max(narrow, 2.0)
    counts = transformer(model)
    total = counts.non_embedding_parameters * narrow + counts.embedding_parameters * wide
    weights = total / tensor_parallel / GB
    cached = 1.0 if precision in ("fp8", "fp4") else wide
    per_token = counts.kv_values_per_token * cached / min(tensor_parallel, model.cache_heads)
    room = accelerator.memory_gb * SERVING_SHARE - weights - SERVING_OVERHEAD_GB
    return ServingMemory(
        weights_gb=weights,
        overhead_gb=SERVING_OVERHEAD_GB,
        available_gb=accelerator.memory_gb,
        kv_bytes_per_token=per_token,
        kv_capacity_tokens=int(max(room, 0.0) * GB / per_token) if per_token else 10**12,
    )
