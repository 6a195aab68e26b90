"""Backends that this installation does not have: they refuse, and say what is needed."""

from math import nan

from vapor_core.backends.base import (
    ROWS_AT_ONCE,
    Columns,
    DeploymentSpec,
    Health,
    Intervention,
    JobSpec,
    JobState,
    MetricBatch,
)
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.contracts.training import Calibration
from vapor_core.errors import BackendRefused
from vapor_core.journal.journal import Journal


class AbsentJobs:
    """Takes no job. One that the journal knows of shows as lost."""

    name = ""
    needs = ""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._sentence = (
            f"the {self.name} backend is not available: {self.needs}; the simulated backend takes any job"
        )

    def check(self, spec: JobSpec) -> None:
        """Refuse."""
        raise BackendRefused(self._sentence)

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """None: it takes no job."""
        return None

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Nothing is kept."""

    def start(self, job_id: str) -> None:
        """Nothing: it was started elsewhere, or waits for an installation that can."""

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Nothing; see `start`."""

    resume = pause
    stop = pause

    def state(self, job_id: str, at_s: float) -> JobState:
        """Lost: the job may run, but nobody here can look."""
        failure = Failure(code="lost", what="This job cannot be seen from here.", why=f"{self._sentence}.")
        return JobState("lost", step=0, total_steps=0, elapsed_s=0.0, failure=failure)

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Nothing."""
        return MetricBatch(cursor, {})

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Nothing."""
        return {}

    def eval_loss(self, job_id: str, step: int) -> float:
        """Not known."""
        return nan

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Nothing."""
        return ()

    def logs(self, job_id: str, at_s: float) -> str:
        """Why there are none."""
        return self._sentence


class HubJobs(AbsentJobs):
    """Training on the Hub's own machines."""

    name = "hf_jobs"
    needs = "real training by the Hub's Jobs needs the extra 'hf_jobs', which this version does not have yet"


class AbsentDeployments:
    """Takes no deployment. One that the journal knows of shows as failed, since nobody here can look."""

    name = ""
    needs = ""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._sentence = (
            f"the {self.name} backend is not available: {self.needs}; the simulated backend serves any result"
        )

    def check(self, spec: DeploymentSpec) -> None:
        """Refuse."""
        raise BackendRefused(self._sentence)

    def failure(self, spec: DeploymentSpec) -> Failure | None:
        """That it cannot be seen."""
        return Failure(
            code="lost", what="This deployment cannot be seen from here.", why=f"{self._sentence}."
        )

    def recall(self, spec: DeploymentSpec) -> None:
        """Nothing is kept."""

    def deploy(self, deployment_id: str) -> None:
        """Nothing: it was started elsewhere, or waits for an installation that can."""

    scale = deploy
    revise = deploy
    stop = deploy

    def health(self, deployment_id: str, at_s: float) -> Health:
        """Failed: it may serve, but nobody here can look."""
        what = "This deployment cannot be seen from here."
        return Health("failed", 0, 0.0, 0.0, Failure(code="lost", what=what, why=f"{self._sentence}."), at_s)

    def first_row(self, deployment_id: str, at_s: float) -> int:
        """There are none."""
        return 0

    def rows(self, deployment_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Nothing."""
        return MetricBatch(cursor, {})

    def replay(self, deployment_id: str, from_s: float, to_s: float) -> Columns:
        """Nothing."""
        return {}

    def history(self, deployment_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Nothing."""
        return ()


class LocalDeployments(AbsentDeployments):
    """Serving on this machine."""

    name = "local"
    needs = "serving on this machine needs the extra 'local', which this version does not have yet"


class RayDeployments(AbsentDeployments):
    """Serving on a Ray cluster."""

    name = "ray"
    needs = "serving on a Ray cluster needs the extra 'ray', which this version does not have yet"
