"""The demo shows something on every screen, by ordinary actions alone."""

import pytest

from vapor_core import Store
from vapor_core.contracts.lifecycle import JOB_ENDS
from vapor_core.journal.events import DeploymentStopped
from vapor_core.workspace import demo

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def filled():
    store = Store()
    demo.fill(store, now=NOW)
    return store


def job(store, config):
    return next(each for each in store.jobs() if each.config == config)


@pytest.mark.parametrize(
    ("config", "status"),
    [
        (demo.HEALTHY, "running"),
        (demo.OVERFITTING, "running"),
        (demo.DIVERGED, "failed"),
        (demo.TOO_LARGE, "failed"),
        (demo.PAUSED, "paused"),
        (demo.SERVED, "completed"),
        (demo.FINISHED, "completed"),
        (demo.PRETRAINING, "running"),
        (demo.QUEUED, "queued"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_each_job_is_in_its_telling_state(filled, config, status):
    assert job(filled, config).status == status


def test_failures_are_two_different_ones_with_a_cure(filled):
    failures = [job(filled, config).failure for config in (demo.DIVERGED, demo.TOO_LARGE)]
    assert [failure.code for failure in failures] == ["diverged", "out_of_memory"]
    assert all(failure.changes and failure.sentence for failure in failures)


def test_the_overfitting_job_shows_it(filled):
    losses = filled.metrics(job(filled, demo.OVERFITTING).id).frame()["eval_loss"].dropna()
    assert losses.iloc[-1] > 1.05 * losses.min()


def test_the_healthy_job_is_under_way(filled):
    seen = job(filled, demo.HEALTHY)
    assert 0.3 < seen.progress < 0.9
    assert seen.eta_s > 60
    losses = filled.metrics(seen.id).frame()["loss"]
    assert losses.iloc[-50:].mean() < losses.iloc[:50].mean()


def test_two_endpoints_serve(filled):
    assert [each.status for each in filled.deployments()] in (["healthy"] * 2, ["healthy", "degraded"])
    assert all(filled.metrics(each.id).latest()["request_rate"] > 0 for each in filled.deployments())
    assert len(filled.registry()) == 2


def test_it_ends_at_the_given_instant(filled):
    assert filled.now == NOW
    assert all(line.at_s <= filled.clock.simulated_s for line in filled.events())


def test_it_is_the_same_every_time_and_wherever_it_begins(filled):
    other = Store()
    demo.fill(other, now=0.0)
    assert other.jobs() == filled.jobs()
    assert other.deployments() == filled.deployments()


def test_it_fills_a_workspace_that_is_not_empty_or_stands_still():
    store = Store()
    mine = store.submit(demo.FINISHED.changed(name="mine"), now=NOW)
    store.set_speed(0.0, now=NOW)
    demo.fill(store, now=NOW)
    assert store.job(mine.id).status in JOB_ENDS
    assert [each.name for each in store.jobs()][1:] == [each.name for each in demo_store().jobs()]
    assert store.summary().jobs_by_status["queued"] == 1


def demo_store():
    store = Store()
    demo.fill(store, now=0.0)
    return store


def test_it_can_be_acted_on_like_any_other(filled):
    store = demo_store()
    store.resume(job(store, demo.PAUSED).id, now=1.0)
    store.stop("deployment-1", now=2.0)
    store.advance(now=100_000.0)
    assert job(store, demo.PAUSED).status == "completed"
    assert job(store, demo.QUEUED).status in ("running", "completed")
    assert isinstance(store.journal.read("default")[-1].event, DeploymentStopped)
