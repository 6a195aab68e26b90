"""Which backends there are: a name -> what it can do, and how it is built. Adding a backend is one folder and one line.

Nobody else compares a backend's name with a string: screens, actions and links ask what it can do. A backend is
imported when it is first needed, so that what a real one stands on is loaded by whoever runs real work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from vapor_core.backends.base import DeploymentBackend, JobBackend, Place, Rental
    from vapor_core.journal.journal import Journal


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a backend can do, for screens and actions to ask."""

    title: str = ""  # what a person does by choosing it, on a button
    is_simulated: bool = False  # computed on simulated time: speed, skips and rewinding touch it
    is_real: bool = False  # work that really goes on: it lives on the wall clock
    runs_here: bool = True  # takes jobs that are submitted
    can_pause: bool = True
    can_stop: bool = True  # else it is another program's, and can only be put out of sight
    can_go_on: bool = False  # a job that was stopped or lost can be resumed from its last checkpoint
    can_fork: bool = True
    can_share: bool = False  # its jobs follow from events alone, so a link can carry them
    can_clone: bool = True  # its jobs have a configuration that a form can take over
    can_deploy: bool = True
    has_cost: bool = True  # what a job costs is known
    has_config: bool = True  # what was trained, on what and where is known
    queues: bool = False  # jobs wait for their accelerators


@dataclass(frozen=True, slots=True)
class Registration:
    """A backend's abilities and builders, each as "module:Class".

    A builder takes (workspace's id, its journal); jobs of two workspaces may bear the same id. `place` takes nothing:
    the machine where the work is done, where a backend has one that can be asked.
    """

    abilities: Abilities
    jobs: str
    deployments: str | None = None
    place: str | None = None
    rental: str | None = None  # takes nothing too: machines that are rented with a person's own key
    goes_on: str | None = (
        None  # (workspace, job's id) -> whether that one can go on, where not all of them can
    )


REGISTRY: dict[str, Registration] = {
    "simulated": Registration(
        Abilities(title="Rehearse", is_simulated=True, can_share=True, queues=True),
        jobs="vapor_core.backends.simulated.jobs:SimulatedJobs",
        deployments="vapor_core.backends.simulated.deployments:SimulatedDeployments",
    ),
    "imported": Registration(
        Abilities(
            runs_here=False,
            can_pause=False,
            can_fork=False,
            can_share=True,
            can_clone=False,
            can_deploy=False,
            has_cost=False,
            has_config=False,
        ),
        jobs="vapor_core.backends.imported:ImportedJobs",
    ),
    "followed": Registration(
        Abilities(
            is_real=True,
            runs_here=False,
            can_pause=False,
            can_stop=False,
            can_fork=False,
            can_deploy=False,
            has_cost=False,
        ),
        jobs="vapor_core.backends.followed.jobs:FollowedJobs",
    ),
    "local": Registration(
        Abilities(title="Run on this machine", is_real=True, can_go_on=True, can_fork=False, queues=True),
        jobs="vapor_core.backends.local.jobs:LocalJobs",
        deployments="vapor_core.backends.absent:LocalDeployments",
        place="vapor_core.backends.local.place:LocalPlace",
    ),
    "ray": Registration(
        Abilities(title="Run on a Ray cluster", is_real=True, can_go_on=True, can_fork=False, queues=True),
        jobs="vapor_core.backends.ray.jobs:RayJobs",
        deployments="vapor_core.backends.absent:RayDeployments",
        place="vapor_core.backends.ray.place:RayPlace",
    ),
    "hf_jobs": Registration(
        Abilities(
            title="Run on Hugging Face Jobs",
            is_real=True,
            can_pause=False,
            can_go_on=True,
            can_fork=False,
            can_deploy=False,
            queues=True,
        ),
        jobs="vapor_core.backends.hf_jobs.jobs:HubJobs",
        rental="vapor_core.backends.hf_jobs.rental:HubRental",
        goes_on="vapor_core.backends.hf_jobs.rental:goes_on",
    ),
}
NOTHING = Abilities(
    runs_here=False, can_pause=False, can_fork=False, can_clone=False, can_deploy=False, has_cost=False
)


def abilities(backend: str) -> Abilities:
    """What a backend can do; nothing where this version does not know it."""
    registration = REGISTRY.get(backend)
    return NOTHING if registration is None else registration.abilities


def job_backend(backend: str, workspace: str, journal: Journal) -> JobBackend:
    """The backend that runs the jobs of a workspace."""
    builder = cast("Callable[[str, Journal], JobBackend]", _builder(REGISTRY[backend].jobs))
    return builder(workspace, journal)


def deployment_backend(backend: str, workspace: str, journal: Journal) -> DeploymentBackend | None:
    """The backend that runs the deployments of a workspace; None where it serves nothing."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.deployments is None:
        return None
    builder = cast("Callable[[str, Journal], DeploymentBackend]", _builder(registration.deployments))
    return builder(workspace, journal)


def place(backend: str) -> Place | None:
    """The machine where a backend does its work; None where there is none to ask."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.place is None:
        return None
    return cast("Callable[[], Place]", _builder(registration.place))()


def rental(backend: str) -> Rental | None:
    """The machines that a backend rents; None where it rents none."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.rental is None:
        return None
    return cast("Callable[[], Rental]", _builder(registration.rental))()


def job_abilities(backend: str, workspace: str, job_id: str) -> Abilities:
    """What a backend can do about one job."""
    able, registration = abilities(backend), REGISTRY.get(backend)
    if registration is None or registration.goes_on is None or not able.can_go_on:
        return able
    goes_on = cast("Callable[[str, str], bool]", _builder(registration.goes_on))
    return able if goes_on(workspace, job_id) else replace(able, can_go_on=False)


def _builder(place: str) -> object:
    module, name = place.split(":")
    found: object = getattr(import_module(module), name)
    return found
