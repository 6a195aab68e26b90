"""Jobs, deployments and their sums as a person sees them: records from the journal, states from the backends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vapor_core.backends.base import DeploymentSpec, Health, JobState, ServedModel
from vapor_core.backends.registry import abilities
from vapor_core.backends.unknown import is_known
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.serving import Demand
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Deployment, Job, RegisteredModel, Summary
from vapor_core.physics.plan import plan

if TYPE_CHECKING:
    from vapor_core.workspace.world import DeploymentRecord, JobRecord, World


def job_view(record: JobRecord, seen: JobState, touched: JobState) -> Job:
    """A job as it is seen: points and clock as far as the world has moved, the state as it was left by a person.

    Args:
        record: from the journal.
        seen: at the instant that the world has moved to.
        touched: the same, or where it was last acted on, if that is later.
    """
    spec, config = record.spec, record.config
    hourly = plan(config).accelerator.price_per_hour * config.accelerator_count
    return Job(
        id=spec.job_id,
        name=record.name,
        config=config,
        status=touched.status,
        submitted_s=spec.submitted_s,
        started_s=seen.started_s,
        ended_s=touched.ended_s,
        step=seen.step,
        total_steps=seen.total_steps,
        elapsed_s=seen.elapsed_s,
        eta_s=seen.eta_s if touched.status == "running" else None,
        cost_usd=seen.elapsed_s * hourly / 3600,
        failure=touched.failure,
        parent_id=spec.parent.job_id if spec.parent else None,
        fork_step=spec.fork_step if spec.parent else None,
        attempt=touched.attempt,
        deleted=record.deleted,
        counts=(spec.log.axis if spec.log is not None else None) or "step",
        expected=record.expected,
    )


def deployment_spec(record: DeploymentRecord, jobs: dict[str, JobRecord]) -> DeploymentSpec:
    """A deployment as its backend should make it."""
    revisions = tuple(
        ServedModel(each.since_s, each.job_id, jobs[each.job_id].config.model) for each in record.revisions
    )
    return DeploymentSpec(
        deployment_id=record.id,
        accelerator=record.accelerator,
        precision=record.precision,
        traffic=record.traffic,
        created_s=record.created_s,
        ended_s=record.ended_s,
        revisions=revisions,
        ranges=record.ranges,
        demands=record.demands,
        settings=record.settings,
    )


def deployment_view(
    record: DeploymentRecord, jobs: dict[str, JobRecord], seen: Health, touched: Health
) -> Deployment:
    """A deployment as it is seen; see `job_view`."""
    current = record.revisions[-1]
    _, low, high = record.ranges[-1]
    return Deployment(
        id=record.id,
        name=record.name,
        job_id=current.job_id,
        model_id=plan(jobs[current.job_id].config).model.id,
        accelerator=record.accelerator,
        replicas_min=low,
        replicas_max=high,
        traffic=record.traffic,
        precision=record.precision,
        demand=record.demands[-1][1] if record.demands else None,
        settings=record.settings,
        status=touched.status,
        created_s=record.created_s,
        ended_s=record.ended_s if touched.failed_s is None else touched.failed_s,
        revisions=record.revisions,
        replicas=seen.replicas if touched.status != "stopped" else 0,
        cost_usd=seen.cost_usd,
        failure=touched.failure,
    )


def asked(demand: Demand) -> str:
    """A demand in words: "20 requests/s, steady, 512 tokens in and 128 out"."""
    return (
        f"{demand.requests_per_second:g} requests/s, {demand.pattern}, "
        f"{demand.input_tokens:g} tokens in and {demand.output_tokens:g} out"
    )


def deployment_lines(record: DeploymentRecord) -> tuple[LifeEvent, ...]:
    """What people did to a deployment."""
    lines = [
        LifeEvent(at_s=record.created_s, kind="deployed", sentence=f"Deployed {record.revisions[0].job_id}.")
    ]
    for since, low, high in record.ranges[1:]:
        lines.append(LifeEvent(at_s=since, kind="bounds", sentence=f"Replicas set to {low} to {high}."))
    for since, demand in record.demands:
        lines.append(LifeEvent(at_s=since, kind="demand", sentence=f"Demand set to {asked(demand)}."))
    highest = 1
    for revision in record.revisions[1:]:
        back = revision.number <= highest
        kind = "rolled_back" if back else "redeployed"
        words = "Rolled back to" if back else "Deployed"
        sentence = f"{words} revision {revision.number}: {revision.job_id}."
        lines.append(LifeEvent(at_s=revision.since_s, kind=kind, sentence=sentence))
        highest = max(highest, revision.number)
    if record.ended_s is not None:
        lines.append(LifeEvent(at_s=record.ended_s, kind="stopped", sentence="Stopped."))
    return tuple(lines)


def registered(job: Job, eval_loss: float | None, world: World, live: Iterable[str]) -> RegisteredModel:
    """The model that a job made, with its lineage both ways."""
    asked, serving = plan(job.config), set(live)
    once = [
        record.id
        for record in world.deployments.values()
        if any(revision.job_id == job.id for revision in record.revisions)
    ]
    now = [key for key in once if world.deployments[key].revisions[-1].job_id == job.id and key in serving]
    return RegisteredModel(
        id=job.id,
        name=job.name,
        job_id=job.id,
        base_model_id=asked.model.id,
        method=job.config.method,
        dataset_id=asked.dataset.id,
        step=job.step,
        eval_loss=eval_loss,
        created_s=job.ended_s or 0.0,
        parent_id=job.parent_id,
        deployment_ids=tuple(now),
        served_by=tuple(once),
    )


def has_config(config: JobConfig) -> bool:
    """Whether it is known what was trained, on what and where."""
    return abilities(config.backend).has_config and is_known(config)


def tokens_of(job: Job) -> float:
    """Tokens that a job itself has trained on; 0 of a log, which does not say how many a step had."""
    if not has_config(job.config):
        return 0
    return (job.step - (job.fork_step or 0)) * plan(job.config).tokens_per_step


def _accelerator_s(job: Job) -> float:
    """Seconds of accelerators that a job took; 0 of a log, which does not say how many it had."""
    return job.elapsed_s * job.config.accelerator_count if has_config(job.config) else 0.0


def summary(
    jobs: Iterable[Job],
    deployments: Iterable[Deployment],
    request_rate: float,
    best: tuple[float, str] | None,
    tokens: float,
) -> Summary:
    """Aggregates of a workspace."""
    jobs, deployments = tuple(jobs), tuple(deployments)
    return Summary(
        jobs=len(jobs),
        jobs_by_status=dict(Counter(job.status for job in jobs)),
        deployments=len(deployments),
        deployments_by_status=dict(Counter(each.status for each in deployments)),
        tokens=tokens,
        accelerator_hours=sum(_accelerator_s(job) for job in jobs) / 3600,
        training_cost_usd=sum(job.cost_usd for job in jobs),
        serving_cost_usd=sum(each.cost_usd for each in deployments),
        request_rate=request_rate,
        replicas=sum(each.replicas for each in deployments),
        best_eval_loss=best[0] if best else None,
        best_job_id=best[1] if best else None,
    )


def refusal(reason: str) -> Failure:
    """Why something that was recorded never ran."""
    return Failure(code="backend", what="It was not started.", why=f"{reason[:1].upper()}{reason[1:]}.")


def refused_line(reason: str, at_s: float, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
    """The history of something that never ran, after `from_s` and up to `to_s`."""
    if not from_s < at_s <= to_s:
        return ()
    return (LifeEvent(at_s=at_s, kind="failed", sentence=refusal(reason).sentence),)
