"""A run against its rehearsal: what is kept, what is compared when, and what is said."""

import numpy as np
import pandas as pd
import pytest

from vapor_core.advice.estimate import estimate
from vapor_core.advice.expectation import expectation
from vapor_core.advice.outcomes import band, outcomes, standing
from vapor_core.contracts.expectation import TITLES, Expectation
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.contracts.workspace import Job
from vapor_core.errors import InvalidConfig

CONFIG = JobConfig(model="openai-community/gpt2", max_steps=200)
EXPECTED = expectation(CONFIG)


def job(step=200, status="completed", **more):
    return Job(
        id="job-1", name="x", config=CONFIG, status=status, submitted_s=0.0, step=step, total_steps=200,
        expected=EXPECTED, **more,
    )  # fmt: skip


def points(steps=200, slow=1.0, loss=1.0, memory=1.0):
    """A run as it was rehearsed, but for factors; its first step takes long, as first steps do."""
    at = np.arange(steps)
    took = np.full(steps, slow * EXPECTED.step_time_s.value)
    took[0] *= 30
    train = np.interp(at, EXPECTED.at, EXPECTED.train) * loss
    elapsed = EXPECTED.startup_s.value + np.cumsum(took)
    return pd.DataFrame(
        {
            "step": at, "elapsed_s": elapsed, "loss": train, "step_time_s": took, "tokens_per_second": 1000 / took,
            "memory_gb": memory * EXPECTED.memory_gb.value, "eval_loss": np.where(at % 20 == 19, train, np.nan),
        }
    )  # fmt: skip


def test_what_is_kept_is_the_estimate_with_the_loss_as_it_will_be_drawn():
    told = estimate(CONFIG)
    assert EXPECTED.loss.value == told.final_loss
    assert (EXPECTED.duration_s.low, EXPECTED.duration_s.high) == (told.duration_s_low, told.duration_s_high)
    assert EXPECTED.at[0] == 0 and EXPECTED.at[-1] == 199
    low, high = band(EXPECTED, np.array([0.0, 77.0, 199.0]))
    assert (low < high).all()
    assert Expectation.model_validate_json(EXPECTED.model_dump_json()) == EXPECTED
    slower = expectation(CONFIG, Calibration(throughput_scale=0.5))
    assert slower.calibrated and slower.step_time_s.value == pytest.approx(2 * EXPECTED.step_time_s.value)


def test_a_run_that_goes_as_rehearsed_is_within_every_range():
    found = outcomes(
        EXPECTED, job(elapsed_s=EXPECTED.duration_s.value, cost_usd=EXPECTED.cost_usd.value), points()
    )
    assert tuple(each.name for each in found) == tuple(TITLES)
    assert [each.name for each in found if not each.holds] == [
        "tokens_per_second"
    ]  # which the test does not follow
    assert all(each.final for each in found)


def test_a_short_run_is_held_against_the_time_that_such_runs_took_to_start():
    """A run of 16 steps was told to take 69 % longer than rehearsed: loading took as long as training."""
    config = CONFIG.changed(max_steps=16)
    law, known = expectation(config), expectation(config, None, (60.0, 70.0, 65.0))
    assert known.startup_s.value == 65.0
    assert known.startup_s.low < 60.0 and known.startup_s.high > 70.0
    later_s = 65.0 - law.startup_s.value
    assert known.duration_s.value == pytest.approx(law.duration_s.value + later_s)
    assert known.duration_s.low <= known.duration_s.value <= known.duration_s.high
    assert known.cost_usd.value == pytest.approx(
        law.cost_usd.value * known.duration_s.value / law.duration_s.value
    )
    assert known.step_time_s == law.step_time_s


def test_an_expectation_that_was_kept_before_start_ups_were_has_none():
    old = EXPECTED.model_copy(update={"startup_s": None})
    assert Expectation.model_validate_json(old.model_dump_json()) == old
    assert "startup_s" not in {each.name for each in outcomes(old, job(), points())}


def test_what_only_an_end_can_tell_is_not_told_before():
    found = {each.name: each for each in outcomes(EXPECTED, job(50, "running"), points(50))}
    assert {name for name, each in found.items() if each.measured is None} == {
        "duration_s", "cost_usd", "loss", "eval_loss",
    }  # fmt: skip
    assert found["step_time_s"].ratio == pytest.approx(1.0)  # the slow first step does not count


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slow": 1.4}, "40 % slower than rehearsed"),
        ({"slow": 0.8}, "20 % quicker than rehearsed"),
        ({}, "As quick as rehearsed"),
        ({"memory": 3.0}, "More memory than rehearsed"),
        ({"memory": 0.2}, "Less memory than rehearsed"),
        ({"loss": 3.0}, "The loss is above what was rehearsed"),
        ({"loss": 0.2}, "The loss is below what was rehearsed"),
        ({}, "The loss is where it was rehearsed"),
    ],
)
def test_how_a_run_stands_is_said_in_words(changes, said):
    told = standing(EXPECTED, job(100, "running"), points(100, **changes))
    assert any(said in sentence for sentence in told), told


def test_of_a_run_that_has_just_begun_nothing_is_said():
    assert standing(EXPECTED, job(5, "running"), points(5)) == ()
    assert standing(EXPECTED, job(50, "running"), points(9)[:0]) == ()


def test_a_loss_that_is_no_number_breaks_nothing():
    frame = points(100).assign(loss=np.inf)
    assert not any("loss" in sentence for sentence in standing(EXPECTED, job(100, "running"), frame))
    assert {each.name: each for each in outcomes(EXPECTED, job(), frame)}["loss"].measured is None


def test_a_band_of_unequal_lengths_is_refused():
    with pytest.raises(InvalidConfig, match="as many values"):
        EXPECTED.changed(train=EXPECTED.train[:-1])


def test_a_short_run_has_a_last_loss_too():
    short = job(12, "completed").changed(total_steps=12)
    assert {each.name: each for each in outcomes(EXPECTED, short, points(12))}["loss"].measured is not None
