"""What the training program cannot do on a machine, in words: the app refuses with them, and so does the program.

Plain values, and none of the packages that train: the app's process reads this too.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

OPTIMIZERS = {
    "adamw": "adamw_torch",
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adamw_4bit": "adamw_torch_4bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "sgd": "sgd",
}  # in transformers' words
PACKAGES = {
    "adamw_8bit": "bitsandbytes",
    "paged_adamw_8bit": "bitsandbytes",
    "adamw_4bit": "torchao",
    "lion": "bitsandbytes",
}  # that an optimizer needs, and with it a GPU
METHODS = ("pretrain", "full", "lora", "qlora", "dpo", "kto")
PARALLEL = ("tensor_parallel", "pipeline_parallel", "context_parallel", "expert_parallel")
QUANTISED = ("nf4", "int8")  # by bitsandbytes, while the weights are loaded


def refusal(config: Mapping[str, Any], *, gpu: bool, workers: int = 1) -> str | None:
    """Why a run cannot be done on this machine and what would work, in a sentence; None where it can.

    `workers` is how many processes train together where it runs, each on an accelerator; 0 for as many as are asked.
    """
    return (
        _unknown(config)
        or _of_workers(config, workers)
        or _of_weights(config, gpu=gpu)
        or _of_arithmetic(config, gpu=gpu)
    )


def _unknown(config: Mapping[str, Any]) -> str | None:
    method = config["method"]
    if method not in METHODS:
        return f"the training program does not train by {method}; it does {', '.join(METHODS)}"
    if config["optimizer"] not in OPTIMIZERS:
        return f"the training program has no optimizer {config['optimizer']}; it has {', '.join(OPTIMIZERS)}"
    if config.get("offload"):
        return "the training program offloads nothing to the machine's memory; take a smaller micro-batch, or recompute"
    return None


def _of_workers(config: Mapping[str, Any], workers: int) -> str | None:
    asked = int(config.get("accelerator_count", 1))
    if workers and asked != workers:
        return f"{asked} accelerators are asked for and {workers} can be used here; ask for {workers}"
    if asked > 1 and config.get("sharding", "none") != "none":
        return (
            f"the training program does not shard by {config['sharding']}; each accelerator holds the whole model "
            "with sharding none"
        )
    shared = [name for name in PARALLEL if int(config.get(name, 1)) > 1]
    if shared:
        return f"the training program has no {shared[0]} above 1; it spreads the batch over accelerators"
    return None


def _of_weights(config: Mapping[str, Any], *, gpu: bool) -> str | None:
    base = config.get("base_quantization", "none")
    if base == "none":
        return None
    if not gpu:
        return (
            "quantised weights need a GPU and the package bitsandbytes; LoRA over 16-bit weights trains here"
        )
    if base not in QUANTISED:
        return f"the training program does not load {base} weights; it takes {' or '.join(QUANTISED)}"
    return _missing("bitsandbytes", "quantised weights")


def _of_arithmetic(config: Mapping[str, Any], *, gpu: bool) -> str | None:
    precision, optimizer = config["precision"], config["optimizer"]
    if precision == "fp8":
        return "the training program does not compute in fp8; bf16 works"
    if precision == "fp16" and not gpu:
        return "fp16 arithmetic needs a GPU; bf16 and fp32 work here"
    if optimizer in PACKAGES:
        if not gpu:
            return f"{optimizer} needs a GPU; adamw works here"
        return _missing(PACKAGES[optimizer], optimizer)
    return None


def _missing(package: str, what: str) -> str | None:
    if find_spec(package) is None:
        return f"{what} needs the package {package}, which this installation lacks: pip install {package}"
    return None
