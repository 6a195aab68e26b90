"""Real training as the app starts it: a small run in a folder, and what it told."""

import json
import os
import subprocess
import sys
from pathlib import Path

from vapor_core.backends.base import JobSpec
from vapor_core.backends.local.run_spec import PACKAGED, run_spec
from vapor_core.backends.local.supervisor import ENVIRONMENT
from vapor_core.contracts.entries import CatalogModel
from vapor_core.contracts.training import JobConfig
from vapor_core.program.names import STANDARD_LIBRARY

ROWS = 60  # of the data
TINY = CatalogModel(
    id="me/tiny", parameters=1_000_000, layers=2, hidden_size=64, intermediate_size=128, attention_heads=4,
    kv_heads=2, vocabulary_size=1000, context_length=256, tied_embeddings=True,
)  # fmt: skip
SMALL = {
    "dataset": STANDARD_LIBRARY, "sequence_length": 64, "micro_batch_size": 2, "gradient_accumulation_steps": 1,
    "max_steps": 12, "eval_every": 6, "checkpoint_every": 4, "precision": "fp32", "packing": True, "backend": "local",
}  # fmt: skip


def tiny(**changes) -> JobConfig:
    """A small Llama from scratch, on the standard library's sources."""
    return JobConfig(**{"model": TINY, "method": "pretrain", "learning_rate": 3e-3, **SMALL, **changes})


def packaged(**changes) -> JobConfig:
    """Adapters over the packaged SmolLM2."""
    return JobConfig(**{"model": PACKAGED, "method": "lora", "learning_rate": 1e-3, **SMALL, **changes})


def folder_of(path: Path, config: JobConfig, **more: object) -> Path:
    """A run's folder before it starts."""
    path.mkdir(exist_ok=True)
    spec = {**run_spec(JobSpec("job-1", config, 0.0)), "most_rows": ROWS, **more}
    (path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return path


def trained(folder: Path, *, wait_s: float = 240.0) -> subprocess.CompletedProcess:
    """Let the program run to its end."""
    command = [sys.executable, "-m", "vapor_core.program.train", str(folder)]
    env = {**os.environ, **ENVIRONMENT, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=wait_s, env=env, check=False)  # noqa: S603


def told(folder: Path, event: str | None = None) -> list[dict]:
    """What it told."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines() if line]
    return [line for line in lines if event in (None, line["event"])]
