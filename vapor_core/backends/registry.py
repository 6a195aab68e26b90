"""Which backends there are: a name -> what it can do, and how it is built. Adding a backend is one folder and one line.

Nobody else compares a backend's name with a string: screens, actions and links ask what it can do. A backend is
imported when it is first needed, so that what a real one stands on is loaded by whoever runs real work.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from vapor_core.errors import BackendRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vapor_core.backends.base import DeploymentBackend, JobBackend, MeasuredMachine
    from vapor_core.contracts.entries import CatalogModel, Dataset
    from vapor_core.journal.journal import Journal


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a backend can do, for screens and actions to ask."""

    title: str = ""  # what a person does by choosing it, on a button
    is_simulated: bool = False  # computed on simulated time: speed, skips and rewinding touch it
    is_real: bool = False  # work that really goes on: it lives on the wall clock
    runs_here: bool = True  # takes jobs that are submitted
    can_pause: bool = True
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

    A builder takes (workspace's id, its journal); jobs of two workspaces may bear the same id. `measured` and `measure`
    are functions that take nothing: what was measured of the machine that trains, and measuring it anew.
    """

    abilities: Abilities
    jobs: str
    deployments: str | None = None
    measured: str | None = None
    measure: str | None = None
    keep_data: str | None = None
    models: str | None = None
    price: str | None = None
    ahead: str | None = None
    run_next: str | None = None


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
    "local": Registration(
        Abilities(title="Run on this machine", is_real=True, can_go_on=True, can_fork=False, queues=True),
        jobs="vapor_core.backends.local.jobs:LocalJobs",
        deployments="vapor_core.backends.absent:LocalDeployments",
        measured="vapor_core.backends.local.machine:remembered",
        measure="vapor_core.backends.local.machine:measured_anew",
        keep_data="vapor_core.backends.local.own_data:keep",
        models="vapor_core.backends.local.own_models:offered",
        price="vapor_core.backends.local.machine:priced",
        ahead="vapor_core.backends.local.line:ahead",
        run_next="vapor_core.backends.local.line:run_next",
    ),
    "ray": Registration(
        Abilities(title="Run on a Ray cluster", is_real=True),
        jobs="vapor_core.backends.absent:RayJobs",
        deployments="vapor_core.backends.absent:RayDeployments",
    ),
    "hf_jobs": Registration(
        Abilities(title="Run on Hugging Face Jobs", is_real=True, can_deploy=False),
        jobs="vapor_core.backends.absent:HubJobs",
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


def measured(backend: str) -> MeasuredMachine | None:
    """The machine that a backend trains on, as it was measured last; None where nobody did or nobody can."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.measured is None:
        return None
    return cast("Callable[[], MeasuredMachine | None]", _builder(registration.measured))()


def measure(backend: str) -> MeasuredMachine:
    """Measure the machine that a backend trains on.

    Raises:
        BackendRefused: where it cannot be measured; says what would help.
    """
    registration = REGISTRY.get(backend)
    if registration is None or registration.measure is None:
        raise BackendRefused(f"where {backend} trains cannot be measured; choose a card of the catalog")
    return cast("Callable[[], MeasuredMachine]", _builder(registration.measure))()


def price(backend: str, dollars_per_hour: float) -> None:
    """Say what an hour of a backend's machine costs.

    Raises:
        BackendRefused: where that cannot be said.
    """
    registration = REGISTRY.get(backend)
    if registration is None or registration.price is None:
        raise BackendRefused(f"what {backend} costs cannot be said here; its cards have their own prices")
    cast("Callable[[float], None]", _builder(registration.price))(dollars_per_hour)


def ahead(backend: str, workspace: str, job_id: str) -> int | None:
    """How many jobs run before one that waits; None where it does not, or nobody knows."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.ahead is None:
        return None
    return cast("Callable[[str, str], int | None]", _builder(registration.ahead))(workspace, job_id)


def run_next(backend: str, workspace: str, job_id: str) -> None:
    """Let a job that waits go first, where a backend's line can be changed."""
    registration = REGISTRY.get(backend)
    if registration is not None and registration.run_next is not None:
        cast("Callable[[str, str], None]", _builder(registration.run_next))(workspace, job_id)


def models(backend: str) -> tuple[CatalogModel, ...]:
    """Models that only a backend has: folders of its machine."""
    registration = REGISTRY.get(backend)
    if registration is None or registration.models is None:
        return ()
    return cast("Callable[[], tuple[CatalogModel, ...]]", _builder(registration.models))()


def keep_data(
    backend: str, workspace: str, dataset: Dataset, examples: Iterable[Mapping[str, object]]
) -> None:
    """Let a backend keep a person's own data for its runs, where it does.

    Raises:
        BackendRefused: where they cannot be kept.
    """
    registration = REGISTRY.get(backend)
    if registration is not None and registration.keep_data is not None:
        keep = cast(
            "Callable[[str, Dataset, Iterable[Mapping[str, object]]], None]", _builder(registration.keep_data)
        )
        keep(workspace, dataset, examples)


def _builder(place: str) -> object:
    module, name = place.split(":")
    found: object = getattr(import_module(module), name)
    return found
