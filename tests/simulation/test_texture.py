"""What a drawn fine-tune looks like: its noise, its held-out loss, its spikes."""

import re

import numpy as np
import pytest

from vapor_core.contracts.entries import Dataset
from vapor_core.contracts.training import JobConfig
from vapor_core.simulation.training import TrainingSimulator
from vapor_core.simulator import forecast, simulate

SMALL = "HuggingFaceTB/SmolLM2-135M"
LONG = Dataset(tokens=10**10, examples=10**8, kind="instruction")


def tuning(**changes: object) -> JobConfig:
    return JobConfig(**({"model": SMALL, "dataset": LONG, "max_steps": 3000} | changes))


def relative_noise(config: JobConfig) -> float:
    drawn, told = simulate(config), forecast(config)
    return float(np.log(drawn["loss"] / told["loss"])[500:].std())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_held_out_loss_is_as_even_as_its_examples_are_the_same(seed: int):
    config = tuning(seed=seed, eval_every=50)
    off = (simulate(config)["eval_loss"] / forecast(config)["eval_loss"]).dropna()
    assert len(off) > 50
    assert off.std() < 0.005  # jumped by up to 9 %
    assert abs(off.mean() - 1) < 0.15


def test_the_noise_of_a_step_follows_its_batch():
    few, many = (
        relative_noise(tuning(micro_batch_size=size, gradient_accumulation_steps=1)) for size in (4, 64)
    )
    assert few / many == pytest.approx(16**0.43, rel=0.1)
    assert few < 0.35


def test_spikes_of_a_fine_tune_are_rare():
    run = TrainingSimulator(tuning(max_steps=1_000_000, schedule="constant", warmup_ratio=0.0))
    told = [event for event in run.incidents(0, 1_000_000) if event.kind == "spike"]
    assert len(told) < 150  # 3,350 before


def test_the_sentence_of_a_spike_says_what_the_curve_does():
    config = JobConfig(
        model=SMALL, method="pretrain", dataset=Dataset(tokens=10**12, examples=10**9), max_steps=100_000
    )
    run, drawn, told = TrainingSimulator(config), simulate(config)["loss"], forecast(config)["loss"]
    spikes = [event for event in run.incidents(2000, 100_000) if event.kind == "spike"]
    assert spikes
    for event in spikes:
        rise = float(re.search(r"up by ([\d.]+)", event.sentence)[1])
        left = drawn[event.step] - rise - told[event.step]
        assert abs(left) < 6 * run.curve.noise_std + 0.01, event.sentence


def test_no_curve_stands_clamped_on_one_value():
    config = tuning(method="full", learning_rate=1e-4, max_steps=200_000)
    assert (np.diff(simulate(config)["loss"]) != 0).all()


def test_a_log_of_means_is_as_noisy_as_published_ones():
    config = tuning(micro_batch_size=8, gradient_accumulation_steps=1)
    law = np.exp(-1.49) * 8**-0.43 * forecast(config)["loss"][1500] ** (0.76 - 1)
    assert 1 / 4 < relative_noise(config) / law < 4  # data sets differ by a factor of two
