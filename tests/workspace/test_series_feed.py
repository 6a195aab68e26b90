"""An endpoint's series is bounded however long it was left alone, and the same for whoever looks when."""

import pytest

from vapor_core import Store
from vapor_core.backends.simulated import deployments
from vapor_core.contracts.training import JobConfig
from vapor_core.simulation.endpoint import TICK_S


@pytest.fixture
def serving(monkeypatch):
    """A store with an endpoint, in which a series is long from 2,000 ticks on."""
    monkeypatch.setattr(deployments, "MOST_TICKS", 2000)
    store = Store()
    store.submit(JobConfig(model="openai-community/gpt2", max_steps=100), now=0.0)
    store.skip(1e5, now=1.0)
    store.advance(now=1.0)
    store.deploy("job-1", traffic="daily", now=1.0)
    return store


@pytest.mark.parametrize(
    ("done", "begin"), [(0, 0), (2000, 0), (2001, 1000), (2999, 1000), (3000, 2000), (9999, 8000)]
)
def test_a_series_begins_at_a_multiple_that_moves_with_the_end(monkeypatch, done, begin):
    monkeypatch.setattr(deployments, "MOST_TICKS", 2000)
    assert deployments.first_tick(done) == begin


def test_what_was_left_alone_is_caught_up_with_in_bounded_work(serving):
    serving.skip(1_000_000 * TICK_S, now=2.0)
    serving.advance(now=2.0)
    telemetry = serving.metrics("deployment-1")
    assert 1000 <= len(telemetry) <= 2000
    assert telemetry.latest()["elapsed_s"] == pytest.approx(1_000_000 * TICK_S)


def test_points_of_an_endpoint_do_not_depend_on_who_looked_when(serving):
    other = Store(serving.journal)
    serving.set_speed(1000 * TICK_S, now=2.0)
    for now in (2.5, 3.0, 4.2, 4.9, 7.3):
        serving.advance(now=now)
        serving.metrics("deployment-1")
    other.advance(now=7.3)
    frame = serving.metrics("deployment-1").frame(max_points=5000)
    assert frame.equals(other.metrics("deployment-1").frame(max_points=5000))
    assert frame.elapsed_s.iloc[0] == 4001 * TICK_S
