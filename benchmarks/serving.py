"""Streamlit servers for measurements, each on a port of its own: the app with a prepared workspace, or a bare page.

`python -m benchmarks.serving WORKSPACE` is the server's own process: it hands each new session a workspace that was
made beforehand, told by a few words such as "steps=1000000" or "jobs=1000", and then runs the app as it is.
"""

import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep, time

import numpy as np
from streamlit.web import bootstrap

from vapor_core import JobConfig, Store
from vapor_core.journal.memory import MemoryJournal
from vapor_core.simulation.training import TrainingSimulator
from vapor_ui.entrance import arrival
from vapor_ui.shell import workspaces

ROOT = Path(__file__).parents[1]
FLOOR = "benchmarks/floor_app.py"
MODEL = "HuggingFaceTB/SmolLM2-135M"


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, its process, and seconds from its start to its first answer."""

    port: int
    process: subprocess.Popen[bytes]
    ready_s: float

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Processor seconds that the process has used; unlike wall time it does not grow with what else runs."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")")[-1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory of the process, MB of 1e6 bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def flags(port: int) -> list[str]:
    return [
        "--server.headless=true",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.fileWatcherType=none",
        "--browser.gatherUsageStats=false",
    ]


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Ask until the server answers."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            sleep(0.02)
    raise RuntimeError(f"no answer from {url}")


@contextmanager
def running(
    command: list[str], port: int, path: str, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server process from its start until the block ends; its messages go to nowhere but a temporary file."""
    began = perf_counter()
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        env = {**os.environ, "HOME": home, "HF_HUB_OFFLINE": "1", **(environment or {})}
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=env)  # noqa: S603
        try:
            wait_for(f"http://127.0.0.1:{port}{path}", process)
            yield Server(port, process, perf_counter() - began)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def streamlit(script: str, **environment: str) -> Iterator[Server]:
    """`streamlit run script`, as a person would; "hello" is Streamlit's own demo."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", *([script] if script == "hello" else ["run", script])]
    with running([*command, *flags(port)], port, "/_stcore/health", environment) as server:
        yield server


@contextmanager
def app(workspace: str) -> Iterator[Server]:
    """The app, each session of it with the prepared workspace."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.serving", workspace, str(port)]
    with running(command, port, "/_stcore/health") as server:
        yield server


def prepared(workspace: str) -> tuple[MemoryJournal, str]:
    """A journal to replay, and the id of its job to watch ("" where it has none).

    Words: "steps=1000 rate=10 jobs=0 finished_steps=100": a running job with so many steps done that does `rate`
    more each second and never ends meanwhile (0 steps: none), and so many finished jobs of so many steps.
    "asked=1": the browser is asked for its workspace, as at a visit; it gets the prepared one nevertheless.
    "served=86400 speed=60": the first finished job has answered requests for so many simulated seconds.
    """
    asked = {word.split("=")[0]: int(word.split("=")[1]) for word in workspace.split()}
    steps, rate = asked.get("steps", 1000), asked.get("rate", 10)
    config = JobConfig(model=MODEL, method="pretrain", accelerator="nvidia-h100-80gb", sequence_length=512)
    journal, now = MemoryJournal(), time()
    store, watched = Store(journal), ""
    for seed in range(asked.get("jobs", 0)):
        finished = config.model_copy(update={"max_steps": asked.get("finished_steps", 100), "seed": seed})
        store.submit(finished, name=f"finished {seed}", now=now)
    store.skip(1e8, now=now)
    store.advance(now=now)
    if served := asked.get("served", 0):
        store.deploy(store.jobs()[0].id, replicas=(1, 4), traffic="daily", now=now)
        for _ in range(0, served, 3600):
            store.skip(min(served, 3600.0), now=now)
            store.advance(now=now)
        store.set_speed(float(asked.get("speed", 60)), now=now)
    if steps:
        endless = config.model_copy(update={"max_steps": 2 * steps + 10_000})
        watched = store.submit(endless, name="watched", now=now).id
        while store.job(watched).step < 1:
            store.skip(1.0, now=now)
            store.advance(now=now)
        run = TrainingSimulator(endless)
        wanted_s = float(run.elapsed_s(np.array([steps]))[0])
        store.skip(wanted_s - store.job(watched).elapsed_s, now=now)
        step_s = wanted_s - float(run.elapsed_s(np.array([steps - 1]))[0])
        store.set_speed(rate * step_s, now=now)
    return journal, watched


def watched(workspace: str) -> str:
    """The id of the job that runs: the one submitted last."""
    asked = dict(word.split("=") for word in workspace.split())
    return f"job-{int(asked.get('jobs', 0)) + 1}"


def copied(journal: MemoryJournal) -> MemoryJournal:
    """A journal of a session's own, with the same lines; reading and writing each anew would be counted as ours."""
    own = MemoryJournal()
    own._lines.update({name: list(lines) for name, lines in journal._lines.items()})
    return own


def serve(workspace: str, port: int) -> None:
    """Run the app in this process; what to watch has the id `WATCHED`, or is the only job."""
    journal, _ = prepared(workspace)
    if "asked=1" not in workspace:
        arrival.unknown = lambda: False  # a client that is no browser cannot say which workspace is its own
    workspaces.opened = lambda: Store(copied(journal))
    options: dict[str, str | bool] = dict(flag.removeprefix("--").split("=") for flag in flags(port))
    options |= {name: value == "true" for name, value in options.items() if value in ("true", "false")}
    bootstrap.load_config_options({name.replace(".", "_"): value for name, value in options.items()})
    bootstrap.run("Home.py", False, [], {})


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
