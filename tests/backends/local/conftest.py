"""A machine that may train, for each test its own."""

import json

import pytest

from tests.backends.local.running import ROOT, TRAINER, kill
from vapor_core.backends.local import jobs
from vapor_core.backends.local.run_directory import RunDirectory


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of its own: a runs folder, a trainer that only counts, and what real training needs."""
    monkeypatch.setenv("VAPOR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("VAPOR_BACKENDS", "local")
    monkeypatch.setenv("VAPOR_TRAINING_PROGRAM", json.dumps(TRAINER))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(jobs, "NEEDED", ())
    yield tmp_path
    for lock in (tmp_path / "runs").glob("*/job-*"):
        kill(RunDirectory(lock))
