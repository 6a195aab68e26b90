"""Endpoints over time: random access, scaling, queues, errors and cost."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vapor_core import noise
from vapor_core.contracts.columns import SERVING_COLUMNS
from vapor_core.physics.serving import autoscaling
from vapor_core.physics.serving.traffic import poisson, request_rate
from vapor_core.simulation.endpoint import MINUTE_TICKS, TICK_S, WEEK_TICKS, EndpointSpec, InferenceSimulator

MODEL = "Qwen/Qwen3-4B"
TRAFFIC = ("steady", "daily", "spike", "ramp")


def endpoint(**changes):
    return InferenceSimulator(EndpointSpec(**{"model": MODEL, "seed": 3, **changes}))


WHOLE = endpoint(segments=((0, 1, 4), (9000, 2, 6))).columns(0, 20_010)


def status(simulator, tick):
    """Health at the end of a tick."""
    return simulator.status(simulator.columns(tick - MINUTE_TICKS + 1, tick + 1))


@pytest.mark.parametrize("traffic", TRAFFIC)
@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 9000), length=st.integers(0, 700))
def test_any_range_alone_equals_the_slice_of_the_whole(traffic, start, length):
    spec = EndpointSpec(
        model=MODEL, traffic=traffic, seed=5, segments=((0, 1, 4), (2000, 2, 6), (6000, 1, 2))
    )
    whole = InferenceSimulator(spec).columns(0, 9700)
    part = InferenceSimulator(spec).columns(start, start + length)
    for name in SERVING_COLUMNS:
        np.testing.assert_array_equal(part[name], whole[name][start : start + length], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(asked=st.lists(st.integers(0, 20_000), min_size=1, max_size=5))
def test_replicas_and_cost_by_themselves_are_those_of_the_columns_in_any_order(asked):
    simulator = endpoint(segments=((0, 1, 4), (9000, 2, 6)))
    for tick in asked:
        np.testing.assert_array_equal(simulator.replicas(tick, tick + 9), WHOLE["replicas"][tick : tick + 9])
        assert simulator.cost_usd(tick) == (WHOLE["cost_usd"][tick - 1] if tick else 0.0)
        np.testing.assert_array_equal(
            simulator.columns(tick, tick + 3)["cost_usd"], WHOLE["cost_usd"][tick : tick + 3]
        )


def test_all_columns_have_one_value_a_tick():
    columns = endpoint().columns(10, 25)
    assert tuple(columns) == SERVING_COLUMNS
    assert {values.shape for values in columns.values()} == {(15,)}
    assert columns["elapsed_s"][0] == 11 * TICK_S


@pytest.mark.slow
def test_the_same_seed_gives_the_same_endpoint_in_another_process():
    code = (
        "from vapor_core.simulation.endpoint import EndpointSpec, InferenceSimulator\n"
        f"columns = InferenceSimulator(EndpointSpec(model={MODEL!r}, traffic='spike', seed=3)).columns(300, 420)\n"
        "print(repr([float(values.sum()) for values in columns.values()]))\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    here = endpoint(traffic="spike").columns(300, 420)
    assert there.stdout.strip() == repr([float(values.sum()) for values in here.values()])


def test_another_seed_gives_other_requests():
    one, two = (endpoint(seed=seed).columns(50, 90)["request_rate"] for seed in (1, 2))
    assert (one != two).any()


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_requests_are_answered_refused_or_waiting_and_none_is_lost(traffic):
    columns = endpoint(traffic=traffic).columns(0, 4000)
    arrived = columns["request_rate"].sum() * TICK_S
    ended = sum(columns[name].sum() for name in ("succeeded", "client_errors", "server_errors"))
    assert ended + columns["queue_depth"][-1] == pytest.approx(arrived, abs=1e-6)


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_percentiles_are_in_order_and_counts_are_whole(traffic):
    columns = endpoint(traffic=traffic).columns(0, 3000)
    answering = columns["replicas"] > 0
    for low, high in (("ttft_ms", "p50_ms"), ("p50_ms", "p95_ms"), ("p95_ms", "p99_ms")):
        assert (columns[low][answering] <= columns[high][answering]).all()
    for name in ("succeeded", "client_errors", "server_errors", "queue_depth", "replicas"):
        assert (columns[name] >= 0).all()
        assert (columns[name] == np.rint(columns[name])).all()
    assert (np.diff(columns["cost_usd"]) >= 0).all()
    assert ((columns["utilization"] >= 0) & (columns["utilization"] <= 1)).all()


def test_a_cold_start_has_no_replica_no_request_and_costs_money():
    simulator = endpoint()
    columns = simulator.columns(0, simulator.cold_ticks + 2)
    cold = simulator.cold_ticks
    assert (columns["replicas"][:cold] == 0).all()
    assert columns["replicas"][cold] >= 1
    assert (columns["request_rate"][:cold] == 0).all()
    assert np.isnan(columns["p50_ms"][:cold]).all()
    assert columns["cost_usd"][cold - 1] > 0
    assert status(simulator, 0).status == "starting"
    assert status(simulator, 400).status == "healthy"


def test_a_spike_is_followed_by_a_scale_up_and_a_slow_scale_down():
    simulator = endpoint(traffic="spike")
    columns = simulator.columns(0, 1200)
    rate, replicas = columns["request_rate"], columns["replicas"]
    leap = int((rate > rate[:300].max() * 1.5).argmax())
    before = replicas[leap - 1]
    up = leap + int((replicas[leap:] > before).argmax())
    lag_s = (up - leap) * TICK_S
    assert simulator.cold_start_s <= lag_s <= simulator.cold_start_s + 90
    peak = leap + int(replicas[leap:].argmax())
    down = peak + int((replicas[peak:] < replicas[peak]).argmax())
    need = rate[:down] / (autoscaling.TARGET_LOAD * simulator.capacity.max_requests_per_second)
    assert (need[down - autoscaling.DOWN_TICKS // 2 : down] < replicas[peak]).all()
    assert down - peak >= autoscaling.DOWN_TICKS


def test_during_a_spike_latency_and_the_queue_grow_before_replicas_come():
    columns = endpoint(traffic="spike", segments=((0, 1, 8),)).columns(300, 700)
    rise = columns["queue_depth"].argmax()
    assert columns["queue_depth"][rise] > 0
    assert columns["ttft_ms"][rise] > 5 * np.median(columns["ttft_ms"])
    assert columns["server_errors"].sum() > columns["succeeded"].sum() * 0.001
    assert columns["queue_depth"][-1] == 0


def test_overload_without_room_to_scale_is_degraded_and_says_why():
    simulator = endpoint(traffic="ramp", segments=((0, 1, 6), (2000, 1, 1)))
    found = status(simulator, 2600)
    assert found.status == "degraded"
    assert any("fail" in reason for reason in found.reasons)
    assert any("wait" in reason for reason in found.reasons)


@settings(max_examples=30, deadline=None)
@given(
    arrivals=st.lists(st.integers(0, 50), min_size=2, max_size=80),
    capacity=st.floats(1, 30),
    more=st.floats(1, 3),
)
def test_more_replicas_never_lengthen_the_queue(arrivals, capacity, more):
    came = np.asarray(arrivals, dtype=float)
    room = np.full(came.size, 6 * capacity)
    few = autoscaling.backlog(came, np.full(came.size, capacity), room, 64)
    many = autoscaling.backlog(came, np.full(came.size, capacity * more), room, 64)
    assert (many <= few + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(arrivals=st.lists(st.integers(0, 50), min_size=1, max_size=60), capacity=st.floats(1, 40))
def test_the_closed_form_queue_is_the_step_by_step_queue(arrivals, capacity):
    room, queue, expected = 4 * capacity, 0.0, []
    for count in arrivals:
        queue = min(max(queue + count - capacity, 0.0), room)
        expected.append(queue)
    came = np.asarray(arrivals, dtype=float)
    found = autoscaling.backlog(came, np.full(came.size, capacity), np.full(came.size, room), 64)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_change_of_range_leaves_the_demand_alone_and_is_followed_at_once_downwards():
    one = endpoint(segments=((0, 1, 4),)).columns(0, 1500)
    two = endpoint(segments=((0, 1, 4), (1000, 1, 1))).columns(0, 1500)
    np.testing.assert_array_equal(one["request_rate"], two["request_rate"])
    assert (two["replicas"][1000:] == 1).all()
    for name in SERVING_COLUMNS:
        np.testing.assert_array_equal(one[name][:1000], two[name][:1000])


def test_more_fewest_replicas_come_after_a_cold_start():
    simulator = endpoint(segments=((0, 1, 4), (1000, 4, 6)))
    replicas = simulator.columns(0, 1100)["replicas"]
    assert replicas[1000 + simulator.cold_ticks - 1] < 4
    assert replicas[1000 + simulator.cold_ticks] >= 4


def test_cost_is_replica_time_at_the_card_s_price():
    simulator = endpoint(segments=((0, 2, 2),))
    cost = simulator.columns(0, 20_000)["cost_usd"][-1]
    assert cost == pytest.approx(2 * 20_000 * TICK_S / 3600 * simulator.accelerator.price_per_hour)


def test_a_model_that_does_not_fit_fails_with_a_cure_that_works():
    simulator = endpoint(model="meta-llama/Llama-3.1-8B", accelerator="nvidia-t4")
    failure = simulator.failure
    assert failure is not None
    assert failure.code == "out_of_memory"
    assert "16 GB" in failure.sentence
    assert failure.changes == {"precision": "int8"}
    assert (
        endpoint(model="meta-llama/Llama-3.1-8B", accelerator="nvidia-t4", precision="int8").failure is None
    )
    assert status(simulator, 10).status == "failed"
    assert simulator.columns(0, 50)["replicas"].sum() == 0


def test_daily_traffic_repeats_after_a_day_and_a_ramp_reaches_its_plateau():
    day = np.arange(0, 86_400.0, 600)
    np.testing.assert_allclose(
        request_rate("daily", day, 1, 5), request_rate("daily", day + 86_400, 1, 5), rtol=1e-9
    )
    swing = request_rate("daily", day, 1, 5)
    assert swing.min() < 1.2
    assert swing.max() > 4.8
    ramp = request_rate("ramp", np.asarray([0.0, 3600.0, 7200.0, 90_000.0]), 1, 5)
    np.testing.assert_allclose(ramp, [1, 3, 5, 5])


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_no_traffic_before_time_zero(traffic):
    assert request_rate(traffic, np.asarray([-5.0]), 1, 5)[0] == 0


@pytest.mark.parametrize("mean", [0.3, 4.0, 29.0, 31.0, 400.0])
def test_arrivals_have_the_mean_and_the_variance_of_poisson_counts(mean):
    size = 40_000
    counts = poisson(np.full(size, mean), noise.normals(1, "a", 0, size), noise.uniforms(1, "b", 0, size))
    assert counts.mean() == pytest.approx(mean, rel=0.02)
    assert counts.var() == pytest.approx(mean, rel=0.04)


def test_no_replicas_allowed_means_every_request_fails():
    columns = endpoint(segments=((0, 1, 2), (500, 0, 0))).columns(600, 700)
    assert (columns["replicas"] == 0).all()
    assert columns["succeeded"].sum() == 0
    assert columns["server_errors"].sum() > 0
    assert columns["server_errors"].sum() == pytest.approx(columns["request_rate"].sum() * TICK_S)


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_the_cost_after_weeks_is_the_sum_of_every_tick(traffic):
    stop = 5 * WEEK_TICKS
    changes = {"traffic": traffic, "segments": ((0, 1, 4), (WEEK_TICKS, 2, 3)), "seed": 8}
    ticks = endpoint(**changes)._scaling(0, stop).wanted
    far = endpoint(**changes)
    assert far._replica_ticks(stop) == ticks.sum()
    for tick in (stop - 1, 3 * WEEK_TICKS + 77, 2 * WEEK_TICKS, WEEK_TICKS + 5):
        assert far._replica_ticks(tick) == ticks[:tick].sum()


def test_years_away_cost_no_more_work_than_weeks(monkeypatch):
    computed = []
    scaling = InferenceSimulator._scaling

    def counted(self, first, stop):
        computed.append(stop - first)
        return scaling(self, first, stop)

    monkeypatch.setattr(InferenceSimulator, "_scaling", counted)
    years = 1000 * WEEK_TICKS + 12_345
    assert endpoint(traffic="daily").cost_usd(years) > 0
    assert sum(computed) < 4 * WEEK_TICKS


def test_an_endpoint_that_is_only_paid_computes_no_latencies():
    simulator = endpoint()
    assert simulator.cost_usd(5000) > 0
    assert simulator.replicas(0, 5000).max() >= 1
    assert not simulator._curves
    assert np.isfinite(simulator.columns(4000, 4001)["p99_ms"]).all()
    assert len(simulator._curves) == 1


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_a_curve_that_ends_where_the_load_does_tells_the_same_as_a_whole_one(traffic, monkeypatch):
    short = endpoint(traffic=traffic).columns(0, 3000)
    monkeypatch.setattr("vapor_core.simulation.endpoint.reaching", lambda load: 1.0)
    whole = endpoint(traffic=traffic).columns(0, 3000)
    for name in SERVING_COLUMNS:
        np.testing.assert_array_equal(short[name], whole[name], err_msg=name)
