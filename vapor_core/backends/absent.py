"""Backends that this installation does not have: they refuse, and say what is needed."""

from math import nan

from vapor_core.backends.base import Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.errors import BackendRefused

NEEDS = {
    "local": "real training on this machine needs the extra 'local', which this version does not have yet",
    "ray": "real training on a Ray cluster needs the extra 'ray', which this version does not have yet",
}


class AbsentBackend:
    """Takes no job. One that the journal knows of shows as lost."""

    def __init__(self, name: str) -> None:
        self._sentence = (
            f"the {name} backend is not available: {NEEDS[name]}; the simulated backend takes any job"
        )

    def submit(self, spec: JobSpec) -> None:
        """Refuse."""
        raise BackendRefused(self._sentence)

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Nothing is kept."""

    def forget(self, job_id: str) -> None:
        """Nothing is kept."""

    def pause(self, job_id: str, at_s: float) -> None:
        """Refuse."""
        raise BackendRefused(self._sentence)

    resume = pause
    stop = pause

    def status(self, job_id: str, at_s: float) -> JobState:
        """Lost: the job may run, but nobody here can look."""
        failure = Failure(code="lost", what="This job cannot be seen from here.", why=f"{self._sentence}.")
        return JobState("lost", step=0, total_steps=0, elapsed_s=0.0, failure=failure)

    def events(self, job_id: str, cursor: int, at_s: float, limit: int = 65_536) -> MetricBatch:
        """Nothing."""
        return MetricBatch(cursor, {}, ())

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Nothing."""
        return ()

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Nothing."""
        return {}

    def eval_loss(self, job_id: str, step: int) -> float:
        """Not known."""
        return nan

    def logs(self, job_id: str, at_s: float) -> str:
        """Why there are none."""
        return self._sentence
