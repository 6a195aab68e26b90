"""What cards and links reach of their data sheets while they train, and the constants of the law of speed.

Each constant says its unit, its reason and where it comes from: "fit" is benchmarks/fidelity/fit_throughput.py, which
fits them on published runs of many trainers and scores them with each source left out. How they make a step's time is
`throughput`'s work, how cards wait for each other `waiting`'s.
"""

from dataclasses import dataclass

from vapor_core.contracts.entries import LEAST_RATE, Accelerator
from vapor_core.contracts.presets import TRLS
from vapor_core.contracts.training import JobConfig

HUGGING_FACE = frozenset({*TRLS, "unsloth", "axolotl", "llama_factory"})  # transformers' modelling code below
MEGATRON = frozenset({"megatron", "nemo"})  # Megatron-Core and Transformer Engine below


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants of the law."""

    matrix_share: float = 0.976  # of the largest product measured that a training step's products reach; fit
    fading: float = 0.054  # power of the card's rate by which faster cards come less near to it; fit
    foundry_attention: float = 0.527  # llm-foundry's attention with ALiBi, over FlashAttention-2; fit
    element_bytes: float = 943.0  # element-wise traffic per token, layer and hidden unit, eager; fit
    fused_share: float = 0.315  # of that traffic, with fused kernels; fit
    compiled_share: float = 0.668  # of that traffic, with torch.compile; fit
    # of the last-level cache: hidden units that fill so much of it save half of their traffic; best of 0 to 0.3
    cached_share: float = 0.1
    logit_bytes: float = 30.0  # traffic per logit of a loss computed whole; fit
    launch_s: float = 1.195e-3  # host time for one layer's kernels, forward and backward; fit
    # more kernels for each adapted matrix (two products, dropout, scale, add, casts) over a layer's; counted
    adapter_launch: float = 0.3
    hook_launch: float = (
        6.4  # times it where Hugging Face trainers train all weights, sharded or mixed: hooks; fit
    )
    overlap: float = 1.58  # host and card work side by side: their times add as this power; fit
    adapter_bytes: float = 13.9  # traffic per token for each input and output of an adapted matrix; fit
    unpack_bytes: float = 11.3  # time to unpack one nf4 weight once, in bytes of peak bandwidth; fit
    gptq_bytes: float = 25.8  # the same of a GPTQ or AWQ weight; fit
    exposed: float = 0.92  # share of communication between replicas that is waited for; fit
    hop_s: float = 2.67e-6  # latency of one hop of a ring; fit
    tensor_exposed: float = 2.83  # time of tensor parallel traffic over its bytes at the link's rate; fit
    megatron_tensor: float = 1.72  # the same in Megatron, which overlaps it with products; fit
    context_loss: float = 0.265  # more attention time with each doubling of context parallelism; fit


DEFAULT = Constants()

# FlashAttention-2, forward and backward, causal, heads of 128 values, 8k to 16k tokens: 185 TFLOP/s on an A100 and
# about 340 on an H100 (its paper and repository), whose largest products are 271 and 794.5 TFLOP/s
FLASH_TFLOPS, FLASH_POWER, A100_TFLOPS = 185.0, 0.55, 271.0
MOST_ATTENTION = 0.8  # of the largest product: softmax is never free (FlashAttention-3's paper: 0.75 to 0.8)
BANDWIDTH_SHARE = 0.77  # of the peak bandwidth that kernels reach (Vidur's kernels: .75-.80)
KNEE_TOKENS = 100.0  # tokens of a micro-step at which products reach half speed (Vidur's kernels)
# Of its peak that an unmeasured card's largest product reaches: the median of those measured (stas00/ml-engineering,
# xzwgit/gpu-flops-bench, Vidur), where it has ENOUGH_WATTS per TFLOP/s (H100 SXM has), less by POWER where not
MEASURED_SHARE, ENOUGH_WATTS, POWER = 0.8, 0.7, 0.4
# Bus bandwidth of NCCL's collectives over the link's rate: NVLink; PCIe between cards; PCIe through host memory
# (NVIDIA/nccl-tests' issues 270 and 307: 8 to 11 GB/s of 32 between RTX 4090)
NVLINK_SHARE, PCIE_SHARE, HOSTED_SHARE = 0.8, 0.6, 0.35
NVLINK_GB_S = 100.0  # a faster link than any PCIe slot's
NIC_SHARE = 1 / 9  # of a fast link's rate that each card's own network card has: 50 of an H100's 450 GB/s
ETHERNET_GB_S = 12.5  # of a machine with slower links: 100 Gbit/s


def matrix_tflops(card: Accelerator) -> float:
    """Largest 16-bit product of a card, TFLOP/s: as measured, or by its peak and watts."""
    if (card.measured_tflops or 0.0) >= LEAST_RATE:
        return float(card.measured_tflops or 0.0)
    peak = card.peak_tflops("bf16")
    watts = min((card.power_w or peak) / peak / ENOUGH_WATTS, 1.0)
    return MEASURED_SHARE * peak * float(watts**POWER)


def matrix_rate(card: Accelerator, precision: str, tokens: float, law: Constants = DEFAULT) -> float:
    """FLOP/s of a training step's large products: the largest measured, less what small batches take."""
    largest = matrix_tflops(card)
    fading = min((largest / A100_TFLOPS) ** -law.fading, 1.0 / law.matrix_share)
    share = law.matrix_share * largest
    if precision == "fp8":
        gain = card.peak_tflops("fp8") / card.peak_tflops("bf16")
        measured = card.measured_fp8_tflops or 0.0
        measured = measured if measured >= LEAST_RATE else largest * gain
        share = max(law.matrix_share * measured, share) if gain > 1.0 else share
    elif precision == "fp32":
        share *= card.peak_tflops("fp32") / card.peak_tflops("bf16")
    return float(share * fading * 1e12 * tokens / (tokens + KNEE_TOKENS))


def attention_rate(card: Accelerator, config: JobConfig, law: Constants = DEFAULT) -> float:
    """FLOP/s of attention that keeps no scores."""
    largest = matrix_tflops(card)
    # a pretraining loop of one's own that is compiled has newer attention than llm-foundry
    older = config.trainer == "llm_foundry" and not config.compile
    kernels = law.foundry_attention if older else 1.0
    rate = kernels * FLASH_TFLOPS * (largest / A100_TFLOPS) ** FLASH_POWER
    wide = card.peak_tflops("fp32") / card.peak_tflops("bf16") if config.precision == "fp32" else 1.0
    return float(min(rate, MOST_ATTENTION * largest) * wide * 1e12)


def link_rate(card: Accelerator) -> float:
    """Bytes/s, one way, that collectives reach between cards of one machine."""
    fast = card.interconnect_gb_s >= NVLINK_GB_S
    share = NVLINK_SHARE if fast else PCIE_SHARE if card.peer_to_peer else HOSTED_SHARE
    return card.interconnect_gb_s * share * 1e9


def network_rate(card: Accelerator) -> float:
    """Bytes/s, one way, that collectives reach from one machine to the next, all its network cards together.

    A ring over several machines leaves each of them once, on every network card at the same time.
    """
    told = card.cards_per_node * card.interconnect_gb_s * NIC_SHARE
    slow = card.interconnect_gb_s < NVLINK_GB_S
    machine = card.network_gb_s or (ETHERNET_GB_S if slow else told)
    return machine * NVLINK_SHARE * 1e9
