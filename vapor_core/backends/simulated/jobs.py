"""The simulated backend: jobs that are computed, never run.

Where a job stands at an instant is a function of its configuration, of when it got its cards and of what was done to
it. So the past and the future cost the same, nothing is stepped, and a finished job costs nothing.
"""

from math import inf

from vapor_core import catalog
from vapor_core.backends.base import ROWS_AT_ONCE, Columns, Intervention, JobSpec, JobState, MetricBatch
from vapor_core.backends.simulated import samples
from vapor_core.backends.simulated.card_queue import CardRequest, allocate
from vapor_core.backends.simulated.runs import Run, curve, incident_lines, life, phase_line
from vapor_core.contracts.expectation import Expectation
from vapor_core.contracts.lifecycle import JOB_ENDS, LifeEvent, in_order
from vapor_core.contracts.training import Calibration
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.journal import Journal

ETA_STEPS = 10  # an estimate from fewer means nothing


class SimulatedJobs:
    """Computes jobs on a region of limited cards (see `card_queue`)."""

    def __init__(self, workspace: str, journal: Journal) -> None:
        self._runs: dict[str, Run] = {}
        self._lines: dict[str, list[Run]] = {}  # accelerator id -> jobs in order of submission
        self._unsettled: set[str] = set()  # lines to compute anew

    def check(self, spec: JobSpec) -> None:
        """Take any job that the region has the cards for.

        Raises:
            BackendRefused: where it asks for more cards than the region has.
        """
        card, count = catalog.accelerator(spec.config.accelerator), spec.config.accelerator_count
        if count > card.capacity:
            raise BackendRefused(
                f"the simulated region has {card.capacity:,} x {card.display_name} and cannot give {count:,}; "
                f"ask for {card.capacity:,} or fewer"
            )

    def expected(self, spec: JobSpec, calibration: Calibration | None) -> Expectation | None:
        """None: it is what the laws say."""
        return None

    def recall(self, spec: JobSpec, interventions: tuple[Intervention, ...]) -> None:
        """Know a job and what was done to it."""
        run = self._runs.get(spec.job_id)
        if run is None:
            card = catalog.accelerator(spec.config.accelerator)
            run = self._runs[spec.job_id] = Run(spec, card, curve(spec, self._runs))
            self._lines.setdefault(run.card.id, []).append(run)
        run.interventions, run.phases = interventions, ()
        self._unsettled.add(run.card.id)

    def start(self, job_id: str) -> None:
        """Nothing: all follows from what was recalled."""

    def pause(self, job_id: str, intervention: Intervention) -> None:
        """Nothing; see `start`."""

    resume = pause
    stop = pause

    def state(self, job_id: str, at_s: float) -> JobState:
        """Where a job stands at an instant."""
        run = self._run(job_id)
        phase = run.phase(at_s)
        used_s, step = run.used_s(at_s), run.step(at_s)
        began = next((past.from_s for past in run.phases if past.status == "running"), inf)
        here = step - run.spec.fork_step
        eta_s = None
        if phase.status == "running" and here >= ETA_STEPS:
            eta_s = (run.total_steps - step) * (used_s - run.ending.startup_s) / here
        return JobState(
            status=phase.status,
            step=step,
            total_steps=run.total_steps,
            elapsed_s=used_s,
            started_s=began if began <= at_s else None,
            ended_s=phase.from_s if phase.status in JOB_ENDS else None,
            eta_s=eta_s,
            failure=run.failure if phase.status == "failed" else None,
        )

    def rows(self, job_id: str, cursor: int, at_s: float, limit: int = ROWS_AT_ONCE) -> MetricBatch:
        """Metrics of steps from `cursor` on."""
        run = self._run(job_id)
        done = run.step(at_s)
        stop = min(done, cursor + limit)
        if stop <= cursor:
            return MetricBatch(min(cursor, done), {})
        if run.total_steps > samples.LONGEST_WHOLE and stop < done - limit:  # far behind: catch up
            stop = min(done - limit, cursor + samples.apart(run.total_steps) * limit // samples.SAMPLE_STEPS)
            return MetricBatch(stop, samples.columns(run.curve, run.total_steps, cursor, stop))
        return MetricBatch(stop, run.curve.columns(cursor, stop))

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1; samples of them where the run is very long."""
        run = self._run(job_id)
        if run.total_steps > samples.LONGEST_WHOLE:
            return samples.columns(run.curve, run.total_steps, start, stop)
        return run.curve.columns(start, stop)

    def eval_loss(self, job_id: str, step: int) -> float:
        """Loss on held-out text once `step` steps are done; NaN where it was not measured then."""
        return self._run(job_id).curve.eval_loss(step)

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines of a job's history after `from_s` and up to `to_s`."""
        run = self._run(job_id)
        lines = incident_lines(run, from_s, to_s)
        for place, phase in enumerate(run.phases):
            if from_s < phase.from_s <= to_s:
                lines.append(phase_line(run, place))
        return in_order(lines)

    def logs(self, job_id: str, at_s: float) -> str:
        """The history and the last rows, as a trainer would print them."""
        run = self._run(job_id)
        lines = [f"[{line.at_s:>10.1f} s] {line.sentence}" for line in self.history(job_id, -inf, at_s)]
        done = run.step(at_s)
        rows = run.curve.columns(max(done - 10, 0), done)
        for step, loss, rate in zip(rows["step"], rows["loss"], rows["learning_rate"], strict=True):
            lines.append(f"step {int(step):,}  loss {loss:.4f}  learning rate {rate:.3g}")
        return "\n".join(lines)

    def _run(self, job_id: str) -> Run:
        """The job, its line settled."""
        if job_id not in self._runs:
            raise NotFound(f"the simulated backend knows no job {job_id!r}")
        run = self._runs[job_id]
        if run.card.id in self._unsettled:
            self._settle(run.card.id)
        if not run.phases:
            run.phases = life(run.spec, run.interventions, run.granted_s, run)
        return run

    def _settle(self, line: str) -> None:
        """Give every job of a line the instant at which it gets its cards."""
        runs = self._lines[line]
        granted: dict[str, float] = {}  # empty where nobody ever waits: the ends stay uncomputed
        if runs and sum(run.spec.config.accelerator_count for run in runs) > runs[0].card.capacity:
            granted = allocate(map(_request, runs), self._released_s)
        for run in runs:
            at_s = granted.get(run.spec.job_id, run.spec.submitted_s)
            if at_s != run.granted_s:
                run.granted_s, run.phases = at_s, ()
        self._unsettled.discard(line)

    def _released_s(self, job_id: str, granted_s: float) -> float:
        run = self._runs[job_id]
        same = run.phases and granted_s == run.granted_s
        last = (run.phases if same else life(run.spec, run.interventions, granted_s, run))[-1]
        return last.from_s if last.status in JOB_ENDS else inf


def _request(run: Run) -> CardRequest:
    config = run.spec.config
    stopped = [intervention.at_s for intervention in run.interventions if intervention.kind == "stop"]
    return CardRequest(
        job_id=run.spec.job_id,
        cards=config.accelerator_count,
        capacity=run.card.capacity,
        submitted_s=run.spec.submitted_s,
        withdrawn_s=stopped[0] if stopped else inf,
    )
