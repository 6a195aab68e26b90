"""The simulated backend: jobs that are computed, never run.

Where a job stands at an instant is a function of its configuration, of when it got its cards and of what was done to
it. So the past and the future cost the same, nothing is stepped, and a finished job costs nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf

from vapor_core import catalog
from vapor_core.backends.base import Columns, JobSpec, Mark, MarkKind, News, Standing
from vapor_core.backends.curves import Curve, Ending, curve, failure
from vapor_core.backends.region import Claim, grants
from vapor_core.contracts import Accelerator, Failure, JobStatus, LifeEvent
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.lifecycle import JOB_ENDS

ETA_STEPS = 10  # an estimate from fewer means nothing
TOLD_CHECKPOINTS = 500  # the history goes back as far as this many


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a job's life in one state."""

    from_s: float
    status: JobStatus
    used_s: float  # seconds of use when it began


@dataclass(eq=False)
class Told:
    """Lines about steps start..stop-1 of a job, good while its phases stay."""

    phases: tuple[Phase, ...]
    start: int
    stop: int
    lines: list[LifeEvent]


@dataclass(eq=False)
class Run:
    """A job with what was done to it; what follows from that is computed when asked."""

    spec: JobSpec
    card: Accelerator
    marks: tuple[Mark, ...] = ()
    phases: tuple[Phase, ...] = ()  # () until asked for
    granted_s: float = -inf  # when it got its cards; settled with its line
    told: Told | None = None  # a history that grows is not told from its beginning each time

    @property
    def curve(self) -> Curve:
        """What it would do if nobody intervened."""
        return curve(self.spec)

    @cached_property
    def ending(self) -> Ending:
        """How it would end."""
        return self.curve.ending

    @cached_property
    def failure(self) -> Failure | None:
        """Why it would fail; None where it would not."""
        code = self.ending.failure_code
        return failure(self.spec.config, code, self.ending.step) if code else None

    @cached_property
    def total_steps(self) -> int:
        """Of the whole run, a parent's part included."""
        return self.curve.plan.total_steps

    def phase(self, at_s: float) -> Phase:
        """The stretch that an instant falls in."""
        starts = [phase.from_s for phase in self.phases]
        return self.phases[max(bisect_right(starts, at_s) - 1, 0)]

    def used_s(self, at_s: float) -> float:
        """Seconds of use at an instant."""
        phase = self.phase(at_s)
        active = phase.status in ("initializing", "running")
        return phase.used_s + (max(at_s - phase.from_s, 0.0) if active else 0.0)

    def step(self, at_s: float) -> int:
        """Steps done at an instant."""
        phase, first = self.phase(at_s), self.spec.fork_step
        if phase.status in ("queued", "initializing"):
            return first
        if phase.status in ("completed", "failed"):
            return self.ending.step
        used_s = self.used_s(at_s)
        if used_s <= self.ending.startup_s:
            return first
        return min(max(self.curve.steps_done(used_s), first), self.ending.step)

    def instant(self, used_s: float) -> float:
        """When so many seconds had been used."""
        going = [phase for phase in self.phases if phase.status in ("initializing", "running")]
        phase = [phase for phase in going if phase.used_s <= used_s][-1]
        return phase.from_s + used_s - phase.used_s


class SimulatedBackend:
    """Computes jobs on a region of limited cards (see `region`)."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._lines: dict[str, list[Run]] = {}  # accelerator id -> jobs in order of submission
        self._unsettled: set[str] = set()  # lines to compute anew

    def submit(self, spec: JobSpec) -> None:
        """Take a job.

        Raises:
            BackendRefused: where it asks for more cards than the region has.
        """
        card, count = catalog.accelerator(spec.config.accelerator), spec.config.accelerator_count
        if count > card.capacity:
            raise BackendRefused(
                f"the simulated region has {card.capacity:,} x {card.display_name} and cannot give {count:,}; "
                f"ask for {card.capacity:,} or fewer"
            )
        self.recall(spec, ())

    def recall(self, spec: JobSpec, marks: tuple[Mark, ...]) -> None:
        """Know a job and what was done to it."""
        run = self._runs.get(spec.job_id)
        if run is None:
            run = self._runs[spec.job_id] = Run(spec, catalog.accelerator(spec.config.accelerator))
            self._lines.setdefault(run.card.id, []).append(run)
        run.marks, run.phases = marks, ()
        self._unsettled.add(run.card.id)

    def forget(self, job_id: str) -> None:
        """Undo a `submit`."""
        run = self._runs.pop(job_id)
        self._lines[run.card.id].remove(run)
        self._unsettled.add(run.card.id)

    def pause(self, job_id: str, at_s: float) -> None:
        """Hold a job; it keeps its cards and costs nothing."""
        self._mark(job_id, "pause", at_s)

    def resume(self, job_id: str, at_s: float) -> None:
        """Let a paused job go on."""
        self._mark(job_id, "resume", at_s)

    def stop(self, job_id: str, at_s: float) -> None:
        """End a job."""
        self._mark(job_id, "stop", at_s)

    def status(self, job_id: str, at_s: float) -> Standing:
        """Where a job stands at an instant."""
        run = self._run(job_id)
        phase = run.phase(at_s)
        used_s, step = run.used_s(at_s), run.step(at_s)
        began = next((past.from_s for past in run.phases if past.status == "running"), inf)
        here = step - run.spec.fork_step
        eta_s = None
        if phase.status == "running" and here >= ETA_STEPS:
            eta_s = (run.total_steps - step) * (used_s - run.ending.startup_s) / here
        return Standing(
            status=phase.status,
            step=step,
            total_steps=run.total_steps,
            elapsed_s=used_s,
            started_s=began if began <= at_s else None,
            ended_s=phase.from_s if phase.status in JOB_ENDS else None,
            eta_s=eta_s,
            failure=run.failure if phase.status == "failed" else None,
        )

    def events(self, job_id: str, cursor: int, at_s: float, limit: int = 65_536) -> News:
        """Metrics of steps from `cursor` on."""
        run = self._run(job_id)
        done = run.step(at_s)
        stop = min(done, cursor + limit)
        if stop <= cursor:
            return News(min(cursor, done), {}, ())
        return News(stop, run.curve.columns(cursor, stop), ())

    def replay(self, job_id: str, start: int, stop: int) -> Columns:
        """Metrics of steps start..stop-1."""
        return self._run(job_id).curve.columns(start, stop)

    def eval_loss(self, job_id: str, step: int) -> float:
        """Loss on held-out text once `step` steps are done; NaN where it was not measured then."""
        return self._run(job_id).curve.eval_loss(step)

    def history(self, job_id: str, from_s: float, to_s: float) -> tuple[LifeEvent, ...]:
        """Lines of a job's history after `from_s` and up to `to_s`."""
        run = self._run(job_id)
        lines = _incident_lines(run, from_s, to_s)  # first: the last checkpoint comes before the end
        for place, phase in enumerate(run.phases):
            if from_s < phase.from_s <= to_s:
                lines.append(_phase_line(run, place))
        return tuple(sorted(lines, key=lambda line: line.at_s))

    def logs(self, job_id: str, at_s: float) -> str:
        """The history and the last rows, as a trainer would print them."""
        run = self._run(job_id)
        lines = [f"[{line.at_s:>10.1f} s] {line.sentence}" for line in self.history(job_id, -inf, at_s)]
        done = run.step(at_s)
        rows = run.curve.columns(max(done - 10, 0), done)
        for step, loss, rate in zip(rows["step"], rows["loss"], rows["learning_rate"], strict=True):
            lines.append(f"step {int(step):,}  loss {loss:.4f}  learning rate {rate:.3g}")
        return "\n".join(lines)

    def _mark(self, job_id: str, kind: MarkKind, at_s: float) -> None:
        run = self._run(job_id)
        self.recall(run.spec, (*run.marks, Mark(kind, at_s)))

    def _run(self, job_id: str) -> Run:
        """The job, its line settled."""
        if job_id not in self._runs:
            raise NotFound(f"the simulated backend knows no job {job_id!r}")
        run = self._runs[job_id]
        if run.card.id in self._unsettled:
            self._settle(run.card.id)
        if not run.phases:
            run.phases = life(run.spec, run.marks, run.granted_s, run)
        return run

    def _settle(self, line: str) -> None:
        """Give every job of a line the instant at which it gets its cards."""
        runs = self._lines[line]
        granted: dict[str, float] = {}  # empty where nobody ever waits: the ends stay uncomputed
        if runs and sum(run.spec.config.accelerator_count for run in runs) > runs[0].card.capacity:
            granted = grants(map(_claim, runs), self._released_s)
        for run in runs:
            at_s = granted.get(run.spec.job_id, run.spec.submitted_s)
            if at_s != run.granted_s:
                run.granted_s, run.phases = at_s, ()
        self._unsettled.discard(line)

    def _released_s(self, job_id: str, granted_s: float) -> float:
        run = self._runs[job_id]
        same = run.phases and granted_s == run.granted_s
        last = (run.phases if same else life(run.spec, run.marks, granted_s, run))[-1]
        return last.from_s if last.status in JOB_ENDS else inf


def life(spec: JobSpec, marks: Iterable[Mark], granted_s: float, run: Run) -> tuple[Phase, ...]:
    """All states of a job, from submission to its end as far as it is in sight.

    Marks after the natural end have no effect: a law that changed between two versions may have moved it.
    """
    phases = [Phase(spec.submitted_s, "queued", 0.0)]
    at, used, going = granted_s, 0.0, granted_s < inf
    for mark in marks:
        if mark.at_s < granted_s:
            if mark.kind == "stop":
                return (*phases, Phase(mark.at_s, "stopped", 0.0))
            continue
        if mark.kind == ("resume" if going else "pause"):
            continue
        if going:
            phases += _stretch(at, used, mark.at_s, run.ending)
            if phases[-1].status in JOB_ENDS:
                return tuple(phases)
            used += mark.at_s - at
        at, going = mark.at_s, mark.kind == "resume"
        if mark.kind == "stop":
            return (*phases, Phase(at, "stopped", used))
        if mark.kind == "pause":
            phases.append(Phase(at, "paused", used))
    if going:
        phases += _stretch(at, used, inf, run.ending)
    return tuple(phases)


def _stretch(at: float, used: float, until: float, ending: Ending) -> list[Phase]:
    """States from an instant on, with so much used already, as far as they begin before `until`."""
    phases: list[Phase] = []
    end = at + ending.used_s - used
    running = at
    if used < ending.startup_s:
        phases.append(Phase(at, "initializing", used))
        running = at + ending.startup_s - used
    if running < min(until, end):
        phases.append(Phase(running, "running", max(used, ending.startup_s)))
    if end <= until:
        phases.append(Phase(end, "failed" if ending.failure_code else "completed", ending.used_s))
    return phases


def _claim(run: Run) -> Claim:
    config = run.spec.config
    stopped = [mark.at_s for mark in run.marks if mark.kind == "stop"]
    return Claim(
        job_id=run.spec.job_id,
        cards=config.accelerator_count,
        capacity=run.card.capacity,
        submitted_s=run.spec.submitted_s,
        withdrawn_s=stopped[0] if stopped else inf,
    )


def _phase_line(run: Run, place: int) -> LifeEvent:
    """The line that a state's beginning is worth."""
    phase, spec = run.phases[place], run.spec
    past = {before.status for before in run.phases[:place]}
    step: int | None = run.step(phase.from_s)
    kind, sentence = str(phase.status), ""
    if phase.status == "queued":
        kind, step = "submitted", None
        sentence = "Submitted." if spec.parent is None else f"Forked from {spec.parent.job_id}."
    elif phase.status == "initializing":
        kind = "resumed" if "paused" in past else "initializing"
        sentence = "Resumed." if "paused" in past else "Got its accelerators; loading the model."
    elif phase.status == "running":
        kind = "resumed" if run.phases[place - 1].status == "paused" else "started"
        sentence = "Resumed." if kind == "resumed" else "Training started."
    elif phase.status == "paused":
        sentence = f"Paused after {step:,} steps."
    elif phase.status == "stopped":
        sentence = f"Stopped after {step:,} steps."
    elif phase.status == "completed":
        sentence = f"Completed all {step:,} steps."
    elif run.failure:
        sentence = run.failure.sentence
    return LifeEvent(at_s=phase.from_s, kind=kind, sentence=sentence, step=step)


def _incident_lines(run: Run, from_s: float, to_s: float) -> list[LifeEvent]:
    first, last = run.step(from_s), run.step(to_s)
    if last <= first:
        return []
    first = max(first, last - TOLD_CHECKPOINTS * run.curve.plan.checkpoint_every)
    told = run.told
    if told is None or told.phases is not run.phases or not told.start <= first <= told.stop:
        told = run.told = Told(run.phases, first, first, [])
    if told.stop < last:
        told.lines += _told_incidents(run, told.stop, last)
        told.stop = last
    return [line for line in told.lines if line.step is not None and first <= line.step < last]


def _told_incidents(run: Run, start: int, stop: int) -> list[LifeEvent]:
    return [
        LifeEvent(
            at_s=run.instant(run.curve.used_s(found.step + 1)),
            kind=found.kind,
            sentence=found.sentence,
            step=found.step,
        )
        for found in run.curve.incidents(start, stop)
    ]
