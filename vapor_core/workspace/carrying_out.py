"""What is recorded of real work, handed to the backend that does it; what was carried out before is not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vapor_core.backends.base import DeploymentBackend, JobBackend
    from vapor_core.workspace.world import DeploymentRecord, JobRecord


def carry_out_job(record: JobRecord, backend: JobBackend) -> None:
    """Start a job and do to it what a person did. One that was stopped before anybody started it is not started."""
    if record.refused is not None:
        return
    job_id = record.spec.job_id
    if not any(each.kind == "stop" for each in record.interventions):
        backend.start(job_id)
    tell = {"pause": backend.pause, "resume": backend.resume, "stop": backend.stop}
    for intervention in record.interventions:
        tell[intervention.kind](job_id, intervention)


def carry_out_deployment(record: DeploymentRecord, backend: DeploymentBackend) -> None:
    """Bring a deployment to what it should be."""
    if record.refused is not None:
        return
    if record.ended_s is None:
        backend.deploy(record.id)
        backend.scale(record.id)
        backend.revise(record.id)
    else:
        backend.stop(record.id)
