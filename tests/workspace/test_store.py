"""A workspace: what can be done about jobs, what that demands, and what is seen."""

import pytest
from small_jobs import SMALL

from vapor_core import Store, catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import (
    BackendRefused,
    ForbiddenTransition,
    InvalidConfig,
    NotFound,
    NotInCatalog,
)

TOO_LARGE = JobConfig(model="meta-llama/Llama-3.1-8B", method="full")


def test_a_submitted_job_shows_at_once(store):
    job = store.submit(SMALL, now=100.0)
    assert (job.id, job.status, job.step, job.total_steps) == ("job-1", "initializing", 0, 2000)
    assert store.jobs() == (job,)
    assert store.job("job-1").config == SMALL


def test_a_job_is_called_by_its_config_or_its_model(store):
    assert store.submit(SMALL, now=0.0).name == f"{catalog.model(SMALL.model).display_name} lora"
    assert store.submit(SMALL.changed(name="mine"), now=0.0).name == "mine"
    assert store.submit(SMALL, name="given", now=0.0).name == "given"


def test_ids_belong_to_the_workspace():
    assert [Store().submit(SMALL, now=0.0).id for _ in range(2)] == ["job-1", "job-1"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (SMALL.changed(accelerator="nvidia-b200", accelerator_count=17), "ask for 16 or fewer"),
        (SMALL.changed(backend="local"), "VAPOR_BACKENDS=local"),
        (SMALL.changed(backend="ray"), "VAPOR_BACKENDS=ray"),
    ],
)
def test_a_refused_job_leaves_the_workspace_as_it_was(store, config, words):
    store.submit(SMALL, now=0.0)
    before = (store.jobs(), store.clock, store.journal.read("default"))
    with pytest.raises(BackendRefused, match=words):
        store.submit(config, now=1.0)
    assert (store.jobs(), store.clock, store.journal.read("default")) == before
    assert store.submit(SMALL, now=2.0).id == "job-2"


def test_an_unknown_model_is_told_and_nothing_is_recorded(store):
    with pytest.raises(NotInCatalog, match="nearest in the catalog"):
        store.submit(JobConfig(model="gpt-9"), now=0.0)
    assert store.journal.read("default") == ()


def test_a_job_runs_to_its_end(finished):
    job = finished.job("job-1")
    assert (job.status, job.step, job.progress, job.eta_s) == ("completed", 2000, 1.0, None)
    assert job.cost_usd == pytest.approx(
        job.elapsed_s * catalog.accelerator("nvidia-l4").price_per_hour / 3600
    )
    assert len(finished.metrics("job-1")) == 2000


def test_a_failed_job_says_why(store):
    store.submit(TOO_LARGE, now=0.0)
    store.advance(now=10_000.0)
    job = store.job("job-1")
    assert job.status == "failed"
    assert job.failure.code == "out_of_memory"
    assert store.submit(job.config.changed(**job.failure.changes), now=10_000.0).status == "initializing"
    store.advance(now=20_000.0)
    assert store.job("job-2").status != "failed"


def test_actions_follow_the_life_cycle(store):
    store.submit(SMALL, now=0.0)
    with pytest.raises(ForbiddenTransition, match="only a paused job can be resumed"):
        store.resume("job-1", now=50.0)
    assert store.pause("job-1", now=60.0).status == "paused"
    with pytest.raises(ForbiddenTransition, match="job-1 is paused and cannot become paused"):
        store.pause("job-1", now=70.0)
    assert store.resume("job-1", now=80.0).status == "running"
    assert store.stop("job-1", now=90.0).status == "stopped"
    with pytest.raises(ForbiddenTransition, match="stopped is final"):
        store.stop("job-1", now=100.0)


def test_an_action_is_judged_by_the_world_at_its_instant_not_by_the_last_refresh(store):
    store.submit(SMALL, now=0.0)
    store.advance(now=1.0)
    with pytest.raises(ForbiddenTransition, match="job-1 is completed"):
        store.pause("job-1", now=10_000.0)
    assert store.job("job-1").status == "initializing"


def test_an_action_takes_effect_at_its_instant(store):
    store.submit(SMALL, now=0.0)
    store.pause("job-1", now=100.0)
    seen = store.job("job-1")
    assert (seen.status, seen.step) == ("paused", 0)
    store.advance(now=500.0)
    reference = Store()
    reference.submit(SMALL, now=0.0)
    reference.advance(now=100.0)
    assert store.job("job-1").step == reference.job("job-1").step > 0


def test_a_deleted_job_is_out_of_sight_and_can_be_restored(finished):
    job = finished.job("job-1")
    assert finished.delete("job-1", now=10_001.0).deleted
    assert finished.jobs() == ()
    assert finished.summary().jobs == 0
    assert [each.id for each in finished.jobs(include_deleted=True)] == ["job-1"]
    with pytest.raises(ForbiddenTransition, match="deleted already"):
        finished.delete("job-1", now=10_002.0)
    assert finished.restore("job-1", now=10_003.0) == job
    with pytest.raises(ForbiddenTransition, match="nothing to restore"):
        finished.restore("job-1", now=10_004.0)


def test_deleting_a_running_job_ends_it(store):
    store.submit(SMALL, now=0.0)
    store.delete("job-1", now=100.0)
    store.advance(now=10_000.0)
    assert store.restore("job-1", now=10_000.0).status == "stopped"
    assert 0 < store.job("job-1").step < 2000


def test_a_job_can_be_renamed(finished):
    finished.rename("job-1", "  the good one ", now=10_001.0)
    assert finished.job("job-1").name == "the good one"
    for wrong in ("", "   ", "two\nlines", "x" * 201):
        with pytest.raises(InvalidConfig, match="one line of 1 to 200"):
            finished.rename("job-1", wrong, now=10_002.0)


def test_a_fork_names_its_parent_and_leaves_it_alone(finished):
    parent = finished.job("job-1")
    fork = finished.fork("job-1", step=100, changes={"learning_rate": 1e-3}, now=10_000.0)
    assert (fork.parent_id, fork.fork_step, fork.step) == ("job-1", 100, 100)
    assert fork.config == SMALL.changed(learning_rate=1e-3)
    finished.advance(now=30_000.0)
    assert finished.job("job-1") == parent
    ours, theirs = (finished.metrics(key).frame(max_points=10_000) for key in (fork.id, "job-1"))
    inherited, own = (frame.iloc[:100].drop(columns=["elapsed_s", "cost_usd"]) for frame in (ours, theirs))
    assert inherited.equals(own)
    assert not ours["loss"].equals(theirs["loss"])


@pytest.mark.parametrize("step", [-1, 2001, 1.5, True, "10"])
def test_a_fork_from_a_step_that_is_not_there_is_refused(finished, step):
    with pytest.raises(InvalidConfig, match="has done 2,000 steps"):
        finished.fork("job-1", step=step, changes={}, now=10_000.0)


@pytest.mark.slow
def test_a_fork_with_nothing_left_or_wrong_changes_is_refused(finished):
    with pytest.raises(InvalidConfig, match="fork before that or train longer"):
        finished.fork("job-1", step=300, changes={"max_steps": 200}, now=10_000.0)
    with pytest.raises(InvalidConfig, match="is not a field"):
        finished.fork("job-1", step=300, changes={"lerning_rate": 1e-3}, now=10_000.0)
    assert len(finished.jobs(include_deleted=True)) == 1


def test_the_queue_shows_who_waits(store):
    full = SMALL.changed(accelerator="nvidia-b200", accelerator_count=16)
    assert store.submit(full, now=0.0).status == "initializing"
    assert store.submit(full, now=0.0).status == "queued"
    store.stop("job-1", now=50.0)
    store.advance(now=51.0)
    assert store.job("job-2").status == "initializing"


def test_a_card_of_ones_own_has_its_own_line(store):
    own = Accelerator(
        id="mine", memory_gb=24, bandwidth_gb_s=300, fp32_tflops=30, bf16_tflops=120, capacity=1
    )
    config = SMALL.changed(accelerator=own)
    assert [store.submit(config, now=0.0).status for _ in range(2)] == ["initializing", "queued"]
    assert store.submit(SMALL, now=0.0).status == "initializing"


@pytest.mark.parametrize("now", [float("nan"), float("inf"), "noon", None])
def test_a_clock_that_is_no_number_is_refused(store, now):
    with pytest.raises(InvalidConfig, match="now should be seconds"):
        store.submit(SMALL, now=now)
    with pytest.raises(InvalidConfig, match="now should be seconds"):
        store.advance(now=now)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf"), 1e9, "fast", True])
def test_a_speed_that_is_none_is_refused(store, speed):
    with pytest.raises(InvalidConfig, match="speed should be a number from 0"):
        store.set_speed(speed, now=0.0)


def test_who_is_not_there_is_told_with_who_is(finished):
    for read in (finished.job, finished.metrics, finished.events, finished.logs, finished.abilities):
        with pytest.raises(NotFound, match=r"no .* 'job-9'.*"):
            read("job-9")
    with pytest.raises(NotFound, match="the latest are: job-1"):
        finished.job("job-9")
    with pytest.raises(NotFound, match="none yet"):
        finished.deployment("deployment-1")
    with pytest.raises(NotFound, match=r"^no job '"):
        finished.pause("x" * 500, now=10_000.0)


def test_news_are_told_once(store):
    store.submit(SMALL, now=0.0)
    kinds = [line.kind for line in store.advance(now=100.0)]
    assert kinds[:3] == ["submitted", "initializing", "started"]
    store.pause("job-1", now=150.0)
    again = [line.kind for line in store.advance(now=200.0)]
    assert "paused" in again and "submitted" not in again
    store.resume("job-1", now=200.0)
    last = [line.kind for line in store.advance(now=20_000.0)]
    assert last[0] == "resumed" and last[-1] == "completed"
    assert store.advance(now=30_000.0) == ()
    assert [line.kind for line in store.events("job-1")] == kinds + again + last


def test_choices_are_not_recorded(finished):
    entries = finished.journal.read("default")
    finished.choices["smoothing"] = 0.6
    assert finished.journal.read("default") == entries


# own models and data


def test_own_data_and_models_are_known_by_their_ids(store):
    data = store.add_dataset(Dataset(id="me/data", tokens=400_000, examples=1_000), now=0.0)
    architecture = catalog.model("openai-community/gpt2")
    model = store.add_model(CatalogModel(**{**architecture.model_dump(), "id": "me/gpt2"}), now=0.0)
    assert (store.datasets()[0], store.models()[0]) == (data, model)
    job = store.submit(JobConfig(model="me/gpt2", dataset="me/data"), now=1.0)
    assert (job.config.model, job.config.dataset) == (model, data)
    again = Store(store.journal)
    assert (again.datasets(), again.models(), again.jobs()) == (
        store.datasets(),
        store.models(),
        store.jobs(),
    )
