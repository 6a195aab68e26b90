"""A simulated job's life: its states, its clock, its end and its history, whatever was done to it."""

from itertools import pairwise
from math import inf

import numpy as np
import pytest

from vapor_core import catalog
from vapor_core.backends.base import Intervention, JobSpec
from vapor_core.backends.simulated.jobs import SimulatedJobs
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.memory import MemoryJournal
from vapor_core.simulation.fork import Curve

SMALL = JobConfig(model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, seed=3)
B200 = catalog.accelerator("nvidia-b200")


def spec(number=1, submitted_s=0.0, config=SMALL, **more):
    return JobSpec(f"job-{number}", config, submitted_s, **more)


class Recorded(SimulatedJobs):
    """The backend, told what is recorded as a workspace tells it."""

    def __init__(self):
        super().__init__("default", MemoryJournal())
        self.done = {}

    def submit(self, job):
        self.check(job)
        self.done[job.job_id] = (job, ())
        self.recall(job, ())
        self.start(job.job_id)

    def intervene(self, job_id, kind, at_s):
        job, before = self.done[job_id]
        after = (*before, Intervention(kind, at_s, len(before) + 1))
        self.done[job_id] = (job, after)
        self.recall(job, after)


@pytest.fixture
def backend():
    return Recorded()


def test_a_job_lives_from_initializing_to_completed(backend):
    backend.submit(spec())
    own = Curve(SMALL)
    startup_s, end_s = own.ending.startup_s, own.ending.used_s
    told = [backend.state("job-1", at).status for at in (0.0, startup_s, end_s - 1e-6, end_s, end_s + 1e9)]
    assert told == ["initializing", "running", "running", "completed", "completed"]
    done = backend.state("job-1", end_s)
    assert (done.step, done.total_steps, done.ended_s, done.started_s) == (2000, 2000, end_s, startup_s)
    assert done.elapsed_s == pytest.approx(end_s)


def test_a_job_that_does_not_fit_fails_while_initializing_and_says_why(backend):
    config = JobConfig(model="meta-llama/Llama-3.1-8B", method="full")
    backend.submit(spec(config=config))
    failed = backend.state("job-1", 1e6)
    assert (failed.status, failed.step, failed.started_s) == ("failed", 0, None)
    assert failed.failure.code == "out_of_memory"
    assert "24 GB" in failed.failure.why
    assert failed.failure.changes


def test_a_job_that_diverges_fails_at_its_step_and_says_why(backend):
    config = SMALL.changed(method="full", learning_rate=1.0, warmup_ratio=0.0)
    backend.submit(spec(config=config))
    failed = backend.state("job-1", 1e6)
    assert failed.status == "failed"
    assert 0 < failed.step < 2000
    assert failed.failure.code == "diverged"
    assert "learning_rate" in failed.failure.changes


def test_pauses_cost_nothing_and_move_the_end(backend):
    end_s = Curve(SMALL).ending.used_s
    backend.submit(spec())
    backend.intervene("job-1", "pause", 100.0)
    assert backend.state("job-1", 1e9).status == "paused"
    assert backend.state("job-1", 1e9).elapsed_s == 100.0
    backend.intervene("job-1", "resume", 350.0)
    assert backend.state("job-1", end_s + 249.0).status == "running"
    done = backend.state("job-1", end_s + 250.0 + 1e-6)
    assert (done.status, done.step) == ("completed", 2000)
    assert done.elapsed_s == pytest.approx(end_s)


def test_a_pause_while_initializing_goes_on_where_it_was(backend):
    startup_s = Curve(SMALL).ending.startup_s
    backend.submit(spec())
    backend.intervene("job-1", "pause", startup_s / 2)
    backend.intervene("job-1", "resume", 1000.0)
    assert backend.state("job-1", 1000.0).status == "initializing"
    assert backend.state("job-1", 1000.0 + startup_s / 2 + 1e-6).status == "running"


def test_a_stopped_job_stays_where_it_was(backend):
    backend.submit(spec())
    backend.intervene("job-1", "stop", 100.0)
    before, after = backend.state("job-1", 100.0), backend.state("job-1", 1e9)
    assert before == after
    assert before.status == "stopped"
    assert before.step > 0


def test_a_job_stopped_in_the_queue_never_ran(backend):
    full = SMALL.changed(accelerator="nvidia-b200", accelerator_count=B200.capacity)
    backend.submit(spec(1, config=full))
    backend.submit(spec(2, config=full))
    assert backend.state("job-2", 10.0).status == "queued"
    backend.intervene("job-2", "stop", 20.0)
    stopped = backend.state("job-2", 1e6)
    assert (stopped.status, stopped.elapsed_s, stopped.ended_s) == ("stopped", 0.0, 20.0)


def test_a_queued_job_starts_when_the_cards_are_free(backend):
    full = SMALL.changed(accelerator="nvidia-b200", accelerator_count=B200.capacity)
    backend.submit(spec(1, config=full))
    backend.submit(spec(2, config=full))
    end_s = backend.state("job-1", 1e9).ended_s
    assert backend.state("job-2", end_s - 1e-6).status == "queued"
    assert backend.state("job-2", end_s).status == "initializing"
    backend.intervene("job-1", "stop", 50.0)
    assert backend.state("job-2", 50.0).status == "initializing"


def test_more_cards_than_the_region_has_are_refused(backend):
    with pytest.raises(BackendRefused, match="ask for 16 or fewer"):
        backend.submit(spec(config=SMALL.changed(accelerator="nvidia-b200", accelerator_count=17)))
    with pytest.raises(NotFound):
        backend.state("job-1", 0.0)


def test_recalling_is_the_same_as_having_acted(backend):
    backend.submit(spec())
    backend.intervene("job-1", "pause", 60.0)
    backend.intervene("job-1", "resume", 90.0)
    other = Recorded()
    for _ in range(2):
        other.recall(spec(), (Intervention("pause", 60.0, 1), Intervention("resume", 90.0, 2)))
    for at_s in (0.0, 59.0, 60.0, 75.0, 90.0, 200.0, 1e6):
        assert other.state("job-1", at_s) == backend.state("job-1", at_s)
    assert other.history("job-1", -inf, 1e6) == backend.history("job-1", -inf, 1e6)


def test_an_eta_is_hidden_until_ten_steps_are_done(backend):
    backend.submit(spec())
    own = Curve(SMALL)
    assert backend.state("job-1", own.used_s(9) + 1e-6).eta_s is None
    left = backend.state("job-1", own.used_s(200) + 1e-6).eta_s
    assert left == pytest.approx(own.ending.used_s - own.used_s(200), rel=0.2)


def test_news_since_a_cursor_add_up_to_the_whole(backend):
    backend.submit(spec())
    cursor, losses = 0, []
    for at_s in np.linspace(0.0, 2000.0, 9):
        news = backend.rows("job-1", cursor, float(at_s), limit=64)
        losses += list(news.columns.get("loss", ()))
        cursor = news.cursor
    assert cursor == len(losses) > 64
    assert losses == backend.replay("job-1", 0, cursor)["loss"].tolist()


def test_history_in_pieces_is_the_history(backend):
    backend.submit(spec())
    backend.intervene("job-1", "pause", 60.0)
    backend.intervene("job-1", "resume", 90.0)
    cuts = [-inf, 0.0, 33.0, 60.0, 61.0, 200.0, 1e5]
    pieces = [line for a, b in pairwise(cuts) for line in backend.history("job-1", a, b)]
    assert tuple(pieces) == backend.history("job-1", -inf, 1e5)
    kinds = [line.kind for line in pieces]
    assert kinds[:2] == ["submitted", "initializing"]
    assert {"paused", "resumed", "checkpoint"} <= set(kinds)
    assert kinds[-1] == "completed"


def test_logs_end_with_the_last_step(backend):
    backend.submit(spec())
    assert backend.logs("job-1", 1e6).splitlines()[-1].startswith("step 1,999  loss")


def test_a_forks_time_is_its_own(backend):
    parent = spec()
    backend.recall(parent, ())
    backend.submit(spec(2, 1000.0, SMALL, parent=parent, fork_step=200))
    own = Curve(SMALL)
    begun = backend.state("job-2", 1000.0 + own.ending.startup_s)
    assert (begun.status, begun.step) == ("running", 200)
    last = backend.state("job-2", 1e9)
    assert (last.status, last.step) == ("completed", 2000)
    assert last.elapsed_s == pytest.approx(own.ending.used_s - own.used_s(200) + own.ending.startup_s)
