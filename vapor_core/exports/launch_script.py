"""A Python script that does for real what was rehearsed."""

from collections.abc import Iterator, Mapping
from math import ceil

from vapor_core import catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import LORA_HEAD, JobConfig
from vapor_core.exports.launch_notes import notes_on_memory
from vapor_core.exports.launch_template import (
    EXAMPLE_OF_TEXT,
    EXAMPLE_WITH_ANSWER,
    LORA_NAMES,
    MULTIPLIERS,
    SCRIPT,
)
from vapor_core.program.names import MODULES, SUBSETS

TRAINER = (
    "trl==1.16.* transformers==5.24.* datasets==5.2.* accelerate==1.15.*"  # their arguments change often
)
_CPU = "cpu"  # the catalog's id of a machine without a GPU
_SEEDS = 2**32  # numpy takes no larger one
_OPTIMIZER = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adamw_4bit": "adamw_torch_4bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "galore_adamw": "galore_adamw",
    "muon": "adamw_torch_fused",  # the trainer has none
    "sgd": "sgd",
}
# What bitsandbytes brings.
_BY_BITS = ("adamw_8bit", "paged_adamw_8bit", "lion")
# Data sets that come as a script, which datasets 5 does not run.
_SCRIPTED = {
    "karpathy/tiny_shakespeare",
    "togethercomputer/RedPajama-Data-1T",
    "togethercomputer/RedPajama-Data-1T-Sample",
}


def launch_script(config: JobConfig) -> str:
    """A Python script that trains as the configuration says, with TRL (and PEFT, bitsandbytes where needed).

    What cannot be done as it was rehearsed is said at the top of the script. Data and models that are the person's
    own are left as a name to fill in. The script only names values as Python literals.
    """
    model, data = catalog.model(config.model), catalog.dataset(config.dataset)
    card = catalog.accelerator(config.accelerator)
    schedule = config.schedule if isinstance(config.schedule, str) else "points"
    subset, split = SUBSETS.get(data.id, (None, "train"))
    return SCRIPT.format(
        title=f"{config.method} of {_plain(model.id)} on {_plain(data.id)}, rehearsed on "
        f"{config.accelerator_count} x {_plain(card.display_name)}.",
        packages=f"pip install {' '.join(_packages(config))}",
        command=_command(config, card),
        notes="\n".join(["What differs from the rehearsal:", *(f"- {note}" for note in _notes(config))]),
        imports="\n".join(_imports(config)),
        model=model.id,
        dataset=data.id,
        subset=subset,
        split=split,
        epochs=config.epochs,
        max_steps=config.max_steps,
        eval_every=config.eval_every,
        checkpoint_every=config.checkpoint_every,
        global_batch=config.micro_batch_size * config.gradient_accumulation_steps * config.accelerator_count,
        constants=_constants(config),
        arguments=_table(_arguments(config, card)),
        multiplier=MULTIPLIERS[schedule].format(
            warmup_ratio=config.warmup_ratio,
            floor=config.min_learning_rate_ratio,
            decay_ratio=config.decay_ratio,
        ),
        example=EXAMPLE_OF_TEXT if config.method == "pretrain" else EXAMPLE_WITH_ANSWER,
        load=_load(config, card),
        after=_AFTER if _quantised(config) else "",
    )


def _packages(config: JobConfig) -> list[str]:
    packages = ["torch", *TRAINER.split()]
    if _adapts(config):
        packages.append("peft==0.21.*")
    if _quantised(config) or config.optimizer in _BY_BITS:
        packages.append("bitsandbytes")
    return packages


def _command(config: JobConfig, card: Accelerator) -> str:
    if config.accelerator_count == 1:
        # TRL refuses to spread one process over several GPUs
        return "python train.py" if card.id == _CPU else "CUDA_VISIBLE_DEVICES=0 python train.py"
    nodes = ceil(config.accelerator_count / card.cards_per_node)
    if nodes == 1:
        return f"torchrun --nproc-per-node {config.accelerator_count} train.py"
    each = min(config.accelerator_count, card.cards_per_node)
    return (
        f"torchrun --nnodes {nodes} --nproc-per-node {each} --rdzv-backend c10d "
        "--rdzv-endpoint FIRST_NODE:29500 train.py   (on each node)"
    )


def _adapts(config: JobConfig) -> bool:
    return config.adapts


def _quantised(config: JobConfig) -> bool:
    return config.base_quantization != "none"


def _shards(config: JobConfig) -> bool:
    return config.sharding != "none" and config.accelerator_count > 1


def _targets(config: JobConfig) -> tuple[str, ...]:
    """What LoRA adapts, without the head: TRL multiplies by its weight directly and would train no adapter there."""
    return tuple(target for target in config.lora_targets if target != LORA_HEAD)


def _notes(config: JobConfig) -> Iterator[str]:
    """What a person who runs the script should know, a line each."""
    model, data = catalog.model(config.model), catalog.dataset(config.dataset)
    yield "2 % of the rows are held out for evaluation; the rehearsal counts the training rows alone."
    yield "an epoch ends with a smaller step where the batch does not divide the rows; the rehearsal's are all full."
    if config.method != "pretrain":
        yield "the loss is of the answers alone, except of chats and plain texts, which are trained on whole."
    if config.hardware_faults:
        yield "hardware faults come by themselves; after one, trainer.train(resume_from_checkpoint=True) goes on."
    yield from _notes_on_names(model, data, config)
    yield from _notes_on_arithmetic(config)
    yield from notes_on_memory(config)
    if LORA_HEAD in config.lora_targets and _adapts(config):
        yield "lm_head is not adapted: TRL's trainer takes no adapter there."
    if config.sharding == "zero1" and _shards(config):
        yield "ZeRO-1 is run as ZeRO-2 (FSDP shards the gradients too): the same loss, less memory."
    if config.sharding != "none" and not _shards(config):
        yield f"{config.sharding} shards nothing on one accelerator."
    if _shards(config) and (config.optimizer in _BY_BITS or _quantised(config)):
        yield "bitsandbytes together with FSDP has not been tried with this script."
    if config.seed >= _SEEDS:
        yield f"the seed is {config.seed % _SEEDS}, the rehearsal's modulo 2**32: numpy takes no larger one."


def _notes_on_names(model: CatalogModel, data: Dataset, config: JobConfig) -> Iterator[str]:
    if model.id not in {entry.id for entry in catalog.models()}:
        yield "MODEL is not in the catalog: it must be an id on the Hub, or a folder with weights and tokenizer."
    if config.method == "pretrain":
        yield "the model begins from random weights; only its configuration and its tokenizer are downloaded."
    if data.id not in {entry.id for entry in catalog.datasets()}:
        yield "DATASET is your own: name its file, its folder or its id on the Hub."
    elif data.note.startswith("Not public"):
        yield "DATASET is not public: name another one."
    elif data.id in _SCRIPTED:
        yield "DATASET comes as a script, which datasets 5 does not run: download its text and name the file."


def _notes_on_arithmetic(config: JobConfig) -> Iterator[str]:
    if config.precision == "fp8":
        yield "fp8 is run as bf16: the trainer has no argument for it. It is slower than the rehearsal."
    if config.precision == "fp16":
        yield "fp16 arithmetic needs a GPU."


def _imports(config: JobConfig) -> list[str]:
    """The lines that import, in order."""
    points = not isinstance(config.schedule, str)
    maths = "ceil, cos, pi" if config.schedule == "cosine" else "ceil"
    lines = ["from bisect import bisect_right"] if points else []
    lines += [f"from math import {maths}", "from pathlib import Path", "", "import torch"]
    lines += ["from accelerate import PartialState"] if _quantised(config) else []
    lines += ["from datasets import load_dataset"]
    lines += ["from peft import LoraConfig, get_peft_model"] if _adapts(config) else []
    lines += ["from torch.optim.lr_scheduler import LambdaLR"]
    names = ["AutoModelForCausalLM", "AutoTokenizer", "TrainerCallback"]
    names += ["AutoConfig"] if config.method == "pretrain" else []
    names += ["BitsAndBytesConfig"] if _quantised(config) else []
    lines += [
        f"from transformers import {', '.join([*sorted(names), 'set_seed'])}",
        "from trl import SFTConfig, SFTTrainer",
    ]
    return lines


def _constants(config: JobConfig) -> str:
    text = ""
    if not isinstance(config.schedule, str):
        text += f"POINTS = {config.schedule!r}  # (share of all steps, rate over the peak)\n"
    if _adapts(config):
        names = {target: MODULES[target] for target in _targets(config)}
        text += "# Each matrix to adapt, by the names that model families give it; the first that is there counts.\n"
        text += f"MODULES = {_table(names)}\n"
    return text


def _table(values: Mapping[str, object]) -> str:
    """A dictionary as Python, a line an entry."""
    lines = "".join(f"    {name!r}: {value!r},\n" for name, value in values.items())
    return f"{{\n{lines}}}"


def _arguments(config: JobConfig, card: Accelerator) -> dict[str, object]:
    """The arguments of TRL's SFTConfig, which are transformers' TrainingArguments and more."""
    arguments: dict[str, object] = {
        "output_dir": "result",
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "per_device_train_batch_size": config.micro_batch_size,
        "per_device_eval_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_checkpointing": config.gradient_checkpointing and not _shards(config),
        "optim": _OPTIMIZER[config.optimizer],
        # a full fine-tune in bf16 keeps weights, gradients and moments in it: nothing is cast
        "bf16": config.precision in ("bf16", "fp8") and (config.adapts or config.master_weights == "fp32"),
        "fp16": config.precision == "fp16",
        "max_length": config.sequence_length,
        "packing": config.packing,
        "packing_strategy": "wrapped",  # every sequence full, as the rehearsal counts them
        "logging_steps": 1,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "seed": config.seed % _SEEDS,
        "use_cpu": card.id == _CPU,
        "torch_compile": config.compile,
        "use_liger_kernel": config.fused_kernels and card.id != _CPU,
    }
    if config.cross_entropy == "chunked" and not arguments["use_liger_kernel"]:
        arguments["loss_type"] = "chunked_nll"
    if _shards(config):
        arguments["fsdp"] = True
        arguments["fsdp_config"] = {
            "version": 2,
            "reshard_after_forward": config.sharding in ("zero3", "hybrid"),
            "activation_checkpointing": config.gradient_checkpointing,
        }
    return arguments


def _dtype(config: JobConfig) -> str:
    """In which the weights are loaded: those that are trained in 16 bit with fp32 masters are loaded as these."""
    if config.precision == "fp32" or config.method == "pretrain":
        return "torch.float32"
    if config.precision == "fp16":
        return "torch.float16" if config.adapts else "torch.float32"
    return "torch.bfloat16" if config.adapts or config.master_weights == "none" else "torch.float32"


_AFTER = """\
for parameter in trainer.model.parameters():  # TRL keeps adapters over 4-bit weights in bf16; rehearsed was fp32
    if parameter.requires_grad:
        parameter.data = parameter.data.float()
"""
_ATTENTION = {"eager": "eager", "sdpa": "sdpa", "flash": "flash_attention_2"}
_QUANTIZED = """
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype={dtype},{storage}
    ),
    device_map={{"": PartialState().local_process_index}},"""


def _load(config: JobConfig, card: Accelerator) -> str:
    """The lines that make the model."""
    dtype = _dtype(config)
    lines = ""
    if config.precision == "fp32" and card.tf32_tflops:
        lines += 'torch.set_float32_matmul_precision("high")  # TF32, as rehearsed\n'
    if config.method == "pretrain":
        return (
            lines
            + f"model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(MODEL), dtype={dtype})"
        )
    storage = f"\n        bnb_4bit_quant_storage={dtype}," if _shards(config) else ""
    quantized = _QUANTIZED.format(dtype=dtype, storage=storage) if _quantised(config) else ""
    attention = f'\n    attn_implementation="{_ATTENTION[config.attention]}",'
    lines += f"model = AutoModelForCausalLM.from_pretrained(\n    MODEL,\n    dtype={dtype},{attention}{quantized}\n)"
    if _adapts(config):
        lora = f"r={config.lora_rank}, lora_alpha={config.lora_alpha:g}, target_modules=adapted(model)"
        lora += ", use_dora=True" if config.dora else ""
        lora += ', modules_to_save=["embed_tokens", "lm_head"]' if config.train_embeddings else ""
        lines += f'\n\n\n{LORA_NAMES}\n\n\nmodel = get_peft_model(model, LoraConfig({lora}, task_type="CAUSAL_LM"))'
    return lines


def _plain(text: str) -> str:
    """Text that cannot leave a docstring."""
    return "".join(letter for letter in text if letter.isalnum() or letter in "-_./ ")[:120]
