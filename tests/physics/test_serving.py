"""Serving: the laws of load, memory and price, and the published tables they are held against."""

import json
import subprocess
import sys
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fidelity import quantile
from benchmarks.fidelity import serving as published
from vapor_core.contracts.entries import Accelerator, CatalogModel
from vapor_core.contracts.serving import ServingConfig
from vapor_core.errors import InvalidConfig, NotInCatalog
from vapor_core.physics.serving.load import estimate_serving
from vapor_core.physics.serving.queue import Limits, run_queue
from vapor_core.physics.serving.saturation import saturation_curve
from vapor_core.physics.serving.step import step_law
from vapor_core.physics.transformer import transformer

LLAMA = CatalogModel(
    id="an/8b", parameters=8_030_261_248, layers=32, hidden_size=4096, intermediate_size=14336,
    attention_heads=32, kv_heads=8, vocabulary_size=128256, context_length=131072,
)  # fmt: skip
LARGE = CatalogModel(
    id="a/70b", parameters=70_553_706_496, layers=80, hidden_size=8192, intermediate_size=28672,
    attention_heads=64, kv_heads=8, vocabulary_size=128256, context_length=131072,
)  # fmt: skip
H100 = "nvidia-h100-80gb"


def estimate(**changes):
    values = {"model": LLAMA, "accelerator": H100, "input_tokens": 512, "output_tokens": 256, **changes}
    return estimate_serving(ServingConfig(**values))


@pytest.fixture(scope="module")
def rows():
    found = [row for row in published.rows() if row.scored]
    assert found  # the project carries its own tables
    return found


@pytest.mark.parametrize("load", ["concurrency", "request_rate"])
def test_more_load_never_lowers_tpot(load):
    tpots = [estimate(**{load: level}).tpot_ms for level in (1, 2, 4, 8, 16, 32, 64, 128)]
    assert all(later >= 0.98 * earlier for earlier, later in pairwise(tpots))
    assert tpots[-1] > 1.5 * tpots[0]


def test_past_saturation_ttft_explodes_while_tpot_stays():
    most = estimate(accelerator="nvidia-l4", precision="fp8").max_concurrency
    full, over = (
        estimate(accelerator="nvidia-l4", precision="fp8", concurrency=most * factor) for factor in (2, 8)
    )
    assert over.saturated
    assert over.tpot_ms < 1.15 * full.tpot_ms
    assert over.ttft_ms > 3 * full.ttft_ms
    assert over.output_tokens_per_second == pytest.approx(full.output_tokens_per_second, rel=0.15)


def test_a_single_stream_is_bound_by_bandwidth():
    alone = estimate()
    assert alone.batch == pytest.approx(1, abs=0.1)
    fastest = 2e9 * 8.03 / 3350e9 * 1e3
    assert fastest < alone.tpot_ms < 2 * fastest


def test_prefill_is_bound_by_compute():
    short, long = estimate(input_tokens=4000), estimate(input_tokens=16000)
    ideal = 2 * 8.03e9 * 16000 / 989e12 * 1e3
    assert ideal < long.ttft_ms < 4 * ideal
    assert long.ttft_ms > 3.5 * short.ttft_ms


def test_tensor_parallel_cards_speed_decoding_up_but_less_than_they_cost():
    one, four = (
        estimate(model=LARGE, precision="fp8"),
        estimate(model=LARGE, precision="fp8", tensor_parallel=4),
    )
    assert one.tpot_ms / 4 < four.tpot_ms < one.tpot_ms
    assert four.price_per_million_tokens > one.price_per_million_tokens


def test_a_slow_link_makes_tensor_parallelism_dearer():
    quick = Accelerator(
        id="card", memory_gb=80, bandwidth_gb_s=2000, fp32_tflops=50, bf16_tflops=700, interconnect_gb_s=450
    )
    slow = quick.changed(interconnect_gb_s=16)
    load = {"tensor_parallel": 4, "concurrency": 32}
    assert estimate(accelerator=slow, **load).tpot_ms > 1.5 * estimate(accelerator=quick, **load).tpot_ms


@pytest.mark.parametrize(
    ("narrow", "wide"), [("int4", "int8"), ("int8", "bf16"), ("fp8", "bf16"), ("bf16", "fp32")]
)
def test_narrower_weights_decode_faster_and_hold_more(narrow, wide):
    assert estimate(precision=narrow).tpot_ms < estimate(precision=wide).tpot_ms
    assert estimate(precision=narrow).weights_gb < estimate(precision=wide).weights_gb
    assert estimate(precision=narrow).max_concurrency >= estimate(precision=wide).max_concurrency


def test_a_model_that_does_not_fit_says_so_with_plain_zeros():
    none = estimate(model=LARGE)
    assert not none.fits
    assert none.memory_gb > none.memory_available_gb
    assert (none.ttft_ms, none.tpot_ms, none.output_tokens_per_second, none.max_concurrency) == (0, 0, 0, 0)
    assert none.price_per_million_tokens == 0


def test_price_is_of_all_cards_over_the_tokens_they_make():
    four = estimate(model=LARGE, precision="fp8", tensor_parallel=4, concurrency=64)
    hourly = 4 * 3.99
    assert four.price_per_hour == pytest.approx(hourly)
    assert four.price_per_million_tokens == pytest.approx(
        hourly / (four.output_tokens_per_second * 3600) * 1e6
    )


def test_without_a_load_one_stream_is_meant():
    assert estimate() == estimate(concurrency=1).changed(assumptions=estimate().assumptions)


def test_a_mixture_decodes_like_its_active_part_and_stores_like_its_whole():
    mixture = CatalogModel(
        id="moe", parameters=116_829_156_672, layers=36, hidden_size=2880, intermediate_size=2880,
        attention_heads=64, kv_heads=8, vocabulary_size=201088, head_size=64,
    )  # fmt: skip
    assert transformer(mixture).active_parameters == pytest.approx(5.1e9, rel=0.15)
    assert transformer(LLAMA).active_parameters == LLAMA.parameters
    alone = estimate(model=mixture, accelerator="nvidia-b200", precision="fp4")
    assert alone.weights_gb > 60
    assert alone.tpot_ms < 5


def test_unknown_names_and_two_loads_are_refused():
    with pytest.raises(NotInCatalog, match="nearest"):
        estimate(model="no-such-model")
    with pytest.raises(InvalidConfig, match="not both"):
        estimate(concurrency=1, request_rate=1)


@settings(max_examples=40, deadline=None)
@given(
    prompts=st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    output=st.integers(1, 400),
    clients=st.integers(1, 40),
    cache=st.integers(4000, 60_000),
)
def test_the_queue_serves_everyone_in_time_that_adds_up(prompts, output, clients, cache):
    law = step_law(LLAMA, published.card("H100 SXM"), 1, "bf16")
    lengths = np.asarray(prompts)
    outputs = np.full(lengths.size, output)
    served = run_queue(law, Limits(cache), lengths, outputs, clients=clients)
    assert (served.ttft_ms > 0).all()
    assert (served.latency_ms >= served.ttft_ms).all()
    assert served.mean_batch <= min(clients, lengths.size) + 1e-9
    least = (output - 1) * law.decode_ms(1, 0)
    assert (served.latency_ms - served.ttft_ms >= least - 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(rate=st.floats(0.5, 60), more=st.floats(1.1, 3))
def test_a_larger_cache_never_makes_the_first_token_later(rate, more):
    law = step_law(LLAMA, published.card("L40S"), 1, "bf16")
    arrivals = np.arange(60) * 1e3 / rate
    lengths, outputs = np.full(60, 300), np.full(60, 100)
    small, large = (
        run_queue(law, Limits(2000 * factor), lengths, outputs, arrivals_ms=arrivals) for factor in (1, more)
    )
    assert large.ttft_ms.mean() <= small.ttft_ms.mean() * 1.001


def test_first_come_is_first_served():
    law = step_law(LLAMA, published.card("L40S"), 1, "bf16")
    arrivals = np.arange(80) * 5.0
    served = run_queue(law, Limits(3000), np.full(80, 500), np.full(80, 50), arrivals_ms=arrivals)
    assert (np.diff(arrivals + served.ttft_ms) >= -1e-9).all()


def test_the_saturation_curve_rises_everywhere():
    curve = saturation_curve(ServingConfig(model=LLAMA, accelerator="nvidia-l40s"))
    for row in (curve.ttft_ms, curve.tpot_ms, curve.p50_ms, curve.p95_ms, curve.p99_ms):
        assert (np.diff(row) >= 0).all()
    assert (curve.p50_ms <= curve.p95_ms).all()
    assert (curve.p95_ms <= curve.p99_ms).all()


@pytest.mark.slow
def test_the_same_set_up_gives_the_same_figures_in_another_process():
    code = (
        "from vapor_core.contracts.serving import ServingConfig\n"
        "from vapor_core.physics.serving.load import estimate_serving\n"
        "config = ServingConfig(model='Qwen/Qwen3-4B', request_rate=3.0, seed=7)\n"
        "print(estimate_serving(config).model_dump_json())\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    here = estimate_serving(ServingConfig(model="Qwen/Qwen3-4B", request_rate=3.0, seed=7))
    assert json.loads(there.stdout) == json.loads(here.model_dump_json())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (published.TPOT_ONE, 0.10),
        (published.TPOT_GROUP, 0.12),
        (published.RATE, 0.20),
        (published.TTFT, 0.27),
    ],
)
def test_published_measurements_are_met_within_the_target(rows, kind, target):
    errors = [row.error for row in rows if row.kind == kind]
    assert len(errors) >= 30
    assert median(errors) <= target


def test_three_in_four_of_the_slowest_first_tokens_are_met_within_a_factor_of_two(rows):
    factors = [
        max(row.predicted / row.measured, row.measured / row.predicted)
        for row in rows
        if row.kind == published.TTFT_P99
    ]
    assert len(factors) >= 30
    assert quantile(factors, 0.75) <= 2
