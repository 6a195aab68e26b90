"""The training program on a real Ray cluster of this machine: alone, and with two workers of which one is killed."""

import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from real.programs import tiny

from tests.backends.local.running import opened, run_of, until
from vapor_core.backends.ray import place

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
]
CLUSTER = {"VAPOR_BACKENDS": "ray", "VAPOR_RAY_CLUSTER_CPUS": "3", "RAY_ADDRESS": "", "HF_HUB_OFFLINE": "1"}


@pytest.fixture
def cluster(unpacked_once, monkeypatch):
    """Vapor's own cluster, ended with the test and no other one."""
    for name, value in CLUSTER.items():
        monkeypatch.setenv(name, value)
    found = place.ensured()
    yield found
    place.stop()
    assert not found.answers()


def submitted(store, **changes):
    return store.submit(tiny(backend="ray", **changes), now=time.time()).id


def workers():
    """Ray Train's workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            title = (entry / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if title.startswith("ray::RayTrainWorker"):
            found.append(int(entry.name))
    return found


def test_runs_train_on_a_real_cluster_alone_and_by_two_workers_one_of_which_is_killed(cluster, tmp_path):
    assert cluster.is_here and place.ensured().address == cluster.address  # found again, not started twice
    store = opened(tmp_path)
    alone = submitted(store, max_steps=60)
    both = submitted(store, max_steps=5_000, checkpoint_every=5, accelerator_count=2, micro_batch_size=4)
    until(store, both, "running", step=8)
    os.kill(workers()[-1], signal.SIGKILL)
    until(store, both, "running", step=30)
    store.stop(both, now=time.time())
    until(store, both, "stopped")
    step = store.job(both).step
    frame = store.metrics(both).frame()
    assert frame["step"].tolist() == list(range(step))
    assert frame["tokens"].tolist() == [(at + 1) * 2 * 4 * 64 for at in range(step)]
    assert "The trainer is gone and is begun again from its last checkpoint." in [
        each.sentence for each in store.events(both)
    ]
    assert (run_of(store, both).path / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").exists()
    until(store, alone, "completed")
    frame = store.metrics(alone).frame()
    assert frame["step"].tolist() == list(range(60))
    assert frame["loss"].iloc[-1] < frame["loss"].iloc[0]
    store.close()
