"""What each trainer does where its user says nothing: whose trainer is meant decides memory and speed.

Each line says where it was read. Whatever a trainer does by default can be given by itself in a JobConfig; what it
costs is `physics`' question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Trainer = Literal[
    "trl",
    "trl_1",
    "unsloth",
    "axolotl",
    "llama_factory",
    "torchtune",
    "litgpt",
    "llm_foundry",
    "megatron",
    "nemo",
]
MasterWeights = Literal["fp32", "none"]
CrossEntropy = Literal["full", "chunked", "fused"]
Attention = Literal["eager", "sdpa", "flash"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A trainer's defaults.

    Attributes:
        title: what people call it.
        master_weights: of a fine-tune of all weights in bf16: whether fp32 copies of them are kept.
        adapter_weights: the same of LoRA's adapters.
        cross_entropy: how the loss is computed: all logits at once, in chunks of tokens, or inside one kernel.
        attention: eager keeps a score for every pair of tokens; sdpa and flash keep none.
        fused_kernels: norms, activation functions and rotary embeddings in kernels of their own (Liger, Unsloth,
            Transformer Engine).
        compile: whether torch.compile fuses them.
        source: where these defaults stand.
    """

    title: str
    master_weights: MasterWeights
    adapter_weights: MasterWeights
    cross_entropy: CrossEntropy
    attention: Attention
    fused_kernels: bool
    compile: bool
    source: str


PRESETS: Mapping[Trainer, Preset] = {
    "trl": Preset(
        "transformers / TRL before 1", "none", "fp32", "full", "sdpa", False, False,
        "transformers 5: from_pretrained(dtype='auto') keeps the checkpoint's 16 bits, ForCausalLMLoss upcasts all "
        "logits, attention is SDPA; PEFT: autocast_adapter_dtype. A TRL trainer that is given a model's name loads "
        "fp32 (master_weights 'fp32')",
    ),
    "trl_1": Preset(
        "TRL 1.x", "none", "fp32", "chunked", "sdpa", False, False,
        "TRL 1.16: SFTConfig.loss_type 'chunked_nll' projects chunks of tokens one after another; all else as "
        "transformers. Measured on an H200 (docs/real_runs.md): memory 0.98 to 1.03 of what is told",
    ),
    "unsloth": Preset(
        "Unsloth", "none", "fp32", "fused", "flash", True, False,
        "unsloth: full_finetuning in bfloat16 unless float32_mixed_precision; fused cross-entropy, RoPE, RMSNorm and "
        "SwiGLU kernels; adapters in fp32",
    ),
    "axolotl": Preset(
        "axolotl", "none", "fp32", "full", "sdpa", False, False,
        "axolotl: bf16 'auto' loads the weights in bfloat16; flash_attention, liger_* and cut_cross_entropy are off "
        "where a file does not name them",
    ),
    "llama_factory": Preset(
        "LLaMA-Factory", "fp32", "fp32", "full", "sdpa", False, False,
        "LLaMA-Factory: model/adapter.py casts trainable parameters to fp32 unless pure_bf16; flash_attn 'auto' is "
        "SDPA; enable_liger_kernel is off",
    ),
    "torchtune": Preset(
        "torchtune", "none", "none", "chunked", "sdpa", False, False,
        "torchtune: recipes' dtype bf16 for everything; CEWithChunkedOutputLoss of 8 chunks; compile: False",
    ),
    "litgpt": Preset(
        "LitGPT", "none", "none", "full", "sdpa", False, False,
        "litgpt: config_hub's precision bf16-true; the head's chunks of 128 tokens are all kept until the loss",
    ),
    "llm_foundry": Preset(
        "llm-foundry", "fp32", "fp32", "fused", "flash", True, False,
        "llm-foundry: precision amp_bf16 over fp32 FSDP shards (mixed_precision PURE); loss_fn fused_crossentropy; "
        "attn_impl flash; low_precision_layernorm",
    ),
    "megatron": Preset(
        "Megatron-LM", "fp32", "fp32", "fused", "flash", True, False,
        "Megatron-LM: --bf16 keeps fp32 main parameters and gradients; vocabulary-parallel cross-entropy; "
        "Transformer Engine's kernels and attention",
    ),
    "nemo": Preset(
        "NeMo", "fp32", "fp32", "fused", "flash", True, False,
        "NeMo: bf16-mixed with megatron_amp_O2 (fp32 main parameters), Megatron-Core and Transformer Engine below",
    ),
}  # fmt: skip
TRLS: tuple[Trainer, ...] = ("trl", "trl_1")  # whose trainers are TRL's, before 1.0 and since
DEFAULT_TRAINER: Mapping[str, Trainer] = {"pretrain": "llm_foundry"}  # by method; "trl" for all others


def default_trainer(method: str) -> Trainer:
    """Whose trainer is meant where none is named: pretraining's and fine-tuning's commonest."""
    return DEFAULT_TRAINER.get(method, "trl")


def default_master_weights(
    trainer: Trainer, method: str, precision: str, *, adapts: bool, quantised: bool
) -> MasterWeights:
    """Whether what is trained is kept in fp32 beside its 16-bit copy.

    Of adapters "fp32" is what PEFT keeps; over a quantised base it also makes embedding, norms and so the residual
    stream fp32, as peft's prepare_model_for_kbit_training does, which trainers of today no longer call.

    New weights are made in fp32 and trained by mixed precision, whoever trains; fp16 has too little range to do
    without; fp32 needs no copy.
    """
    if precision == "fp32":
        return "none"
    if adapts:
        return "none" if quantised else PRESETS[trainer].adapter_weights
    if method == "pretrain" or precision == "fp16":
        return "fp32"
    return PRESETS[trainer].master_weights
