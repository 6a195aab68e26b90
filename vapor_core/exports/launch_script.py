"""A Python script that does for real what was rehearsed."""

from pprint import pformat

from vapor_core import catalog
from vapor_core.contracts.training import JobConfig

_TORCH_DTYPE = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "fp8": "bfloat16"}
_SCHEDULER = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
    "wsd": "warmup_stable_decay",
}
_OPTIMIZER = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit", "sgd": "sgd"}
_SCRIPT = '''"""{title}

Written by Vapor from a rehearsed configuration. Needs: {packages}
Run: {command}
"""

import torch
from datasets import load_dataset
{imports}
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling
from transformers import Trainer, TrainingArguments

MODEL = {model!r}
DATASET = {dataset!r}
SEQUENCE_LENGTH = {sequence_length}
ARGUMENTS = {arguments}


def as_text(example):
    """One example as text, whichever of the usual columns it has."""
    if "text" in example:
        return example["text"]
    turns = example.get("messages") or example.get("conversations")
    if turns:
        return "\\n".join(str(turn.get("content") or turn.get("value")) for turn in turns)
    asked = ("instruction", "input", "query", "question", "prompt", "context")
    parts = (*asked, "output", "response", "answer", "completion")
    return "\\n".join(str(example[part]) for part in parts if example.get(part))


tokenizer = AutoTokenizer.from_pretrained(MODEL)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
data = load_dataset(DATASET, split="train").train_test_split(test_size=0.02, seed={seed})
tokens = data.map(
    lambda example: tokenizer(as_text(example) + tokenizer.eos_token, truncation=True, max_length=SEQUENCE_LENGTH),
    remove_columns=data["train"].column_names,
)
{load}
trainer = Trainer(
    model=model,
    args=TrainingArguments(**ARGUMENTS),
    train_dataset=tokens["train"],
    eval_dataset=tokens["test"],
    data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
)
trainer.train()
trainer.save_model()
'''


def launch_script(config: JobConfig) -> str:
    """A Python script that runs the configuration with transformers (and peft, bitsandbytes where needed).

    Data that is the person's own is left as a name to fill in. The script only names values as Python literals.
    """
    model, data = catalog.model(config.model), catalog.dataset(config.dataset)
    adapters, quantized = config.method in ("lora", "qlora"), config.method == "qlora"
    packages = ["torch", "transformers", "datasets", "accelerate"]
    imports = []
    if adapters:
        packages.append("peft")
        imports.append(
            "from peft import LoraConfig, get_peft_model" + (", prepare_model_for_kbit_training" * quantized)
        )
    if quantized or config.optimizer == "adamw_8bit":
        packages.append("bitsandbytes")
    if quantized:
        imports.append("from transformers import BitsAndBytesConfig")
    runs = f"torchrun --nproc-per-node {config.accelerator_count} train.py"
    return _SCRIPT.format(
        title=f"{config.method} of {_plain(model.id)} on {_plain(data.id)}.",
        packages="pip install " + " ".join(packages),
        command="python train.py" if config.accelerator_count == 1 else runs,
        imports="\n".join(imports),
        model=model.id,
        dataset=data.id,
        sequence_length=config.sequence_length,
        seed=config.seed,
        arguments=pformat(_arguments(config), sort_dicts=False, width=100),
        load=_load(config),
    )


def _arguments(config: JobConfig) -> dict[str, object]:
    """TrainingArguments of transformers."""
    arguments: dict[str, object] = {
        "output_dir": "result",
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": _SCHEDULER[config.schedule] if isinstance(config.schedule, str) else "cosine",
        "warmup_ratio": config.warmup_ratio,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "per_device_train_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": config.gradient_accumulation_steps,
        "gradient_checkpointing": config.gradient_checkpointing,
        "optim": _OPTIMIZER[config.optimizer],
        "bf16": config.precision in ("bf16", "fp8"),
        "fp16": config.precision == "fp16",
        "logging_steps": 1,
        "eval_strategy": "steps",
        "eval_steps": config.eval_every or 0.05,
        "save_steps": config.checkpoint_every or 0.1,
        "seed": config.seed,
    }
    if config.max_steps is not None:
        arguments["max_steps"] = config.max_steps
    else:
        arguments["num_train_epochs"] = config.epochs
    if config.schedule == "wsd":
        arguments["lr_scheduler_kwargs"] = {"decay_ratio": config.decay_ratio}
    if config.sharding != "none" and config.accelerator_count > 1:
        arguments["fsdp"] = (
            "full_shard auto_wrap" if config.sharding == "zero3" else "shard_grad_op auto_wrap"
        )
    return arguments


def _load(config: JobConfig) -> str:
    if config.method == "pretrain":
        return (
            "from transformers import AutoConfig\n\n"
            "model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(MODEL))\n"
        )
    dtype = _TORCH_DTYPE[config.precision]
    quantization = (
        f'\n    quantization_config=BitsAndBytesConfig(\n        load_in_4bit=True, bnb_4bit_quant_type="nf4", '
        f"bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.{dtype}\n    ),"
    )
    lines = (
        f"model = AutoModelForCausalLM.from_pretrained(\n    MODEL,\n    dtype=torch.{dtype},"
        f"{quantization if config.method == 'qlora' else ''}\n)\n"
    )
    if config.method == "qlora":
        lines += "model = prepare_model_for_kbit_training(model)\n"
    if config.method in ("lora", "qlora"):
        lines += (
            f"model = get_peft_model(\n    model,\n    LoraConfig(r={config.lora_rank}, "
            f"lora_alpha={config.lora_alpha:g}, "
            f'target_modules={list(config.lora_targets)}, task_type="CAUSAL_LM"),\n)\n'
        )
    return lines


def _plain(text: str) -> str:
    """Text that cannot leave a docstring."""
    return "".join(letter for letter in text if letter.isalnum() or letter in "-_./ ")[:120]
