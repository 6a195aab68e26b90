"""Backends that this installation does not have: they refuse, and say what is needed."""

from vapor_core.backends.base import (
    ROWS_AT_ONCE,
    Columns,
    DeploymentSpec,
    Health,
    MetricBatch,
)
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.errors import BackendRefused
from vapor_core.journal.journal import Journal


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
