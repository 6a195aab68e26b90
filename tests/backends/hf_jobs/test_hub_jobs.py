"""A run at the Hub starts once, is followed without a gap, and whatever the Hub does is told in a sentence."""

import json
import time
from threading import Thread

import pytest

from tests.backends.hf_jobs.hub import OTHER, TOKEN
from tests.backends.hf_jobs.using import (
    card,
    config,
    opened,
    run_of,
    steps_told,
    submitted,
    until,
    until_true,
)
from vapor_core import BackendRefused, ForbiddenTransition
from vapor_core.backends.base import JobSpec
from vapor_core.backends.hf_jobs import access, jobs, starting
from vapor_core.backends.hf_jobs.follower import Follower
from vapor_core.backends.hf_jobs.rental import HubRental

pytestmark = pytest.mark.slow  # processes, threads and pages

ERROR = b'{"error": "no"}'


def restarted(tmp_path):
    """A server that was started anew: nothing is in its memory."""
    jobs.forget_all()
    store = opened(tmp_path)
    store.advance(now=time.time())
    return store


def look_again(store, token=TOKEN, **more):
    HubRental().look_again(store.workspace, "job-1", token, **more)
    store.advance(now=time.time())


def test_a_run_is_started_followed_and_told_to_its_end(tmp_path, at_the_hub):
    store = opened(tmp_path)
    submitted(store)
    job = until(store, "job-1", "completed")
    assert (job.step, job.total_steps) == (12, 12)
    assert steps_told(store) == list(range(12))
    assert len(at_the_hub.posts()) == 1
    (there,) = at_the_hub.jobs.values()
    assert there.body["flavor"] == "l4x1"
    assert 3600 <= there.body["timeoutSeconds"] <= 7 * 86400
    assert "secrets" not in there.body  # nothing is to be kept
    said = " ".join(event.sentence for event in store.events("job-1"))
    assert f"/jobs/ada/{there.id}" in said and "its disk is gone when it ends" in said
    assert "Its result was not kept" in said
    assert "installing, attempt 1" in store.logs("job-1")
    assert "vapor-event" not in store.logs("job-1")


def test_its_cost_is_of_the_whole_machine_at_the_hubs_price(tmp_path, at_the_hub):
    store = opened(tmp_path)
    submitted(store, accelerator=card("a100x4"), accelerator_count=4)
    job = until(store, "job-1", "completed")
    rows = store.metrics("job-1").frame()
    assert rows["cost_usd"].iloc[-1] == pytest.approx(rows["elapsed_s"].iloc[-1] * 10.0 / 3600, rel=1e-4)
    assert job.config.accelerator_count == 4
    (there,) = at_the_hub.jobs.values()
    assert there.body["environment"]["VAPOR_WORKERS"] == "4"


def test_a_stream_that_is_cut_repeated_and_reordered_gives_each_step_once(tmp_path, at_the_hub):
    at_the_hub.cut_after, at_the_hub.shuffled = 7, True
    store = opened(tmp_path)
    submitted(store, 30)
    until(store, "job-1", "running", "queued", "initializing")
    until_true(lambda: sum(path.endswith("/logs") for _, path, _ in at_the_hub.asked) > 3)
    at_the_hub.cut_after = None
    until(store, "job-1", "completed")
    assert steps_told(store) == list(range(30))
    numbers = [json.loads(line)["number"] for line in run_of(store).metrics.read_text().splitlines()]
    assert numbers == sorted(set(numbers))
    assert run_of(store).output.read_text().count("installing") == 1


def test_a_restarted_server_goes_on_without_a_gap_once_the_token_is_given_again(
    tmp_path, at_the_hub, monkeypatch
):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 40)
    until(store, "job-1", "running", step=3)
    store = restarted(tmp_path)
    job = store.job("job-1")
    assert job.status == "lost" and job.step >= 3
    assert "Give your token again to look at this job" in job.failure.why
    assert HubRental().wants_key(store.workspace, "job-1")
    with pytest.raises(BackendRefused, match="in the account ada and the token is of bob"):
        look_again(store, OTHER)
    look_again(store)
    until(store, "job-1", "completed")
    assert steps_told(store) == list(range(40))
    assert len(at_the_hub.posts()) == 1


def test_a_kill_between_record_and_start_starts_once(tmp_path, at_the_hub, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "started", killed)
        with pytest.raises(KeyboardInterrupt):
            submitted(store)
    store = restarted(tmp_path)
    assert store.job("job-1").status == "lost" and not at_the_hub.jobs
    look_again(store)
    until(store, "job-1", "completed")
    assert len(at_the_hub.jobs) == 1


def test_a_kill_between_start_and_its_record_starts_once(tmp_path, at_the_hub, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    store = opened(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(starting.HubRun, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            submitted(store)
    assert len(at_the_hub.jobs) == 1
    store = restarted(tmp_path)
    look_again(store)
    until(store, "job-1", "completed")
    assert len(at_the_hub.jobs) == 1 and steps_told(store) == list(range(12))


def test_two_who_start_one_job_without_seeing_each_other_leave_one(tmp_path, at_the_hub, monkeypatch):
    """Two machines share a journal and no disk: both look, both start, and the younger job is cancelled."""
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.2")
    spec, given = JobSpec("job-1", config(), 0.0), access.access_of(TOKEN)
    runs = [starting.HubRun(tmp_path / name / "job-1") for name in ("one", "two")]
    at_the_hub.delay_s = 0.05
    threads = [Thread(target=starting.started, args=(run, "w", spec, given)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(at_the_hub.running()) == 1
    assert {run.latest().job for run in runs} == {at_the_hub.running()[0].id} or len(at_the_hub.jobs) == 1


def test_a_stop_cancels_and_what_was_not_kept_cannot_go_on(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 200)
    until(store, "job-1", "running", step=6)
    with pytest.raises(ForbiddenTransition, match="it can be stopped"):
        store.pause("job-1", now=time.time())
    store.stop("job-1", now=time.time())
    until(store, "job-1", "stopped")
    assert [job.stage for job in at_the_hub.jobs.values()] == ["CANCELED"]
    assert not store.abilities("job-1").can_go_on
    with pytest.raises(ForbiddenTransition):
        store.resume("job-1", now=time.time())


def test_what_was_kept_goes_on_as_another_job(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 200, keeps=True)
    until(store, "job-1", "running", step=7)
    store.stop("job-1", now=time.time())
    until(store, "job-1", "stopped")
    assert store.abilities("job-1").can_go_on
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.001")
    store.resume("job-1", now=time.time())
    until(store, "job-1", "completed")
    first, second = at_the_hub.jobs.values()
    assert first.body["secrets"] == second.body["secrets"] == {"HF_TOKEN": TOKEN}
    repository = first.body["environment"]["VAPOR_REPOSITORY"]
    assert repository.startswith("ada/vapor-job-1-")
    assert '"number": 2' in second.body["command"][2]
    assert steps_told(store) == list(range(200))
    assert f"The result is in {repository}" in " ".join(event.sentence for event in store.events("job-1"))


def test_two_servers_with_the_token_write_each_event_once(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.02")
    store = opened(tmp_path)
    submitted(store, 40)
    until(store, "job-1", "running", step=2)
    spec, given = store._live.world.job("job-1").spec, access.access_of(TOKEN)
    other = Follower(run_of(store), store.workspace, spec, given)  # as another process would have one
    other.wake()
    until(store, "job-1", "completed")
    other.close()
    numbers = [json.loads(line)["number"] for line in run_of(store).metrics.read_text().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_stop_without_the_token_says_that_the_job_goes_on(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 400)
    until(store, "job-1", "running", step=2)
    store = restarted(tmp_path)
    store.stop("job-1", now=time.time())
    assert "goes on there until it can be cancelled" in store.job("job-1").failure.why
    assert at_the_hub.running()
    look_again(store)
    until(store, "job-1", "stopped")
    assert not at_the_hub.running()


def test_a_stop_before_anything_was_started_leaves_nothing_running(tmp_path, at_the_hub):
    at_the_hub.faults["POST /api/jobs/ada"] = (503, {}, ERROR)
    store = opened(tmp_path)
    submitted(store)
    assert store.job("job-1").status == "queued"
    store.stop("job-1", now=time.time())
    at_the_hub.faults.clear()
    until(store, "job-1", "stopped")
    assert not at_the_hub.running()  # a start that was on its way when it was stopped is cancelled


def test_a_start_that_the_hub_has_no_time_for_is_made_up_for(tmp_path, at_the_hub):
    at_the_hub.faults["POST /api/jobs/ada"] = (429, {"Retry-After": "1"}, ERROR)
    store = opened(tmp_path)
    submitted(store)
    assert store.job("job-1").status == "queued"
    at_the_hub.faults.clear()
    until(store, "job-1", "completed")
    assert len(at_the_hub.jobs) == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the token"),
        (402, "no credit.*billing settings.*Pre-paid credit"),
        (403, "right to run jobs"),
        (400, "change what it names.*Pre-paid credit"),
    ],
)
def test_a_start_that_is_refused_is_told_and_never_runs(tmp_path, at_the_hub, status, said):
    body = json.dumps({"error": f"Pre-paid credit balance is insufficient {TOKEN}"}).encode()
    at_the_hub.faults["POST /api/jobs/ada"] = (status, {}, body)
    store = opened(tmp_path)
    with pytest.raises(BackendRefused, match=said) as refused:
        submitted(store)
    assert TOKEN not in str(refused.value)
    assert store.job("job-1").status == "failed" and not at_the_hub.jobs


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((500, {}, ERROR), "fault of its own"),
        ((200, {}, b"<html>Sign in to the wifi</html>"), "cannot be read"),
        ((200, {}, b'{"id": "x", "status": {"stage": "DANCING"}}'), "cannot be read"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "another address"),
    ],
)
def test_a_hub_that_is_ill_puts_a_run_out_of_sight_and_not_to_an_end(
    tmp_path, at_the_hub, monkeypatch, fault, said
):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    monkeypatch.setattr(jobs, "SILENT_S", 0.2)
    store = opened(tmp_path)
    submitted(store, 60)
    until(store, "job-1", "running", step=2)
    at_the_hub.cut_after = 1
    (there,) = at_the_hub.jobs
    at_the_hub.faults[f"GET /api/jobs/ada/{there}"] = fault
    until_true(lambda: said in (until(store, "job-1", "lost", "running").failure or "").__str__())
    at_the_hub.faults.clear()
    at_the_hub.cut_after = None
    until(store, "job-1", "completed")
    assert steps_told(store) == list(range(60))


def test_a_job_that_is_gone_at_the_hub_is_told_so(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 400)
    until(store, "job-1", "running", step=2)
    at_the_hub.jobs.popitem()[1].process.kill()
    job = until(store, "job-1", "lost")
    assert "deleted, or belongs to another account" in job.failure.why


def test_a_token_that_is_withdrawn_is_asked_for_again(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 60)
    until(store, "job-1", "running", step=2)
    (there,) = at_the_hub.jobs
    at_the_hub.cut_after = 1
    at_the_hub.faults[f"GET /api/jobs/ada/{there}"] = (401, {}, ERROR)
    job = until(store, "job-1", "lost")
    assert "refuses the token; give one that is valid" in job.failure.why
    at_the_hub.faults.clear()
    at_the_hub.cut_after = None
    assert HubRental().wants_key(store.workspace, "job-1")
    look_again(store)
    until(store, "job-1", "completed")


def test_a_trainer_that_fails_is_told_with_its_reason(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_FAILS", "4")
    store = opened(tmp_path)
    submitted(store)
    job = until(store, "job-1", "failed")
    assert "the data ran out" in job.failure.why


def test_a_job_that_ends_without_a_word_has_failed(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 400)
    until(store, "job-1", "running", step=2)
    next(iter(at_the_hub.jobs.values())).process.kill()
    job = until(store, "job-1", "failed")
    assert "exit code: -9" in job.failure.why


def test_one_that_is_cancelled_at_the_hub_is_stopped(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 400)
    until(store, "job-1", "running", step=2)
    at_the_hub.cancel(next(iter(at_the_hub.jobs.values())))
    until(store, "job-1", "stopped")


def test_the_token_is_written_nowhere_and_shown_nowhere(tmp_path, at_the_hub, caplog):
    store = opened(tmp_path)
    submitted(store, keeps=True)
    until(store, "job-1", "completed")
    store.close()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "metrics.jsonl" for path in kept) and any(path.suffix == ".db" for path in kept)
    for path in kept:
        assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in repr(access.access_of(TOKEN)) + repr(jobs._FOLLOWERS) + caplog.text
    asked = {authorization for _, path, authorization in at_the_hub.asked if path != "/api/jobs/hardware"}
    assert asked == {f"Bearer {TOKEN}"}
    assert {told for _, path, told in at_the_hub.asked if path == "/api/jobs/hardware"} == {""}


def test_a_click_on_stop_waits_for_no_start_that_takes_long(tmp_path, at_the_hub):
    at_the_hub.faults["POST /api/jobs/ada"] = (503, {}, ERROR)
    store = opened(tmp_path)
    submitted(store)
    at_the_hub.faults.clear()
    at_the_hub.delay_s = 1.0
    began = time.perf_counter()
    store.stop("job-1", now=time.time())
    assert time.perf_counter() - began < 0.5
    at_the_hub.delay_s = 0.0
    until(store, "job-1", "stopped")
    assert not at_the_hub.running()


def test_a_tick_waits_for_no_network(tmp_path, at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_STEP_S", "0.05")
    store = opened(tmp_path)
    submitted(store, 400)
    until(store, "job-1", "running", step=3)
    at_the_hub.delay_s = 5.0
    began = time.perf_counter()
    for _ in range(20):
        store.advance(now=time.time())
        store.job("job-1")
    assert (time.perf_counter() - began) / 20 < 0.1
    at_the_hub.delay_s = 0.0
