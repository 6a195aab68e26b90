"""A job's time and cost have one meaning wherever they are told: what this job itself took, start-up included."""

import io

import pandas as pd
import pytest

from vapor_core import Store, simulate
from vapor_core.contracts.training import JobConfig
from vapor_core.exports.tables import csv_table
from vapor_core.physics.plan import plan
from vapor_core.physics.timing import startup_s
from vapor_core.readers.run_logs import read_log
from vapor_ui.monitor.job_view import as_of

CONFIG = JobConfig(
    model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, seed=3
)


@pytest.fixture
def family():
    """A store with a job, a fork of it and a fork of that one, all completed; the fork was paused for a while."""
    store = Store()
    store.submit(CONFIG, now=0.0)
    store.advance(now=10_000.0)
    store.fork("job-1", step=1000, changes={"learning_rate": 1e-3}, now=10_000.0)
    store.pause("job-2", now=10_100.0)
    store.resume("job-2", now=15_000.0)
    store.advance(now=30_000.0)
    store.fork("job-2", step=1500, changes={"seed": 4}, now=30_000.0)
    store.advance(now=50_000.0)
    return store


def points(store, job):
    return store.metrics(job.id).frame(max_points=100_000)


def test_a_fork_has_one_cost_and_one_time_on_its_card_its_chart_and_in_its_table(family):
    for job in family.jobs():
        table = pd.read_csv(io.BytesIO(csv_table(points(family, job))))
        for told in (points(family, job).iloc[-1], family.metrics(job.id).latest(), table.iloc[-1]):
            assert told["elapsed_s"] == pytest.approx(job.elapsed_s, rel=1e-9), job.id
            assert told["cost_usd"] == pytest.approx(job.cost_usd, rel=1e-9), job.id


def test_looking_back_at_the_step_of_today_changes_no_time_and_no_cost(family):
    for job in family.jobs():
        seen = as_of(job, points(family, job), job.step)
        assert seen.elapsed_s == pytest.approx(job.elapsed_s, rel=1e-9), job.id
        assert seen.cost_usd == pytest.approx(job.cost_usd, rel=1e-9), job.id


def test_looking_back_is_what_the_job_had_taken_then(family):
    other = Store()
    other.submit(CONFIG, now=0.0)
    whole = points(family, family.job("job-1"))
    at_s = float(whole["elapsed_s"].iloc[499])
    other.advance(now=at_s + 1e-6)
    then, seen = other.job("job-1"), as_of(family.job("job-1"), whole[:500], 500)
    assert (then.step, seen.step) == (500, 500)
    assert seen.elapsed_s == pytest.approx(then.elapsed_s, abs=1e-5)
    assert seen.cost_usd == pytest.approx(then.cost_usd, abs=1e-5)


def test_looking_back_to_before_a_fork_parted_the_fork_had_taken_nothing(family):
    fork = family.job("job-2")
    seen = as_of(fork, points(family, fork)[:700], 700)
    assert (seen.step, seen.elapsed_s, seen.cost_usd) == (700, 0.0, 0.0)


def test_a_second_is_counted_once_however_often_its_steps_are_inherited(family):
    last = [points(family, job).iloc[-1] for job in family.jobs()]
    summary = family.summary()
    assert summary.accelerator_hours == pytest.approx(sum(row["elapsed_s"] for row in last) / 3600)
    assert summary.training_cost_usd == pytest.approx(sum(row["cost_usd"] for row in last))
    start_s = startup_s(plan(CONFIG))
    one, two, three = (row["elapsed_s"] for row in last)
    assert two == pytest.approx((one - start_s) / 2 + start_s, rel=0.05)
    assert three == pytest.approx((one - start_s) / 4 + start_s, rel=0.05)


def test_a_jobs_points_are_those_of_simulate_but_for_its_start_up(family):
    ours, run = points(family, family.job("job-1")), simulate(CONFIG)
    run["elapsed_s"] += startup_s(plan(CONFIG))
    pd.testing.assert_frame_equal(ours, run)


@pytest.mark.slow
def test_looking_back_on_a_log_without_times_does_not_break():
    store = Store()
    log = read_log("run.csv", b"step,loss\n0,3.0\n1,2.5\n2,2.0\n")
    job = store.import_log(log, now=0.0)
    assert as_of(job, points(store, job)[:2], 2).elapsed_s == 0.0
