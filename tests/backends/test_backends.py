"""What stands behind the seam: the queue, the curves, the simulated backend and its endpoints."""

from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core import catalog
from vapor_core.backends.base import Intervention, JobSpec
from vapor_core.backends.simulated.card_queue import CardRequest, allocate
from vapor_core.backends.simulated.endpoints import Endpoint
from vapor_core.backends.simulated.jobs import SimulatedJobs
from vapor_core.backends.simulated.runs import curve
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import BackendRefused, NotFound
from vapor_core.journal.journal import MemoryJournal
from vapor_core.simulation.endpoint import TICK_S
from vapor_core.simulation.fork import ForkedCurve, OwnCurve

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


# the region's queue


def lasting(durations):
    return lambda job_id, granted_s: granted_s + durations[job_id]


def test_jobs_start_at_once_while_there_is_room():
    requests = [CardRequest("a", 4, 8, 0.0), CardRequest("b", 4, 8, 1.0)]
    assert allocate(requests, lasting({"a": 100, "b": 100})) == {"a": 0.0, "b": 1.0}


def test_a_job_waits_for_the_first_release_that_makes_room():
    requests = [CardRequest("a", 4, 8, 0.0), CardRequest("b", 4, 8, 1.0), CardRequest("c", 4, 8, 2.0)]
    assert allocate(requests, lasting({"a": 100, "b": 50, "c": 10}))["c"] == 51.0


def test_nobody_overtakes():
    requests = [CardRequest("a", 6, 8, 0.0), CardRequest("big", 8, 8, 1.0), CardRequest("small", 1, 8, 2.0)]
    assert allocate(requests, lasting({"a": 100, "big": 10, "small": 1})) == {
        "a": 0.0,
        "big": 100.0,
        "small": 110.0,
    }


def test_who_leaves_the_queue_makes_way_from_then_on():
    requests = [
        CardRequest("a", 8, 8, 0.0),
        CardRequest("gone", 8, 8, 1.0, withdrawn_s=30.0),
        CardRequest("next", 8, 8, 2.0),
    ]
    assert allocate(requests, lasting({"a": 100, "next": 1})) == {"a": 0.0, "gone": inf, "next": 100.0}
    requests = [
        CardRequest("a", 6, 8, 0.0),
        CardRequest("gone", 8, 8, 1.0, withdrawn_s=30.0),
        CardRequest("next", 2, 8, 2.0),
    ]
    assert allocate(requests, lasting({"a": 100, "next": 1}))["next"] == 30.0


def test_a_paused_job_keeps_its_cards():
    requests = [CardRequest("paused", 8, 8, 0.0), CardRequest("next", 8, 8, 1.0)]
    assert allocate(requests, lambda job_id, at: inf) == {"paused": 0.0, "next": inf}


@given(
    st.lists(
        st.tuples(st.integers(1, 8), st.floats(0, 50), st.floats(1, 100), st.none() | st.floats(0, 100)),
        min_size=1,
        max_size=12,
    )
)
def test_no_more_cards_are_held_than_there_are_and_order_is_kept(jobs):
    now, requests, lasts = 0.0, [], {}
    for number, (cards, wait, duration, leaves) in enumerate(jobs):
        now += wait
        withdrawn = inf if leaves is None else now + leaves
        requests.append(CardRequest(str(number), cards, 8, now, withdrawn))
        lasts[str(number)] = duration
    ends = lambda job_id, at: min(at + lasts[job_id], requests[int(job_id)].withdrawn_s)  # noqa: E731
    granted = allocate(requests, ends)
    started = [granted[request.job_id] for request in requests if granted[request.job_id] < inf]
    assert started == sorted(started)
    for request in requests:
        at = granted[request.job_id]
        if at < inf:
            assert request.submitted_s <= at < request.withdrawn_s
            held = sum(
                other.cards
                for other in requests
                if granted[other.job_id] <= at < ends(other.job_id, granted[other.job_id])
            )
            assert held <= 8
    without_last = allocate(requests[:-1], ends)
    assert without_last == {key: granted[key] for key in without_last}


# a job's life


def test_a_job_lives_from_initializing_to_completed(backend):
    backend.submit(spec())
    own = OwnCurve(SMALL)
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
    end_s = OwnCurve(SMALL).ending.used_s
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
    startup_s = OwnCurve(SMALL).ending.startup_s
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
    own = OwnCurve(SMALL)
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


# forks


def forked(step=200, **changes):
    return ForkedCurve(SMALL.changed(**changes), OwnCurve(SMALL), step)


def test_a_fork_has_its_parents_rows_before_it_parts():
    fork, parent = forked(learning_rate=1e-3), OwnCurve(SMALL)
    for name, values in parent.columns(0, 200).items():
        np.testing.assert_array_equal(fork.columns(0, 2000)[name][:200], values)


@pytest.mark.parametrize("run", [OwnCurve(SMALL), forked(learning_rate=1e-3), forked(step=250, seed=4)])
def test_an_eval_loss_by_itself_is_that_of_its_row(run):
    rows = run.columns(0, 2000)["eval_loss"]
    alone = [run.eval_loss(step) for step in range(1, 2001)]
    assert np.isfinite(rows).sum() == 20
    np.testing.assert_array_equal(alone, rows)


def test_a_fork_parts_without_a_jump_and_ends_near_its_own_law():
    config = SMALL.changed(learning_rate=1e-3)
    fork = forked(learning_rate=1e-3)
    steps = [abs(fork.clean_loss(k) - fork.clean_loss(k - 1)) for k in range(150, 400)]
    assert steps[50] <= 1.5 * max(steps[:50]) + 0.005
    gap = abs(OwnCurve(SMALL).clean_loss(199) - OwnCurve(config).clean_loss(199))
    assert abs(fork.clean_loss(399) - OwnCurve(config).clean_loss(399)) < 0.05 * gap + 1e-9


def test_a_fork_without_changes_goes_on_as_its_parent():
    fork, parent = forked(), OwnCurve(SMALL)
    for name, values in parent.columns(0, 2000).items():
        np.testing.assert_allclose(fork.columns(0, 2000)[name], values, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 1e-5}, {"micro_batch_size": 1}, {"accelerator": "nvidia-t4"}]
)
def test_what_only_rises_goes_on_rising_over_a_fork(changes):
    columns = forked(**changes).columns(0, 2000)
    for name in ("step", "tokens", "epoch", "elapsed_s", "cost_usd"):
        assert (np.diff(np.asarray(columns[name])) > 0).all(), name


def test_any_range_of_a_fork_is_the_same_rows():
    fork = forked(learning_rate=1e-3)
    whole = fork.columns(0, 2000)
    for start, stop in ((0, 50), (150, 250), (199, 201), (200, 2000), (200, 200)):
        for name, values in fork.columns(start, stop).items():
            np.testing.assert_array_equal(values, whole[name][start:stop])


def test_a_forks_time_is_its_own(backend):
    parent = spec()
    backend.recall(parent, ())
    backend.submit(spec(2, 1000.0, SMALL, parent=parent, fork_step=200))
    own = OwnCurve(SMALL)
    begun = backend.state("job-2", 1000.0 + own.ending.startup_s)
    assert (begun.status, begun.step) == ("running", 200)
    last = backend.state("job-2", 1e9)
    assert (last.status, last.step) == ("completed", 2000)
    assert last.elapsed_s == pytest.approx(own.ending.used_s - own.used_s(200) + own.ending.startup_s)


def test_a_fork_into_a_learning_rate_that_diverges_fails_after_it_parts():
    fork = forked(method="full", learning_rate=1.0, warmup_ratio=0.0, step=100)
    assert fork.ending.failure_code == "diverged"
    assert 100 < fork.ending.step <= 2000
    assert fork.clean_loss(fork.ending.step - 1) > fork.clean_loss(99)


def test_a_fork_of_a_fork_keeps_all_its_past():
    first = JobSpec("job-1", SMALL, 0.0)
    second = JobSpec("job-2", SMALL.changed(learning_rate=1e-3), 0.0, first, 100)
    third = curve(JobSpec("job-3", SMALL.changed(learning_rate=1e-5), 0.0, second, 200))
    rows = third.columns(0, 2000)["loss"]
    np.testing.assert_array_equal(rows[:100], curve(first).columns(0, 100)["loss"])
    np.testing.assert_array_equal(rows[100:200], curve(second).columns(100, 200)["loss"])


# endpoints


def endpoint(**more):
    given = {
        "id": "deployment-1",
        "accelerator": "nvidia-l4",
        "precision": "bf16",
        "traffic": "daily",
        "created_s": 1000.0,
        "ended_s": None,
        "models": ((1000.0, "openai-community/gpt2"),),
        "ranges": ((1000.0, 1, 4),),
    }
    return Endpoint(**{**given, **more})


def test_an_endpoint_starts_and_becomes_healthy():
    run = endpoint()
    assert run.health(1000.0).status == "starting"
    later = run.health(4600.0)
    assert (later.status, later.failure) == ("healthy", None)
    assert later.replicas >= 1
    assert later.cost_usd > 0


def test_an_endpoint_that_does_not_fit_fails_and_says_why():
    run = endpoint(
        models=((1000.0, "meta-llama/Llama-3.1-8B"),), accelerator="nvidia-rtx-3090", precision="fp32"
    )
    assert run.health(1000.0).status == "starting"
    failed = run.health(1e5)
    assert failed.status == "failed"
    assert "does not fit" in failed.failure.what
    assert failed.failed_s > 1000.0


def test_a_stopped_endpoint_costs_no_more():
    run = endpoint(ended_s=4600.0)
    assert run.ticks(1e9) == 720
    assert (run.health(1e9).status, run.health(1e9).replicas) == ("stopped", 0)
    assert run.health(1e9).cost_usd == run.health(4600.0).cost_usd


def test_a_revision_of_the_same_architecture_changes_no_telemetry():
    before = endpoint()
    after = endpoint(models=((1000.0, "openai-community/gpt2"), (2000.0, "openai-community/gpt2")))
    for name, values in before.columns(0, 500).items():
        np.testing.assert_array_equal(after.columns(0, 500)[name], values)


def test_a_revision_of_another_architecture_serves_from_its_tick_on():
    before = endpoint()
    after = endpoint(models=((1000.0, "openai-community/gpt2"), (2000.0, "meta-llama/Llama-3.2-1B")))
    change = int(1000 / TICK_S)
    old, new = before.columns(0, 500), after.columns(0, 500)
    np.testing.assert_array_equal(new["p50_ms"][:change], old["p50_ms"][:change])
    assert np.nanmean(new["tpot_ms"][change:]) > 1.5 * np.nanmean(old["tpot_ms"][change:])
    assert (np.diff(new["cost_usd"]) >= 0).all()
    for start, stop in ((0, 100), (change - 3, change + 3), (change, 500), (7, 7)):
        for name, values in after.columns(start, stop).items():
            np.testing.assert_array_equal(values, new[name][start:stop])


def test_bounds_hold_from_when_they_are_set():
    run = endpoint(ranges=((1000.0, 1, 4), (3000.0, 3, 3)))
    ready = run.columns(0, 800)["replicas"]
    assert ready[:400].max() <= 4
    assert (ready[500:] == 3).all()


def test_an_endpoint_tells_of_its_replicas():
    lines = endpoint().history(-inf, 1000.0 + 86_400)
    assert lines[0].kind == "ready"
    assert {line.kind for line in lines} == {"ready", "scaled"}
    assert all(line.at_s > 1000.0 for line in lines)
