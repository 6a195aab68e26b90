"""TRL's YAML and its trainers' arguments, which Unsloth's snippets give too, and dumps of TrainingArguments.

Names and defaults by TRL 1.10 at f2cd577 (SFTConfig, ModelConfig, ScriptArguments; DPO, KTO and GRPO beside them),
transformers 5.24 and Unsloth at 015bdef (FastLanguageModel.from_pretrained, get_peft_model).
"""

from vapor_core.contracts.training import LORA_TARGETS
from vapor_core.trainers.document import Computed
from vapor_core.trainers.fields import Reading, no_figure, truth, whole
from vapor_core.trainers.huggingface import (
    BEYOND,
    DATA_UNKNOWN,
    DEFAULTS,
    LORA_BEYOND,
    PREFIXES,
    WIDE_WEIGHTS,
    data,
    lora,
    model,
    training_arguments,
)
from vapor_core.trainers.memory_fields import eight_bits, memory_fields
from vapor_core.trainers.sharding import deepspeed_field, fsdp_fields

SFT_DEFAULTS: dict[str, object] = {
    **DEFAULTS,
    "learning_rate": 2e-5,
    "precision": "bf16",
    "gradient_checkpointing": True,
    "sequence_length": 1024,
    "packing": False,
}
UNSLOTH_DEFAULTS: dict[str, object] = {**SFT_DEFAULTS, "sequence_length": 2048}
LORA_NAMES = {"rank": "lora_r", "alpha": "lora_alpha", "targets": "lora_target_modules"}
# PEFT adapts queries and values of most families where nothing is said.
LORA_DEFAULTS: dict[str, object] = {"lora_rank": 16, "lora_alpha": 32.0, "lora_targets": ("q_proj", "v_proj")}
LENGTHS = ("max_length", "max_seq_length", "max_seq_len")
PREFERENCE = "preferences and rewards are not modelled: the run is counted as supervised fine-tuning"
METHODS = (
    "beta",
    "loss_type",
    "desirable_weight",
    "undesirable_weight",
    "num_generations",
    "max_completion_length",
)
METHOD_BEYOND = {
    **dict.fromkeys(
        (*METHODS, "precompute_ref_log_probs", "ref_model", "sync_ref_model", "reward_model_path"), PREFERENCE
    ),
    **dict.fromkeys(
        ("max_prompt_length", "use_vllm", "vllm_mode", "temperature", "reward_funcs", "num_iterations"),
        PREFERENCE,
    ),
    **dict.fromkeys(
        ("rpo_alpha", "label_smoothing", "epsilon", "scale_rewards", "num_ppo_epochs", "kl_coef"), PREFERENCE
    ),
    "rl": PREFERENCE,
}
TRL_BEYOND = {
    **BEYOND,
    **LORA_BEYOND,
    **METHOD_BEYOND,
    "load_in_8bit": "weights of 8 bit are counted in 16 bit",
    "load_in_fp8": "weights of 8 bit are counted in 16 bit",
    "padding_free": "batches without padding keep less; they are counted padded unless they are packed",
    "router_aux_loss_coef": "the balance of experts has no loss of its own here",
    "offload_embedding": "what is offloaded to the host is counted on the card",
    "unsloth_tiled_mlp": "tiled MLPs keep less; they are counted whole",
    "rope_scaling": "another context length of the model changes no memory, but its loss",
    "qat_scheme": "training that is aware of quantisation is not counted",
    "finetune_last_n_layers": "adapters are counted on all layers",
    "fast_inference": "inference within a training is not counted",
}  # fmt: skip
TRL_IGNORED = no_figure("huggingface", "lora", "trl")


def trl_file(reading: Reading) -> None:
    """TRL's YAML: a model, data, SFTConfig's fields and ModelConfig's."""
    model(reading, "model_name_or_path")
    _data(reading)
    method(reading)
    _masters(reading)
    lengths(reading)
    eight_bits(reading)
    memory_fields(reading, "trl")
    reading.assume("TRL's loss_type is chunked_nll", "cross_entropy", "chunked")
    training_arguments(reading, SFT_DEFAULTS)
    spread(reading)
    reading.finish(TRL_IGNORED, PREFIXES, TRL_BEYOND)


def arguments_file(reading: Reading) -> None:
    """A dump of TrainingArguments, which names neither model nor data."""
    reading.missing.append("model: training arguments name none")
    if "use_peft" in reading.fields:
        method(reading)
    lengths(reading)
    memory_fields(reading, "trl")
    training_arguments(reading, SFT_DEFAULTS if "max_length" in reading.fields else DEFAULTS)
    spread(reading)
    reading.finish(TRL_IGNORED, PREFIXES, TRL_BEYOND)


def unsloth_file(reading: Reading, calls: dict[str, object]) -> None:
    """The arguments of a snippet's calls, each already under its own name; a value that only a run tells is named."""
    for name in [name for name, value in reading.fields.items() if isinstance(value, Computed)]:
        if name.rsplit(".", 1)[-1] in TRL_IGNORED:
            reading.ignore(name)
        else:
            reading.cannot(name, "only running the snippet tells its value")
    model(reading, "model_name" if "model_name" in reading.fields else "pretrained_model_name_or_path")
    full = truth(reading.get("full_finetuning"))
    if reading.has("full_finetuning"):
        reading.understands("full_finetuning", f"method = {'full' if full else 'by its adapters'}")
    adapts = "get_peft_model" in calls or "LoraConfig" in calls
    unsloth = "get_peft_model" in calls or "model_name" in reading.fields
    if adapts and not full:
        quarter = truth(reading.get("load_in_4bit")) if reading.has("load_in_4bit") else unsloth
        _adapters(reading, quarter)
    else:
        reading.values["method"] = "full"
    if reading.has("load_in_4bit"):
        reading.understands("load_in_4bit", f"method = {reading.values['method']}")
    _data(reading)
    lengths(reading)
    eight_bits(reading)
    memory_fields(reading, "unsloth" if unsloth else "trl")
    training_arguments(reading, UNSLOTH_DEFAULTS if unsloth else SFT_DEFAULTS)
    spread(reading)
    reading.finish(TRL_IGNORED, PREFIXES, TRL_BEYOND)


def _masters(reading: Reading) -> None:
    """TRL loads weights in 32 bit where nothing else is said, and trains what it has loaded."""
    full = reading.values.get("method") == "full"
    name = "torch_dtype" if "torch_dtype" in reading.fields else "dtype"
    wide = not reading.has(name) or "32" in str(reading.get(name))
    if full and reading.has(name):
        reading.sets(name, "master_weights", "fp32" if wide else "none")
    elif full:
        reading.assume("TRL loads in float32", "master_weights", "fp32")
    elif wide and reading.values.get("method") == "lora":
        reading.cannot(name, WIDE_WEIGHTS) if reading.has(name) else reading.tells(
            name, "float32", WIDE_WEIGHTS
        )
    elif reading.has(name):
        reading.ignore(name, "is what is counted")


def _adapters(reading: Reading, quarter: bool) -> None:
    reading.values["method"] = "qlora" if quarter else "lora"
    names = {"rank": "r", "alpha": "lora_alpha", "targets": "target_modules"}
    lora(reading, names, {"lora_rank": 16, "lora_alpha": 16.0, "lora_targets": LORA_TARGETS})


def _data(reading: Reading) -> None:
    for name in ("dataset_name", "dataset"):
        if reading.has(name):
            data(reading, name, reading.get(name))
    if "dataset" not in reading.values:
        reading.tells("a data set of known size", "", DATA_UNKNOWN)


def method(reading: Reading) -> None:
    """Full fine-tuning, LoRA or QLoRA: by use_peft and load_in_4bit."""
    adapts = truth(reading.get("use_peft"))
    quarter = truth(reading.get("load_in_4bit"))
    reading.values["method"] = "qlora" if adapts and quarter else "lora" if adapts else "full"
    for name in ("use_peft", "load_in_4bit"):
        if reading.has(name):
            if name == "load_in_4bit" and quarter and not adapts:
                reading.cannot(
                    name, "weights of 4 bit are trained with adapters only; counted as a full fine-tune"
                )
            else:
                reading.understands(name, f"method = {reading.values['method']}")
    if adapts:
        lora(reading, LORA_NAMES, LORA_DEFAULTS)
    for name in ("lora_r", "lora_alpha", "lora_target_modules"):
        if reading.has(name):
            reading.ignore(name, "no adapters are trained")


def lengths(reading: Reading) -> None:
    """The longest sequence, and whether examples are packed."""
    for name in LENGTHS:
        if reading.has(name):
            if "sequence_length" in reading.values:
                reading.ignore(name, "another field says the length")
            else:
                reading.sets(name, "sequence_length", whole(name, reading.get(name)))
    if reading.has("packing"):
        reading.sets("packing", "packing", truth(reading.get("packing")))


def spread(reading: Reading) -> None:
    """What spreads a run over cards."""
    deepspeed_field(reading)
    fsdp_fields(reading)
