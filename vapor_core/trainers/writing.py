"""A configuration of Vapor's written for a trainer, so that reading it back gives the same one.

Targets TRL 1.10, axolotl 0.18, LLaMA-Factory 0.9.6 and torchtune 0.6; their fields by the modules that read them. What
a trainer has no field for, or says otherwise, stands in the comments at the top: in words, and in one line from which
`reading` takes it again as long as the fields below were not edited.
"""

import json
from collections.abc import Callable
from typing import Literal

import yaml

from vapor_core import catalog
from vapor_core.contracts.training import LORA_TARGETS, PREFERENCE_METHODS, JobConfig
from vapor_core.errors import InvalidConfig, NotInCatalog
from vapor_core.physics.plan import is_frozen
from vapor_core.trainers.document import MARK
from vapor_core.trainers.fields import shown
from vapor_core.trainers.reading import read_config
from vapor_core.trainers.settings import data_name, run_of
from vapor_core.trainers.torchtune import torchtune_fields

Trainer = Literal["vapor", "trl", "axolotl", "llama_factory", "torchtune"]
OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adamw_4bit": "adamw_torch_4bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "galore_adamw": "galore_adamw",
    "muon": "muon",
    "sgd": "sgd",
}
AXOLOTL_TYPES = {"chat": "chat_template", "pretraining": "completion"}
STAGE_NUMBERS = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3, "hybrid": 3}
BITS = {"nf4": 4, "int8": 8}  # that LLaMA-Factory quantises to when it loads
COMMANDS = {
    "trl": "trl sft --config config.yaml",
    "axolotl": "axolotl train config.yaml",
    "llama_factory": "llamafactory-cli train config.yaml",
    "torchtune": "tune run RECIPE --config config.yaml",
}
SEEDS = 2**32  # numpy takes no larger one
SILENT = ("hardware_faults", "backend", "name")  # kept without a word: they are Vapor's alone


class WrittenConfig(str):
    """The text of a configuration file.

    Attributes:
        notes: what the trainer cannot say or says otherwise, a sentence each; they stand at the top of the text too.
    """

    notes: tuple[str, ...] = ()


def write_config(config: JobConfig, trainer: Trainer = "vapor") -> WrittenConfig:
    """A configuration as YAML for a trainer; `vapor.read_config` of it gives the same configuration.

    The notes of what the trainer cannot say are the result's `notes`, and comments at the top.

    Raises:
        InvalidConfig: where there is no such trainer.
    """
    if trainer == "vapor":
        return WrittenConfig(_yaml(config.model_dump(mode="json")))
    writer = WRITERS.get(trainer)
    if writer is None:
        raise InvalidConfig(
            {"trainer": f"no trainer {str(trainer)[:60]!r}; there are vapor, {', '.join(WRITERS)}"}
        )
    body = _yaml(writer(config))
    kept = _kept(config, body)
    notes = tuple(_notes(config, kept, trainer))
    lines = [f"# Written by Vapor. Run: {COMMANDS[trainer]}", *(f"# {note}" for note in notes)]
    text = WrittenConfig(
        "\n".join([*lines, MARK + json.dumps(kept), body]) if kept else "\n".join([*lines, body])
    )
    text.notes = notes
    return text


def _yaml(values: object) -> str:
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _kept(config: JobConfig, body: str) -> dict[str, dict[str, object]]:
    """Fields that the trainer's file does not give back: what it reads as, and what it is."""
    read = read_config(body)
    wanted = config.model_dump(mode="json")
    again = read.with_model(config.model).model_dump(mode="json")
    kept = {name: {"for": again[name], "is": wanted[name]} for name in wanted if again[name] != wanted[name]}
    if read.config is None or read.config.model != config.model:
        named = next(
            (row.value for row in read.understood if row.says.startswith(("model", "the model"))), ""
        )
        kept["model"] = {"for": _named(named), "is": wanted["model"]}
    return kept


def _named(value: str) -> str:
    return value.rsplit(".", 1)[-1] if value.startswith("torchtune.") else value


def _notes(config: JobConfig, kept: dict[str, dict[str, object]], trainer: str) -> list[str]:
    """What differs, in words: each field that is not said, the names to fill in."""
    notes = [
        f"{name} = {shown(getattr(config, name))}: {trainer} has no field for it, or says it otherwise."
        for name in kept
        if name not in (*SILENT, "model", "dataset")
    ]
    if "model" in kept:
        notes.append(f"the model must be named as {trainer} knows it.")
    if not isinstance(config.dataset, str) or "dataset" in kept:
        notes.append("the data set must be named: a file, a folder or an id on the Hub.")
    if trainer == "llama_factory":
        notes.append("template and data set must be ones that LLaMA-Factory's lists have.")
    if trainer == "torchtune":
        notes.append("fill in the places of tokenizer and weights; how many cards, the command says.")
    return notes


def _model_name(config: JobConfig) -> str:
    return config.model if isinstance(config.model, str) else config.model.id


def _decay_steps(config: JobConfig) -> int | None:
    try:
        return max(round(config.decay_ratio * run_of(config).total_steps), 1)
    except NotInCatalog:
        return None


def _schedule(config: JobConfig) -> tuple[str, dict[str, object]]:
    """Transformers' word for the schedule and its arguments; own points have no word."""
    floor = config.min_learning_rate_ratio
    if config.schedule == "cosine" and floor:
        return "cosine_with_min_lr", {"min_lr_rate": floor}
    if config.schedule == "wsd":
        steps = _decay_steps(config)
        arguments: dict[str, object] = {"decay_type": "linear", "min_lr_ratio": floor}
        return "warmup_stable_decay", arguments | ({"num_decay_steps": steps} if steps else {})
    if config.schedule in ("linear", "cosine"):
        return str(config.schedule), {}
    return "constant_with_warmup", {}


def _targets(config: JobConfig) -> list[str]:
    return list(config.lora_targets)


def _alpha(config: JobConfig) -> float | int:
    return int(config.lora_alpha) if config.lora_alpha == int(config.lora_alpha) else config.lora_alpha


def _deepspeed(config: JobConfig) -> dict[str, object]:
    if config.sharding == "none":
        return {}
    stage: dict[str, object] = {"stage": STAGE_NUMBERS[config.sharding]}
    for place, name in (("optimizer", "offload_optimizer"), ("parameters", "offload_param")):
        if place in config.offload:
            stage[name] = {"device": "cpu"}
    auto = dict.fromkeys(
        ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "gradient_clipping"), "auto"
    )
    return {"deepspeed": {"zero_optimization": stage, "bf16": {"enabled": "auto"}, **auto}}


def _cadence(config: JobConfig) -> dict[str, object]:
    fields: dict[str, object] = {}
    if config.eval_every is not None:
        fields |= {"eval_strategy": "steps", "eval_steps": config.eval_every}
    if config.checkpoint_every is not None:
        fields |= {"save_strategy": "steps", "save_steps": config.checkpoint_every}
    return fields


def _arguments(config: JobConfig) -> dict[str, object]:
    """Fields of TrainingArguments, which TRL and LLaMA-Factory share."""
    word, arguments = _schedule(config)
    fields: dict[str, object] = {
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": word,
        **({"lr_scheduler_kwargs": arguments} if arguments else {}),
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "per_device_train_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "num_train_epochs": config.epochs,
        **({"max_steps": config.max_steps} if config.max_steps else {}),
        "bf16": config.precision in ("bf16", "fp8"),
        "fp16": config.precision == "fp16",
        "optim": OPTIMIZERS[config.optimizer],
        "seed": config.seed % SEEDS,
    }
    return fields | _cadence(config) | _deepspeed(config)


def _dtype(config: JobConfig) -> str:
    """In which weights are loaded: those that are trained in 16 bit with masters in 32 are loaded as these."""
    if config.precision == "fp32" or config.method == "pretrain":
        return "float32"
    if config.precision == "fp16":
        return "float16" if config.adapts else "float32"
    return "float32" if config.master_weights == "fp32" and not config.adapts else "bfloat16"


ATTENTIONS = {"eager": "eager", "sdpa": "sdpa", "flash": "flash_attention_2"}


def _kernels(config: JobConfig) -> dict[str, object]:
    """Kernels by transformers' words; Liger's fuse the loss as well."""
    fields: dict[str, object] = {"attn_implementation": ATTENTIONS[config.attention]}
    if config.fused_kernels:
        fields["use_liger_kernel"] = True
    if config.compile:
        fields["torch_compile"] = True
    return fields


def _trl(config: JobConfig) -> dict[str, object]:
    fields: dict[str, object] = {
        "model_name_or_path": _model_name(config),
        "dtype": _dtype(config),
        "dataset_name": data_name(config),
        "output_dir": "result",
        "max_length": config.sequence_length,
        "packing": config.packing,
        **_arguments(config),
        # steps below 1 are a share of the run
        "warmup_steps": config.warmup_ratio if config.warmup_ratio else 0,
        "gradient_checkpointing": config.gradient_checkpointing,
    }
    if is_frozen(config):
        fields |= {
            "use_peft": True,
            "load_in_4bit": config.base_quantization == "nf4",
            "lora_r": config.lora_rank,
        }
        fields |= {"lora_alpha": _alpha(config), "lora_target_modules": _targets(config)}
    return fields


def _llama_factory(config: JobConfig) -> dict[str, object]:
    fields: dict[str, object] = {
        "model_name_or_path": _model_name(config),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if is_frozen(config) else "full",
        "dataset": data_name(config),
        "template": "default",
        "cutoff_len": config.sequence_length,
        "packing": config.packing,
        "output_dir": "result",
        **_arguments(config),
        "warmup_ratio": config.warmup_ratio,
        "disable_gradient_checkpointing": not config.gradient_checkpointing,
    }
    if config.method == "pretrain":
        fields |= {"stage": "pt", "train_from_scratch": True}
    if config.precision == "fp8":
        fields["fp8"] = True
    if config.method == "full" and config.precision == "bf16" and config.master_weights == "none":
        fields["pure_bf16"] = True  # weights, gradients and moments in 16 bit, as counted
    if config.method in ("dpo", "kto"):
        fields["stage"] = config.method
    fields |= {"flash_attn": {"eager": "disabled", "sdpa": "sdpa", "flash": "fa2"}[config.attention]}
    fields |= {"enable_liger_kernel": True} if config.fused_kernels else {}
    fields |= {"torch_compile": True} if config.compile else {}
    if is_frozen(config):
        targets = "all" if config.lora_targets == LORA_TARGETS else ",".join(config.lora_targets)
        fields |= {"lora_rank": config.lora_rank, "lora_alpha": _alpha(config), "lora_target": targets}
        fields |= {"use_dora": True} if config.dora else {}
        fields |= {"additional_target": "embed_tokens,lm_head"} if config.train_embeddings else {}
    if config.base_quantization in BITS:
        fields["quantization_bit"] = BITS[config.base_quantization]
    return fields


def _axolotl(config: JobConfig) -> dict[str, object]:
    word, arguments = _schedule(config)
    fields: dict[str, object] = {"base_model": _model_name(config), "datasets": [_axolotl_data(config)]}
    if is_frozen(config):
        fields |= {
            "adapter": "lora" if config.base_quantization == "none" else "qlora",
            "load_in_4bit": config.base_quantization == "nf4",
            "lora_r": config.lora_rank,
        }
        fields |= {"lora_alpha": _alpha(config), "lora_target_modules": _targets(config)}
        fields |= {"load_in_8bit": True} if config.base_quantization == "int8" else {}
        fields |= {"peft_use_dora": True} if config.dora else {}
        fields |= {"lora_modules_to_save": ["embed_tokens", "lm_head"]} if config.train_embeddings else {}
    if config.method == "pretrain":
        fields["reinit_weights"] = True
    if config.method in PREFERENCE_METHODS:
        fields["rl"] = config.method
    fields[
        {"eager": "eager_attention", "sdpa": "sdp_attention", "flash": "flash_attention"}[config.attention]
    ] = True
    fields |= {"liger_rms_norm": True, "liger_glu_activation": True} if config.fused_kernels else {}
    fields |= {"cut_cross_entropy": True} if config.cross_entropy == "fused" else {}
    fields |= {"chunked_cross_entropy": True} if config.cross_entropy == "chunked" else {}
    fields |= {"torch_compile": True} if config.compile else {}
    fields |= {"activation_offloading": True} if "activations" in config.offload else {}
    for name in ("tensor_parallel", "context_parallel", "expert_parallel"):
        fields |= {f"{name}_size": getattr(config, name)} if getattr(config, name) > 1 else {}
    if word == "cosine_with_min_lr":
        word, arguments = "cosine", {}
        fields["cosine_min_lr_ratio"] = config.min_learning_rate_ratio
    fields |= {
        "output_dir": "result",
        "sequence_len": config.sequence_length,
        "sample_packing": config.packing,
        "micro_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "num_epochs": config.epochs,
        **({"max_steps": config.max_steps} if config.max_steps else {}),
        "optimizer": OPTIMIZERS[config.optimizer],
        "lr_scheduler": word,
        **({"lr_scheduler_kwargs": arguments} if arguments else {}),
        "learning_rate": config.learning_rate,
        "warmup_ratio": config.warmup_ratio,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": config.precision == "bf16",
        "fp16": config.precision == "fp16",
        **({"fp8": True} if config.precision == "fp8" else {}),
        "gradient_checkpointing": config.gradient_checkpointing,
        "seed": config.seed % SEEDS,
    }
    return fields | _cadence(config) | _deepspeed(config)


def _axolotl_data(config: JobConfig) -> dict[str, object]:
    try:
        kind = catalog.dataset(config.dataset).kind
    except NotInCatalog:
        kind = "own"
    return {"path": data_name(config), "type": AXOLOTL_TYPES.get(kind, "alpaca")}


WRITERS: dict[str, Callable[[JobConfig], dict[str, object]]] = {
    "trl": _trl,
    "axolotl": _axolotl,
    "llama_factory": _llama_factory,
    "torchtune": torchtune_fields,
}
