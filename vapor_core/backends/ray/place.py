"""Where the cluster is: at RAY_ADDRESS, or one on this machine that Vapor starts, owns and finds again.

Vapor's own is a head in a process group of its own, on loopback alone: whoever reaches a Ray head may run anything on
its machine. It outlives the app. `python -m vapor_core.backends.ray.place stop` ends it, and no other one.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from vapor_core.backends.local import machine as machines
from vapor_core.backends.local import own_data, own_models
from vapor_core.backends.local.run_directory import runs_folder
from vapor_core.backends.local.whole_file import written_whole
from vapor_core.backends.ray.api import Cluster
from vapor_core.errors import BackendRefused

ADDRESS = "RAY_ADDRESS"
CPUS_OF_ALL = "VAPOR_RAY_CLUSTER_CPUS"  # that Vapor's own cluster has; the machine's where nobody says
START_S = 60.0  # that a cluster may take to answer
END_S = 4.0  # that it may take to end by itself
LOOK_S = 0.2
_OWN: list[subprocess.Popen[bytes]] = []  # that this process has started; they outlive it


class RayPlace:
    """What is asked of where it trains: Vapor's own cluster is this machine; the queue is Ray's."""

    measured = staticmethod(machines.remembered)
    measure = staticmethod(machines.measured_anew)
    price = staticmethod(machines.priced)
    models = staticmethod(own_models.offered)
    keep_data = staticmethod(own_data.keep)

    def ahead(self, workspace: str, job_id: str) -> int | None:
        """None: whose turn it is, Ray decides."""
        return None

    def run_next(self, workspace: str, job_id: str) -> None:
        """Nothing: whose turn it is, Ray decides."""


def given() -> str:
    """The cluster's address as the server's owner has given it; "" where Vapor's own is meant.

    Raises:
        BackendRefused: it is none that can be spoken to.
    """
    address = os.environ.get(ADDRESS, "").strip()
    if not address or address in ("local", "auto"):
        return ""
    if urlsplit(address).scheme not in ("http", "https"):
        raise BackendRefused(
            f"{ADDRESS}={address[:80]} is not the address of a dashboard; give that, as in http://127.0.0.1:8265"
        )
    return address


def cluster() -> Cluster | None:
    """The cluster that jobs go to; None while Vapor's own is not started."""
    address = given()
    if address:
        return Cluster(address)
    known = _known()
    return Cluster(str(known["address"])) if known and _lives(known) else None


def ensured() -> Cluster:
    """The cluster that jobs go to, started where Vapor's own is not there.

    Raises:
        BackendRefused: it cannot be started; says why.
    """
    found = cluster()
    if found is not None:
        return found
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several that want one, the first starts it
        found = cluster()
        return _started() if found is None else found


def stop() -> bool:
    """End Vapor's own cluster; whether there was one."""
    known = _known()
    if not known or not _lives(known):
        return False
    with suppress(ProcessLookupError):
        os.killpg(int(str(known["pid"])), signal.SIGTERM)
    until = time.monotonic() + END_S
    while _lives(known) and time.monotonic() < until:
        time.sleep(LOOK_S)
    with suppress(ProcessLookupError):
        os.killpg(int(str(known["pid"])), signal.SIGKILL)
    return True


def _started() -> Cluster:
    port, dashboard, client, agent, metrics = _free_ports(5)
    cpus = os.environ.get(CPUS_OF_ALL, "").strip()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={client}"),
        *("--include-dashboard=true", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"),
        *(f"--dashboard-agent-listen-port={agent}", f"--metrics-export-port={metrics}"),
        *([f"--num-cpus={int(cpus)}"] if cpus.isdecimal() else []),
    ]
    with (_folder() / "head.log").open("ab") as log:
        try:
            head = subprocess.Popen(  # noqa: S603 - Ray's own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "RAY_ADDRESS": "", "OMP_WAIT_POLICY": "passive"},
            )
        except OSError as error:
            raise BackendRefused(f"no Ray cluster could be started here: {error.strerror}") from None
    _OWN.append(head)
    found = Cluster(f"http://127.0.0.1:{dashboard}")
    until = time.monotonic() + START_S
    while not found.answers():
        if head.poll() is not None or time.monotonic() > until:
            raise BackendRefused(f"no Ray cluster could be started here; it printed: {_end_of_log()}")
        time.sleep(LOOK_S)
    with written_whole(_folder() / "cluster.json") as file:
        json.dump({"address": found.address, "pid": head.pid, "born": _born(head.pid)}, file)
    return found


def _known() -> dict[str, object]:
    try:
        known = json.loads((_folder() / "cluster.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _lives(known: dict[str, object]) -> bool:
    """Whether its process is there; a number alone is no identity, so its birth counts too."""
    return _born(int(str(known["pid"]))) == known["born"] is not None


def _born(pid: int) -> str | None:
    """When a process began, as the system counts it; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return _alive_elsewhere(pid)
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _alive_elsewhere(pid: int) -> str | None:
    """Where there is no /proc (macOS), that it is there is all that is known."""
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return "alive"


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def _end_of_log() -> str:
    try:
        return " ".join((_folder() / "head.log").read_text("utf-8", "replace").split())[-300:]
    except OSError:
        return "nothing"


def _folder() -> Path:
    return runs_folder() / "ray"


if __name__ == "__main__":
    if sys.argv[1:] == ["stop"]:
        sys.stdout.write("stopped\n" if stop() else "there is none of Vapor's\n")
    else:
        sys.stdout.write(f"{ensured().address}\n")
