"""A workspace: what can be done about deployments, and what follows from all that was done."""

import pytest
from small_jobs import SMALL

from vapor_core.contracts.training import JobConfig
from vapor_core.errors import (
    BackendRefused,
    ForbiddenTransition,
    InvalidConfig,
)

TOO_LARGE = JobConfig(model="meta-llama/Llama-3.1-8B", method="full")


def test_a_completed_job_is_deployed_and_serves(serving):
    deployment = serving.deployment("deployment-1")
    assert (deployment.status, deployment.job_id, deployment.model_id) == (
        "healthy",
        "job-1",
        "openai-community/gpt2",
    )
    assert deployment.replicas >= 1
    assert len(serving.metrics("deployment-1")) == 720
    assert serving.metrics("deployment-1").latest()["elapsed_s"] == 3600.0
    assert serving.health("deployment-1") == ()


def test_only_what_left_a_result_is_deployed(store):
    store.submit(SMALL, now=0.0)
    with pytest.raises(ForbiddenTransition, match="job-1 is running; deploy a completed job"):
        store.deploy("job-1", now=50.0)
    store.submit(SMALL, now=50.0)
    store.stop("job-2", now=51.0)
    with pytest.raises(ForbiddenTransition, match="before its first checkpoint"):
        store.deploy("job-2", now=52.0)
    store.submit(TOO_LARGE, now=52.0)
    with pytest.raises(ForbiddenTransition, match="job-3 is failed"):
        store.deploy("job-3", now=10_000.0)
    assert store.deployments() == ()


def test_a_job_stopped_after_a_checkpoint_is_deployed(store):
    config = SMALL.changed(checkpoint_every=1)
    store.submit(config, now=0.0)
    assert not store.can_deploy("job-1")
    store.stop("job-1", now=200.0)
    store.advance(now=200.5)
    assert store.can_deploy("job-1")
    assert store.deploy("job-1", now=201.0).status == "starting"
    store.delete("job-1", now=202.0)
    assert not store.can_deploy("job-1")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"accelerator": "nvidia-l5"}, "no accelerator 'nvidia-l5'; nearest"),
        ({"replicas": (0, 4)}, "replicas are the fewest and the most"),
        ({"replicas": (4, 1)}, "replicas are the fewest and the most"),
        ({"replicas": (1, 10_000)}, "from 1 to 1,000"),
        ({"replicas": 3}, "replicas are the fewest and the most"),
        ({"replicas": (1.0, 2.0)}, "replicas are the fewest and the most"),
        ({"traffic": "rush"}, "traffic is one of steady, daily, spike, ramp"),
        ({"precision": "int3"}, "precision"),
        ({"name": "two\nlines"}, "one line"),
    ],
)
def test_a_wrong_order_is_told_in_a_sentence(finished, order, words):
    with pytest.raises(InvalidConfig, match=words):
        finished.deploy("job-1", **order, now=10_000.0)
    assert finished.deployments() == ()


def test_an_endpoint_is_scaled_stopped_and_costs_no_more(serving):
    scaled = serving.scale("deployment-1", (2, 3), now=13_600.0)
    assert (scaled.replicas_min, scaled.replicas_max) == (2, 3)
    serving.advance(now=17_200.0)
    assert 2 <= serving.deployment("deployment-1").replicas <= 3
    assert serving.stop("deployment-1", now=17_200.0).status == "stopped"
    serving.advance(now=17_300.0)
    cost = serving.deployment("deployment-1").cost_usd
    serving.advance(now=90_000.0)
    stopped = serving.deployment("deployment-1")
    assert (stopped.cost_usd, stopped.replicas, stopped.ended_s) == (cost, 0, 17_200.0)
    for act in (
        lambda: serving.scale("deployment-1", (1, 2), now=90_000.0),
        lambda: serving.rollback("deployment-1", now=90_000.0),
        lambda: serving.redeploy("deployment-1", "job-1", now=90_000.0),
        lambda: serving.stop("deployment-1", now=90_000.0),
    ):
        with pytest.raises(ForbiddenTransition, match="deployment-1 is stopped"):
            act()


def test_a_rollback_goes_back_revision_by_revision(serving):
    serving.fork("job-1", step=10, changes={"seed": 5}, now=13_600.0)
    with pytest.raises(ForbiddenTransition, match="serves its first revision"):
        serving.rollback("deployment-1", now=13_600.0)
    with pytest.raises(ForbiddenTransition, match="serves job-1 already"):
        serving.redeploy("deployment-1", "job-1", now=13_600.0)
    serving.redeploy("deployment-1", "job-2", now=30_000.0)
    rolled = serving.rollback("deployment-1", now=31_000.0)
    assert [(each.number, each.job_id) for each in rolled.revisions] == [
        (1, "job-1"),
        (2, "job-2"),
        (1, "job-1"),
    ]
    with pytest.raises(ForbiddenTransition, match="serves its first revision"):
        serving.rollback("deployment-1", now=32_000.0)
    assert serving.redeploy("deployment-1", "job-2", now=33_000.0).revisions[-1].number == 3
    assert serving.rollback("deployment-1", now=34_000.0).job_id == "job-1"
    serving.advance(now=35_000.0)
    kinds = [line.kind for line in serving.events("deployment-1")]
    assert [kind for kind in kinds if kind in ("deployed", "redeployed", "rolled_back")] == [
        "deployed",
        "redeployed",
        "rolled_back",
        "redeployed",
        "rolled_back",
    ]


def test_a_revision_that_does_not_fit_is_refused_and_the_old_one_goes_on(serving):
    config = JobConfig(
        model="meta-llama/Llama-3.1-8B", method="qlora", max_steps=10, accelerator="nvidia-h100-80gb"
    )
    serving.submit(config.changed(dataset="mhenrichsen/alpaca_2k_test"), now=13_600.0)
    before = serving.deployment("deployment-1")
    serving.advance(now=20_000.0)
    other = serving.deploy("job-1", accelerator="nvidia-t4", precision="fp32", now=20_000.0)
    with pytest.raises(BackendRefused, match=r"goes on with job-1.*does not fit"):
        serving.redeploy(other.id, "job-2", now=20_000.0)
    assert serving.deployment("deployment-1").revisions == before.revisions


# selectors


def test_the_registry_tells_lineage_both_ways(serving):
    serving.fork("job-1", step=10, changes={"seed": 5}, now=13_600.0)
    serving.submit(TOO_LARGE, now=13_600.0)
    serving.advance(now=40_000.0)
    serving.redeploy("deployment-1", "job-2", now=40_000.0)
    first, second = serving.registry()
    assert (first.job_id, first.deployment_ids, first.served_by) == ("job-1", (), ("deployment-1",))
    assert (second.job_id, second.parent_id) == ("job-2", "job-1")
    assert second.deployment_ids == second.served_by == ("deployment-1",)
    assert (first.base_model_id, first.method) == ("openai-community/gpt2", "lora")
    assert first.eval_loss == serving.metrics("job-1").frame()["eval_loss"].dropna().iloc[-1]


def test_the_summary_adds_up(serving):
    serving.submit(TOO_LARGE, now=13_600.0)
    serving.submit(SMALL, now=13_600.0)
    serving.advance(now=13_700.0)
    summary = serving.summary()
    jobs, deployment = serving.jobs(), serving.deployment("deployment-1")
    assert summary.jobs_by_status == {"completed": 1, "failed": 1, "running": 1}
    assert summary.deployments_by_status == {"healthy": 1}
    assert summary.training_cost_usd == pytest.approx(sum(job.cost_usd for job in jobs))
    assert summary.serving_cost_usd == deployment.cost_usd
    assert summary.accelerator_hours == pytest.approx(sum(job.elapsed_s for job in jobs) / 3600)
    tokens = [serving.metrics(job.id).latest().get("tokens", 0.0) for job in jobs]
    assert summary.tokens == pytest.approx(sum(tokens))
    assert summary.replicas == deployment.replicas
    assert summary.request_rate == serving.metrics("deployment-1").latest()["request_rate"]
    evaluated = [
        finite.iloc[-1]
        for job in jobs
        if len(finite := serving.metrics(job.id).frame(10_000)["eval_loss"].dropna())
    ]
    assert summary.best_eval_loss == min(evaluated)


def test_an_empty_workspace_adds_up_to_nothing(store):
    assert store.advance(now=5.0) == ()
    summary = store.summary()
    assert (summary.jobs, summary.deployments, summary.tokens, summary.best_eval_loss) == (0, 0, 0, None)
    assert (store.clock.simulated_s, store.jobs(), store.events(), store.registry()) == (0.0, (), (), ())


@pytest.mark.slow
def test_a_thousand_finished_jobs_are_not_visited_again(store):
    tiny = SMALL.changed(max_steps=5, accelerator="nvidia-h100-80gb", epochs=1)
    for number in range(1000):
        store.submit(tiny, now=float(number))
    store.advance(now=1e6)
    assert store.summary().jobs_by_status == {"completed": 1000}
    backend = store._live.job_backend("simulated")
    backend.state = backend.history = None  # nobody may ask
    assert store.advance(now=2e6) == ()
    assert store.summary().jobs == 1000
