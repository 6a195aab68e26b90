"""A job on a Ray cluster: told once for each time that it is wanted, and shown as the cluster says."""

import json
import os
import signal
import time

import pytest

from tests.backends.local.running import TRAINER, opened, processes, until
from tests.backends.local.running import run_of as local_run_of
from tests.backends.ray.cluster import a_cluster
from vapor_core import JobConfig
from vapor_core.backends.local.run_directory import RunDirectory
from vapor_core.backends.ray import place
from vapor_core.backends.ray.api import Cluster, ClusterFault
from vapor_core.backends.ray.submit import bring, ray_id
from vapor_core.backends.ray.view import VIEW, View
from vapor_core.errors import BackendRefused
from vapor_core.workspace.store import Store

MODEL = "HuggingFaceTB/SmolLM2-135M"


def config(steps=40, **more):
    return JobConfig(model=MODEL, method="pretrain", max_steps=steps, backend="ray", precision="bf16", **more)


@pytest.fixture
def ray(tmp_path, monkeypatch):
    """A server that may use a cluster, and the cluster."""
    with a_cluster() as (fake, address):
        monkeypatch.setenv("VAPOR_BACKENDS", "ray")
        monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "runs"))
        monkeypatch.setenv("VAPOR_TRAINING_PROGRAM", json.dumps(TRAINER))
        monkeypatch.setenv("RAY_ADDRESS", address)
        monkeypatch.setenv("VAPOR_RAY_PYTHON", TRAINER[0])
        monkeypatch.setattr("vapor_core.backends.ray.view.LOOK_S", 0.1)
        yield fake


def submitted(store, **more):
    return store.submit(config(**more), now=time.time()).id


@pytest.mark.slow
def test_a_job_runs_pauses_goes_on_stops_and_completes_through_the_cluster(ray, tmp_path):
    store = opened(tmp_path)
    job = submitted(store, steps=60)
    until(store, job, "running", step=5)
    store.pause(job, now=time.time())
    until(store, job, "paused")
    at = store.job(job).step
    store.resume(job, now=time.time())
    until(store, job, "running", step=at + 1)
    store.stop(job, now=time.time())
    until(store, job, "stopped")
    store.resume(job, now=time.time())
    until(store, job, "completed")
    assert store.metrics(job).frame()["step"].tolist() == list(range(60))
    wishes = sorted(int(name.rsplit("-", 1)[1]) for name in ray.jobs)
    assert wishes == [0, 2, 4]
    assert store.workspace not in "".join(ray.jobs)


@pytest.mark.slow
def test_a_job_that_waits_says_so_and_can_be_taken_back(ray, tmp_path):
    ray.holds = "Job has not started yet. It may be waiting for resources (CPUs, GPUs)."
    store = opened(tmp_path)
    job = submitted(store)
    end = time.monotonic() + 30
    while "waiting for resources" not in store.logs(job) and time.monotonic() < end:
        time.sleep(0.05)
    assert store.job(job).status == "queued"
    assert store.logs(job).startswith("pending: Job has not started yet.")
    store.stop(job, now=time.time())
    until(store, job, "stopped")
    (told,) = ray.jobs.values()
    assert told["stopped"] and told["process"] is None


@pytest.mark.slow
def test_a_trainer_that_is_killed_is_begun_again_from_its_last_checkpoint(ray, tmp_path):
    store = opened(tmp_path)
    job = submitted(store, steps=60)
    until(store, job, "running", step=12)
    run = local_run_of(store, job)
    os.kill(processes("trainer.py", run)[0], signal.SIGKILL)
    until(store, job, "completed")
    assert store.metrics(job).frame()["step"].tolist() == list(range(60))
    assert "The trainer is gone and is begun again from its last checkpoint." in [
        each.sentence for each in store.events(job)
    ]
    assert len(ray.jobs) == 1


@pytest.mark.slow
def test_an_owner_that_is_killed_is_named_and_resume_goes_on(ray, tmp_path):
    store = opened(tmp_path)
    job = submitted(store, steps=60)
    until(store, job, "running", step=5)
    run = local_run_of(store, job)
    killed = time.monotonic()
    os.kill(processes("backends.ray.entry", run)[0], signal.SIGKILL)
    until(store, job, "lost")
    assert time.monotonic() - killed < 15
    assert "supervisor" in store.job(job).failure.sentence
    store.resume(job, now=time.time())
    until(store, job, "completed")
    assert store.metrics(job).frame()["step"].tolist() == list(range(60))


@pytest.mark.slow
def test_a_restarted_server_finds_its_job_and_starts_none_twice(ray, tmp_path):
    store = opened(tmp_path)
    job = submitted(store, steps=60)
    until(store, job, "running", step=5)
    store.close()
    again = opened(tmp_path)
    until(again, job, "completed")
    assert again.metrics(job).frame()["step"].tolist() == list(range(60))
    assert len(ray.jobs) == 1


@pytest.mark.slow
def test_a_cluster_that_breaks_is_told_and_asked_once_more(ray, tmp_path):
    ray.breaks = 500
    store = opened(tmp_path)
    job = submitted(store)
    until(store, job, "lost")
    assert "ValueError: something broke" in store.job(job).failure.sentence
    assert "Traceback" not in store.job(job).failure.sentence
    ray.breaks = 0
    store.resume(job, now=time.time())
    until(store, job, "completed")


def test_being_brought_twice_is_being_brought_once(ray, tmp_path):
    run = RunDirectory(tmp_path / "runs" / "default" / "job-7")
    ray.holds = "waits"
    run.create({"config": {"accelerator_count": 1}})
    bring(run)
    bring(run)
    assert list(ray.jobs) == [ray_id(run, 0)]
    assert json.loads((run.path / "submitted.json").read_text())["trouble"] == ""


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({}, {"entrypoint_num_cpus": 1.0}), ({"accelerator_count": 2}, {"entrypoint_num_cpus": 0})],
)
def test_what_a_job_needs_is_asked_of_the_cluster(ray, tmp_path, changes, asked):
    ray.holds = "waits"
    run = RunDirectory(tmp_path / "runs" / "default" / "job-7")
    run.create({"config": config(**changes).model_dump(mode="json")})
    bring(run)
    (told,) = ray.jobs.values()
    assert {
        name: value for name, value in told["fields"].items() if name.startswith("entrypoint_num")
    } == asked
    assert told["fields"]["runtime_env"]["env_vars"]["OMP_WAIT_POLICY"] == "passive"


def test_a_slow_or_dead_cluster_holds_no_page_up(ray, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:1")
    view = View()
    began = time.monotonic()
    assert view.of("vapor-x-0") is None
    assert time.monotonic() - began < 0.1
    view.look()
    assert "does not answer" in view.trouble


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("ray://127.0.0.1:10001", "not the address of a dashboard"),
        ("127.0.0.1:6379", "not the address of a dashboard"),
    ],
)
def test_an_address_of_another_kind_is_refused_with_one_that_works(monkeypatch, address, problem):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(BackendRefused, match=problem) as refused:
        place.given()
    assert "http://127.0.0.1:8265" in str(refused.value)


def test_what_answers_and_is_no_cluster_is_said(ray):
    ray.garbage = True
    with pytest.raises(ClusterFault, match="is no Ray dashboard"):
        Cluster(os.environ["RAY_ADDRESS"]).jobs()


def test_a_server_that_names_no_cluster_takes_no_job(monkeypatch):
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    with pytest.raises(BackendRefused, match="VAPOR_BACKENDS=ray"):
        Store().submit(config(), now=0.0)


def test_without_the_extra_the_one_command_is_named_that_installs_it(monkeypatch):
    monkeypatch.setenv("VAPOR_BACKENDS", "ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("vapor_core.backends.ray.jobs.find_spec", lambda name: None)
    with pytest.raises(BackendRefused, match=r"pip install -e '\.\[ray\]'"):
        Store().submit(config(), now=0.0)


@pytest.mark.parametrize("changes", [{"sharding": "zero3"}, {"tensor_parallel": 2}])
def test_what_the_program_cannot_do_is_refused_before_the_start(ray, changes):
    with pytest.raises(BackendRefused, match="the training program"):
        Store().submit(config(accelerator_count=2, **changes), now=0.0)
    assert not ray.jobs


def test_nobody_asks_a_cluster_once_nobody_looks(monkeypatch):
    monkeypatch.setattr("vapor_core.backends.ray.view.ASKED_S", 0.05)
    monkeypatch.setattr("vapor_core.backends.ray.view.LOOK_S", 0.01)
    view = View()
    monkeypatch.setattr(View, "look", lambda self: None)
    view.of("x")
    view._thread.join(5)
    assert not view._thread.is_alive()
    assert VIEW is not view
