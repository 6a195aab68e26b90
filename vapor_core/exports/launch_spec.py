"""What the training program is told for a run that was rehearsed: its spec, with what it does not do put otherwise.

Whatever differs from the rehearsal is a sentence of `launch_notes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.contracts.training import LORA_HEAD, JobConfig
from vapor_core.program.limits import METHODS, OPTIMIZERS, QUANTISED
from vapor_core.program.names import MODULES, SHAPE, STANDARD_LIBRARY, SUBSETS

if TYPE_CHECKING:
    from vapor_core.contracts.entries import CatalogModel, Dataset

BY_BITS = ("adamw_8bit", "paged_adamw_8bit", "lion")  # optimizers that bitsandbytes brings


def launch_spec(config: JobConfig) -> dict[str, object]:
    """A run directory's spec.json, for a machine that has nothing but the Hub and Python."""
    model, data = catalog.model(config.model), catalog.dataset(config.dataset)
    return {
        "config": _as_it_is_run(config),
        "tf32": bool(catalog.accelerator(config.accelerator).tf32_tflops),
        "arguments": _sharding(config),
        "model": model_spec(model, config.method),
        "data": data_spec(data),
        "lora_modules": MODULES,
    }


def model_spec(model: CatalogModel, method: str) -> dict[str, object]:
    """Where the weights come from."""
    shape = {name: getattr(model, name) for name in SHAPE}
    return {"source": "scratch" if method == "pretrain" else "hub", "name": model.id, "architecture": shape}


def data_spec(data: Dataset) -> dict[str, object]:
    """Where the data come from."""
    subset, split = SUBSETS.get(data.id, (None, "train"))
    source = "standard_library" if data.id == STANDARD_LIBRARY else "hub"
    return {"source": source, "name": data.id, "subset": subset, "split": split}


def shards(config: JobConfig) -> bool:
    """Whether weights, gradients or moments are spread over several accelerators."""
    return config.sharding != "none" and config.accelerator_count > 1


def _as_it_is_run(config: JobConfig) -> dict[str, object]:
    """The configuration in what the program knows."""
    known: dict[str, object] = config.model_dump(mode="json")
    known["lora_targets"] = [target for target in config.lora_targets if target != LORA_HEAD]
    known |= dict.fromkeys(("tensor_parallel", "pipeline_parallel", "context_parallel", "expert_parallel"), 1)
    known |= {"sharding": "none", "offload": []}  # what is sharded is an argument of the trainer
    if config.method not in METHODS:
        known["method"] = "lora" if config.adapts else "full"
    if config.optimizer not in OPTIMIZERS:
        known["optimizer"] = "adamw"
    if config.precision == "fp8":
        known["precision"] = "bf16"
    if config.base_quantization not in ("none", *QUANTISED):
        known["base_quantization"] = QUANTISED[0]
    return known


def _sharding(config: JobConfig) -> dict[str, object]:
    """Arguments of transformers' trainer that shard: FSDP, started by torchrun."""
    if not shards(config):
        return {}
    return {
        "fsdp": True,
        "fsdp_config": {
            "version": 2,
            "reshard_after_forward": config.sharding in ("zero3", "hybrid"),
            "activation_checkpointing": config.gradient_checkpointing,
        },
        "gradient_checkpointing": False,  # FSDP recomputes
    }
