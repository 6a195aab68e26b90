"""A stand-in for a backend that does real work: what it carries out leaves a line in a folder that outlives processes.

`VAPOR_TEST_RUNS` names the folder. `VAPOR_TEST_DIES` names a place at which the process is killed: "before start",
"after start" or "before pause".
"""

import os
import signal
from math import nan
from pathlib import Path

from vapor_core.backends.base import Health, JobState, MetricBatch
from vapor_core.errors import BackendRefused

ONCE = os.O_CREAT | os.O_EXCL | os.O_WRONLY


def runs() -> Path:
    return Path(os.environ["VAPOR_TEST_RUNS"])


def carried_out() -> list[str]:
    """What was done, in order: "start job-1"."""
    log = runs() / "log"
    return log.read_text().splitlines() if log.exists() else []


def die(place: str) -> None:
    if os.environ.get("VAPOR_TEST_DIES") == place:
        os.kill(os.getpid(), signal.SIGKILL)


def once(*words: object) -> None:
    """Do a thing unless it was done: a file that only one process can make stands for it."""
    name = " ".join(str(word) for word in words)
    try:
        os.close(os.open(runs() / name.replace(" ", "_"), ONCE))
    except FileExistsError:
        return
    with (runs() / "log").open("a") as log:
        log.write(name + "\n")


class RealJobs:
    """Starts once by id, intervenes once by number. Refuses at its start a job called "unwelcome"."""

    def __init__(self, workspace, journal):
        self.workspace = workspace
        self.known = {}

    def check(self, spec):
        if spec.config.accelerator_count > 8:
            raise BackendRefused("it has 8 accelerators; ask for 8 or fewer")

    def expected(self, spec, calibration):
        return None

    def recall(self, spec, interventions):
        self.known[spec.job_id] = (spec, interventions)

    def start(self, job_id):
        die("before start")
        if self.known[job_id][0].config.name == "unwelcome":
            raise BackendRefused("its disk is full; free 10 GB")
        once("start", job_id)
        die("after start")

    def pause(self, job_id, intervention):
        die("before pause")
        once("pause", job_id, intervention.number)

    def resume(self, job_id, intervention):
        once("resume", job_id, intervention.number)

    def stop(self, job_id, intervention):
        once("stop", job_id, intervention.number)

    def state(self, job_id, at_s):
        kinds = [each.kind for each in self.known[job_id][1]]
        status = "stopped" if "stop" in kinds else "paused" if kinds[-1:] == ["pause"] else "running"
        return JobState(status, 5, 10, 1.0, ended_s=at_s if status == "stopped" else None)

    def rows(self, job_id, cursor, at_s, limit=65_536):
        return MetricBatch(cursor, {})

    def replay(self, job_id, start, stop):
        return {}

    def eval_loss(self, job_id, step):
        return nan

    def history(self, job_id, from_s, to_s):
        return ()

    def logs(self, job_id, at_s):
        return "\n".join(carried_out())


class RealDeployments:
    """Deploys once by id; scales and revises once by what was asked for."""

    def __init__(self, workspace, journal):
        self.known = {}

    def check(self, spec):
        if spec.ranges[-1][2] > 8:
            raise BackendRefused("it has room for 8 replicas; ask for 8 or fewer")

    def failure(self, spec):
        return None

    def recall(self, spec):
        self.known[spec.deployment_id] = spec

    def deploy(self, deployment_id):
        die("before start")
        if self.known[deployment_id].ranges[-1][2] == 7:
            raise BackendRefused("its port is taken; stop what listens there")
        once("deploy", deployment_id)

    def scale(self, deployment_id):
        _, low, high = self.known[deployment_id].ranges[-1]
        once("scale", deployment_id, low, high)

    def revise(self, deployment_id):
        once("revise", deployment_id, len(self.known[deployment_id].revisions))

    def stop(self, deployment_id):
        once("stop", deployment_id)

    def health(self, deployment_id, at_s):
        ended = self.known[deployment_id].ended_s is not None
        return Health("stopped" if ended else "healthy", 1, 2.0, 0.0)

    def first_row(self, deployment_id, at_s):
        return 0

    def rows(self, deployment_id, cursor, at_s, limit=65_536):
        return MetricBatch(cursor, {})

    def replay(self, deployment_id, from_s, to_s):
        return {}

    def history(self, deployment_id, from_s, to_s):
        return ()


def register(registry) -> None:
    """Let "local" be this backend in this process."""
    registry.REGISTRY["local"] = registry.Registration(
        registry.Abilities(),
        jobs="tests.backends.real_work:RealJobs",
        deployments="tests.backends.real_work:RealDeployments",
    )
