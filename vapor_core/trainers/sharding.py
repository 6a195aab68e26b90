"""Sharding and world size, as DeepSpeed's JSON, accelerate's YAML and FSDP's fields say them.

Names by DeepSpeed 0.19 at edaa722 (runtime/config.py, runtime/zero/config.py), accelerate 1.15 and at 16cb6eb, and
FSDP's arguments of transformers 5.24.
"""

import re

from vapor_core.trainers import settings
from vapor_core.trainers.fields import Reading, no_figure, number, shown, truth, whole
from vapor_core.trainers.huggingface import MASTERS, optimizer, schedule
from vapor_core.trainers.memory_fields import HOST, offloads

STAGES = ("none", "zero1", "zero2", "zero3")
HYBRID = ("hybrid_shard", "4", "hybrid_shard_zero2", "5")
FSDP_STRATEGIES = {
    **dict.fromkeys(("full_shard", "1"), "zero3"),
    **dict.fromkeys(HYBRID, "hybrid"),
    **dict.fromkeys(("shard_grad_op", "2"), "zero2"),
    **dict.fromkeys(("no_shard", "3"), "none"),
}
# Keys of FSDP's group that a file has only where it shards; transformers dumps others always.
FSDP_TELLS = {
    "version",
    "auto_wrap_policy",
    "transformer_layer_cls_to_wrap",
    "offload_params",
    "state_dict_type",
}
FSDP_TELLS |= {"sync_module_states", "final_state_dict_type", "cpu_ram_efficient_loading"}
OFFLOADS = "what is offloaded to the host is counted on the card"
DEEPSPEED_OFFLOADS = {"offload_optimizer": ("optimizer",), "offload_param": ("parameters",)}
DEEPSPEED_BEYOND = {
    "cpu_offload": OFFLOADS,
    "zero_hpz_partition_size": "partitions within a machine are counted as over all cards",
    "zero_quantized_weights": "quantised communication is not counted",
    "zero_quantized_gradients": "quantised communication is not counted",
    "zero_quantized_nontrainable_weights": "quantised communication is not counted",
    "mics_shard_size": "partitions within a group are counted as over all cards",
    "memory_efficient_linear": "is not counted",
}
DEEPSPEED_PARTS_BEYOND = {
    "tensor_parallel": "tensor parallelism is not counted",
    "pipeline": "pipeline parallelism is not counted",
    "compression_training": "compression is not counted",
    "sparse_attention": "attention is counted dense",
    "curriculum_learning": "a curriculum of lengths is not counted",
    "data_efficiency": "a curriculum of data is not counted",
    "torch_autocast": "mixed precision by autocast is counted as the model's precision",
    "amp": "mixed precision by Apex is counted as the model's precision",
}
DEEPSPEED_IGNORED = no_figure("deepspeed")
ACCELERATE_IGNORED = no_figure("accelerate")


def deepspeed_file(reading: Reading) -> None:
    """A DeepSpeed configuration of its own: batches, rates, precision and stage."""
    batch_sizes(reading)
    for name in ("gradient_clipping", "gradient_accumulation_steps"):
        if _is_auto(reading, name):
            reading.ignore(name, "the trainer's own value counts")
    reading.numbers({"gradient_clipping": "max_grad_norm"})
    for name, word in (("bf16.enabled", "bf16"), ("bfloat16.enabled", "bf16"), ("fp16.enabled", "fp16")):
        if reading.has(name) and not _is_auto(reading, name):
            if truth(reading.get(name)):
                reading.sets(name, "precision", word)
            else:
                reading.ignore(name, "is off")
    _optimizer_and_scheduler(reading)
    zero(reading, "")
    reading.tells("DeepSpeed's own states", "", MASTERS)
    reading.finish(DEEPSPEED_IGNORED, (), DEEPSPEED_PARTS_BEYOND)


def _is_auto(reading: Reading, name: str) -> bool:
    return reading.get(name) == "auto"


def batch_sizes(reading: Reading) -> None:
    """A step's sequences = those of a card x accumulation x cards; what two of them and the whole tell, is told."""
    names = {
        "all": "train_batch_size",
        "card": "train_micro_batch_size_per_gpu",
        "steps": "gradient_accumulation_steps",
    }
    said = {
        role: whole(name, reading.get(name))
        for role, name in names.items()
        if reading.has(name) and not _is_auto(reading, name)
    }
    for role, name in names.items():
        if role not in said and reading.has(name):
            reading.ignore(name, "the trainer's own value counts")
    if "card" in said:
        reading.sets(names["card"], "micro_batch_size", said["card"])
    if "steps" in said:
        reading.sets(names["steps"], "gradient_accumulation_steps", said["steps"])
    if "all" not in said:
        return
    rest = max(said["all"] // (said.get("card", 1) * said.get("steps", 1) or 1), 1)
    target = {
        (True, True): "accelerator_count", (True, False): "gradient_accumulation_steps",
        (False, True): "micro_batch_size", (False, False): "micro_batch_size",
    }["card" in said, "steps" in said]  # fmt: skip
    remark = "" if target == "accelerator_count" else "on one card: the file does not say how many there are"
    reading.sets(names["all"], target, rest, remark)
    if target == "micro_batch_size":
        reading.values.setdefault("gradient_accumulation_steps", 1)


def _optimizer_and_scheduler(reading: Reading) -> None:
    optimizer(reading, "optimizer.type")
    for name, target in (
        ("optimizer.params.lr", "learning_rate"),
        ("optimizer.params.weight_decay", "weight_decay"),
        ("scheduler.params.warmup_max_lr", "learning_rate"),
    ):
        if reading.has(name):
            if _is_auto(reading, name) or target in reading.values:
                reading.ignore(name, "another value counts")
            else:
                reading.sets(name, target, number(name, reading.get(name)))
    schedule(reading, "scheduler.type", "scheduler.params")
    name = "scheduler.params.warmup_num_steps"
    if reading.has(name) and not _is_auto(reading, name):
        reading.counts[settings.WARMUP_STEPS] = number(name, reading.get(name))
        reading.understands(name, "warmup_ratio, once the steps are counted")
    name = "scheduler.params.total_num_steps"
    if reading.has(name) and not _is_auto(reading, name):
        reading.sets(name, "max_steps", whole(name, reading.get(name)))
    name = "scheduler.params.cos_min_ratio"
    if reading.has(name):
        reading.sets(name, "min_learning_rate_ratio", number(name, reading.get(name)))


def zero(reading: Reading, prefix: str) -> None:
    """A ZeRO stage and what it offloads, under a prefix such as "deepspeed."."""
    group = f"{prefix}zero_optimization"
    if reading.has(f"{group}.stage"):
        stage = whole(f"{group}.stage", reading.get(f"{group}.stage"))
        if 0 <= stage < len(STAGES):
            reading.sets(f"{group}.stage", "sharding", STAGES[stage])
        else:
            reading.cannot(f"{group}.stage", "ZeRO has the stages 0 to 3")
    for name in [name for name in reading.left() if name.startswith(f"{group}.")]:
        last = name.removeprefix(f"{group}.").split(".", 1)
        why = DEEPSPEED_BEYOND.get(last[0])
        if last[0] in DEEPSPEED_OFFLOADS and last[1:] == ["device"]:
            if str(reading.get(name)).lower() == "none":
                reading.ignore(name, "is off")
            else:
                offloads(reading, name, DEEPSPEED_OFFLOADS[last[0]])
        elif why is None or (len(last) > 1 and last[1] != "device"):
            reading.ignore(name, "tunes communication, not what is counted")
        else:
            reading.cannot(name, why)
    for name in [name for name in reading.left() if prefix and name.startswith(prefix)]:
        part = name.removeprefix(prefix).split(".", 1)[0]
        if part in DEEPSPEED_PARTS_BEYOND:
            reading.cannot(name, DEEPSPEED_PARTS_BEYOND[part])
        else:
            reading.ignore(name, "the trainer's own value counts")


def deepspeed_field(reading: Reading, name: str = "deepspeed") -> None:
    """A trainer's field for DeepSpeed: a group within the file, or another file, whose name tells its stage."""
    zero(reading, f"{name}.")
    if not reading.has(name):
        return
    path = str(reading.get(name))
    told = re.search(r"(?:zero|z|stage)[-_]?([0-3])", path.lower().rsplit("/", 1)[-1])
    if told is None:
        reading.cannot(name, "the file is elsewhere, and its name tells no stage")
        return
    remark = "by the file's name"
    if "offload" in path.lower():
        places = HOST if told[1] == "3" else HOST[:1]
        reading.values["offload"] = places
        remark += f"; offload = {', '.join(places)}"
    reading.sets(name, "sharding", STAGES[int(told[1])], remark)


def fsdp_fields(reading: Reading, name: str = "fsdp", group: str = "fsdp_config") -> None:
    """FSDP's fields: a strategy by its word, and its group."""
    if reading.has(name):
        value = reading.get(name)
        words = [str(each) for each in value] if isinstance(value, list) else str(value).split()
        found = next(
            (FSDP_STRATEGIES[word.lower()] for word in words if word.lower() in FSDP_STRATEGIES), "zero3"
        )
        if "offload" in [word.lower() for word in words]:
            reading.values["offload"] = HOST
        if truth(value) or words:
            reading.sets(
                name, "sharding", found, "offload = " + ", ".join(HOST) if "offload" in reading.values else ""
            )
    inside = [each for each in reading.left() if each.startswith(f"{group}.")]
    for each in inside:
        key = each.removeprefix(f"{group}.").removeprefix("fsdp_")
        if key in ("sharding_strategy", "reshard_after_forward"):
            _strategy(reading, each)
        elif key in ("activation_checkpointing",) and truth(reading.get(each)):
            reading.sets(each, "gradient_checkpointing", True)
        elif key in ("offload_params", "cpu_offload") and truth(reading.get(each)):
            offloads(reading, each, HOST)
        else:
            reading.ignore(each, "tunes how it is wrapped, not what is counted")
    told = {each.removeprefix(f"{group}.").removeprefix("fsdp_") for each in inside}
    if told & FSDP_TELLS and truth(reading.fields.get(name, True)):
        reading.assume("FSDP shards in full where nothing else is said", "sharding", "zero3")


def _strategy(reading: Reading, name: str) -> None:
    """FSDP 1 names a strategy; FSDP 2 says whether parameters are gathered anew for the backward pass."""
    value = reading.get(name)
    word = str(value).lower()
    if word in FSDP_STRATEGIES and not isinstance(value, bool):
        reading.sets(name, "sharding", FSDP_STRATEGIES[word])
    else:
        reading.sets(name, "sharding", "zero3" if truth(value) else "zero2")


def accelerate_file(reading: Reading) -> None:
    """An accelerate configuration: processes, precision and sharding."""
    processes = reading.get("num_processes")
    if reading.has("num_processes"):
        reading.sets("num_processes", "accelerator_count", max(whole("num_processes", processes), 1))
    if reading.has("mixed_precision"):
        word = str(reading.get("mixed_precision"))
        known = {"bf16": "bf16", "fp16": "fp16", "fp8": "fp8", "no": "fp32"}
        if word in known:
            remark = "unless the model itself is loaded in 16 bit" if word == "no" else ""
            reading.sets("mixed_precision", "precision", known[word], remark)
        else:
            reading.cannot("mixed_precision", "this precision is not modelled")
    kind = str(reading.get("distributed_type") or "NO").upper()
    _accelerate_deepspeed(reading)
    if kind == "FSDP":
        fsdp_fields(reading)
    if kind in ("NO", "MULTI_GPU", "MULTI_CPU", "MULTI_XPU"):
        reading.values.setdefault("sharding", "none")
    if reading.has("distributed_type"):
        if kind in ("NO", "MULTI_GPU", "MULTI_CPU", "MULTI_XPU", "FSDP", "DEEPSPEED"):
            says = str(reading.values.get("sharding", "none"))
            reading.understands("distributed_type", f"sharding = {says}")
        else:
            reading.cannot("distributed_type", "this way to spread a model is not counted")
    if reading.has("use_cpu") and truth(reading.get("use_cpu")):
        reading.sets("use_cpu", "accelerator", "cpu")
    reading.wholes({"gradient_accumulation_steps": "gradient_accumulation_steps"})
    beyond = {
        "parallelism_config": "tensor, context and expert parallelism are not counted",
        "megatron_lm_config": "tensor and pipeline parallelism are not counted",
        "fp8_config": "the recipe of fp8 is not counted",
    }
    if (
        not reading.has("mixed_precision")
        and str(reading.get("dynamo_config.dynamo_backend") or "no").lower() != "no"
    ):
        reading.cannot("dynamo_config.dynamo_backend", "a compiled model is faster; it is counted uncompiled")
    reading.finish((*ACCELERATE_IGNORED, "use_cpu"), (), beyond)


def _accelerate_deepspeed(reading: Reading) -> None:
    group = "deepspeed_config"
    if reading.has(f"{group}.zero_stage"):
        stage = whole("zero_stage", reading.get(f"{group}.zero_stage"))
        reading.sets(f"{group}.zero_stage", "sharding", STAGES[min(max(stage, 0), 3)])
    reading.numbers({f"{group}.gradient_clipping": "max_grad_norm"})
    reading.wholes({f"{group}.gradient_accumulation_steps": "gradient_accumulation_steps"})
    for name, places in DEEPSPEED_OFFLOADS.items():
        path = f"{group}.{name}_device"
        if reading.has(path) and str(reading.get(path)).lower() != "none":
            offloads(reading, path, places)
    if reading.has(f"{group}.deepspeed_config_file"):
        path = f"{group}.deepspeed_config_file"
        deepspeed_field(reading, path)
    for name in [name for name in reading.left() if name.startswith(f"{group}.")]:
        reading.ignore(name, f"{shown(name)} tunes how it starts, not what is counted")
