"""How long accelerators wait for each other and for their machine's memory, and how long a pipeline stands empty.

Every time is in seconds. What a micro-step's own work takes is `throughput`'s; rates and constants are `rates`'.
"""

from vapor_core.contracts.training import JobConfig
from vapor_core.physics.plan import Plan
from vapor_core.physics.rates import DEFAULT, HUGGING_FACE, MEGATRON, Constants, link_rate, network_rate
from vapor_core.physics.transformer import MIXTURE_EXPERTS_PER_TOKEN

VALUE_BYTES = 2.0  # of a value that is sent
# Bytes of a weight that is gathered or brought from host memory, its scales included
WEIGHT_BYTES = {"none": 2.0, "int8": 1.06, "nf4": 0.56, "gptq": 0.56, "awq": 0.56}
GRADIENT_BYTES = 4.0  # an all-reduce sends each 16-bit gradient twice: scattered, then gathered
SCATTERED_BYTES = 2.0  # of a gradient, where each card keeps a part
GATHERS = 2.0  # of every weight in a micro-step: forward and backward
TENSOR_EXCHANGES = (
    4.0  # of all activations in a layer: two forward, two backward; two more where it is computed again
)
MOST_HOPS = 1024  # beyond this, rings are split (hybrid sharding)
# Parts in which Megatron holds each stage's layers, so that a pipeline fills sooner: NeMo's recipes have 5 to 20
STAGE_PARTS = 5
CONTEXT_EXPOSED = (
    0.2  # of the keys' and values' way around a ring: the rest hides behind attention; set by hand
)
HOST_UPDATE_GB_S = 25.0  # of optimizer states in host memory, a card: eight share some 200 GB/s


def inside_replica(plan: Plan, tokens: float, again: float, law: Constants = DEFAULT) -> float:
    """Of a micro-step: the cards of one replica exchange activations (tensor, context and expert parallel)."""
    config, counts = plan.config, plan.transformer
    tensor, context, experts = config.tensor_parallel, config.context_parallel, config.expert_parallel
    layers = counts.layers / config.pipeline_parallel
    values = VALUE_BYTES * tokens * layers
    time = 0.0
    if tensor > 1:
        exposed = law.megatron_tensor if config.trainer in MEGATRON else law.tensor_exposed
        sent = (TENSOR_EXCHANGES + 2.0 * again) * values * counts.hidden * (tensor - 1) / tensor
        time += exposed * sent / _group_rate(plan, tensor)
    if context > 1:
        sent = (3.0 + again) * values * 2.0 * counts.key_width / tensor * (context - 1)
        time += CONTEXT_EXPOSED * sent / _group_rate(plan, tensor * context)
    if experts > 1 and counts.active_parameters < counts.parameters:
        ways = 2.0 * (2.0 + again)  # to the experts and back
        sent = ways * values * counts.hidden * MIXTURE_EXPERTS_PER_TOKEN * (experts - 1) / experts / tensor
        time += sent / _group_rate(plan, experts)
    return time


def empty_share(config: JobConfig, layers: int) -> float:
    """Time for which a pipeline stands empty while it fills and drains, over the time of its micro-steps."""
    stages = config.pipeline_parallel
    parts = STAGE_PARTS if config.trainer in MEGATRON else 1
    return (stages - 1) / (config.gradient_accumulation_steps * min(parts, max(layers // stages, 1)))


def between_replicas(plan: Plan, busy: float, law: Constants = DEFAULT) -> float:
    """Of one step: replicas gather weights and add their gradients. `busy`: the step's other time.

    More cards are never slower in all: where links are too slow, machines (or cards) would do better to take turns, and
    no more than that is waited for.
    """
    config, card, replicas = plan.config, plan.accelerator, plan.config.replicas
    if replicas == 1:
        return 0.0
    inside = min(replicas, max(card.cards_per_node // config.replica_cards, 1))
    machines = replicas / inside
    network = network_rate(card) / min(config.replica_cards, card.cards_per_node)
    within, across, repeats, calls = _volumes(plan)
    ring = calls * law.hop_s * min(replicas, MOST_HOPS) * plan.model.layers / config.pipeline_parallel
    near = law.exposed * repeats * (1 - 1 / inside) * within / link_rate(card)
    near = min(near, (inside - 1) * busy)
    far = near + law.exposed * (1 - 1 / machines) * across / network
    waited = min(far, machines * (busy + near) - busy) + repeats * ring
    return min(waited, (replicas - 1) * busy)


def _volumes(plan: Plan) -> tuple[float, float, float, float]:
    """Bytes within a machine a repeat, and between machines a step; repeats a step; collectives a layer and repeat."""
    config = plan.config
    split = config.tensor_parallel * config.pipeline_parallel
    trained = plan.trainable_parameters / split
    if config.sharding not in ("zero3", "hybrid"):
        return GRADIENT_BYTES * trained, GRADIENT_BYTES * trained, 1.0, 2.0
    weight = WEIGHT_BYTES[config.base_quantization] * (2.0 if config.precision == "fp32" else 1.0)
    again = config.gradient_checkpointing and config.trainer in HUGGING_FACE  # gathered for that too
    gathers = GATHERS + (1.0 if again else 0.0)
    sent = gathers * weight * plan.model.parameters / split + SCATTERED_BYTES * trained
    repeats = float(config.gradient_accumulation_steps)
    across = GRADIENT_BYTES * trained if config.sharding == "hybrid" else repeats * sent
    return sent, across, repeats, 3.0


def offloading(plan: Plan, tokens: float, again: float, busy: float) -> float:
    """Of one step: what waits in host memory comes to the card and goes back. `busy`: of a micro-step."""
    config, counts = plan.config, plan.transformer
    if not config.offload:
        return 0.0
    host = plan.accelerator.host_gb_s * 1e9
    shards = config.accelerator_count if config.sharding != "none" else config.replica_cards
    time = 0.0
    if "parameters" in config.offload:
        weights = WEIGHT_BYTES[config.base_quantization] * plan.model.parameters / shards
        time += config.gradient_accumulation_steps * (GATHERS + again) * weights / host
    if "optimizer" in config.offload:
        trained = plan.trainable_parameters / shards
        time += trained * (GRADIENT_BYTES / host + update_bytes(config) / (HOST_UPDATE_GB_S * 1e9))
    if "activations" in config.offload:  # each layer's input, out and back, beside the work
        moved = 2.0 * VALUE_BYTES * tokens * counts.hidden * counts.layers / config.pipeline_parallel
        time += config.gradient_accumulation_steps * max(moved / host - busy, 0.0)
    return time


# Bytes read and written for one parameter's update beside those of its weight and gradient: moments and masters
_STATE_TRAFFIC = {
    "adamw": 8.0, "adamw_8bit": 4.0, "paged_adamw_8bit": 4.0, "adamw_4bit": 2.0, "adafactor": 1.0, "lion": 4.0,
    "galore_adamw": 4.0, "muon": 4.0, "sgd": 4.0,
}  # fmt: skip


def update_bytes(config: JobConfig) -> float:
    """Traffic of one parameter's update: weight, gradient and states, twice as wide in fp32."""
    states = _STATE_TRAFFIC[config.optimizer]
    wide = config.precision == "fp32" or config.master_weights == "fp32"
    if not wide:
        return 6.0 + states
    return 12.0 + (2.0 * states if config.optimizer in ("adamw", "lion", "sgd", "muon") else states)


def _group_rate(plan: Plan, cards: int) -> float:
    """Bytes/s of one card to others of a group of so many neighbours."""
    card = plan.accelerator
    if cards <= card.cards_per_node:
        return link_rate(card)
    return min(link_rate(card), network_rate(card) / card.cards_per_node)
