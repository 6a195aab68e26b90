"""Axolotl's YAML.

Names and defaults by axolotl 0.18 at 067b021 (utils/schemas/*.py).
"""

from collections.abc import Mapping

from vapor_core.contracts.training import LORA_TARGETS, PARALLEL
from vapor_core.trainers import settings
from vapor_core.trainers.fields import Reading, no_figure, number, truth, whole
from vapor_core.trainers.huggingface import (
    DATA_UNKNOWN,
    DEFAULTS,
    LORA_BEYOND,
    PREFIXES,
    assume,
    cadence,
    checkpointing,
    data,
    lora,
    model,
    optimizer,
    schedule,
    seed,
    warmup,
)
from vapor_core.trainers.memory_fields import eight_bits, memory_fields, preference
from vapor_core.trainers.sharding import deepspeed_field, fsdp_fields

AXOLOTL_DEFAULTS: dict[str, object] = {
    **DEFAULTS,
    "schedule": "cosine", "epochs": 1.0, "micro_batch_size": 1, "precision": "bf16", "sequence_length": 512,
    "packing": False,
}  # fmt: skip
LORA_NAMES = {"rank": "lora_r", "alpha": "lora_alpha", "targets": "lora_target_modules"}
PREFERENCE = "preferences and rewards are not modelled: the run is counted as supervised fine-tuning"
KERNELS = "fused kernels keep less and are faster; memory is counted without them"
START = "another start of the adapters changes the course of the loss"
AXOLOTL_BEYOND = {
    **LORA_BEYOND,
    **dict.fromkeys(("rl", "reward_model", "process_reward_model", "trl", "ebft"), PREFERENCE),
    **dict.fromkeys(("liger_rms_norm_gated", "lora_embedding_kernel", "tiled_mlp"), KERNELS),
    "deepcompile": "a compiled model is faster; it is counted uncompiled",
    "layer_offloading": "what is offloaded to the host is counted on the card",
    **dict.fromkeys(("peft_use_rslora",), LORA_BEYOND["use_rslora"]),
    **dict.fromkeys(("peft_init_lora_weights", "loftq_config", "relora", "peft"), START),
    **dict.fromkeys(
        ("loraplus_lr_ratio", "embedding_lr", "embedding_lr_scale", "lr_groups"),
        "rates of their own for parts are left out",
    ),
    **dict.fromkeys(
        ("qat", "quantization", "quantize_moe_experts"),
        "training that is aware of quantisation is not counted",
    ),
    **dict.fromkeys(("peft_layers_to_transform",), LORA_BEYOND["layers_to_transform"]),
    **dict.fromkeys(("optim_args", "optim_target_modules"), "arguments of the optimizer are left out"),
    **dict.fromkeys(
        ("lr_quadratic_warmup", "cosine_constant_lr_ratio", "jagged_restart_steps"),
        "the course of the rate differs",
    ),
    "unfrozen_parameters": "parameters that stay frozen are counted as trained",
    "load_in_8bit": "weights of 8 bit are counted in 16 bit",
    "group_by_length": "batches of like lengths pad less; Vapor pads to the longest",
    "batch_flattening": "batches without padding keep less; they are counted padded",
    "neftune_noise_alpha": "noise on embeddings changes the loss; it is left out",
    "gptq": "weights of this quantisation are counted in 16 bit",
    "model_quantization_config": "weights of this quantisation are counted in 16 bit",
    "lisa_n_layers": "layers that rest are counted as trained",
    "use_pose": "skipped positions are counted as they are",
    "curriculum_sampling": "the order of the data is not counted",
    "plugins": "what a plugin changes is not known",
    "fp8_config": "the recipe of fp8 is not counted",
    "selective_checkpointing": "checkpoints of single modules are counted as of all layers",
    "pretraining_dataset": "",
}
AXOLOTL_IGNORED = no_figure("lora", "axolotl")
AXOLOTL_PREFIXES = (
    *PREFIXES,
    *(
        "use_",
        "gradio_",
        "otel_",
        "ray_",
        "resources_per_worker",
        "generation_",
        "overrides_of_",
        "chunked_cross_entropy_",
    ),
    *(
        "qgalore_",
        "dion_",
        "tiled_mlp_",
        "torch_compile_",
        "profiler_",
        "special_tokens.",
        "dpo_",
        "sonicmoe_",
        "diffusion.",
    ),
)


def axolotl_file(reading: Reading) -> None:
    """A run of axolotl train."""
    model(reading, "base_model")
    _data(reading)
    _method(reading)
    reading.numbers(
        {
            "learning_rate": "learning_rate",
            "weight_decay": "weight_decay",
            "max_grad_norm": "max_grad_norm",
            "num_epochs": "epochs",
        }
    )
    _batches(reading)
    if reading.has("sequence_len"):
        reading.sets("sequence_len", "sequence_length", whole("sequence_len", reading.get("sequence_len")))
    if reading.has("sample_packing"):
        reading.sets("sample_packing", "packing", truth(reading.get("sample_packing")))
    if reading.has("max_steps"):
        steps = whole("max_steps", reading.get("max_steps"))
        reading.sets("max_steps", "max_steps", steps) if steps > 0 else reading.ignore(
            "max_steps", "epochs count"
        )
    seed(reading, "seed")
    _precision(reading)
    optimizer(reading, "optimizer")
    schedule(reading, "lr_scheduler")
    if reading.has("cosine_min_lr_ratio"):
        floor = number("cosine_min_lr_ratio", reading.get("cosine_min_lr_ratio"))
        reading.sets("cosine_min_lr_ratio", "min_learning_rate_ratio", floor)
    warmup(reading)
    checkpointing(reading)
    eight_bits(reading)
    preference(reading, "rl")
    if truth(reading.get("gptq")) and reading.has("gptq") and reading.values["method"] in ("lora", "qlora"):
        reading.sets("gptq", "base_quantization", "gptq")
    memory_fields(reading, "axolotl")
    _cadence(reading)
    deepspeed_field(reading)
    fsdp_fields(reading)
    _world(reading)
    assume(reading, AXOLOTL_DEFAULTS)
    reading.finish(
        AXOLOTL_IGNORED, AXOLOTL_PREFIXES, {name: why for name, why in AXOLOTL_BEYOND.items() if why}
    )


def _data(reading: Reading) -> None:
    for name in ("datasets", "pretraining_dataset"):
        if not reading.has(name):
            continue
        given = reading.get(name)
        entries = given if isinstance(given, list) else [given]
        paths = [str(each.get("path")) if isinstance(each, Mapping) else str(each) for each in entries]
        data(reading, name, paths[0] if len(paths) == 1 else "")
    if "dataset" not in reading.values:
        reading.tells("a data set of known size", "", DATA_UNKNOWN)


def _method(reading: Reading) -> None:
    adapter = str(reading.get("adapter") or "").lower()
    adapts = adapter in ("lora", "qlora")
    quarter = adapter == "qlora" or truth(reading.get("load_in_4bit"))
    method = ("qlora" if quarter else "lora") if adapts else "full"
    if method == "full" and truth(reading.get("reinit_weights")):
        method = "pretrain"
    reading.values["method"] = method
    for name in ("adapter", "load_in_4bit", "reinit_weights"):
        if not reading.has(name):
            continue
        if name == "adapter" and not adapts:
            reading.cannot(name, "this kind of adapter is not modelled; counted as a full fine-tune")
        else:
            reading.understands(name, f"method = {method}")
    if adapts:
        _adapters(reading)
    for name in (*LORA_NAMES.values(), "lora_target_linear"):
        if reading.has(name):
            reading.ignore(name, "no adapters are trained")


def _adapters(reading: Reading) -> None:
    linear = "lora_target_linear"
    if reading.has(linear) and truth(reading.get(linear)):
        reading.sets(linear, "lora_targets", LORA_TARGETS)
        if reading.has("lora_target_modules"):
            reading.ignore("lora_target_modules", "all linear layers are adapted")
    elif reading.has(linear):
        reading.ignore(linear, "is off")
    lora(reading, LORA_NAMES, {"lora_rank": 8, "lora_alpha": 8.0, "lora_targets": ("q_proj", "v_proj")})


def _batches(reading: Reading) -> None:
    """Sequences of a card and accumulation; `batch_size` is both together on one card."""
    names = {
        "micro_batch_size": "micro_batch_size",
        "gradient_accumulation_steps": "gradient_accumulation_steps",
    }
    reading.wholes(names)
    if reading.has("batch_size"):
        whole_batch = whole("batch_size", reading.get("batch_size"))
        if "gradient_accumulation_steps" in reading.values:
            reading.ignore("batch_size", "micro_batch_size and gradient_accumulation_steps count")
        else:
            micro = reading.values.get("micro_batch_size", 1)
            steps = max(whole_batch // micro, 1) if isinstance(micro, int) and micro > 0 else 1
            reading.sets("batch_size", "gradient_accumulation_steps", steps)


def _precision(reading: Reading) -> None:
    """The first flag that is set; bf16: auto is on where cards have it, which those of today have."""
    words = {
        "fp8": "fp8",
        "bf16": "bf16",
        "bfloat16": "bf16",
        "fp16": "fp16",
        "float16": "fp16",
        "float32": "fp32",
    }
    for name, word in words.items():
        if reading.has(name):
            if truth(reading.get(name)) and "precision" not in reading.values:
                reading.sets(name, "precision", word)
            else:
                reading.ignore(name, "is off, or another precision is set")
    if reading.get("bf16") is False and "precision" not in reading.values:
        reading.values["precision"] = "fp32"


def _cadence(reading: Reading) -> None:
    for name, target in (
        (settings.EVALS_PER_EPOCH, "eval_every"),
        (settings.SAVES_PER_EPOCH, "checkpoint_every"),
    ):
        if reading.has(name):
            often = number(name, reading.get(name))
            if often > 0:
                reading.counts[name] = often
                reading.understands(name, f"{target}, once the steps are counted")
            else:
                reading.ignore(name, "is off")
    cadence(reading)


def _world(reading: Reading) -> None:
    """Cards that shards and replicas span, where the file says so."""
    sizes = [name for name in ("dp_shard_size", "dp_replicate_size") if reading.has(name)]
    cards = 1
    for name in sizes:
        cards *= max(whole(name, reading.get(name)), 1)
    for target in PARALLEL:
        size = reading.values.get(target, 1)
        cards *= size if isinstance(size, int) else 1
    for name in sizes:
        reading.sets(name, "accelerator_count", cards)
