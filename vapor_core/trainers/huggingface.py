"""The fields that transformers' TrainingArguments give every trainer that stands on them, and PEFT's LoRA.

Names and defaults by transformers 5.24 (training_args.py), PEFT 0.20 at 5d602fd (LoraConfig) and TRL 1.10 at f2cd577.
"""

import json
from collections.abc import Mapping

from vapor_core.contracts.entries import CatalogModel, Dataset
from vapor_core.contracts.training import LORA_TARGETS
from vapor_core.trainers import settings
from vapor_core.trainers.fields import Reading, no_figure, number, shown, truth, whole
from vapor_core.trainers.words import OPTIMIZERS, SCHEDULES, dataset_id, model_id, targets

DEFAULTS: dict[str, object] = {
    "learning_rate": 5e-5, "schedule": "linear", "warmup_ratio": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0,
    "micro_batch_size": 8, "gradient_accumulation_steps": 1, "epochs": 3.0, "precision": "fp32", "optimizer": "adamw",
    "gradient_checkpointing": False, "seed": 42,
}  # fmt: skip
DATA_UNKNOWN = "dataset: the usual one, yahma/alpaca-cleaned, until you choose data"
MASTERS = (
    "what is trained is kept in 32 bit; a full fine-tune is counted in 16 bit, with half of those states"
)
WIDE_WEIGHTS = "frozen weights are loaded in 32 bit; they are counted in 16 bit, half as large"
NUMBERS = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "num_train_epochs": "epochs",
}
WHOLES = {
    "per_device_train_batch_size": "micro_batch_size",
    "per_gpu_train_batch_size": "micro_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
}
IGNORED = no_figure("huggingface")
PREFIXES = (
    "logging_",
    "log_",
    "hub_",
    "dataloader_",
    "ddp_",
    "trackio_",
    "tpu_",
    "wandb_",
    "swanlab_",
    "mlflow_",
    "comet_",
)
BEYOND = {
    "group_by_length": "batches of like lengths pad less; Vapor pads to the longest",
    "neftune_noise_alpha": "noise on embeddings changes the loss; it is left out",
    "label_smoothing_factor": "a smoothed loss has another level; it is left out",
    "liger_kernel_config": "fused kernels keep less and are faster; memory is counted without them",
    "optim_args": "arguments of the optimizer are left out",
    "optim_target_modules": "the optimizer is counted on all matrices",
    "parallelism_config": "tensor, context and expert parallelism are not counted",
    "attn_implementation": "attention is counted as flash attention counts",
}


def training_arguments(reading: Reading, defaults: Mapping[str, object]) -> None:
    """What TrainingArguments say, and after it their defaults."""
    steps = reading.get("max_steps")
    reading.numbers(NUMBERS)
    reading.wholes(WHOLES)
    if reading.has("max_steps"):
        if whole("max_steps", steps) > 0:
            reading.sets("max_steps", "max_steps", whole("max_steps", steps))
        else:
            reading.ignore("max_steps", "epochs count")
    seed(reading, "seed")
    precision(reading)
    optimizer(reading, "optim")
    schedule(reading, "lr_scheduler_type")
    warmup(reading)
    checkpointing(reading)
    cadence(reading)
    if reading.has("use_cpu") and truth(reading.get("use_cpu")):
        reading.sets("use_cpu", "accelerator", "cpu")
    assume(reading, defaults)


def assume(reading: Reading, defaults: Mapping[str, object]) -> None:
    """A trainer's defaults, by JobConfig's fields, for what the file leaves out."""
    for target, value in defaults.items():
        if target != "warmup_ratio" or settings.WARMUP_STEPS not in reading.counts:
            reading.assume("the trainer's default", target, value)
    reading.values.setdefault("min_learning_rate_ratio", 0.0)


def seed(reading: Reading, name: str) -> None:
    """A seed; negative ones mean chance."""
    if reading.has(name):
        found = whole(name, reading.get(name))
        reading.sets(name, "seed", found % 2**63)


def precision(reading: Reading) -> None:
    """bf16 and fp16 flags, of which at most one is set."""
    half = {"bf16": "bf16", "fp16": "fp16", "bfloat16": "bf16", "float16": "fp16", "pure_bf16": "bf16"}
    for name, word in half.items():
        if reading.has(name):
            if truth(reading.get(name)) and "precision" not in reading.values:
                reading.sets(name, "precision", word)
            else:
                reading.ignore(name, "is off, or another precision is set")
                reading.counts.setdefault("said_no_half", 1.0)
    if reading.counts.pop("said_no_half", None) and _said_both(reading):
        reading.values.setdefault("precision", "fp32")


def _said_both(reading: Reading) -> bool:
    return all(name in reading.fields for name in ("bf16", "fp16"))


def optimizer(reading: Reading, name: str) -> None:
    """An optimizer by its word."""
    if not reading.has(name):
        return
    word = str(reading.get(name)).rsplit(".", 1)[-1].lower()
    found = OPTIMIZERS.get(word)
    if found is None:
        reading.values["optimizer"] = "adamw"
        reading.cannot(name, "this optimizer is not modelled; it is counted as adamw")
    else:
        reading.sets(name, "optimizer", *found)


def _argument(reading: Reading, name: str, key: str) -> tuple[str, float] | None:
    """An argument of the schedule: of a group of fields, or within one field that is JSON text."""
    path = f"{name}.{key}"
    if reading.has(path):
        return path, number(path, reading.get(path))
    text = reading.get(name)
    if isinstance(text, str) and text.lstrip().startswith("{"):
        try:
            inner = json.loads(text[:2000])
        except (ValueError, RecursionError):
            return None
        if isinstance(inner, dict) and key in inner:
            return name, number(path, inner[key])
    return None


def schedule(reading: Reading, name: str, arguments: str = "lr_scheduler_kwargs") -> None:
    """A schedule by its word, with its arguments."""
    if not reading.has(name):
        return
    word = str(reading.get(name)).rsplit(".", 1)[-1].lower()
    found = SCHEDULES.get(word)
    if found is None:
        reading.values["schedule"] = "constant"
        reading.cannot(name, "this schedule is not modelled; the rate is counted as constant")
        return
    reading.sets(name, "schedule", found)
    if word == "constant":
        reading.values["warmup_ratio"] = 0.0
        for each in ("warmup_steps", "warmup_ratio"):
            if reading.has(each):
                reading.ignore(each, "a constant schedule has no warm-up")
    for key in ("min_lr_rate", "min_lr_ratio"):
        if floor := _argument(reading, arguments, key):
            reading.sets(floor[0], "min_learning_rate_ratio", floor[1])
    for key in ("min_lr", "lr_end"):
        if (least := _argument(reading, arguments, key)) and (peak := _peak(reading)):
            reading.sets(least[0], "min_learning_rate_ratio", min(least[1] / peak, 1.0))
    if decay := _argument(reading, arguments, "num_decay_steps"):
        reading.counts[settings.DECAY_STEPS] = decay[1]
        reading.understands(decay[0], "decay_ratio, once the steps are counted")
    _shape(reading, arguments, word)


def _shape(reading: Reading, arguments: str, word: str) -> None:
    """What of a schedule's course Vapor draws otherwise."""
    cycles = _argument(reading, arguments, "num_cycles")
    if cycles and cycles[0] != arguments:
        usual = cycles[1] == (1 if word == "cosine_with_restarts" else 0.5)
        if usual:
            reading.ignore(cycles[0], "is the usual course")
        else:
            reading.cannot(cycles[0], "a course of several cycles is counted as one")
    for key in ("decay_type", "warmup_type", "power", "num_stable_steps"):
        if reading.has(f"{arguments}.{key}"):
            usual = reading.get(f"{arguments}.{key}") in ("linear", 1, 1.0)
            why = "is drawn as a straight line"
            reading.ignore(f"{arguments}.{key}", "is a straight line") if usual else reading.cannot(
                f"{arguments}.{key}", why
            )


def _peak(reading: Reading) -> float:
    peak = reading.values.get("learning_rate")
    return float(peak) if isinstance(peak, int | float) and peak > 0 else 0.0


def warmup(reading: Reading) -> None:
    """Warm-up in steps holds before a share of the run, as the trainer has it; steps below 1 are a share."""
    if reading.has("warmup_steps"):
        steps = number("warmup_steps", reading.get("warmup_steps"))
        if 0 < steps < 1:
            reading.sets("warmup_steps", "warmup_ratio", steps)
        elif steps >= 1:
            reading.counts[settings.WARMUP_STEPS] = steps
            reading.understands("warmup_steps", "warmup_ratio, once the steps are counted")
        elif not number("warmup_ratio", reading.get("warmup_ratio") or 0):
            reading.sets("warmup_steps", "warmup_ratio", 0.0)
        else:
            reading.ignore("warmup_steps", "the share of the run counts")
    if reading.has("warmup_ratio"):
        if settings.WARMUP_STEPS in reading.counts:
            reading.ignore("warmup_ratio", "warmup_steps count")
        else:
            reading.sets("warmup_ratio", "warmup_ratio", number("warmup_ratio", reading.get("warmup_ratio")))


def checkpointing(reading: Reading) -> None:
    """Gradient checkpointing, which newer files call activation checkpointing and Unsloth "unsloth"."""
    for name in ("gradient_checkpointing", "activation_checkpointing", "use_gradient_checkpointing"):
        if reading.has(name):
            value = reading.get(name)
            offloads = value in ("offload", "offload_disk", "unsloth")
            on = offloads or truth(value)
            if offloads:
                reading.values["offload"] = ("activations",)
            reading.sets(name, "gradient_checkpointing", on, "offload = activations" if offloads else "")


def cadence(reading: Reading) -> None:
    """How often a run evaluates and saves: in steps, in shares of the run below 1, or each epoch."""
    for what, target, epochs, share, usual in (
        ("eval", "eval_every", settings.EVALS_PER_EPOCH, settings.EVAL_SHARE, "no"),
        ("save", "checkpoint_every", settings.SAVES_PER_EPOCH, settings.SAVE_SHARE, "steps"),
    ):
        strategy = reading.get(f"{what}_strategy") or (
            reading.get("evaluation_strategy") if what == "eval" else None
        )
        word = str(strategy or usual).rsplit(".", 1)[-1].lower()
        name = f"{what}_steps"
        if word == "epoch":
            reading.counts[epochs] = 1.0
            reading.understands(f"{what}_strategy", f"{target}: each epoch") if reading.has(
                f"{what}_strategy"
            ) else None
        elif word == "steps" or (strategy is None and reading.has(name)):
            if reading.has(f"{what}_strategy"):
                reading.understands(f"{what}_strategy", f"{target} by steps")
            if reading.has(name):
                _every(reading, name, target, share)
        for each in (name, f"{what}_strategy", "evaluation_strategy" if what == "eval" else name):
            if reading.has(each):
                reading.ignore(each, f"Vapor's own cadence counts: {target}")


def _every(reading: Reading, name: str, target: str, share: str) -> None:
    every = number(name, reading.get(name))
    if 0 < every < 1:
        reading.counts[share] = every
        reading.understands(name, f"{target}, once the steps are counted")
    elif every >= 1:
        reading.sets(name, target, round(every))


def data(reading: Reading, name: str, given: object) -> None:
    """A data set by its name; one of unknown size is counted as the usual one, and said."""
    known = dataset_id(str(given)) if given else None
    if given and (own := reading.own(str(given), Dataset)) is not None:
        reading.takes(name, "dataset", own)
    elif known is None:
        reading.cannot(
            name, "its size is not known; until you choose data it is counted as yahma/alpaca-cleaned"
        )
    else:
        remark = "" if known == given else f"{shown(given)} is counted as it"
        reading.sets(name, "dataset", known, remark)


def model(reading: Reading, name: str) -> None:
    """A model by its name; where the catalog has none of its architecture, what is missing is said."""
    if not reading.has(name):
        reading.missing.append(f"{name}: the file names no model")
        return
    given = str(reading.get(name))[:200]
    reading.model = given
    known = model_id(given)
    if (own := reading.own(given, CatalogModel)) is not None:
        reading.takes(name, "model", own)
    elif known is None:
        reading.understands(name, "the model, which must be chosen: the catalog has none of its architecture")
        reading.missing.append(f"model: the catalog has no {shown(given)!r}; search it on the Hub")
    else:
        reading.sets(name, "model", known, "" if known == given else "of the same architecture")


def lora(reading: Reading, names: Mapping[str, str], defaults: Mapping[str, object]) -> None:
    """LoRA's rank, alpha and matrices.

    Args:
        reading: the file's fields.
        names: the trainer's words for "rank", "alpha" and "targets".
        defaults: its defaults, by JobConfig's fields.
    """
    if reading.has(names["rank"]):
        reading.sets(names["rank"], "lora_rank", whole(names["rank"], reading.get(names["rank"])))
    if reading.has(names["alpha"]):
        reading.sets(names["alpha"], "lora_alpha", number(names["alpha"], reading.get(names["alpha"])))
    if reading.get("init_lora_weights") is True:
        reading.ignore("init_lora_weights", "is the usual start")
    name = names["targets"]
    if reading.has(name):
        found, unknown = targets(reading.get(name))
        if found:
            remark = f"not {', '.join(shown(each) for each in unknown[:5])}" if unknown else ""
            reading.sets(name, "lora_targets", found, remark)
        else:
            reading.cannot(name, f"no matrix that Vapor knows; {', '.join(LORA_TARGETS)} are counted")
    for target, value in defaults.items():
        reading.assume("the trainer's default", target, value)


LORA_IGNORED = no_figure("lora")
LORA_BEYOND = {
    "use_rslora": "another scale of the adapters changes the course of the loss; it is counted as LoRA",
    "modules_to_save": "modules that are trained whole are left out: memory and size are larger",
    "lora_modules_to_save": "modules that are trained whole are left out: memory and size are larger",
    "target_parameters": "adapters on experts' parameters are left out",
    "lora_target_parameters": "adapters on experts' parameters are left out",
    "rank_pattern": "ranks of single layers are left out",
    "alpha_pattern": "alphas of single layers are left out",
    "layers_to_transform": "adapters are counted on all layers",
    "layer_replication": "replicated layers are left out",
    "init_lora_weights": "another start of the adapters changes the course of the loss",
    "loftq_config": "another start of the adapters changes the course of the loss",
    "exclude_modules": "adapters are counted on all layers",
    "trainable_token_indices": "tokens that are trained are left out",
    "qalora_group_size": "another kind of adapter is counted as LoRA",
    "use_qalora": "another kind of adapter is counted as LoRA",
    "eva_config": "another start of the adapters changes the course of the loss",
    "corda_config": "another start of the adapters changes the course of the loss",
}
