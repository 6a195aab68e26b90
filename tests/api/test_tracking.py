"""What trainers report by MLflow's protocol becomes live jobs, and nothing that was acknowledged is lost."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vapor_core.backends.followed.tracking import tracked_run
from vapor_core.sharing.tracking_tokens import TrackingTokens
from vapor_core.workspace.store import Store


def metric(key, value, step, at=None):
    return {"key": key, "value": value, "step": step, "timestamp": at or 1_700_000_000_000 + step * 1000}


def the_job(store):
    store.advance(now=time.time())
    (job,) = store.jobs()
    return job


def test_a_run_is_a_live_job_from_its_first_word_to_its_last(client, store):
    run = client.run(run_name="mine")
    assert the_job(store).name == "mine"
    assert the_job(store).status == "running"
    for step in range(1, 6):
        client.post("runs/log-batch", run_id=run, metrics=[metric("loss", 3 - step / 10, step)])
    client.post("runs/log-metric", run_id=run, **metric("eval_loss", 2.8, 5))
    job = the_job(store)
    assert job.step == 5
    frame = store.metrics(job.id).frame()
    assert frame["loss"].tolist() == [2.9, 2.8, 2.7, 2.6, 2.5]
    assert frame["eval_loss"].tolist()[-1] == 2.8
    client.post("runs/update", run_id=run, status="FINISHED", end_time=1_700_000_100_000)
    assert the_job(store).status == "completed"


@pytest.mark.parametrize(
    ("status", "shown"), [("FAILED", "failed"), ("KILLED", "stopped"), ("FINISHED", "completed")]
)
def test_a_runs_end_is_its_jobs(client, store, status, shown):
    run = client.run()
    client.post("runs/log-metric", run_id=run, **metric("loss", 2.0, 1))
    client.post("runs/update", run_id=run, status=status)
    assert the_job(store).status == shown


def test_a_batch_that_is_sent_again_counts_once(client, store):
    run = client.run()
    batch = {
        "run_id": run,
        "metrics": [metric("loss", 2.0, step) for step in range(100)],
        "params": [{"key": "lr", "value": "1"}],
    }
    for _ in range(3):
        client.post("runs/log-batch", **batch)
    history = client.get("metrics/get-history", f"run_id={run}&metric_key=loss")["metrics"]
    assert [point["step"] for point in history] == list(range(100))


def test_a_metrics_history_comes_in_pages(client):
    run = client.run()
    client.post("runs/log-batch", run_id=run, metrics=[metric("loss", 2.0, step) for step in range(25)])
    seen, token = [], ""
    while True:
        page = client.get(
            "metrics/get-history", f"run_id={run}&metric_key=loss&max_results=10&page_token={token}"
        )
        seen += [point["step"] for point in page["metrics"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert seen == list(range(25))


def test_what_is_no_number_is_kept_as_that(client, store):
    run = client.run()
    values = {"nan": math.nan, "up": math.inf, "down": -math.inf}
    for name, word in (("nan", "NaN"), ("up", "Infinity"), ("down", "-Infinity")):
        client.post("runs/log-metric", run_id=run, key=name, value=word, step=1, timestamp=1)
    client.post("runs/log-metric", run_id=run, key="loss", value="NaN", step=1, timestamp=1)
    told = {
        each["key"]: each["value"]
        for each in client.get("runs/get", f"run_id={run}")["run"]["data"]["metrics"]
    }
    assert told == {"nan": "NaN", "up": "Infinity", "down": "-Infinity", "loss": "NaN"}
    kept = tracked_run(store.workspace, run)
    kept.look()
    assert repr(kept.points("down")[0].value) == repr(values["down"])
    assert math.isinf(store.metrics(the_job(store).id).frame()["loss"][0])


def test_a_parameter_is_said_once_and_not_changed(client):
    run = client.run()
    client.post("runs/log-parameter", run_id=run, key="lr", value="0.1")
    client.post("runs/log-parameter", run_id=run, key="lr", value="0.1")
    status, answer = client.ask(
        "POST", "runs/log-batch", {"run_id": run, "params": [{"key": "lr", "value": "0.2"}]}
    )
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "already logged with value='0.1'" in answer["message"]


def test_tags_come_and_go(client):
    run = client.run(tags=[{"key": "a", "value": "1"}])
    client.post("runs/set-tag", run_id=run, key="b", value="2")
    client.post("runs/delete-tag", run_id=run, key="a")
    tags = {
        each["key"]: each["value"] for each in client.get("runs/get", f"run_id={run}")["run"]["data"]["tags"]
    }
    assert tags["b"] == "2" and "a" not in tags
    assert client.ask("POST", "runs/delete-tag", {"run_id": run, "key": "a"})[0] == 404


def test_experiments_are_made_found_renamed_and_put_out_of_sight(client):
    made = client.post("experiments/create", name="first", tags=[{"key": "team", "value": "a"}])[
        "experiment_id"
    ]
    assert (
        client.get("experiments/get-by-name", "experiment_name=first")["experiment"]["experiment_id"] == made
    )
    assert (
        client.ask("POST", "experiments/create", {"name": "first"})[1]["error_code"]
        == "RESOURCE_ALREADY_EXISTS"
    )
    client.post("experiments/update", experiment_id=made, new_name="second")
    client.post("experiments/set-experiment-tag", experiment_id=made, key="k", value="v")
    found = client.get("experiments/get", f"experiment_id={made}")["experiment"]
    assert (found["name"], len(found["tags"])) == ("second", 2)
    client.post("experiments/delete", experiment_id=made)
    names = [each["name"] for each in client.post("experiments/search", max_results=10)["experiments"]]
    assert names == ["Default"]
    assert client.ask("POST", "runs/create", {"experiment_id": made})[1]["error_code"] == "INVALID_STATE"
    client.post("experiments/restore", experiment_id=made)
    assert len(client.post("experiments/search", max_results=10)["experiments"]) == 2


def test_runs_are_searched_by_metrics_parameters_tags_and_attributes(client):
    for number in range(4):
        run = client.run(run_name=f"run {number}", tags=[{"key": "team", "value": "ab"[number % 2]}])
        client.post(
            "runs/log-batch",
            run_id=run,
            metrics=[metric("loss", float(number), 1)],
            params=[{"key": "lr", "value": str(number)}],
        )

    def search(wanted, **more):
        answer = client.post("runs/search", experiment_ids=["0"], filter=wanted, **more)
        return [each["info"]["run_name"] for each in answer.get("runs", [])]

    assert search("metrics.loss > 1", order_by=["metrics.loss DESC"]) == ["run 3", "run 2"]
    assert search("params.lr = '2' and tags.team = 'a'") == ["run 2"]
    assert search("tags.`team` != 'a'", order_by=["metrics.loss ASC"]) == ["run 1", "run 3"]
    assert search("attributes.run_name LIKE 'run%'", max_results=2, order_by=["params.lr"]) == [
        "run 0",
        "run 1",
    ]
    assert search("run_name IN ('run 0', 'nobody')") == ["run 0"]
    assert search("metrics.other < 1") == []
    status, answer = client.ask("POST", "runs/search", {"experiment_ids": ["0"], "filter": "loss is small"})
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_run_that_is_deleted_there_is_out_of_sight_here(client, store):
    run = client.run()
    the_job(store)
    client.post("runs/delete", run_id=run)
    store.advance(now=time.time())
    assert not store.jobs()
    assert not client.post("runs/search", experiment_ids=["0"])["runs"]
    client.post("runs/restore", run_id=run)
    store.advance(now=time.time())
    assert len(store.jobs()) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("GET", "runs/get", f"run_id={'0' * 32}"), (404, "RESOURCE_DOES_NOT_EXIST")),
        (("GET", "runs/get", "run_id=../../etc/passwd"), (404, "RESOURCE_DOES_NOT_EXIST")),
        (("GET", "runs/get", ""), (400, "INVALID_PARAMETER_VALUE")),
        (("GET", "experiments/get", "experiment_id=77"), (404, "RESOURCE_DOES_NOT_EXIST")),
        (("POST", "runs/nothing", {}), (404, "ENDPOINT_NOT_FOUND")),
        (("GET", "artifacts/list", "run_id=1"), (501, "NOT_IMPLEMENTED")),
        (("POST", "registered-models/create", {"name": "x"}), (501, "NOT_IMPLEMENTED")),
    ],
)
def test_what_cannot_be_had_is_told_by_the_protocols_own_error(client, asked, told):
    status, answer = client.ask(*asked)
    assert (status, answer["error_code"]) == told


def test_artifacts_are_refused_whatever_they_hold(client):
    status, answer = client.ask(
        "PUT", "artifacts/0/1/artifacts/a.txt", {"x": 1}, prefix="api/2.0/mlflow-artifacts/"
    )
    assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")


@pytest.mark.parametrize(
    "batch",
    [
        {"metrics": [metric("loss", 1.0, 1), {"key": "loss"}]},
        {"metrics": [{"key": "loss", "value": "high", "step": 1, "timestamp": 1}]},
        {"metrics": [{"key": "x" * 300, "value": 1, "step": 1, "timestamp": 1}]},
        {"metrics": [metric("loss", 1.0, step) for step in range(1001)]},
        {"metrics": "loss"},
        {"params": [{"value": "1"}]},
    ],
    ids=["half", "word", "long key", "many", "no list", "no key"],
)
def test_a_batch_is_kept_whole_or_not_at_all(client, batch):
    run = client.run()
    status, answer = client.ask("POST", "runs/log-batch", {"run_id": run, **batch})
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert not client.get("runs/get", f"run_id={run}")["run"]["data"]["metrics"]


def test_nobody_logs_without_a_token_or_with_one_that_was_withdrawn(client, store):
    for token in ("", "another-token", "../mine"):
        stranger = type(client)(client.root, token or "x")
        assert stranger.ask("POST", "runs/create", {})[1]["error_code"] in (
            "UNAUTHENTICATED",
            "ENDPOINT_NOT_FOUND",
        )
    bearer = type(client)(client.root, None)
    assert bearer.ask("POST", "runs/create", {})[0] == 401
    allowed = {"Authorization": f"Bearer {client.token}"}
    assert bearer.ask("POST", "runs/create", {"experiment_id": "0"}, headers=allowed)[0] == 200
    TrackingTokens(store.journal).revoke(store.workspace, now=time.time())
    assert client.ask("POST", "runs/create", {"experiment_id": "0"})[0] == 401


def test_another_token_takes_the_place_of_the_first(client, store):
    TrackingTokens(store.journal).make(store.workspace, "another-token", now=time.time())
    assert client.ask("POST", "runs/create", {"experiment_id": "0"})[0] == 401
    assert (
        type(client)(client.root, "another-token").ask("POST", "runs/create", {"experiment_id": "0"})[0]
        == 200
    )


def test_a_restarted_server_goes_on_and_a_job_that_was_not_recorded_is(client, another_server, store):
    run = client.run()
    client.post("runs/log-metric", run_id=run, **metric("loss", 2.0, 1))
    orphan = tracked_run(store.workspace, "f" * 32)  # a server was killed between the file and the job
    orphan.create("0", "orphan", 1_700_000_000_000, {})
    another_server.post("runs/log-metric", run_id=run, **metric("loss", 1.5, 2))
    store.advance(now=time.time())
    assert sorted(job.name for job in store.jobs())[0] == "orphan"
    assert len(store.jobs()) == 2
    history = another_server.get("metrics/get-history", f"run_id={run}&metric_key=loss")["metrics"]
    assert [point["value"] for point in history] == [2.0, 1.5]


def test_a_runs_parameters_become_its_configuration(client, store):
    run = client.run()
    params = {
        **{"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4},
        **{
            "intermediate_size": 128,
            "vocab_size": 512,
            "model_type": "llama",
            "max_position_embeddings": 128,
        },
        **{
            "per_device_train_batch_size": 4,
            "num_train_epochs": 2.0,
            "learning_rate": 0.001,
            "max_steps": -1,
        },
        **{"output_dir": "out", "bf16": True, "lr_scheduler_type": "linear", "optim": "adamw_torch"},
    }
    client.post(
        "runs/log-batch",
        run_id=run,
        params=[{"key": key, "value": str(value)} for key, value in params.items()],
    )
    for step in (5, 10):
        metrics = [metric("loss", 2.0, step), metric("epoch", step / 50, step)]
        client.post("runs/log-batch", run_id=run, metrics=metrics)
    job = the_job(store)
    assert job.config.learning_rate == 0.001
    assert job.config.micro_batch_size == 4
    assert (job.config.method, job.config.max_steps) == ("full", 100)
    assert job.total_steps == 100
    assert store.abilities(job.id).can_clone


@pytest.mark.slow
def test_two_hundred_runs_that_log_at_once_lose_nothing(client, store):
    steps = 20

    def log(number):
        run = client.run(run_name=f"run {number}")
        for step in range(steps):
            client.post(
                "runs/log-batch",
                run_id=run,
                metrics=[metric("loss", number + step / 100, step), metric("eval_loss", 1.0, step)],
            )
        client.post("runs/update", run_id=run, status="FINISHED")
        return run

    with ThreadPoolExecutor(200) as pool:
        runs = list(pool.map(log, range(200)))
    store.advance(now=time.time())
    jobs = store.jobs()
    assert sorted(job.name for job in jobs) == sorted(f"run {number}" for number in range(200))
    assert {job.status for job in jobs} == {"completed"}
    for number, run in enumerate(runs):
        kept = tracked_run(store.workspace, run)
        kept.look()
        assert [point.value for point in kept.points("loss")] == [
            number + step / 100 for step in range(steps)
        ]
    assert Store(store.journal, store.workspace).job(jobs[0].id).step == steps
