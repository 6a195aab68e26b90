"""What a person takes away: tables of metrics, configurations and back, and a script that does it for real.

Texts in cells come from outside: a spreadsheet must not run them, a script must not execute them.
"""

import io
import json
from collections.abc import Mapping
from itertools import accumulate
from pprint import pformat

import pandas as pd
import yaml

from vapor_core import catalog
from vapor_core.contracts import JobConfig
from vapor_core.errors import InvalidUpload

LARGEST_CONFIG = 1_000_000  # bytes
LARGEST_YAML = 50_000  # characters; its parser is slow, and slower than in proportion where flows are nested
DEEPEST_YAML = 20
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def csv_table(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV. A text cell or column name that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = frame.rename(columns=lambda name: harmless_cell(str(name)))
    for column in safe.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in safe.dtypes]]:
        safe[column] = safe[column].map(lambda cell: harmless_cell(cell) if isinstance(cell, str) else cell)
    return bytes(safe.to_csv(index=False, lineterminator="\n").encode())


def parquet_table(frame: pd.DataFrame) -> bytes:
    """Parquet, zstd-compressed; numbers come back as they were."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def json_table(frame: pd.DataFrame) -> bytes:
    """A JSON list of one object a row; missing numbers are null."""
    return str(frame.to_json(orient="records", double_precision=15)).encode()


def harmless_cell(text: str) -> str:
    """Text as a spreadsheet shows it and never runs it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def config_json(config: JobConfig) -> str:
    """A configuration, every field said, as JSON."""
    return config.model_dump_json(indent=2)


def config_yaml(config: JobConfig) -> str:
    """A configuration, every field said, as YAML."""
    return str(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def read_config(name: str, content: bytes) -> JobConfig:
    """A configuration from JSON or YAML, as `config_json` and `config_yaml` write it; fields may be left out.

    Raises:
        InvalidUpload: where the file is no JSON or YAML, with the line.
        InvalidConfig: where its values are wrong, one sentence a field.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[:80] or "the file"
    if len(content) > LARGEST_CONFIG:
        raise InvalidUpload(f"{shown} has {len(content) / 1e6:.1f} MB; a configuration has a few kB")
    try:
        text = content.decode("utf-8-sig")
        values = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except UnicodeDecodeError:
        raise InvalidUpload(f"{shown} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise InvalidUpload(f"{shown} is no JSON: {error.msg} in line {error.lineno}", error.lineno) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise InvalidUpload(f"{shown} is no YAML" + (f": see line {line}" if line else ""), line) from None
    except (RecursionError, ValueError):
        raise InvalidUpload(f"{shown} cannot be read as a configuration") from None
    if not isinstance(values, Mapping):
        raise InvalidUpload(f"{shown} holds no configuration; it needs fields such as model and dataset")
    return JobConfig(**{str(key): value for key, value in values.items()})


def _yaml(text: str) -> object:
    """A document of YAML, where it is small and flat enough to be one of a configuration.

    Raises:
        ValueError: where it is not.
        yaml.YAMLError: where it is no YAML.
    """
    depth = list(accumulate((letter in "[{") - (letter in "]}") for letter in text if letter in "[]{}"))
    if len(text) > LARGEST_YAML or max(depth, default=0) > DEEPEST_YAML:
        raise ValueError
    return yaml.load(text, _PlainLoader)  # noqa: S506 - a safe loader


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: no document larger than its text."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not read", None)
        return super().compose_node(parent, index)


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
