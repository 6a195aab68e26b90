"""A workspace: actions, what they demand, what is seen, and other processes on the same file."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from vapor_core import Store, catalog
from vapor_core.contracts.entries import Accelerator, CatalogModel, Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import (
    BackendRefused,
    ForbiddenTransition,
    InvalidConfig,
    JournalError,
    JournalFull,
    NotFound,
    NotInCatalog,
)
from vapor_core.journal.events import Renamed
from vapor_core.journal.journal import MemoryJournal

ROOT = Path(__file__).parents[2]
SMALL = JobConfig(
    model="openai-community/gpt2", dataset="mhenrichsen/alpaca_2k_test", max_steps=2000, eval_every=40, seed=3
)
TOO_LARGE = JobConfig(model="meta-llama/Llama-3.1-8B", method="full")


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def finished(store):
    """A store whose job-1 is completed, at 10,000 s."""
    store.submit(SMALL, now=0.0)
    store.advance(now=10_000.0)
    return store


@pytest.fixture
def serving(finished):
    """And whose deployment-1 has served it for an hour."""
    finished.deploy("job-1", now=10_000.0)
    finished.advance(now=13_600.0)
    return finished


# jobs


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
        (SMALL.changed(backend="local"), "needs the extra 'local'"),
        (SMALL.changed(backend="ray"), "needs the extra 'ray'"),
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
    assert ours.iloc[:100].equals(theirs.iloc[:100])
    assert not ours["loss"].equals(theirs["loss"])


@pytest.mark.parametrize("step", [-1, 2001, 1.5, True, "10"])
def test_a_fork_from_a_step_that_is_not_there_is_refused(finished, step):
    with pytest.raises(InvalidConfig, match="has done 2,000 steps"):
        finished.fork("job-1", step=step, changes={}, now=10_000.0)


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


# deployments


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
    store.stop("job-1", now=200.0)
    assert store.deploy("job-1", now=201.0).status == "starting"


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


# what can go wrong when recording, and others on the same file


class Failing(MemoryJournal):
    """Refuses to write while told so."""

    trouble: JournalError | None = None

    def append(self, workspace, after, at, event):
        if self.trouble:
            raise self.trouble
        return super().append(workspace, after, at, event)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.submit(SMALL, now=101.0),
        lambda store: store.pause("job-1", now=101.0),
        lambda store: store.stop("job-1", now=101.0),
        lambda store: store.delete("job-1", now=101.0),
        lambda store: store.fork("job-1", step=1, changes={}, now=101.0),
        lambda store: store.set_speed(5.0, now=101.0),
    ],
)
def test_what_could_not_be_recorded_did_not_happen(act):
    journal = Failing()
    store, untouched = Store(journal), Store()
    for each in (store, untouched):
        each.submit(SMALL, now=0.0)
        each.advance(now=100.0)
    journal.trouble = JournalFull("there is no room")
    with pytest.raises(JournalFull):
        act(store)
    for each in (store, untouched):
        each.advance(now=300.0)
    assert store.jobs(include_deleted=True) == untouched.jobs()
    assert store.clock == untouched.clock
    journal.trouble = None
    act(store)
    assert len(journal.read("default")) == 2


def test_two_stores_on_one_file_see_each_other(tmp_path):
    first, second = (Store.open(tmp_path / "work.db") for _ in range(2))
    first.submit(SMALL, now=0.0)
    assert second.submit(SMALL, now=10.0).id == "job-2"
    first.advance(now=100.0)
    second.pause("job-1", now=120.0)
    first.advance(now=200.0)
    second.advance(now=200.0)
    assert first.job("job-1").status == "paused"
    assert first.jobs() == second.jobs()
    with pytest.raises(ForbiddenTransition, match="job-1 is paused"):
        first.pause("job-1", now=210.0)
    first.close()
    second.close()


def test_a_world_that_ran_ahead_of_anothers_action_follows_the_journal(tmp_path):
    ahead, behind = (Store.open(tmp_path / "work.db") for _ in range(2))
    ahead.submit(SMALL, now=0.0)
    ahead.advance(now=300.0)
    points = len(ahead.metrics("job-1").frame())
    behind.pause("job-1", now=100.0)
    behind.advance(now=300.0)
    ahead.advance(now=300.0)
    assert ahead.jobs() == behind.jobs()
    frame = ahead.metrics("job-1").frame()
    assert len(frame) < points
    assert frame.equals(behind.metrics("job-1").frame())
    ahead.close()
    behind.close()


def test_workspaces_of_one_file_are_strangers(tmp_path):
    mine = Store.open(tmp_path / "work.db", workspace="mine")
    yours = Store(mine.journal, workspace="yours")
    mine.submit(SMALL, now=0.0)
    yours.advance(now=5.0)
    assert yours.jobs() == ()
    mine.close()


def test_what_happened_before_it_was_opened_is_no_news(finished):
    again = Store(finished.journal)
    assert again.advance(now=10_000.0) == ()
    assert again.events() == finished.events()


WORLD = """
import sys, time
from hashlib import sha256
from vapor_core.workspace.store import Store
began = time.process_time()
store = Store.open(sys.argv[1])
store.advance(now=5000.0)
told = repr((store.jobs(), store.summary(), store.clock))
print(time.process_time() - began, sha256(told.encode()).hexdigest())
"""


@pytest.mark.slow
def test_a_large_workspace_opens_in_under_a_second_to_the_same_world_in_another_process(tmp_path):
    path = tmp_path / "work.db"
    store = Store.open(path)
    for seed in range(500):
        store.submit(SMALL.changed(seed=seed), now=float(seed))
    for number in range(500, 2000):
        renamed = Renamed(id=f"job-{number % 500 + 1}", name=f"name {number}")
        store.journal.append("default", number, 600.0, renamed)
    store.advance(now=5000.0)
    here = sha256(repr((store.jobs(), store.summary(), store.clock)).encode()).hexdigest()
    store.close()
    command = [sys.executable, "-c", WORLD, str(path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    seconds, there = told.stdout.split()
    assert there == here
    assert float(seconds) < 1.0


def test_a_store_tells_what_was_set_aside(tmp_path):
    (tmp_path / "work.db").write_bytes(b"words " * 1000)
    store = Store.open(tmp_path / "work.db")
    assert "corrupt" in store.notices[0]
    store.close()
