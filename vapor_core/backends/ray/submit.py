"""Brings one job to what is wanted of it on the cluster: `python -m vapor_core.backends.ray.submit RUN_DIRECTORY`.

It is a process of its own, so that no page waits for a cluster: one of Vapor's own is started where there is none. What
came of it is written beside the job. It may run twice at once: a job is submitted under an id of its own for each wish,
which the cluster takes once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from hashlib import blake2b
from pathlib import Path

import vapor_core
from vapor_core.backends.local.run_directory import Exit, RunDirectory, Wanted
from vapor_core.backends.local.whole_file import written_whole
from vapor_core.backends.ray import place
from vapor_core.backends.ray.api import ENDS, Cluster
from vapor_core.errors import BackendRefused

SUBMITTED = "submitted"
PYTHON = (
    "VAPOR_RAY_PYTHON"  # that runs the trainer on the cluster; this one's where the cluster is Vapor's own
)
CPUS, GPUS = "VAPOR_RAY_CPUS", "VAPOR_RAY_GPUS"  # of each accelerator that a job asks for
PASSED_ON = (
    *("VAPOR_RUNS", "VAPOR_MODELS", "VAPOR_TRAINING_PROGRAM", CPUS, GPUS),
    *("HF_HUB_OFFLINE", "HF_HOME", "HF_ENDPOINT"),
)


def ray_id(run: RunDirectory, wish: int) -> str:
    """What a job is called on the cluster, for each time that it is wanted to run."""
    try:
        made = (run.path / "spec.json").stat().st_mtime_ns
    except OSError:
        made = 0
    own = blake2b(f"{run.path}\n{made}".encode(), digest_size=12).hexdigest()  # a workspace's id is its key
    return f"vapor-{own}-{wish}"


def submitted(run: RunDirectory) -> tuple[int, str]:
    """(the wish that the cluster was told last, why it did not take it or ""); (-1, "") where it was told none."""
    known = run.beside(SUBMITTED)
    return (int(str(known["wish"])), str(known["trouble"])) if known else (-1, "")


def bring(run: RunDirectory) -> None:
    """Submit it, or end it where it waits."""
    wanted = run.wanted()
    try:
        if wanted.what == "run":
            _submit(run, wanted)
        else:
            _end(run, wanted)
        trouble = ""
    except BackendRefused as refused:
        trouble = str(refused)
    with run.turn(), written_whole(run.path / f"{SUBMITTED}.json") as file:
        json.dump({"wish": wanted.number, "trouble": trouble, "at": time.time()}, file)


def _submit(run: RunDirectory, wanted: Wanted) -> None:
    cluster = place.ensured()
    python = os.environ.get(PYTHON, "").strip() or ("python" if place.given() else sys.executable)
    entrypoint = f"{shlex.quote(python)} -m vapor_core.backends.ray.entry {shlex.quote(str(run.path))}"
    cluster.submit(ray_id(run, wanted.number), entrypoint, _resources(run), _environment())


def _resources(run: RunDirectory) -> dict[str, float]:
    """What Ray keeps for it: for the trainer of a job on one accelerator; the workers of others ask for theirs."""
    config = run.spec().get("config")
    several = isinstance(config, dict) and int(config.get("accelerator_count", 1)) > 1
    if several:
        return {"entrypoint_num_cpus": 0}
    gpus = float(os.environ.get(GPUS) or 0)
    return {
        "entrypoint_num_cpus": float(os.environ.get(CPUS) or 1),
        **({"entrypoint_num_gpus": gpus} if gpus else {}),
    }


def _environment() -> dict[str, str]:
    """Of the trainer: it shares cores with the app, and has as many threads as it was given."""
    root = str(Path(vapor_core.__file__).parents[1])
    known = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    threads = str(int(float(os.environ.get(CPUS) or 1)))
    own = {
        "PYTHONPATH": root,
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": threads,
        "PYTHONUNBUFFERED": "1",
    }
    return {**own, **known}


def _end(run: RunDirectory, wanted: Wanted) -> None:
    """A job that runs is told by its owner; one that waits for the cluster has none, and is taken back."""
    if run.owner_lives():
        return
    cluster = place.cluster()
    if cluster is not None:
        _take_back(cluster, run, wanted)
    lock = run.own("owner")
    if lock is None:
        return  # it began meanwhile, and has been told
    try:
        if run.ended() is None:
            run.end(Exit(wanted.number, "paused" if wanted.what == "pause" else "stopped", time.time()))
    finally:
        os.close(lock)


def _take_back(cluster: Cluster, run: RunDirectory, wanted: Wanted) -> None:
    for wish in range(wanted.number):
        known = cluster.job(ray_id(run, wish))
        if known is not None and known.status not in ENDS:
            cluster.stop(known.id)


if __name__ == "__main__":
    bring(RunDirectory(Path(sys.argv[1])))
