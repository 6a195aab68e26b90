"""Ray's Jobs API over HTTP, as its documentation has it: what Vapor asks a cluster, bounded in time and length.

Nothing here imports ray: the cluster is another process, on this machine or another one.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from vapor_core.errors import BackendRefused

TIMEOUT_S = 5.0
LONGEST_ANSWER = 64 * 2**20  # bytes: a list of some ten thousand jobs
ENDS = ("SUCCEEDED", "FAILED", "STOPPED")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class RayJob:
    """What a cluster says of a job: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED, and why."""

    id: str
    status: str
    message: str = ""


class ClusterFault(BackendRefused):
    """The cluster gave no usable answer."""


class Cluster:
    """A cluster's dashboard.

    Args:
        address: http(s)://host:port.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    @property
    def is_here(self) -> bool:
        """Whether it listens on this machine alone, as far as its address says."""
        return (urlsplit(self.address).hostname or "") in LOOPBACK

    def answers(self) -> bool:
        """Whether there is a cluster."""
        try:
            self._ask("GET", "/api/version")
        except ClusterFault:
            return False
        return True

    def submit(
        self, job_id: str, entrypoint: str, resources: Mapping[str, float], env: Mapping[str, str]
    ) -> None:
        """Have a job run once under an id; one that is there already is left as it is.

        Raises:
            ClusterFault: it was not taken; says why.
        """
        try:
            self._ask(
                "POST",
                "/api/jobs/",
                {
                    "submission_id": job_id,
                    "entrypoint": entrypoint,
                    "runtime_env": {"env_vars": dict(env)},
                    "metadata": {"by": "vapor"},
                    **resources,
                },
            )
        except ClusterFault:
            if self.job(job_id) is None:
                raise

    def job(self, job_id: str) -> RayJob | None:
        """A job; None where the cluster knows none of that id.

        Raises:
            ClusterFault: the cluster does not answer.
        """
        try:
            return _job(self._ask("GET", f"/api/jobs/{quote(job_id)}"))
        except MissingJob:
            return None

    def jobs(self) -> dict[str, RayJob]:
        """All jobs that were submitted, by id.

        Raises:
            ClusterFault: the cluster does not answer.
        """
        told = self._ask("GET", "/api/jobs/")
        found = [_job(each) for each in told] if isinstance(told, list) else []
        return {each.id: each for each in found if each is not None}

    def stop(self, job_id: str) -> None:
        """Let a job end; nothing where there is none.

        Raises:
            ClusterFault: the cluster does not answer.
        """
        try:
            self._ask("POST", f"/api/jobs/{quote(job_id)}/stop", {})
        except MissingJob:
            return

    def _ask(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> object:
        body = None if fields is None else json.dumps(fields).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is the owner's, http(s) alone: see `place`
            f"{self.address}{path}", body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                content = answer.read(LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(4_000).decode("utf-8", "replace").strip().splitlines()
            if error.code == 404:
                raise MissingJob("the cluster knows no such job") from None
            raise ClusterFault(
                f"the Ray cluster refuses it ({error.code}): {(told or ['no reason given'])[-1][:300]}"
            ) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ClusterFault(
                f"the Ray cluster at {self.address} does not answer ({str(reason)[:120]}); start it, or "
                "correct RAY_ADDRESS"
            ) from None
        try:
            return json.loads(content or b"null")
        except ValueError:
            raise ClusterFault(
                f"what answers at {self.address} is no Ray dashboard; RAY_ADDRESS wants the address of one"
            ) from None


class MissingJob(ClusterFault):
    """The cluster knows no such job."""


def _job(told: object) -> RayJob | None:
    if not isinstance(told, Mapping):
        return None
    job_id = told.get("submission_id")
    if not isinstance(job_id, str):
        return None  # a driver that nobody submitted
    return RayJob(job_id, str(told.get("status", "")), str(told.get("message") or ""))
