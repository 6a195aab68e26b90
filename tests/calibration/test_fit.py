"""Laws of calibration."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.fidelity import loss, quantile
from vapor_core.advice.estimate import estimate
from vapor_core.calibration.fit import calibrate
from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.errors import InvalidConfig
from vapor_core.physics.loss.curve import loss_curve
from vapor_core.physics.plan import plan

NOTES = Dataset(tokens=2_000_000, examples=10_000, kind="instruction")


@pytest.fixture
def tuning() -> JobConfig:
    return JobConfig(model="meta-llama/Llama-3.2-1B", dataset=NOTES, sequence_length=512, epochs=2)


@pytest.fixture
def pretraining() -> JobConfig:
    return loss.curve_config(25, "cosine_24000")


def frame(config: JobConfig, rows: int = 300, scale: float = 1.0, noise: float = 0.0) -> pd.DataFrame:
    asked = plan(config)
    steps = np.unique(np.linspace(0, asked.total_steps - 1, rows).astype(np.int64))
    drawn = np.random.Generator(np.random.PCG64(7)).normal(0, 1, len(steps))
    return pd.DataFrame({"step": steps, "loss": scale * loss_curve(asked).train(steps) + noise * drawn})


def test_other_schedules_are_forecast_from_one_cosine_and_one_constant_run() -> None:
    errors = [row.error for row in loss.curve_rows(points=10)]
    assert quantile(errors, 0.5) <= 0.0025
    assert quantile(errors, 0.9) <= 0.008


def test_a_batch_that_the_table_does_not_say_changes_no_forecast() -> None:
    known = ("cosine_24000", "constant_24000")

    def forecast(size: int) -> np.ndarray:
        def config(name: str) -> JobConfig:
            return loss.curve_config(100, name).changed(micro_batch_size=size)

        own = calibrate([(config(name), loss.measured_curve(100, name)) for name in known])
        return loss_curve(plan(config("wsdcon_9")), own).train(np.arange(3000, 15_000, 500))

    assert forecast(16) == pytest.approx(forecast(256), rel=2e-3)


def test_a_run_that_the_laws_already_foretell_stays_where_it_is(pretraining: JobConfig) -> None:
    own = calibrate([(pretraining, frame(pretraining))])
    at = np.arange(1000, 24_000, 500)
    before, after = loss_curve(plan(pretraining)).train(at), loss_curve(plan(pretraining), own).train(at)
    assert after == pytest.approx(before, rel=0.003)


def test_noise_is_measured_and_hardly_moves_the_fit(pretraining: JobConfig) -> None:
    wanted = loss_curve(plan(pretraining)).noise_std
    noisy = calibrate([(pretraining, frame(pretraining, 10**6, noise=2 * wanted))])
    assert noisy.noise_scale == pytest.approx(2.0, rel=0.15)
    fitted = loss_curve(plan(pretraining), noisy)
    assert fitted.final == pytest.approx(loss_curve(plan(pretraining)).final, rel=0.01)
    assert fitted.noise_std == pytest.approx(2 * wanted, rel=0.15)


def test_a_log_of_averages_says_nothing_about_a_step_s_noise(pretraining: JobConfig) -> None:
    assert calibrate([(pretraining, frame(pretraining))]).noise_scale is None


def test_a_fine_tune_of_another_level_is_met(tuning: JobConfig) -> None:
    own = calibrate([(tuning, frame(tuning, scale=1.4))])
    assert loss_curve(plan(tuning), own).final == pytest.approx(
        1.4 * loss_curve(plan(tuning)).final, rel=0.02
    )


def test_few_points_move_the_level_alone(pretraining: JobConfig) -> None:
    own = calibrate([(pretraining, frame(pretraining, 5, scale=1.1))])
    assert own.curve is None
    assert own.loss_level == pytest.approx(0.1 * loss_curve(plan(pretraining)).final, rel=0.1)
    assert loss_curve(plan(pretraining), own).final == pytest.approx(
        1.1 * loss_curve(plan(pretraining)).final, rel=0.01
    )


def test_missing_values_are_left_out(tuning: JobConfig) -> None:
    whole = frame(tuning)
    holed = pd.concat([whole, pd.DataFrame({"step": [np.nan, 5, -3, 7], "loss": [1.0, np.nan, 2.0, -1.0]})])
    holed["loss"] = holed["loss"].astype(object)
    holed.iloc[0, 1] = "n/a"
    assert calibrate([(tuning, holed)]).loss_level == pytest.approx(
        calibrate([(tuning, whole)]).loss_level, abs=0.01
    )


def test_throughput_is_measured_where_the_frame_has_it(tuning: JobConfig) -> None:
    asked = plan(tuning)
    timed = frame(tuning).assign(step_time_s=0.5)
    rated = frame(tuning).assign(tokens_per_second=asked.tokens_per_step / 0.5)
    assert calibrate([(tuning, timed)]).throughput_scale == pytest.approx(
        calibrate([(tuning, rated)]).throughput_scale
    )
    assert calibrate([(tuning, frame(tuning))]).throughput_scale is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            pd.DataFrame({"epoch": [1], "score": [2.0]}),
            "needs the columns step and loss; it has epoch, score",
        ),
        (pd.DataFrame({"step": [], "loss": []}), "has no row"),
        (pd.DataFrame({"step": [1, 2], "loss": [np.nan, "x"]}), "has no row"),
        (pd.DataFrame([[1, 2.0, 3.0]], columns=["step", "loss", "loss"]), "columns of the same name"),
    ],
)
def test_a_frame_with_nothing_to_fit_is_told_so_in_one_sentence(
    tuning: JobConfig, wrong: pd.DataFrame, told: str
) -> None:
    with pytest.raises(InvalidConfig, match=told):
        calibrate([(tuning, wrong)])


def test_no_runs_and_runs_of_two_kinds_are_refused(tuning: JobConfig, pretraining: JobConfig) -> None:
    with pytest.raises(InvalidConfig, match="at least one run"):
        calibrate([])
    with pytest.raises(InvalidConfig, match="one kind"):
        calibrate([(tuning, frame(tuning)), (pretraining, frame(pretraining))])


def test_a_forecast_learns_from_the_first_steps_of_the_run_itself(tuning: JobConfig) -> None:
    config = tuning.changed(warmup_ratio=0.0, learning_rate=3e-4)
    told = loss_curve(plan(config), Calibration(loss_first=1.6, loss_learnt=0.6))
    steps = np.arange(20)
    own = calibrate([(config, pd.DataFrame({"step": steps, "loss": told.train(steps)}))])
    before = loss_curve(plan(config)).final
    assert abs(before / told.final - 1) > 0.4
    assert loss_curve(plan(config), own).final == pytest.approx(told.final, rel=0.1)
    assert loss_curve(plan(config), own).spread < loss_curve(plan(config)).spread


def test_memory_that_was_measured_corrects_the_estimates():
    config = JobConfig(model="openai-community/gpt2", max_steps=100)
    law = estimate(config)
    frame = pd.DataFrame(
        {"step": range(100), "loss": 3.0, "memory_gb": np.linspace(0.5, 1.0, 100) * 1.3 * law.memory_gb}
    )
    found = calibrate([(config, frame)])
    assert found.memory_scale == pytest.approx(1.3)
    assert estimate(config, found).memory_gb == pytest.approx(1.3 * law.memory_gb)
    assert calibrate([(config, frame.drop(columns="memory_gb"))]).memory_scale is None
