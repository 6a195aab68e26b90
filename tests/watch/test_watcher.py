"""Rules tell what came to pass with a job once, whoever looks and however often, and stop it where that is wanted."""

import json
import re
import time
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from vapor_core.contracts.expectation import Expectation, Figure
from vapor_core.contracts.training import JobConfig
from vapor_core.contracts.workspace import Job
from vapor_core.errors import ForbiddenTransition, InvalidConfig, NotFound
from vapor_core.journal.other_events import RuleFired, RuleKept, WatchedFor
from vapor_core.watch.cases import CASES, Seen, case
from vapor_core.watch.watcher import Watcher
from vapor_core.workspace.store import Store

HEALTHY = JobConfig(model="openai-community/gpt2", method="lora", max_steps=400, seed=1)
LONG = HEALTHY.changed(max_steps=100_000)
DIVERGES = HEALTHY.changed(method="full", learning_rate=0.05, warmup_ratio=0.0)


def rule(watched_for, **more):
    return RuleKept(name=watched_for, watched_for=watched_for, **more)


def watched(store, *rules, until=4, step=50_000.0):
    """Everything that is told while a workspace goes on."""
    for each in rules:
        store.keep_rule(each, now=0.0)
    watcher, told = Watcher(), []
    for look in range(1, until):
        store.advance(now=look * step)
        told += watcher.look(store, now=look * step)
    return told


def job(**more):
    known = {"id": "job-1", "name": "a", "config": HEALTHY, "status": "running", "submitted_s": 0.0}
    return Job(**{**known, "total_steps": 100, "step": 50, **more})


def seen(points=None, **more):
    known = {"job": job(), "points": pd.DataFrame(points or {}), "has_cost": True, "silent_s": 0.0}
    return Seen(**{**known, **more})


def losses(values):
    return {"step": np.arange(len(values)), "loss": np.array(values, dtype=float)}


def test_a_healthy_run_is_told_nothing_about():
    store = Store()
    store.submit(HEALTHY, now=0.0)
    assert not watched(store, *(rule(each) for each in ("not_a_number", "divergence", "overfitting")))


def test_a_run_that_diverges_is_told_of_once_with_the_step():
    store = Store()
    sick = store.submit(DIVERGES, now=0.0)
    told = watched(store, rule("divergence"), rule("not_a_number"))
    assert {each.job_id for each in told} == {sick.id}
    assert len(told) == len({each.name for each in told})
    assert store.fired(sick.id) == tuple(told)
    assert "step" in told[0].sentence.lower() or "loss" in told[0].sentence.lower()


def test_two_who_watch_one_workspace_tell_a_thing_once():
    store = Store()
    sick = store.submit(DIVERGES, now=0.0)
    store.keep_rule(rule("over_time", threshold=0.001), now=0.0)
    other = Store(store.journal)
    for each in (store, other):
        each.advance(now=60.0)
    first, second = Watcher().look(store, now=60.0), Watcher().look(other, now=60.0)
    assert [each.job_id for each in first] == [sick.id]
    assert second == []
    assert len(Store(store.journal).fired()) == 1


def test_what_came_to_pass_while_nobody_looked_is_told_at_the_next_look():
    store = Store()
    store.keep_rule(rule("divergence"), now=0.0)
    sick = store.submit(DIVERGES, now=0.0)
    store.advance(now=1e7)
    assert not store.job(sick.id).live
    assert [each.job_id for each in Watcher().look(store, now=1e7)] == [sick.id]


def test_a_job_that_had_ended_before_the_rule_is_none_of_its_business():
    store = Store()
    store.submit(DIVERGES, now=0.0)
    store.advance(now=1e7)
    store.keep_rule(rule("divergence"), now=1e7)
    assert Watcher().look(store, now=1e7) == []


def test_a_rule_stops_a_job_with_the_reason_told():
    store = Store()
    costly = store.submit(LONG, now=0.0)
    (told,) = watched(store, rule("over_budget", threshold=0.01, stops=True), step=60.0)
    stopped = store.job(costly.id)
    assert stopped.status == "stopped"
    assert told.sentence.endswith("It is stopped.")
    assert 0.01 < stopped.cost_usd < 0.1


def test_a_rule_of_one_job_watches_no_other():
    store = Store()
    one, _ = store.submit(DIVERGES, now=0.0), store.submit(DIVERGES.changed(seed=2), now=0.0)
    told = watched(store, rule("divergence", jobs=(one.id,)))
    assert {each.job_id for each in told} == {one.id}


def test_a_rule_that_is_kept_anew_tells_anew_and_one_that_is_forgotten_tells_nothing():
    store = Store()
    store.submit(LONG, now=0.0)
    assert len(watched(store, rule("over_time", threshold=0.001), step=60.0)) == 1
    store.keep_rule(rule("over_time", threshold=0.002), now=200.0)
    assert not store.fired()
    assert len(Watcher().look(store, now=200.0)) == 1
    store.forget_rule("over_time", now=200.0)
    assert not store.rules() and not store.fired()
    with pytest.raises(NotFound, match="no rule"):
        store.forget_rule("over_time", now=200.0)


def test_what_somebody_has_seen_is_no_banner_any_more():
    store = Store()
    one = store.submit(LONG, now=0.0)
    watched(store, rule("over_time", threshold=0.001), step=60.0)
    assert len(store.unseen(one.id)) == 1
    store.see(one.id, now=1e6)
    assert not store.unseen(one.id)
    assert len(store.fired(one.id)) == 1


@pytest.mark.parametrize(
    ("kept", "problem"),
    [
        (RuleKept(name="a", watched_for="over_budget"), "needs a threshold above 0, in dollars"),
        (RuleKept(name="a", watched_for="no_heartbeat", threshold=0.0), "in minutes"),
        (RuleKept(name=" ", watched_for="spike"), "one line"),
        (RuleKept(name="a", watched_for="spike", webhook="javascript:alert(1)"), "begins with http"),
    ],
)
def test_a_rule_that_could_never_tell_is_refused(kept, problem):
    with pytest.raises(InvalidConfig, match=problem):
        Store().keep_rule(kept, now=0.0)


def test_a_thing_is_not_recorded_twice_or_of_a_rule_that_is_gone():
    store = Store()
    one = store.submit(HEALTHY, now=0.0)
    fired = RuleFired(name="spike", job_id=one.id, step=1, sentence=".")
    with pytest.raises(ForbiddenTransition, match="forgotten"):
        store.fire(fired, now=0.0)
    store.keep_rule(rule("spike"), now=0.0)
    store.fire(fired, now=0.0)
    with pytest.raises(ForbiddenTransition, match="already"):
        store.fire(fired, now=0.0)


def figure(value):
    return Figure(value=value, low=value / 2, high=value * 2)


EXPECTED = Expectation(
    **{
        name: figure(2.0)
        for name in (
            "step_time_s",
            "tokens_per_second",
            "memory_gb",
            "duration_s",
            "cost_usd",
            "loss",
            "eval_loss",
        )
    },
    calibrated=False,
    at=(0, 99),
    train=(3.0, 2.0),
    train_low=(2.0, 1.0),
    train_high=(4.0, 3.0),
)
SLOW = {**losses([2.0] * 50), "step_time_s": np.full(50, 3.0)}


@pytest.mark.parametrize(
    ("watched_for", "threshold", "what", "told"),
    [
        ("not_a_number", None, seen(losses([2, 1, np.inf])), "no number at step 2"),
        ("not_a_number", None, seen(losses([2, 1, np.nan])), None),
        (
            "spike",
            None,
            seen(losses([2.0 + 0.01 * (at % 3) for at in range(60)] + [9.0] + [2.0] * 40)),
            "step 60",
        ),
        ("over_budget", 5.0, seen(job=job(cost_usd=6.0)), r"\$6.00, more than \$5.00"),
        ("over_budget", 5.0, seen(job=job(cost_usd=6.0), has_cost=False), None),
        ("over_budget", 5.0, seen(job=job(cost_usd=5.0)), None),
        ("over_time", 2.0, seen(job=job(elapsed_s=7300.0)), "2.0 h, more than 2.0 h"),
        ("over_time", 2.0, seen(job=job(elapsed_s=7200.0)), None),
        ("no_heartbeat", 10.0, seen(silent_s=660.0), "nothing for 11 minutes"),
        ("no_heartbeat", 10.0, seen(silent_s=600.0), None),
        ("slower_than_rehearsed", 40.0, seen(SLOW, job=job(expected=EXPECTED)), "50 % more than the 2 s"),
        ("slower_than_rehearsed", 60.0, seen(SLOW, job=job(expected=EXPECTED)), None),
        ("slower_than_rehearsed", 40.0, seen(SLOW), None),
    ],
)
def test_a_case_is_told_where_it_is_one_and_nowhere_else(watched_for, threshold, what, told):
    found = case(rule(watched_for, threshold=threshold), what)
    if told is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(told, found.sentence), found.sentence


def test_every_kind_of_rule_has_its_case():
    assert set(CASES) == set(get_args(WatchedFor))


def test_a_followed_run_that_falls_silent_is_told_of_and_is_not_stopped(tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_FOLLOW", str(tmp_path))
    (tmp_path / "log.jsonl").write_text(
        "".join(json.dumps({"step": at, "loss": 2.0}) + "\n" for at in (1, 2, 3))
    )
    store, now = Store(), time.time()
    one = store.follow("log.jsonl", now=now)
    store.keep_rule(rule("no_heartbeat", threshold=5.0, stops=True), now=now)
    watcher = Watcher()
    store.advance(now=now + 1)
    assert watcher.look(store, now=now + 1) == []
    store.advance(now=now + 400)
    (told,) = watcher.look(store, now=now + 400)
    assert told.job_id == one.id
    assert "stopped" not in told.sentence
    assert store.job(one.id).status == "running"


def test_many_jobs_are_all_looked_at_a_few_at_a_time():
    store = Store()
    sick = {store.submit(DIVERGES.changed(seed=seed), now=0.0).id for seed in range(20)}
    assert {each.job_id for each in watched(store, rule("divergence"), until=12)} == sick
