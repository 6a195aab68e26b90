"""A Hub of its own for each test, and a server that may use it."""

import sys
from pathlib import Path

import pytest

from tests.backends.hf_jobs import hub as hubs
from vapor_core.backends.hf_jobs import follower, hardware, jobs

TRAINER = [sys.executable, str(Path(__file__).with_name("trainer.py"))]


@pytest.fixture
def at_the_hub(tmp_path, monkeypatch):
    """A Hub that runs jobs with a trainer that only counts; nothing is known of it or followed afterwards."""
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAPOR_BACKENDS", "hf_jobs")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("VAPOR_HF_JOBS_TOKEN", raising=False)
    monkeypatch.setattr(
        follower, "PACE", follower.Pace(look_s=0.05, rest_s=0.05, longest_rest_s=0.2, silence_s=2.0)
    )
    hardware.forget()
    with hubs.running(tmp_path / "hub", hubs.as_the_hub_does(TRAINER)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub
        hub.closing.set()
        jobs.forget_all()
    hardware.forget()
