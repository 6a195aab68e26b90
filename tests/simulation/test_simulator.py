"""Any range of a run, on its own, with the same values; and time that can be inverted."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.contracts.columns import TRAINING_COLUMNS
from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.physics.loss.spikes import PRETRAINING, RECOVERY_STEPS, bumps, spikes
from vapor_core.simulation.training import TrainingSimulator
from vapor_core.simulator import forecast, simulate

SMALL = "HuggingFaceTB/SmolLM2-135M"


def tuning(**changes) -> JobConfig:
    return JobConfig(**({"model": SMALL, "max_steps": 3000} | changes))


def pretraining(**changes) -> JobConfig:
    defaults = {
        "model": SMALL,
        "method": "pretrain",
        "dataset": Dataset(tokens=10**12, examples=10**9),
        "max_steps": 200_000,
        "accelerator": "nvidia-h100-80gb",
        "accelerator_count": 1024,
        "micro_batch_size": 32,
        "eval_every": 777,
        "checkpoint_every": 1000,
    }
    return JobConfig(**(defaults | changes))


def diverging(**changes) -> JobConfig:
    return tuning(method="full", learning_rate=50.0, accelerator="nvidia-h100-80gb", **changes)


KINDS = [tuning(), tuning(packing=True, eval_every=7, seed=3), pretraining(), diverging()]


@pytest.fixture(scope="module")
def wholes():
    return [simulate(config) for config in KINDS]


@given(data=st.data())
def test_a_range_is_those_rows_of_the_whole(wholes, data):
    kind = data.draw(st.integers(0, len(KINDS) - 1))
    whole = wholes[kind]
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(start + 3000, len(whole))))
    part = simulate(KINDS[kind], start, stop)
    pd.testing.assert_frame_equal(part, whole[start:stop].reset_index(drop=True), check_exact=True)


def test_the_end_is_a_range_too(wholes):
    for config, whole in zip(KINDS, wholes, strict=True):
        part = simulate(config, len(whole) - 1)
        pd.testing.assert_frame_equal(part, whole.tail(1).reset_index(drop=True), check_exact=True)


@pytest.mark.slow
def test_another_process_sees_the_same_world():
    config = tuning(seed=8)
    program = (
        "import sys; from vapor_core import JobConfig, simulate; "
        "config = JobConfig.model_validate_json(sys.argv[1]); "
        "print(simulate(config, 100, 140).to_json(orient='split', double_precision=15))"
    )
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, config.model_dump_json()], capture_output=True, text=True, check=True
    )
    here = simulate(config, 100, 140).to_json(orient="split", double_precision=15)
    assert json.loads(run.stdout) == json.loads(here)


def test_columns_are_those_of_the_contract():
    frame = simulate(tuning(), 0, 5)
    assert tuple(frame.columns) == TRAINING_COLUMNS
    assert frame["step"].dtype == np.int64
    assert set(frame.dtypes[1:]) == {np.dtype(np.float64)}


def test_values_are_finite_and_plausible(wholes):
    for whole in wholes:
        present = whole.drop(columns="eval_loss")
        assert np.isfinite(present.to_numpy()).all()
        assert (present.drop(columns=["step", "learning_rate"]) > 0).all(axis=None)
        assert (whole["learning_rate"] >= 0).all()
        assert (whole["utilization"] <= 1).all()


def test_counts_rise_and_end_where_the_plan_ends(wholes):
    for config, whole in zip(KINDS, wholes, strict=True):
        run = TrainingSimulator(config)
        for column in ("step", "epoch", "tokens", "elapsed_s", "cost_usd"):
            assert whole[column].is_monotonic_increasing, column
        assert whole["tokens"].iloc[-1] == pytest.approx(run.plan.total_tokens)
        assert whole["epoch"].iloc[-1] == pytest.approx(run.plan.epochs)


def test_evaluated_at_every_eval_every_and_at_the_last_step(wholes):
    for config, whole in zip(KINDS, wholes, strict=True):
        every = TrainingSimulator(config).plan.eval_every
        ends = whole["step"] + 1
        expected = (ends % every == 0) | (ends == len(whole))
        assert (whole["eval_loss"].notna() == expected).all()


def test_another_seed_is_another_world_of_the_same_law():
    first, second = simulate(tuning(seed=1)), simulate(tuning(seed=2))
    assert not np.array_equal(first["loss"], second["loss"])
    assert first["loss"].mean() == pytest.approx(second["loss"].mean(), rel=0.05)
    assert abs(np.corrcoef(first["loss"].diff()[1:], second["loss"].diff()[1:])[0, 1]) < 0.1


@given(step=st.integers(0, 199_999))
def test_elapsed_can_be_inverted_exactly(step):
    run = TrainingSimulator(pretraining())
    end = run.elapsed_s(np.array([step]))[0]
    assert run.steps_done(end) == step + 1
    assert run.steps_done(np.nextafter(end, 0.0)) == step


def test_inverting_meets_the_whole_timeline(wholes):
    run = TrainingSimulator(KINDS[1])
    ends = wholes[1]["elapsed_s"].to_numpy()
    for at in np.linspace(-1.0, ends[-1] * 1.1, 500):
        assert run.steps_done(at) == int((ends <= at).sum())


def test_elapsed_of_scattered_steps_is_that_of_the_whole(wholes):
    steps = np.array([199_999, 3, 777 - 1, 50_000])
    run = TrainingSimulator(KINDS[2])
    assert np.array_equal(run.elapsed_s(steps), wholes[2]["elapsed_s"].to_numpy()[steps])


def test_time_is_steps_and_pauses_alone(wholes):
    for config, whole in zip(KINDS, wholes, strict=True):
        run = TrainingSimulator(config)
        gaps = np.diff(whole["elapsed_s"], prepend=0.0) - whole["step_time_s"]
        ends = whole["step"].to_numpy() + 1
        last = ends == len(whole)
        evaluated = (ends % run.plan.eval_every == 0) | last
        saved = (ends % run.plan.checkpoint_every == 0) | last
        hit = np.isin(whole["step"], run.timing.fault_steps)
        quiet = ~(evaluated | saved | hit)
        assert np.abs(gaps[quiet]).max() < 1e-6 * whole["elapsed_s"].iloc[-1]
        assert gaps[evaluated].min() >= 0.99 * run.timing.eval_s
        assert gaps[saved].min() >= 0.99 * run.timing.checkpoint_s


def test_step_times_vary_as_the_throughput_law_says(wholes):
    run = TrainingSimulator(KINDS[2])
    times = wholes[2]["step_time_s"] / run.step_time_s
    assert times.mean() == pytest.approx(1.0, rel=1e-3)
    assert times.std() == pytest.approx(run.throughput.jitter, rel=0.05)


def test_cost_is_the_time_of_all_cards_start_included():
    run = TrainingSimulator(pretraining())
    frame = simulate(pretraining(), 0, 10)
    hourly = 1024 * run.plan.accelerator.price_per_hour
    assert frame["cost_usd"].tolist() == pytest.approx(
        ((run.startup_s + frame["elapsed_s"]) / 3600 * hourly).tolist()
    )
    assert run.cost_usd(0.0) == pytest.approx(run.startup_s / 3600 * hourly)


def test_large_fleets_lose_time_to_faults_and_say_so(wholes):
    run = TrainingSimulator(KINDS[2])
    told = [event for event in run.incidents(0, 200_000) if event.kind == "fault"]
    assert len(told) == run.timing.fault_steps.size > 0
    calm = TrainingSimulator(pretraining(hardware_faults=False))
    assert wholes[2]["elapsed_s"].iloc[-1] == pytest.approx(
        calm.timing.duration_s + run.timing.fault_pauses_s.sum(), rel=1e-6
    )


def test_incidents_of_a_range_are_those_of_the_whole():
    run = TrainingSimulator(pretraining())
    whole = run.incidents(0, run.total_steps)
    cut = [
        event for start in range(0, run.total_steps, 31_000) for event in run.incidents(start, start + 31_000)
    ]
    assert {event.kind for event in whole} == {"spike", "fault", "checkpoint"}
    assert sorted(cut, key=lambda event: (event.step, event.kind)) == sorted(
        whole, key=lambda event: (event.step, event.kind)
    )


def test_the_last_step_ends_with_a_checkpoint():
    run = TrainingSimulator(tuning(checkpoint_every=700))
    ends = [event.step + 1 for event in run.incidents(0, 3000) if event.kind == "checkpoint"]
    assert ends == [700, 1400, 2100, 2800, 3000]


def test_spikes_rise_at_once_and_heal():
    run = TrainingSimulator(pretraining())
    law = replace(PRETRAINING, rate=1e-3)
    found = spikes(run.plan, 0, 200_000, law)
    lone = np.flatnonzero(np.diff(found.steps, prepend=-500, append=10**6)[1:] > RECOVERY_STEPS)
    lone = next(i for i in lone if i and found.steps[i] - found.steps[i - 1] > RECOVERY_STEPS)
    at = int(found.steps[lone])
    bump = bumps(run.plan, at - 1, at + RECOVERY_STEPS + 5, law)
    assert bump[0] == 0
    assert bump[1] == found.heights[lone] == bump.max()
    assert (np.diff(bump[1 : RECOVERY_STEPS + 1]) < 0).all()
    assert (bump[RECOVERY_STEPS + 1 :] == 0).all()


def test_spikes_come_at_their_rate_and_are_heavy_tailed():
    run = TrainingSimulator(pretraining(schedule="constant", warmup_ratio=0.0))
    found = spikes(run.plan, 0, 200_000, replace(PRETRAINING, rate=1e-3))
    assert found.steps.size == pytest.approx(200, abs=5 * 200**0.5)
    assert found.heights.min() >= 1
    assert np.median(found.heights) == pytest.approx(2 ** (1 / 1.5), rel=0.2)
    assert found.heights.max() > 5 * np.median(found.heights)


def test_the_gradient_jumps_where_the_loss_jumps(wholes):
    run, whole = TrainingSimulator(KINDS[2]), wholes[2]
    told = [event.step for event in run.incidents(1000, 200_000) if event.kind == "spike"]
    expected = run.curve.grad_norm(np.array(told))
    assert (whole["grad_norm"].to_numpy()[told] > 2 * expected).all()


def test_noise_has_the_size_the_loss_law_says():
    config = pretraining(hardware_faults=False)
    run, frame = TrainingSimulator(config), simulate(config, 100_000, 160_000)
    off = frame["loss"] - run.curve.train(frame["step"].to_numpy())
    middle = np.subtract(*np.percentile(off, [84.13, 15.87])) / 2
    assert middle == pytest.approx(run.curve.noise_std, rel=0.05)


def test_memory_is_the_laws_peak_in_the_end(wholes):
    for config, whole in zip(KINDS, wholes, strict=True):
        assert whole["memory_gb"].iloc[-1] == pytest.approx(TrainingSimulator(config).memory_gb, rel=0.01)
        assert whole["memory_gb"].is_monotonic_increasing


def test_no_room_in_memory_fails_at_initializing():
    run = TrainingSimulator(tuning(model="meta-llama/Llama-3.1-8B", method="full", accelerator="nvidia-t4"))
    assert (run.failure_code, run.fails_while, run.fails_at) == ("out_of_memory", "initializing", 0)


def test_divergence_fails_after_its_onset_when_the_loss_has_blown_up(wholes):
    run, whole = TrainingSimulator(KINDS[3]), wholes[3]
    onset = run.curve.diverges_at
    assert (run.failure_code, run.fails_while) == ("diverged", "running")
    assert onset < run.fails_at < run.total_steps
    before, after = whole["loss"][max(onset - 20, 0) : onset + 1].mean(), whole["loss"][run.fails_at]
    assert after > before
    assert [event.step for event in run.incidents(0, 3000) if event.kind == "divergence"] == [onset]


def test_a_sound_run_does_not_fail():
    run = TrainingSimulator(tuning())
    assert (run.failure_code, run.fails_while, run.fails_at) == (None, None, None)


def test_failure_is_caused_by_the_config_and_never_by_dice():
    assert len({TrainingSimulator(diverging(seed=seed)).fails_at for seed in range(20)}) == 1


@pytest.mark.parametrize("config", KINDS)
def test_the_forecast_is_the_middle_of_the_simulation(config):
    expected, seen = forecast(config), simulate(config)
    assert list(expected.columns) == [*TRAINING_COLUMNS, "loss_low", "loss_high"]
    assert (expected["loss_low"] <= expected["loss"]).all()
    assert (expected["loss"] <= expected["loss_high"]).all()
    for column in ("step", "epoch", "tokens", "learning_rate", "memory_gb"):
        assert np.array_equal(expected[column], seen[column])
    assert (expected["eval_loss"].notna() == seen["eval_loss"].notna()).all()
    assert expected["loss"].median() == pytest.approx(seen["loss"].median(), rel=0.1)
    pd.testing.assert_frame_equal(
        forecast(config, 50, 60), expected[50:60].reset_index(drop=True), check_exact=True
    )


def test_the_forecast_knows_no_chance():
    pd.testing.assert_frame_equal(forecast(tuning(seed=1)), forecast(tuning(seed=2)))


def test_calibration_scales_time_and_memory():
    plain = TrainingSimulator(tuning())
    tuned = TrainingSimulator(tuning(), Calibration(throughput_scale=2.0, memory_scale=1.5))
    assert tuned.step_time_s == pytest.approx(plain.step_time_s / 2)
    assert tuned.memory_gb == pytest.approx(plain.memory_gb * 1.5)
    fast, slow = simulate(tuning(), 0, 50, Calibration(throughput_scale=2.0)), simulate(tuning(), 0, 50)
    assert fast["tokens_per_second"].mean() == pytest.approx(2 * slow["tokens_per_second"].mean())


@pytest.mark.parametrize(
    ("start", "stop", "field"),
    [
        (-1, None, "start"),
        (0, 3001, "stop"),
        (5, 4, "start"),
        (0.5, 10, "start"),
        (0, True, "stop"),
        ("0", 1, "start"),
    ],
)
def test_what_is_no_range_of_the_run_is_told_in_a_sentence(start, stop, field):
    with pytest.raises(InvalidConfig) as caught:
        simulate(tuning(), start, stop)
    assert list(caught.value.problems) == [field]
    assert caught.value.problems[field].startswith(field)


def test_an_empty_range_has_all_columns_and_no_rows():
    assert simulate(tuning(), 7, 7).shape == (0, len(TRAINING_COLUMNS))
    assert forecast(tuning(), 7, 7).shape == (0, len(TRAINING_COLUMNS) + 2)


@pytest.mark.slow
@given(
    steps=st.integers(1, 400),
    batch=st.integers(1, 64),
    eval_every=st.integers(1, 500),
    seed=st.integers(0, 2**63 - 1),
    method=st.sampled_from(["pretrain", "full", "lora", "qlora"]),
    count=st.sampled_from([1, 8, 4096]),
)
def test_laws_hold_for_any_config(*, steps, batch, eval_every, seed, method, count):
    config = tuning(
        max_steps=steps,
        micro_batch_size=batch,
        eval_every=eval_every,
        seed=seed,
        method=method,
        accelerator_count=count,
    )
    run, frame = TrainingSimulator(config), simulate(config)
    assert len(frame) == steps
    assert (np.diff(frame["elapsed_s"]) > 0).all()
    assert np.isfinite(frame["loss"]).all()
    assert (frame["loss"] > 0).all()
    assert run.steps_done(run.timing.duration_s) == steps
    middle = steps // 2
    assert run.steps_done(frame["elapsed_s"][middle]) == middle + 1
    part = simulate(config, middle)
    pd.testing.assert_frame_equal(part, frame[middle:].reset_index(drop=True), check_exact=True)
