"""LLaMA-Factory's YAML and JSON.

Names and defaults by LLaMA-Factory 0.9.6.dev0 at ff6d4d1 (hparams/*.py): TrainingArguments and its own groups.
"""

from vapor_core.contracts.training import LORA_TARGETS, PREFERENCE_METHODS
from vapor_core.trainers.fields import Reading, no_figure, truth, whole
from vapor_core.trainers.huggingface import (
    BEYOND,
    DATA_UNKNOWN,
    DEFAULTS,
    LORA_BEYOND,
    PREFIXES,
    data,
    lora,
    model,
    training_arguments,
)
from vapor_core.trainers.memory_fields import memory_fields, preference
from vapor_core.trainers.sharding import deepspeed_field, fsdp_fields

LF_DEFAULTS: dict[str, object] = {
    **DEFAULTS,
    "sequence_length": 2048, "precision": "bf16", "gradient_checkpointing": True, "packing": False,
}  # fmt: skip
LORA_NAMES = {"rank": "lora_rank", "alpha": "lora_alpha", "targets": "lora_target"}
OWN_OPTIMIZERS = "this optimizer is not modelled; it is counted as adamw"
OWN_LOSS = "another loss is counted as the usual cross-entropy"
LF_BEYOND = {
    **BEYOND,
    **LORA_BEYOND,
    **dict.fromkeys(("use_apollo", "use_badam", "use_adam_mini"), OWN_OPTIMIZERS),
    **dict.fromkeys(("use_dft_loss", "use_asft_loss", "use_eaft_loss"), OWN_LOSS),
    **dict.fromkeys(
        ("use_mca", "use_megatron_bridge", "use_hyper_parallel"), "its parallelism is not counted"
    ),
    "use_llama_pro": "added blocks are left out",
    "additional_target": "modules that are trained whole are left out: memory and size are larger",
    "loraplus_lr_ratio": "rates of their own for parts of the adapters are left out",
    "pissa_init": "another start of the adapters changes the course of the loss",
    "rope_scaling": "another context length of the model changes no memory, but its loss",
    "shift_attn": "attention is counted in full",
    "mixture_of_depths": "layers that tokens skip are counted in full",
    "moe_aux_loss_coef": "the balance of experts has no loss of its own here",
    "upcast_layernorm": "norms in 32 bit are counted in 16",
    "max_samples": "only so many examples of each data set are read; all are counted",
    "mask_history": "tokens that carry no loss are counted with it",
    "mix_strategy": "data sets are counted one after another",
    "fp8": "",
    "quantization_method": "weights of this quantisation are counted in 16 bit",
    "use_kt": "experts that are computed on the host are counted on the card",
    "ray_num_workers": "",
    "neat_packing": "",
    "freeze_trainable_layers": "",
}
LF_IGNORED = no_figure("huggingface", "lora", "llama_factory")
LF_PREFIXES = (
    *PREFIXES,
    *(
        "image_",
        "video_",
        "audio_",
        "vllm_",
        "sglang_",
        "export_",
        "profiler_",
        "ray_",
        "pref_",
        "kto_",
        "dpo_",
        "simpo_",
    ),
    *(
        "ppo_",
        "reward_model",
        "ref_model",
        "galore_",
        "apollo_",
        "badam_",
        "freeze_",
        "oft_",
        "ld_",
        "kt_",
        "eaft_",
        "asft_",
    ),
    *("megatron_", "hyper_parallel_", "fp8_", "profile_", "hf_hub", "ms_hub", "om_hub"),
)
PREFERENCE = "preferences and rewards are not modelled: counted as supervised fine-tuning"
STAGES = dict.fromkeys(("rm", "ppo"), PREFERENCE)


def llama_factory_file(reading: Reading) -> None:
    """A run of llamafactory-cli train."""
    model(reading, "model_name_or_path")
    if "do_train" not in reading.fields and any(
        name in reading.fields for name in ("export_dir", "infer_backend")
    ):
        reading.missing.append("the file exports or serves a model; it trains none")
    _data(reading)
    _method(reading)
    if reading.has("cutoff_len"):
        reading.sets("cutoff_len", "sequence_length", whole("cutoff_len", reading.get("cutoff_len")))
    if reading.has("disable_gradient_checkpointing"):
        off = truth(reading.get("disable_gradient_checkpointing"))
        reading.sets("disable_gradient_checkpointing", "gradient_checkpointing", not off)
        if off and reading.has("gradient_checkpointing"):
            reading.ignore("gradient_checkpointing", "it is disabled")
    if reading.has("fp8") and truth(reading.get("fp8")):
        reading.sets("fp8", "precision", "fp8")
    if reading.has("ray_num_workers"):
        reading.sets(
            "ray_num_workers", "accelerator_count", whole("ray_num_workers", reading.get("ray_num_workers"))
        )
    preference(reading, "stage")
    memory_fields(reading, "llama_factory")
    training_arguments(reading, LF_DEFAULTS)
    deepspeed_field(reading)
    fsdp_fields(reading)
    beyond = {name: why for name, why in LF_BEYOND.items() if why}
    reading.finish(LF_IGNORED, LF_PREFIXES, beyond)


def _data(reading: Reading) -> None:
    given = str(reading.get("dataset") or "")
    names = [name.strip() for name in given.split(",") if name.strip()]
    if reading.has("dataset"):
        data(reading, "dataset", names[0] if len(names) == 1 else given)
    if "dataset" not in reading.values:
        reading.tells("a data set of known size", "", DATA_UNKNOWN)


def _method(reading: Reading) -> None:
    """By finetuning_type, stage and quantization_bit; pretraining from random weights where it says so."""
    kind = str(reading.get("finetuning_type") or "lora")
    method = "full"
    if kind == "lora":
        method = "qlora" if reading.get("quantization_bit") in (4, "4") else "lora"
    if truth(reading.get("train_from_scratch")):
        method = "pretrain"
    reading.values["method"] = method
    if str(reading.get("quantization_method")) in ("bnb", "bitsandbytes"):
        reading.ignore("quantization_method", "is the usual one")
    for name in ("finetuning_type", "train_from_scratch", "quantization_bit"):
        if not reading.has(name):
            continue
        if name == "finetuning_type" and kind not in ("lora", "full"):
            reading.cannot(name, f"this way to tune is not modelled; it is counted as {method}")
        elif name == "quantization_bit" and method == "lora" and reading.get(name) in (8, "8"):
            reading.sets(name, "base_quantization", "int8")
        elif name == "quantization_bit" and method != "qlora":
            reading.cannot(name, "weights of these bits are counted in 16 bit")
        else:
            reading.understands(name, f"method = {method}")
    _masters(reading, method)
    _stage(reading, method)
    if kind == "lora":
        rank = whole("lora_rank", reading.get("lora_rank") or 8)
        defaults = {"lora_rank": 8, "lora_alpha": 2.0 * rank, "lora_targets": LORA_TARGETS}
        lora(reading, LORA_NAMES, defaults)
    for name in (*LORA_NAMES.values(), "adapter_name_or_path"):
        if reading.has(name):
            reading.ignore(
                name, "no adapters are trained, or where they begin changes no figure but the first loss"
            )


def _masters(reading: Reading, method: str) -> None:
    """What is trained is cast to fp32, unless it is told to stay in 16 bits."""
    if method == "full":
        pure = truth(reading.get("pure_bf16"))
        reading.assume("pure_bf16", "master_weights", "none" if pure else "fp32")


def _stage(reading: Reading, method: str) -> None:
    """What is trained on: supervised answers, plain text that is packed, or preferences."""
    stage = str(reading.get("stage") or "sft")
    if stage in PREFERENCE_METHODS:
        pass  # becomes the method
    elif reading.has("stage") and stage in STAGES:
        reading.cannot("stage", STAGES[stage])
    elif reading.has("stage"):
        reading.understands("stage", "plain text, packed" if stage == "pt" else f"method = {method}")
    packs = any(truth(reading.get(name)) for name in ("packing", "neat_packing"))
    packs = packs or (stage == "pt" and reading.get("packing") is None)
    for name in ("packing", "neat_packing"):
        if reading.has(name):
            reading.sets(name, "packing", packs)
    if stage == "pt":
        reading.assume("the stage pt packs", "packing", packs)
