"""The real program as a job of the Hub: its own command, run by bash, its logs streamed into Monitor's rows."""

import math
import sys
import time
from pathlib import Path

import pytest

from tests.backends.hf_jobs import hub as hubs
from tests.backends.hf_jobs.hub import TOKEN
from tests.backends.hf_jobs.using import card, run_of
from tests.real.programs import folder_of, tiny, told, trained
from vapor_core import Store
from vapor_core.backends.hf_jobs import access, follower, hardware, job_request, jobs

pytestmark = pytest.mark.real
PATIENCE_S = 200.0


@pytest.fixture
def real_hub(tmp_path, monkeypatch, unpacked_once):
    """A Hub whose machines are this one: `uv run` is this Python, with what the script needs installed."""
    monkeypatch.setenv("VAPOR_BACKENDS", "hf_jobs")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(follower, "PACE", follower.Pace(look_s=0.5, rest_s=0.2))
    hardware.forget()
    monkeypatch.setenv("VAPOR_TEST_REPOSITORIES", str(tmp_path / "repositories"))
    program = [sys.executable, str(Path(__file__).with_name("keeping.py"))]
    with hubs.running(tmp_path / "hub", hubs.as_the_hub_does(program)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
        hub.closing.set()
        jobs.forget_all()
    hardware.forget()


@pytest.fixture
def sixty_rows(monkeypatch):
    """Enough of the data."""
    real = job_request.launch_spec
    monkeypatch.setattr(job_request, "launch_spec", lambda config: {**real(config), "most_rows": 60})


def submitted(store, config, *, keeps=False):
    with access.lent(access.access_of(TOKEN, keeps=keeps)):
        store.submit(config.changed(accelerator=card("cpu-basic"), backend="hf_jobs"), now=time.time())


def until(store, holds):
    ends = time.monotonic() + PATIENCE_S
    while not holds(store.job("job-1")):
        assert time.monotonic() < ends and store.job("job-1").status != "failed", (
            store.job("job-1").failure,
            run_of(store).end_of_log(),
        )
        time.sleep(0.1)
        store.advance(now=time.time())


def test_the_real_program_trains_there_and_its_losses_are_those_of_a_run_here(tmp_path, real_hub, sixty_rows):
    config, store = tiny(seed=5), Store.open(tmp_path / "work.db")
    submitted(store, config)
    until(store, lambda job: job.status == "completed")
    here = folder_of(tmp_path / "here", config)
    assert trained(here).returncode == 0
    rows = store.metrics("job-1").frame()
    assert rows["loss"].tolist() == [line["loss"] for line in told(here, "log")]
    evals = [loss for loss in rows["eval_loss"].tolist() if not math.isnan(loss)]
    assert evals == [line["eval_loss"] for line in told(here, "eval")]
    (there,) = real_hub.jobs.values()
    lines = (tmp_path / "hub" / there.id / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(run_of(store).metrics.read_text().splitlines()) == len([line for line in lines if line])
    assert not (tmp_path / "repositories").exists()  # nothing was to be kept


def test_what_was_kept_is_gone_on_from_by_another_job_and_the_result_takes_its_place(
    tmp_path, real_hub, sixty_rows
):
    store = Store.open(tmp_path / "work.db")
    submitted(store, tiny(max_steps=150, checkpoint_every=5, eval_every=50), keeps=True)
    until(store, lambda job: run_of(store).heard().kept_step >= 5)
    store.stop("job-1", now=time.time())
    until(store, lambda job: job.status == "stopped")
    kept = run_of(store).heard().kept_step
    store.resume("job-1", now=time.time())
    until(store, lambda job: job.status == "completed")
    begun = [line["step"] for line in told(run_of(store).path, "start")]
    assert begun[0] == 0 and begun[1] >= kept >= 5
    assert store.metrics("job-1").frame()["step"].tolist() == list(range(150))
    repository = tmp_path / "repositories" / run_of(store).repository()
    assert (repository / "model.safetensors").exists()
    assert not [path for path in (repository / "checkpoints").rglob("*") if path.is_file()]
