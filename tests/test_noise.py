"""Chance is keyed: laws of the only randomness."""

import json
import subprocess
import sys
from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vapor_core.noise import exponentials, normals, uniforms

MILLION = 1_000_000


@pytest.fixture(scope="module")
def million():
    return normals(3, "loss", 0, MILLION)


@given(start=st.integers(0, 40_000), length=st.integers(0, 300))
def test_a_range_is_the_slice_of_the_whole(start, length):
    whole = normals(11, "slice", 0, 41_000)
    assert np.array_equal(normals(11, "slice", start, start + length), whole[start : start + length])


def test_uniform_ranges_are_slices_too():
    whole = uniforms(5, "u", 0, 1000)
    assert np.array_equal(uniforms(5, "u", 17, 523), whole[17:523])


@pytest.mark.slow
def test_another_process_gives_the_same_values():
    program = (
        "import json; from vapor_core.noise import normals; print(json.dumps(list(normals(7, 'x', 99, 120))))"
    )
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == list(normals(7, "x", 99, 120))


def test_golden_values_stay():
    assert normals(0, "loss", 0, 6).round(6).tolist() == GOLDEN_NORMALS
    assert uniforms(42, "spikes", 10**12, 10**12 + 4).round(6).tolist() == GOLDEN_UNIFORMS


def test_moments_are_those_of_the_normal(million):
    assert abs(million.mean()) < 4 / sqrt(MILLION)
    assert abs(million.var() - 1) < 4 * sqrt(2 / MILLION)
    assert abs((million**3).mean()) < 4 * sqrt(15 / MILLION)
    assert abs((million**4).mean() - 3) < 4 * sqrt(96 / MILLION)


@pytest.mark.parametrize("bound", [0.5, 1.0, 2.0, 3.0, 3.29, 3.5, 4.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_tails_hold_as_many_as_they_should(million, bound, side):
    expected = MILLION * erfc(bound / sqrt(2)) / 2
    assert abs((million * side > bound).sum() - expected) < 4.5 * sqrt(expected)


def test_the_cells_meet_without_gaps():
    values = np.sort(normals(1, "gaps", 0, MILLION))
    middle = values[1000:-1000]
    assert np.diff(middle).max() < 0.01
    assert np.unique(values).size > 0.99 * MILLION


@pytest.mark.parametrize("other", [(3, "grad_norm"), (4, "loss"), (2**63 - 1, "loss"), (3, "loss2")])
def test_streams_are_independent(million, other):
    values = normals(*other, 0, MILLION)
    assert abs(np.corrcoef(million, values)[0, 1]) < 5 / sqrt(MILLION)


@pytest.mark.parametrize("lag", [1, 2, 4, 7, 8, 16, 1024])
def test_positions_are_independent(million, lag):
    assert abs(np.corrcoef(million[:-lag], million[lag:])[0, 1]) < 5 / sqrt(MILLION)


def test_uniforms_fill_the_open_interval_evenly():
    values = uniforms(9, "even", 0, MILLION)
    assert values.min() > 0
    assert values.max() < 1
    counts = np.histogram(values, bins=100, range=(0, 1))[0]
    assert abs(counts - MILLION / 100).max() < 5 * sqrt(MILLION / 100)


def test_exponentials_have_mean_one():
    values = exponentials(9, "gaps", 0, MILLION)
    assert values.min() > 0
    assert abs(values.mean() - 1) < 5 / sqrt(MILLION)


def test_an_empty_range_is_empty():
    assert normals(0, "x", 5, 5).size == 0


@pytest.mark.parametrize(("seed", "start"), [(-1, 0), (0, -1)])
def test_negative_keys_are_refused(seed, start):
    with pytest.raises(ValueError, match="0 or more"):
        normals(seed, "x", start, start + 5)


GOLDEN_NORMALS = [2.20077, 0.189253, 0.623877, 0.216032, -0.821317, -1.414633]
GOLDEN_UNIFORMS = [0.443073, 0.440791, 0.523468, 0.009637]
