"""Hardware faults come at published rates, and time goes on through them in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core import catalog
from vapor_core.contracts.training import JobConfig
from vapor_core.physics.faults import causes, expected_faults, fault_rate, fault_steps
from vapor_core.physics.plan import plan


def fleet(**changes) -> JobConfig:
    defaults = {
        "model": "HuggingFaceTB/SmolLM2-135M",
        "method": "pretrain",
        "max_steps": 100_000,
        "accelerator": "nvidia-h100-80gb",
        "accelerator_count": 16_384,
    }
    return JobConfig(**(defaults | changes))


@pytest.mark.parametrize(
    ("accelerator", "mtbf_hours"),
    [("nvidia-h100-80gb", 50_700), ("nvidia-a100-80gb", 29_500), ("nvidia-l4", 29_500)],
)
def test_rates_are_the_published_ones(accelerator, mtbf_hours):
    rate = fault_rate(catalog.accelerator(accelerator))
    assert 24 / rate.per_accelerator_day == pytest.approx(mtbf_hours, rel=0.02)
    assert rate.source


def test_every_accelerator_of_the_catalog_has_a_rate():
    for accelerator in catalog.accelerators():
        assert 0 < fault_rate(accelerator).per_accelerator_day < 0.01


def test_the_llama_3_run_has_about_as_many_faults_as_were_reported():
    days_54 = plan(fleet(max_steps=54 * 86_400 // 5))
    counts = [fault_steps(plan(fleet(max_steps=54 * 86_400 // 5, seed=seed)), 5.0).size for seed in range(40)]
    assert expected_faults(days_54, 5.0) == pytest.approx(419, rel=0.01)
    assert np.mean(counts) == pytest.approx(419, abs=4 * np.sqrt(419 / 40))
    assert np.std(counts) == pytest.approx(np.sqrt(419), rel=0.4)


def test_short_runs_of_one_accelerator_practically_never_see_one():
    runs = [plan(fleet(accelerator_count=1, max_steps=3600, seed=seed)) for seed in range(200)]
    assert sum(fault_steps(run, 1.0).size for run in runs) == 0


def test_none_when_switched_off():
    assert fault_steps(plan(fleet()), 60.0).size > 0
    assert fault_steps(plan(fleet(hardware_faults=False)), 60.0).size == 0


@given(seed=st.integers(0, 2**63 - 1), step_time_s=st.floats(0.01, 1e5))
def test_faults_hit_steps_of_the_run_in_order_and_are_bounded_in_number(seed, step_time_s):
    hit = fault_steps(plan(fleet(seed=seed)), step_time_s)
    assert hit.size <= 20_000
    assert (np.diff(hit) >= 0).all()
    assert not hit.size or (hit[0] >= 0 and hit[-1] < 100_000)


def test_the_cause_of_a_fault_depends_on_its_number_alone():
    assert causes(4, 10, 5) == causes(4, 0, 20)[10:15]
    shares = np.unique(causes(4, 0, 20_000), return_counts=True)
    assert dict(zip(*shares, strict=True))["GPU"] / 20_000 == pytest.approx(0.301, abs=0.02)
