"""Real jobs on this machine: started once, outliving whoever started them, and never said to run when they do not."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.backends.local.running import MODEL, config, opened, processes, run_of, until, until_true
from vapor_core import Calibration
from vapor_core.backends.local import jobs
from vapor_core.backends.local.log_rows import LogRows
from vapor_core.errors import BackendRefused, ForbiddenTransition

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("machine")]


def test_a_job_runs_and_completes_with_every_step(machine):
    store = opened(machine)
    job = store.submit(config(), now=time.time())
    until(store, job.id, "completed")
    frame = store.metrics(job.id).frame(max_points=1000)
    assert frame["step"].tolist() == list(range(40))
    assert frame["loss"].iloc[-1] == pytest.approx(3.0 / 40)
    assert frame["eval_loss"].dropna().tolist() == pytest.approx([3.1 / step for step in range(5, 41, 5)])
    assert store.job(job.id).elapsed_s > 0.5
    kinds = [event.kind for event in store.events(job.id)]
    assert kinds[-1] == "completed"
    assert kinds.count("checkpoint") == 9
    assert all(
        abs(event.wall_s - time.time()) < 600 for event in store.events(job.id) if event.kind == "checkpoint"
    )


def test_pause_resume_stop_and_going_on_are_one_chart(machine):
    store = opened(machine)
    job = store.submit(config(60), now=time.time())
    until(store, job.id, "running", step=7)
    store.pause(job.id, now=time.time())
    until(store, job.id, "paused")
    assert not processes("trainer.py", run_of(store, job.id))
    store.resume(job.id, now=time.time())
    until(store, job.id, "running", step=20)
    store.stop(job.id, now=time.time())
    until(store, job.id, "stopped")
    store.resume(job.id, now=time.time())
    until(store, job.id, "completed")
    frame = store.metrics(job.id).frame(max_points=1000)
    assert frame["step"].tolist() == list(range(60))
    assert frame["elapsed_s"].is_monotonic_increasing
    assert store.job(job.id).attempt == 3


def test_a_restarted_app_finds_the_job_that_went_on_without_it(machine):
    code = (
        "import sys, time; from vapor_core import JobConfig, Store; from vapor_core.backends.local import jobs; "
        f"jobs.NEEDED = (); store = Store.open(sys.argv[1]); store.submit(JobConfig(model={MODEL!r}, max_steps=60, "
        "backend='local'), now=time.time()); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    app = subprocess.run([sys.executable, "-c", code, str(machine / "work.db")], check=False)  # noqa: S603 - our own
    assert app.returncode == -signal.SIGKILL
    store = opened(machine)
    (job,) = store.jobs()
    until(store, job.id, "completed")
    assert store.metrics(job.id).frame(max_points=1000)["step"].tolist() == list(range(60))
    assert store.job(job.id).attempt == 1


def test_a_killed_trainer_is_lost_with_the_end_of_its_log_and_goes_on_from_its_checkpoint(machine):
    store = opened(machine)
    job = store.submit(config(60), now=time.time())
    until(store, job.id, "running", step=12)
    (trainer,) = processes("trainer.py", run_of(store, job.id))
    os.kill(trainer, signal.SIGKILL)
    began = time.monotonic()
    until(store, job.id, "lost")
    assert time.monotonic() - began < 15
    failure = store.job(job.id).failure
    assert "signal 9" in failure.why
    assert "attempt 1 from step 0" in failure.why
    store.resume(job.id, now=time.time())
    until(store, job.id, "completed")
    assert store.metrics(job.id).frame(max_points=1000)["step"].tolist() == list(range(60))
    assert any("goes on after step" in event.sentence for event in store.events(job.id))


def test_a_killed_supervisor_takes_its_trainer_along_and_the_job_is_never_said_to_run(machine):
    store = opened(machine)
    job = store.submit(config(200), now=time.time())
    until(store, job.id, "running", step=8)
    run = run_of(store, job.id)
    (supervisor,) = processes("supervisor", run)
    os.kill(supervisor, signal.SIGKILL)
    until(store, job.id, "lost")
    opened(machine).advance(now=time.time())  # who opens the workspace anew starts nothing by itself
    assert not processes("supervisor", run)
    end = time.monotonic() + 20
    while run.trainer_lives() and time.monotonic() < end:
        time.sleep(0.1)
    assert not run.trainer_lives()
    store.resume(job.id, now=time.time())
    until(store, job.id, "completed")
    assert store.metrics(job.id).frame(max_points=1000)["step"].tolist() == list(range(200))


def test_a_program_that_fails_says_why(machine, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_FAILS", "9")
    store = opened(machine)
    job = store.submit(config(), now=time.time())
    until(store, job.id, "failed")
    assert "The data ran out" in store.job(job.id).failure.why


def test_two_apps_that_open_one_workspace_start_its_job_once(machine):
    store, other = opened(machine), opened(machine)
    job = store.submit(config(60), now=time.time())
    for each in (other, opened(machine), opened(machine)):
        each.advance(now=time.time())
    until(store, job.id, "completed")
    starts = [line for line in run_of(store, job.id).metrics.read_text().splitlines() if '"start"' in line]
    assert len(starts) == 1


def test_real_training_is_off_unless_the_server_says_so(machine, monkeypatch):
    monkeypatch.setenv("VAPOR_BACKENDS", "")
    with pytest.raises(BackendRefused, match="VAPOR_BACKENDS=local"):
        opened(machine).submit(config(), now=time.time())


def test_what_is_missing_is_named_with_the_command_that_installs_it(machine, monkeypatch):
    monkeypatch.setattr(jobs, "NEEDED", ("json", "no_such_package"))
    with pytest.raises(BackendRefused, match=r"no_such_package.*pip install -e '.\[local\]'"):
        opened(machine).submit(config(), now=time.time())


def test_a_completed_job_does_not_go_on(machine):
    store = opened(machine)
    job = store.submit(config(3), now=time.time())
    until(store, job.id, "completed")
    with pytest.raises(ForbiddenTransition):
        store.resume(job.id, now=time.time())


def test_a_torn_last_line_waits_for_the_rest(tmp_path):
    file = tmp_path / "metrics.jsonl"
    file.write_bytes(b'{"event": "log", "step": 1, "loss": 2.0}\n{"event": "log", "st')
    rows = LogRows(file)
    rows.look()
    assert rows.steps_done == 1
    with file.open("ab") as more:
        more.write(b'ep": 2, "loss": 1.5}\n')
    rows.look()
    assert rows.columns(0, 2)["loss"].tolist() == [2.0, 1.5]


def test_a_step_waits_for_the_evaluation_that_follows_it(tmp_path):
    path = tmp_path / "metrics.jsonl"

    def tell(**event):
        with path.open("a") as file:
            file.write(json.dumps(event) + "\n")

    rows = LogRows(path)
    tell(event="start", attempt=1, step=0, total_steps=9)
    for step in (1, 2):
        tell(event="log", step=step, loss=2.0, elapsed_s=step)
    rows.look()
    assert (rows.steps_done, rows.steps_settled) == (2, 1)
    tell(event="eval", step=2, eval_loss=1.5)
    rows.look()
    assert rows.steps_settled == 1  # another set may follow
    tell(event="log", step=3, loss=1.9, elapsed_s=3)
    rows.look()
    assert rows.steps_settled == 2
    assert rows.columns(1, 2)["eval_loss"].tolist() == [1.5]
    tell(event="end", step=3, reason="completed")
    rows.look()
    assert rows.steps_settled == 3


def test_a_chart_that_is_watched_has_every_evaluation(machine):
    store = opened(machine)
    job = store.submit(config(40), now=time.time())
    seen = {}
    while store.job(job.id).status not in ("completed", "failed"):
        store.advance(now=time.time())
        frame = store.metrics(job.id).frame(max_points=1000)
        seen |= dict(zip(frame["step"], frame["eval_loss"], strict=True))
        time.sleep(0.01)
    store.advance(now=time.time())
    frame = store.metrics(job.id).frame(max_points=1000)
    assert frame["eval_loss"].dropna().tolist() == pytest.approx([3.1 / step for step in range(5, 41, 5)])


def test_steps_of_an_attempt_that_was_lost_give_way_to_those_done_again(tmp_path):
    file = tmp_path / "metrics.jsonl"
    events = [{"event": "start", "attempt": 1, "step": 0, "total_steps": 8}]
    events += [{"event": "log", "step": step, "loss": 1.0, "elapsed_s": float(step)} for step in range(1, 7)]
    events += [{"event": "start", "attempt": 2, "step": 4, "total_steps": 8}]
    events += [{"event": "log", "step": step, "loss": 2.0, "elapsed_s": step - 4.0} for step in range(5, 9)]
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    rows = LogRows(file)
    rows.look()
    columns = rows.columns(0, 8)
    assert columns["loss"].tolist() == [1.0] * 4 + [2.0] * 4
    assert columns["elapsed_s"].tolist() == [1.0, 2.0, 3.0, 4.0, 7.0, 8.0, 9.0, 10.0]


def test_what_a_run_was_rehearsed_to_be_is_kept_with_it(machine):
    store = opened(machine)
    store.keep_calibration("mine", Calibration(throughput_scale=0.5), now=time.time())
    first = store.submit(config(5), now=time.time())
    store.use_calibration("mine", now=time.time())
    second = store.submit(config(5), now=time.time())
    store.use_calibration("", now=time.time())
    kept = [opened(machine).job(job.id).expected for job in (first, second)]
    assert [each.calibrated for each in kept] == [False, True]
    assert kept[1].step_time_s.value == pytest.approx(2 * kept[0].step_time_s.value)
    assert store.submit(config(5).changed(backend="simulated"), now=time.time()).expected is None


def test_how_long_earlier_runs_took_to_start_is_rehearsed(machine):
    store = opened(machine)
    first = store.submit(config(5), now=time.time())
    until(store, first.id, "completed")
    row = store.metrics(first.id).frame(10).iloc[0]
    second = store.submit(config(5), now=time.time())
    measured = row["elapsed_s"] - row["step_time_s"]
    assert second.expected.startup_s.value == pytest.approx(measured, abs=1e-6)
    assert second.expected.duration_s.value < first.expected.duration_s.value
    other = store.submit(config(5, dataset="databricks/databricks-dolly-15k"), now=time.time())
    assert other.expected.startup_s.value > 1.0


def test_a_supervisor_that_is_killed_while_it_starts_is_started_again(machine, monkeypatch):
    starts = []
    run_it = subprocess.run

    def killed_at_first(command, **more):
        starts.append(command)
        if len(starts) == 1:
            raise subprocess.CalledProcessError(-9, command)
        return run_it(command, **more)

    monkeypatch.setattr(jobs.subprocess, "run", killed_at_first)
    store = opened(machine)
    job = store.submit(config(10), now=time.time())
    until(store, job.id, "completed")
    assert len(starts) == 2


def test_a_supervisor_that_never_starts_is_a_sentence_and_one_whose_child_lives_is_no_reason_for_two(
    machine, monkeypatch
):
    def killed(command, **more):
        raise subprocess.CalledProcessError(-9, command)

    monkeypatch.setattr(jobs.subprocess, "run", killed)
    store = opened(machine)
    with pytest.raises(BackendRefused, match="try again"):
        store.submit(config(10), now=time.time())

    starts, held = [], []

    def killed_after_its_fork(command, **more):
        starts.append(command)
        held.append(os.dup(more["pass_fds"][0]))  # the child has the lock
        raise subprocess.CalledProcessError(-9, command)

    monkeypatch.setattr(jobs.subprocess, "run", killed_after_its_fork)
    store.submit(config(10), now=time.time())
    assert len(starts) == 1
    os.close(held[0])


def test_a_clock_that_goes_back_loses_no_line_and_tells_each_once(machine, monkeypatch):
    """Checkpoints of the hour that came twice were never told, and stood before the start in the history."""
    monkeypatch.setenv("VAPOR_TEST_CLOCK_BACK", "7")
    store = opened(machine)
    job = store.submit(config(30), now=time.time())
    told = []
    until_true(lambda: told.extend(store.advance(now=time.time())) or store.job(job.id).status == "completed")
    told.extend(store.advance(now=time.time() + 1))
    steps = [line.step for line in told if line.kind == "checkpoint"]
    assert steps == [5, 10, 15, 20, 25, 30, 30]
    assert [line.kind for line in told].count("completed") == 1
    kinds = [line.kind for line in store.events(job.id) if line.kind != "submitted"]
    assert kinds[0] == "started"
    assert kinds[-1] == "completed"
    assert store.metrics(job.id).frame(1000)["step"].tolist() == list(range(30))
    assert store.job(job.id).elapsed_s < 600


def test_an_app_whose_clock_is_behind_the_run_tells_what_has_happened(machine):
    store = opened(machine)
    job = store.submit(config(12), now=time.time() - 3600)
    until_true(
        lambda: store.advance(now=time.time() - 3600) is not None and store.job(job.id).status == "completed"
    )
    kinds = [line.kind for line in store.events(job.id)]
    assert kinds.count("checkpoint") == 3
    assert kinds[-1] == "completed"
    assert store.job(job.id).step == 12
