"""Train what a run directory says with several processes at once: `python -m vapor_core.program.workers RUN_DIRECTORY`.

Each accelerator has a worker of Ray Train's, which holds the whole model and a part of the batch; Ray places them on
the cluster that this process belongs to. Where one is lost, all begin again from the last whole checkpoint.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import ray
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchConfig, TorchTrainer

from vapor_core.program import train
from vapor_core.program.telling import Teller

RETRIES = 3  # after a worker was lost
CPUS = "VAPOR_RAY_CPUS"  # of each worker


def work(given: dict[str, Any]) -> None:
    """What each worker does; the first one tells."""
    folder, number = Path(given["folder"]), int(given["attempt"])
    rank = get_context().get_world_rank()
    torch.set_num_threads(max(int(given["cpus"]), 1))
    teller = Teller(folder, number, silent=rank != 0)
    began = folder / "ray" / f"began-{number}"
    if rank == 0:
        if began.exists():
            teller.tell("retry", message="a worker is gone")
        began.touch()
    try:
        train.run(folder, teller)
    except Exception as error:
        if not _is_of_a_lost_worker(error):
            traceback.print_exc()
            teller.tell("end", reason="failed", message=f"{type(error).__name__}: {error}"[:1000])
            return  # it would fail again: nothing is tried anew
        raise


def _is_of_a_lost_worker(error: Exception) -> bool:
    """Whether others have gone, so that beginning again may help."""
    return any(word in str(error) for word in ("Connection", "gloo", "NCCL", "peer", "Broken pipe"))


def main(path: str) -> int:
    """Train with as many workers as the configuration has accelerators, and say in one line why not where it fails."""
    folder = Path(path).resolve()
    attempt = folder / "attempt.json"
    number = json.loads(attempt.read_bytes())["number"] if attempt.exists() else 1
    config = json.loads((folder / "spec.json").read_bytes())["config"]
    cpus = int(os.environ.get(CPUS) or 1)
    gpu = bool(os.environ.get("VAPOR_RAY_GPUS"))
    try:
        ray.init(address="auto", log_to_driver=True)
        TorchTrainer(
            work,
            train_loop_config={"folder": str(folder), "attempt": number, "cpus": cpus},
            torch_config=TorchConfig(backend="nccl" if gpu else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=int(config["accelerator_count"]),
                use_gpu=gpu,
                resources_per_worker={"CPU": cpus, **({"GPU": 1} if gpu else {})},
            ),
            run_config=RunConfig(
                name=folder.name,
                storage_path=str(folder / "ray"),
                failure_config=FailureConfig(max_failures=RETRIES),
            ),
        ).fit()
    except Exception as error:  # noqa: BLE001 - whatever ends it is told, and its trace printed
        traceback.print_exc()
        Teller(folder, number).tell("end", reason="failed", message=f"{type(error).__name__}: {error}"[:1000])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
