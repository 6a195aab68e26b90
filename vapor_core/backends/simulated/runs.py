"""What befell a simulated job: its states from submission to its end, by its run, its cards and what was done to it."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from vapor_core.advice.failures import explain_failure
from vapor_core.backends.base import Intervention, JobSpec
from vapor_core.contracts.entries import Accelerator
from vapor_core.contracts.findings import Failure
from vapor_core.contracts.lifecycle import JOB_ENDS, JobStatus, LifeEvent
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.plan import plan
from vapor_core.simulation.fork import Curve, Ending

TOLD_CHECKPOINTS = 500  # how many of the last ones the history tells; a million-step run has thousands
COUNTED_INSTANTS = 2


def curve(spec: JobSpec, runs: "Mapping[str, Run]") -> Curve:
    """The run of a job, upon the curves of those of its forebears that are among `runs` (by job id)."""
    forebears: list[JobSpec] = []  # a loop, since forks of forks may be deeper than calls may nest
    elder = spec.parent
    while elder is not None and elder.job_id not in runs:
        forebears.append(elder)
        elder = elder.parent
    parent = None if elder is None else runs[elder.job_id].curve
    for each in reversed(forebears):
        parent = Curve(each.config, parent, each.fork_step)
    return Curve(spec.config, parent, spec.fork_step)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a job's life in one state."""

    from_s: float
    status: JobStatus
    used_s: float  # seconds of use when it began


@dataclass(eq=False, slots=True)
class DescribedLines:
    """Lines about steps start..stop-1 of a job, good while its phases stay."""

    phases: tuple[Phase, ...]
    start: int
    stop: int
    lines: list[LifeEvent]


@dataclass(eq=False, slots=True)
class CountedSteps:
    """Steps done at the instants asked about last, good while a job's phases stay."""

    phases: tuple[Phase, ...]
    done: tuple[tuple[float, int], ...]


@dataclass(eq=False, slots=True)
class Run:
    """A job with what was done to it; what follows from that is computed when asked.

    A visitor of a large workspace holds ten thousand of them, so they are kept small.
    """

    spec: JobSpec
    card: Accelerator
    curve: Curve  # what it would do if nobody intervened
    interventions: tuple[Intervention, ...] = ()
    phases: tuple[Phase, ...] = ()  # () until asked for
    granted_s: float = -inf  # when it got its cards; settled with its line
    counted: CountedSteps | None = None  # a tick asks three times about its instant and the one before
    described: DescribedLines | None = None  # a history that grows need not be described anew

    @property
    def ending(self) -> Ending:
        """How it would end."""
        return self.curve.ending

    @property
    def failure(self) -> Failure | None:
        """Why it would fail; None where it would not."""
        code = self.ending.failure_code
        return _failure(self.spec.config, code, self.ending.step) if code else None

    @property
    def total_steps(self) -> int:
        """Of the whole run, a parent's part included."""
        return plan(self.spec.config).total_steps

    def phase(self, at_s: float) -> Phase:
        """The stretch that an instant falls in."""
        return self.phases[max(bisect_right(self.phases, at_s, key=_begins) - 1, 0)]

    def used_s(self, at_s: float) -> float:
        """Seconds of use at an instant."""
        return _used_within(self.phase(at_s), at_s)

    def step(self, at_s: float) -> int:
        """Steps done at an instant."""
        counted: CountedSteps | None = self.counted
        if counted is None or counted.phases is not self.phases:
            counted = CountedSteps(self.phases, ())
            self.counted = counted
        for instant_s, done in counted.done:
            if instant_s == at_s:
                return done
        done = self._step(at_s)
        counted.done = (*counted.done[1 - COUNTED_INSTANTS :], (at_s, done))
        return done

    def _step(self, at_s: float) -> int:
        phase = self.phase(at_s)
        return self.step_within(phase, _used_within(phase, at_s))

    def step_within(self, phase: Phase, used_s: float) -> int:
        """Steps done when so many seconds had been used, within a stretch."""
        first = self.spec.fork_step
        if phase.status in ("queued", "initializing"):
            return first
        if phase.status in ("completed", "failed"):
            return self.ending.step
        if used_s <= self.ending.startup_s:
            return first
        return min(max(self.curve.steps_done(used_s), first), self.ending.step)

    def instant(self, used_s: float) -> float:
        """When so many seconds had been used; within the stretch of use that they end in, to the last bit."""
        place = bisect_right(self.phases, used_s, key=_used_before) - 1
        while self.phases[place].status not in ("initializing", "running"):
            place -= 1  # two at most: between two stretches of use is one pause
        at_s = self.phases[place].from_s + used_s - self.phases[place].used_s
        return min(at_s, self.phases[place + 1].from_s) if place + 1 < len(self.phases) else at_s


@lru_cache(maxsize=1024)
def _failure(config: JobConfig, code: str, step: int) -> Failure:
    """Why a configuration fails, for all who look at such a job."""
    return explain_failure(plan(config), code, step)


def _begins(phase: Phase) -> float:
    return phase.from_s


def _used_before(phase: Phase) -> float:
    return phase.used_s


def _used_within(phase: Phase, at_s: float) -> float:
    """Seconds of use at an instant of a stretch."""
    active = phase.status in ("initializing", "running")
    return phase.used_s + (max(at_s - phase.from_s, 0.0) if active else 0.0)


def life(
    spec: JobSpec, interventions: Iterable[Intervention], granted_s: float, run: Run
) -> tuple[Phase, ...]:
    """All states of a job, from submission to its end as far as it is in sight.

    Interventions after the natural end have no effect. A journal may hold some, since a law that changed between
    two versions moves the ends of old jobs.
    """
    phases = [Phase(spec.submitted_s, "queued", 0.0)]
    at, used, going = granted_s, 0.0, granted_s < inf
    for intervention in interventions:
        if intervention.at_s < granted_s:
            if intervention.kind == "stop":
                return (*phases, Phase(intervention.at_s, "stopped", 0.0))
            continue
        if intervention.kind == ("resume" if going else "pause"):
            continue
        if going:
            phases += _stretch(at, used, intervention.at_s, run.ending)
            if phases[-1].status in JOB_ENDS:
                return tuple(phases)
            used += intervention.at_s - at
        at, going = intervention.at_s, intervention.kind == "resume"
        if intervention.kind == "stop":
            return (*phases, Phase(at, "stopped", used))
        if intervention.kind == "pause":
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


def phase_line(run: Run, place: int) -> LifeEvent:
    """The line of a job's history that tells how one of its states began."""
    phase, spec = run.phases[place], run.spec
    resumed = place > 0 and run.phases[place - 1].status == "paused"
    step: int | None = run.step_within(phase, phase.used_s)
    kind, sentence = str(phase.status), ""
    if phase.status == "queued":
        kind, step = "submitted", None
        sentence = "Submitted." if spec.parent is None else f"Forked from {spec.parent.job_id}."
    elif phase.status == "initializing":
        kind = "resumed" if resumed else "initializing"
        sentence = "Resumed." if resumed else "Got its accelerators; loading the model."
    elif phase.status == "running":
        kind = "resumed" if resumed else "started"
        sentence = "Resumed." if resumed else "Training started."
    elif phase.status == "paused":
        sentence = f"Paused after {step:,} steps."
    elif phase.status == "stopped":
        sentence = f"Stopped after {step:,} steps."
    elif phase.status == "completed":
        sentence = f"Completed all {step:,} steps."
    elif run.failure:
        sentence = run.failure.sentence
    return LifeEvent(at_s=phase.from_s, kind=kind, sentence=sentence, step=step)


def incident_lines(run: Run, from_s: float, to_s: float) -> list[LifeEvent]:
    """What befell the steps that were done after `from_s` and up to `to_s`, in order of steps."""
    first, last = run.step(from_s), run.step(to_s)
    if last <= first:
        return []
    first = max(first, last - TOLD_CHECKPOINTS * run.curve.plan.checkpoint_every)
    described = run.described
    if (
        described is None
        or described.phases is not run.phases
        or not described.start <= first <= described.stop
    ):
        described = run.described = DescribedLines(run.phases, first, first, [])
    if described.stop < last:
        described.lines += _incident_events(run, described.stop, last)
        described.stop = last
    return [line for line in described.lines if line.step is not None and first <= line.step < last]


def _incident_events(run: Run, start: int, stop: int) -> list[LifeEvent]:
    incidents = run.curve.incidents(start, stop)
    used = run.curve.used_at(found.step for found in incidents)
    return [
        LifeEvent(at_s=run.instant(used_s), kind=found.kind, sentence=found.sentence, step=found.step)
        for found, used_s in zip(incidents, used, strict=True)
    ]
