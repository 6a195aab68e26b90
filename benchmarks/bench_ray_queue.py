"""A thousand jobs that wait on a Ray cluster of this machine: what the app's tick costs, and that none is lost.

The program is a trivial one, and the cluster has one core for it: the queue is Ray's. It needs the extra `ray`, and
takes some minutes: `python -m benchmarks.bench_ray_queue [JOBS]`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from time import process_time
from unittest import mock

import numpy as np

from vapor_core import JobConfig, Store
from vapor_core.backends.local.run_directory import RunDirectory, runs_folder
from vapor_core.backends.ray import place, submit
from vapor_core.backends.ray.jobs import RayJobs
from vapor_core.backends.ray.view import VIEW

JOBS, TICKS, FIRST = 1_000, 60, 5
CONFIG = JobConfig(
    model="HuggingFaceTB/SmolLM2-135M", method="pretrain", max_steps=5, precision="bf16", backend="ray"
)
TRIVIAL = """
import json, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
number = json.loads((folder / "attempt.json").read_bytes())["number"]
with (folder / "metrics.jsonl").open("a") as file:
    def tell(event, **more):
        file.write(json.dumps({"event": event, "attempt": number, "at": time.time(), "elapsed_s": 0.0, **more}) + "\\n")
    tell("start", step=0, total_steps=5)
    for step in range(1, 6):
        tell("log", step=step, loss=1.0)
    tell("end", step=5, reason="completed")
"""


def ticks(store: Store, count: int) -> list[float]:
    """Processor time of ticks with all jobs looked at, ms."""
    took = []
    for _ in range(count):
        began = process_time()
        store.advance(now=time.time())
        _ = store.jobs()
        took.append((process_time() - began) * 1e3)
        time.sleep(0.05)
    return took


def main(count: int) -> None:
    """Submit them all, look while they wait, and see the first ones end."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "trivial.py"
        program.write_text(TRIVIAL)
        environment = {
            "VAPOR_RUNS": f"{folder}/runs",
            "VAPOR_BACKENDS": "ray",
            "VAPOR_TRAINING_PROGRAM": json.dumps([sys.executable, str(program)]),
            "VAPOR_RAY_CLUSTER_CPUS": "1",
            "RAY_ADDRESS": "",
        }
        with mock.patch.dict(os.environ, environment):
            try:
                _measure(Store.open(Path(folder) / "work.db"), count)
            finally:
                place.stop()


def _measure(store: Store, count: int) -> None:
    place.ensured()
    alone = Store()
    alone.submit(CONFIG.changed(backend="simulated"), now=time.time())
    with mock.patch.object(RayJobs, "_supervise", lambda self, run: None):  # told here, one process for all
        jobs = [store.submit(CONFIG, now=time.time()).id for _ in range(count)]
    began = time.monotonic()
    for job in jobs:
        submit.bring(RunDirectory(runs_folder() / store.workspace / job))
    print(f"{count:,} jobs were told to the cluster in {time.monotonic() - began:.1f} s")
    VIEW.look()
    one, many = ticks(alone, TICKS), ticks(store, TICKS)
    waiting = sum(job.status == "queued" for job in store.jobs())
    looked = time.perf_counter()
    VIEW.look()
    looked = time.perf_counter() - looked
    print(
        f"a tick: median {np.median(many):.1f} ms with {waiting:,} that wait; {np.median(one):.2f} ms with one"
    )
    print(f"asking the cluster for all of them, in a thread: {looked * 1e3:.0f} ms")
    until = time.monotonic() + 300
    while time.monotonic() < until:
        store.advance(now=time.time())
        done = sum(job.status == "completed" for job in store.jobs())
        if done >= FIRST:
            break
        time.sleep(1)
    statuses = {job.status for job in store.jobs()}
    print(f"{done} have ended in turn, {len(store.jobs()):,} are there: {', '.join(sorted(statuses))}")
    print(f"the cluster knows {len(VIEW.jobs):,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else JOBS)
