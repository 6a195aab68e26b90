"""What each action demands: it is checked against the world at its instant and becomes an event, or an error.

Nothing is recorded here and nothing is started: a backend is only asked whether it would take what is wanted. So an
action may be checked again where another process was faster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, get_args

from vapor_core import catalog
from vapor_core.backends.base import DeploymentSpec, JobSpec, ServedModel
from vapor_core.backends.registry import abilities
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.lifecycle import JobStatus, check_deployment, check_job
from vapor_core.contracts.serving import Demand, EngineSettings, ServingConfig, ServingPrecision, Traffic
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.errors import BackendRefused, ForbiddenTransition, InvalidConfig, NotFound
from vapor_core.journal.events import (
    CalibrationForgotten,
    CalibrationKept,
    CalibrationUsed,
    DatasetAdded,
    DemandChanged,
    Deployed,
    DeploymentStopped,
    JobDeleted,
    JobPaused,
    JobRestored,
    JobResumed,
    JobStopped,
    JobSubmitted,
    ModelAdded,
    Redeployed,
    Renamed,
    Scaled,
)
from vapor_core.journal.other_events import SpeedSet, TimeSkipped
from vapor_core.physics.plan import plan

if TYPE_CHECKING:
    from vapor_core.workspace.live import LiveWorkspace

FASTEST = 1e6
LONGEST_SKIP_S = 1e9
MOST_REPLICAS = 1000
LONGEST_NAME = 200
GOES_ON = ("stopped", "lost", "failed")  # from a checkpoint, where the backend can


@dataclass(frozen=True, slots=True)
class Order:
    """A deployment that is asked for."""

    job_id: str
    accelerator: str | Accelerator | None
    replicas: tuple[int, int]
    traffic: Traffic
    precision: ServingPrecision
    name: str
    backend: str = "simulated"
    demand: Demand | None = None
    settings: EngineSettings | None = None


def speed_set(speed: float) -> SpeedSet:
    """The world runs at another speed."""
    return SpeedSet(speed=_number("speed", speed, FASTEST))


def time_skipped(seconds: float) -> TimeSkipped:
    """The world leaps forward."""
    return TimeSkipped(seconds=_number("seconds", seconds, LONGEST_SKIP_S))


def submitted(live: LiveWorkspace, config: JobConfig, name: str | None, at_s: float) -> JobSubmitted:
    """A job starts, with the workspace's own models and data in place of their ids.

    Real work is kept with what it was rehearsed to be, by the calibration that estimates take now.
    """
    resolved = _resolved(live, config)
    asked = plan(resolved)
    shown = name if name is not None else config.name
    shown = shown or f"{asked.model.display_name} {config.method}"
    return _start(live, shown, JobSpec(next(live.world.next_jobs()), resolved, at_s))


def forked(
    live: LiveWorkspace, job_id: str, step: int, changes: Mapping[str, object], at_s: float
) -> JobSubmitted:
    """A job goes on from a step of another one that was done by this instant."""
    record = live.world.job(job_id)
    if not live.abilities(job_id).can_fork:
        raise ForbiddenTransition(f"{job_id} was imported; only a job that ran here can be forked")
    done = live.state(job_id, at_s).step
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= done:
        raise InvalidConfig(
            {"step": f"{job_id} has done {done:,} steps; fork from 0 to {done:,}, not {step!r}"}
        )
    config = _resolved(live, record.config.changed(**changes))
    total = plan(config).total_steps
    if step >= total:
        raise InvalidConfig(
            {
                "step": f"the changed run ends after {total:,} steps; fork before that or train longer, not at {step:,}"
            }
        )
    return _start(
        live, _fork_name(record.name), JobSpec(next(live.world.next_jobs()), config, at_s, record.spec, step)
    )


def paused(live: LiveWorkspace, job_id: str, at_s: float) -> JobPaused:
    """A job that has its accelerators is held."""
    check_job(job_id, live.state(job_id, at_s).status, "paused")
    if not live.abilities(job_id).can_pause:
        raise ForbiddenTransition(f"{job_id} cannot be paused where it runs; it can be stopped")
    return JobPaused(job_id=job_id)


def resumed(live: LiveWorkspace, job_id: str, at_s: float) -> JobResumed:
    """A paused job goes on."""
    status = live.state(job_id, at_s).status
    if status == "paused" or (status in GOES_ON and live.abilities(job_id).can_go_on):
        return JobResumed(job_id=job_id)
    raise ForbiddenTransition(f"{job_id} is {status}; only a paused job can be resumed")


def stopped(live: LiveWorkspace, key: str, at_s: float) -> JobStopped | DeploymentStopped:
    """A job or an endpoint that has not ended is ended."""
    if key in live.world.deployments:
        check_deployment(key, live.health(key, at_s).status, "stopped")
        return DeploymentStopped(deployment_id=key)
    if not live.abilities(key).can_stop:
        raise ForbiddenTransition(f"{key} is another program's run: end it there, or delete it here")
    check_job(key, live.state(key, at_s).status, "stopped")
    return JobStopped(job_id=key)


def deleted(live: LiveWorkspace, job_id: str) -> JobDeleted:
    """A job goes out of sight, and is ended where it has not."""
    if live.world.job(job_id).deleted:
        raise ForbiddenTransition(f"{job_id} is deleted already; restore brings it back")
    return JobDeleted(job_id=job_id)


def restored(live: LiveWorkspace, job_id: str) -> JobRestored:
    """A deleted job comes back."""
    record = live.world.job(job_id)
    if not record.deleted:
        raise ForbiddenTransition(f"{job_id} is not deleted; there is nothing to restore")
    if record.refused is not None:
        raise ForbiddenTransition(f"{job_id} was never started; submit it anew")
    return JobRestored(job_id=job_id)


def renamed(live: LiveWorkspace, key: str, name: str) -> Renamed:
    """A job or an endpoint is called something else."""
    if key not in live.world.deployments:
        live.world.job(key)
    return Renamed(id=key, name=_name(name))


def deployed(live: LiveWorkspace, order: Order, at_s: float) -> Deployed:
    """A job's result becomes an endpoint."""
    config = _servable(live, order.job_id, at_s)
    card = config.accelerator if order.accelerator is None else order.accelerator
    catalog.accelerator(card)
    ServingConfig(model=config.model, accelerator=card, precision=order.precision)
    if order.traffic not in get_args(Traffic):
        raise InvalidConfig(
            {"traffic": f"traffic is one of {', '.join(get_args(Traffic))}, not {order.traffic!r}"}
        )
    low, high = replica_range(order.replicas)
    key = next(live.world.next_deployments())
    live.deployment_backend(order.backend).check(
        DeploymentSpec(
            deployment_id=key,
            accelerator=card,
            precision=order.precision,
            traffic=order.traffic,
            created_s=at_s,
            ended_s=None,
            revisions=(ServedModel(at_s, order.job_id, config.model),),
            ranges=((at_s, low, high),),
            demands=((at_s, order.demand),) if order.demand else (),
            settings=order.settings or EngineSettings(),
        )
    )
    return Deployed(
        deployment_id=key,
        name=_name(order.name or live.world.job(order.job_id).name),
        job_id=order.job_id,
        accelerator=card,
        replicas_min=low,
        replicas_max=high,
        traffic=order.traffic,
        precision=order.precision,
        backend=order.backend,
        demand=order.demand,
        settings=order.settings,
    )


def demand_changed(live: LiveWorkspace, key: str, demand: Demand, at_s: float) -> DemandChanged:
    """People ask something else of an endpoint that serves."""
    _serving(live, key, at_s, "asked for anything else")
    return DemandChanged(deployment_id=key, demand=demand)


def scaled(live: LiveWorkspace, key: str, replicas: tuple[int, int], at_s: float) -> Scaled:
    """An endpoint that serves gets other bounds."""
    _serving(live, key, at_s, "scaled")
    low, high = replica_range(replicas)
    return Scaled(deployment_id=key, replicas_min=low, replicas_max=high)


def redeployed(live: LiveWorkspace, key: str, job_id: str, at_s: float) -> Redeployed:
    """An endpoint serves another result, if that fits on its accelerator."""
    _serving(live, key, at_s, "given another model")
    record, config = live.world.deployment(key), _servable(live, job_id, at_s)
    if record.revisions[-1].job_id == job_id:
        raise ForbiddenTransition(f"{key} serves {job_id} already")
    spec = live.deployment_spec(key)
    revisions = (*spec.revisions, ServedModel(at_s, job_id, config.model))
    failure = live.server_of(key).failure(replace(spec, revisions=revisions))
    if failure is not None:
        raise BackendRefused(f"{key} goes on with {record.revisions[-1].job_id}: {failure.sentence}")
    return Redeployed(deployment_id=key, job_id=job_id)


def rolled_back(live: LiveWorkspace, key: str, at_s: float) -> Redeployed:
    """An endpoint serves the revision before its present one."""
    _serving(live, key, at_s, "rolled back")
    standby = live.world.deployment(key).standby
    if not standby:
        raise ForbiddenTransition(f"{key} serves its first revision; there is none before it to go back to")
    return Redeployed(deployment_id=key, job_id=standby[0].job_id, rolled_back=True)


def dataset_added(dataset: Dataset) -> DatasetAdded:
    """A person's own data is known."""
    return DatasetAdded(dataset=dataset)


def model_added(model: CatalogModel) -> ModelAdded:
    """A model that the catalog lacks is known."""
    return ModelAdded(model=model)


def calibration_kept(name: str, calibration: Calibration, runs: Sequence[str]) -> CalibrationKept:
    """What was fitted to a person's own runs is known by a name."""
    return CalibrationKept(name=_name(name), calibration=calibration, runs=tuple(_name(run) for run in runs))


def calibration_used(live: LiveWorkspace, name: str) -> CalibrationUsed:
    """Estimates take the calibration of this name; the laws alone where it is empty."""
    if name and name not in live.world.calibrations:
        known = ", ".join(live.world.calibrations) or "none yet"
        raise NotFound(f"there is no calibration {name[:60]!r}; there are: {known[:300]}")
    return CalibrationUsed(name=name)


def calibration_forgotten(name: str) -> CalibrationForgotten:
    """A calibration is known no more, whether it was or not."""
    return CalibrationForgotten(name=_name(name))


def has_result(status: JobStatus, step: int, config: JobConfig) -> bool:
    """Whether a job has left something to serve; an imported log has not."""
    if not abilities(config.backend).can_deploy:
        return False
    return status == "completed" or (status == "stopped" and step >= plan(config).checkpoint_every)


def _start(live: LiveWorkspace, name: str, spec: JobSpec) -> JobSubmitted:
    shown = _name(name)
    backend = live.job_backend(spec.config.backend)
    backend.check(spec)
    event = JobSubmitted.of(
        spec.job_id,
        shown,
        spec.config,
        spec.parent.job_id if spec.parent else None,
        spec.fork_step if spec.parent else None,
    )
    expected = backend.expected(spec, live.world.calibration)
    return event if expected is None else event.model_copy(update={"expected": expected})


def _resolved(live: LiveWorkspace, config: JobConfig) -> JobConfig:
    """With the workspace's own models and data in place of their ids."""
    changes: dict[str, object] = {}
    if isinstance(config.model, str) and config.model in live.world.models:
        changes["model"] = live.world.models[config.model]
    if isinstance(config.dataset, str) and config.dataset in live.world.datasets:
        changes["dataset"] = live.world.datasets[config.dataset]
    return config.changed(**changes) if changes else config


def _servable(live: LiveWorkspace, job_id: str, at_s: float) -> JobConfig:
    record, state = live.world.job(job_id), live.state(job_id, at_s)
    if record.deleted:
        raise ForbiddenTransition(f"{job_id} is deleted; restore it to deploy it")
    if not has_result(state.status, state.step, record.config):
        rest = " before its first checkpoint" if state.status == "stopped" else ""
        raise ForbiddenTransition(
            f"{job_id} is {state.status}{rest}; deploy a completed job, or one stopped after a checkpoint"
        )
    return record.config


def _serving(live: LiveWorkspace, key: str, at_s: float, what: str) -> None:
    status = live.health(key, at_s).status
    if status in ("stopped", "failed"):
        raise ForbiddenTransition(f"{key} is {status} and cannot be {what}; deploy anew")


def replica_range(replicas: tuple[int, int]) -> tuple[int, int]:
    """The fewest and the most replicas, checked."""
    given = tuple(replicas) if isinstance(replicas, list | tuple) else ()
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in given)
    if len(given) != 2 or not whole or not 1 <= given[0] <= given[1] <= MOST_REPLICAS:
        raise InvalidConfig(
            {
                "replicas": f"replicas are the fewest and the most, from 1 to {MOST_REPLICAS:,}, not {replicas!r}"
            }
        )
    return given[0], given[1]


def _fork_name(name: str) -> str:
    """A parent's name with " fork" after it; "fork 2" after "fork", and cut where it would be too long."""
    found = re.fullmatch(r"(?P<stem>.*?)(?P<forks>( fork)+)( (?P<number>[1-9]\d{0,8}))?", name, re.DOTALL)
    number = 1
    if found:
        number = max(found["forks"].count(" fork"), int(found["number"] or 1)) + 1
    ending = " fork" if number == 1 else f" fork {number}"
    return (found["stem"] if found else name)[: LONGEST_NAME - len(ending)].rstrip() + ending


def _name(name: str) -> str:
    shown = name.strip()
    if not shown or len(shown) > LONGEST_NAME or any(ord(letter) < 32 for letter in shown):
        raise InvalidConfig({"name": "name should be one line of 1 to 200 characters"})
    return shown


def _number(field: str, value: float, most: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(value) or not 0 <= value <= most:
        raise InvalidConfig({field: f"{field} should be a number from 0 to {most:,.0f}, not {value!r}"})
    return float(value)
