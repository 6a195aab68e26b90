"""A simulated endpoint over its revisions: the same telemetry, health and history whoever asked for what before."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vapor_core.backends.simulated import endpoints
from vapor_core.backends.simulated.endpoints import REMEMBERED_TICKS, TOLD_TICKS, Endpoint
from vapor_core.contracts.columns import SERVING_COLUMNS
from vapor_core.simulation.endpoint import TICK_S, InferenceSimulator


@pytest.fixture(autouse=True)
def _nothing_is_remembered_from_other_tests():
    endpoints._simulator.cache_clear()


def endpoint(**more):
    fields = {
        "id": "deployment-1",
        "accelerator": "nvidia-l4",
        "precision": "bf16",
        "traffic": "daily",
        "created_s": 1000.0,
        "ended_s": None,
        "models": ((1000.0, "openai-community/gpt2"),),
        "ranges": ((1000.0, 1, 4),),
    }
    return Endpoint(**{**fields, **more})


def test_an_endpoint_starts_and_becomes_healthy():
    run = endpoint()
    assert run.health(1000.0).status == "starting"
    later = run.health(4600.0)
    assert (later.status, later.failure) == ("healthy", None)
    assert later.replicas >= 1
    assert later.cost_usd > 0


def test_an_endpoint_that_does_not_fit_fails_and_says_why():
    run = endpoint(
        models=((1000.0, "meta-llama/Llama-3.1-8B"),), accelerator="nvidia-rtx-3090", precision="fp32"
    )
    assert run.health(1000.0).status == "starting"
    failed = run.health(1e5)
    assert failed.status == "failed"
    assert "does not fit" in failed.failure.what
    assert failed.failed_s > 1000.0


def test_a_stopped_endpoint_costs_no_more():
    run = endpoint(ended_s=4600.0)
    assert run.ticks(1e9) == 720
    assert (run.health(1e9).status, run.health(1e9).replicas) == ("stopped", 0)
    assert run.health(1e9).cost_usd == run.health(4600.0).cost_usd


def test_a_revision_of_the_same_architecture_changes_no_telemetry():
    before = endpoint()
    after = endpoint(models=((1000.0, "openai-community/gpt2"), (2000.0, "openai-community/gpt2")))
    for name, values in before.columns(0, 500).items():
        np.testing.assert_array_equal(after.columns(0, 500)[name], values)


def test_a_revision_of_another_architecture_serves_from_its_tick_on():
    before = endpoint()
    after = endpoint(models=((1000.0, "openai-community/gpt2"), (2000.0, "meta-llama/Llama-3.2-1B")))
    change = int(1000 / TICK_S)
    old, new = before.columns(0, 500), after.columns(0, 500)
    np.testing.assert_array_equal(new["p50_ms"][:change], old["p50_ms"][:change])
    assert np.nanmean(new["tpot_ms"][change:]) > 1.5 * np.nanmean(old["tpot_ms"][change:])
    assert (np.diff(new["cost_usd"]) >= 0).all()
    for start, stop in ((0, 100), (change - 3, change + 3), (change, 500), (7, 7)):
        for name, values in after.columns(start, stop).items():
            np.testing.assert_array_equal(values, new[name][start:stop])


def test_bounds_hold_from_when_they_are_set():
    run = endpoint(ranges=((1000.0, 1, 4), (3000.0, 3, 3)))
    ready = run.columns(0, 800)["replicas"]
    assert ready[:400].max() <= 4
    assert (ready[500:] == 3).all()


def test_an_endpoint_tells_of_its_replicas():
    lines = endpoint().history(-inf, 1000.0 + 86_400)
    assert lines[0].kind == "ready"
    assert {line.kind for line in lines} == {"ready", "scaled"}
    assert all(line.at_s > 1000.0 for line in lines)


# what is remembered

REDEPLOYED = {
    "models": ((1000.0, "openai-community/gpt2"), (21_000.0, "meta-llama/Llama-3.2-1B")),
    "ranges": ((1000.0, 1, 4), (9000.0, 2, 6), (31_000.0, 1, 3)),
}
INSTANTS = st.floats(900.0, 61_000.0)
QUESTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("health"), INSTANTS),
        st.tuples(st.just("history"), INSTANTS | st.just(-inf), INSTANTS),
        st.tuples(st.just("columns"), st.integers(-20, 9000), st.integers(0, 700)),
    ),
    min_size=2,
    max_size=10,
)


def answer(run, question):
    """What an endpoint answers, as a value that can be compared."""
    what, *given = question
    if what == "columns":
        columns = run.columns(given[0], given[0] + given[1])
        return {name: values.tobytes() for name, values in columns.items()}
    return getattr(run, what)(*given)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(questions=QUESTIONS, traffic=st.sampled_from(["steady", "daily", "spike", "ramp"]))
def test_no_answer_depends_on_who_asked_what_before(questions, traffic):
    endpoints._simulator.cache_clear()
    asked_all = endpoint(traffic=traffic, **REDEPLOYED)
    together = [answer(asked_all, question) for question in questions]
    for question, found in zip(questions, together, strict=True):
        endpoints._simulator.cache_clear()
        assert answer(endpoint(traffic=traffic, **REDEPLOYED), question) == found, question


def test_telemetry_tick_by_tick_and_in_leaps_is_that_of_the_whole():
    whole, walking = endpoint(**REDEPLOYED).columns(0, 6000), endpoint(**REDEPLOYED)
    tick, leaps = 0, (1, 1, 12, 720, 1, REMEMBERED_TICKS + 1, 3)
    for number in range(50):
        upto = tick + leaps[number % len(leaps)]
        walking.health(1000.0 + upto * TICK_S)
        for name, values in walking.columns(tick, upto).items():
            np.testing.assert_array_equal(values, whole[name][tick:upto], err_msg=name)
        tick = upto if upto < 4000 else 0


def test_all_who_ask_about_an_instant_cause_one_computation(monkeypatch):
    run, asked = endpoint(**REDEPLOYED), []
    at_s = 1000.0 + 10_000 * TICK_S
    run.health(at_s)
    run.history(-inf, at_s)
    columns = InferenceSimulator.columns
    monkeypatch.setattr(
        InferenceSimulator, "columns", lambda self, *span: asked.append(span) or columns(self, *span)
    )
    replicas = InferenceSimulator.replicas
    monkeypatch.setattr(
        InferenceSimulator, "replicas", lambda self, *span: asked.append(span) or replicas(self, *span)
    )
    for later in range(1, 20):
        upto = 10_000 + later
        for _ in range(2):
            run.history(at_s + (later - 1) * TICK_S, at_s + later * TICK_S)
            run.health(at_s + later * TICK_S)
            run.columns(upto - 1, upto)
            run.history(-inf, at_s + later * TICK_S)
        assert asked == [(upto - 1, upto)]
        asked.clear()


def test_what_is_remembered_stays_small_however_long_it_runs():
    run, most = endpoint(), REMEMBERED_TICKS * len(SERVING_COLUMNS) * 8
    for days in range(1, 8):
        ticks = days * TOLD_TICKS
        run.history(-inf, 1000.0 + ticks * TICK_S)
        run.columns(ticks - TOLD_TICKS, ticks)
        assert run.columns(ticks - 1, ticks)["replicas"].base.nbytes <= most
        told = run.history(-inf, 1000.0 + ticks * TICK_S)
        assert all(line.at_s > 1000.0 + (ticks - TOLD_TICKS) * TICK_S for line in told)


def test_the_history_is_that_of_the_replicas_on_the_chart():
    run = endpoint(**REDEPLOYED)
    ready = np.concatenate(([0.0], run.columns(0, TOLD_TICKS + 2000)["replicas"]))
    expected = [1000.0 + (tick + 1) * TICK_S for tick in np.flatnonzero(np.diff(ready)).tolist()]
    told = [line.at_s for line in endpoint(**REDEPLOYED).history(-inf, 1000.0 + (TOLD_TICKS + 2000) * TICK_S)]
    assert told == [at_s for at_s in expected if at_s > 1000.0 + 2000 * TICK_S]
    assert len(told) > 10


def test_what_is_handed_out_cannot_be_written_to():
    columns = endpoint().columns(0, 50)
    with pytest.raises(ValueError, match="read-only"):
        columns["replicas"][0] = 9.0
