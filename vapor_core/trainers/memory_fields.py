"""Fields of trainers' files that change memory: kernels, losses, attention, bases, offload and parallel sizes.

Names by transformers 5.24, TRL 1.10, axolotl 0.18, LLaMA-Factory 0.9.6, torchtune 0.6 and Unsloth at 015bdef.
"""

from math import ceil, prod

from vapor_core.contracts.presets import PRESETS, Trainer
from vapor_core.contracts.training import PARALLEL, PREFERENCE_METHODS
from vapor_core.trainers.fields import Reading, truth, whole

Settings = tuple[tuple[str, object], ...]
FUSED: Settings = (("fused_kernels", True),)
FUSED_LOSS: Settings = (("cross_entropy", "fused"),)
HOST = ("optimizer", "parameters")  # what FSDP keeps in the machine's memory when told to
# Fields that are on or off -> what they set where they are on.
SWITCHES: dict[str, Settings] = {
    **dict.fromkeys(("use_liger_kernel", "enable_liger_kernel"), (*FUSED, *FUSED_LOSS)),
    **dict.fromkeys(("liger_rope", "liger_rms_norm", "liger_glu_activation", "liger_layer_norm"), FUSED),
    **dict.fromkeys(("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "fused_attn_kernel"), FUSED),
    **dict.fromkeys(
        ("liger_fused_linear_cross_entropy", "liger_cross_entropy", "cut_cross_entropy"), FUSED_LOSS
    ),
    "flash_attn_fuse_mlp": FUSED,
    "flash_attn_cross_entropy": FUSED_LOSS,
    "chunked_cross_entropy": (("cross_entropy", "chunked"),),
    **dict.fromkeys(("torch_compile", "compile"), (("compile", True),)),
    **dict.fromkeys(("use_dora", "peft_use_dora", "model.use_dora"), (("dora", True),)),
    **dict.fromkeys(("use_galore",), (("optimizer", "galore_adamw"),)),
    **dict.fromkeys(("use_muon",), (("optimizer", "muon"),)),
    **dict.fromkeys(("torch_compile_backend", "torch_compile_mode"), (("compile", True),)),
    "use_unsloth": (("trainer", "unsloth"),),
    "flash_attention": (("attention", "flash"),),
    "xformers_attention": (("attention", "flash"),),
    "sdp_attention": (("attention", "sdpa"),),
    "eager_attention": (("attention", "eager"),),
}
OFFLOADS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("activation_offloading", "enable_activation_offloading", "use_unsloth_gc"), ("activations",)
    ),
    "fsdp_cpu_offload": HOST,
}
WORDS: dict[str, tuple[str, dict[str, str]]] = {
    **dict.fromkeys(
        ("attn_implementation", "flash_attn"),
        (
            "attention",
            {
                **dict.fromkeys(("eager", "disabled"), "eager"),
                **dict.fromkeys(("sdpa", "auto"), "sdpa"),
                **dict.fromkeys(
                    ("fa2", "fa3", "flash_attention_2", "flash_attention_3", "flex_attention"), "flash"
                ),
            },
        ),
    ),
    "loss_type": ("cross_entropy", {"chunked_nll": "chunked", "nll": "full"}),
}
SIZES = {
    **dict.fromkeys(("tensor_parallel_size", "tensor_parallel_dim"), "tensor_parallel"),
    **dict.fromkeys(("context_parallel_size", "sequence_parallel_degree"), "context_parallel"),
    "expert_parallel_size": "expert_parallel",
}
WHOLE_TABLES = ("embed_tokens", "lm_head", "wte", "embeddings")
SAVED = ("modules_to_save", "lora_modules_to_save", "additional_target")


def memory_fields(reading: Reading, trainer: Trainer) -> None:
    """What a file says of memory, and whose trainer it is of."""
    reading.values.setdefault("trainer", trainer)
    for name, settings in SWITCHES.items():
        if reading.has(name):
            _switch(reading, name, settings)
    for name, places in OFFLOADS.items():
        if reading.has(name) and truth(reading.get(name)):
            offloads(reading, name, places)
    for name, (target, words) in WORDS.items():
        word = str(reading.get(name)).rsplit("/", 1)[-1].lower()
        if reading.has(name) and word in words:
            reading.sets(name, target, words[word])
    if "fused_kernels" in reading.values:  # kernels that were named one by one leave the loss as it was
        reading.values.setdefault("cross_entropy", PRESETS[trainer].cross_entropy)
    _whole_tables(reading)
    _sizes(reading)


def _switch(reading: Reading, name: str, settings: Settings) -> None:
    if not truth(reading.get(name)):
        reading.ignore(name, "is off")
        return
    if settings[0][0] == "dora" and "lora_rank" not in reading.values:
        reading.ignore(name, "no adapters are trained")
        return
    for target, value in settings[1:]:
        reading.values[target] = value
    remark = f"{settings[1][0]} = {settings[1][1]}" if len(settings) > 1 else ""
    reading.sets(name, *settings[0], remark)


def offloads(reading: Reading, name: str, places: tuple[str, ...]) -> None:
    """A field that moves something to the machine's memory, beside what others move."""
    before = reading.values.get("offload")
    held = (*before, *places) if isinstance(before, tuple) else places
    reading.sets(name, "offload", tuple(dict.fromkeys(held)))


def _whole_tables(reading: Reading) -> None:
    for name in SAVED:
        value = reading.get(name)
        named = value if isinstance(value, list | tuple) else str(value or "").split(",")
        if reading.has(name) and any(str(each).strip() in WHOLE_TABLES for each in named):
            reading.sets(name, "train_embeddings", True)


def _sizes(reading: Reading) -> None:
    """Parallel sizes, with at least as many cards as they need."""
    for name, target in SIZES.items():
        if reading.has(name):
            size = whole(name, reading.get(name))
            if size > 1:
                reading.sets(name, target, size)
            else:
                reading.ignore(name, "is off")
    sizes = [reading.values.get(name, 1) for name in (*PARALLEL, "expert_parallel")]
    needed = prod(size for size in sizes if isinstance(size, int))
    if needed > 1:
        cards = reading.values.get("accelerator_count", needed)
        reading.values["accelerator_count"] = (
            ceil(cards / needed) * needed if isinstance(cards, int) else needed
        )


def preference(reading: Reading, name: str) -> None:
    """A method that learns from preferences or rewards, over the adapters or weights that are said elsewhere."""
    word = str(reading.get(name) or "").lower()
    if not reading.has(name) or word not in PREFERENCE_METHODS:
        return
    if reading.values.get("method") == "qlora":
        reading.values.setdefault("base_quantization", "nf4")
    reading.sets(name, "method", word)


def eight_bits(reading: Reading, name: str = "load_in_8bit") -> None:
    """Frozen weights of 8 bits under adapters."""
    if reading.has(name) and truth(reading.get(name)) and reading.values.get("method") == "lora":
        reading.sets(name, "base_quantization", "int8")
