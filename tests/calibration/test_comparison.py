"""A calibrated forecast comes nearer to the run it was calibrated on, and what is drawn is what was measured."""

import numpy as np
import pandas as pd
import pytest

from vapor_core import simulate
from vapor_core.calibration.comparison import (
    fit_curves,
    measured_loss,
    nearness,
    what_if_curves,
    with_step_time,
)
from vapor_core.calibration.fit import calibrate
from vapor_core.contracts.training import JobConfig

CONFIG = JobConfig(model="HuggingFaceTB/SmolLM2-360M", max_steps=400, hardware_faults=False)


@pytest.fixture(scope="module")
def log():
    """A run like the simulated one, 8 % higher in loss and a third slower."""
    frame = simulate(CONFIG)[["step", "loss", "tokens_per_second"]]
    return frame.assign(loss=frame["loss"] * 1.08, tokens_per_second=frame["tokens_per_second"] * 0.67)


@pytest.fixture(scope="module")
def fitted(log):
    return calibrate([(CONFIG, log)])


def test_a_calibration_brings_loss_and_throughput_nearer(log, fitted):
    near = nearness(CONFIG, log, fitted)
    assert near.points == 400
    assert near.loss_after < near.loss_before
    assert near.rate_before == pytest.approx(1 / 0.67 - 1, rel=0.1)
    assert near.rate_after < 0.02


def test_without_rates_there_is_no_error_of_the_rate(log, fitted):
    near = nearness(CONFIG, log[["step", "loss"]], fitted)
    assert near.rate_before is None
    assert near.rate_after is None


def test_a_drawn_log_keeps_its_extremes(fitted):
    long = pd.DataFrame({"step": np.arange(50_000), "loss": 2.0})
    long.loc[31_415, "loss"] = 9.0
    drawn = fit_curves(CONFIG.changed(max_steps=50_000), long, fitted)
    assert len(drawn) <= 1100
    assert drawn["measured"].max() == 9.0
    assert (drawn["loss_low"] <= drawn["loss"]).all()
    assert (drawn["loss"] <= drawn["loss_high"]).all()


def test_a_run_of_one_point_can_be_drawn(fitted):
    assert len(fit_curves(CONFIG, pd.DataFrame({"step": [7], "loss": [2.0]}), fitted)) == 1


def test_a_shorter_what_if_ends_where_it_ends(fitted):
    drawn = what_if_curves(CONFIG, CONFIG.changed(max_steps=100), fitted)
    assert drawn["step"].iloc[-1] == 399
    assert drawn["loss"].notna().sum() == 100
    assert drawn["baseline"].notna().all()


def test_impossible_and_missing_losses_are_not_measured():
    frame = pd.DataFrame({"step": [3, 1, 2, 4], "loss": [2.0, 3.0, np.nan, -1.0]})
    steps, loss = measured_loss(frame)
    assert steps.tolist() == [1, 3]
    assert loss.tolist() == [3.0, 2.0]


def test_a_clock_gives_the_time_of_a_step():
    frame = pd.DataFrame({"step": [10, 20, 30], "loss": [3.0, 2.0, 1.0], "elapsed_s": [5.0, 10.0, 20.0]})
    assert with_step_time(frame)["step_time_s"].tolist()[1:] == [0.5, 1.0]


def test_a_measured_rate_goes_before_the_clock():
    frame = pd.DataFrame({"step": [1], "loss": [2.0], "elapsed_s": [1.0], "tokens_per_second": [9.0]})
    assert with_step_time(frame) is frame
