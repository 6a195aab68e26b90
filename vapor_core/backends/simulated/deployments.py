"""The simulated deployments: telemetry that is computed tick by tick; `endpoints` has what it follows from."""

from math import ceil

from vapor_core.backends.base import ROWS_AT_ONCE, Columns, DeploymentSpec, Health, MetricBatch
from vapor_core.backends.simulated.endpoints import Endpoint
from vapor_core.contracts.columns import TICK_S
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import LifeEvent
from vapor_core.errors import NotFound
from vapor_core.journal.journal import Journal
from vapor_core.simulation.endpoint import EndpointSpec, InferenceSimulator

MOST_TICKS = 241_920  # of an endpoint's telemetry: from 7 to 14 simulated days back


def first_tick(done: int) -> int:
    """Where an endpoint's telemetry begins: at its creation until it is long, then at a moving multiple.

    It depends on how far the endpoint is and not on who looked when, so what a night at high speed left behind is
    caught up with in bounded time, to the same points.
    """
    half = MOST_TICKS // 2
    return 0 if done <= MOST_TICKS else (done - half) // half * half


class SimulatedDeployments:
    """Computes endpoints. Starts nothing, since all follows from what was recalled."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._endpoints: dict[str, Endpoint] = {}

    def check(self, spec: DeploymentSpec) -> None:
        """Any deployment is taken; one that does not fit fails while it starts, as a real one would."""

    def failure(self, spec: DeploymentSpec) -> Failure | None:
        """Why the last revision does not fit on its accelerator."""
        return InferenceSimulator(
            EndpointSpec(spec.revisions[-1].model, spec.accelerator, spec.precision, settings=spec.settings)
        ).failure

    def recall(self, spec: DeploymentSpec) -> None:
        """Know a deployment."""
        self._endpoints[spec.deployment_id] = Endpoint(
            id=spec.deployment_id,
            accelerator=spec.accelerator,
            precision=spec.precision,
            traffic=spec.traffic,
            created_s=spec.created_s,
            ended_s=spec.ended_s,
            models=tuple((revision.since_s, revision.model) for revision in spec.revisions),
            ranges=spec.ranges,
            demands=spec.demands,
            settings=spec.settings,
        )

    def deploy(self, deployment_id: str) -> None:
        """Nothing: all follows from what was recalled."""

    scale = deploy
    revise = deploy
    stop = deploy

    def health(self, deployment_id: str, at_s: float) -> Health:
        """How a deployment is at an instant."""
        return self._endpoint(deployment_id).health(at_s)

    def first_row(self, deployment_id: str, at_s: float) -> int:
        """The first tick that is kept."""
        return first_tick(self._done(deployment_id, at_s))

    def rows(self, deployment_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Telemetry of ticks from `cursor` on; none of one that could never start."""
        done = self._done(deployment_id, at_s)
        stop = min(done, cursor + limit)
        if stop <= cursor:
            return MetricBatch(min(cursor, done), {})
        return MetricBatch(stop, self._endpoint(deployment_id).columns(cursor, stop))

    def replay(self, deployment_id: str, from_s: float, to_s: float) -> Columns:
        """Telemetry of the ticks that end in from_s..to_s."""
        start, stop = (max(ceil(at_s / TICK_S) - 1, 0) for at_s in (from_s, to_s))
        return self._endpoint(deployment_id).columns(start, stop)

    def history(self, deployment_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Replicas that came and went."""
        return self._endpoint(deployment_id).history(from_s, to_s)

    def _done(self, deployment_id: str, at_s: float) -> int:
        endpoint = self._endpoint(deployment_id)
        failed = endpoint.failed_s is not None and at_s >= endpoint.failed_s
        return 0 if failed else endpoint.ticks(at_s)

    def _endpoint(self, deployment_id: str) -> Endpoint:
        if deployment_id not in self._endpoints:
            raise NotFound(f"no simulated deployment {deployment_id!r}")
        return self._endpoints[deployment_id]
