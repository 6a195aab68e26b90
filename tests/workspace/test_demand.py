"""What people ask of an endpoint is theirs: no model and no replica changes it."""

import pytest
from small_jobs import SMALL

from vapor_core.contracts.serving import Demand, EngineSettings
from vapor_core.contracts.training import JobConfig
from vapor_core.errors import ForbiddenTransition, InvalidConfig
from vapor_core.sharing import selection, validation
from vapor_core.sharing.links import pack, unpack
from vapor_core.workspace.store import Store

LARGE = JobConfig(
    model="meta-llama/Llama-3.1-8B", method="qlora", max_steps=10, dataset="mhenrichsen/alpaca_2k_test",
    accelerator="nvidia-h100-80gb",
)  # fmt: skip
DEMAND = Demand(requests_per_second=20, input_tokens=400, output_tokens=100)


@pytest.fixture
def both(store):
    """A store with two results, a small model's and an 8B's, at 20,000 s."""
    store.submit(SMALL, now=0.0)
    store.submit(LARGE, now=0.0)
    store.advance(now=20_000.0)
    return store


def rates(store, key, ticks=240):
    return store.metrics(key).tail(ticks)["request_rate"].to_numpy()


@pytest.mark.parametrize("demand", [None, DEMAND], ids=["sized by the first model", "said by a person"])
def test_as_many_people_ask_when_a_revision_brings_a_slower_model(both, demand):
    """An 8B behind the same endpoint got 4 requests/s where the small model had 65."""
    key = both.deploy("job-1", accelerator="nvidia-l4", replicas=(1, 2), demand=demand, now=20_000.0).id
    both.advance(now=24_000.0)
    before = rates(both, key)
    both.redeploy(key, "job-2", now=24_000.0)
    both.advance(now=28_000.0)
    assert rates(both, key).mean() == pytest.approx(before.mean(), rel=0.1)


@pytest.mark.slow
def test_a_demand_is_met_to_the_request_whatever_serves_it(both):
    for job in ("job-1", "job-2"):
        both.deploy(job, accelerator="nvidia-h100-80gb", demand=DEMAND, now=20_000.0)
    both.advance(now=30_000.0)
    for key in ("deployment-1", "deployment-2"):
        assert rates(both, key).mean() == pytest.approx(20, rel=0.05)


def test_an_endpoint_that_is_asked_more_than_it_can_serve_shows_it(both):
    key = both.deploy(
        "job-2", accelerator="nvidia-l4", replicas=(1, 1), demand=DEMAND.changed(requests_per_second=50), now=20_000.0
    ).id  # fmt: skip
    both.advance(now=24_000.0)
    last = both.metrics(key).latest()
    assert last["utilization"] == 1.0
    assert last["queue_depth"] > 0
    assert last["server_errors"] > last["succeeded"]
    assert both.deployment(key).status == "degraded"


def test_a_demand_that_changes_holds_from_then_on(both):
    key = both.deploy("job-1", accelerator="nvidia-l4", demand=DEMAND, now=20_000.0).id
    both.advance(now=22_000.0)
    assert rates(both, key).mean() == pytest.approx(20, rel=0.05)
    asked = both.ask(key, DEMAND.changed(requests_per_second=40), now=22_000.0)
    assert asked.demand.requests_per_second == 40
    both.advance(now=24_000.0)
    assert rates(both, key).mean() == pytest.approx(40, rel=0.05)
    assert [line.kind for line in both.events(key)].count("demand") == 2


def test_longer_answers_are_fewer_a_second(both):
    key = both.deploy("job-2", accelerator="nvidia-l4", replicas=(1, 1), demand=DEMAND, now=20_000.0).id
    both.advance(now=23_000.0)
    short = both.metrics(key).latest()["succeeded"]
    both.ask(key, DEMAND.changed(output_tokens=800), now=23_000.0)
    both.advance(now=26_000.0)
    assert both.metrics(key).latest()["succeeded"] < short


def test_the_engine_of_an_endpoint_is_remembered_and_counts(both):
    slow = EngineSettings(engine="transformers")
    for settings in (None, slow):
        both.deploy("job-1", accelerator="nvidia-l4", demand=DEMAND, settings=settings, now=20_000.0)
    both.advance(now=23_000.0)
    first, second = both.deployments()
    assert (first.settings.engine, second.settings.engine) == ("vllm", "transformers")
    assert both.metrics(second.id).latest()["tpot_ms"] > both.metrics(first.id).latest()["tpot_ms"]


def test_what_ended_is_asked_nothing(both):
    key = both.deploy("job-1", now=20_000.0).id
    both.stop(key, now=20_100.0)
    with pytest.raises(ForbiddenTransition, match="is stopped"):
        both.ask(key, DEMAND, now=20_200.0)


@pytest.mark.parametrize("rate", [0, -1, 1e9])
def test_a_demand_of_nobody_or_of_everybody_is_refused_in_a_sentence(rate):
    with pytest.raises(InvalidConfig, match="requests_per_second"):
        Demand(requests_per_second=rate)


def test_a_demand_travels_with_its_endpoint(both):
    key = both.deploy("job-1", accelerator="nvidia-l4", demand=DEMAND, now=20_000.0).id
    both.ask(key, DEMAND.changed(requests_per_second=40), now=21_000.0)
    both.advance(now=22_000.0)
    shared = unpack(pack(selection.share(both, "deployment", (key,))))
    theirs, own = validation.shared_store(shared), Store()
    own.adopt(validation.past(shared), now=0.0)
    own.advance(now=0.0)
    assert theirs.deployment(key).demand == own.deployment("deployment-1").demand
    assert theirs.deployment(key).demand.requests_per_second == 40
    assert rates(theirs, key).tolist() == rates(both, key).tolist()
