"""What runs for real is not in a link: its metrics do not follow from events, and nobody may start it by a link."""

import pytest

from tests.backends import real_work
from vapor_core import JobConfig, Store
from vapor_core.backends import registry
from vapor_core.errors import InvalidLink
from vapor_core.journal.codec import encode
from vapor_core.journal.events import Deployed, JobSubmitted
from vapor_core.sharing.links import Shared
from vapor_core.sharing.selection import share
from vapor_core.sharing.validation import shared_store

SMALL = JobConfig(model="openai-community/gpt2", max_steps=10)
REAL = SMALL.changed(backend="local")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("VAPOR_TEST_RUNS", str(tmp_path))
    monkeypatch.setitem(registry.REGISTRY, "local", registry.REGISTRY["local"])
    real_work.register(registry)


@pytest.fixture
def store():
    """A simulated job, a real one, and the first one's result served by a real deployment."""
    store = Store()
    store.submit(SMALL, now=0.0)
    store.submit(REAL, now=1.0)
    store.skip(1e6, now=2.0)
    store.deploy("job-1", backend="local", now=3.0)
    store.advance(now=3.0)
    return store


def test_a_real_job_and_a_real_deployment_stay_out_of_a_shared_workspace(store):
    seen = shared_store(share(store, "workspace"))
    assert [job.id for job in seen.jobs()] == ["job-1"] and seen.deployments() == ()


def test_a_real_job_cannot_be_shared_by_itself(store):
    with pytest.raises(InvalidLink, match="a link carries simulated jobs"):
        share(store, "job", ["job-2"])


@pytest.mark.parametrize(
    "events",
    [
        [JobSubmitted.of("job-1", "real", REAL)],
        [
            JobSubmitted.of("job-1", "small", SMALL),
            Deployed(
                deployment_id="deployment-1",
                name="real",
                job_id="job-1",
                accelerator="nvidia-l4",
                replicas_min=1,
                replicas_max=1,
                traffic="steady",
                precision="bf16",
                backend="local",
            ),
        ],
    ],
)
def test_a_link_that_asks_for_real_work_is_refused_and_starts_nothing(events):
    before = real_work.carried_out()
    shared = Shared("workspace", (), 5.0, tuple((0.0, encode(event)) for event in events))
    with pytest.raises(InvalidLink, match="only simulated"):
        shared_store(shared)
    assert real_work.carried_out() == before
