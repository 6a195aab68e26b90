"""A rehearsal is worked out once, and estimate, simulator and comparison say the same of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

import vapor_core as vapor
from tests.advice.test_estimate import CONFIGS
from vapor_core.calibration.comparison import nearness
from vapor_core.contracts.training import Calibration, JobConfig
from vapor_core.rehearsal import rehearse
from vapor_core.simulation.training import TrainingSimulator

SMALL = JobConfig(model="HuggingFaceTB/SmolLM2-135M", max_steps=50, hardware_faults=False)
OWN = Calibration(runs=1, throughput_scale=0.5, throughput_error=0.03, memory_scale=3.0)


@given(CONFIGS)
def test_estimate_and_simulator_say_the_same_of_a_run(config):
    told, run = vapor.estimate(config), TrainingSimulator(config)
    assert told.memory_gb == run.memory_gb
    assert told.step_time_s == run.step_time_s
    assert told.startup_s == run.startup_s
    assert told.final_loss == run.curve.final
    assert told.total_steps == run.total_steps
    assert told.fits == (run.failure_code != "out_of_memory")
    assert told.diverges == (run.curve.diverges_at is not None)


def test_every_part_of_a_calibrated_rehearsal_has_the_persons_own_constants():
    law, own = rehearse(SMALL), rehearse(SMALL, OWN)
    assert own.memory.total_gb == pytest.approx(3 * law.memory.total_gb)
    assert own.throughput.step_time_s == pytest.approx(2 * law.throughput.step_time_s)
    assert own.throughput.mfu == pytest.approx(law.throughput.mfu / 2)
    assert own.timing.step_time_s == own.throughput.step_time_s
    assert own.throughput.tokens_per_second_high / own.throughput.tokens_per_second == pytest.approx(1.06)


def test_a_calibrated_estimate_does_not_tell_the_laws_memory_in_its_risks():
    config = SMALL.changed(model="Qwen/Qwen3-4B", accelerator="nvidia-a10g", max_steps=None)
    told = vapor.estimate(config, OWN)
    risk = next(risk for risk in told.risks if risk.code in {"does_not_fit", "tight_memory"})
    assert f"{told.memory_reserved_gb:.1f} GB" in risk.sentence
    cured = vapor.estimate(config.changed(**risk.changes), OWN)
    assert cured.memory_reserved_gb_high <= cured.memory_available_gb


def test_a_comparison_measures_against_the_rate_that_the_estimate_tells():
    rate = vapor.estimate(SMALL).tokens_per_second
    log = pd.DataFrame({"step": np.arange(40), "loss": 2.0, "tokens_per_second": 0.5 * rate})
    near = nearness(SMALL, log, OWN)
    assert near.rate_before == pytest.approx(1.0)
    assert near.rate_after == pytest.approx(0.0, abs=1e-9)


def test_asking_again_works_nothing_out_again():
    config = SMALL.changed(seed=77)
    found = rehearse(config)
    vapor.estimate(config)
    assert rehearse(config) is found
    assert TrainingSimulator(config).curve is found.curve
