"""What is not done at the Hub, and whose token nothing is done with: each is told with what would work."""

import time

import pytest

from tests.backends.hf_jobs.hub import TOKEN
from tests.backends.hf_jobs.using import card, config, opened, until
from vapor_core import BackendRefused, Dataset
from vapor_core.backends import registry
from vapor_core.backends.base import JobSpec
from vapor_core.backends.hf_jobs import access, job_request
from vapor_core.backends.hf_jobs.api import JobsFault, fault_of
from vapor_core.journal.memory import MemoryJournal


def test_nobody_who_gives_no_token_starts_anything(tmp_path, at_the_hub, monkeypatch):
    store = opened(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)  # the server's own, which is not lent
    with pytest.raises(BackendRefused, match="give your token"):
        store.submit(config(), now=time.time())
    monkeypatch.setenv("VAPOR_HF_JOBS_TOKEN", "server")
    store.submit(config(), now=time.time())
    until(store, "job-1", "completed")
    assert len(at_the_hub.jobs) == 1


def test_a_token_that_is_lent_for_one_job_starts_no_other(tmp_path, at_the_hub):
    """A journal brought in another person's job while mine was submitted, and it ran on my account."""
    store = opened(tmp_path)
    backend = registry.job_backend("hf_jobs", "w", MemoryJournal())
    mine, theirs = JobSpec("job-1", config(), 0.0), JobSpec("job-2", config(), 1.0)
    for spec in (mine, theirs):
        backend.recall(spec, ())
    with access.lent(access.access_of(TOKEN)):
        backend.check(mine)
        backend.start("job-2")
        assert not at_the_hub.jobs
        backend.start("job-1")
    assert len(at_the_hub.jobs) == 1 and not store.jobs()


def test_a_hostile_token_is_none():
    for token in ("", "short", "hf_with a blank", "hf_with\nline", "é" * 20):
        with pytest.raises(BackendRefused, match="no token"):
            access.access_of(token)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accelerator": "nvidia-h100-80gb"}, "no machine of the Hub's"),
        ({"accelerator_count": 3}, "that machine has 1 cards"),
        ({"dataset": Dataset(id="mine", tokens=10_000, examples=100, kind="own")}, "as a private data set"),
        ({"method": "grpo"}, "does not train by grpo"),
        ({"precision": "fp8"}, "bf16 works"),
    ],
)
def test_what_cannot_be_done_there_is_refused_with_what_can(at_the_hub, changes, said):
    backend = registry.job_backend("hf_jobs", "w", MemoryJournal())
    with (
        access.lent(access.access_of(TOKEN)),
        pytest.raises(BackendRefused, match=said),
    ):
        backend.check(JobSpec("job-1", config(**changes), 0.0))
    assert not at_the_hub.jobs


def test_packages_that_the_script_brings_are_not_asked_for_here(at_the_hub):
    assert job_request.refused(JobSpec("job-1", config(method="qlora", optimizer="adamw_8bit"), 0.0)) is None
    on_a_processor = config(method="qlora", accelerator=card("cpu-basic"))
    assert "need a GPU" in job_request.refused(JobSpec("job-1", on_a_processor, 0.0))


def test_a_server_that_does_not_name_it_does_not_do_it(at_the_hub, monkeypatch):
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    with pytest.raises(BackendRefused, match="VAPOR_BACKENDS=hf_jobs"):
        registry.job_backend("hf_jobs", "w", MemoryJournal()).check(JobSpec("job-1", config(), 0.0))


def test_a_hub_that_cannot_be_reached_is_said_to_be_so(at_the_hub, monkeypatch):
    spec = JobSpec("job-1", config(), 0.0)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with access.lent(access.access_of(TOKEN)), pytest.raises(JobsFault, match="cannot be reached") as fault:
        registry.job_backend("hf_jobs", "w", MemoryJournal()).check(spec)
    assert fault.value.__cause__ is None and TOKEN not in str(fault.value)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 418, 429, 500, 502, 504, 301])
def test_every_status_is_at_most_two_sentences(status):
    said = str(fault_of(status))
    assert len(said) < 120 and "Traceback" not in said and said.count(".") <= 1
