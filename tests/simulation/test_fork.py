"""How a fork goes on from its parent, and what a job itself took."""

import numpy as np
import pytest

from vapor_core.contracts.training import JobConfig
from vapor_core.simulation.fork import TAKEN, Curve
from vapor_core.simulation.training import TrainingSimulator

SMALL = JobConfig(model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, seed=3)


def forked(step=200, **changes):
    return Curve(SMALL.changed(**changes), Curve(SMALL), step)


def test_a_fork_has_its_parents_rows_before_it_parts():
    rows = forked(learning_rate=1e-3).columns(0, 2000)
    for name, values in Curve(SMALL).columns(0, 200).items():
        if name not in TAKEN:
            np.testing.assert_array_equal(rows[name][:200], values, err_msg=name)


@pytest.mark.parametrize("run", [Curve(SMALL), forked(learning_rate=1e-3), forked(step=250, seed=4)])
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
    gap = abs(Curve(SMALL).clean_loss(199) - Curve(config).clean_loss(199))
    assert abs(fork.clean_loss(399) - Curve(config).clean_loss(399)) < 0.05 * gap + 1e-9


def test_a_fork_without_changes_goes_on_as_its_parent():
    fork, parent = forked().columns(0, 2000), Curve(SMALL).columns(0, 2000)
    for name, values in parent.items():
        if name not in TAKEN:
            np.testing.assert_allclose(fork[name], values, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 1e-5}, {"micro_batch_size": 1}, {"accelerator": "nvidia-t4"}]
)
def test_what_only_rises_goes_on_rising_over_a_fork(changes):
    columns = forked(**changes).columns(0, 2000)
    for name in ("step", "tokens", "epoch"):
        assert (np.diff(np.asarray(columns[name])) > 0).all(), name
    for name in TAKEN:
        assert (np.diff(np.asarray(columns[name])[200:]) > 0).all(), name


# what a job itself took


@pytest.mark.parametrize("run", [Curve(SMALL), forked(), forked(accelerator="nvidia-t4")])
def test_a_job_has_one_time_and_one_cost_start_up_included(run):
    rows, simulator = run.columns(0, 2000), TrainingSimulator(run.config)
    taken = [run.used_s(step) for step in range(run.fork_step + 1, 2001)]
    np.testing.assert_array_equal(rows["elapsed_s"][run.fork_step :], taken)
    np.testing.assert_allclose(
        rows["cost_usd"][run.fork_step :], np.asarray(taken) * simulator.price_per_second, rtol=1e-12
    )
    assert rows["elapsed_s"][-1] == run.ending.used_s
    assert rows["elapsed_s"][run.fork_step] > simulator.startup_s


def test_what_a_fork_inherited_took_it_no_second_and_no_dollar():
    rows = forked().columns(0, 2000)
    for name in TAKEN:
        assert np.isnan(rows[name][:200]).all(), name
        assert np.isfinite(rows[name][200:]).all(), name
    once_more = Curve(SMALL.changed(seed=9), forked(seed=4), 300).columns(0, 2000)
    assert np.isnan(once_more["elapsed_s"][:300]).all()


@pytest.mark.parametrize("step", [1, 200, 1999])
def test_a_fork_and_its_parents_part_take_as_long_as_the_whole_and_one_more_start_up(step):
    whole, fork = Curve(SMALL), forked(step)
    parts_s = whole.used_s(step) + fork.ending.used_s
    assert parts_s == pytest.approx(whole.ending.used_s + whole.ending.startup_s, rel=1e-12)


def test_any_range_of_a_fork_is_the_same_rows():
    fork = forked(learning_rate=1e-3)
    whole = fork.columns(0, 2000)
    for start, stop in ((0, 50), (150, 250), (199, 201), (200, 2000), (200, 200)):
        for name, values in fork.columns(start, stop).items():
            np.testing.assert_array_equal(values, whole[name][start:stop])


def test_a_fork_into_a_learning_rate_that_diverges_fails_after_it_parts():
    fork = forked(method="full", learning_rate=1.0, warmup_ratio=0.0, step=100)
    assert fork.ending.failure_code == "diverged"
    assert 100 < fork.ending.step <= 2000
    assert fork.clean_loss(fork.ending.step - 1) > fork.clean_loss(99)


# forks of forks


def line_of_forks(depth, first=10):
    """A fork of a fork of ..., each a step later and with a rate of its own."""
    run = Curve(SMALL)
    for number in range(depth):
        run = Curve(SMALL.changed(learning_rate=1e-4 * (1 + number % 50)), run, first + number)
    return run


def test_a_fork_of_a_fork_keeps_all_its_past():
    first = Curve(SMALL)
    second = Curve(SMALL.changed(learning_rate=1e-3), first, 100)
    third = Curve(SMALL.changed(learning_rate=1e-5), second, 200)
    rows = third.columns(0, 2000)["loss"]
    np.testing.assert_array_equal(rows[:100], first.columns(0, 100)["loss"])
    np.testing.assert_array_equal(rows[100:200], second.columns(100, 200)["loss"])


def test_a_fork_from_before_its_parent_parted_goes_on_from_the_grandparent():
    first = Curve(SMALL)
    late = Curve(SMALL.changed(learning_rate=1e-3), first, 500)
    early, straight = (Curve(SMALL.changed(seed=8), parent, 100) for parent in (late, first))
    for name, values in straight.columns(0, 2000).items():
        np.testing.assert_array_equal(early.columns(0, 2000)[name], values, err_msg=name)


@pytest.mark.slow
def test_forks_may_be_deeper_than_calls_may_nest():
    run = line_of_forks(1500)
    losses = run.columns(0, 2000)["loss"]
    assert np.isfinite(losses).all()
    np.testing.assert_array_equal(losses[:10], Curve(SMALL).columns(0, 10)["loss"])


@pytest.mark.parametrize("depth", [1, 30])
def test_own_rows_of_a_fork_ask_none_of_its_forebears_however_many(depth, monkeypatch):
    run, asked = line_of_forks(depth), []
    columns = TrainingSimulator.columns
    monkeypatch.setattr(
        TrainingSimulator, "columns", lambda self, *span: asked.append(span) or columns(self, *span)
    )
    run.columns(1000, 1010)
    assert asked == [(1000, 1010)]
