"""Rehearse runs for this machine, do them, and hold one against the other.

`python -m benchmarks.real_runs [--out FILE] [NAME ...]`, with the packages of the extra `local`: the machine is
measured, each setting is estimated for it, then trained for a few steps by the training program, and step time and
memory are printed side by side. There is no network in it: on a processor the packaged SmolLM2 and small models from
scratch are trained, on a card models of published shapes with random weights, which take the same memory and time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from vapor_core import catalog
from vapor_core.advice.estimate import estimate
from vapor_core.backends.base import JobSpec
from vapor_core.backends.local.machine import Machine, measure
from vapor_core.backends.local.run_spec import PACKAGED, run_spec, shape_of
from vapor_core.backends.local.supervisor import ENVIRONMENT
from vapor_core.contracts.training import JobConfig
from vapor_core.program.names import STANDARD_LIBRARY

STEPS, WARM_UP = 10, 3  # of each run, and of those that do not count
ROWS = 1500  # of the data; a few steps see no more
LONGEST_S = 150.0  # of a run
SMALL = "HuggingFaceTB/SmolLM2-135M"


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: what is trained, and the fields of its configuration."""

    name: str
    model: str
    changes: dict[str, Any]


ON_PROCESSOR = (
    Setting("lora 1 x 256", PACKAGED, {"method": "lora", "micro_batch_size": 1, "sequence_length": 256}),
    Setting("lora 4 x 256", PACKAGED, {"method": "lora", "micro_batch_size": 4, "sequence_length": 256}),
    Setting("lora 2 x 512", PACKAGED, {"method": "lora", "micro_batch_size": 2, "sequence_length": 512}),
    Setting("full 2 x 256", PACKAGED, {"method": "full", "micro_batch_size": 2, "sequence_length": 256}),
    Setting("scratch 1 x 256", SMALL, {"method": "pretrain", "micro_batch_size": 1, "sequence_length": 256}),
    Setting("scratch 4 x 256", SMALL, {"method": "pretrain", "micro_batch_size": 4, "sequence_length": 256}),
)
B1, B3, B7 = "meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-3B", "Qwen/Qwen2.5-7B"
ON_CARD = (
    Setting("1B lora 4 x 1024", B1, {"method": "lora", "micro_batch_size": 4, "sequence_length": 1024}),
    Setting("1B lora 16 x 1024", B1, {"method": "lora", "micro_batch_size": 16, "sequence_length": 1024}),
    Setting(
        "1B lora 4 x 4096 recomputed",
        B1,
        {"method": "lora", "micro_batch_size": 4, "sequence_length": 4096, "gradient_checkpointing": True},
    ),
    Setting("1B full 4 x 1024", B1, {"method": "full", "micro_batch_size": 4, "sequence_length": 1024}),
    Setting(
        "1B full fp32 masters 4 x 1024",
        B1,
        {"method": "full", "micro_batch_size": 4, "sequence_length": 1024, "master_weights": "fp32"},
    ),
    Setting("3B lora 8 x 1024", B3, {"method": "lora", "micro_batch_size": 8, "sequence_length": 1024}),
    Setting(
        "3B full 2 x 2048 recomputed",
        B3,
        {"method": "full", "micro_batch_size": 2, "sequence_length": 2048, "gradient_checkpointing": True},
    ),
    Setting("7B lora 4 x 1024", B7, {"method": "lora", "micro_batch_size": 4, "sequence_length": 1024}),
    Setting(
        "7B lora 8 x 2048 recomputed",
        B7,
        {"method": "lora", "micro_batch_size": 8, "sequence_length": 2048, "gradient_checkpointing": True},
    ),
    Setting(
        "7B qlora 4 x 1024 recomputed",
        B7,
        {"method": "qlora", "micro_batch_size": 4, "sequence_length": 1024, "gradient_checkpointing": True},
    ),
    Setting("1B lora eager 4 x 1024", B1, {"method": "lora", "micro_batch_size": 4, "attention": "eager"}),
)


def config_of(setting: Setting, machine: Machine) -> JobConfig:
    """The configuration of a setting on a machine."""
    return JobConfig(
        model=setting.model,
        dataset=STANDARD_LIBRARY,
        accelerator=machine.accelerator,
        packing=True,
        gradient_accumulation_steps=1,
        max_steps=STEPS,
        eval_every=10**6,
        checkpoint_every=10**6,
        backend="local",
        **setting.changes,
    )


def ran(config: JobConfig, weights: Path | None) -> tuple[list[dict[str, Any]], str]:
    """What a run told, and the end of what it printed."""
    spec: dict[str, Any] = {**run_spec(JobSpec("job-1", config, 0.0)), "most_rows": ROWS}
    if weights is not None:
        spec["model"] = {**spec["model"], "source": "folder", "name": str(weights)}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        command = [sys.executable, "-m", "vapor_core.program.train", folder]
        try:
            done = subprocess.run(  # noqa: S603 - our own program
                command,
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                env={**os.environ, **ENVIRONMENT},
                check=False,
            )
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            said = f"it took longer than {LONGEST_S:.0f} s"
        told = Path(folder, "metrics.jsonl")
        lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    return [json.loads(line) for line in lines if line.strip()], said[-3000:]


def with_weights(model_id: str, folder: Path) -> Path:
    """A folder with a model of a published shape, its weights random, and a tokenizer of the standard library."""
    import torch  # noqa: PLC0415 - only where it trains
    from transformers import LlamaForCausalLM  # noqa: PLC0415

    from vapor_core.program import data, model  # noqa: PLC0415

    place = folder / model_id.replace("/", "--")
    if place.exists():
        return place
    shape = catalog.model(model_id)
    text = (str(row["text"]) for row in data.standard_library(1000))
    tokenizer = model.own_tokenizer(text, 32_000)
    config = model.llama_config(
        shape_of(shape),
        shape.vocabulary_size,
        shape.context_length or 8192,
        head_dim=shape.head_dim,
        tie_word_embeddings=shape.tied_embeddings,
        dtype=torch.bfloat16,
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        made = LlamaForCausalLM(config)
    made.save_pretrained(place)
    tokenizer.save_pretrained(place)
    torch.set_default_dtype(torch.float32)
    del made
    torch.cuda.empty_cache()
    return place


def held(setting: Setting, machine: Machine, weights: Path | None) -> dict[str, Any]:
    """One setting, predicted and measured."""
    config = config_of(setting, machine)
    predicted = estimate(config)
    began = perf_counter()
    told, said = ran(config, weights)
    steps = [line for line in told if line["event"] == "log"]
    row: dict[str, Any] = {
        "name": setting.name,
        "config": {"model": setting.model, **setting.changes},
        "predicted_step_s": predicted.step_time_s,
        "predicted_step_s_low": predicted.step_time_s_low,
        "predicted_step_s_high": predicted.step_time_s_high,
        "predicted_gb": predicted.memory_gb,
        "predicted_gb_low": predicted.memory_gb_low,
        "predicted_gb_high": predicted.memory_gb_high,
        "predicted_reserved_gb": predicted.memory_reserved_gb,
        "took_s": perf_counter() - began,
    }
    if len(steps) <= WARM_UP:
        return {**row, "failed": said}
    counted = [line["step_time_s"] for line in steps[WARM_UP:]]
    return {
        **row,
        "step_s": median(counted),
        "step_s_all": [line["step_time_s"] for line in steps],
        "memory_gb": max(line["memory_gb"] for line in steps),
        "reserved_gb": max(line.get("memory_reserved_gb", 0.0) for line in steps),
        "loss": [line["loss"] for line in steps],
    }


def rows(machine: Machine, names: list[str]) -> Iterator[dict[str, Any]]:
    """All settings that this machine is asked for, one after the other."""
    settings = ON_PROCESSOR if machine.is_processor else ON_CARD
    with tempfile.TemporaryDirectory() as folder:
        for setting in settings:
            if names and setting.name not in names:
                continue
            weights = None if machine.is_processor else with_weights(setting.model, Path(folder))
            yield held(setting, machine, weights)


def main() -> int:
    """Print the table; write everything where asked."""
    asked = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    asked.add_argument("names", nargs="*")
    asked.add_argument("--out", type=Path)
    options = asked.parse_args()
    machine = measure()
    found: dict[str, Any] = {"machine": machine.figures, "rows": []}
    print(json.dumps(machine.figures), flush=True)
    for row in rows(machine, options.names):
        found["rows"].append(row)
        if "failed" in row:
            print(f"{row['name']}: failed after {row['took_s']:.0f} s: {row['failed'][-600:]}", flush=True)
        else:
            print(
                f"{row['name']}: step {row['predicted_step_s']:.3f} s predicted, {row['step_s']:.3f} s measured "
                f"({row['predicted_step_s'] / row['step_s']:.2f} x); memory {row['predicted_gb']:.2f} GB predicted, "
                f"{row['memory_gb']:.2f} GB measured ({row['predicted_gb'] / row['memory_gb']:.2f} x)",
                flush=True,
            )
        if options.out:
            options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
