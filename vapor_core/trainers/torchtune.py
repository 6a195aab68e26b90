"""Torchtune's YAML, whose components are named by their builders.

Names and defaults by torchtune 0.6 and at bd2a0fc (recipes/configs, torchtune/models).
"""

import re
from collections.abc import Mapping

from vapor_core.contracts.training import LORA_HEAD, LORA_TARGETS, JobConfig
from vapor_core.errors import NotInCatalog
from vapor_core.physics.plan import is_frozen
from vapor_core.trainers import settings
from vapor_core.trainers.fields import Reading, no_figure, number, shown, truth, whole
from vapor_core.trainers.huggingface import DATA_UNKNOWN, data, optimizer
from vapor_core.trainers.memory_fields import memory_fields
from vapor_core.trainers.settings import data_name, run_of
from vapor_core.trainers.words import model_id, targets

TUNE_OPTIMIZERS = {
    "adamw": "torch.optim.AdamW",
    "adamw_8bit": "bitsandbytes.optim.AdamW8bit",
    "paged_adamw_8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "adamw_4bit": "torchao.optim.AdamW4bit",
    "adafactor": "torch.optim.Adafactor",
    "lion": "bitsandbytes.optim.Lion",
    "galore_adamw": "galore_torch.GaLoreAdamW",
    "muon": "torch.optim.Muon",
    "sgd": "torch.optim.SGD",
}
# Torchtune's builders of the catalog's models, under torchtune.models.
BUILDERS = {
    "meta-llama/Llama-2-7b-hf": ("llama2", "llama2_7b"),
    "meta-llama/Meta-Llama-3-8B": ("llama3", "llama3_8b"),
    "meta-llama/Llama-3.1-8B": ("llama3_1", "llama3_1_8b"),
    "meta-llama/Llama-3.2-1B": ("llama3_2", "llama3_2_1b"),
    "meta-llama/Llama-3.2-3B": ("llama3_2", "llama3_2_3b"),
    "mistralai/Mistral-7B-v0.3": ("mistral", "mistral_7b"),
    "google/gemma-2b": ("gemma", "gemma_2b"),
    "google/gemma-7b": ("gemma", "gemma_7b"),
    "google/gemma-2-2b": ("gemma2", "gemma2_2b"),
    "google/gemma-2-9b": ("gemma2", "gemma2_9b"),
    "microsoft/Phi-3-mini-4k-instruct": ("phi3", "phi3_mini"),
    "Qwen/Qwen2.5-0.5B": ("qwen2_5", "qwen2_5_0_5b"),
    "Qwen/Qwen2.5-1.5B": ("qwen2_5", "qwen2_5_1_5b_base"),
    "Qwen/Qwen2.5-3B": ("qwen2_5", "qwen2_5_3b"),
    "Qwen/Qwen2.5-7B": ("qwen2_5", "qwen2_5_7b_base"),
    "Qwen/Qwen3-0.6B": ("qwen3", "qwen3_0_6b_base"),
    "Qwen/Qwen3-1.7B": ("qwen3", "qwen3_1_7b_base"),
    "Qwen/Qwen3-4B": ("qwen3", "qwen3_4b_base"),
    "Qwen/Qwen3-8B": ("qwen3", "qwen3_8b_base"),
}
NO_BUILDER = "NAME_A_BUILDER"
TUNE_DATA = {"yahma/alpaca-cleaned": "alpaca_cleaned_dataset", "tatsu-lab/alpaca": "alpaca_dataset"}
TUNE_DEFAULTS: dict[str, object] = {
    "epochs": 1.0, "micro_batch_size": 1, "gradient_accumulation_steps": 1, "schedule": "constant", "warmup_ratio": 0.0,
    "min_learning_rate_ratio": 0.0, "max_grad_norm": 0.0, "precision": "bf16", "gradient_checkpointing": False,
    "packing": False, "learning_rate": 2e-5, "seed": 0,
}  # fmt: skip
ADAMW_DECAY = 0.01  # torch.optim.AdamW's own
REFERENCE = re.compile(r"\$\{([A-Za-z_][\w.]*)\}")
PREFERENCE = "preferences, rewards and teachers are not modelled: counted as supervised fine-tuning"
TUNE_BEYOND = {
    "optimizer_in_bwd": "gradients that are freed during the backward pass are counted whole",
    "ac_mode": "checkpoints of some layers are counted as of all",
    "ac_option": "checkpoints of some layers are counted as of all",
    "tensor_parallel_plan": "tensor parallelism is not counted",
    "quantizer": "training that is aware of quantisation is not counted",
    **dict.fromkeys(
        ("teacher_model", "kd_loss", "kd_ratio", "ref_checkpointer", "reward_and_value_model"), PREFERENCE
    ),
    **dict.fromkeys(
        ("policy_model", "ppo_epochs", "ppo_batch_size", "grpo_samples", "reward_functions"), PREFERENCE
    ),
    **dict.fromkeys(
        ("kl_coeff", "lmbda", "num_steps", "value_checkpointer", "forward_batch_size"), PREFERENCE
    ),
    "lr_scheduler.num_cycles": "a course of other cycles is counted as half of one",
    "fp8_recipe_name": "the recipe of fp8 is not counted",
    "enable_fp8_training": "",
    "tune_mode": "",
}
TUNE_IGNORED = no_figure("torchtune")


def torchtune_file(reading: Reading) -> None:
    """A run of `tune run`."""
    _resolve(reading)
    _model(reading)
    if "optimizer._component_" not in reading.fields:
        reading.missing.append("the file has no optimizer: it trains nothing")
    _data(reading)
    reading.wholes(
        {"batch_size": "micro_batch_size", "gradient_accumulation_steps": "gradient_accumulation_steps"}
    )
    reading.numbers(
        {"epochs": "epochs", "optimizer.lr": "learning_rate", "optimizer.weight_decay": "weight_decay"}
    )
    optimizer(reading, "optimizer._component_")
    _schedule(reading)
    reading.numbers({"clip_grad_norm": "max_grad_norm"})
    if reading.has("max_steps_per_epoch"):
        steps = whole("max_steps_per_epoch", reading.get("max_steps_per_epoch"))
        reading.counts[settings.STEPS_PER_EPOCH] = steps
        reading.understands("max_steps_per_epoch", "max_steps, with the epochs")
    if reading.has("dtype"):
        word = str(reading.get("dtype")).rsplit(".", 1)[-1]
        if word in ("bf16", "bfloat16", "fp16", "fp32", "float32"):
            reading.sets("dtype", "precision", word)
        else:
            reading.cannot("dtype", "this precision is not modelled")
    if reading.has("enable_fp8_training") and truth(reading.get("enable_fp8_training")):
        reading.sets("enable_fp8_training", "precision", "fp8")
    if reading.has("enable_activation_checkpointing"):
        on = truth(reading.get("enable_activation_checkpointing"))
        reading.sets("enable_activation_checkpointing", "gradient_checkpointing", on)
    if reading.has("run_val_every_n_steps"):
        every = whole("run_val_every_n_steps", reading.get("run_val_every_n_steps"))
        reading.sets("run_val_every_n_steps", "eval_every", every)
    if reading.has("seed"):
        reading.sets("seed", "seed", whole("seed", reading.get("seed")))
    memory_fields(reading, "torchtune")
    _spread(reading)
    _length(reading)
    reading.assume("AdamW's own", "weight_decay", ADAMW_DECAY)
    for target, value in TUNE_DEFAULTS.items():
        if target != "warmup_ratio" or settings.WARMUP_STEPS not in reading.counts:
            reading.assume("the trainer's default", target, value)
    _preferences(reading)
    reading.finish(
        TUNE_IGNORED, ("tokenizer.", "profiler."), {name: why for name, why in TUNE_BEYOND.items() if why}
    )


def _resolve(reading: Reading) -> None:
    """References to other fields, such as ${batch_size}, where a whole value is one."""
    for name, value in list(reading.fields.items()):
        told = REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
        if told and told[1] in reading.fields and not isinstance(reading.fields[told[1]], list | dict):
            reading.fields[name] = reading.fields[told[1]]


def _model(reading: Reading) -> None:
    """A builder's name is the architecture's, with lora_ or qlora_ before it."""
    name = "model._component_"
    if not reading.has(name):
        reading.missing.append("model: the file names none")
        reading.values["method"] = "full"
        return
    builder = str(reading.get(name)).rsplit(".", 1)[-1]
    reading.model = builder
    adapts = builder.startswith(("lora_", "qlora_"))
    quarter = builder.startswith("qlora_") or truth(reading.get("model.quantize_base"))
    reading.values["method"] = "qlora" if adapts and quarter else "lora" if adapts else "full"
    plain = re.sub(r"^(q?lora)_|_(instruct|base|transform)$", "", builder)
    known = model_id(re.sub(r"^(q?lora)_", "", plain)) or _by_checkpoint(reading)
    if known is None:
        reading.understands(name, "the model, which must be chosen: the catalog has none of its architecture")
        reading.missing.append(
            f"model: the catalog has none that {builder[:80]!r} builds; search it on the Hub"
        )
    else:
        reading.sets(name, "model", known, f"method = {reading.values['method']}")
    if reading.has("model.quantize_base"):
        reading.understands("model.quantize_base", f"method = {reading.values['method']}")
    if adapts:
        _adapters(reading)


def _by_checkpoint(reading: Reading) -> str | None:
    """The folder that weights are read from is called like the model."""
    folder = reading.get("checkpointer.checkpoint_dir")
    return model_id(folder) if isinstance(folder, str) else None


def _adapters(reading: Reading) -> None:
    reading.wholes({"model.lora_rank": "lora_rank"})
    reading.numbers({"model.lora_alpha": "lora_alpha"})
    found: list[str] = []
    if reading.has("model.lora_attn_modules"):
        known, unknown = targets(reading.get("model.lora_attn_modules"))
        found += known
        if unknown:
            named = ", ".join(shown(each) for each in unknown[:3])
            reading.tells("model.lora_attn_modules", named, "no matrices that Vapor knows")
    if truth(reading.get("model.apply_lora_to_mlp")):
        found += LORA_TARGETS[4:]
    if truth(reading.get("model.apply_lora_to_output")):
        found.append(LORA_HEAD)
    chosen = tuple(each for each in (*LORA_TARGETS, LORA_HEAD) if each in found) or ("q_proj", "v_proj")
    reading.values["lora_targets"] = chosen
    for name in ("lora_attn_modules", "apply_lora_to_mlp", "apply_lora_to_output"):
        if reading.has(f"model.{name}"):
            reading.understands(f"model.{name}", f"lora_targets = {', '.join(chosen)}")
    if reading.has("model.lora_dropout"):
        reading.ignore("model.lora_dropout")
    for target, value in {"lora_rank": 8, "lora_alpha": 16.0}.items():
        reading.assume("the builder's default", target, value)


def _data(reading: Reading) -> None:
    given = reading.get("dataset")
    if isinstance(given, list) and given:  # several, one after another
        first = given[0] if isinstance(given[0], Mapping) else {}
        known = str(first.get("source") or str(first.get("_component_", "")).rsplit(".", 1)[-1])
        data(reading, "dataset", known if len(given) == 1 else "")
    name = "dataset.source" if reading.has("dataset.source") else "dataset._component_"
    if reading.has(name):
        data(reading, name, str(reading.get(name)).removeprefix("torchtune.datasets."))
    if reading.has("dataset.packed"):
        reading.sets("dataset.packed", "packing", truth(reading.get("dataset.packed")))
    if "dataset" not in reading.values:
        reading.tells("a data set of known size", "", DATA_UNKNOWN)


def _schedule(reading: Reading) -> None:
    name = "lr_scheduler._component_"
    if not reading.has(name):
        return
    word = str(reading.get(name)).rsplit(".", 1)[-1]
    if "cosine" in word:
        reading.sets(name, "schedule", "cosine")
    else:
        reading.cannot(name, "this schedule is not modelled; the rate is counted as constant")
    steps = "lr_scheduler.num_warmup_steps"
    if reading.has(steps):
        reading.counts[settings.WARMUP_STEPS] = number(steps, reading.get(steps))
        reading.understands(steps, "warmup_ratio, once the steps are counted")
    cycles = "lr_scheduler.num_cycles"
    if reading.has(cycles) and number(cycles, reading.get(cycles)) == 0.5:
        reading.ignore(cycles, "is the usual course")


def _spread(reading: Reading) -> None:
    """Recipes over several cards shard by FSDP in full, unless told not to."""
    sizes = [name for name in ("data_parallel_shard_dim", "data_parallel_replicate_dim") if reading.has(name)]
    counts = [whole(name, reading.get(name)) for name in sizes]
    if counts and all(each > 0 for each in counts):
        cards = counts[0] * (counts[1] if len(counts) > 1 else 1)
        for name in sizes:
            reading.sets(name, "accelerator_count", cards)
    distributed = any(
        name in reading.fields
        for name in ("custom_sharded_layers", "fsdp_cpu_offload", "tensor_parallel_dim", *sizes)
    )
    if reading.has("fsdp_reshard_after_forward"):
        again = truth(reading.get("fsdp_reshard_after_forward"))
        reading.sets("fsdp_reshard_after_forward", "sharding", "zero3" if again else "zero2")
    elif distributed:
        reading.assume("recipes over several cards shard in full", "sharding", "zero3")


def _length(reading: Reading) -> None:
    name = "tokenizer.max_seq_len"
    if reading.has(name):
        reading.sets(name, "sequence_length", whole(name, reading.get(name)))
    else:
        reading.assume(
            "tokenizer.max_seq_len has no limit; the usual length is counted", "sequence_length", 1024
        )


def _preferences(reading: Reading) -> None:
    loss = str(reading.get("loss._component_") or "")
    if any(word in loss for word in ("DPO", "PPO", "GRPO", "KL", "RSO", "SimPO")) and reading.has(
        "loss._component_"
    ):
        reading.cannot("loss._component_", PREFERENCE)


def torchtune_fields(config: JobConfig) -> dict[str, object]:
    """A configuration in torchtune's fields; places of tokenizer and weights are left to fill in."""
    fields: dict[str, object] = {
        "output_dir": "result",
        "model": _tune_model(config),
        "tokenizer": {
            "_component_": "NAME_A_TOKENIZER",
            "path": "WEIGHTS",
            "max_seq_len": config.sequence_length,
        },
        "checkpointer": {
            "_component_": "torchtune.training.FullModelHFCheckpointer",
            "checkpoint_dir": "WEIGHTS",
            "output_dir": "${output_dir}",
        },
        "dataset": _tune_data(config),
        "batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "epochs": int(config.epochs) if config.epochs == int(config.epochs) else config.epochs,
        "optimizer": {
            "_component_": TUNE_OPTIMIZERS[config.optimizer],
            "lr": config.learning_rate,
            "weight_decay": config.weight_decay,
        },
        "loss": {"_component_": "torchtune.modules.loss.LinearCrossEntropyLoss"},
        "clip_grad_norm": config.max_grad_norm or None,
        "dtype": config.precision if config.precision in ("bf16", "fp16", "fp32") else "bf16",
        "enable_activation_checkpointing": config.gradient_checkpointing,
        **({"compile": True} if config.compile else {}),
        **({"enable_activation_offloading": True} if "activations" in config.offload else {}),
        **({"fsdp_cpu_offload": True} if "parameters" in config.offload else {}),
        "device": "cuda",
        "seed": config.seed % 2**32,
    }
    if config.schedule == "cosine":
        fields["lr_scheduler"] = {
            "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
            "num_warmup_steps": _warmup_steps(config),
        }
    if config.eval_every is not None:
        fields["run_val_every_n_steps"] = config.eval_every
    if config.sharding in ("zero2", "zero3"):
        fields["fsdp_reshard_after_forward"] = config.sharding == "zero3"
    return fields


def _warmup_steps(config: JobConfig) -> int:
    try:
        return run_of(config).warmup_steps
    except NotInCatalog:
        return 0


def _tune_model(config: JobConfig) -> dict[str, object]:
    family = BUILDERS.get(config.model) if isinstance(config.model, str) else None
    prefix = ("lora_" if config.base_quantization == "none" else "qlora_") if is_frozen(config) else ""
    component = f"torchtune.models.{family[0]}.{prefix}{family[1]}" if family else prefix + NO_BUILDER
    if not is_frozen(config):
        return {"_component_": component}
    attention = [
        "output_proj" if each == "o_proj" else each
        for each in config.lora_targets
        if each in LORA_TARGETS[:4]
    ]
    return {
        "_component_": component,
        "lora_attn_modules": attention,
        "apply_lora_to_mlp": any(each in LORA_TARGETS[4:] for each in config.lora_targets),
        "apply_lora_to_output": LORA_HEAD in config.lora_targets,
        "lora_rank": config.lora_rank,
        "lora_alpha": config.lora_alpha,
        **({"use_dora": True} if config.dora else {}),
    }


def _tune_data(config: JobConfig) -> dict[str, object]:
    name = data_name(config)
    if name in TUNE_DATA and isinstance(config.dataset, str):
        return {"_component_": f"torchtune.datasets.{TUNE_DATA[name]}", "packed": config.packing}
    return {
        "_component_": "torchtune.datasets.instruct_dataset",
        "source": name,
        "packed": config.packing,
    }
